//! Draws with the generators of the `rand` crate, by the samplers of `rand_distr` where it has one.

use rand::{Rng, RngExt};
use rand_distr::{Exp1, Open01, StandardNormal};

/// `rand_draws!(Family, |d, rng| a draw)`: one line in the file of a family.
macro_rules! rand_draws {
    ($family:ident, |$d:ident, $rng:ident| $draw:expr) => {
        /// A draw of plain numbers, with any generator of the `rand` crate.
        impl rand_distr::Distribution<f64> for $family<f64> {
            fn sample<R: rand::Rng + ?Sized>(&self, $rng: &mut R) -> f64 {
                let $d = self;
                $draw
            }
        }
    };
}
pub(crate) use rand_draws;

/// A standard normal number.
pub(crate) fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    rng.sample(StandardNormal)
}

/// An exponential number of rate 1.
pub(crate) fn exponential<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    rng.sample(Exp1)
}

/// A uniform number from the open interval (0, 1).
pub(crate) fn uniform<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    rng.sample(Open01)
}

/// A number from Gamma(`shape`, rate 1); NaN unless the shape is positive. May underflow to 0.
pub(crate) fn gamma<R: Rng + ?Sized>(shape: f64, rng: &mut R) -> f64 {
    rand_distr::Gamma::new(shape, 1.0).map_or(f64::NAN, |gamma| rng.sample(gamma))
}

/// A standard number from Student's t, for `df` not far below 1; NaN unless it is positive.
pub(crate) fn student_t<R: Rng + ?Sized>(df: f64, rng: &mut R) -> f64 {
    rand_distr::StudentT::new(df).map_or(f64::NAN, |t| rng.sample(t))
}

/// A number from the Cauchy distribution of this scale; NaN unless the scale is positive.
pub(crate) fn cauchy<R: Rng + ?Sized>(scale: f64, rng: &mut R) -> f64 {
    rand_distr::Cauchy::new(0.0, scale).map_or(f64::NAN, |cauchy| rng.sample(cauchy))
}

/// 1 with probability `p`, else 0; NaN unless `p` is a probability.
pub(crate) fn bernoulli<R: Rng + ?Sized>(p: f64, rng: &mut R) -> f64 {
    rand_distr::Bernoulli::new(p).map_or(f64::NAN, |coin| f64::from(u8::from(rng.sample(coin))))
}
