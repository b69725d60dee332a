//! The regularised incomplete beta function, its complement, its derivatives and its inverse.

use super::gamma::polygamma;
use super::stirling::{
    HALF_LN_TAU, STIRLING_FROM, exp_minus_line, lgamma_1p, ln_1p_minus, ln_beta, ln_gamma_ratio, stirling,
};
use super::tails::{Tails, cutoff, integrate, newton, rough_normal_quantile};
use crate::real::{Dual, Real};
use num_traits::Zero;

/// A point of (0, 1) with everything that would be rounded away in one of its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<R> {
    pub x: R,
    /// `1 - x`.
    pub y: R,
    /// `y - x`.
    pub tilt: R,
    pub ln_x: R,
    pub ln_y: R,
}

impl<R: Real> Point<R> {
    /// From `x` alone.
    fn of(x: R) -> Self {
        let y = -x + 1.0;
        let (ln_x, ln_y) = if x < 0.5 { (x.ln(), (-x).ln_1p()) } else { ((-y).ln_1p(), y.ln()) };
        Self { x, y, tilt: x * -2.0 + 1.0, ln_x, ln_y }
    }

    /// From `ln(x / y)`.
    fn of_logit(u: R) -> Self {
        let (ln_x, ln_y) = (u.log_sigmoid(), (-u).log_sigmoid());
        Self { x: u.sigmoid(), y: (-u).sigmoid(), tilt: -(u * 0.5).tanh(), ln_x, ln_y }
    }

    /// The same point seen from the other end.
    pub(super) fn swap(self) -> Self {
        Self { x: self.y, y: self.x, tilt: -self.tilt, ln_x: self.ln_y, ln_y: self.ln_x }
    }

    /// `a y - b x`, the distance to the mean times `a + b`. Near one half the coordinates are
    /// rounded more than their difference.
    fn gap(self, a: R, b: R) -> R {
        let near = (a - b + (a + b) * self.tilt) * 0.5;
        let far = a * self.y - b * self.x;
        if self.tilt.re().abs() < 0.25 { near } else { far }
    }
}

/// `I_x(a, b)` (lower) and `1 - I_x(a, b)` (upper) with their logarithms, for positive `a`, `b` and
/// `0 <= x <= 1`; NaN elsewhere.
///
/// Evaluated on [`Dual`], all four carry their derivatives, relatively accurate in both tails (at
/// the ends 0 and 1 themselves they are constants).
///
/// Source: the integral of DLMF 8.17.1 in the variable `logit t`; series DLMF 8.17.7, 8.17.8.
pub fn beta_tails<R: Real>(a: R, b: R, x: R) -> Tails<R> {
    let valid = |r: f64| r > 0.0 && r < f64::INFINITY;
    if !(valid(a.re()) && valid(b.re()) && x.re() >= 0.0 && x.re() <= 1.0) {
        Tails::constant(f64::NAN, f64::NAN)
    } else if x.re() == 0.0 {
        Tails::constant(0.0, 1.0)
    } else if x.re() == 1.0 {
        Tails::constant(1.0, 0.0)
    } else {
        tails_at(a, b, Point::of(x))
    }
}

/// [`beta_tails`] at an inner point.
pub(super) fn tails_at<R: Real>(a: R, b: R, at: Point<R>) -> Tails<R> {
    // Where the tail towards a small exponent may be close to one, both come from one expansion.
    let corner = |a: R, b: R, x: R| a < 1.0 && x <= 0.5 && b * x <= 1.0;
    if corner(a, b, at.x) {
        return small_corner(a, b, at);
    }
    if corner(b, a, at.y) {
        return small_corner(b, a, at.swap()).swap();
    }
    let gap = at.gap(a, b);
    if gap.re() < 0.0 { lower_tail(b, a, at.swap(), -gap).swap() } else { lower_tail(a, b, at, gap) }
}

/// The tails at or below the mean.
fn lower_tail<R: Real>(a: R, b: R, at: Point<R>, gap: R) -> Tails<R> {
    let m = if a < STIRLING_FROM { lower_series(a, b, at.x) } else { lower_integral(a, b, at, gap) };
    Tails::from_lower(log_density(a, b, at), m)
}

/// `ln(x y · density) = a ln x + b ln y - ln B(a, b)`, for large `a` and `b` without cancellation
/// near the mean.
fn log_density<R: Real>(a: R, b: R, at: Point<R>) -> R {
    if a < STIRLING_FROM || b < STIRLING_FROM {
        return at.ln_x * a + at.ln_y * b - ln_beta(a, b);
    }
    let (sum, gap) = (a + b, at.gap(a, b));
    // ln(1 + e) - e with 1 + e the ratio of a coordinate to its mean.
    let bend = |e: R, ln_coordinate: R, shape: R| {
        if e < -0.6 { ln_coordinate - (shape / sum).ln() - e } else { ln_1p_minus(e) }
    };
    let spread = a * bend(-gap / a, at.ln_x, a) + b * bend(gap / b, at.ln_y, b);
    let correction = stirling(a) + stirling(b) - stirling(sum);
    spread + (a * (b / sum)).ln() * 0.5 - HALF_LN_TAU - correction
}

/// `M` of the lower tail as a series of positive terms, `1/a Σ (a + b)ₙ / (a + 1)ₙ xⁿ`.
fn lower_series<R: Real>(a: R, b: R, x: R) -> R {
    let mut term = a.recip();
    let (mut sum, mut over, mut under) = (term, a + b, a + 1.0);
    // The derivatives converge a little later than the value.
    while term.re() > sum.re() * 1e-20 {
        term *= over / under * x;
        sum += term;
        over += R::one();
        under += R::one();
    }
    sum
}

/// `M` of the lower tail, at or below the mean: the integrand is
/// `exp(-a s - (a + b) ln(y + x e⁻ˢ))`.
///
/// The exponent is taken apart around its slope at 0, in the smaller coordinate, so that no large
/// parts cancel.
fn lower_integral<R: Real>(a: R, b: R, at: Point<R>, gap: R) -> R {
    let sum = a + b;
    let left = at.x <= 0.5;
    let (small, sign) = if left { (at.x, -1.0) } else { (at.y, 1.0) };
    let (gap_v, sum_v, small_v) = (gap.re(), sum.re(), small.re());
    let (xv, yv) = (at.x.re(), at.y.re());
    let end = cutoff(gap_v, sum_v * xv * yv, |s| {
        let bend = small_v * exp_minus_line(sign * s) + ln_1p_minus(small_v * (sign * s).exp_m1());
        let moved = xv * yv * s.exp_m1() / (xv + yv * s.exp());
        (gap_v * s + sum_v * bend, gap_v + sum_v * moved)
    });
    integrate(end, |s| {
        let bend = small * exp_minus_line(sign * s) + ln_1p_minus(small * (sign * s).exp_m1());
        (-(gap * s + sum * bend)).exp()
    })
}

/// Both tails for `a < 1`, `x <= 1/2`, `b x <= 1`, where either may be the small one.
fn small_corner<R: Real>(a: R, b: R, at: Point<R>) -> Tails<R> {
    let (mut power, mut sum, mut bound) = (R::one(), R::zero(), 1.0);
    for n in 1..=80 {
        let n = f64::from(n);
        power *= (-b + n) * at.x / n;
        sum += power / (a + n);
        // Not the term itself, which vanishes at an integer b before its derivatives do.
        bound *= (n - b.re()).abs().max(1.0) * at.x.re() / n;
        if bound < 1e-20 {
            break;
        }
    }
    // ln(a B(a, b)), relatively accurate for a tiny a.
    let log_ab = lgamma_1p(a) + ln_gamma_ratio(a, b);
    Tails::from_expansion(at.ln_x * a - log_ab, a * sum)
}

/// [`beta_tails`] at the point whose logit `ln(x / (1 - x))` is `u`: neither end is rounded.
pub fn beta_tails_of_logit<R: Real>(a: R, b: R, u: R) -> Tails<R> {
    let valid = |r: f64| r > 0.0 && r < f64::INFINITY;
    if !(valid(a.re()) && valid(b.re())) || u.re().is_nan() {
        Tails::constant(f64::NAN, f64::NAN)
    } else if u.re().is_infinite() {
        if u < 0.0 { Tails::constant(0.0, 1.0) } else { Tails::constant(1.0, 0.0) }
    } else {
        tails_at(a, b, Point::of_logit(u))
    }
}

/// `a ln x + b ln(1 - x) - ln B(a, b)`, the log density of Beta(`a`, `b`) in the variable
/// `u = logit x`, without cancellation near the mean.
pub fn beta_log_density_of_logit<R: Real>(a: R, b: R, u: R) -> R {
    log_density(a, b, Point::of_logit(u))
}

/// The log density of Beta(`a`, `b`) at `x` in (0, 1).
pub fn beta_log_pdf<R: Real>(a: R, b: R, x: R) -> R {
    let at = Point::of(x);
    if a < STIRLING_FROM || b < STIRLING_FROM {
        return (a - 1.0) * at.ln_x + (b - 1.0) * at.ln_y - ln_beta(a, b);
    }
    log_density(a, b, at) - at.ln_x - at.ln_y
}

/// The density of Beta(`a`, `b`) at `x` in (0, 1), which is the derivative of `I_x(a, b)` in `x`.
pub fn beta_pdf<R: Real>(a: R, b: R, x: R) -> R {
    let at = Point::of(x);
    log_density(a, b, at).exp() / at.x / at.y
}

/// The derivatives of `I_x(a, b)` in `a` and in `b`; those of the complement are their negatives.
///
/// Relative error below 1e-12 in the body (the conditioning of the problem sets the limit in far
/// tails).
pub fn beta_inc_dab(a: f64, b: f64, x: f64) -> [f64; 2] {
    let (a, b) = (Dual::<f64, 2>::variable(a, 0), Dual::variable(b, 1));
    beta_tails(a, b, Dual::constant(x)).lower.du
}

/// `[dz/da, dz/db]` of a draw `z` from Beta(`a`, `b`): its implicit reparameterisation gradient.
///
/// Source: Figurnov, Mohamed, Mnih 2018, "Implicit reparameterization gradients", equation 7.
pub fn beta_draw_slopes<R: Real>(a: R, b: R, z: R) -> [R; 2] {
    let (a, b, z) = (a.widen(), b.widen(), z.widen());
    let at = Point::of(z);
    let lift = |re, slope| Dual::<R::Wide, 3> { re, du: [R::Wide::zero(), R::Wide::zero(), slope] };
    // The third direction is logit z.
    let point = Point {
        x: lift(at.x, at.x * at.y),
        y: lift(at.y, -at.x * at.y),
        tilt: lift(at.tilt, at.x * at.y * -2.0),
        ln_x: lift(at.ln_x, at.y),
        ln_y: lift(at.ln_y, -at.x),
    };
    let [along_a, along_b, along_z] =
        tails_at(Dual::variable(a, 0), Dual::variable(b, 1), point).smaller_log().du;
    let scale = -at.x * at.y / along_z;
    [R::narrow(along_a * scale), R::narrow(along_b * scale)]
}

/// The `x` with `I_x(a, b) = p`, and `1 - x`; both relatively accurate. NaN unless `0 <= p <= 1`.
///
/// For a `p` close to one use [`beta_inc_upper_inv`].
pub fn beta_inc_inv(a: f64, b: f64, p: f64) -> (f64, f64) {
    let u = logit_quantile(a, b, p.ln(), (-p).ln_1p());
    (u.sigmoid(), (-u).sigmoid())
}

/// The `x` with `1 - I_x(a, b) = q`, and `1 - x`; both relatively accurate. NaN unless
/// `0 <= q <= 1`.
pub fn beta_inc_upper_inv(a: f64, b: f64, q: f64) -> (f64, f64) {
    let u = logit_quantile(a, b, (-q).ln_1p(), q.ln());
    (u.sigmoid(), (-u).sigmoid())
}

/// The logit of the quantile, from the logarithms of both tails.
pub(super) fn logit_quantile(a: f64, b: f64, log_p: f64, log_q: f64) -> f64 {
    let valid = |r: f64| r > 0.0 && r < f64::INFINITY;
    if !(valid(a) && valid(b) && log_p <= 0.0 && log_q <= 0.0) {
        return f64::NAN;
    }
    if log_p > log_q {
        return -logit_quantile(b, a, log_q, log_p);
    }
    if log_p == f64::NEG_INFINITY {
        return log_p;
    }
    // In the tail of a small exponent the leading power, elsewhere a normal of the same mean and
    // variance.
    let power = (log_p + lgamma_1p(a) + ln_gamma_ratio(a, b)) / a;
    let spread = (polygamma(1, a) + polygamma(1, b)).sqrt();
    let normal = a.digamma() - b.digamma() - spread * rough_normal_quantile(log_p);
    let start = if a < 1.0 && power < -1.0 { power } else { normal };
    newton(start, |u| {
        let at = Point::of_logit(u);
        let log_lower = tails_at(a, b, at).log_lower;
        (log_lower - log_p, (log_density(a, b, at) - log_lower).exp())
    })
}
