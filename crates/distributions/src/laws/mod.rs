//! The laws that every member obeys, as functions: run them on your own distributions, KL pairs and
//! bijectors.
//!
//! ```
//! use probity_distributions::{Key, Normal, laws};
//! # fn main() -> Result<(), laws::LawError> {
//! let d = Normal::new(0.3, 2.0);
//! laws::integrates_to_one(&d)?;
//! laws::cdf_matches_density(&d)?;
//! laws::samples_follow_cdf(&d, 10_000, Key::new(1))?;
//! laws::gradients_match(&d, -0.7)?;
//! laws::rejects(&d, "scale", &[0.0, -1.0, f64::INFINITY])?;
//! # Ok(())
//! # }
//! ```
//!
//! The laws on gradients need the distribution as a function of its parameters: see [`Family`], and
//! [`MatrixFamily`] for distributions of rows and matrices.

mod bijector;
mod constraint;
mod density;
mod derivative;
mod edges;
mod gradient;
mod kl;
mod matrix;
mod pieces;
mod sample;
mod single;

pub use bijector::{
    bijector_inverts, bijector_log_det_matches, bijector_of_rows_inverts, bijector_of_rows_log_det_matches,
};
pub use constraint::{constraint_inverts, constraint_log_det_matches};
pub use density::{
    cdf_matches_density, entropy_matches_density, integrates_to_one, moments_match_density,
    quantile_inverts_cdf,
};
pub use edges::{
    EDGES, Numbers, bad_parameters_give_nan, cdf, cdf_at_edges, density, density_at_edges, draw, entropy,
    kl_at_edges, kl_of_bad_parameters_is_nan, moments, unconstrained_density_matches,
};
pub use gradient::{
    gradients_match, implicit_gradients_match, rejects, reparameterized_gradients_match,
    single_precision_matches,
};
pub use kl::{
    kl_gradients_match, kl_is_not_negative, kl_matches_monte_carlo, kl_matches_quadrature,
    kl_of_itself_is_zero,
};
pub(crate) use matrix::matrix_family;
pub use matrix::{
    MatrixFamily, example, matrix_cdf_matches, matrix_density_matches, matrix_draws_have_gradients,
    matrix_draws_move_moments, matrix_entropy_matches, matrix_moments_match,
};
pub(crate) use pieces::Pieces;
pub use sample::{samples_follow_cdf, samples_match_moments};
pub use single::{
    single_precision_cdf_matches, single_precision_entropy_matches, single_precision_moments_match,
};

use crate::distribution::Distribution;
use probity_autodiff::Value;
use std::fmt::Debug;

/// A law does not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{family} breaks `{law}`: {got:e} instead of {want:e} ({case})")]
pub struct LawError {
    /// The name of the function that checks it.
    pub law: &'static str,
    /// The family (for a bijector, its type).
    pub family: &'static str,
    /// The distribution and the point.
    pub case: String,
    /// What the member computed.
    pub got: f64,
    /// What the law asks for.
    pub want: f64,
}

/// What a law is run on, for its message.
struct Law<'a> {
    name: &'static str,
    family: &'static str,
    of: &'a dyn Debug,
}

impl<'a> Law<'a> {
    fn new<D: Distribution<f64>>(name: &'static str, d: &'a D) -> Self {
        Self { name, family: D::NAME, of: d }
    }

    /// Holds if `got` is `want`, or within `tolerance` of it.
    #[inline]
    fn holds(
        &self,
        case: impl FnOnce() -> String,
        got: f64,
        want: f64,
        tolerance: f64,
    ) -> Result<(), LawError> {
        if within(got, want, tolerance) { Ok(()) } else { self.broken(case(), got, want) }
    }

    /// The error. (Apart, because every case has a copy of [`holds`](Law::holds).)
    #[cold]
    #[inline(never)]
    fn broken(&self, case: String, got: f64, want: f64) -> Result<(), LawError> {
        let case = format!("{:?}, {case}", self.of);
        Err(LawError { law: self.name, family: self.family, case, got, want })
    }
}

/// Whether `got` is `want`, or within `tolerance` of it.
fn within(got: f64, want: f64, tolerance: f64) -> bool {
    got == want || (got - want).abs() <= tolerance
}

/// A distribution as a function of scalar parameters, which the laws on gradients differentiate.
///
/// One line implements it for a struct whose fields are its parameters: [`family!`](crate::family).
pub trait Family: Distribution<f64> {
    /// The distribution with parameters of another type.
    type Of<V: Value>: Distribution<V>;
    /// The names of the parameters.
    const PARAMETERS: &'static [&'static str];
    /// Parameters at which the laws of the library run.
    const EXAMPLES: &'static [&'static [f64]] = &[];

    /// The parameters, in that order.
    fn parameters(&self) -> Vec<f64>;

    /// The distribution with these parameters.
    ///
    /// # Panics
    /// If there are more or fewer of them than names.
    fn with<V: Value>(parameters: &[V]) -> Self::Of<V>;
}

/// Implements [`laws::Family`](crate::laws::Family) for a struct whose fields are its parameters.
///
/// ```
/// use probity_distributions::{Cdf, Distribution, ParameterError, Support, Terms, Value, family,
/// laws};
///
/// /// `p(x) = e^(loc - x)`, `x > loc`.
/// #[derive(Clone, Copy, Debug)]
/// struct Shifted<V> {
///     loc: V,
/// }
/// impl<V: Value> Distribution<V> for Shifted<V> {
///     const NAME: &'static str = "Shifted";
///     fn support(&self) -> Support<V> {
///         Support::Real
///     }
///     fn shape(&self) -> (usize, usize) {
///         self.loc.shape()
///     }
///     fn check(&self) -> Result<(), ParameterError> {
///         Ok(())
///     }
///     fn log_prob_terms(&self, x: V, terms: Terms) -> V {
///         V::apply_as(terms, probity_autodiff::formula!(|x, loc| loc - x), [x, self.loc])
///     }
/// }
/// family!(Shifted { loc });
/// assert!(laws::gradients_match(&Shifted { loc: 1.0 }, 2.5).is_ok());
/// ```
#[macro_export]
macro_rules! family {
    ($name:ident { $($parameter:ident),+ $(,)? } $(at $([$($x:expr),+ $(,)?]),+ $(,)?)?) => {
        impl $crate::laws::Family for $name<f64> {
            type Of<V: $crate::Value> = $name<V>;
            const PARAMETERS: &'static [&'static str] = &[$(stringify!($parameter)),+];
            $(const EXAMPLES: &'static [&'static [f64]] = &[$(&[$($x),+]),+];)?
            fn parameters(&self) -> Vec<f64> {
                vec![$(self.$parameter),+]
            }
            #[track_caller]
            fn with<V: $crate::Value>(parameters: &[V]) -> $name<V> {
                let &[$($parameter),+] = parameters else {
                    panic!("{}: {} parameters", stringify!($name), parameters.len())
                };
                $name { $($parameter),+ }
            }
        }
    };
}

/// [`family!`](crate::family) for a family that is made of another one, on parameters of both: the
/// two, the parameters as they are read, how it is made of them, and examples.
macro_rules! family_of {
    ($name:ident<$($base:ident),+> { $($parameter:ident),+ } |$d:ident| [$($value:expr),+] => $make:expr,
        $([$($x:expr),+]),+ $(,)?) => {
        impl crate::laws::Family for $name<f64, $($base<f64>),+> {
            type Of<V: crate::Value> = $name<V, $($base<V>),+>;
            const PARAMETERS: &'static [&'static str] = &[$(stringify!($parameter)),+];
            const EXAMPLES: &'static [&'static [f64]] = &[$(&[$($x),+]),+];
            fn parameters(&self) -> Vec<f64> {
                let $d = self;
                vec![$($value),+]
            }
            #[track_caller]
            fn with<V: crate::Value>(parameters: &[V]) -> $name<V, $($base<V>),+> {
                let &[$($parameter),+] = parameters else {
                    panic!("{}: {} parameters", stringify!($name), parameters.len())
                };
                $make
            }
        }
    };
}
pub(crate) use family_of;
