//! The loops over Gaussians: every weight of a Bayesian network passes them twice a step. The
//! forward pass computes a scale, a draw or a variance, and the divergence from a fixed Gaussian;
//! `backward.rs` has the backward pass.
//!
//! This could be a formula like others. It has a loop of its own because nothing else takes as much
//! of the time of a step. All that the backward pass needs of a scale parameter is two derivatives,
//! which share the exponential with the scale. Few Gaussians save them from the forward pass, one
//! in place of the noise. With many Gaussians, they would have to come from main memory, and the
//! backward pass waits for memory anyway: it computes them again, and only the noise is saved. The
//! bits are the same.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

mod backward;

pub(crate) use backward::{Backward, backward};

use super::blocks::{LANES, Lanes, MAX_CHUNKS, Segments};
use super::map::total;
use super::scratch::with_scratch;
use super::{SharedMut, for_each_chunk};
use crate::random::{BLOCK, Key, fill_normal};
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::simd::{Kernel, dispatch};
use num_traits::Zero;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Range;

/// What the forward pass computes of every Gaussian.
pub(crate) trait Output: Copy + Debug + Send + Sync + 'static {
    /// Whether it is a draw around the location; otherwise it does not depend on that.
    const NOISY: bool;
    fn value<R: Real>(self, loc: R, scale: R, noise: R) -> R;
    /// The derivative by the scale.
    fn d_scale<R: Real>(self, scale: R, noise: R) -> R;
}

/// `loc + scale ε`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample;
impl Output for Sample {
    const NOISY: bool = true;
    #[inline(always)]
    fn value<R: Real>(self, loc: R, scale: R, noise: R) -> R {
        loc + scale * noise
    }
    #[inline(always)]
    fn d_scale<R: Real>(self, _: R, noise: R) -> R {
        noise
    }
}

/// The scale, or its square. One type for both: a loop over Gaussians is long to compile.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale {
    Plain,
    Squared,
}
impl Output for Scale {
    const NOISY: bool = false;
    #[inline(always)]
    fn value<R: Real>(self, _: R, scale: R, _: R) -> R {
        match self {
            Scale::Plain => scale,
            Scale::Squared => scale * scale,
        }
    }
    #[inline(always)]
    fn d_scale<R: Real>(self, scale: R, _: R) -> R {
        match self {
            Scale::Plain => R::one(),
            Scale::Squared => scale * 2.0,
        }
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
    /// The key of the noise; none where the noise is there already.
    pub(crate) key: Option<Key>,
}

/// What the forward pass saves for the backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SavedValues<A> {
    /// The derivatives by the scale parameters, of the output and of the divergence.
    Slopes(A, A),
    /// The noise.
    Noise(A),
    /// Nothing, of what has no noise.
    Nothing,
}

impl<A> SavedValues<A> {
    fn as_ref(&self) -> SavedValues<&A> {
        match self {
            SavedValues::Slopes(outputs, kl) => SavedValues::Slopes(outputs, kl),
            SavedValues::Noise(noise) => SavedValues::Noise(noise),
            SavedValues::Nothing => SavedValues::Nothing,
        }
    }

    pub(crate) fn map<B>(self, mut f: impl FnMut(A) -> B) -> SavedValues<B> {
        match self {
            SavedValues::Slopes(outputs, kl) => SavedValues::Slopes(f(outputs), f(kl)),
            SavedValues::Noise(noise) => SavedValues::Noise(f(noise)),
            SavedValues::Nothing => SavedValues::Nothing,
        }
    }
}

/// The derivatives by a scale parameter, of the output and of the divergence, from the scale with
/// its own two derivatives.
#[inline(always)]
fn d_rho<O: Output, R: Real>(
    output: O,
    [scale, slope, log_slope]: [R; 3],
    noise: R,
    precision: f64,
) -> (R, R) {
    (output.d_scale(scale, noise) * slope, scale * precision * slope - log_slope)
}

/// Entries that are worked on at once: their noise, and what is summed, stay in the first cache.
const PIECE: usize = 8 * BLOCK;

/// Entries that pass one loop after the other. An entry is a long chain of operations, each of
/// which waits for the one before. With both halves of that chain in one loop, too few entries fit
/// into the processor's schedulers. In longer strips, computing would overlap less with waiting for
/// memory.
const STRIP: usize = 128;

/// Writes the outputs and the saved values, whose memory nothing else uses meanwhile. Without a
/// key, the noise is there already, in place of the first derivatives. Returns the sum of the
/// divergences.
pub(crate) fn forward<S: ScaleMap, O: Output, T: Scalar>(
    output: O,
    of: Gaussians<'_, T>,
    outputs: &mut [T],
    saved: SavedValues<SharedMut<T>>,
) -> T {
    let segments = Segments { count: 1, len: outputs.len() };
    let (size, count) = segments.chunks();
    let outputs = SharedMut::new(outputs);
    let mut sums = [T::default(); MAX_CHUNKS];
    let out = SharedMut::new(&mut sums);
    for_each_chunk(count, |i| {
        let (_, chunk) = segments.part(i, size);
        let mut sum = Lanes::new();
        with_scratch(|[squares, ratios]: &mut [[T; PIECE]; 2]| {
            for (at, n) in pieces(chunk) {
                // SAFETY: pieces do not overlap, within a chunk or between chunks.
                let (outputs, saved) =
                    unsafe { (outputs.slice(at, n), saved.as_ref().map(|to| to.slice(at, n))) };
                let (first, second) = match saved {
                    SavedValues::Slopes(noise, second) => (noise, Some(second)),
                    SavedValues::Noise(noise) => (noise, None),
                    SavedValues::Nothing => (&mut [][..], None),
                };
                if let (true, Some(key)) = (O::NOISY, of.key) {
                    fill_normal(key, at as u64, first);
                }
                dispatch(Forward {
                    output,
                    prior: of.prior,
                    x: [&of.loc[at..at + n], &of.rho[at..at + n]],
                    outputs,
                    saved: (first, second),
                    scratch: [&mut *squares, &mut *ratios],
                    of_type: PhantomData::<S>,
                });
                add_divergences(&squares[..n], &ratios[..n], &mut sum);
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

struct Forward<'a, S, O, T: Scalar> {
    output: O,
    prior: Prior,
    /// Locations, scale parameters.
    x: [&'a [T]; 2],
    outputs: &'a mut [T],
    /// The noise, which the first derivatives replace if there is a place for the second.
    saved: (&'a mut [T], Option<&'a mut [T]>),
    /// Of the divergences: the terms that are added as they are, and what enters by its logarithm.
    scratch: [&'a mut [T; PIECE]; 2],
    of_type: PhantomData<S>,
}

impl<S: ScaleMap, O: Output, T: Scalar> Forward<'_, S, O, T> {
    #[inline(always)]
    fn strip(&mut self, strip: Range<usize>) {
        let [squares, ratios] = &mut self.scratch;
        let sums = [&mut squares[strip.clone()], &mut ratios[strip.clone()]];
        let x = self.x.map(|x| &x[strip.clone()]);
        let (outputs, (first, second)) = (&mut self.outputs[strip.clone()], &mut self.saved);
        let first = if O::NOISY || second.is_some() { &mut first[strip.clone()] } else { &mut [] };
        match second {
            Some(second) => {
                forward_loop::<S, O, T, true>(
                    self.output,
                    self.prior,
                    x,
                    outputs,
                    [first, &mut second[strip]],
                    sums,
                );
            }
            None => {
                forward_loop::<S, O, T, false>(self.output, self.prior, x, outputs, [first, &mut []], sums)
            }
        }
    }
}

impl<S: ScaleMap, O: Output, T: Scalar> Kernel for Forward<'_, S, O, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let n = self.outputs.len().min(PIECE);
        let whole = n - n % STRIP;
        // Strips of a length that the compiler knows.
        for at in (0..whole).step_by(STRIP) {
            self.strip(at..at + STRIP);
        }
        self.strip(whole..n);
    }
}

/// Adds the divergences, from the parts that [`Forward`] left. A pass of its own, compiled for no
/// scale and no output.
struct AddDivergences<'a, T: Scalar> {
    squares: &'a [T],
    ratios: &'a [T],
    sum: &'a mut Lanes<T::Num>,
}

impl<T: Scalar> Kernel for AddDivergences<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.sum.add_all(self.squares);
        let (blocks, rest) = self.ratios.as_chunks::<BLOCK>();
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

crate::precompiled! {
    fn add_divergences<T>(squares: &'a [T], ratios: &'a [T], sum: &'a mut Lanes<T::Num>) -> () {
        dispatch(AddDivergences { squares, ratios, sum });
    }
}

/// `-ln` of a block's numbers, added in 16 lanes: of the product of four, unless that is too large
/// or too small.
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

/// LLVM must vectorise these loops and those of the backward pass.
#[inline(always)]
fn forward_loop<S: ScaleMap, O: Output, T: Scalar, const SLOPES: bool>(
    output: O,
    prior: Prior,
    [loc, rho]: [&[T]; 2],
    outputs: &mut [T],
    [first, second]: [&mut [T]; 2],
    [squares, ratios]: [&mut [T]; 2],
) {
    let n = squares.len();
    let (loc, rho, outputs, ratios) = (&loc[..n], &rho[..n], &mut outputs[..n], &mut ratios[..n]);
    let first = if SLOPES || O::NOISY { &mut first[..n] } else { first };
    let second = if SLOPES { &mut second[..n] } else { second };
    let (inverse, precision) = (1.0 / prior.scale, prior.precision());
    for e in 0..n {
        ratios[e] = T::from_num(S::exponential(rho[e].num()));
    }
    for e in 0..n {
        let (loc, scale) = (loc[e].num(), S::with_slopes(rho[e].num(), ratios[e].num()));
        let noise = if O::NOISY { first[e].num() } else { T::Num::zero() };
        let (shift, ratio) = ((loc - prior.loc) * inverse, scale[0] * inverse);
        outputs[e] = T::from_num(output.value(loc, scale[0], noise));
        squares[e] = T::from_num((shift * shift + ratio * ratio - 1.0) * 0.5);
        ratios[e] = T::from_num(ratio);
        if SLOPES {
            let (of_output, of_kl) = d_rho(output, scale, noise, precision);
            first[e] = T::from_num(of_output);
            second[e] = T::from_num(of_kl);
        }
    }
}
