//! Monotone rational-quadratic splines on the real line.

use super::Bijector;
use probity_autodiff::{Formula, Real, Terms, Value};

/// The number of pieces.
pub const PIECES: usize = 8;
/// The number of arguments of a formula: the point, and all parameters.
const ARGUMENTS: usize = 3 * PIECES;

/// No piece is narrower, lower or flatter than this part of the mean one.
const LEAST: f64 = 1e-3;

/// A smooth rising function in eight pieces between `-bound` and `bound`, each a quotient of
/// quadratics, and the identity beyond. Parameters are real numbers (of any shape that broadcasts):
/// all 0 are the identity.
///
/// forward and inverse by formulas, without iterations.
///
/// Source: Durkan, Bekasov, Murray and Papamakarios 2019, "Neural spline flows", section 3.1 and
/// appendix A.1; Gregory and Delbourgo 1982.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RationalQuadratic<V> {
    /// Where the identity begins.
    pub bound: f64,
    /// Logarithms of the widths of the pieces, up to a constant.
    pub widths: [V; PIECES],
    /// Logarithms of their heights, up to a constant.
    pub heights: [V; PIECES],
    /// The slopes between them, by softplus.
    pub slopes: [V; PIECES - 1],
}

impl<V: Value> RationalQuadratic<V> {
    /// The identity, to be changed.
    pub fn identity(bound: f64) -> Self {
        let zero = V::from(0.0);
        Self { bound, widths: [zero; PIECES], heights: [zero; PIECES], slopes: [zero; PIECES - 1] }
    }

    fn arguments(&self, x: V) -> [V; ARGUMENTS] {
        std::array::from_fn(|i| match i {
            0 => x,
            i if i <= PIECES => self.widths[i - 1],
            i if i <= 2 * PIECES => self.heights[i - 1 - PIECES],
            i => self.slopes[i - 1 - 2 * PIECES],
        })
    }
}

/// One piece: where it begins, its width and height, the slopes at its ends.
struct Piece<R> {
    x: R,
    y: R,
    width: R,
    height: R,
    slopes: [R; 2],
}

impl<R: Real> Piece<R> {
    /// The mean slope.
    fn mean(&self) -> R {
        self.height / self.width
    }

    /// By how much the slopes at the ends exceed the mean.
    fn bend(&self) -> R {
        self.slopes[0] + self.slopes[1] - self.mean() * 2.0
    }

    /// The function at the part `t` of the width.
    fn value(&self, t: R) -> R {
        let rest = -t + 1.0;
        let mean = self.mean();
        let up = self.height * (mean * t * t + self.slopes[0] * t * rest);
        self.y + up / (mean + self.bend() * t * rest)
    }

    /// The logarithm of the slope there.
    fn log_slope(&self, t: R) -> R {
        let rest = -t + 1.0;
        let mean = self.mean();
        let up = self.slopes[1] * t * t + mean * t * rest * 2.0 + self.slopes[0] * rest * rest;
        mean.ln() * 2.0 + up.ln() - (mean + self.bend() * t * rest).ln() * 2.0
    }

    /// The part of the width at which the function is `y`: the root of a quadratic, without
    /// cancellation.
    fn part(&self, y: R) -> R {
        let (up, mean) = (y - self.y, self.mean());
        let more = up * self.bend();
        let a = self.height * (mean - self.slopes[0]) + more;
        let b = self.height * self.slopes[0] - more;
        let c = -mean * up;
        let root = b * b - a * c * 4.0;
        let root = if root < 0.0 { R::zero() } else { root.sqrt() };
        c * 2.0 / (-b - root)
    }
}

/// The lengths of the pieces from `-bound` on.
fn lengths<R: Real>(logs: &[R], bound: f64) -> [R; PIECES] {
    let top = logs.iter().fold(logs[0], |top, l| if *l > top { *l } else { top });
    let shares: [R; PIECES] = std::array::from_fn(|k| (logs[k] - top).exp());
    let sum = shares.iter().fold(R::zero(), |sum, share| sum + *share);
    shares.map(|share| (share / sum * (1.0 - LEAST) + LEAST / PIECES as f64) * (2.0 * bound))
}

/// A slope; 1 for 0.
fn slope<R: Real>(x: R) -> R {
    // softplus(c) = 1 - LEAST.
    let c = f64::ln(f64::exp_m1(1.0 - LEAST));
    (x + c).softplus() + LEAST
}

/// The piece in which the argument lies, by the values of its end (`of_value`) or by its places;
/// none beyond the bound.
fn piece<R: Real>(a: &[R; ARGUMENTS], bound: f64, of_value: bool) -> Option<Piece<R>> {
    if !(a[0].re().abs() < bound) {
        return None;
    }
    let widths = lengths(&a[1..=PIECES], bound);
    let heights = lengths(&a[PIECES + 1..=2 * PIECES], bound);
    let at = |k: usize| if k == 0 || k == PIECES { R::one() } else { slope(a[2 * PIECES + k]) };
    let (mut x, mut y) = (R::of(-bound), R::of(-bound));
    for k in 0..PIECES {
        let end = if of_value { y + heights[k] } else { x + widths[k] };
        if a[0] < end || k == PIECES - 1 {
            return Some(Piece { x, y, width: widths[k], height: heights[k], slopes: [at(k), at(k + 1)] });
        }
        (x, y) = (x + widths[k], y + heights[k]);
    }
    None
}

#[derive(Clone, Copy, Debug)]
struct Forward(f64);
impl Formula<ARGUMENTS> for Forward {
    #[inline]
    fn eval<R: Real>(&self, a: [R; ARGUMENTS]) -> R {
        piece(&a, self.0, false).map_or(a[0], |piece| piece.value((a[0] - piece.x) / piece.width))
    }
}

#[derive(Clone, Copy, Debug)]
struct Backward(f64);
impl Formula<ARGUMENTS> for Backward {
    #[inline]
    fn eval<R: Real>(&self, a: [R; ARGUMENTS]) -> R {
        piece(&a, self.0, true).map_or(a[0], |piece| piece.x + piece.width * piece.part(a[0]))
    }
}

#[derive(Clone, Copy, Debug)]
struct LogSlope(f64);
impl Formula<ARGUMENTS> for LogSlope {
    #[inline]
    fn eval<R: Real>(&self, a: [R; ARGUMENTS]) -> R {
        piece(&a, self.0, false).map_or(a[0] * 0.0, |piece| piece.log_slope((a[0] - piece.x) / piece.width))
    }
}

impl<V: Value> Bijector<V> for RationalQuadratic<V> {
    #[track_caller]
    fn forward(&self, u: V) -> V {
        V::apply(Forward(self.bound), self.arguments(u))
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        V::apply(Backward(self.bound), self.arguments(x))
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply_as(terms, LogSlope(self.bound), self.arguments(u))
    }
}
