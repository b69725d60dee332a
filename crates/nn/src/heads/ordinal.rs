//! Classes in an order.

use super::bernoulli::check_classes;
use super::{Head, Parameters, Probabilities};
use crate::error::Result;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Real, Scalar, Var};
use probity_distributions::{Distribution, Normal, OrderedLogistic, Support};
use probity_vi::{Init, ScaleStart, Scope, Start};
use serde::{Deserialize, Serialize};

/// A class 0 .. `levels` of classes in an order: `P(Y <= k) = σ(cₖ - output)`, with unknown limits
/// `c` (site `cutpoints`, 1 × (levels - 1), rising, prior Normal(0, 3²)).
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::OrdinalHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64);
/// let stars: Vec<usize> = (0..30).map(|i| i / 10).collect();
/// let net = Network::new(Mlp::new(&[1, 1], Activation::Identity), OrdinalHead::new(3));
/// let prediction = net.fit_with(&x, &stars, Fit::default().steps(50))?.predict(&x, 20)?;
/// assert_eq!(prediction.to_classification()?.probs().shape(), (30, 3));
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// *Source*: McCullagh 1980, "Regression models for ordinal data".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdinalHead {
    /// The number of classes, two or more.
    pub levels: usize,
}

impl OrdinalHead {
    /// Of so many classes in an order.
    ///
    /// # Panics
    /// With fewer than two.
    #[track_caller]
    pub fn new(levels: usize) -> Self {
        assert!(levels >= 2, "OrdinalHead: {levels} levels; at least two are needed");
        Self { levels }
    }
}

impl Head for OrdinalHead {
    type Row = Probabilities;

    fn outputs(&self) -> usize {
        1
    }
    fn check(&self, y: &DMatrix<f64>) -> Result {
        check_classes(y, self.levels)
    }
    fn parameters<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        outputs: Var<'t, T>,
        _: &Standardizer,
    ) -> probity_vi::Result<Parameters<'t, T>> {
        let count = self.levels - 1;
        let prior = Normal::new(0.0, 3.0).shaped(1, count).within(Support::ordered());
        // One apart, around 0.
        let init = || {
            let mut u = vec![0.0; count];
            u[0] = -0.5 * (count as f64 - 1.0);
            Init { loc: Start::Values(u), scale: ScaleStart::Constant(0.05) }
        };
        let cutpoints = s.sample_from("cutpoints", prior, init)?;
        Ok(Parameters::of([("predictor", outputs), ("limits", cutpoints)]))
    }
    fn observe<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        p: &Parameters<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        s.observe("y", OrderedLogistic::new(p.get(0), p.get(1)), y)
    }
    fn row(&self, p: &[f64], _: &Standardizer) -> Self::Row {
        let (predictor, limits) = (p[0], &p[1..]);
        let probability = |k: usize| {
            let below = k.checked_sub(1).map(|k| limits[k] - predictor);
            match (below, limits.get(k).map(|c| c - predictor)) {
                (None, Some(b)) => b.sigmoid(),
                (Some(a), None) => (-a).sigmoid(),
                // σ(b) - σ(a) = σ(b) σ(-a) (1 - eᵃ⁻ᵇ).
                (Some(a), Some(b)) => b.sigmoid() * (-a).sigmoid() * -(a - b).exp_m1(),
                (None, None) => 1.0,
            }
        };
        Probabilities((0..self.levels).map(probability).collect())
    }
}
