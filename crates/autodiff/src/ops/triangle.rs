//! The lower triangle of a square matrix as a column, and back.

use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};

/// For every entry of the packed triangle, row after row: its place among the n × n entries,
/// column by column.
fn places(n: usize, strict: bool) -> impl Iterator<Item = usize> {
    (0..n).flat_map(move |i| (0..if strict { i } else { i + 1 }).map(move |j| i + j * n))
}

/// A lower triangle from a column (`unpack`), or a column from a lower triangle.
#[derive(Clone, Copy, Debug)]
struct Triangle {
    n: usize,
    strict: bool,
    unpack: bool,
}

built_in!(Triangle);

impl<T: Scalar> Op<T> for Triangle {
    fn name(&self) -> &'static str {
        if self.unpack { "unpack_lower" } else { "pack_lower" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let x = x.get(0);
        let places = places(self.n, self.strict).enumerate();
        if self.unpack {
            y.fill(T::from_f64(0.0));
            places.for_each(|(k, place)| y[place] = x[k]);
        } else {
            places.for_each(|(k, place)| y[k] = x[place]);
        }
    }

    fn backward(&self, _: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_zeroed(0, |to| {
            for (k, place) in places(self.n, self.strict).enumerate() {
                let (at, from) = if self.unpack { (k, place) } else { (place, k) };
                to[at] = T::from_num(to[at].num() + g[from].num());
            }
        });
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The lower-triangular n × n matrix with these entries, row after row; with `strict`, those
    /// below the diagonal. All other entries are 0.
    ///
    /// # Panics
    /// If this is not a column of as many entries as the triangle has, on a tape.
    #[track_caller]
    pub fn unpack_lower(self, n: usize, strict: bool) -> Self {
        let size = if strict { n * n.saturating_sub(1) / 2 } else { n * (n + 1) / 2 };
        let (rows, cols) = self.shape();
        assert!((rows, cols) == (size, 1), "unpack_lower: {rows} × {cols} entries for a triangle of {size}");
        match self.tape() {
            Some(tape) => tape.record_own(Triangle { n, strict, unpack: true }, &[self], n, n),
            None => {
                assert!(n == 1 && !strict, "unpack_lower: a bare constant is no triangle of {n} × {n}");
                self
            }
        }
    }

    /// The entries of the lower triangle as a column, row after row; with `strict`, those below the
    /// diagonal.
    ///
    /// # Panics
    /// If the matrix is not square.
    #[track_caller]
    pub fn pack_lower(self, strict: bool) -> Self {
        let (n, cols) = self.shape();
        assert!(n == cols, "pack_lower: the matrix must be square, not {n} × {cols}");
        let size = if strict { n * n.saturating_sub(1) / 2 } else { n * (n + 1) / 2 };
        match self.tape() {
            Some(tape) => tape.record_own(Triangle { n, strict, unpack: false }, &[self], size, 1),
            None => self,
        }
    }
}
