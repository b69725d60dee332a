//! Laws of the parameters: gradients, and what is refused.

use super::derivative::{
    Single, agree, by_differences, by_duals, by_tape, dual_log_prob, plain_log_prob, single_log_prob,
    tape_log_prob,
};
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
    let discrete = d.support().is_discrete();
    let at: Vec<f64> = std::iter::once(x).chain(d.parameters()).collect();
    let duals = by_duals(&dual_log_prob::<F>, &at);
    let tape = by_tape(&tape_log_prob::<F>, &at);
    // A count has no derivative: its place is left out.
    let from = usize::from(discrete);
    let rest = |(value, slopes): (f64, Vec<f64>)| (value, slopes[from..].to_vec());
    let names = named::<F>(if discrete { &[] } else { &["x"] });
    agree(&law, &names, rest(duals), rest(tape), &|i| by_differences(&plain_log_prob::<F>, &at, from + i))
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
    let duals = by_duals(&|p: &[Single]| F::with(p).sample((), key), &at);
    let tape = by_tape(&|tape, p| F::with(p).sample(tape, key), &at);
    agree(&law, &named::<F>(&[]), duals, tape, &|i| {
        by_differences(&|p: &[f64]| F::with(p).sample((), key), &at, i)
    })
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
    let duals = by_duals(&|p: &[Single]| F::with(p).sample((), key), &at);
    let tape = by_tape(&|tape, p| F::with(p).sample(tape, key), &at);
    let x = duals.0;
    let density = d.log_prob(x).exp();
    agree(&law, &named::<F>(&[]), duals, tape, &|i| {
        let (slope, error) = by_differences(&|p: &[f64]| F::with(p).cdf(x), &at, i);
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

/// In single precision the log density at `x` and its derivatives in the parameters are those in
/// double precision, of the same rounded numbers: the value within 1e-5 of what rounding it and its
/// arguments can move it by, the derivatives within 1e-5 of their size, or of the sum of all.
///
/// For ordinary numbers: what is out of the range of single precision is not asked for.
///
/// # Errors
/// If not.
pub fn single_precision_matches<F: Family>(d: &F, x: f64) -> Result<(), LawError> {
    let law = Law::new("single_precision_matches", d);
    let round = |x: f64| f64::from(x as f32);
    let at: Vec<f64> = std::iter::once(x).chain(d.parameters()).map(round).collect();
    let rounded = F::with::<f64>(&at[1..]);
    if rounded.check().is_err() || !rounded.log_prob(at[0]).is_finite() {
        return Ok(());
    }
    let (want, slopes) = by_tape(&tape_log_prob::<F>, &at);
    let (got, singles) = super::edges::by_single(&single_log_prob::<F>, &at);
    let moved: f64 = at.iter().zip(&slopes).map(|(x, s)| (x * s).abs()).sum();
    // 1e-5 is 84 units of rounding.
    law.holds(|| format!("at {x:e}"), got.into(), want, 1e-5 * (1.0 + want.abs() + moved))?;
    let largest = slopes.iter().fold(0.0, |most: f64, s| most.max(s.abs()));
    for (i, (got, want)) in singles.into_iter().zip(slopes).enumerate() {
        let case = || format!("derivative {i} at {x:e}");
        law.holds(
            case,
            got.into(),
            want,
            1e-5 * (1.0 + want.abs() + largest + moved / at[i].abs().max(1e-30)),
        )?;
    }
    Ok(())
}
