//! Where a network is unsure: beyond its data, between them, and far from them.
//!
//! `uncertainty` fits curves whose middle is missing, and classes in the plane, with default
//! settings, by chains and by the mean field, prints how unsure each is where there are no data,
//! and draws the curves. `--posteriors` shows every posterior of the library side by side.
//! `--judge` also runs long chains of the No-U-Turn sampler on the curves and prints how far from
//! theirs the standard deviations are.

mod classes;
mod curves;
mod posteriors;

use lexopt::{Arg, Parser};
use probity_examples::args::UsageError;
use probity_examples::console::end;
use probity_examples::output::{Output, check_folder};
use probity_examples::say;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Fits curves with a gap and classes in the plane, and shows how unsure networks are where there are no data.

usage: uncertainty [OPTIONS]

  --seeds N      data sets of each kind (default: 3)
  --posteriors   instead: a sine with a gap and two moons by every posterior of the library, side by side (a minute)
  --judge        also compare with long chains of the No-U-Turn sampler, on every curve, and draw them (minutes)
  --out DIR      where the pictures go (default: uncertainty_out)
  --help         this text
";

const OPTIONS: [&str; 5] = ["--seeds", "--posteriors", "--judge", "--out", "--help"];

fn main() -> ExitCode {
    end(run(lexopt::Parser::from_env()))
}

fn run(mut parser: Parser) -> Result<(), Box<dyn Error>> {
    let (mut seeds, mut judge, mut out) = (3, false, PathBuf::from("uncertainty_out"));
    let mut posteriors = false;
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        match arg {
            Arg::Long("help") => {
                say!("{}", HELP.trim_end());
                return Ok(());
            }
            Arg::Long("judge") => judge = true,
            Arg::Long("posteriors") => posteriors = true,
            Arg::Long("seeds") => {
                let value = parser.value().map_err(wrap)?;
                seeds =
                    probity_examples::args::parse("--seeds", value, "a whole number of at least 1", |n| {
                        *n > 0
                    })?;
            }
            Arg::Long("out") => out = PathBuf::from(parser.value().map_err(wrap)?),
            Arg::Long(other) => return Err(UsageError::unknown(&format!("--{other}"), &OPTIONS).into()),
            other => return Err(wrap(other.unexpected()).into()),
        }
    }
    check_folder(&out)?;
    let mut output = Output::new();
    if posteriors {
        posteriors::run(&mut output)?;
    } else {
        curves::run(seeds, judge, &mut output)?;
        classes::run(seeds)?;
    }
    let written = output.write(&out)?;
    say!("\n{} pictures in {}", written.len(), out.display());
    Ok(())
}
