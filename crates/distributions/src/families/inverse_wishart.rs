//! Inverse Wishart distribution of positive-definite matrices.
//!
//! Elsewhere: NumPyro r.

use super::linear::{log_det, lower_triangle, over_halves, with_factor};
use super::wishart::{LogNormaliser, ValidDf, bartlett, check, wishart_kl};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::math::gamma::multigammaln;
use probity_autodiff::{Formula, Key, Real, Scalar, Tape, Terms, Var, formula};
use std::f64::consts::LN_2;

/// `p(X) ∝ det X^(-(df + d + 1)/2) exp(-½ tr Ψ X⁻¹)` with `Ψ = L Lᵀ`: the inverse of a Wishart
/// matrix with scale `Ψ⁻¹`, and the conjugate prior of a covariance.
///
/// *Event*: the whole matrix, symmetric and positive definite, of which the density counts the
/// entries on and below the diagonal. *Parameters*: `df > d - 1` (1 × 1), `scale_tril` `L` (d × d,
/// lower triangular, its diagonal positive). The mean is `Ψ / (df - d - 1)`.
///
/// Source: Muirhead 1982, *Aspects of Multivariate Statistical Theory*, problem 3.6.
#[derive(Clone, Copy, Debug)]
pub struct InverseWishart<V> {
    df: V,
    scale_tril: V,
}

impl<'t, T: Scalar> InverseWishart<Var<'t, T>> {
    /// With these degrees of freedom and this Cholesky factor of the scale matrix `Ψ` (what stands
    /// above its diagonal is not used).
    ///
    /// # Panics
    /// If the factor is not square.
    #[track_caller]
    pub fn new(df: impl Into<Var<'t, T>>, scale_tril: impl Into<Var<'t, T>>) -> Self {
        let l = scale_tril.into();
        let (r, c) = l.shape();
        assert!(r == c, "InverseWishart: a {r} × {c} factor");
        Self { df: df.into(), scale_tril: lower_triangle(l, false) }
    }

    /// The degrees of freedom, NaN for too few.
    fn df(&self) -> Var<'t, T> {
        Var::map(ValidDf { dimension: self.scale_tril.nrows() }, [self.df])
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for InverseWishart<Var<'t, T>> {
    const NAME: &'static str = "InverseWishart";

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
        let (dimension, df) = (self.scale_tril.nrows(), self.df());
        let zero = df * 0.0 + log_det(self.scale_tril) * 0.0;
        let inside = with_factor(x, f64::NEG_INFINITY, |factor| {
            let trace = factor.solve_lower(self.scale_tril).sq().sum();
            let f = formula!(|df, d, log_x, log_scale, trace, normaliser| {
                df * log_scale - (df + d + 1.0) * log_x - trace * 0.5 - normaliser
            });
            let normaliser = Var::map(LogNormaliser { dimension }, [df]);
            let d = Var::from(dimension as f64);
            Var::map(f, [df, d, log_det(factor), log_det(self.scale_tril), trace, normaliser])
        });
        inside + zero
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for InverseWishart<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, _: (usize, usize)) -> Var<'t, T> {
        let factor = bartlett(tape, self.df(), self.scale_tril.nrows(), key);
        let root = factor.solve_lower(self.scale_tril.transpose());
        root.tr_matmul(root)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for InverseWishart<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for InverseWishart<Var<'t, T>> {
    /// Infinite for up to `d + 1` degrees of freedom.
    fn mean(&self) -> Var<'t, T> {
        let f = formula!(|scale, df, d| {
            let free = df - d - 1.0;
            let infinite = scale / 0.0;
            if free > 0.0 || df.re().is_nan() { scale / free } else { infinite }
        });
        let d = Var::from(self.scale_tril.nrows() as f64);
        Var::map(f, [self.scale_tril.matmul_tr(self.scale_tril), self.df(), d])
    }
    /// Of every entry; infinite for up to `d + 3` degrees of freedom.
    fn variance(&self) -> Var<'t, T> {
        let f = formula!(|scale, a, b, df, d| {
            let free = df - d;
            let infinite = a * b / 0.0;
            let inside = ((free + 1.0) * scale.sq() + (free - 1.0) * a * b)
                / (free * (free - 1.0).sq() * (free - 3.0));
            if free > 3.0 || df.re().is_nan() { inside } else { infinite }
        });
        let (scale, d) = (self.scale_tril.matmul_tr(self.scale_tril), self.scale_tril.nrows() as f64);
        let diagonal = scale.diagonal();
        Var::map(f, [scale, diagonal, diagonal.transpose(), self.df(), Var::from(d)])
    }
}

/// Of the degrees of freedom and the logarithm of the factor's determinant.
#[derive(Clone, Copy, Debug)]
struct InverseWishartEntropy {
    dimension: usize,
}
impl Formula<2> for InverseWishartEntropy {
    #[inline]
    fn eval<R: Real>(&self, [df, log_scale]: [R; 2]) -> R {
        let d = self.dimension as f64;
        let half = df * 0.5;
        let slopes = over_halves(half, self.dimension, |a| a.digamma());
        log_scale * (d + 1.0) + multigammaln(half, self.dimension) - (df + d + 1.0) * 0.5 * slopes + half * d
            - 0.5 * d * (d + 1.0) * LN_2
    }
}

/// That of the inverse, a Wishart matrix, less `(d + 1)` times the mean logarithm of its
/// determinant: the Jacobian of the inversion.
impl<'t, T: Scalar> Entropy<Var<'t, T>> for InverseWishart<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let dimension = self.scale_tril.nrows();
        Var::map(InverseWishartEntropy { dimension }, [self.df(), log_det(self.scale_tril)])
    }
}

/// That of the Wishart matrices which are their inverses.
impl<'t, T: Scalar> KlDivergence<InverseWishart<Var<'t, T>>> for InverseWishart<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &InverseWishart<Var<'t, T>>, _: Terms) -> Var<'t, T> {
        // tr Φ Ψ⁻¹ and the ratio of determinants are those of Normals with the scales exchanged.
        wishart_kl(self.scale_tril.nrows(), (self.df(), p.scale_tril), (p.df(), self.scale_tril))
    }
}

crate::laws::matrix_family!(InverseWishart<f64> { df, scale_tril }
    |_, p| InverseWishart: InverseWishart::new(p[0], p[1]),
    [[[9.5]], [[1.2, 0.0], [0.5, 0.7]]]
);
