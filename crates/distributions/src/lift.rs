//! Functions that are computed on plain numbers, with derivatives known in closed form; roots and
//! integrals.

use crate::special::is_plain;
use probity_autodiff::Real;

/// `f(x)`, of which value, first and second derivative are known: exact up to second derivatives.
/// What is infinite has no derivatives.
#[inline]
pub(crate) fn lift<R: Real>(x: R, [f, slope, bend]: [f64; 3]) -> R {
    lift_with(x, f, || [slope, bend])
}

/// As [`lift`], with derivatives that are computed only where they are asked for.
#[inline]
pub(crate) fn lift_with<R: Real>(x: R, f: f64, derivatives: impl FnOnce() -> [f64; 2]) -> R {
    let value = R::of(f);
    if is_plain::<R>() || !f.is_finite() {
        return value;
    }
    let [slope, bend] = derivatives();
    if !slope.is_finite() {
        return value;
    }
    let bend = if bend.is_finite() { bend } else { 0.0 };
    let d = x - R::of(x.re());
    value + d * (d * (bend * 0.5) + slope)
}

/// Value, slopes and second derivatives of a function of two arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Second {
    pub(crate) value: f64,
    pub(crate) slopes: [f64; 2],
    /// Of the first, mixed, of the second.
    pub(crate) bends: [f64; 3],
}

impl Second {
    /// The function at `x`, `y`, with what moves them.
    #[inline]
    pub(crate) fn at<R: Real>(&self, x: R, y: R) -> R {
        let value = R::of(self.value);
        if is_plain::<R>() || !self.value.is_finite() || self.slopes.iter().any(|s| !s.is_finite()) {
            return value;
        }
        let [xx, xy, yy] = self.bends.map(|b| if b.is_finite() { b } else { 0.0 });
        let (d, e) = (x - R::of(x.re()), y - R::of(y.re()));
        value + d * (d * (xx * 0.5) + e * xy + self.slopes[0]) + e * (e * (yy * 0.5) + self.slopes[1])
    }

    /// The derivatives in `y` of the `x` at which the function stays what it is: of draws and
    /// quantiles, if this is a distribution function.
    pub(crate) fn implicit(&self) -> [f64; 2] {
        let ([x, y], [xx, xy, yy]) = (self.slopes, self.bends);
        let slope = -y / x;
        [slope, -(xx * slope * slope + 2.0 * xy * slope + yy) / x]
    }
}

/// The root of an increasing function, given with its slope: Newton's method between bounds that
/// close in, from a start and a width to look in first. NaN if the function is.
pub(crate) fn root(start: f64, width: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut low, mut high, mut x, mut width) = (f64::NEG_INFINITY, f64::INFINITY, start, width);
    let mut steps = [f64::INFINITY; 2];
    for _ in 1..400 {
        let (y, slope) = f(x);
        if y.is_nan() {
            return f64::NAN;
        }
        if y == 0.0 {
            return x;
        }
        if y < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let next = next_point(x, (y, slope), [low, high], steps, width);
        if next == x {
            return x;
        }
        width *= 2.0;
        (steps, x) = ([(next - x).abs(), steps[0]], next);
    }
    x
}

/// Where to look next for the root of an increasing function between two bounds, one of which is
/// `x`, with the value `y`; `x` itself where nothing is left to do. `last` is the length of the
/// last step and `before` that of the one before it (infinite at first), `width` how far to look
/// where a bound is infinite.
///
/// A step of Newton's method is taken while steps get at least half as long in two: else the bounds
/// are halved. (Press et al., "Numerical Recipes", `rtsafe`.)
#[inline]
pub(crate) fn next_point(
    x: f64,
    (y, slope): (f64, f64),
    [low, high]: [f64; 2],
    [last, before]: [f64; 2],
    width: f64,
) -> f64 {
    let rounding = 2.0 * f64::EPSILON * x.abs();
    let bounded = low.is_finite() && high.is_finite();
    let inside = |x: f64| x > low && x < high;
    let out = |by: f64| if y < 0.0 { x + by } else { x - by };
    let newton = x - y / slope;
    let length = (newton - x).abs();
    if high - low <= rounding {
        x
    } else if slope.is_finite() && length <= rounding {
        // There, if the other side is near; else farther and farther out.
        let beyond = out(if last > rounding { rounding } else { 4.0 * last });
        if inside(beyond) { beyond } else { x }
    } else if inside(newton) && length <= 0.5 * before {
        // Without a bound on that side no farther than the width.
        if bounded { newton } else { newton.clamp(x - width, x + width) }
    } else if bounded {
        0.5 * low + 0.5 * high
    } else {
        out(width)
    }
}

/// `ln(1 + v) / v`, for `v > -1`, also at 0.
pub(crate) fn ln_1p_over<R: Real>(v: R) -> R {
    let x = v.re();
    let parts = if x.abs() < 0.1 {
        // Σ (-x)ⁿ / (n + 1).
        let mut parts = [0.0; 3];
        for n in (0..20).rev() {
            let n = f64::from(n);
            let sign = if n % 2.0 == 0.0 { 1.0 } else { -1.0 };
            parts[0] = parts[0] * x + sign / (n + 1.0);
            parts[1] = parts[1] * x + -sign * (n + 1.0) / (n + 2.0);
            parts[2] = parts[2] * x + sign * (n + 1.0) * (n + 2.0) / (n + 3.0);
        }
        parts
    } else {
        let f = Real::ln_1p(x) / x;
        let r = 1.0 / (1.0 + x);
        let slope = (r - f) / x;
        [f, slope, -(r * r + 2.0 * slope) / x]
    };
    lift(v, parts)
}

/// `(eᵛ - 1) / v`, also at 0.
pub(crate) fn exp_m1_over<R: Real>(v: R) -> R {
    let x = v.re();
    let parts = if x.abs() < 0.5 {
        // Σ xⁿ / (n + 1)!, by Horner on the quotients of neighbours.
        let mut parts = [1.0; 3];
        for n in (1..18).rev() {
            let n = f64::from(n);
            for (k, part) in parts.iter_mut().enumerate() {
                *part = 1.0 + *part * x / n * ((n + k as f64) / (n + 1.0 + k as f64));
            }
        }
        [parts[0], 0.5 * parts[1], parts[2] / 3.0]
    } else {
        let e = Real::exp(x);
        let f = if x == f64::NEG_INFINITY { 0.0 } else { Real::exp_m1(x) / x };
        let slope = (e - f) / x;
        [f, slope, (e - 2.0 * slope) / x]
    };
    lift(v, parts)
}

/// Positive nodes of the Gauss-Legendre rule with 16 nodes on [-1, 1], and their weights.
pub(crate) const GAUSS: [(f64, f64); 8] = [
    (0.9894009349916499326, 0.027152459411754094852),
    (0.94457502307323257608, 0.062253523938647892863),
    (0.86563120238783174388, 0.09515851168249278481),
    (0.7554044083550030339, 0.12462897125553387205),
    (0.61787624440264374845, 0.14959598881657673208),
    (0.45801677765722738634, 0.16915651939500253819),
    (0.28160355077925891323, 0.18260341504492358887),
    (0.095012509837637440185, 0.18945061045506849629),
];

/// `∫ f` from `a` to `b`, by Gauss-Legendre rules of 16 nodes on so many equal panels; the limits
/// may move.
#[inline]
pub(crate) fn integral<R: Real, const N: usize>(a: R, b: R, panels: u32, f: impl Fn(R) -> [R; N]) -> [R; N] {
    let half = (b - a) / (2.0 * f64::from(panels));
    let mut sums = [R::zero(); N];
    for panel in 0..panels {
        let middle = a + half * f64::from(2 * panel + 1);
        for (x, w) in GAUSS {
            let (right, left) = (f(middle + half * x), f(middle - half * x));
            for (sum, (r, l)) in sums.iter_mut().zip(right.into_iter().zip(left)) {
                *sum += (r + l) * w;
            }
        }
    }
    sums.map(|sum| sum * half)
}

/// How far `e^-fall` is worth following from 0, up to `length`: `fall` rises from 0, and what is
/// below `e^-45` is nothing.
pub(crate) fn reach(length: f64, fall: impl Fn(f64) -> f64) -> f64 {
    if fall(length) <= 45.0 {
        return length;
    }
    // To a factor of 2 is enough, from below.
    let mut reach = length.min(1e300);
    while fall(reach * 0.5) > 45.0 {
        reach *= 0.5;
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::HALF_LN_TAU;

    #[test]
    fn quotients_at_zero_and_elsewhere() {
        type Second = probity_autodiff::Dual<probity_autodiff::Dual<f64, 1>, 1>;
        let second = |x: f64| Second::variable(probity_autodiff::Dual::variable(x, 0), 0);
        let parts = |x: Second| [x.re.re, x.re.du[0], x.du[0].du[0]];
        let near = |a: [f64; 3], b: [f64; 3], tolerance: f64| {
            for (a, b) in a.into_iter().zip(b) {
                assert!((a - b).abs() < tolerance * (1.0 + b.abs()), "{a} {b}");
            }
        };
        near(parts(ln_1p_over(second(0.0))), [1.0, -0.5, 2.0 / 3.0], 1e-15);
        near(parts(exp_m1_over(second(0.0))), [1.0, 0.5, 1.0 / 3.0], 1e-15);
        for x in [-0.9, -0.3, -0.101, -0.099, -0.01, 0.02, 0.0999, 0.1001, 0.499, 0.501, 3.0, 50.0] {
            let v = second(x);
            near(parts(ln_1p_over(v)), parts(v.ln_1p() / v), 1e-9);
            near(parts(exp_m1_over(v)), parts(v.exp_m1() / v), 1e-9);
        }
    }

    #[test]
    fn roots_and_integrals() {
        for (want, start) in [(3.0f64, 0.0), (1e-9, 5.0), (1e12, 0.1)] {
            let got = root(start, 1.0, |x| (x - want, 1.0));
            assert!((got / want - 1.0).abs() < 1e-14, "{got} {want}");
            // A slope that misleads: ten times too large, or limited.
            let slope = |x: f64| (10.0 / (3.0 * x.cbrt().powi(2))).min(10.0);
            let got = root(start, 1.0, |x| (x.cbrt() - want.cbrt(), slope(x)));
            assert!((got / want - 1.0).abs() < 1e-13, "{got} {want}");
        }
        assert!(root(0.0, 1.0, |_| (f64::NAN, 1.0)).is_nan());
        // Steps of Newton's method are trusted: halving now and then took 26 of them in the mean.
        for goal in [-30.0, -3.0, -0.7, -1e-3, -1e-12] {
            let calls = std::cell::Cell::new(0);
            let got = root(0.0, 1.0, |x: f64| {
                calls.set(calls.get() + 1);
                let log = Real::log_ndtr(x);
                (log - goal, (-0.5 * x * x - HALF_LN_TAU - log).exp())
            });
            assert!((Real::log_ndtr(got) / goal - 1.0).abs() < 1e-13, "{goal}: {got}");
            assert!(calls.get() <= 20, "{goal}: {} evaluations", calls.get());
        }
        let [a, b] = integral(0.0, 2.0, 2, |x: f64| [Real::exp(-x), x * Real::exp(-x)]);
        let e = Real::exp(-2.0f64);
        assert!((a - (1.0 - e)).abs() < 1e-15 && (b - (1.0 - 3.0 * e)).abs() < 1e-15, "{a} {b}");
        let r = reach(f64::INFINITY, |s| s * s);
        assert!((4.0..14.0).contains(&r), "{r}");
    }
}
