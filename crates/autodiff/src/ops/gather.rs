//! Rows by index: gather, scatter-add, and one entry of each row.

use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};
use std::sync::Arc;

/// Row `index[i]` of the argument becomes row `i`; or, scattering, row `i` is added to row
/// `index[i]`.
#[derive(Clone, Debug)]
struct Rows {
    index: Arc<[usize]>,
    scatter: bool,
}

/// Calls `each` with (position in the long matrix of `rows` rows, position in the list of rows),
/// for all columns.
fn pairs(index: &[usize], rows: usize, cols: usize, mut each: impl FnMut(usize, usize)) {
    for j in 0..cols {
        for (i, &row) in index.iter().enumerate() {
            each(row + j * rows, i + j * index.len());
        }
    }
}

fn add_one<T: Scalar>(to: &mut T, x: T) {
    *to = T::from_num(to.num() + x.num());
}

built_in!(Rows);

impl<T: Scalar> Op<T> for Rows {
    fn name(&self) -> &'static str {
        if self.scatter { "scatter_rows" } else { "gather_rows" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, cols) = x.shape(0);
        let x = x.get(0);
        if self.scatter {
            y.fill(T::from_f64(0.0));
            let rows = y.len() / cols.max(1);
            pairs(&self.index, rows, cols, |long, list| add_one(&mut y[long], x[list]));
        } else {
            pairs(&self.index, rows, cols, |long, list| y[list] = x[long]);
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, cols) = x.shape(0);
        dx.accumulate_zeroed(0, |to| {
            if self.scatter {
                let rows = g.len() / cols.max(1);
                pairs(&self.index, rows, cols, |long, list| add_one(&mut to[list], g[long]));
            } else {
                pairs(&self.index, rows, cols, |long, list| add_one(&mut to[long], g[list]));
            }
        });
    }
}

/// Entry `index[i]` of row `i`.
#[derive(Clone, Debug)]
struct Pick {
    index: Arc<[usize]>,
}

built_in!(Pick);

impl<T: Scalar> Op<T> for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        for (i, (y, &j)) in y.iter_mut().zip(self.index.iter()).enumerate() {
            *y = x.get(0)[i + j * rows];
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.accumulate_zeroed(0, |to| {
            for (i, &j) in self.index.iter().enumerate() {
                add_one(&mut to[i + j * rows], g[i]);
            }
        });
    }
}

/// Row numbers, counted from 0: a slice or vector, or an `Arc` that is not copied.
pub trait Indices {
    /// As a list that a tape can keep.
    fn indices(self) -> Arc<[usize]>;
}

impl Indices for &[usize] {
    fn indices(self) -> Arc<[usize]> {
        self.into()
    }
}

impl<const N: usize> Indices for [usize; N] {
    fn indices(self) -> Arc<[usize]> {
        self.into()
    }
}

impl<const N: usize> Indices for &[usize; N] {
    fn indices(self) -> Arc<[usize]> {
        self.as_slice().into()
    }
}

impl Indices for &Vec<usize> {
    fn indices(self) -> Arc<[usize]> {
        self.as_slice().into()
    }
}

impl Indices for &Arc<[usize]> {
    fn indices(self) -> Arc<[usize]> {
        self.clone()
    }
}

impl Indices for Vec<usize> {
    fn indices(self) -> Arc<[usize]> {
        self.into()
    }
}

impl Indices for Arc<[usize]> {
    fn indices(self) -> Arc<[usize]> {
        self
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The row of the group that each of n observations belongs to: n × c, with row `index[i]` of
    /// the groups (k × c) as row `i`. The same as [`gather_rows`](Var::gather_rows), by the name
    /// that it has for groups.
    ///
    /// ```
    /// use probity_autodiff::Tape;
    /// let (tape, county) = (Tape::<f64>::new(), vec![0, 0, 2, 1]);
    /// let alpha = tape.column(&[10.0, 20.0, 30.0]);
    /// assert_eq!(alpha.gather(&county).value().as_slice(), [10.0, 10.0, 30.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If an index is not below k. A model's `Scope::gather` gives an error instead.
    #[track_caller]
    pub fn gather(self, index: impl Indices) -> Self {
        self.gather_rows(index)
    }

    /// The rows with these indices, in this order, repeats allowed: n × c. An `Arc` index is not
    /// copied.
    ///
    /// # Panics
    /// If an index exceeds the rows.
    #[track_caller]
    pub fn gather_rows(self, index: impl Indices) -> Self {
        let index = index.indices();
        let (rows, cols) = self.shape();
        in_range("gather_rows", &index, rows);
        match self.tape() {
            Some(tape) => {
                tape.record_own(Rows { index: index.clone(), scatter: false }, &[self], index.len(), cols)
            }
            None => panic!("gather_rows: a bare constant has no rows to gather"),
        }
    }

    /// A matrix of `rows` rows, to whose row `index[i]` row `i` of this one is added; the others
    /// are 0.
    ///
    /// # Panics
    /// If an index exceeds `rows`, or there is not one index per row.
    #[track_caller]
    pub fn scatter_rows(self, index: impl Indices, rows: usize) -> Self {
        let index = index.indices();
        let (own, cols) = self.shape();
        in_range("scatter_rows", &index, rows);
        assert!(index.len() == own, "scatter_rows: {} indices for {own} rows", index.len());
        match self.tape() {
            Some(tape) => tape.record_own(Rows { index, scatter: true }, &[self], rows, cols),
            None => panic!("scatter_rows: a bare constant has no rows to scatter"),
        }
    }

    /// Entry `index[i]` of every row `i`: r × c to r × 1.
    ///
    /// # Panics
    /// If an index exceeds the columns, or there is not one index per row.
    #[track_caller]
    pub fn pick(self, index: impl Indices) -> Self {
        let index = index.indices();
        let (rows, cols) = self.shape();
        in_range("pick", &index, cols);
        assert!(index.len() == rows, "pick: {} indices for {rows} rows", index.len());
        match self.tape() {
            Some(tape) => tape.record_own(Pick { index }, &[self], rows, 1),
            None => self,
        }
    }
}

#[track_caller]
fn in_range(op: &str, index: &[usize], n: usize) {
    if let Some((entry, bad)) = index.iter().enumerate().find(|(_, i)| **i >= n) {
        panic!("{op}: entry {entry} of the index is {bad}, but it must be below {n}");
    }
}
