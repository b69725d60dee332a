//! Smooth one-to-one maps from unconstrained numbers `u` into a support: of every entry, or of
//! every row (flows).
//!
//! ```
//! use probity_autodiff::{Tape, nalgebra::DMatrix};
//! use probity_distributions::bijectors::{Bijector, Chain, Coupling, Permute, Planar};
//! use probity_distributions::{DiagonalNormal, Distribution, Key, Sample, Support, Transformed};
//!
//! let tape = Tape::<f64>::new();
//! let row = |x: &[f64]| tape.variable(&DMatrix::from_row_slice(1, x.len(), x));
//! // Two couplings with the columns exchanged between, and a planar layer.
//! let numbers = row(&vec![0.1; Coupling::<probity_autodiff::Var<f64>>::parameters(2, 4)]);
//! let coupling = Coupling::from_row(numbers, 2, 4);
//! let exchange = Permute::new(&[1, 0])?;
//! let planar = Planar::new(row(&[0.5, -1.0]), row(&[1.0, 0.3]), row(&[0.2]));
//! let flow = Chain(Chain(Chain(coupling, exchange), coupling), planar);
//!
//! let base = DiagonalNormal::new(row(&[0.0, 0.0]), row(&[1.0, 1.0]));
//! let d = Transformed::new(base, flow, Support::Real);
//! let x = d.sample_shaped(&tape, Key::new(1), (100, 2));
//! assert_eq!(d.log_prob(x).shape(), (100, 1));
//! // Gradients in the numbers of the network, and in the values.
//! let gradients = tape.backward(d.log_prob_sum(x.detach()));
//! assert!(gradients.wrt(numbers).norm() > 0.0);
//! # Ok::<(), probity_distributions::ParameterError>(())
//! ```

mod affine;
mod cdf;
mod chain;
mod conditioner;
mod coupling;
mod exp;
mod half_angle;
mod half_line;
mod identity;
mod interval;
mod inverse_autoregressive;
mod permute;
mod planar;
mod softplus;
mod softsign;
mod spline;
mod tanh;

pub use affine::Affine;
pub use cdf::CdfOf;
pub use chain::{Chain, Inverse};
pub use conditioner::Conditioner;
pub use coupling::Coupling;
pub use exp::Exp;
pub use half_angle::HalfAngle;
pub use half_line::{Above, Below};
pub use identity::Identity;
pub use interval::Interval;
pub use inverse_autoregressive::InverseAutoregressive;
pub use permute::Permute;
pub use planar::Planar;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use spline::{PIECES, RationalQuadratic};
pub use tanh::Tanh;

use crate::distribution::Event;
use probity_autodiff::{Terms, Value};

/// A smooth one-to-one map of every entry, or of every row.
pub trait Bijector<V: Value>: Copy {
    /// The part of a value that is mapped by itself: an entry, or a row.
    fn event(&self) -> Event {
        Event::Entry
    }
    /// `x = f(u)`.
    fn forward(&self, u: V) -> V;
    /// `u = f⁻¹(x)`.
    fn inverse(&self, x: V) -> V;
    /// `ln |f'(u)|` of every entry, or `ln |det f'(u)|` of every row (r × 1), or the sum.
    fn log_det(&self, u: V, terms: Terms) -> V;
}

/// The larger of two events.
pub(crate) fn larger(a: Event, b: Event) -> Event {
    match (a, b) {
        (Event::Matrix, _) | (_, Event::Matrix) => Event::Matrix,
        (Event::Row, _) | (_, Event::Row) => Event::Row,
        _ => Event::Entry,
    }
}

/// Terms of events, summed up to those of a larger one.
pub(crate) fn terms_of<V: Value>(each: V, from: Event, to: Event) -> V {
    match (from, to) {
        (Event::Entry, Event::Row) => each.sum_rows(),
        (Event::Entry | Event::Row, Event::Matrix) => each.sum(),
        _ => each,
    }
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
