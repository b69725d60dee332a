//! How positive scales are made of unconstrained numbers.

use crate::real::Real;
use std::fmt::Debug;

/// How a positive scale is made of an unconstrained number, as the Gaussians of a tape want to know it. It comes in two halves of which each is a
/// short chain of operations: a loop over the one and then one over the other wait less than one loop over both.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The exponential that the scale and its slopes have in common.
    fn exponential<R: Real>(rho: R) -> R;
    /// The scale, its slope, and the slope of its logarithm, where the [exponential](ScaleMap::exponential) is known: finite also where the scale is
    /// too small for a number and becomes 0. Derivatives are those along `rho`.
    fn with_slopes<R: Real>(rho: R, exponential: R) -> [R; 3];
    /// The scale.
    #[inline(always)]
    fn scale<R: Real>(rho: R) -> R {
        Self::with_slopes(rho, Self::exponential(rho))[0]
    }
}

/// `scale = ln(1 + e^rho)`. Source: Blundell et al. 2015, section 3.2.
#[derive(Clone, Copy, Debug)]
pub struct SoftplusScale;

impl ScaleMap for SoftplusScale {
    #[inline(always)]
    fn exponential<R: Real>(rho: R) -> R {
        rho.exp_minus_abs()
    }

    #[inline(always)]
    fn with_slopes<R: Real>(rho: R, exponential: R) -> [R; 3] {
        rho.softplus_and_slopes_from(exponential)
    }
}

/// `scale = e^rho`.
#[derive(Clone, Copy, Debug)]
pub struct ExpScale;

impl ScaleMap for ExpScale {
    #[inline(always)]
    fn exponential<R: Real>(rho: R) -> R {
        rho.exp()
    }

    #[inline(always)]
    fn with_slopes<R: Real>(_: R, exponential: R) -> [R; 3] {
        [exponential, exponential, R::one()]
    }
}
