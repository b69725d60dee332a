//! The seed problem: a sine in noise, learned on [-3, 3] and asked about on [-6, 6].

use crate::network::{self, RECIPE_VARIANCE, Schedule, Trained};
use crate::options::{Objective, Options};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_examples::figure::{Figure, RegressionBand};
use probity_examples::output::Output;
use probity_examples::say;
use probity_nn::{Noise, RegressionPrediction};
use serde::Serialize;
use std::error::Error;

const ROWS: usize = 100;
const NOISE: f64 = 0.1;
const EPOCHS: usize = 5000;
/// Predictive draws.
const DRAWS: usize = 100;
/// Fresh points on [-3, 3] for the coverage.
const FRESH: usize = 2000;

#[derive(Serialize)]
struct Summary {
    rmse_to_truth: f64,
    noise_sd: f64,
    coverage90: f64,
    coverage50: f64,
    /// The share of 3 < |x| <= 4.5 where the sine is within two standard deviations of the mean.
    held_outside: f64,
    epistemic_inside: f64,
    epistemic_at_6: f64,
    /// Of the mean field.
    elbo_per_n: f64,
    epochs: usize,
    train_seconds: f64,
    posterior: &'static str,
    seed: u64,
    objective: &'static str,
    /// Of intervals from the spread of the draws alone, as the recipe's users read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage90_epistemic_only: Option<f64>,
}

fn spread(from: f64, to: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).collect()
}

fn column(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_column_slice(x.len(), 1, x)
}

fn noisy_sine(x: &[f64], key: Key) -> Vec<f64> {
    let mut noise = vec![0.0; x.len()];
    fill_normal(key, 0, &mut noise);
    x.iter().zip(noise).map(|(x, e)| x.sin() + NOISE * e).collect()
}

pub fn run(options: &Options) -> Result<Output, Box<dyn Error>> {
    let key = Key::new(options.seed).fold_in_str("sine");
    let x = spread(-3.0, 3.0, ROWS);
    let y = noisy_sine(&x, key.fold_in(0));
    let epochs = options.epochs.unwrap_or(EPOCHS);
    let schedule = Schedule { minibatch: None, epochs };
    let trained = network::train(options, (&column(&x), &y), schedule, |start| {
        start.noise(Noise::Fixed(RECIPE_VARIANCE.sqrt())).without_standardizing()
    })?;

    let (fitted, draws) = (trained.fitted(), trained.draws(DRAWS));
    let grid = spread(-6.0, 6.0, 481);
    let prediction = fitted.predict(&column(&grid), draws)?;
    let fresh_x = spread(-3.0, 3.0, FRESH);
    let fresh_y = noisy_sine(&fresh_x, key.fold_in(1));
    let fresh = fitted.predict(&column(&fresh_x), draws)?;
    let fresh = (&fresh_x[..], &fresh_y[..], &fresh);
    let summary = summarise(options, &trained, (&grid, &prediction), fresh, epochs)?;
    if !options.quiet {
        print_report(options, &summary, &trained);
        if trained.sampled.is_some() {
            let other = trained.mean_field.predict(&column(&grid), DRAWS)?;
            let other_fresh = trained.mean_field.predict(&column(&fresh_x), DRAWS)?;
            print_beside((&grid, &other), (fresh.0, fresh.1, &other_fresh))?;
        }
    }
    let truth: Vec<f64> = grid.iter().map(|x| x.sin()).collect();
    let figure = draw((&x, &y), (&grid, &truth), &prediction, &summary);
    network::files(&figure, ("x", &grid), &prediction, Some(("truth", &truth)), &summary)
}

fn summarise(
    options: &Options,
    trained: &Trained,
    (grid, prediction): (&[f64], &RegressionPrediction),
    (fresh_x, fresh_y, fresh): (&[f64], &[f64], &RegressionPrediction),
    epochs: usize,
) -> Result<Summary, Box<dyn Error>> {
    let truth: Vec<f64> = fresh_x.iter().map(|x| x.sin()).collect();
    let epistemic = prediction.epistemic_sd();
    let inside: Vec<f64> =
        grid.iter().zip(&epistemic).filter(|(x, _)| x.abs() <= 3.0).map(|(_, e)| *e).collect();
    let recipe = options.objective == Objective::Recipe;
    Ok(Summary {
        rmse_to_truth: fresh.rmse(&truth)?,
        noise_sd: match trained.fitted().noise_sd()? {
            Some(sd) => sd,
            // It depends on x.
            None => mean(&fresh.aleatoric_sd()),
        },
        coverage90: fresh.coverage(fresh_y, 0.9)?.rate(),
        coverage50: fresh.coverage(fresh_y, 0.5)?.rate(),
        held_outside: held_outside(grid, prediction),
        epistemic_inside: mean(&inside),
        epistemic_at_6: (epistemic[0] + epistemic[epistemic.len() - 1]) / 2.0,
        elbo_per_n: network::elbo_per_row(&trained.mean_field, ROWS),
        epochs,
        train_seconds: trained.seconds,
        posterior: trained.posterior(),
        seed: options.seed,
        objective: network::objective(options),
        coverage90_epistemic_only: recipe.then(|| network::epistemic_coverage(fresh_y, fresh)),
    })
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn held_outside(grid: &[f64], p: &RegressionPrediction) -> f64 {
    let just_outside = |x: f64| x.abs() > 3.0 && x.abs() <= 4.5;
    let all = grid.iter().zip(p.mean()).zip(p.sd()).filter(|((x, _), _)| just_outside(**x));
    let held: Vec<f64> =
        all.map(|((x, mean), sd)| f64::from(u8::from((x.sin() - mean).abs() <= 2.0 * sd))).collect();
    mean(&held)
}

fn print_beside(
    (grid, p): (&[f64], &RegressionPrediction),
    (x, y, fresh): (&[f64], &[f64], &RegressionPrediction),
) -> Result<(), Box<dyn Error>> {
    let truth: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    say!(
        "\nthe mean field of Bayes by Backprop, a Gaussian for every weight, has beside this: RMSE {:.4}, 90 % intervals that\n\
         hold {:.1} %, 50 % intervals that hold {:.1} %, and the sine within two standard deviations on {:.0} % of 3 < |x| <= 4.5",
        fresh.rmse(&truth)?,
        100.0 * fresh.coverage(y, 0.9)?.rate(),
        100.0 * fresh.coverage(y, 0.5)?.rate(),
        100.0 * held_outside(grid, p),
    );
    Ok(())
}

fn print_report(options: &Options, s: &Summary, trained: &Trained) {
    say!("\n{}", trained.mean_field.posterior().report());
    if let Some(sampled) = &trained.sampled {
        say!("{sampled}");
    }
    say!("RMSE to the true sine on [-3, 3]        {:.4}", s.rmse_to_truth);
    let how = if options.objective == Objective::Recipe { "fixed" } else { "learned" };
    say!("noise: {how} {:.4}, true {NOISE}", s.noise_sd);
    let (most, half) = (100.0 * s.coverage90, 100.0 * s.coverage50);
    say!("90 % intervals hold {most:.1} % of fresh data on [-3, 3], 50 % intervals {half:.1} %");
    say!("the sine is within two standard deviations on {:.0} % of 3 < |x| <= 4.5", 100.0 * s.held_outside);
    say!("epistemic sd: {:.4} inside, {:.3} at |x| = 6", s.epistemic_inside, s.epistemic_at_6);
    if options.objective == Objective::Recipe {
        say!(
            "\nWhat MSE + 0.01 KL/N means: it is (0.01/N) times a negative ELBO (plus a constant) whose Gaussian likelihood has the\n\
             fixed noise variance {RECIPE_VARIANCE} (sd {:.4}), whatever the data. Here the true noise is {NOISE}. The spread of the\n\
             draws alone, which the recipe offers as its uncertainty, covers {:.1} % of fresh data where 90 % is meant; with\n\
             the noise that it implies, {:.1} %.",
            RECIPE_VARIANCE.sqrt(),
            100.0 * s.coverage90_epistemic_only.unwrap_or(f64::NAN),
            100.0 * s.coverage90,
        );
    }
}

fn draw(
    (x, y): (&[f64], &[f64]),
    (grid, truth): (&[f64], &[f64]),
    p: &RegressionPrediction,
    summary: &Summary,
) -> Figure {
    let how = match summary.posterior {
        "sampled" => "4 chains".to_owned(),
        _ => format!("{} epochs", summary.epochs),
    };
    let subtitle = format!(
        "RMSE {:.3} inside · noise {:.3} (true {NOISE}) · 90 % intervals cover {:.0} % of fresh data · {how} in {:.2} s",
        summary.rmse_to_truth,
        summary.noise_sd,
        100.0 * summary.coverage90,
        summary.train_seconds,
    );
    let title = if summary.objective == "recipe" {
        "MSE + 0.01 KL/N: what the popular recipe believes"
    } else {
        "A Bayesian neural net that knows what it does not know"
    };
    RegressionBand {
        title,
        subtitle: &subtitle,
        labels: ("x", "y"),
        x: grid,
        mean: &p.mean(),
        epistemic_sd: &p.epistemic_sd(),
        total_sd: &p.sd(),
        truth: Some(truth),
        data: (x, y),
    }
    .figure()
}
