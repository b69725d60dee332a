//! The noise of a mean field, by the ELBO of fits that continue from a first one.

use super::{NoiseCandidate, NoiseChoice, NoiseCriterion};
use crate::error::Result;
use crate::noise::{Noise, Tails};
use crate::regression::{FittedRegression, Regression};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Params, parallel_map};
use probity_vi::Fit;

/// What is tried. The first is the noise of the first fit: that it is continued makes it
/// comparable.
const KINDS: [(Noise, Tails); 4] = [
    (Noise::Learned, Tails::Gaussian),
    (Noise::Learned, Tails::StudentT),
    (Noise::InputDependent, Tails::Gaussian),
    (Noise::InputDependent, Tails::StudentT),
];

/// Continues a fit with constant Gaussian noise by each kind of noise; the one with the highest
/// ELBO, with a verdict.
pub(crate) fn choose_by_elbo(
    regression: &Regression,
    x: &DMatrix<f64>,
    y: &[f64],
    seed: u64,
) -> Result<FittedRegression> {
    let fit = |fit: Fit<f32>| fit.seed(seed).checked(false);
    let (noise, tails) = KINDS[0];
    let constant = regression.clone().noise(noise).tails(tails);
    let first = constant.fit(x, y, fit(Regression::default_fit(y.len())).elbo_draws(0))?;
    let unit = first.posterior().model().scales().y.sd[0];
    let sd = first.noise_sd()?.unwrap_or(unit) / unit;
    let params = first.posterior().params();
    let widened = with_noise_output(params, regression.net.layers.len().saturating_sub(1), sd);
    let continued = |i: usize| {
        let (noise, tails) = KINDS[i];
        let start = if noise == Noise::InputDependent { &widened } else { params };
        let how = fit(Regression::continued_fit(y.len())).start_from(start);
        regression.clone().noise(noise).tails(tails).fit(x, y, how)
    };
    let mut fits: Vec<Result<FittedRegression>> = parallel_map(KINDS.len(), continued);
    let elbo = |fitted: &Result<FittedRegression>| {
        let elbo = fitted.as_ref().ok().and_then(|f| f.posterior().report().elbo);
        elbo.map_or((f64::NEG_INFINITY, 0.0), |e| (e.value, e.standard_error))
    };
    let (of_first, error) = elbo(&fits[0]);
    let candidate = |(kind, fitted): (&(Noise, Tails), _)| {
        let (value, own) = elbo(fitted);
        let (difference, standard_error) = (value - of_first, error.hypot(own));
        NoiseCandidate { noise: kind.0, tails: kind.1, fitted: true, difference, standard_error }
    };
    let mut candidates: Vec<NoiseCandidate> = KINDS.iter().zip(&fits).map(candidate).collect();
    candidates[0].standard_error = 0.0;
    let better = (1..KINDS.len()).filter(|i| candidates[*i].is_better());
    let best = better.max_by(|a, b| candidates[*a].difference.total_cmp(&candidates[*b].difference));
    let best = best.unwrap_or(0);
    let (noise, tails) = KINDS[best];
    // Fits that failed are none.
    candidates.retain(|c| c.difference > f64::NEG_INFINITY);
    let choice = NoiseChoice { noise, tails, criterion: NoiseCriterion::Elbo, rows: y.len(), candidates };
    Ok(fits.swap_remove(best)?.checked(x)?.with_noise_choice(choice))
}

/// Parameters with a second output in the last layer: a constant noise of this standard deviation,
/// in units of the targets' own.
fn with_noise_output(params: &Params<f32>, last: usize, sd: f64) -> Params<f32> {
    let mut all = Params::new();
    for segment in params.segments() {
        let values = &params.as_slice()[segment.range()];
        let rest = segment.name.strip_prefix(&format!("net.{last}."));
        let of_output = |i: usize| match rest {
            Some("weight.loc") => 0.0,
            // Where the softplus of the noise has this value.
            Some("bias.loc") => (sd.exp_m1().ln() + 1.0) as f32,
            _ => values[i],
        };
        let value = match rest {
            Some("weight.loc" | "weight.rho" | "bias.loc" | "bias.rho") if segment.cols == 1 => {
                DMatrix::from_fn(segment.rows, 2, |i, j| if j == 0 { values[i] } else { of_output(i) })
            }
            _ => DMatrix::from_column_slice(segment.rows, segment.cols, values),
        };
        all.add(segment.name.clone(), &value);
    }
    all
}
