//! Divergences between families on the positive numbers: the mean and variance of `ln x`, and the
//! means of powers of x, are known for each, and nothing else stands in their log densities.

use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use crate::special::mean_log_of_beta;
use probity_autodiff::{Real, Terms, Value, formula};
use std::f64::consts::{LN_2, PI};

/// `½ ln π`.
const HALF_LN_PI: f64 = 0.572364942924700087071713675676529356;

/// What a family says of its logarithm and powers. Bad parameters give NaN in every number.
trait Powers<R: Real> {
    /// The entropy.
    fn entropy(&self) -> R;
    /// `E ln x`.
    fn mean_log(&self) -> R;
    /// The variance of `ln x`.
    fn var_log(&self) -> R;
    /// `ln E xˢ`, infinite where the mean is.
    fn log_power(&self, s: R) -> R;
}

/// A family whose log density consists of such terms.
trait Cross<R: Real> {
    /// `-E ln p(x)`, `x` from `q`.
    fn cross_entropy(&self, q: &impl Powers<R>) -> R;
}

/// `ln Γ(a + s) - ln Γ(a)`, infinite unless `a + s` is positive.
fn log_rising<R: Real>(a: R, s: R) -> R {
    if !(a + s > 0.0) {
        return s * 0.0 + a * 0.0 + f64::INFINITY;
    }
    // For a positive step without the difference of large numbers; for a negative one from above.
    if s > 0.0 {
        s.lgamma() - a.ln_beta(s)
    } else if s == 0.0 {
        s * a.digamma()
    } else {
        (a + s).ln_beta(-s) - (-s).lgamma()
    }
}

impl<R: Real> Powers<R> for Gamma<R> {
    fn entropy(&self) -> R {
        gamma_entropy(positive_or_nan(self.concentration), positive_or_nan(self.rate))
    }
    fn mean_log(&self) -> R {
        positive_or_nan(self.concentration).digamma() - positive_or_nan(self.rate).ln()
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.concentration).polygamma(1)
    }
    fn log_power(&self, s: R) -> R {
        log_rising(positive_or_nan(self.concentration), s) - s * self.rate.ln()
    }
}

/// The reciprocal of a Gamma variable.
impl<R: Real> Powers<R> for InverseGamma<R> {
    fn entropy(&self) -> R {
        let a = positive_or_nan(self.concentration);
        gamma_entropy(a, R::one()) - a.digamma() * 2.0 + positive_or_nan(self.scale).ln()
    }
    fn mean_log(&self) -> R {
        positive_or_nan(self.scale).ln() - positive_or_nan(self.concentration).digamma()
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.concentration).polygamma(1)
    }
    fn log_power(&self, s: R) -> R {
        log_rising(positive_or_nan(self.concentration), -s) + s * self.scale.ln()
    }
}

impl<R: Real> Powers<R> for Weibull<R> {
    fn entropy(&self) -> R {
        let (k, scale) = (positive_or_nan(self.concentration), positive_or_nan(self.scale));
        ln_ratio(scale, k) - k.recip() * EULER + (1.0 + EULER)
    }
    fn mean_log(&self) -> R {
        positive_or_nan(self.scale).ln() - positive_or_nan(self.concentration).recip() * EULER
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.concentration).recip().sq() * (PI * PI / 6.0)
    }
    fn log_power(&self, s: R) -> R {
        log_rising(R::one(), s / self.concentration) + s * self.scale.ln()
    }
}

impl<R: Real> Powers<R> for LogNormal<R> {
    fn entropy(&self) -> R {
        finite_or_nan(self.loc) + positive_or_nan(self.scale).ln() + (HALF_LN_TAU + 0.5)
    }
    fn mean_log(&self) -> R {
        finite_or_nan(self.loc)
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.scale).sq()
    }
    fn log_power(&self, s: R) -> R {
        s * self.loc + (s * self.scale).sq() * 0.5
    }
}

impl<R: Real> Powers<R> for HalfNormal<R> {
    fn entropy(&self) -> R {
        positive_or_nan(self.scale).ln() + (HALF_LN_TAU + 0.5 - LN_2)
    }
    fn mean_log(&self) -> R {
        // ψ(½) = -γ - 2 ln 2.
        positive_or_nan(self.scale).ln() - (EULER + LN_2) * 0.5
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.scale) * 0.0 + PI * PI / 8.0
    }
    fn log_power(&self, s: R) -> R {
        log_rising(R::of(0.5), s * 0.5) + s * (self.scale.ln() + LN_2 * 0.5)
    }
}

impl<R: Real> Powers<R> for Beta<R> {
    fn entropy(&self) -> R {
        beta_entropy(positive_or_nan(self.concentration1), positive_or_nan(self.concentration0))
    }
    fn mean_log(&self) -> R {
        mean_log_of_beta(positive_or_nan(self.concentration1), positive_or_nan(self.concentration0))
    }
    fn var_log(&self) -> R {
        let (a, b) = (positive_or_nan(self.concentration1), positive_or_nan(self.concentration0));
        a.polygamma(1) - (a + b).polygamma(1)
    }
    fn log_power(&self, s: R) -> R {
        let (a, b) = (self.concentration1, self.concentration0);
        // Γ(a + s) / Γ(a) over the same for a + b.
        log_rising(a, s) - if a + s > 0.0 { log_rising(a + b, s) } else { b * 0.0 }
    }
}

impl<R: Real> Powers<R> for Pareto<R> {
    fn entropy(&self) -> R {
        ln_ratio(positive_or_nan(self.scale), positive_or_nan(self.alpha)) + self.alpha.recip() + 1.0
    }
    fn mean_log(&self) -> R {
        positive_or_nan(self.scale).ln() + positive_or_nan(self.alpha).recip()
    }
    fn var_log(&self) -> R {
        positive_or_nan(self.alpha).recip().sq()
    }
    fn log_power(&self, s: R) -> R {
        let infinite = s * 0.0 + self.alpha * 0.0 + f64::INFINITY;
        // α / (α - s).
        if s < self.alpha { s * self.scale.ln() - (-s / self.alpha).ln_1p() } else { infinite }
    }
}

impl<R: Real> Cross<R> for Gamma<R> {
    fn cross_entropy(&self, q: &impl Powers<R>) -> R {
        let (c, rate) = (positive_or_nan(self.concentration), positive_or_nan(self.rate));
        let mean = (q.log_power(R::one()) + rate.ln()).exp();
        c.lgamma() - rate.ln() - (c - 1.0) * (q.mean_log() + rate.ln()) + mean
    }
}

impl<R: Real> Cross<R> for InverseGamma<R> {
    fn cross_entropy(&self, q: &impl Powers<R>) -> R {
        let (c, scale) = (positive_or_nan(self.concentration), positive_or_nan(self.scale));
        let mean = (q.log_power(-R::one()) + scale.ln()).exp();
        c.lgamma() + scale.ln() + (c + 1.0) * (q.mean_log() - scale.ln()) + mean
    }
}

impl<R: Real> Cross<R> for Weibull<R> {
    fn cross_entropy(&self, q: &impl Powers<R>) -> R {
        let (k, scale) = (positive_or_nan(self.concentration), positive_or_nan(self.scale));
        let mean = (q.log_power(k) - k * scale.ln()).exp();
        ln_ratio(scale, k) - (k - 1.0) * (q.mean_log() - scale.ln()) + mean
    }
}

impl<R: Real> Cross<R> for LogNormal<R> {
    fn cross_entropy(&self, q: &impl Powers<R>) -> R {
        let (loc, scale) = (finite_or_nan(self.loc), positive_or_nan(self.scale));
        let (mean, squares) = (q.mean_log(), standardized(q.mean_log(), loc, scale).sq());
        mean + scale.ln() + (squares + q.var_log() / scale / scale) * 0.5 + HALF_LN_TAU
    }
}

impl<R: Real> Cross<R> for HalfNormal<R> {
    fn cross_entropy(&self, q: &impl Powers<R>) -> R {
        let scale = positive_or_nan(self.scale);
        let squares = (q.log_power(R::of(2.0)) - scale.ln() * 2.0).exp();
        scale.ln() + squares * 0.5 + (HALF_LN_PI - LN_2 * 0.5)
    }
}

macro_rules! by_powers {
    ($($q:ident { $($a:ident: $x:ident),+ } || $p:ident { $($b:ident: $y:ident),+ };)+) => {$(
        /// By the mean of the logarithm and of a power.
        impl<V: Value> KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                let f = formula!(|$($x,)+ $($y),+| {
                    let (q, p) = ($q { $($a: $x),+ }, $p { $($b: $y),+ });
                    not_negative(p.cross_entropy(&q) - Powers::entropy(&q))
                });
                V::apply_as(terms, f, [$(self.$a,)+ $(p.$b),+])
            }
        }
    )+};
}

by_powers! {
    Gamma { concentration: a, rate: b } || InverseGamma { concentration: c, scale: d };
    Gamma { concentration: a, rate: b } || Weibull { concentration: c, scale: d };
    Gamma { concentration: a, rate: b } || LogNormal { loc: c, scale: d };
    Gamma { concentration: a, rate: b } || HalfNormal { scale: d };
    InverseGamma { concentration: a, scale: b } || Gamma { concentration: c, rate: d };
    InverseGamma { concentration: a, scale: b } || Weibull { concentration: c, scale: d };
    InverseGamma { concentration: a, scale: b } || LogNormal { loc: c, scale: d };
    InverseGamma { concentration: a, scale: b } || HalfNormal { scale: d };
    Weibull { concentration: a, scale: b } || Gamma { concentration: c, rate: d };
    Weibull { concentration: a, scale: b } || InverseGamma { concentration: c, scale: d };
    Weibull { concentration: a, scale: b } || LogNormal { loc: c, scale: d };
    Weibull { concentration: a, scale: b } || HalfNormal { scale: d };
    LogNormal { loc: a, scale: b } || Gamma { concentration: c, rate: d };
    LogNormal { loc: a, scale: b } || InverseGamma { concentration: c, scale: d };
    LogNormal { loc: a, scale: b } || Weibull { concentration: c, scale: d };
    LogNormal { loc: a, scale: b } || HalfNormal { scale: d };
    HalfNormal { scale: a } || Gamma { concentration: c, rate: d };
    HalfNormal { scale: a } || InverseGamma { concentration: c, scale: d };
    HalfNormal { scale: a } || Weibull { concentration: c, scale: d };
    HalfNormal { scale: a } || LogNormal { loc: c, scale: d };
    Beta { concentration1: a, concentration0: b } || Gamma { concentration: c, rate: d };
    Beta { concentration1: a, concentration0: b } || InverseGamma { concentration: c, scale: d };
    Beta { concentration1: a, concentration0: b } || Weibull { concentration: c, scale: d };
    Beta { concentration1: a, concentration0: b } || LogNormal { loc: c, scale: d };
    Beta { concentration1: a, concentration0: b } || HalfNormal { scale: d };
    Pareto { scale: a, alpha: b } || Gamma { concentration: c, rate: d };
    Pareto { scale: a, alpha: b } || InverseGamma { concentration: c, scale: d };
    Pareto { scale: a, alpha: b } || Weibull { concentration: c, scale: d };
    Pareto { scale: a, alpha: b } || LogNormal { loc: c, scale: d };
    Pareto { scale: a, alpha: b } || HalfNormal { scale: d };
}

/// That of a Gamma distribution of concentration 1.
macro_rules! from_exponential {
    ($($p:ident),+) => {$(
        /// That of the Gamma distribution which it is.
        impl<V: Value> KlDivergence<$p<V>> for Exponential<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                Gamma::new(1.0, self.rate).kl_terms(p, terms)
            }
        }
    )+};
}
from_exponential!(Gumbel, HalfNormal, InverseGamma, LogNormal, Weibull);
