//! Passes over one entry, without the ways of a long pass: a model has many nodes of one number.

use super::entries::{Dest, Input, store};
use super::loops::{
    BackwardScratch, ForwardScratch, Loops, MAX_ARGS, with_backward_scratch, with_forward_scratch,
};
use super::map::Summed;
use crate::random::{BLOCK, normal_at, uniform_at};
use crate::real::Scalar;

/// As [`map::forward`](super::map::forward).
pub(super) fn forward<T: Scalar>(body: &dyn Loops<T>, x: &[Input<'_, T>], mut keep: Option<&mut [T]>) -> T {
    let mut last = T::default();
    with_forward_scratch(body, &mut |ForwardScratch { x: scratch, y }| {
        body.values(&first_entries(x, scratch)[..x.len()], 1, y);
        if let Some(keep) = &mut keep {
            keep[0] = y[0][0];
        }
        last = y[y.len() - 1][0];
    });
    last
}

/// As [`map::backward`](super::map::backward).
pub(super) fn backward<T: Scalar>(
    body: &dyn Loops<T>,
    x: &[Input<'_, T>],
    (kept, summed): (Option<&[T]>, Summed<'_, T>),
    dx: &[Dest<T>],
    sums: &mut [T],
    value: &mut Option<&mut [T]>,
) {
    with_backward_scratch(body, &mut |BackwardScratch { x: scratch, y, g, p }| {
        let last = g.len() - 1;
        match summed {
            Summed::No => {}
            Summed::All(s) => g[last][0] = s,
            Summed::Columns(s) => g[last][0] = s[0],
        }
        if let Some(kept) = kept {
            g[0][0] = kept[0];
        }
        body.gradients(&first_entries(x, scratch)[..x.len()], g, 1, y, p);
        if let Some(value) = value {
            value[0] = y[last][0];
        }
        for ((dx, p), sum) in dx.iter().zip(&*p).zip(&mut *sums) {
            match dx {
                Dest::Nothing => {}
                Dest::Full { to, overwrite } => {
                    // SAFETY: nothing else uses the destination during the pass, and the reference
                    // ends here.
                    let to = unsafe { to.slice(0, 1) };
                    store(to, p, *overwrite);
                }
                Dest::Row(to) | Dest::Col(to) => {
                    // SAFETY: as above.
                    let to = unsafe { to.slice(0, 1) };
                    store(to, p, false);
                }
                Dest::Scalar => *sum = p[0],
            }
        }
    });
}

/// The first entries of all arguments.
fn first_entries<'b, T: Scalar>(
    x: &[Input<'_, T>],
    scratch: &'b mut [[T; BLOCK]],
) -> [&'b [T; BLOCK]; MAX_ARGS] {
    for (x, scratch) in x.iter().zip(&mut *scratch) {
        scratch[0] = match *x {
            Input::Full(x) | Input::Row(x) | Input::Col(x) => x[0],
            Input::Scalar(x) => x,
            Input::Normal(key) => normal_at(key, 0),
            Input::Uniform(key) => uniform_at(key, 0),
        };
    }
    let scratch = &*scratch;
    let mut at = [&scratch[0]; MAX_ARGS];
    for (at, scratch) in at.iter_mut().zip(scratch) {
        *at = scratch;
    }
    at
}
