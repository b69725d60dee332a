//! The command line.

use crate::line::Side;
use crate::workloads;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Times the workloads of this project and, where they are installed, of JAX and PyTorch.

usage: probity-bench [run] [OPTIONS]      every side of every workload, alternating; a table of medians and ratios
       probity-bench ours WORKLOAD        our side of one workload, in this process; one line of JSON
       probity-bench table FILE           the table of measurements that were made before
       probity-bench roofline [OPTIONS]   what the machine can do, the least time of every step, and ours beside it
       probity-bench machine              what the machine can do, in this process; one line of JSON

options of run:
  --workloads A,B,...   these (default: all)
  --rounds N            processes of every side per workload (default: 5)
  --seconds S           measured time of a process, at least three blocks of steps (default: 1)
  --cores N,...         numbers of cores, `all` for all of them (default: 1,all)
  --core N              the first core to pin to (default: 0)
  --jax PYTHON          a Python with jax and optax (default: the variable PROBITY_JAX_PYTHON)
  --torch PYTHON        a Python with torch (default: the variable PROBITY_TORCH_PYTHON)
  --candle PROGRAM      the program candle_side of rust-peers (default: the variable PROBITY_CANDLE_PROGRAM)
  --burn PROGRAM        the program burn_side of rust-peers (default: the variable PROBITY_BURN_PROGRAM)
  --out FILE            append every measurement to this file, one line of JSON each

options of roofline:
  --workloads, --seconds, --cores, --core   as above
  --results FILE        our measurements, as `run --out` has written them; without, ours are made now

options of ours and machine:
  --threads N           threads (default: all)
  --seconds S           measured time (default: 1), of a machine's rates together about 15 times that

--help prints this text.
";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Run(Settings),
    Ours { workload: String, threads: usize, seconds: f64 },
    Table { file: PathBuf },
    Roofline { settings: Settings, results: Option<PathBuf> },
    Machine { threads: usize, seconds: f64 },
}

/// The settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub workloads: Vec<String>,
    pub rounds: usize,
    pub seconds: f64,
    /// Numbers of cores; 0 is all.
    pub cores: Vec<usize>,
    pub first_core: usize,
    /// The peers that are there, with the Python or the program that runs them.
    pub peers: Vec<(Side, OsString)>,
    pub out: Option<PathBuf>,
}

/// A command, or the wish for help.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    Help,
    Command(Command),
}

/// Reads the command line.
///
/// # Errors
/// What is wrong with it, as one sentence.
pub fn parse(mut parser: Parser) -> Result<Parsed, String> {
    let mut words: Vec<String> = Vec::new();
    let (mut threads, mut results) = (0, None);
    let mut s = Settings {
        workloads: Vec::new(),
        rounds: 5,
        seconds: 1.0,
        cores: vec![1, 0],
        first_core: 0,
        peers: Vec::new(),
        out: None,
    };
    let wrap = |e: lexopt::Error| e.to_string();
    while let Some(arg) = parser.next().map_err(wrap)? {
        let name = match arg {
            Arg::Long(name) => name.to_string(),
            Arg::Value(word) => {
                words.push(word.string().map_err(wrap)?);
                continue;
            }
            Arg::Short(_) => return Err(wrap(arg.unexpected())),
        };
        if name == "help" {
            return Ok(Parsed::Help);
        }
        let mut value = || parser.value().map_err(wrap);
        if let Some(peer) = Side::PEERS.into_iter().find(|p| p.option() == name) {
            s.peers.push((peer, value()?));
            continue;
        }
        match name.as_str() {
            "workloads" => s.workloads = list(value()?).collect(),
            "rounds" => s.rounds = number("rounds", value()?, |n: &usize| *n > 0)?,
            "seconds" => s.seconds = number("seconds", value()?, |x: &f64| (0.0..1e6).contains(x))?,
            "cores" => s.cores = list(value()?).map(|n| cores(&n)).collect::<Result<_, _>>()?,
            "core" => s.first_core = number("core", value()?, |_| true)?,
            "threads" => threads = number("threads", value()?, |n: &usize| *n > 0)?,
            "results" => results = Some(PathBuf::from(value()?)),
            "out" => s.out = Some(PathBuf::from(value()?)),
            _ => return Err(format!("unknown option --{name}; see --help")),
        }
    }
    for peer in Side::PEERS {
        if s.peers.iter().all(|(known, _)| *known != peer) {
            s.peers.extend(std::env::var_os(variable(peer)).map(|path| (peer, path)));
        }
    }
    s.peers.sort();
    s.workloads.iter().try_for_each(|name| workloads::find(name).map(|_| ()))?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match words.as_slice() {
        [] | ["run"] => Command::Run(s),
        ["roofline"] => Command::Roofline { settings: s, results },
        ["machine"] => Command::Machine { threads, seconds: s.seconds },
        ["ours", name] => {
            workloads::find(name)?;
            Command::Ours { workload: (*name).into(), threads, seconds: s.seconds }
        }
        ["table", file] => Command::Table { file: file.into() },
        _ => return Err(format!("\"{}\" is no command; see --help", words.join(" "))),
    };
    Ok(Parsed::Command(command))
}

/// The variable that says how to run a peer.
pub fn variable(peer: Side) -> String {
    let what = if matches!(peer, Side::Jax | Side::Torch) { "PYTHON" } else { "PROGRAM" };
    format!("PROBITY_{}_{what}", peer.option().to_uppercase())
}

fn list(value: OsString) -> impl Iterator<Item = String> {
    let parts: Vec<String> = value.to_string_lossy().split(',').map(|p| p.trim().to_string()).collect();
    parts.into_iter()
}

fn cores(text: &str) -> Result<usize, String> {
    if text == "all" { Ok(0) } else { number("cores", text.into(), |n: &usize| *n > 0) }
}

fn number<T: std::str::FromStr>(
    name: &str,
    value: OsString,
    valid: impl Fn(&T) -> bool,
) -> Result<T, String> {
    let text = value.to_string_lossy();
    let parsed = text.trim().parse().ok().filter(valid);
    parsed.ok_or_else(|| format!("the option --{name} cannot be \"{text}\"; see --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Result<Parsed, String> {
        parse(Parser::from_args(args))
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(of(&["--help"]), Ok(Parsed::Help));
        let args = ["run", "--workloads", "seed,mnist", "--cores", "1,all", "--rounds=2", "--jax", "python"];
        let Ok(Parsed::Command(Command::Run(s))) = of(&args) else { panic!("{:?}", of(&args)) };
        assert_eq!((s.workloads, s.cores, s.rounds), (vec!["seed".into(), "mnist".into()], vec![1, 0], 2));
        assert!(s.peers.contains(&(Side::Jax, "python".into())));
        assert_eq!(variable(Side::Burn), "PROBITY_BURN_PROGRAM");
        let ours = Command::Ours { workload: "seed".into(), threads: 2, seconds: 0.5 };
        let args = ["ours", "seed", "--threads", "2", "--seconds", "0.5"];
        assert_eq!(of(&args), Ok(Parsed::Command(ours)));
    }

    #[test]
    fn mistakes_are_sentences() {
        for (args, start) in [
            (&["ours", "none"][..], "there is no workload \"none\""),
            (&["--rounds", "0"], "the option --rounds cannot be \"0\""),
            (&["--cores", "some"], "the option --cores cannot be \"some\""),
            (&["walk"], "\"walk\" is no command"),
            (&["--what"], "unknown option --what"),
        ] {
            let error = of(args).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
