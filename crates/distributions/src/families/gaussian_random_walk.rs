//! Gaussian random walk along the columns of rows.
//!
//! Elsewhere: NumPyro r, PyMC.

use super::{Normal, NormalNormalKl, common_shape, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::ParameterError;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Axis, Key, Running, Scalar, Tape, Terms, Value, Var, formula};

/// `x₁` from `initial`, and `xₜ₊₁ - xₜ` from `step`, independent of all before.
///
/// *Event*: row, a series of at least one number. *Parameters*: the number of `times`, two Normal
/// distributions of one number (1 × 1, or r × 1 with one for each row); a mean of the steps is a
/// drift. The first number has a distribution of its own, so that its level is not confused with
/// the steps.
#[derive(Clone, Copy, Debug)]
pub struct GaussianRandomWalk<V> {
    /// The number of columns.
    pub times: usize,
    /// The first number.
    pub initial: Normal<V>,
    /// The steps.
    pub step: Normal<V>,
}

impl<V: Value> GaussianRandomWalk<V> {
    /// A walk of this many numbers.
    pub fn new(times: usize, initial: Normal<V>, step: Normal<V>) -> Self {
        Self { times, initial, step }
    }
}

impl<'t, T: Scalar> GaussianRandomWalk<Var<'t, T>> {
    fn rows(&self) -> (usize, usize) {
        common_shape(&[self.initial.loc, self.initial.scale, self.step.loc, self.step.scale])
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for GaussianRandomWalk<Var<'t, T>> {
    const NAME: &'static str = "GaussianRandomWalk";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        match self.rows() {
            (rows, 1) => (rows, self.times),
            _ => (0, 0),
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        let named = |e: ParameterError| ParameterError { family: Self::NAME, ..e };
        self.initial.check().map_err(named)?;
        self.step.check().map_err(named)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let n = self.times;
        let first = self.initial.log_prob_terms(x.cols(0..1), terms);
        if n < 2 {
            return first;
        }
        let steps = x.cols(1..n) - x.cols(0..n - 1);
        first
            + match terms {
                Terms::Each => self.step.log_prob(steps).sum_axis(Axis::Cols),
                Terms::Sum => self.step.log_prob_sum(steps),
            }
    }
    /// The cross-entropy by the means and variances of the steps, less the entropy.
    #[track_caller]
    fn kl_from_normal(
        &self,
        loc: Var<'t, T>,
        scale: Var<'t, T>,
        terms: Terms,
    ) -> Option<(Var<'t, T>, KlMethod)> {
        let n = self.times;
        let zeros = self.steps() * 0.0;
        // Every time has its own numbers.
        let (loc, scale) = (loc + zeros, scale + zeros);
        let first = Normal { loc: loc.cols(0..1), scale: scale.cols(0..1) }.kl_terms(&self.initial, terms);
        if n < 2 {
            return Some((first, KlMethod::Closed));
        }
        let f = formula!(|m, before, s, s_before, drift, scale| {
            let (shift, scale) = ((m - before - drift) / scale, positive_or_nan(scale));
            let spread = s_before / scale;
            NormalNormalKl.eval([R::zero(), s, R::zero(), scale]) + (shift * shift + spread * spread) * 0.5
        });
        let (later, before) = (1..n, 0..n - 1);
        let Normal { loc: drift, scale: step } = self.step;
        let args = [
            loc.cols(later.clone()),
            loc.cols(before.clone()),
            scale.cols(later),
            scale.cols(before),
            drift,
            step,
        ];
        let rest = match terms {
            Terms::Each => Var::map(f, args).sum_axis(Axis::Cols),
            Terms::Sum => Var::map_sum(f, args),
        };
        Some((first + rest, KlMethod::Closed))
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for GaussianRandomWalk<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (first, steps) = key.split();
        let rows = self.rows().0.max(least.0);
        let first = self.initial.sample_shaped(tape, first, (rows, 1));
        if self.times < 2 {
            return first;
        }
        let steps = self.step.sample_shaped(tape, steps, (rows, self.times - 1));
        Var::concat_cols(&[first, steps]).running_sum(Running::UpTo)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for GaussianRandomWalk<Var<'t, T>> {}

impl<'t, T: Scalar> GaussianRandomWalk<Var<'t, T>> {
    /// How many steps were made before each column, 1 × times, on the tape of the parameters.
    fn steps(&self) -> Var<'t, T> {
        let Normal { loc, scale } = self.step;
        let tape = loc.tape().or(scale.tape()).or(self.initial.loc.tape()).or(self.initial.scale.tape());
        tape.map_or(Var::from(0.0), |tape| {
            tape.constant_with(1, self.times, |to| {
                to.iter_mut().enumerate().for_each(|(j, to)| *to = T::from_f64(j as f64));
            })
        })
    }
}

/// At every time. Without a parameter on a tape there is none for a row: then those of the first
/// time.
impl<'t, T: Scalar> Moments<Var<'t, T>> for GaussianRandomWalk<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.initial.mean() + self.step.mean() * self.steps()
    }
    fn variance(&self) -> Var<'t, T> {
        self.initial.variance() + self.step.variance() * self.steps()
    }
}

/// A walk is a map of its steps whose Jacobian is 1.
impl<'t, T: Scalar> Entropy<Var<'t, T>> for GaussianRandomWalk<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        self.initial.entropy() + self.step.entropy() * (self.times as f64 - 1.0)
    }
}

impl<'t, T: Scalar> KlDivergence<GaussianRandomWalk<Var<'t, T>>> for GaussianRandomWalk<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// That of the first numbers, and that of a step for each of them.
    ///
    /// # Panics
    /// If the walks differ in length.
    #[track_caller]
    fn kl_terms(&self, p: &GaussianRandomWalk<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (n, m) = (self.times, p.times);
        assert!(n == m, "GaussianRandomWalk: a divergence from {n} to {m} times");
        let each = self.initial.kl(&p.initial) + self.step.kl(&p.step) * (n as f64 - 1.0);
        match terms {
            Terms::Each => each,
            Terms::Sum => each.sum(),
        }
    }
}

crate::laws::matrix_family!(GaussianRandomWalk<f64> { initial_loc, initial_scale, step_loc, step_scale }
    |_, p| GaussianRandomWalk: GaussianRandomWalk::new(5, Normal::new(p[0], p[1]), Normal::new(p[2], p[3])),
    [[[0.3]], [[1.2]], [[-0.1]], [[0.7]]]
);
