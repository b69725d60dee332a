//! Side-by-side workloads: ours, JAX's and PyTorch's, and how far ours are from what the machine
//! can do.
#![forbid(unsafe_code)]

mod args;
mod bars;
mod line;
mod meter;
mod roofline;
mod runner;
mod table;
mod workloads;

use args::{Command, Parsed};
use meter::Meter;
use roofline::Machine;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let command = match args::parse(lexopt::Parser::from_env()) {
        Ok(Parsed::Help) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Command(command)) => command,
        Err(error) => return refuse(&error),
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error.as_ref()),
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error + Send + Sync>> {
    match command {
        Command::Run(settings) => runner::run(&settings)?,
        Command::Ours { workload, threads, seconds } => {
            let found = workloads::find(&workload)?;
            let mut meter = Meter::new(found.steps, seconds);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            pool.install(|| found.work.run(&mut meter))?;
            println!("{}", serde_json::to_string(&meter.line(&workload, pool.current_num_threads()))?);
        }
        Command::Table { file } => print!("{}", table::markdown(&line::read_file(&file)?)),
        Command::Roofline { settings, results } => runner::roofline(&settings, results.as_deref())?,
        Command::Machine { threads, seconds } => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let time = Duration::from_secs_f64(seconds / 2.0);
            let machine = pool.install(|| Machine::measure(time, &roofline::SHAPES, &roofline::SIZES));
            println!("{}", serde_json::to_string(&machine)?);
        }
    }
    Ok(())
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}
