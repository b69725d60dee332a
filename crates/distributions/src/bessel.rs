//! Means under the density `e^(k cos t)` on a circle: ratios of modified Bessel functions.

use crate::lift::lift;
use probity_autodiff::Real;
use std::f64::consts::{PI, TAU};
use std::sync::LazyLock;

/// Of a concentration `k >= 0`, with `v = 1 - cos t`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circle {
    /// `ln(e⁻ᵏ I₀(k))`.
    pub(crate) log_i0e: f64,
    /// `E v = 1 - I₁/I₀`.
    pub(crate) mean: f64,
    /// `Var v`.
    pub(crate) variance: f64,
    /// The third central moment of `v`.
    pub(crate) third: f64,
    /// `E cos t = I₁/I₀`.
    pub(crate) cosine: f64,
}

/// From here on the series in `1/k`.
const LARGE: f64 = 30.0;

/// The last of the nodes of a half circle.
const LAST: usize = 32;

/// `1 - cos t` at even steps of a half circle, both ends among them.
static NODES: LazyLock<[f64; LAST + 1]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let s = Real::sin(i as f64 * (PI / (2 * LAST) as f64));
        2.0 * s * s
    })
});

/// Terms of the series.
const TERMS: usize = 26;

/// Of `1 - I₁/I₀` in powers of `1/k`.
static COEFFICIENTS: LazyLock<[f64; TERMS]> = LazyLock::new(|| {
    let mut a = [0.0; TERMS];
    a[1] = 0.5;
    for m in 2..TERMS {
        let products: f64 = (1..m).map(|i| a[i] * a[m - i]).sum();
        a[m] = 0.5 * ((m as f64 - 2.0) * a[m - 1] + products);
    }
    a
});

impl Circle {
    /// By trapezoidal sums around the circle, whose error below `k = 30` is `2 I₆₄(k) / I₀(k)`,
    /// less than 1e-24; then by the series of `1 - I₁/I₀` in `1/k`, whose coefficients follow from
    /// `A' = 1 - A/k - A²`, and its integral and derivatives.
    pub(crate) fn of(k: f64) -> Self {
        if k > LARGE {
            return Self::series(k);
        }
        // Both ends of the half circle count once.
        let weight = |i: usize| Real::exp(-k * NODES[i]) * if i == 0 || i == LAST { 0.5 } else { 1.0 };
        let weights: [f64; LAST + 1] = std::array::from_fn(weight);
        let nodes = || weights.iter().zip(NODES.iter());
        let total: f64 = weights.iter().sum();
        let mean = nodes().map(|(w, v)| w * v).sum::<f64>() / total;
        let (mut variance, mut third) = (0.0, 0.0);
        for (w, v) in nodes() {
            let d = v - mean;
            variance += w * d * d;
            third += w * d * d * d;
        }
        // By the power series for a small k, where 1 - E v would cancel.
        let cosine = if k < 1.0 {
            let q = 0.25 * k * k;
            let sum =
                |n: f64| (1..=12).rev().fold(1.0, |s, j| 1.0 + s * q / f64::from(j) / (f64::from(j) + n));
            0.5 * k * sum(1.0) / sum(0.0)
        } else {
            1.0 - mean
        };
        let log_i0e = Real::ln(total / LAST as f64);
        Self { log_i0e, mean, variance: variance / total, third: third / total, cosine }
    }

    fn series(k: f64) -> Self {
        let y = 1.0 / k;
        let (mut mean, mut log, mut variance, mut third) = (0.0, 0.0, 0.0, 0.0);
        for n in (1..TERMS).rev() {
            let (a, n) = (COEFFICIENTS[n], n as f64);
            mean = (mean + a) * y;
            log = if n > 1.0 { (log + a / (n - 1.0)) * y } else { log };
            variance = (variance + n * a) * y;
            third = (third + n * (n + 1.0) * a) * y;
        }
        Self {
            log_i0e: log - 0.5 * Real::ln(TAU * k),
            mean,
            variance: variance * y,
            third: third * y * y,
            cosine: 1.0 - mean,
        }
    }
}

/// `ln(e⁻ᵏ I₀(k))`.
pub(crate) fn log_i0e<R: Real>(k: R) -> R {
    let c = Circle::of(k.re());
    lift(k, [c.log_i0e, -c.mean, c.variance])
}

/// `1 - I₁(k)/I₀(k)`, relatively accurate.
pub(crate) fn one_minus_ratio<R: Real>(k: R) -> R {
    let c = Circle::of(k.re());
    lift(k, [c.mean, -c.variance, c.third])
}

/// `I₁(k)/I₀(k)`, relatively accurate.
pub(crate) fn ratio<R: Real>(k: R) -> R {
    let c = Circle::of(k.re());
    lift(k, [c.cosine, c.variance, -c.third])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of 30-digit arithmetic, on both sides of the change of method.
    #[test]
    fn ratios_have_their_values() {
        for (k, log_i0e, ratio) in VALUES {
            let c = Circle::of(k);
            assert!((c.log_i0e - log_i0e).abs() < 2e-15 * (1.0 + log_i0e.abs()), "{k}: {c:?}");
            assert!(
                (c.cosine / ratio - 1.0).abs() < 1e-15 && (c.mean - (1.0 - ratio)).abs() < 1e-15,
                "{k}: {c:?}"
            );
        }
        let (below, above) = (Circle::of(LARGE), Circle::of(LARGE * (1.0 + 2e-16)));
        for (a, b) in [(below.mean, above.mean), (below.variance, above.variance), (below.third, above.third)]
        {
            assert!((a / b - 1.0).abs() < 1e-14, "{a:e} {b:e}");
        }
    }

    const VALUES: [(f64, f64, f64); 7] = [
        (1e-06, -9.9999975000000000002e-7, 4.999999999999375e-7),
        (0.3, -0.27762531137795809511, 0.14833742694087526262),
        (1.0, -0.76408564149282135131, 0.44638996589653450705),
        (5.0, -1.6953182241774665662, 0.89338313704408522159),
        (29.0, -2.5981989628497697533, 0.98260456492120509715),
        (31.0, -2.6318325376335864698, 0.98373647201299787382),
        (1000000.0, -7.8266936871867472938, 0.99999949999987499987),
    ];
}
