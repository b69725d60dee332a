//! Dirichlet distribution on probability vectors.
//!
//! Elsewhere: torch er, Pyro er, NumPyro er, TFP er, PyMC.

use super::{gamma_entropy, infinite, not_negative, positive_or_nan};
use crate::constraints::log_simplex;
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::special::{
    LogGammaSlope, entry_key, implicit_draw, log_gamma_draw, share_gap, tangent_rest, tangent_steps,
};
use crate::support::Support;
use probity_autodiff::{Axis, Draw, Formula, Key, Real, Running, Scalar, Tape, Terms, Value, Var, formula};

/// `p(x) = Π xₖ^(aₖ - 1) / B(a)` with `a` the concentration, on rows of numbers greater than 0 that
/// sum to 1.
///
/// *Event*: row. *Parameters*: `concentration > 0` (r × c with at least two columns; 1 × c serves
/// any number of rows). As latent variable: `c - 1` unconstrained numbers a row, by breaking a
/// stick. For plain numbers, use a tape of constants.
///
/// *Draws* are quotients of Gamma draws that are kept as logarithms, so that a row of tiny
/// concentrations sums to 1 as well. Their gradients are implicit.
#[derive(Clone, Copy, Debug)]
pub struct Dirichlet<V> {
    /// Concentration.
    pub concentration: V,
}

impl<V: Value> Dirichlet<V> {
    /// With these concentrations.
    pub fn new(concentration: impl Into<V>) -> Self {
        Self { concentration: concentration.into() }
    }
}

impl<'t, T: Scalar> Dirichlet<Var<'t, T>> {
    /// `ln B(a)` of every row: `Σ ln B(aₖ, Σⱼ<ₖ aⱼ)`, where large parts do not cancel.
    fn log_normaliser(&self) -> Var<'t, T> {
        let a = self.concentration;
        let f = formula!(|a, before| {
            let a = positive_or_nan(a);
            // Before the first one is nothing.
            if before == 0.0 { a * 0.0 } else { before.ln_beta(a) }
        });
        Var::map(f, [a, a.running_sum(Running::Before)]).sum_axis(Axis::Cols)
    }

    /// The sum of the concentrations of every row.
    fn total(&self) -> Var<'t, T> {
        self.concentration.sum_axis(Axis::Cols)
    }
}

/// `(a - 1) ln x`.
#[derive(Clone, Copy, Debug)]
struct DirichletTerm;
impl Formula<2> for DirichletTerm {
    #[inline(always)]
    fn eval<R: Real>(&self, [x, a]: [R; 2]) -> R {
        let a = positive_or_nan(a);
        if x < 0.0 || infinite(x) { a * 0.0 - f64::INFINITY } else { (a - 1.0).xlogy(x) }
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for Dirichlet<Var<'t, T>> {
    const NAME: &'static str = "Dirichlet";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::simplex()
    }
    fn shape(&self) -> (usize, usize) {
        self.concentration.shape()
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration", self.concentration)
    }
    /// `-∞` for rows with a negative number, or whose sum is not 1 within 1e-5.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let each = Var::map(DirichletTerm, [x, self.concentration]).sum_axis(Axis::Cols);
        let f = formula!(|each, total, normaliser| {
            let off = (total.re() - 1.0).abs() > 1e-5;
            let log_prob = each - normaliser;
            if off { log_prob * 0.0 - f64::INFINITY } else { log_prob }
        });
        Var::apply_as(terms, f, [each, x.detach().sum_axis(Axis::Cols), self.log_normaliser()])
    }
    /// `Σ aₖ ln xₖ - ln B(a)`: the Jacobian is the product of all `xₖ`.
    #[track_caller]
    fn log_prob_unconstrained(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let f = formula!(|log_x, a| log_x * positive_or_nan(a));
        let each = Var::map(f, [log_simplex(u), self.concentration]).sum_axis(Axis::Cols);
        Var::apply_as(terms, formula!(|each, normaliser| each - normaliser), [each, self.log_normaliser()])
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

/// The logarithm of a draw from Gamma(a, 1), with the derivative in `a`.
#[derive(Clone, Copy, Debug)]
struct LogGammaDraw;
impl Formula<3> for LogGammaDraw {
    #[inline]
    fn eval<R: Real>(&self, [a, u, v]: [R; 3]) -> R {
        implicit_draw::<LogGammaSlope, _, 1>(log_gamma_draw(entry_key(u, v), a.re()), [a])
    }
}

impl<'t, T: Scalar> Dirichlet<Var<'t, T>> {
    /// The logarithms of the draw with the same key, with exact pathwise gradients. Of tiny
    /// concentrations most entries of a draw are less than any number but 0; their logarithms are
    /// ordinary numbers.
    ///
    /// *Shape*: that of [`sample_shaped`](Sample::sample_shaped).
    pub fn sample_log(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        self.log_gammas(tape, key, least).log_softmax()
    }

    /// The logarithms of independent draws from Gamma(aₖ, 1).
    fn log_gammas(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (u, v) = key.split();
        let args = [Draw::Value(self.concentration), Draw::Uniform(u), Draw::Uniform(v)];
        Var::draw(tape, LogGammaDraw, args, least)
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for Dirichlet<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        self.log_gammas(tape, key, least).softmax()
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for Dirichlet<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for Dirichlet<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        Var::map(formula!(|a, total| positive_or_nan(a) / total), [self.concentration, self.total()])
    }
    /// Of every entry.
    fn variance(&self) -> Var<'t, T> {
        let a = self.concentration;
        let others = a.running_sum(Running::Before) + a.running_sum(Running::After);
        let f = formula!(|a, others| {
            let total = positive_or_nan(a) + others;
            a / total * (others / total) / (total + 1.0)
        });
        Var::map(f, [a, others])
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for Dirichlet<Var<'t, T>> {
    /// `Σ h(aₖ) - h(Σ a) - (c - 1) ψ(Σ a)`, `h` the entropy of Gamma(a, 1): no large parts.
    fn entropy(&self) -> Var<'t, T> {
        let each = formula!(|a| gamma_entropy(positive_or_nan(a), R::one()));
        let each = Var::map(each, [self.concentration]).sum_axis(Axis::Cols);
        let f = formula!(|each, total, free| each - gamma_entropy(total, R::one()) - free * total.digamma());
        Var::map(f, [each, self.total(), (self.concentration.ncols() as f64 - 1.0).into()])
    }
}

impl<'t, T: Scalar> KlDivergence<Dirichlet<Var<'t, T>>> for Dirichlet<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// `Σ D(bₖ, aₖ) - D(Σ b, Σ a)`, `D` the height of `ln Γ` above its tangent. The large parts are
    /// taken together.
    #[track_caller]
    fn kl_terms(&self, p: &Dirichlet<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (a, b) = (self.concentration, p.concentration);
        let steps = Var::map(formula!(|b, a| tangent_steps(b, a)), [b, a]);
        let sum = |x: Var<'t, T>| x.sum_axis(Axis::Cols);
        let (raised, gaps, all_steps) = (a + steps, b - a, sum(steps));
        let each = formula!(|b, a, steps, raised, gap, total, all_gaps| {
            let rest = tangent_rest(positive_or_nan(b), positive_or_nan(a), steps);
            rest + share_gap([raised, gap], [total, all_gaps])
        });
        let each = sum(Var::map(each, [b, a, steps, raised, gaps, sum(raised), sum(gaps)]));
        let whole = formula!(|each, b, a, steps| not_negative(each - tangent_rest(b, a, steps)));
        Var::apply_as(terms, whole, [each, p.total(), self.total(), all_steps])
    }
}

crate::laws::matrix_family!(Dirichlet<f64> { concentration }
    |_, p| Dirichlet: Dirichlet::new(p[0]),
    [[[0.7, 2.0, 1.3]]],
    [[[30.0, 4.0]]]
);
