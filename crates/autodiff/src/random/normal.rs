//! Blocks of standard normal numbers, by the Box-Muller transform.
//!
//! *Source*: Box, Muller 1958, "A note on the generation of random normal deviates".

use super::key::{Domain, Key};
use super::philox::LANES;
use crate::math::circle::{sin_cos_u32, sin_cos_u64};
use crate::math::{double, single};

/// Elements per block: element `i` of a stream is element `i % 64` of block `i / 64`.
pub const BLOCK: usize = 64;

/// `sqrt(-2 ln u)`, `u = (n + ½) / 2³²`: at most 6.76.
#[inline(always)]
fn radius_u32(n: u32) -> f32 {
    const CELL: f32 = 1.0 / 4294967296.0;
    // The distance t to the nearer end of (0, 1) keeps its precision where u itself would round to
    // 1.
    let upper = (n as i32) < 0;
    let near = if upper { !n } else { n };
    let t = (near as i32 as f32).mul_add(CELL, 0.5 * CELL);
    let u = if upper { 1.0 - t } else { t };
    let (k, m) = single::split(u);
    let f = if k == 0.0 { -t } else { m - 1.0 };
    (single::ln_split(k, f, 0.0) * -2.0).sqrt()
}

/// `sqrt(-2 ln u)`, `u = (n + ½) / 2⁶⁴`: at most 9.49.
#[inline(always)]
fn radius_u64(n: u64) -> f64 {
    const CELL: f64 = 1.0 / 4294967296.0;
    let upper = (n as i64) < 0;
    let near = if upper { !n } else { n };
    // In two halves, because AVX2 converts 32-bit integers only.
    let low = f64::from(near as u32).mul_add(CELL, 0.5 * CELL);
    let t = (f64::from((near >> 32) as i32) + low) * CELL;
    let u = if upper { 1.0 - t } else { t };
    let (k, m) = double::split(u);
    let f = if k == 0.0 { -t } else { m - 1.0 };
    (double::ln_split(k, f, 0.0) * -2.0).sqrt()
}

/// Elements `64 block .. 64 block + 64` of the key's stream of standard normal numbers.
///
/// Radius and angle have 32 bits each: `|z|` reaches 6.76, and there is no gap around 0.
#[inline(always)]
pub fn normal_block_f32(key: Key, block: u64) -> [f32; BLOCK] {
    of_words(key.noise_lanes(Domain::NormalF32, block, 0))
}

/// Two blocks, each of a key.
#[inline(always)]
pub(super) fn normal_pair_f32(blocks: [(Key, u64); 2]) -> [[f32; BLOCK]; 2] {
    // Not by `map`, into which LLVM does not inline it.
    let [one, two] = Key::noise_pair(Domain::NormalF32, blocks);
    [of_words(one), of_words(two)]
}

#[inline(always)]
fn of_words(words: [[u32; LANES]; 4]) -> [f32; BLOCK] {
    let mut out = [0.0; BLOCK];
    for half in 0..2 {
        for l in 0..LANES {
            let r = radius_u32(words[2 * half][l]);
            let (s, c) = sin_cos_u32(words[2 * half + 1][l]);
            out[2 * half * LANES + l] = r * c;
            out[(2 * half + 1) * LANES + l] = r * s;
        }
    }
    out
}

/// Elements `64 block .. 64 block + 64` of the key's stream of standard normal numbers.
///
/// Radius and angle have 64 bits each: `|z|` reaches 9.49.
#[inline(always)]
pub fn normal_block_f64(key: Key, block: u64) -> [f64; BLOCK] {
    normal_parts_f64(key, block, 2)
}

/// As `normal_block_f64`, but only the first 32 elements if `parts` is 1.
#[inline(always)]
pub(super) fn normal_parts_f64(key: Key, block: u64, parts: usize) -> [f64; BLOCK] {
    let mut out = [0.0; BLOCK];
    let (first, second) = out.split_at_mut(BLOCK / 2);
    if parts < 2 {
        of_words_f64(key.noise_lanes(Domain::NormalF64, block, 0), first);
    } else {
        let [one, two] = key.noise_parts(Domain::NormalF64, block);
        of_words_f64(one, first);
        of_words_f64(two, second);
    }
    out
}

#[inline(always)]
fn of_words_f64([a, b, c, d]: [[u32; LANES]; 4], out: &mut [f64]) {
    let (cosines, sines) = out.split_at_mut(LANES);
    let (cosines, sines) = (&mut cosines[..LANES], &mut sines[..LANES]);
    for l in 0..LANES {
        let r = radius_u64(u64::from(a[l]) << 32 | u64::from(b[l]));
        let (sin, cos) = sin_cos_u64(u64::from(c[l]) << 32 | u64::from(d[l]));
        (cosines[l], sines[l]) = (r * cos, r * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_are_accurate_at_both_ends() {
        let ends = (0..64).flat_map(|s| (0..8_u64).map(move |d| d << s));
        let grid = (0..100_000_u64).map(|i| i.wrapping_mul(0x9E3779B97F4A7C15));
        for n in ends.clone().chain(ends.map(|n| !n)).chain(grid) {
            let t = (n.min(!n) as f64 + 0.5) / 18446744073709551616.0;
            let want = (-2.0 * if n >> 63 == 0 { libm::log(t) } else { libm::log1p(-t) }).sqrt();
            assert!((radius_u64(n) / want - 1.0).abs() < 4.5e-16, "{n:x}");
            let n = (n >> 32) as u32;
            let t = (f64::from(n.min(!n)) + 0.5) / 4294967296.0;
            let want = (-2.0 * if n >> 31 == 0 { libm::log(t) } else { libm::log1p(-t) }).sqrt();
            assert!((f64::from(radius_u32(n)) / want - 1.0).abs() < 1.8e-7, "{n:x}");
        }
        assert!(radius_u32(0) > 6.7 && radius_u64(0) > 9.4);
        assert!(radius_u32(!0) < 2e-5 && radius_u32(!0) > 0.0);
    }
}
