//! Divergences to the Laplace distribution: where `E |x - b|` is known.

use crate::distribution::Entropy;
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use probity_autodiff::{Formula, Real, Terms, Value, formula};
use std::f64::consts::LN_2;

/// `E |x - b| / t + ln 2t` less the entropy, of the entropy, `E |x - b|` and `t`.
#[derive(Clone, Copy, Debug)]
struct ToLaplace;
impl Formula<3> for ToLaplace {
    #[inline(always)]
    fn eval<R: Real>(&self, [entropy, distance, t]: [R; 3]) -> R {
        let t = positive_or_nan(t);
        not_negative(distance / t + t.ln() + LN_2 - entropy)
    }
}

macro_rules! to_laplace {
    ($($(#[$doc:meta])* $q:ident { $($a:ident),+ }, |$b:ident| $distance:expr;)+) => {$(
        $(#[$doc])*
        impl<V: Value> KlDivergence<Laplace<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &Laplace<V>, terms: Terms) -> V {
                let distance = formula!(|$($a,)+ center| {
                    let $b = finite_or_nan(center);
                    $distance
                });
                let distance = V::apply(distance, [$(self.$a,)+ p.loc]);
                V::apply_as(terms, ToLaplace, [self.entropy(), distance, p.scale])
            }
        }
    )+};
}

to_laplace! {
    /// `E |x - b| = loc - b + 2 s ln(1 + e^((b - loc)/s))`.
    Logistic { loc, scale }, |b| {
        // Even in the distance: with the smaller of the two exponentials.
        let z = standardized(b, loc, scale).abs();
        scale * (z + (-z).softplus() * 2.0)
    };
    /// `E |x - b| = b - 1/rate + 2/rate e^(-rate b)` for `b > 0`.
    Exponential { rate }, |b| {
        let mean = rate.recip();
        if b > 0.0 { b + mean * ((-rate * b).exp() * 2.0 - 1.0) } else { mean - b }
    };
    /// `E |x - b|` by the parts on either side of `b`.
    Uniform { low, high }, |b| {
        let (below, above) = (b - low, high - b);
        if below < 0.0 || above < 0.0 {
            ((above - below) * 0.5).abs()
        } else {
            (below * (below / (high - low)) + above * (above / (high - low))) * 0.5
        }
    };
}
