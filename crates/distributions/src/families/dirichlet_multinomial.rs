//! Dirichlet-multinomial distribution: counts whose probabilities have a Dirichlet distribution.
//!
//! Elsewhere: Pyro, NumPyro, TFP, PyMC.

use super::beta_binomial;
use super::multinomial::draw;
use super::poisson::{is_count, no_mass};
use super::{Dirichlet, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, positive, require};
use crate::support::Support;
use probity_autodiff::{Axis, Formula, Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// `P(k) = n B(A, n) / Π kⱼ B(aⱼ, kⱼ)` over the counts that are not 0, with `n` the total count,
/// `a` the concentration and `A` its sum, on rows of counts that add up to `n`: Multinomial counts
/// more scattered than those of fixed probabilities.
///
/// *Event*: row. *Parameters*: `total_count` a whole number of 0 or more (1 × 1 or r × 1, without a
/// gradient), `concentration > 0` (r × c). Draws have no gradient.
#[derive(Clone, Copy, Debug)]
pub struct DirichletMultinomial<V> {
    /// The number of trials.
    pub total_count: V,
    /// Concentration.
    pub concentration: V,
}

impl<V: Value> DirichletMultinomial<V> {
    /// With this number of trials and these concentrations.
    pub fn new(total_count: impl Into<V>, concentration: impl Into<V>) -> Self {
        Self { total_count: total_count.into(), concentration: concentration.into() }
    }
}

/// `ln k B(a, k)`, the part of a count in minus the log mass.
#[inline]
fn count_term<R: Real>(k: R, a: R) -> R {
    if k == 0.0 { a * 0.0 } else { k.ln() + a.ln_beta(k) }
}

/// The mean of a count's part, by the sum over its Beta-binomial distribution.
#[derive(Clone, Copy, Debug)]
struct MeanTerm;
impl Formula<3> for MeanTerm {
    #[inline]
    fn eval<R: Real>(&self, [n, a, total]: [R; 3]) -> R {
        let (n, a) = (R::of(n.re()), positive_or_nan(a));
        let rest = total - a;
        if n == 0.0 || rest == 0.0 {
            // The only outcome takes all.
            return count_term(n, a);
        }
        beta_binomial::expectation(n, a, rest, |k| count_term(k, a))
    }
}

/// By the sums over the counts of each outcome.
impl<'t, T: Scalar> Entropy<Var<'t, T>> for DirichletMultinomial<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let total = self.concentration.sum_axis(Axis::Cols);
        let each = Var::map(MeanTerm, [self.total_count, self.concentration, total]).sum_axis(Axis::Cols);
        let f = formula!(|each, n, total| each - count_term(R::of(n.re()), total));
        Var::map(f, [each, self.total_count, total])
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for DirichletMultinomial<Var<'t, T>> {
    const NAME: &'static str = "DirichletMultinomial";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        match (self.total_count.shape(), self.concentration.shape()) {
            ((r, 1), (rows, cols)) if r == 1 || rows == 1 || r == rows => (r.max(rows), cols),
            _ => (0, 0),
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        let whole = |n: f64| (0.0..f64::INFINITY).contains(&n) && n.fract() == 0.0;
        require(Self::NAME, "total_count", self.total_count, "a whole number of 0 or more", whole)?;
        positive(Self::NAME, "concentration", self.concentration)
    }
    /// `-∞` for rows that do not add up to the total count.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let each = formula!(|k, a| {
            let (k, a) = (R::of(k.re()), positive_or_nan(a));
            if is_count(k) { count_term(k, a) } else { -no_mass(k, a * 0.0) }
        });
        let each = Var::map(each, [x, self.concentration]).sum_axis(Axis::Cols);
        let f = formula!(|each, n, total, sum| {
            let n = R::of(n.re());
            let inside = if n == 0.0 { -each } else { n.ln() + sum.ln_beta(n) - each };
            let off = total != n && !total.re().is_nan() && !n.re().is_nan();
            if off { sum * 0.0 - f64::INFINITY } else { inside }
        });
        let (total, sum) = (x.detach().sum_axis(Axis::Cols), self.concentration.sum_axis(Axis::Cols));
        Var::apply_as(terms, f, [each, self.total_count, total, sum])
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for DirichletMultinomial<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let n = self.shape().0.max(least.0);
        let (probs, counts) = key.split();
        let probs = Dirichlet::new(self.concentration.detach()).sample_shaped(tape, probs, (n, 1));
        draw(tape, counts, (self.total_count, probs.ln()), n)
    }
}

impl<'t, T: Scalar> Moments<Var<'t, T>> for DirichletMultinomial<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.total_count * Dirichlet::new(self.concentration).mean()
    }
    /// Of every entry: that of a Multinomial count times `(n + A) / (1 + A)`.
    fn variance(&self) -> Var<'t, T> {
        let f = formula!(|n, a, sum| {
            let p = positive_or_nan(a) / sum;
            n * p * ((sum - a) / sum) * ((sum + n) / (sum + 1.0))
        });
        let sum = self.concentration.sum_axis(Axis::Cols);
        Var::map(f, [self.total_count, self.concentration, sum])
    }
}

crate::laws::matrix_family!(DirichletMultinomial<f64> { total_count, concentration }
    |_, p| DirichletMultinomial: DirichletMultinomial::new(p[0].detach(), p[1]),
    [[[10.0]], [[0.7, 2.0, 1.3]]]
);
