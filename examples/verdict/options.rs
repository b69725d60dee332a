//! The command line.

use super::problems::{KINDS, Kind};
use lexopt::{Arg, Parser, ValueExt};
use probity_examples::args::{UsageError, parse as number};
use std::path::PathBuf;

pub const HELP: &str = "\
Infers random posteriors whose means and standard deviations are known exactly, and sets verdicts against
truth. An A or B is false if any mean is off by more than 0.5 of its standard deviation, or any standard
deviation by more than a factor 1.5.

usage: verdict [OPTIONS]

  --count N         posteriors of each kind (default: 50)
  --seed S          of the posteriors (default: 1); same seed, same bits, for any number of threads
  --seeds K         infer each with the seeds 0 to K - 1 (default: 1); tables count the first
  --only A,B,...    these kinds only: gaussian, ridge, scales, student, skewed, banana, plateau, limit,
                    funnel, hierarchy, near-modes, far-modes; and narrow-modes, which is not among the
                    default ones: of two far modes the narrow one is missed, and nothing tells of it
  --threads T       posteriors at a time, each on one thread (default: the cores)
  --gaussians       also a table of what single Gaussians are worth: that of the highest ELBO, from which
                    the inference begins, and that of batch and match
  --json FILE       also write the results there, as a list of objects
  --verbose         a line for every posterior, not only for a false A or B
  --help            this text
";

const OPTIONS: [&str; 9] =
    ["--count", "--seed", "--seeds", "--only", "--threads", "--gaussians", "--json", "--verbose", "--help"];

#[derive(Clone, Debug)]
pub struct Options {
    pub count: usize,
    pub seed: u64,
    pub seeds: u64,
    pub threads: usize,
    pub json: Option<PathBuf>,
    pub verbose: bool,
    pub gaussians: bool,
    only: Option<Vec<String>>,
}

impl Options {
    /// Whether this kind is asked for.
    pub fn wants(&self, kind: &Kind) -> bool {
        self.only.as_ref().map_or(!kind.hidden, |only| only.iter().any(|name| name == kind.name))
    }
}

pub enum Parsed {
    Help,
    Run(Options),
}

/// Reads the command line.
pub fn parse(mut parser: Parser) -> Result<Parsed, UsageError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        count: 50,
        seed: 1,
        seeds: 1,
        threads,
        json: None,
        verbose: false,
        gaussians: false,
        only: None,
    };
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        let positive = "a whole number of at least 1";
        match name.as_str() {
            "--help" => return Ok(Parsed::Help),
            "--verbose" => options.verbose = true,
            "--gaussians" => options.gaussians = true,
            "--json" => options.json = Some(PathBuf::from(parser.value().map_err(wrap)?)),
            "--count" => {
                options.count = number(&name, parser.value().map_err(wrap)?, positive, |n| *n > 0)?;
            }
            "--seeds" => {
                options.seeds = number(&name, parser.value().map_err(wrap)?, positive, |n| *n > 0)?;
            }
            "--threads" => {
                options.threads = number(&name, parser.value().map_err(wrap)?, positive, |n| *n > 0)?;
            }
            "--seed" => {
                let value = parser.value().map_err(wrap)?;
                options.seed = number(&name, value, "a whole number of at least 0", |_| true)?;
            }
            "--only" => {
                let text = parser.value().and_then(|value| value.string()).map_err(wrap)?;
                let names: Vec<String> = text.split(',').map(|name| name.trim().to_string()).collect();
                if let Some(name) = names.iter().find(|name| !KINDS.iter().any(|k| k.name == **name)) {
                    return Err(UsageError(format!("there is no kind \"{name}\"; see --help")));
                }
                options.only = Some(names);
            }
            _ => return Err(UsageError::unknown(&name, &OPTIONS)),
        }
    }
    Ok(Parsed::Run(options))
}
