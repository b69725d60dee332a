//! [`KeyRng`]: a key's stream of words as a sequential generator.

use super::{Key, philox::LANES};
use crate::simd::{Kernel, dispatch};
use rand::{SeedableRng, TryRng};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// Words that are made at once.
const BUFFER: u64 = 4 * LANES as u64;

/// A [`rand::Rng`] over the stream of a [`Key`], 2⁶⁴ words of 32 bits.
///
/// Its state is the key and the position; both are saved, and [`seek`](KeyRng::seek) moves in
/// constant time, so a stream is resumed exactly. A `u64` is two words, the lower first; bytes come
/// from words in little-endian order and what is left of the last word is dropped. Not for
/// cryptography.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "State", into = "State")]
pub struct KeyRng {
    key: Key,
    position: u64,
    /// The words around `position`, unless that is a multiple of the buffer's length: then they are
    /// still to be made.
    buffer: [[u32; LANES]; 4],
}

/// What is saved of a generator.
#[derive(Serialize, Deserialize)]
struct State {
    key: Key,
    position: u64,
}

impl From<State> for KeyRng {
    fn from(s: State) -> Self {
        let mut rng = KeyRng::new(s.key);
        rng.seek(s.position);
        rng
    }
}

impl From<KeyRng> for State {
    fn from(rng: KeyRng) -> Self {
        State { key: rng.key, position: rng.position }
    }
}

impl KeyRng {
    /// A generator at the start of the key's stream.
    pub fn new(key: Key) -> Self {
        Self { key, position: 0, buffer: [[0; LANES]; 4] }
    }

    /// The key whose stream this is.
    pub fn key(&self) -> Key {
        self.key
    }

    /// How many 32-bit words were drawn.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves to where `position` words have been drawn.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        if !position.is_multiple_of(BUFFER) {
            self.refill();
        }
    }

    fn refill(&mut self) {
        self.buffer = dispatch(Refill { key: self.key, group: self.position / BUFFER });
    }

    #[inline]
    fn word(&mut self) -> u32 {
        let i = (self.position % BUFFER) as usize;
        if i == 0 {
            self.refill();
        }
        self.position = self.position.wrapping_add(1);
        self.buffer[i % 4][i / 4]
    }
}

struct Refill {
    key: Key,
    group: u64,
}

impl Kernel for Refill {
    type Output = [[u32; LANES]; 4];
    #[inline(always)]
    fn run(self) -> Self::Output {
        self.key.at_lanes(self.group)
    }
}

impl TryRng for KeyRng {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word();
        Ok(u64::from(self.word()) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl SeedableRng for KeyRng {
    type Seed = [u8; 8];

    /// The stream of the key whose bits, in little-endian order, are the seed.
    fn from_seed(seed: [u8; 8]) -> Self {
        Key::new(u64::from_le_bytes(seed)).rng()
    }

    /// The same as `Key::new(seed).rng()`.
    fn seed_from_u64(seed: u64) -> Self {
        Key::new(seed).rng()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, RngExt};

    #[test]
    fn values_are_stable() {
        let mut rng = Key::new(0).rng();
        let words: [u32; 4] = std::array::from_fn(|_| rng.next_u32());
        assert_eq!(words, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        let mut rng = KeyRng::seed_from_u64(42);
        let words: [u32; 5] = std::array::from_fn(|_| rng.next_u32());
        assert_eq!(words, [0x9ceaf053, 0x77f5493b, 0x12bf50ad, 0x5742b3d7, 0xfcdb2127]);
        let mut rng = KeyRng::from_seed(42_u64.to_le_bytes());
        let words: [u64; 5] = std::array::from_fn(|_| rng.next_u64());
        let want = [
            0x77f5493b9ceaf053,
            0x5742b3d712bf50ad,
            0x53ba6cfdfcdb2127,
            0x744e06fb838f5a6e,
            0xa8875dcbd36c0225,
        ];
        assert_eq!(words, want);
    }

    #[test]
    fn the_stream_is_the_key_s_words() {
        let key = Key::new(9);
        let mut rng = key.rng();
        for i in 0..100 {
            for word in key.at(i) {
                assert_eq!(rng.next_u32(), word);
            }
        }
    }

    #[test]
    fn seeks_and_resumes_exactly() {
        let mut all = Key::new(1).fold_in(2).rng();
        let words: Vec<u32> = (0..400).map(|_| all.next_u32()).collect();
        for start in [0, 1, 3, 4, 63, 64, 65, 127, 128, 300] {
            let mut rng = all.clone();
            rng.seek(start);
            assert_eq!((rng.position(), rng.next_u32()), (start, words[start as usize]));
            let saved = serde_json::to_string(&rng).unwrap();
            let mut back: KeyRng = serde_json::from_str(&saved).unwrap();
            assert_eq!((back.position(), back.key()), (start + 1, rng.key()));
            for w in &words[start as usize + 1..] {
                assert_eq!((back.next_u32(), rng.next_u32()), (*w, *w));
            }
        }
        // Beyond 2³⁴ words the counter's second word counts.
        all.seek((1 << 40) + 5);
        assert_eq!(all.next_u32(), all.key().at((1 << 38) + 1)[1]);
        all.seek(u64::MAX);
        all.next_u64();
        assert_eq!(all.position(), 1);
    }

    #[test]
    fn bytes_and_u64_are_words() {
        let key = Key::new(77);
        let (a, b) = (key.at(0), key.at(1));
        let mut bytes = [0; 7];
        let mut rng = key.rng();
        rng.fill_bytes(&mut bytes);
        assert_eq!((&bytes[..4], &bytes[4..]), (&a[0].to_le_bytes()[..], &a[1].to_le_bytes()[..3]));
        assert_eq!(rng.next_u64(), u64::from(a[3]) << 32 | u64::from(a[2]));
        assert_eq!(rng.next_u32(), b[0]);
        assert!((0.0..1.0).contains(&rng.random::<f64>()));
    }
}
