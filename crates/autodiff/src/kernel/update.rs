//! Parameters that change as soon as their gradient is complete, piece by piece, while both are in the cache.

use super::adam::{AdamStep, moments};
use super::parallel::{SharedMut, for_each_chunk};
use super::room::with_arrays;
use super::squares::{Squares, squares};
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch};
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

/// What becomes of a parameter when its gradient is known: the rule of an optimiser, with its state for the step.
pub trait Update<T>: Sync {
    /// Parameters `at..at + params.len()`, their gradient, and where their new values go. `memory` holds the same entries of every array that the
    /// rule remembers from step to step.
    fn update(&self, at: usize, params: &[T], gradient: &[T], to: &mut [T], memory: &mut [&mut [T]]);

    /// What the rule is for these entries, if it is Adam's for all of them and the arrays are its two moments. It must then do what
    /// [`update`](Update::update) does.
    fn adam(&self, _entries: Range<usize>) -> Option<AdamStep> {
        None
    }
}

/// Parameters that one thread works on.
pub(crate) const PIECE: usize = 4096;
/// Parameters whose gradient is computed before it is used up.
pub(crate) const PART: usize = 128;
/// Parameters whose gradient is copied before it is used up.
const COPY: usize = 1024;
/// The most arrays that a rule may remember.
const MOST: usize = 4;

/// Changes all parameters by a rule: their new values go to `to`. Returns the norm of the gradient.
///
/// The parameters are taken in pieces, on several threads if there are many. `scratch` keeps its memory from call to call.
///
/// # Panics
/// If the slices or arrays differ in length, or there are more than four arrays.
pub fn update<T: Scalar>(
    rule: &dyn Update<T>,
    params: &[T],
    gradient: &[T],
    to: &mut [T],
    memory: &mut [&mut [T]],
    scratch: &mut Vec<f64>,
) -> f64 {
    assert!(gradient.len() == params.len(), "update: as many gradients as parameters are needed");
    let used = Cell::new(0);
    let updates = Updates::new(rule, (params.len(), 1), memory, scratch, &used);
    let turn = updates.turn(params, SharedMut::new(to), 0..params.len());
    // SAFETY: every piece is worked on once, and by one thread.
    pieces(params.len(), |i| unsafe { turn.piece_from(i, gradient) });
    norm_of(scratch)
}

/// Calls `f` with the number of every piece of so many parameters, on several threads if there are enough.
pub(crate) fn pieces(n: usize, f: impl Fn(usize) + Sync + Send) {
    /// Pieces whose work is worth waking another thread.
    const MANY: usize = 8;
    match n.div_ceil(PIECE) {
        count if count < MANY => (0..count).for_each(f),
        count => for_each_chunk(count, f),
    }
}

/// The norm of the gradient that was used up.
pub(crate) fn norm_of(squares: &[f64]) -> f64 {
    squares.iter().sum::<f64>().sqrt()
}

/// A rule and what it remembers, of which parameters take their parts when their turn has come.
#[derive(Clone, Copy)]
pub(crate) struct Updates<'a, T> {
    rule: &'a dyn Update<T>,
    memory: [Option<SharedMut<T>>; MOST],
    /// Sums of squares by piece, in the order of the turns, and how many are used.
    squares: SharedMut<f64>,
    used: &'a Cell<usize>,
}

impl<T> fmt::Debug for Updates<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("used", &self.used).finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> Updates<'a, T> {
    /// For so many parameters, whose turns come in at most so many ranges.
    pub(crate) fn new(
        rule: &'a dyn Update<T>,
        (params, ranges): (usize, usize),
        memory: &'a mut [&mut [T]],
        squares: &'a mut Vec<f64>,
        used: &'a Cell<usize>,
    ) -> Self {
        let fits = memory.len() <= MOST && memory.iter().all(|m| m.len() == params);
        assert!(fits, "update: at most {MOST} arrays, each as long as the parameters");
        squares.clear();
        squares.resize(params / PIECE + ranges, 0.0);
        let mut arrays = memory.iter_mut();
        let memory = std::array::from_fn(|_| arrays.next().map(|m| SharedMut::new(m)));
        Self { rule, memory, squares: SharedMut::new(squares), used }
    }

    /// The turn of a range of the parameters; each has one.
    pub(crate) fn turn(&self, params: &'a [T], gradient: SharedMut<T>, range: Range<usize>) -> Turn<'a, T> {
        assert!(params.len() == gradient.len(), "update: as many gradients as parameters are needed");
        let first = self.used.get();
        self.used.set(first + range.len().div_ceil(PIECE));
        let Self { rule, memory, squares, .. } = *self;
        Turn { rule, params, gradient, memory, squares, first, range }
    }
}

/// A range of parameters whose gradient is complete, or will be, piece by piece. Their new values take the place of the gradient.
pub(crate) struct Turn<'a, T> {
    rule: &'a dyn Update<T>,
    params: &'a [T],
    gradient: SharedMut<T>,
    memory: [Option<SharedMut<T>>; MOST],
    squares: SharedMut<f64>,
    /// The place of its first piece among the squares.
    first: usize,
    range: Range<usize>,
}

impl<T: Scalar> Turn<'_, T> {
    /// Updates all of them.
    pub(crate) fn all(&self) {
        // SAFETY: every piece is worked on once, and by one thread.
        pieces(self.range.len(), |i| unsafe { self.piece(i) });
    }

    /// The entries of piece `i`, counted from the first of the range.
    fn entries(&self, i: usize) -> Range<usize> {
        i * PIECE..self.range.len().min((i + 1) * PIECE)
    }

    /// Updates piece `i` by a gradient that stands elsewhere.
    ///
    /// # Safety
    /// Nothing else uses this piece's part of the arrays.
    unsafe fn piece_from(&self, i: usize, gradient: &[T]) {
        let part = self.entries(i);
        let gradient = &gradient[self.range.start + part.start..self.range.start + part.end];
        // SAFETY: the caller's contract.
        unsafe {
            self.set_squares(i, squares(gradient));
            self.part(part, gradient);
        }
    }

    /// Updates piece `i`.
    ///
    /// # Safety
    /// Nothing else uses this piece's part of the arrays or of the gradient.
    unsafe fn piece(&self, i: usize) {
        let piece = self.entries(i);
        let mut squares = Squares::new();
        with_arrays(|[room]: &mut [[T; COPY]; 1]| {
            for at in piece.clone().step_by(COPY) {
                let part = at..piece.end.min(at + COPY);
                // The new values will stand where the gradient is.
                let room = &mut room[..part.len()];
                // SAFETY: the caller's contract.
                let gradient = unsafe { self.gradient.slice(self.range.start + part.start, part.len()) };
                dispatch(Copy { gradient, room, squares: &mut squares });
                // SAFETY: as above.
                unsafe { self.part(part, room) };
            }
        });
        // SAFETY: the caller's contract.
        unsafe { self.set_squares(i, squares.total()) };
    }

    /// Puts the squares of piece `i` in their place.
    ///
    /// # Safety
    /// No other thread works on this piece.
    pub(crate) unsafe fn set_squares(&self, i: usize, squares: f64) {
        // SAFETY: the place of this piece.
        unsafe { self.squares.set(self.first + i, squares) };
    }

    /// What these entries of the range need to change while their gradient is made, if the rule allows that.
    ///
    /// # Safety
    /// Nothing else uses these entries of the arrays or of the gradient as long as these are borrowed.
    pub(super) unsafe fn change(&self, part: Range<usize>) -> Option<Change<'_, T>> {
        let (at, n) = (self.range.start + part.start, part.len());
        let step = self.rule.adam(at..at + n)?;
        let [Some(m), Some(v), None, None] = &self.memory else { return None };
        // SAFETY: the caller's contract.
        let [m, v, to] = unsafe { [m.slice(at, n), v.slice(at, n), self.gradient.slice(at, n)] };
        Some(Change { step, params: &self.params[at..at + n], to, moments: [m, v] })
    }

    /// Updates the parameters that are these entries of the range.
    ///
    /// # Safety
    /// Nothing else uses these entries of the arrays or of the gradient.
    pub(crate) unsafe fn part(&self, part: Range<usize>, gradient: &[T]) {
        let (at, n) = (self.range.start + part.start, part.len());
        let mut memory: [&mut [T]; MOST] = [&mut [], &mut [], &mut [], &mut []];
        let mut count = 0;
        for (part, array) in memory.iter_mut().zip(self.memory.iter().flatten()) {
            // SAFETY: the arrays are borrowed mutably, and this part is the caller's.
            *part = unsafe { array.slice(at, n) };
            count += 1;
        }
        // SAFETY: as above.
        let to = unsafe { self.gradient.slice(at, n) };
        self.rule.update(at, &self.params[at..at + n], gradient, to, &mut memory[..count]);
    }
}

/// Parameters that change by Adam.
pub(super) struct Change<'a, T> {
    pub(super) step: AdamStep,
    pub(super) params: &'a [T],
    pub(super) to: &'a mut [T],
    pub(super) moments: [&'a mut [T]; 2],
}

impl<T: Scalar> Change<'_, T> {
    #[inline(always)]
    pub(super) fn part(&mut self, part: Range<usize>, gradient: &[T]) {
        let [m, v] = &mut self.moments;
        let (params, to) = (&self.params[part.clone()], &mut self.to[part.clone()]);
        moments(self.step, params, gradient, to, &mut m[part.clone()], &mut v[part]);
    }
}

struct Copy<'a, T> {
    gradient: &'a [T],
    room: &'a mut [T],
    squares: &'a mut Squares,
}

impl<T: Scalar> Kernel for Copy<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.room.iter_mut().zip(self.gradient).for_each(|(to, g)| *to = *g);
        self.squares.add(self.room);
    }
}
