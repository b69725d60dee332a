//! The laws on a distribution of counts, defined here as a user would define it.

use probity_autodiff::{Draw, Real, formula};
use probity_distributions::laws::*;
use probity_distributions::*;

/// `P(k) = (1 - probs)ᵏ probs`: the failures before the first success.
#[derive(Clone, Copy, Debug)]
struct Failures<V = f64> {
    probs: V,
}
family!(Failures { probs });

/// The whole numbers in `x`, without a derivative.
fn floor<R: Real>(x: R) -> R {
    R::of(x.re().floor())
}

impl<V: Value> Distribution<V> for Failures<V> {
    const NAME: &'static str = "Failures";
    fn support(&self) -> Support<V> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        self.probs.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        Ok(())
    }
    fn log_prob_terms(&self, k: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(|k, p| k * (-p).ln_1p() + p.ln()), [k, self.probs])
    }
}
impl<V: Value> Sample<V> for Failures<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let args = [Draw::Value(self.probs), Draw::Uniform(key)];
        V::draw(cx, formula!(|p, u| floor(u.ln() / (-p).ln_1p())), args, least)
    }
}
impl<V: Value> Moments<V> for Failures<V> {
    fn mean(&self) -> V {
        V::apply(formula!(|p| (-p + 1.0) / p), [self.probs])
    }
    fn variance(&self) -> V {
        V::apply(formula!(|p| (-p + 1.0) / p.sq()), [self.probs])
    }
}
impl<V: Value> Cdf<V> for Failures<V> {
    fn cdf(&self, k: V) -> V {
        V::apply(formula!(|k, p| -((floor(k) + 1.0) * (-p).ln_1p()).exp_m1()), [k, self.probs])
    }
    fn sf(&self, k: V) -> V {
        V::apply(formula!(|k, p| ((floor(k) + 1.0) * (-p).ln_1p()).exp()), [k, self.probs])
    }
    fn log_cdf(&self, k: V) -> V {
        V::apply(formula!(|k, p| (-(floor(k) + 1.0) * (-p).ln_1p()).log1mexp()), [k, self.probs])
    }
    fn log_sf(&self, k: V) -> V {
        V::apply(formula!(|k, p| (floor(k) + 1.0) * (-p).ln_1p()), [k, self.probs])
    }
    fn quantile(&self, q: V) -> V {
        V::apply(formula!(|q, p| (-floor(-((-q).ln_1p() / (-p).ln_1p() - 1.0))).relu()), [q, self.probs])
    }
}
impl<V: Value> Entropy<V> for Failures<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|p| -p.ln() - (-p + 1.0) / p * (-p).ln_1p()), [self.probs])
    }
}

#[test]
fn counts_obey_the_laws() {
    for probs in [0.03, 0.4, 0.9] {
        let d = Failures { probs };
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(5)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(5)).unwrap();
        gradients_match(&d, 3.0).unwrap();
    }
}

/// A "probability" above 1.
#[test]
fn a_wrong_count_breaks_them() {
    let wrong = Failures { probs: 1.2 };
    assert!(integrates_to_one(&wrong).is_err());
    assert!(quantile_inverts_cdf(&wrong).is_err());
    assert!(samples_follow_cdf(&wrong, 1000, Key::new(5)).is_err());
}
