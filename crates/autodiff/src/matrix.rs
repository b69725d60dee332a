//! Matrices written out in code.

use nalgebra::DMatrix;

/// A matrix by its rows: `dmatrix![1.0, 2.0; 3.0, 4.0]`.
///
/// As nalgebra's macro of that name, for at least one entry. That one needs nalgebra among your own
/// dependencies, with its feature `macros`, and the compilation of a parser.
///
/// ```
/// use probity_autodiff::dmatrix;
///
/// let x = dmatrix![1.0, 2.0, 3.0;
///                  4.0, 5.0, 6.0];
/// assert_eq!(x.shape(), (2, 3));
/// assert_eq!(x[(1, 0)], 4.0);
/// ```
///
/// Rows of different lengths do not compile:
///
/// ```compile_fail
/// probity_autodiff::dmatrix![1.0, 2.0; 3.0];
/// ```
#[macro_export]
macro_rules! dmatrix {
    ($($($x:expr),+ $(,)?);+ $(;)?) => {
        $crate::matrix::from_rows([$([$($x),+]),+])
    };
}

/// What [`dmatrix!`](crate::dmatrix) expands to.
#[doc(hidden)]
pub fn from_rows<T: nalgebra::Scalar, const R: usize, const C: usize>(rows: [[T; C]; R]) -> DMatrix<T> {
    DMatrix::from_row_iterator(R, C, rows.into_iter().flatten())
}
