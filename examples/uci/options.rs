//! The command line.

use lexopt::{Arg, Parser};
use probity_examples::args::{UsageError, parse as number, widths};
use probity_nn::posteriors::NAMES;
use probity_nn::{Noise, Tails};
use std::ops::Range;
use std::path::PathBuf;

pub const HELP: &str = "\
Fits a Bayesian neural net to published train and test splits and scores its predictions on the test rows.

usage: uci --data DIR --dataset NAME [OPTIONS]

  --data DIR         has a folder for every table, with data.csv (a header, the target last) and splits.json
                     (test_indices: the rows of every test part, counted from 0)
  --dataset NAME     the folder
  --splits A..B      these splits only (default: all)
  --method WHICH     sampled: chains over the weights, as the library recommends (default); modes: ten networks as
                     where these chains begin; or a posterior of the library: map, deep-ensemble, mc-dropout, svgd,
                     mean-field, vi-mixture, last-layer-full-vi, low-rank-vi, matrix-normal-vi, deterministic-vi,
                     ivon, laplace-full, laplace-last-layer, laplace-kronecker, bayesian-last-layer, nuts, chains;
                     all: every one of these, with a table and verdicts
  --net A-B-...      the widths of the hidden layers (default: what the library recommends)
  --verdict          also ask whether an exact kernel leaves the predictions as they are (seconds; all: always)
  --noise WHICH      constant or varying with the inputs, or constant-t or varying-t, with heavy tails
                     (default: chosen by the data, for all but sampled and mean-field what goes with the method)
  --gap              not the splits, but for every input in turn the middle third of its values as test part
  --validate         a fifth of every training part as test part, to choose settings by; test rows are not looked at
  --seed S           of the fits (default: 0); same seed, same bits
  --out FILE.csv     also write the scores there, a line for every split
  --help             this text

Inputs and target are standardised by the training rows; scores are in the units of the target. The log likelihood is
the mean over rows of the logarithm of the mean density over draws of the weights, in nats.
";

const OPTIONS: [&str; 12] = [
    "--data",
    "--dataset",
    "--splits",
    "--method",
    "--net",
    "--noise",
    "--verdict",
    "--gap",
    "--validate",
    "--seed",
    "--out",
    "--help",
];

/// How the posterior is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Sampled,
    Modes,
    /// One of the library's, by its name.
    Posterior(&'static str),
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Sampled => "sampled",
            Method::Modes => "modes",
            Method::Posterior(name) => name,
        }
    }

    /// All, in the order of the table. Chains of the library's recommendation stand for `chains`.
    pub fn all() -> impl Iterator<Item = Self> {
        let library = NAMES.into_iter().filter(|name| *name != "chains").map(Method::Posterior);
        library.chain([Method::Sampled])
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    pub data: PathBuf,
    pub dataset: String,
    pub splits: Option<Range<usize>>,
    pub method: Method,
    /// Whether every method is to be run.
    pub all: bool,
    pub verdict: bool,
    /// The noise, if it is given.
    pub noise: Option<(Noise, Tails)>,
    pub net: Option<Vec<usize>>,
    pub gap: bool,
    pub validate: bool,
    pub seed: u64,
    pub out: Option<PathBuf>,
}

pub enum Parsed {
    Help,
    Run(Options),
}

/// Reads the command line.
pub fn parse(mut parser: Parser) -> Result<Parsed, UsageError> {
    let (mut data, mut dataset) = (None, None);
    let mut options = Options {
        data: PathBuf::new(),
        dataset: String::new(),
        splits: None,
        method: Method::Sampled,
        all: false,
        verdict: false,
        noise: None,
        net: None,
        gap: false,
        validate: false,
        seed: 0,
        out: None,
    };
    let wrap = |error| UsageError::from_parser(error, &OPTIONS);
    while let Some(arg) = parser.next().map_err(wrap)? {
        let Arg::Long(name) = arg else { return Err(wrap(arg.unexpected())) };
        let name = format!("--{name}");
        match name.as_str() {
            "--help" => return Ok(Parsed::Help),
            "--gap" => options.gap = true,
            "--verdict" => options.verdict = true,
            "--validate" => options.validate = true,
            known if !OPTIONS.contains(&known) => return Err(UsageError::unknown(known, &OPTIONS)),
            _ => {
                let value = parser.value().map_err(wrap)?;
                let text = value.to_string_lossy().into_owned();
                match name.as_str() {
                    "--data" => data = Some(PathBuf::from(value)),
                    "--dataset" => dataset = Some(text),
                    "--out" => options.out = Some(PathBuf::from(value)),
                    "--splits" => options.splits = Some(range(&text)?),
                    "--method" if text == "all" => options.all = true,
                    "--method" => options.method = method(&text)?,
                    "--noise" => {
                        options.noise = Some(match text.as_str() {
                            "constant" => (Noise::Learned, Tails::Gaussian),
                            "varying" => (Noise::InputDependent, Tails::Gaussian),
                            "constant-t" => (Noise::Learned, Tails::StudentT),
                            "varying-t" => (Noise::InputDependent, Tails::StudentT),
                            _ => {
                                return Err(UsageError(format!(
                                    "the option --noise needs constant, varying, constant-t or varying-t, not \"{text}\""
                                )));
                            }
                        })
                    }
                    "--net" => options.net = Some(widths(&name, value, '-', "50 or 50-50")?),
                    _ => options.seed = number(&name, value, "a whole number of at least 0", |_| true)?,
                }
            }
        }
    }
    options.data = data.ok_or_else(|| UsageError("--data DIR is needed; see --help".into()))?;
    options.dataset = dataset.ok_or_else(|| UsageError("--dataset NAME is needed; see --help".into()))?;
    Ok(Parsed::Run(options))
}

fn range(text: &str) -> Result<Range<usize>, UsageError> {
    let ends = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    ends.filter(|r: &Range<usize>| !r.is_empty())
        .ok_or_else(|| UsageError(format!("the option --splits needs a range such as 0..20, not \"{text}\"")))
}

fn method(text: &str) -> Result<Method, UsageError> {
    let library = NAMES.into_iter().map(Method::Posterior);
    let mut all = [Method::Sampled, Method::Modes].into_iter().chain(library);
    all.find(|m| m.name() == text).ok_or_else(|| {
        UsageError(format!("the option --method needs a name that --help lists, not \"{text}\""))
    })
}
