//! The models. Their data are replaced by simulated ones, so that only their numbers of rows
//! matter.

use probity_autodiff::{Var, formula};
use probity_distributions::{Bernoulli, Distribution, HalfNormal, Normal};
use probity_vi::{Result, Scope};

/// The effects of coaching in eight schools, whose spread is learnt (Rubin 1981), non-centred.
pub fn eight_schools(s: &mut Scope) -> Result {
    let error = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
    let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
    let spread = s.sample("spread", HalfNormal::new(10.0))?;
    let z = s.sample("z", Normal::standard().rows(8))?;
    let school = s.deterministic("school", mean + spread * z)?;
    s.observe("effect", Normal::new(school, s.data(&error)), &[0.0; 8])
}

/// Outcomes of 40 doses, some rare: few data for their two coefficients.
pub fn logistic(s: &mut Scope) -> Result {
    let dose: Vec<f64> = (0..40).map(|i| f64::from(i) / 10.0 - 2.0).collect();
    let alpha = s.sample("alpha", Normal::new(-1.0, 1.5))?;
    let beta = s.sample("beta", Normal::new(0.0, 1.5))?;
    let logit = alpha + beta * s.data(&dose);
    s.observe("outcome", Bernoulli::from_logits(logit), &[0.0; 40])
}

/// A saturating curve `limit (1 - exp(-rate t))` at ten times, with noise whose scale is learnt.
pub fn growth(s: &mut Scope) -> Result {
    let time: Vec<f64> = (1..=10).map(f64::from).collect();
    let limit = s.sample("limit", Normal::new(10.0, 2.0))?;
    let rate = s.sample("rate", HalfNormal::new(0.5))?;
    let noise = s.sample("noise", HalfNormal::new(1.0))?;
    let curve = formula!(|limit, rate, t| -limit * (-rate * t).exp_m1());
    let size = Var::map(curve, [limit, rate, s.data(&time)]);
    s.observe("size", Normal::new(size, noise), &[0.0; 10])
}
