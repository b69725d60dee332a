//! Correlation matrices, and their Cholesky factors.

use super::{Constraint, PositiveDefinite};
use crate::distribution::Event;
use probity_autodiff::{Axis, Running, Scalar, Terms, Var, formula};

/// The Cholesky factor of an n × n correlation matrix, `n ≥ 2`: lower triangular, with a positive
/// diagonal and rows of length 1. From a column of `n (n - 1) / 2` numbers, row after row, whose
/// hyperbolic tangents are partial correlations.
///
/// Source: Stan Reference Manual, "Cholesky factors of correlation matrices".
#[derive(Clone, Copy, Debug)]
pub struct CorrelationCholesky;

/// The n with `n (n - 1) / 2` entries.
fn side(entries: usize) -> usize {
    (((8 * entries + 1) as f64).sqrt() as usize).div_ceil(2)
}

/// The identity, on the tape of `x`.
fn identity<T: Scalar>(x: Var<'_, T>, n: usize) -> Var<'_, T> {
    match x.tape() {
        Some(tape) => tape.constant_with(n, n, |to| {
            to.fill(T::from_f64(0.0));
            to.iter_mut().step_by(n + 1).for_each(|to| *to = T::from_f64(1.0));
        }),
        None => Var::from(1.0),
    }
}

/// `ln(1 - z²)` below the diagonal, `z = tanh u`, and its sums along the rows before each entry.
fn log_rests<T: Scalar>(u: Var<'_, T>, n: usize) -> [Var<'_, T>; 2] {
    // 1 - tanh² u = 4 σ(2u) σ(-2u).
    let f = formula!(f64 | u | (u * 2.0).log_sigmoid() + (u * -2.0).log_sigmoid() + 4f64.ln());
    let logs = Var::map(f, [u]).unpack_lower(n, true);
    [logs, logs.running_sum(Running::Before)]
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for CorrelationCholesky {
    const NAME: &'static str = "correlation Cholesky";
    const EVENT: Event = Event::Matrix;
    fn unconstrained_shape((rows, cols): (usize, usize)) -> Option<(usize, usize)> {
        (rows == cols && rows > 1).then(|| (rows * (rows - 1) / 2, 1))
    }
    /// `Lᵢⱼ = zᵢⱼ √Πₖ<ⱼ (1 - zᵢₖ²)`, with `zᵢᵢ = 1`.
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let n = side(u.nrows());
        let z = Var::map(formula!(f64 | u | u.tanh()), [u]).unpack_lower(n, true);
        let [_, before] = log_rests(u, n);
        let f = formula!(f64 | z, one, log_rest | (z + one) * (log_rest * 0.5).exp());
        Var::map(f, [z, identity(u, n), before])
    }
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        // What is left of a row's length is summed from its end, where it is small.
        let rest = x.sq().running_sum(Running::From).pack_lower(true);
        let f = formula!(f64 | x, rest | (x / rest.sqrt()).atanh());
        Var::map(f, [x.pack_lower(true), rest])
    }
    /// `Σ ln(1 - zᵢⱼ²) + ½ Σₖ<ⱼ ln(1 - zᵢₖ²)` over the entries below the diagonal.
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], _: Terms) -> Var<'t, T> {
        let n = side(u.nrows());
        let [logs, before] = log_rests(u, n);
        let (logs, before) = (logs.pack_lower(true), before.pack_lower(true));
        Var::map_sum(formula!(f64 | log, before | log + before * 0.5), [logs, before])
    }
    fn outside(x: &[f64], (n, _): (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        let bad = |(e, v): (usize, &f64)| {
            let (i, j) = (e % n, e / n);
            let length: f64 = (0..=i).map(|k| x[i + k * n] * x[i + k * n]).sum();
            !v.is_finite() || i < j && *v != 0.0 || i == j && (!(*v > 0.0) || !((length - 1.0).abs() < 1e-5))
        };
        x.iter().enumerate().position(bad)
    }
}

/// An n × n correlation matrix `C = L Lᵀ`, `n ≥ 2`, from the numbers behind its Cholesky factor
/// `L`.
///
/// The density counts the entries below the diagonal. `|dC/dL| = Π Lₖₖⁿ⁻ᵏ`.
///
/// Source: Stan Reference Manual, "Correlation matrices".
#[derive(Clone, Copy, Debug)]
pub struct Correlation;

impl<'t, T: Scalar> Constraint<Var<'t, T>> for Correlation {
    const NAME: &'static str = "correlation";
    const EVENT: Event = Event::Matrix;
    fn unconstrained_shape(value: (usize, usize)) -> Option<(usize, usize)> {
        <CorrelationCholesky as Constraint<Var<'t, T>>>::unconstrained_shape(value)
    }
    fn constrain(u: Var<'t, T>, limits: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let l = CorrelationCholesky::constrain(u, limits);
        l.matmul_tr(l)
    }
    /// NaN for a matrix that is not positive definite.
    fn unconstrain(x: Var<'t, T>, limits: &[Var<'t, T>; 2]) -> Var<'t, T> {
        match x.cholesky() {
            Ok(l) => CorrelationCholesky::unconstrain(l, limits),
            Err(_) => x.pack_lower(true) * f64::NAN,
        }
    }
    /// With `ln Lₖₖ = ½ Σⱼ<ₖ ln(1 - zₖⱼ²)`.
    fn log_det(u: Var<'t, T>, limits: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
        let n = side(u.nrows());
        let [logs, _] = log_rests(u, n);
        let weight = match u.tape() {
            Some(tape) => tape.constant_with(n, 1, |to| {
                let each = to.iter_mut().enumerate();
                each.for_each(|(k, to)| *to = T::from_f64(0.5 * (n - 1 - k) as f64));
            }),
            None => Var::from(0.0),
        };
        CorrelationCholesky::log_det(u, limits, terms) + (logs.sum_axis(Axis::Cols) * weight).sum()
    }
    fn outside(x: &[f64], (n, m): (usize, usize), limit: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        let unit = (0..n).find(|k| !((x[k * (n + 1)] - 1.0).abs() < 1e-5)).map(|k| k * (n + 1));
        unit.or_else(|| <PositiveDefinite as Constraint<Var<'t, T>>>::outside(x, (n, m), limit))
    }
}
