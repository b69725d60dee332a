//! Divergences between families of counts: sums over the counts of the first, of which each term is
//! accurate.

use crate::counts::sum_of_heavy_counts;
use crate::families::*;
use crate::kl::{KlDivergence, KlMethod};
use crate::special::sum_of_counts;
use probity_autodiff::math::ln_1p_minus;
use probity_autodiff::{Formula, Real, Terms, Value, formula};

/// A family as a function of the count.
trait Counts<R: Real> {
    /// 0; NaN for parameters that are none.
    fn zero(&self) -> R;
    /// The log mass of a count, continued smoothly between the counts.
    fn log_mass(&self, k: R) -> R;
    /// The sum of `f` over the counts, for an `f` that falls off as the mass does.
    fn sum(&self, f: impl Fn(R) -> R) -> R;
}

impl<R: Real> Counts<R> for Poisson<R> {
    fn zero(&self) -> R {
        positive_or_nan(self.rate) * 0.0
    }
    fn log_mass(&self, k: R) -> R {
        poisson_log_mass(k, positive_or_nan(self.rate))
    }
    fn sum(&self, f: impl Fn(R) -> R) -> R {
        let rate = self.rate.re();
        sum_of_counts((rate, rate.sqrt()), f64::INFINITY, f)
    }
}

impl<R: Real> Counts<R> for Binomial<R> {
    fn zero(&self) -> R {
        trials(self.total_count) * 0.0 + finite_or_nan(self.logits) * 0.0
    }
    fn log_mass(&self, k: R) -> R {
        binomial_log_mass(k, trials(self.total_count), finite_or_nan(self.logits))
    }
    fn sum(&self, f: impl Fn(R) -> R) -> R {
        let (n, l) = (self.total_count.re(), self.logits.re());
        sum_of_counts(binomial_size(n, l), n, f)
    }
}

impl<R: Real> Counts<R> for NegativeBinomial<R> {
    fn zero(&self) -> R {
        positive_or_nan(self.total_count) * 0.0 + finite_or_nan(self.logits) * 0.0
    }
    fn log_mass(&self, k: R) -> R {
        negative_binomial_log_mass(k, positive_or_nan(self.total_count), finite_or_nan(self.logits))
    }
    fn sum(&self, f: impl Fn(R) -> R) -> R {
        sum_of_heavy_counts(negative_binomial_size(self.total_count.re(), self.logits.re()), f)
    }
}

impl<R: Real> Counts<R> for Geometric<R> {
    fn zero(&self) -> R {
        let nan = self.probs * f64::NAN;
        if self.probs > 0.0 && self.probs <= 1.0 { self.probs * 0.0 } else { nan }
    }
    fn log_mass(&self, k: R) -> R {
        if k == 0.0 { self.probs.ln() } else { k * (-self.probs).ln_1p() + self.probs.ln() }
    }
    fn sum(&self, f: impl Fn(R) -> R) -> R {
        let p = self.probs.re();
        let size = ((1.0 - p) / p, (1.0 - p).sqrt() / p, -1.0 / (-p).ln_1p());
        sum_of_heavy_counts(size, f)
    }
}

/// `Σ q (ln q - ln p)`.
fn by_sum<R: Real>(q: &impl Counts<R>, p: &impl Counts<R>) -> R {
    let zero = q.zero() + p.zero();
    if zero.re().is_nan() {
        return zero;
    }
    let kl = q.sum(|k| {
        let log = q.log_mass(k);
        // A mass that underflows adds nothing.
        if log < -700.0 { R::zero() } else { log.exp() * (log - p.log_mass(k)) }
    });
    // Parameters are good: a mean or deviation is beyond the range of numbers, or the deviation
    // beyond their precision.
    let beyond = kl.re().is_nan();
    not_negative(if beyond { R::of(f64::INFINITY) } else { kl })
}

macro_rules! by_sum {
    ($($q:ident { $($a:ident: $x:ident),+ } || $p:ident { $($b:ident: $y:ident),+ };)+) => {$(
        /// By the sum over the counts.
        impl<V: Value> KlDivergence<$p<V>> for $q<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Sum;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                let f = formula!(|$($x,)+ $($y),+| by_sum(&$q { $($a: $x),+ }, &$p { $($b: $y),+ }));
                V::apply_as(terms, f, [$(self.$a,)+ $(p.$b),+])
            }
        }
    )+};
}

by_sum! {
    Poisson { rate: a } || NegativeBinomial { total_count: c, logits: d };
    Poisson { rate: a } || Geometric { probs: c };
    Binomial { total_count: a, logits: b } || Poisson { rate: c };
    Binomial { total_count: a, logits: b } || NegativeBinomial { total_count: c, logits: d };
    Binomial { total_count: a, logits: b } || Geometric { probs: c };
    NegativeBinomial { total_count: a, logits: b } || Poisson { rate: c };
    NegativeBinomial { total_count: a, logits: b } || Geometric { probs: c };
    Geometric { probs: a } || Poisson { rate: c };
    Geometric { probs: a } || NegativeBinomial { total_count: c, logits: d };
}

/// For nearly equal total counts, the divergence with the total count of the first, which has a
/// closed form, and what the other total count changes; else the sum. For means beyond the range of
/// numbers, the limit.
#[derive(Clone, Copy, Debug)]
struct NegativeBinomialKl;
impl Formula<4> for NegativeBinomialKl {
    #[inline]
    fn eval<R: Real>(&self, [r, a, t, b]: [R; 4]) -> R {
        let q = NegativeBinomial { total_count: r, logits: a };
        let p = NegativeBinomial { total_count: t, logits: b };
        let zero = q.zero() + p.zero();
        if zero.re().is_nan() {
            return zero;
        }
        if !(r * a.exp()).is_finite() {
            // A count divided by its mean is a Gamma variable: one of rate 1 and one of e^(a - b).
            let log_ratio = a - b;
            return gamma_divergence(r, t, log_ratio.exp_m1(), log_ratio);
        }
        if !((r - t).re().abs() < 0.1 * t.re()) {
            return by_sum(&q, &p);
        }
        let same = r * (a.exp() + 1.0) * LogitsKl.eval([a, b]);
        let more = q.sum(|k| {
            let log = q.log_mass(k);
            // ln Γ(k + r) - ln Γ(r), less that of t.
            let rise = if k == 0.0 { R::zero() } else { t.ln_beta(k) - r.ln_beta(k) };
            if log < -700.0 { R::zero() } else { log.exp() * rise }
        });
        not_negative(same + more + (r - t) * (-b).log_sigmoid())
    }
}

/// Closed for the same total count, else a sum over the counts.
impl<V: Value> KlDivergence<NegativeBinomial<V>> for NegativeBinomial<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Sum;
    #[track_caller]
    fn kl_terms(&self, p: &NegativeBinomial<V>, terms: Terms) -> V {
        let args = [self.total_count, self.logits, p.total_count, p.logits];
        V::apply_as(terms, NegativeBinomialKl, args)
    }
}

/// `(rate - s) - s ln(rate/s) + (1 - s) ln(1 - s) + s`, `s` the probability of 1: two parts that
/// are never negative.
#[derive(Clone, Copy, Debug)]
struct BernoulliPoissonKl;
impl Formula<2> for BernoulliPoissonKl {
    #[inline]
    fn eval<R: Real>(&self, [l, rate]: [R; 2]) -> R {
        let (s, rest, rate) = (l.sigmoid(), (-l).sigmoid(), positive_or_nan(rate));
        if s == 0.0 {
            return rate;
        }
        let gap = if s < 0.3 {
            s * s + rest * ln_1p_minus(-s)
        } else if rest == 0.0 {
            s
        } else {
            s + rest * (-l).log_sigmoid()
        };
        let more = (rate - s) / s;
        let near = more.re().abs() < 0.35;
        not_negative(gap + if near { -s * ln_1p_minus(more) } else { rate - s - s * ln_ratio(rate, s) })
    }
}

/// From Bernoulli by its two masses: less the entropy, `-(1 - s) ln p(0) - s ln p(1)`.
macro_rules! from_bernoulli {
    ($($(#[$doc:meta])* $p:ident { $($b:ident),+ }, |$l:ident| $kl:expr;)+) => {$(
        $(#[$doc])*
        impl<V: Value> KlDivergence<$p<V>> for Bernoulli<V> {
            type Value = V;
            const METHOD: KlMethod = KlMethod::Closed;
            #[track_caller]
            fn kl_terms(&self, p: &$p<V>, terms: Terms) -> V {
                V::apply_as(terms, formula!(|$l, $($b),+| $kl), [self.logits(), $(p.$b),+])
            }
        }
    )+};
}

/// The sum of the two terms; a mass of 0 adds nothing, and one that underflows only what is
/// infinite.
fn two_terms<R: Real>(l: R, log_zero: R, log_one: R) -> R {
    let (log_rest, log_s) = ((-l).log_sigmoid(), l.log_sigmoid());
    let term = |log: R, other: R| {
        if other == f64::NEG_INFINITY && log > f64::NEG_INFINITY {
            R::of(f64::INFINITY)
        } else if log < -700.0 {
            R::zero()
        } else {
            log.exp() * (log - other)
        }
    };
    not_negative(term(log_rest, log_zero) + term(log_s, log_one))
}

from_bernoulli! {
    /// By the two masses.
    Poisson { rate }, |l| BernoulliPoissonKl.eval([l, rate]);
    /// By the two masses; that of a Bernoulli distribution for one trial, infinite for none.
    Binomial { total_count, logits }, |l| {
        let (n, b) = (trials(total_count), finite_or_nan(logits));
        let rest = n * 0.0 + b * 0.0;
        if n == 1.0 {
            LogitsKl.eval([l, b]) + rest
        } else {
            let log_one = n.ln() + b.log_sigmoid() + (n - 1.0) * (-b).log_sigmoid();
            let none = R::of(f64::NEG_INFINITY);
            two_terms(l, n * (-b).log_sigmoid(), if n == 0.0 { none } else { log_one }) + rest
        }
    };
    /// By the two masses.
    NegativeBinomial { total_count, logits }, |l| {
        let (t, b) = (positive_or_nan(total_count), finite_or_nan(logits));
        let log_zero = t * (-b).log_sigmoid();
        two_terms(l, log_zero, log_zero + t.ln() + b.log_sigmoid())
    };
    /// By the two masses.
    Geometric { probs }, |l| {
        let zero = Geometric { probs }.zero();
        two_terms(l, probs.ln() + zero, (-probs).ln_1p() + probs.ln() + zero)
    };
}

/// That of a Bernoulli distribution for one trial; infinite for more.
impl<V: Value> KlDivergence<Bernoulli<V>> for Binomial<V> {
    type Value = V;
    const METHOD: KlMethod = KlMethod::Closed;
    #[track_caller]
    fn kl_terms(&self, p: &Bernoulli<V>, terms: Terms) -> V {
        let f = formula!(|n, a, b| {
            let (n, a) = (trials(n), finite_or_nan(a));
            let rest = n * 0.0 + a * 0.0 + R::of(if b.re().is_nan() { f64::NAN } else { 0.0 });
            if n == 0.0 {
                flat(b.softplus() + rest)
            } else if n == 1.0 {
                LogitsKl.eval([a, b]) + rest
            } else {
                R::of(rest.re() + f64::INFINITY)
            }
        });
        V::apply_as(terms, f, [self.total_count, self.logits, p.logits()])
    }
}
