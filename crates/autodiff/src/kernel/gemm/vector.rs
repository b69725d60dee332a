//! Vectors of one instruction set, as far as matrix products need them.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every block is one access or instruction under the contract of the trait"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "closures in their place would be compiled without the instruction set"
)]

use super::view::Columns;
use std::ops::Add;

/// A vector of [`LEN`](Vector::LEN) numbers in a register.
///
/// # Safety
/// Every method may only be called where the instruction set is there, from a function compiled for
/// it (else nothing is inlined). Pointers must be valid for the entries that are read or written:
/// `LEN` of them, or the first `n` (`0 < n <= LEN`) where a [`Mask`](Vector::Mask) of `n` is given;
/// they need not be aligned.
pub(super) trait Vector: Copy {
    /// The number in memory.
    type Num: Copy + Default + Add<Output = Self::Num>;
    /// Selects the first entries of a vector.
    type Mask: Copy;
    const LEN: usize;
    /// Vectors of rows of a tile, at most three.
    const ROWS: usize = 3;
    /// Columns of a tile: with [`ROWS`](Vector::ROWS) vectors of rows, its sums fill the registers,
    /// of which a few are left over for what is loaded. (If exactly as many are left as are needed,
    /// LLVM moves the sums to and fro.)
    const COLUMNS: usize;
    /// Masks cost neither time nor one of the registers for numbers.
    const FREE_MASKS: bool;
    /// Entries that are summed at once along the depth, as far as registers go.
    const DOTS: usize;
    /// Below all numbers.
    const LOWEST: Self::Num;
    /// [`transpose`](Vector::transpose) does squares of this size.
    const SQUARE: usize;

    unsafe fn zero() -> Self;
    unsafe fn splat(x: *const Self::Num) -> Self;
    unsafe fn mask(n: usize) -> Self::Mask;
    unsafe fn load(x: *const Self::Num) -> Self;
    /// The entries left out are 0.
    unsafe fn load_first(x: *const Self::Num, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut Self::Num);
    unsafe fn store_first(self, to: *mut Self::Num, mask: Self::Mask);
    unsafe fn add(self, other: Self) -> Self;
    /// The larger of the two numbers of each place; a NaN of `self` stays.
    unsafe fn at_least(self, least: Self) -> Self;
    /// 0 where `y` is at most 0, as the derivative of a ReLU with that value.
    unsafe fn where_above_zero(self, y: Self) -> Self;
    /// `self + a b`, rounded once (but for the portable form).
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Entry i is the sum of the entries of `x[i]`, of which there are `LEN`: the upper half is
    /// added to the lower one, and so on.
    unsafe fn totals(x: [Self; 16]) -> Self;
    /// Asks for the cache line at an address that need not be valid.
    unsafe fn prefetch(x: *const Self::Num);
    /// `to[i + j to_step] = x[j + i x_step]` for a square.
    unsafe fn transpose(x: *const Self::Num, x_step: usize, to: *mut Self::Num, to_step: usize);

    /// Rows of [`transpose_tall`](Vector::transpose_tall), or 0 if it is not there.
    const TALL: usize = 0;
    /// As [`transpose`](Vector::transpose), for that many rows of `x`.
    unsafe fn transpose_tall(_x: Columns<Self::Num>, _to: Columns<Self::Num>) {}

    /// A register has four lanes of so many numbers, and the methods below are there; or 0.
    const LANE: usize = 0;
    /// The first numbers, at most [`LANE`](Vector::LANE), in every lane.
    unsafe fn load_lanes(x: *const Self::Num, mask: Self::Mask) -> Self {
        unsafe { Self::load_first(x, mask) }
    }
    /// Selects the numbers of lane `i`.
    unsafe fn lane_mask(_i: usize) -> Self::Mask {
        unsafe { Self::mask(0) }
    }
    /// Where the mask selects them, the numbers of another.
    unsafe fn or(self, _other: Self, _mask: Self::Mask) -> Self {
        self
    }
    /// Lane `L` in the first one.
    unsafe fn lane<const L: i32>(self) -> Self {
        self
    }
}

/// Four numbers in an array, for targets without a form of their own. Those have 32 registers; on
/// x86-64 it serves processors without AVX2, which have 16.
#[derive(Clone, Copy)]
pub(super) struct Portable<T>([T; 4]);

macro_rules! portable {
    ($num:ty) => {
        impl Vector for Portable<$num> {
            type Num = $num;
            type Mask = usize;
            const LEN: usize = 4;
            const LOWEST: $num = <$num>::NEG_INFINITY;
            const ROWS: usize = if cfg!(target_arch = "x86_64") { 1 } else { 3 };
            const COLUMNS: usize = 4;
            const FREE_MASKS: bool = false;
            const DOTS: usize = 2;
            const SQUARE: usize = 1;
            #[inline(always)]
            unsafe fn zero() -> Self {
                Portable([0.0; 4])
            }
            #[inline(always)]
            unsafe fn splat(x: *const $num) -> Self {
                // SAFETY: the caller's contract, here and below.
                Portable([unsafe { *x }; 4])
            }
            #[inline(always)]
            unsafe fn mask(n: usize) -> usize {
                n
            }
            #[inline(always)]
            unsafe fn load(x: *const $num) -> Self {
                Portable(unsafe { x.cast::<[$num; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_first(x: *const $num, n: usize) -> Self {
                let mut v = [0.0; 4];
                for (i, v) in v.iter_mut().enumerate().take(n) {
                    *v = unsafe { *x.add(i) };
                }
                Portable(v)
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $num) {
                unsafe { to.cast::<[$num; 4]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $num, n: usize) {
                for (i, v) in self.0.iter().enumerate().take(n) {
                    unsafe { *to.add(i) = *v };
                }
            }
            #[inline(always)]
            unsafe fn add(mut self, other: Self) -> Self {
                for (x, y) in self.0.iter_mut().zip(other.0) {
                    *x += y;
                }
                self
            }
            #[inline(always)]
            unsafe fn at_least(mut self, least: Self) -> Self {
                for (x, y) in self.0.iter_mut().zip(least.0) {
                    *x = if y > *x { y } else { *x };
                }
                self
            }
            #[inline(always)]
            unsafe fn where_above_zero(mut self, y: Self) -> Self {
                for (x, y) in self.0.iter_mut().zip(y.0) {
                    *x = if y <= 0.0 { 0.0 } else { *x };
                }
                self
            }
            #[inline(always)]
            unsafe fn add_product(mut self, a: Self, b: Self) -> Self {
                for (i, x) in self.0.iter_mut().enumerate() {
                    *x += a.0[i] * b.0[i];
                }
                self
            }
            #[inline(always)]
            unsafe fn totals(x: [Self; 16]) -> Self {
                Portable(std::array::from_fn(|i| {
                    let [a, b, c, d] = x[i].0;
                    (a + c) + (b + d)
                }))
            }
            #[inline(always)]
            unsafe fn prefetch(_: *const $num) {}
            #[inline(always)]
            unsafe fn transpose(x: *const $num, _: usize, to: *mut $num, _: usize) {
                unsafe { *to = *x };
            }
        }
    };
}
portable!(f32);
portable!(f64);

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Eight32, Eight64, Four64, Sixteen32};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::transpose::{transpose_tall32, transpose32, transpose64};
    use super::{Columns, Vector};
    use std::arch::x86_64::*;

    /// Eight `f32` in an AVX2 register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight32(__m256);
    /// Four `f64` in an AVX2 register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Four64(__m256d);
    /// Sixteen `f32` in an AVX-512 register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Sixteen32(__m512);
    /// Eight `f64` in an AVX-512 register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight64(__m512d);

    /// For AVX2 masks: `n` ones, then zeros, start at `8 - n`.
    static ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    static ONES64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    macro_rules! vector {
        (
            $name:ident, $num:ty, $mask:ty, $len:literal, $columns:literal, $free_masks:literal, $dots:literal, $square:literal, $zero:ident, $splat:ident, $load:ident,
            $store:ident, $add:ident, $max:ident, $above:ident, $fma:ident, $totals:ident, $transpose:ident, $n:ident => $make:expr,
            $at:ident, $m:ident => $load_first:expr, $to:ident, $v:ident => $store_first:expr $(, $more:item)*
        ) => {
            // SAFETY of every block: the caller's contract.
            impl Vector for $name {
                type Num = $num;
                type Mask = $mask;
                const LEN: usize = $len;
                const LOWEST: $num = <$num>::NEG_INFINITY;
                const COLUMNS: usize = $columns;
                const FREE_MASKS: bool = $free_masks;
                const DOTS: usize = $dots;
                const SQUARE: usize = $square;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    $name(unsafe { $zero() })
                }
                #[inline(always)]
                unsafe fn splat(x: *const $num) -> Self {
                    $name(unsafe { $splat(*x) })
                }
                #[inline(always)]
                unsafe fn mask($n: usize) -> $mask {
                    $make
                }
                #[inline(always)]
                unsafe fn load(x: *const $num) -> Self {
                    $name(unsafe { $load(x) })
                }
                #[inline(always)]
                unsafe fn load_first($at: *const $num, $m: $mask) -> Self {
                    $name(unsafe { $load_first })
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $num) {
                    unsafe { $store(to, self.0) }
                }
                #[inline(always)]
                unsafe fn store_first(self, $to: *mut $num, $m: $mask) {
                    let $v = self.0;
                    unsafe { $store_first }
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    $name(unsafe { $add(self.0, other.0) })
                }
                #[inline(always)]
                unsafe fn at_least(self, least: Self) -> Self {
                    // Gives the second one if either is NaN.
                    $name(unsafe { $max(least.0, self.0) })
                }
                #[inline(always)]
                unsafe fn where_above_zero(self, y: Self) -> Self {
                    $name(unsafe { $above(self.0, y.0) })
                }
                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    $name(unsafe { $fma(a.0, b.0, self.0) })
                }
                #[inline(always)]
                unsafe fn totals(x: [Self; 16]) -> Self {
                    let mut v = [x[0].0; 16];
                    for i in 0..16 {
                        v[i] = x[i].0;
                    }
                    $name(unsafe { $totals(v) })
                }
                #[inline(always)]
                unsafe fn prefetch(x: *const $num) {
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(x.cast()) }
                }
                #[inline(always)]
                unsafe fn transpose(x: *const $num, x_step: usize, to: *mut $num, to_step: usize) {
                    unsafe { $transpose(x, x_step, to, to_step) }
                }
                $($more)*
            }
        };
    }

    vector!(
        Eight32, f32, __m256i, 8, 3, false, 4, 8, _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps,
        _mm256_max_ps, above_zero8, _mm256_fmadd_ps, eight_totals32, transpose32, n => unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - n).cast()) },
        at, m => _mm256_maskload_ps(at, m), to, v => _mm256_maskstore_ps(to, m, v)
    );
    vector!(
        Four64, f64, __m256i, 4, 3, false, 2, 4, _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd,
        _mm256_max_pd, above_zero4, _mm256_fmadd_pd, four_totals64, transpose64, n => unsafe { _mm256_loadu_si256(ONES64.as_ptr().add(4 - n).cast()) },
        at, m => _mm256_maskload_pd(at, m), to, v => _mm256_maskstore_pd(to, m, v)
    );
    vector!(
        Sixteen32, f32, __mmask16, 16, 8, true, 16, 8, _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps,
        _mm512_max_ps, above_zero16, _mm512_fmadd_ps, sixteen_totals32, transpose32, n => ((1_u32 << n) - 1) as __mmask16,
        at, m => _mm512_maskz_loadu_ps(m, at), to, v => _mm512_mask_storeu_ps(to, m, v),
        const TALL: usize = 16;,
        #[inline(always)]
        unsafe fn transpose_tall(x: Columns<f32>, to: Columns<f32>) {
            unsafe { transpose_tall32(x, to) }
        },
        const LANE: usize = 4;,
        #[inline(always)]
        unsafe fn load_lanes(x: *const f32, mask: __mmask16) -> Self {
            Sixteen32(unsafe { _mm512_broadcast_f32x4(_mm_maskz_loadu_ps(mask as __mmask8, x)) })
        },
        #[inline(always)]
        unsafe fn lane_mask(i: usize) -> __mmask16 {
            0xf << (4 * i)
        },
        #[inline(always)]
        unsafe fn or(self, other: Self, mask: __mmask16) -> Self {
            Sixteen32(unsafe { _mm512_mask_mov_ps(self.0, mask, other.0) })
        },
        #[inline(always)]
        unsafe fn lane<const L: i32>(self) -> Self {
            Sixteen32(unsafe { _mm512_shuffle_f32x4::<L>(self.0, self.0) })
        }
    );
    vector!(
        Eight64, f64, __mmask8, 8, 8, true, 8, 4, _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd,
        _mm512_max_pd, above_zero8d, _mm512_fmadd_pd, eight_totals64, transpose64, n => ((1_u32 << n) - 1) as __mmask8,
        at, m => _mm512_maskz_loadu_pd(m, at), to, v => _mm512_mask_storeu_pd(to, m, v)
    );

    macro_rules! above_zero {
        ($name:ident, $vector:ident, $x:ident, $y:ident => $body:expr) => {
            /// # Safety
            /// The instruction set.
            #[inline(always)]
            unsafe fn $name($x: $vector, $y: $vector) -> $vector {
                // SAFETY: the caller's contract.
                unsafe { $body }
            }
        };
    }
    above_zero!(above_zero8, __m256, x, y => _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_NLE_UQ>(y, _mm256_setzero_ps())));
    above_zero!(above_zero4, __m256d, x, y => _mm256_and_pd(x, _mm256_cmp_pd::<_CMP_NLE_UQ>(y, _mm256_setzero_pd())));
    above_zero!(above_zero16, __m512, x, y => _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(y, _mm512_setzero_ps()), x));
    above_zero!(above_zero8d, __m512d, x, y => _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NLE_UQ>(y, _mm512_setzero_pd()), x));

    /// The totals of vectors: step by step two vectors become one, whose lower and upper halves (or
    /// pairs, or neighbours) are added. The order of the vectors undoes what the steps do to that
    /// of the totals.
    macro_rules! totals {
        (
            $name:ident, $vector:ident, $add:ident, $order:expr,
            $($n:literal: $shuffle:ident $low:literal $high:literal),*
        ) => {
            /// # Safety
            /// The instruction set.
            #[inline(always)]
            unsafe fn $name(x: [$vector; 16]) -> $vector {
                let order = $order;
                let mut v = x;
                for i in 0..order.len() {
                    v[i] = x[order[i]];
                }
                $(for i in 0..$n {
                    // SAFETY: the caller's contract.
                    v[i] = unsafe {
                        let (a, b) = (v[2 * i], v[2 * i + 1]);
                        $add($shuffle::<$low>(a, b), $shuffle::<$high>(a, b))
                    };
                })*
                v[0]
            }
        };
    }
    totals!(
        sixteen_totals32, __m512, _mm512_add_ps, [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
        8: _mm512_shuffle_f32x4 0x44 0xee, 4: _mm512_shuffle_f32x4 0x88 0xdd,
        2: _mm512_shuffle_ps 0x44 0xee, 1: _mm512_shuffle_ps 0x88 0xdd
    );
    totals!(
        eight_totals64, __m512d, _mm512_add_pd, [0, 2, 4, 6, 1, 3, 5, 7],
        4: _mm512_shuffle_f64x2 0x44 0xee, 2: _mm512_shuffle_f64x2 0x88 0xdd, 1: _mm512_shuffle_pd 0x00 0xff
    );
    totals!(
        eight_totals32, __m256, _mm256_add_ps, [0, 4, 1, 5, 2, 6, 3, 7],
        4: _mm256_permute2f128_ps 0x20 0x31, 2: _mm256_shuffle_ps 0x44 0xee, 1: _mm256_shuffle_ps 0x88 0xdd
    );
    totals!(
        four_totals64, __m256d, _mm256_add_pd, [0, 2, 1, 3],
        2: _mm256_permute2f128_pd 0x20 0x31, 1: _mm256_shuffle_pd 0x0 0xf
    );
}
