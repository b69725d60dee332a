//! Simulation-based calibration of three models: whether posteriors of data that the model itself
//! draws have the true values where they should. Writes a picture of the ranks for each.
//!
//! `sbc --help` lists the options.

pub(crate) mod models;
pub(crate) mod picture;

use lexopt::{Arg, Parser};
use probity_examples::args::{UsageError, parse as number};
use probity_examples::console::end;
use probity_examples::output::{Output, check_folder};
use probity_examples::say;
use probity_vi::check::{Calibration, Sbc};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const HELP: &str = "\
Draws true values and data from three models, fits each data set with default settings, and ranks the true
values among draws of the posteriors.

usage: sbc [OPTIONS]

  --count N         data sets of each model (default: 200)
  --seed S          same seed, same bits (default: 0)
  --out DIR         where the pictures go (default: sbc-out)
  --help            this text
";

const OPTIONS: [&str; 4] = ["--count", "--seed", "--out", "--help"];

struct Options {
    count: usize,
    seed: u64,
    out: PathBuf,
}

fn main() -> ExitCode {
    end(match parse(Parser::from_env()) {
        Ok(None) => {
            say!("{}", HELP.trim_end());
            Ok(())
        }
        Ok(Some(options)) => run(&options),
        Err(error) => Err(error.into()),
    })
}

/// Reads the command line; none for a call for help.
fn parse(mut parser: Parser) -> Result<Option<Options>, UsageError> {
    let mut options = Options { count: 200, seed: 0, out: PathBuf::from("sbc-out") };
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        match name.as_str() {
            "--help" => return Ok(None),
            "--out" => options.out = PathBuf::from(parser.value().map_err(wrap)?),
            "--count" => {
                let value = parser.value().map_err(wrap)?;
                options.count = number(&name, value, "a whole number of at least 1", |n| *n > 0)?;
            }
            "--seed" => {
                let value = parser.value().map_err(wrap)?;
                options.seed = number(&name, value, "a whole number of at least 0", |_| true)?;
            }
            _ => return Err(UsageError::unknown(&name, &OPTIONS)),
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // Found out now, not after the fits.
    check_folder(&options.out)?;
    let sbc = Sbc::new().replications(options.count).seed(options.seed);
    let mut output = Output::new();
    let mut add = |name: &str, title: &str, calibration: Calibration, seconds: f64| {
        say!("{title}, in {seconds:.1} s\n{calibration}");
        let figure = picture::ranks(title, &calibration);
        output.add(format!("{name}.svg"), figure.svg());
        figure.png().map(|png| output.add(format!("{name}.png"), png))
    };
    let start = Instant::now();
    let calibration = sbc.run(&models::eight_schools)?;
    add("schools", "Eight schools, non-centred", calibration, start.elapsed().as_secs_f64())?;
    let start = Instant::now();
    let calibration = sbc.run(&models::logistic)?;
    add("logistic", "Logistic regression", calibration, start.elapsed().as_secs_f64())?;
    let start = Instant::now();
    let calibration = sbc.run(&models::growth)?;
    add("growth", "Growth curve with learnt noise", calibration, start.elapsed().as_secs_f64())?;
    for path in output.write(&options.out)? {
        say!("{}", path.display());
    }
    Ok(())
}
