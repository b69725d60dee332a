//! Both tails of a distribution, and the integral and the root search that they are computed by.
//!
//! The incomplete gamma and beta functions are `e^L M` on the side of the mean where the tail is:
//! `L` is the logarithm of the density in the variable `ln x` (or `logit x`), and
//! `M = ∫₀^∞ e^{-E(s)} ds` runs along that variable into the tail, with `E` convex and `E(0) = 0`.
//! `M` and all its derivatives in the parameters are integrals of one sign, so that nothing
//! cancels; one Gauss-Legendre rule is exact to rounding for every parameter above about ten, up to
//! the largest, and shorter series do the rest. Evaluated on dual numbers, the same formulas give
//! the derivatives.

use crate::real::Real;
use crate::simd::{Kernel, dispatch};

/// Probability below and above a point, with logarithms that outlive underflow.
#[derive(Clone, Copy, Debug)]
pub struct Tails<R> {
    /// `P(X <= x)`.
    pub lower: R,
    /// `P(X > x)`.
    pub upper: R,
    /// `ln P(X <= x)`.
    pub log_lower: R,
    /// `ln P(X > x)`.
    pub log_upper: R,
}

impl<R: Real> Tails<R> {
    /// From the lower tail `e^log_scale · m`, which is not close to one.
    pub(super) fn from_lower(log_scale: R, m: R) -> Self {
        let lower = log_scale.exp() * m;
        Self { lower, upper: -lower + 1.0, log_lower: log_scale + m.ln(), log_upper: (-lower).ln_1p() }
    }

    /// From the lower tail `e^g (1 + t)`, where `g` and `t` may be tiny: then the upper tail is.
    pub(super) fn from_expansion(g: R, t: R) -> Self {
        let scale = g.exp();
        let lower = scale * (t + 1.0);
        let upper = -g.exp_m1() - scale * t;
        let (log_lower, log_upper) =
            if lower < upper { (g + t.ln_1p(), (-lower).ln_1p()) } else { ((-upper).ln_1p(), upper.ln()) };
        Self { lower, upper, log_lower, log_upper }
    }

    /// Half of a lower tail: one side of a symmetric distribution.
    pub(super) fn half(self) -> Self {
        let lower = self.lower * 0.5;
        let log_lower = self.log_lower - std::f64::consts::LN_2;
        Self { lower, upper: -lower + 1.0, log_lower, log_upper: (-lower).ln_1p() }
    }

    /// The same probability for every argument.
    pub(super) fn constant(lower: f64, upper: f64) -> Self {
        let [lower, upper, log_lower, log_upper] = [lower, upper, lower.ln(), upper.ln()].map(R::of);
        Self { lower, upper, log_lower, log_upper }
    }

    /// The tails of `-X`.
    pub(super) fn swap(self) -> Self {
        Self { lower: self.upper, upper: self.lower, log_lower: self.log_upper, log_upper: self.log_lower }
    }

    /// The logarithm of the smaller tail: relatively accurate, with its derivatives, wherever the
    /// point lies.
    pub(super) fn smaller_log(self) -> R {
        if self.log_lower < self.log_upper { self.log_lower } else { self.log_upper }
    }
}

/// Where the integrand has fallen below `e^-42` of its start.
const CUT: f64 = 42.0;

/// An `s` with `E(s)` between 42 and about 46. `e` gives `E` and its slope; `E` is convex and
/// `E(0) = 0`.
///
/// `slope` and `curvature` are those at 0; the first guess comes from them.
pub(super) fn cutoff(slope: f64, curvature: f64, e: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut s = (CUT / slope).min((2.0 * CUT / curvature).sqrt());
    for _ in 0..60 {
        let (value, rise) = e(s);
        if (CUT..=CUT + 4.0).contains(&value) || value.is_nan() {
            break;
        }
        // Newton's step; a convex function makes it land on the far side of the root and then come
        // down.
        s += (CUT + 1.0 - value) / rise;
    }
    s
}

/// `∫₀^end f(s) ds`, with 32 Gauss-Legendre nodes, compiled for the machine's instruction set.
pub(super) fn integrate<R: Real>(end: f64, f: impl Fn(f64) -> R) -> R {
    dispatch(Quadrature { end, f })
}

struct Quadrature<F> {
    end: f64,
    f: F,
}

impl<R: Real, F: Fn(f64) -> R> Kernel for Quadrature<F> {
    type Output = R;
    #[inline(always)]
    fn run(self) -> R {
        let half = 0.5 * self.end;
        let mut sum = R::zero();
        for side in [-half, half] {
            // The only call of `f`, so that it is inlined and compiled for the instruction set.
            // (The elementary functions of a plain `f64` in it stay calls.)
            for (node, weight) in GAUSS_LEGENDRE_32 {
                sum += (self.f)(half + side * node) * weight;
            }
        }
        sum * half
    }
}

/// The `u` with `f(u) = 0`, `f` giving the value and the slope of a concave function.
///
/// The logarithm of a tail is concave in `ln x` or `logit x` (the density there is log-concave), so
/// Newton's method converges from any start, after at most one step to the wrong side.
pub(super) fn newton(start: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut u = start;
    for _ in 0..200 {
        let (value, slope) = f(u);
        let step = value / slope;
        if !step.is_finite() {
            break;
        }
        u -= step;
        // Quadratic convergence: the next step would be the square of this one, relative to the
        // slope.
        if value.abs() < 1e-9 || step.abs() <= f64::EPSILON * u.abs() {
            break;
        }
    }
    u
}

/// A standard normal `z > 0` with `P(Z > z)` about `e^log_tail <= 1/2`, to 5e-4, as a start for a
/// root search.
///
/// Source: Abramowitz and Stegun 26.2.23.
pub(super) fn rough_normal_quantile(log_tail: f64) -> f64 {
    let t = (-2.0 * log_tail).sqrt();
    let over = 2.515517 + t * (0.802853 + t * 0.010328);
    let under = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    t - over / under
}

/// Positive nodes on [-1, 1] and their weights.
const GAUSS_LEGENDRE_32: [(f64, f64); 16] = [
    (0.997263861849481564, 0.0070186100094700966),
    (0.985611511545268335, 0.0162743947309056706),
    (0.964762255587506431, 0.0253920653092620595),
    (0.934906075937739689, 0.0342738629130214331),
    (0.896321155766052124, 0.0428358980222266807),
    (0.84936761373256997, 0.0509980592623761762),
    (0.794483795967942407, 0.0586840934785355471),
    (0.73218211874028968, 0.0658222227763618468),
    (0.663044266930215201, 0.0723457941088485062),
    (0.587715757240762329, 0.0781938957870703065),
    (0.50689990893222939, 0.0833119242269467552),
    (0.421351276130635345, 0.0876520930044038111),
    (0.33186860228212765, 0.0911738786957638847),
    (0.239287362252137075, 0.0938443990808045656),
    (0.144471961582796493, 0.0956387200792748594),
    (0.0483076656877383162, 0.0965400885147278006),
];
