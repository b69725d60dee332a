//! Sine and cosine of an angle given as a whole number of small turns, branch-free.
//!
//! The angle comes as an integer `n`, meaning `2π (n + ½) / 2³²` (or `2⁶⁴`), so the reduction to an
//! eighth of a turn on either side of an axis is exact integer work. The half step makes the set of
//! angles symmetric about both axes and keeps every sine and cosine away from zero.

/// `(sin, cos)` of `2π (n + ½) / 2³²`, within 3 ulp. Coefficients: Cephes `sinf.c`.
#[inline(always)]
pub fn sin_cos_u32(n: u32) -> (f32, f32) {
    const STEP: f32 = std::f32::consts::FRAC_PI_2 / 4294967296.0;
    // Two top bits, rounded: the nearest axis. The others: the signed way from there, in quarter
    // turns / 2³².
    let axis = n.wrapping_add(1 << 29) >> 30;
    let x = (((n << 2) | 2) as i32) as f32 * STEP;
    let z = x * x;
    let mut p = -1.9515295891e-4_f32;
    p = p.mul_add(z, 8.3321608736e-3);
    p = p.mul_add(z, -1.6666654611e-1);
    let sin = p.mul_add(x * z, x);
    let mut p = 2.443315711809948e-5_f32;
    p = p.mul_add(z, -1.388731625493765e-3);
    p = p.mul_add(z, 4.166664568298827e-2);
    let cos = p.mul_add(z * z, z.mul_add(-0.5, 1.0));
    let (s, c) = if axis & 1 == 0 { (sin, cos) } else { (cos, sin) };
    // The sine is negative beyond axes 2 and 3, the cosine beyond 1 and 2.
    let (s_sign, c_sign) = ((axis & 2) << 30, (axis.wrapping_add(1) & 2) << 30);
    (f32::from_bits(s.to_bits() ^ s_sign), f32::from_bits(c.to_bits() ^ c_sign))
}

/// `(sin, cos)` of `2π (n + ½) / 2⁶⁴`, within 2 ulp. Coefficients: fdlibm `k_sin.c`, `k_cos.c`.
#[inline(always)]
pub fn sin_cos_u64(n: u64) -> (f64, f64) {
    const TWO_M32: f64 = 1.0 / 4294967296.0;
    const STEP: f64 = std::f64::consts::FRAC_PI_2 * TWO_M32;
    let (high, low) = ((n >> 32) as u32, n as u32);
    let axis = high.wrapping_add(1 << 29) >> 30;
    // In two halves, because AVX2 converts 32-bit integers only.
    let way = ((high << 2) | (low >> 30)) as i32 as f64;
    let x = (((low << 2) | 2) as f64).mul_add(TWO_M32, way) * STEP;
    let z = x * x;
    let mut p = 1.58969099521155010221e-10_f64;
    p = p.mul_add(z, -2.50507602534068634195e-08);
    p = p.mul_add(z, 2.75573137070700676789e-06);
    p = p.mul_add(z, -1.98412698298579493134e-04);
    p = p.mul_add(z, 8.33333333332248946124e-03);
    p = p.mul_add(z, -1.66666666666666324348e-01);
    let sin = p.mul_add(x * z, x);
    let mut p = -1.13596475577881948265e-11_f64;
    p = p.mul_add(z, 2.08757232129817482790e-09);
    p = p.mul_add(z, -2.75573143513906633035e-07);
    p = p.mul_add(z, 2.48015872894767294178e-05);
    p = p.mul_add(z, -1.38888888888741095749e-03);
    p = p.mul_add(z, 4.16666666666666019037e-02);
    let cos = p.mul_add(z * z, z.mul_add(-0.5, 1.0));
    let (s, c) = if axis & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let (s_sign, c_sign) = (u64::from(axis & 2) << 62, u64::from(axis.wrapping_add(1) & 2) << 62);
    (f64::from_bits(s.to_bits() ^ s_sign), f64::from_bits(c.to_bits() ^ c_sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_2, TAU};

    /// Angles near the axes and diagonals, and some in between.
    fn turns() -> impl Iterator<Item = u64> {
        let eighths = (0..8_u64).flat_map(|e| (-40..40_i64).map(move |d| (e << 61).wrapping_add(d as u64)));
        let grid = (0..200_000_u64).map(|i| i.wrapping_mul(0x9E3779B97F4A7C15));
        eighths.chain(grid)
    }

    /// By the nearest axis and the signed way from it, in quarter turns: the platform's own
    /// reduction would lose the digits near an axis.
    fn reference(axis: u64, way: f64) -> (f64, f64) {
        let (s, c) = (libm::sin(way * FRAC_PI_2), libm::cos(way * FRAC_PI_2));
        [(s, c), (c, -s), (-s, -c), (-c, s)][axis as usize]
    }

    #[test]
    fn single_is_within_three_ulp() {
        for n in turns().map(|n| (n >> 32) as u32) {
            let (s, c) = sin_cos_u32(n);
            let way = f64::from((n << 2 | 2) as i32) / 4294967296.0;
            let want = reference(u64::from(n.wrapping_add(1 << 29) >> 30), way);
            for (got, want) in [(s, want.0), (c, want.1)] {
                let near = want.abs() as f32;
                let ulp = f64::from(near.next_up() - near);
                assert!((f64::from(got) - want).abs() <= 3.0 * ulp, "{n} {got} {want}");
            }
            let angle = TAU * ((f64::from(n) + 0.5) / 4294967296.0);
            assert!((want.0 - libm::sin(angle)).abs() + (want.1 - libm::cos(angle)).abs() < 1e-14);
        }
    }

    #[test]
    fn double_is_within_two_ulp() {
        for n in turns() {
            let (s, c) = sin_cos_u64(n);
            let way = (n << 2 | 2) as i64 as f64 / 18446744073709551616.0;
            let want = reference(n.wrapping_add(1 << 61) >> 62, way);
            for (got, want) in [(s, want.0), (c, want.1)] {
                let ulp = want.abs().next_up() - want.abs();
                assert!((got - want).abs() <= 2.0 * ulp, "{n} {got} {want}");
            }
        }
    }

    #[test]
    fn angles_are_symmetric() {
        for n in turns() {
            let ((s, c), (t, d)) = (sin_cos_u64(n), sin_cos_u64(!n));
            assert_eq!((s, c), (-t, d));
            let ((s, c), (t, d)) = (sin_cos_u32(n as u32), sin_cos_u32(!(n as u32)));
            assert_eq!((s, c), (-t, d));
            assert!(s != 0.0 && c != 0.0);
        }
    }
}
