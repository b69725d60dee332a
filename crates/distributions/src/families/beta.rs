//! Beta distribution on the numbers between 0 and 1.
//!
//! Elsewhere: torch er, Pyro er, NumPyro cqer, TFP cqer, PyMC cq.

use super::{common_shape, gamma_entropy, not_negative, positive_or_nan, probability};
use crate::by_functions::inside_unit;
use crate::distribution::{Cdf, Distribution, Draws, Entropy, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::random::rand_draws;
use crate::special::{
    DrawSlopes, entry_key, implicit_draw, implicit_root, log_gamma_draw, share_gap, tangent_rest,
    tangent_steps,
};
use crate::support::Support;
use probity_autodiff::math::beta_inc::{
    beta_draw_slopes, beta_inc_inv, beta_log_density_of_logit, beta_log_pdf, beta_pdf, beta_tails,
};
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula, map_each};

/// `p(x) = xᵃ⁻¹ (1 - x)ᵇ⁻¹ / B(a, b)` with `a` the first and `b` the second concentration,
/// `0 <= x <= 1`.
///
/// *Event*: entry. *Parameters*: `concentration1 > 0`, `concentration0 > 0` (the mean is the share
/// of the first in their sum).
#[derive(Clone, Copy, Debug)]
pub struct Beta<V = f64> {
    /// Concentration at 1.
    pub concentration1: V,
    /// Concentration at 0.
    pub concentration0: V,
}

impl<V: Value> Beta<V> {
    /// With these concentrations at 1 and at 0.
    pub fn new(concentration1: impl Into<V>, concentration0: impl Into<V>) -> Self {
        Self { concentration1: concentration1.into(), concentration0: concentration0.into() }
    }

    /// With this mean, between 0 and 1, and precision: the sum of the concentrations.
    pub fn from_mean(mean: impl Into<V>, precision: impl Into<V>) -> Self {
        let (mean, precision) = (mean.into(), precision.into());
        Self { concentration1: mean * precision, concentration0: (-mean + 1.0) * precision }
    }

    fn at<F: Formula<3>>(&self, f: F, x: V) -> V {
        V::apply(f, [x, self.concentration1, self.concentration0])
    }
    fn of<F: Formula<2>>(&self, f: F) -> V {
        V::apply(f, [self.concentration1, self.concentration0])
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BetaLogProb;
impl Formula<3> for BetaLogProb {
    #[inline]
    fn eval<R: Real>(&self, [x, a, b]: [R; 3]) -> R {
        let (a, b) = (positive_or_nan(a), positive_or_nan(b));
        if x > 0.0 && x < 1.0 {
            return beta_log_pdf(a, b, x);
        }
        let outside = a * 0.0 + b * 0.0 - f64::INFINITY;
        // At an end the density is 0, infinite, or that of the other power.
        let end = |near: R, other: R| {
            if near == 1.0 {
                other.ln() + x * 0.0
            } else if near < 1.0 {
                -outside
            } else {
                outside
            }
        };
        if x == 0.0 {
            end(a, b) + b * 0.0
        } else if x == 1.0 {
            end(b, a) + a * 0.0
        } else {
            let nan = x.re().is_nan();
            if nan { R::of(f64::NAN) } else { outside }
        }
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 3]) -> (R, [R; 3], bool) {
        let [x, a, b] = map_each(args, R::to_double);
        let (sum, ln_x, ln_y) = (a + b, x.ln_normal(), (-x).ln_1p());
        let ln_beta = a.lgamma_positive() + b.lgamma_positive() - sum.lgamma_positive();
        let f = (a - 1.0) * ln_x + (b - 1.0) * ln_y - ln_beta;
        let of_sum = sum.digamma_positive();
        let partials = [
            (a - 1.0) / x - (b - 1.0) / (-x + 1.0),
            ln_x + (of_sum - a.digamma_positive()),
            ln_y + (of_sum - b.digamma_positive()),
        ];
        // Where the gamma functions do not cancel so far that it would show.
        let (least, most) = if R::is_single() { (1e-5, 1e7) } else { (0.1, 10.0) };
        let holds = (x > 1e-15) & (x < 1.0) & (a > least) & (b > least) & (sum < most);
        (R::from_double(f), map_each(partials, R::from_double), holds)
    }
}

impl<V: Value> Distribution<V> for Beta<V> {
    const NAME: &'static str = "Beta";

    fn support(&self) -> Support<V> {
        Support::Interval(V::from(0.0), V::from(1.0))
    }
    fn shape(&self) -> (usize, usize) {
        common_shape(&[self.concentration1, self.concentration0])
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration1", self.concentration1)?;
        positive(Self::NAME, "concentration0", self.concentration0)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, BetaLogProb, [x, self.concentration1, self.concentration0])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        let f = formula!(|u, a, b| beta_log_density_of_logit(positive_or_nan(a), positive_or_nan(b), u));
        V::apply_as(terms, f, [u, self.concentration1, self.concentration0])
    }
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

/// Of a draw from Beta(a, b).
struct BetaSlopes;
impl DrawSlopes<2> for BetaSlopes {
    fn slopes<R: Real>([a, b]: [R; 2], z: R) -> [R; 2] {
        beta_draw_slopes(a, b, z)
    }
}

/// The quotient of Gamma draws, by their logarithms. A draw that would round to 0 or 1 is the
/// nearest number between.
#[derive(Clone, Copy, Debug)]
struct BetaDraw;
impl Formula<4> for BetaDraw {
    #[inline]
    fn eval<R: Real>(&self, [a, b, u, v]: [R; 4]) -> R {
        let key = entry_key(u, v);
        let logit = log_gamma_draw(key.fold_in(1), a.re()) - log_gamma_draw(key.fold_in(0), b.re());
        let z = inside_unit(logit.sigmoid());
        implicit_draw::<BetaSlopes, _, 2>(z, [a, b])
    }
}

impl<V: Value> Sample<V> for Beta<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let [a, b] = [self.concentration1, self.concentration0].map(Draw::Value);
        V::draw(cx, BetaDraw, [a, b, Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
impl<V: Value> Reparameterized<V> for Beta<V> {}
rand_draws!(Beta, |d, rng| d.draw(rng));

impl<V: Value> Moments<V> for Beta<V> {
    fn mean(&self) -> V {
        self.of(formula!(|a, b| {
            let (a, b) = (positive_or_nan(a), positive_or_nan(b));
            a / (a + b)
        }))
    }
    fn variance(&self) -> V {
        self.of(formula!(|a, b| {
            let (a, b) = (positive_or_nan(a), positive_or_nan(b));
            let sum = a + b;
            a / sum * (b / sum) / (sum + 1.0)
        }))
    }
}

#[derive(Clone, Copy, Debug)]
struct BetaQuantile;
impl Formula<3> for BetaQuantile {
    #[inline]
    fn eval<R: Real>(&self, [p, a, b]: [R; 3]) -> R {
        let (p, a, b) = (probability(p), positive_or_nan(a), positive_or_nan(b));
        let (x, _) = beta_inc_inv(a.re(), b.re(), p.re());
        if !(x > 0.0 && x < 1.0) {
            return R::of(x);
        }
        implicit_root(x, |x| beta_tails(a, b, x).lower - p, |x| beta_pdf(a, b, x))
    }
}

/// `x`, or the nearer end where it lies outside.
#[inline(always)]
pub(super) fn inside<R: Real>(x: R) -> R {
    if x < 0.0 {
        R::zero()
    } else if x > 1.0 {
        R::one()
    } else {
        x
    }
}

impl<V: Value> Cdf<V> for Beta<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, a, b| beta_tails(a, b, inside(x)).lower), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, a, b| beta_tails(a, b, inside(x)).upper), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|x, a, b| beta_tails(a, b, inside(x)).log_lower), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, a, b| beta_tails(a, b, inside(x)).log_upper), x)
    }
    fn quantile(&self, p: V) -> V {
        self.at(BetaQuantile, p)
    }
}

/// `h(a) + h(b) - h(a + b) - ψ(a + b)`, `h` the entropy of Gamma(a, 1): no large parts.
#[inline]
pub(crate) fn entropy<R: Real>(a: R, b: R) -> R {
    let h = |a: R| gamma_entropy(a, R::one());
    h(a) + h(b) - h(a + b) - (a + b).digamma()
}

impl<V: Value> Entropy<V> for Beta<V> {
    fn entropy(&self) -> V {
        self.of(formula!(|a, b| {
            let (a, b) = (positive_or_nan(a), positive_or_nan(b));
            entropy(a, b)
        }))
    }
}

/// `D(a', a) + D(b', b) - D(a' + b', a + b)`, `D` the height of `ln Γ` above its tangent. The
/// large parts of the three are taken together.
#[derive(Clone, Copy, Debug)]
struct BetaBetaKl;
impl Formula<4> for BetaBetaKl {
    #[inline]
    fn eval<R: Real>(&self, parameters: [R; 4]) -> R {
        let [a, b, c, d] = parameters.map(positive_or_nan);
        if [a, b, c, d].iter().any(|x| x.re().is_nan()) {
            return R::of(f64::NAN);
        }
        // From a narrow one to a wide one: cross-entropy less entropy, each of a few units.
        let narrow = |p: R, q: R| p > 10.0 && q < 10.0 && q.re() < 0.5 * p.re();
        if narrow(a, c) && narrow(b, d) {
            let psi = (a + b).digamma();
            let cross = c.ln_beta(d) - (c - 1.0) * (a.digamma() - psi) - (d - 1.0) * (b.digamma() - psi);
            return not_negative(cross - entropy(a, b));
        }
        let (m, n) = (tangent_steps(c, a), tangent_steps(d, b));
        let rest = tangent_rest(c, a, m) + tangent_rest(d, b, n) - tangent_rest(c + d, a + b, m + n);
        let steps = [c - a, d - b];
        let (a, b) = (a + m, b + n);
        let sums = [a + b, steps[0] + steps[1]];
        not_negative(share_gap([a, steps[0]], sums) + share_gap([b, steps[1]], sums) + rest)
    }
}

impl<V: Value> KlDivergence<Beta<V>> for Beta<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Beta<V>, terms: Terms) -> V {
        let args = [self.concentration1, self.concentration0, p.concentration1, p.concentration0];
        V::apply_as(terms, BetaBetaKl, args)
    }
}

crate::family!(Beta { concentration1, concentration0 } at [0.4, 1.0], [2.0, 3.0], [30.0, 12.0], [400.0, 1.5]);
