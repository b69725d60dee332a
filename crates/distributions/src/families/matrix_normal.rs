//! Matrix Normal distribution: rows and columns with a covariance each.
//!
//! Elsewhere: NumPyro r, TFP er, PyMC.

use super::linear::{log_det, lower_triangle};
use super::normal::HALF_LN_TAU;
use super::{finite_or_nan, infinite, not_negative};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Key, Scalar, Tape, Terms, Var, formula};

/// `X = loc + A Z Bᵀ` with `Z` of independent standard normal numbers: the covariance of two
/// entries is the product of that of their rows, `A Aᵀ`, and that of their columns, `B Bᵀ`.
///
/// *Event*: the whole matrix. *Parameters*: `loc` (r × c), `scale_row_tril` `A` (r × r) and
/// `scale_col_tril` `B` (c × c), lower triangular with positive diagonals.
#[derive(Clone, Copy, Debug)]
pub struct MatrixNormal<V> {
    loc: V,
    rows: V,
    cols: V,
}

impl<'t, T: Scalar> MatrixNormal<Var<'t, T>> {
    /// With this mean and these Cholesky factors of the covariances of rows and columns (what
    /// stands above their diagonals is not used).
    ///
    /// # Panics
    /// If the factors are not square, or the mean has another shape.
    #[track_caller]
    pub fn new(
        loc: impl Into<Var<'t, T>>,
        scale_row_tril: impl Into<Var<'t, T>>,
        scale_col_tril: impl Into<Var<'t, T>>,
    ) -> Self {
        let (loc, rows, cols) = (loc.into(), scale_row_tril.into(), scale_col_tril.into());
        let ((n, m), (a, b)) = (loc.shape(), (rows.shape(), cols.shape()));
        assert!(a == (n, n) && b == (m, m), "MatrixNormal: a {n} × {m} mean and factors of {a:?} and {b:?}");
        Self { loc, rows: lower_triangle(rows, false), cols: lower_triangle(cols, false) }
    }

    /// `A⁻¹ X B⁻ᵀ`, transposed.
    fn whitened(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.cols.solve_lower(self.rows.solve_lower(x).transpose())
    }

    /// `ln det` of the root of the covariance.
    fn log_det(&self) -> Var<'t, T> {
        let (n, m) = self.loc.shape();
        let zero = Var::map_sum(formula!(|loc| finite_or_nan(loc) * 0.0), [self.loc]);
        log_det(self.rows) * m as f64 + log_det(self.cols) * n as f64 + zero
    }

    /// The number of entries.
    fn size(&self) -> f64 {
        let (n, m) = self.loc.shape();
        (n * m) as f64
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for MatrixNormal<Var<'t, T>> {
    const NAME: &'static str = "MatrixNormal";

    fn event(&self) -> Event {
        Event::Matrix
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        self.loc.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        finite(Self::NAME, "scale_row_tril", self.rows)?;
        positive(Self::NAME, "scale_row_tril", self.rows.diagonal())?;
        finite(Self::NAME, "scale_col_tril", self.cols)?;
        positive(Self::NAME, "scale_col_tril", self.cols.diagonal())
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, _: Terms) -> Var<'t, T> {
        let gap = formula!(|x, loc| {
            let gap = x - finite_or_nan(loc);
            if infinite(x) { R::zero() } else { gap }
        });
        let squares = self.whitened(Var::map(gap, [x, self.loc])).sq().sum();
        let outside = formula!(|x| if infinite(x) { R::of(f64::INFINITY) } else { R::zero() });
        let f = formula!(|squares, outside, c| squares * -0.5 - outside - c);
        Var::map(f, [squares, Var::map_sum(outside, [x]), self.log_det() + HALF_LN_TAU * self.size()])
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for MatrixNormal<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, _: (usize, usize)) -> Var<'t, T> {
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(key)], self.loc.shape());
        self.loc + self.rows.matmul(z).matmul_tr(self.cols)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for MatrixNormal<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for MatrixNormal<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.loc
    }
    /// Of every entry.
    fn variance(&self) -> Var<'t, T> {
        let of = |l: Var<'t, T>| l.sq().sum_axis(Axis::Cols);
        self.loc * 0.0 + of(self.rows).matmul_tr(of(self.cols))
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for MatrixNormal<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        self.log_det() + (HALF_LN_TAU + 0.5) * self.size()
    }
}

impl<'t, T: Scalar> KlDivergence<MatrixNormal<Var<'t, T>>> for MatrixNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// The trace is the product of those of rows and columns.
    #[track_caller]
    fn kl_terms(&self, p: &MatrixNormal<Var<'t, T>>, _: Terms) -> Var<'t, T> {
        let trace = |p: Var<'t, T>, q: Var<'t, T>| p.solve_lower(q).sq().sum();
        let squares = p.whitened(self.loc - p.loc).sq().sum();
        let f = formula!(|rows, cols, squares, q, p, n| {
            not_negative((rows * cols - n) * 0.5 + (p - q) + squares * 0.5)
        });
        let traces = [trace(p.rows, self.rows), trace(p.cols, self.cols)];
        let log_dets = [self.log_det(), p.log_det()];
        Var::map(f, [traces[0], traces[1], squares, log_dets[0], log_dets[1], Var::from(self.size())])
    }
}

crate::laws::matrix_family!(MatrixNormal<f64> { loc, scale_row_tril, scale_col_tril }
    |_, p| MatrixNormal: MatrixNormal::new(p[0], p[1], p[2]),
    [[[0.3, -2.0, 1.0], [0.0, 0.5, -0.4]], [[1.2, 0.0], [0.5, 0.7]], [[1.0, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 1.3]]]
);
