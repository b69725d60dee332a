//! Families of rows and matrices: tables, and where there are none, the same density by another
//! way; draws by their moments and their gradients.

use crate::conformance_more::{Family, Pair, Var, kl_match_the_tables, match_the_tables, table_row};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Tape, Terms, check_gradient};
use probity_distributions::*;

fn families() -> Vec<Family> {
    vec![
        table_row!("LowRankMultivariateNormal" ["loc" "cov_factor" "cov_diag"]
            |p| LowRankMultivariateNormal::new(p[0], p[1], p[2]), moments covariance),
        table_row!("MultivariateNormal" ["loc" "covariance"]
            |p| MultivariateNormal::from_covariance(p[0], p[1]).unwrap(), moments covariance),
        table_row!("MultivariateNormal" ["loc" "precision"]
            |p| MultivariateNormal::from_precision(p[0], p[1]).unwrap(), moments covariance),
        table_row!("MultivariateStudentT" ["df" "loc" "scale_tril"]
            |p| MultivariateStudentT::new(p[0], p[1], p[2]), moments covariance),
        table_row!("Wishart" ["df" "scale_matrix"]
            |p| Wishart::new(p[0], p[1].cholesky().unwrap()), moments variance),
        table_row!("DirichletMultinomial" ["total_count" "concentration"]
            |p| DirichletMultinomial::new(p[0], p[1]); no entropy, moments variance),
        table_row!("OneHotCategorical_logits" ["logits"] |p| OneHotCategorical::new(p[0]), moments variance),
    ]
}

#[test]
fn families_of_rows_match_the_tables() {
    match_the_tables(families());
}

pub fn pairs() -> Vec<Pair> {
    let pair = |families, parameters, kl| Pair { file: "multivariate", families, parameters, kl };
    let (low, full): (&[_], &[_]) = (&["loc", "cov_factor", "cov_diag"], &["loc", "scale_tril"]);
    let (wishart, matrix): (&[_], &[_]) =
        (&["df", "scale_tril"], &["loc", "scale_row_tril", "scale_col_tril"]);
    let (low_name, full_name) = ("LowRankMultivariateNormal", "MultivariateNormal");
    vec![
        pair([low_name, low_name], [low, low], |p| {
            let q = LowRankMultivariateNormal::new(p[0], p[1], p[2]);
            q.kl_sum(&LowRankMultivariateNormal::new(p[3], p[4], p[5]))
        }),
        pair([low_name, full_name], [low, full], |p| {
            let q = LowRankMultivariateNormal::new(p[0], p[1], p[2]);
            q.kl_sum(&MultivariateNormal::from_cholesky(p[3], p[4]))
        }),
        pair([full_name, low_name], [full, low], |p| {
            let q = MultivariateNormal::from_cholesky(p[0], p[1]);
            q.kl_sum(&LowRankMultivariateNormal::new(p[2], p[3], p[4]))
        }),
        pair(["Wishart", "Wishart"], [wishart, wishart], |p| {
            Wishart::new(p[0], p[1]).kl_sum(&Wishart::new(p[2], p[3]))
        }),
        pair(["MatrixNormal", "MatrixNormal"], [matrix, matrix], |p| {
            MatrixNormal::new(p[0], p[1], p[2]).kl_sum(&MatrixNormal::new(p[3], p[4], p[5]))
        }),
    ]
}

#[test]
fn divergences_of_rows_match_the_tables() {
    kl_match_the_tables(pairs());
}

pub fn key(seed: u64) -> Key {
    Key::new(seed)
}

pub fn random(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
    let mut x = vec![0.0; rows * cols];
    fill_normal(key(seed), 0, &mut x);
    DMatrix::from_column_slice(rows, cols, &x)
}

/// A lower-triangular matrix with a positive diagonal.
pub fn factor(n: usize, seed: u64) -> DMatrix<f64> {
    let x = random(n, n, seed);
    DMatrix::from_fn(n, n, |i, j| {
        if i < j {
            0.0
        } else if i == j {
            0.5 + x[(i, j)].abs()
        } else {
            0.5 * x[(i, j)]
        }
    })
}

pub fn row(x: &[f64]) -> DMatrix<f64> {
    DMatrix::from_row_slice(1, x.len(), x)
}

#[track_caller]
pub fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{got} {want}");
}

/// The mean and the mean square deviation of every entry of draws lie within six standard errors
/// (one key in 10⁸ for light tails) of mean and variance.
#[track_caller]
pub fn moments_match(draws: &[DMatrix<f64>], mean: &DMatrix<f64>, variance: &DMatrix<f64>) {
    let ((rows, cols), n) = (draws[0].shape(), draws.len() as f64);
    let at = |m: &DMatrix<f64>, i: usize, j: usize| m[(i.min(m.nrows() - 1), j.min(m.ncols() - 1))];
    for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
        let (mean, variance) = (at(mean, i, j), at(variance, i, j));
        let got = Estimate::of(draws.iter().map(|x| x[(i, j)]));
        assert!((got.value - mean).abs() <= 6.0 * (variance / n).sqrt(), "mean {i} {j}: {got} {mean}");
        let got = Estimate::of(draws.iter().map(|x| (x[(i, j)] - mean).powi(2)));
        assert!(
            (got.value - variance).abs() <= 6.0 * got.standard_error,
            "variance {i} {j}: {got} {variance}"
        );
    }
}

/// Draws of rows, each a matrix.
pub fn rows_of(x: Var<'_>) -> Vec<DMatrix<f64>> {
    let x = x.value();
    (0..x.nrows()).map(|i| x.rows(i, 1).into_owned()).collect()
}

/// Minus the mean log density of draws lies within six standard errors of the entropy.
#[track_caller]
pub fn entropy_matches(log_probs: impl IntoIterator<Item = f64>, entropy: f64) {
    let got = Estimate::of(log_probs.into_iter().map(|l| -l));
    assert!((got.value - entropy).abs() <= 6.0 * got.standard_error + 1e-12, "{got} {entropy}");
}

#[test]
fn low_rank_normals() {
    let tape = Tape::<f64>::new();
    let (loc, w) = (tape.constant(&random(1, 4, 1)), tape.constant(&random(4, 2, 2)));
    let v = tape.constant(&row(&[0.3, 1.5, 0.7, 2.0]));
    let d = LowRankMultivariateNormal::new(loc, w, v);
    let same = MultivariateNormal::from_covariance(loc, d.covariance()).unwrap();
    let x = tape.constant(&random(3, 4, 3));
    assert!((d.log_prob(x) - same.log_prob(x)).value().amax() < 1e-12);
    assert!(d.kl(&same).item() < 1e-13 && same.kl(&d).item() < 1e-13 && d.kl(&d).item() < 1e-13);
    close(d.entropy().item(), same.entropy().item(), 1e-13);
    let draws = d.rows(4000).sample(&tape, key(4));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    entropy_matches(d.log_prob(draws).value().iter().copied(), d.entropy().item());
    // A factor that is huge beside the diagonal: x lies on it, and the distance is that along it.
    let (w, v) = (tape.constant(&DMatrix::from_element(2, 1, 1e8)), tape.constant(&row(&[1.0, 1.0])));
    let flat = LowRankMultivariateNormal::new(tape.constant(&row(&[0.0, 0.0])), w, v);
    // ln det = ln(1 + 2e16), |x - W z|² + z² = (3e8)² / (1 + 2e16) · 2 for x = (3e8, 3e8): 9 · 1 -
    // ½e-16 …
    let want = -0.5 * 9.0 - 0.5 * (2e16f64).ln() - (std::f64::consts::TAU).ln();
    close(flat.log_prob(tape.constant(&row(&[3e8, 3e8]))).item(), want, 1e-14);
    assert_eq!(d.log_prob(tape.constant(&row(&[f64::INFINITY, 0.0, 0.0, 0.0]))).item(), f64::NEG_INFINITY);
    let bad = LowRankMultivariateNormal::new(
        loc,
        tape.constant(&random(4, 2, 2)),
        tape.constant(&row(&[0.3, -1.5, 0.7, 2.0])),
    );
    assert!(bad.check().is_err() && bad.log_prob(x).value()[0].is_nan() && bad.entropy().item().is_nan());
    let found = check_gradient(
        |p| LowRankMultivariateNormal::new(p[0], p[1], p[2].exp()).log_prob_sum(p[3]),
        &[random(1, 3, 1), random(3, 2, 2), random(1, 3, 5), random(2, 3, 6)],
    );
    assert!(found.error < 2e-8, "{found:?}");
    let found = check_gradient(
        |p| {
            let d = LowRankMultivariateNormal::new(p[0], p[1], p[2].exp());
            d.rows(2).sample(p[0].tape().unwrap(), key(8)).sq().sum()
        },
        &[random(1, 3, 1), random(3, 2, 2), random(1, 3, 5)],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn a_divergence_on_paper() {
    // Of N(0, I) to N(1, [[2, 0.8], [0.8, 0.5]]), which has the determinant 0.36.
    let tape = Tape::<f64>::new();
    let constant = |m: &DMatrix<f64>| tape.constant(m);
    let zeros = constant(&row(&[0.0, 0.0]));
    let q = MultivariateNormal::from_cholesky(zeros, constant(&DMatrix::identity(2, 2)));
    let covariance = constant(&DMatrix::from_row_slice(2, 2, &[2.0, 0.8, 0.8, 0.5]));
    let p = MultivariateNormal::from_covariance(constant(&row(&[1.0, 1.0])), covariance).unwrap();
    close(q.kl(&p).item(), 0.5 * (2.5 / 0.36 + 0.9 / 0.36 - 2.0 + 0.36f64.ln()), 1e-14);
}

#[test]
fn student_t_rows() {
    let tape = Tape::<f64>::new();
    let (loc, l) = (tape.constant(&random(1, 3, 1)), tape.constant(&factor(3, 2)));
    let d = MultivariateStudentT::new(tape.scalar(9.0), loc, l);
    let draws = d.rows(4000).sample(&tape, key(4));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    entropy_matches(d.log_prob(draws).value().iter().copied(), d.entropy().item());
    // One column is Student's t, and many degrees of freedom are the Normal.
    let one = MultivariateStudentT::new(tape.scalar(3.0), tape.scalar(0.4), tape.scalar(1.7));
    close(one.log_prob(tape.scalar(-2.0)).item(), StudentT::new(3.0, 0.4, 1.7).log_prob(-2.0), 1e-14);
    let x = tape.constant(&random(2, 3, 3));
    let wide = MultivariateStudentT::new(tape.scalar(1e13), loc, l).log_prob(x);
    assert!((wide - MultivariateNormal::from_cholesky(loc, l).log_prob(x)).value().amax() < 1e-11);
    let heavy = MultivariateStudentT::new(tape.scalar(1.0), loc, l);
    assert!(heavy.mean().value()[0].is_nan() && heavy.variance().value()[0] == f64::INFINITY);
    assert!(MultivariateStudentT::new(tape.scalar(0.0), loc, l).check().is_err());
    assert!(MultivariateStudentT::new(tape.scalar(-1.0), loc, l).log_prob(x).value()[0].is_nan());
    // Pathwise: d/d df of the mean of |x - loc|², which is tr(V) df / (df - 2).
    let df = tape.variable(&DMatrix::from_element(1, 1, 12.0));
    let moving = MultivariateStudentT::new(df, loc, l).rows(20_000).sample(&tape, key(5));
    let slope = tape.backward((moving - loc).sq().sum() * (1.0 / 20_000.0)).wrt(df)[0];
    let trace = (factor(3, 2) * factor(3, 2).transpose()).trace();
    close(slope, -2.0 * trace / 100.0, 0.05);
}

#[test]
fn wishart_matrices() {
    let tape = Tape::<f64>::new();
    let (l, df) = (factor(3, 2), 5.5);
    let d = Wishart::new(tape.scalar(df), tape.constant(&l));
    let draws: Vec<DMatrix<f64>> = (0..3000).map(|i| d.sample(&tape, key(6).fold_in(i)).value()).collect();
    moments_match(&draws, &d.mean().value(), &d.variance().value());
    let log_prob = |x: &DMatrix<f64>| d.log_prob(tape.constant(x)).item();
    entropy_matches(draws.iter().map(log_prob), d.entropy().item());
    assert_eq!(log_prob(&DMatrix::from_diagonal_element(3, 3, -1.0)), f64::NEG_INFINITY);
    assert_eq!(d.kl(&d).item(), 0.0);
    for bad in [1.9, -1.0, f64::NAN, f64::INFINITY] {
        let bad = Wishart::new(tape.scalar(bad), tape.constant(&l));
        assert!(bad.check().is_err() && bad.log_prob(tape.constant(&draws[0])).item().is_nan());
    }
    // Its inverse: the density of X⁻¹ with the Jacobian |X|^-(d + 1), the same draws' mean.
    let inverse = InverseWishart::new(tape.scalar(df + 4.0), tape.constant(&l));
    let precision = (&l * l.transpose()).try_inverse().unwrap().cholesky().unwrap().l();
    let of_inverse = Wishart::new(tape.scalar(df + 4.0), tape.constant(&precision));
    let x = &draws[0];
    let turned = of_inverse.log_prob(tape.constant(&x.clone().try_inverse().unwrap())).item();
    close(inverse.log_prob(tape.constant(x)).item(), turned - 4.0 * x.determinant().ln(), 1e-11);
    let draws: Vec<DMatrix<f64>> =
        (0..3000).map(|i| inverse.sample(&tape, key(7).fold_in(i)).value()).collect();
    moments_match(&draws, &inverse.mean().value(), &inverse.variance().value());
    let other = InverseWishart::new(tape.scalar(8.0), tape.constant(&factor(3, 9)));
    let log_ratio = |x: &DMatrix<f64>| {
        let x = tape.constant(x);
        inverse.log_prob(x).item() - other.log_prob(x).item()
    };
    let estimate = Estimate::of(draws.iter().map(log_ratio));
    assert!((inverse.kl(&other).item() - estimate.value).abs() < 6.0 * estimate.standard_error);
    assert_eq!(inverse.kl(&inverse).item(), 0.0);
    assert!(InverseWishart::new(tape.scalar(3.5), tape.constant(&l)).mean().value()[0] == f64::INFINITY);
    // Pathwise: the slope of the mean in df is V.
    let df = tape.variable(&DMatrix::from_element(1, 1, 5.5));
    let moving = Wishart::new(df, tape.constant(&l));
    let mut slopes = Vec::new();
    for i in 0..1000 {
        slopes.push(tape.backward(moving.sample(&tape, key(8).fold_in(i)).at(2, 1)).wrt(df)[0]);
    }
    let slope = Estimate::of(slopes);
    let want = (&l * l.transpose())[(2, 1)];
    assert!((slope.value - want).abs() < 6.0 * slope.standard_error, "{slope} {want}");
}

#[test]
fn matrix_normals() {
    let tape = Tape::<f64>::new();
    let (loc, a, b) = (random(2, 3, 1), factor(2, 2), factor(3, 3));
    let of = |m: &DMatrix<f64>| tape.constant(m);
    let d = MatrixNormal::new(of(&loc), of(&a), of(&b));
    // The columns after each other, with the Kronecker product of the factors.
    let vector = |m: &DMatrix<f64>| row(m.as_slice());
    let kron = b.kronecker(&a);
    let same = MultivariateNormal::from_cholesky(of(&vector(&loc)), of(&kron));
    let x = random(2, 3, 4);
    close(d.log_prob(of(&x)).item(), same.log_prob(of(&vector(&x))).item(), 1e-13);
    close(d.entropy().item(), same.entropy().item(), 1e-13);
    assert!(d.kl(&d).item() < 1e-14);
    let draws: Vec<DMatrix<f64>> = (0..3000).map(|i| d.sample(&tape, key(6).fold_in(i)).value()).collect();
    moments_match(&draws, &d.mean().value(), &d.variance().value());
    assert!(MatrixNormal::new(of(&loc), of(&(&a * -1.0)), of(&b)).check().is_err());
    let found = check_gradient(
        |p| {
            let d = MatrixNormal::new(p[0], p[1], p[2]);
            d.log_prob(p[3]) + d.sample(p[0].tape().unwrap(), key(9)).sq().sum()
        },
        &[loc, a, b, x],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn counts_and_one_hot_rows() {
    let tape = Tape::<f64>::new();
    let a = tape.constant(&row(&[0.7, 2.0, 4.0]));
    let d = DirichletMultinomial::new(tape.scalar(6.0), a);
    let all = (0..=6).flat_map(|i| (0..=6 - i).map(move |j| [i, j, 6 - i - j].map(f64::from)));
    let total: f64 = all.map(|k| d.log_prob(tape.constant(&row(&k))).item().exp()).sum();
    close(total, 1.0, 1e-13);
    let draws = d.rows(4000).sample(&tape, key(2));
    assert!(draws.value().column_sum().iter().all(|n| *n == 6.0));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    assert_eq!(d.log_prob(tape.constant(&row(&[1.0, 1.0, 1.0]))).item(), f64::NEG_INFINITY);
    assert!(DirichletMultinomial::new(tape.scalar(1.5), a).check().is_err());

    let logits = tape.variable(&row(&[0.3, -1.0, 0.8]));
    let d = OneHotCategorical::new(logits);
    let draws = d.rows(4000).sample(&tape, key(3));
    moments_match(&rows_of(draws), &d.mean().value(), &d.variance().value());
    let index = Categorical::new(logits);
    close(
        d.log_prob(tape.constant(&row(&[0.0, 0.0, 1.0]))).item(),
        index.log_prob(tape.scalar(2.0)).item(),
        1e-15,
    );
    for bad in [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]] {
        assert_eq!(d.log_prob(tape.constant(&row(&bad))).item(), f64::NEG_INFINITY);
    }
    assert!(d.log_prob(tape.constant(&row(&[f64::NAN, 0.0, 0.0]))).item().is_nan());
    let p = OneHotCategorical::new(tape.constant(&row(&[0.0, 0.0, 0.0])));
    assert_eq!(d.kl(&p).item(), index.kl(&p.index()).item());
    // Straight through: the value of a draw, the gradient of the probabilities.
    let weights = tape.constant(&row(&[1.0, -2.0, 0.5]));
    let through = d.sample_straight_through(&tape, key(3), (1, 1));
    assert_eq!(through.value(), d.sample(&tape, key(3)).value());
    let got = tape.backward((through * weights).sum()).wrt(logits);
    assert_eq!(got, tape.backward((d.mean() * weights).sum()).wrt(logits));
}

#[test]
fn relaxed_one_hot_rows() {
    let tape = Tape::<f64>::new();
    let logits = tape.variable(&row(&[0.3, -1.0, 0.8]));
    for t in [0.2, 0.7, 3.0] {
        // Two columns: the density, by the trapezoidal rule in the log odds.
        let d = RelaxedOneHot::new(tape.scalar(t), tape.constant(&row(&[0.4, -0.3])));
        let density = |u: f64| d.log_prob_unconstrained(tape.scalar(u), Terms::Sum).item().exp();
        let (n, end) = (4000, 45.0 / f64::min(t, 1.0));
        let h = 2.0 * end / f64::from(n);
        let total: f64 = (0..=n).map(|i| density(h * f64::from(i) - end) * h).sum();
        close(total, 1.0, 1e-9);
        let u = tape.scalar(0.6);
        let support = d.support();
        let want = d.log_prob(support.constrain(u).unwrap()) + support.log_det(u, Terms::Each).unwrap();
        close(d.log_prob_unconstrained(u, Terms::Each).item(), want.item(), 1e-13);
        // The largest entry is that of the categorical draw, whatever the temperature.
        let d = RelaxedOneHot::new(tape.scalar(t), logits);
        let hard = d.sample_straight_through(&tape, key(3), (4000, 1));
        moments_match(&rows_of(hard), &d.hard().mean().value(), &d.hard().variance().value());
    }
    let d = RelaxedOneHot::new(tape.scalar(0.5), logits);
    let (soft, hard) = (d.sample(&tape, key(4)), d.sample_straight_through(&tape, key(4), (1, 1)));
    assert_eq!(hard.value().iter().filter(|x| **x == 1.0).count(), 1);
    let weights = tape.constant(&row(&[1.0, -2.0, 0.5]));
    let got = tape.backward((hard * weights).sum()).wrt(logits);
    assert_eq!(got, tape.backward((soft * weights).sum()).wrt(logits));
    for bad in [[1.0, 0.0, 0.0], [0.5, 0.6, -0.1], [0.5, 0.6, 0.1], [f64::INFINITY, 0.0, 0.0]] {
        assert_eq!(d.log_prob(tape.constant(&row(&bad))).item(), f64::NEG_INFINITY, "{bad:?}");
    }
    assert!(RelaxedOneHot::new(tape.scalar(0.0), logits).check().is_err());
    assert!(RelaxedOneHot::new(tape.scalar(-1.0), logits).log_prob(soft).item().is_nan());
    // Small temperatures: entries that underflow have a density in unconstrained numbers.
    let cold = RelaxedOneHot::new(tape.scalar(1e-3), logits);
    let far = cold.log_prob_unconstrained(tape.constant(&row(&[-2000.0, 300.0])), Terms::Sum).item();
    assert!(far.is_finite(), "{far}");
    let found = check_gradient(
        |p| {
            let d = RelaxedOneHot::new(p[0].exp(), p[1]);
            d.log_prob_unconstrained(p[2], Terms::Sum) + d.sample(p[0].tape().unwrap(), key(9)).at(0, 1)
        },
        &[DMatrix::from_element(1, 1, -0.3), random(1, 3, 2), random(1, 2, 3)],
    );
    assert!(found.error < 2e-8, "{found:?}");
}
