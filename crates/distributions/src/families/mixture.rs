//! Mixtures of distributions of one family.
//!
//! Elsewhere: torch c, Pyro c, NumPyro c, TFP cr, PyMC.

use super::{Categorical, Normal};
use crate::distribution::{Cdf, Distribution, Event, Moments, Sample};
use crate::error::ParameterError;
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

crate::laws::matrix_family!(Mixture<f64, Normal<f64>> { logits, locs, scales }
    |_, p| Mixture[Normal]: Mixture::new(p[0], Normal::new(p[1], p[2])),
    [[[0.3, -1.0]], [[-1.0, 2.0]], [[0.5, 1.5]]]
);
