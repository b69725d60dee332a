//! The traits: what a distribution is, and what it may be capable of.

use crate::error::ParameterError;
use crate::kl_method::KlMethod;
use crate::shaped::Shaped;
use crate::support::Support;
use crate::within::Within;
use probity_autodiff::{Key, Terms, Value};
use std::fmt::Debug;

/// What one event of a family is: the part of a value that one probability belongs to.
///
/// `log_prob` removes exactly the event: r × c, r × 1, or 1 × 1 remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Every entry is an event of its own (Normal, Gamma, Bernoulli).
    Entry,
    /// Every row is one event (multivariate Normal, Categorical logits).
    Row,
    /// The whole matrix is one event.
    Matrix,
}

/// Whether parameters of one shape broadcast to values of another, which consist of such events.
pub(crate) fn broadcasts(from: (usize, usize), to: (usize, usize), event: Event) -> bool {
    let stretches = |from: usize, to: usize| from == 1 || from == to;
    match event {
        Event::Entry => stretches(from.0, to.0) && stretches(from.1, to.1),
        Event::Row => stretches(from.0, to.0) && from.1 == to.1,
        Event::Matrix => from == to,
    }
}

/// A probability distribution with parameters of type `V`: plain numbers (`f64`) or matrices on a
/// tape.
///
/// *Shapes.* Rows are the batch, columns the event. Parameters and values broadcast (1 × 1, 1 × c
/// and r × 1 stretch to r × c).
///
/// *Parameters* are not checked by constructors, because on a tape they change with every step.
/// [`checked`] is for numbers from outside; models check every site and name it. Bad parameters
/// give NaN, never a panic.
///
/// [`checked`]: Distribution::checked
#[diagnostic::on_unimplemented(message = "`{Self}` is not a distribution on values of type `{V}`")]
pub trait Distribution<V: Value>: Copy + Debug {
    /// The family's name.
    const NAME: &'static str;

    /// What one event is.
    fn event(&self) -> Event {
        Event::Entry
    }

    /// The values that have a density.
    fn support(&self) -> Support<V>;

    /// Rows and columns of one draw; 0 × 0 if the parameters do not broadcast with each other.
    fn shape(&self) -> (usize, usize);

    /// Rows and columns that the parameters by themselves give a draw: those of
    /// [`shape`](Distribution::shape), but for independent copies ([`rows`](Distribution::rows),
    /// [`shaped`](Distribution::shaped)), to whose shape they must broadcast.
    fn parameter_shape(&self) -> (usize, usize) {
        self.shape()
    }

    /// Whether a value of this shape has a log density: the parameters broadcast to it, and it has
    /// whole events.
    fn fits(&self, value: (usize, usize)) -> bool {
        broadcasts(self.shape(), value, self.event())
    }

    /// Whether the parameters are in their range.
    ///
    /// # Errors
    /// The first parameter that is out of range or NaN.
    fn check(&self) -> Result<(), ParameterError>;

    /// The log density (log mass) of every event in `x`, or their sum in one pass.
    fn log_prob_terms(&self, x: V, terms: Terms) -> V;

    /// The log density (log mass) of every event in `x`: r × c, r × 1 or 1 × 1.
    ///
    /// # Panics
    /// If `x` does not broadcast with the parameters.
    #[track_caller]
    fn log_prob(&self, x: V) -> V {
        self.log_prob_terms(x, Terms::Each)
    }

    /// The sum of the log densities of all events in `x`, 1 × 1.
    ///
    /// # Panics
    /// If `x` does not broadcast with the parameters.
    #[track_caller]
    fn log_prob_sum(&self, x: V) -> V {
        self.log_prob_terms(x, Terms::Sum)
    }

    /// The distribution itself, if its parameters are in their range.
    ///
    /// # Errors
    /// The first parameter that is out of range or NaN.
    fn checked(self) -> Result<Self, ParameterError> {
        self.check().map(|()| self)
    }

    /// Independent copies: draws have `n` rows. A parameter with more than one row must have `n`.
    fn rows(self, n: usize) -> Shaped<Self, V> {
        let cols = self.shape().1;
        self.shaped(n, cols)
    }

    /// Independent copies: draws are `rows` × `cols`.
    fn shaped(self, rows: usize, cols: usize) -> Shaped<Self, V> {
        Shaped::new(self, rows, cols)
    }

    /// This distribution on a part of its values: its density there, up to a constant. So a latent
    /// variable gets a support that no family has, such as ordered means:
    /// `Normal::new(0.0, 1.0).shaped(1, 2).within(Support::ordered())`.
    fn within(self, support: Support<V>) -> Within<Self, V> {
        Within::new(self, support)
    }

    /// The log density of every unconstrained `u`, whose image under the bijector of the support
    /// has this distribution, or their sum: `ln p(x(u)) + ln |dx/du|`.
    ///
    /// By default the two terms. A family on the positive numbers should write it in terms of
    /// `u = ln x`, because `eᵘ` leaves the range of numbers long before the density of `u` does.
    ///
    /// # Panics
    /// If `u` does not broadcast with the parameters.
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        let support = self.support();
        let log_prob = self.log_prob_terms(support.constrain(u).unwrap_or(u), terms);
        support.log_det(u, terms).map_or(log_prob, |log_det| log_prob + log_det)
    }

    /// The exact KL divergence to this distribution from that of `x` whose unconstrained `u` is
    /// Gaussian with this mean and standard deviation, if it is known: the terms of the entries, or
    /// their sum, and how they were computed.
    ///
    /// By default that of [`kl_from_normal`](Distribution::kl_from_normal) on the real line, where
    /// `u` is `x`.
    #[track_caller]
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        match self.support() {
            Support::Real => self.kl_from_normal(loc, scale, terms),
            _ => None,
        }
    }

    /// The exact KL divergence from a Gaussian `q` with this mean and standard deviation to this
    /// distribution, if it is known: the terms of the entries, or their sum, and how they were
    /// computed.
    ///
    /// Families that implement [`KlDivergence`](crate::KlDivergence) for a Normal `q` pass it on
    /// here, where inference asks.
    fn kl_from_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        let _ = (loc, scale, terms);
        None
    }

    /// Mean and standard deviation, if this is a Normal distribution: inference then fuses more
    /// work.
    fn as_normal(&self) -> Option<(V, V)> {
        None
    }

    /// A draw, if the family can be sampled: as [`Sample::sample_shaped`].
    ///
    /// Families that implement [`Sample`] pass it on here, where inference draws true values from
    /// priors, which need not be such that they can be sampled.
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        let _ = (cx, key, least);
        None
    }
}

/// A distribution that can be sampled.
pub trait Sample<V: Value>: Distribution<V> {
    /// A draw of at least the shape `least`: a pure function of the parameters and the key. On a
    /// tape the draw is differentiable where the family is [`Reparameterized`], else a constant.
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V;

    /// A draw, of the distribution's own shape.
    fn sample(&self, cx: V::Context, key: Key) -> V {
        self.sample_shaped(cx, key, self.shape())
    }
}

/// Draws of plain numbers by a [`Key`]: pure functions of parameters and key, whatever the order of
/// the draws.
///
/// The families of plain numbers are [`rand_distr::Distribution`]s as well, and so are drawn from
/// with any generator of the `rand` crate. Those draws are made by the samplers of `rand_distr`
/// where it has one: their numbers may change with its version, those by a key do not. Bad
/// parameters give NaN where a draw would have no meaning. The prelude of `rand` has a trait
/// `Distribution` as well: beside it, import ours by name.
///
/// ```
/// use probity_distributions::{Draws, Gamma, Key, Normal};
/// use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// let x = rng.sample(Normal::new(2.0, 0.5));
/// let many: Vec<f64> = rng.sample_iter(Gamma::new(3.0, 1.5)).take(1000).collect();
/// assert!(x.is_finite() && many.iter().all(|x| *x > 0.0));
///
/// let same = Gamma::new(3.0, 1.5).draws(1000, Key::new(1));
/// assert_eq!(same, Gamma::new(3.0, 1.5).draws(1000, Key::new(1)));
/// ```
pub trait Draws: Sample<f64> {
    /// One draw, with any generator of the `rand` crate.
    fn draw<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        self.sample((), Key::new(rng.next_u64()))
    }

    /// `n` draws; draw `i` depends only on the key and `i`.
    fn draws(&self, n: usize, key: Key) -> Vec<f64> {
        (0..n as u64).map(|i| self.sample((), key.fold_in(i))).collect()
    }
}
impl<D: Sample<f64>> Draws for D {}

/// A distribution whose draws have exact pathwise gradients with respect to its parameters
/// (location-scale, inverse transform, or implicit).
#[diagnostic::on_unimplemented(message = "draws of `{Self}` have no pathwise gradient")]
pub trait Reparameterized<V: Value>: Sample<V> {}

/// Mean and variance of every event's entries. Infinite or undefined moments are infinite or NaN.
pub trait Moments<V: Value>: Distribution<V> {
    /// The mean.
    fn mean(&self) -> V;
    /// The variance.
    fn variance(&self) -> V;
}

/// The distribution function of a family on the real line and its inverse.
pub trait Cdf<V: Value>: Distribution<V> {
    /// `P(X <= x)`.
    fn cdf(&self, x: V) -> V;
    /// `P(X > x)`, accurate where it is small.
    fn sf(&self, x: V) -> V;
    /// `ln P(X <= x)`, accurate where it is far below 0 and where it is near 0.
    fn log_cdf(&self, x: V) -> V;
    /// `ln P(X > x)`, accurate likewise.
    fn log_sf(&self, x: V) -> V;
    /// The `x` with `P(X <= x) = p`.
    fn quantile(&self, p: V) -> V;
}

/// Differential (or discrete) entropy in nats, of every event.
pub trait Entropy<V: Value>: Distribution<V> {
    /// The entropy.
    fn entropy(&self) -> V;
}
