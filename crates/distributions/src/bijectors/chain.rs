//! Bijectors after each other, and backwards.

use super::{Bijector, larger, terms_of};
use crate::distribution::Event;
use probity_autodiff::{Terms, Value, formula};

/// The second after the first: forward `g(f(u))` · inverse `f⁻¹(g⁻¹(x))` · log-det the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chain<F, G>(
    /// What comes first.
    pub F,
    /// What comes second.
    pub G,
);

impl<V: Value, F: Bijector<V>, G: Bijector<V>> Bijector<V> for Chain<F, G> {
    /// The larger of the two.
    fn event(&self) -> Event {
        larger(self.0.event(), self.1.event())
    }
    #[track_caller]
    fn forward(&self, u: V) -> V {
        self.1.forward(self.0.forward(u))
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        self.0.inverse(self.1.inverse(x))
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        let parts = [self.0.log_det(u, terms), self.1.log_det(self.0.forward(u), terms)];
        let [first, second] = match terms {
            Terms::Sum => parts,
            Terms::Each => {
                let events = [self.0.event(), self.1.event()];
                [0, 1].map(|k| terms_of(parts[k], events[k], self.event()))
            }
        };
        first + second
    }
}

/// The other way round: forward `f⁻¹(u)` · inverse `f(x)` · log-det minus that of `f` at `f⁻¹(u)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inverse<F>(
    /// What is turned round.
    pub F,
);

impl<V: Value, F: Bijector<V>> Bijector<V> for Inverse<F> {
    fn event(&self) -> Event {
        self.0.event()
    }
    #[track_caller]
    fn forward(&self, u: V) -> V {
        self.0.inverse(u)
    }
    #[track_caller]
    fn inverse(&self, x: V) -> V {
        self.0.forward(x)
    }
    #[track_caller]
    fn log_det(&self, u: V, terms: Terms) -> V {
        V::apply(formula!(|x| -x), [self.0.log_det(self.0.inverse(u), terms)])
    }
}
