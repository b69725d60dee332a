//! Small blocks of numbers whose rows become columns, in registers.
#![allow(
    clippy::needless_range_loop,
    reason = "closures in their place would be compiled without the instruction set"
)]

use super::view::Columns;
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

/// Sixteen rows of eight become eight of sixteen.
///
/// # Safety
/// AVX-512, and so many entries behind these pointers.
#[inline(always)]
pub(super) unsafe fn transpose_tall32(x: Columns<f32>, to: Columns<f32>) {
    // SAFETY: the caller's contract.
    unsafe {
        let (x_at, to_at) = (x.fours(), to.fours());
        // Rows i and i + 4 in one register: its four lanes are half rows.
        macro_rules! halves {
            ($i:literal) => {{
                let low = _mm512_castps256_ps512(_mm256_loadu_ps(x.number(x_at, $i)));
                _mm512_insertf32x8::<1>(low, _mm256_loadu_ps(x.number(x_at, $i + 4)))
            }};
        }
        let upper = squares([halves!(0), halves!(1), halves!(2), halves!(3)]);
        let lower = squares([halves!(8), halves!(9), halves!(10), halves!(11)]);
        for j in 0..4 {
            // Lanes 0 and 2 are of the first four columns, the others of the last four.
            let first = _mm512_shuffle_f32x4::<0x88>(upper[j], lower[j]);
            let second = _mm512_shuffle_f32x4::<0xdd>(upper[j], lower[j]);
            _mm512_storeu_ps(to.number(to_at, j).cast_mut(), first);
            _mm512_storeu_ps(to.number(to_at, j + 4).cast_mut(), second);
        }
    }
}

/// Four by four in each of the four lanes.
///
/// # Safety
/// AVX-512.
#[inline(always)]
pub(super) unsafe fn squares([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: the caller's contract.
    unsafe {
        let (p, q) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (r, s) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        [
            _mm512_shuffle_ps::<0x44>(p, r),
            _mm512_shuffle_ps::<0xee>(p, r),
            _mm512_shuffle_ps::<0x44>(q, s),
            _mm512_shuffle_ps::<0xee>(q, s),
        ]
    }
}
