//! The passes of a product, each a function of its own for every kind of vector.
//!
//! Inlined into one function, their tiles would take the compiler several times as long. A call
//! costs little beside a pass over a panel.

use super::blocks::{few_columns, outer, times, times_few};
use super::dot::dots;
use super::tile::{Panel, Target};
#[cfg(target_arch = "x86_64")]
use super::vector::{Eight32, Eight64, Four64, Sixteen32};
use super::vector::{Portable, Vector};
use super::view::View;

/// Rows, depth and columns of a product.
type Sizes = (usize, usize, usize);

/// A [`Vector`] with the passes that are compiled for it.
///
/// # Safety
/// Of every method: `Vector`'s contract, and that of the function with its name.
pub(super) trait Passes: Vector {
    /// [`times`](super::blocks::times) for a panel of 1 to [`ROWS`](Vector::ROWS) vectors.
    unsafe fn times<const CUT: bool>(
        vectors: usize,
        panel: Panel<Self, CUT>,
        b: View<Self::Num>,
        n: usize,
        c: Target<Self::Num>,
    );
    /// [`times_few`](super::blocks::times_few) for so many whole vectors; where the registers have
    /// lanes.
    unsafe fn times_few(
        whole: usize,
        panel: Panel<Self, true>,
        b: View<Self::Num>,
        n: usize,
        c: Target<Self::Num>,
    );
    unsafe fn few_columns(sizes: Sizes, a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>);
    unsafe fn dots(sizes: Sizes, a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>);
    unsafe fn outer(sizes: (usize, usize), a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>);
}

macro_rules! passes {
    ($vector:ty, $sums:literal, [$($rows:literal)*], [$($whole:literal)*], $compiled:meta) => {
        impl Passes for $vector {
            unsafe fn times<const CUT: bool>(
                vectors: usize,
                panel: Panel<Self, CUT>,
                b: View<Self::Num>,
                n: usize,
                c: Target<Self::Num>,
            ) {
                $(if vectors == $rows {
                    #[$compiled]
                    unsafe fn rows<const CUT: bool>(
                        panel: Panel<$vector, CUT>,
                        b: View<<$vector as Vector>::Num>,
                        n: usize,
                        c: Target<<$vector as Vector>::Num>,
                    ) {
                        // SAFETY: the caller's contract.
                        unsafe { times::<$vector, $rows, CUT>(panel, b, n, c) }
                    }
                    // SAFETY: the caller's contract.
                    return unsafe { rows(panel, b, n, c) };
                })*
                unreachable!("a panel of {vectors} vectors");
            }

            unsafe fn times_few(
                whole: usize,
                panel: Panel<Self, true>,
                b: View<Self::Num>,
                n: usize,
                c: Target<Self::Num>,
            ) {
                $(if whole == $whole {
                    #[$compiled]
                    unsafe fn rows(
                        panel: Panel<$vector, true>,
                        b: View<<$vector as Vector>::Num>,
                        n: usize,
                        c: Target<<$vector as Vector>::Num>,
                    ) {
                        // SAFETY: the caller's contract.
                        unsafe { times_few::<$vector, $whole>(panel, b, n, c) }
                    }
                    // SAFETY: the caller's contract.
                    return unsafe { rows(panel, b, n, c) };
                })*
                let _ = (panel, b, n, c);
                unreachable!("{whole} whole vectors in a panel with lanes");
            }

            #[$compiled]
            unsafe fn few_columns(sizes: Sizes, a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>) {
                // SAFETY: the caller's contract.
                unsafe { few_columns::<Self>(sizes, a, b, c) }
            }

            #[$compiled]
            unsafe fn dots(sizes: Sizes, a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>) {
                // SAFETY: the caller's contract.
                unsafe { dots::<Self, $sums>(sizes, a, b, c) }
            }

            #[$compiled]
            unsafe fn outer(sizes: (usize, usize), a: View<Self::Num>, b: View<Self::Num>, c: Target<Self::Num>) {
                // SAFETY: the caller's contract.
                unsafe { outer::<Self>(sizes, a, b, c) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    passes!(Eight32, 2, [1 2 3], [], cfg_attr(all(), inline(never), target_feature(enable = "avx2,fma")));
    passes!(Four64, 4, [1 2 3], [], cfg_attr(all(), inline(never), target_feature(enable = "avx2,fma")));
    passes!(Sixteen32, 1, [1 2 3], [1 2], cfg_attr(all(), inline(never), target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")));
    passes!(Eight64, 2, [1 2 3], [], cfg_attr(all(), inline(never), target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")));
    passes!(Portable<f32>, 4, [1], [], inline(never));
    passes!(Portable<f64>, 4, [1], [], inline(never));
}

#[cfg(not(target_arch = "x86_64"))]
mod others {
    use super::*;
    passes!(Portable<f32>, 4, [1 2 3], [], inline(never));
    passes!(Portable<f64>, 4, [1 2 3], [], inline(never));
}
