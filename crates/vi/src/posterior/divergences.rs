//! How far the guide of every latent number is from its prior.

use super::fitted::Fitted;
use crate::error::{Error, Result};
use crate::guide::Draw;
use crate::model::Model;
use crate::scope::{Mode, Run, run};
use serde::{Deserialize, Serialize};

/// The Gaussians of a site in a guide with independent sites, and how far they are from their
/// priors, entry by entry (column by column) before the constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteDivergence {
    /// The site's name.
    pub name: String,
    /// Rows and columns of its unconstrained form.
    pub shape: (usize, usize),
    /// Means.
    #[serde(with = "probity_autodiff::serde_float")]
    pub loc: Vec<f64>,
    /// Standard deviations.
    #[serde(with = "probity_autodiff::serde_float")]
    pub scale: Vec<f64>,
    /// The KL divergence of every entry from its prior given what the prior depends on, in nats:
    /// the mean over draws of that.
    #[serde(with = "probity_autodiff::serde_float")]
    pub kl: Vec<f64>,
    /// Whether the divergence from the prior is exact; else it is estimated by the draws, with a
    /// standard error of about `1 / √draws`.
    pub exact: bool,
}

probity_autodiff::precompiled! {
    /// The divergences of the entries of all sites.
    pub(super) fn divergences<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
        n: usize,
    ) -> Result<Vec<SiteDivergence>> {
        let all = fitted.collect(n, fitted.key.fold_in_str("divergences"), |tape, layout, prefix, _, key| {
            tape.bind(fitted.params);
            let draw = Draw { joint: None, ..fitted.draw(tape, key)? };
            let mode = Mode::Elbo { params: fitted.params, draw, draws: n };
            let mut how = Run::new(key, prefix);
            how.measuring = true;
            Ok(run(model, tape, layout, mode, how)?.measured.unwrap_or_default())
        })?;
        let share = 1.0 / n as f64;
        let mut draws = all.into_iter();
        let Some(first) = draws.next() else {
            let problem = "at least one draw is needed".into();
            return Err(Error::Setting { setting: "draws", problem });
        };
        let site = |m: crate::scope::Measured| {
            let site = &fitted.layout.sites[m.index];
            SiteDivergence {
                name: site.name.clone(),
                shape: site.unconstrained_shape(),
                loc: m.loc,
                scale: m.scale,
                kl: m.kl.into_iter().map(|kl| share * kl).collect(),
                exact: m.exact,
            }
        };
        let mut sites: Vec<SiteDivergence> = first.into_iter().map(site).collect();
        for (site, more) in draws.flat_map(|draw| draw.into_iter().enumerate()) {
            sites[site].kl.iter_mut().zip(more.kl).for_each(|(kl, more)| *kl += share * more);
        }
        Ok(sites)
    }
}
