//! Families of rows and matrices, and those that are made of others: laws and tables.

use crate::common::{data, number};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, check_gradient};
use probity_distributions::laws::*;
use probity_distributions::*;

fn key(seed: u64) -> Key {
    Key::new(seed)
}

#[test]
fn multinomial_counts() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let d = Multinomial::new(tape.scalar(4.0), row(&[0.2, 0.5, 0.3]));
    // All counts: the masses sum to 1.
    let mut total = 0.0;
    for a in 0..=4 {
        for b in 0..=4 - a {
            let k = [f64::from(a), f64::from(b), f64::from(4 - a - b)];
            total += d.log_prob(row(&k)).item().exp();
        }
    }
    assert!((total - 1.0).abs() < 1e-14, "{total}");
    for bad in [[1.0, 1.0, 1.0], [4.0, 1.0, -1.0], [1.5, 1.5, 1.0]] {
        assert_eq!(d.log_prob(row(&bad)).item(), f64::NEG_INFINITY);
    }
    // Draws: totals, and means within six standard errors.
    let n = 20_000;
    let draws = Multinomial::new(tape.scalar(50.0), row(&[0.2, 0.5, 0.3])).rows(n);
    let x = draws.sample(&tape, key(2)).value();
    assert!((0..n).all(|i| x.row(i).sum() == 50.0));
    let (mean, variance) = (draws.mean().value(), draws.variance().value());
    for j in 0..3 {
        assert!((x.column(j).mean() - mean[j]).abs() < 6.0 * (variance[j] / n as f64).sqrt());
        assert!((x.column(j).variance() / variance[j] - 1.0).abs() < 0.06);
    }
    assert!(Multinomial::new(tape.scalar(1.5), row(&[0.5, 0.5])).check().is_err());
    // Two outcomes are a Binomial distribution.
    let two = Multinomial::new(tape.scalar(1e6), row(&[0.3, 0.7])).log_prob(row(&[300_100.0, 699_900.0]));
    let one: Binomial = Binomial::new(1e6, 0.3);
    assert!((two.item() - one.log_prob(300_100.0)).abs() < 1e-9);
    let at = [DMatrix::from_row_slice(1, 3, &[0.3, -0.2, 1.0])];
    let found = check_gradient(
        |x| {
            let tape = x[0].tape().unwrap();
            let k = tape.constant(&DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, 0.0, 6.0, 0.0]));
            Multinomial::from_logits(6.0, x[0]).log_prob_sum(k)
        },
        &at,
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn lkj_factors() {
    let tape = Tape::<f64>::new();
    let d = LkjCholesky::new(3, tape.scalar(2.0));
    let n = 4000;
    let mut correlations = Vec::new();
    for i in 0..n {
        let l = d.sample(&tape, key(i)).value();
        for r in 0..3 {
            assert!((l.row(r).norm() - 1.0).abs() < 1e-14 && l[(r, r)] > 0.0);
        }
        correlations.extend([l[(1, 0)], l[(2, 0)], (&l * l.transpose())[(2, 1)]]);
    }
    // Every correlation is 2 b - 1, b ~ Beta(a, a) with a = η - 1 + d/2: the variance is
    // 1 / (2 a + 1), here 1/6. Six standard errors (the kurtosis is below 3).
    let squares = Estimate::of(correlations.iter().map(|r| r * r));
    assert!((squares.value - 1.0 / 6.0).abs() < 6.0 * squares.standard_error * 1.5, "{squares}");
    let mean = Estimate::of(correlations.iter().copied());
    assert!(mean.value.abs() < 6.0 * mean.standard_error * 1.5, "{mean}");
    // 2 × 2, by quadrature: the density of the entry below the diagonal integrates to 1.
    let two = LkjCholesky::new(2, tape.scalar(2.5));
    let steps = 20_000;
    let total: f64 = (0..steps)
        .map(|i| {
            let r = -1.0 + (2.0 * f64::from(i) + 1.0) / f64::from(steps);
            let l = [1.0, r, 0.0, (1.0 - r * r).sqrt()];
            let l = tape.constant(&DMatrix::from_column_slice(2, 2, &l));
            two.log_prob(l).item().exp() * 2.0 / f64::from(steps)
        })
        .sum();
    assert!((total - 1.0).abs() < 1e-6, "{total}");
    // A larger concentration shrinks the correlation at fixed noise.
    let variable = tape.variable(&DMatrix::from_element(1, 1, 2.0));
    let l = LkjCholesky::new(2, variable).sample(&tape, key(3));
    let slope = tape.backward(l.diagonal().sum()).wrt(variable)[0];
    assert!(slope > 0.0, "{slope}");
    assert!(LkjCholesky::new(2, tape.scalar(-1.0)).check().is_err());
}

#[test]
fn mixtures_of_a_family() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let d = Mixture::new(row(&[0.0, 1.0]), Normal::new(row(&[-2.0, 3.0]), row(&[0.5, 1.5])));
    assert_eq!(d.shape(), (1, 1));
    let y = tape.column(&[0.3, -2.0, 50.0]);
    let w = 1f64.exp() / (1.0 + 1f64.exp());
    for (y, got) in [0.3, -2.0, 50.0].into_iter().zip(d.log_prob(y).value().iter()) {
        let (a, b): (Normal, Normal) = (Normal::new(-2.0, 0.5), Normal::new(3.0, 1.5));
        let want = ((1.0 - w).ln() + a.log_prob(y)).max(w.ln() + b.log_prob(y));
        let more = ((1.0 - w).ln() + a.log_prob(y)).min(w.ln() + b.log_prob(y));
        let want = want + (more - want).exp().ln_1p();
        assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{y}: {got} {want}");
    }
    assert!((d.log_prob_sum(y).item() - d.log_prob(y).value().sum()).abs() < 1e-12);
    let n = 20_000;
    let x = d.rows(n).sample(&tape, key(4)).value();
    let (mean, variance) = (d.mean().item(), d.variance().item());
    assert!((x.mean() - mean).abs() < 6.0 * (variance / n as f64).sqrt(), "{} {mean}", x.mean());
    assert!((x.variance() / variance - 1.0).abs() < 0.06, "{} {variance}", x.variance());
    assert_eq!(Mixture::new(row(&[0.0, 1.0, 2.0]), Normal::new(row(&[-2.0, 3.0]), 1.0)).shape(), (0, 0));
    let at = [row(&[0.2, -0.3]).value(), row(&[-1.0, 1.0]).value()];
    let found = check_gradient(
        |x| {
            let y = x[0].tape().unwrap().column(&[0.3, -2.0, 5.0]);
            Mixture::new(x[0], Normal::new(x[1], 0.7)).log_prob_sum(y)
        },
        &at,
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn more_zeros() {
    let d = ZeroInflated::<f64, _>::new(0.3, Poisson::new(2.0));
    integrates_to_one(&d).unwrap();
    moments_match_density(&d).unwrap();
    samples_match_moments(&d, 10_000, key(5)).unwrap();
    assert!((d.log_prob(0.0) - (0.3 + 0.7 * (-2f64).exp()).ln()).abs() < 1e-15);
    assert_eq!(d.log_prob(0.5), f64::NEG_INFINITY);
    // Ends, and a mass near 1.
    assert_eq!(ZeroInflated::new(0.0, Poisson::new(2.0)).log_prob(0.0), -2.0);
    assert_eq!(ZeroInflated::new(1.0, Poisson::new(2.0)).log_prob(1.0), f64::NEG_INFINITY);
    let rare = ZeroInflated::new(0.5, Poisson::new(1e-12));
    assert!((rare.log_prob(0.0) / -5e-13 - 1.0).abs() < 1e-12);
    assert!(ZeroInflated::<f64, _>::new(1.5, Poisson::new(2.0)).check().is_err());
}

/// Values of the table. Its gradients are those of components that differ by 1e-4 thirty standard
/// deviations from the point: they are differences of log densities of -450, which rounding moves
/// by 238 units. Gradients are compared with differences above.
#[test]
fn mixtures_match_the_table() {
    let Some(table) = data("distributions/MixtureOfNormals.json") else { return };
    let row = |x: &serde_json::Value| -> Vec<f64> {
        x.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let mut seen = 0;
    for case in table["cases"].as_array().unwrap() {
        let names = ["logits", "locs", "scales"];
        let values = names.map(|name| row(&case["params"][name]));
        let tape = Tape::<f64>::new();
        let [logits, locs, scales] =
            values.clone().map(|x| tape.constant(&DMatrix::from_row_slice(1, x.len(), &x)));
        let d = Mixture::new(logits, Normal::new(locs, scales));
        for (got, name) in [(d.mean(), "mean"), (d.variance(), "variance")] {
            let (got, want) = (got.item(), number(case, name).unwrap());
            let size = want.abs() + values[1].iter().map(|x| x * x).sum::<f64>();
            assert!((got - want).abs() < 50.0 * f64::EPSILON * size, "{name}: {got:e} {want:e}");
        }
        for point in case["points"].as_array().unwrap() {
            let x = number(point, "x").unwrap();
            let (got, want) = (d.log_prob(tape.scalar(x)).item(), number(point, "log_prob").unwrap());
            let slopes = names.map(|name| row(&point["d_params"][name]));
            let moved: f64 =
                values.iter().flatten().zip(slopes.iter().flatten()).map(|(v, s)| (v * s).abs()).sum();
            let size = want.abs() + moved + (x * number(point, "d_x").unwrap()).abs();
            assert!((got - want).abs() < 50.0 * f64::EPSILON * size, "{x:e}: {got:e} {want:e}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}
