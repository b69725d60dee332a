//! Running sums along the columns of each row (a row is one event).

use super::reduce::add;
use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};

/// Which entries of its row the running sum at an entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// Those up to it, itself included.
    UpTo,
    /// Those before it.
    Before,
    /// Those from it on, itself included.
    From,
    /// Those after it.
    After,
}

impl Running {
    /// The sums that carry adjoints back.
    fn transposed(self) -> Self {
        match self {
            Running::UpTo => Running::From,
            Running::Before => Running::After,
            Running::From => Running::UpTo,
            Running::After => Running::Before,
        }
    }
}

/// Running sums of the columns of `x`, stored in `y`.
fn sums<T: Scalar>(which: Running, rows: usize, x: &[T], y: &mut [T]) {
    let cols = x.len() / rows.max(1);
    let down = matches!(which, Running::From | Running::After);
    let inclusive = matches!(which, Running::UpTo | Running::From);
    let at = |step: usize| if down { cols - 1 - step } else { step } * rows;
    for step in 0..cols {
        let here = at(step);
        if step == 0 {
            y[here..here + rows].fill(T::from_f64(0.0));
        } else {
            let before = at(step - 1);
            y.copy_within(before..before + rows, here);
        }
        // Without its own entry, a sum has that of its neighbour.
        let entry = if inclusive { Some(here) } else { step.checked_sub(1).map(at) };
        if let Some(entry) = entry {
            add(&mut y[here..here + rows], &x[entry..entry + rows]);
        }
    }
}

built_in!(Running);

impl<T: Scalar> Op<T> for Running {
    fn name(&self) -> &'static str {
        "running sum"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        sums(*self, x.shape(0).0, x.get(0), y);
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        if !dx.needs_grad(0) {
            return;
        }
        let mut sum = dx.take_scratch(g.len());
        sums(self.transposed(), x.shape(0).0, g, &mut sum);
        dx.accumulate(0, |to, overwrite| if overwrite { to.copy_from_slice(&sum) } else { add(to, &sum) });
        dx.put_scratch(sum);
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The running sums along the columns of each row, r × c.
    pub fn running_sum(self, which: Running) -> Self {
        let (rows, cols) = self.shape();
        match self.tape() {
            Some(tape) => tape.record_own(which, &[self], rows, cols),
            None if matches!(which, Running::UpTo | Running::From) => self,
            None => self * 0.0,
        }
    }
}
