//! A Bayesian neural net that knows what it does not know.
//!
//! By default it learns a sine from 100 noisy points on [-3, 3] and draws what it believes on [-6, 6]; `--data FILE.csv` runs
//! the same on a table. `--help` lists the options.

mod network;
mod options;
mod progress;
mod sine;
mod tabular;

use options::{Options, Parsed};
use probity_examples::args::refuse;
use probity_examples::output::check_folder;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match options::parse(lexopt::Parser::from_env()) {
        Ok(Parsed::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Run(options)) => options,
        Err(error) => return refuse(&error),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // Found out now, not after the training.
    check_folder(&options.out)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build()?;
    let output = pool.install(|| match &options.data {
        Some(file) => tabular::run(options, file).map_err(|e| e.to_string()),
        None => sine::run(options).map_err(|e| e.to_string()),
    })?;
    let written = output.write(&options.out)?;
    if !options.quiet {
        let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        println!("\nwrote {}", names.join(", "));
    }
    Ok(())
}
