//! Slices of noise.

use super::{BLOCK, Key, Noise};
use crate::kernel::in_parts;
use crate::simd::{Kernel, dispatch};
use std::marker::PhantomData;
use std::slice::from_mut;

/// Slices longer than this are shared among threads.
const LONG: usize = 1 << 16;
/// What a thread takes at once.
const PIECE: usize = 1 << 14;

/// Which of the two streams; a type, so that the block function is inlined into the kernel.
pub(super) trait Stream {
    /// Of which the first `n` elements are wanted.
    fn block<T: Noise>(key: Key, block: u64, n: usize) -> [T; BLOCK];
    /// Two blocks, if both at once take less time.
    #[inline(always)]
    fn pair<T: Noise>(_: [(Key, u64); 2]) -> Option<[[T; BLOCK]; 2]> {
        None
    }
    /// Fills parts of streams.
    fn fill<'a, T: Noise + 'a>(parts: &mut dyn Iterator<Item = Part<'a, T>>);
}
pub(super) struct Normal;
impl Stream for Normal {
    #[inline(always)]
    fn block<T: Noise>(key: Key, block: u64, n: usize) -> [T; BLOCK] {
        T::normal_start(key, block, n)
    }
    #[inline(always)]
    fn pair<T: Noise>(blocks: [(Key, u64); 2]) -> Option<[[T; BLOCK]; 2]> {
        T::normal_pair(blocks)
    }
    fn fill<'a, T: Noise + 'a>(parts: &mut dyn Iterator<Item = Part<'a, T>>) {
        T::fill_normals(parts);
    }
}
pub(super) struct Uniform;
impl Stream for Uniform {
    #[inline(always)]
    fn block<T: Noise>(key: Key, block: u64, _: usize) -> [T; BLOCK] {
        T::uniform_block(key, block)
    }
    fn fill<'a, T: Noise + 'a>(parts: &mut dyn Iterator<Item = Part<'a, T>>) {
        T::fill_uniforms(parts);
    }
}

/// What is wanted of a stream: the elements from `start` on.
#[derive(Debug)]
pub struct Part<'a, T> {
    key: Key,
    start: u64,
    to: &'a mut [T],
}

/// What is wanted of a block: the elements from `skip` on.
struct Piece<'a, T> {
    key: Key,
    block: u64,
    skip: usize,
    to: &'a mut [T],
}

impl<'a, T: Noise> Part<'a, T> {
    /// Takes the first block off.
    #[inline(always)]
    fn next(&mut self) -> Option<Piece<'a, T>> {
        if self.to.is_empty() {
            return None;
        }
        let (block, skip) = (self.start / BLOCK as u64, (self.start % BLOCK as u64) as usize);
        let n = self.to.len().min(BLOCK - skip);
        self.start = self.start.wrapping_add(n as u64);
        Some(Piece { key: self.key, block, skip, to: self.to.split_off_mut(..n)? })
    }

    /// Fills pairs of whole blocks, whose values go to their place without a copy, as long as there
    /// are any.
    #[inline(always)]
    fn fill_pairs<S: Stream>(&mut self) {
        while self.start.is_multiple_of(BLOCK as u64) && self.to.len() >= 2 * BLOCK {
            let block = self.start / BLOCK as u64;
            let Some(values) = S::pair::<T>([(self.key, block), (self.key, block.wrapping_add(1))]) else {
                return;
            };
            let Some(two) = self.to.split_off_mut(..2 * BLOCK) else { return };
            two.copy_from_slice(values.as_flattened());
            self.start = self.start.wrapping_add(2 * BLOCK as u64);
        }
    }
}

impl<T: Noise> Piece<'_, T> {
    #[inline(always)]
    fn write(self, values: [T; BLOCK]) {
        match <&mut [T; BLOCK]>::try_from(&mut *self.to) {
            Ok(whole) => *whole = values,
            Err(_) => self.to.copy_from_slice(&values[self.skip..self.skip + self.to.len()]),
        }
    }

    #[inline(always)]
    fn fill<S: Stream>(self) {
        let values = S::block(self.key, self.block, self.skip + self.to.len());
        self.write(values);
    }

    /// Fills both, or the first one: then the other is left.
    #[inline(always)]
    fn fill_both<S: Stream>(self, other: Self) -> Option<Self> {
        let Some([one, two]) = S::pair([(self.key, self.block), (other.key, other.block)]) else {
            self.fill::<S>();
            return Some(other);
        };
        self.write(one);
        other.write(two);
        None
    }
}

/// Parts of streams, two blocks at once where that takes less time: also of different streams,
/// which helps short parts.
struct Fill<S, P> {
    parts: P,
    stream: PhantomData<S>,
}

impl<'a, S: Stream, T: Noise + 'a, P: Iterator<Item = Part<'a, T>>> Kernel for Fill<S, P> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut waiting: Option<Piece<'a, T>> = None;
        for mut part in self.parts {
            loop {
                if waiting.is_none() {
                    part.fill_pairs::<S>();
                }
                let Some(piece) = part.next() else { break };
                waiting = match waiting {
                    Some(before) => before.fill_both::<S>(piece),
                    None => Some(piece),
                };
            }
        }
        if let Some(last) = waiting {
            last.fill::<S>();
        }
    }
}

fn fill<S: Stream, T: Noise>(key: Key, start: u64, out: &mut [T]) {
    let run = |start, to: &mut [T]| {
        S::fill(&mut std::iter::once(Part { key, start, to }));
    };
    if out.len() <= LONG {
        return run(start, out);
    }
    in_parts(out, PIECE, |piece, at| run(start.wrapping_add(at as u64), piece));
}

/// Fills the parts. For any iterator, so that it is compiled once for every type of numbers.
pub(super) fn fill_parts<'a, S: Stream, T: Noise + 'a>(parts: &mut dyn Iterator<Item = Part<'a, T>>) {
    dispatch(Fill { parts, stream: PhantomData::<S> });
}

/// Fills the slice with the beginnings of several keys' streams of standard normal numbers, one
/// after the other: of each key so many elements. As [`fill_normal`] for each of them, in less time
/// if they are short. What is beyond their sum stays.
///
/// # Panics
/// If the slice is shorter than their sum.
pub(crate) fn fill_normals<T: Noise>(streams: impl Iterator<Item = (Key, usize)>, mut out: &mut [T]) {
    let mut parts = streams.map(|(key, n)| {
        let (to, rest) = std::mem::take(&mut out).split_at_mut(n);
        out = rest;
        Part { key, start: 0, to }
    });
    Normal::fill(&mut parts);
}

/// Writes elements `start, start + 1, …` of the key's stream of standard normal numbers.
///
/// The same element is the same number in any call, whatever the split and the number of threads
/// (long slices are filled in parallel).
pub fn fill_normal<T: Noise>(key: Key, start: u64, out: &mut [T]) {
    fill::<Normal, T>(key, start, out);
}

/// Writes elements `start, start + 1, …` of the key's stream of uniform numbers in the open
/// interval (0, 1).
///
/// The same element is the same number in any call, whatever the split and the number of threads
/// (long slices are filled in parallel).
pub fn fill_uniform<T: Noise>(key: Key, start: u64, out: &mut [T]) {
    fill::<Uniform, T>(key, start, out);
}

/// Element `index` of the key's stream of standard normal numbers. (Costs as much as a block of
/// 64.)
pub fn normal_at<T: Noise>(key: Key, index: u64) -> T {
    let mut x = T::default();
    fill_normal(key, index, from_mut(&mut x));
    x
}

/// Element `index` of the key's stream of uniform numbers in (0, 1). (Costs as much as a block of
/// 64.)
pub fn uniform_at<T: Noise>(key: Key, index: u64) -> T {
    let mut x = T::default();
    fill_uniform(key, index, from_mut(&mut x));
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::{Dual, F32, Scalar};
    use crate::simd::Isa;
    use rand::Rng;
    use std::time::Instant;

    fn draw<T: Scalar>(fill: fn(Key, u64, &mut [T]), start: u64, n: usize) -> Vec<u64> {
        let mut out = vec![T::default(); n];
        fill(Key::new(5), start, &mut out);
        out.into_iter().map(|x| x.to_f64().to_bits()).collect()
    }

    fn splits_agree<T: Scalar>(fill: fn(Key, u64, &mut [T])) {
        let all = draw(fill, 0, 1000);
        for (start, n) in
            [(0, 0), (0, 1), (0, 63), (63, 1), (63, 2), (64, 64), (1, 200), (130, 61), (37, 963)]
        {
            assert_eq!(draw(fill, start, n), all[start as usize..][..n]);
        }
        // In parallel, off the grid of blocks and of pieces.
        let long = draw(fill, 3, LONG + 1001);
        for start in [0, PIECE - 1, 3 * PIECE, LONG + 900] {
            assert_eq!(draw(fill, 3 + start as u64, 101), long[start..][..101]);
        }
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| draw(fill, 3, LONG + 1001)), long);
        assert_eq!(draw(fill, (1 << 45) + 7, 200)[60..], draw(fill, (1 << 45) + 67, 140)[..]);
    }

    #[test]
    fn any_split_gives_the_same() {
        splits_agree::<f32>(fill_normal);
        splits_agree::<f64>(fill_normal);
        splits_agree::<f32>(fill_uniform);
        splits_agree::<f64>(fill_uniform);
    }

    #[test]
    fn several_streams_are_each_their_own() {
        fn check<T: Scalar>() {
            let sizes = [50, 0, 50, 1, 650, 64, 128, 3];
            let keys = |i: usize| Key::new(7).fold_in(i as u64);
            let sum = sizes.iter().sum::<usize>();
            let mut all = vec![T::from_f64(9.0); sum + 2];
            fill_normals(sizes.into_iter().enumerate().map(|(i, n)| (keys(i), n)), &mut all);
            let mut want = Vec::new();
            for (i, n) in sizes.into_iter().enumerate() {
                let mut one = vec![T::default(); n];
                fill_normal(keys(i), 0, &mut one);
                want.extend(one);
            }
            want.extend([T::from_f64(9.0); 2]);
            assert!(all == want);
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn addresses_beyond_32_bits_are_their_own() {
        let (near, far) = (draw::<f32>(fill_normal, 0, 64), draw::<f32>(fill_normal, 64 << 32, 64));
        assert!(near.iter().zip(&far).all(|(a, b)| a != b));
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let all = || {
            [
                draw::<f32>(fill_normal, 0, 20_000),
                draw::<f64>(fill_normal, 0, 20_000),
                draw::<f32>(fill_uniform, 0, 20_000),
                draw::<f64>(fill_uniform, 0, 20_000),
            ]
        };
        let results = [Isa::Portable, Isa::Avx2, Isa::Avx512].map(|isa| {
            isa.select();
            all()
        });
        assert!(results[0] == results[1] && results[1] == results[2]);
    }

    #[test]
    fn duals_are_the_same_constants() {
        let key = Key::new(8);
        for i in [0, 1, 63, 64, 1000] {
            let d: Dual<f64, 2> = normal_at(key, i);
            assert_eq!((d.re, d.du), (normal_at::<f64>(key, i), [0.0; 2]));
            let d: Dual<F32, 1> = uniform_at(key, i);
            assert_eq!((d.re.0, d.du[0].0), (uniform_at::<f32>(key, i), 0.0));
            let d: Dual<Dual<f64, 1>, 1> = normal_at(key, i);
            assert_eq!(d.to_f64(), normal_at::<f64>(key, i));
        }
    }

    #[test]
    fn values_are_stable() {
        let key = Key::new(42);
        // Box-Muller of a separate Philox, in double precision; f32 differs from it by rounding.
        let normals = [(0, -1.421698417600886), (16, 0.4619143851842697), (33, 1.1470610365068632)];
        for (i, want) in normals {
            assert!((normal_at::<f64>(key, i) / want - 1.0).abs() < 1e-15);
        }
        let normals = [(0, -1.6914357292553235), (16, -1.1320294750974023), (33, -1.7461387827069317)];
        for (i, want) in normals {
            assert!((f64::from(normal_at::<f32>(key, i)) / want - 1.0).abs() < 2e-7);
        }
        assert_eq!(uniform_at::<f32>(key, 0), 0.6446128487586975);
        assert_eq!(uniform_at::<f64>(key, 0), 0.3357364346445638);
        // And to the bit.
        let hash = |bits: Vec<u64>| bits.iter().fold(0_u64, |h, b| (h ^ b).wrapping_mul(0x100000001b3));
        assert_eq!(hash(draw::<f32>(fill_normal, 0, 256)), 9213522530088779776);
        assert_eq!(hash(draw::<f64>(fill_normal, 0, 256)), 16329737559390007892);
    }

    fn throughput<T: Scalar>(name: &str, fill: fn(Key, u64, &mut [T])) {
        let mut out = vec![T::default(); 16_384];
        for isa in [Isa::Avx512, Isa::Avx2, Isa::Portable] {
            let isa = isa.select();
            let mut best = f64::INFINITY;
            for i in 0..40 {
                let t = Instant::now();
                fill(Key::new(i), 0, std::hint::black_box(&mut out));
                best = best.min(t.elapsed().as_nanos() as f64);
            }
            println!("{name} {isa:?}: {:.2} ns each", best / out.len() as f64);
        }
        Isa::Avx512.select();
    }

    #[test]
    #[ignore = "a measurement: run alone, with --nocapture"]
    fn measure_throughput() {
        throughput::<f32>("normal f32", fill_normal);
        throughput::<f64>("normal f64", fill_normal);
        throughput::<f32>("uniform f32", fill_uniform);
        throughput::<f64>("uniform f64", fill_uniform);
        throughput::<f64>("KeyRng u32 ", |key, _, out| {
            let mut rng = key.rng();
            out.fill_with(|| f64::from(rng.next_u32()));
        });
    }
}
