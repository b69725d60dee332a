//! Laws of the edges: values outside the support and at infinity, parameters out of range, numbers
//! near the limits of their range.

use super::derivative::{OnTape, Single, by_duals, by_tape, dual_log_prob, single_log_prob, tape_log_prob};
use super::{Family, Law, LawError};
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Sample};
use crate::kl::KlDivergence;
use crate::support::Support;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Tape, Terms, Var};
use std::fmt::Debug;

/// Values at which a density is asked for: both zeros, subnormal, ordinary, huge and infinite
/// numbers.
pub const EDGES: [f64; 17] = [
    f64::NEG_INFINITY,
    f64::MIN,
    -1e200,
    -2.5,
    -1.0,
    -1e-300,
    -5e-324,
    -0.0,
    0.0,
    5e-324,
    1e-300,
    0.4,
    1.0,
    2.5,
    1e200,
    f64::MAX,
    f64::INFINITY,
];

/// A capability of a distribution as numbers, each with a name; `x` is a value, or a probability
/// where one is asked for.
pub type Numbers<D> = fn(&D, f64) -> Vec<(&'static str, f64)>;

/// The density, also that of the unconstrained value, as [`Numbers`].
pub fn density<D: Distribution<f64>>(d: &D, x: f64) -> Vec<(&'static str, f64)> {
    vec![("log_prob", d.log_prob(x)), ("log_prob_unconstrained", d.log_prob_unconstrained(x, Terms::Each))]
}

/// The distribution function and its inverse as [`Numbers`]. `quantile` is asked for the fractional
/// part of `x`.
pub fn cdf<D: Cdf<f64>>(d: &D, x: f64) -> Vec<(&'static str, f64)> {
    let p = if x.is_finite() { x.abs().fract() } else { 0.5 };
    vec![
        ("cdf", d.cdf(x)),
        ("sf", d.sf(x)),
        ("log_cdf", d.log_cdf(x)),
        ("log_sf", d.log_sf(x)),
        ("quantile", d.quantile(p)),
    ]
}

/// Mean and variance as [`Numbers`].
pub fn moments<D: Moments<f64>>(d: &D, _: f64) -> Vec<(&'static str, f64)> {
    vec![("mean", d.mean()), ("variance", d.variance())]
}

/// The entropy as [`Numbers`].
pub fn entropy<D: Entropy<f64>>(d: &D, _: f64) -> Vec<(&'static str, f64)> {
    vec![("entropy", d.entropy())]
}

/// A draw by a key, and one by a generator of the `rand` crate, as [`Numbers`].
pub fn draw<D: Sample<f64> + rand_distr::Distribution<f64>>(d: &D, x: f64) -> Vec<(&'static str, f64)> {
    use rand::SeedableRng;
    let mut rng = rand::rngs::Xoshiro256PlusPlus::seed_from_u64(x.to_bits());
    let drawn = rand_distr::Distribution::sample(d, &mut rng);
    vec![("draw", d.draws(1, Key::new(x.to_bits()))[0]), ("draw by rand", drawn)]
}

/// Every number that the distribution with one parameter out of its range gives is NaN. `values`
/// are tried for the parameter of that name, and NaN; the numbers at every one of [`EDGES`].
///
/// # Errors
/// If a number is none; `got` is it.
pub fn bad_parameters_give_nan<F: Family>(
    d: &F,
    parameter: &str,
    values: &[f64],
    numbers: &[Numbers<F::Of<f64>>],
) -> Result<(), LawError> {
    let law = Law::new("bad_parameters_give_nan", d);
    let Some(i) = F::PARAMETERS.iter().position(|p| *p == parameter) else {
        return law.holds(|| format!("has no parameter {parameter}"), 0.0, f64::NAN, 0.0);
    };
    for &value in values.iter().chain(&[f64::NAN]) {
        let mut parameters = d.parameters();
        parameters[i] = value;
        let bad = F::with::<f64>(&parameters);
        for x in EDGES {
            for (name, got) in numbers.iter().flat_map(|numbers| numbers(&bad, x)) {
                if !got.is_nan() {
                    return law.holds(
                        || format!("{name} at {x:e}, {parameter} = {value:e}"),
                        got,
                        f64::NAN,
                        0.0,
                    );
                }
            }
        }
    }
    Ok(())
}

/// At every one of [`EDGES`] the density is a number (`-∞` outside the support and at infinity),
/// and so are its derivatives, by dual numbers and on the tape, in both precisions (infinite ones
/// are). A NaN gives NaN.
///
/// # Errors
/// If not. Derivatives are asked for where squares of the parameters and of their reciprocals are
/// numbers, and `x` is not subnormal.
pub fn density_at_edges<F: Family>(d: &F) -> Result<(), LawError> {
    let law = Law::new("density_at_edges", d);
    let takes = |parameters: &[f64]| F::with::<f64>(parameters).check().is_ok();
    density_of(
        &law,
        &d.parameters(),
        d.support(),
        &takes,
        (&dual_log_prob::<F>, &tape_log_prob::<F>, &single_log_prob::<F>),
    )
}

/// The log density of duals, on a tape, and on one of single precision.
type Densities<'a> =
    (&'a dyn Fn(&[Single]) -> Single, &'a OnTape<'a>, &'a dyn for<'t> Fn(&[Var<'t, f32>]) -> Var<'t, f32>);

/// The same of functions of the value and the parameters; `takes` says whether parameters are good.
fn density_of(
    law: &Law<'_>,
    parameters: &[f64],
    support: Support<f64>,
    takes: &dyn Fn(&[f64]) -> bool,
    (duals, tape, single): Densities<'_>,
) -> Result<(), LawError> {
    let nan = |case: String, got: f64| law.holds(|| case, got, 0.0, 0.0);
    for x in EDGES {
        let at: Vec<f64> = std::iter::once(x).chain(parameters.iter().copied()).collect();
        let (value, slopes) = by_duals(duals, &at);
        let outside = x.is_infinite() || !support.contains(x) && x != 0.0;
        if outside {
            law.holds(|| format!("outside the support at {x:e}"), value, f64::NEG_INFINITY, 0.0)?;
        }
        let (by_tape, tape_slopes) = by_tape(tape, &at);
        law.holds(|| format!("on the tape at {x:e}"), by_tape, value, 1e-12 * value.abs())?;
        if support.is_discrete() {
            continue;
        }
        let sloped = sloped(parameters, 1e150) && (x == 0.0 || x.abs() > 1e-301);
        for (i, slope) in slopes.iter().chain(&tape_slopes).enumerate().filter(|_| sloped) {
            if value.is_nan() || slope.is_nan() {
                return nan(format!("log_prob {value:e} at {x:e}, derivative {}", i % at.len()), *slope);
            }
        }
        if value.is_nan() {
            return nan(format!("log_prob at {x:e}"), value);
        }
        let rounded: Vec<f64> = parameters.iter().map(|p| f64::from(*p as f32)).collect();
        if !takes(&rounded) {
            continue;
        }
        let sloped = self::sloped(parameters, 1e15) && (x as f32 == 0.0 || x.abs() > 1e-36);
        let (single, gradient) = by_single(single, &at);
        if single.is_nan() || sloped && gradient.iter().any(|g| g.is_nan()) {
            return nan(
                format!("in single precision {single:e} at {x:e}, derivatives {gradient:?}"),
                single.into(),
            );
        }
        // In units of the precision, where the numbers are in its range.
        let in_range = |v: &f64| *v == 0.0 || v.is_infinite() || (1e-20..1e20).contains(&v.abs());
        if at.iter().all(in_range) && value.abs() < 1e20 {
            law.holds(
                || format!("in single precision at {x:e}"),
                single.into(),
                value,
                1e-4 * (1.0 + value.abs()),
            )?;
        }
    }
    let at: Vec<f64> = std::iter::once(f64::NAN).chain(parameters.iter().copied()).collect();
    let value = by_duals(duals, &at).0;
    if !value.is_nan() {
        return law.holds(|| "at NaN".into(), value, f64::NAN, 0.0);
    }
    Ok(())
}

/// Whether slopes in the parameters can be asked for: the squares of their reciprocals are numbers.
fn sloped(parameters: &[f64], limit: f64) -> bool {
    parameters.iter().all(|p| *p == 0.0 || (1.0 / limit..limit).contains(&p.abs()))
}

/// Value and gradient on a tape of single precision.
pub(super) fn by_single(f: &dyn for<'t> Fn(&[Var<'t, f32>]) -> Var<'t, f32>, at: &[f64]) -> (f32, Vec<f32>) {
    let tape = Tape::<f32>::new();
    let arguments: Vec<_> =
        at.iter().map(|x| tape.variable(&DMatrix::from_element(1, 1, *x as f32))).collect();
    let value = f(&arguments);
    let gradients = tape.backward(value);
    (value.item(), arguments.iter().map(|x| gradients.wrt(*x)[0]).collect())
}

/// At every one of [`EDGES`] the distribution function and its inverse give numbers: probabilities
/// between 0 and 1 that do not fall, with logarithms up to 0, and quantiles that do not fall. A NaN
/// gives NaN.
///
/// # Errors
/// If not.
pub fn cdf_at_edges<D: Cdf<f64>>(d: &D) -> Result<(), LawError> {
    let law = Law::new("cdf_at_edges", d);
    tails_at_edges(&law, &|x| [d.cdf(x), d.sf(x), d.log_cdf(x), d.log_sf(x)], &|p| d.quantile(p))
}

/// The same of the four tails and the quantile.
fn tails_at_edges(
    law: &Law<'_>,
    tails: &dyn Fn(f64) -> [f64; 4],
    quantile: &dyn Fn(f64) -> f64,
) -> Result<(), LawError> {
    let within = |name: &str, x: f64, got: f64, low: f64, high: f64| {
        let near = if (low..=high).contains(&got) { got } else { low };
        law.holds(|| format!("{name} at {x:e}"), got, near, 0.0)
    };
    let mut last = [0.0, 1.0, f64::NEG_INFINITY, 0.0];
    for x in EDGES {
        // Neighbours may change places by rounding.
        let slack = |x: f64| if x.is_infinite() { x } else { x + 1e-14 * x.abs() };
        let now = tails(x);
        within("cdf", x, now[0], -slack(-last[0]), 1.0)?;
        within("sf", x, now[1], 0.0, slack(last[1]))?;
        within("log_cdf", x, now[2], -slack(-last[2]), 0.0)?;
        within("log_sf", x, now[3], f64::NEG_INFINITY, slack(last[3]))?;
        last = now;
    }
    within("cdf", f64::INFINITY, tails(f64::INFINITY)[0], 1.0, 1.0)?;
    within("sf", f64::NEG_INFINITY, tails(f64::NEG_INFINITY)[1], 1.0, 1.0)?;
    let mut last = f64::NEG_INFINITY;
    for p in [0.0, 5e-324, 1e-300, 1e-10, 0.2, 0.5, 0.7, 1.0 - 1e-10, 1.0] {
        let now = quantile(p);
        within("quantile", p, now, last, f64::INFINITY)?;
        last = now;
    }
    for got in tails(f64::NAN).into_iter().chain([f64::NAN, -1e-3, 1.0 + 1e-3].map(quantile)) {
        if !got.is_nan() {
            return law.holds(|| "of NaN, or the quantile of no probability".into(), got, f64::NAN, 0.0);
        }
    }
    Ok(())
}

/// `log_prob_unconstrained(u)` is `log_prob(x(u)) + ln |dx/du|` where both are ordinary numbers,
/// also its derivatives; and it is a number where `x` under- or overflows, in both precisions.
///
/// # Errors
/// If not.
pub fn unconstrained_density_matches<F: Family>(d: &F) -> Result<(), LawError> {
    let ours = |a: &[Single]| F::with(&a[1..]).log_prob_unconstrained(a[0], Terms::Each);
    let sum = |a: &[Single]| {
        let (d, u) = (F::with(&a[1..]), a[0]);
        let log_prob = d.log_prob(d.support().constrain(u).unwrap_or(u));
        d.support().log_det(u, Terms::Each).map_or(log_prob, |log_det| log_prob + log_det)
    };
    fn single<'t, F: Family>(a: &[Var<'t, f32>]) -> Var<'t, f32> {
        F::with(&a[1..]).log_prob_unconstrained(a[0], Terms::Sum)
    }
    let law = Law::new("unconstrained_density_matches", d);
    unconstrained(&law, &d.parameters(), &ours, &sum, &single::<F>)
}

/// The same of functions of `u` and the parameters: ours, the sum of the two terms, and ours in
/// single precision.
fn unconstrained(
    law: &Law<'_>,
    parameters: &[f64],
    ours: &dyn Fn(&[Single]) -> Single,
    sum: &dyn Fn(&[Single]) -> Single,
    single: &dyn for<'t> Fn(&[Var<'t, f32>]) -> Var<'t, f32>,
) -> Result<(), LawError> {
    for u in [-6.0, -2.0, -0.3, 0.0, 0.6, 1.7, 5.0] {
        let at: Vec<f64> = std::iter::once(u).chain(parameters.iter().copied()).collect();
        let (ours, sum) = (by_duals(ours, &at), by_duals(sum, &at));
        law.holds(|| format!("at u = {u}"), ours.0, sum.0, 1e-12 * (1.0 + sum.0.abs()))?;
        for (i, (got, want)) in ours.1.into_iter().zip(sum.1).enumerate() {
            if !want.is_finite() {
                // The two terms leave the range of numbers, not their sum.
                continue;
            }
            let tolerance = 1e-9 * (1.0 + want.abs() + sum.0.abs());
            law.holds(|| format!("derivative {i} at u = {u}"), got, want, tolerance)?;
        }
    }
    for u in [-1e300, -1e4, -800.0, -110.0, 100.0, 745.0, 800.0, 1e4, 1e300] {
        let at: Vec<f64> = std::iter::once(u).chain(parameters.iter().copied()).collect();
        let (value, slopes) = by_duals(ours, &at);
        let f32s = by_single(single, &at);
        let slopes = slopes.into_iter().chain(f32s.1.iter().map(|g| f64::from(*g)));
        for number in slopes.chain([value, f32s.0.into()]) {
            let in_range = sloped(parameters, 1e15) && u.abs() < 1e38;
            if number.is_nan() && in_range || value.is_nan() || value == f64::INFINITY {
                return law.holds(|| format!("at u = {u:e}: {value:e}"), number, value, 0.0);
            }
        }
    }
    Ok(())
}

/// `KL(q ‖ p)` with one parameter of either out of its range is NaN. The compiler cannot infer the
/// families: name them.
///
/// # Errors
/// If it is a number.
pub fn kl_of_bad_parameters_is_nan<Q: Family, P: Family>(
    (q, q_bad): (&Q, &[(&str, &[f64])]),
    (p, p_bad): (&P, &[(&str, &[f64])]),
) -> Result<(), LawError>
where
    Q::Of<f64>: KlDivergence<P::Of<f64>, Value = f64>,
{
    let law = Law::new("kl_of_bad_parameters_is_nan", q);
    let n = Q::PARAMETERS.len();
    let at: Vec<f64> = q.parameters().into_iter().chain(p.parameters()).collect();
    let kl = |at: &[f64]| Q::with::<f64>(&at[..n]).kl(&P::with(&at[n..]));
    nan_where_bad(&law, p, &kl, &at, (Q::PARAMETERS, q_bad))?;
    let first = vec![""; n];
    nan_where_bad(&law, p, &kl, &at, (&[&first, P::PARAMETERS].concat(), p_bad))
}

/// With each of these values in the place of its parameter, `kl` is NaN. `names` are those of the
/// first places of `at`.
fn nan_where_bad(
    law: &Law<'_>,
    p: &dyn Debug,
    kl: &dyn Fn(&[f64]) -> f64,
    at: &[f64],
    (names, bad): (&[&str], &[(&str, &[f64])]),
) -> Result<(), LawError> {
    for (name, values) in bad {
        let Some(i) = names.iter().position(|p| p == name) else {
            return law.holds(|| format!("no parameter {name}"), 0.0, f64::NAN, 0.0);
        };
        for value in values.iter().chain(&[f64::NAN]) {
            let mut at = at.to_vec();
            at[i] = *value;
            let got = kl(&at);
            if !got.is_nan() {
                return law.holds(|| format!("KL to {p:?}, {:?}", (name, value)), got, f64::NAN, 0.0);
            }
        }
    }
    Ok(())
}

/// `KL(q ‖ p)` is a number of 0 or more, its derivatives are numbers (infinite ones are), and where
/// it is infinite they are 0. The compiler cannot infer the families: name them.
///
/// # Errors
/// If not. Derivatives are asked for where squares of the parameters and of their reciprocals are
/// numbers.
pub fn kl_at_edges<Q: Family, P: Family>(q: &Q, p: &P) -> Result<(), LawError>
where
    Q::Of<Single>: KlDivergence<P::Of<Single>, Value = Single>,
{
    let law = Law::new("kl_at_edges", q);
    let n = Q::PARAMETERS.len();
    let at: Vec<f64> = q.parameters().into_iter().chain(p.parameters()).collect();
    let (value, slopes) = by_duals(&|a: &[Single]| Q::with(&a[..n]).kl(&P::with(&a[n..])), &at);
    let least = if value >= 0.0 { value } else { 0.0 };
    law.holds(|| format!("KL to {p:?}"), value, least, 0.0)?;
    for (i, slope) in slopes.into_iter().enumerate() {
        let wrong = slope.is_nan() && sloped(&at, 1e150) || value == f64::INFINITY && slope != 0.0;
        if wrong {
            return law.holds(|| format!("KL to {p:?} is {value:e}, derivative {i}"), slope, 0.0, 0.0);
        }
    }
    Ok(())
}
