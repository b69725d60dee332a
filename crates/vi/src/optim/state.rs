//! The state of an optimiser, and a step.

use super::Optimizer;
use probity_autodiff::{AdamStep, AlignedVec, Scalar, Update, update};
use std::ops::Range;

/// The state of an optimiser: arrays beside the parameters, of their length, 0
/// at first.
#[derive(Clone, Debug)]
pub struct OptimizerState<T> {
    arrays: Vec<Array<T>>,
    /// The parameters after a step.
    next: AlignedVec<T>,
    scratch: Vec<f64>,
}

/// An array that begins somewhere in its memory.
#[derive(Clone, Debug)]
struct Array<T> {
    memory: AlignedVec<T>,
    start: usize,
}

impl<T: Scalar> Array<T> {
    /// Number `i` of `n` entries. Long arrays begin at the same place of a page of memory, and
    /// entries that are read together would crowd in the same sets of the caches: so each begins at
    /// another one.
    fn new(i: usize, n: usize) -> Self {
        const APART: usize = 5 * 16;
        let start = (i + 1) * APART;
        Self { memory: AlignedVec::new(start + n, T::from_f64(0.0)), start }
    }
}

impl<T: Scalar> OptimizerState<T> {
    /// For so many parameters.
    ///
    /// # Panics
    /// If the optimiser asks for more than four arrays.
    pub fn new(optimizer: &dyn Optimizer<T>, parameters: usize) -> Self {
        let count = optimizer.state_arrays();
        assert!(count <= MOST, "OptimizerState: {count} arrays, of at most {MOST}");
        let arrays = (0..count).map(|i| Array::new(i, parameters)).collect();
        Self { arrays, next: AlignedVec::new(parameters, T::from_f64(0.0)), scratch: Vec::new() }
    }

    /// The arrays, in the order of the optimiser.
    pub fn arrays(&self) -> impl Iterator<Item = &[T]> {
        self.arrays.iter().map(|a| &a.memory[a.start..])
    }

    /// The arrays, and how many there are.
    pub(crate) fn parts(&mut self) -> ([&mut [T]; MOST], usize) {
        let (mut parts, count) = (Default::default(), self.arrays.len());
        fill(&mut parts, self.arrays.iter_mut().map(|a| &mut a.memory[a.start..]));
        (parts, count)
    }

    /// A step of the optimiser. `rates` covers the parameters by consecutive ranges, each with its
    /// rate. Returns the norm of the gradient.
    ///
    /// # Panics
    /// If the slices or the arrays differ in length.
    pub fn step(
        &mut self,
        optimizer: &mut dyn Optimizer<T>,
        params: &mut [T],
        gradient: &[T],
        rates: &[(Range<usize>, f64)],
    ) -> f64 {
        let (norm, next) = self.advance(optimizer, params, gradient, rates);
        params.copy_from_slice(next);
        norm
    }

    /// As [`step`](OptimizerState::step), but the new values are left in the returned vector. What
    /// is put in its place is overwritten.
    pub(crate) fn advance(
        &mut self,
        optimizer: &mut dyn Optimizer<T>,
        params: &[T],
        gradient: &[T],
        rates: &[(Range<usize>, f64)],
    ) -> (f64, &mut AlignedVec<T>) {
        optimizer.begin();
        let (mut parts, count) = (Default::default(), self.arrays.len());
        fill(&mut parts, self.arrays.iter_mut().map(|a| &mut a.memory[a.start..]));
        let (rule, arrays) = (Rule { optimizer, rates }, &mut parts[..count]);
        let norm = update(&rule, params, gradient, &mut self.next, arrays, &mut self.scratch);
        (norm, &mut self.next)
    }
}

/// The most arrays there are: a list of them stands on the stack.
const MOST: usize = 4;

fn fill<'a, T>(list: &mut [&'a mut [T]; MOST], arrays: impl Iterator<Item = &'a mut [T]>) {
    list.iter_mut().zip(arrays).for_each(|(place, array)| *place = array);
}

/// An optimiser in one step, with the rate of every range of parameters.
pub(crate) struct Rule<'a, T> {
    pub(crate) optimizer: &'a dyn Optimizer<T>,
    pub(crate) rates: &'a [(Range<usize>, f64)],
}

impl<T: Scalar> Update<T> for Rule<'_, T> {
    fn update(&self, at: usize, params: &[T], gradient: &[T], to: &mut [T], state: &mut [&mut [T]]) {
        let end = at + params.len();
        for (range, rate) in self.rates.iter().filter(|(range, _)| range.start < end && at < range.end) {
            let part = range.start.max(at) - at..range.end.min(end) - at;
            if part.len() == params.len() {
                return self.optimizer.update(*rate, params, gradient, to, state);
            }
            let (mut parts, count) = (Default::default(), state.len());
            fill(&mut parts, state.iter_mut().map(|m| &mut m[part.clone()]));
            let (params, gradient) = (&params[part.clone()], &gradient[part.clone()]);
            self.optimizer.update(*rate, params, gradient, &mut to[part], &mut parts[..count]);
        }
    }

    fn adam(&self, entries: Range<usize>) -> Option<AdamStep> {
        let within = |range: &Range<usize>| range.start <= entries.start && entries.end <= range.end;
        let (_, rate) = self.rates.iter().find(|(range, _)| within(range))?;
        self.optimizer.adam(*rate)
    }
}
