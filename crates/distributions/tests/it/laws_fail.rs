//! Every law can fail: each is run on a distribution that breaks it.

use probity_autodiff::formula;
use probity_distributions::laws::*;
use probity_distributions::*;

/// The unit exponential with a scale, `p(x) = e^(-x/scale) / scale`, and one defect.
#[derive(Clone, Copy, Debug)]
struct Broken<V = f64> {
    scale: V,
}
probity_distributions::family!(Broken { scale });

/// Wrong by a factor that depends on the parameter, in a way that the derivative of the dual
/// numbers does not see.
impl<V: Value> Distribution<V> for Broken<V> {
    const NAME: &'static str = "Broken";
    fn support(&self) -> Support<V> {
        Support::Positive
    }
    fn shape(&self) -> (usize, usize) {
        self.scale.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        Ok(())
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(|x, s| -x / s - s.re().ln() + 1e-6), [x, self.scale])
    }
}
impl<V: Value> Sample<V> for Broken<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        use probity_autodiff::Draw;
        let args = [Draw::Value(self.scale), Draw::Uniform(key)];
        V::draw(cx, formula!(|s, u| -u.ln() * s.re() * 1.2), args, least)
    }
}
impl<V: Value> Reparameterized<V> for Broken<V> {}
impl<V: Value> Moments<V> for Broken<V> {
    fn mean(&self) -> V {
        self.scale * 1.0001
    }
    fn variance(&self) -> V {
        self.scale * self.scale
    }
}
impl<V: Value> Cdf<V> for Broken<V> {
    fn cdf(&self, x: V) -> V {
        V::apply(formula!(|x, s| -(-x / s).exp_m1()), [x, self.scale])
    }
    /// Loses the tail.
    fn sf(&self, x: V) -> V {
        -self.cdf(x) + 1.0
    }
    fn log_cdf(&self, x: V) -> V {
        V::apply(formula!(|x, s| (x / s).log1mexp()), [x, self.scale])
    }
    fn log_sf(&self, x: V) -> V {
        -x / self.scale
    }
    /// Loses the lower tail.
    fn quantile(&self, p: V) -> V {
        V::apply(formula!(|p, s| -(-p + 1.0).ln() * s), [p, self.scale])
    }
}
impl<V: Value> Entropy<V> for Broken<V> {
    fn entropy(&self) -> V {
        V::apply(formula!(|s| s.ln() + 1.00001), [self.scale])
    }
}
/// Negative, and not 0 for equal distributions.
impl<V: Value> KlDivergence<Broken<V>> for Broken<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    fn kl_terms(&self, p: &Broken<V>, terms: Terms) -> V {
        V::apply_as(terms, formula!(|s, t| (-t + s.re()) * 1e-3 - 0.5), [self.scale, p.scale])
    }
}

/// `x = u³`, with the inverse and the slope of something else.
#[derive(Clone, Copy, Debug)]
struct Cube;
impl<V: Value> bijectors::Bijector<V> for Cube {
    fn forward(&self, u: V) -> V {
        u * u * u
    }
    fn inverse(&self, x: V) -> V {
        x * 0.3333
    }
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, formula!(|u| u.sq().ln()), [u])
    }
}

#[track_caller]
fn broken(result: Result<(), LawError>, law: &str) {
    let error = result.expect_err(law);
    assert_eq!(error.law, law);
    assert!(error.to_string().starts_with(&format!("{} breaks `{law}`: ", error.family)), "{error}");
}

#[test]
fn every_law_can_fail() {
    let (d, key) = (Broken { scale: 2.0 }, Key::new(3));
    broken(integrates_to_one(&d), "integrates_to_one");
    broken(cdf_matches_density(&d), "cdf_matches_density");
    broken(quantile_inverts_cdf(&d), "quantile_inverts_cdf");
    broken(moments_match_density(&d), "moments_match_density");
    broken(entropy_matches_density(&d), "entropy_matches_density");
    broken(samples_follow_cdf(&d, 10_000, key), "samples_follow_cdf");
    broken(samples_match_moments(&d, 10_000, key), "samples_match_moments");
    broken(gradients_match(&d, 0.7), "gradients_match");
    broken(reparameterized_gradients_match(&d, key), "reparameterized_gradients_match");
    broken(implicit_gradients_match(&d, key), "implicit_gradients_match");
    broken(rejects(&d, "scale", &[0.0]), "rejects");
    broken(rejects(&Normal::standard(), "scale", &[1.0]), "rejects");
    broken(rejects(&Normal::standard(), "rate", &[]), "rejects");
    let p = Broken { scale: 3.0 };
    broken(kl_is_not_negative(&d, &p), "kl_is_not_negative");
    broken(kl_of_itself_is_zero(&d), "kl_of_itself_is_zero");
    broken(kl_matches_quadrature(&d, &p), "kl_matches_quadrature");
    broken(kl_matches_monte_carlo(&d, &p, 10_000, key), "kl_matches_monte_carlo");
    broken(kl_gradients_match::<Broken, Broken>(&d, &p), "kl_gradients_match");
    broken(bijector_inverts(&Cube, 0.7), "bijector_inverts");
    broken(bijector_log_det_matches(&Cube, 0.7), "bijector_log_det_matches");
}

/// A KL divergence that is NaN is not "at least 0".
#[test]
fn nan_breaks_laws() {
    let bad = Normal::new(f64::NAN, 1.0);
    assert!(kl_is_not_negative(&bad, &Normal::standard()).is_err());
    assert!(kl_of_itself_is_zero(&bad).is_err());
    assert!(integrates_to_one(&bad).is_err());
    assert!(gradients_match(&bad, 0.0).is_err());
}
