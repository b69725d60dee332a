//! How positive scales are made of unconstrained numbers.

use crate::real::Real;
use std::fmt::Debug;

/// How a positive scale is made of an unconstrained number, as the Gaussians of a tape want to know it.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The scale, its slope, and the slope of its logarithm: finite also where the scale is too small for a number and becomes 0.
    fn with_slopes<R: Real>(rho: R) -> [R; 3];
    /// The scale.
    #[inline(always)]
    fn scale<R: Real>(rho: R) -> R {
        Self::with_slopes(rho)[0]
    }
}

/// `scale = ln(1 + e^rho)`. Source: Blundell et al. 2015, section 3.2.
#[derive(Clone, Copy, Debug)]
pub struct SoftplusScale;

impl ScaleMap for SoftplusScale {
    #[inline(always)]
    fn with_slopes<R: Real>(rho: R) -> [R; 3] {
        rho.softplus_and_slopes()
    }
}

/// `scale = e^rho`.
#[derive(Clone, Copy, Debug)]
pub struct ExpScale;

impl ScaleMap for ExpScale {
    #[inline(always)]
    fn with_slopes<R: Real>(rho: R) -> [R; 3] {
        let scale = rho.exp();
        [scale, scale, R::one()]
    }
}
