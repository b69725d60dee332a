//! Series along rows, fields on graphs, and Gaussian processes: the same density by way of a
//! covariance, draws by their moments, gradients.

use crate::multivariate::{close, entropy_matches, key, moments_match, random, row, rows_of};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Terms, check_gradient};
use probity_distributions::kernels::*;
use probity_distributions::*;

type Var<'t> = probity_autodiff::Var<'t, f64>;

/// The divergence of two Normal numbers of mean 0.
fn scales_apart(s: f64, t: f64) -> f64 {
    let (q, p): (Normal, Normal) = (Normal::new(0.0, s), Normal::new(0.0, t));
    q.kl(&p)
}

#[test]
fn rows_that_sum_to_zero() {
    let tape = Tape::<f64>::new();
    let d = ZeroSumNormal::new(4, tape.scalar(1.7));
    let support = d.support();
    let u = random(2, 3, 1);
    let x = support.constrain(tape.constant(&u)).unwrap();
    // The map is an isometry: the unconstrained numbers are independent.
    let want: f64 = u.iter().map(|u| Normal::new(0.0, 1.7).log_prob(*u)).sum();
    close(d.log_prob_sum(x).item(), want, 1e-13);
    close(d.log_prob_unconstrained(tape.constant(&u), Terms::Sum).item(), want, 1e-13);
    let draws = d.rows(4000).sample(&tape, key(2));
    assert!(draws.value().column_sum().amax() < 1e-13);
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    entropy_matches(d.log_prob(draws).value().iter().copied(), d.entropy().item());
    assert_eq!(d.log_prob(tape.constant(&row(&[1.0, 0.0, 0.0, 0.0]))).item(), f64::NEG_INFINITY);
    let p = ZeroSumNormal::new(4, tape.scalar(0.6));
    close(d.kl(&p).item(), 3.0 * scales_apart(1.7, 0.6), 1e-14);
    let bad = ZeroSumNormal::new(4, tape.scalar(-1.0));
    assert!(bad.check().is_err() && bad.log_prob(x).value()[0].is_nan() && bad.entropy().item().is_nan());
}

/// The density of a Normal row with this mean and this factor of its covariance.
fn by_factor(x: &DMatrix<f64>, mean: &DMatrix<f64>, factor: &DMatrix<f64>) -> f64 {
    let tape = Tape::new();
    let [x, mean] = [x, mean].map(|m| tape.constant(m));
    let covariance = tape.constant(&(factor * factor.transpose()));
    MultivariateNormal::from_covariance(mean, covariance).unwrap().log_prob_sum(x).item()
}

#[test]
fn random_walks() {
    let tape = Tape::<f64>::new();
    let normal = |loc: f64, scale: f64| Normal::new(tape.scalar(loc), tape.scalar(scale));
    let d = GaussianRandomWalk::new(5, normal(1.0, 2.0), normal(0.3, 0.7));
    // Sums of independent numbers.
    let sums = DMatrix::from_fn(5, 5, |i, j| {
        if j > i {
            0.0
        } else if j == 0 {
            2.0
        } else {
            0.7
        }
    });
    let mean = DMatrix::from_fn(1, 5, |_, j| 1.0 + 0.3 * j as f64);
    let x = random(3, 5, 1);
    close(d.log_prob_sum(tape.constant(&x)).item(), by_factor(&x, &mean, &sums), 1e-13);
    assert!((d.mean().value() - mean).amax() < 1e-15);
    let draws = d.rows(4000).sample(&tape, key(2));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    let one = GaussianRandomWalk::new(1, normal(1.0, 2.0), normal(0.3, 0.7));
    close(one.log_prob(tape.scalar(0.2)).item(), Normal::new(1.0, 2.0).log_prob(0.2), 1e-15);
    assert!(GaussianRandomWalk::new(5, normal(1.0, 2.0), normal(0.3, 0.0)).check().is_err());
    let found = check_gradient(
        |p| {
            let d = GaussianRandomWalk::new(4, Normal::new(p[0], p[1]), Normal::new(p[2], p[3]));
            d.log_prob_sum(p[4]) + d.sample(p[0].tape().unwrap(), key(3)).sq().sum()
        },
        &[0.3, 1.2, -0.4, 0.8]
            .map(|x| DMatrix::from_element(1, 1, x))
            .into_iter()
            .chain([random(2, 4, 5)])
            .collect::<Vec<_>>(),
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn autoregressive_series() {
    let tape = Tape::<f64>::new();
    let normal = |loc: f64, scale: f64| Normal::new(tape.scalar(loc), tape.scalar(scale));
    let phi = tape.constant(&row(&[0.6, -0.3]));
    let d = Autoregressive::new(6, phi, normal(1.0, 2.0), normal(0.2, 0.7));
    // (I - Φ) x = e.
    let system = DMatrix::from_fn(6, 6, |i, j| match i.checked_sub(j) {
        Some(0) => 1.0,
        Some(1) if i > 1 => -0.6,
        Some(2) => 0.3,
        _ => 0.0,
    });
    let inverse = system.try_inverse().unwrap();
    let noise = DMatrix::from_diagonal(&[2.0, 2.0, 0.7, 0.7, 0.7, 0.7].to_vec().into());
    let mean = (&inverse * DMatrix::from_column_slice(6, 1, &[1.0, 1.0, 0.2, 0.2, 0.2, 0.2])).transpose();
    let root = &inverse * noise;
    let x = random(3, 6, 1);
    close(d.log_prob_sum(tape.constant(&x)).item(), by_factor(&x, &mean, &root), 1e-12);
    let draws = d.rows(4000).sample(&tape, key(2));
    let covariance = &root * root.transpose();
    let variance = DMatrix::from_fn(1, 6, |_, j| covariance[(j, j)]);
    moments_match(&rows_of(draws), &mean, &variance);
    let bad = Autoregressive::new(6, tape.constant(&row(&[f64::NAN])), normal(1.0, 2.0), normal(0.2, 0.7));
    assert!(bad.check().is_err());
    let found = check_gradient(
        |p| {
            let d = Autoregressive::new(4, p[0], Normal::new(p[1], 1.1), Normal::new(p[2], p[3]));
            d.log_prob_sum(p[4]) + d.sample(p[0].tape().unwrap(), key(3)).sq().sum()
        },
        &[row(&[0.4, 0.2]), row(&[0.3]), row(&[-0.4]), row(&[0.8]), random(2, 4, 5)],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

/// A ring of five nodes with one more edge.
fn ring() -> DMatrix<f64> {
    let edge = |i: usize, j: usize| (i + 1) % 5 == j || (j + 1) % 5 == i || (i.min(j), i.max(j)) == (0, 2);
    DMatrix::from_fn(5, 5, |i, j| f64::from(u8::from(edge(i, j))))
}

#[test]
fn fields_on_a_graph() {
    let (tape, w) = (Tape::<f64>::new(), ring());
    let graph: Graph = Graph::new(&w).unwrap();
    assert_eq!((graph.nodes(), graph.parts()), (5, 1));
    let degrees = DMatrix::from_diagonal(&w.column_sum());
    let loc = tape.constant(&random(1, 5, 1));
    let d = ConditionalAutoregressive::new(&tape, &graph, loc, 0.8, 1.7);
    let precision = (&degrees - &w * 0.8) * 1.7;
    let same = MultivariateNormal::from_precision(loc, tape.constant(&precision)).unwrap();
    let x = tape.constant(&random(3, 5, 2));
    assert!((d.log_prob(x) - same.log_prob(x)).value().amax() < 1e-12);
    close(d.entropy().item(), same.entropy().item(), 1e-13);
    assert!((d.variance() - same.variance()).value().amax() < 1e-13);
    let draws = d.rows(4000).sample(&tape, key(2));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    for bad in [1.0, -1.5, f64::NAN] {
        let bad = ConditionalAutoregressive::new(&tape, &graph, loc, bad, 1.7);
        assert!(bad.check().is_err() && bad.log_prob(x).value()[0].is_nan());
    }
    let found = check_gradient(
        |p| {
            let tape = p[0].tape().unwrap();
            let d = ConditionalAutoregressive::new(tape, &graph, p[0], p[1].tanh(), p[2].exp());
            d.log_prob_sum(p[3]) + d.sample(tape, key(3)).sq().sum()
        },
        &[random(1, 5, 1), row(&[0.4]), row(&[-0.3]), random(2, 5, 2)],
    );
    assert!(found.error < 2e-8, "{found:?}");

    // On the plane: the exponent and the constant, by the Laplacian in the coordinates of the map.
    let d = IntrinsicAutoregressive::new(&tape, &graph, tape.scalar(1.3));
    let support = d.support();
    let basis = support.constrain(tape.constant(&DMatrix::identity(4, 4))).unwrap().value();
    let laplacian = (&basis * (degrees - &w) * basis.transpose()) / (1.3 * 1.3);
    let zeros = tape.constant(&DMatrix::zeros(1, 4));
    let same = MultivariateNormal::from_precision(zeros, tape.constant(&laplacian)).unwrap();
    let u = tape.constant(&random(3, 4, 6));
    let x = support.constrain(u).unwrap();
    assert!((d.log_prob(x) - same.log_prob(u)).value().amax() < 1e-12);
    close(d.entropy().item(), same.entropy().item(), 1e-13);
    let draws = d.rows(4000).sample(&tape, key(2));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    assert_eq!(d.log_prob(tape.constant(&row(&[1.0, 0.0, 0.0, 0.0, 0.0]))).item(), f64::NEG_INFINITY);
    let p = IntrinsicAutoregressive::new(&tape, &graph, tape.scalar(0.7));
    close(d.kl(&p).item(), 4.0 * scales_apart(1.3, 0.7), 1e-14);
}

/// Divergences that a Gaussian guide asks for, and those between two of a kind, by the covariances.
#[test]
fn divergences_are_those_of_the_covariances() {
    let tape = Tape::<f64>::new();
    let (loc, scale) = (tape.constant(&random(2, 5, 11)), tape.constant(&random(2, 5, 12).map(f64::exp)));
    let guide = DiagonalNormal::new(loc, scale);
    let agree = |(got, method): (Var<'_>, KlMethod), want: Var<'_>| {
        assert!(
            (got.value() - want.value()).amax() < 1e-12 * (1.0 + want.value().amax()),
            "{got:?} {want:?}"
        );
        assert_eq!(method, KlMethod::Closed);
    };
    let normal = |loc: f64, scale: f64| Normal::new(tape.scalar(loc), tape.scalar(scale));

    let walk = |a: f64, s: f64| GaussianRandomWalk::new(5, normal(1.0, 2.0), normal(a, s));
    let as_rows = |a: f64, s: f64| {
        let sums = DMatrix::from_fn(5, 5, |i, j| {
            if j > i {
                0.0
            } else if j == 0 {
                2.0
            } else {
                s
            }
        });
        MultivariateNormal::from_cholesky(walk(a, s).mean(), tape.constant(&sums))
    };
    for terms in [Terms::Each, Terms::Sum] {
        let got = walk(0.3, 0.7).kl_from_normal(loc, scale, terms).unwrap();
        agree(got, guide.kl_terms(&as_rows(0.3, 0.7), terms));
    }
    agree((walk(0.3, 0.7).kl(&walk(-0.1, 1.1)), KlMethod::Closed), as_rows(0.3, 0.7).kl(&as_rows(-0.1, 1.1)));

    let (graph, w): (Graph, _) = (Graph::new(&ring()).unwrap(), ring());
    let mean = tape.constant(&random(1, 5, 13));
    let car = |a: f64, p: f64| ConditionalAutoregressive::new(&tape, &graph, mean * a, a, p);
    let as_rows = |a: f64, p: f64| {
        let precision = (DMatrix::from_diagonal(&w.column_sum()) - &w * a) * p;
        MultivariateNormal::from_precision(mean * a, tape.constant(&precision)).unwrap()
    };
    for terms in [Terms::Each, Terms::Sum] {
        agree(
            car(0.8, 1.7).kl_from_normal(loc, scale, terms).unwrap(),
            guide.kl_terms(&as_rows(0.8, 1.7), terms),
        );
        agree(
            as_rows(0.8, 1.7).kl_from_normal(loc, scale, terms).unwrap(),
            guide.kl_terms(&as_rows(0.8, 1.7), terms),
        );
    }
    agree((car(0.8, 1.7).kl(&car(-0.4, 0.6)), KlMethod::Closed), as_rows(0.8, 1.7).kl(&as_rows(-0.4, 0.6)));
    assert_eq!(car(0.8, 1.7).kl(&car(0.8, 1.7)).item(), 0.0);

    // Of the unconstrained numbers, by draws.
    let zero_sum = ZeroSumNormal::new(6, tape.scalar(1.3));
    let (got, _) = zero_sum.kl_from_unconstrained_normal(loc, scale, Terms::Sum).unwrap();
    let terms = (0..4000).map(|i| {
        let u = guide.sample(&tape, key(14).fold_in(i));
        guide.log_prob_sum(u).item() - zero_sum.log_prob_unconstrained(u, Terms::Sum).item()
    });
    let estimate = Estimate::of(terms);
    assert!((got.item() - estimate.value).abs() < 6.0 * estimate.standard_error, "{got:?} {estimate}");

    let lkj = |eta: f64| LkjCholesky::new(4, tape.scalar(eta));
    let terms = (0..4000).map(|i| {
        let l = lkj(1.5).sample(&tape, key(15).fold_in(i));
        lkj(1.5).log_prob(l).item() - lkj(4.0).log_prob(l).item()
    });
    let (got, estimate) = (lkj(1.5).kl(&lkj(4.0)).item(), Estimate::of(terms));
    assert!((got - estimate.value).abs() < 6.0 * estimate.standard_error, "{got} {estimate}");
    assert_eq!(lkj(1.5).kl(&lkj(1.5)).item(), 0.0);
}

#[test]
fn graphs_that_are_none() {
    let refused =
        |n: usize, w: &[f64]| Graph::<f64>::new(&DMatrix::from_row_slice(n, n, w)).unwrap_err().to_string();
    assert!(refused(2, &[0.0, 1.0, 2.0, 0.0]).contains("symmetric"));
    assert!(refused(2, &[1.0, 1.0, 1.0, 0.0]).contains("diagonal"));
    assert!(refused(2, &[0.0, -1.0, -1.0, 0.0]).contains("0 or more"));
    assert!(refused(3, &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).contains("every node"));
    assert!(Graph::<f64>::new(&DMatrix::zeros(2, 3)).is_err());
    // Two pairs: no level for both.
    let mut w = DMatrix::zeros(4, 4);
    for (i, j) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        w[(i, j)] = 1.0;
    }
    let (graph, tape) = (Graph::<f64>::new(&w).unwrap(), Tape::new());
    assert_eq!(graph.parts(), 2);
    let d = IntrinsicAutoregressive::new(&tape, &graph, 1.0);
    assert!(d.check().unwrap_err().to_string().contains("connected"));
    let zeros = tape.constant(&DMatrix::zeros(1, 4));
    assert!(d.log_prob(zeros).item().is_nan() && d.entropy().item().is_nan());
    assert!(d.sample(&tape, key(1)).value()[0].is_nan() && d.variance().value()[0].is_nan());
}

#[test]
fn kernels_by_their_formulas() {
    let tape = Tape::<f64>::new();
    let (a, b) = (random(3, 2, 1), random(4, 2, 2));
    let (x, y) = (tape.constant(&a), tape.constant(&b));
    let length = tape.constant(&row(&[0.7, 1.3]));
    let r = |i: usize, j: usize| ((a[(i, 0)] - b[(j, 0)]) / 0.7).hypot((a[(i, 1)] - b[(j, 1)]) / 1.3);
    let check = |k: Var<'_>, f: &dyn Fn(f64) -> f64| {
        let want = DMatrix::from_fn(3, 4, |i, j| f(r(i, j)));
        assert!((k.value() - want).amax() < 1e-14);
    };
    check(SquaredExponential { length }.matrix(x, y), &|r| (-0.5 * r * r).exp());
    check(Matern12 { length }.matrix(x, y), &|r| (-r).exp());
    let (three, five) = (3f64.sqrt(), 5f64.sqrt());
    check(Matern32 { length }.matrix(x, y), &|r| (1.0 + three * r) * (-three * r).exp());
    check(Matern52 { length }.matrix(x, y), &|r| (1.0 + five * r + 5.0 / 3.0 * r * r) * (-five * r).exp());
    let sum = SquaredExponential { length }.plus(Constant { scale: tape.scalar(2.0) });
    check(sum.matrix(x, y), &|r| (-0.5 * r * r).exp() + 4.0);
    let product =
        Scaled { amplitude: tape.scalar(3.0), kernel: Matern12 { length }.times(Matern12 { length }) };
    check(product.matrix(x, y), &|r| 9.0 * (-2.0 * r).exp());
    let periodic = Periodic { period: tape.scalar(1.7), length: tape.scalar(0.9) };
    let (one, two) = (tape.column(&[0.0, 0.4]), tape.column(&[1.7, 5.5]));
    let got = periodic.matrix(one, two).value();
    let want = |d: f64| (-2.0 * ((std::f64::consts::PI * d / 1.7).sin() / 0.9).powi(2)).exp();
    close(got[(0, 0)], 1.0, 1e-14);
    close(got[(1, 1)], want(5.1), 1e-13);
    // Equal inputs have a gradient.
    let found = check_gradient(
        |p| {
            let kernel = Matern52 { length: p[0] }.plus(Matern32 { length: p[0] });
            let kernel = kernel.plus(Matern12 { length: p[0] }.times(SquaredExponential { length: p[0] }));
            let w = p[0].tape().unwrap().constant(&random(3, 3, 7));
            (kernel.matrix(p[1], p[1]) * w).sum()
        },
        &[row(&[0.8, 1.1]), random(3, 2, 4)],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn gaussian_processes() {
    let tape = Tape::<f64>::new();
    let (x, y) = (tape.column(&[0.0, 0.4, 1.1, 2.0]), tape.constant(&random(1, 4, 1)));
    let kernel = Scaled { amplitude: tape.scalar(1.4), kernel: Matern52 { length: tape.scalar(0.8) } };
    let (mean, noise) = (tape.scalar(0.3), tape.scalar(0.2));
    // The joint distribution of old and new numbers, less that of the old ones, is the posterior's.
    let new = tape.column(&[0.7, 3.0]);
    let values = tape.constant(&row(&[0.1, -0.4]));
    let all = probity_autodiff::Var::concat_rows(&[x, new]);
    let noises = tape.constant(&row(&[0.2, 0.2, 0.2, 0.2, 1e-6, 1e-6]));
    let joint = marginal(kernel, all, mean, noises).unwrap();
    let old = marginal(kernel, x, mean, noise).unwrap();
    let rest = posterior(kernel, (x, y), (mean, noise), new, 1e-12).unwrap();
    let both = probity_autodiff::Var::concat_cols(&[y, values]);
    let want = joint.log_prob(both).item() - old.log_prob(y).item();
    close(rest.log_prob(values).item(), want, 1e-10);
    // Equal inputs without noise are an error, not a panic.
    let twice = tape.column(&[1.0, 1.0]);
    assert!(marginal(kernel, twice, 0.0, 0.0).is_err());
    let found = check_gradient(
        |p| {
            let tape = p[0].tape().unwrap();
            let x = tape.column(&[0.0, 0.4, 1.1, 2.0]);
            let kernel = Scaled { amplitude: p[0], kernel: SquaredExponential { length: p[1] } };
            marginal(kernel, x, p[2], p[3]).unwrap().log_prob_sum(tape.constant(&random(1, 4, 1)))
        },
        &[row(&[1.4]), row(&[0.8]), row(&[0.3]), row(&[0.2])],
    );
    assert!(found.error < 2e-8, "{found:?}");
}
