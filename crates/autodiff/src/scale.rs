//! How a positive scale is computed from an unconstrained number.

use crate::ops::{GaussianOp, gaussians_here, record_gaussian};
use crate::real::{Real, Scalar};
use crate::tape::{Tape, Var};
use std::fmt::Debug;

/// How a positive scale is computed from an unconstrained number `rho`, for the loops over
/// Gaussians. The computation comes in two halves, each a short chain of operations. Two loops, one
/// for each half, are faster than one loop over both, because less time is spent waiting for
/// results.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The exponential that the scale and its derivatives share.
    fn exponential<R: Real>(rho: R) -> R;
    /// The scale, its derivative by `rho`, and the derivative of its logarithm by `rho`, given the
    /// [exponential](ScaleMap::exponential). All are finite, also where the scale underflows to 0.
    fn with_slopes<R: Real>(rho: R, exponential: R) -> [R; 3];
    /// The scale.
    #[inline(always)]
    fn scale<R: Real>(rho: R) -> R {
        Self::with_slopes(rho, Self::exponential(rho))[0]
    }
    /// Records an operation of Gaussians with such scales. The numbers of the nodes that show what
    /// is kept and the divergence.
    #[doc(hidden)]
    #[track_caller]
    fn record<T: Scalar>(op: GaussianOp, tape: &Tape<T>, args: [Var<'_, T>; 2]) -> (u32, u32) {
        record_gaussian::<Self, T>(op, tape, args)
    }
}

/// `scale = ln(1 + e^rho)`. Source: Blundell et al. 2015, section 3.2.
#[derive(Clone, Copy, Debug)]
pub struct SoftplusScale;

impl ScaleMap for SoftplusScale {
    gaussians_here!(SoftplusScale);

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
    gaussians_here!(ExpScale);

    #[inline(always)]
    fn exponential<R: Real>(rho: R) -> R {
        rho.exp()
    }

    #[inline(always)]
    fn with_slopes<R: Real>(_: R, exponential: R) -> [R; 3] {
        [exponential, exponential, R::one()]
    }
}
