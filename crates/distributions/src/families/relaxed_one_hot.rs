//! Relaxed one-hot distribution (Concrete, Gumbel-softmax) on probability vectors.
//!
//! Elsewhere: torch r, Pyro r, TFP r.

use super::one_hot_categorical::one_hot;
use super::{Categorical, OneHotCategorical, infinite, positive_or_nan};
use crate::constraints::log_simplex;
use crate::distribution::{Distribution, Event, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::support::Support;
use probity_autodiff::{Axis, Draw, Key, Scalar, Tape, Terms, Value, Var, formula};

/// `softmax((logits + g) / temperature)` with `g` of independent Gumbel numbers: a row whose
/// largest entry is in column k with probability `softmax(logits)ₖ`, whatever the temperature, and
/// that tends to a one-hot row as it falls.
///
/// *Event*: row, on the simplex. *Parameters*: `temperature > 0` (1 × 1 or r × 1), `logits` (r × c)
/// real, defined up to a constant in each row. Draws have exact pathwise gradients;
/// [`sample_straight_through`] is one-hot itself.
///
/// Source: Maddison, Mnih and Teh 2017, "The Concrete distribution", definition 1; Jang, Gu and
/// Poole 2017, "Categorical reparameterization with Gumbel-softmax", section 2.
///
/// [`sample_straight_through`]: RelaxedOneHot::sample_straight_through
#[derive(Clone, Copy, Debug)]
pub struct RelaxedOneHot<V> {
    /// Temperature.
    pub temperature: V,
    /// Unnormalised log probabilities of the columns.
    pub logits: V,
}

impl<V: Value> RelaxedOneHot<V> {
    /// With this temperature and these unnormalised log probabilities.
    pub fn new(temperature: impl Into<V>, logits: impl Into<V>) -> Self {
        Self { temperature: temperature.into(), logits: logits.into() }
    }

    /// The distribution of the place of the largest entry.
    pub fn hard(&self) -> OneHotCategorical<V> {
        OneHotCategorical { logits: self.logits }
    }
}

impl<'t, T: Scalar> RelaxedOneHot<Var<'t, T>> {
    /// A one-hot row, with the gradient of the relaxed draw whose largest entry it marks.
    ///
    /// Source: Jang, Gu and Poole 2017, section 2.2.
    pub fn sample_straight_through(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let soft = self.sample_shaped(tape, key, least);
        let (n, cols) = soft.shape();
        let largest = soft.read(|x| {
            let place =
                |i: usize| (0..cols).max_by(|a, b| x[i + a * n].to_f64().total_cmp(&x[i + b * n].to_f64()));
            (0..n).map(|i| T::from_f64(place(i).map_or(f64::NAN, |j| j as f64))).collect::<Vec<T>>()
        });
        one_hot(tape, tape.column(&largest), cols) + (soft - soft.detach())
    }

    /// The log density of every row by the logarithms of its entries. `power` is 1 for the density
    /// of the row, and 0 for that of its unconstrained numbers: the Jacobian is the product of the
    /// entries.
    fn log_density(&self, log_x: Var<'t, T>, power: f64, terms: Terms) -> Var<'t, T> {
        let cols = self.logits.ncols();
        let log_p = self.logits.log_softmax();
        let each = formula!(|log_x, t, log_p, power| log_p - (positive_or_nan(t) + power) * log_x);
        let each = Var::map(each, [log_x, self.temperature, log_p, Var::from(power)]).sum_axis(Axis::Cols);
        let weight =
            Var::map(formula!(|log_x, t, log_p| log_p - t * log_x), [log_x, self.temperature, log_p]);
        let f = formula!(|each, sum, t, c| {
            let log_density = c.lgamma() + (c - 1.0) * positive_or_nan(t).ln() + each - c * sum;
            // At the border, where the terms are infinite.
            let border = infinite(each);
            if border { R::of(f64::NEG_INFINITY) } else { log_density }
        });
        let args = [each, weight.logsumexp(), self.temperature, Var::from(cols as f64)];
        Var::apply_as(terms, f, args)
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for RelaxedOneHot<Var<'t, T>> {
    const NAME: &'static str = "RelaxedOneHot";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::simplex()
    }
    fn shape(&self) -> (usize, usize) {
        match (self.temperature.shape(), self.logits.shape()) {
            ((r, 1), (rows, cols)) if r == 1 || rows == 1 || r == rows => (r.max(rows), cols),
            _ => (0, 0),
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "temperature", self.temperature)?;
        Categorical::new(self.logits).check().map_err(|e| ParameterError { family: Self::NAME, ..e })
    }
    /// `-∞` at the border of the simplex, for rows with a negative number, and for those whose sum
    /// is not 1 within 1e-5.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        // Outside, a number whose logarithm shows it: the row is marked.
        let inside = formula!(|x| {
            let outside = x < 0.0 || infinite(x);
            if outside { R::one() } else { x.ln() }
        });
        let each = self.log_density(Var::map(inside, [x]), 1.0, Terms::Each);
        let mark = formula!(|x| R::of(if x < 0.0 || infinite(x) { 1.0 } else { 0.0 }));
        let marks = Var::map(mark, [x.detach()]).sum_axis(Axis::Cols);
        let f = formula!(|each, marks, total| {
            let off = marks > 0.0 || (total.re() - 1.0).abs() > 1e-5;
            if off { R::of(f64::NEG_INFINITY) } else { each }
        });
        Var::apply_as(terms, f, [each, marks, x.detach().sum_axis(Axis::Cols)])
    }
    #[track_caller]
    fn log_prob_unconstrained(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        self.log_density(log_simplex(u), 0.0, terms)
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for RelaxedOneHot<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let f = formula!(|logits, t, u| (logits - (-u.ln()).ln()) / positive_or_nan(t));
        let args = [Draw::Value(self.logits), Draw::Value(self.temperature), Draw::Uniform(key)];
        Var::draw(tape, f, args, least).softmax()
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for RelaxedOneHot<Var<'t, T>> {}

crate::laws::matrix_family!(RelaxedOneHot<f64> { temperature, logits }
    |_, p| RelaxedOneHot: RelaxedOneHot::new(p[0], p[1]),
    [[[0.7]], [[0.3, -1.0, 0.6]]]
);
