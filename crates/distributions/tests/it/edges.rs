//! Borders of supports, NaN, bad parameters and extreme numbers.

use probity_autodiff::{Dual, Tape, Var};
use probity_distributions::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// `log_prob`, `cdf`, `sf`, `log_cdf`, `log_sf` at `x`.
fn at(d: impl Cdf<f64>, x: f64) -> [f64; 5] {
    [d.log_prob(x), d.cdf(x), d.sf(x), d.log_cdf(x), d.log_sf(x)]
}

#[test]
fn outside_the_support() {
    let (before, after) = ([-INF, 0.0, 1.0, -INF, 0.0], [-INF, 1.0, 0.0, 0.0, -INF]);
    for x in [-1e-300, -1.0, -1e300, -INF] {
        assert_eq!(at(LogNormal::new(0.0, 1.0), x), before, "LogNormal at {x}");
        assert_eq!(at(HalfNormal::new(2.0), x), before, "HalfNormal at {x}");
        assert_eq!(at(HalfCauchy::new(2.0), x), before, "HalfCauchy at {x}");
        assert_eq!(at(Exponential::new(2.0), x), before, "Exponential at {x}");
        assert_eq!(at(Uniform::new(0.0, 2.0), x), before, "Uniform at {x}");
    }
    assert_eq!(at(Normal::new(0.0, 1.0), -INF), before);
    assert_eq!(at(Laplace::new(0.0, 1.0), -INF), before);
    assert_eq!(at(Normal::new(0.0, 1.0), INF), after);
    assert_eq!(at(Laplace::new(0.0, 1.0), INF), after);
    assert_eq!(at(LogNormal::new(0.0, 1.0), INF), after);
    assert_eq!(at(HalfNormal::new(2.0), INF), after);
    assert_eq!(at(HalfCauchy::new(2.0), INF), after);
    assert_eq!(at(Exponential::new(2.0), INF), after);
    assert_eq!(at(Uniform::new(0.0, 2.0), INF), after);
}

#[test]
fn on_the_border() {
    assert_eq!(at(LogNormal::new(0.0, 1.0), 0.0), [-INF, 0.0, 1.0, -INF, 0.0]);
    assert_eq!(at(Exponential::new(2.0), 0.0), [2f64.ln(), 0.0, 1.0, -INF, 0.0]);
    assert_eq!(at(HalfCauchy::new(1.0), 0.0)[1..], [0.0, 1.0, -INF, 0.0]);
    assert_eq!(at(HalfNormal::new(1.0), 0.0)[1..], [0.0, 1.0, -INF, 0.0]);
    assert_eq!(at(Uniform::new(0.0, 2.0), 0.0), [-(2f64.ln()), 0.0, 1.0, -INF, 0.0]);
    assert_eq!(at(Uniform::new(0.0, 2.0), 2.0), [-(2f64.ln()), 1.0, 0.0, 0.0, -INF]);
}

trait Whole: Cdf<f64> + Moments<f64> + Entropy<f64> {}
impl<D: Cdf<f64> + Moments<f64> + Entropy<f64>> Whole for D {}

fn all(d: &impl Whole, x: f64, p: f64) -> Vec<f64> {
    let mut all = at(*d, x).to_vec();
    all.extend([d.quantile(p), d.mean(), d.variance(), d.entropy()]);
    all
}

fn all_nan(name: &str, d: &impl Whole) {
    for x in [-1.0, 0.0, 0.5, 2.0] {
        let got = all(d, x, 0.3);
        assert!(got.iter().all(|v| v.is_nan()), "{name} at {x}: {got:?}");
    }
}

fn nan_stays(name: &str, d: &impl Whole) {
    let got = &all(d, NAN, NAN)[..6];
    assert!(got.iter().all(|v| v.is_nan()), "{name}: {got:?}");
    assert!(d.quantile(-0.1).is_nan() && d.quantile(1.1).is_nan(), "{name}");
}

#[test]
fn bad_parameters_give_nan() {
    for s in [0.0, -1.0, NAN] {
        all_nan("Normal", &Normal::new(0.5, s));
        all_nan("Laplace", &Laplace::new(0.5, s));
        all_nan("LogNormal", &LogNormal::new(0.5, s));
        all_nan("HalfNormal", &HalfNormal::new(s));
        all_nan("HalfCauchy", &HalfCauchy::new(s));
        all_nan("Exponential", &Exponential::new(s));
        all_nan("Uniform", &Uniform::new(0.5, 0.5 + s));
    }
}

#[test]
fn nan_in_nan_out() {
    nan_stays("Normal", &Normal::new(0.5, 2.0));
    nan_stays("Laplace", &Laplace::new(0.5, 2.0));
    nan_stays("LogNormal", &LogNormal::new(0.5, 2.0));
    nan_stays("HalfNormal", &HalfNormal::new(2.0));
    nan_stays("HalfCauchy", &HalfCauchy::new(2.0));
    nan_stays("Exponential", &Exponential::new(2.0));
    nan_stays("Uniform", &Uniform::new(0.5, 2.0));
}

#[test]
fn quantiles_at_the_ends() {
    let ends = |d: &dyn Fn(f64) -> f64| [d(0.0), d(1.0)];
    assert_eq!(ends(&|p| Normal::standard().quantile(p)), [-INF, INF]);
    assert_eq!(ends(&|p| Laplace::new(0.0, 1.0).quantile(p)), [-INF, INF]);
    assert_eq!(ends(&|p| LogNormal::new(0.0, 1.0).quantile(p)), [0.0, INF]);
    assert_eq!(ends(&|p| HalfNormal::new(1.0).quantile(p)), [0.0, INF]);
    assert_eq!(ends(&|p| HalfCauchy::new(1.0).quantile(p)), [0.0, INF]);
    assert_eq!(ends(&|p| Exponential::new(1.0).quantile(p)), [0.0, INF]);
    assert_eq!(ends(&|p| Uniform::new(-1.0, 2.0).quantile(p)), [-1.0, 2.0]);
}

#[test]
fn extreme_scales() {
    for s in [1e-150, 1e-30, 1e150] {
        for (x, z) in [(0.3 * s, 0.3), (7.0 * s, 7.0)] {
            let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b} at scale {s}");
            near(Normal::new(0.0, s).log_prob(x), Normal::standard().log_prob(z) - s.ln());
            near(HalfCauchy::new(s).log_prob(x), HalfCauchy::new(1.0).log_prob(z) - s.ln());
            near(HalfNormal::new(s).log_sf(x), HalfNormal::new(1.0).log_sf(z));
            near(Laplace::new(0.0, s).log_cdf(x), Laplace::new(0.0, 1.0).log_cdf(z));
            near(Exponential::new(1.0 / s).log_cdf(x), Exponential::new(1.0).log_cdf(z));
        }
    }
    // The squared ratio overflows.
    let want = (2.0 / std::f64::consts::PI).ln() - 2.0 * 1e200f64.ln();
    assert!((HalfCauchy::new(1.0).log_prob(1e200) - want).abs() < 1e-12);
}

/// A clipped divergence keeps its derivatives; beyond a limit there are none, but no NaN either.
#[test]
fn derivatives_at_the_edges() {
    type D = Dual<f64, 1>;
    let one = D::variable(1.0, 0);
    let kl = Normal::<D>::new(0.0, one).kl(&Normal::<D>::new(0.0, 1.0));
    assert_eq!((kl.re, kl.du[0]), (0.0, 0.0));
    let kl = Uniform::<D>::new(one * 0.0, one).kl(&Uniform::<D>::new(0.2, 0.7));
    assert_eq!((kl.re, kl.du[0]), (INF, 0.0));
    let outside = HalfNormal::<D>::new(one).log_prob((-1.0).into());
    assert_eq!((outside.re, outside.du[0]), (-INF, 0.0));
    let outside = Uniform::<D>::new(one, 2.0).log_prob(3.0.into());
    assert_eq!((outside.re, outside.du[0]), (-INF, 0.0));
}

#[test]
fn broadcasting_and_sums() {
    let tape = Tape::<f64>::new();
    let (loc, scale) = (tape.column(&[0.0, 1.0, 2.0]), tape.scalar(2.0));
    let d: Laplace<Var<f64>> = Laplace::new(loc, scale);
    assert_eq!(Distribution::shape(&d), (3, 1));
    let x = d.sample(&tape, Key::new(1));
    let each = d.log_prob(x).value();
    assert!((d.log_prob_sum(x).item() - each.sum()).abs() < 1e-14);
    let (kl, method) = d.kl_from_normal(loc, scale, Terms::Sum).unwrap();
    let want: f64 = 3.0 * Normal::<f64>::new(0.0, 2.0).kl(&Laplace::new(0.0, 2.0));
    assert!((kl.item() - want).abs() < 1e-14);
    assert_eq!(method, KlMethod::Closed);
    let bad = Uniform::<Var<f64>>::new(tape.column(&[1.0, 2.0]), tape.column(&[3.0, 1.5]));
    let bad = bad.check().unwrap_err();
    assert_eq!((bad.parameter, bad.got), ("high", 1.5));
}

#[test]
fn a_normal_with_a_fixed_scale_is_the_same_on_a_tape() {
    use probity_autodiff::Terms;
    let (data, loc) = ([0.3, -2.0, 5.0, 0.1], 0.1);
    // Also where the inverse of the scale is not a number.
    for scale in [0.2, 1.0, 7.5, 1e-320, 1e-35, 1e35] {
        let want: Vec<f64> = data.iter().map(|x| Normal::new(loc, scale).log_prob(*x)).collect();
        let tape = Tape::<f64>::new();
        let (x, mean) = (tape.column(&data), tape.scalar(loc));
        let normal = Normal::new(mean, Var::from(scale));
        let each = normal.log_prob_terms(x, Terms::Each).value();
        let close = |got: f64, want: f64| got == want || (got - want).abs() <= 1e-14 * want.abs().max(1.0);
        assert!(each.iter().zip(&want).all(|(got, want)| close(*got, *want)), "{scale}: {each} {want:?}");
        let sum = normal.log_prob_terms(x, Terms::Sum);
        assert!(close(sum.item(), want.iter().sum()), "{scale}: {} {want:?}", sum.item());
        if (1e-3..1e3).contains(&scale) {
            let slope = tape.backward(sum).wrt(mean)[0];
            let exact: f64 = data.iter().map(|x| (x - loc) / (scale * scale)).sum();
            assert!((slope - exact).abs() < 1e-12 * exact.abs(), "{slope} {exact}");
        }
    }
}
