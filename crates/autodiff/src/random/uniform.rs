//! Blocks of uniform numbers.

use super::key::{Domain, Key};
use super::normal::BLOCK;
use super::philox::LANES;

/// An odd multiple of 2⁻²⁴ below 1: 23 random bits in the middle of their cell.
#[inline(always)]
fn unit_f32(bits: u32) -> f32 {
    const ONE: u32 = 1.0_f32.to_bits();
    // Both numbers and their difference are exact.
    f32::from_bits(ONE | bits >> 9) - (1.0 - f32::EPSILON / 2.0)
}

/// An odd multiple of 2⁻⁵³ below 1: 52 random bits in the middle of their cell.
#[inline(always)]
fn unit_f64(bits: u64) -> f64 {
    const ONE: u64 = 1.0_f64.to_bits();
    f64::from_bits(ONE | bits >> 12) - (1.0 - f64::EPSILON / 2.0)
}

/// Elements `64 block .. 64 block + 64` of the key's stream of uniform numbers: odd multiples of
/// 2⁻²⁴ in (0, 1).
///
/// Neither 0 nor 1 is possible, and `u` and `1 - u` (which is exact) have the same distribution.
#[inline(always)]
pub fn uniform_block_f32(key: Key, block: u64) -> [f32; BLOCK] {
    let words = key.noise_lanes(Domain::UniformF32, block, 0);
    let mut out = [0.0; BLOCK];
    for l in 0..LANES {
        for w in 0..4 {
            out[w * LANES + l] = unit_f32(words[w][l]);
        }
    }
    out
}

/// Elements `64 block .. 64 block + 64` of the key's stream of uniform numbers: odd multiples of
/// 2⁻⁵³ in (0, 1).
///
/// Neither 0 nor 1 is possible, and `u` and `1 - u` (which is exact) have the same distribution.
#[inline(always)]
pub fn uniform_block_f64(key: Key, block: u64) -> [f64; BLOCK] {
    let mut out = [0.0; BLOCK];
    for part in 0..2 {
        let words = key.noise_lanes(Domain::UniformF64, block, part as u32);
        for w in 0..2 {
            for l in 0..LANES {
                let bits = u64::from(words[2 * w][l]) << 32 | u64::from(words[2 * w + 1][l]);
                out[(2 * part + w) * LANES + l] = unit_f64(bits);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_and_symmetric() {
        assert_eq!((unit_f32(0), unit_f64(0)), (2_f32.powi(-24), 2_f64.powi(-53)));
        assert_eq!((unit_f32(!0), unit_f64(!0)), (1.0 - 2_f32.powi(-24), 1.0 - 2_f64.powi(-53)));
        for i in 0..100_000_u64 {
            let bits = i.wrapping_mul(0x9E3779B97F4A7C15);
            assert_eq!(1.0 - unit_f64(bits), unit_f64(!bits));
            let bits = bits as u32;
            assert_eq!(1.0 - unit_f32(bits), unit_f32(!bits));
            assert_eq!(unit_f32(bits), (2 * (bits >> 9) + 1) as f32 / 16777216.0);
        }
    }
}
