//! Classes in the plane: how sure networks are far from all data.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_examples::say;
use probity_nn::{Activation, Classification, FittedClassification, Mlp};
use probity_vi::hmc::Chains;
use std::error::Error;
use std::f64::consts::{PI, TAU};
use std::time::Instant;

const ROWS: usize = 200;
const FRESH: usize = 2000;

pub type Kind = (&'static str, usize, fn(f64, usize) -> [f64; 2], f64);

/// Where the label's curve is at a number between 0 and 1; the noise.
pub const KINDS: [Kind; 2] = [
    (
        "two moons",
        2,
        |t, label| {
            let (s, c) = (PI * t).sin_cos();
            if label == 0 { [c, s] } else { [1.0 - c, 0.5 - s] }
        },
        0.2,
    ),
    (
        "four arms",
        4,
        |t, label| {
            let (angle, radius) = (2.5 * t + TAU / 4.0 * label as f64, 0.3 + 1.7 * t);
            [radius * angle.cos(), radius * angle.sin()]
        },
        0.15,
    ),
];

pub fn data((_, classes, at, noise): &Kind, n: usize, key: Key) -> (DMatrix<f64>, Vec<usize>) {
    let (mut t, mut e) = (vec![0.0; n], vec![0.0; 2 * n]);
    fill_uniform(key.fold_in(0), 0, &mut t);
    fill_normal(key.fold_in(1), 0, &mut e);
    let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
    (DMatrix::from_fn(n, 2, |i, j| at(t[i], labels[i])[j] + noise * e[2 * i + j]), labels)
}

/// Points on a circle around the data, at so many of their radii.
pub fn around(x: &DMatrix<f64>, radii: f64) -> DMatrix<f64> {
    let centre = x.row_mean();
    let radius = x.row_iter().map(|row| (row - &centre).norm()).fold(0.0, f64::max);
    DMatrix::from_fn(360, 2, |i, j| {
        let (s, c) = (TAU * i as f64 / 360.0).sin_cos();
        centre[j] + radii * radius * if j == 0 { c } else { s }
    })
}

pub fn run(seeds: u64) -> Result<(), Box<dyn Error>> {
    say!(
        "\nclasses in the plane, {ROWS} rows: accuracy and NLL on {FRESH} fresh rows, and the mean predictive entropy at so many"
    );
    say!("radii of the data, as a share of the largest possible; means over {seeds} data sets\n");
    say!("classes    posterior   accuracy    NLL |   2 radii     4    10   100 | seconds");
    for kind in &KINDS {
        let mut sums = [[0.0; 7]; 2];
        for seed in 0..seeds {
            let key = Key::new(seed).fold_in_str(kind.0);
            let (x, y) = data(kind, ROWS, key.fold_in(0));
            let fresh = data(kind, FRESH, key.fold_in(1));
            let clock = Instant::now();
            let chains = Chains { seed, ..Chains::default() };
            let sampled = Classification::sampled_for(2, kind.1).sample(&x, &y, &chains)?;
            let seconds = clock.elapsed().as_secs_f64();
            let outputs = if kind.1 == 2 { 1 } else { kind.1 };
            let net = Mlp::new(&[2, 16, 16, outputs], Activation::Relu);
            let clock = Instant::now();
            let fit = Classification::default_fit(ROWS).seed(seed).elbo_draws(0);
            let mean_field = Classification::new(net, kind.1).fit(&x, &y, fit)?;
            let own = clock.elapsed().as_secs_f64();
            for (sums, (fitted, seconds)) in sums.iter_mut().zip([(sampled, seconds), (mean_field, own)]) {
                let scores = scores(&fitted, &x, &fresh, kind.1, seconds)?;
                sums.iter_mut().zip(scores).for_each(|(s, x)| *s += x / seeds as f64);
            }
        }
        for (how, [accuracy, nll, two, four, ten, hundred, seconds]) in
            ["chains", "mean field"].iter().zip(sums)
        {
            say!(
                "{:<10} {how:<10} {accuracy:>9.3} {nll:>6.3} | {two:>9.2} {four:>5.2} {ten:>5.2} {hundred:>5.2} | {seconds:.2}",
                kind.0
            );
        }
    }
    Ok(())
}

fn scores(
    fitted: &FittedClassification,
    x: &DMatrix<f64>,
    (fresh, labels): &(DMatrix<f64>, Vec<usize>),
    classes: usize,
    seconds: f64,
) -> probity_nn::Result<[f64; 7]> {
    let inside = fitted.predict(fresh, 240)?;
    let entropy = |radii: f64| -> probity_nn::Result<f64> {
        let entropies = fitted.predict(&around(x, radii), 240)?.predictive_entropy();
        Ok(entropies.iter().sum::<f64>() / entropies.len() as f64 / (classes as f64).ln())
    };
    Ok([
        inside.accuracy(labels)?.rate(),
        -inside.log_score(labels)?,
        entropy(2.0)?,
        entropy(4.0)?,
        entropy(10.0)?,
        entropy(100.0)?,
        seconds,
    ])
}
