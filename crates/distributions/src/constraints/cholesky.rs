//! Lower Cholesky factors, and positive-definite matrices by way of them.

use super::Constraint;
use crate::distribution::Event;
use probity_autodiff::{Scalar, Terms, Var, formula};

/// A lower-triangular n × n matrix with a positive diagonal, from a column of `n (n + 1) / 2`
/// numbers, row after row; those of the diagonal are logarithms.
///
/// Source: Stan Reference Manual, "Cholesky factors of covariance matrices".
#[derive(Clone, Copy, Debug)]
pub struct LowerCholesky;

/// A symmetric positive-definite n × n matrix `A = L Lᵀ`, from the numbers behind its Cholesky
/// factor `L`.
///
/// The density counts the entries on and below the diagonal. `|dA/dL| = 2ⁿ Π Lₖₖⁿ⁻ᵏ⁺¹`.
///
/// Source: Stan Reference Manual, "Covariance matrices".
#[derive(Clone, Copy, Debug)]
pub struct PositiveDefinite;

/// The n with `n (n + 1) / 2` entries.
fn side(entries: usize) -> usize {
    (((8 * entries + 1) as f64).sqrt() as usize).saturating_sub(1) / 2
}

fn packed((rows, cols): (usize, usize)) -> Option<(usize, usize)> {
    (rows == cols && rows > 0).then(|| (rows * (rows + 1) / 2, 1))
}

/// Row and column of the packed entries, in their order.
fn packed_places(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(|i| (0..=i).map(move |j| (i, j)))
}

/// A column of constants, one for every packed entry.
fn packed_column<'t, T: Scalar>(x: Var<'t, T>, n: usize, f: impl Fn(usize, usize) -> f64) -> Var<'t, T> {
    match x.tape() {
        Some(tape) => tape.constant_with(n * (n + 1) / 2, 1, |to| {
            to.iter_mut().zip(packed_places(n)).for_each(|(to, (i, j))| *to = T::from_f64(f(i, j)));
        }),
        None => Var::from(f(0, 0)),
    }
}

/// 1 on the diagonal, 0 below.
fn diagonal<T: Scalar>(x: Var<'_, T>, n: usize) -> Var<'_, T> {
    packed_column(x, n, |i, j| if i == j { 1.0 } else { 0.0 })
}

fn factor<T: Scalar>(u: Var<'_, T>) -> Var<'_, T> {
    let n = side(u.nrows());
    let entry = formula!(f64 | u, diagonal | if diagonal > 0.0 { u.exp() } else { u });
    Var::map(entry, [u, diagonal(u, n)]).unpack_lower(n, false)
}

fn numbers<T: Scalar>(l: Var<'_, T>) -> Var<'_, T> {
    let entry = formula!(f64 | l, diagonal | if diagonal > 0.0 { l.ln() } else { l });
    Var::map(entry, [l.pack_lower(false), diagonal(l, l.nrows())])
}

/// The sum of the diagonal's numbers, each as often as `weight` says, and a constant.
fn log_det<T: Scalar>(u: Var<'_, T>, weight: impl Fn(usize, usize) -> f64, more: f64) -> Var<'_, T> {
    let n = side(u.nrows());
    let weights = packed_column(u, n, |i, j| if i == j { weight(n, i) } else { 0.0 });
    Var::map_sum(formula!(f64 | u, w | if w > 0.0 { u * w } else { u * 0.0 }), [u, weights]) + n as f64 * more
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for LowerCholesky {
    const NAME: &'static str = "lower Cholesky";
    const EVENT: Event = Event::Matrix;
    fn unconstrained_shape(value: (usize, usize)) -> Option<(usize, usize)> {
        packed(value)
    }
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        factor(u)
    }
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        numbers(x)
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], _: Terms) -> Var<'t, T> {
        log_det(u, |_, _| 1.0, 0.0)
    }
    fn outside(x: &[f64], (n, _): (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        let bad = |(e, v): (usize, &f64)| {
            let (i, j) = (e % n, e / n);
            !v.is_finite() || i < j && *v != 0.0 || i == j && !(*v > 0.0)
        };
        x.iter().enumerate().position(bad)
    }
}

impl<'t, T: Scalar> Constraint<Var<'t, T>> for PositiveDefinite {
    const NAME: &'static str = "positive definite";
    const EVENT: Event = Event::Matrix;
    fn unconstrained_shape(value: (usize, usize)) -> Option<(usize, usize)> {
        packed(value)
    }
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let l = factor(u);
        l.matmul_tr(l)
    }
    /// NaN for a matrix that is not positive definite.
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        match x.cholesky() {
            Ok(l) => numbers(l),
            Err(_) => x.pack_lower(false) * f64::NAN,
        }
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], _: Terms) -> Var<'t, T> {
        log_det(u, |n, k| (n - k + 1) as f64, std::f64::consts::LN_2)
    }
    /// A matrix that is not symmetric or not positive definite is bad in its first bad pivot.
    fn outside(x: &[f64], (n, _): (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        let at = |i: usize, j: usize| x[i + j * n];
        for j in 0..n {
            for i in 0..j {
                let unit = at(i, i).abs().sqrt() * at(j, j).abs().sqrt();
                if !((at(i, j) - at(j, i)).abs() <= 1e-5 * unit) {
                    return Some(i + j * n);
                }
            }
        }
        let mut l = x.to_vec();
        for j in 0..n {
            for k in 0..j {
                for i in j..n {
                    l[i + j * n] -= l[i + k * n] * l[j + k * n];
                }
            }
            if !(l[j + j * n] > 0.0) {
                return Some(j + j * n);
            }
            let root = l[j + j * n].sqrt();
            (j..n).for_each(|i| l[i + j * n] /= root);
        }
        None
    }
}
