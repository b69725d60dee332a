//! The families, one file each: density, sampling, capabilities, KL pairs, laws.

mod bernoulli;
mod categorical;
mod diagonal_normal;
mod gamma;
mod multivariate_normal;
mod normal;
mod student_t;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use diagonal_normal::DiagonalNormal;
pub use gamma::Gamma;
pub use multivariate_normal::MultivariateNormal;
pub use normal::Normal;
pub use student_t::StudentT;

/// The common shape of parameters that broadcast.
pub(crate) fn common_shape<V: probity_autodiff::Value>(parameters: &[V]) -> (usize, usize) {
    parameters.iter().fold((1, 1), |(r, c), p| {
        let (pr, pc) = p.shape();
        (r.max(pr), c.max(pc))
    })
}
