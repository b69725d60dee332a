//! A Bayesian neural net that knows what it does not know.
//!
//! By default it learns a sine from 100 noisy points on [-3, 3] and draws what it believes on [-6,
//! 6]; `--data FILE.csv` runs the same on a table. `--help` lists the options.

mod network;
mod options;
mod progress;
mod sine;
mod tabular;

use options::{Options, Parsed};
use probity_examples::console::end;
use probity_examples::output::check_folder;
use probity_examples::say;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    end(match options::parse(lexopt::Parser::from_env()) {
        Ok(Parsed::Help) => {
            say!("{}", options::HELP.trim_end());
            Ok(())
        }
        Ok(Parsed::Run(options)) => run(&options),
        Err(error) => Err(error.into()),
    })
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
        say!("\nwrote {}", names.join(", "));
    }
    Ok(())
}
