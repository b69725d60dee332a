//! Scalar formulas, written once and used on numbers, on duals and as fused nodes of the tape.

use crate::ops::{Arg, record_formula};
use crate::real::{Dual, Real, Scalar};
use crate::tape::Tape;
use std::fmt::Debug;

/// A scalar function of `N` arguments, written once on any [`Real`] number.
///
/// From this one text the library makes the plain value (`f64`), the value with its exact partial
/// derivatives (`Dual`), and one fused, broadcasting node on the tape ([`crate::Var`]), compiled
/// for each instruction set.
///
/// ```
/// use probity_autodiff::{Formula, Real, partials};
///
/// #[derive(Clone, Copy, Debug)]
/// struct NormalLogProb;
/// impl Formula<3> for NormalLogProb {
///     #[inline(always)]
///     fn eval<R: Real>(&self, [x, loc, scale]: [R; 3]) -> R {
///         let z = (x - loc) / scale;
///         z * z * -0.5 - scale.ln() - 0.9189385332046727
///     }
/// }
/// let (value, [dx, dloc, dscale]) = partials(NormalLogProb, [1.0, 0.0, 2.0]);
/// assert!((value + 0.125 + 2f64.ln() + 0.9189385332046727).abs() < 1e-15);
/// assert_eq!((dx, dloc, dscale), (-0.25, 0.25, 0.125 - 0.5));
/// ```
///
/// Mark `eval` `#[inline(always)]`: only an inlined body is compiled for the wide instruction sets.
/// The fields of `self` are constants without derivatives.
pub trait Formula<const N: usize>: Copy + Debug + Send + Sync + 'static {
    /// The value at `x`.
    fn eval<R: Real>(&self, x: [R; N]) -> R;

    /// The name in errors and printed tapes; by default the name of the type.
    fn name(&self) -> &'static str {
        short_name::<Self>()
    }

    /// Whether loops over long arrays take the [`fast_path`](Formula::fast_path) where it holds.
    const FAST_PATH: bool = false;

    /// The value and its partial derivatives in straight-line code, and whether both hold at `x`;
    /// elsewhere they may be anything.
    ///
    /// This is for a formula whose `eval` has branches for arguments at the edges (infinite,
    /// subnormal, outside the support): LLVM does not vectorise a loop over branches. A loop takes
    /// the fast path for a whole block, then `eval` at those entries where it does not hold. Write
    /// no early returns here; a choice between two computed numbers becomes a selection.
    /// Derivatives written by hand share a reciprocal or an exponential that the rules of
    /// differentiation compute several times. [`check_fast_path`](crate::check_fast_path) compares
    /// it with `eval`.
    #[inline(always)]
    fn fast_path<R: Real>(&self, x: [R; N]) -> (R, [R; N], bool) {
        if Self::STAGED {
            return self.second_stage(self.first_stage(x), x);
        }
        let (y, partials) = partials(*self, x);
        (y, partials, true)
    }

    /// Whether loops compute the fast path in two stages. A processor overlaps the entries of a
    /// loop as far as their instructions fit into its window of a few hundred: a long fast path
    /// whose steps wait for each other, as a logarithm and then an exponential, is faster as two
    /// loops.
    const STAGED: bool = false;

    /// The first stage of a [staged](Formula::STAGED) fast path.
    #[inline(always)]
    fn first_stage<R: Real>(&self, x: [R; N]) -> R {
        let _ = x;
        R::zero()
    }

    /// The fast path from the result of the first stage. A staged formula writes both stages and
    /// leaves [`fast_path`](Formula::fast_path) as it is: one after the other.
    #[inline(always)]
    fn second_stage<R: Real>(&self, first: R, x: [R; N]) -> (R, [R; N], bool) {
        let _ = first;
        self.fast_path(x)
    }

    /// Records the formula, its entries or their sum. The number of the node.
    /// [`compiled_here!`](crate::compiled_here) overrides it.
    #[doc(hidden)]
    #[track_caller]
    fn record<T: Scalar>(self, tape: &Tape<T>, args: &[Arg<'_, T>], least: (usize, usize), sum: bool) -> u32 {
        record_formula(self, tape, args, least, sum)
    }
}

/// `compiled_here!(Name, N);` in the `impl Formula<N> for Name`: the loops of the formula on tapes
/// of `f64` and `f32` are compiled in this crate; with `f64` after `N`, only those on `f64`. It
/// costs their time even if nobody uses them, so it is for formulas that many programs use.
#[doc(hidden)]
#[macro_export]
macro_rules! compiled_here {
    ($formula:ty, $n:expr) => {
        $crate::compiled_here!($formula, $n, never);
    };
    ($formula:ty, $n:expr, f64) => {
        $crate::compiled_here!($formula, $n, always);
    };
    ($formula:ty, $n:expr, $f32:ident) => {
        #[track_caller]
        fn record<T: $crate::Scalar>(
            self,
            tape: &$crate::Tape<T>,
            args: &[$crate::Arg<'_, T>],
            least: (usize, usize),
            sum: bool,
        ) -> u32 {
            $crate::precompiled! { @f32 $f32;
                fn here<T>(
                    formula: $formula,
                    tape: &'b $crate::Tape<T>,
                    args: &'a [$crate::Arg<'b, T>],
                    least: (usize, usize),
                    sum: bool,
                ) -> u32 {
                    $crate::record_formula::<_, T, { $n }>(formula, tape, args, least, sum)
                }
            }
            here(self, tape, args, least, sum)
        }
    };
}

/// Two scalar functions of the same `N` arguments that share work, such as a sampled weight and its
/// KL.
///
/// On the tape the first result is kept entry by entry, the second is summed over all entries.
pub trait FormulaPair<const N: usize>: Copy + Debug + Send + Sync + 'static {
    /// The entry to keep and the term to sum.
    fn eval<R: Real>(&self, x: [R; N]) -> (R, R);

    /// The name in errors and printed tapes; by default the name of the type.
    fn name(&self) -> &'static str {
        short_name::<Self>()
    }
}

/// `path::to::Name<..>` → `Name<..>`.
pub(crate) fn short_name<F>() -> &'static str {
    let full = std::any::type_name::<F>();
    let stem = full.split('<').next().unwrap_or(full);
    full.get(stem.rfind(':').map_or(0, |i| i + 1)..).unwrap_or(full)
}

/// The value of a formula and its exact partial derivatives.
#[inline(always)]
pub fn partials<F: Formula<N>, const N: usize, R: Real>(f: F, x: [R; N]) -> (R, [R; N]) {
    let y = f.eval(variables(x));
    (y.re, y.du)
}

/// The arguments of a formula, each with its own direction.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a loop of this form is unrolled and vectorised")]
pub(crate) fn variables<R: Real, const N: usize>(x: [R; N]) -> [Dual<R, N>; N] {
    let mut duals = [Dual::variable(x[0], 0); N];
    for k in 1..N {
        duals[k] = Dual::variable(x[k], k);
    }
    duals
}

/// Makes a formula from one line: `formula!(|x, loc, scale| ...)` is a zero-sized [`Formula`]
/// value.
///
/// The body may use only its arguments and constants (it becomes the body of a generic function,
/// not a closure), and every method of [`Real`].
///
/// ```
/// use probity_autodiff::{formula, Formula};
/// let logit = formula!(|p| (p / (-p + 1.0)).ln());
/// assert_eq!(logit.eval([0.5]), 0.0);
/// ```
#[macro_export]
macro_rules! formula {
    (|$($x:ident),+ $(,)?| $body:expr) => { $crate::formula!(@with [] $($x),+; $body) };
    // In this library: on tapes of `f64` it is compiled here.
    (f64 |$($x:ident),+ $(,)?| $body:expr) => {
        $crate::formula!(@with [$crate::compiled_here!(Line, { <[&str]>::len(&[$(stringify!($x)),+]) }, f64);] $($x),+; $body)
    };
    (@with [$($here:tt)*] $($x:ident),+; $body:expr) => {{
        #[derive(Clone, Copy, Debug)]
        struct Line;
        impl $crate::Formula<{ <[&str]>::len(&[$(stringify!($x)),+]) }> for Line {
            #[inline(always)]
            fn eval<R: $crate::Real>(&self, [$($x),+]: [R; <[&str]>::len(&[$(stringify!($x)),+])]) -> R {
                $body
            }
            fn name(&self) -> &'static str {
                stringify!($body)
            }
            $($here)*
        }
        Line
    }};
}
