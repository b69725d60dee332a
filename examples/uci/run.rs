//! One fit and its scores.

use super::options::{Method, Options};
use super::protocol::{Table, Task};
use super::scores::Scores;
use probity_nn::{Recommended, Regression, Result};
use probity_vi::hmc::Chains;
use std::time::Instant;

/// Draws of the weights to predict by, where the posterior is not itself draws.
const DRAWS: usize = 500;

pub fn fit(table: &Table, task: &Task, options: &Options) -> Result<Scores> {
    let (x, y) = table.part(&task.train);
    let clock = Instant::now();
    let seed = options.seed.wrapping_mul(1000) + task.split as u64;
    let fitted = match options.method {
        Method::Sampled => recommended(table, task, options).seed(seed).fit(&x, &y)?,
        Method::DeepEnsemble => {
            let chains = Chains { chains: 10, ascent: 2000, warmup: 0, draws: 1, seed, ..Chains::default() };
            recommended(table, task, options).regression.sample(&x, &y, &chains)?
        }
        Method::MeanField => {
            let net = options.net.as_deref().unwrap_or(&[50]);
            let fit = Regression::default_fit(x.nrows()).elbo_draws(0).seed(seed);
            Regression::default_for(x.ncols(), net).fit(&x, &y, fit)?
        }
    };
    let seconds = clock.elapsed().as_secs_f64();
    let (x, y) = table.part(&task.test);
    let draws = fitted.posterior().corrected().map_or(DRAWS, |c| c.len());
    let scores = fitted.predict(&x, draws)?.summary(&y)?;
    Ok(Scores { split: task.split, scores, seconds })
}

fn recommended(table: &Table, task: &Task, options: &Options) -> Recommended {
    let (rows, inputs) = (task.train.len(), table.inputs());
    match &options.net {
        Some(hidden) => Recommended::with_hidden(rows, inputs, hidden),
        None => Recommended::of(rows, inputs),
    }
}
