//! The two loops of a formula, the only code that is compiled for every formula and every
//! instruction set.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use crate::random::BLOCK;
use crate::real::{Dual, Real, Scalar};
use crate::simd::{Kernel, dispatch};

/// `N` arguments to `M` results.
pub(crate) trait Body<const N: usize, const M: usize>: Copy + Send + Sync {
    fn eval<R: Real>(&self, x: [R; N]) -> [R; M];
    /// The name in errors; making it takes time.
    fn name(&self) -> &'static str;
}

/// The two loops of a formula, each over the first `n` entries of one block. All else in a pass is
/// compiled once for all formulas: these loops are all that is compiled for every formula and every
/// instruction set.
pub(crate) trait Loops<T, const N: usize, const M: usize>: Sync {
    /// The results.
    fn values(&self, x: &[&[T; BLOCK]; N], n: usize, y: &mut [[T; BLOCK]; M]);
    /// `p_k = Σₘ gₘ ∂yₘ/∂xₖ`.
    fn gradients(&self, x: &[&[T; BLOCK]; N], g: &[[T; BLOCK]; M], n: usize, p: &mut [[T; BLOCK]; N]);
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Loops<T, N, M> for B {
    fn values(&self, x: &[&[T; BLOCK]; N], n: usize, y: &mut [[T; BLOCK]; M]) {
        dispatch(Values { body: *self, x, n, y });
    }
    fn gradients(&self, x: &[&[T; BLOCK]; N], g: &[[T; BLOCK]; M], n: usize, p: &mut [[T; BLOCK]; N]) {
        dispatch(Gradients { body: *self, x, g, n, p });
    }
}

struct Values<'a, B, T, const N: usize, const M: usize> {
    body: B,
    x: &'a [&'a [T; BLOCK]; N],
    n: usize,
    y: &'a mut [[T; BLOCK]; M],
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Kernel for Values<'_, B, T, N, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        values(self.body, self.x, self.n, self.y);
    }
}

/// This loop and the next are what LLVM must vectorise. It does not when the arguments start as an
/// array of zeros or come from `array::from_fn`, nor over an enumerated iterator (measured: four
/// times slower). They are functions so that LLVM knows that the results overlap nothing.
#[inline(always)]
fn values<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    n: usize,
    y: &mut [[T; BLOCK]; M],
) {
    for e in 0..n.min(BLOCK) {
        let mut args = [x[0][e].num(); N];
        for k in 1..N {
            args[k] = x[k][e].num();
        }
        let v = body.eval(args);
        for m in 0..M {
            y[m][e] = T::from_num(v[m]);
        }
    }
}

struct Gradients<'a, B, T, const N: usize, const M: usize> {
    body: B,
    x: &'a [&'a [T; BLOCK]; N],
    g: &'a [[T; BLOCK]; M],
    n: usize,
    p: &'a mut [[T; BLOCK]; N],
}

impl<B: Body<N, M>, T: Scalar, const N: usize, const M: usize> Kernel for Gradients<'_, B, T, N, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        gradients(self.body, self.x, self.g, self.n, self.p);
    }
}

#[inline(always)]
fn gradients<B: Body<N, M>, T: Scalar, const N: usize, const M: usize>(
    body: B,
    x: &[&[T; BLOCK]; N],
    g: &[[T; BLOCK]; M],
    n: usize,
    p: &mut [[T; BLOCK]; N],
) {
    for e in 0..n.min(BLOCK) {
        let mut args = [Dual::<T::Num, N>::variable(x[0][e].num(), 0); N];
        for k in 1..N {
            args[k] = Dual::variable(x[k][e].num(), k);
        }
        let v = body.eval(args);
        for k in 0..N {
            let mut d = v[0].du[k] * g[0][e].num();
            for m in 1..M {
                d += v[m].du[k] * g[m][e].num();
            }
            p[k][e] = T::from_num(d);
        }
    }
}
