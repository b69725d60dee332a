//! Sums and means: of all entries, down the rows, along the columns.

use crate::formula::Formula;
use crate::kernel::gemm::{Mat, gemm};
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Var};
use num_traits::Zero;

/// Which index a reduction removes (NumPy's axis 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// The rows are reduced to one: r × c becomes 1 × c.
    Rows,
    /// The columns are reduced to one: r × c becomes r × 1.
    Cols,
}

impl Axis {
    pub(crate) fn reduced(self, (rows, cols): (usize, usize)) -> (usize, usize) {
        match self {
            Axis::Rows => (1, cols),
            Axis::Cols => (rows, 1),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Identity;
impl Formula<1> for Identity {
    #[inline(always)]
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        x
    }
    fn name(&self) -> &'static str {
        "sum"
    }
}

#[derive(Clone, Copy, Debug)]
struct SumAxis(Axis);

impl<T: Scalar> Op<T> for SumAxis {
    fn name(&self) -> &'static str {
        "sum_axis"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        match self.0 {
            Axis::Rows => column_sums(x.get(0), rows, y, true),
            Axis::Cols => {
                y.fill(T::from_f64(0.0));
                for column in x.get(0).chunks_exact(rows.max(1)) {
                    add(y, column);
                }
            }
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.add_to_some(0, |to| {
            for (j, column) in to.chunks_exact_mut(rows.max(1)).enumerate() {
                match self.0 {
                    Axis::Rows => column.iter_mut().for_each(|t| *t = T::from_num(t.num() + g[j].num())),
                    Axis::Cols => add(column, g),
                }
            }
        });
    }
}

/// The sum of every column, stored or added.
pub(crate) fn column_sums<T: Scalar>(x: &[T], rows: usize, to: &mut [T], fresh: bool) {
    /// Up to so many rows a column is so short that adding up the lanes in the end takes most of the time. A product with ones does that for
    /// sixteen columns at once.
    const SHORT: usize = 256;
    if (1..=SHORT).contains(&rows) {
        let ones = [T::from_f64(1.0); SHORT];
        let ones = Mat { data: &ones[..rows], rows: 1, cols: rows, transposed: false };
        return gemm(to, ones, Mat { data: x, rows, cols: to.len(), transposed: false }, fresh);
    }
    if fresh {
        to.fill(T::from_f64(0.0));
    }
    if rows > 0 {
        dispatch(ColumnSums { x, rows, to });
    }
}

struct ColumnSums<'a, T> {
    x: &'a [T],
    rows: usize,
    to: &'a mut [T],
}

impl<T: Scalar> Kernel for ColumnSums<'_, T> {
    type Output = ();

    /// Running sums in 16 lanes, whatever the instruction set; what does not fill the lanes has a sum of its own.
    #[inline(always)]
    fn run(self) {
        const LANES: usize = 16;
        for (to, column) in self.to.iter_mut().zip(self.x.chunks_exact(self.rows)) {
            let mut sums = [T::Num::zero(); LANES];
            let (lanes, rest) = column.as_chunks::<LANES>();
            for x in lanes {
                for i in 0..LANES {
                    sums[i] += x[i].num();
                }
            }
            let mut width = LANES / 2;
            while width > 0 {
                for i in 0..width {
                    let other = sums[i + width];
                    sums[i] += other;
                }
                width /= 2;
            }
            let rest = rest.iter().fold(T::Num::zero(), |sum, x| sum + x.num());
            *to = T::from_num(to.num() + sums[0] + rest);
        }
    }
}

/// `to += x`.
pub(crate) fn add<T: Scalar>(to: &mut [T], x: &[T]) {
    for (t, x) in to.iter_mut().zip(x) {
        *t = T::from_num(t.num() + x.num());
    }
}

/// The sum of several matrices of one shape.
#[derive(Clone, Copy, Debug)]
struct AddAll;

impl<T: Scalar> Op<T> for AddAll {
    fn name(&self) -> &'static str {
        "add_all"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        y.copy_from_slice(x.get(0));
        for k in 1..x.len() {
            add(y, x.get(k));
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        for k in 0..x.len() {
            dx.add(k, |to, fresh| if fresh { to.copy_from_slice(g) } else { add(to, g) });
        }
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sum of matrices of one shape, as one node; the number 0 for none.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add_all(terms: &[Self]) -> Self {
        let Some(first) = terms.first() else { return Var::from(0.0) };
        let (rows, cols) = first.shape();
        for term in terms {
            let (r, c) = term.shape();
            assert!((r, c) == (rows, cols), "add_all: {rows} × {cols} and {r} × {c}");
        }
        match terms.iter().find_map(|t| t.tape()) {
            Some(_) if terms.len() == 1 => *first,
            Some(tape) => tape.record(AddAll, terms, rows, cols),
            None => terms.iter().copied().sum(),
        }
    }

    /// The sum of all entries, 1 × 1.
    pub fn sum(self) -> Self {
        Var::map_sum(Identity, [self])
    }

    /// The mean of all entries, 1 × 1.
    pub fn mean(self) -> Self {
        let (rows, cols) = self.shape();
        self.sum() / (rows * cols) as f64
    }

    /// The sum over one index.
    pub fn sum_axis(self, axis: Axis) -> Self {
        let (rows, cols) = axis.reduced(self.shape());
        match self.tape() {
            Some(tape) => tape.record(SumAxis(axis), &[self], rows, cols),
            None => self,
        }
    }

    /// The mean over one index.
    pub fn mean_axis(self, axis: Axis) -> Self {
        let (rows, cols) = self.shape();
        let n = if axis == Axis::Rows { rows } else { cols };
        self.sum_axis(axis) / n as f64
    }
}
