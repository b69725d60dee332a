//! Smooth one-to-one maps from unconstrained numbers `u` into a support, entry by entry.

mod affine;
mod cdf;
mod chain;
mod exp;
mod half_angle;
mod half_line;
mod identity;
mod interval;
mod permute;
mod softplus;
mod softsign;
mod spline;
mod tanh;

pub use affine::Affine;
pub use cdf::CdfOf;
pub use chain::{Chain, Inverse};
pub use exp::Exp;
pub use half_angle::HalfAngle;
pub use half_line::{Above, Below};
pub use identity::Identity;
pub use interval::Interval;
pub use permute::Permute;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use spline::{PIECES, RationalQuadratic};
pub use tanh::Tanh;

use probity_autodiff::{Terms, Value};

/// A smooth one-to-one map of every entry.
pub trait Bijector<V: Value>: Copy {
    /// `x = f(u)`.
    fn forward(&self, u: V) -> V;
    /// `u = f⁻¹(x)`.
    fn inverse(&self, x: V) -> V;
    /// `ln |f'(u)|` of every entry, or their sum.
    fn log_det(&self, u: V, terms: Terms) -> V;
}

/// Declares the three formulas of a bijector without parameters.
macro_rules! bijector {
    ($name:ident, |$u:ident| $forward:expr, |$x:ident| $inverse:expr, |$v:ident| $log_det:expr) => {
        impl<V: probity_autodiff::Value> crate::bijectors::Bijector<V> for $name {
            #[track_caller]
            fn forward(&self, u: V) -> V {
                V::apply(probity_autodiff::formula!(f64 | $u | $forward), [u])
            }
            #[track_caller]
            fn inverse(&self, x: V) -> V {
                V::apply(probity_autodiff::formula!(f64 | $x | $inverse), [x])
            }
            #[track_caller]
            fn log_det(&self, u: V, terms: probity_autodiff::Terms) -> V {
                V::apply_as(terms, probity_autodiff::formula!(f64 | $v | $log_det), [u])
            }
        }
    };
}
pub(crate) use bijector;
