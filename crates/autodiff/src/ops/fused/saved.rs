//! Sums of formulas with a fast path: value and partials in one pass.
//!
//! The adjoint of a sum is one number, `g`, and so the partials can be computed before it is known.
//! The forward pass saves them, and the backward pass adds `g` times what is saved.
//!
//! *What it saves.* The second evaluation of the formula, with its logarithms and exponentials. A
//! sum of 2048 terms with three gradients, both passes, f32, AVX2, takes 4.2 instead of 7.5 ns a term
//! for Weibull, 2.9 instead of 4.3 for LogNormal, 2.1 instead of 2.5 for Normal.
//!
//! *Without it* the backward pass evaluates the formula again, as it does for all others.

use super::{Source, Stretch, add_sums, set_inputs, stretch};
use crate::kernel::map::forward_with_partials;
use crate::kernel::{CHUNK, Dest, Input, Loops, SharedMut};
use crate::precompiled;
use crate::real::Scalar;
use crate::tape::{Adjoints, Inputs, Saved, Var};

/// A shorter sum is evaluated twice. It has room for a number for every argument.
const LEAST: usize = 32;
/// A longer one too: what it saves would have left the cache before the backward pass.
const MOST: usize = CHUNK;

/// What a sum over this shape saves: an array of numbers for arguments that are stretched, and one
/// for every argument that is not. `None` if it saves nothing: nothing needs a gradient, there are
/// lanes, or rows or columns are stretched.
pub(super) fn saved_arrays<T: Scalar>(shape: (usize, usize), nodes: &[Var<'_, T>]) -> Option<Saved> {
    let len = shape.0 * shape.1;
    let needed = || nodes.iter().filter(|x| x.requires_grad());
    let possible = (LEAST..=MOST).contains(&len)
        && needed().next().is_some()
        && nodes.iter().all(|x| x.shape() == shape || x.shape() == (1, 1))
        && !nodes.iter().any(|x| x.is_per_lane());
    let arrays = 1 + needed().filter(|x| x.shape() == shape).count();
    possible.then_some(Saved { outputs: 1, arrays, len })
}

pub(super) fn forward_of<T: Scalar, const N: usize>(
    body: &dyn Loops<T>,
    sources: &[Source<T>; N],
    layout: ((usize, usize), Saved),
    x: &Inputs<'_, T>,
    y: &mut [T],
) {
    let (dest, sums) = (&mut [Dest::Nothing; N], &mut [T::default(); N]);
    forward(body, sources, layout, &mut [Input::Scalar(T::default()); N], (dest, sums), x, y);
}

pub(super) fn backward_of<T: Scalar, const N: usize>(
    sources: &[Source<T>; N],
    layout: ((usize, usize), Saved),
    x: &Inputs<'_, T>,
    (y, g): (&[T], T),
    dx: &mut Adjoints<'_, T>,
) {
    backward(sources, layout, &mut [None; N], &mut [T::default(); N], x, y, g, dx);
}

precompiled! {
    /// The sum, and the partials behind it.
    fn forward<T>(
        body: &'a dyn Loops<T>,
        sources: &'a [Source<T>],
        layout: ((usize, usize), Saved),
        inputs: &'a mut [Input<'a, T>],
        partials: (&'a mut [Dest<T>], &'a mut [T]),
        x: &'a Inputs<'a, T>,
        y: &'a mut [T],
    ) -> () {
        let ((shape, saved), (dest, sums)) = (layout, partials);
        set_inputs(sources, shape, x, inputs);
        let arrays = SharedMut::new(y);
        for (i, _, array) in places(sources, shape, x) {
            dest[i] = match array {
                Some(array) => {
                    let at = saved.offset(array);
                    Dest::Full { to: arrays.part(at..at + saved.len), overwrite: true }
                }
                None => Dest::Scalar,
            };
        }
        let value = forward_with_partials(body, shape, inputs, dest, sums);
        y[0] = value;
        y[saved.offset(0)..][..sums.len()].copy_from_slice(sums);
    }
}

precompiled! {
    fn backward<T>(
        sources: &'a [Source<T>],
        layout: ((usize, usize), Saved),
        scalars: &'a mut [Option<usize>],
        sums: &'a mut [T],
        x: &'a Inputs<'a, T>,
        y: &'a [T],
        g: T,
        dx: &'a mut Adjoints<'b, T>,
    ) -> () {
        let (shape, saved) = layout;
        for (i, k, array) in places(sources, shape, x) {
            match array {
                Some(array) => dx.accumulate(k, |to, overwrite| {
                    add_scaled(to, overwrite, g, &y[saved.offset(array)..][..saved.len]);
                }),
                None => {
                    scalars[i] = Some(k);
                    sums[i] = T::from_num(y[saved.offset(0) + i].num() * g.num());
                }
            }
        }
        add_sums(dx, scalars, sums);
    }
}

/// The arguments that need a gradient: the number of the argument of the formula, that of the node,
/// and the array of its partials; none if they are summed.
fn places<'a, T: Scalar>(
    sources: &'a [Source<T>],
    shape: (usize, usize),
    x: &'a Inputs<'_, T>,
) -> impl Iterator<Item = (usize, usize, Option<usize>)> + 'a {
    let mut arrays = 0;
    sources.iter().enumerate().filter_map(move |(i, source)| {
        let Source::Node(k) = *source else { return None };
        if !x.needs_grad(k) {
            return None;
        }
        let array = matches!(stretch(x.shape(k), shape), Stretch::None).then(|| {
            arrays += 1;
            arrays
        });
        Some((i, k, array))
    })
}

/// Adds (at first, stores) `g` times the partials.
fn add_scaled<T: Scalar>(to: &mut [T], overwrite: bool, g: T, partials: &[T]) {
    for (to, p) in to.iter_mut().zip(partials) {
        let term = p.num() * g.num();
        *to = T::from_num(if overwrite { term } else { to.num() + term });
    }
}
