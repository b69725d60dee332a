//! Gaussian autoregressive series along the columns of rows.

use super::linear::identity_on;
use super::{Normal, common_shape};
use crate::distribution::{Distribution, Event, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::support::Support;
use probity_autodiff::{Axis, Key, Scalar, Tape, Terms, Var};

/// `xₜ = φ₁ xₜ₋₁ + … + φₚ xₜ₋ₚ + eₜ` with `eₜ` from `noise`; the first p numbers are from
/// `initial`, independent of each other.
///
/// *Event*: row, a series of more than p numbers. *Parameters*: the number of `times`,
/// `coefficients` φ (1 × p), and two Normal distributions of one number (1 × 1, or r × 1 with one
/// for each row); a mean of the noise is the constant of the regression. Nothing is asked of the
/// coefficients: the series need not be stationary.
///
/// A draw solves a triangular system of as many unknowns as there are times.
#[derive(Clone, Copy, Debug)]
pub struct Autoregressive<V> {
    /// The number of columns.
    pub times: usize,
    /// The weights of the numbers before, nearest first.
    pub coefficients: V,
    /// The first numbers.
    pub initial: Normal<V>,
    /// The noise.
    pub noise: Normal<V>,
}

impl<'t, T: Scalar> Autoregressive<Var<'t, T>> {
    /// A series of this many numbers.
    ///
    /// # Panics
    /// If the coefficients are not a row, or none, or as many as the times.
    #[track_caller]
    pub fn new(
        times: usize,
        coefficients: impl Into<Var<'t, T>>,
        initial: Normal<Var<'t, T>>,
        noise: Normal<Var<'t, T>>,
    ) -> Self {
        let coefficients = coefficients.into();
        let (rows, p) = coefficients.shape();
        assert!(
            rows == 1 && p > 0 && p < times,
            "Autoregressive: {rows} × {p} coefficients of {times} times"
        );
        Self { times, coefficients, initial, noise }
    }

    fn rows(&self) -> (usize, usize) {
        common_shape(&[self.initial.loc, self.initial.scale, self.noise.loc, self.noise.scale])
    }

    /// How many numbers before a number has a part in it.
    fn order(&self) -> usize {
        self.coefficients.ncols()
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for Autoregressive<Var<'t, T>> {
    const NAME: &'static str = "Autoregressive";

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
        finite(Self::NAME, "coefficients", self.coefficients)?;
        self.initial.check().map_err(named)?;
        self.noise.check().map_err(named)
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let (n, p) = (self.times, self.order());
        let residual = (0..p)
            .fold(x.cols(p..n), |rest, j| rest - x.cols(p - 1 - j..n - 1 - j) * self.coefficients.at(0, j));
        match terms {
            Terms::Each => {
                let first = self.initial.log_prob(x.cols(0..p)).sum_axis(Axis::Cols);
                first + self.noise.log_prob(residual).sum_axis(Axis::Cols)
            }
            Terms::Sum => self.initial.log_prob_sum(x.cols(0..p)) + self.noise.log_prob_sum(residual),
        }
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for Autoregressive<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (n, p, rows) = (self.times, self.order(), self.rows().0.max(least.0));
        let (first, noise) = key.split();
        let first = self.initial.sample_shaped(tape, first, (rows, p));
        let noise = self.noise.sample_shaped(tape, noise, (rows, n - p));
        // (I - Φ) x = e, with the first numbers as they are.
        let system = (0..p).fold(identity_on(tape, n), |system, j| {
            let band = tape.constant_with(n, n, |to| {
                to.fill(T::from_f64(0.0));
                (p..n).for_each(|t| to[t + (t - 1 - j) * n] = T::from_f64(1.0));
            });
            system - band * self.coefficients.at(0, j)
        });
        system.solve_lower(Var::concat_cols(&[first, noise]).transpose()).transpose()
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for Autoregressive<Var<'t, T>> {}
