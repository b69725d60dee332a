//! Normal distribution of rows that sum to 0.
//!
//! Elsewhere: NumPyro r, PyMC.

use super::normal::HALF_LN_TAU;
use super::{Normal, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Key, Scalar, Tape, Terms, Value, Var, formula};

/// Rows of `c` independent Normal numbers less their mean: effects of `c` groups that say nothing
/// of the overall level. The covariance is `scale² (I - 1/c)`.
///
/// *Event*: row; the density is that on the plane of rows with sum 0, by its length and width.
/// *Parameters*: `columns` c of 2 or more, `scale > 0` (1 × 1, or r × 1 with one for each row). As
/// latent variable: `c - 1` unconstrained numbers a row.
#[derive(Clone, Copy, Debug)]
pub struct ZeroSumNormal<V> {
    /// The number of columns.
    pub columns: usize,
    /// The standard deviation before the mean is taken off.
    pub scale: V,
}

impl<V: Value> ZeroSumNormal<V> {
    /// Rows of this many numbers, with this scale.
    pub fn new(columns: usize, scale: impl Into<V>) -> Self {
        Self { columns, scale: scale.into() }
    }

    /// The dimension of the plane.
    fn free(&self) -> f64 {
        self.columns as f64 - 1.0
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for ZeroSumNormal<Var<'t, T>> {
    const NAME: &'static str = "ZeroSumNormal";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::zero_sum()
    }
    fn shape(&self) -> (usize, usize) {
        if self.scale.ncols() == 1 { (self.scale.nrows(), self.columns) } else { (0, 0) }
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "scale", self.scale)
    }
    /// `-∞` for rows whose sum is not 0 within 1e-5 of their size.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let squares = Var::map(formula!(|x, s| (x / s).sq()), [x, self.scale]).sum_axis(Axis::Cols);
        let (sum, size) = (x.detach().sum_axis(Axis::Cols), x.detach().abs().sum_axis(Axis::Cols));
        let f = formula!(|squares, s, sum, size, free| {
            let inside = squares * -0.5 - (positive_or_nan(s).ln() + HALF_LN_TAU) * free;
            let off = sum.abs() > size * 1e-5 || size == f64::INFINITY;
            if off { R::of((s * 0.0).re() - f64::INFINITY) } else { inside }
        });
        Var::apply_as(terms, f, [squares, self.scale, sum, size, Var::from(self.free())])
    }
    /// The unconstrained numbers are independent Normal numbers of this scale.
    #[track_caller]
    fn kl_from_unconstrained_normal(
        &self,
        loc: Var<'t, T>,
        scale: Var<'t, T>,
        terms: Terms,
    ) -> Option<(Var<'t, T>, KlMethod)> {
        let p = Normal { loc: Var::from(0.0), scale: self.scale };
        Some((Normal { loc, scale }.kl_terms(&p, terms), KlMethod::Closed))
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for ZeroSumNormal<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let shape = (self.shape().0.max(least.0), self.columns);
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(key)], shape);
        Var::map(
            formula!(|z, mean, s| (z - mean) * positive_or_nan(s)),
            [z, z.mean_axis(Axis::Cols), self.scale],
        )
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for ZeroSumNormal<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for ZeroSumNormal<Var<'t, T>> {
    /// 0, for every row; it broadcasts.
    fn mean(&self) -> Var<'t, T> {
        Var::map(formula!(|s| positive_or_nan(s) * 0.0), [self.scale])
    }
    /// Of every entry; it broadcasts.
    fn variance(&self) -> Var<'t, T> {
        let part = Var::from(self.free() / self.columns as f64);
        Var::map(formula!(|s, part| positive_or_nan(s).sq() * part), [self.scale, part])
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for ZeroSumNormal<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let f = formula!(|s, free| (positive_or_nan(s).ln() + (HALF_LN_TAU + 0.5)) * free);
        Var::map(f, [self.scale, Var::from(self.free())])
    }
}

impl<'t, T: Scalar> KlDivergence<ZeroSumNormal<Var<'t, T>>> for ZeroSumNormal<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// That of one Normal number for every dimension of the plane.
    ///
    /// # Panics
    /// If the two have different numbers of columns.
    #[track_caller]
    fn kl_terms(&self, p: &ZeroSumNormal<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (a, b) = (self.columns, p.columns);
        assert!(a == b, "ZeroSumNormal: rows of {a} numbers to rows of {b}");
        let normal = |scale| Normal { loc: Var::from(0.0), scale };
        normal(self.scale).kl_terms(&normal(p.scale), terms) * self.free()
    }
}

crate::laws::matrix_family!(ZeroSumNormal<f64> { scale }
    |_, p| ZeroSumNormal: ZeroSumNormal::new(4, p[0]),
    [[[0.7]]]
);
