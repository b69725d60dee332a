//! The ReLU. It is so cheap that the steps of a formula (load, compute with derivatives, store)
//! would take most of the time.

use crate::kernel::in_chunks;
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, FastOp, Inputs, Op, Var, built_in};
use num_traits::Zero;
use std::hint::black_box;

#[derive(Clone, Copy, Debug)]
struct Relu;

built_in!(Relu);

impl<T: Scalar> Op<T> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        values(x.get(0), y);
    }

    fn backward(&self, _: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate(0, |to, overwrite| mask(y, g, to, overwrite));
    }

    fn fast(&self) -> Option<&dyn FastOp<T>> {
        Some(self)
    }
}

impl<T: Scalar> FastOp<T> for Relu {
    fn forward_lanes(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        values(x.all_lanes(0), y);
    }

    fn backward_lanes(&self, _: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_lanes(0, |to, overwrite| mask(y, g, to, overwrite));
    }
}

fn values<T: Scalar>(x: &[T], y: &mut [T]) {
    in_chunks(y, |y, at| dispatch(Value { x: &x[at..][..y.len()], y }));
}

/// `g`, masked by a ReLU with the values `y`: the adjoint of its argument, stored or added.
pub(super) fn mask<T: Scalar>(y: &[T], g: &[T], to: &mut [T], overwrite: bool) {
    in_chunks(to, |to, at| {
        let (y, g) = (&y[at..][..to.len()], &g[at..][..to.len()]);
        dispatch(Mask { y, g, to, overwrite });
    });
}

/// As [`mask`], in place.
pub(super) fn mask_in_place<T: Scalar>(y: &[T], g: &mut [T]) {
    in_chunks(g, |g, at| {
        let y = &y[at..][..g.len()];
        dispatch(MaskInPlace { y, g });
    });
}

struct Value<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Value<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = T::from_num(x.num().relu());
        }
    }
}

struct Mask<'a, T> {
    y: &'a [T],
    g: &'a [T],
    to: &'a mut [T],
    overwrite: bool,
}

impl<T: Scalar> Kernel for Mask<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let parts = self.to.iter_mut().zip(self.y.iter().zip(self.g));
        if self.overwrite {
            parts.for_each(|(to, (y, g))| *to = T::from_num(part(*y, *g)));
        } else {
            parts.for_each(|(to, (y, g))| *to = T::from_num(to.num() + part(*y, *g)));
        }
    }
}

/// A kernel of its own: where the target may be what is read, LLVM does not vectorise.
struct MaskInPlace<'a, T> {
    y: &'a [T],
    g: &'a mut [T],
}

impl<T: Scalar> Kernel for MaskInPlace<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // Adds nothing, not even to -0, which LLVM must not know: what is stored would be either 0
        // or what is there, and it would store the zeros alone. Stores by a mask take some ten
        // times as long on processors of AMD.
        let nothing = black_box(-0.0);
        for (g, y) in self.g.iter_mut().zip(self.y) {
            *g = T::from_num(part(*y, T::from_num(g.num() + nothing)));
        }
    }
}

/// The derivative follows from the value: 0 where that is 0, else 1 (also where it is NaN).
#[inline(always)]
fn part<T: Scalar>(y: T, g: T) -> T::Num {
    if y.num() <= 0.0 { T::Num::zero() } else { g.num() }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// `max(x, 0)`; derivative 0 at 0.
    pub fn relu(self) -> Self {
        let (rows, cols) = self.shape();
        match (self.tape(), self.constant_value()) {
            (Some(tape), _) => tape.record_own(Relu, &[self], rows, cols),
            (None, x) => Var::constant(T::from_num(x.unwrap_or_default().num().relu())),
        }
    }
}
