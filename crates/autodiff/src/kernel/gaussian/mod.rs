//! The loop that every weight of a Bayesian network passes twice a step: a Gaussian's scale, draw or variance, and its divergence from a fixed
//! Gaussian; and the way [`back`].
//!
//! It is a formula like others, and was one. It has a loop of its own because nothing else takes as much of the time of a step. All that the way
//! back wants to know of a scale parameter is two slopes, which have the exponential in common with the scale. Of few Gaussians they are kept from
//! the way there, in the place of the noise and beside it. Those of many would have to be fetched from far, and the way back waits for memory
//! anyway: it computes them again, and only the noise is kept. The bits are the same.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

mod back;

pub(crate) use back::{Backward, backward};

use super::blocks::{LANES, Lanes, MAX_CHUNKS, Segments};
use super::map::total;
use super::room::with_arrays;
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, Key, fill_normal};
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

/// What is kept of every Gaussian.
pub(crate) trait Kept: Copy + Debug + Send + Sync + 'static {
    /// Whether it is drawn around the location; otherwise it does not depend on that.
    const NOISY: bool;
    fn value<R: Real>(loc: R, scale: R, noise: R) -> R;
    /// The slope along the scale.
    fn along_scale<R: Real>(scale: R, noise: R) -> R;
}

/// `loc + scale ε`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn;
impl Kept for Drawn {
    const NOISY: bool = true;
    #[inline(always)]
    fn value<R: Real>(loc: R, scale: R, noise: R) -> R {
        loc + scale * noise
    }
    #[inline(always)]
    fn along_scale<R: Real>(_: R, noise: R) -> R {
        noise
    }
}

/// `scale²`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variance;
impl Kept for Variance {
    const NOISY: bool = false;
    #[inline(always)]
    fn value<R: Real>(_: R, scale: R, _: R) -> R {
        scale * scale
    }
    #[inline(always)]
    fn along_scale<R: Real>(scale: R, _: R) -> R {
        scale * 2.0
    }
}

/// The scale itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale;
impl Kept for Scale {
    const NOISY: bool = false;
    #[inline(always)]
    fn value<R: Real>(_: R, scale: R, _: R) -> R {
        scale
    }
    #[inline(always)]
    fn along_scale<R: Real>(_: R, _: R) -> R {
        R::one()
    }
}

/// The Gaussian that divergences are from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior {
    pub(crate) loc: f64,
    pub(crate) scale: f64,
}

impl Prior {
    #[inline(always)]
    fn precision(self) -> f64 {
        1.0 / (self.scale * self.scale)
    }
}

/// What goes in: the parameters of `n` Gaussians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaussians<'a, T> {
    pub(crate) loc: &'a [T],
    pub(crate) rho: &'a [T],
    pub(crate) prior: Prior,
    /// Of the noise, entry by entry; none where the noise is there already.
    pub(crate) key: Option<Key>,
}

/// What the way there leaves for the way back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left<A> {
    /// The slopes along the scale parameters, of what is kept and of the divergence.
    Slopes(A, A),
    /// The noise.
    Noise(A),
    /// Nothing, of what has no noise.
    Nothing,
}

impl<A> Left<A> {
    fn as_ref(&self) -> Left<&A> {
        match self {
            Left::Slopes(kept, kl) => Left::Slopes(kept, kl),
            Left::Noise(noise) => Left::Noise(noise),
            Left::Nothing => Left::Nothing,
        }
    }

    pub(crate) fn map<B>(self, mut f: impl FnMut(A) -> B) -> Left<B> {
        match self {
            Left::Slopes(kept, kl) => Left::Slopes(f(kept), f(kl)),
            Left::Noise(noise) => Left::Noise(f(noise)),
            Left::Nothing => Left::Nothing,
        }
    }
}

/// The slopes along a scale parameter, of what is kept and of the divergence, from the scale with its slopes.
#[inline(always)]
fn along_rho<K: Kept, R: Real>([scale, slope, log_slope]: [R; 3], noise: R, precision: f64) -> (R, R) {
    (K::along_scale(scale, noise) * slope, scale * precision * slope - log_slope)
}

/// Entries that are worked on at once: their noise, and what is summed, stay in the first cache.
const PIECE: usize = 8 * BLOCK;

/// Entries that pass one loop after the other. An entry is a long chain of operations, of which each waits for the one before, and of both halves of
/// that chain in one loop too few fit where the processor looks for work. In longer strips, computing would overlap less with waiting for memory.
const STRIP: usize = 128;

/// Fills what is kept and what is left for the way back, memory that nothing else uses meanwhile; where there is no key, the noise stands there (in
/// the place of the first slopes). Returns the sum of the divergences.
pub(crate) fn forward<S: ScaleMap, K: Kept, T: Scalar>(
    of: Gaussians<'_, T>,
    kept: &mut [T],
    left: Left<SharedMut<T>>,
) -> T {
    let segments = Segments { count: 1, len: kept.len() };
    let (size, count) = segments.chunks();
    let kept = SharedMut::new(kept);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (_, chunk) = segments.part(i, size);
        let mut sum = Lanes::new();
        with_arrays(|[squares, ratios]: &mut [[T; PIECE]; 2]| {
            for (at, n) in pieces(chunk) {
                // SAFETY: pieces do not overlap, within a chunk or between chunks.
                let (kept, left) = unsafe { (kept.slice(at, n), left.as_ref().map(|to| to.slice(at, n))) };
                let (first, second) = match left {
                    Left::Slopes(noise, second) => (noise, Some(second)),
                    Left::Noise(noise) => (noise, None),
                    Left::Nothing => (&mut [][..], None),
                };
                if let (true, Some(key)) = (K::NOISY, of.key) {
                    fill_normal(key, at as u64, first);
                }
                dispatch(Values {
                    prior: of.prior,
                    x: [&of.loc[at..at + n], &of.rho[at..at + n]],
                    kept,
                    left: (first, second),
                    room: [&mut *squares, &mut *ratios],
                    sum: &mut sum,
                    of_type: PhantomData::<(S, K)>,
                });
            }
        });
        // SAFETY: every chunk writes its own place.
        unsafe { out.set(i, T::from_num(sum.total())) };
    });
    total(&sums[..count])
}

/// Where the pieces of a chunk begin, and how long they are.
fn pieces(chunk: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let end = chunk.end;
    chunk.step_by(PIECE).map(move |at| (at, PIECE.min(end - at)))
}

struct Values<'a, S, K, T: Scalar> {
    prior: Prior,
    /// Locations, scale parameters.
    x: [&'a [T]; 2],
    kept: &'a mut [T],
    /// The noise, in whose place the first slopes are left, if there is a place for the second.
    left: (&'a mut [T], Option<&'a mut [T]>),
    room: [&'a mut [T; PIECE]; 2],
    sum: &'a mut Lanes<T::Num>,
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Values<'_, S, K, T> {
    #[inline(always)]
    fn strip(&mut self, strip: Range<usize>) {
        let [squares, ratios] = &mut self.room;
        let sums = [&mut squares[strip.clone()], &mut ratios[strip.clone()]];
        let x = self.x.map(|x| &x[strip.clone()]);
        let (kept, (first, second)) = (&mut self.kept[strip.clone()], &mut self.left);
        let first = if K::NOISY || second.is_some() { &mut first[strip.clone()] } else { &mut [] };
        match second {
            Some(second) => {
                values::<S, K, T, true>(self.prior, x, kept, [first, &mut second[strip]], sums);
            }
            None => values::<S, K, T, false>(self.prior, x, kept, [first, &mut []], sums),
        }
    }
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Values<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let n = self.kept.len().min(PIECE);
        let whole = n - n % STRIP;
        // Strips of a length that the compiler knows.
        for at in (0..whole).step_by(STRIP) {
            self.strip(at..at + STRIP);
        }
        self.strip(whole..n);
        let [squares, ratios] = self.room;
        self.sum.add_all(&squares[..n]);
        let (blocks, rest) = ratios[..n].as_chunks::<BLOCK>();
        for block in blocks {
            self.sum.add_lanes(&minus_logs(block));
        }
        if !rest.is_empty() {
            let mut block = [T::from_f64(1.0); BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, x)| *to = *x);
            self.sum.add_lanes(&minus_logs(&block));
        }
    }
}

/// `-ln` of a block's numbers, added in 16 lanes: of the product of four, unless that is too large or too small.
#[inline(always)]
fn minus_logs<T: Scalar>(x: &[T; BLOCK]) -> [T::Num; LANES] {
    let mut logs = [T::Num::zero(); LANES];
    let mut safe = true;
    for i in 0..LANES {
        let one = x[i].num() * x[i + LANES].num();
        let two = x[i + 2 * LANES].num() * x[i + 3 * LANES].num();
        safe &= one > 1e-18 && one < 1e18 && two > 1e-18 && two < 1e18;
        logs[i] = -(one * two).ln();
    }
    if !safe {
        for i in 0..LANES {
            logs[i] = -(x[i].num().ln()
                + x[i + LANES].num().ln()
                + x[i + 2 * LANES].num().ln()
                + x[i + 3 * LANES].num().ln());
        }
    }
    logs
}

/// These loops and those of the way back are what LLVM must vectorise.
#[inline(always)]
fn values<S: ScaleMap, K: Kept, T: Scalar, const SLOPES: bool>(
    prior: Prior,
    [loc, rho]: [&[T]; 2],
    kept: &mut [T],
    [first, second]: [&mut [T]; 2],
    [squares, ratios]: [&mut [T]; 2],
) {
    let n = squares.len();
    let (loc, rho, kept, ratios) = (&loc[..n], &rho[..n], &mut kept[..n], &mut ratios[..n]);
    let first = if SLOPES || K::NOISY { &mut first[..n] } else { first };
    let second = if SLOPES { &mut second[..n] } else { second };
    let (inverse, precision) = (1.0 / prior.scale, prior.precision());
    for e in 0..n {
        ratios[e] = T::from_num(S::exponential(rho[e].num()));
    }
    for e in 0..n {
        let (loc, scale) = (loc[e].num(), S::with_slopes(rho[e].num(), ratios[e].num()));
        let noise = if K::NOISY { first[e].num() } else { T::Num::zero() };
        let (shift, ratio) = ((loc - prior.loc) * inverse, scale[0] * inverse);
        kept[e] = T::from_num(K::value(loc, scale[0], noise));
        squares[e] = T::from_num((shift * shift + ratio * ratio - 1.0) * 0.5);
        ratios[e] = T::from_num(ratio);
        if SLOPES {
            let (of_kept, of_kl) = along_rho::<K, T::Num>(scale, noise, precision);
            first[e] = T::from_num(of_kept);
            second[e] = T::from_num(of_kl);
        }
    }
}
