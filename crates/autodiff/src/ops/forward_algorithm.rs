//! The forward algorithm of hidden Markov models: discrete states are summed out.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use super::reduce::add;
use crate::real::{Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Var, built_in};
use num_traits::Zero;
use std::ops::Range;

/// The log forward messages, T × K. Arguments: initial (1 × K), transition (K × K, from rows to
/// columns), emission (T × K), all logarithms.
#[derive(Clone, Copy, Debug)]
struct ForwardAlgorithm;

built_in!(ForwardAlgorithm);

/// The most states whose recursions are on the scale of probabilities.
const MOST_SCALED: usize = 16;
/// The steps after which the messages on that scale are normalised.
const BLOCK: usize = 16;

/// Probabilities below are too near to underflow: the recursion is done on the logarithmic scale.
#[inline(always)]
fn too_small<R: Real>() -> f64 {
    let single = R::is_single();
    if single { 1e-18 } else { 1e-150 }
}

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
        // Two states are what most models have. The compiler unrolls the loops over them.
        match self.initial.len() {
            0 => {}
            2 => self.messages(2),
            k => self.messages(k),
        }
    }
}

impl<T: Scalar> Forward<'_, T> {
    #[inline(always)]
    fn messages(mut self, k: usize) {
        let steps = self.y.len() / k;
        if steps == 0 {
            return;
        }
        for state in 0..k {
            self.y[state * steps] =
                T::from_num(self.initial[state].num() + self.emission[state * steps].num());
        }
        let mut transition = [T::Num::zero(); MOST_SCALED * MOST_SCALED];
        if k <= MOST_SCALED {
            for (to, from) in transition.iter_mut().zip(self.transition) {
                *to = from.num().exp();
            }
        }
        let mut at = 1;
        while at < steps {
            let end = (at + BLOCK).min(steps);
            if k > MOST_SCALED || !self.scaled(k, at..end, &transition[..k * k]) {
                self.logarithmic(k, at..end);
            }
            at = end;
        }
    }

    /// Some steps on the scale of probabilities, relative to the largest message before them and to
    /// the largest emission of each; whether nothing came near to underflow.
    #[inline(always)]
    fn scaled(&mut self, k: usize, at: Range<usize>, transition: &[T::Num]) -> bool {
        let (steps, n) = (self.y.len() / k, at.len());
        let mut scale = self.y[at.start - 1].num();
        for state in 1..k {
            scale = scale.max(self.y[at.start - 1 + state * steps].num());
        }
        let mut message = [T::Num::zero(); MOST_SCALED];
        for state in 0..k {
            message[state] = (self.y[at.start - 1 + state * steps].num() - scale).exp();
        }
        let mut largest = [T::Num::of(f64::NEG_INFINITY); BLOCK];
        for state in 0..k {
            let emission = &self.emission[state * steps..][at.clone()];
            for (largest, x) in largest[..n].iter_mut().zip(emission) {
                *largest = largest.max(x.num());
            }
        }
        for state in 0..k {
            let emission = &self.emission[state * steps..][at.clone()];
            let y = &mut self.y[state * steps..][at.clone()];
            for ((y, x), largest) in y.iter_mut().zip(emission).zip(&largest[..n]) {
                *y = T::from_num((x.num() - *largest).exp());
            }
        }
        let mut least = T::Num::of(1.0);
        for t in at.clone() {
            let mut next = [T::Num::zero(); MOST_SCALED];
            for to in 0..k {
                let mut sum = T::Num::zero();
                for from in 0..k {
                    sum += message[from] * transition[from + to * k];
                }
                let y = &mut self.y[t + to * steps];
                next[to] = sum * y.num();
                *y = T::from_num(next[to]);
                // A NaN stays.
                least = if next[to] >= least { least } else { next[to] };
            }
            message = next;
        }
        if !(least > too_small::<T::Num>()) {
            return false;
        }
        for largest in &mut largest[..n] {
            scale += *largest;
            *largest = scale;
        }
        for state in 0..k {
            let y = &mut self.y[state * steps..][at.clone()];
            for (y, scale) in y.iter_mut().zip(&largest[..n]) {
                *y = T::from_num(y.num().ln() + *scale);
            }
        }
        true
    }

    /// Some steps on the logarithmic scale.
    #[inline(always)]
    fn logarithmic(&mut self, k: usize, at: Range<usize>) {
        let steps = self.y.len() / k;
        for t in at {
            for to in 0..k {
                let transition = &self.transition[to * k..(to + 1) * k];
                let path = |from: usize, y: &[T]| y[t - 1 + from * steps].num() + transition[from].num();
                let mut most = path(0, self.y);
                for from in 1..k {
                    most = most.max(path(from, self.y));
                }
                let mut sum = T::Num::zero();
                for from in 0..k {
                    sum += (path(from, self.y) - most).exp();
                }
                // No state leads there. (Infinity less itself would be NaN.)
                let predicted = most + sum.ln();
                let predicted = if most == f64::NEG_INFINITY { most } else { predicted };
                self.y[t + to * steps] = T::from_num(predicted + self.emission[t + to * steps].num());
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
    /// T × K: the messages of a step relative to the largest of them.
    relative: &'a mut [T],
    /// T × K: the reciprocals of what these become by a transition.
    shares: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        self.messages.copy_from_slice(self.g);
        self.transitions.fill(T::from_f64(0.0));
        match self.transition.len().isqrt() {
            0 => {}
            2 => self.adjoints(2),
            k => self.adjoints(k),
        }
    }
}

impl<T: Scalar> Backward<'_, T> {
    #[inline(always)]
    fn adjoints(&mut self, k: usize) {
        let mut transition = [T::Num::zero(); MOST_SCALED * MOST_SCALED];
        if k > MOST_SCALED {
            return self.logarithmic(k);
        }
        for (to, from) in transition.iter_mut().zip(self.transition) {
            *to = from.num().exp();
        }
        let transition = &transition[..k * k];
        if self.prepare(k, transition) { self.scaled(k, transition) } else { self.logarithmic(k) }
    }

    /// Computes the relative messages and the reciprocals; whether nothing came near to underflow.
    #[inline(always)]
    fn prepare(&mut self, k: usize, transition: &[T::Num]) -> bool {
        let steps = self.y.len() / k;
        let mut least = T::Num::of(1.0);
        for at in (0..steps).step_by(BLOCK) {
            let at = at..(at + BLOCK).min(steps);
            let n = at.len();
            let mut largest = [T::Num::of(f64::NEG_INFINITY); BLOCK];
            for state in 0..k {
                for (largest, y) in largest[..n].iter_mut().zip(&self.y[state * steps..][at.clone()]) {
                    *largest = largest.max(y.num());
                }
            }
            for state in 0..k {
                let to = &mut self.relative[state * steps..][at.clone()];
                let from = &self.y[state * steps..][at.clone()];
                for ((to, y), largest) in to.iter_mut().zip(from).zip(&largest[..n]) {
                    *to = T::from_num((y.num() - *largest).exp());
                }
            }
            for to in 0..k {
                let mut sums = [T::Num::zero(); BLOCK];
                for from in 0..k {
                    let relative = &self.relative[from * steps..][at.clone()];
                    for (sum, x) in sums[..n].iter_mut().zip(relative) {
                        *sum += x.num() * transition[from + to * k];
                    }
                }
                let shares = &mut self.shares[to * steps..][at.clone()];
                for (share, sum) in shares.iter_mut().zip(&sums[..n]) {
                    // A NaN stays.
                    least = if *sum >= least { least } else { *sum };
                    *share = T::from_num(sum.recip());
                }
            }
        }
        least > too_small::<T::Num>()
    }

    #[inline(always)]
    fn scaled(&mut self, k: usize, transition: &[T::Num]) {
        let steps = self.y.len() / k;
        let mut sums = [T::Num::zero(); MOST_SCALED * MOST_SCALED];
        for t in (1..steps).rev() {
            let mut parts = [T::Num::zero(); MOST_SCALED];
            for to in 0..k {
                parts[to] = self.messages[t + to * steps].num() * self.shares[t - 1 + to * steps].num();
            }
            for from in 0..k {
                let at = t - 1 + from * steps;
                let relative = self.relative[at].num();
                let mut sum = T::Num::zero();
                for to in 0..k {
                    sum += transition[from + to * k] * parts[to];
                    sums[from + to * k] += relative * parts[to];
                }
                self.messages[at] = T::from_num(self.messages[at].num() + relative * sum);
            }
        }
        for ((to, sum), weight) in self.transitions.iter_mut().zip(&sums).zip(transition) {
            *to = T::from_num(*sum * *weight);
        }
    }

    #[inline(always)]
    fn logarithmic(&mut self, k: usize) {
        let steps = self.y.len() / k;
        for t in (1..steps).rev() {
            for to in 0..k {
                let at = t + to * steps;
                let adjoint = self.messages[at].num();
                let predicted = self.y[at].num() - self.emission[at].num();
                if predicted == f64::NEG_INFINITY {
                    continue;
                }
                for from in 0..k {
                    let (before, edge) = (t - 1 + from * steps, from + to * k);
                    let share = (self.y[before].num() + self.transition[edge].num() - predicted).exp();
                    let part = adjoint * share;
                    self.messages[before] = T::from_num(self.messages[before].num() + part);
                    self.transitions[edge] = T::from_num(self.transitions[edge].num() + part);
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
        let mut scratch = dx.take_scratch(3 * y.len() + k * k);
        let (messages, rest) = scratch.split_at_mut(y.len());
        let (relative, rest) = rest.split_at_mut(y.len());
        let (shares, transitions) = rest.split_at_mut(y.len());
        let (transition, emission) = (x.get(1), x.get(2));
        dispatch(Backward { transition, emission, y, g, messages, transitions, relative, shares });
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
    /// use probity_autodiff::{Tape, dmatrix};
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
    /// Messages of up to 16 states are added up on the scale of probabilities, relative to the
    /// largest, which costs T K² multiplications and T K exponentials and logarithms. Where one
    /// comes near to underflow, and for more states, they are added up by their logarithms, with
    /// T K² exponentials. So no message is lost, and states and transitions of probability 0 (-∞)
    /// are allowed.
    ///
    /// Source: Rabiner 1989, "A tutorial on hidden Markov models and selected applications in
    /// speech recognition", III.A; the backward pass is its backward procedure.
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
