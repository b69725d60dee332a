//! Cholesky factor, triangular solves, diagonal, and what follows for positive-definite matrices.

use super::reduce::add;
use crate::kernel::gemm::{Mat, gemm};
use crate::real::{Real, Scalar};
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};
use num_traits::Zero;

/// A matrix that should be symmetric and positive definite is not.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotPositiveDefinite {
    /// A pivot of the Cholesky factorisation is not greater than 0.
    #[error("the {size} × {size} matrix is not positive definite: pivot {pivot} is not greater than 0")]
    Pivot {
        /// The first such pivot (zero-based).
        pivot: usize,
        /// Rows and columns of the matrix.
        size: usize,
    },
    /// An entry differs from the one on the other side of the diagonal.
    #[error(
        "the {size} × {size} matrix is not symmetric: {above:e} in row {row}, column {col}, {below:e} opposite"
    )]
    Asymmetric {
        /// The row of the entry above the diagonal (zero-based).
        row: usize,
        /// Its column.
        col: usize,
        /// The entry.
        above: f64,
        /// The entry below the diagonal that should be its equal.
        below: f64,
        /// Rows and columns of the matrix.
        size: usize,
    },
}

/// The distance from 1 to the next number.
fn rounding<T: Scalar>() -> f64 {
    if T::from_f64(1.0 + f64::EPSILON).to_f64() > 1.0 { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

/// Whether a matrix (n × n) is not symmetric: the first pair of entries that differ by more than
/// the root of the precision, in units of the root of the diagonal entries' product.
fn asymmetric<T: Scalar>(a: &[T], n: usize) -> Option<NotPositiveDefinite> {
    let at = |i: usize, j: usize| a[i + j * n].to_f64();
    for (row, col) in (0..n).flat_map(|col| (0..col).map(move |row| (row, col))) {
        let (above, below) = (at(row, col), at(col, row));
        let unit = at(row, row).abs().sqrt() * at(col, col).abs().sqrt();
        if !((above - below).abs() <= rounding::<T>().sqrt() * unit) {
            return Some(NotPositiveDefinite::Asymmetric { row, col, above, below, size: n });
        }
    }
    None
}

/// Overwrites the lower triangle of `a` (n × n) with its Cholesky factor and the rest with zeros. A
/// pivot that is not positive becomes NaN, and so does what follows from it.
fn factor<T: Scalar>(a: &mut [T], n: usize) {
    for j in 0..n {
        for k in 0..j {
            let l = a[j + k * n].num();
            for i in j..n {
                let v = a[i + j * n].num() - a[i + k * n].num() * l;
                a[i + j * n] = T::from_num(v);
            }
        }
        let pivot = a[j + j * n].num();
        let root = if pivot > 0.0 { pivot.sqrt() } else { T::Num::of(f64::NAN) };
        a[j + j * n] = T::from_num(root);
        for i in j + 1..n {
            a[i + j * n] = T::from_num(a[i + j * n].num() / root);
        }
        a[j * n..j * n + j].fill(T::from_f64(0.0));
    }
}

/// Solves `L x = b` or, transposed, `Lᵀ x = b` in place, for every column of `b`.
fn solve<T: Scalar>(l: &[T], n: usize, b: &mut [T], transposed: bool) {
    for x in b.chunks_exact_mut(n.max(1)) {
        if transposed {
            for j in (0..n).rev() {
                let mut v = x[j].num();
                for i in j + 1..n {
                    v -= l[i + j * n].num() * x[i].num();
                }
                x[j] = T::from_num(v / l[j + j * n].num());
            }
        } else {
            for j in 0..n {
                let v = x[j].num() / l[j + j * n].num();
                x[j] = T::from_num(v);
                for i in j + 1..n {
                    x[i] = T::from_num(x[i].num() - l[i + j * n].num() * v);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Cholesky {
    /// Whether the upper triangle is read too. The factor of a matrix that is not symmetric is NaN.
    symmetric: bool,
}

built_in!(Cholesky);

impl<T: Scalar> Op<T> for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let n = x.shape(0).0;
        y.copy_from_slice(x.get(0));
        if self.symmetric && asymmetric(y, n).is_some() {
            y.fill(T::from_f64(f64::NAN));
        }
        factor(y, n);
    }

    /// `Ā = ½ (S + Sᵀ)`, `S = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹`, `Φ` the lower triangle with half the diagonal.
    /// Source: Murray 2016, "Differentiation of the Cholesky decomposition", eq. 9.
    fn backward(&self, x: &Inputs<'_, T>, l: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let n = x.shape(0).0;
        if !dx.needs_grad(0) {
            return;
        }
        let mut s = dx.take_scratch(n * n);
        let square = |data, transposed| Mat { data, rows: n, cols: n, transposed };
        gemm(&mut s, square(l, true), square(g, false), true);
        for j in 0..n {
            s[j * n..j * n + j].fill(T::from_f64(0.0));
            s[j + j * n] = T::from_num(s[j + j * n].num() * 0.5);
        }
        solve(l, n, &mut s, true);
        transpose(&mut s, n);
        solve(l, n, &mut s, true);
        dx.accumulate_zeroed(0, |to| {
            for j in 0..n {
                for i in 0..n {
                    let v = (s[i + j * n].num() + s[j + i * n].num()) * 0.5;
                    to[i + j * n] = T::from_num(to[i + j * n].num() + v);
                }
            }
        });
        dx.put_scratch(s);
    }
}

fn transpose<T>(a: &mut [T], n: usize) {
    for j in 0..n {
        for i in 0..j {
            a.swap(i + j * n, j + i * n);
        }
    }
}

/// `L⁻¹ B`, or `L⁻ᵀ B`. Arguments: L, B.
#[derive(Clone, Copy, Debug)]
struct TriangularSolve {
    transposed: bool,
}

built_in!(TriangularSolve);

impl<T: Scalar> Op<T> for TriangularSolve {
    fn name(&self) -> &'static str {
        if self.transposed { "solve_lower_tr" } else { "solve_lower" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        y.copy_from_slice(x.get(1));
        solve(x.get(0), x.shape(0).0, y, self.transposed);
    }

    /// `B̄ = L⁻ᵀ X̄`, `L̄ = -tril(B̄ Xᵀ)`; with Lᵀ: `B̄ = L⁻¹ X̄`, `L̄ = -tril(X B̄ᵀ)`.
    /// Source: Giles 2008, "Collected matrix derivative results", §2.3.1.
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (n, m) = x.shape(1);
        let mut db = dx.take_scratch(n * m);
        db.copy_from_slice(g);
        solve(x.get(0), n, &mut db, !self.transposed);
        let (left, right) = if self.transposed { (y, &db[..]) } else { (&db[..], y) };
        dx.accumulate_zeroed(0, |to| {
            for j in 0..n {
                for i in j..n {
                    let mut v = T::Num::zero();
                    for k in 0..m {
                        v += left[i + k * n].num() * right[j + k * n].num();
                    }
                    to[i + j * n] = T::from_num(to[i + j * n].num() - v);
                }
            }
        });
        dx.accumulate_zeroed(1, |to| add(to, &db));
        dx.put_scratch(db);
    }
}

#[derive(Clone, Copy, Debug)]
struct Diagonal;

built_in!(Diagonal);

impl<T: Scalar> Op<T> for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (rows, _) = x.shape(0);
        for (i, y) in y.iter_mut().enumerate() {
            *y = x.get(0)[i * (rows + 1)];
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (rows, _) = x.shape(0);
        dx.accumulate_zeroed(0, |to| {
            for (i, g) in g.iter().enumerate() {
                let to = &mut to[i * (rows + 1)];
                *to = T::from_num(to.num() + g.num());
            }
        });
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    #[track_caller]
    fn square_size(&self, op: &str) -> usize {
        let (rows, cols) = self.shape();
        assert!(rows == cols, "{op}: the matrix must be square, not {rows} × {cols}");
        rows
    }

    /// The lower-triangular `L` with `L Lᵀ = A`. Only the lower triangle of `A` is read; the
    /// gradient is symmetric.
    ///
    /// # Errors
    /// If `A` is not positive definite (NaN included).
    ///
    /// # Panics
    /// If `A` is not square.
    #[track_caller]
    pub fn cholesky(self) -> Result<Self, NotPositiveDefinite> {
        self.factored(false)
    }

    /// [`cholesky`](Var::cholesky) of a matrix whose upper triangle is read as well: it must be
    /// that of a symmetric matrix. Entries may differ by rounding, up to the root of the precision
    /// in units of the root of the diagonal entries' product.
    ///
    /// # Errors
    /// If `A` is not symmetric or not positive definite (NaN included).
    ///
    /// # Panics
    /// If `A` is not square.
    #[track_caller]
    pub fn symmetric_cholesky(self) -> Result<Self, NotPositiveDefinite> {
        self.factored(true)
    }

    #[track_caller]
    fn factored(self, symmetric: bool) -> Result<Self, NotPositiveDefinite> {
        let size = self.square_size("cholesky");
        let l = match self.tape() {
            Some(tape) => tape.record_own(Cholesky { symmetric }, &[self], size, size),
            None => self.sqrt(),
        };
        // NaN where the factorisation fails, so that the program need not look at it again.
        let entries = (size * size).max(1);
        let bad = l.check_lanes(|all| {
            let pivot = |l: &[T]| (0..size).find(|i| !(l[i * (size + 1)].to_f64() > 0.0));
            all.chunks_exact(entries).enumerate().find_map(|(lane, l)| Some((lane, pivot(l)?)))
        });
        let Some((lane, pivot)) = bad else { return Ok(l) };
        let asymmetric = self.check_lanes(|all| {
            let lane = if all.len() > entries { lane } else { 0 };
            asymmetric(&all[lane * entries..][..size * size], size).filter(|_| symmetric)
        });
        Err(asymmetric.unwrap_or(NotPositiveDefinite::Pivot { pivot, size }))
    }

    #[track_caller]
    fn triangular(self, b: Self, transposed: bool) -> Self {
        let n = self.square_size("solve_lower");
        let (rows, cols) = b.shape();
        assert!(n == rows, "solve_lower: a {n} × {n} matrix and a {rows} × {cols} right-hand side");
        match self.tape().or(b.tape()) {
            Some(tape) => tape.record_own(TriangularSolve { transposed }, &[self, b], rows, cols),
            None => b / self,
        }
    }

    /// `L⁻¹ B` for this lower-triangular `L` (the upper triangle is not read).
    ///
    /// # Panics
    /// If `L` is not square or the sizes differ.
    #[track_caller]
    pub fn solve_lower(self, b: Self) -> Self {
        self.triangular(b, false)
    }

    /// `L⁻ᵀ B` for this lower-triangular `L` (the upper triangle is not read).
    ///
    /// # Panics
    /// If `L` is not square or the sizes differ.
    #[track_caller]
    pub fn solve_lower_tr(self, b: Self) -> Self {
        self.triangular(b, true)
    }

    /// `A⁻¹ B` for this symmetric positive-definite `A`.
    ///
    /// # Errors
    /// If `A` is not symmetric or not positive definite.
    ///
    /// # Panics
    /// If `A` is not square or the sizes differ.
    #[track_caller]
    pub fn spd_solve(self, b: Self) -> Result<Self, NotPositiveDefinite> {
        let l = self.symmetric_cholesky()?;
        Ok(l.solve_lower_tr(l.solve_lower(b)))
    }

    /// `ln det A` for this symmetric positive-definite `A`, 1 × 1.
    ///
    /// # Errors
    /// If `A` is not symmetric or not positive definite.
    ///
    /// # Panics
    /// If `A` is not square.
    #[track_caller]
    pub fn spd_log_det(self) -> Result<Self, NotPositiveDefinite> {
        Ok(self.symmetric_cholesky()?.triangular_log_det() * 2.0)
    }

    /// `ln |det L|` for this triangular `L`, 1 × 1.
    ///
    /// # Panics
    /// If `L` is not square.
    #[track_caller]
    pub fn triangular_log_det(self) -> Self {
        self.square_size("triangular_log_det");
        self.diagonal().abs().ln().sum()
    }

    /// The diagonal as a column.
    pub fn diagonal(self) -> Self {
        let (rows, cols) = self.shape();
        match self.tape() {
            Some(tape) => tape.record_own(Diagonal, &[self], rows.min(cols), 1),
            None => self,
        }
    }
}
