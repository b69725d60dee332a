//! The update of parameters by an optimiser, piece by piece: all at once, or each range as soon as
//! its gradient is complete, while both are in the cache.

use super::adam::{AdamStep, moments};
use super::parallel::{PIECE, SharedMut, for_each_piece};
use super::scratch::with_scratch;
use super::squares::{Squares, squares};
use crate::real::Scalar;
use crate::simd::{Kernel, dispatch};
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

/// The update rule of an optimiser, with its settings for the step.
pub trait Update<T>: Sync {
    /// Updates parameters `at..at + params.len()`: reads them and their gradient, and writes their
    /// new values to `to`. `state` holds the same entries of every array that the optimiser keeps
    /// from step to step.
    fn update(&self, at: usize, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]);

    /// The settings of Adam, if the rule for these entries is Adam and the arrays of the state are
    /// its two moments. They must give what [`update`](Update::update) gives.
    fn adam(&self, _entries: Range<usize>) -> Option<AdamStep> {
        None
    }
}

/// Parameters whose gradient is computed before the update consumes it.
pub(crate) const PART: usize = 128;
/// Parameters whose gradient is copied before the update consumes it.
const COPY: usize = 1024;
/// The most arrays that an optimiser may keep.
const MOST: usize = 4;

/// Updates all parameters by a rule: their new values go to `to`. Returns the norm of the gradient.
///
/// The parameters are taken in pieces, on several threads if there are many. `scratch` keeps its
/// memory from call to call.
///
/// # Panics
/// If the slices or arrays differ in length, or there are more than four arrays.
pub fn update<T: Scalar>(
    rule: &dyn Update<T>,
    params: &[T],
    gradient: &[T],
    to: &mut [T],
    state: &mut [&mut [T]],
    scratch: &mut Vec<f64>,
) -> f64 {
    assert!(gradient.len() == params.len(), "update: as many gradients as parameters are needed");
    let used = Cell::new(0);
    let updates = FusedUpdate::new(rule, (params.len(), 1), state, scratch, &used);
    let all = updates.range(params, SharedMut::new(to), 0..params.len());
    // SAFETY: every piece is worked on once, and by one thread.
    for_each_piece(params.len(), |i| unsafe { all.piece_from(i, gradient) });
    norm_of(scratch)
}

/// The norm of the gradient that was consumed.
pub(crate) fn norm_of(squares: &[f64]) -> f64 {
    squares.iter().sum::<f64>().sqrt()
}

/// The update of all parameters, range by range, in the order in which gradients are complete.
#[derive(Clone, Copy)]
pub(crate) struct FusedUpdate<'a, T> {
    rule: &'a dyn Update<T>,
    state: [Option<SharedMut<T>>; MOST],
    /// Sums of squares of the gradient by piece, in the order of the ranges, and how many are used.
    squares: SharedMut<f64>,
    used: &'a Cell<usize>,
}

impl<T> fmt::Debug for FusedUpdate<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FusedUpdate").field("used", &self.used).finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> FusedUpdate<'a, T> {
    /// For so many parameters, in at most so many ranges.
    #[inline]
    pub(crate) fn new(
        rule: &'a dyn Update<T>,
        (params, ranges): (usize, usize),
        state: &'a mut [&mut [T]],
        squares: &'a mut Vec<f64>,
        used: &'a Cell<usize>,
    ) -> Self {
        let fits = state.len() <= MOST && state.iter().all(|m| m.len() == params);
        assert!(fits, "update: at most {MOST} arrays, each as long as the parameters");
        squares.clear();
        squares.resize(params / PIECE + ranges, 0.0);
        let mut arrays = state.iter_mut();
        let state = std::array::from_fn(|_| arrays.next().map(|m| SharedMut::new(m)));
        Self { rule, state, squares: SharedMut::new(squares), used }
    }

    /// The update of a range of the parameters. Every range is updated once.
    pub(crate) fn range(
        &self,
        params: &'a [T],
        gradient: SharedMut<T>,
        range: Range<usize>,
    ) -> RangeUpdate<'a, T> {
        assert!(params.len() == gradient.len(), "update: as many gradients as parameters are needed");
        let first = self.used.get();
        self.used.set(first + range.len().div_ceil(PIECE));
        let Self { rule, state, squares, .. } = *self;
        RangeUpdate { rule, params, gradient, state, squares, first, range }
    }
}

/// The update of a range of parameters whose gradient is complete, or will be, piece by piece. The
/// new values take the place of the gradient.
pub(crate) struct RangeUpdate<'a, T> {
    rule: &'a dyn Update<T>,
    params: &'a [T],
    gradient: SharedMut<T>,
    state: [Option<SharedMut<T>>; MOST],
    squares: SharedMut<f64>,
    /// The place of its first piece among the squares.
    first: usize,
    range: Range<usize>,
}

impl<T: Scalar> RangeUpdate<'_, T> {
    /// FusedUpdate all of them.
    pub(crate) fn apply(&self) {
        // SAFETY: every piece is worked on once, and by one thread.
        for_each_piece(self.range.len(), |i| unsafe { self.piece(i) });
    }

    /// The entries of piece `i`, counted from the first of the range.
    fn entries(&self, i: usize) -> Range<usize> {
        i * PIECE..self.range.len().min((i + 1) * PIECE)
    }

    /// FusedUpdate piece `i` by a gradient that stands elsewhere.
    ///
    /// # Safety
    /// Nothing else uses this piece's part of the arrays.
    #[inline]
    unsafe fn piece_from(&self, i: usize, gradient: &[T]) {
        let part = self.entries(i);
        let gradient = &gradient[self.range.start + part.start..self.range.start + part.end];
        // SAFETY: the caller's contract.
        unsafe {
            self.set_squares(i, squares(gradient));
            self.part(part, gradient);
        }
    }

    /// FusedUpdate piece `i`.
    ///
    /// # Safety
    /// Nothing else uses this piece's part of the arrays or of the gradient.
    unsafe fn piece(&self, i: usize) {
        let piece = self.entries(i);
        let mut squares = Squares::new();
        with_scratch(|[scratch]: &mut [[T; COPY]; 1]| {
            for at in piece.clone().step_by(COPY) {
                let part = at..piece.end.min(at + COPY);
                // The new values take the place of the gradient.
                let scratch = &mut scratch[..part.len()];
                // SAFETY: the caller's contract.
                let gradient = unsafe { self.gradient.slice(self.range.start + part.start, part.len()) };
                dispatch(Copy { gradient, scratch, squares: &mut squares });
                // SAFETY: as above.
                unsafe { self.part(part, scratch) };
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

    /// What the loop that computes the gradient of these entries needs to update them by Adam, if
    /// that is the rule.
    ///
    /// # Safety
    /// Nothing else uses these entries of the arrays or of the gradient as long as these are
    /// borrowed.
    pub(super) unsafe fn adam(&self, part: Range<usize>) -> Option<AdamRange<'_, T>> {
        let (at, n) = (self.range.start + part.start, part.len());
        let step = self.rule.adam(at..at + n)?;
        let [Some(m), Some(v), None, None] = &self.state else { return None };
        // SAFETY: the caller's contract.
        let [m, v, to] = unsafe { [m.slice(at, n), v.slice(at, n), self.gradient.slice(at, n)] };
        Some(AdamRange { step, params: &self.params[at..at + n], to, moments: [m, v] })
    }

    /// FusedUpdate the parameters that are these entries of the range.
    ///
    /// # Safety
    /// Nothing else uses these entries of the arrays or of the gradient.
    #[inline]
    pub(crate) unsafe fn part(&self, part: Range<usize>, gradient: &[T]) {
        let (at, n) = (self.range.start + part.start, part.len());
        let mut state: [&mut [T]; MOST] = [&mut [], &mut [], &mut [], &mut []];
        let mut count = 0;
        for (part, array) in state.iter_mut().zip(self.state.iter().flatten()) {
            // SAFETY: the arrays are borrowed mutably, and this part is the caller's.
            *part = unsafe { array.slice(at, n) };
            count += 1;
        }
        // SAFETY: as above.
        let to = unsafe { self.gradient.slice(at, n) };
        self.rule.update(at, &self.params[at..at + n], gradient, to, &mut state[..count]);
    }
}

/// Parameters that are updated by Adam.
pub(super) struct AdamRange<'a, T> {
    pub(super) step: AdamStep,
    pub(super) params: &'a [T],
    pub(super) to: &'a mut [T],
    pub(super) moments: [&'a mut [T]; 2],
}

impl<T: Scalar> AdamRange<'_, T> {
    #[inline(always)]
    pub(super) fn part(&mut self, part: Range<usize>, gradient: &[T]) {
        let [m, v] = &mut self.moments;
        let (params, to) = (&self.params[part.clone()], &mut self.to[part.clone()]);
        moments(self.step, params, gradient, to, &mut m[part.clone()], &mut v[part]);
    }
}

struct Copy<'a, T> {
    gradient: &'a [T],
    scratch: &'a mut [T],
    squares: &'a mut Squares,
}

impl<T: Scalar> Kernel for Copy<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.scratch.iter_mut().zip(self.gradient).for_each(|(to, g)| *to = *g);
        self.squares.add(self.scratch);
    }
}
