//! Multinomial distribution: counts of several outcomes that add up to a total.
//!
//! Elsewhere: torch e, Pyro e, NumPyro, TFP, PyMC.

use super::binomial::{self, quantile as binomial_quantile};
use super::poisson::{is_count, no_mass};
use crate::distribution::{Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::special::sum_of_counts;
use crate::support::Support;
use probity_autodiff::math::gamma_inc::log_density;
use probity_autodiff::{Axis, Formula, Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// `P(k) = n! Π pⱼ^kⱼ / kⱼ!` with `n` the total count and `p = softmax(logits)`, on rows of counts
/// that add up to `n`.
///
/// *Event*: row. *Parameters*: `total_count` a whole number of 0 or more (1 × 1 or r × 1, without a
/// gradient), `logits` (r × c) real or -∞, defined up to a constant in each row. Draws have no
/// gradient.
#[derive(Clone, Copy, Debug)]
pub struct Multinomial<V> {
    /// The number of trials.
    pub total_count: V,
    /// Unnormalised log probabilities.
    pub logits: V,
}

impl<V: Value> Multinomial<V> {
    /// With this number of trials and these unnormalised log probabilities.
    pub fn from_logits(total_count: impl Into<V>, logits: impl Into<V>) -> Self {
        Self { total_count: total_count.into(), logits: logits.into() }
    }

    /// With this number of trials and these probabilities, which are normalised.
    pub fn new(total_count: impl Into<V>, probs: impl Into<V>) -> Self {
        let logits = V::apply(formula!(|p| p.ln()), [probs.into()]);
        Self { total_count: total_count.into(), logits }
    }
}

/// The log mass of a Poisson distribution with this logarithm of its rate. Where the rate is 0 and
/// the count is not, the logarithm goes on.
#[inline]
fn log_poisson<R: Real>(k: R, log_rate: R) -> R {
    if k == 0.0 {
        -log_rate.exp()
    } else if log_rate == f64::NEG_INFINITY {
        R::of(f64::NEG_INFINITY)
    } else {
        log_density(k, log_rate.exp(), log_rate) - k.ln()
    }
}

/// Counts are independent Poisson variables, given their total: no large parts cancel.
#[derive(Clone, Copy, Debug)]
struct MultinomialTerm;
impl Formula<3> for MultinomialTerm {
    #[inline]
    fn eval<R: Real>(&self, [k, n, log_p]: [R; 3]) -> R {
        let n = R::of(n.re());
        if !is_count(k) {
            return no_mass(k, log_p.exp() * 0.0);
        }
        if n == 0.0 { log_p.exp() * 0.0 } else { log_poisson(R::of(k.re()), n.ln() + log_p) }
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for Multinomial<Var<'t, T>> {
    const NAME: &'static str = "Multinomial";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::NonNegativeInteger
    }
    fn shape(&self) -> (usize, usize) {
        match (self.total_count.shape(), self.logits.shape()) {
            ((r, 1), (rows, cols)) if r == 1 || rows == 1 || r == rows => (r.max(rows), cols),
            _ => (0, 0),
        }
    }
    fn check(&self) -> Result<(), ParameterError> {
        let whole = |n: f64| (0.0..f64::INFINITY).contains(&n) && n.fract() == 0.0;
        require(Self::NAME, "total_count", self.total_count, "a whole number of 0 or more", whole)?;
        require(Self::NAME, "logits", self.logits, "less than infinity and not NaN", |l| l < f64::INFINITY)
    }
    /// `-∞` for rows that do not add up to the total count.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let args = [x, self.total_count, self.logits.log_softmax()];
        let each = Var::map(MultinomialTerm, args).sum_axis(Axis::Cols);
        let f = formula!(|each, n, total| {
            let n = R::of(n.re());
            let inside = if n == 0.0 { each } else { each - log_poisson(n, n.ln()) };
            if total == n || total.re().is_nan() { inside } else { each * 0.0 - f64::INFINITY }
        });
        Var::apply_as(terms, f, [each, self.total_count, x.detach().sum_axis(Axis::Cols)])
    }
}

/// Rows of counts by their logarithms of probabilities (rows of them, or one for all): outcome
/// after outcome, each by a Binomial draw of what is left.
pub(super) fn draw<'t, T: Scalar>(
    tape: &'t Tape<T>,
    key: Key,
    (total_count, log_p): (Var<'t, T>, Var<'t, T>),
    n: usize,
) -> Var<'t, T> {
    let (of_total, (at, cols)) = (total_count.nrows(), log_p.shape());
    let log_p = log_p.read(|x| x.iter().map(|v| v.to_f64()).collect::<Vec<_>>());
    let totals = total_count.read(|x| x.iter().map(|v| v.to_f64()).collect::<Vec<_>>());
    tape.constant_with(n, cols, |to| {
        for i in 0..n {
            let mut left = totals[if of_total == 1 { 0 } else { i }];
            let row = |j: usize| log_p[(if at == 1 { 0 } else { i }) + j * at];
            for j in 0..cols {
                // The probability of this outcome among those that are left.
                let rest = (j + 1..cols).map(row).fold(f64::NEG_INFINITY, Real::log_add_exp);
                let here = row(j);
                let drawn = if left == 0.0 || here == f64::NEG_INFINITY {
                    0.0
                } else if rest == f64::NEG_INFINITY {
                    left
                } else {
                    let [high, low, ..] = key.fold_in(i as u64).at(j as u64).map(f64::from);
                    let u = ((low + 0.5) * 2f64.powi(-32) + high) * 2f64.powi(-32);
                    binomial_quantile(u.min(1.0 - f64::EPSILON / 2.0), left, here - rest)
                };
                left -= drawn;
                to[i + j * n] = T::from_f64(drawn);
            }
        }
    })
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for Multinomial<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let n = self.shape().0.max(least.0);
        draw(tape, key, (self.total_count, self.logits.log_softmax()), n)
    }
}

impl<'t, T: Scalar> Moments<Var<'t, T>> for Multinomial<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        self.total_count * self.logits.softmax()
    }
    /// Of every entry.
    fn variance(&self) -> Var<'t, T> {
        let f = formula!(|n, log_p| n * log_p.exp() * -log_p.exp_m1());
        Var::map(f, [self.total_count, self.logits.log_softmax()])
    }
}

/// The mean of a count's Poisson term, see [`MultinomialTerm`], as a sum over its Binomial
/// distribution.
#[derive(Clone, Copy, Debug)]
struct MeanTerm;
impl Formula<2> for MeanTerm {
    #[inline]
    fn eval<R: Real>(&self, [n, log_p]: [R; 2]) -> R {
        let n = binomial::trials(n);
        if n == 0.0 || log_p == f64::NEG_INFINITY {
            return log_p.exp() * 0.0;
        }
        let log_rate = n.ln() + log_p;
        if log_p == 0.0 {
            return log_poisson(n, log_rate);
        }
        let logit = log_p - (-log_p.exp_m1()).ln();
        sum_of_counts(binomial::size(n.re(), logit.re()), n.re(), |k| {
            let log = binomial::log_mass(k, n, logit);
            // A mass that underflows adds nothing.
            if log < -700.0 { R::zero() } else { log.exp() * log_poisson(k, log_rate) }
        })
    }
}

/// By the sums over the counts of each outcome, which are Binomial.
impl<'t, T: Scalar> Entropy<Var<'t, T>> for Multinomial<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let each = Var::map(MeanTerm, [self.total_count, self.logits.log_softmax()]).sum_axis(Axis::Cols);
        let f = formula!(|each, n| {
            let n = R::of(n.re());
            if n == 0.0 { each * 0.0 } else { log_poisson(n, n.ln()) - each }
        });
        Var::map(f, [each, self.total_count])
    }
}

crate::laws::matrix_family!(Multinomial<f64> { total_count, logits }
    |_, p| Multinomial: Multinomial::from_logits(p[0].detach(), p[1]),
    [[[10.0]], [[0.3, -1.0, 2.0]]]
);
