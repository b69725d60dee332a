//! Mixtures of distributions of one family.
//!
//! Elsewhere: torch c, Pyro c, NumPyro c, TFP cr, PyMC.

use super::{Categorical, Normal};
use crate::distribution::{Cdf, Distribution, Entropy, Event, Moments, Sample};
use crate::error::ParameterError;
use crate::lift::GAUSS;
use crate::root_of_cdf::quantile_between;
use crate::support::Support;
use probity_autodiff::{Axis, Key, Scalar, Tape, Terms, Var, formula};

/// `p(x) = Σₖ wₖ pₖ(x)`, `w = softmax(logits)`: the components are the columns of a distribution
/// with an r × k shape, such as `Normal` with 1 × k means.
///
/// *Event*: row; a value is a column of numbers, each from a mixture of its own or (1 × k) all from
/// the same. *Parameters*: `logits` (1 × k or r × k) real or -∞, and those of the components. Draws
/// have no gradient, but [`sample_pathwise`](Mixture::sample_pathwise) has one.
///
/// ```
/// use probity_autodiff::{Tape, nalgebra::DMatrix};
/// use probity_distributions::{Distribution, Mixture, Normal};
/// let tape = Tape::<f64>::new();
/// let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
/// let two = Mixture::new(row(&[0.0, 0.0]), Normal::new(row(&[-1.0, 1.0]), 1.0));
/// let y = tape.column(&[0.0, 0.3, -2.0]);
/// assert_eq!(two.log_prob(y).shape(), (3, 1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mixture<V, D> {
    /// Unnormalised logarithms of the weights.
    pub logits: V,
    /// The components, one in each column.
    pub components: D,
}

impl<V, D> Mixture<V, D> {
    /// Of these components, whose weights have these logarithms up to a constant.
    pub fn new(logits: impl Into<V>, components: D) -> Self {
        Self { logits: logits.into(), components }
    }
}

impl<'t, T: Scalar, D: Distribution<Var<'t, T>>> Distribution<Var<'t, T>> for Mixture<Var<'t, T>, D> {
    const NAME: &'static str = "Mixture";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        self.components.support()
    }
    /// 0 × 0 also for components whose events are not entries.
    fn shape(&self) -> (usize, usize) {
        let ((r, c), (rows, cols)) = (self.components.shape(), self.logits.shape());
        let fits = self.components.event() == Event::Entry && (c == cols || c == 1);
        if fits && (r == rows || r == 1 || rows == 1) { (r.max(rows), 1) } else { (0, 0) }
    }
    fn check(&self) -> Result<(), ParameterError> {
        Categorical::new(self.logits).check()?;
        self.components.check()
    }
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let joint = self.logits.log_softmax() + self.components.log_prob(x);
        match terms {
            Terms::Each => joint.logsumexp(),
            Terms::Sum => joint.logsumexp().sum(),
        }
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        let (which, draw) = key.split();
        let n = self.shape().0.max(least.0);
        let draws = self.components.try_sample_shaped(tape, draw, (n, self.logits.ncols()))?;
        Some(self.pick(draws, tape, which))
    }
}

impl<'t, T: Scalar, D: Sample<Var<'t, T>>> Sample<Var<'t, T>> for Mixture<Var<'t, T>, D> {
    /// A component by its weight, and a draw from it.
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let (which, draw) = key.split();
        let n = self.shape().0.max(least.0);
        self.pick(self.components.sample_shaped(tape, draw, (n, self.logits.ncols())), tape, which)
    }
}

impl<'t, T: Scalar, D: Distribution<Var<'t, T>>> Mixture<Var<'t, T>, D> {
    /// Of draws of all components in every row, that of one, by its weight.
    fn pick(&self, draws: Var<'t, T>, tape: &'t Tape<T>, key: Key) -> Var<'t, T> {
        let index = Categorical::new(self.logits).sample_shaped(tape, key, (draws.nrows(), 1));
        let index: Vec<usize> = index.read(|x| x.iter().map(|x| x.to_f64() as usize).collect());
        draws.detach().pick(index)
    }
}

impl<'t, T: Scalar, D: Cdf<Var<'t, T>> + Sample<Var<'t, T>>> Mixture<Var<'t, T>, D> {
    /// A draw with exact pathwise gradients in the logits and in the parameters of the components:
    /// implicit ones, `-(∂F/∂θ) / p` of the mixture's distribution function at the draw.
    ///
    /// Source: Figurnov, Mohamed and Mnih 2018, "Implicit reparameterization gradients", section 4.
    pub fn sample_pathwise(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let x = self.sample_shaped(tape, key, least).detach();
        // Of the smaller tail, whose terms do not cancel against 1.
        let weights = self.logits.softmax();
        let below = (weights * self.components.cdf(x)).sum_axis(Axis::Cols);
        let above = (weights * self.components.sf(x)).sum_axis(Axis::Cols);
        let f = formula!(|x, below, above, log_p| {
            let p = R::of(log_p.re()).exp();
            let moved = if below < above { below - below.re() } else { -(above - above.re()) };
            x - moved / p
        });
        Var::map(f, [x, below, above, self.log_prob(x).detach()])
    }
}

impl<'t, T: Scalar, D: Moments<Var<'t, T>>> Moments<Var<'t, T>> for Mixture<Var<'t, T>, D> {
    fn mean(&self) -> Var<'t, T> {
        (self.logits.softmax() * self.components.mean()).sum_axis(Axis::Cols)
    }
    fn variance(&self) -> Var<'t, T> {
        let gap = self.components.mean() - self.mean();
        let f = formula!(|w, variance, gap| w * (variance + gap * gap));
        Var::map(f, [self.logits.softmax(), self.components.variance(), gap]).sum_axis(Axis::Cols)
    }
}

impl<'t, T: Scalar, D: Cdf<Var<'t, T>>> Cdf<Var<'t, T>> for Mixture<Var<'t, T>, D> {
    fn cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.logits.softmax() * self.components.cdf(x)).sum_axis(Axis::Cols)
    }
    fn sf(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.logits.softmax() * self.components.sf(x)).sum_axis(Axis::Cols)
    }
    fn log_cdf(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.logits.log_softmax() + self.components.log_cdf(x)).logsumexp()
    }
    fn log_sf(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.logits.log_softmax() + self.components.log_sf(x)).logsumexp()
    }
    /// Between the quantiles of the components, by Newton's method and halving; with the implicit
    /// gradient. Of counts without one.
    fn quantile(&self, p: Var<'t, T>) -> Var<'t, T> {
        let ends = self.components.quantile(p) + self.logits * 0.0;
        let Some(tape) = ends.tape() else { return ends };
        let (n, k) = ends.shape();
        let end = |most: fn(f64, f64) -> f64| -> Vec<f64> {
            let row =
                |x: &[T], i: usize| (0..k).map(|j| x[i + j * n].to_f64()).reduce(most).unwrap_or(f64::NAN);
            ends.read(|x| (0..n).map(|i| row(x, i)).collect())
        };
        let column = |x: Vec<f64>| tape.column(&x.into_iter().map(T::from_f64).collect::<Vec<T>>());
        quantile_between(self, p, [column(end(f64::min)), column(end(f64::max))])
    }
}

/// Levels of the components' distribution functions between which the entropy is integrated.
const LEVELS: [f64; 12] = [1e-17, 1e-15, 1e-13, 1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 0.02, 0.1, 0.25, 0.5];

/// By Gauss-Legendre rules between quantiles of all components, which are fixed for the gradient;
/// of counts a sum. What lies beyond the components' quantiles of `1 - 1e-15` is lost.
impl<'t, T: Scalar, D: Cdf<Var<'t, T>>> Entropy<Var<'t, T>> for Mixture<Var<'t, T>, D> {
    fn entropy(&self) -> Var<'t, T> {
        let whole =
            self.logits.logsumexp() * 0.0 + self.components.cdf(Var::from(0.0)).sum_axis(Axis::Cols) * 0.0;
        let Some(tape) = whole.tape() else { return whole };
        let mut ends: Vec<Vec<f64>> = Vec::new();
        for level in LEVELS.into_iter().chain(LEVELS.map(|p| 1.0 - p.max(1e-15))) {
            let q = self.components.quantile(Var::from(level)).detach();
            ends.push(q.read(|q| q.iter().map(|q| q.to_f64()).collect()));
        }
        let discrete = self.components.support().is_discrete();
        let rows = self.shape().0;
        let of_row = |i: usize| {
            // Quantiles of components with one row are those of all rows.
            let entry = |q: &Vec<f64>| -> Vec<f64> {
                let k = q.len() / rows;
                let own = k > 0 && k * rows == q.len() && rows > 1 && q.len() >= self.logits.ncols() * rows;
                if own { q.iter().copied().skip(i).step_by(rows).collect() } else { q.clone() }
            };
            let mut row: Vec<f64> = ends.iter().flat_map(entry).filter(|x| x.is_finite()).collect();
            row.sort_by(f64::total_cmp);
            row.dedup();
            nodes(&row, discrete)
        };
        let mut all: Vec<Vec<(f64, f64)>> = (0..rows).map(of_row).collect();
        let most = all.iter().map(Vec::len).max().unwrap_or(0);
        // Nodes without weight, so that all rows have as many.
        all.iter_mut().for_each(|row| row.resize(most, (row[0].0, 0.0)));
        let column = |x: &mut dyn Iterator<Item = f64>| tape.column(&x.map(T::from_f64).collect::<Vec<T>>());
        let term = formula!(|log_p, w| if w == 0.0 || log_p == f64::NEG_INFINITY {
            R::zero()
        } else {
            -log_p.exp() * log_p * w
        });
        if rows == 1 {
            let x = column(&mut all[0].iter().map(|node| node.0));
            let w = column(&mut all[0].iter().map(|node| node.1));
            return whole + Var::map_sum(term, [self.log_prob(x), w]);
        }
        (0..most).fold(whole, |sum, j| {
            let x = column(&mut all.iter().map(|row| row[j].0));
            let w = column(&mut all.iter().map(|row| row[j].1));
            sum + Var::map(term, [self.log_prob(x), w])
        })
    }
}

/// Nodes and weights between these ends: Gauss-Legendre rules, or all counts.
fn nodes(ends: &[f64], discrete: bool) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else { return vec![(f64::NAN, 1.0)] };
    if discrete {
        let stop = last + 0.15 * (last - first) + 8.0;
        let stride = ((stop - first) / 8192.0).ceil().max(1.0);
        let count = ((stop - first) / stride) as usize;
        return (0..=count).map(|k| (first + stride * k as f64, stride)).collect();
    }
    let piece = |w: &[f64]| {
        let (half, middle) = (0.5 * (w[1] - w[0]), w[0] + 0.5 * (w[1] - w[0]));
        GAUSS.iter().flat_map(move |(x, weight)| {
            [(middle - half * x, half * weight), (middle + half * x, half * weight)]
        })
    };
    ends.windows(2).flat_map(piece).collect()
}

crate::laws::matrix_family!(Mixture<f64, Normal<f64>> { logits, locs, scales }
    |_, p| Mixture[Normal]: Mixture::new(p[0], Normal::new(p[1], p[2])),
    [[[0.3, -1.0]], [[-1.0, 2.0]], [[0.5, 1.5]]]
);
