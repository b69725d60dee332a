//! Categorical distribution: one of the columns, by its zero-based index.
//!
//! Elsewhere: torch e, Pyro e, NumPyro e, TFP ce, PyMC c.

use super::finite_or_nan;
use crate::constraints::constant_row;
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::{ParameterError, require};
use crate::kl::{KlDivergence, KlMethod};
use crate::special::exp_minus_line;
use crate::support::Support;
use probity_autodiff::random::fill_uniform;
use probity_autodiff::{Axis, Key, Scalar, Tape, Terms, Value, Var, formula};

/// `P(k) = softmax(logits)ₖ`, `k = 0, 1, …` a column of the logits.
///
/// *Event*: row; a value is a column of indices. *Parameters*: `logits` (r × c) real or -∞, defined
/// up to a constant in each row. For plain numbers, use a tape of constants.
#[derive(Clone, Copy, Debug)]
pub struct Categorical<V> {
    /// Unnormalised log probabilities.
    pub logits: V,
}

impl<V: Value> Categorical<V> {
    /// With these unnormalised log probabilities.
    pub fn new(logits: impl Into<V>) -> Self {
        Self { logits: logits.into() }
    }
}

impl<'t, T: Scalar> Categorical<Var<'t, T>> {
    /// The probabilities, r × c.
    pub fn probs(&self) -> Var<'t, T> {
        self.logits.softmax()
    }
}

pub(super) fn total<T: Scalar>(x: Var<'_, T>, terms: Terms) -> Var<'_, T> {
    match terms {
        Terms::Each => x,
        Terms::Sum => x.sum(),
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for Categorical<Var<'t, T>> {
    const NAME: &'static str = "Categorical";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::Category(self.logits.ncols())
    }
    fn shape(&self) -> (usize, usize) {
        (self.logits.nrows(), 1)
    }
    fn check(&self) -> Result<(), ParameterError> {
        require(Self::NAME, "logits", self.logits, "less than infinity and not NaN", |l| l < f64::INFINITY)?;
        let tops = rows(&self.logits, |row| row.fold(f64::NEG_INFINITY, f64::max));
        match tops.into_iter().find(|top| *top == f64::NEG_INFINITY) {
            Some(got) => Err(ParameterError {
                family: Self::NAME,
                parameter: "logits",
                want: "greater than -infinity somewhere in each row",
                got,
            }),
            None => Ok(()),
        }
    }
    /// An index that is none has the log probability -∞ (NaN for NaN).
    ///
    /// # Panics
    /// If `x` is not a column, or has as many rows as the logits only if either has one.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let ((r, c), (n, one)) = (self.logits.shape(), x.shape());
        assert!(one == 1 && (r == n || r == 1 || n == 1), "Categorical: {r} × {c} logits, value {n} × {one}");
        let rows = r.max(n);
        let (mut index, mut outside) = (Vec::with_capacity(rows), Vec::new());
        x.read(|x| {
            for i in 0..rows {
                let k = x[if n == 1 { 0 } else { i }].to_f64();
                let inside = Support::<f64>::Category(c).contains(k);
                if !inside {
                    outside.push((i, if k.is_nan() { k } else { f64::NEG_INFINITY }));
                }
                index.push(if inside { k as usize } else { 0 });
            }
        });
        let log_p = self.logits.log_softmax();
        // A single row of logits serves all values: its entries are gathered as rows.
        let shared = r == 1 && rows > 1;
        let mut each = if shared { log_p.transpose().gather_rows(index) } else { log_p.pick(index) };
        if let (false, Some(tape)) = (outside.is_empty(), each.tape()) {
            each = each
                + tape.constant_with(rows, 1, |y| {
                    y.fill(T::from_f64(0.0));
                    outside.iter().for_each(|&(i, v)| y[i] = T::from_f64(v));
                });
        }
        total(each, terms)
    }
}

/// `f` of every row.
fn rows<T: Scalar, O>(x: &Var<'_, T>, f: impl Fn(&mut dyn Iterator<Item = f64>) -> O) -> Vec<O> {
    let n = x.nrows();
    x.read(|x| (0..n).map(|i| f(&mut x.iter().skip(i).step_by(n).map(|v| v.to_f64()))).collect())
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for Categorical<Var<'t, T>> {
    /// By the inverse of the distribution function; row `i` uses element `i` of the key's uniform
    /// stream.
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let n = self.logits.nrows().max(least.0);
        let mut noise = vec![0f64; n];
        fill_uniform(key, 0, &mut noise);
        // Weights relative to the largest, summed up.
        let sums = rows(&self.logits, |row| {
            let row: Vec<f64> = row.collect();
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter()
                .scan(0.0, |sum, l| {
                    *sum += (l - top).exp();
                    Some(*sum)
                })
                .collect::<Vec<f64>>()
        });
        tape.constant_with(n, 1, |y| {
            for (i, (y, u)) in y.iter_mut().zip(&noise).enumerate() {
                let sums = &sums[if sums.len() == 1 { 0 } else { i }];
                let goal = u * sums.last().copied().unwrap_or(f64::NAN);
                // `u < 1`, but the product may round to the whole sum: then the last that has any
                // weight.
                let found = sums.iter().position(|s| *s > goal).or(sums.iter().position(|s| *s >= goal));
                *y = T::from_f64(found.map_or(f64::NAN, |k| k as f64));
            }
        })
    }
}

/// Mean and variance of the index, for categories in an order.
impl<'t, T: Scalar> Moments<Var<'t, T>> for Categorical<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        (self.probs() * constant_row(self.logits, self.logits.ncols(), |k| k as f64)).sum_axis(Axis::Cols)
    }
    fn variance(&self) -> Var<'t, T> {
        let index = constant_row(self.logits, self.logits.ncols(), |k| k as f64);
        let f = formula!(|p, k, mean| p * (k - mean) * (k - mean));
        Var::map(f, [self.probs(), index, self.mean()]).sum_axis(Axis::Cols)
    }
}

/// One column of a matrix for every entry of a column of numbers: `place` gives it, and what it
/// gives beyond the columns is NaN.
pub(super) fn column_at<'t, T: Scalar>(
    of: Var<'t, T>,
    x: Var<'t, T>,
    place: impl Fn(f64) -> Option<usize>,
) -> Var<'t, T> {
    let ((r, c), (n, one)) = (of.shape(), x.shape());
    assert!(one == 1 && (r == n || r == 1 || n == 1), "{r} × {c} categories, value {n} × {one}");
    let rows = r.max(n);
    let mut nan = Vec::new();
    let index: Vec<usize> = x.read(|x| {
        (0..rows)
            .map(|i| {
                let found = place(x[if n == 1 { 0 } else { i }].to_f64());
                nan.push(if found.is_some() { 0.0 } else { f64::NAN });
                found.unwrap_or(0)
            })
            .collect()
    });
    let shared = r == 1 && rows > 1;
    let each = if shared { of.transpose().gather_rows(index) } else { of.pick(index) };
    match each.tape().filter(|_| nan.iter().any(|x| x.is_nan())) {
        Some(tape) => {
            each + tape.constant_with(rows, 1, |to| {
                to.iter_mut().zip(&nan).for_each(|(to, x)| *to = T::from_f64(*x));
            })
        }
        None => each,
    }
}

/// Where the index up to a number lies among the columns of tails, of which the first is that
/// before index 0; none for NaN.
pub(super) fn tail_place(categories: usize) -> impl Fn(f64) -> Option<usize> {
    move |x| (!x.is_nan()).then(|| (x.floor() + 1.0).clamp(0.0, categories as f64) as usize)
}

/// The first index at which the logarithm of the distribution function, a column for every index,
/// is at least `ln p`: no gradient; NaN where `p` is no probability.
pub(super) fn first_index<'t, T: Scalar>(log_cdf: Var<'t, T>, p: Var<'t, T>) -> Var<'t, T> {
    let ((r, c), (n, one)) = (log_cdf.shape(), p.shape());
    assert!(one == 1 && (r == n || r == 1 || n == 1), "{r} × {c} categories, probabilities {n} × {one}");
    let rows = r.max(n);
    let p: Vec<f64> = p.read(|p| p.iter().map(|p| p.to_f64()).collect());
    let found: Vec<T> = log_cdf.read(|log| {
        let row = |i: usize| {
            let (p, at) = (p[if n == 1 { 0 } else { i }], if r == 1 { 0 } else { i });
            let mut logs = (0..c).map(|k| log[at + k * r].to_f64());
            let none = !(0.0..=1.0).contains(&p) || logs.clone().any(|log| log.is_nan());
            // The last one has all of it, whatever rounding says.
            let k = logs.position(|log| log.exp() >= p).unwrap_or(c - 1);
            T::from_f64(if none { f64::NAN } else { k as f64 })
        };
        (0..rows).map(row).collect()
    });
    match log_cdf.tape() {
        Some(tape) => tape.column(&found),
        None => Var::from(f64::NAN),
    }
}

impl<'t, T: Scalar> Categorical<Var<'t, T>> {
    /// The logarithms of the probabilities below and above every column's limits, r × (c + 1): of
    /// indices up to that of the column before, and from that of the column on.
    fn log_tails(&self) -> [Var<'t, T>; 2] {
        let (log_p, c) = (self.logits.log_softmax(), self.logits.ncols());
        let none =
            Var::map(formula!(|size| R::of(size.re() * 0.0 - f64::INFINITY)), [self.logits.logsumexp()]);
        let below = (1..=c).map(|k| log_p.cols(0..k).logsumexp());
        let above = (0..c).map(|k| log_p.cols(k..c).logsumexp());
        [
            Var::concat_cols(&std::iter::once(none).chain(below).collect::<Vec<_>>()),
            Var::concat_cols(&above.chain(std::iter::once(none)).collect::<Vec<_>>()),
        ]
    }
}

/// Of the index, for categories in an order.
impl<'t, T: Scalar> Cdf<Var<'t, T>> for Categorical<Var<'t, T>> {
    fn cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.log_cdf(x).exp()
    }
    fn sf(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.log_sf(x).exp()
    }
    #[track_caller]
    fn log_cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
        column_at(self.log_tails()[0], x, tail_place(self.logits.ncols()))
    }
    #[track_caller]
    fn log_sf(&self, x: Var<'t, T>) -> Var<'t, T> {
        column_at(self.log_tails()[1], x, tail_place(self.logits.ncols()))
    }
    /// Without a gradient.
    #[track_caller]
    fn quantile(&self, p: Var<'t, T>) -> Var<'t, T> {
        let c = self.logits.ncols();
        first_index(self.log_tails()[0].cols(1..c + 1), p)
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for Categorical<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let f = formula!(|l| if l == f64::NEG_INFINITY { R::zero() } else { -l.exp() * l });
        Var::map(f, [self.logits.log_softmax()]).sum_axis(Axis::Cols)
    }
}

impl<'t, T: Scalar> KlDivergence<Categorical<Var<'t, T>>> for Categorical<Var<'t, T>> {
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;

    /// `ln Σ p e^d`, `d` the difference of the logits less its mean under `p`.
    ///
    /// Because the mean of `d` is 0, the sum is `1 + Σ p (e^d - 1 - d)`: positive terms, nothing
    /// lost for close arguments.
    #[track_caller]
    fn kl_terms(&self, p: &Categorical<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let (log_p, size) = (self.logits.log_softmax(), self.logits.logsumexp());
        // Where a class has probability and p has none for it, the divergence is infinite and has
        // no slope. The rows are marked, and computed as if it were not so: derivatives of infinite
        // terms would be NaN.
        let hit = formula!(|l, b| {
            let possible = l > f64::NEG_INFINITY;
            if possible && b == f64::NEG_INFINITY { R::one() } else { R::zero() }
        });
        let hits = Var::map(hit, [log_p, p.logits]).sum_axis(Axis::Cols);
        // A class without probability has no part in the mean, but in the sum it has.
        let gap = formula!(|l, a, b| {
            let none = f64::NEG_INFINITY;
            if l == none || b == none { R::zero() } else { b - a }
        });
        let gap = Var::map(gap, [log_p, self.logits, p.logits]);
        let weighted = formula!(|l, d| if l == f64::NEG_INFINITY { R::zero() } else { l.exp() * d });
        let mean = Var::map(weighted, [log_p, gap]).sum_axis(Axis::Cols);
        let log_term = formula!(|l, d, b, size, mean| {
            if l == f64::NEG_INFINITY { b - size - mean } else { l + (d - mean) }
        });
        let log_term = Var::map(log_term, [log_p, gap, p.logits, size, mean]);
        let excess = formula!(|top, l, d, mean| {
            let d = d - mean;
            // Where it would overflow, the other form is used; so is it for a mean of -∞.
            if !(top < 500.0) {
                R::zero()
            } else if l == f64::NEG_INFINITY {
                top.exp()
            } else if d > 1.0 {
                top.exp() - l.exp() * (d + 1.0)
            } else {
                l.exp() * exp_minus_line(d)
            }
        });
        let excess = Var::map(excess, [log_term, log_p, gap, mean]).sum_axis(Axis::Cols);
        let chosen = formula!(|close, far, hits, size, p_size| {
            let rest = finite_or_nan(size) * 0.0 + finite_or_nan(p_size) * 0.0;
            rest + if hits > 0.0 {
                R::of(f64::INFINITY)
            } else if far < 100.0 {
                close.ln_1p()
            } else {
                far
            }
        });
        let args = [excess, log_term.logsumexp(), hits, size, p.logits.logsumexp()];
        total(Var::map(chosen, args), terms)
    }
}

crate::laws::matrix_family!(Categorical<f64> { logits }
    |_, p| Categorical: Categorical::new(p[0]),
    [[[0.3, -1.0, 2.0, 0.1]]],
    [[[0.0, 0.0]]]
);
