//! Laws of constraints: the map from unconstrained numbers and back, its Jacobian, the support.

use super::{Law, LawError};
use crate::constraints::Constraint;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Terms, Var};

/// A constraint at a point: its limits, the shape of the value, the unconstrained numbers.
#[derive(Debug)]
struct At<'a> {
    limits: [f64; 2],
    shape: (usize, usize),
    u: &'a [f64],
}

impl At<'_> {
    fn law<'a, C>(&'a self, name: &'static str) -> Law<'a>
    where
        for<'t> C: Constraint<Var<'t, f64>>,
    {
        Law { name, family: <C as Constraint<Var<'static, f64>>>::NAME, of: self }
    }

    /// The unconstrained numbers as a variable, and the limits; an error if a value of the shape
    /// has another number of them.
    fn on<'t, C>(
        &self,
        tape: &'t Tape<f64>,
        law: &Law<'_>,
    ) -> Result<(Var<'t, f64>, [Var<'t, f64>; 2]), LawError>
    where
        C: Constraint<Var<'t, f64>>,
    {
        let (rows, cols) = C::unconstrained_shape(self.shape).unwrap_or((0, 0));
        let (got, want) = ((rows * cols) as f64, self.u.len() as f64);
        law.holds(|| "the number of unconstrained numbers".into(), got, want, 0.0)?;
        let u = tape.variable(&DMatrix::from_column_slice(rows, cols, self.u));
        Ok((u, self.limits.map(|limit| tape.scalar(limit))))
    }
}

/// `unconstrain(constrain(u)) = u`, within what the rounding of the value leaves of it; the value
/// has its shape and lies in the support, and NaN does not.
///
/// `u` are the unconstrained numbers behind a value of this shape, column by column; `limits` are
/// those of [`Support::own`](crate::Support::own), 0 where the support has none. The compiler
/// cannot infer the constraint: name it.
///
/// # Errors
/// If not.
pub fn constraint_inverts<C>(limits: [f64; 2], shape: (usize, usize), u: &[f64]) -> Result<(), LawError>
where
    for<'t> C: Constraint<Var<'t, f64>>,
{
    let at = At { limits, shape, u };
    let law = at.law::<C>("constraint_inverts");
    let tape = Tape::new();
    let (unconstrained, on_tape) = at.on::<C>(&tape, &law)?;
    let x = C::constrain(unconstrained, &on_tape).value();
    law.holds(|| "the rows of the value".into(), x.nrows() as f64, shape.0 as f64, 0.0)?;
    law.holds(|| "the columns of the value".into(), x.ncols() as f64, shape.1 as f64, 0.0)?;
    let outside = |x: &[f64]| {
        let place = <C as Constraint<Var<'static, f64>>>::outside(x, shape, &|k, _| limits[k]);
        place.map_or(-1.0, |place| place as f64)
    };
    law.holds(|| format!("an entry outside the support, of{x}"), outside(x.as_slice()), -1.0, 0.0)?;
    let nan = if outside(&vec![f64::NAN; x.len()]) < 0.0 { 0.0 } else { 1.0 };
    law.holds(|| "NaN lies outside the support".into(), nan, 1.0, 0.0)?;
    let x = tape.variable(&x);
    let back = C::unconstrain(x, &on_tape);
    for (k, want) in u.iter().enumerate() {
        let (row, col) = (k % back.nrows(), k / back.nrows());
        let entry = back.at(row, col);
        let slopes = tape.backward(entry).wrt(x);
        let rounding: f64 = slopes.iter().zip(x.value().iter()).map(|(s, x)| (s * x).abs()).sum();
        let tolerance = 64.0 * f64::EPSILON * (want.abs() + rounding);
        law.holds(|| format!("unconstrained number {k}"), entry.item(), *want, tolerance)?;
    }
    Ok(())
}

/// `log_det` is `ln |dx/du|`, within 1e-10, where x are the entries of the value that are `free`:
/// those that the others do not determine, as many as there are unconstrained numbers. With more of
/// them it is the volume of their image, `½ ln det JᵀJ`: of a surface. That of every event and the
/// sum agree.
///
/// Arguments as for [`constraint_inverts`].
///
/// # Errors
/// If not.
pub fn constraint_log_det_matches<C>(
    limits: [f64; 2],
    shape: (usize, usize),
    u: &[f64],
    free: impl Fn(usize, usize) -> bool,
) -> Result<(), LawError>
where
    for<'t> C: Constraint<Var<'t, f64>>,
{
    let at = At { limits, shape, u };
    let law = at.law::<C>("constraint_log_det_matches");
    let tape = Tape::new();
    let (unconstrained, on_tape) = at.on::<C>(&tape, &law)?;
    let x = C::constrain(unconstrained, &on_tape);
    let mut rows = Vec::new();
    for (i, j) in (0..shape.1).flat_map(|j| (0..shape.0).map(move |i| (i, j))) {
        if free(i, j) {
            rows.push(tape.backward(x.at(i, j)).wrt(unconstrained));
        }
    }
    let (m, n) = (rows.len(), u.len());
    law.holds(|| "the number of free entries".into(), m.min(n) as f64, n as f64, 0.0)?;
    let jacobian = DMatrix::from_fn(m, n, |i, j| rows[i][j]);
    let square = jacobian.transpose() * &jacobian;
    let of_surface = 0.5 * square.determinant().ln();
    let want = if m == n { jacobian.determinant().abs().ln() } else { of_surface };
    let got = C::log_det(unconstrained, &on_tape, Terms::Sum).item();
    let tolerance = 1e-10 * (1.0 + want.abs());
    law.holds(|| "the sum".into(), got, want, tolerance)?;
    let each = C::log_det(unconstrained, &on_tape, Terms::Each).sum().item();
    law.holds(|| "the sum of all events".into(), each, want, tolerance)
}
