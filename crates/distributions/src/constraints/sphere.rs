//! Rows of length 1.

use super::{Constraint, first_in_rows, rows_as};
use crate::distribution::Event;
use probity_autodiff::{Axis, Scalar, Terms, Var, formula};

/// Rows of `c ≥ 2` numbers whose squares sum to 1, from `c - 1` numbers by the stereographic
/// projection from the point `(0, …, 0, 1)`, which has no number itself: `u = 0` is the point
/// opposite. The density is that on the sphere, by its surface.
///
/// Source: the inverse map `(2u, |u|² - 1) / (|u|² + 1)`, whose slope is `2 / (1 + |u|²)` in all
/// directions.
#[derive(Clone, Copy, Debug)]
pub struct Sphere;

impl<'t, T: Scalar> Constraint<Var<'t, T>> for Sphere {
    const NAME: &'static str = "unit vector";
    const EVENT: Event = Event::Row;
    fn unconstrained_shape((rows, cols): (usize, usize)) -> Option<(usize, usize)> {
        (cols > 1).then(|| (rows, cols - 1))
    }
    fn constrain(u: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let square = u.sq().sum_axis(Axis::Cols);
        // For large numbers by the reciprocal of the square, which does not overflow first.
        let first = formula!(|u, s| u * 2.0 / (s + 1.0));
        let last = formula!(|s| {
            let (near, far) = ((s - 1.0) / (s + 1.0), -(s + 1.0).recip() * 2.0 + 1.0);
            if s < 1.0 { near } else { far }
        });
        Var::concat_cols(&[Var::map(first, [u, square]), Var::map(last, [square])])
    }
    /// `u = x / (1 - x_c)`, of the first entries; near the point of projection by what the others
    /// leave of the length.
    fn unconstrain(x: Var<'t, T>, _: &[Var<'t, T>; 2]) -> Var<'t, T> {
        let n = x.ncols().saturating_sub(1);
        let (others, last) = (x.cols(0..n), x.cols(n..n + 1));
        let f = formula!(|x, last, square| {
            // 1 - x_c = |others|² / (1 + x_c).
            let rest = if last > 0.0 { square / (last + 1.0) } else { -last + 1.0 };
            x / rest
        });
        Var::map(f, [others, last, others.sq().sum_axis(Axis::Cols)])
    }
    fn log_det(u: Var<'t, T>, _: &[Var<'t, T>; 2], terms: Terms) -> Var<'t, T> {
        let n = Var::from(u.ncols() as f64);
        let f = formula!(|s, n| n * (-s.ln_1p() + std::f64::consts::LN_2));
        rows_as(terms, Var::map(f, [u.sq().sum_axis(Axis::Cols), n]))
    }
    fn outside(x: &[f64], shape: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        first_in_rows(x, shape, |row| {
            let square: f64 = row.iter().map(|x| x * x).sum();
            (!((square - 1.0).abs() <= 1e-5)).then_some(0)
        })
    }
}
