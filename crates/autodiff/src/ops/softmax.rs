//! Log-sum-exp, softmax and its logarithm over the columns of each row (a row is one event).

use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};
use num_traits::Zero;

/// Rows that are worked on at once, column by column.
const ROWS: usize = 16;

/// Where blocks of rows begin, and how many there are in each.
fn blocks(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(ROWS).map(move |at| (at, ROWS.min(rows - at)))
}

/// The largest entry of each of a block's rows, and `ln Σ exp` of the row less it; a row of -∞
/// gives -∞ and 0.
///
/// Both parts are kept, and the largest term, 1, stays out of the sum: the logarithm of a
/// probability near 1 then keeps its digits, however large the entries are.
#[inline(always)]
fn block_lse<T: Scalar>(x: &[T], rows: usize, (at, n): (usize, usize)) -> [[T::Num; ROWS]; 2] {
    let mut top = [T::Num::of(f64::NEG_INFINITY); ROWS];
    let (mut others, mut largest) = ([T::Num::zero(); ROWS], [0_u32; ROWS]);
    for (j, column) in x.chunks_exact(rows).enumerate() {
        let columns = column[at..at + n].iter().zip(&mut top).zip(&mut largest);
        for ((x, top), largest) in columns {
            let x = x.num();
            let larger = x > *top || x.re().is_nan();
            *top = if larger { x } else { *top };
            *largest = if larger { j as u32 } else { *largest };
        }
    }
    for (j, column) in x.chunks_exact(rows).enumerate() {
        let columns = column[at..at + n].iter().zip(&mut others).zip(top.iter().zip(&largest));
        for ((x, sum), (top, largest)) in columns {
            let term = (x.num() - *top).exp();
            *sum += if *largest == j as u32 { T::Num::zero() } else { term };
        }
    }
    for (rest, top) in others[..n].iter_mut().zip(&top) {
        let sum = rest.ln_1p();
        *rest = if *top == f64::NEG_INFINITY { T::Num::zero() } else { sum };
    }
    [top, others]
}

#[derive(Clone, Copy, Debug)]
struct LogSumExp;

built_in!(LogSumExp);

impl<T: Scalar> Op<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        dispatch(Sums { rows, x: x.get(0), y });
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.accumulate_zeroed(0, |to| dispatch(SumSlopes { rows, x: x.get(0), y, g, to }));
    }
}

struct Sums<'a, T> {
    rows: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for block in blocks(self.rows) {
            let [top, rest] = block_lse(self.x, self.rows, block);
            for (i, y) in self.y[block.0..][..block.1].iter_mut().enumerate() {
                *y = T::from_num(top[i] + rest[i]);
            }
        }
    }
}

struct SumSlopes<'a, T> {
    rows: usize,
    x: &'a [T],
    y: &'a [T],
    g: &'a [T],
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for SumSlopes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.rows.max(1);
        let (y, g) = (&self.y[..self.rows], &self.g[..self.rows]);
        for (to, x) in self.to.chunks_exact_mut(rows).zip(self.x.chunks_exact(rows)) {
            for i in 0..self.rows {
                let slope = g[i].num() * (x[i].num() - y[i].num()).exp();
                let slope = if y[i].num() == f64::NEG_INFINITY { T::Num::zero() } else { slope };
                to[i] = T::from_num(to[i].num() + slope);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Softmax {
    log: bool,
}

built_in!(Softmax);

impl<T: Scalar> Op<T> for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        dispatch(Normalised { log: self.log, rows, x: x.get(0), y });
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.accumulate_zeroed(0, |to| dispatch(Slopes { log: self.log, rows, y, g, to }));
    }
}

struct Normalised<'a, T> {
    log: bool,
    rows: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Normalised<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.rows;
        for (at, n) in blocks(rows) {
            let [top, rest] = block_lse(self.x, rows, (at, n));
            for (x, y) in self.x.chunks_exact(rows).zip(self.y.chunks_exact_mut(rows)) {
                let (x, y) = (&x[at..at + n], &mut y[at..at + n]);
                for i in 0..n {
                    let log = x[i].num() - top[i] - rest[i];
                    y[i] = T::from_num(if self.log { log } else { log.exp() });
                }
            }
        }
    }
}

/// Softmax: `y (g - Σ y g)`; its logarithm: `g - e^y Σ g`.
struct Slopes<'a, T> {
    log: bool,
    rows: usize,
    y: &'a [T],
    g: &'a [T],
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for Slopes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.rows;
        for (at, n) in blocks(rows) {
            let mut sums = [T::Num::zero(); ROWS];
            for (y, g) in self.y.chunks_exact(rows).zip(self.g.chunks_exact(rows)) {
                let (y, g) = (&y[at..at + n], &g[at..at + n]);
                for i in 0..n {
                    sums[i] += if self.log { g[i].num() } else { y[i].num() * g[i].num() };
                }
            }
            let columns = self.y.chunks_exact(rows).zip(self.g.chunks_exact(rows));
            for ((y, g), to) in columns.zip(self.to.chunks_exact_mut(rows)) {
                let (y, g, to) = (&y[at..at + n], &g[at..at + n], &mut to[at..at + n]);
                for i in 0..n {
                    let (y, g) = (y[i].num(), g[i].num());
                    let slope = if self.log { g - y.exp() * sums[i] } else { y * (g - sums[i]) };
                    to[i] = T::from_num(to[i].num() + slope);
                }
            }
        }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `ln Σⱼ exp(xᵢⱼ)` of each row, without overflow: r × c to r × 1.
    pub fn logsumexp(self) -> Self {
        match self.tape() {
            Some(tape) => tape.record_own(LogSumExp, &[self], self.nrows(), 1),
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
            Some(tape) => tape.record_own(Softmax { log }, &[self], rows, cols),
            None => Var::from(if log { 0.0 } else { 1.0 }),
        }
    }
}
