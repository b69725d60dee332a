//! Sums and integrals over the support of a distribution, piece by piece.

use crate::distribution::{Distribution, Sample};
use crate::support::Support;
use probity_autodiff::Key;
use std::f64::consts::PI;

/// The support, cut into pieces: atoms, or intervals between draws.
///
/// The draws only say where to look: they make the integrals fit any location and scale without
/// asking the distribution for them, and a wrong sampler costs accuracy, not truth.
pub(crate) struct Pieces {
    /// The upper ends of the pieces; of a continuous distribution, one piece more reaches up to
    /// `high`.
    pub(super) points: Vec<f64>,
    limits: Option<(f64, f64)>,
    rule: Vec<(f64, f64)>,
}

/// The number of draws.
const CUTS: u64 = 63;

/// Beyond `e^±700` times the width of the draws nothing is seen: densities there are out of the
/// range of numbers.
const REACH: f64 = 700.0;

/// How often an interval may be halved.
const DEPTH: usize = 50;

impl Pieces {
    pub(crate) fn of<D: Sample<f64>>(d: &D) -> Self {
        Self::between(&|key| d.sample((), key), d.support(), &|x| d.log_prob(x))
    }

    /// Of a distribution with these draws, support and log density. (Not generic: laws run on many
    /// families, and this is compiled once.)
    fn between(draw: &dyn Fn(Key) -> f64, support: Support<f64>, log_prob: &dyn Fn(f64) -> f64) -> Self {
        let key = Key::new(0x1a75);
        let mut points: Vec<f64> = (0..CUTS).map(|i| draw(key.fold_in(i))).collect();
        points.retain(|x| x.is_finite());
        points.sort_by(f64::total_cmp);
        points.dedup();
        let atoms = |n: usize| (0..n).map(|k| k as f64).collect();
        let (points, limits) = match support {
            Support::Boolean => (atoms(2), None),
            Support::Category(n) => (atoms(n), None),
            Support::NonNegativeInteger => {
                // Past the draws, until the mass falls below rounding.
                let last = points.last().copied().unwrap_or(0.0) as usize;
                let negligible = |k: &usize| *k > 2 * last + 100 && !(log_prob(*k as f64) >= -45.0);
                (atoms((0..10_000_000).find(negligible).unwrap_or(10_000_000)), None)
            }
            Support::Integer => {
                // Past the draws, until the mass falls below rounding, on both sides.
                let (low, high) = (points.first().copied(), points.last().copied());
                let (low, high) = (low.unwrap_or(0.0) as i64, high.unwrap_or(0.0) as i64);
                let margin = 100 + (high - low);
                let negligible = |k: i64| !(log_prob(k as f64) >= -45.0);
                let end = |start: i64, step: i64| {
                    let far = (margin..10_000_000).find(|i| negligible(start + step * i));
                    start + step * far.unwrap_or(10_000_000)
                };
                ((end(low, -1)..=end(high, 1)).map(|k| k as f64).collect(), None)
            }
            Support::Real => (points, Some((f64::NEG_INFINITY, f64::INFINITY))),
            Support::Positive | Support::StrictlyPositive => (points, Some((0.0, f64::INFINITY))),
            Support::Interval(low, high) => (points, Some((low, high))),
            Support::GreaterThan(low) => (points, Some((low, f64::INFINITY))),
            Support::LessThan(high) => (points, Some((f64::NEG_INFINITY, high))),
            Support::Mapped(m) => {
                // The map's limits, where it has any that numbers reach.
                let (a, b) = (m.constrain(-1e300), m.constrain(1e300));
                let or = |x: f64, other: f64| if x.is_nan() { other } else { x };
                let limits = (or(a.min(b), f64::NEG_INFINITY), or(a.max(b), f64::INFINITY));
                (points, Some(limits))
            }
        };
        Self { points, limits, rule: legendre(16) }
    }

    /// The last of the points.
    pub(crate) fn last(&self) -> Option<f64> {
        self.points.last().copied()
    }

    /// Whether it is a limit of an integral, which nodes only reach by rounding.
    pub(crate) fn ends_at(&self, x: f64) -> bool {
        self.limits.is_some_and(|(low, high)| x == low || x == high)
    }

    /// Twice as large pieces; of a sum the same.
    pub(crate) fn coarser(&self) -> Self {
        let every = if self.limits.is_some() { 2 } else { 1 };
        let points = self.points.iter().copied().step_by(every).collect();
        Self { points, limits: self.limits, rule: self.rule.clone() }
    }

    /// The sum or integral of `f` over every piece.
    pub(super) fn integrals(&self, f: &dyn Fn(f64) -> f64) -> Vec<f64> {
        let Some((low, high)) = self.limits else {
            return self.points.iter().map(|x| f(*x)).collect();
        };
        let (Some(&first), Some(&last)) = (self.points.first(), self.points.last()) else {
            return vec![f64::NAN];
        };
        let width = if last > first { last - first } else { first.abs().max(1.0) };
        // What is so small beside the whole need not agree: near a finite limit the rounding of x
        // is noise that no halving removes.
        let size: f64 = self.points.windows(2).map(|w| self.gauss(f, w[0], w[1]).abs()).sum();
        let floor = if size.is_finite() { 1e-15 * size } else { 0.0 };
        let inner = self.points.windows(2).map(|w| self.adaptive(f, w[0], w[1], floor));
        std::iter::once(self.tail(f, first, low, width, floor))
            .chain(inner)
            .chain(std::iter::once(self.tail(f, last, high, width, floor)))
            .collect()
    }

    /// The expectation of `g` under `d`; where there is no mass, `g` does not matter.
    pub(crate) fn expectation<D: Distribution<f64>>(&self, d: &D, g: impl Fn(f64) -> f64) -> f64 {
        self.mean(&|x| d.log_prob(x), &g)
    }

    /// The same for this log density.
    pub(crate) fn mean(&self, log_prob: &dyn Fn(f64) -> f64, g: &dyn Fn(f64) -> f64) -> f64 {
        let weighted = |x| {
            let p = log_prob(x).exp();
            if p == 0.0 { 0.0 } else { p * g(x) }
        };
        self.integrals(&weighted).iter().sum()
    }

    /// From `start` to the limit `end`, on a log scale: a pole at a finite limit and a power law
    /// towards an infinite one both become exponential decay.
    fn tail(&self, f: &dyn Fn(f64) -> f64, start: f64, end: f64, width: f64, floor: f64) -> f64 {
        let way = (end - start).abs();
        let sign = if end < start { -1.0 } else { 1.0 };
        let g = |s: f64| {
            let (x, slope) = if way.is_finite() {
                (end - sign * way * (-s).exp(), way * (-s).exp())
            } else {
                (start + sign * width * s.exp_m1(), width * s.exp())
            };
            let y = if slope > 0.0 && x.is_finite() { f(x) * slope } else { 0.0 };
            // A limit reached by rounding has a density without mass.
            if way.is_finite() && x == end && !y.is_finite() { 0.0 } else { y }
        };
        let mut ends = vec![0.0, 0.5, 1.0];
        while ends[ends.len() - 1] < REACH {
            ends.push((ends[ends.len() - 1] * 1.5).min(REACH));
        }
        ends.windows(2).map(|w| self.adaptive(&g, w[0], w[1], floor)).sum()
    }

    /// Gauss-Legendre on the interval and on its halves, halved again until they agree.
    fn adaptive(&self, f: &dyn Fn(f64) -> f64, a: f64, b: f64, floor: f64) -> f64 {
        self.halve(f, (a, b), self.gauss(f, a, b), floor.max(f64::MIN_POSITIVE), DEPTH)
    }

    fn halve(&self, f: &dyn Fn(f64) -> f64, (a, b): (f64, f64), whole: f64, floor: f64, depth: usize) -> f64 {
        let middle = a + (b - a) / 2.0;
        let (left, right) = (self.gauss(f, a, middle), self.gauss(f, middle, b));
        let sum = left + right;
        // A part may be as wrong as the rounding of the first sum, or not at all.
        let floor = floor.max(1e-13 * sum.abs());
        // A kink nearer to an end than the outermost nodes is seen by neither rule: it may only
        // hide in a small interval.
        let agree = depth <= DEPTH - 3 && (sum - whole).abs() <= floor;
        if depth == 0 || agree || sum.is_nan() {
            return sum;
        }
        self.halve(f, (a, middle), left, floor, depth - 1)
            + self.halve(f, (middle, b), right, floor, depth - 1)
    }

    fn gauss(&self, f: &dyn Fn(f64) -> f64, a: f64, b: f64) -> f64 {
        let (half, middle) = ((b - a) / 2.0, a + (b - a) / 2.0);
        half * self.rule.iter().map(|(x, w)| w * f(middle + half * x)).sum::<f64>()
    }
}

/// Nodes and weights of the Gauss-Legendre rule on [-1, 1], by Newton's method.
fn legendre(n: usize) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..8 {
                let (mut before, mut p) = (1.0, x);
                for k in 2..=n {
                    let k = k as f64;
                    (before, p) = (p, ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}
