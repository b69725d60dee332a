//! Whether the layers of a net have learned: divergence, weights that equal their prior, signal to
//! noise; and pruning by it.

use crate::error::{Error, Result};
use probity_autodiff::Params;
use probity_autodiff::Real;
use probity_vi::{MeanField, Model, Posterior, SiteDivergence};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A weight whose divergence from its prior is below this, in nats, is said to equal it: that of a
/// Gaussian whose mean is a seventh of the prior's standard deviation off, or whose standard
/// deviation is 9 % less.
const EQUAL: f64 = 0.01;

/// How far the weights of a mean-field posterior are from their priors, layer by layer; prints as a
/// table with advice.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::{Activation, Meter, Mlp, Regression};
/// use probity_vi::Fit;
/// let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
/// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// let fitted = Regression::new(Mlp::new(&[1, 16, 1], Activation::Tanh)).fit(&x, &y, Fit::default().steps(200))?;
/// let meter = Meter::of(fitted.posterior())?;
/// assert_eq!(meter.rows[0].layer, "net.0");
/// println!("{meter}");
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// A row for every layer, in the order of the model.
    pub rows: Vec<MeterRow>,
}

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeterRow {
    /// The name that its sites have in common.
    pub layer: String,
    /// The number of weights.
    pub weights: usize,
    /// The sum of their divergences from their priors, in nats.
    #[serde(with = "probity_autodiff::serde_float")]
    pub kl: f64,
    /// How many of them equal their prior: a divergence below .01 nats.
    pub equal: usize,
    /// Their ratios of signal to noise.
    pub snr: SnrHistogram,
}

/// Ratios of signal to noise, `|mean| / sd` of a weight, by factors of ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnrHistogram {
    /// Below 0.1, up to 1, up to 10, up to 100, and above.
    pub counts: [usize; 5],
}

impl SnrHistogram {
    fn add(&mut self, ratio: f64) {
        let bin = [0.1, 1.0, 10.0, 100.0].iter().filter(|edge| ratio >= **edge).count();
        self.counts[bin] += 1;
    }

    /// The share of weights whose sign is not certain: a ratio below 1.
    pub fn noise_share(&self) -> f64 {
        let total: usize = self.counts.iter().sum();
        (self.counts[0] + self.counts[1]) as f64 / total as f64
    }
}

impl Meter {
    /// Of a posterior whose guide has independent sites. Sites of the same enclosing scope are a
    /// layer; those of a prior's own scales are none of it.
    ///
    /// # Errors
    /// If the guide has no independent sites, or what the model reports.
    pub fn of<M: Model<f32> + Sync>(posterior: &Posterior<M, f32>) -> Result<Self> {
        let mut rows: Vec<MeterRow> = Vec::new();
        // Priors with scales that are parameters need one draw, those with latent ones some.
        for site in posterior.divergences(64)? {
            let Some(layer) = layer_of(&site.name) else { continue };
            let at = rows.iter().position(|r| r.layer == layer).unwrap_or_else(|| {
                rows.push(MeterRow {
                    layer: layer.into(),
                    weights: 0,
                    kl: 0.0,
                    equal: 0,
                    snr: SnrHistogram::default(),
                });
                rows.len() - 1
            });
            rows[at].add(&site);
        }
        Ok(Self { rows })
    }

    /// The sum of all divergences, in nats.
    pub fn kl(&self) -> f64 {
        self.rows.iter().map(|r| r.kl).sum()
    }

    /// What may be done about layers that have learned little; none if all have.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let all: usize = self.rows.iter().map(|r| r.weights).sum();
        let equal: usize = self.rows.iter().map(|r| r.equal).sum();
        for row in &self.rows {
            let share = row.equal as f64 / row.weights as f64;
            let (layer, percent) = (&row.layer, (100.0 * share).round());
            if share >= 0.95 {
                advice.push(format!(
                    "{percent} % of the weights of {layer} equal their prior: the layer has learned nothing. Let the KL \
                     rise over the first third of the steps (Steps::warm_up(0.3)), draw outputs instead of weights \
                     (Estimator::LocalReparameterization), or start with smaller standard deviations"
                ));
            } else if share >= 0.5 {
                advice.push(format!(
                    "{percent} % of the weights of {layer} equal their prior: fewer units may do, or a prior that \
                     shrinks what is not needed (PriorScale::LearnedPerInput, RegularizedHorseshoe), since such \
                     weights are noise in the outputs"
                ));
            } else if row.snr.noise_share() >= 0.9 {
                advice.push(format!(
                    "of {:.0} % of the weights of {layer} not even the sign is certain: more steps, or a narrower prior",
                    100.0 * row.snr.noise_share()
                ));
            }
        }
        if all > 0 && equal == all {
            advice.push("the posterior is the prior: check that the data reach the model".into());
        }
        advice
    }
}

impl MeterRow {
    fn add(&mut self, site: &SiteDivergence) {
        self.weights += site.loc.len();
        self.kl += site.kl.iter().sum::<f64>();
        // An estimate by 64 draws has a standard error of .1.
        let equal = if site.exact { EQUAL } else { 0.1 };
        self.equal += site.kl.iter().filter(|kl| **kl < equal).count();
        site.loc.iter().zip(&site.scale).for_each(|(loc, scale)| self.snr.add(loc.abs() / scale));
    }
}

/// The layer that a site belongs to; none for sites outside of scopes and those of priors.
fn layer_of(site: &str) -> Option<&str> {
    let (layer, own) = site.rsplit_once('.')?;
    let of_prior = own.contains("_prior") || layer.ends_with("_prior");
    (!of_prior).then_some(layer)
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|r| r.layer.chars().count()).max().unwrap_or(0).max(5);
        write!(
            f,
            "{:width$}  weights        KL  = prior  signal/noise: < .1    < 1   < 10  < 100   more",
            "layer"
        )?;
        for row in &self.rows {
            let equal = 100.0 * row.equal as f64 / row.weights as f64;
            write!(
                f,
                "\n{:width$}  {:>7} {:>9.1} {equal:>6.1} %              ",
                row.layer, row.weights, row.kl
            )?;
            for count in row.snr.counts {
                write!(f, " {:>5.1}%", 100.0 * count as f64 / row.weights as f64)?;
            }
        }
        for advice in self.advice() {
            write!(f, "\n{advice}.")?;
        }
        Ok(())
    }
}

/// The same posterior without the weights whose signal is below `snr` times their noise: they are
/// exactly 0 (of constrained sites nothing is pruned, nor of the scales of priors). How many were,
/// of all.
///
/// ```
/// # use probity_autodiff::nalgebra::DMatrix;
/// # use probity_nn::{Activation, FittedRegression, Mlp, Regression, pruned};
/// # use probity_vi::Fit;
/// # let x = DMatrix::from_fn(40, 1, |i, _| i as f64 / 10.0 - 2.0);
/// # let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// # let fitted = Regression::new(Mlp::new(&[1, 16, 1], Activation::Tanh)).fit(&x, &y, Fit::default().steps(200))?;
/// let (smaller, (gone, all)) = pruned(fitted.posterior(), 0.5)?;
/// let smaller = FittedRegression::of(smaller);
/// assert!(gone < all && smaller.predict(&x, 10).is_ok());
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// # Errors
/// If the guide is no [`MeanField`] with softplus scales.
///
/// *Source*: Blundell, Cornebise, Kavukcuoglu, Wierstra 2015, "Weight uncertainty in neural
/// networks", section 5.1; Graves 2011, "Practical variational inference for neural networks".
pub fn pruned<M: Model<f32> + Sync + Clone>(
    posterior: &Posterior<M, f32>,
    snr: f64,
) -> Result<(Posterior<M, f32>, (usize, usize))> {
    let mut params: Params<f32> = posterior.params().clone();
    let (mut gone, mut all) = (0, 0);
    for site in posterior.layout().latent() {
        if layer_of(&site.name).is_none() || site.transform != probity_vi::Transform::Identity {
            continue;
        }
        let find = |suffix: &str| {
            let name = format!("{}.{suffix}", site.name);
            let id = params.find(&name);
            id.map(|id| params.segment(id).range())
                .ok_or_else(|| Error::Network(format!("the posterior has no parameter {name:?}")))
        };
        let (loc, rho) = (find("loc")?, find("rho")?);
        for (loc, rho) in loc.zip(rho) {
            all += 1;
            let values = params.as_mut_slice();
            let scale = f64::from(values[rho]).softplus();
            if f64::from(values[loc]).abs() < snr * scale {
                gone += 1;
                // softplus(-200) is 0 in single precision.
                (values[loc], values[rho]) = (0.0, -200.0);
            }
        }
    }
    let (model, layout) = (posterior.model().clone(), posterior.layout().clone());
    let report = posterior.report().clone();
    Ok((Posterior::restore(model, layout, MeanField::new(), params, report)?, (gone, all)))
}
