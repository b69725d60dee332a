//! Densities on a part of their support.

use probity_autodiff::{Axis, Terms, Var};
use probity_distributions::{Distribution, Event, ParameterError, Support};

/// A density of real numbers on a part of them: its logarithm there, and a constant. With `ln 2`, a
/// density that is symmetric around 0 is normalised again on the positive numbers; with 0 it is
/// not, which does not matter to a posterior.
#[derive(Clone, Copy, Debug)]
pub struct Restricted<'t, D> {
    of: D,
    to: Support<Var<'t>>,
    event: Event,
    log_weight: f64,
}

/// On positive numbers.
pub fn positive<'t, D>(of: D, log_weight: f64) -> Restricted<'t, D> {
    Restricted { of, to: Support::Positive, event: Event::Entry, log_weight }
}

/// On rows that rise from column to column.
pub fn ordered<'t, D>(of: D) -> Restricted<'t, D> {
    Restricted { of, to: Support::ordered(), event: Event::Row, log_weight: 0.0 }
}

/// On rows of positive numbers that rise from column to column.
pub fn positive_ordered<'t, D>(of: D) -> Restricted<'t, D> {
    Restricted { of, to: Support::positive_ordered(), event: Event::Row, log_weight: 0.0 }
}

impl<'t, D: Distribution<Var<'t>>> Distribution<Var<'t>> for Restricted<'t, D> {
    const NAME: &'static str = "Restricted";

    fn event(&self) -> Event {
        self.event
    }
    fn support(&self) -> Support<Var<'t>> {
        self.to
    }
    fn shape(&self) -> (usize, usize) {
        self.of.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        self.of.check()
    }
    fn log_prob_terms(&self, x: Var<'t>, terms: Terms) -> Var<'t> {
        let events = if self.event == Event::Row { x.nrows() } else { x.nrows() * x.ncols() };
        match (terms, self.event) {
            (Terms::Sum, _) => self.of.log_prob_sum(x) + self.log_weight * events as f64,
            (Terms::Each, Event::Row) => self.of.log_prob(x).sum_axis(Axis::Cols) + self.log_weight,
            (Terms::Each, _) => self.of.log_prob(x) + self.log_weight,
        }
    }
}
