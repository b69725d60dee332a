//! Sums and means: of all entries, down the rows, along the columns.

use crate::compiled_here;
use crate::formula::Formula;
use crate::kernel::gemm::{Mat, gemm};
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, FastOp, Inputs, Op, Var, built_in};
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
    compiled_here!(Identity, 1);
}

#[derive(Clone, Copy, Debug)]
struct SumAxis(Axis);

built_in!(SumAxis);

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
        dx.accumulate_zeroed(0, |to| {
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
pub(crate) fn column_sums<T: Scalar>(x: &[T], rows: usize, to: &mut [T], overwrite: bool) {
    /// Up to so many rows a column is so short that adding up the lanes in the end takes most of
    /// the time. A product with ones does that for sixteen columns at once.
    const SHORT: usize = 256;
    if (1..=SHORT).contains(&rows) {
        let ones = [T::from_f64(1.0); SHORT];
        let ones = Mat { data: &ones[..rows], rows: 1, cols: rows, transposed: false };
        return gemm(to, ones, Mat { data: x, rows, cols: to.len(), transposed: false }, overwrite);
    }
    if overwrite {
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

    /// Running sums in 16 lanes, whatever the instruction set; what does not fill the lanes has a
    /// sum of its own.
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
#[inline]
pub(crate) fn add<T: Scalar>(to: &mut [T], x: &[T]) {
    for (t, x) in to.iter_mut().zip(x) {
        *t = T::from_num(t.num() + x.num());
    }
}

/// Terms that one operation adds.
const TERMS: usize = 16;

/// `Σ wₖ xₖ` of matrices of one shape.
#[derive(Clone, Copy, Debug)]
struct Combination {
    weights: [f64; TERMS],
}

built_in!(Combination);

impl<T: Scalar> Op<T> for Combination {
    fn name(&self) -> &'static str {
        "linear combination"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        for k in 0..x.len() {
            scaled(self.weights[k], x.get(k), y, k == 0);
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        for k in 0..x.len() {
            dx.accumulate(k, |to, overwrite| scaled(self.weights[k], g, to, overwrite));
        }
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<T: Scalar> FastOp<T> for Combination {
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        for k in 0..x.len() {
            let values = x.all_lanes(k);
            // What is the same in all lanes is added to each.
            for y in y.chunks_exact_mut(values.len().max(1)) {
                scaled(self.weights[k], values, y, k == 0);
            }
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        for k in 0..x.len() {
            dx.accumulate_lanes(k, |to, mut overwrite| {
                for g in g.chunks_exact(to.len().max(1)) {
                    scaled(self.weights[k], g, to, std::mem::take(&mut overwrite));
                }
            });
        }
    }

    fn reads_values(&self) -> bool {
        false
    }
}

/// `w x`, stored or added.
fn scaled<T: Scalar>(w: f64, x: &[T], to: &mut [T], overwrite: bool) {
    for (to, x) in to.iter_mut().zip(x) {
        let term = if w == 1.0 { x.num() } else { x.num() * w };
        *to = T::from_num(if overwrite { term } else { to.num() + term });
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The sum of matrices of one shape, as one node; the number 0 for none.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add_all(terms: &[Self]) -> Self {
        let mut sum = Combined::default();
        terms.iter().for_each(|term| sum.add(*term, 1.0));
        sum.value()
    }

    /// `Σ wₖ xₖ` of matrices of one shape, as one node; the number 0 for no terms.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn linear_combination(terms: impl IntoIterator<Item = (Self, f64)>) -> Self {
        let mut sum = Combined::default();
        terms.into_iter().for_each(|(term, weight)| sum.add(term, weight));
        sum.value()
    }

    /// `Σ wₖ xₖ` of numbers of which one is [deferred](crate::tape): so is the sum. `None` for
    /// others, for which a formula does as well.
    pub(super) fn of_deferred(terms: &[Self], weights: &[f64]) -> Option<Self> {
        let numbers = terms.iter().any(|x| x.is_deferred()) && terms.iter().all(|x| x.shape() == (1, 1));
        numbers.then(|| Var::linear_combination(terms.iter().copied().zip(weights.iter().copied())))
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
            Some(tape) => tape.record_own(SumAxis(axis), &[self], rows, cols),
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

/// The terms of a combination so far: as many as one operation adds, of which the first may be the
/// sum of those before.
struct Combined<'t, T: Scalar> {
    terms: [Var<'t, T>; TERMS],
    weights: [f64; TERMS],
    count: usize,
}

impl<T: Scalar> Default for Combined<'_, T> {
    fn default() -> Self {
        Self { terms: [Var::from(0.0); TERMS], weights: [1.0; TERMS], count: 0 }
    }
}

impl<'t, T: Scalar> Combined<'t, T> {
    #[track_caller]
    fn add(&mut self, term: Var<'t, T>, weight: f64) {
        if self.count == TERMS {
            (self.terms[0], self.weights[0], self.count) = (self.value(), 1.0, 1);
        }
        let (first, other) = (if self.count == 0 { term } else { self.terms[0] }.shape(), term.shape());
        let ((r, c), (rows, cols)) = (first, other);
        assert!(first == other, "linear combination: {r} × {c} and {rows} × {cols}");
        (self.terms[self.count], self.weights[self.count]) = (term, weight);
        self.count += 1;
    }

    #[track_caller]
    fn value(&self) -> Var<'t, T> {
        let (terms, weights) = (&self.terms[..self.count], self.weights);
        match (terms, terms.iter().find_map(|t| t.tape())) {
            ([], _) => Var::from(0.0),
            ([one], _) if weights[0] == 1.0 => *one,
            ([first, ..], Some(tape)) => {
                let (rows, cols) = first.shape();
                tape.record_own(Combination { weights }, terms, rows, cols)
            }
            (_, None) => terms.iter().zip(weights).map(|(x, w)| *x * w).sum(),
        }
    }
}
