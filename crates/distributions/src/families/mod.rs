//! The families, one file each: density, sampling, capabilities, KL pairs, laws.

mod normal;
mod scale_mixture;
mod softplus_normal;

pub use normal::Normal;
pub(crate) use normal::{HALF_LN_TAU, NormalNormalKl};
pub use scale_mixture::ScaleMixture;
pub use softplus_normal::SoftplusNormal;

/// The common shape of parameters that broadcast.
pub(crate) fn common_shape<V: probity_autodiff::Value>(parameters: &[V]) -> (usize, usize) {
    parameters.iter().fold((1, 1), |(r, c), p| {
        let (pr, pc) = p.shape();
        (r.max(pr), c.max(pc))
    })
}
