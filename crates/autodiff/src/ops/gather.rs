//! Rows by index: gather, scatter-add, and one entry of each row.

use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Op, Var};
use std::sync::Arc;

/// Row `index[i]` of the argument becomes row `i`; or, scattering, row `i` is added to row `index[i]`.
#[derive(Clone, Debug)]
struct Rows {
    index: Arc<[usize]>,
    scatter: bool,
}

/// Calls `each` with (position in the long matrix of `rows` rows, position in the list of rows), for all columns.
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
        dx.add_to_some(0, |to| {
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
        dx.add_to_some(0, |to| {
            for (i, &j) in self.index.iter().enumerate() {
                add_one(&mut to[i + j * rows], g[i]);
            }
        });
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The rows with these indices, in this order, repeats allowed: n × c. An `Arc` index is not copied.
    ///
    /// # Panics
    /// If an index exceeds the rows.
    #[track_caller]
    pub fn gather_rows(self, index: impl Into<Arc<[usize]>>) -> Self {
        let index = index.into();
        let (rows, cols) = self.shape();
        in_range("gather_rows", &index, rows);
        match self.tape() {
            Some(tape) => {
                tape.record(Rows { index: index.clone(), scatter: false }, &[self], index.len(), cols)
            }
            None => panic!("gather_rows: a bare constant has no rows to gather"),
        }
    }

    /// A matrix of `rows` rows, to whose row `index[i]` row `i` of this one is added; the others are 0.
    ///
    /// # Panics
    /// If an index exceeds `rows`, or there is not one index per row.
    #[track_caller]
    pub fn scatter_rows(self, index: impl Into<Arc<[usize]>>, rows: usize) -> Self {
        let index = index.into();
        let (own, cols) = self.shape();
        in_range("scatter_rows", &index, rows);
        assert!(index.len() == own, "scatter_rows: {} indices for {own} rows", index.len());
        match self.tape() {
            Some(tape) => tape.record(Rows { index, scatter: true }, &[self], rows, cols),
            None => panic!("scatter_rows: a bare constant has no rows to scatter"),
        }
    }

    /// Entry `index[i]` of every row `i`: r × c to r × 1.
    ///
    /// # Panics
    /// If an index exceeds the columns, or there is not one index per row.
    #[track_caller]
    pub fn pick(self, index: impl Into<Arc<[usize]>>) -> Self {
        let index = index.into();
        let (rows, cols) = self.shape();
        in_range("pick", &index, cols);
        assert!(index.len() == rows, "pick: {} indices for {rows} rows", index.len());
        match self.tape() {
            Some(tape) => tape.record(Pick { index }, &[self], rows, 1),
            None => self,
        }
    }
}

#[track_caller]
fn in_range(op: &str, index: &[usize], n: usize) {
    if let Some(bad) = index.iter().find(|&&i| i >= n) {
        panic!("{op}: index {bad} exceeds {n}");
    }
}
