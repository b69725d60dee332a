//! How positive scales are made of unconstrained numbers.

use crate::real::Real;
use std::fmt::Debug;

/// How a positive scale is made of an unconstrained number, as the Gaussians of a tape want to know it: the slopes are told from the scale, which is
/// kept for the way back.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The scale.
    fn scale<R: Real>(rho: R) -> R;
    /// The slope of the scale, told from the scale.
    fn slope<R: Real>(scale: R) -> R;
    /// The slope of the scale's logarithm, told from the scale: finite where that is 0.
    fn log_slope<R: Real>(scale: R) -> R;
}

/// `scale = ln(1 + e^rho)`. Source: Blundell et al. 2015, section 3.2.
#[derive(Clone, Copy, Debug)]
pub struct SoftplusScale;

impl ScaleMap for SoftplusScale {
    #[inline(always)]
    fn scale<R: Real>(rho: R) -> R {
        rho.softplus()
    }
    /// `1 - e^-scale`, which is the logistic function of `rho`.
    #[inline(always)]
    fn slope<R: Real>(scale: R) -> R {
        -(-scale).exp_m1()
    }
    #[inline(always)]
    fn log_slope<R: Real>(scale: R) -> R {
        let ratio = Self::slope(scale) / scale;
        if scale == 0.0 { R::one() } else { ratio }
    }
}

/// `scale = e^rho`.
#[derive(Clone, Copy, Debug)]
pub struct ExpScale;

impl ScaleMap for ExpScale {
    #[inline(always)]
    fn scale<R: Real>(rho: R) -> R {
        rho.exp()
    }
    #[inline(always)]
    fn slope<R: Real>(scale: R) -> R {
        scale
    }
    #[inline(always)]
    fn log_slope<R: Real>(_: R) -> R {
        R::one()
    }
}
