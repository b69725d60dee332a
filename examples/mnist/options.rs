//! The command line.

use lexopt::{Arg, Parser};
use probity_examples::args::{UsageError, parse as number, widths};
use probity_nn::posteriors::NAMES;
use std::path::PathBuf;

pub const HELP: &str = "\
Learns digits with a Bayesian neural net, and shows how sure it is of those it has not seen, of letters and of noise.

usage: mnist [OPTIONS]

  --data DIR      the digits of MNIST, or others of its format: train-images-idx3-ubyte, train-labels-idx1-ubyte,
                  t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, unpacked (default: the program draws digits)
  --conv          a convolutional net, and not one of linear layers
  --hidden A-B-.. the widths of the hidden layers of the latter (default: 100)
  --method WHICH  the posterior: mean-field, with minibatches (default), or another of the library: map, deep-ensemble,
                  svgd, vi-mixture, last-layer-full-vi, low-rank-vi, ivon, ...
  --steps N       steps of the fit by minibatches (default: 2000, with 128 images each)
  --train N       at most so many images to learn from (default: 2000 drawn ones, all of a folder)
  --test N        at most so many to score (default: 1000 drawn ones, all of a folder)
  --seed S        of the drawn images and of the fits (default: 0); same seed, same bits
  --out DIR       where the picture goes (default: mnist_out)
  --help          this text
";

const OPTIONS: [&str; 10] =
    ["--data", "--conv", "--hidden", "--method", "--steps", "--train", "--test", "--seed", "--out", "--help"];

#[derive(Clone, Debug)]
pub struct Options {
    pub data: Option<PathBuf>,
    pub conv: bool,
    pub hidden: Vec<usize>,
    /// A posterior of the library; none for the mean field by minibatches.
    pub method: Option<&'static str>,
    pub steps: Option<usize>,
    pub train: Option<usize>,
    pub test: Option<usize>,
    pub seed: u64,
    pub out: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            conv: false,
            hidden: vec![100],
            method: None,
            steps: None,
            train: None,
            test: None,
            seed: 0,
            out: PathBuf::from("mnist_out"),
        }
    }
}

/// What the command line asks for; none for its help.
pub fn parse(mut parser: Parser) -> Result<Option<Options>, UsageError> {
    let mut options = Options::default();
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        match name.as_str() {
            "--help" => return Ok(None),
            "--conv" => options.conv = true,
            known if !OPTIONS.contains(&known) => return Err(UsageError::unknown(known, &OPTIONS)),
            _ => {
                let value = parser.value().map_err(wrap)?;
                let count = |value| number(&name, value, "a whole number of at least 1", |n: &usize| *n > 0);
                match name.as_str() {
                    "--data" => options.data = Some(PathBuf::from(value)),
                    "--out" => options.out = PathBuf::from(value),
                    "--hidden" => options.hidden = widths(&name, value, '-', "100 or 100-100")?,
                    "--method" => options.method = method(&value.to_string_lossy())?,
                    "--steps" => options.steps = Some(count(value)?),
                    "--train" => options.train = Some(count(value)?),
                    "--test" => options.test = Some(count(value)?),
                    _ => options.seed = number(&name, value, "a whole number of at least 0", |_| true)?,
                }
            }
        }
    }
    Ok(Some(options))
}

fn method(text: &str) -> Result<Option<&'static str>, UsageError> {
    if text == "mean-field" {
        return Ok(None);
    }
    NAMES.into_iter().find(|name| *name == text).map(Some).ok_or_else(|| {
        UsageError(format!("the option --method needs one of {}, not \"{text}\"", NAMES.join(", ")))
    })
}
