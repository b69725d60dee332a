//! Digits: how sure a Bayesian net is of those that it has not seen, and of what is no digit.
//!
//! `mnist` reads the files of MNIST if a folder is given, and else draws digits itself. It learns
//! them by the library's default for minibatches, beside a net of point weights, and prints
//! accuracy, log score, calibration, what it gains by not deciding the doubtful ones, and how well
//! doubt tells letters, turned digits and noise from digits; `images.rs` has what is drawn,
//! `nets.rs` the nets.

pub(crate) mod idx;
pub(crate) mod images;
pub(crate) mod nets;
pub(crate) mod options;
mod picture;
pub(crate) mod scores;
pub(crate) mod strokes;

use images::Images;
use options::{HELP, Options, parse};
use probity_autodiff::Key;
use probity_examples::console::end;
use probity_examples::output::{Output, check_folder};
use probity_examples::say;
use scores::{Predicted, Scores, table};
use std::error::Error;
use std::process::ExitCode;

/// Images that are no digits, by kind.
pub(crate) type Others = Vec<(&'static str, Images)>;

/// Drawn images: their size, how many to learn from and how many to score.
const SIZE: (usize, usize) = (16, 16);
const TRAIN: usize = 2000;
const TEST: usize = 1000;

fn main() -> ExitCode {
    end(start())
}

fn start() -> Result<(), Box<dyn Error>> {
    match parse(lexopt::Parser::from_env())? {
        None => say!("{}", HELP.trim_end()),
        Some(options) => {
            run(&options)?;
        }
    }
    Ok(())
}

/// Digits to learn from and to score, and images of other kinds.
pub(crate) fn images(options: &Options) -> Result<([Images; 2], Others), idx::IdxError> {
    let key = Key::new(options.seed).fold_in_str("images");
    let digits = match &options.data {
        Some(folder) => {
            let [train, test] = idx::read(folder)?;
            [train.first(options.train.unwrap_or(usize::MAX)), test.first(options.test.unwrap_or(usize::MAX))]
        }
        None => [
            Images::digits(SIZE, options.train.unwrap_or(TRAIN), key.fold_in(0)),
            Images::digits(SIZE, options.test.unwrap_or(TEST), key.fold_in(1)),
        ],
    };
    let (size, n) = (digits[1].size, digits[1].len());
    let others = vec![
        ("letters", Images::letters(size, n, key.fold_in(2))),
        ("turned digits", digits[1].turned()),
        ("noise", Images::noise(size, n, key.fold_in(3))),
    ];
    Ok((digits, others))
}

/// Fits, prints and draws; the scores of the Bayesian net and of that of point weights.
pub(crate) fn run(options: &Options) -> Result<[Scores; 2], Box<dyn Error>> {
    check_folder(&options.out)?;
    let ([train, test], others) = images(options)?;
    say!(
        "{} digits to learn from, {} to score, {} × {} pixels; {} net, {}, {} classes of images that are no digits\n",
        train.len(),
        test.len(),
        train.size.0,
        train.size.1,
        if options.conv { "convolutional" } else { "linear" },
        options.method.unwrap_or("mean field"),
        others.len()
    );
    let nets = [nets::fit(&train, options, false)?, nets::fit(&train, options, true)?];
    let [bayesian, point] = nets.each_ref().map(|net| Predicted::of(net, &test, &others));
    let (bayesian, point) = (bayesian?, point?);
    let both =
        [bayesian.scores(&test.labels, nets[0].seconds)?, point.scores(&test.labels, nets[1].seconds)?];
    say!("{}", table(&[("Bayesian", &both[0]), ("point weights", &both[1])], &others));
    let figure = picture::draw(&bayesian, &test, &others);
    let mut output = Output::new();
    output.add("digits.svg", figure.svg());
    output.add("digits.png", figure.png()?);
    let written = output.write(&options.out)?;
    say!("\n{} files in {}: the picture of the Bayesian net", written.len(), options.out.display());
    Ok(both)
}
