//! What a method of inference for networks is.

use super::ascent::setting;
use super::problem::Problem;
use crate::error::Result;
use crate::layers::Mlp;
use probity_vi::ladder::Stands;
use probity_vi::{Model, Posterior, Sampled};
use std::fmt::Debug;
use std::time::Instant;

/// A way to find the posterior of a network's weights: settings, as data. The library's own and a
/// user's are the same to [`Regression::infer`](crate::Regression::infer),
/// [`Classification::infer`](crate::Classification::infer) and
/// [`Network::infer`](crate::Network::infer).
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_autodiff::Key;
/// use probity_nn::posteriors::{Ascent, Inferred, Method, Problem};
/// use probity_nn::{Activation, Mlp, Regression, Result};
///
/// /// A mode, and another one from the opposite start.
/// #[derive(Debug)]
/// struct Two;
/// impl Method for Two {
///     fn infer(&self, problem: &Problem<'_>) -> Result<Inferred> {
///         let ascent = Ascent { steps: 200, ..Ascent::default() };
///         let [a, b] = [1, 2].map(|seed| ascent.climb(problem, Key::new(seed)));
///         Ok(Inferred::of_draws([a?.u, b?.u].concat()))
///     }
/// }
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64 / 10.0);
/// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// let fitted = Regression::new(Mlp::new(&[1, 8, 1], Activation::Tanh)).infer(&x, &y, &Two)?;
/// assert_eq!(fitted.predict(&x, 2)?.draws(), 2);
/// # Ok::<(), probity_nn::Error>(())
/// ```
pub trait Method: Debug + Send + Sync {
    /// The posterior of the weights of a network given its data.
    ///
    /// # Errors
    /// If the network or its head is none for this method, and what the model reports.
    fn infer(&self, problem: &Problem<'_>) -> Result<Inferred>;

    /// The seed of its random numbers.
    fn seed(&self) -> u64 {
        0
    }

    /// What the method needs of the network of a [`Regression`](crate::Regression) or a
    /// [`Classification`](crate::Classification), before the data are looked at: for dropout, its
    /// rate.
    fn prepare(&self, net: &mut Mlp) {
        let _ = net;
    }
}

/// What a method found: draws of the weights with equal weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// d unconstrained numbers for every draw, in the order of the
    /// [layout](Problem::layout); one draw for a point estimate.
    pub points: Vec<f64>,
    /// How they came about.
    pub stands: Stands,
    /// Chains, members of an ensemble or components of a mixture.
    pub chains: usize,
    /// Gradients on all rows that it took.
    pub gradients: usize,
    /// Where outputs are to be taken as linear in the weights, if predictions are those of the net
    /// linearised at a point.
    pub linear_at: Option<Vec<f64>>,
}

impl Inferred {
    /// Of these draws, d numbers each.
    pub fn of_draws(points: Vec<f64>) -> Self {
        Self { points, stands: Stands::Guide, chains: 1, gradients: 0, linear_at: None }
    }

    /// From so many chains or members.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = chains;
        self
    }

    /// By so many gradients.
    pub fn gradients(mut self, gradients: usize) -> Self {
        self.gradients = gradients;
        self
    }

    /// Drawn in this way.
    pub fn stands(mut self, stands: Stands) -> Self {
        self.stands = stands;
        self
    }

    /// With outputs that are linear in the weights around this point.
    pub fn linear_at(mut self, point: Vec<f64>) -> Self {
        self.linear_at = Some(point);
        self
    }
}

/// Where predictions take outputs as linear in the weights, if they do.
pub(crate) type LinearAt = Option<Vec<f64>>;

/// The posterior of a model by a method.
pub(crate) fn inferred<M: Model<f32> + Sync>(
    model: M,
    problem: &Problem<'_>,
    method: &dyn Method,
) -> Result<(Posterior<M, f32>, LinearAt)> {
    let clock = Instant::now();
    let Inferred { points, stands, chains, gradients, linear_at } = method.infer(problem)?;
    check_point(linear_at.as_deref(), problem.dim())?;
    let seconds = clock.elapsed().as_secs_f64();
    let sampled = Sampled { points, stands, chains, gradients };
    Ok((Posterior::of_draws(model, sampled, method.seed(), seconds)?, linear_at))
}

/// A point of expansion has d finite numbers.
pub(crate) fn check_point(point: Option<&[f64]>, dim: usize) -> Result {
    match point {
        Some(u) if u.len() != dim || u.iter().any(|u| !u.is_finite()) => {
            let problem = format!("{} numbers for a net of {dim}, or one that is not finite", u.len());
            Err(setting("linear_at", problem))
        }
        _ => Ok(()),
    }
}
