//! Gaussian autoregressive series along the columns of rows.
//!
//! Elsewhere: PyMC.

use super::{Normal, common_shape};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, finite};
use crate::support::Support;
use probity_autodiff::{Adjoints, Axis, Inputs, Key, Op, Running, Scalar, Tape, Terms, Var};

/// `xₜ = φ₁ xₜ₋₁ + … + φₚ xₜ₋ₚ + eₜ` with `eₜ` from `noise`; the first p numbers are from
/// `initial`, independent of each other.
///
/// *Event*: row, a series of more than p numbers. *Parameters*: the number of `times`,
/// `coefficients` φ (1 × p), and two Normal distributions of one number (1 × 1, or r × 1 with one
/// for each row); a mean of the noise is the constant of the regression. Nothing is asked of the
/// coefficients: the series need not be stationary.
///
/// A draw is one recursion over the times, and so is its gradient.
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

    /// The series with these first numbers and this noise, a row each.
    fn filtered(&self, tape: &'t Tape<T>, noise: Var<'t, T>) -> Var<'t, T> {
        tape.record(Filter, &[noise, self.coefficients], noise.nrows(), noise.ncols())
    }
}

/// `xₜ = eₜ + φ₁ xₜ₋₁ + … + φₚ xₜ₋ₚ` of every row of `e`, and the first p numbers as they are.
///
/// Backwards `λₜ = gₜ + φ₁ λₜ₊₁ + … + φₚ λₜ₊ₚ`, of what comes after the first p numbers, is the
/// adjoint of `eₜ`, and `Σ λₜ xₜ₋ⱼ` that of `φⱼ`.
#[derive(Clone, Copy, Debug)]
struct Filter;

impl<T: Scalar> Op<T> for Filter {
    fn name(&self) -> &'static str {
        "autoregressive_filter"
    }
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let ((rows, _), p) = (x.shape(0), x.shape(1).1);
        y.copy_from_slice(x.get(0));
        let phi = x.get(1);
        for place in p * rows..y.len() {
            let mut sum = y[place].num();
            for (j, phi) in phi.iter().enumerate() {
                sum += phi.num() * y[place - (j + 1) * rows].num();
            }
            y[place] = T::from_num(sum);
        }
    }
    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let ((rows, _), p) = (x.shape(0), x.shape(1).1);
        let phi = x.get(1);
        let mut adjoint = dx.take_scratch(g.len());
        adjoint.copy_from_slice(g);
        for place in (0..g.len()).rev() {
            let mut sum = adjoint[place].num();
            for (j, phi) in phi.iter().enumerate() {
                // Only later numbers follow from others.
                let later = place + (j + 1) * rows;
                if later < g.len() && later >= p * rows {
                    sum += phi.num() * adjoint[later].num();
                }
            }
            adjoint[place] = T::from_num(sum);
        }
        dx.accumulate_zeroed(0, |to| {
            to.iter_mut().zip(&adjoint).for_each(|(to, a)| *to = T::from_num(to.num() + a.num()));
        });
        dx.accumulate_zeroed(1, |to| {
            for (j, to) in to.iter_mut().enumerate() {
                let later = adjoint[p * rows..].iter().zip(&y[(p - 1 - j) * rows..]);
                *to = later.fold(*to, |sum, (a, y)| T::from_num(sum.num() + a.num() * y.num()));
            }
        });
        dx.put_scratch(adjoint);
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
        self.filtered(tape, Var::concat_cols(&[first, noise]))
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for Autoregressive<Var<'t, T>> {}

/// At every time.
impl<'t, T: Scalar> Moments<Var<'t, T>> for Autoregressive<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        let Some(tape) = self.coefficients.tape() else { return Var::from(f64::NAN) };
        let (n, p) = (self.times, self.order());
        let zeros = tape.constant_with(1, n, |to| to.fill(T::from_f64(0.0)));
        let means = [self.initial.mean() + zeros.cols(0..p), self.noise.mean() + zeros.cols(p..n)];
        self.filtered(tape, Var::concat_cols(&means))
    }
    /// By the responses to every first number and to the noise.
    fn variance(&self) -> Var<'t, T> {
        let Some(tape) = self.coefficients.tape() else { return Var::from(f64::NAN) };
        let (n, p) = (self.times, self.order());
        // A unit at every one of the first p + 1 times, a row each.
        let units = tape.constant_with(p + 1, n, |to| {
            to.fill(T::from_f64(0.0));
            (0..=p).for_each(|k| to[k * (p + 2)] = T::from_f64(1.0));
        });
        let squares = self.filtered(tape, units).sq();
        let first = squares.rows(0..p).sum_axis(Axis::Rows);
        // The noise of time s moves time t as that of time p moves time p + t - s.
        let noise = squares.rows(p..p + 1).running_sum(Running::UpTo);
        self.initial.variance() * first + self.noise.variance() * noise
    }
}

/// A series is a map of its noise whose Jacobian is 1.
impl<'t, T: Scalar> Entropy<Var<'t, T>> for Autoregressive<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let (n, p) = (self.times as f64, self.order() as f64);
        let rest = (self.coefficients * 0.0).sum();
        self.initial.entropy() * p + self.noise.entropy() * (n - p) + rest
    }
}

crate::laws::matrix_family!(Autoregressive<f64> { coefficients, initial_loc, initial_scale, noise_loc, noise_scale }
    |_, p| Autoregressive: Autoregressive::new(6, p[0], Normal::new(p[1], p[2]), Normal::new(p[3], p[4])),
    [[[0.6, -0.2]], [[0.3]], [[1.2]], [[-0.1]], [[0.7]]]
);
