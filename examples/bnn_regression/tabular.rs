//! A user's table: train, test, and a picture that suits many features.

use crate::network::{self, RECIPE_VARIANCE, Schedule};
use crate::options::{Objective, Options};
use probity_autodiff::nalgebra::DMatrix;
use probity_examples::console::warn;
use probity_examples::figure::{Figure, TableReport};
use probity_examples::output::Output;
use probity_examples::say;
use probity_examples::table::{Dataset, Split, Table};
use probity_nn::{FittedRegression, Noise, RegressionPrediction};
use serde::Serialize;
use std::error::Error;
use std::path::Path;

/// The share of rows that is kept for the test.
const TEST: f64 = 0.1;
/// Predictive draws.
const DRAWS: usize = 200;
/// Rows per step.
const MINIBATCH: usize = 128;
/// Steps, about, when no epochs are given.
const STEPS: usize = 10_000;
#[derive(Serialize)]
struct Summary {
    rmse: f64,
    log_likelihood: f64,
    coverage90: f64,
    coverage50: f64,
    crps: f64,
    noise_sd: Option<f64>,
    /// Of the mean field.
    elbo_per_n: f64,
    rows_train: usize,
    rows_test: usize,
    features: usize,
    dropped_features: Vec<String>,
    target: String,
    epochs: usize,
    train_seconds: f64,
    posterior: &'static str,
    seed: u64,
    objective: &'static str,
}

pub fn run(options: &Options, file: &Path) -> Result<Output, Box<dyn Error>> {
    let data = Table::read(file)?.with_target(options.target.as_deref())?;
    let Split { train, test, dropped } = data.split(TEST, options.seed)?;
    if !dropped.is_empty() {
        warn(format_args!("warning: dropped, being constant in the training rows: {}", dropped.join(", ")));
    }
    let n = train.target.len();
    let rows = n.min(MINIBATCH);
    let epochs = options.epochs.unwrap_or_else(|| STEPS.div_ceil(n.div_ceil(rows)));
    if !options.quiet {
        say!(
            "{n} rows to learn from, {} to test on, {} features, target {}",
            test.target.len(),
            train.feature_names.len(),
            train.target_name
        );
    }
    let schedule = Schedule { minibatch: Some(rows), epochs };
    let data = (&features(&train), &train.target[..]);
    let trained = network::train(options, data, schedule, |start| {
        // Relative to the target, which is standardised.
        start.noise(Noise::FixedShare(RECIPE_VARIANCE.sqrt()))
    })?;

    let fitted = trained.fitted();
    let prediction = fitted.predict(&features(&test), trained.draws(DRAWS))?;
    let scores = prediction.summary(&test.target)?;
    let crps = prediction.crps(&test.target)?;
    let summary = Summary {
        rmse: prediction.rmse(&test.target)?,
        log_likelihood: prediction.log_score(&test.target)?,
        coverage90: prediction.coverage(&test.target, 0.9)?.rate(),
        coverage50: prediction.coverage(&test.target, 0.5)?.rate(),
        crps: crps.iter().sum::<f64>() / crps.len() as f64,
        noise_sd: match fitted.noise_sd()? {
            Some(sd) => Some(sd),
            // It depends on the row.
            None => Some(scores.aleatoric_sd),
        },
        elbo_per_n: network::elbo_per_row(&trained.mean_field, n),
        rows_train: n,
        rows_test: test.target.len(),
        features: train.feature_names.len(),
        dropped_features: dropped,
        target: train.target_name.clone(),
        epochs,
        train_seconds: trained.seconds,
        posterior: trained.posterior(),
        seed: options.seed,
        objective: network::objective(options),
    };
    if !options.quiet {
        say!("\n{}", trained.mean_field.posterior().report());
        if let Some(sampled) = &trained.sampled {
            say!("{sampled}");
        }
        say!("on {} test rows, in units of {}:\n{scores}", test.target.len(), test.target_name);
        say!("\n{}", prediction.coverage_table(&test.target)?);
        if options.objective == Objective::Recipe {
            explain_recipe(&summary, fitted, &prediction, &test.target);
        }
    }
    let figure = draw(file, &test, &prediction, &summary)?;
    network::files(&figure, ("observed", &test.target), &prediction, None, &summary)
}

fn explain_recipe(s: &Summary, fitted: &FittedRegression, p: &RegressionPrediction, y: &[f64]) {
    let sd = fitted.posterior().model().scales().y.sd[0];
    say!(
        "\nWhat MSE + 0.01 KL/N of the standardised target means: an ELBO whose noise has the fixed standard deviation {:.4} {}\n\
         ({:.4} of the target's), whatever the data; the test error is {:.4}. The spread of the draws alone covers {:.1} % of the\n\
         test rows where 90 % is meant; with the noise that the recipe implies, {:.1} %.",
        RECIPE_VARIANCE.sqrt() * sd,
        s.target,
        RECIPE_VARIANCE.sqrt(),
        s.rmse,
        100.0 * network::epistemic_coverage(y, p),
        100.0 * s.coverage90,
    );
}

fn features(data: &Dataset) -> DMatrix<f64> {
    DMatrix::from_fn(data.features.len(), data.feature_names.len(), |i, j| data.features[i][j])
}

fn draw(
    file: &Path,
    test: &Dataset,
    p: &RegressionPrediction,
    s: &Summary,
) -> Result<Figure, Box<dyn Error>> {
    let levels: Vec<f64> = (1..20).map(|i| i as f64 / 20.0).collect();
    let coverage: Vec<f64> =
        p.calibration(&test.target, &levels)?.into_iter().map(|(_, rate)| rate).collect();
    let (lower, upper): (Vec<f64>, Vec<f64>) = p.interval(0.9).into_iter().unzip();
    let name = file.file_stem().map_or_else(|| "table".into(), |s| s.to_string_lossy().into_owned());
    let title = format!("{name}: {} predicted from {} features", s.target, s.features);
    let subtitle = format!(
        "{} test rows · RMSE {:.4} · log-likelihood {:.3} per row · 90 % intervals cover {:.0} %",
        s.rows_test,
        s.rmse,
        s.log_likelihood,
        100.0 * s.coverage90,
    );
    let report = TableReport {
        title: &title,
        subtitle: &subtitle,
        target: &s.target,
        truth: &test.target,
        mean: &p.mean(),
        lower: &lower,
        upper: &upper,
        levels: &levels,
        coverage: &coverage,
    };
    Ok(report.figure())
}
