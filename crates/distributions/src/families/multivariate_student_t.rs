//! Multivariate Student's t distribution of rows.
//!
//! Elsewhere: Pyro r, NumPyro r, TFP er, PyMC.

use super::linear::{log_det, lower_triangle, mahalanobis};
use super::{Gamma, finite_or_nan, infinite, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Formula, Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// `x = loc + √(df / c) z Lᵀ` with `z` a row of standard normal numbers and `c` a chi-squared
/// number with `df` degrees of freedom, one for the whole row.
///
/// *Event*: row. *Parameters*: `df > 0` (1 × 1), `loc` (1 × d, or n × d), `scale_tril` `L` (d × d,
/// lower triangular, its diagonal positive). Mean and covariance exist for `df` above 1 and 2.
#[derive(Clone, Copy, Debug)]
pub struct MultivariateStudentT<V> {
    df: V,
    loc: V,
    scale_tril: V,
}

impl<'t, T: Scalar> MultivariateStudentT<Var<'t, T>> {
    /// With these degrees of freedom, this location, and this Cholesky factor of the scale matrix
    /// (what stands above its diagonal is not used).
    ///
    /// # Panics
    /// If the factor is not square, or the location has another number of columns.
    #[track_caller]
    pub fn new(
        df: impl Into<Var<'t, T>>,
        loc: impl Into<Var<'t, T>>,
        scale_tril: impl Into<Var<'t, T>>,
    ) -> Self {
        let (loc, l) = (loc.into(), scale_tril.into());
        let ((n, d), (r, c)) = (loc.shape(), l.shape());
        assert!(r == c && d == r, "MultivariateStudentT: a {n} × {d} location and a {r} × {c} factor");
        Self { df: df.into(), loc, scale_tril: lower_triangle(l, false) }
    }

    /// The covariance, d × d; infinite for up to two degrees of freedom.
    pub fn covariance(&self) -> Var<'t, T> {
        Var::map(Widened, [self.scale_tril.matmul_tr(self.scale_tril), self.df])
    }

    /// The dimension as a constant.
    fn dimension(&self) -> Var<'t, T> {
        Var::from(self.loc.ncols() as f64)
    }
}

/// A variance of the Normal, as that of the t distribution.
#[derive(Clone, Copy, Debug)]
struct Widened;
impl Formula<2> for Widened {
    #[inline(always)]
    fn eval<R: Real>(&self, [square, df]: [R; 2]) -> R {
        let df = positive_or_nan(df);
        if df > 2.0 { square * (df / (df - 2.0)) } else { R::of(df.re() * 0.0 + f64::INFINITY) }
    }
}

/// `ln Γ((df + d) / 2) - ln Γ(df / 2) - d/2 ln(df π)`.
#[inline]
fn log_peak<R: Real>(df: R, d: R) -> R {
    let (half, rest) = (positive_or_nan(df) * 0.5, d * 0.5);
    rest.lgamma() - half.ln_beta(rest) - rest * (df.ln() + std::f64::consts::PI.ln())
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for MultivariateStudentT<Var<'t, T>> {
    const NAME: &'static str = "MultivariateStudentT";

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
        positive(Self::NAME, "df", self.df)?;
        finite(Self::NAME, "loc", self.loc)?;
        finite(Self::NAME, "scale_tril", self.scale_tril)?;
        positive(Self::NAME, "scale_tril", self.scale_tril.diagonal())
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let gap = formula!(|x, loc| {
            let gap = x - finite_or_nan(loc);
            if infinite(x) { R::zero() } else { gap }
        });
        let distance = mahalanobis(self.scale_tril, Var::map(gap, [x, self.loc]));
        let outside = formula!(|x| if infinite(x) { R::of(f64::INFINITY) } else { R::zero() });
        let outside = Var::map(outside, [x]).sum_axis(Axis::Cols);
        let f = formula!(|square, outside, df, d, log_det| {
            log_peak(df, d) - log_det - (df + d) * 0.5 * (square / df).ln_1p() - outside
        });
        let args = [distance, outside, self.df, self.dimension(), log_det(self.scale_tril)];
        Var::apply_as(terms, f, args)
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for MultivariateStudentT<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (n, d) = (self.loc.nrows().max(least.0), self.loc.ncols());
        let (normal, width) = key.split();
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(normal)], (n, d));
        let half = self.df * 0.5;
        let precision = Gamma::new(half, half).sample_shaped(tape, width, (n, 1));
        let f = formula!(|loc, x, precision| loc + x / precision.sqrt());
        Var::map(f, [self.loc, z.matmul_tr(self.scale_tril), precision])
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for MultivariateStudentT<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for MultivariateStudentT<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        let f = formula!(|loc, df| {
            let undefined = loc * f64::NAN;
            if df > 1.0 { loc + df * 0.0 } else { undefined }
        });
        Var::map(f, [self.loc, self.df])
    }
    /// The diagonal of the covariance, for every row.
    fn variance(&self) -> Var<'t, T> {
        let squares = self.scale_tril.sq().sum_axis(Axis::Cols).transpose();
        self.loc * 0.0 + Var::map(Widened, [squares, self.df])
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for MultivariateStudentT<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let f = formula!(|zero, df, d, log_det| {
            let half = df * 0.5;
            let more = (half + d * 0.5).digamma() - half.digamma();
            zero + log_det - log_peak(df, d) + (half + d * 0.5) * more
        });
        let zeros = Var::map(formula!(|loc| finite_or_nan(loc) * 0.0), [self.loc]).sum_axis(Axis::Cols);
        Var::map(f, [zeros, self.df, self.dimension(), log_det(self.scale_tril)])
    }
}

crate::laws::matrix_family!(MultivariateStudentT<f64> { df, loc, scale_tril }
    |_, p| MultivariateStudentT: MultivariateStudentT::new(p[0], p[1], p[2]),
    [[[9.5]], [[0.3, -2.0, 1.0]], [[1.0, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 1.3]]]
);
