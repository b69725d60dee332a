//! Parts, joins and new arrangements of a matrix.

use super::reduce::add;
use crate::real::Scalar;
use crate::tape::{Adjoints, FastOp, Inputs, Op, Var, built_in};
use std::ops::Range;

/// A block of a matrix.
#[derive(Clone, Debug)]
struct Slice {
    rows: Range<usize>,
    cols: Range<usize>,
}

built_in!(Slice);

impl Slice {
    /// Copies the block out of a matrix with so many rows.
    fn copy<T: Scalar>(&self, rows: usize, x: &[T], y: &mut [T]) {
        match y {
            // Sites of one number, for which a copy of any length would be a call.
            [y] => *y = x[self.cols.start * rows + self.rows.start],
            [] => {}
            y => {
                for (y, j) in y.chunks_exact_mut(self.rows.len()).zip(self.cols.clone()) {
                    y.copy_from_slice(&x[j * rows..][self.rows.clone()]);
                }
            }
        }
    }

    /// Adds the block to that of a matrix with so many rows.
    fn add_to<T: Scalar>(&self, rows: usize, to: &mut [T], g: &[T]) {
        if !g.is_empty() {
            for (g, j) in g.chunks_exact(self.rows.len()).zip(self.cols.clone()) {
                add(&mut to[j * rows..][self.rows.clone()], g);
            }
        }
    }
}

impl<T: Scalar> Op<T> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        self.copy(x.shape(0).0, x.get(0), y);
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_zeroed(0, |to| self.add_to(x.shape(0).0, to, g));
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

/// The argument has a value for every lane, for it is the only one.
impl<T: Scalar> FastOp<T> for Slice {
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let ((rows, cols), lanes) = (x.shape(0), x.lanes());
        let part = y.len() / lanes;
        for lane in 0..lanes {
            let x = &x.all_lanes(0)[lane * rows * cols..][..rows * cols];
            self.copy(rows, x, &mut y[lane * part..][..part]);
        }
    }

    fn backward_lanes(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let ((rows, cols), lanes) = (x.shape(0), x.lanes());
        let part = g.len() / lanes;
        dx.accumulate_lanes_zeroed(0, |to| {
            for lane in 0..lanes {
                let to = &mut to[lane * rows * cols..][..rows * cols];
                self.add_to(rows, to, &g[lane * part..][..part]);
            }
        });
    }
}

/// The same entries, column by column, in another shape.
#[derive(Clone, Copy, Debug)]
struct Reshape;

built_in!(Reshape);

impl<T: Scalar> Op<T> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        y.copy_from_slice(x.get(0));
    }

    fn backward(&self, _: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate(0, |to, overwrite| if overwrite { to.copy_from_slice(g) } else { add(to, g) });
    }
}

#[derive(Clone, Copy, Debug)]
struct Transpose;

built_in!(Transpose);

impl<T: Scalar> Op<T> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, cols) = x.shape(0);
        for j in 0..cols {
            for i in 0..rows {
                y[j + i * cols] = x.get(0)[i + j * rows];
            }
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, cols) = x.shape(0);
        dx.accumulate_zeroed(0, |to| {
            for j in 0..cols {
                for i in 0..rows {
                    let e = i + j * rows;
                    to[e] = T::from_num(to[e].num() + g[j + i * cols].num());
                }
            }
        });
    }
}

/// Matrices side by side, or one below the other.
#[derive(Clone, Copy, Debug)]
struct Concat {
    below: bool,
}

impl Concat {
    /// For every argument and each of its columns (all at once side by side): where it stands in
    /// the result.
    fn parts<T: Scalar>(&self, x: &Inputs<'_, T>, mut each: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let total: usize = (0..x.len()).map(|k| x.shape(k).0).sum();
        let mut start = 0;
        for k in 0..x.len() {
            let (rows, cols) = x.shape(k);
            if self.below {
                for j in 0..cols {
                    let at = start + j * total;
                    each(k, j * rows..(j + 1) * rows, at..at + rows);
                }
                start += rows;
            } else {
                each(k, 0..rows * cols, start..start + rows * cols);
                start += rows * cols;
            }
        }
    }
}

built_in!(Concat);

impl<T: Scalar> Op<T> for Concat {
    fn name(&self) -> &'static str {
        if self.below { "concat_rows" } else { "concat_cols" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        self.parts(x, |k, from, to| y[to].copy_from_slice(&x.get(k)[from]));
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        self.parts(x, |k, from, to| dx.accumulate_zeroed(k, |dx| add(&mut dx[from], &g[to])));
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The block of these rows and columns.
    ///
    /// # Panics
    /// If a range exceeds the matrix.
    #[track_caller]
    pub fn slice(self, rows: Range<usize>, cols: Range<usize>) -> Self {
        let (r, c) = self.shape();
        let fits = rows.start <= rows.end && rows.end <= r && cols.start <= cols.end && cols.end <= c;
        assert!(fits, "slice: rows {rows:?} and columns {cols:?} of a {r} × {c} matrix");
        let shape = (rows.len(), cols.len());
        match self.tape() {
            Some(tape) => tape.record_own(Slice { rows, cols }, &[self], shape.0, shape.1),
            None => self,
        }
    }

    /// These rows, all columns.
    ///
    /// # Panics
    /// If the range exceeds the matrix.
    #[track_caller]
    pub fn rows(self, rows: Range<usize>) -> Self {
        let cols = self.ncols();
        self.slice(rows, 0..cols)
    }

    /// These columns, all rows.
    ///
    /// # Panics
    /// If the range exceeds the matrix.
    #[track_caller]
    pub fn cols(self, cols: Range<usize>) -> Self {
        let rows = self.nrows();
        self.slice(0..rows, cols)
    }

    /// The entry in row `i` and column `j`, 1 × 1.
    ///
    /// # Panics
    /// If it is outside the matrix.
    #[track_caller]
    pub fn at(self, i: usize, j: usize) -> Self {
        self.slice(i..i + 1, j..j + 1)
    }

    /// The same entries, column by column, as an r × c matrix.
    ///
    /// # Panics
    /// If the number of entries differs.
    #[track_caller]
    pub fn reshape(self, rows: usize, cols: usize) -> Self {
        let (r, c) = self.shape();
        assert!(r * c == rows * cols, "reshape: {r} × {c} to {rows} × {cols}");
        match self.tape() {
            Some(tape) if (r, c) != (rows, cols) => tape.record_own(Reshape, &[self], rows, cols),
            _ => self,
        }
    }

    /// The transposed matrix. Products take transposed operands without this copy.
    pub fn transpose(self) -> Self {
        let (rows, cols) = self.shape();
        match self.tape() {
            Some(tape) => tape.record_own(Transpose, &[self], cols, rows),
            None => self,
        }
    }

    /// Matrices one below the other.
    ///
    /// # Panics
    /// If there are none, their columns differ, or none of them is on a tape.
    #[track_caller]
    pub fn concat_rows(parts: &[Self]) -> Self {
        Self::concat(parts, true)
    }

    /// Matrices side by side.
    ///
    /// # Panics
    /// If there are none, their rows differ, or none of them is on a tape.
    #[track_caller]
    pub fn concat_cols(parts: &[Self]) -> Self {
        Self::concat(parts, false)
    }

    #[track_caller]
    fn concat(parts: &[Self], below: bool) -> Self {
        let op = Concat { below };
        let Some(tape) = parts.iter().find_map(|p| p.tape()) else {
            panic!("concat: no matrix of a tape among {} parts", parts.len())
        };
        let (mut rows, mut cols) = (0, 0);
        for (k, part) in parts.iter().enumerate() {
            let (r, c) = part.shape();
            let (own, common) = if below { (c, &mut cols) } else { (r, &mut rows) };
            if k == 0 {
                *common = own;
            }
            assert!(*common == own, "concat: part {k} is {r} × {c}, the parts before have {common} across");
            *(if below { &mut rows } else { &mut cols }) += if below { r } else { c };
        }
        tape.record_own(op, parts, rows, cols)
    }
}
