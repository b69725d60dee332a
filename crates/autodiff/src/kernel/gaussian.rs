//! The loop that every weight of a Bayesian network passes twice a step: a Gaussian's scale, draw or variance, and its divergence from a fixed
//! Gaussian; and the way back.
//!
//! It is a formula like others, and was one. It has a loop of its own because nothing else takes as much of the time of a step: the scale is kept
//! for the way back, where its slope comes from it without the exponential and the logarithm of the way there, and numbers that want no gradient
//! cost none.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::blocks::{LANES, Lanes, MAX_CHUNKS, Segments, lanes_of};
use super::entries::{padded, store};
use super::map::{Aligned, total};
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, Key, fill_normal};
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

/// How a positive scale is made of an unconstrained number.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The scale.
    fn scale<R: Real>(rho: R) -> R;
    /// The slope of the scale, told from the scale.
    fn slope<R: Real>(scale: R) -> R;
    /// The slope of the scale's logarithm, told from the scale: finite where that is 0.
    fn log_slope<R: Real>(scale: R) -> R;
}

/// What is kept of every Gaussian.
pub(crate) trait Kept: Copy + Debug + Send + Sync + 'static {
    const NOISY: bool;
    fn value<R: Real>(loc: R, scale: R, noise: R) -> R;
    /// The parts for location and scale of a slope `g` of what is kept.
    fn slopes<R: Real>(g: R, scale: R, noise: R) -> (R, R);
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
    fn slopes<R: Real>(g: R, _: R, noise: R) -> (R, R) {
        (g, g * noise)
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
    fn slopes<R: Real>(g: R, scale: R, _: R) -> (R, R) {
        (R::zero(), g * scale * 2.0)
    }
}

/// The Gaussian that divergences are from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior {
    pub(crate) loc: f64,
    pub(crate) scale: f64,
}

/// What goes in: the parameters of `n` Gaussians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaussians<'a, T> {
    pub(crate) loc: &'a [T],
    pub(crate) rho: &'a [T],
    pub(crate) prior: Prior,
    /// Of the noise, entry by entry.
    pub(crate) key: Key,
}

/// Entries that are worked on at once: their noise, and what is summed, stay in the first cache.
const PIECE: usize = 8 * BLOCK;

/// Fills what is kept, the scales and, where there is room for it, the noise. Returns the sum of the divergences.
pub(crate) fn forward<S: ScaleMap, K: Kept, T: Scalar>(
    of: Gaussians<'_, T>,
    kept: &mut [T],
    scale: &mut [T],
    noise: &mut [T],
) -> T {
    let segments = Segments { count: 1, len: kept.len() };
    let (size, count) = segments.chunks();
    let (kept, scale, noise) = (SharedMut::new(kept), SharedMut::new(scale), SharedMut::new(noise));
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (_, chunk) = segments.part(i, size);
        let (mut sum, mut room) = (Lanes::new(), Aligned([T::default(); PIECE]));
        for (at, n) in pieces(chunk) {
            // SAFETY: pieces do not overlap, within a chunk or between chunks.
            let (kept, scale) = unsafe { (kept.slice(at, n), scale.slice(at, n)) };
            let noise = match noise.is_empty() {
                true => &mut room.0[..n],
                // SAFETY: as above.
                false => unsafe { noise.slice(at, n) },
            };
            if K::NOISY {
                fill_normal(of.key, at as u64, noise);
            }
            let (loc, rho) = (&of.loc[at..at + n], &of.rho[at..at + n]);
            let sum = &mut sum;
            dispatch(Values {
                prior: of.prior,
                loc,
                rho,
                noise,
                kept,
                scale,
                sum,
                of_type: PhantomData::<(S, K)>,
            });
        }
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
    loc: &'a [T],
    rho: &'a [T],
    noise: &'a [T],
    kept: &'a mut [T],
    scale: &'a mut [T],
    sum: &'a mut Lanes<T::Num>,
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Values<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Aligned([squares, ratios]) = &mut Aligned([[T::default(); PIECE]; 2]);
        let n = self.kept.len().min(PIECE);
        let (squares, ratios) = (&mut squares[..n], &mut ratios[..n]);
        values::<S, K, T>(
            self.prior,
            [self.loc, self.rho, self.noise],
            self.kept,
            self.scale,
            squares,
            ratios,
        );
        self.sum.add_all(squares);
        let (blocks, rest) = ratios.as_chunks::<BLOCK>();
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

/// This loop and [`slopes`] are what LLVM must vectorise.
#[inline(always)]
fn values<S: ScaleMap, K: Kept, T: Scalar>(
    prior: Prior,
    [loc, rho, noise]: [&[T]; 3],
    kept: &mut [T],
    scales: &mut [T],
    squares: &mut [T],
    ratios: &mut [T],
) {
    let n = squares.len();
    let (loc, rho, noise, kept, scales) =
        (&loc[..n], &rho[..n], &noise[..n], &mut kept[..n], &mut scales[..n]);
    let ratios = &mut ratios[..n];
    let inverse = 1.0 / prior.scale;
    for e in 0..n {
        let (loc, scale) = (loc[e].num(), S::scale(rho[e].num()));
        let (shift, ratio) = ((loc - prior.loc) * inverse, scale * inverse);
        kept[e] = T::from_num(K::value(loc, scale, noise[e].num()));
        scales[e] = T::from_num(scale);
        squares[e] = T::from_num((shift * shift + ratio * ratio - 1.0) * 0.5);
        ratios[e] = T::from_num(ratio);
    }
}

/// What the way there left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left<'a, T> {
    pub(crate) scale: &'a [T],
    /// Empty where it is to be drawn again.
    pub(crate) noise: &'a [T],
}

/// Where the slopes of a parameter go, and whether they are stored instead of added.
pub(crate) type To<T> = Option<(SharedMut<T>, bool)>;

/// Adds the slopes: `kept` are the adjoints of what was kept, `kl` that of the divergence.
pub(crate) fn backward<S: ScaleMap, K: Kept, T: Scalar>(
    of: Gaussians<'_, T>,
    left: Left<'_, T>,
    kept: &[T],
    kl: T,
    to: [To<T>; 2],
) {
    let segments = Segments { count: 1, len: kept.len() };
    let (size, count) = segments.chunks();
    for_each_chunk(count, |i| {
        let (_, at) = segments.part(i, size);
        dispatch(Backward::<S, K, T> { of, left, kept, kl, to, at, of_type: PhantomData });
    });
}

struct Backward<'a, S, K, T> {
    of: Gaussians<'a, T>,
    left: Left<'a, T>,
    kept: &'a [T],
    kl: T,
    to: [To<T>; 2],
    at: Range<usize>,
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Backward<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Aligned(room) = &mut Aligned([[T::default(); BLOCK]; 4]);
        let Aligned(out) = &mut Aligned([[T::default(); BLOCK]; 2]);
        let mut at = self.at.start;
        while at < self.at.end {
            let here = at..self.at.end.min(at + BLOCK);
            let [for_loc, for_scale, for_noise, for_kept] = &mut *room;
            if K::NOISY && self.left.noise.is_empty() {
                *for_noise = T::normal_block(self.of.key, (at / BLOCK) as u64);
            }
            let x = [
                padded(&self.of.loc[here.clone()], for_loc),
                padded(&self.left.scale[here.clone()], for_scale),
                if self.left.noise.is_empty() {
                    for_noise
                } else {
                    padded(&self.left.noise[here.clone()], for_noise)
                },
                padded(&self.kept[here.clone()], for_kept),
            ];
            slopes::<S, K, T>(self.of.prior, x, self.kl.num(), lanes_of(here.len()), out);
            for (to, out) in self.to.iter().zip(&*out) {
                if let Some((to, fresh)) = to {
                    // SAFETY: blocks do not overlap, within a chunk or between chunks, and the reference ends before that to the next
                    // parameter (which may be the same memory) begins.
                    let to = unsafe { to.slice(here.start, here.len()) };
                    store(to, out, *fresh);
                }
            }
            at += BLOCK;
        }
    }
}

#[inline(always)]
fn slopes<S: ScaleMap, K: Kept, T: Scalar>(
    prior: Prior,
    [loc, scale, noise, kept]: [&[T; BLOCK]; 4],
    kl: T::Num,
    n: usize,
    [to_loc, to_rho]: &mut [[T; BLOCK]; 2],
) {
    let precision = 1.0 / (prior.scale * prior.scale);
    for e in 0..n.min(BLOCK) {
        let (loc, scale) = (loc[e].num(), scale[e].num());
        let (along_loc, along_scale) = K::slopes(kept[e].num(), scale, noise[e].num());
        to_loc[e] = T::from_num(along_loc + kl * ((loc - prior.loc) * precision));
        let along_scale = along_scale + kl * (scale * precision);
        to_rho[e] = T::from_num(along_scale * S::slope(scale) - kl * S::log_slope(scale));
    }
}
