//! Unknown scales of priors among the coordinates of a net, and what methods do with them.

use crate::prior::PriorFamily;
use crate::sampling::{BEFORE_LATE, BEFORE_SCALES, Group, PriorScales};
use probity_autodiff::Key;
use probity_vi::hmc::{Between, Stage};
use probity_vi::{Layout, Site, SiteKind, Start};
use std::ops::Range;

/// The [unknown scales](crate::PriorScale::Hyper) of the Normal priors of a net, which are
/// coordinates of its density: the logarithms of the variances.
///
/// Chains draw them given the weights between their transitions (it is a
/// [`Between`]). Methods that look for a mode or for a Gaussian of the weights set them where the
/// density is largest given the weights ([`maximize`](NetScales::maximize)).
#[derive(Clone, Debug)]
pub struct NetScales(PriorScales);

impl NetScales {
    /// Those that a model with these sites has. `late` are outputs of the net whose last layer has
    /// so many.
    pub(super) fn of(layout: &Layout, late: Range<usize>, outputs: usize) -> Self {
        let mut groups = Vec::new();
        for site in layout.latent() {
            let Some(base) = site.name.strip_suffix("_prior_variance") else { continue };
            let Some(weight) = layout.site(base).filter(|w| w.kind == SiteKind::Latent) else { continue };
            let Start::Constant(log_variance) = site.init.loc else { continue };
            add_groups(&mut groups, site, weight, (0.5 * log_variance).exp());
        }
        let last = layout.latent().filter(|s| s.name.ends_with("weight") && s.shape.1 == outputs).last();
        let late = last.filter(|_| !late.is_empty()).map_or(0..0, |w| {
            let inputs = w.shape.0;
            w.offset + late.start * inputs..w.offset + late.end * inputs
        });
        Self(PriorScales { groups, late })
    }

    /// Without those whose weights do not have Normal priors, judged by the gradient of the prior
    /// at `u`.
    pub(super) fn keep_normal(&mut self, u: &[f64], gradient: &[f64]) {
        self.0.groups.retain(|group| {
            let precision = (-u[group.variance]).exp();
            group.weights.iter().all(|w| {
                let expected = -precision * u[*w];
                (gradient[*w] - expected).abs() <= 1e-3 * expected.abs().max(1e-3)
            })
        });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.groups.is_empty()
    }

    /// The coordinates that are scales.
    pub fn coordinates(&self) -> impl Iterator<Item = usize> {
        self.0.groups.iter().map(|g| g.variance)
    }

    /// Sets every scale where the density is largest given weights with these means, which are
    /// those in `u`, and these variances (none: 0). With Gaussian weights it is the scale at which
    /// the ELBO is largest; with those of a Laplace approximation, a step of the EM algorithm for
    /// the marginal likelihood, with the prior of the scale.
    ///
    /// *Source*: Tipping 2001, "Sparse Bayesian learning and the relevance vector machine",
    /// section 2.3 (EM).
    pub fn maximize(&self, u: &mut [f64], variances: Option<&[f64]>) {
        for group in &self.0.groups {
            let of = |w: &usize| u[*w] * u[*w] + variances.map_or(0.0, |v| v[*w]);
            let squares: f64 = group.weights.iter().map(of).sum();
            let n = group.weights.len() as f64;
            u[group.variance] = ((squares + group.centre * group.centre) / (n + 1.0)).ln();
        }
    }

    /// The precision of the prior of every weight with an unknown scale, written to `precisions`.
    pub(super) fn precisions(&self, u: &[f64], precisions: &mut [f64]) {
        for group in &self.0.groups {
            let precision = (-u[group.variance]).exp();
            group.weights.iter().for_each(|w| precisions[*w] = precision);
        }
    }

    /// What an ascent does before its step, when this part of it is done: scales follow their
    /// weights once these have found a use, and late weights wait.
    pub(super) fn ascend(&self, u: &mut [f64], done: f64) {
        if done < BEFORE_LATE {
            u[self.0.late.clone()].fill(0.0);
        }
        if done < BEFORE_SCALES {
            return;
        }
        let held: Vec<(usize, f64)> = if done < BEFORE_LATE + BEFORE_SCALES {
            let late = |g: &&Group| g.weights.first().is_some_and(|w| self.0.late.contains(w));
            self.0.groups.iter().filter(late).map(|g| (g.variance, u[g.variance])).collect()
        } else {
            Vec::new()
        };
        self.maximize(u, None);
        held.into_iter().for_each(|(at, value)| u[at] = value);
    }
}

impl Between for NetScales {
    fn held(&self) -> Vec<Range<usize>> {
        self.0.held()
    }

    fn update(&self, u: &mut [f64], stage: Stage, key: Key) {
        self.0.update(u, stage, key);
    }
}

/// The groups of weights below the scales of a site.
fn add_groups(groups: &mut Vec<Group>, variances: &Site, weight: &Site, centre: f64) {
    let (of, shape) = (variances.shape, weight.shape);
    let fits = of == (1, 1) || of == (shape.0, 1) || of == (1, shape.1);
    if !fits {
        return;
    }
    for group in 0..of.0 * of.1 {
        let below = |entry: &usize| {
            let (row, column) = (entry % shape.0, entry / shape.0);
            of == (1, 1) || if of.1 == 1 { row == group } else { column == group }
        };
        groups.push(Group {
            family: PriorFamily::Normal,
            variance: variances.offset + group,
            centre,
            weights: (0..shape.0 * shape.1).filter(below).map(|w| weight.offset + w).collect(),
        });
    }
}
