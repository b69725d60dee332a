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

use super::blocks::{LANES, Lanes, MAX_CHUNKS, Segments};
use super::map::total;
use super::room::with_arrays;
use super::squares::Squares;
use super::update::{self, Turn};
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
    fn slopes<R: Real>(g: R, _: R, _: R) -> (R, R) {
        (R::zero(), g)
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
    /// Of the noise, entry by entry; none where the noise is there already.
    pub(crate) key: Option<Key>,
}

/// Entries that are worked on at once: their noise, and what is summed, stay in the first cache.
const PIECE: usize = 4 * BLOCK;

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
        let mut sum = Lanes::new();
        with_arrays(|[for_noise, squares, ratios]: &mut [[T; PIECE]; 3]| {
            for (at, n) in pieces(chunk) {
                // SAFETY: pieces do not overlap, within a chunk or between chunks.
                let (kept, scale) = unsafe { (kept.slice(at, n), scale.slice(at, n)) };
                let noise = match noise.is_empty() {
                    true => &mut for_noise[..n],
                    // SAFETY: as above.
                    false => unsafe { noise.slice(at, n) },
                };
                if let (true, Some(key)) = (K::NOISY, of.key) {
                    fill_normal(key, at as u64, noise);
                }
                let x = [&of.loc[at..at + n], &of.rho[at..at + n], noise];
                let (room, sum) = ([&mut *squares, &mut *ratios], &mut sum);
                dispatch(Values {
                    prior: of.prior,
                    x,
                    kept,
                    scale,
                    room,
                    sum,
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
    /// Locations, scale parameters, noise.
    x: [&'a [T]; 3],
    kept: &'a mut [T],
    scale: &'a mut [T],
    room: [&'a mut [T; PIECE]; 2],
    sum: &'a mut Lanes<T::Num>,
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Values<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [squares, ratios] = self.room;
        let n = self.kept.len().min(PIECE);
        let (squares, ratios) = (&mut squares[..n], &mut ratios[..n]);
        values::<S, K, T>(self.prior, self.x, self.kept, self.scale, squares, ratios);
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

/// Adds the slopes: `kept` are the adjoints of what was kept, `kl` that of the divergence. A parameter with a turn is then complete, and changes.
pub(crate) fn backward<S: ScaleMap, K: Kept, T: Scalar>(
    of: Gaussians<'_, T>,
    left: Left<'_, T>,
    kept: &[T],
    kl: T,
    to: [To<T>; 2],
    turns: &[Option<Turn<'_, T>>; 2],
) {
    let n = kept.len();
    let change = turns.iter().any(|turn| turn.is_some());
    let noise_is_there = !K::NOISY || !left.noise.is_empty();
    let direct = match &to {
        [Some((loc, true)), Some((rho, true))] if !change && noise_is_there => Some([loc, rho]),
        _ => None,
    };
    update::pieces(n, |i| {
        let piece = i * update::PIECE..n.min((i + 1) * update::PIECE);
        if let Some(to) = direct {
            // SAFETY: pieces do not overlap, and the two parameters are stored, so that they are not the same memory.
            let to = to.map(|to| unsafe { to.slice(piece.start, piece.len()) });
            // What is not noisy does not look at it.
            let noise = if K::NOISY { &left.noise[piece.clone()] } else { &left.scale[piece.clone()] };
            let x = [&of.loc[piece.clone()], &left.scale[piece.clone()], noise, &kept[piece]];
            return dispatch(Stored { prior: of.prior, x, kl, to, of_type: PhantomData::<(S, K)> });
        }
        let mut squares = [Squares::new(); 2];
        with_arrays(|[drawn, loc, rho]: &mut [[T; update::PART]; 3]| {
            for at in piece.clone().step_by(update::PART) {
                let at = at..piece.end.min(at + update::PART);
                let mut noise = &drawn[..at.len()];
                if !left.noise.is_empty() {
                    noise = &left.noise[at.clone()];
                } else if let (true, Some(key)) = (K::NOISY, of.key) {
                    fill_normal(key, at.start as u64, &mut drawn[..at.len()]);
                    noise = &drawn[..at.len()];
                }
                dispatch(Slopes {
                    prior: of.prior,
                    x: [&of.loc[at.clone()], &left.scale[at.clone()], noise, &kept[at.clone()]],
                    kl,
                    room: [&mut *loc, &mut *rho],
                    to,
                    turns,
                    from: at.start,
                    squares: &mut squares,
                    of_type: PhantomData::<(S, K)>,
                });
                if change {
                    for (turn, gradient) in turns.iter().zip([&*loc, &*rho]) {
                        if let Some(turn) = turn {
                            // SAFETY: the parameters have the entries of this matrix, and this part of them is complete.
                            unsafe { turn.part(at.clone(), &gradient[..at.len()]) };
                        }
                    }
                }
            }
        });
        for (turn, squares) in turns.iter().zip(squares) {
            if let Some(turn) = turn {
                // SAFETY: this piece is that of one thread.
                unsafe { turn.set_squares(i, squares.total()) };
            }
        }
    });
}

struct Slopes<'a, S, K, T> {
    prior: Prior,
    /// Locations, scales, noise, adjoints.
    x: [&'a [T]; 4],
    kl: T,
    room: [&'a mut [T; update::PART]; 2],
    to: [To<T>; 2],
    turns: &'a [Option<Turn<'a, T>>; 2],
    /// Where these entries are in `to`.
    from: usize,
    squares: &'a mut [Squares; 2],
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Slopes<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [loc, rho] = self.room;
        let n = self.x[0].len().min(update::PART);
        slopes::<S, K, T>(self.prior, self.x, self.kl.num(), &mut loc[..n], &mut rho[..n]);
        for (k, slopes) in [&mut loc[..n], &mut rho[..n]].into_iter().enumerate() {
            let Some((to, fresh)) = self.to[k] else { continue };
            // SAFETY: parts do not overlap, within a piece or between pieces, and the reference ends before that to the next parameter
            // (which may be the same memory) begins.
            let to = unsafe { to.slice(self.from, n) };
            if !fresh {
                slopes.iter_mut().zip(&*to).for_each(|(x, to)| *x = T::from_num(to.num() + x.num()));
            }
            match self.turns[k] {
                // What is stored is not read again: where the memory is far away, it would have to be waited for.
                Some(_) => self.squares[k].add(slopes),
                None => to.iter_mut().zip(slopes).for_each(|(to, x)| *to = *x),
            }
        }
    }
}

/// Of parameters that had none before.
struct Stored<'a, S, K, T> {
    prior: Prior,
    x: [&'a [T]; 4],
    kl: T,
    to: [&'a mut [T]; 2],
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept, T: Scalar> Kernel for Stored<'_, S, K, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [loc, rho] = self.to;
        slopes::<S, K, T>(self.prior, self.x, self.kl.num(), loc, rho);
    }
}

#[inline(always)]
fn slopes<S: ScaleMap, K: Kept, T: Scalar>(
    prior: Prior,
    [loc, scale, noise, kept]: [&[T]; 4],
    kl: T::Num,
    to_loc: &mut [T],
    to_rho: &mut [T],
) {
    let precision = 1.0 / (prior.scale * prior.scale);
    let n = to_loc.len();
    let (loc, scale, noise, kept, to_rho) =
        (&loc[..n], &scale[..n], &noise[..n], &kept[..n], &mut to_rho[..n]);
    for e in 0..n {
        let (loc, scale) = (loc[e].num(), scale[e].num());
        let (along_loc, along_scale) = K::slopes(kept[e].num(), scale, noise[e].num());
        to_loc[e] = T::from_num(along_loc + kl * ((loc - prior.loc) * precision));
        let along_scale = along_scale + kl * (scale * precision);
        to_rho[e] = T::from_num(along_scale * S::slope(scale) - kl * S::log_slope(scale));
    }
}
