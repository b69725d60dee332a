//! The forward algorithm of hidden Markov models: discrete states are summed out.

use super::reduce::add;
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};
use num_traits::Zero;

/// The log forward messages, T × K. Arguments: initial (1 × K), transition (K × K, from rows to
/// columns), emission (T × K), all logarithms.
#[derive(Clone, Copy, Debug)]
struct ForwardAlgorithm;

built_in!(ForwardAlgorithm);

struct Forward<'a, T> {
    initial: &'a [T],
    transition: &'a [T],
    emission: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { initial, transition, emission, y } = self;
        let k = initial.len();
        let steps = y.len() / k.max(1);
        for state in 0..k {
            y[state * steps] = T::from_num(initial[state].num() + emission[state * steps].num());
        }
        for t in 1..steps {
            for to in 0..k {
                let transition = &transition[to * k..(to + 1) * k];
                let way = |from: usize, y: &[T]| y[t - 1 + from * steps].num() + transition[from].num();
                let mut most = way(0, y);
                for from in 1..k {
                    most = most.max(way(from, y));
                }
                let mut sum = T::Num::zero();
                for from in 0..k {
                    sum += (way(from, y) - most).exp();
                }
                // No way there, or a NaN on one: not by infinity less itself.
                let reached = most + sum.ln();
                let reached = if most == f64::NEG_INFINITY { most } else { reached };
                y[t + to * steps] = T::from_num(reached + emission[t + to * steps].num());
            }
        }
    }
}

struct Backward<'a, T> {
    transition: &'a [T],
    emission: &'a [T],
    y: &'a [T],
    g: &'a [T],
    /// T × K: the adjoints of the messages.
    messages: &'a mut [T],
    /// K × K: what is added to the adjoint of the transitions.
    transitions: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { transition, emission, y, g, messages, transitions } = self;
        let k = transition.len().isqrt();
        let steps = y.len() / k.max(1);
        messages.copy_from_slice(g);
        transitions.fill(T::from_f64(0.0));
        for t in (1..steps).rev() {
            for to in 0..k {
                let at = t + to * steps;
                let (adjoint, reached) = (messages[at].num(), y[at].num() - emission[at].num());
                if reached == f64::NEG_INFINITY {
                    continue;
                }
                for from in 0..k {
                    let before = t - 1 + from * steps;
                    let share = (y[before].num() + transition[from + to * k].num() - reached).exp();
                    let part = adjoint * share;
                    messages[before] = T::from_num(messages[before].num() + part);
                    let sum = &mut transitions[from + to * k];
                    *sum = T::from_num(sum.num() + part);
                }
            }
        }
    }
}

impl<T: Scalar> Op<T> for ForwardAlgorithm {
    fn name(&self) -> &'static str {
        "forward_algorithm"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        dispatch(Forward { initial: x.get(0), transition: x.get(1), emission: x.get(2), y });
    }

    /// The adjoint of a message goes back to the states before in the shares that they had in it.
    /// From the sum of the last messages these are the smoothed probabilities of the states.
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let k = x.shape(1).0;
        let steps = y.len() / k.max(1);
        let mut scratch = dx.take_scratch(y.len() + k * k);
        let (messages, transitions) = scratch.split_at_mut(y.len());
        let (transition, emission) = (x.get(1), x.get(2));
        dispatch(Backward { transition, emission, y, g, messages, transitions });
        dx.accumulate_zeroed(0, |to| {
            for (state, to) in to.iter_mut().enumerate() {
                *to = T::from_num(to.num() + messages[state * steps].num());
            }
        });
        dx.accumulate_zeroed(1, |to| add(to, transitions));
        dx.accumulate_zeroed(2, |to| add(to, messages));
        dx.put_scratch(scratch);
    }
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The forward algorithm of a hidden Markov model with K states, whose log emission densities
    /// these are: T × K, a row for every time.
    ///
    /// `log_initial` (1 × K) has the logarithms of the probabilities of the first state,
    /// `log_transition` (K × K) in row j, column k that of going from state j to state k. Row t of
    /// the result has, for every state, the log density of the data up to t together with this
    /// state at t. So the log likelihood is the [`logsumexp`](Var::logsumexp) of its last row:
    ///
    /// ```
    /// use probity_autodiff::{Tape, nalgebra::dmatrix};
    ///
    /// let tape = Tape::<f64>::new();
    /// let initial = tape.constant(&dmatrix![0.5, 0.5]).ln();
    /// let transition = tape.constant(&dmatrix![0.9, 0.1; 0.2, 0.8]).ln();
    /// let emission = tape.variable(&dmatrix![0.3, 0.1; 0.6, 0.2]).ln();
    /// let messages = emission.forward_algorithm(initial, transition);
    /// let likelihood = messages.rows(1..2).logsumexp();
    /// // 0.15 (0.9 × 0.6 + 0.1 × 0.2) + 0.05 (0.2 × 0.6 + 0.8 × 0.2)
    /// assert!((likelihood.item() - f64::ln(0.098)).abs() < 1e-14);
    /// ```
    ///
    /// It costs T K² exponentials forwards and as many backwards, all on the logarithmic scale: no
    /// message underflows, and states and transitions of probability 0 (-∞) are allowed.
    ///
    /// Source: Rabiner 1989, "A tutorial on hidden Markov models and selected applications in speech
    /// recognition", III.A; the backward pass is its backward procedure.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    #[track_caller]
    pub fn forward_algorithm(self, log_initial: Self, log_transition: Self) -> Self {
        let (steps, k) = self.shape();
        let (initial, transition) = (log_initial.shape(), log_transition.shape());
        assert!(
            initial == (1, k) && transition == (k, k),
            "forward_algorithm: emissions of {steps} × {k} need an initial row of 1 × {k} and {k} × {k} transitions, \
             not {} × {} and {} × {}",
            initial.0,
            initial.1,
            transition.0,
            transition.1
        );
        let args = [log_initial, log_transition, self];
        match args.iter().find_map(|x| x.tape()) {
            Some(tape) => tape.record_own(ForwardAlgorithm, &args, steps, k),
            None => log_initial + self,
        }
    }
}
