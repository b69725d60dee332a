//! Philox4x32-10, a counter-based generator: a keyed bijection of 128-bit counters.
//!
//! *Source*: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
//! section 3.3.

const MULTIPLIERS: [u32; 2] = [0xD2511F53, 0xCD9E8D57];
/// Golden ratio and `sqrt(3) - 1`: what the key grows by per round.
const WEYL: [u32; 2] = [0x9E3779B9, 0xBB67AE85];
const ROUNDS: u32 = 10;

/// How many counters [`philox_lanes`] takes at once.
pub const LANES: usize = 16;

/// High and low half of the product.
#[inline(always)]
fn mul_wide(a: u32, b: u32) -> (u32, u32) {
    let p = u64::from(a) * u64::from(b);
    ((p >> 32) as u32, p as u32)
}

#[inline(always)]
fn round([c0, c1, c2, c3]: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (h0, l0) = mul_wide(MULTIPLIERS[0], c0);
    let (h1, l1) = mul_wide(MULTIPLIERS[1], c2);
    [h1 ^ c1 ^ key[0], l1, h0 ^ c3 ^ key[1], l0]
}

#[inline(always)]
fn next_key(key: [u32; 2]) -> [u32; 2] {
    [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])]
}

/// The 128 random bits that belong to `counter` under `key`.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..ROUNDS {
        c = round(c, k);
        k = next_key(k);
    }
    c
}

/// [`philox`] of `counter` with `0, 1, … 15` added to its first word (no carry): word `w` of
/// counter `l` is `[w][l]`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane runs through four arrays")]
pub fn philox_lanes(counter: [u32; 4], key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut out = [[0; LANES]; 4];
    for l in 0..LANES {
        let c = philox([counter[0].wrapping_add(l as u32), counter[1], counter[2], counter[3]], key);
        for w in 0..4 {
            out[w][l] = c[w];
        }
    }
    out
}

/// As [`philox_lanes`] for two counters, of which each has its key and its lanes: twice as many
/// chains of multiplications, which do not wait for each other.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane runs through four arrays")]
pub fn philox_pair(counters: [[u32; 4]; 2], keys: [[u32; 2]; 2]) -> [[[u32; LANES]; 4]; 2] {
    const BOTH: usize = 2 * LANES;
    let mut c = [[0_u64; BOTH]; 4];
    for l in 0..BOTH {
        let of = counters[l / LANES];
        c[0][l] = u64::from(of[0].wrapping_add((l % LANES) as u32));
        c[1][l] = u64::from(of[1]);
        c[2][l] = u64::from(of[2]);
        c[3][l] = u64::from(of[3]);
    }
    // Two variables and not an array, which LLVM would not keep in registers.
    let [mut one, mut two] = keys;
    for _ in 0..ROUNDS {
        for (half, key) in [one, two].into_iter().enumerate() {
            for l in half * LANES..(half + 1) * LANES {
                // The upper halves of the words hold what does not matter.
                let p0 = u64::from(c[0][l] as u32) * u64::from(MULTIPLIERS[0]);
                let p1 = u64::from(c[2][l] as u32) * u64::from(MULTIPLIERS[1]);
                c[0][l] = (p1 >> 32) ^ c[1][l] ^ u64::from(key[0]);
                c[1][l] = p1;
                c[2][l] = (p0 >> 32) ^ c[3][l] ^ u64::from(key[1]);
                c[3][l] = p0;
            }
        }
        (one, two) = (next_key(one), next_key(two));
    }
    let mut out = [[[0; LANES]; 4]; 2];
    for w in 0..4 {
        for l in 0..BOTH {
            out[l / LANES][w][l % LANES] = c[w][l] as u32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // The three philox4x32-10 lines of Random123's kat_vectors.
        let pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        let cases = [
            ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([!0; 4], [!0; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (pi, [0xa4093822, 0x299f31d0], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]),
        ];
        for (counter, key, want) in cases {
            assert_eq!(philox(counter, key), want);
            assert_eq!(philox_lanes(counter, key).map(|w| w[0]), want);
        }
    }

    #[test]
    fn pairs_are_two_times_lanes() {
        let (a, b) = ([u32::MAX - 5, 7, 8, 9], [3, 1 << 31, 0, 5]);
        let (one, two) = ([0xa4093822, 0x299f31d0], [u32::MAX, 8]);
        assert_eq!(philox_pair([a, b], [one, two]), [philox_lanes(a, one), philox_lanes(b, two)]);
    }

    #[test]
    fn lanes_are_consecutive_counters() {
        let (c, key) = ([u32::MAX - 5, 7, 8, 9], [1, 2]);
        let lanes = philox_lanes(c, key);
        for l in 0..LANES {
            let want = philox([c[0].wrapping_add(l as u32), c[1], c[2], c[3]], key);
            assert_eq!(lanes.map(|w| w[l]), want);
        }
    }
}
