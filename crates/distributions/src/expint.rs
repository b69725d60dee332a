//! The exponential integral `E₁`, scaled.

use crate::lift::lift;
use probity_autodiff::Real;

/// Euler's constant.
const EULER: f64 = 0.577215664901532860606512090082402431;

/// `ln(e^z E₁(z))` of `ln z`, with its first two derivatives: relatively accurate slopes at every
/// size.
///
/// *Source*: the series DLMF 6.6.2 and the continued fraction 6.9.1, in the form
/// `1 / (e^z E₁) = z + c`, `c = 1 - 1/(z + 3 - 4/(z + 5 - 9/...))`.
pub(crate) fn log_e1_scaled<R: Real>(ln_z: R) -> R {
    let w = ln_z.re();
    let z = w.exp();
    if z.is_nan() {
        return R::of(f64::NAN);
    }
    if z < 0.7 {
        // -γ - ln z + z - z²/4 + z³/18 - ..., the terms beyond below 1e-17.
        let (mut term, mut sum) = (1.0, 0.0);
        for k in 1..=16 {
            let k = f64::from(k);
            term *= -z / k;
            sum -= term / k;
        }
        let e1 = sum - EULER - w;
        let scaled = z.exp() * e1;
        // By g' = g - 1/z: the slope in ln z is z - 1/g.
        let slope = z - 1.0 / scaled;
        return lift(ln_z, [z + e1.ln(), slope, z + slope * (1.0 / scaled)]);
    }
    let terms = (12.0 + 90.0 / z) as i32;
    let mut rest = 0.0;
    for n in (1..=terms).rev() {
        let n = f64::from(n);
        rest = n * n / (z + 2.0 * n + 1.0 - rest);
    }
    let c = 1.0 - rest;
    let log = if z < 1e15 { -(z + c).ln() } else { -w };
    // z c' = c² - z (1 - c).
    lift(ln_z, [log, -c, if z < 1e15 { -(c * c - z * rest) } else { 0.0 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_scaled_integral() {
        // e^z E₁(z), of 30-digit arithmetic.
        for (z, want) in [
            (1e-300, 690.198_312_233_312_2),
            (0.1, 2.014_642_544_708_451_7),
            (0.699_999, 0.752_678_695_923_678_1),
            (0.700_001, 0.752_677_344_136_861),
            (3.0, 0.262_083_740_255_318_5),
            (50.0, 0.019_615_109_930_114_87),
            (1e20, 1e-20),
        ] {
            let got = log_e1_scaled(Real::ln(z)).exp();
            assert!((got / want - 1.0).abs() < 1e-12, "{z}: {got} {want}");
        }
    }
}
