//! Chains over the weights of a network; between their transitions, the scales of the priors are
//! drawn.

use crate::error::Result;
use crate::layers::Mlp;
use crate::posteriors::LinearAt;
use crate::prior::{Prior, PriorFamily};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::uniform_at;
use probity_distributions::{Distribution, Laplace, Normal, ScaleMixture, StudentT};
use probity_vi::hmc::{Between, ChainRun, Chains, Runs, Stage};
use probity_vi::ladder::Stands;
use probity_vi::verdict::Predicted;
use probity_vi::{
    Fit, KlWeight, Layout, LogJoint, Model, Observer, Posterior, Sampled, SiteKind, Stopped, Verdict,
};
use std::ops::Range;
use std::time::Instant;

/// What a verdict compares of a posterior: what so many of its draws predict at some inputs, with
/// outputs that are linear in the weights around a point if one is given.
pub(crate) trait Compared<M: Model<f32>>:
    Fn(Posterior<M, f32>, LinearAt, &DMatrix<f64>, usize) -> Result<Predicted>
{
}

impl<M, F> Compared<M> for F
where
    M: Model<f32>,
    F: Fn(Posterior<M, f32>, LinearAt, &DMatrix<f64>, usize) -> Result<Predicted>,
{
}

/// Draws of the weights of `net`, which is the network of the model, with a verdict on what chains
/// predict, by `predict`, at the rows `x` that were learned from. Weights of the outputs `late` are
/// 0 in the first half of the ascent.
pub(crate) fn sample<M: Model<f32> + Clone + Send + Sync>(
    model: M,
    net: &Mlp,
    late: Range<usize>,
    chains: &Chains,
    x: &DMatrix<f64>,
    predict: impl Compared<M>,
) -> Result<Posterior<M, f32>> {
    let clock = Instant::now();
    let target = LogJoint::<_, f32>::new(model.clone())?;
    let layout = target.layout();
    let scales = PriorScales::new(net, layout, late);
    let runs = chains.run(&target, |key| layout.start(key), &scales)?;
    let seconds = clock.elapsed().as_secs_f64();
    let posterior = Posterior::of_draws(model.clone(), &runs, chains.seed, seconds)?;
    if runs.chains.len() < 2 {
        return Ok(posterior);
    }
    let rows = some_rows(x);
    let x = x.select_rows(&rows);
    let of_chain = |chain: &ChainRun| {
        let runs = Runs { dim: runs.dim, chains: vec![chain.clone()] };
        predict(Posterior::of_draws(model.clone(), &runs, 0, 0.0)?, None, &x, chain.log_density.len())
    };
    let predicted: Vec<Predicted> = runs.chains.iter().map(of_chain).collect::<Result<_>>()?;
    let names = names(&rows, predicted[0].mean.len());
    Ok(posterior.with_verdict(Verdict::of_predictions(names, &predicted)))
}

/// The numbers of at most 100 rows: a part of them says as much.
pub(crate) fn some_rows(x: &DMatrix<f64>) -> Vec<usize> {
    const SOME: usize = 100;
    (0..x.nrows()).step_by(x.nrows().div_ceil(SOME).max(1)).collect()
}

/// The names of predictions at these rows, some for each.
pub(crate) fn names(rows: &[usize], predictions: usize) -> impl Iterator<Item = String> {
    let entries = predictions / rows.len();
    (0..predictions).map(move |i| match (rows[i % rows.len()], i / rows.len()) {
        (row, _) if entries == 1 => format!("row {row}"),
        (row, entry) => format!("row {row}, class {entry}"),
    })
}

/// A fit to the model. Its verdict, unless the fit is not to be checked, is on predictions at the
/// rows `x` that were learned from, and not on single weights.
pub(crate) fn checked_fit<M: Model<f32> + Clone + Sync>(
    fit: Fit<f32>,
    model: M,
    x: &DMatrix<f64>,
    observers: &mut [&mut dyn Observer],
    predict: impl Compared<M>,
) -> Result<Posterior<M, f32>> {
    let is_checked = fit.is_checked();
    let posterior = fit.checked(false).run_observed(model, observers)?;
    if is_checked { checked(posterior, x, predict) } else { Ok(posterior) }
}

/// The posterior with a verdict on what an exact kernel does to its predictions at the rows `x`,
/// unless that would take more gradients than a part of those of the fit, or there is nothing that
/// it could move.
pub(crate) fn checked<M: Model<f32> + Clone + Sync>(
    posterior: Posterior<M, f32>,
    x: &DMatrix<f64>,
    predict: impl Compared<M>,
) -> Result<Posterior<M, f32>> {
    const DRAWS: usize = 64;
    /// Products of rows, weights and draws that any fit may be asked for.
    const FREE: f64 = 2e8;
    let report = posterior.report();
    let (rows, weights) = (x.nrows() as f64, posterior.layout().dim() as f64);
    let learned = report.gradients as f64 * report.minibatch.map_or(rows, |batch| batch as f64);
    let tempered = matches!(report.kl_weight, KlWeight::Tempered(_));
    // Some twenty gradients for every draw.
    let ended = matches!(report.stopped, Stopped::ByObserver | Stopped::TimeLimit);
    let work = 20.0 * DRAWS as f64 * rows;
    if weights == 0.0 || tempered || ended || (work > 0.5 * learned && work * weights > FREE) {
        return Ok(posterior);
    }
    let rows = some_rows(x);
    let x = x.select_rows(&rows);
    let pushed = posterior.pushed(DRAWS)?;
    let of = |points: Vec<f64>| {
        let sampled = Sampled { points, stands: Stands::Guide, chains: 1, gradients: 0 };
        predict(Posterior::of_draws(posterior.model().clone(), sampled, 0, 0.0)?, None, &x, DRAWS)
    };
    let (before, after) = (of(pushed.before)?, of(pushed.after)?);
    let names = names(&rows, before.mean.len());
    let verdict = Verdict::of_pushed(names, pushed.acceptance, [&before, &after]);
    Ok(posterior.with_verdict(verdict))
}

/// One unknown scale and the weights below it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) family: PriorFamily,
    /// Where the logarithm of the variance is.
    pub(crate) variance: usize,
    /// The scale around which the prior is.
    pub(crate) centre: f64,
    pub(crate) weights: Vec<usize>,
}

/// The unknown scales of a network's priors, drawn given the weights; and weights that stay 0 in
/// the first part of the ascent.
#[derive(Clone, Debug)]
pub(crate) struct PriorScales {
    pub(crate) groups: Vec<Group>,
    pub(crate) late: Range<usize>,
}

/// The part of the ascent in which scales do not change: weights find a use before the scales prune
/// them.
pub(crate) const BEFORE_SCALES: f64 = 0.2;

/// The part of the ascent in which late weights are 0.
pub(crate) const BEFORE_LATE: f64 = 0.5;

impl PriorScales {
    /// Those of the network `net` in a model with these sites, and its late outputs.
    fn new(net: &Mlp, layout: &Layout, late: Range<usize>) -> Self {
        let mut groups = Vec::new();
        for (i, layer) in net.layers.iter().enumerate() {
            let parts: [(&str, &Option<Prior>, (usize, usize)); 2] = [
                ("weight", &layer.weight_prior, (layer.inputs, layer.outputs)),
                ("bias", &layer.bias_prior, (1, layer.outputs)),
            ];
            for (name, prior, shape) in parts {
                let Some(prior) = prior else { continue };
                let Some((centre, of)) = prior.scale.hyper(shape) else { continue };
                let at = |name: String| layout.site(&name).map(|site| site.offset);
                let weights = at(format!("net.{i}.{name}"));
                let variances = at(format!("net.{i}.{name}_prior_variance"));
                let (Some(weights), Some(variances)) = (weights, variances) else { continue };
                for group in 0..of.0 * of.1 {
                    let below = |entry: &usize| {
                        let (row, column) = (entry % shape.0, entry / shape.0);
                        of == (1, 1) || if of.1 == 1 { row == group } else { column == group }
                    };
                    groups.push(Group {
                        family: prior.family,
                        variance: variances + group,
                        centre,
                        weights: (0..shape.0 * shape.1).filter(below).map(|w| weights + w).collect(),
                    });
                }
            }
        }
        let last = net.layers.len().saturating_sub(1);
        let weights = layout.site(&format!("net.{last}.weight")).filter(|s| s.kind == SiteKind::Latent);
        let late = weights.map_or(0..0, |w| {
            let inputs = w.shape.0;
            w.offset + late.start * inputs..w.offset + late.end * inputs
        });
        Self { groups, late }
    }
}

impl Between for PriorScales {
    fn held(&self) -> Vec<Range<usize>> {
        self.groups.iter().map(|g| g.variance..g.variance + 1).collect()
    }

    fn update(&self, u: &mut [f64], stage: Stage, key: Key) {
        if let Stage::Ascent(done) = stage {
            if done < BEFORE_LATE {
                u[self.late.clone()].fill(0.0);
            }
            // Now and then: it costs more than a small network's step.
            if done < BEFORE_SCALES || uniform_at::<f64>(key, 0) > 0.1 {
                return;
            }
        }
        let early = matches!(stage, Stage::Ascent(done) if done < BEFORE_LATE + BEFORE_SCALES);
        for (i, group) in self.groups.iter().enumerate() {
            if early && group.weights.first().is_some_and(|w| self.late.contains(w)) {
                continue;
            }
            u[group.variance] = group.draw(u, key.fold_in(i as u64));
        }
    }
}

impl Group {
    /// A draw of the logarithm of the variance given the weights, by a slice of its density.
    ///
    /// *Source*: Neal 2003, "Slice sampling", figures 3 and 5.
    fn draw(&self, u: &[f64], key: Key) -> f64 {
        let density = self.log_density(u);
        let now = u[self.variance];
        let level = density(now) + uniform_at::<f64>(key, 0).max(f64::MIN_POSITIVE).ln();
        let width = 4.0 / (self.weights.len() as f64).sqrt();
        let mut low = now - width * uniform_at::<f64>(key, 1);
        let mut high = low + width;
        while density(low) > level {
            low -= width;
        }
        while density(high) > level {
            high += width;
        }
        for attempt in 2.. {
            let to = low + (high - low) * uniform_at::<f64>(key, attempt);
            if density(to) > level {
                return to;
            }
            if to < now {
                low = to
            } else {
                high = to
            }
            // The slice has shrunk to where the chain is.
            if high - low <= f64::EPSILON * now.abs().max(1.0) {
                break;
            }
        }
        now
    }

    /// The log density of the logarithm of the variance given the weights, up to a constant.
    fn log_density<'a>(&'a self, u: &'a [f64]) -> Box<dyn Fn(f64) -> f64 + 'a> {
        let n = self.weights.len() as f64;
        let prior = move |v: f64| -0.5 * (n + 1.0) * v - 0.5 * self.centre * self.centre * (-v).exp();
        if self.family == PriorFamily::Normal {
            let squares: f64 = self.weights.iter().map(|w| u[*w] * u[*w]).sum();
            return Box::new(move |v| prior(v) - 0.5 * squares * (-v).exp());
        }
        let unit = move |x: f64| match self.family {
            PriorFamily::Normal => Normal::<f64>::standard().log_prob(x),
            PriorFamily::Laplace => Laplace::<f64>::new(0.0, 1.0).log_prob(x),
            PriorFamily::StudentT(df) => StudentT::<f64>::new(df, 0.0, 1.0).log_prob(x),
            PriorFamily::ScaleMixture { mix, narrow } => {
                ScaleMixture::<f64>::new(mix, 1.0, narrow).log_prob(x)
            }
        };
        Box::new(move |v| prior(v) + self.weights.iter().map(|w| unit(u[*w] * (-0.5 * v).exp())).sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_drawn_from_their_conditional_density() {
        let weights = [0.3, -1.2, 0.7, 2.5, -0.1];
        let families = [
            PriorFamily::Normal,
            PriorFamily::Laplace,
            PriorFamily::StudentT(4.0),
            PriorFamily::ScaleMixture { mix: 0.5, narrow: 0.1 },
        ];
        for family in families {
            let group = Group { family, variance: 0, centre: 0.8, weights: (1..6).collect() };
            let mut u = [0.0, weights[0], weights[1], weights[2], weights[3], weights[4]];
            // The density with all its constants, from the families themselves.
            let density = |v: f64| {
                let s = (0.5 * v).exp();
                let unit = |w: f64| match family {
                    PriorFamily::Normal => Normal::<f64>::new(0.0, s).log_prob(w),
                    PriorFamily::Laplace => Laplace::<f64>::new(0.0, s).log_prob(w),
                    PriorFamily::StudentT(df) => StudentT::<f64>::new(df, 0.0, s).log_prob(w),
                    PriorFamily::ScaleMixture { mix, narrow } => {
                        ScaleMixture::<f64>::new(mix, s, s * narrow).log_prob(w)
                    }
                };
                // 1 / s half-Normal with scale 1 / 0.8, as a density of v: |d(1/s)/dv| = 1 / (2 s).
                let prior = -0.5 * (0.8 / s).powi(2) - s.ln();
                (prior + weights.iter().map(|w| unit(*w)).sum::<f64>()).exp()
            };
            let grid: Vec<f64> = (0..4000).map(|i| -10.0 + 0.005 * f64::from(i)).collect();
            let total: f64 = grid.iter().map(|v| density(*v)).sum();
            let exact: f64 = grid.iter().map(|v| v * density(*v)).sum::<f64>() / total;
            let square: f64 = grid.iter().map(|v| (v - exact).powi(2) * density(*v)).sum::<f64>() / total;
            let n = 4000;
            let draws: Vec<f64> = (0..n)
                .map(|i| {
                    u[0] = group.draw(&u, Key::new(3).fold_in(i));
                    u[0]
                })
                .collect();
            let mean = draws.iter().sum::<f64>() / n as f64;
            let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
            // Draws of slices are nearly independent: at least 1000; five standard errors.
            assert!((mean - exact).abs() < 0.16 * square.sqrt(), "{family:?}: {mean} {exact}");
            assert!((variance / square - 1.0).abs() < 0.3, "{family:?}: {variance} {square}");
        }
    }
}
