//! Continuous Bernoulli distribution on the numbers between 0 and 1.
//!
//! Elsewhere: torch cqer, Pyro cqer, TFP cqer.

use super::{finite_or_nan, not_negative, probability};
use crate::by_functions::{capabilities, divergence, inside_unit};
use crate::error::finite;
use crate::lift::{Second, integral, lift};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::PI;

/// `p(x) = e^(l x) l / (eˡ - 1)` with `l` the logits, `0 <= x <= 1`: proportional to
/// `sˣ (1 - s)¹⁻ˣ`, `s = σ(l)`. Uniform for `l = 0`.
///
/// *Event*: entry. *Parameters*: `logits` real.
///
/// *Source*: Loaiza-Ganem and Cunningham 2019, "The continuous Bernoulli".
#[derive(Clone, Copy, Debug)]
pub struct ContinuousBernoulli<V = f64> {
    /// The slope of the log density.
    pub logits: V,
}

impl<V: Value> ContinuousBernoulli<V> {
    /// With these logits.
    pub fn from_logits(logits: impl Into<V>) -> Self {
        Self { logits: logits.into() }
    }

    /// With this probability, between 0 and 1, of the Bernoulli distribution with the same logits.
    pub fn new(probs: impl Into<V>) -> Self {
        let f = formula!(|p| p.ln() - (-p).ln_1p());
        Self { logits: V::apply(f, [probs.into()]) }
    }
}

/// `ζ(2n)`, `n = 1, 2, …`; then 1 to rounding.
const ZETA: [f64; 18] = [
    1.64493406684822644,
    1.08232323371113819,
    1.01734306198444914,
    1.00407735619794434,
    1.00099457512781809,
    1.00024608655330805,
    1.0000612481350587,
    1.00001528225940865,
    1.000003817293265,
    1.00000095396203387,
    1.00000023845050273,
    1.00000005960818905,
    1.00000001490155483,
    1.00000000372533402,
    1.00000000093132743,
    1.00000000023283118,
    1.00000000005820772,
    1.00000000001455192,
];

/// `ln(sinh h / h) - |h|` and its first four derivatives.
fn log_sinhc(h: f64) -> [f64; 5] {
    let x = h.abs();
    let sign = if h < 0.0 { -1.0 } else { 1.0 };
    let [value, l0, l1, l2, l3] = if x < 1e-8 {
        [0.0, x / 3.0, 1.0 / 3.0, -2.0 / 15.0 * x, -2.0 / 15.0]
    } else if x < 1.0 {
        // Σ ± ζ(2n) (h/π)²ⁿ / n, and its derivatives.
        let q = (x / PI) * (x / PI);
        let mut sums = [0.0; 5];
        let mut power = q;
        for (i, zeta) in ZETA.into_iter().enumerate() {
            let n = (i + 1) as f64;
            let mut term = power * zeta / n;
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += term;
                term *= 2.0 * n - k as f64;
            }
            power *= -q;
        }
        let mut scale = 1.0;
        sums.map(|sum| {
            let x0 = sum * scale;
            scale /= x;
            x0
        })
    } else {
        let t = Real::exp(-2.0 * x);
        let (coth, csch2) = ((1.0 + t) / (1.0 - t), 4.0 * t / ((1.0 - t) * (1.0 - t)));
        let r = 1.0 / x;
        [
            Real::ln_1p(-t) - Real::ln(2.0 * x) + x,
            coth - r,
            r * r - csch2,
            2.0 * (coth * csch2 - r * r * r),
            6.0 * r.powi(4) - 2.0 * csch2 * csch2 - 4.0 * coth * coth * csch2,
        ]
    };
    // Less |h|, whose slope is 1: exactly, for a large one.
    let (value, slope) = if x < 1.0 {
        (value - x, l0 - 1.0)
    } else {
        let t = Real::exp(-2.0 * x);
        (Real::ln_1p(-t) - Real::ln(2.0 * x), 2.0 * t / (1.0 - t) - 1.0 / x)
    };
    [value, sign * slope, l1, sign * l2, l3]
}

/// `ln((1 - e^-|l|) / |l|)`.
fn log_width<R: Real>(l: R) -> R {
    let [value, slope, bend, ..] = log_sinhc(0.5 * l.re());
    lift(l * 0.5, [value, slope, bend])
}

#[inline]
fn log_prob<R: Real>(x: R, l: R) -> R {
    let l = finite_or_nan(l);
    let outside = l * 0.0 - f64::INFINITY;
    let fall = if l >= 0.0 { -l * (-x + 1.0) } else { l * x };
    let inside = fall - log_width(l);
    // A NaN is neither.
    let (below, above) = (x < 0.0, x > 1.0);
    if below || above { outside } else { inside }
}

/// `(1 - e⁻ʸ) / y` for `y >= 0`.
#[inline]
fn mean_fall<R: Real>(y: R) -> R {
    log_width(y).exp()
}

/// `ln P(X <= x)` for `0 <= x <= 1`.
fn log_lower<R: Real>(x: R, l: R) -> R {
    if l >= 0.0 {
        x.ln() - l * (-x + 1.0) + log_width(l * x) - log_width(l)
    } else {
        x.ln() + log_width(l * x) - log_width(l)
    }
}

/// `ln P(X <= x)` and `ln P(X > x)`.
fn log_tails<R: Real>(x: R, l: R) -> [R; 2] {
    let l = finite_or_nan(l);
    let rest = l * 0.0;
    if x <= 0.0 || x >= 1.0 {
        let none = rest - f64::INFINITY;
        return if x <= 0.0 { [none, rest] } else { [rest, none] };
    }
    let (lower, upper) = (log_lower(x, l), log_lower(-x + 1.0, -l));
    if lower < upper { [lower, (-lower.exp()).ln_1p()] } else { [(-upper.exp()).ln_1p(), upper] }
}
fn cdf<R: Real>(x: R, l: R) -> R {
    log_tails(x, l)[0].exp()
}
fn sf<R: Real>(x: R, l: R) -> R {
    log_tails(x, l)[1].exp()
}
fn log_cdf<R: Real>(x: R, l: R) -> R {
    log_tails(x, l)[0]
}
fn log_sf<R: Real>(x: R, l: R) -> R {
    log_tails(x, l)[1]
}

/// `-ln(1 - p (1 - e⁻ᵃ)) / a`, also at `a = 0`, for `a >= 0`.
fn from_low_end<R: Real>(p: R, a: R) -> R {
    let share = p * mean_fall(a);
    let w = share * a;
    // ln(1 - w) / w.
    let near = w.re().abs() < 1e-5;
    let slope = if near { w * (w / 3.0 + 0.5) + 1.0 } else { -(-w).ln_1p() / w };
    share * slope
}
fn quantile<R: Real>(p: R, l: R) -> R {
    let (p, l) = (probability(p), finite_or_nan(l));
    if l <= 0.0 {
        return from_low_end(p, -l);
    }
    if p > 0.5 {
        return -from_low_end(-p + 1.0, l) + 1.0;
    }
    // ln(1 + p (eˡ - 1)) / l, where e^l may overflow.
    let up = p * l.exp_m1();
    if l > 700.0 || up > 1.0 {
        (p + (-p + 1.0) * (-l).exp()).ln() / l + 1.0
    } else {
        let share = p * (mean_fall(l) * l.exp());
        let w = share * l;
        let near = w.re().abs() < 1e-5;
        let slope = if near { w * (w / 3.0 - 0.5) + 1.0 } else { w.ln_1p() / w };
        share * slope
    }
}
fn draw<R: Real>(u: R, l: R) -> R {
    inside_unit(quantile(u, l))
}

/// `½ (1 + coth ½l - 2/l)`.
fn mean<R: Real>(l: R) -> R {
    let l = finite_or_nan(l);
    let [_, slope, bend, third, _] = log_sinhc(0.5 * l.re());
    let from_end = lift(l * 0.5, [slope, bend, third]) * 0.5;
    if l < 0.0 { from_end } else { from_end + 1.0 }
}
fn variance<R: Real>(l: R) -> R {
    let l = finite_or_nan(l);
    let [_, _, bend, third, fourth] = log_sinhc(0.5 * l.re());
    lift(l * 0.5, [bend, third, fourth]) * 0.25
}
/// `|l| m + ln((1 - e^-|l|) / |l|)` with `m` the mean distance from the end with the greater
/// density.
fn entropy<R: Real>(l: R) -> R {
    let size = -finite_or_nan(l).abs();
    log_width(size) - size * mean(size)
}

/// `ln(sinh h / h)` at the second half above its tangent at the first.
fn kl<R: Real>(l: R, m: R) -> R {
    let (g, h) = (finite_or_nan(l).widen() * 0.5, finite_or_nan(m).widen() * 0.5);
    let (a, b) = (g.re(), h.re());
    if (a + b).is_nan() {
        return R::of(f64::NAN);
    }
    let (at, to) = (log_sinhc(a), log_sinhc(b));
    let step = b - a;
    let same = a * b > 0.0;
    let near = step.abs() < 0.5 * if same { a.abs().min(b.abs()).max(1.0) } else { 1.0 };
    let [height, slope] = if near {
        integral(a, b, 1, |t| {
            let bend = log_sinhc(t)[2];
            [(b - t) * bend, bend]
        })
    } else if same {
        [to[0] - at[0] - at[1] * step, to[1] - at[1]]
    } else {
        // The slopes are those less the sign.
        let sign = |x: f64| if x < 0.0 { -1.0 } else { 1.0 };
        let turn = if sign(a) == sign(b) { 0.0 } else { b.abs() - a.abs() - sign(a) * step };
        [to[0] - at[0] - at[1] * step + turn, to[1] + sign(b) - at[1] - sign(a)]
    };
    let bends = [at[2] - step * at[3], -at[2], to[2]];
    R::narrow(not_negative(Second { value: height, slopes: [-step * at[2], slope], bends }.at(g, h)))
}

capabilities!(ContinuousBernoulli { logits: finite }:
    at [-3.0], [0.4], [0.0], [12.0];
    density log_prob, |_| Support::Interval(V::from(0.0), V::from(1.0));
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw draw;
    moments mean, variance;
    entropy entropy;
);
divergence!(ContinuousBernoulli { logits = l } || ContinuousBernoulli { logits = m }, kl);
