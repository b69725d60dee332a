//! Wishart distribution of positive-definite matrices.
//!
//! Elsewhere: torch er, Pyro er, NumPyro er, TFP er, PyMC.

use super::linear::{identity_on, log_det, lower_triangle, over_halves, with_factor};
use super::{Gamma, MultivariateNormal, not_negative, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite, positive, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::special::lgamma_above_tangent;
use crate::support::Support;
use probity_autodiff::math::gamma::multigammaln;
use probity_autodiff::{Arg, Formula, Key, Real, Scalar, Tape, Terms, Var, formula};
use std::f64::consts::LN_2;

/// `p(X) ∝ det X^((df - d - 1)/2) exp(-½ tr V⁻¹ X)` with `V = L Lᵀ`: the sum of the outer products
/// of `df` rows of mean 0 and covariance `V`.
///
/// *Event*: the whole matrix, symmetric and positive definite, of which the density counts the
/// entries on and below the diagonal. *Parameters*: `df > d - 1` (1 × 1), `scale_tril` `L` (d × d,
/// lower triangular, its diagonal positive). The mean is `df V`.
///
/// Draws are by Bartlett's decomposition.
///
/// Source: Muirhead 1982, *Aspects of Multivariate Statistical Theory*, theorems 3.2.1 and 3.2.14.
#[derive(Clone, Copy, Debug)]
pub struct Wishart<V> {
    df: V,
    scale_tril: V,
}

/// NaN unless there are more degrees of freedom than dimensions, less one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValidDf {
    pub(super) dimension: usize,
}
impl Formula<1> for ValidDf {
    #[inline(always)]
    fn eval<R: Real>(&self, [df]: [R; 1]) -> R {
        let (df, nan) = (positive_or_nan(df), df * f64::NAN);
        if df > self.dimension as f64 - 1.0 { df } else { nan }
    }
}

/// `df/2` times the dimension times `ln 2`, and `ln Γ_d(df/2)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogNormaliser {
    pub(super) dimension: usize,
}
impl Formula<1> for LogNormaliser {
    #[inline]
    fn eval<R: Real>(&self, [df]: [R; 1]) -> R {
        let d = self.dimension;
        df * (0.5 * LN_2 * d as f64) + multigammaln(df * 0.5, d)
    }
}

/// `Σ D(b - j/2, a - j/2)` of half the degrees of freedom, `D` the height of `ln Γ` above its
/// tangent.
#[derive(Clone, Copy, Debug)]
pub(super) struct DfKl {
    pub(super) dimension: usize,
}
impl Formula<2> for DfKl {
    #[inline]
    fn eval<R: Real>(&self, [a, b]: [R; 2]) -> R {
        if a.re().is_nan() || b.re().is_nan() {
            return R::of(f64::NAN);
        }
        let step = (b - a) * 0.5;
        over_halves(a * 0.5, self.dimension, |a| lgamma_above_tangent(a + step, a))
    }
}

impl<'t, T: Scalar> Wishart<Var<'t, T>> {
    /// With these degrees of freedom and this Cholesky factor of the scale matrix (what stands
    /// above its diagonal is not used).
    ///
    /// # Panics
    /// If the factor is not square.
    #[track_caller]
    pub fn new(df: impl Into<Var<'t, T>>, scale_tril: impl Into<Var<'t, T>>) -> Self {
        let l = scale_tril.into();
        let (r, c) = l.shape();
        assert!(r == c, "Wishart: a {r} × {c} factor");
        Self { df: df.into(), scale_tril: lower_triangle(l, false) }
    }

    /// Rows and columns.
    pub(super) fn dimension(&self) -> usize {
        self.scale_tril.nrows()
    }

    /// The degrees of freedom, NaN for too few.
    fn df(&self) -> Var<'t, T> {
        Var::map(ValidDf { dimension: self.dimension() }, [self.df])
    }
}

/// Checks the parameters of a Wishart distribution or its inverse.
pub(super) fn check<T: Scalar>(
    family: &'static str,
    df: Var<'_, T>,
    scale_tril: Var<'_, T>,
) -> Result<(), ParameterError> {
    let least = scale_tril.nrows() as f64 - 1.0;
    let want = "greater than the dimension less 1, and finite";
    require(family, "df", df, want, |df| df > least && df > 0.0 && df < f64::INFINITY)?;
    finite(family, "scale_tril", scale_tril)?;
    positive(family, "scale_tril", scale_tril.diagonal())
}

/// The lower-triangular `A` with `A Aᵀ` from Wishart(df, I): chi numbers on the diagonal, normal
/// ones below.
pub(super) fn bartlett<'t, T: Scalar>(tape: &'t Tape<T>, df: Var<'t, T>, d: usize, key: Key) -> Var<'t, T> {
    let (normal, chi) = key.split();
    let fewer = tape.constant_with(1, d, |to| {
        to.iter_mut().enumerate().for_each(|(j, to)| *to = T::from_f64(j as f64));
    });
    let half = Var::map(formula!(|df, j| (df - j) * 0.5), [df, fewer]);
    let chi_squared: Var<'t, T> = Gamma::new(half, 0.5).sample_shaped(tape, chi, (1, d));
    let diagonal = chi_squared.sqrt();
    let noise = tape.map_noise(formula!(|z| z), [Arg::Normal(normal)], (d, d));
    lower_triangle(noise, true) + identity_on(tape, d) * diagonal
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for Wishart<Var<'t, T>> {
    const NAME: &'static str = "Wishart";

    fn event(&self) -> Event {
        Event::Matrix
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::positive_definite()
    }
    fn shape(&self) -> (usize, usize) {
        self.scale_tril.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        check(Self::NAME, self.df, self.scale_tril)
    }
    /// `-∞` for a matrix that is not positive definite; of its triangles the lower one counts.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, _: Terms) -> Var<'t, T> {
        let (d, df) = (self.dimension(), self.df());
        let zero = df * 0.0 + log_det(self.scale_tril) * 0.0;
        let inside = with_factor(x, f64::NEG_INFINITY, |factor| {
            let trace = self.scale_tril.solve_lower(factor).sq().sum();
            let f = formula!(|df, d, log_x, log_v, trace, normaliser| {
                (df - d - 1.0) * log_x - trace * 0.5 - df * log_v - normaliser
            });
            let normaliser = Var::map(LogNormaliser { dimension: d }, [df]);
            Var::map(
                f,
                [df, Var::from(d as f64), log_det(factor), log_det(self.scale_tril), trace, normaliser],
            )
        });
        inside + zero
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for Wishart<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, _: (usize, usize)) -> Var<'t, T> {
        let root = self.scale_tril.matmul(bartlett(tape, self.df(), self.dimension(), key));
        root.matmul_tr(root)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for Wishart<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for Wishart<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.scale_tril.matmul_tr(self.scale_tril) * self.df()
    }
    /// Of every entry: `df (Vᵢⱼ² + Vᵢᵢ Vⱼⱼ)`.
    fn variance(&self) -> Var<'t, T> {
        let v = self.scale_tril.matmul_tr(self.scale_tril);
        let diagonal = v.diagonal();
        (v.sq() + diagonal.matmul_tr(diagonal)) * self.df()
    }
}

#[derive(Clone, Copy, Debug)]
struct WishartEntropy {
    dimension: usize,
}
impl Formula<2> for WishartEntropy {
    #[inline]
    fn eval<R: Real>(&self, [df, log_v]: [R; 2]) -> R {
        let d = self.dimension as f64;
        let half = df * 0.5;
        let slopes = over_halves(half, self.dimension, |a| a.digamma());
        log_v * (d + 1.0) + multigammaln(half, self.dimension) - (df - d - 1.0) * 0.5 * slopes
            + half * d
            + 0.5 * d * (d + 1.0) * LN_2
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for Wishart<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        Var::map(WishartEntropy { dimension: self.dimension() }, [self.df(), log_det(self.scale_tril)])
    }
}

/// `df` times the divergence of Normals with these factors, what the log determinants add, and that
/// of the degrees of freedom. `q` and `p` are degrees of freedom and factor.
pub(super) fn wishart_kl<'t, T: Scalar>(
    dimension: usize,
    q: (Var<'t, T>, Var<'t, T>),
    p: (Var<'t, T>, Var<'t, T>),
) -> Var<'t, T> {
    let zeros = zero_row(q.1, dimension);
    let normal = |l| MultivariateNormal::from_cholesky(zeros, l);
    let scales = normal(q.1).kl_sum(&normal(p.1));
    let f = formula!(|scales, df, p_df, log_q, log_p, rest| {
        not_negative(df * scales + (df - p_df) * (log_q - log_p) + rest)
    });
    let rest = Var::map(DfKl { dimension }, [q.0, p.0]);
    Var::map(f, [scales, q.0, p.0, log_det(q.1), log_det(p.1), rest])
}

/// A row of zeros.
fn zero_row<T: Scalar>(x: Var<'_, T>, d: usize) -> Var<'_, T> {
    x.tape().map_or(Var::from(0.0), |tape| tape.constant_with(1, d, |to| to.fill(T::from_f64(0.0))))
}

impl<'t, T: Scalar> KlDivergence<Wishart<Var<'t, T>>> for Wishart<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Wishart<Var<'t, T>>, _: Terms) -> Var<'t, T> {
        wishart_kl(self.dimension(), (self.df(), self.scale_tril), (p.df(), p.scale_tril))
    }
}

crate::laws::matrix_family!(Wishart<f64> { df, scale_tril }
    |_, p| Wishart: Wishart::new(p[0], p[1]),
    [[[4.5]], [[1.2, 0.0], [0.5, 0.7]]]
);
