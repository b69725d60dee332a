//! The importance-weighted bound: the weights of draws, and the loss of a draw with its weight.

use super::Elbo;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, DrawContext, Joint};
use crate::scope::Outcome;
use probity_autodiff::{Scalar, Tape, Var};

/// A joint draw as a part of importance-weighted bounds.
///
/// With `wₖ = p(x, uₖ) / q(uₖ)` and `w̃` their shares of the sum of a term's K weights, the doubly
/// reparameterised gradient of a term with respect to the guide is `Σₖ w̃ₖ² ∂ ln wₖ/∂uₖ ∂uₖ/∂φ`,
/// and with respect to the model's own parameters `Σₖ w̃ₖ ∂ ln wₖ/∂θ`. So a draw counts by `w̃ₖ`,
/// and once more by `w̃ₖ` what goes through `uₖ` to the guide. With a weight β of the KL,
/// `ln wₖ = ln p(x | uₖ) - β ln q(uₖ) / p(uₖ)`, the score counts β times, and so the second factor
/// is `1 - β + β w̃ₖ`.
///
/// *Source*: Tucker, Lawson, Gu, Maddison 2019, "Doubly reparameterized gradient estimators for
/// Monte Carlo objectives", equation 8.
#[derive(Debug)]
pub(super) struct Weighed<'t, 'w, T: Scalar> {
    /// As the guide gave it.
    drawn: Joint<'t, T>,
    /// What the model sees of it: the same point, with its adjoint scaled.
    u: Var<'t, T>,
    /// `ln q` at the point as a function of the guide's parameters alone, if it is the doubly
    /// reparameterised gradient.
    fixed: Option<Var<'t, T>>,
    /// The share `w̃` of every draw on the tape; none where each is the only one of its term.
    shares: &'w [T],
    /// The draws of a term, K.
    group: usize,
    kl_weight: f64,
}

impl<'t, 'w, T: Scalar> Weighed<'t, 'w, T> {
    /// Of a draw with these shares.
    pub(super) fn new(
        guide: &'t dyn BoundGuide<T>,
        at: DrawContext<'t, T>,
        drawn: Joint<'t, T>,
        (shares, group, kl_weight): (&'w [T], usize, f64),
    ) -> Result<Self> {
        let bad = |problem: &str| Err(Error::Setting { setting: "objective", problem: problem.to_owned() });
        if !guide.has_density() {
            return bad("the importance-weighted bound needs a guide that has a density");
        }
        if drawn.weight.is_some() {
            return bad(
                "the importance-weighted bound needs independent draws, and those of a mixture are stratified",
            );
        }
        let mut weighed = Self { drawn, u: drawn.u, fixed: None, shares, group, kl_weight };
        weighed.fixed = guide.log_prob(at.tape, at.params, drawn.u.detach())?;
        if weighed.fixed.is_some() && !shares.is_empty() {
            let still = drawn.u.detach();
            weighed.u = still + (drawn.u - still) * weighed.through(weighed.share(at.tape));
        }
        Ok(weighed)
    }

    /// What the model is run at. `ln q` is accounted for in [`loss`](Weighed::loss).
    pub(super) fn joint(&self) -> Joint<'t, T> {
        Joint { u: self.u, log_q: Var::from(0.0), weight: None }
    }

    /// The share of every draw, without a gradient.
    fn share(&self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.variable_by_lane(1, 1, self.shares).detach()
    }

    /// How much counts what goes through a draw of this share.
    fn through(&self, share: Var<'t, T>) -> Var<'t, T> {
        if self.kl_weight == 1.0 { share } else { share * self.kl_weight + (1.0 - self.kl_weight) }
    }

    /// `ln w` of every draw on the tape, into `to`.
    pub(super) fn log_weights(&self, out: &Outcome<'t, T>, lanes: usize, to: &mut Vec<f64>) {
        let kl_weight = self.kl_weight;
        to.clear();
        to.resize(lanes, 0.0);
        let mut add = |x: Var<'t, T>, by: &dyn Fn(f64) -> f64| {
            x.read_lanes(|x| {
                // One number is the same for all draws.
                to.iter_mut().enumerate().for_each(|(i, to)| *to += by(x[i % x.len()].to_f64()));
            });
        };
        add(out.log_likelihood.value(), &|x| x);
        add(out.kl.value(), &|x| -kl_weight * x);
        add(self.drawn.log_q, &|x| -kl_weight * x);
    }

    /// The loss whose gradient is K times that of the terms of the bound, and the means of its
    /// parts with draws by their shares.
    pub(super) fn loss(&self, tape: &'t Tape<T>, out: &Outcome<'t, T>, scale: f64) -> (Var<'t, T>, Elbo) {
        let kl_weight = self.kl_weight;
        let (log_likelihood, kl) = (out.log_likelihood.value(), out.kl.value());
        let model = [(kl, kl_weight * scale), (log_likelihood, -scale)];
        let log_q = (self.drawn.log_q, kl_weight * scale);
        // Without the score, whose value is that of ln q.
        let guide = match self.fixed {
            Some(fixed) => Var::linear_combination([log_q, (fixed, -kl_weight * scale)]),
            None => Var::linear_combination([log_q]),
        };
        if self.shares.is_empty() {
            let kl = out.kl.mean() + self.by_shares(self.drawn.log_q);
            let elbo = Elbo { log_likelihood: out.log_likelihood.mean(), kl };
            return (Var::linear_combination(model) + guide, elbo);
        }
        let share = self.share(tape);
        let once = share * self.group as f64;
        let of_guide = if self.fixed.is_some() { once * self.through(share) } else { once };
        let loss = Var::linear_combination(model) * once + guide * of_guide;
        // What the bound leaves for the divergence is known when all draws are.
        (loss, Elbo { log_likelihood: self.by_shares(log_likelihood), kl: 0.0 })
    }

    /// The mean over the draws of the tape, each by its share of a term.
    fn by_shares(&self, x: Var<'t, T>) -> f64 {
        let (shares, k) = (self.shares, self.group as f64);
        x.read_lanes(|x| {
            if shares.is_empty() {
                return x.iter().map(|x| x.to_f64()).sum::<f64>() / x.len() as f64;
            }
            // One number is the same for all draws.
            let each = shares.iter().enumerate().map(|(i, share)| share.to_f64() * x[i % x.len()].to_f64());
            k * each.sum::<f64>() / shares.len() as f64
        })
    }
}

/// Turns `ln w` of the draws of a step into their shares of the sums over `group` draws each; the
/// mean of the terms `ln (1/K) Σ w` is returned.
pub(super) fn shares_of(log_weights: &mut [f64], group: usize) -> f64 {
    let terms = log_weights.len() / group;
    let mut bound = 0.0;
    for term in log_weights.chunks_exact_mut(group) {
        let largest = term.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        term.iter_mut().for_each(|w| *w = (*w - largest).exp());
        let sum: f64 = term.iter().sum();
        term.iter_mut().for_each(|w| *w /= sum);
        bound += (largest + (sum / group as f64).ln()) / terms as f64;
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::shares_of;

    #[test]
    fn shares_and_bound_by_hand() {
        let mut w = [1000.0, 1000.0 + 3.0_f64.ln(), -5.0, -5.0];
        let bound = shares_of(&mut w, 2);
        assert!(w.iter().zip([0.25, 0.75, 0.5, 0.5]).all(|(a, b)| (a - b).abs() < 1e-12), "{w:?}");
        assert!((bound - 0.5 * (1000.0 + 2.0_f64.ln() - 5.0)).abs() < 1e-12, "{bound}");
        // A draw outside the support has no share; a term of nothing but those is not a number.
        let mut w = [f64::NEG_INFINITY, 2.0];
        assert!((shares_of(&mut w, 2) - (2.0 - 2.0_f64.ln())).abs() < 1e-12 && w == [0.0, 1.0]);
        assert!(shares_of(&mut [f64::NEG_INFINITY; 2], 2).is_nan());
    }
}
