//! Multivariate Normal distribution of rows.
//!
//! Elsewhere: torch er, Pyro er, NumPyro er, TFP er, PyMC.

use super::diagonal_normal::DiagonalNormal;
use super::linear::{identity, log_det, lower_triangle, mahalanobis, per_row, reversed};
use super::normal::{HALF_LN_TAU, Normal};
use super::{finite_or_nan, infinite};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Key, NotPositiveDefinite, Scalar, Tape, Terms, Value, Var, formula};

/// `x = loc + z Lᵀ` with `z` a row of standard normal numbers: mean `loc`, covariance `L Lᵀ`.
///
/// *Event*: row. *Parameters*: `loc` (1 × d, or n × d with a mean for each row), `scale_tril` `L`
/// (d × d, lower triangular, its diagonal positive).
#[derive(Clone, Copy, Debug)]
pub struct MultivariateNormal<V> {
    loc: V,
    scale_tril: V,
}

impl<'t, T: Scalar> MultivariateNormal<Var<'t, T>> {
    /// With this mean and this Cholesky factor of the covariance (what stands above its diagonal is
    /// not used).
    ///
    /// # Panics
    /// If the factor is not square, or the mean has another number of columns.
    #[track_caller]
    pub fn from_cholesky(loc: impl Into<Var<'t, T>>, scale_tril: impl Into<Var<'t, T>>) -> Self {
        let (loc, l) = (loc.into(), scale_tril.into());
        let ((n, d), (r, c)) = (loc.shape(), l.shape());
        assert!(r == c && d == r, "MultivariateNormal: a {n} × {d} mean and a {r} × {c} factor");
        Self { loc, scale_tril: lower_triangle(l, false) }
    }

    /// With this mean and covariance.
    ///
    /// # Errors
    /// If the covariance is not symmetric (beyond rounding) or not positive definite.
    ///
    /// # Panics
    /// If the covariance is not square, or the mean has another number of columns.
    #[track_caller]
    pub fn from_covariance(
        loc: impl Into<Var<'t, T>>,
        covariance: impl Into<Var<'t, T>>,
    ) -> Result<Self, NotPositiveDefinite> {
        Ok(Self::from_cholesky(loc, covariance.into().symmetric_cholesky()?))
    }

    /// With this mean and precision, the inverse of the covariance.
    ///
    /// # Errors
    /// If the precision is not symmetric (beyond rounding) or not positive definite.
    ///
    /// # Panics
    /// If the precision is not square, or the mean has another number of columns.
    #[track_caller]
    pub fn from_precision(
        loc: impl Into<Var<'t, T>>,
        precision: impl Into<Var<'t, T>>,
    ) -> Result<Self, NotPositiveDefinite> {
        // P = U Uᵀ with U upper triangular, which is a Cholesky factor from the other end; then
        // P⁻¹ = U⁻ᵀ U⁻¹.
        let upper = reversed(reversed(precision.into()).symmetric_cholesky()?);
        let lower = upper.transpose();
        Ok(Self::from_cholesky(loc, lower.solve_lower(identity(lower, lower.nrows()))))
    }

    /// The mean.
    pub fn loc(&self) -> Var<'t, T> {
        self.loc
    }

    /// The Cholesky factor of the covariance.
    pub fn scale_tril(&self) -> Var<'t, T> {
        self.scale_tril
    }

    /// The covariance, d × d.
    pub fn covariance(&self) -> Var<'t, T> {
        self.scale_tril.matmul_tr(self.scale_tril)
    }

    /// The diagonal of the Cholesky factor as a row.
    fn diagonal(&self) -> Var<'t, T> {
        self.scale_tril.diagonal().transpose()
    }

    /// The logarithm of the root of the covariance's determinant; NaN for a factor that is none.
    fn log_det(&self) -> Var<'t, T> {
        log_det(self.scale_tril)
    }

    /// 0; NaN for parameters that are none.
    fn zero(&self) -> Var<'t, T> {
        self.log_det() * 0.0 + Var::map_sum(formula!(|loc| finite_or_nan(loc) * 0.0), [self.loc])
    }

    /// The inverse of the Cholesky factor.
    fn inverse(&self) -> Var<'t, T> {
        let l = self.scale_tril;
        l.solve_lower(identity(l, l.nrows()))
    }

    /// For every row the same number, which depends on the covariance alone.
    fn for_rows(&self, x: Var<'t, T>) -> Var<'t, T> {
        let finite = Var::map(formula!(|loc| finite_or_nan(loc) * 0.0), [self.loc]).sum_axis(Axis::Cols);
        finite + x
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for MultivariateNormal<Var<'t, T>> {
    const NAME: &'static str = "MultivariateNormal";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        self.loc.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        finite(Self::NAME, "loc", self.loc)?;
        finite(Self::NAME, "scale_tril", self.scale_tril)?;
        let n = self.scale_tril.nrows();
        let diagonal = |l: &[T]| (0..n).map(|i| l[i * (n + 1)].to_f64()).find(|v| !(*v > 0.0));
        match self.scale_tril.read(diagonal) {
            Some(got) => Err(ParameterError {
                family: Self::NAME,
                parameter: "scale_tril",
                want: "greater than 0 on its diagonal",
                got,
            }),
            None => Ok(()),
        }
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        // An infinite entry gives an infinite distance, but not by a solution, where it would meet
        // a 0.
        let gap = formula!(|x, loc| {
            let gap = x - finite_or_nan(loc);
            if infinite(x) { R::zero() } else { gap }
        });
        let distance = mahalanobis(self.scale_tril, Var::map(gap, [x, self.loc]));
        let outside = formula!(|x| if infinite(x) { R::of(f64::INFINITY) } else { R::zero() });
        let outside = Var::map(outside, [x]).sum_axis(Axis::Cols);
        let normaliser = self.log_det() + HALF_LN_TAU * self.loc.ncols() as f64;
        let f = formula!(|square, outside, c| square * -0.5 - outside - c);
        Var::apply_as(terms, f, [distance, outside, normaliser])
    }
    #[track_caller]
    fn kl_from_normal(
        &self,
        loc: Var<'t, T>,
        scale: Var<'t, T>,
        terms: Terms,
    ) -> Option<(Var<'t, T>, KlMethod)> {
        Some((DiagonalNormal { loc, scale }.kl_terms(self, terms), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for MultivariateNormal<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (n, d) = (self.loc.nrows().max(least.0), self.loc.ncols());
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(key)], (n, d));
        self.loc + z.matmul_tr(self.scale_tril)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for MultivariateNormal<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for MultivariateNormal<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.loc
    }
    /// The diagonal of the covariance, for every row.
    fn variance(&self) -> Var<'t, T> {
        self.loc * 0.0 + self.scale_tril.sq().sum_axis(Axis::Cols).transpose()
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for MultivariateNormal<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        self.for_rows(self.log_det() + (HALF_LN_TAU + 0.5) * self.loc.ncols() as f64)
    }
}

/// `ln det` and trace of the covariances' ratio from the diagonals (with the distance of the means,
/// unless these are 0), and what the entries beside the diagonals add.
fn gaussian_kl<'t, T: Scalar>(
    terms: Terms,
    (q, p): (Normal<Var<'t, T>>, Normal<Var<'t, T>>),
    beside: Var<'t, T>,
) -> Var<'t, T> {
    let diagonals = per_row(Terms::Each, |each| q.kl_terms(&p, each));
    Var::apply_as(terms, formula!(|kl, square| kl + square * 0.5), [diagonals, beside])
}

/// `½ (|L⁻¹ (a - b)|² + |L⁻¹ K|² - d) + ln det L / K`, `K` and `L` the factors of `Self` and of
/// `p`.
impl<'t, T: Scalar> KlDivergence<MultivariateNormal<Var<'t, T>>> for MultivariateNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &MultivariateNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        // The diagonal of L⁻¹ K is the quotient of the diagonals.
        let zero = Var::from(0.0);
        let diagonals = (Normal::new(zero, self.diagonal()), Normal::new(zero, p.diagonal()));
        let ratio = lower_triangle(p.scale_tril.solve_lower(self.scale_tril), true);
        let beside =
            mahalanobis(p.scale_tril, self.loc - p.loc) + (ratio.sq().sum() + self.zero() + p.zero());
        gaussian_kl(terms, diagonals, beside)
    }
}

impl<'t, T: Scalar> KlDivergence<MultivariateNormal<Var<'t, T>>> for DiagonalNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &MultivariateNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (zero, scale) = (Var::from(0.0), self.scale + p.diagonal() * 0.0);
        let diagonals = (Normal::new(zero, scale), Normal::new(zero, p.diagonal()));
        // Column j of the inverse factor is stretched by the standard deviation j.
        let inverse = lower_triangle(p.inverse(), true);
        let columns = inverse.sq().sum_axis(Axis::Rows);
        let beside = mahalanobis(p.scale_tril, self.loc - p.loc) + scale.sq().matmul_tr(columns) + p.zero();
        gaussian_kl(terms, diagonals, beside)
    }
}

impl<'t, T: Scalar> KlDivergence<DiagonalNormal<Var<'t, T>>> for MultivariateNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &DiagonalNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let diagonals = (Normal::new(self.loc, self.diagonal()), p.entries());
        let variance = lower_triangle(self.scale_tril, true).sq().sum_axis(Axis::Cols).transpose();
        let beside =
            Var::map(formula!(|v, s| v / s / s), [variance, p.scale]).sum_axis(Axis::Cols) + self.zero();
        gaussian_kl(terms, diagonals, beside)
    }
}

crate::laws::matrix_family!(MultivariateNormal<f64> { loc, scale_tril }
    |_, p| MultivariateNormal: MultivariateNormal::from_cholesky(p[0], p[1]),
    [[[0.3, -2.0, 1.0]], [[1.0, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 1.3]]]
);
