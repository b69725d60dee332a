//! Side-by-side workloads: ours, JAX's and PyTorch's, and how far ours are from what the machine can do.
#![forbid(unsafe_code)]

mod args;
mod bars;
mod line;
mod meter;
mod runner;
mod table;
mod workloads;

use args::{Command, Parsed};
use meter::Meter;
use std::error::Error;
use std::process::ExitCode;

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
        Command::Table { file } => {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            print!("{}", table::markdown(&line::read(&text)?));
        }
    }
    Ok(())
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}
