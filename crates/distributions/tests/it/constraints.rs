//! Supports whose entries depend on each other: inverse, Jacobian, extremes, and what lies outside.
//! The Dirichlet distribution, which is the first on one of them.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Axis, Key, Tape, Terms, Value, formula};
use probity_distributions::{
    Constraint, Dirichlet, Distribution, Entropy, Estimate, KlDivergence, Moments, Normal, Sample, Support,
};

type Var<'t> = probity_autodiff::Var<'t, f64>;
type Make = for<'t> fn(&'t Tape<f64>) -> Support<Var<'t>>;

fn numbers(n: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut x = vec![0.0; n];
    fill_normal(Key::new(seed), 0, &mut x);
    x.iter().map(|x| scale * x).collect()
}

/// The value of unconstrained numbers, and the log-determinants.
fn constrain(make: Make, shape: (usize, usize), u: &[f64]) -> (DMatrix<f64>, f64) {
    let tape = Tape::new();
    let support = make(&tape);
    let (rows, cols) = support.unconstrained_shape(shape).unwrap();
    let u = tape.constant(&DMatrix::from_column_slice(rows, cols, u));
    let x = support.constrain(u).unwrap();
    let [each, sum] = [Terms::Each, Terms::Sum].map(|t| support.log_det(u, t).unwrap());
    assert!((each.sum().item() - sum.item()).abs() < 1e-12 * (1.0 + sum.item().abs()));
    (x.value(), sum.item())
}

/// Whether an entry, by row and column, is free.
type IsFree = fn(usize, usize) -> bool;

/// Every support with a shape, the entries of a value that the others do not determine, and the
/// constant by which volumes in these coordinates differ (`ln √c` a row for an isometry).
fn all() -> Vec<(Make, (usize, usize), IsFree, f64)> {
    vec![
        (|_| Support::simplex(), (2, 4), |_, j| j < 3, 0.0),
        (|_| Support::ordered(), (2, 4), |_, _| true, 0.0),
        (|_| Support::positive_ordered(), (2, 3), |_, _| true, 0.0),
        (|_| Support::zero_sum(), (2, 5), |_, j| j < 4, -0.5 * 2.0 * 5f64.ln()),
        (|_| Support::lower_cholesky(), (4, 4), |i, j| i >= j, 0.0),
        (|_| Support::positive_definite(), (3, 3), |i, j| i >= j, 0.0),
        (|_| Support::correlation_cholesky(), (4, 4), |i, j| i > j, 0.0),
    ]
}

#[test]
fn jacobians_are_those_of_the_maps() {
    for (make, shape, free, constant) in all() {
        let (rows, cols) = make(&Tape::new()).unconstrained_shape(shape).unwrap();
        let n = rows * cols;
        for (seed, scale) in [(1, 0.5), (2, 1.5)] {
            let u = numbers(n, scale, seed);
            let of = |x: DMatrix<f64>| {
                let at = (0..shape.1).flat_map(|j| (0..shape.0).map(move |i| (i, j)));
                at.filter(|(i, j)| free(*i, *j)).map(|at| x[at]).collect::<Vec<f64>>()
            };
            let column = |k: usize| {
                // Central differences, extrapolated once: an error of about 1e-11.
                let at = |h: f64| {
                    let mut u = u.clone();
                    u[k] += h;
                    of(constrain(make, shape, &u).0)
                };
                let slope = |h: f64| -> Vec<f64> {
                    at(h).iter().zip(at(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
                };
                slope(1e-3).into_iter().zip(slope(2e-3)).map(|(a, b)| a + (a - b) / 3.0).collect::<Vec<_>>()
            };
            let jacobian = DMatrix::from_fn(n, n, |_, _| 0.0);
            let jacobian = (0..n).fold(jacobian, |mut jacobian, k| {
                jacobian.column_mut(k).copy_from_slice(&column(k));
                jacobian
            });
            let want = jacobian.determinant().abs().ln();
            let (x, got) = constrain(make, shape, &u);
            // The inverse, and the support itself.
            let tape = Tape::new();
            let Support::Mapped(map) = make(&tape) else { panic!() };
            assert!((got + constant - want).abs() < 1e-8, "{map:?}: {got} {want}");
            let back = map.unconstrain(tape.constant(&x)).value();
            let error = back.iter().zip(&u).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-11, "{map:?}: {error:e}");
            assert_eq!(map.outside(x.as_slice(), shape, &|_, _| 0.0), None, "{map:?}");
        }
    }
}

#[test]
fn gradients_through_the_maps() {
    for (make, shape, _, _) in all() {
        let (rows, cols) = make(&Tape::new()).unconstrained_shape(shape).unwrap();
        let at = [DMatrix::from_column_slice(rows, cols, &numbers(rows * cols, 1.0, 3))];
        let weights = DMatrix::from_column_slice(shape.0, shape.1, &numbers(shape.0 * shape.1, 1.0, 4));
        let found = probity_autodiff::check_gradient(
            |x| {
                let tape = x[0].tape().unwrap();
                let (support, w) = (make(tape), tape.constant(&weights));
                (support.constrain(x[0]).unwrap() * w).sum() + support.log_det(x[0], Terms::Sum).unwrap()
            },
            &at,
        );
        assert!(found.error < 2e-8, "{shape:?} {found:?}");
    }
}

#[test]
fn extremes_keep_their_digits() {
    // Parts of a stick that are far below rounding of 1 keep their logarithms.
    let (x, log_det) = constrain(|_| Support::simplex(), (1, 3), &[-600.0, 30.0]);
    assert!((x[0].ln() - (-600.0 - 2f64.ln())).abs() < 1e-12, "{x}");
    assert!((x[2].ln() + 30.0).abs() < 1e-12, "{x}");
    // ln x₁ + ln(1 - z₁) + ln x₂ + ln(1 - z₂).
    assert!((log_det - (-600.0 - 2f64.ln() - 30.0)).abs() < 1e-9, "{log_det}");
    let (x, _) = constrain(|_| Support::simplex(), (1, 3), &[800.0, 0.0]);
    assert_eq!((x[0], x[1], x[2]), (1.0, 0.0, 0.0));
    let (x, log_det) = constrain(|_| Support::correlation_cholesky(), (2, 2), &[20.0]);
    // √(1 - tanh² u) = 1 / cosh u.
    assert!((x[(1, 1)] * 20f64.cosh() - 1.0).abs() < 1e-13, "{x}");
    assert!((log_det + 2.0 * 20f64.cosh().ln()).abs() < 1e-12, "{log_det}");
}

#[test]
fn what_lies_outside_is_found() {
    let outside = |make: Make, rows: usize, cols: usize, x: &[f64]| {
        let tape = Tape::new();
        let Support::Mapped(map) = make(&tape) else { panic!() };
        map.outside(x, (rows, cols), &|_, _| 0.0)
    };
    assert_eq!(outside(|_| Support::simplex(), 1, 3, &[0.5, 0.6, -0.1]), Some(2));
    assert_eq!(outside(|_| Support::simplex(), 2, 2, &[0.5, 0.5, 0.5, 0.6]), Some(1));
    assert_eq!(outside(|_| Support::simplex(), 1, 2, &[0.0, 1.0]), None);
    assert_eq!(outside(|_| Support::ordered(), 1, 3, &[-1.0, 2.0, 2.0]), Some(2));
    assert_eq!(outside(|_| Support::positive_ordered(), 1, 2, &[-1.0, 2.0]), Some(0));
    assert_eq!(outside(|_| Support::zero_sum(), 1, 2, &[1.0, -1.1]), Some(0));
    assert_eq!(outside(|_| Support::lower_cholesky(), 2, 2, &[1.0, 2.0, 0.1, 1.0]), Some(2));
    assert_eq!(outside(|_| Support::lower_cholesky(), 2, 2, &[1.0, 2.0, 0.0, -1.0]), Some(3));
    assert_eq!(outside(|_| Support::positive_definite(), 2, 2, &[1.0, 2.0, 2.0, 1.0]), Some(3));
    assert_eq!(outside(|_| Support::positive_definite(), 2, 2, &[1.0, 0.5, 0.4, 1.0]), Some(2));
    assert_eq!(outside(|_| Support::correlation_cholesky(), 2, 2, &[1.0, 0.6, 0.0, 0.8]), None);
    assert_eq!(outside(|_| Support::correlation_cholesky(), 2, 2, &[1.0, 0.6, 0.0, 0.9]), Some(3));
    // NaN belongs to none.
    for (make, shape, _, _) in all() {
        let x = vec![f64::NAN; shape.0 * shape.1];
        let tape = Tape::new();
        let Support::Mapped(map) = make(&tape) else { panic!() };
        assert!(outside(make, shape.0, shape.1, &x).is_some(), "{map:?}");
        assert_eq!(map.unconstrained_shape((2, 1)).is_none(), !map.name.contains("ordered"));
    }
}

/// A support of a user's own, with a limit that may be a parameter: `x = limit eᵉˣᵖ⁽ᵘ⁾`.
struct Beyond;
impl<V: Value> Constraint<V> for Beyond {
    const NAME: &'static str = "beyond a positive limit";
    fn constrain(u: V, limits: &[V; 2]) -> V {
        V::apply(formula!(|u, limit| limit * u.exp().exp()), [u, limits[0]])
    }
    fn unconstrain(x: V, limits: &[V; 2]) -> V {
        V::apply(formula!(|x, limit| (x / limit).ln().ln()), [x, limits[0]])
    }
    fn log_det(u: V, limits: &[V; 2], terms: Terms) -> V {
        V::apply_as(terms, formula!(|u, limit| limit.ln() + u + u.exp()), [u, limits[0]])
    }
    fn outside(x: &[f64], _: (usize, usize), limit: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        (0..x.len()).find(|i| !(x[*i] > limit(0, *i)))
    }
}

#[test]
fn a_support_of_a_users_own() {
    let support: Support<f64> = Support::own::<Beyond>([2.0, 0.0]);
    for u in [-3.0, 0.0, 1.3] {
        let x = support.constrain(u).unwrap();
        assert!((support.unconstrain(x).unwrap() - u).abs() < 1e-12);
        let h = 1e-5;
        let slope = (support.constrain(u + h).unwrap() - support.constrain(u - h).unwrap()) / (2.0 * h);
        assert!((support.log_det(u, Terms::Each).unwrap() - slope.ln()).abs() < 1e-7);
    }
    assert!(support.contains(2.1) && !support.contains(1.9));
    assert_eq!(support, Support::own::<Beyond>([2.0, 0.0]));
    assert_ne!(support, Support::own::<Beyond>([3.0, 0.0]));
}

#[test]
fn within_a_support_densities_are_summed_over_events() {
    let tape = Tape::<f64>::new();
    let x = tape.constant(&DMatrix::from_row_slice(2, 2, &[-1.0, 0.5, 0.0, 2.0]));
    let normal = Normal::new(0.0, 1.0).shaped(2, 2);
    let ordered = normal.within(Support::ordered());
    let want = normal.log_prob(x).sum_axis(Axis::Cols).value();
    assert_eq!(ordered.log_prob(x).value(), want);
    assert_eq!(ordered.log_prob_sum(x).item(), normal.log_prob_sum(x).item());
    assert_eq!(normal.within(Support::lower_cholesky()).log_prob(x).shape(), (1, 1));
}

#[test]
fn dirichlet_in_unconstrained_numbers() {
    let tape = Tape::<f64>::new();
    let a = tape.constant(&DMatrix::from_row_slice(2, 3, &[0.3, 2.0, 5.0, 1.0, 1.0, 40.0]));
    let d = Dirichlet::new(a);
    let u = tape.constant(&DMatrix::from_row_slice(2, 2, &[0.3, -1.0, 2.0, 0.5]));
    let support = d.support();
    let want = d.log_prob(support.constrain(u).unwrap()) + support.log_det(u, Terms::Each).unwrap();
    let error = (d.log_prob_unconstrained(u, Terms::Each).value() - want.value()).amax();
    assert!(error < 1e-12, "{error:e}");
    // Where entries underflow the density of u goes on: Σ a ln x - ln B.
    let tiny = Dirichlet::new(tape.constant(&DMatrix::from_row_slice(1, 2, &[1e-3, 1e-3])));
    let u = tape.constant(&DMatrix::from_element(1, 1, -2000.0));
    let ln_beta = 1e-3f64.lgamma_sum();
    assert!((tiny.log_prob_unconstrained(u, Terms::Sum).item() - (-2.0 - ln_beta)).abs() < 1e-12);
}

trait LgammaSum {
    fn lgamma_sum(self) -> f64;
}
impl LgammaSum for f64 {
    /// `ln B(a, a)`.
    fn lgamma_sum(self) -> f64 {
        probity_autodiff::Real::ln_beta(self, self)
    }
}

#[test]
fn dirichlet_draws_sum_to_one() {
    for a in [1e-3, 0.5, 30.0] {
        let tape = Tape::<f64>::new();
        let a = DMatrix::from_row_slice(1, 3, &[a, a, 2.0 * a]);
        let d = Dirichlet::new(tape.constant(&a)).rows(20_000);
        let x = d.sample(&tape, Key::new(5)).value();
        let sums = x.column_sum();
        assert!(sums.iter().all(|s| (s - 1.0).abs() < 1e-14));
        // Six standard errors: 2e-9 for each of the entries.
        let (mean, variance) = (d.mean().value(), d.variance().value());
        for j in 0..3 {
            let got = x.column(j).mean();
            assert!((got - mean[j]).abs() < 6.0 * (variance[j] / 20_000.0).sqrt(), "{got} {}", mean[j]);
        }
        let of_rows = Dirichlet::new(tape.constant(&a));
        let entropy = of_rows.entropy().item();
        let log_prob = of_rows.log_prob(tape.constant(&x)).value();
        // Of tiny concentrations most draws have entries of 0, whose density is infinite.
        if a[0] > 0.1 {
            let n = log_prob.len() as f64;
            let error = (log_prob.variance() / n).sqrt();
            assert!((-log_prob.mean() - entropy).abs() < 6.0 * error, "{} {entropy}", -log_prob.mean());
        }
        assert_eq!(of_rows.kl(&of_rows).item(), 0.0);
    }
}

/// Draws of tiny concentrations by their logarithms: none is lost, each mean is that of a Gamma
/// variable's logarithm, and the derivative of that mean is the trigamma function.
#[test]
fn dirichlet_draws_of_tiny_concentrations_have_logarithms() {
    let n = 4000;
    for a in [1e-3, 1e-2] {
        let tape = Tape::<f64>::new();
        let concentration = tape.variable(&DMatrix::from_row_slice(1, 2, &[a, a]));
        let d = Dirichlet::new(concentration);
        let logs = d.sample_log(&tape, Key::new(5), (n, 1));
        let x = logs.value();
        let draws = d.sample_shaped(&tape, Key::new(5), (n, 1)).value();
        for i in 0..n {
            assert!(x[(i, 0)].is_finite() && x[(i, 1)].is_finite());
            // The larger entry is 1, within its precision.
            assert!((x[(i, 0)].exp() + x[(i, 1)].exp() - 1.0).abs() < 1e-12);
            assert!((x[(i, 0)].exp() - draws[(i, 0)]).abs() < 1e-14);
        }
        // Of the smaller of two entries, half are below the smallest number.
        let lost = draws.iter().filter(|x| **x == 0.0).count();
        assert!((lost > n / 4) == (a < 5e-3), "{lost} entries underflow");
        // The difference of the logarithms is that of two Gamma variables: mean 0, variance
        // 2 ψ'(a) ≈ 2 / a². The fourth moment is below 6 squares of the variance.
        let gap = Estimate::of((0..n).map(|i| x[(i, 0)] - x[(i, 1)]));
        assert!(gap.value.abs() < 6.0 * gap.standard_error, "{gap}");
        let squares = Estimate::of((0..n).map(|i| (x[(i, 0)] - x[(i, 1)]).powi(2)));
        let want = 2.0 / (a * a) + 2.0 * std::f64::consts::PI.powi(2) / 6.0;
        assert!((squares.value - want).abs() < 6.0 * squares.standard_error, "{squares} {want}");
        let slopes = tape.backward(logs.sum()).wrt(concentration);
        assert!(slopes.iter().all(|s| s.is_finite() && *s != 0.0), "{slopes}");
    }
}
