//! Laws of the parameters: gradients, and what is refused.

use super::derivative::{Single, agree, by_differences, by_duals, by_tape};
use super::{Family, Law, LawError};
use crate::distribution::{Cdf, Distribution, Reparameterized, Sample};
use probity_autodiff::{Key, Var};

fn named<F: Family>(first: &[&str]) -> Vec<String> {
    first.iter().chain(F::PARAMETERS).map(ToString::to_string).collect()
}

/// The derivatives of `log_prob` at `x` in the value and in every parameter agree: dual numbers,
/// tape, and differences.
///
/// # Errors
/// If not. At a point where `log_prob` has a kink, differences see none of its sides.
pub fn gradients_match<F: Family>(d: &F, x: f64) -> Result<(), LawError> {
    let law = Law::new("gradients_match", d);
    if d.support().is_discrete() {
        let at = d.parameters();
        let duals = by_duals(|p| F::with(p).log_prob(x.into()), &at);
        let tape = by_tape(|_, p| F::with(p).log_prob_sum(x.into()), &at);
        return agree(&law, &named::<F>(&[]), duals, tape, |i| {
            by_differences(|p| F::with(p).log_prob(x), &at, i)
        });
    }
    let at: Vec<f64> = std::iter::once(x).chain(d.parameters()).collect();
    let duals = by_duals(|a| F::with(&a[1..]).log_prob(a[0]), &at);
    let tape = by_tape(|_, a| F::with(&a[1..]).log_prob_sum(a[0]), &at);
    agree(&law, &named::<F>(&["x"]), duals, tape, |i| {
        by_differences(|a| F::with(&a[1..]).log_prob(a[0]), &at, i)
    })
}

/// The derivatives of a draw in every parameter agree: dual numbers, tape, and differences at the
/// same key.
///
/// For draws that are a smooth function of the noise; see [`implicit_gradients_match`] for the
/// others.
///
/// # Errors
/// If not.
pub fn reparameterized_gradients_match<F: Family>(d: &F, key: Key) -> Result<(), LawError>
where
    F::Of<f64>: Sample<f64>,
    F::Of<Single>: Reparameterized<Single>,
    for<'t> F::Of<Var<'t, f64>>: Reparameterized<Var<'t, f64>>,
{
    let law = Law::new("reparameterized_gradients_match", d);
    let at = d.parameters();
    let duals = by_duals(|p| F::with(p).sample((), key), &at);
    let tape = by_tape(|tape, p| F::with(p).sample(tape, key), &at);
    agree(&law, &named::<F>(&[]), duals, tape, |i| by_differences(|p| F::with(p).sample((), key), &at, i))
}

/// The derivatives of a draw `x` in every parameter agree: dual numbers, tape, and
/// `-(∂F/∂parameter) / p(x)` with differences of the cdf `F`.
///
/// *Source*: Figurnov, Mohamed and Mnih (2018), eq. 6.
///
/// # Errors
/// If not.
pub fn implicit_gradients_match<F: Family>(d: &F, key: Key) -> Result<(), LawError>
where
    F::Of<f64>: Cdf<f64>,
    F::Of<Single>: Reparameterized<Single>,
    for<'t> F::Of<Var<'t, f64>>: Reparameterized<Var<'t, f64>>,
{
    let law = Law::new("implicit_gradients_match", d);
    let at = d.parameters();
    let duals = by_duals(|p| F::with(p).sample((), key), &at);
    let tape = by_tape(|tape, p| F::with(p).sample(tape, key), &at);
    let x = duals.0;
    let density = d.log_prob(x).exp();
    agree(&law, &named::<F>(&[]), duals, tape, |i| {
        let (slope, error) = by_differences(|p| F::with(p).cdf(x), &at, i);
        (-slope / density, error / density)
    })
}

/// `check` refuses the values for the parameter of that name, and NaN, by an error that names the
/// parameter; it takes the distribution as it is. A NaN parameter makes `log_prob` NaN at `x = 1`.
///
/// # Errors
/// If not; `got` is the value of the parameter.
pub fn rejects<F: Family>(d: &F, parameter: &str, values: &[f64]) -> Result<(), LawError> {
    let law = Law::new("rejects", d);
    let wrong =
        |case: &str, got: f64| law.holds(|| format!("{case}, {parameter} = {got:e}"), got, f64::NAN, 0.0);
    if d.check().is_err() {
        return wrong("refuses good parameters", f64::NAN);
    }
    let Some(i) = F::PARAMETERS.iter().position(|p| *p == parameter) else {
        return wrong("has no such parameter", f64::NAN);
    };
    for &value in values.iter().chain(&[f64::NAN]) {
        let mut parameters = d.parameters();
        parameters[i] = value;
        let bad = F::with::<f64>(&parameters);
        if !bad.check().is_err_and(|e| e.parameter == parameter) {
            return wrong("takes", value);
        }
        if value.is_nan() && !bad.log_prob(1.0).is_nan() {
            return wrong("has a density", value);
        }
    }
    Ok(())
}
