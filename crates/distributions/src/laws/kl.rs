//! Laws of KL divergences.

use super::derivative::{Single, agree, by_differences, by_duals, by_tape};
use super::pieces::Pieces;
use super::{Family, Law, LawError};
use crate::distribution::{Distribution, Sample};
use crate::kl::{KlDivergence, kl_monte_carlo};
use probity_autodiff::{Key, Var};
use std::fmt::Debug;

fn against(p: &impl Debug) -> String {
    format!("KL to {p:?}")
}

/// `KL(q ‖ p) >= 0`, without any tolerance.
///
/// # Errors
/// If it is negative or NaN.
pub fn kl_is_not_negative<Q, P: Debug>(q: &Q, p: &P) -> Result<(), LawError>
where
    Q: Distribution<f64> + KlDivergence<P, Value = f64>,
{
    let kl = q.kl(p);
    // A NaN is not "at least 0": `max` would hide it.
    let least = if kl >= 0.0 { kl } else { 0.0 };
    Law::new("kl_is_not_negative", q).holds(|| against(p), kl, least, 0.0)
}

/// `KL(q ‖ q) = 0`, exactly.
///
/// # Errors
/// If not.
pub fn kl_of_itself_is_zero<Q>(q: &Q) -> Result<(), LawError>
where
    Q: Distribution<f64> + KlDivergence<Q, Value = f64>,
{
    Law::new("kl_of_itself_is_zero", q).holds(|| against(q), q.kl(q), 0.0, 0.0)
}

/// `KL(q ‖ p)` is the integral (sum) of `q (ln q - ln p)`, within 1e-8.
///
/// # Errors
/// If not.
pub fn kl_matches_quadrature<Q, P>(q: &Q, p: &P) -> Result<(), LawError>
where
    Q: Sample<f64> + KlDivergence<P, Value = f64>,
    P: Distribution<f64>,
{
    let want = Pieces::of(q).expectation(q, |x| q.log_prob(x) - p.log_prob(x));
    let law = Law::new("kl_matches_quadrature", q);
    law.holds(|| against(p), q.kl(p), want, 1e-8 * (1.0 + want.abs()))
}

/// `KL(q ‖ p)` lies within 6 standard errors of its estimate from `n` draws.
///
/// # Errors
/// If not.
pub fn kl_matches_monte_carlo<Q, P>(q: &Q, p: &P, n: usize, key: Key) -> Result<(), LawError>
where
    Q: Sample<f64> + KlDivergence<P, Value = f64>,
    P: Distribution<f64>,
{
    let estimate = kl_monte_carlo(q, p, n, key);
    let law = Law::new("kl_matches_monte_carlo", q);
    // Terms that are all equal have no standard error but that of rounding.
    let tolerance = 6.0 * estimate.standard_error + 1e-12 * (1.0 + estimate.value.abs());
    law.holds(|| against(p), q.kl(p), estimate.value, tolerance)
}

/// The derivatives of `KL(q ‖ p)` in every parameter of both agree: dual numbers, tape, and
/// differences.
///
/// The compiler cannot infer the families here: name them.
///
/// ```
/// use probity_distributions::{Normal, laws};
/// let (q, p) = (Normal::new(0.0, 1.0), Normal::new(1.0, 2.0));
/// assert!(laws::kl_gradients_match::<Normal, Normal>(&q, &p).is_ok());
/// ```
///
/// # Errors
/// If not.
pub fn kl_gradients_match<Q: Family, P: Family>(q: &Q, p: &P) -> Result<(), LawError>
where
    Q::Of<f64>: KlDivergence<P::Of<f64>, Value = f64>,
    Q::Of<Single>: KlDivergence<P::Of<Single>, Value = Single>,
    for<'t> Q::Of<Var<'t, f64>>: KlDivergence<P::Of<Var<'t, f64>>>,
    // `Value = Var<'t, f64>`, which cannot be said for every `'t`.
    for<'t> <Q::Of<Var<'t, f64>> as KlDivergence<P::Of<Var<'t, f64>>>>::Value: Into<Var<'t, f64>>,
{
    let law = Law::new("kl_gradients_match", q);
    let n = Q::PARAMETERS.len();
    let names: Vec<String> = (Q::PARAMETERS.iter().map(|name| format!("q.{name}")))
        .chain(P::PARAMETERS.iter().map(|name| format!("p.{name}")))
        .collect();
    let at: Vec<f64> = q.parameters().into_iter().chain(p.parameters()).collect();
    let duals = by_duals(&|a: &[Single]| Q::with(&a[..n]).kl(&P::with(&a[n..])), &at);
    let tape = by_tape(&|_, a| Q::with(&a[..n]).kl_sum(&P::with(&a[n..])).into(), &at);
    agree(&law, &names, duals, tape, &|i| {
        by_differences(&|a: &[f64]| Q::with(&a[..n]).kl(&P::with(&a[n..])), &at, i)
    })
}
