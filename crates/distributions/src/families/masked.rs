//! Distributions of which some entries do not count.
//!
//! Elsewhere: Pyro, NumPyro, TFP.

use super::{Normal, common_shape};
use crate::distribution::{Distribution, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Formula, Key, Real, Terms, Value, formula};

/// A distribution of entries whose log density counts only where `mask` is 1, and is 0 where it is
/// 0, whatever the value there: missing observations.
///
/// *Event*: entry (the shape is 0 × 0 for a base of rows or matrices). *Parameters*: `mask`, 0 or 1
/// in every entry, and those of the base. *Draws* and moments are those of the base.
///
/// ```
/// use probity_distributions::{Distribution, Masked, Normal};
/// let seen = Masked::new(1.0, Normal::new(0.0, 1.0));
/// let missing = Masked::new(0.0, Normal::new(0.0, 1.0));
/// assert_eq!(seen.log_prob(2.0), Normal::<f64>::new(0.0, 1.0).log_prob(2.0));
/// assert_eq!(missing.log_prob(f64::NAN), 0.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Masked<V, D> {
    /// Which entries count.
    pub mask: V,
    /// The distribution.
    pub base: D,
}

impl<V, D> Masked<V, D> {
    /// With this mask, of this distribution.
    pub fn new(mask: impl Into<V>, base: D) -> Self {
        Self { mask: mask.into(), base }
    }
}

/// What counts, and 0 elsewhere; NaN for a mask that is none.
#[derive(Clone, Copy, Debug)]
struct Counted;
impl Formula<2> for Counted {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, mask]: [R; 2]) -> R {
        if mask == 0.0 {
            R::zero()
        } else if mask == 1.0 {
            x
        } else {
            R::of(f64::NAN)
        }
    }
}

impl<V: Value, D: Distribution<V>> Distribution<V> for Masked<V, D> {
    const NAME: &'static str = "Masked";

    fn support(&self) -> Support<V> {
        self.base.support()
    }
    fn shape(&self) -> (usize, usize) {
        if self.base.event() != Event::Entry {
            return (0, 0);
        }
        let ((r, c), (rows, cols)) = (common_shape(&[self.mask]), self.base.shape());
        let join = |a: usize, b: usize| match (a, b) {
            (a, b) if a == b || a == 1 => b,
            (a, 1) => a,
            _ => 0,
        };
        match (join(r, rows), join(c, cols)) {
            (0, _) | (_, 0) => (0, 0),
            shape => shape,
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "mask", self.mask, "0 or 1", |m| m == 0.0 || m == 1.0)?;
        self.base.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        // Where nothing counts, a value that has a density and slopes takes the place of what may
        // be none.
        let inside = self.base.support().constrain(V::from(0.0)).unwrap_or(V::from(0.0));
        let f = formula!(|x, mask, inside| if mask == 0.0 { inside } else { x });
        let at = V::apply(f, [x, self.mask, inside]);
        V::apply_as(terms, Counted, [self.base.log_prob(at), self.mask])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        let shape = self.shape();
        self.base.try_sample_shaped(cx, key, (shape.0.max(least.0), shape.1.max(least.1)))
    }
}

impl<V: Value, D: Sample<V>> Sample<V> for Masked<V, D> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let shape = self.shape();
        self.base.sample_shaped(cx, key, (shape.0.max(least.0), shape.1.max(least.1)))
    }
}
impl<V: Value, D: Reparameterized<V>> Reparameterized<V> for Masked<V, D> {}

impl<V: Value, D: Moments<V>> Moments<V> for Masked<V, D> {
    fn mean(&self) -> V {
        self.base.mean()
    }
    fn variance(&self) -> V {
        self.base.variance()
    }
}

/// That of the bases where both masks are 1, and 0 elsewhere.
impl<V: Value, Q: KlDivergence<P, Value = V>, P> KlDivergence<Masked<V, P>> for Masked<V, Q> {
    type Value = V;
    const METHOD: KlMethod = Q::METHOD;
    #[track_caller]
    fn kl_terms(&self, p: &Masked<V, P>, terms: Terms) -> V {
        let mask = V::apply(formula!(|a, b| a * b), [self.mask, p.mask]);
        V::apply_as(terms, Counted, [self.base.kl(&p.base), mask])
    }
}

crate::laws::family_of!(Masked<Normal> { mask, loc, scale } |d| [d.mask, d.base.loc, d.base.scale] =>
    Masked { mask, base: Normal { loc, scale } },
    [1.0, 0.3, 2.0], [1.0, -5.0, 0.1]
);
