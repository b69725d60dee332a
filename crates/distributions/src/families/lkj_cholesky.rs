//! LKJ distribution of correlation matrices, by their Cholesky factors.
//!
//! Elsewhere: torch, Pyro, NumPyro r, TFP, PyMC.

use super::{Beta, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::kl::{KlDivergence, KlMethod};
use crate::special::mean_log_of_beta;
use crate::support::Support;
use probity_autodiff::{Arg, Formula, Key, Real, Scalar, Tape, Terms, Value, Var, formula};

/// `ln π`.
const LN_PI: f64 = 1.144729885849400174143427351353058712;

/// `p(L) ∝ Πᵢ Lᵢᵢ^(d - i + 2η - 2)`, `i = 2, …, d`, with `η` the concentration: the Cholesky factor
/// of a d × d correlation matrix whose density is proportional to `det^(η - 1)`. For `η = 1` all
/// correlation matrices are alike; larger ones favour the identity.
///
/// *Event*: the whole matrix, lower triangular; the density counts its entries below the diagonal.
/// *Parameters*: the `dimension` d of 2 or more, `concentration > 0` (1 × 1).
///
/// Source: Lewandowski, Kurowicka, Joe 2009, "Generating random correlation matrices based on vines
/// and extended onion method", section 3.
#[derive(Clone, Copy, Debug)]
pub struct LkjCholesky<V> {
    /// Rows and columns.
    pub dimension: usize,
    /// Concentration.
    pub concentration: V,
}

impl<V: Value> LkjCholesky<V> {
    /// For matrices of this dimension, with this concentration.
    pub fn new(dimension: usize, concentration: impl Into<V>) -> Self {
        Self { dimension, concentration: concentration.into() }
    }
}

/// The terms of the normaliser: row i of the factor is a point of a ball of dimension `i - 1`.
#[derive(Clone, Copy, Debug)]
struct LogNormaliser {
    dimension: usize,
}
impl Formula<1> for LogNormaliser {
    #[inline]
    fn eval<R: Real>(&self, [concentration]: [R; 1]) -> R {
        let concentration = positive_or_nan(concentration);
        let d = self.dimension;
        (2..=d).fold(R::zero(), |sum, i| {
            let half = R::of((i - 1) as f64 * 0.5);
            let rest = concentration + (d - i) as f64 * 0.5;
            sum + rest.ln_beta(half) - half.lgamma() + half * LN_PI
        })
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for LkjCholesky<Var<'t, T>> {
    const NAME: &'static str = "LkjCholesky";

    fn event(&self) -> Event {
        Event::Matrix
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::correlation_cholesky()
    }
    fn shape(&self) -> (usize, usize) {
        (self.dimension, self.dimension)
    }
    fn check(&self) -> Result<(), ParameterError> {
        positive(Self::NAME, "concentration", self.concentration)
    }
    /// Of the diagonal alone: rows are taken to have length 1.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, _: Terms) -> Var<'t, T> {
        let d = self.dimension;
        let normaliser = Var::map(LogNormaliser { dimension: d }, [self.concentration]);
        let left = match x.tape() {
            // How many rows follow; of the first row, nothing counts.
            Some(tape) => tape.constant_with(d, 1, |to| {
                let each = to.iter_mut().enumerate();
                each.for_each(|(i, to)| *to = T::from_f64(if i == 0 { -1.0 } else { (d - 1 - i) as f64 }));
            }),
            None => Var::from(-1.0),
        };
        let f = formula!(|l, left, concentration| {
            let power = left + positive_or_nan(concentration) * 2.0 - 2.0;
            let outside = power * 0.0 - f64::INFINITY;
            if left < 0.0 {
                power * 0.0
            } else if l < 0.0 {
                outside
            } else {
                power.xlogy(l)
            }
        });
        Var::map_sum(f, [x.diagonal(), left, self.concentration]) - normaliser
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for LkjCholesky<Var<'t, T>> {
    /// Row by row: a uniform direction, and a squared length with a Beta distribution.
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, _: (usize, usize)) -> Var<'t, T> {
        let d = self.dimension;
        let zeros = |cols| tape.constant_with(1, cols, |to| to.fill(T::from_f64(0.0)));
        let one = tape.constant_with(1, 1, |to| to.fill(T::from_f64(1.0)));
        let mut rows = vec![Var::concat_cols(&[one, zeros(d - 1)])];
        for i in 2..=d {
            let (length_key, direction_key) = key.fold_in(i as u64).split();
            let rest = self.concentration + (d - i) as f64 * 0.5;
            let square: Var<'t, T> =
                Beta::new((i - 1) as f64 * 0.5, rest).sample_shaped(tape, length_key, (1, 1));
            let z = tape.map_noise(formula!(|z| z), [Arg::Normal(direction_key)], (1, i - 1));
            let f = formula!(|z, size, square| z * (square / size).sqrt());
            let entries = Var::map(f, [z, z.sq().sum(), square]);
            let last = Var::map(formula!(|square| (-square + 1.0).sqrt()), [square]);
            let mut parts = vec![entries, last];
            if i < d {
                parts.push(zeros(d - i));
            }
            rows.push(Var::concat_cols(&parts));
        }
        Var::concat_rows(&rows)
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for LkjCholesky<Var<'t, T>> {}

/// The normaliser less the mean of the diagonal's part, whose squares have Beta distributions.
#[derive(Clone, Copy, Debug)]
struct LkjEntropy {
    dimension: usize,
}
impl Formula<1> for LkjEntropy {
    #[inline]
    fn eval<R: Real>(&self, [concentration]: [R; 1]) -> R {
        let d = self.dimension;
        let rows = (2..=d).fold(R::zero(), |sum, i| {
            let left = (d - i) as f64;
            let rest = positive_or_nan(concentration) + left * 0.5;
            // Half the mean of ln Lᵢᵢ², times the power of Lᵢᵢ.
            let power = positive_or_nan(concentration) * 2.0 + (left - 2.0);
            sum + power * mean_log_of_beta(rest, R::of((i - 1) as f64 * 0.5)) * 0.5
        });
        LogNormaliser { dimension: d }.eval([concentration]) - rows
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for LkjCholesky<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        Var::map(LkjEntropy { dimension: self.dimension }, [self.concentration])
    }
}

impl<'t, T: Scalar> KlDivergence<LkjCholesky<Var<'t, T>>> for LkjCholesky<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// Rows are independent, their directions uniform: the squared lengths before the diagonal have
    /// Beta distributions.
    ///
    /// # Panics
    /// If the dimensions differ.
    #[track_caller]
    fn kl_terms(&self, p: &LkjCholesky<Var<'t, T>>, _: Terms) -> Var<'t, T> {
        let (d, other) = (self.dimension, p.dimension);
        assert!(d == other, "LkjCholesky: a divergence from dimension {d} to {other}");
        let square = |concentration: Var<'t, T>, i: usize| -> Beta<Var<'t, T>> {
            Beta::new((i - 1) as f64 * 0.5, concentration + (d - i) as f64 * 0.5)
        };
        let row = |i: usize| square(self.concentration, i).kl(&square(p.concentration, i));
        (3..=d).fold(row(2), |sum, i| sum + row(i))
    }
}

crate::laws::matrix_family!(LkjCholesky<f64> { concentration }
    |_, p| LkjCholesky: LkjCholesky::new(3, p[0]),
    [[[1.5]]],
    [[[0.6]]]
);
