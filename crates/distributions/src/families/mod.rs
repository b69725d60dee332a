//! The families, one file each: density, sampling, capabilities, KL pairs, laws.

mod normal;

pub use normal::Normal;

/// The common shape of parameters that broadcast.
pub(crate) fn common_shape<V: probity_autodiff::Value>(parameters: &[V]) -> (usize, usize) {
    parameters.iter().fold((1, 1), |(r, c), p| {
        let (pr, pc) = p.shape();
        (r.max(pr), c.max(pc))
    })
}
