//! Derivatives of a function of scalars, three ways that must agree.
//!
//! Nothing here is generic in the function: laws run on many families, and this is compiled once.

use super::{Family, Law, LawError};
use crate::distribution::Distribution;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Tape, Var};

/// The dual number that the laws use: one derivative at a time.
pub(super) type Single = Dual<f64, 1>;

/// A function of variables on a tape.
pub(super) type OnTape<'a> = dyn for<'t> Fn(&'t Tape<f64>, &[Var<'t, f64>]) -> Var<'t, f64> + 'a;

/// The tape's value of a function of 1 × 1 variables, and its gradient.
pub(super) fn by_tape(f: &OnTape<'_>, at: &[f64]) -> (f64, Vec<f64>) {
    let tape = Tape::new();
    let arguments: Vec<_> = at.iter().map(|x| tape.variable(&DMatrix::from_element(1, 1, *x))).collect();
    let value = f(&tape, &arguments);
    let gradients = tape.backward(value);
    (value.item(), arguments.iter().map(|x| gradients.wrt(*x).sum()).collect())
}

/// The value by dual numbers, and its gradient.
pub(super) fn by_duals(f: &dyn Fn(&[Single]) -> Single, at: &[f64]) -> (f64, Vec<f64>) {
    let one = |i: usize| {
        let variable =
            |(j, x): (usize, &f64)| if i == j { Dual::variable(*x, 0) } else { Dual::constant(*x) };
        f(&at.iter().enumerate().map(variable).collect::<Vec<_>>())
    };
    (one(at.len()).re, (0..at.len()).map(|i| one(i).du[0]).collect())
}

/// The derivative along argument `i` by extrapolated central differences, and how far to trust it.
///
/// The step is halved from a quarter of the argument on. The best estimate is the one with the
/// least change between steps plus rounding of `f`.
pub(super) fn by_differences(f: &dyn Fn(&[f64]) -> f64, at: &[f64], i: usize) -> (f64, f64) {
    let shifted = |h: f64| {
        let mut x = at.to_vec();
        x[i] += h;
        (x[i], f(&x))
    };
    let start = if at[i] == 0.0 { 0.25 } else { at[i].abs() / 4.0 };
    let (slopes, rounding): (Vec<f64>, Vec<f64>) = (0..48)
        .map(|k| {
            let h = start * 0.5_f64.powi(k);
            let ((above, f_above), (below, f_below)) = (shifted(h), shifted(-h));
            let step = above - below;
            ((f_above - f_below) / step, 16.0 * f64::EPSILON * f_above.abs().max(f_below.abs()) / step)
        })
        .unzip();
    // Two extrapolations to step 0, of orders 2 and 4.
    let extrapolated = |order: f64, d: &[f64]| -> Vec<f64> {
        d.windows(2).map(|w| w[1] + (w[1] - w[0]) / (order - 1.0)).collect()
    };
    let best = extrapolated(16.0, &extrapolated(4.0, &slopes));
    (best.windows(3).zip(&rounding[3..]))
        .map(|(w, rounding)| (w[1], (w[1] - w[0]).abs() + (w[2] - w[1]).abs() + rounding))
        .filter(|(_, error)| error.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((f64::NAN, f64::INFINITY))
}

/// Value and gradient by duals and by tape agree within 1e-12, and the gradient with differences
/// within 1e-6 (or what differences can give).
pub(super) fn agree(
    law: &Law<'_>,
    names: &[String],
    duals: (f64, Vec<f64>),
    tape: (f64, Vec<f64>),
    differences: &dyn Fn(usize) -> (f64, f64),
) -> Result<(), LawError> {
    law.holds(|| "value by tape".into(), tape.0, duals.0, 1e-12 * duals.0.abs())?;
    for (i, name) in names.iter().enumerate() {
        let exact = duals.1[i];
        let rounding = 1e-12 * (exact.abs() + duals.0.abs());
        law.holds(|| format!("d/d {name} by tape and by duals"), tape.1[i], exact, rounding)?;
        let (want, error) = differences(i);
        if want.is_nan() && exact == 0.0 {
            // No number beside this one is allowed, such as half a count: then there is no slope.
            continue;
        }
        let tolerance = 1e-6 * want.abs() + 100.0 * error + 1e-9;
        law.holds(|| format!("d/d {name} by duals and by differences"), exact, want, tolerance)?;
    }
    Ok(())
}

/// The log density of numbers, of the value and the parameters.
#[inline(never)]
pub(super) fn plain_log_prob<F: Family>(a: &[f64]) -> f64 {
    F::with(&a[1..]).log_prob(a[0])
}
/// That of duals.
#[inline(never)]
pub(super) fn dual_log_prob<F: Family>(a: &[Single]) -> Single {
    F::with(&a[1..]).log_prob(a[0])
}
/// That on a tape.
#[inline(never)]
pub(super) fn tape_log_prob<'t, F: Family>(_: &'t Tape<f64>, a: &[Var<'t, f64>]) -> Var<'t, f64> {
    F::with(&a[1..]).log_prob_sum(a[0])
}
/// That on a tape of single precision.
#[inline(never)]
pub(super) fn single_log_prob<'t, F: Family>(a: &[Var<'t, f32>]) -> Var<'t, f32> {
    F::with(&a[1..]).log_prob_sum(a[0])
}
