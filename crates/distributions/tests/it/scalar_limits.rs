//! Families on a part of their values, censored ones, and a single point.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Var, check_gradient, dmatrix};
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!(got == want || (got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

fn laws_of<D: Cdf<f64> + Sample<f64>>(d: D) {
    integrates_to_one(&d).unwrap();
    cdf_matches_density(&d).unwrap();
    quantile_inverts_cdf(&d).unwrap();
    samples_follow_cdf(&d, 5_000, Key::new(1)).unwrap();
    cdf_at_edges(&d).unwrap();
}

#[test]
fn truncated() {
    laws_of(Truncated::between(Gamma::<f64>::new(2.0, 1.0), 0.5, 4.0));
    laws_of(Truncated::above(StudentT::<f64>::new(3.0, 0.0, 1.0), 1.0));
    laws_of(Truncated::below(Gumbel::<f64>::new(0.0, 1.0), -0.3));
    laws_of(Truncated::below(LogNormal::<f64>::new(0.0, 1.0), 2.0));
    laws_of(Truncated::between(Poisson::<f64>::new(4.0), 2.0, 7.0));
    laws_of(Truncated::above(NegativeBinomial::<f64>::from_mean(3.0, 2.0), 1.0));
    // The Normal has a family of its own, which is right farther out; densities here are as well.
    for (low, high) in [(-1.0, 2.0), (5.0, 7.0), (-12.0, -10.0)] {
        let d = Truncated::between(Normal::<f64>::new(0.3, 1.5), low, high);
        let own = TruncatedNormal::<f64>::new(0.3, 1.5, low, high);
        for x in [low, low + 0.3, high - 0.1, high] {
            close(d.log_prob(x), own.log_prob(x), 1e-12);
            close(d.log_cdf(x), own.log_cdf(x), 1e-11);
            close(d.log_sf(x), own.log_sf(x), 1e-11);
        }
    }
    // Both limits of counts belong to them.
    let d = Truncated::between(Poisson::<f64>::new(4.0), 2.0, 7.0);
    let p: Poisson = Poisson::new(4.0);
    let mass: f64 = (2..=7).map(|k| p.log_prob(f64::from(k)).exp()).sum();
    close(d.log_prob(2.0), p.log_prob(2.0) - mass.ln(), 1e-14);
    assert_eq!([d.log_prob(1.0), d.log_prob(8.0)], [-INF; 2]);
    // Supports are those of the base between the limits.
    assert_eq!(Truncated::above(Normal::<f64>::standard(), 1.0).support(), Support::GreaterThan(1.0));
    assert_eq!(Truncated::below(Gamma::<f64>::new(1.0, 1.0), 2.0).support(), Support::Interval(0.0, 2.0));
    assert_eq!(Truncated::above(Gamma::<f64>::new(1.0, 1.0), -2.0).support(), Support::GreaterThan(0.0));
    let bad = Truncated::between(Normal::<f64>::standard(), 2.0, 1.0).check().unwrap_err();
    assert_eq!((bad.family, bad.parameter, bad.got), ("Truncated", "high", 1.0));
    assert!(Truncated::above(Normal::<f64>::standard(), INF).check().is_err());
    assert!(Truncated::above(Normal::<f64>::new(0.0, -1.0), 0.0).log_prob(1.0).is_nan());
}

/// Gradients of densities and draws, in limits and parameters, on the tape.
#[test]
fn gradients_through_limits() {
    fn f<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
        let tape = x[0].tape().unwrap();
        let y = tape.column(&[0.9, 1.3, 2.5]);
        let gamma = Gamma::<Var<'t, f64>>::new(x[0], x[1]);
        let (a, b) = (
            Truncated::between(gamma, x[2], 3.0),
            Truncated::above(Normal::<Var<'t, f64>>::new(x[0], x[1]), x[2]),
        );
        let seen = Censored::between(Normal::<Var<'t, f64>>::new(x[0], x[1]), 0.9, 2.5);
        let draws = a.rows(4).sample(tape, Key::new(1)).sum() + b.rows(4).sample(tape, Key::new(2)).sum();
        a.log_prob_sum(y) + b.log_prob_sum(y) + seen.log_prob_sum(y) + draws
    }
    let at: [DMatrix<f64>; 3] = [dmatrix![1.7], dmatrix![0.8], dmatrix![0.4]];
    let found = check_gradient(f, &at);
    assert!(found.error < 2e-7, "{found:?}");
}

#[test]
fn censored() {
    let base = Normal::<f64>::new(0.3, 1.5);
    let d = Censored::between(base, -1.0, 2.0);
    assert_eq!([d.log_prob(-1.0), d.log_prob(2.0)], [base.log_cdf(-1.0), base.log_sf(2.0)]);
    assert_eq!([d.log_prob(0.7), d.log_prob(-1.5), d.log_prob(2.5)], [base.log_prob(0.7), -INF, -INF]);
    // Draws: the shares at the limits, six standard errors.
    let n = 10_000;
    let draws = d.draws(n, Key::new(1));
    for (limit, p) in [(-1.0, base.cdf(-1.0)), (2.0, base.sf(2.0))] {
        let share = draws.iter().filter(|x| **x == limit).count() as f64 / n as f64;
        assert!((share - p).abs() < 6.0 * (p * (1.0 - p) / n as f64).sqrt(), "{limit}: {share} {p}");
    }
    assert!(draws.iter().all(|x| (-1.0..=2.0).contains(x)));
    // Of counts the masses add up to 1.
    let d = Censored::between(Poisson::<f64>::new(4.0), 2.0, 7.0);
    let total: f64 = (2..=7).map(|k| d.log_prob(f64::from(k)).exp()).sum();
    close(total, 1.0, 1e-14);
    assert_eq!(Censored::above(base, INF).check().unwrap_err().parameter, "high");
    assert_eq!(Censored::between(base, 2.0, 2.0).check().unwrap_err().parameter, "high");
    // On the tape with a limit of its own for every row.
    let tape = Tape::<f64>::new();
    let time = tape.column(&[1.0, 2.0, 3.0]);
    let seen = Censored::above(Exponential::new(tape.scalar(0.5)), tape.column(&[5.0, 2.0, 4.0]));
    let log_prob = seen.log_prob(time).value();
    close(log_prob[1], -1.0, 1e-15);
    close(log_prob[0], 0.5f64.ln() - 0.5, 1e-15);
    assert_eq!(seen.shape(), (3, 1));
}

#[test]
fn delta() {
    let d = Delta::<f64>::new(1.5);
    assert_eq!(
        [d.log_prob(1.5), d.log_prob(1.4), d.mean(), d.variance(), d.entropy()],
        [0.0, -INF, 1.5, 0.0, 0.0]
    );
    assert!(d.log_prob(f64::NAN).is_nan() && Delta::<f64>::new(INF).log_prob(INF).is_nan());
    assert_eq!(d.draws(3, Key::new(1)), [1.5; 3]);
    assert_eq!(Delta::<f64>::new(f64::NAN).check().unwrap_err().parameter, "value");
    fn f<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
        let three = Delta::<Var<'t, f64>>::new(x[0]).rows(3);
        three.sample(x[0].tape().unwrap(), Key::new(1)).sq().sum()
    }
    let found = check_gradient(f, &[dmatrix![0.7]]);
    assert!(found.error < 1e-8, "{found:?}");
}
