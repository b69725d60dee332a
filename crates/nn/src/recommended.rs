//! What the library recommends for a table.

use crate::error::Result;
use crate::regression::{FittedRegression, Regression};
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::hmc::Chains;
use serde::{Deserialize, Serialize};

/// A network with its priors and noise, and the chains that draw its weights, for a table of some
/// size (`docs/bnn.md` has how it was chosen, and scores).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommended {
    /// The network.
    pub regression: Regression,
    /// The chains.
    pub chains: Chains,
}

impl Recommended {
    /// Rows up to which one hidden layer is enough.
    const FEW: usize = 2000;

    /// For so many rows to learn from and so many inputs: one hidden layer of 50 units for up to
    /// 2000 rows, two for more.
    pub fn of(rows: usize, inputs: usize) -> Self {
        let hidden: &[usize] = if rows <= Self::FEW { &[50] } else { &[50, 50] };
        Self { regression: Regression::sampled_for(inputs, hidden), chains: Chains::default() }
    }
}

/// Bayesian regression of a table without settings: inputs n × k, target n × 1, both in the user's
/// units. What is [recommended](Recommended) for its size, by
/// [`Regression::sample`](crate::Regression::sample).
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
///
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64 / 10.0);
/// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// let fitted = probity_nn::fit_regression(&x, &y)?;
/// let prediction = fitted.predict(&DMatrix::from_element(1, 1, 0.5), 200)?;
/// let (low, high) = prediction.interval(0.9)[0];
/// assert!(low < 0.5_f64.sin() && 0.5_f64.sin() < high);
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// # Errors
/// If sizes do not fit, there are no rows, or a number is not finite.
pub fn fit_regression(x: &DMatrix<f64>, y: &[f64]) -> Result<FittedRegression> {
    let Recommended { regression, chains } = Recommended::of(x.nrows(), x.ncols());
    regression.sample(x, y, &chains)
}
