//! The operations of this crate, whose rules are compiled here for `f64` and `f32`.

use super::{Tape, Var};
use crate::real::Scalar;

/// An operation of this crate. Made by `built_in!(Operation)`, one line in the file of the
/// operation.
pub(crate) trait BuiltIn: Sized {
    /// Records the operation, see `Tape::record`. The number of its node.
    fn record<T: Scalar>(self, tape: &Tape<T>, args: &[Var<'_, T>], shape: (usize, usize)) -> u32;
}

/// Makes a [`BuiltIn`] of types that are an [`Op`](super::Op) for every scalar.
macro_rules! built_in {
    ($($op:ty),+) => {$(
        impl $crate::tape::BuiltIn for $op {
            #[track_caller]
            fn record<T: $crate::Scalar>(
                self,
                tape: &$crate::Tape<T>,
                args: &[$crate::Var<'_, T>],
                shape: (usize, usize),
            ) -> u32 {
                $crate::precompiled! {
                    fn record<T>(
                        op: $op,
                        tape: &'a $crate::Tape<T>,
                        args: &'a [$crate::Var<'a, T>],
                        shape: (usize, usize),
                    ) -> u32 {
                        tape.record_node(op, args, shape)
                    }
                }
                record(self, tape, args, shape)
            }
        }
    )+};
}
pub(crate) use built_in;
