//! What a sine and a table have in common: the network, its training, and the files of the result.

use crate::options::{Objective, Options, Posterior, Start};
use crate::progress::Lines;
use probity_autodiff::nalgebra::DMatrix;
use probity_examples::figure::Figure;
use probity_examples::output::Output;
use probity_nn::{FittedRegression, Recommended, Regression, RegressionPrediction};
use serde::Serialize;
use std::error::Error;
use std::time::Instant;

/// Noise variance, in the units that the network sees, for which `MSE + 0.01 KL/N` is an ELBO: 2 σ²
/// = 0.01.
pub const RECIPE_VARIANCE: f64 = 0.005;

/// How the rows are dealt out.
#[derive(Clone, Copy)]
pub struct Schedule {
    /// Rows per step, if not all.
    pub minibatch: Option<usize>,
    pub epochs: usize,
}

/// A trained network.
pub struct Trained {
    /// By the ELBO.
    pub mean_field: FittedRegression,
    /// By chains.
    pub sampled: Option<FittedRegression>,
    /// Of the better posterior.
    pub seconds: f64,
}

impl Trained {
    /// The better posterior.
    pub fn fitted(&self) -> &FittedRegression {
        self.sampled.as_ref().unwrap_or(&self.mean_field)
    }

    /// By what its weights were inferred, for the summary.
    pub fn posterior(&self) -> &'static str {
        if self.sampled.is_some() { "sampled" } else { "mean field" }
    }

    /// Draws of the weights: all of the chains, else so many.
    pub fn draws(&self, of_mean_field: usize) -> usize {
        self.fitted().posterior().corrected().map_or(of_mean_field, |chains| chains.len())
    }
}

/// The regression that the options describe, trained; `as_recipe` gives it the fixed noise of the
/// recipe.
pub fn train(
    options: &Options,
    (x, y): (&DMatrix<f64>, &[f64]),
    Schedule { minibatch, epochs }: Schedule,
    as_recipe: impl FnOnce(Regression) -> Regression,
) -> Result<Trained, Box<dyn Error>> {
    let rows = y.len();
    let steps_per_epoch = minibatch.map_or(1, |batch| rows.div_ceil(batch));
    let steps = epochs * steps_per_epoch;
    let hidden = options.hidden.as_deref().unwrap_or(&[50, 50]);
    let start = match options.init {
        Start::Default => Regression::default_for(x.ncols(), hidden),
        Start::Seed => Regression::seed_recipe(x.ncols(), hidden),
    };
    let (regression, mut fit) = match options.objective {
        Objective::Elbo => (start, Regression::default_fit(rows).steps(steps)),
        Objective::Recipe => {
            // MSE + 0.01 KL/N = (0.01/N) (KL - log-likelihood) + constant, with this noise.
            let fit = Regression::recipe_fit(steps).loss_scale(2.0 * RECIPE_VARIANCE / rows as f64);
            (as_recipe(start), fit)
        }
    };
    if let Some(batch) = minibatch {
        fit = fit.minibatch(batch);
    }
    let mut lines = Lines::new(options.quiet, rows, steps_per_epoch, epochs);
    let clock = Instant::now();
    let sampled = chains(options, rows, x.ncols()).map(|recommended| recommended.fit(x, y)).transpose()?;
    let of_chains = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let mean_field = regression.fit_observed(x, y, fit.seed(options.seed), &mut [&mut lines])?;
    let own = clock.elapsed().as_secs_f64();
    let seconds = if sampled.is_some() { of_chains } else { own };
    Ok(Trained { mean_field, sampled, seconds })
}

/// The network and the chains, if there are to be any.
fn chains(options: &Options, rows: usize, inputs: usize) -> Option<Recommended> {
    let recommended = match &options.hidden {
        Some(hidden) => Recommended::with_hidden(rows, inputs, hidden),
        None => Recommended::of(rows, inputs),
    };
    let wanted = options.posterior == Posterior::Sampled && recommended.chains.is_some();
    wanted.then(|| recommended.seed(options.seed))
}

/// The objective's name in the summary.
pub fn objective(options: &Options) -> &'static str {
    match options.objective {
        Objective::Elbo => "elbo",
        Objective::Recipe => "recipe",
    }
}

pub fn elbo_per_row(fitted: &FittedRegression, rows: usize) -> f64 {
    fitted.posterior().report().elbo.map_or(f64::NAN, |e| e.value) / rows as f64
}

/// The share of targets within 1.645 epistemic standard deviations of the mean: 90 % intervals from
/// the spread of the draws alone, as the recipe's users read it.
pub fn epistemic_coverage(y: &[f64], p: &RegressionPrediction) -> f64 {
    let inside =
        y.iter().zip(p.mean()).zip(p.epistemic_sd()).filter(|((y, m), sd)| (*y - m).abs() <= 1.6449 * sd);
    inside.count() as f64 / y.len() as f64
}

/// The picture, the predictions and the summary as files. The predictions stand between the columns
/// before and after them.
pub fn files(
    figure: &Figure,
    before: (&str, &[f64]),
    p: &RegressionPrediction,
    after: Option<(&str, &[f64])>,
    summary: &impl Serialize,
) -> Result<Output, Box<dyn Error>> {
    let mut output = Output::new();
    output.add("bnn_regression.svg", figure.svg());
    output.add("bnn_regression.png", figure.png()?);
    output.add("predictions.csv", table(before, p, after));
    output.add("summary.json", serde_json::to_string_pretty(summary)? + "\n");
    Ok(output)
}

fn table(before: (&str, &[f64]), p: &RegressionPrediction, after: Option<(&str, &[f64])>) -> String {
    let mut text = format!("{},mean,epistemic_sd,aleatoric_sd,total_sd,lower90,upper90", before.0);
    if let Some((name, _)) = after {
        text += &format!(",{name}");
    }
    text.push('\n');
    let (mean, epistemic, aleatoric, total) = (p.mean(), p.epistemic_sd(), p.aleatoric_sd(), p.sd());
    for (i, (low, high)) in p.interval(0.9).into_iter().enumerate() {
        let (first, m, e, a, t) = (before.1[i], mean[i], epistemic[i], aleatoric[i], total[i]);
        text += &format!("{first},{m},{e},{a},{t},{low},{high}");
        if let Some((_, values)) = after {
            text += &format!(",{}", values[i]);
        }
        text.push('\n');
    }
    text
}
