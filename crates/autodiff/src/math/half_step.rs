//! The gamma function over half a step, branch-free.

use super::double::ln;
use super::lgamma::polynomial;
use crate::real::Real;

/// From here on the series.
const LARGE: f64 = 8.0;
const STEPS: i32 = 8;

/// `ln Γ(x + 1/2) - ln Γ(x) - ½ ln x` in odd powers of `1/x`: the difference of two series DLMF
/// 5.11.8. The first term left out is below 2e-17 at 8.
const SERIES: [f64; 9] = [
    -1.0 / 8.0,
    1.0 / 192.0,
    -1.0 / 640.0,
    17.0 / 14336.0,
    -31.0 / 18432.0,
    691.0 / 180224.0,
    -5461.0 / 425984.0,
    929569.0 / 15728640.0,
    -3202291.0 / 8912896.0,
];

/// `ln Γ(x + ½) - ln Γ(x) - ½ ln x` for `x > 0`; it vanishes as `x` grows, without cancellation
/// from 8 on, below to within a few units of 1e-16. NaN below 0.
#[inline(always)]
pub fn half_step(x: f64) -> f64 {
    let small = x < LARGE;
    // Eight steps of the recurrence: the product of (x + k) (x + k + 1) / (x + k + ½)², in factors
    // from both ends.
    let (v, w) = (x * (x + 7.0), (x + 0.5) * (x + 7.5));
    let over = (x + 7.0) * (v + 6.0) * (v + 10.0) * (v + 12.0);
    let under = w * (w + 6.0) * (w + 10.0) * (w + 12.0);
    let ratio = over / under;
    let steps = ln(x * (x + 8.0) * (ratio * ratio)) * 0.5;
    let r = 1.0 / if small { x + 8.0 } else { x };
    let series = polynomial(r * r, &SERIES) * r;
    let f = series + if small { steps } else { 0.0 };
    if x < 0.0 { f64::NAN } else { f }
}

/// The derivative of [`half_step`]; at small `x` a sum of positive terms as well.
#[inline(always)]
pub fn half_step_slope<R: Real>(x: R) -> R {
    let small = x < LARGE;
    // Σ 1 / (4 (x + k) (x + k + ½) (x + k + 1)), as one fraction.
    let (mut over, mut under) = (R::zero(), R::one());
    for k in 0..STEPS {
        let k = f64::from(k);
        let factor = (x + k) * (x + (k + 0.5)) * (x + (k + 1.0));
        over = over * factor + under;
        under *= factor;
    }
    let steps = over / under * 0.25;
    let r = (if small { x + 8.0 } else { x }).recip();
    let z = r * r;
    let mut series = R::zero();
    for k in (0..SERIES.len()).rev() {
        series = series * z - SERIES[k] * (2 * k + 1) as f64;
    }
    series * z + if small { steps } else { R::zero() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_difference_and_its_slope() {
        for i in 0..4000 {
            let x = 10.0_f64.powf(-3.0 + 0.00125 * f64::from(i));
            let want = (x + 0.5).lgamma() - x.lgamma() - 0.5 * x.ln();
            // What the three terms are rounded to, and the last place of the result.
            let size = (x + 0.5).lgamma().abs() + x.lgamma().abs() + x.ln().abs() + 1.0;
            assert!((half_step(x) - want).abs() < 4.0 * f64::EPSILON * size, "{x}: {} {want}", half_step(x));
            let slope = (x + 0.5).digamma() - x.digamma() - 0.5 / x;
            let size = (x + 0.5).digamma().abs() + x.digamma().abs() + 1.0 / x;
            let got = half_step_slope(x);
            assert!((got - slope).abs() < 8.0 * f64::EPSILON * size, "{x}: {got} {slope}");
        }
        // Far out the two terms would cancel: -1 / (8x), and its slope.
        for x in [1e6, 1e12, 1e100] {
            assert!((half_step(x) * x * -8.0 - 1.0).abs() < 1e-11);
            assert!((half_step_slope(x) * x * x * 8.0 - 1.0).abs() < 1e-11);
        }
        assert!(half_step(-1.0).is_nan() && half_step(f64::NAN).is_nan());
    }
}
