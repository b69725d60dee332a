//! Runs every side of every workload in processes of their own, alternating, pinned to cores.

use crate::args::{Settings, variable};
use crate::line::{self, Line, Side};
use crate::roofline::{self, Machine};
use crate::table::{best_variant, markdown, time};
use crate::workloads::{self, Loss, Work, Workload};
use serde::de::DeserializeOwned;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A way in which a workload can be measured.
#[derive(Clone, Debug)]
struct Way<'a> {
    side: Side,
    variant: &'static str,
    /// The Python or the program of a peer.
    program: Option<&'a OsStr>,
}

/// Measures, prints the table, and appends the measurements to the file that is asked for.
///
/// # Errors
/// If a process cannot be started, fails, or prints no measurement.
pub fn run(settings: &Settings) -> Result {
    let mut out = settings.out.as_deref().map(append_to).transpose()?;
    let (workloads, cores, pin) = (chosen(settings)?, numbers_of_cores(settings)?, can_pin());
    for peer in Side::PEERS {
        if settings.peers.iter().all(|(known, _)| *known != peer) {
            eprintln!(
                "{peer} is skipped: neither --{} nor {} says where it is",
                peer.option(),
                variable(peer)
            );
        }
    }
    let mut lines: Vec<Line> = Vec::new();
    // After the first round only a side's fastest way goes on.
    let mut first_round = 0;
    for round in 1..=settings.rounds {
        for workload in &workloads {
            for &cores in &cores {
                for way in ways(&workload.work, settings) {
                    let best = best_variant(&lines[..first_round], &workload.name, cores, way.side);
                    if round > 1 && best != Some(way.variant) {
                        continue;
                    }
                    let found: Line = output(command(&way, &workload.name, cores, settings, pin)?)?;
                    let line = Line { round, variant: way.variant.into(), ..found };
                    let (side, us) = (line.side, time(line.us_per_step));
                    eprintln!("round {round}, {} on {cores}: {side} {} {us}", workload.name, way.variant);
                    if let Some(out) = &mut out {
                        writeln!(out, "{}", serde_json::to_string(&line)?)?;
                    }
                    lines.push(line);
                }
            }
        }
        if round == 1 {
            first_round = lines.len();
        }
    }
    print!("{}", markdown(&lines));
    Ok(())
}

/// Prints what the machine can do, the least time of every step, and our measurements beside it:
/// those of the file, or new ones.
///
/// # Errors
/// As [`run`], or if the file cannot be read.
pub fn roofline(settings: &Settings, results: Option<&Path>) -> Result {
    let (workloads, cores, pin) = (chosen(settings)?, numbers_of_cores(settings)?, can_pin());
    let mut machines: Vec<Machine> = Vec::new();
    for &cores in &cores {
        let words = [std::env::current_exe()?.into(), "machine".into(), "--threads".into()];
        let more = [cores.to_string(), "--seconds".into(), settings.seconds.to_string()].map(OsString::from);
        machines.push(output(pinned([&words[..], &more].concat(), cores, settings, pin))?);
    }
    let lines = match results {
        Some(file) => line::read_file(file)?,
        None => {
            let ours = Way { side: Side::Ours, variant: "", program: None };
            let each = workloads.iter().flat_map(|w| cores.iter().map(move |cores| (w, *cores)));
            each.map(|(w, cores)| output(command(&ours, &w.name, cores, settings, pin)?))
                .collect::<Result<_>>()?
        }
    };
    println!("{}", roofline::machines(&machines));
    print!("{}", roofline::markdown(&workloads, &machines, &lines));
    Ok(())
}

fn append_to(file: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.map_err(|e| format!("{}: {e}", file.display()).into())
}

fn chosen(settings: &Settings) -> Result<Vec<Workload>> {
    let wanted = |w: &Workload| settings.workloads.is_empty() || settings.workloads.contains(&w.name);
    Ok(workloads::all()?.into_iter().filter(wanted).collect())
}

/// The numbers of cores that are asked for, each once; those before the first core are left alone.
fn numbers_of_cores(settings: &Settings) -> Result<Vec<usize>> {
    let most = available_parallelism()?.get().saturating_sub(settings.first_core).max(1);
    let mut cores: Vec<usize> = settings.cores.iter().map(|n| if *n == 0 { most } else { *n }).collect();
    cores.sort_unstable();
    cores.dedup();
    match cores.last() {
        Some(asked) if *asked > most => Err(format!(
            "{asked} cores from core {} on are more than the {most} there are",
            settings.first_core
        )
        .into()),
        _ => Ok(cores),
    }
}

fn can_pin() -> bool {
    let pin = Command::new("taskset").arg("--version").output().is_ok();
    if !pin {
        eprintln!("there is no taskset on this machine: processes are not pinned to cores");
    }
    pin
}

/// The ways to measure a workload: ours, and those of the peers that are installed and have it.
fn ways<'a>(work: &Work, settings: &'a Settings) -> Vec<Way<'a>> {
    let trains = matches!(work, Work::Net(_) | Work::Linear(_) | Work::Logistic(_));
    let written = matches!(work, Work::Net(net) if net.loss == Loss::CrossEntropy && !net.local);
    let mut ways = vec![Way { side: Side::Ours, variant: "", program: None }];
    for (side, program) in &settings.peers {
        let variants: &[&str] = match side {
            // Without noise the generator does not matter.
            Side::Jax if !matches!(work, Work::Density(_)) => &["threefry2x32", "rbg"],
            Side::Torch if trains => &["adam", "fused adam"],
            Side::Candle | Side::Burn if !written => &[],
            _ => &[""],
        };
        ways.extend(variants.iter().map(|variant| Way { side: *side, variant, program: Some(program) }));
    }
    ways
}

/// The process that measures.
fn command(way: &Way<'_>, workload: &str, cores: usize, settings: &Settings, pin: bool) -> Result<Command> {
    let threads = if way.side == Side::Ours { "--threads" } else { "--cores" };
    let mut words: Vec<OsString> = match way.program {
        None => vec![std::env::current_exe()?.into(), "ours".into()],
        Some(program) => std::iter::once(program.into()).chain(script(way.side)).collect(),
    };
    let seconds = settings.seconds.to_string();
    words.extend([workload, threads, &cores.to_string(), "--seconds", &seconds].map(OsString::from));
    if way.program.is_some() && !way.variant.is_empty() {
        words.extend(["--variant", way.variant].map(OsString::from));
    }
    let mut command = pinned(words, cores, settings, pin);
    // The Rust peers take their number of threads from here.
    command.env("RAYON_NUM_THREADS", cores.to_string());
    Ok(command)
}

/// A process on so many cores from the first one on.
fn pinned(mut words: Vec<OsString>, cores: usize, settings: &Settings, pin: bool) -> Command {
    if pin {
        let (first, last) = (settings.first_core, settings.first_core + cores - 1);
        words.splice(0..0, ["taskset", "-c", &format!("{first}-{last}")].map(OsString::from));
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// The script that a Python is to run.
fn script(side: Side) -> Option<OsString> {
    let name = match side {
        Side::Jax => "jax_side.py",
        Side::Torch => "torch_side.py",
        _ => return None,
    };
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name).into())
}

/// What the process prints, as one line of JSON.
fn output<T: DeserializeOwned>(mut command: Command) -> Result<T> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim())
        .map_err(|e| format!("{command:?} printed no measurement ({e}): {text}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command as Wanted, Parsed, parse};

    #[test]
    fn peers_run_only_where_they_are() {
        let args = ["--jax", "one", "--torch", "two", "--burn", "three", "--seconds", "0.5", "--core", "1"];
        let Ok(Parsed::Command(Wanted::Run(mut settings))) = parse(lexopt::Parser::from_args(args)) else {
            panic!()
        };
        // Others may be named by variables.
        settings.peers.retain(|(_, program)| ["one", "two", "three"].iter().any(|known| program == known));
        let seed = workloads::find("seed").unwrap().work;
        let all = ways(&seed, &settings);
        let found: Vec<_> = all.iter().map(|w| (w.side, w.variant)).collect();
        use Side::{Jax, Ours, Torch};
        assert_eq!(
            found,
            [(Ours, ""), (Jax, "threefry2x32"), (Jax, "rbg"), (Torch, "adam"), (Torch, "fused adam")]
        );
        let words = |way, pin| {
            let command = command(way, "seed", 2, &settings, pin).unwrap();
            let all = std::iter::once(command.get_program()).chain(command.get_args());
            all.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let with = words(&all[2], true);
        assert_eq!(with[..4], ["taskset", "-c", "1-2", "one"]);
        assert!(Path::new(&with[4]).is_file());
        assert_eq!(with[5..], ["seed", "--cores", "2", "--seconds", "0.5", "--variant", "rbg"]);
        assert_eq!(words(&all[0], false)[1..], ["ours", "seed", "--threads", "2", "--seconds", "0.5"]);
        let mnist = workloads::find("mnist").unwrap().work;
        let last = ways(&mnist, &settings).pop().unwrap();
        assert_eq!(words(&last, true)[3..5], ["three", "seed"]);
        settings.peers.clear();
        assert_eq!(ways(&seed, &settings).len(), 1);
    }
}
