//! Memory of the tape, kept from step to step: numbers, and boxes of operations.

use super::Op;
use crate::aligned::first_at_line;
use crate::real::Scalar;
use std::any::Any;

/// Values start at multiples of this many entries, so that vector loads rarely cross a cache line.
pub(super) const ALIGN: usize = 16;

/// Memory that grows, and is kept from step to step. Entries from `used` on are free.
#[derive(Debug, Default)]
pub(super) struct Arena<T> {
    pub data: Vec<T>,
    pub used: usize,
}

/// Operations. Boxes from `used` on are left over from the step before, for reuse.
#[derive(Debug)]
pub(super) struct Boxes<T: Scalar> {
    pub ops: Vec<Box<dyn Op<T>>>,
    pub used: usize,
}

impl<T: Scalar> Arena<T> {
    pub fn reset(&mut self) {
        self.used = first_at_line(&self.data);
    }

    /// Counts `n` entries as used, which [`grow`](Arena::grow) must make. Returns their offset.
    pub fn reserve(&mut self, n: usize) -> usize {
        let at = self.used;
        self.used = (at + n).next_multiple_of(ALIGN);
        at
    }

    /// Makes all entries that are counted as used.
    pub fn grow(&mut self) {
        if self.data.len() < self.used {
            self.data.resize(self.used.max(self.data.len() * 2), T::from_f64(0.0));
        }
    }

    /// Memory for `n` entries. Returns their offset.
    #[inline]
    pub fn allocate(&mut self, n: usize) -> usize {
        let at = self.reserve(n);
        self.grow();
        at
    }
}

impl<T: Scalar> Default for Boxes<T> {
    fn default() -> Self {
        Self { ops: Vec::new(), used: 0 }
    }
}

impl<T: Scalar> Boxes<T> {
    /// All boxes are for reuse.
    pub fn reset(&mut self) {
        self.used = 0;
    }

    /// The operation in the next box, if it has this type: its memory is for reuse.
    pub fn before<O: Op<T> + Default>(&mut self) -> O {
        let any = self.ops.get_mut(self.used).map(|slot| slot.as_mut() as &mut dyn Any);
        any.and_then(|any| any.downcast_mut::<O>()).map(std::mem::take).unwrap_or_default()
    }

    /// Puts the operation into the box of one of the same type from the step before, or into a new
    /// one. Returns its number.
    #[inline]
    pub fn store<O: Op<T>>(&mut self, op: O) -> u32 {
        let index = self.used;
        self.used += 1;
        match self.ops.get_mut(index) {
            Some(slot) => {
                let any: &mut dyn Any = slot.as_mut();
                match any.downcast_mut::<O>() {
                    Some(same) => *same = op,
                    None => *slot = Box::new(op),
                }
            }
            None => self.ops.push(Box::new(op)),
        }
        index as u32
    }
}
