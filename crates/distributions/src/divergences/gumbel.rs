//! Divergences to the Gumbel distribution: where `E e^(-x/t)` is known.

use crate::distribution::{Entropy, Moments};
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use crate::special::exp_minus_line;
use probity_autodiff::{Formula, Real, Terms, Value, formula};

/// `E z + E e⁻ᶻ + ln t` less the entropy, `z = (x - b) / t`, of the entropy, the mean, the
/// logarithm of `E e^(-(x - mean)/t)`, `b` and `t`.
#[derive(Clone, Copy, Debug)]
struct ToGumbel;
impl Formula<5> for ToGumbel {
    #[inline(always)]
    fn eval<R: Real>(&self, [entropy, mean, log_excess, b, t]: [R; 5]) -> R {
        let t = positive_or_nan(t);
        let z = standardized(mean, finite_or_nan(b), t);
        let log = log_excess - z;
        if !(log < 709.0) {
            return not_negative(z - overflown(log) + t.ln() - entropy);
        }
        // z + e^log, without the first order.
        not_negative(log_excess + exp_minus_line(log) + 1.0 + t.ln() - entropy)
    }
}

macro_rules! to_gumbel {
    ($($(#[$doc:meta])* $q:ident { $($a:ident),+ }, |$t:ident| $log_excess:expr;)+) => {$(
        $(#[$doc])*
        impl<V: Value> KlDivergence<Gumbel<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &Gumbel<V>, terms: Terms) -> V {
                let excess = V::apply(formula!(|$($a,)+ $t| $log_excess), [$(self.$a,)+ p.scale]);
                V::apply_as(terms, ToGumbel, [self.entropy(), self.mean(), excess, p.loc, p.scale])
            }
        }
    )+};
}

to_gumbel! {
    /// `E e^(-x/t) = (1 + 1/(rate t))^-a`.
    Gamma { concentration, rate }, |t| {
        let (a, step) = (positive_or_nan(concentration), (positive_or_nan(rate) * t).recip());
        let near = step.re().abs() < 0.35;
        // Less the mean, without the first order.
        if near { -a * step.ln_1p_minus() } else { a * (step - step.ln_1p()) }
    };
    /// `E e^(-(x - loc)/t) = 1 / (1 - (scale/t)²)`, infinite from `scale = t` on.
    Laplace { loc, scale }, |t| {
        let ratio = scale / t;
        let infinite = ratio * 0.0 + loc * 0.0 + f64::INFINITY;
        if ratio < 1.0 { loc * 0.0 - (-ratio).ln_1p() - ratio.ln_1p() } else { infinite }
    };
    /// `E e^(-(x - loc)/t) = π r / sin π r`, `r = scale/t`, infinite from `scale = t` on.
    Logistic { loc, scale }, |t| {
        let ratio = scale / t;
        let infinite = ratio * 0.0 + loc * 0.0 + f64::INFINITY;
        // B(1 - r, 1 + r).
        if ratio < 1.0 { loc * 0.0 + (-ratio + 1.0).ln_beta(ratio + 1.0) } else { infinite }
    };
    /// `E e^(-(x - mean)/t) = sinh(w/2) / (w/2)`, `w` the width in units of `t`.
    Uniform { low, high }, |t| {
        let w = high / t - low / t;
        // ln of (eʷ - 1)/w e^(-w/2), by its series near 0.
        if w.re().abs() < 1e-2 {
            let square = w * w;
            square * (-square * (1.0 / 2880.0) + square * square * (1.0 / 181440.0) + 1.0 / 24.0)
        } else {
            w * 0.5 + (-(-w).exp_m1() / w).ln()
        }
    };
}
