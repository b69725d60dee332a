//! The member: a support by its map, a family on it with all its capabilities, and its divergences.
//! In your own crate this is one file.

use probity::autodiff::{Draw, Terms, Value};
use probity::distributions::{ParameterError, bijectors::Bijector};
use probity::prelude::*;

/// `x = exp(-e⁻ᵘ)`: the numbers between 0 and 1 by the complementary log-log link.
#[derive(Clone, Copy, Debug)]
pub struct LogLog;

impl<V: Value> Bijector<V> for LogLog {
    fn forward(&self, u: V) -> V {
        V::apply(formula!(|u| (-(-u).exp()).exp()), [u])
    }
    fn inverse(&self, x: V) -> V {
        V::apply(formula!(|x| -(-x.ln()).ln()), [x])
    }
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(|u| -u - (-u).exp()), [u])
    }
}

/// The support. A map between whole rows or matrices, whose entries depend on each other, is a
/// constraint as well: it says so by its `EVENT` and its `unconstrained_shape`.
impl<V: Value> Constraint<V> for LogLog {
    const NAME: &'static str = "log-log interval";
    fn constrain(u: V, _: &[V; 2]) -> V {
        LogLog.forward(u)
    }
    fn unconstrain(x: V, _: &[V; 2]) -> V {
        LogLog.inverse(x)
    }
    fn log_det(u: V, _: &[V; 2], terms: Terms) -> V {
        Bijector::log_det(&LogLog, u, terms)
    }
    fn outside(x: &[f64], _: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        x.iter().position(|x| !(0.0..=1.0).contains(x))
    }
}

/// `p(x) = a xᵃ⁻¹`, `0 <= x <= 1`, with `a` the exponent. It is a number, a dual, or a matrix on
/// the tape: any `Value`.
#[derive(Clone, Copy, Debug)]
pub struct Power<V = f64> {
    /// The exponent of the distribution function.
    pub exponent: V,
}
// The distribution as a function of its parameters, which the laws differentiate.
family!(Power { exponent });

impl<V: Value> Power<V> {
    /// With this exponent.
    pub fn new(exponent: impl Into<V>) -> Self {
        Self { exponent: exponent.into() }
    }
    fn of(&self, f: impl Formula<1>) -> V {
        V::apply(f, [self.exponent])
    }
    fn at(&self, f: impl Formula<2>, x: V) -> V {
        V::apply(f, [x, self.exponent])
    }
    /// The distribution of the unconstrained number.
    fn of_unconstrained(&self) -> Gumbel<V> {
        Gumbel::new(self.of(formula!(|a| good(a).ln())), 1.0)
    }
}

/// A parameter as it is, NaN if it is out of its range: so is every number made of it.
fn good<R: Real>(a: R) -> R {
    if a > 0.0 && a < f64::INFINITY { a } else { a * f64::NAN }
}

/// `ln x`; of what lies outside, that of the nearer end.
fn ln_inside<R: Real>(x: R) -> R {
    if x < 0.0 {
        R::of(f64::NEG_INFINITY)
    } else if x > 1.0 {
        R::zero()
    } else {
        x.ln()
    }
}

/// `p` if it is a probability, else NaN.
fn probability<R: Real>(p: R) -> R {
    if (0.0..=1.0).contains(&p.re()) { p } else { p * f64::NAN }
}

impl<V: Value> Distribution<V> for Power<V> {
    const NAME: &'static str = "Power";
    fn support(&self) -> Support<V> {
        Support::own::<LogLog>([V::from(0.0); 2])
    }
    fn shape(&self) -> (usize, usize) {
        self.exponent.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        let error = |got| ParameterError { family: Self::NAME, parameter: "exponent", want: "positive", got };
        self.exponent.find(|a| !(a > 0.0 && a < f64::INFINITY)).map_or(Ok(()), |got| Err(error(got)))
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        let f = formula!(|x, a| {
            let a = good(a);
            let outside = a * 0.0 - f64::INFINITY;
            let (below, above) = (x < 0.0, x > 1.0);
            if below || above {
                outside
            } else if x == 0.0 && a != R::one() {
                // Infinite either way, where the derivatives of a product would be NaN.
                if a > 1.0 { outside } else { -outside }
            } else {
                a.ln() + (a - 1.0).xlogy(x)
            }
        });
        V::apply_as(terms, f, [x, self.exponent])
    }

    // From here on each method is optional. This one replaces density and Jacobian, whose parts
    // leave the range of numbers long before their sum does.
    fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
        self.of_unconstrained().log_prob_terms(u, terms)
    }
    // What a Gaussian guide asks for, so that a fit needs no draws for the divergence.
    fn kl_from_unconstrained_normal(&self, loc: V, scale: V, terms: Terms) -> Option<(V, KlMethod)> {
        Some((Normal::new(loc, scale).kl_terms(&self.of_unconstrained(), terms), KlMethod::Closed))
    }
    // Inference draws from priors by this one.
    fn try_sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> Option<V> {
        Some(self.sample_shaped(cx, key, least))
    }
}

impl<V: Value> Sample<V> for Power<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        V::draw(
            cx,
            formula!(|a, u| (u.ln() / good(a)).exp()),
            [Draw::Value(self.exponent), Draw::Uniform(key)],
            least,
        )
    }
}
// The draw is a smooth function of the exponent.
impl<V: Value> Reparameterized<V> for Power<V> {}

impl<V: Value> Cdf<V> for Power<V> {
    fn cdf(&self, x: V) -> V {
        self.at(formula!(|x, a| (good(a) * ln_inside(x)).exp()), x)
    }
    fn sf(&self, x: V) -> V {
        self.at(formula!(|x, a| -(good(a) * ln_inside(x)).exp_m1()), x)
    }
    fn log_cdf(&self, x: V) -> V {
        self.at(formula!(|x, a| good(a) * ln_inside(x)), x)
    }
    fn log_sf(&self, x: V) -> V {
        self.at(formula!(|x, a| (-good(a) * ln_inside(x)).log1mexp()), x)
    }
    fn quantile(&self, p: V) -> V {
        self.at(formula!(|p, a| (probability(p).ln() / good(a)).exp()), p)
    }
}

impl<V: Value> Moments<V> for Power<V> {
    fn mean(&self) -> V {
        self.of(formula!(|a| good(a) / (a + 1.0)))
    }
    fn variance(&self) -> V {
        self.of(formula!(|a| good(a) / (a + 1.0).sq() / (a + 2.0)))
    }
}

impl<V: Value> Entropy<V> for Power<V> {
    fn entropy(&self) -> V {
        self.of(formula!(|a| -above_logarithm(good(a), R::one())))
    }
}

/// `b/a - 1 - ln(b/a)`.
fn above_logarithm<R: Real>(a: R, b: R) -> R {
    let more = (b - a) / a;
    // Without cancellation where the two are nearly equal.
    if more.abs() < 0.3 { -more.ln_1p_minus() } else { more - (b / a).ln() }
}

impl<V: Value> KlDivergence<Power<V>> for Power<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    fn kl_terms(&self, p: &Power<V>, terms: Terms) -> V {
        let f = formula!(|a, b| above_logarithm(good(a), good(b)));
        V::apply_as(terms, f, [self.exponent, p.exponent])
    }
}

/// A family of the library to one of your own: `-h - ln a - (a - 1) E ln x`, `h` the entropy.
impl<V: Value> KlDivergence<Power<V>> for Beta<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    fn kl_terms(&self, p: &Power<V>, terms: Terms) -> V {
        let f = formula!(|entropy, one, zero, a| {
            let mean_log = one.digamma() - (one + zero).digamma();
            let kl = -entropy - good(a).ln() - (a - 1.0) * mean_log;
            // What rounding took below 0.
            if kl < 0.0 { kl - kl.re() } else { kl }
        });
        V::apply_as(terms, f, [self.entropy(), self.concentration1, self.concentration0, p.exponent])
    }
}
