//! Small squares of numbers whose rows become columns, in registers.

use std::arch::x86_64::*;

/// Eight by eight: pairs of rows, then pairs of pairs, then halves.
///
/// # Safety
/// AVX2, and 8 × 8 entries at these steps behind both pointers.
#[inline(always)]
pub(super) unsafe fn transpose32(x: *const f32, x_step: usize, to: *mut f32, to_step: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        // Not closures: those would be compiled without the instruction set.
        macro_rules! pair {
            ($i:literal, $j:literal) => {{
                let (a, b) = (_mm256_loadu_ps(x.add($i * x_step)), _mm256_loadu_ps(x.add($j * x_step)));
                (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b))
            }};
        }
        macro_rules! store {
            ($j:literal, $p:ident, $q:ident, $r:ident, $s:ident, $half:literal) => {
                let (low, high) = (_mm256_shuffle_ps::<$half>($p, $q), _mm256_shuffle_ps::<$half>($r, $s));
                _mm256_storeu_ps(to.add($j * to_step), _mm256_permute2f128_ps::<0x20>(low, high));
                _mm256_storeu_ps(to.add(($j + 4) * to_step), _mm256_permute2f128_ps::<0x31>(low, high));
            };
        }
        let ((a, b), (c, d), (e, f), (g, h)) = (pair!(0, 1), pair!(2, 3), pair!(4, 5), pair!(6, 7));
        store!(0, a, c, e, g, 0x44);
        store!(1, a, c, e, g, 0xee);
        store!(2, b, d, f, h, 0x44);
        store!(3, b, d, f, h, 0xee);
    }
}

/// Four by four.
///
/// # Safety
/// AVX2, and 4 × 4 entries at these steps behind both pointers.
#[inline(always)]
pub(super) unsafe fn transpose64(x: *const f64, x_step: usize, to: *mut f64, to_step: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let (a, b) = (_mm256_loadu_pd(x), _mm256_loadu_pd(x.add(x_step)));
        let (c, d) = (_mm256_loadu_pd(x.add(2 * x_step)), _mm256_loadu_pd(x.add(3 * x_step)));
        let (p, q) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (s, t) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        _mm256_storeu_pd(to, _mm256_permute2f128_pd::<0x20>(p, s));
        _mm256_storeu_pd(to.add(to_step), _mm256_permute2f128_pd::<0x20>(q, t));
        _mm256_storeu_pd(to.add(2 * to_step), _mm256_permute2f128_pd::<0x31>(p, s));
        _mm256_storeu_pd(to.add(3 * to_step), _mm256_permute2f128_pd::<0x31>(q, t));
    }
}
