//! What the library recommends for a table.

use crate::error::Result;
use crate::noise::{Noise, Tails};
use crate::noise_choice::{choose_by_elbo, choose_by_left_out_rows};
use crate::regression::{FittedRegression, Regression};
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::hmc::Chains;
use serde::{Deserialize, Serialize};

/// A network with its priors and noise, and how its weights are inferred, for a table of some size
/// (`docs/bnn.md` has how it was chosen, and scores).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommended {
    /// The network.
    pub regression: Regression,
    /// The chains that draw its weights; none for tables for which they would take long, whose
    /// network is fitted by the mean field on minibatches.
    pub chains: Option<Chains>,
    /// Whether another noise is tried where the data speak for it
    /// ([`NoiseChoice`](crate::NoiseChoice)).
    #[serde(default = "chosen")]
    pub choose_noise: bool,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// The default of `choose_noise`.
fn chosen() -> bool {
    true
}

impl Recommended {
    /// Rows up to which one hidden layer is enough.
    const FEW: usize = 2000;
    /// Rows times weights up to which chains are used: at the limit they take a minute or two.
    const CHAINS: usize = 30_000_000;

    /// For so many rows to learn from and so many inputs: one hidden layer of 50 units for up to
    /// 2000 rows, two for more.
    pub fn of(rows: usize, inputs: usize) -> Self {
        let hidden: &[usize] = if rows <= Self::FEW { &[50] } else { &[50, 50] };
        Self::with_hidden(rows, inputs, hidden)
    }

    /// With hidden layers of these widths.
    pub fn with_hidden(rows: usize, inputs: usize, hidden: &[usize]) -> Self {
        let regression = Regression::sampled_for(inputs, hidden);
        if rows.saturating_mul(regression.net.len()) > Self::CHAINS {
            return Self::mean_field(inputs, hidden);
        }
        let chains = Some(Self::chains(rows, regression.net.len()));
        Self { regression, chains, choose_noise: true, seed: 0 }
    }

    /// With hidden layers of these widths, fitted by the mean field for any number of rows.
    pub fn mean_field(inputs: usize, hidden: &[usize]) -> Self {
        let regression = Regression::default_for(inputs, hidden);
        Self { regression, chains: None, choose_noise: true, seed: 0 }
    }

    /// Chains for a network of so many weights.
    ///
    /// The ascent has four steps a row, between 1000 and 3000: of few rows a long one has fitted
    /// the noise, which chains then forget slowly; of more rows a short one ends where the mean is
    /// not yet found. Trajectories of a small table are up to four times as long as those of a
    /// large one, whose every step costs more: where there are no data, long trajectories walk
    /// farther than many.
    fn chains(rows: usize, weights: usize) -> Chains {
        let ascent = rows.saturating_mul(4).clamp(1000, 3000);
        let work = rows.saturating_mul(weights).max(1) as f64;
        let longer = (6e5 / work).clamp(1.0, 4.0);
        let own = Chains::default();
        let leapfrogs = (own.leapfrogs as f64 * longer) as usize;
        Chains { ascent, leapfrogs, length: longer * own.length, ..own }
    }

    /// With this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The posterior given this table: inputs n × k, target n × 1.
    ///
    /// # Errors
    /// If sizes do not fit, there are no rows, or a number is not finite.
    pub fn fit(&self, x: &DMatrix<f64>, y: &[f64]) -> Result<FittedRegression> {
        let Regression { noise, tails, .. } = &self.regression;
        // What is known of the noise is not asked.
        let known = matches!(noise, Noise::Fixed(_) | Noise::FixedShare(_)) || *tails != Tails::Gaussian;
        let choose_noise = self.choose_noise && !known;
        let Some(chains) = &self.chains else {
            return if choose_noise {
                choose_by_elbo(&self.regression, x, y, self.seed)
            } else {
                self.regression.fit(x, y, Regression::default_fit(x.nrows()).seed(self.seed))
            };
        };
        let chains = Chains { seed: self.seed, ..chains.clone() };
        let first = self.regression.sample(x, y, &chains)?;
        if !choose_noise {
            return Ok(first);
        }
        choose_by_left_out_rows(first, x, y, |noise, tails| {
            self.regression.clone().noise(noise).tails(tails).sample(x, y, &chains)
        })
    }
}

/// Bayesian regression of a table without settings: inputs n × k, target n × 1, both in the user's
/// units. What is [recommended](Recommended) for its size: chains over the weights
/// ([`Regression::sample`]) in seconds, and for large tables the mean field. Noise depends on the
/// inputs as far as the data say so, and has heavy tails where some targets are far off; the
/// result, printed, says what was chosen and why ([`NoiseChoice`](crate::NoiseChoice)).
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
    Recommended::of(x.nrows(), x.ncols()).fit(x, y)
}
