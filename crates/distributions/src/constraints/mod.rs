//! Supports whose entries depend on each other, and supports of a user's own: the trait
//! [`Constraint`].

mod angle;
mod cholesky;
mod correlation;
mod ordered;
mod simplex;
mod softmax_simplex;
mod sphere;
mod zero_sum;

pub use angle::Angle;
pub use cholesky::{LowerCholesky, PositiveDefinite};
pub use correlation::{Correlation, CorrelationCholesky};
pub use ordered::{Ordered, PositiveOrdered};
pub use simplex::Simplex;
pub(crate) use simplex::{constant_row, log_simplex};
pub use softmax_simplex::SoftmaxSimplex;
pub use sphere::Sphere;
pub use zero_sum::ZeroSum;

use crate::distribution::Event;
use crate::support::Support;
use probity_autodiff::{Axis, Scalar, Terms, Value, Var};
use std::fmt;

/// A support with a smooth one-to-one map from unconstrained numbers onto it. The unconstrained
/// numbers may have another shape than the values.
///
/// Supports that this library does not have are added by this trait: a type that
/// implements it becomes a [`Support`] by [`Support::own`]. `limits` are the two values that stand
/// beside it there, such as parameters that the support depends on.
///
/// ```
/// use probity_distributions::{Constraint, Support, Terms, Value};
/// use probity_autodiff::formula;
///
/// /// Numbers greater than 1, by `x = eᵉˣᵖ⁽ᵘ⁾`.
/// struct BeyondOne;
/// impl<V: Value> Constraint<V> for BeyondOne {
///     const NAME: &'static str = "greater than 1";
///     fn constrain(u: V, _: &[V; 2]) -> V {
///         V::apply(formula!(|u| u.exp().exp()), [u])
///     }
///     fn unconstrain(x: V, _: &[V; 2]) -> V {
///         V::apply(formula!(|x| x.ln().ln()), [x])
///     }
///     fn log_det(u: V, _: &[V; 2], terms: Terms) -> V {
///         V::apply_as(terms, formula!(|u| u + u.exp()), [u])
///     }
///     fn outside(x: &[f64], _: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
///         x.iter().position(|x| !(*x > 1.0))
///     }
/// }
/// let support: Support<f64> = Support::own::<BeyondOne>([0.0, 0.0]);
/// assert_eq!(support.constrain(0.0), Some(std::f64::consts::E));
/// assert!(!support.contains(0.5));
/// ```
pub trait Constraint<V: Value>: 'static {
    /// The support in a word or two, for site tables and errors: "simplex".
    const NAME: &'static str;

    /// The part of a value that depends on itself only.
    const EVENT: Event = Event::Entry;

    /// Rows and columns of the unconstrained numbers behind a value of this shape; none if there
    /// is no such value.
    fn unconstrained_shape(value: (usize, usize)) -> Option<(usize, usize)> {
        Some(value)
    }

    /// The value for these unconstrained numbers.
    fn constrain(u: V, limits: &[V; 2]) -> V;

    /// The unconstrained numbers behind a value.
    fn unconstrain(x: V, limits: &[V; 2]) -> V;

    /// `ln |dx/du|` of every event, or the sum. Where x has more entries than u, those of x that
    /// the others do not determine count.
    fn log_det(u: V, limits: &[V; 2], terms: Terms) -> V;

    /// The first entry (column by column) of a value of that shape that does not belong to the
    /// support, if there is one. `limit(k, i)` is the entry of limit `k` that belongs to entry `i`
    /// of the value.
    fn outside(x: &[f64], shape: (usize, usize), limit: &dyn Fn(usize, usize) -> f64) -> Option<usize>;
}

type UnconstrainedShape = fn((usize, usize)) -> Option<(usize, usize)>;
type Map<V> = fn(V, &[V; 2]) -> V;
type Outside = fn(&[f64], (usize, usize), &dyn Fn(usize, usize) -> f64) -> Option<usize>;

/// The functions of a [`Constraint`], with its limits.
#[derive(Clone, Copy)]
pub struct Mapped<V: Value> {
    /// Its name.
    pub name: &'static str,
    /// Its event.
    pub event: Event,
    limits: [V; 2],
    shape: UnconstrainedShape,
    forward: Map<V>,
    inverse: Map<V>,
    log_det: fn(V, &[V; 2], Terms) -> V,
    outside: Outside,
}

impl<V: Value> fmt::Debug for Mapped<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Of the same name, with the same limits.
impl<V: Value + PartialEq> PartialEq for Mapped<V> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.limits == other.limits
    }
}

impl<V: Value> Mapped<V> {
    /// The limits.
    pub fn limits(&self) -> &[V; 2] {
        &self.limits
    }
    /// See [`Constraint::unconstrained_shape`].
    pub fn unconstrained_shape(&self, value: (usize, usize)) -> Option<(usize, usize)> {
        (self.shape)(value)
    }
    /// See [`Constraint::constrain`].
    pub fn constrain(&self, u: V) -> V {
        (self.forward)(u, &self.limits)
    }
    /// See [`Constraint::unconstrain`].
    pub fn unconstrain(&self, x: V) -> V {
        (self.inverse)(x, &self.limits)
    }
    /// See [`Constraint::log_det`].
    pub fn log_det(&self, u: V, terms: Terms) -> V {
        (self.log_det)(u, &self.limits, terms)
    }
    /// See [`Constraint::outside`].
    pub fn outside(
        &self,
        x: &[f64],
        shape: (usize, usize),
        limit: &dyn Fn(usize, usize) -> f64,
    ) -> Option<usize> {
        (self.outside)(x, shape, limit)
    }
}

impl<V: Value> Support<V> {
    /// A support by its map. Limits that it does not have are 0.
    pub fn own<C: Constraint<V>>(limits: [V; 2]) -> Self {
        Support::Mapped(Mapped {
            name: C::NAME,
            event: C::EVENT,
            limits,
            shape: C::unconstrained_shape,
            forward: C::constrain,
            inverse: C::unconstrain,
            log_det: C::log_det,
            outside: C::outside,
        })
    }

    /// Angles between -π and π, by twice the arctangent.
    pub fn angle() -> Self {
        Self::own::<Angle>([V::from(0.0); 2])
    }
}

impl<'t, T: Scalar> Support<Var<'t, T>> {
    /// Rows of numbers greater than 0 that sum to 1.
    pub fn simplex() -> Self {
        Self::own::<Simplex>([Var::from(0.0); 2])
    }

    /// Rows of numbers greater than 0 that sum to 1, by the softmax: all columns alike but the
    /// last.
    pub fn softmax_simplex() -> Self {
        Self::own::<SoftmaxSimplex>([Var::from(0.0); 2])
    }

    /// Rows of length 1.
    pub fn sphere() -> Self {
        Self::own::<Sphere>([Var::from(0.0); 2])
    }

    /// A correlation matrix.
    pub fn correlation() -> Self {
        Self::own::<Correlation>([Var::from(0.0); 2])
    }

    /// Rows that rise from column to column.
    pub fn ordered() -> Self {
        Self::own::<Ordered>([Var::from(0.0); 2])
    }

    /// Rows of positive numbers that rise from column to column.
    pub fn positive_ordered() -> Self {
        Self::own::<PositiveOrdered>([Var::from(0.0); 2])
    }

    /// Rows that sum to 0.
    pub fn zero_sum() -> Self {
        Self::own::<ZeroSum>([Var::from(0.0); 2])
    }

    /// A lower-triangular matrix with a positive diagonal.
    pub fn lower_cholesky() -> Self {
        Self::own::<LowerCholesky>([Var::from(0.0); 2])
    }

    /// A symmetric positive-definite matrix.
    pub fn positive_definite() -> Self {
        Self::own::<PositiveDefinite>([Var::from(0.0); 2])
    }

    /// The Cholesky factor of a correlation matrix.
    pub fn correlation_cholesky() -> Self {
        Self::own::<CorrelationCholesky>([Var::from(0.0); 2])
    }
}

/// The first row of `x` for which `bad` gives an entry's column: the place of this entry.
pub(crate) fn first_in_rows(
    x: &[f64],
    (rows, cols): (usize, usize),
    bad: impl Fn(&[f64]) -> Option<usize>,
) -> Option<usize> {
    let mut row = vec![0.0; cols];
    (0..rows).find_map(|i| {
        row.iter_mut().enumerate().for_each(|(j, to)| *to = x[i + j * rows]);
        bad(&row).map(|j| i + j * rows)
    })
}

/// The terms of rows as they are, or their sum.
pub(crate) fn rows_as<T: Scalar>(terms: Terms, each: Var<'_, T>) -> Var<'_, T> {
    match terms {
        Terms::Each => each.sum_axis(Axis::Cols),
        Terms::Sum => each.sum(),
    }
}
