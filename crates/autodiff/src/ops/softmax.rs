//! Log-sum-exp, softmax and its logarithm over the columns of each row (a row is one event).

use crate::real::{Real, Scalar};
use crate::tape::{Adjoints, Inputs, Op, Var};
use num_traits::Zero;

/// The largest entry of a row, and `ln Σ exp` of the row less it; a row of -∞ gives -∞ and 0.
///
/// Both parts are kept, and the largest term, 1, stays out of the sum: the logarithm of a probability near 1 then keeps its
/// digits, however large the entries are.
fn row_lse<T: Scalar>(x: &[T], rows: usize, i: usize) -> (T::Num, T::Num) {
    let row = || x.iter().skip(i).step_by(rows).map(|v| v.num()).enumerate();
    let start = (0, T::Num::of(f64::NEG_INFINITY));
    let (at, top) =
        row().fold(start, |(at, top), (j, v)| if v > top || v.re().is_nan() { (j, v) } else { (at, top) });
    if top.re() == f64::NEG_INFINITY {
        return (top, T::Num::zero());
    }
    let others = row().filter(|(j, _)| *j != at).fold(T::Num::zero(), |s, (_, v)| s + (v - top).exp());
    (top, others.ln_1p())
}

#[derive(Clone, Copy, Debug)]
struct LogSumExp;

impl<T: Scalar> Op<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        for (i, y) in y.iter_mut().enumerate() {
            let (top, rest) = row_lse(x.get(0), rows, i);
            *y = T::from_num(top + rest);
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.add_to_some(0, |to| {
            for (e, (to, x)) in to.iter_mut().zip(x.get(0)).enumerate() {
                let i = e % rows;
                if y[i].to_f64() != f64::NEG_INFINITY {
                    *to = T::from_num(to.num() + g[i].num() * (x.num() - y[i].num()).exp());
                }
            }
        });
    }
}

#[derive(Clone, Copy, Debug)]
struct Softmax {
    log: bool,
}

impl<T: Scalar> Op<T> for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        let x = x.get(0);
        for i in 0..rows {
            let (top, rest) = row_lse(x, rows, i);
            for e in (i..x.len()).step_by(rows) {
                let v = x[e].num() - top - rest;
                y[e] = T::from_num(if self.log { v } else { v.exp() });
            }
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.add_to_some(0, |to| {
            for i in 0..rows {
                let row = || (i..y.len()).step_by(rows);
                // softmax: y (g - Σ y g);  log-softmax: g - softmax Σ g.
                let weight = |e: usize| if self.log { T::Num::of(1.0) } else { y[e].num() };
                let sum = row().fold(T::Num::zero(), |s, e| s + weight(e) * g[e].num());
                for e in row() {
                    let p = y[e].num();
                    let d = if self.log { g[e].num() - p.exp() * sum } else { p * (g[e].num() - sum) };
                    to[e] = T::from_num(to[e].num() + d);
                }
            }
        });
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `ln Σⱼ exp(xᵢⱼ)` of each row, without overflow: r × c to r × 1.
    pub fn logsumexp(self) -> Self {
        match self.tape() {
            Some(tape) => tape.record(LogSumExp, &[self], self.nrows(), 1),
            None => self,
        }
    }

    /// `exp(xᵢⱼ) / Σₖ exp(xᵢₖ)`: every row becomes a probability vector.
    pub fn softmax(self) -> Self {
        self.normalised(false)
    }

    /// The logarithm of [`softmax`](Var::softmax), without overflow or loss.
    pub fn log_softmax(self) -> Self {
        self.normalised(true)
    }

    fn normalised(self, log: bool) -> Self {
        let (rows, cols) = self.shape();
        match self.tape() {
            Some(tape) => tape.record(Softmax { log }, &[self], rows, cols),
            None => Var::from(if log { 0.0 } else { 1.0 }),
        }
    }
}
