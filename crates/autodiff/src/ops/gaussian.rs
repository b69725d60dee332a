//! Draws or variances of Gaussians, with the KL divergence from a fixed Gaussian.

use super::fused::Arg;
use super::gaussian_sites::GaussianSite;
use crate::compiled_here;
use crate::formula::Formula;
use crate::kernel::SharedMut;
use crate::kernel::gaussian::{
    Backward, Gaussians, Output, Prior, Sample, SavedValues, Scale, backward, forward,
};
use crate::random::Key;
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::tape::{Adjoints, Inputs, Op, Saved, Tape, Var};
use std::marker::PhantomData;
use std::sync::Arc;

/// Gaussians, from a matrix of locations and one of scale parameters. The outputs are the values
/// (draws, variances or scales) and the sum of the divergences. Derivatives or noise are saved for
/// the backward pass.
#[derive(Clone, Copy, Debug)]
struct GaussianAndKl<S, O> {
    output: O,
    prior: Prior,
    key: Key,
    saved: Saved,
    /// Whether the noise is saved in a donated buffer.
    donated: bool,
    of_type: PhantomData<S>,
}

/// The derivatives of up to this many Gaussians are saved for the backward pass. They are in a
/// cache then, and reading them takes less time than computing them again.
const MOST_SAVED_SLOPES: usize = 1 << 17;

impl<S: ScaleMap, O: Output, T: Scalar> Op<T> for GaussianAndKl<S, O> {
    fn name(&self) -> &'static str {
        if O::NOISY { "sample + KL" } else { "scale + KL" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let of = Gaussians { loc: x.get(0), rho: x.get(1), prior: self.prior, key: Some(self.key) };
        let (values, kl, saved) = split_mut(self.saved, y);
        let donated = if self.donated { x.donated() } else { None };
        let saved = donated.map_or(saved.map(SharedMut::new), SavedValues::Noise);
        *kl = forward::<S, O, T>(self.output, of, values, saved);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (loc, rho, prior) = (x.get(0), x.get(1), self.prior);
        let n = loc.len();
        let (saved, donated) = (split(self.saved, y), dx.donated());
        let of = Backward { prior, loc, rho, saved, values: &g[..n], kl: g[n], donated };
        let to = [dx.shared(0), dx.shared(1)];
        backward::<S, O, T>(self.output, of, to, &[dx.range_update(0), dx.range_update(1)]);
    }
}

/// The layout of `n` values, their divergence, and so many arrays of saved values.
pub(super) fn saved_arrays(n: usize, arrays: usize) -> Saved {
    Saved { outputs: n + 1, arrays, len: n }
}

/// The saved values.
pub(super) fn split<T>(saved: Saved, y: &[T]) -> SavedValues<&[T]> {
    let array = |i: usize| &y[saved.offset(i)..][..saved.len];
    match saved.arrays {
        0 => SavedValues::Nothing,
        1 => SavedValues::Noise(array(0)),
        _ => SavedValues::Slopes(array(0), array(1)),
    }
}

/// The values, their divergence, and the saved values.
pub(super) fn split_mut<T>(saved: Saved, y: &mut [T]) -> (&mut [T], &mut T, SavedValues<&mut [T]>) {
    let n = saved.len;
    let (outputs, arrays) = y.split_at_mut(saved.offset(0).min(y.len()));
    let (values, kl) = outputs.split_at_mut(n);
    let arrays = match saved.arrays {
        0 => SavedValues::Nothing,
        1 => SavedValues::Noise(&mut arrays[..n]),
        _ => {
            let (first, second) = arrays.split_at_mut(saved.offset(1) - saved.offset(0));
            SavedValues::Slopes(&mut first[..n], &mut second[..n])
        }
    };
    (values, &mut kl[0], arrays)
}

#[derive(Clone, Copy, Debug)]
struct ScaledNoise;

impl Formula<3> for ScaledNoise {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, scale, noise]: [R; 3]) -> R {
        Sample.value(loc, scale, noise)
    }
    fn name(&self) -> &'static str {
        "sample"
    }
    compiled_here!(ScaledNoise, 3);
}

/// The values as a formula, for parameters that themselves differ from lane to lane.
#[derive(Clone, Copy, Debug)]
struct Value<S, O> {
    output: O,
    of_type: PhantomData<S>,
}

impl<S: ScaleMap, O: Output> Formula<2> for Value<S, O> {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho]: [R; 2]) -> R {
        self.output.value(loc, S::scale(rho), R::zero())
    }
    fn name(&self) -> &'static str {
        "scale"
    }
}

#[derive(Clone, Copy, Debug)]
struct Divergence<S> {
    prior: Prior,
    of_type: PhantomData<S>,
}

impl<S: ScaleMap> Formula<2> for Divergence<S> {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho]: [R; 2]) -> R {
        let inverse = 1.0 / self.prior.scale;
        let (shift, ratio) = ((loc - self.prior.loc) * inverse, S::scale(rho) * inverse);
        (shift * shift + ratio * ratio - 1.0) * 0.5 - ratio.ln()
    }
    fn name(&self) -> &'static str {
        "KL"
    }
}

/// An operation of Gaussians, as [`ScaleMap`] records it.
#[derive(Clone, Debug)]
pub enum GaussianOp {
    /// Of a matrix: what is kept, the mean and the standard deviation of the Gaussian that the
    /// divergence is from, and the key.
    One(Keep, (f64, f64), Key),
    /// Of the numbers of several sites.
    Sites(Arc<[GaussianSite]>, Key),
}

/// What a Gaussian gives besides its divergence.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    Draw,
    Scale,
    Variance,
}

/// Records the operation. The numbers of the nodes that show what is kept and the divergence.
#[track_caller]
pub(crate) fn record_gaussian<S: ScaleMap, T: Scalar>(
    op: GaussianOp,
    tape: &Tape<T>,
    [loc, rho]: [Var<'_, T>; 2],
) -> (u32, u32) {
    let (kept, kl) = match op {
        GaussianOp::Sites(sites, key) => return tape.sites::<S>(loc, rho, &sites, key),
        GaussianOp::One(keep, (loc_of_prior, scale), key) => {
            let prior = Prior { loc: loc_of_prior, scale };
            match keep {
                Keep::Draw => tape.gaussian::<S, _>(Sample, loc, rho, prior, key),
                Keep::Scale => tape.gaussian::<S, _>(Scale::Plain, loc, rho, prior, key),
                Keep::Variance => tape.gaussian::<S, _>(Scale::Squared, loc, rho, prior, key),
            }
        }
    };
    let node = |x: Var<'_, T>| x.on(tape).unwrap_or_default();
    (node(kept), node(kl))
}

/// Overrides [`ScaleMap::record`], so that the operations are compiled here.
macro_rules! gaussians_here {
    ($scale:ty) => {
        #[track_caller]
        fn record<T: $crate::Scalar>(
            op: $crate::ops::GaussianOp,
            tape: &$crate::Tape<T>,
            args: [$crate::Var<'_, T>; 2],
        ) -> (u32, u32) {
            $crate::precompiled! {
                fn here<T>(
                    op: $crate::ops::GaussianOp,
                    tape: &'a $crate::Tape<T>,
                    args: [$crate::Var<'a, T>; 2],
                ) -> (u32, u32) {
                    $crate::ops::record_gaussian::<$scale, T>(op, tape, args)
                }
            }
            here(op, tape, args)
        }
    };
}
pub(crate) use gaussians_here;

impl<T: Scalar> Tape<T> {
    /// With lanes, `O` is without noise: operations with several outputs have no lanes.
    #[track_caller]
    fn gaussian<'t, S: ScaleMap, O: Output>(
        &'t self,
        output: O,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        prior: Prior,
        key: Key,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let shape = loc.shape();
        if loc.is_per_lane() || rho.is_per_lane() {
            let value = Value::<S, O> { output, of_type: PhantomData };
            let divergence = Divergence::<S> { prior, of_type: PhantomData };
            return (Var::map(value, [loc, rho]), Var::map_sum(divergence, [loc, rho]));
        }
        let key = self.lane_key(key, 0);
        let n = shape.0 * shape.1;
        let few = n <= MOST_SAVED_SLOPES;
        let saved = saved_arrays(n, if few { 2 } else { usize::from(O::NOISY) });
        let donated = O::NOISY && !few && self.donates(loc, rho);
        let op = GaussianAndKl::<S, O> { output, prior, key, saved, donated, of_type: PhantomData };
        let outputs = [shape, (1, 1)].into_iter();
        let first = self.record_outputs(op, &[loc, rho], shape, outputs, saved);
        if donated {
            self.note_donation(first - 1, saved);
        }
        (Var::node(self, first), Var::node(self, first + 1))
    }

    /// As `gaussian`, compiled where the scale is defined.
    #[track_caller]
    fn gaussian_by<'t, S: ScaleMap>(
        &'t self,
        keep: Keep,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        prior: (f64, f64),
        key: Key,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let (shape, other) = (loc.shape(), rho.shape());
        assert!(
            shape == other,
            "gaussian: locations of {} × {}, scales of {} × {}",
            shape.0,
            shape.1,
            other.0,
            other.1
        );
        let (kept, kl) = S::record(GaussianOp::One(keep, prior, key), self, [loc, rho]);
        (Var::node(self, kept), Var::node(self, kl))
    }

    /// A draw `loc + scale ε` of Gaussians with `scale = S(rho)`, and the sum of their divergences
    /// from `Normal(prior.0, prior.1)`, as one pass. Entry `i` of the noise is element `i` of the
    /// key's stream of normal numbers.
    ///
    /// *Shapes*: `loc` and `rho` r × c, the draw r × c, the divergence 1 × 1.
    ///
    /// # Panics
    /// If the shapes differ, or an argument is on another tape.
    #[track_caller]
    pub fn gaussian_draw<'t, S: ScaleMap>(
        &'t self,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        prior: (f64, f64),
        key: Key,
    ) -> (Var<'t, T>, Var<'t, T>) {
        if self.lanes() == 1 {
            return self.gaussian_by::<S>(Keep::Draw, loc, rho, prior, key);
        }
        // Scales and divergence are the same in all lanes.
        let (scale, kl) = self.gaussian_by::<S>(Keep::Scale, loc, rho, prior, key);
        (self.scaled_noise(loc, scale, key), kl)
    }

    /// `loc + scale ε`, with the noise of [`gaussian_draw`](Tape::gaussian_draw).
    ///
    /// # Panics
    /// As `gaussian_draw`.
    #[track_caller]
    pub fn scaled_noise<'t>(&'t self, loc: Var<'t, T>, scale: Var<'t, T>, key: Key) -> Var<'t, T> {
        self.map_noise(ScaledNoise, [loc.into(), scale.into(), Arg::Normal(key)], loc.shape())
    }

    /// As [`gaussian_draw`](Tape::gaussian_draw), with the variances `scale²` instead of a draw.
    ///
    /// # Panics
    /// As `gaussian_draw`.
    #[track_caller]
    pub fn gaussian_variance<'t, S: ScaleMap>(
        &'t self,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        prior: (f64, f64),
    ) -> (Var<'t, T>, Var<'t, T>) {
        self.gaussian_by::<S>(Keep::Variance, loc, rho, prior, Key::new(0))
    }
}
