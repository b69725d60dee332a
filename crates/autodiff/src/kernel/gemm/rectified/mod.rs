//! The way back through a rectified layer with one column above it, or with few inputs below. So little is computed there that passes over the
//! layer's values and their adjoint take the time: here all that is done with them is one pass.
//!
//! Sums are done in the order of [products along the depth](super::dot), so that results have the bits of pass after pass.

mod column;
mod inputs;

pub(crate) use column::BelowColumn;
pub(super) use column::Columns;
pub(super) use inputs::Inputs;
pub(crate) use inputs::{AboveInputs, FEW_INPUTS};

use super::super::parallel::{SharedMut, for_each_chunk};
use super::dot::SUMS;
use super::lanes::Vector;
use crate::real::Scalar;
use std::ops::Range;

/// Where an adjoint goes, and whether it is stored instead of added.
type To<T> = Option<(SharedMut<T>, bool)>;

/// The same, by the thread that it belongs to.
type Own<'a, T> = Option<(&'a mut [T], bool)>;

/// Calls `f` with ranges of columns, on several threads if there are many entries.
fn in_columns((m, n): (usize, usize), f: impl Fn(Range<usize>) + Sync + Send) {
    /// Entries that are worth waking another thread.
    const PART: usize = 1 << 16;
    let columns = (PART / m.max(1)).max(1).next_multiple_of(SUMS);
    for_each_chunk(n.div_ceil(columns), |i| f(i * columns..n.min((i + 1) * columns)));
}

/// The part of a target that belongs to these columns, of `k` entries each.
///
/// # Safety
/// No other thread uses it.
unsafe fn own<'a, T>(to: &'a To<T>, part: &Range<usize>, k: usize) -> Own<'a, T> {
    // SAFETY: the caller's contract.
    to.as_ref().map(|(to, fresh)| (unsafe { to.slice(part.start * k, part.len() * k) }, *fresh))
}

/// Stores or adds a sum, if it is wanted.
fn put<T: Scalar>(to: &mut Own<'_, T>, at: usize, sum: T::Num) {
    if let Some((to, fresh)) = to {
        to[at] = T::from_num(if *fresh { sum } else { to[at].num() + sum });
    }
}

/// Where sums go, if they are wanted, as the loops see it.
#[derive(Clone, Copy)]
struct Sums<T> {
    to: Option<*mut T>,
    fresh: bool,
}

impl<T> Sums<T> {
    /// `T` is `S`.
    fn of<S>(to: Own<'_, S>) -> Self {
        match to {
            None => Self { to: None, fresh: false },
            Some((to, fresh)) => Self { to: Some(to.as_mut_ptr().cast()), fresh },
        }
    }

    /// Puts the totals of the first `n` vectors in the places from `at` on.
    ///
    /// # Safety
    /// `V`'s contract; these places are there.
    #[inline(always)]
    unsafe fn put<V: Vector<Num = T>>(self, at: usize, n: usize, sums: [V; 16]) {
        let Some(to) = self.to else { return };
        // SAFETY: the caller's contract.
        unsafe {
            let (to, mask, totals) = (to.wrapping_add(at), V::mask(n), V::totals(sums));
            let totals = if self.fresh { totals } else { V::load_first(to, mask).add(totals) };
            totals.store_first(to, mask);
        }
    }
}

/// The running sums of an entry in one vector: the upper half is added to the lower one, and so on.
///
/// # Safety
/// `V`'s contract.
#[inline(always)]
unsafe fn halved<V: Vector, const W: usize>(mut sums: [V; W]) -> V {
    let mut half = W / 2;
    while half > 0 {
        for i in 0..half {
            // SAFETY: the caller's contract.
            sums[i] = unsafe { sums[i].add(sums[i + half]) };
        }
        half /= 2;
    }
    sums[0]
}

/// Goes down `$m` rows of columns in vectors, of which `W` hold [`SUMS`] numbers, and the last one of all is masked: `$step!` with the sum that a
/// vector belongs to, its row, how it is loaded and stored, and the mask. (A closure would be compiled without the instruction set.)
macro_rules! down {
    ($m:expr, $step:ident) => {{
        const { assert!(W * V::LEN == SUMS) };
        let whole = $m / SUMS * SUMS;
        for at in (0..whole).step_by(SUMS) {
            for w in 0..W {
                $step!(w, at + w * V::LEN, load, store,);
            }
        }
        for w in 0..W {
            let at = whole + w * V::LEN;
            if at < $m {
                let mask = V::mask(V::LEN.min($m - at));
                $step!(w, at, load_first, store_first, mask);
            }
        }
    }};
}
use down;
