//! Laws of single precision: what a family gives for numbers that are rounded to it.

use super::{Family, Law, LawError};
use crate::distribution::{Cdf, Distribution, Entropy, Moments};
use probity_autodiff::{Dual, F32};

/// A number of single precision, with one derivative.
type Single = Dual<F32, 1>;

/// Functions of the numbers that a law is run at, in single and in double precision.
type Both<'a> = (&'a dyn Fn(&[Single]) -> Single, &'a dyn Fn(&[f64]) -> f64);

/// Holds if the two are the same within 1e-5 of their size, or of what moving each argument by
/// eight units of rounding changes.
fn matches(law: &Law<'_>, name: &str, (single, double): Both<'_>, at: &[f64]) -> Result<(), LawError> {
    let at: Vec<f64> = at.iter().map(|x| f64::from(*x as f32)).collect();
    let want = double(&at);
    // Beyond the range of single precision nothing is asked for.
    if want.is_nan() || want != 0.0 && !(1e-30..1e30).contains(&want.abs()) && want.is_finite() {
        return Ok(());
    }
    let moved: f64 = (0..at.len())
        .map(|i| {
            let mut near = at.clone();
            near[i] *= 1.0 + 8.0 * f64::from(f32::EPSILON);
            (double(&near) - want).abs()
        })
        // A whole number that is moved is none.
        .filter(|moved| moved.is_finite())
        .sum();
    let singles: Vec<Single> = at.iter().map(|x| Single::from(*x)).collect();
    let got = f64::from(single(&singles).re.0);
    law.holds(|| format!("{name} at {at:?}"), got, want, 1e-5 * want.abs() + moved)
}

/// Probabilities and their logarithms at `x`, and the quantile of that probability, are in single
/// precision those in double precision, of the same rounded numbers: within 1e-5, or what eight
/// units of rounding of an argument change.
///
/// # Errors
/// If not.
pub fn single_precision_cdf_matches<F: Family>(d: &F, x: f64) -> Result<(), LawError>
where
    F::Of<f64>: Cdf<f64>,
    F::Of<Single>: Cdf<Single>,
{
    let law = Law::new("single_precision_cdf_matches", d);
    let at: Vec<f64> = std::iter::once(x).chain(d.parameters()).collect();
    if !takes::<F>(&at[1..]) {
        return Ok(());
    }
    let check = |name, both: Both<'_>| matches(&law, name, both, &at);
    check("cdf", (&|a| F::with(&a[1..]).cdf(a[0]), &|a| F::with(&a[1..]).cdf(a[0])))?;
    check("sf", (&|a| F::with(&a[1..]).sf(a[0]), &|a| F::with(&a[1..]).sf(a[0])))?;
    check("log_cdf", (&|a| F::with(&a[1..]).log_cdf(a[0]), &|a| F::with(&a[1..]).log_cdf(a[0])))?;
    check("log_sf", (&|a| F::with(&a[1..]).log_sf(a[0]), &|a| F::with(&a[1..]).log_sf(a[0])))?;
    let p = F::with::<f64>(&at[1..]).cdf(x);
    if !(1e-3..0.999).contains(&p) || d.support().is_discrete() {
        return Ok(());
    }
    let at: Vec<f64> = std::iter::once(p).chain(d.parameters()).collect();
    let quantile: Both<'_> = (&|a| F::with(&a[1..]).quantile(a[0]), &|a| F::with(&a[1..]).quantile(a[0]));
    matches(&law, "quantile", quantile, &at)
}

/// Likewise mean and variance.
///
/// # Errors
/// If not.
pub fn single_precision_moments_match<F: Family>(d: &F) -> Result<(), LawError>
where
    F::Of<f64>: Moments<f64>,
    F::Of<Single>: Moments<Single>,
{
    let law = Law::new("single_precision_moments_match", d);
    let at = d.parameters();
    if !takes::<F>(&at) {
        return Ok(());
    }
    matches(&law, "mean", (&|a| F::with(a).mean(), &|a| F::with(a).mean()), &at)?;
    matches(&law, "variance", (&|a| F::with(a).variance(), &|a| F::with(a).variance()), &at)
}

/// Likewise the entropy.
///
/// # Errors
/// If not.
pub fn single_precision_entropy_matches<F: Family>(d: &F) -> Result<(), LawError>
where
    F::Of<f64>: Entropy<f64>,
    F::Of<Single>: Entropy<Single>,
{
    let law = Law::new("single_precision_entropy_matches", d);
    let at = d.parameters();
    if !takes::<F>(&at) {
        return Ok(());
    }
    matches(&law, "entropy", (&|a| F::with(a).entropy(), &|a| F::with(a).entropy()), &at)
}

/// Whether the parameters are good when they are rounded.
fn takes<F: Family>(parameters: &[f64]) -> bool {
    let rounded: Vec<f64> = parameters.iter().map(|p| f64::from(*p as f32)).collect();
    F::with::<f64>(&rounded).check().is_ok()
}
