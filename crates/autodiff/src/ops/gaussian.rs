//! Gaussians with their divergence from a fixed Gaussian: draws, or variances.

use super::fused::KEPT_NOISE;
use crate::kernel::gaussian::{
    Drawn, Gaussians, Kept, Left, Prior, ScaleMap, To, Variance, backward, forward,
};
use crate::random::Key;
use crate::real::Scalar;
use crate::tape::{Adjoints, Behind, Inputs, Op, Tape, Var};
use std::marker::PhantomData;

/// Of a matrix of locations and one of scale parameters. Scales are kept for the way back, and the noise if it is not much.
#[derive(Clone, Copy, Debug)]
struct GaussianAndKl<S, K> {
    prior: Prior,
    key: Key,
    behind: Behind,
    of_type: PhantomData<(S, K)>,
}

impl<S: ScaleMap, K: Kept> GaussianAndKl<S, K> {
    fn of<'a, T: Scalar>(&self, x: &Inputs<'a, T>) -> Gaussians<'a, T> {
        Gaussians { loc: x.get(0), rho: x.get(1), prior: self.prior, key: self.key }
    }
}

impl<S: ScaleMap, K: Kept, T: Scalar> Op<T> for GaussianAndKl<S, K> {
    fn name(&self) -> &'static str {
        if K::NOISY { "sample + KL" } else { "variance + KL" }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let n = x.get(0).len();
        let (shown, arrays) = y.split_at_mut(self.behind.array(n, 0));
        let (kept, kl) = shown.split_at_mut(n);
        let (scale, noise) = arrays.split_at_mut(n);
        let skip = noise.len().saturating_sub(n);
        kl[0] = forward::<S, K, T>(self.of(x), kept, scale, &mut noise[skip..]);
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let n = x.get(0).len();
        let array = |i: usize| &y[self.behind.array(n, i)..][..n];
        let left = Left { scale: array(0), noise: if self.behind.arrays > 1 { array(1) } else { &[] } };
        let to = [0, 1].map(|k| dx.shared(k).map(|(to, fresh)| To { to, fresh, turn: dx.turn(k) }));
        backward::<S, K, T>(self.of(x), left, &g[..n], g[n], &to);
    }
}

impl<T: Scalar> Tape<T> {
    #[track_caller]
    fn gaussian<S: ScaleMap, K: Kept>(
        &self,
        loc: Var<'_, T>,
        rho: Var<'_, T>,
        prior: Prior,
        key: Key,
    ) -> (Var<'_, T>, Var<'_, T>) {
        let (shape, other) = (loc.shape(), rho.shape());
        assert!(
            shape == other,
            "gaussian: locations of {} × {}, scales of {} × {}",
            shape.0,
            shape.1,
            other.0,
            other.1
        );
        let stored = K::NOISY && shape.0 * shape.1 <= KEPT_NOISE;
        let behind = Behind { sum: true, arrays: 1 + usize::from(stored) };
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
    pub fn gaussian_draw<S: ScaleMap>(
        &self,
        loc: Var<'_, T>,
        rho: Var<'_, T>,
        prior: (f64, f64),
        key: Key,
    ) -> (Var<'_, T>, Var<'_, T>) {
        self.gaussian::<S, Drawn>(loc, rho, Prior { loc: prior.0, scale: prior.1 }, key)
    }

    /// As [`gaussian_draw`](Tape::gaussian_draw), with the variances `scale²` instead of a draw.
    ///
    /// # Panics
    /// As `gaussian_draw`.
    #[track_caller]
    pub fn gaussian_variance<S: ScaleMap>(
        &self,
        loc: Var<'_, T>,
        rho: Var<'_, T>,
        prior: (f64, f64),
    ) -> (Var<'_, T>, Var<'_, T>) {
        self.gaussian::<S, Variance>(loc, rho, Prior { loc: prior.0, scale: prior.1 }, Key::new(0))
    }
}
