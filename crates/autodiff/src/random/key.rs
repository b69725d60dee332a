//! [`Key`]: the name of an independent stream of random numbers.

use super::KeyRng;
use super::philox::{LANES, philox, philox_lanes, philox_pair};
use serde::{Deserialize, Serialize};

/// What a counter is used for: its last word. Counters of different domains never meet, so one key
/// may serve all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Domain {
    /// [`Key::at`] and [`KeyRng`]: 0, so that these are the plain Philox stream.
    Words = 0,
    NormalF32 = 1,
    NormalF64 = 2,
    UniformF32 = 3,
    UniformF64 = 4,
    FoldIn = 5,
    FoldInStr = 6,
    Split = 7,
}

/// A 64-bit key, which names a stream of random numbers; a plain value without state.
///
/// Everything drawn is a pure function of the key and an index, so results depend neither on the
/// order of draws nor on the number of threads. New streams are derived with
/// [`fold_in`](Key::fold_in): `key.fold_in(step).fold_in_str("theta").fold_in(draw)`. Among `n`
/// derived keys two are equal with a probability of about `n² / 2⁶⁵`.
///
/// *Source*: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key {
    bits: u64,
}

impl Key {
    /// The key of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { bits: seed }
    }

    /// An independent key for every `data`: a step, a draw, the number of a chain.
    #[inline]
    pub fn fold_in(self, data: u64) -> Key {
        self.pair(Domain::FoldIn, data).0
    }

    /// An independent key for every name. The hash of the name (64-bit FNV-1a of its UTF-8 bytes)
    /// is part of the stream's definition and the same everywhere. A name and a number never give
    /// the same stream.
    pub fn fold_in_str(self, name: &str) -> Key {
        let hash =
            name.bytes().fold(0xcbf29ce484222325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100000001b3));
        self.pair(Domain::FoldInStr, hash).0
    }

    /// Two independent keys, different from all that [`fold_in`](Key::fold_in) gives.
    #[inline]
    pub fn split(self) -> (Key, Key) {
        self.pair(Domain::Split, 0)
    }

    /// A sequential generator over the stream, for code that takes a [`rand::Rng`].
    pub fn rng(self) -> KeyRng {
        KeyRng::new(self)
    }

    /// Words `4 index .. 4 index + 4` of the stream that [`rng`](Key::rng) reads.
    #[inline]
    pub fn at(self, index: u64) -> [u32; 4] {
        philox([index as u32, (index >> 32) as u32, 0, Domain::Words as u32], self.words())
    }

    /// [`at`](Key::at) for 16 consecutive indices from `16 group` on: word `w` of index `l` is
    /// `[w][l]`.
    #[inline(always)]
    pub(super) fn at_lanes(self, group: u64) -> [[u32; LANES]; 4] {
        let first = group.wrapping_mul(LANES as u64);
        philox_lanes([first as u32, (first >> 32) as u32, 0, Domain::Words as u32], self.words())
    }

    /// The random bits of lanes `16 part .. 16 part + 16` of a block of noise.
    #[inline(always)]
    pub(super) fn noise_lanes(self, domain: Domain, block: u64, part: u32) -> [[u32; LANES]; 4] {
        let counter = [part * LANES as u32, block as u32, (block >> 32) as u32, domain as u32];
        philox_lanes(counter, self.words())
    }

    /// The random bits of the first lanes of two blocks of noise, each of a key.
    #[inline(always)]
    pub(super) fn noise_pair(domain: Domain, blocks: [(Self, u64); 2]) -> [[[u32; LANES]; 4]; 2] {
        let counters = blocks.map(|(_, block)| [0, block as u32, (block >> 32) as u32, domain as u32]);
        philox_pair(counters, blocks.map(|(key, _)| key.words()))
    }

    /// The random bits of the first two parts of a block of noise.
    #[inline(always)]
    pub(super) fn noise_parts(self, domain: Domain, block: u64) -> [[[u32; LANES]; 4]; 2] {
        let counter = |part: u32| [part * LANES as u32, block as u32, (block >> 32) as u32, domain as u32];
        philox_pair([counter(0), counter(1)], [self.words(); 2])
    }

    #[inline(always)]
    fn words(self) -> [u32; 2] {
        [self.bits as u32, (self.bits >> 32) as u32]
    }

    #[inline]
    fn pair(self, domain: Domain, data: u64) -> (Key, Key) {
        let [a, b, c, d] = philox([data as u32, (data >> 32) as u32, 0, domain as u32], self.words());
        let key = |low: u32, high: u32| Key { bits: u64::from(high) << 32 | u64::from(low) };
        (key(a, b), key(c, d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn derived_keys_are_different() {
        let root = Key::new(0);
        let mut seen = HashSet::from([root]);
        let mut add = |k: Key| assert!(seen.insert(k), "{k:?} twice");
        for seed in [1, 2, u64::MAX] {
            add(Key::new(seed));
        }
        for i in 0..20_000 {
            add(root.fold_in(i));
            add(root.fold_in(i << 32 | 1 << 63));
            add(root.fold_in(1).fold_in(i));
            add(root.fold_in_str(&i.to_string()));
            let (a, b) = Key::new(i + 10).split();
            add(a);
            add(b);
        }
        add(root.fold_in_str(""));
        assert_ne!(root.fold_in_str("a").fold_in_str("b"), root.fold_in_str("ab"));
        assert_ne!(root.fold_in(1).fold_in(2), root.fold_in(2).fold_in(1));
    }

    #[test]
    fn derived_keys_are_balanced() {
        // Every bit of the keys of consecutive numbers: 128 counts, 5.9 sigma each (false alarm
        // below 1e-6).
        let n = 40_000;
        let mut ones = [0_u32; 128];
        for i in 0..n {
            let (k, s) = (Key::new(3).fold_in(i).bits, Key::new(i).split().1.bits);
            for b in 0..64 {
                ones[b] += (k >> b & 1) as u32;
                ones[64 + b] += (s >> b & 1) as u32;
            }
        }
        let sigma = (n as f64).sqrt() / 2.0;
        assert!(ones.iter().all(|&c| (f64::from(c) - n as f64 / 2.0).abs() < 5.9 * sigma), "{ones:?}");
    }

    #[test]
    fn derived_keys_are_stable() {
        // From a separate implementation of Philox and FNV-1a.
        let key = Key::new(42);
        assert_eq!(key.fold_in(5), Key::new(0x6df0bad39cec0a9a));
        assert_eq!(key.fold_in_str("theta"), Key::new(0xcb8325fc95c55821));
        assert_eq!(key.split(), (Key::new(0x07ffd9d749bf0814), Key::new(0x3c7c118f22adef5d)));
    }

    #[test]
    fn saved_as_a_number() {
        let key = Key::new(0xfedcba9876543210);
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, "18364758544493064720");
        assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
    }

    #[test]
    fn the_stream_of_words_is_plain_philox() {
        let key = Key::new(0x299f31d0_a4093822);
        assert_eq!(key.words(), [0xa4093822, 0x299f31d0]);
        assert_eq!(key.at(5 << 32 | 7), philox([7, 5, 0, 0], key.words()));
        assert_eq!(key.at_lanes(1 << 28).map(|w| w[3]), philox([3, 1, 0, 0], key.words()));
        assert_eq!(Key::new(0).at(0), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    }
}
