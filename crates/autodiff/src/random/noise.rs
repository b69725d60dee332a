//! [`Noise`]: elements that can be drawn by address.

use super::fill::{Normal, Part, Uniform, fill_parts};
use super::normal::{BLOCK, normal_pair_f32, normal_parts_f64};
use super::{Key, normal_block_f32, normal_block_f64, uniform_block_f32, uniform_block_f64};
use crate::real::{Dual, F32, F64, Real, map_each};

/// An element that can be drawn by (key, index): `f32`, `f64`, [`F32`], [`F64`], or a [`Dual`],
/// whose draws are constants.
///
/// These functions are inlined into the kernel that calls them, and vectorise there. Blocks are
/// numbered below 2⁵⁸.
pub trait Noise: Copy + Default + Send + Sync {
    /// Elements `64 block .. 64 block + 64` of the key's stream of standard normal numbers.
    fn normal_block(key: Key, block: u64) -> [Self; BLOCK];
    /// Elements `64 block .. 64 block + 64` of the key's stream of uniform numbers in the open
    /// interval (0, 1).
    fn uniform_block(key: Key, block: u64) -> [Self; BLOCK];
    /// As `normal_block`, where only the first `n` elements are wanted: the others may be anything.
    #[doc(hidden)]
    #[inline(always)]
    fn normal_start(key: Key, block: u64, n: usize) -> [Self; BLOCK] {
        let _ = n;
        Self::normal_block(key, block)
    }
    /// As `normal_block` for two blocks, each of a key, if that takes less time than one after the
    /// other.
    #[doc(hidden)]
    #[inline(always)]
    fn normal_pair(blocks: [(Key, u64); 2]) -> Option<[[Self; BLOCK]; 2]> {
        let _ = blocks;
        None
    }
    /// Fills parts of streams of normal numbers.
    #[doc(hidden)]
    fn fill_normals<'a>(parts: &mut dyn Iterator<Item = Part<'a, Self>>)
    where
        Self: 'a,
    {
        fill_parts::<Normal, Self>(parts);
    }
    /// Fills parts of streams of uniform numbers.
    #[doc(hidden)]
    fn fill_uniforms<'a>(parts: &mut dyn Iterator<Item = Part<'a, Self>>)
    where
        Self: 'a,
    {
        fill_parts::<Uniform, Self>(parts);
    }
}

/// The loops over streams of floats are compiled here, not where they are used.
macro_rules! compiled_here {
    () => {
        #[inline(never)]
        fn fill_normals<'a>(parts: &mut dyn Iterator<Item = Part<'a, Self>>)
        where
            Self: 'a,
        {
            fill_parts::<Normal, Self>(parts);
        }
        #[inline(never)]
        fn fill_uniforms<'a>(parts: &mut dyn Iterator<Item = Part<'a, Self>>)
        where
            Self: 'a,
        {
            fill_parts::<Uniform, Self>(parts);
        }
    };
}

impl Noise for f32 {
    compiled_here!();
    #[inline(always)]
    fn normal_block(key: Key, block: u64) -> [f32; BLOCK] {
        normal_block_f32(key, block)
    }
    #[inline(always)]
    fn normal_pair(blocks: [(Key, u64); 2]) -> Option<[[f32; BLOCK]; 2]> {
        Some(normal_pair_f32(blocks))
    }
    #[inline(always)]
    fn uniform_block(key: Key, block: u64) -> [f32; BLOCK] {
        uniform_block_f32(key, block)
    }
}

impl Noise for f64 {
    compiled_here!();
    #[inline(always)]
    fn normal_block(key: Key, block: u64) -> [f64; BLOCK] {
        normal_block_f64(key, block)
    }
    #[inline(always)]
    fn normal_start(key: Key, block: u64, n: usize) -> [f64; BLOCK] {
        normal_parts_f64(key, block, n.div_ceil(BLOCK / 2))
    }
    #[inline(always)]
    fn uniform_block(key: Key, block: u64) -> [f64; BLOCK] {
        uniform_block_f64(key, block)
    }
}

impl Noise for F32 {
    compiled_here!();
    #[inline(always)]
    fn normal_block(key: Key, block: u64) -> [F32; BLOCK] {
        map_each(normal_block_f32(key, block), F32)
    }
    #[inline(always)]
    fn normal_pair(blocks: [(Key, u64); 2]) -> Option<[[F32; BLOCK]; 2]> {
        let [one, two] = normal_pair_f32(blocks);
        Some([map_each(one, F32), map_each(two, F32)])
    }
    #[inline(always)]
    fn uniform_block(key: Key, block: u64) -> [F32; BLOCK] {
        map_each(uniform_block_f32(key, block), F32)
    }
}

impl Noise for F64 {
    #[inline(always)]
    fn normal_block(key: Key, block: u64) -> [F64; BLOCK] {
        map_each(normal_block_f64(key, block), F64)
    }
    #[inline(always)]
    fn uniform_block(key: Key, block: u64) -> [F64; BLOCK] {
        map_each(uniform_block_f64(key, block), F64)
    }
}

impl<T: Real, const N: usize> Noise for Dual<T, N> {
    #[inline(always)]
    fn normal_block(key: Key, block: u64) -> [Self; BLOCK] {
        map_each(T::normal_block(key, block), Dual::constant)
    }
    #[inline(always)]
    fn uniform_block(key: Key, block: u64) -> [Self; BLOCK] {
        map_each(T::uniform_block(key, block), Dual::constant)
    }
}
