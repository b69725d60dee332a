//! A user's table: train, test, and a picture that suits many features.

use crate::options::{Objective, Options, Start};
use crate::progress::Lines;
use probity_autodiff::nalgebra::DMatrix;
use probity_examples::figure::TableReport;
use probity_examples::output::Output;
use probity_examples::table::{Dataset, Split, Table};
use probity_nn::{FittedRegression, Noise, Regression, RegressionPrediction};
use probity_vi::Fit;
use serde::Serialize;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// The share of rows that is kept for the test.
const TEST: f64 = 0.1;
/// Predictive draws.
const DRAWS: usize = 200;
/// Rows per step.
const MINIBATCH: usize = 128;
/// Steps, about, when no epochs are given.
const STEPS: usize = 20_000;
/// Noise variance, relative to the target's, for which `MSE + 0.01 KL/N` of the standardised target is an ELBO.
const RECIPE_VARIANCE: f64 = 0.005;

#[derive(Serialize)]
struct Summary {
    rmse: f64,
    log_likelihood: f64,
    coverage90: f64,
    crps: f64,
    noise_sd: Option<f64>,
    elbo_per_n: f64,
    rows_train: usize,
    rows_test: usize,
    features: usize,
    dropped_features: Vec<String>,
    target: String,
    epochs: usize,
    train_seconds: f64,
    seed: u64,
    objective: &'static str,
}

pub fn run(options: &Options, file: &Path) -> Result<Output, Box<dyn Error>> {
    let data = Table::read(file)?.with_target(options.target.as_deref())?;
    let Split { train, test, dropped } = data.split(TEST, options.seed)?;
    if !dropped.is_empty() {
        eprintln!("warning: dropped, being constant in the training rows: {}", dropped.join(", "));
    }
    let n = train.target.len();
    let rows = n.min(MINIBATCH);
    let steps_per_epoch = n.div_ceil(rows);
    let epochs = options.epochs.unwrap_or_else(|| STEPS.div_ceil(steps_per_epoch));
    if !options.quiet {
        println!(
            "{n} rows to learn from, {} to test on, {} features, target {}",
            test.target.len(),
            train.feature_names.len(),
            train.target_name
        );
    }
    let (regression, fit) = description(options, train.feature_names.len(), epochs * steps_per_epoch, n);
    let mut lines = Lines::new(options.quiet, n, steps_per_epoch, epochs);
    let start = Instant::now();
    let fit = fit.minibatch(rows).seed(options.seed);
    let fitted = regression.fit_observed(&features(&train), &train.target, fit, &mut [&mut lines])?;
    let train_seconds = start.elapsed().as_secs_f64();

    let prediction = fitted.predict(&features(&test), DRAWS)?;
    let scores = prediction.summary(&test.target)?;
    let crps = prediction.crps(&test.target)?;
    let summary = Summary {
        rmse: prediction.rmse(&test.target)?,
        log_likelihood: prediction.log_score(&test.target)?,
        coverage90: prediction.coverage(&test.target, 0.9)?.rate(),
        crps: crps.iter().sum::<f64>() / crps.len() as f64,
        noise_sd: fitted.noise_sd()?,
        elbo_per_n: fitted.posterior().report().elbo.map_or(f64::NAN, |e| e.value) / n as f64,
        rows_train: n,
        rows_test: test.target.len(),
        features: train.feature_names.len(),
        dropped_features: dropped,
        target: train.target_name.clone(),
        epochs,
        train_seconds,
        seed: options.seed,
        objective: if options.objective == Objective::Recipe { "recipe" } else { "elbo" },
    };
    if !options.quiet {
        println!("\n{}", fitted.posterior().report());
        println!("on {} test rows, in units of {}:\n{scores}", test.target.len(), test.target_name);
        if options.objective == Objective::Recipe {
            explain_recipe(&summary, &fitted, &prediction, &test.target);
        }
    }
    let mut output = Output::new();
    draw(&mut output, file, &test, &prediction, &summary)?;
    output.add("predictions.csv", table(&test, &prediction));
    output.add("summary.json", serde_json::to_string_pretty(&summary)? + "\n");
    Ok(output)
}

/// The regression and the settings of its fit.
fn description(options: &Options, features: usize, steps: usize, rows: usize) -> (Regression, Fit<f32>) {
    let start = match options.init {
        Start::Default => Regression::recommended(features, &options.hidden),
        Start::Seed => Regression::seed_recipe(features, &options.hidden),
    };
    match options.objective {
        Objective::Elbo => (start.clone(), start.recommended_fit(steps)),
        Objective::Recipe => {
            let fit = Regression::recipe_fit(steps).loss_scale(2.0 * RECIPE_VARIANCE / rows as f64);
            (start.noise(Noise::FixedShare(RECIPE_VARIANCE.sqrt())), fit)
        }
    }
}

fn explain_recipe(s: &Summary, fitted: &FittedRegression, p: &RegressionPrediction, y: &[f64]) {
    let sd = fitted.posterior().model().scales().y.sd[0];
    let inside =
        y.iter().zip(p.mean()).zip(p.epistemic_sd()).filter(|((y, m), sd)| (*y - m).abs() <= 1.6449 * sd);
    println!(
        "\nWhat MSE + 0.01 KL/N of the standardised target means: an ELBO whose noise has the fixed standard deviation {:.4} {}\n\
         ({:.4} of the target's), whatever the data; the test error is {:.4}. The spread of the draws alone covers {:.1} % of the\n\
         test rows where 90 % is meant; with the noise that the recipe implies, {:.1} %.",
        RECIPE_VARIANCE.sqrt() * sd,
        s.target,
        RECIPE_VARIANCE.sqrt(),
        s.rmse,
        100.0 * inside.count() as f64 / y.len() as f64,
        100.0 * s.coverage90,
    );
}

fn features(data: &Dataset) -> DMatrix<f64> {
    DMatrix::from_fn(data.features.len(), data.feature_names.len(), |i, j| data.features[i][j])
}

fn draw(
    output: &mut Output,
    file: &Path,
    test: &Dataset,
    p: &RegressionPrediction,
    s: &Summary,
) -> Result<(), Box<dyn Error>> {
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
    let figure = TableReport {
        title: &title,
        subtitle: &subtitle,
        target: &s.target,
        truth: &test.target,
        mean: &p.mean(),
        lower: &lower,
        upper: &upper,
        levels: &levels,
        coverage: &coverage,
    }
    .figure();
    output.add("bnn_regression.svg", figure.svg());
    output.add("bnn_regression.png", figure.png()?);
    Ok(())
}

fn table(test: &Dataset, p: &RegressionPrediction) -> String {
    let mut text = String::from("observed,mean,epistemic_sd,aleatoric_sd,total_sd,lower90,upper90\n");
    let (mean, epistemic, aleatoric, total) = (p.mean(), p.epistemic_sd(), p.aleatoric_sd(), p.sd());
    for (i, (low, high)) in p.interval(0.9).into_iter().enumerate() {
        let (y, m, e, a, t) = (test.target[i], mean[i], epistemic[i], aleatoric[i], total[i]);
        text += &format!("{y},{m},{e},{a},{t},{low},{high}\n");
    }
    text
}
