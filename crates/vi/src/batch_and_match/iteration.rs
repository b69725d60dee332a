//! The iteration of batch and match: batches, steps and how far they may go.

use super::update::update;
use crate::error::Result;
use crate::gaussian::{Gaussian, fixed_draws};
use crate::ladder::Evaluator;
use crate::linalg::dot;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};

/// Where the iteration is.
#[derive(Debug)]
pub(super) struct Iteration {
    pub(super) gaussian: Gaussian,
    /// Half of the draws of a batch.
    pub(super) pairs: usize,
    pub(super) iterations: usize,
    /// How far the last batch wants to move a mean or a standard deviation.
    pub(super) movement: f64,
    /// The step before, in the coordinates in which the Gaussian of then was standard normal.
    last: Option<(DVector<f64>, DMatrix<f64>)>,
    /// The most that λ, the inverse weight of the penalty, may be.
    damped: f64,
}

impl Iteration {
    /// A step goes back if its cosine with the one before is below this.
    const BACK: f64 = -0.2;
    /// Farther away, steps that go back say nothing.
    const NEAR: f64 = 20.0;
    /// λ where steps go back, and the least: a third and a sixth of the way for a covariance that
    /// is nearly right. Without a penalty the iteration goes to and fro for ever where scores grow
    /// as the cube of the distance, as those of a density of the fourth power do.
    const DAMPED: f64 = 1.0;
    const LEAST: f64 = 0.25;

    pub(super) fn new(gaussian: Gaussian, pairs: usize) -> Self {
        let none = f64::INFINITY;
        Self { gaussian, pairs, iterations: 0, movement: none, last: None, damped: none }
    }

    /// A batch of standard normal numbers, d × n, and in their coordinates the scores of the
    /// target; none if the target is not finite at more than half of the draws, and the Gaussian is
    /// half as wide then.
    pub(super) fn batch(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        key: Key,
    ) -> Result<Option<(DMatrix<f64>, DMatrix<f64>)>> {
        let d = self.gaussian.dim();
        self.iterations += 1;
        let mut z = fixed_draws(d, self.pairs, key);
        let u = self.gaussian.points(&z);
        let (mut values, mut gradients) = (vec![0.0; z.ncols()], DMatrix::zeros(d, z.ncols()));
        evaluator.gradients(u.as_slice(), &mut values, gradients.as_mut_slice())?;
        let mut scores = self.gaussian.factor.tr_mul(&gradients);
        let lost: Vec<usize> = (0..values.len())
            .filter(|i| !values[*i].is_finite() || scores.column(*i).iter().any(|s| !s.is_finite()))
            .collect();
        if 2 * lost.len() > values.len() {
            self.gaussian.factor *= 0.5;
            return Ok(None);
        }
        if !lost.is_empty() {
            (z, scores) = (z.remove_columns_at(&lost), scores.remove_columns_at(&lost));
        }
        self.movement = self.movement_by(&z, &scores);
        Ok(Some((z, scores)))
    }

    /// How far the batch wants to move a mean, in its standard deviations, or the logarithm of a
    /// standard deviation: what is `0` where `E s = 0` and `E s sᵀ = E z zᵀ`. Of a Gaussian target
    /// near the end it is how far it is to go. Both of the coordinates themselves and of those in
    /// which the Gaussian is standard normal, without which narrow directions would not show.
    fn movement_by(&self, z: &DMatrix<f64>, scores: &DMatrix<f64>) -> f64 {
        let (factor, n) = (&self.gaussian.factor, z.ncols() as f64);
        let largest = |drawn: &DMatrix<f64>, pulled: &DMatrix<f64>, sd: &DVector<f64>| {
            let shift = drawn.column_sum() + pulled.column_sum();
            let of = |i: usize| {
                let squares = drawn.row(i).norm_squared() - pulled.row(i).norm_squared();
                (shift[i].abs() / n / sd[i]).max(squares.abs() / n / (4.0 * sd[i] * sd[i]))
            };
            // A NaN is no rest.
            (0..sd.len()).map(of).fold(0.0, |most, x| if x <= most { most } else { x })
        };
        let own = largest(z, scores, &DVector::from_element(z.nrows(), 1.0));
        own.max(largest(&(factor * z), &(factor * scores), &self.gaussian.sd()))
    }

    /// Whether the batch asks for a step back: against the mean's or the covariance's last one. A
    /// covariance goes to and fro while its mean is on the way; that does not count.
    fn goes_back(&self, z: &DMatrix<f64>, scores: &DMatrix<f64>) -> bool {
        let inverse = |(shift, factor): &(DVector<f64>, DMatrix<f64>)| {
            Some((shift.clone(), factor.clone().try_inverse()?))
        };
        let Some((shift, inverse)) = self.last.as_ref().and_then(inverse) else { return false };
        let d = self.gaussian.dim();
        let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        let to = z.column_mean() + scores.column_mean();
        // By how much the covariance grew, and how it is to grow.
        let grew = DMatrix::identity(d, d) - &inverse * inverse.transpose();
        let grows = z * z.transpose() - scores * scores.transpose();
        let means = cosine((&inverse * shift).as_slice(), to.as_slice());
        let arrived = means < 0.5 || to.amax() < 0.5;
        means < Self::BACK || (arrived && cosine(grew.as_slice(), grows.as_slice()) < Self::BACK)
    }

    /// Takes the step that the batch asks for; false if that is not finite. A batch has at most so
    /// many pairs.
    pub(super) fn advance(&mut self, z: &DMatrix<f64>, scores: &DMatrix<f64>, most: usize) -> bool {
        if self.movement < Self::NEAR && self.goes_back(z, scores) {
            if self.damped <= Self::DAMPED {
                self.pairs = (2 * self.pairs).min(most.max(self.pairs));
            }
            self.damped = (0.5 * self.damped).clamp(Self::LEAST, Self::DAMPED);
        } else {
            self.damped *= 4.0;
        }
        // The number of draws by that of coordinates, and where the mean is far away so much that
        // its distance does not count as curvature.
        let free = (z.len() as f64).max(100.0 * scores.column_mean().norm_squared());
        let Some((shift, factor)) = update(z, scores, self.damped.min(free)) else { return false };
        let next = Gaussian {
            mean: &self.gaussian.mean + &self.gaussian.factor * &shift,
            factor: &self.gaussian.factor * &factor,
        };
        let finite = next.mean.iter().chain(next.factor.iter()).all(|x| x.is_finite());
        if finite {
            (self.gaussian, self.last) = (next, Some((shift, factor)));
        }
        finite
    }
}
