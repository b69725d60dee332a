//! Multivariate Normal distribution of rows whose covariance is of low rank beside its diagonal.
//!
//! Elsewhere: torch er, Pyro er, NumPyro er, TFP er.

use super::linear::{identity, log_det, mahalanobis, with_factor};
use super::normal::HALF_LN_TAU;
use super::{MultivariateNormal, finite_or_nan, infinite, not_negative, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Key, Scalar, Tape, Terms, Value, Var, formula};

/// Mean `loc`, covariance `W Wᵀ + diag(v)`.
///
/// *Event*: row. *Parameters*: `loc` (1 × d, or n × d with a mean for each row), `cov_factor` `W`
/// (d × k), `cov_diag` `v > 0` (1 × d, variances). Work and memory are of the order `d k` for each
/// row, and `d k²` once.
///
/// Distances are the least sum of squares `|v^-½ (x - W z)|² + |z|²` over z, whose terms do not
/// cancel, where Woodbury's formula takes a large number from another.
///
/// Source: Rasmussen and Williams 2006, *Gaussian Processes for Machine Learning*, eqs. A.9 and
/// A.10.
#[derive(Clone, Copy, Debug)]
pub struct LowRankMultivariateNormal<V> {
    /// Mean.
    pub loc: V,
    /// The factor of low rank.
    pub cov_factor: V,
    /// The variances beside it.
    pub cov_diag: V,
}

impl<'t, T: Scalar> LowRankMultivariateNormal<Var<'t, T>> {
    /// With this mean, this factor (d × k), and these variances beside it (1 × d).
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[track_caller]
    pub fn new(
        loc: impl Into<Var<'t, T>>,
        cov_factor: impl Into<Var<'t, T>>,
        cov_diag: impl Into<Var<'t, T>>,
    ) -> Self {
        let (loc, cov_factor, cov_diag) = (loc.into(), cov_factor.into(), cov_diag.into());
        let ((n, d), (rows, k), (r, c)) = (loc.shape(), cov_factor.shape(), cov_diag.shape());
        assert!(
            rows == d && (r, c) == (1, d),
            "LowRankMultivariateNormal: a {n} × {d} mean, a {rows} × {k} factor, {r} × {c} variances"
        );
        Self { loc, cov_factor, cov_diag }
    }

    /// The covariance, d × d.
    pub fn covariance(&self) -> Var<'t, T> {
        let d = self.loc.ncols();
        self.cov_factor.matmul_tr(self.cov_factor) + identity(self.cov_diag, d) * self.cov_diag
    }

    /// `W / √v`, d × k.
    fn scaled_factor(&self) -> Var<'t, T> {
        let f = formula!(|w, v| w / positive_or_nan(v).sqrt());
        Var::map(f, [self.cov_factor, self.cov_diag.transpose()])
    }

    /// `I + Wᵀ diag(v)⁻¹ W`, k × k.
    fn capacitance(&self) -> Var<'t, T> {
        let w = self.scaled_factor();
        w.tr_matmul(w) + identity(w, w.ncols())
    }

    /// `½ ln det` of the covariance, 1 × 1.
    fn half_log_det(&self) -> Var<'t, T> {
        let diagonal = Var::map_sum(formula!(|v| positive_or_nan(v).ln() * 0.5), [self.cov_diag]);
        with_factor(self.capacitance(), f64::NAN, |l| log_det(l) + diagonal)
    }

    /// The squared distances of rows from 0 in the metric of the covariance, n × 1.
    fn distance(&self, x: Var<'t, T>) -> Var<'t, T> {
        let w = self.scaled_factor();
        let x = Var::map(formula!(|x, v| x / positive_or_nan(v).sqrt()), [x, self.cov_diag]);
        // At its least the sum does not depend on z to first order: z needs no derivative. It is
        // corrected once by what the equations leave, which have the square of the root's
        // condition.
        let (fixed, at) = (w.detach(), x.detach());
        let z = match self.capacitance().detach().cholesky() {
            Ok(l) => {
                let solved = |b: Var<'t, T>| l.solve_lower_tr(l.solve_lower(b.transpose())).transpose();
                let z = solved(at.matmul(fixed));
                z + solved((at - z.matmul_tr(fixed)).matmul(fixed) - z)
            }
            Err(_) => return x.sum_axis(Axis::Cols) * f64::NAN,
        };
        let rest = x - z.matmul_tr(w);
        rest.sq().sum_axis(Axis::Cols) + z.sq().sum_axis(Axis::Cols)
    }

    /// 0 for every row; NaN for a bad mean.
    fn zeros(&self) -> Var<'t, T> {
        Var::map(formula!(|loc| finite_or_nan(loc) * 0.0), [self.loc]).sum_axis(Axis::Cols)
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for LowRankMultivariateNormal<Var<'t, T>> {
    const NAME: &'static str = "LowRankMultivariateNormal";

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
        finite(Self::NAME, "cov_factor", self.cov_factor)?;
        positive(Self::NAME, "cov_diag", self.cov_diag)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let gap = formula!(|x, loc| {
            let gap = x - finite_or_nan(loc);
            if infinite(x) { R::zero() } else { gap }
        });
        let distance = self.distance(Var::map(gap, [x, self.loc]));
        let outside = formula!(|x| if infinite(x) { R::of(f64::INFINITY) } else { R::zero() });
        let outside = Var::map(outside, [x]).sum_axis(Axis::Cols);
        let normaliser = self.half_log_det() + HALF_LN_TAU * self.loc.ncols() as f64;
        let f = formula!(|square, outside, c| square * -0.5 - outside - c);
        Var::apply_as(terms, f, [distance, outside, normaliser])
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for LowRankMultivariateNormal<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (n, (d, k)) = (self.loc.nrows().max(least.0), self.cov_factor.shape());
        let (low, own) = key.split();
        let noise = |key, cols| tape.map_noise(formula!(|z| z), [Arg::Normal(key)], (n, cols));
        let f = formula!(|loc, low, v, z| loc + low + positive_or_nan(v).sqrt() * z);
        Var::map(f, [self.loc, noise(low, k).matmul_tr(self.cov_factor), self.cov_diag, noise(own, d)])
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for LowRankMultivariateNormal<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for LowRankMultivariateNormal<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.loc
    }
    /// The diagonal of the covariance, for every row.
    fn variance(&self) -> Var<'t, T> {
        self.loc * 0.0 + self.cov_factor.sq().sum_axis(Axis::Cols).transpose() + self.cov_diag
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for LowRankMultivariateNormal<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        self.zeros() + (self.half_log_det() + (HALF_LN_TAU + 0.5) * self.loc.ncols() as f64)
    }
}

/// `½ (trace + distance - d) + ½ ln det` of the second covariance less that of the first.
fn gaussian_kl<'t, T: Scalar>(
    terms: Terms,
    (trace, distance): (Var<'t, T>, Var<'t, T>),
    log_dets: [Var<'t, T>; 2],
    d: usize,
) -> Var<'t, T> {
    let f = formula!(|trace, distance, q, p, d| not_negative((trace - d) * 0.5 + (p - q) + distance * 0.5));
    Var::apply_as(terms, f, [trace, distance, log_dets[0], log_dets[1], Var::from(d as f64)])
}

type LowRank<V> = LowRankMultivariateNormal<V>;

impl<'t, T: Scalar> KlDivergence<LowRank<Var<'t, T>>> for LowRank<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &LowRank<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let d = self.loc.ncols();
        // The trace is the sum of the distances of the columns of a root of the covariance.
        let own = identity(self.cov_diag, d) * self.cov_diag.sqrt();
        let trace = p.distance(self.cov_factor.transpose()).sum() + p.distance(own).sum();
        let distance = p.distance(self.loc - p.loc) + self.zeros();
        gaussian_kl(terms, (trace, distance), [self.half_log_det(), p.half_log_det()], d)
    }
}

impl<'t, T: Scalar> KlDivergence<MultivariateNormal<Var<'t, T>>> for LowRank<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &MultivariateNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (l, d) = (p.scale_tril(), self.loc.ncols());
        let own = identity(self.cov_diag, d) * self.cov_diag.sqrt();
        let trace = mahalanobis(l, self.cov_factor.transpose()).sum() + mahalanobis(l, own).sum();
        let distance = mahalanobis(l, self.loc - p.loc()) + self.zeros();
        gaussian_kl(terms, (trace, distance), [self.half_log_det(), log_det(l)], d)
    }
}

impl<'t, T: Scalar> KlDivergence<LowRank<Var<'t, T>>> for MultivariateNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &LowRank<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let trace = p.distance(self.scale_tril().transpose()).sum();
        let distance = p.distance(self.loc() - p.loc) + p.zeros();
        let log_dets = [log_det(self.scale_tril()), p.half_log_det()];
        gaussian_kl(terms, (trace, distance), log_dets, self.loc().ncols())
    }
}

crate::laws::matrix_family!(LowRankMultivariateNormal<f64> { loc, cov_factor, cov_diag }
    |_, p| LowRankMultivariateNormal: LowRankMultivariateNormal::new(p[0], p[1], p[2]),
    [[[0.3, -2.0, 1.0]], [[0.4, 1.0], [-0.3, 0.2], [0.8, -0.5]], [[0.5, 2.0, 1.0]]]
);
