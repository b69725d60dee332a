//! Von Mises distribution of angles.
//!
//! Elsewhere: torch, Pyro, NumPyro r, TFP cer, PyMC.

use super::{finite_or_nan, infinite, not_negative, positive_or_nan, probability};
use crate::bessel::{Circle, log_i0e, one_minus_ratio, ratio};
use crate::by_functions::{capabilities, divergence};
use crate::distribution::{Draws, Reparameterized, Sample};
use crate::error::{finite, positive};
use crate::lift::{Second, integral, lift, lift_with, reach, root};
use crate::random::rand_draws;
use crate::special::{entry_key, implicit_root};
use crate::support::Support;
use probity_autodiff::{Draw, Formula, Key, Real, Terms, Value, formula};
use std::f64::consts::{PI, TAU};

/// `p(x) = exp(k cos(x - loc)) / (2π I₀(k))`, `k` the concentration: a Normal on the circle.
///
/// *Event*: entry. *Parameters*: `loc` real (an angle in radians), `concentration > 0` (1 / k is
/// about the variance where it is small).
///
/// *Angles.* The density is that of an angle, whole turns do not matter: any real `x` has one. As a
/// support, and for draws and the distribution function, angles lie between -π and π. *Draws* have
/// gradients in both parameters, which are those of functions of an angle: at ±π a draw that moves
/// goes on at the other end. Mean and variance are the circular ones: `loc` and
/// `1 - E cos(x - loc)`.
///
/// *Source*: draws by Best and Fisher 1979, "Efficient simulation of the von Mises distribution",
/// in a form that holds for any concentration; their slopes by implicit differentiation (Figurnov,
/// Mohamed and Mnih 2018).
#[derive(Clone, Copy, Debug)]
pub struct VonMises<V = f64> {
    /// Location: the mode.
    pub loc: V,
    /// Concentration.
    pub concentration: V,
}

impl<V: Value> VonMises<V> {
    /// With this location and concentration.
    pub fn new(loc: impl Into<V>, concentration: impl Into<V>) -> Self {
        Self { loc: loc.into(), concentration: concentration.into() }
    }
}

#[inline(always)]
fn log_prob<R: Real>(x: R, loc: R, k: R) -> R {
    let (loc, k) = (finite_or_nan(loc), positive_or_nan(k));
    if infinite(x) {
        return loc * 0.0 + k * 0.0 - f64::INFINITY;
    }
    let s = ((x - loc) * 0.5).sin();
    k * (s * s) * -2.0 - log_i0e(k) - Real::ln(TAU)
}

/// The angle without whole turns, from -π to π.
#[inline(always)]
fn turned<R: Real>(x: R) -> R {
    let turns = (x.re() / TAU).round();
    let y = x - turns * TAU;
    // Rounding may have taken it over an end.
    let (below, above) = (y < -PI, y > PI);
    if below {
        R::of(-PI)
    } else if above {
        R::of(PI)
    } else {
        y
    }
}

/// `∫ (m - v)ⁿ e^-k(v - v₀)` for `n = 0, 1, 2` over the angles from `near` to `far`, both from 0 to
/// π; `v = 1 - cos t`, `m` its mean, `v₀` that at `near`.
fn arc(k: f64, m: f64, near: f64, far: f64) -> [f64; 3] {
    let more = |s: f64| 2.0 * Real::sin(near + 0.5 * s) * Real::sin(0.5 * s);
    let s = Real::sin(0.5 * near);
    let start = 2.0 * s * s;
    integral(0.0, reach(far - near, |s| k * more(s)), 8, |s| {
        let more = more(s);
        let (w, d) = (Real::exp(-k * more), m - start - more);
        [w, w * d, w * (d * d)]
    })
}

/// `P` of the angles from `a` up to `b` (over π, if `b` is less), both from -π to π around the
/// mode, as `e^log · part` with the derivatives of `part`.
fn mass<R: Real>(a: R, b: R, k: R) -> (f64, R) {
    let circle = Circle::of(k.re());
    let (start, end) = (a.re(), b.re());
    // The arcs on either side of the mode, from near it outwards.
    let mut arcs = [(0.0, 0.0); 4];
    let mut n = 0;
    let mut side = |from: f64, to: f64| {
        let pieces = if from < 0.0 && to > 0.0 {
            [(0.0, -from), (0.0, to)]
        } else if to <= 0.0 {
            [(-to, -from), (0.0, 0.0)]
        } else {
            [(from, to), (0.0, 0.0)]
        };
        for piece in pieces {
            arcs[n.min(3)] = piece;
            n += usize::from(piece.1 > piece.0);
        }
    };
    if start <= end {
        side(start, end);
    } else {
        side(start, PI);
        side(-PI, end);
    }
    let log_density = |t: f64| {
        let s = Real::sin(0.5 * t);
        -2.0 * k.re() * s * s - circle.log_i0e - Real::ln(TAU)
    };
    let log = arcs[..n].iter().map(|(near, _)| log_density(*near)).fold(f64::NEG_INFINITY, f64::max);
    let mut sums = [0.0; 3];
    for &(near, far) in &arcs[..n] {
        let scale = Real::exp(log_density(near) - log);
        for (sum, part) in sums.iter_mut().zip(arc(k.re(), circle.mean, near, far)) {
            *sum += scale * part;
        }
    }
    if n == 0 {
        return (f64::NEG_INFINITY, R::zero());
    }
    // What an end that moves adds: its density, with the slopes of that.
    let moved = |t: R| {
        let p = Real::exp(log_density(t.re()) - log);
        let s = Real::sin(0.5 * t.re());
        let d = t - t.re();
        let along = d * (-0.5 * k.re() * Real::sin(t.re())) + (k - k.re()) * (circle.mean - 2.0 * s * s);
        d * (along * p + p)
    };
    let [total, first, second] = sums;
    let in_k = lift(k, [total, first, second - circle.variance * total]);
    (log, in_k + moved(b) - moved(a))
}

/// `P(X <= x)` and the rest, both as numbers and as logarithms.
fn tails<R: Real>(x: R, loc: R, k: R) -> [R::Wide; 4] {
    let (x, loc, k) = (x.widen(), finite_or_nan(loc).widen(), positive_or_nan(k).widen());
    let rest = (loc + k) * 0.0;
    if x.re().is_nan() || rest.re().is_nan() {
        return [R::Wide::of(f64::NAN); 4];
    }
    if x <= -PI || x >= PI {
        let p = if x < 0.0 { [0.0, 1.0] } else { [1.0, 0.0] };
        return [p[0], p[1], f64::ln(p[0]), f64::ln(p[1])].map(|p| rest + p);
    }
    // The same angle at both ends, so that the pieces fit.
    let seam = turned(R::Wide::of(-PI) - loc);
    let at = turned(x - loc);
    let of = |(log, part): (f64, R::Wide)| (part * Real::exp(log), part.ln() + log);
    let (lower, log_lower) = of(mass(seam, at, k));
    let (upper, log_upper) = of(mass(at, seam, k));
    if lower < upper {
        [lower, -lower + 1.0, log_lower, (-lower).ln_1p()]
    } else {
        [-upper + 1.0, upper, (-upper).ln_1p(), log_upper]
    }
}

fn cdf<R: Real>(x: R, loc: R, k: R) -> R {
    R::narrow(tails(x, loc, k)[0])
}
fn sf<R: Real>(x: R, loc: R, k: R) -> R {
    R::narrow(tails(x, loc, k)[1])
}
fn log_cdf<R: Real>(x: R, loc: R, k: R) -> R {
    R::narrow(tails(x, loc, k)[2])
}
fn log_sf<R: Real>(x: R, loc: R, k: R) -> R {
    R::narrow(tails(x, loc, k)[3])
}

/// By Newton's method on the logarithm of the smaller tail.
fn quantile<R: Real>(p: R, loc: R, k: R) -> R {
    let (p, loc, k) = (probability(p).widen(), finite_or_nan(loc).widen(), positive_or_nan(k).widen());
    let rest = (p + loc + k) * 0.0;
    if rest.re().is_nan() || p == 0.0 || p == 1.0 {
        return R::narrow(rest + if p == 0.0 { -PI } else { PI });
    }
    let which = if p > 0.5 { 3 } else { 2 };
    let sign = if p > 0.5 { -1.0 } else { 1.0 };
    let goal = if p > 0.5 { (-p).ln_1p() } else { p.ln() };
    let x = root(turned(loc).re(), (1.0 / k.re()).sqrt().min(1.0), |x| {
        let log = tails(x, loc.re(), k.re())[which];
        ((log - goal.re()) * sign, Real::exp(log_prob(x, loc.re(), k.re()) - log))
    });
    let log = |x: R::Wide| tails(x, loc, k)[which];
    let slope = |x| (log_prob(x, loc, k) - log(x)).exp();
    let miss = |x| (log(x) - goal) * sign;
    R::narrow(implicit_root(x.clamp(-PI, PI), miss, slope))
}

/// The circular mean.
fn mean<R: Real>(loc: R, k: R) -> R {
    finite_or_nan(loc) + positive_or_nan(k) * 0.0
}
/// The circular variance.
fn variance<R: Real>(loc: R, k: R) -> R {
    one_minus_ratio(positive_or_nan(k)) + finite_or_nan(loc) * 0.0
}
fn entropy<R: Real>(loc: R, k: R) -> R {
    let k = positive_or_nan(k);
    k * one_minus_ratio(k) + log_i0e(k) + Real::ln(TAU) + finite_or_nan(loc) * 0.0
}

/// `ln I₀` at `l` above its tangent at `k`.
fn above_tangent<R: Real>(k: R, l: R) -> R {
    let (a, b) = (k.re(), l.re());
    let (at, to) = (Circle::of(a), Circle::of(b));
    let step = b - a;
    // By `∫ (b - t) Var v(t) dt` where the difference would cancel.
    let [height, slope] = if step.abs() < 0.5 * a.max(b) {
        integral(a, b, 1, |t| {
            let variance = Circle::of(t).variance;
            [(b - t) * variance, variance]
        })
    } else {
        [to.log_i0e - at.log_i0e + at.mean * step, at.mean - to.mean]
    };
    let bends = [at.variance + step * at.third, -at.variance, to.variance];
    Second { value: height, slopes: [-step * at.variance, slope], bends }.at(k, l)
}

fn kl<R: Real>(a: R, k: R, b: R, l: R) -> R {
    let [a, b] = [a, b].map(|x| finite_or_nan(x).widen());
    let [k, l] = [k, l].map(|x| positive_or_nan(x).widen());
    if ((a + b + k + l) * 0.0).re().is_nan() {
        return R::of(f64::NAN);
    }
    let s = ((a - b) * 0.5).sin();
    R::narrow(not_negative(above_tangent(k, l) + ratio(k) * l * (s * s) * 2.0))
}

capabilities!(VonMises { loc: finite, concentration: positive }:
    at [0.3, 2.0], [-1.0, 0.2], [2.0, 60.0];
    density log_prob, |_| Support::Interval(V::from(-PI), V::from(PI));
    cdf cdf, sf, log_cdf, log_sf, quantile;
    moments mean, variance;
    entropy entropy;
);
divergence!(VonMises { loc = a, concentration = k } || VonMises { loc = b, concentration = l }, kl);

/// A draw around 0: of a wrapped Cauchy distribution, accepted by the quotient of the densities.
/// With `q = r - 1` of the paper's `r`, and `w = 1 - cos`, nothing cancels at a large
/// concentration.
fn standard_draw(key: Key, k: f64) -> f64 {
    if !(k > 0.0) {
        return f64::NAN;
    }
    let twice = 2.0 * k;
    let hypot = Real::sqrt(1.0 + twice * twice);
    // A huge concentration or a tiny one.
    let (hypot, r) = if hypot.is_finite() { (hypot, (1.0 + hypot) / twice) } else { (twice, 1.0) };
    let q = (1.0 + 1.0 / (hypot + twice)) / twice;
    if !r.is_finite() || !q.is_finite() {
        // Flat to rounding.
        let [high, ..] = key.at(0).map(f64::from);
        return (high + 0.5) * 2f64.powi(-32) * TAU - PI;
    }
    for attempt in 0..u64::MAX {
        let [a, b, c, d] = key.at(attempt).map(f64::from);
        let unit = |high: f64, low: f64| ((low + 0.5) * 2f64.powi(-32) + high) * 2f64.powi(-32);
        // The last word gives the sign, and bits to the angle.
        let half = 0.5 * PI * unit(a, d);
        let (s, c2) = (Real::sin(half), Real::cos(half));
        let w = q * 2.0 * s * s / (q + 2.0 * c2 * c2);
        let y = k * (q + w);
        let u = unit(b, c);
        if y * (2.0 - y) > u || Real::ln(y / u) + 1.0 - y >= 0.0 {
            let angle = 2.0 * (w * 0.5).min(1.0).sqrt().asin();
            return if (d as u64) & 1 == 0 { angle } else { -angle };
        }
    }
    f64::NAN
}

/// The derivatives of a draw `z` around 0 in the concentration.
fn draw_slopes(z: f64, k: f64) -> [f64; 2] {
    let circle = Circle::of(k);
    let s = Real::sin(0.5 * z);
    let (v, size) = (2.0 * s * s, z.abs());
    // The integral over all angles on one side is 0: where the integrand has one sign.
    let (sums, scale) = if v > circle.mean {
        (arc(k, circle.mean, size, PI), 1.0)
    } else {
        (arc(k, circle.mean, 0.0, size), Real::exp(k * v))
    };
    let [total, first, second] = sums.map(|x| x * scale);
    // P(X < -|z|) in units of the density, and by symmetry the rest.
    let sign = if v > circle.mean { 1.0 } else { -1.0 };
    let parts = [1.0, sign * first, sign * (second - circle.variance * total)];
    let bends = [k * Real::sin(size), circle.mean - v, parts[2]];
    let [slope, bend] = Second { value: 0.0, slopes: [parts[0], parts[1]], bends }.implicit();
    // So far that of -|z|.
    if z > 0.0 { [-slope, -bend] } else { [slope, bend] }
}

impl<V: Value> Sample<V> for VonMises<V> {
    fn sample_shaped(&self, cx: V::Context, key: Key, least: (usize, usize)) -> V {
        let (u, v) = key.split();
        let args = [self.loc, self.concentration].map(Draw::Value);
        let f = formula!(|loc, k, u, v| {
            let z = standard_draw(entry_key(u, v), positive_or_nan(k).re());
            turned(finite_or_nan(loc) + lift_with(k, z, || draw_slopes(z, k.re())))
        });
        V::draw(cx, f, [args[0], args[1], Draw::Uniform(u), Draw::Uniform(v)], least)
    }
}
impl<V: Value> Reparameterized<V> for VonMises<V> {}
rand_draws!(VonMises, |d, rng| Draws::draw(d, rng));
