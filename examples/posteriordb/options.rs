//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use probity_examples::args::{UsageError, parse as number};
use std::path::PathBuf;

pub const HELP: &str = "\
Fits published posteriors with default settings and compares the results with reference draws.

usage: posteriordb --data DIR [OPTIONS]

  --data DIR        has the folders posteriordb and synthetic, or is one of them
  --only A,B,...    these posteriors only
  --seed S          of the fits (default: 0); same seed, same bits
  --json FILE       also write the results there, as a list of objects
  --cost            no fits: time a gradient of every model, on one core
  --help            this text

A line has the worst |error of a mean| in standard deviations, the worst and the root mean square |error of a
standard deviation| relative to it, the verdict, k-hat, gradients and seconds of the fit.
";

const OPTIONS: [&str; 6] = ["--data", "--only", "--seed", "--json", "--cost", "--help"];

#[derive(Clone, Debug)]
pub struct Options {
    pub data: PathBuf,
    pub only: Option<Vec<String>>,
    pub seed: u64,
    pub json: Option<PathBuf>,
    pub cost: bool,
}

pub enum Parsed {
    Help,
    Run(Options),
}

/// Reads the command line.
pub fn parse(mut parser: Parser) -> Result<Parsed, UsageError> {
    let (mut data, mut only, mut seed, mut json, mut cost) = (None, None, 0, None, false);
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        match name.as_str() {
            "--help" => return Ok(Parsed::Help),
            "--cost" => cost = true,
            "--data" => data = Some(PathBuf::from(parser.value().map_err(wrap)?)),
            "--json" => json = Some(PathBuf::from(parser.value().map_err(wrap)?)),
            "--only" => {
                let text = parser.value().and_then(|value| value.string()).map_err(wrap)?;
                only = Some(text.split(',').map(|name| name.trim().to_string()).collect());
            }
            "--seed" => {
                let value = parser.value().map_err(wrap)?;
                seed = number(&name, value, "a whole number of at least 0", |_| true)?;
            }
            _ => return Err(UsageError::unknown(&name, &OPTIONS)),
        }
    }
    let data = data.ok_or_else(|| UsageError("--data DIR is needed; see --help".into()))?;
    Ok(Parsed::Run(Options { data, only, seed, json, cost }))
}
