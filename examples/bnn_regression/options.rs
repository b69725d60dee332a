//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use probity_examples::args::{UsageError, parse as number, widths};
use std::path::PathBuf;

pub const HELP: &str = "\
Trains a Bayesian neural network and shows what it knows and what it does not.

usage: bnn_regression [OPTIONS]

  --data FILE.csv     a table to learn instead of the sine: a header, then numbers only
  --target COL        the column to predict (default: the last)
  --posterior WHICH   sampled: chains over the weights, and a mean field beside them (default)
                      mean-field: Bayes by Backprop alone, independent Gaussians for the weights; what it is
                      for --objective recipe, --init seed, and tables of more than some ten thousand rows
  --objective WHICH   elbo: a Gaussian likelihood with learned noise, the KL once (default)
                      recipe: MSE + 0.01 KL/N, as popular code has it; prints what that means
  --init WHICH        default, or seed: means in [-0.2, 0.2], rho in [-5, -4], standard Normal priors
  --hidden A,B,...    the widths of the hidden layers (default: 50,50; of chains on up to 2000 rows: 50)
  --epochs N          passes over the data (default: 5000; for a table about 10000 steps)
  --seed N            of data, start, training and draws (default: 0); same seed, same bits
  --threads N         threads to use (default: all)
  --out DIR           where the picture (PNG and SVG), predictions.csv and summary.json go
                      (default: bnn_regression_out)
  --quiet             print nothing but errors
  --help              this text

Bad input ends the program with one sentence and exit code 2, and nothing is written. Standard output that
cannot be written does so after the run, whose results are written; a reader that has gone is no error.
";

const OPTIONS: [&str; 12] = [
    "--data",
    "--target",
    "--posterior",
    "--objective",
    "--init",
    "--hidden",
    "--epochs",
    "--seed",
    "--threads",
    "--out",
    "--quiet",
    "--help",
];

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    Elbo,
    Recipe,
}

/// How the weights are inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posterior {
    Sampled,
    MeanField,
}

/// Where the guide starts, and the priors that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Default,
    Seed,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub data: Option<PathBuf>,
    pub target: Option<String>,
    pub objective: Objective,
    pub init: Start,
    pub posterior: Posterior,
    /// None: the default of the posterior.
    pub hidden: Option<Vec<usize>>,
    pub epochs: Option<usize>,
    pub seed: u64,
    pub threads: Option<usize>,
    pub out: PathBuf,
    pub quiet: bool,
}

pub enum Parsed {
    Help,
    Run(Options),
}

/// Reads the command line.
pub fn parse(mut parser: Parser) -> Result<Parsed, UsageError> {
    let (mut init, mut posterior) = (None, None);
    let mut options = Options {
        data: None,
        target: None,
        objective: Objective::Elbo,
        init: Start::Default,
        posterior: Posterior::Sampled,
        hidden: None,
        epochs: None,
        seed: 0,
        threads: None,
        out: PathBuf::from("bnn_regression_out"),
        quiet: false,
    };
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        match name.as_str() {
            "--help" => return Ok(Parsed::Help),
            "--quiet" => {
                options.quiet = true;
                continue;
            }
            known if !OPTIONS.contains(&known) => return Err(UsageError::unknown(known, &OPTIONS)),
            _ => {}
        }
        let value = parser.value().map_err(wrap)?;
        let positive = |n: &usize| *n > 0;
        match name.as_str() {
            "--data" => options.data = Some(PathBuf::from(value)),
            "--out" => options.out = PathBuf::from(value),
            "--target" => options.target = Some(value.string().map_err(wrap)?),
            "--objective" => {
                options.objective =
                    choice(&name, value, [("elbo", Objective::Elbo), ("recipe", Objective::Recipe)])?
            }
            "--posterior" => {
                let choices = [("sampled", Posterior::Sampled), ("mean-field", Posterior::MeanField)];
                posterior = Some(choice(&name, value, choices)?)
            }
            "--init" => {
                init = Some(choice(&name, value, [("default", Start::Default), ("seed", Start::Seed)])?)
            }
            "--hidden" => options.hidden = Some(widths(&name, value, ',', "50,50")?),
            "--epochs" => {
                options.epochs = Some(number(&name, value, "a whole number of at least 1", positive)?)
            }
            "--threads" => {
                options.threads = Some(number(&name, value, "a whole number of at least 1", positive)?)
            }
            _ => options.seed = number(&name, value, "a whole number of at least 0", |_| true)?,
        }
    }
    if options.target.is_some() && options.data.is_none() {
        return Err(UsageError("the option --target needs --data".into()));
    }
    // The recipe is what it is, unless asked otherwise.
    let usual = if options.objective == Objective::Recipe { Start::Seed } else { Start::Default };
    options.init = init.unwrap_or(usual);
    // Both are ways to fit a mean field.
    let plain = options.objective == Objective::Elbo && options.init == Start::Default;
    if posterior == Some(Posterior::Sampled) && !plain {
        let problem = "--posterior sampled goes with neither --objective recipe nor --init seed";
        return Err(UsageError(problem.into()));
    }
    options.posterior = posterior.unwrap_or(if plain { Posterior::Sampled } else { Posterior::MeanField });
    Ok(Parsed::Run(options))
}

fn choice<T: Copy>(
    option: &str,
    value: std::ffi::OsString,
    choices: [(&str, T); 2],
) -> Result<T, UsageError> {
    let text = value.to_string_lossy();
    choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
        UsageError(format!("the option {option} needs {} or {}, not \"{text}\"", choices[0].0, choices[1].0))
    })
}
