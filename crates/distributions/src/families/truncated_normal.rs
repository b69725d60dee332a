//! Normal distribution on an interval.
//!
//! Elsewhere: NumPyro cqr, TFP cqer, PyMC c.

use super::uniform::above;
use super::{finite_or_nan, infinite, positive_or_nan, probability, standardized};
use crate::by_functions::capabilities;
use crate::error::{finite, positive};
use crate::lift::{integral, root};
use crate::special::implicit_root;
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::FRAC_1_SQRT_2;

/// `√(π/2)`.
const ROOT: f64 = 1.253314137315500251207882642405522627;

/// The Normal distribution of mean `loc` and standard deviation `scale`, given that
/// `low <= x <= high`.
///
/// *Event*: entry. *Parameters*: `loc` real, `scale > 0`, `low < high`, both finite. The window may
/// lie far out in a tail, or be so narrow that the density is flat: densities, tails and moments
/// keep their digits. For a limit on one side see [`Truncated`](crate::Truncated).
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormal<V = f64> {
    /// Mean of the whole Normal.
    pub loc: V,
    /// Standard deviation of the whole Normal.
    pub scale: V,
    /// The lower limit.
    pub low: V,
    /// The upper limit.
    pub high: V,
}

impl<V: Value> TruncatedNormal<V> {
    /// Of the Normal with this mean and standard deviation, between these limits.
    pub fn new(loc: impl Into<V>, scale: impl Into<V>, low: impl Into<V>, high: impl Into<V>) -> Self {
        Self { loc: loc.into(), scale: scale.into(), low: low.into(), high: high.into() }
    }
}

/// The parameters, NaN where they are bad.
#[inline(always)]
fn valid<R: Real>(loc: R, scale: R, low: R, high: R) -> [R::Wide; 4] {
    let high = above(low, high);
    let rest = high * 0.0;
    [finite_or_nan(loc) + rest, positive_or_nan(scale) + rest, low + rest, high].map(R::widen)
}

/// `∫ e^-(z² - c²)/2` over `a < z < b` with `c` the point of the window nearest to 0, and `c`.
/// `width` is `b - a`.
#[inline(always)]
pub(super) fn mass<R: Real>(a: R, b: R, width: R) -> (R, R) {
    if let Some((average, c)) = average(a, b, width) {
        return (average * width, c);
    }
    if a <= 0.0 && b >= 0.0 {
        let sum = (b * FRAC_1_SQRT_2).erf() + (-a * FRAC_1_SQRT_2).erf();
        return (sum * ROOT, R::zero());
    }
    let mirrored = b < 0.0;
    let (near, far) = if mirrored { (-b, -a) } else { (a, b) };
    let fall = width * (near + width * 0.5);
    let mass = ((near * FRAC_1_SQRT_2).erfcx() - (-fall).exp() * (far * FRAC_1_SQRT_2).erfcx()) * ROOT;
    (mass, if mirrored { -near } else { near })
}

/// The average of the same function over a window in which it hardly falls, and `c`: by quadrature,
/// because values of the error function would be nearly equal, and so would slopes.
#[inline(always)]
fn average<R: Real>(a: R, b: R, width: R) -> Option<(R, R)> {
    if !(width < 1.0) {
        return None;
    }
    if a <= 0.0 && b >= 0.0 {
        let half = [R::of(-1.0), R::of(1.0)].map(|end| end * 0.5);
        let middle = (a + b) * 0.5;
        let at = |s: R| middle + width * s;
        return Some((integral(half[0], half[1], 1, |s| [(at(s).sq() * -0.5).exp()])[0], R::zero()));
    }
    let mirrored = b < 0.0;
    let near = if mirrored { -b } else { a };
    if width * (near + width * 0.5) > 0.5 {
        return None;
    }
    let [average] = integral(R::zero(), R::one(), 1, |t| {
        let s = width * t;
        [(-(s * (near + s * 0.5))).exp()]
    });
    Some((average, if mirrored { -near } else { near }))
}

/// The point of the window nearest to `loc`.
#[inline(always)]
fn nearest<R: Real>(loc: R, low: R, high: R) -> R {
    if loc < low {
        low
    } else if loc > high {
        high
    } else {
        loc
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, loc: R, scale: R, low: R, high: R) -> R {
    let [loc, scale, low, high] = valid(loc, scale, low, high);
    let x = x.widen();
    if x < low || x > high || infinite(x) {
        return R::narrow((loc + scale) * 0.0 - f64::INFINITY);
    }
    let z = |x: R::Wide| standardized(x, loc, scale);
    let (a, b, width) = (z(low), z(high), (high - low) / scale);
    // In a narrow window the scale is not seen: its logarithm would cancel.
    let (log_mass, c) = match average(a, b, width) {
        Some((average, c)) => ((high - low).ln() + average.ln(), c),
        None => {
            let (mass, c) = mass(a, b, width);
            (scale.ln() + mass.ln(), c)
        }
    };
    let y = standardized(x, nearest(loc, low, high), scale);
    R::narrow(y * (y + c * 2.0) * -0.5 - log_mass)
}

/// `ln P(X <= x)` of valid numbers, without regard to the rest.
#[inline(always)]
fn log_lower<R: Real>(x: R, [loc, scale, low, high]: [R; 4]) -> R {
    if x <= low {
        return (loc + scale) * 0.0 - f64::INFINITY;
    }
    let x = if x > high { high } else { x };
    let z = |x: R| standardized(x, loc, scale);
    let (all, c) = mass(z(low), z(high), (high - low) / scale);
    let (part, d) = mass(z(low), z(x), (x - low) / scale);
    // ½ (d² - c²).
    let gap = standardized(nearest(loc, low, x), nearest(loc, low, high), scale);
    part.ln() - all.ln() - gap * (c + d) * 0.5
}

/// `ln P(X <= x)` and `ln P(X > x)`.
#[inline(always)]
fn log_tails<R: Real>(x: R, at: [R; 4]) -> [R; 2] {
    let [loc, scale, low, high] = at;
    if x.re().is_nan() {
        return [x, x];
    }
    let (lower, upper) = (log_lower(x, at), log_lower(-x, [-loc, scale, -high, -low]));
    // The larger one from the smaller one.
    if lower < upper { [lower, (-lower.exp()).ln_1p()] } else { [(-upper.exp()).ln_1p(), upper] }
}

#[inline(always)]
fn log_cdf<R: Real>(x: R, loc: R, scale: R, low: R, high: R) -> R {
    R::narrow(log_tails(x.widen(), valid(loc, scale, low, high))[0])
}
#[inline(always)]
fn log_sf<R: Real>(x: R, loc: R, scale: R, low: R, high: R) -> R {
    R::narrow(log_tails(x.widen(), valid(loc, scale, low, high))[1])
}
#[inline(always)]
fn cdf<R: Real>(x: R, loc: R, scale: R, low: R, high: R) -> R {
    log_cdf(x, loc, scale, low, high).exp()
}
#[inline(always)]
fn sf<R: Real>(x: R, loc: R, scale: R, low: R, high: R) -> R {
    log_sf(x, loc, scale, low, high).exp()
}

/// By Newton's method on the logarithm of the smaller tail, first in the logarithm of the distance
/// from its limit.
fn root_of(p: f64, at: [f64; 4]) -> f64 {
    let [loc, scale, low, high] = at;
    let upper = p > 0.5;
    let goal = if upper { Real::ln_1p(-p) } else { Real::ln(p) };
    let f = |x: f64| {
        let log = log_tails(x, at)[usize::from(upper)];
        let slope = Real::exp(log_prob(x, loc, scale, low, high) - log);
        if upper { (goal - log, slope) } else { (log - goal, slope) }
    };
    let from = |distance: f64| if upper { high - distance } else { low + distance };
    // Where the mass is, seen from the limit.
    let far = (from(0.0) - loc).abs();
    let outside = if upper { loc >= high } else { loc <= low };
    let typical = if outside { scale / (1.0 + far / scale) } else { far.max(scale) };
    let width = high - low;
    let t = root(Real::ln(typical.min(0.5 * width)), 1.0, |t| {
        let distance = Real::exp(t);
        if distance >= width {
            return (f64::INFINITY, 0.0);
        }
        let (y, slope) = f(from(distance));
        if upper { (-y, slope * distance) } else { (y, slope * distance) }
    });
    let mut x = from(Real::exp(t));
    for _ in 0..3 {
        let (y, slope) = f(x);
        let next = x - y / slope;
        if !(next > low && next < high) {
            break;
        }
        x = next;
    }
    x.clamp(low, high)
}

#[inline(always)]
fn quantile<R: Real>(p: R, loc: R, scale: R, low: R, high: R) -> R {
    let (p, at) = (probability(p).widen(), valid(loc, scale, low, high));
    let [loc, scale, low, high] = at;
    let rest = (loc + scale + p) * 0.0;
    if rest.re().is_nan() {
        return R::narrow(rest);
    }
    if p == 0.0 || p == 1.0 {
        return R::narrow(rest + if p == 0.0 { low } else { high });
    }
    let x = root_of(p.re(), at.map(|x| x.re()));
    let upper = p > 0.5;
    let log = |x| log_tails(x, at)[usize::from(upper)];
    let miss = |x| if upper { (-p).ln_1p() - log(x) } else { log(x) - p.ln() };
    let slope = |x| (log_prob(x, loc, scale, low, high) - log(x)).exp();
    R::narrow(implicit_root(x, miss, slope))
}

/// `ln ∫ e^-(z² - c²)/2`, mean and variance of the distance from the point nearest to `loc`, and
/// the mean of `½ (z² - c²)`, in standard units: by quadrature, because the closed forms cancel.
fn sums<R: Real>([loc, scale, low, high]: [R; 4]) -> [R; 4] {
    let centre = nearest(loc, low, high);
    let c = standardized(centre, loc, scale);
    // No farther than where e^-fall is 1e-20.
    let far = 9.6 * 9.6 / (c.re().abs() + c.re().hypot(9.6));
    let end = |x: R| {
        let y = standardized(x, centre, scale);
        if y.re().abs() > far { R::of(far.copysign(y.re())) } else { y }
    };
    let (a, b) = (end(low), end(high));
    let fall = |y: R| y * (y + c * 2.0) * 0.5;
    let [total, first, falls] = integral(a, b, 8, |y| {
        let w = (-fall(y)).exp();
        [w, w * y, w * fall(y)]
    });
    // At a window around loc the first moment has a closed form, 0 in the middle.
    let first = if c == 0.0 {
        let gap = (b - a) * (b + a) * 0.5;
        let (end, sign) = if gap > 0.0 { (a, 1.0) } else { (b, -1.0) };
        (end.sq() * -0.5).exp() * (gap.abs() * -1.0).exp_m1() * -sign
    } else {
        first
    };
    let mean = first / total;
    let [second] = integral(a, b, 8, |y| [(-fall(y)).exp() * (y - mean).sq()]);
    [total.ln(), mean, second / total, falls / total]
}

fn mean<R: Real>(loc: R, scale: R, low: R, high: R) -> R {
    let at = valid(loc, scale, low, high);
    R::narrow(nearest(at[0], at[2], at[3]) + at[1] * sums(at)[1])
}
fn variance<R: Real>(loc: R, scale: R, low: R, high: R) -> R {
    let at = valid(loc, scale, low, high);
    R::narrow(at[1] * (at[1] * sums(at)[2]))
}
fn entropy<R: Real>(loc: R, scale: R, low: R, high: R) -> R {
    let at = valid(loc, scale, low, high);
    let [log, _, _, fall] = sums(at);
    R::narrow(at[1].ln() + log + fall)
}

capabilities!(TruncatedNormal { loc: finite, scale: positive, low: finite, high: finite }:
    at [0.3, 2.0, -1.0, 3.0], [0.0, 1.0, 40.0, 41.0], [5.0, 1.0, -3.0, -1.0];
    density log_prob, |d| Support::Interval(d.low, d.high),
        check |d| super::ordered("TruncatedNormal", d.low, d.high);
    cdf cdf, sf, log_cdf, log_sf, quantile;
    draw quantile;
    moments mean, variance;
    entropy entropy;
);
