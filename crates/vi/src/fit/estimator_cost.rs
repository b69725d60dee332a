//! Which estimator of linear maps is worth its time: variance and seconds of a gradient, measured.

use super::Fit;
use crate::elbo::{At, Engine, Loss};
use crate::error::{Error, Result};
use crate::guide::BoundGuide;
use crate::model::Model;
use crate::scope::{Discovered, Estimator, discover_start};
use probity_autodiff::{Key, Params, Scalar};
use std::time::Instant;

/// What gradients by an estimator are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimatorCost {
    /// The estimator.
    pub estimator: Estimator,
    /// The variance of the gradient of one step, summed over the parameters of the fit.
    pub variance: f64,
    /// Seconds of a step's gradient.
    pub seconds: f64,
}

impl EstimatorCost {
    /// Variance times seconds: in a given time, the mean over more steps of a quick estimator has
    /// the variance of fewer steps of a quiet one if these are equal.
    pub fn product(&self) -> f64 {
        self.variance * self.seconds
    }
}

/// Where gradients are taken.
struct Place<'a, T: Scalar> {
    model: &'a (dyn Model<T> + Sync),
    found: Discovered,
    guide: Box<dyn BoundGuide<T>>,
    params: Params<T>,
    key: Key,
}

impl<T: Scalar> Fit<T> {
    /// Variance and seconds of gradients by every [`Estimator`], the smallest product first, where
    /// this fit starts: call [`start_from`](Fit::start_from) with the parameters of a fit to ask at
    /// its end, where standard deviations are no longer small. Draws, minibatches, guide, objective
    /// and seed are those of the fit; by every estimator `gradients` gradients are taken, at least
    /// 2. Objectives on joint draws have drawn weights only.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_distributions::{Distribution, Normal};
    /// use probity_vi::{Estimator, Fit, Init, Scope};
    ///
    /// let x = DMatrix::from_fn(200, 3, |i, j| ((i * (j + 2)) as f64).sin());
    /// let model = |s: &mut Scope| {
    ///     let x = s.data(&x);
    ///     let y = s.linear(
    ///         x,
    ///         ("w", Normal::new(0.0, 1.0).shaped(3, 1), Init::default),
    ///         Some(("b", Normal::new(0.0, 1.0), Init::default)),
    ///     )?;
    ///     s.observe("y", Normal::new(y, 0.5), &[0.3; 200])
    /// };
    /// let costs = Fit::new().draws(1).estimator_costs(&model, 30)?;
    /// for cost in &costs {
    ///     println!("{:?}: {:.3} in {:.1e} s", cost.estimator, cost.variance, cost.seconds);
    /// }
    /// // One draw of the weights for 200 rows is noisy: all others have noise of their own by row.
    /// let noisiest = costs.iter().max_by(|a, b| a.variance.total_cmp(&b.variance)).unwrap();
    /// assert_eq!(noisiest.estimator, Estimator::WeightSpace);
    /// # Ok::<(), probity_vi::Error>(())
    /// ```
    ///
    /// Seconds depend on the machine, so a program that chooses by them is not reproducible to the
    /// bit.
    ///
    /// # Errors
    /// As of the fit, if `gradients` is below 2, or a gradient is not finite.
    pub fn estimator_costs<M: Model<T> + Sync>(
        &self,
        model: &M,
        gradients: usize,
    ) -> Result<Vec<EstimatorCost>> {
        self.costs(model, gradients)
    }

    /// With the estimator that has the smallest product of variance and seconds on this model, as
    /// [`estimator_costs`](Fit::estimator_costs) measures with 30 gradients.
    ///
    /// # Errors
    /// As `estimator_costs`.
    pub fn cheapest_estimator<M: Model<T> + Sync>(self, model: &M) -> Result<Self> {
        let best = self.costs(model, 30)?.first().map(|cost| cost.estimator);
        Ok(match best {
            Some(best) => self.estimator(best),
            None => self,
        })
    }

    fn costs(&self, model: &(dyn Model<T> + Sync), gradients: usize) -> Result<Vec<EstimatorCost>> {
        if gradients < 2 {
            let problem = "a variance needs at least two gradients".into();
            return Err(Error::Setting { setting: "gradients", problem });
        }
        self.check()?;
        let key = Key::new(self.settings.seed);
        let found = discover_start(model, key.fold_in_str("first run"), key.fold_in_str("start"))?;
        self.check_minibatch(found.plates)?;
        let (guide, params) = self.start(&found.layout, key)?;
        let place = Place { model, found, guide, params, key: key.fold_in_str("estimators") };
        let joint = self.settings.objective.is_joint();
        let possible = Estimator::ALL.into_iter().filter(|e| *e == Estimator::WeightSpace || !joint);
        let costs = possible.map(|estimator| self.cost(&place, estimator, gradients));
        let mut costs = costs.collect::<Result<Vec<_>>>()?;
        costs.sort_by(|a, b| a.product().total_cmp(&b.product()));
        Ok(costs)
    }

    fn cost(&self, place: &Place<'_, T>, estimator: Estimator, gradients: usize) -> Result<EstimatorCost> {
        /// First steps allocate.
        const FIRST: usize = 2;
        let Place { model, found, guide, params, key } = place;
        let how = (estimator, self.settings.objective);
        let draws = self.settings.draws.next_multiple_of(self.settings.objective.group());
        let mut engine = Engine::new(found, draws, self.minibatches(), how, *key);
        let loss = Loss { kl_weight: 1.0, scale: 1.0 };
        let (mut mean, mut squares) = (vec![0.0; params.len()], 0.0);
        let mut seconds: Vec<f64> = Vec::with_capacity(gradients);
        for step in 0..FIRST + gradients {
            let clock = Instant::now();
            let at = At { guide: guide.as_ref(), params, step, loss };
            let (_, gradient) = engine.step(*model, at)?;
            if step < FIRST {
                continue;
            }
            seconds.push(clock.elapsed().as_secs_f64());
            let n = seconds.len() as f64;
            for (mean, g) in mean.iter_mut().zip(gradient.iter()) {
                let off = g.to_f64() - *mean;
                *mean += off / n;
                squares += off * (g.to_f64() - *mean);
            }
        }
        if !squares.is_finite() {
            let problem = format!("gradients by {} are not finite", estimator.name());
            return Err(Error::Setting { setting: "estimator", problem });
        }
        seconds.sort_by(f64::total_cmp);
        let (variance, seconds) = (squares / (gradients - 1) as f64, seconds[gradients / 2]);
        Ok(EstimatorCost { estimator, variance, seconds })
    }
}
