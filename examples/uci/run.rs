//! One fit and its scores.

use super::options::{Method, Options};
use super::protocol::{Table, Task};
use super::scores::Scores;
use probity_nn::posteriors::named;
use probity_nn::{Error, FittedRegression, Noise, Recommended, Regression, Result, Tails};
use probity_vi::hmc::Chains;
use std::time::Instant;

pub fn fit(table: &Table, task: &Task, options: &Options) -> Result<Scores> {
    let clock = Instant::now();
    let seed = options.seed.wrapping_mul(1000) + task.split as u64;
    let fitted = fitted(table, task, options, seed)?;
    let seconds = clock.elapsed().as_secs_f64();
    let (x_test, y_test) = table.part(&task.test);
    let scores = fitted.predict(&x_test, draws(&fitted))?.summary(&y_test)?;
    // Of a net with dropout there is none.
    let verdict = (options.all || options.verdict).then(|| fitted.check_at(&x_test).ok()).flatten();
    let grade = verdict.map(|v| v.grade());
    Ok(Scores { split: task.split, method: options.method, scores, grade, seconds })
}

/// Draws of the weights to predict by: 500 where the posterior is not itself draws.
fn draws(fitted: &FittedRegression) -> usize {
    if fitted.posterior().corrected().is_some() { fitted.default_draws() } else { 500 }
}

fn fitted(table: &Table, task: &Task, options: &Options, seed: u64) -> Result<FittedRegression> {
    let (x, y) = table.part(&task.train);
    let recommended = || {
        let (rows, inputs) = (task.train.len(), table.inputs());
        let mut of = match &options.net {
            Some(hidden) => Recommended::with_hidden(rows, inputs, hidden),
            None => Recommended::of(rows, inputs),
        };
        with_noise(&mut of, options);
        of
    };
    match options.method {
        Method::Sampled => recommended().seed(seed).fit(&x, &y),
        Method::Modes => {
            let chains = Chains { chains: 10, ascent: 2000, warmup: 0, draws: 1, seed, ..Chains::default() };
            recommended().regression.sample(&x, &y, &chains)
        }
        // A Gaussian with the network that was chosen for it.
        Method::Posterior("mean-field") => {
            let mut of = Recommended::mean_field(x.ncols(), options.net.as_deref().unwrap_or(&[50]));
            with_noise(&mut of, options);
            of.seed(seed).fit(&x, &y)
        }
        Method::Posterior(name) => {
            let method = named(name, seed).ok_or_else(|| Error::Network(format!("no method {name}")))?;
            network(name, x.ncols(), options).infer(&x, &y, method.as_ref())
        }
    }
}

/// Methods whose noise depends on the inputs.
const VARYING: [&str; 6] = ["map", "deep-ensemble", "mc-dropout", "svgd", "nuts", "chains"];

/// The network that goes with a method: the same for all but mixtures of mean fields, with a noise
/// that depends on the inputs for what is points or draws, and a constant one for Gaussians, unless
/// the options say otherwise. On validation parts of splits 0 and 1 of boston and yacht most did
/// better so.
fn network(name: &str, inputs: usize, options: &Options) -> Regression {
    let hidden = options.net.as_deref().unwrap_or(&[50]);
    let (spec, own) = if name == "vi-mixture" {
        (Regression::default_for(inputs, hidden), Noise::Learned)
    } else {
        let own = if VARYING.contains(&name) { Noise::InputDependent } else { Noise::Learned };
        (Regression::sampled_for(inputs, hidden), own)
    };
    let (noise, tails) = options.noise.unwrap_or((own, Tails::Gaussian));
    spec.noise(noise).tails(tails)
}

/// With the noise of the options, if there is one, in the place of a choice.
fn with_noise(recommended: &mut Recommended, options: &Options) {
    let Some((noise, tails)) = options.noise else { return };
    recommended.regression = recommended.regression.clone().noise(noise).tails(tails);
    recommended.choose_noise = false;
}
