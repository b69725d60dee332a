//! Gaussians with their divergence from a fixed Gaussian: draws, or variances.

use super::fused::Arg;
use crate::formula::Formula;
use crate::kernel::SharedMut;
use crate::kernel::gaussian::{
    Backward, Drawn, Gaussians, Kept, Left, Prior, Scale, Variance, backward, forward,
};
use crate::random::Key;
use crate::real::{Real, Scalar};
use crate::scale::ScaleMap;
use crate::tape::{Adjoints, Behind, Inputs, Op, Tape, Var};
use std::marker::PhantomData;

/// Of a matrix of locations and one of scale parameters. Slopes or noise are kept for the way back.
#[derive(Clone, Copy, Debug)]
struct GaussianAndKl<S, K> {
    prior: Prior,
    key: Key,
    behind: Behind,
    of_type: PhantomData<(S, K)>,
}

/// The slopes of up to this many Gaussians are kept for the way back: they are in a cache then, and reading them takes less time than computing
/// them again.
const KEPT_SLOPES: usize = 1 << 17;

impl<S: ScaleMap, K: Kept, T: Scalar> Op<T> for GaussianAndKl<S, K> {
    fn name(&self) -> &'static str {
        if K::NOISY { "sample + KL" } else { "variance + KL" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let of = Gaussians { loc: x.get(0), rho: x.get(1), prior: self.prior, key: Some(self.key) };
        let (kept, kl, left) = split_mut(self.behind, of.loc.len(), y);
        let left = x.lent().map_or(left.map(SharedMut::new), Left::Noise);
        *kl = forward::<S, K, T>(of, kept, left);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (loc, rho, prior) = (x.get(0), x.get(1), self.prior);
        let n = loc.len();
        let (left, lent) = (left(self.behind, n, y), dx.lent());
        let of = Backward { prior, loc, rho, left, kept: &g[..n], kl: g[n], lent };
        let to = [dx.shared(0), dx.shared(1)];
        backward::<S, K, T>(of, to, &[dx.turn(0), dx.turn(1)]);
    }
}

/// What is left of `n` Gaussians for the way back.
pub(super) fn left<T>(behind: Behind, n: usize, y: &[T]) -> Left<&[T]> {
    let array = |i: usize| &y[behind.array(n, i)..][..n];
    match behind.arrays {
        0 => Left::Nothing,
        1 => Left::Noise(array(0)),
        _ => Left::Slopes(array(0), array(1)),
    }
}

/// `n` values that are shown, the sum, and what is to be left for the way back.
pub(super) fn split_mut<T>(behind: Behind, n: usize, y: &mut [T]) -> (&mut [T], &mut T, Left<&mut [T]>) {
    let (shown, arrays) = y.split_at_mut(behind.array(n, 0).min(y.len()));
    let (kept, sum) = shown.split_at_mut(n);
    let left = match behind.arrays {
        0 => Left::Nothing,
        1 => Left::Noise(&mut arrays[..n]),
        _ => {
            let (first, second) = arrays.split_at_mut(behind.array(n, 1) - behind.array(n, 0));
            Left::Slopes(&mut first[..n], &mut second[..n])
        }
    };
    (kept, &mut sum[0], left)
}

#[derive(Clone, Copy, Debug)]
struct ScaledNoise;

impl Formula<3> for ScaledNoise {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, scale, noise]: [R; 3]) -> R {
        Drawn::value(loc, scale, noise)
    }
    fn name(&self) -> &'static str {
        "sample"
    }
}

/// What is kept, as a formula: for parameters that themselves differ from lane to lane.
#[derive(Clone, Copy, Debug)]
struct Value<S, K>(PhantomData<(S, K)>);

impl<S: ScaleMap, K: Kept> Formula<2> for Value<S, K> {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho]: [R; 2]) -> R {
        K::value(loc, S::scale(rho), R::zero())
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

impl<T: Scalar> Tape<T> {
    /// With lanes, `K` is without noise: what differs from lane to lane would have nothing behind it.
    #[track_caller]
    fn gaussian<'t, S: ScaleMap, K: Kept>(
        &'t self,
        loc: Var<'t, T>,
        rho: Var<'t, T>,
        prior: Prior,
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
        if loc.is_laned() || rho.is_laned() {
            let prior = Divergence::<S> { prior, of_type: PhantomData };
            return (Var::map(Value::<S, K>(PhantomData), [loc, rho]), Var::map_sum(prior, [loc, rho]));
        }
        let key = self.lane_key(key, 0);
        let few = shape.0 * shape.1 <= KEPT_SLOPES;
        let arrays = if few { 2 } else { usize::from(K::NOISY) };
        let lent = K::NOISY && !few && self.lends(loc, rho);
        let behind = Behind { sum: true, arrays, lent, ..Behind::default() };
        let op = GaussianAndKl::<S, K> { prior, key, behind, of_type: PhantomData };
        self.record_op(op, &[loc, rho], shape, behind)
    }

    /// A draw `loc + scale ε` of Gaussians with `scale = S(rho)`, and the sum of their divergences from `Normal(prior.0, prior.1)`, as one
    /// pass. Entry `i` of the noise is element `i` of the key's stream of normal numbers.
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
        let prior = Prior { loc: prior.0, scale: prior.1 };
        if self.lanes() == 1 {
            return self.gaussian::<S, Drawn>(loc, rho, prior, key);
        }
        // Scales and divergence are the same in all lanes.
        let (scale, kl) = self.gaussian::<S, Scale>(loc, rho, prior, key);
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
        self.gaussian::<S, Variance>(loc, rho, Prior { loc: prior.0, scale: prior.1 }, Key::new(0))
    }
}
