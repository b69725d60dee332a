//! The result of a fit: draws, summaries, predictions.

mod divergences;
mod fitted;
mod leave_one_out;
mod parts;
mod witness;

use crate::comparison::NutsCheck;
use crate::corrected::Corrected;
use crate::diagnostics::{Loo, log_mean_exp};
use crate::draws::Draws;
use crate::error::{Error, Result};
use crate::guide::{Guide, Segments};
use crate::ladder::Stands;
use crate::layout::{FindShaped, Layout, SiteKind};
use crate::model::Model;
use crate::observer::StepInfo;
use crate::report::Report;
use crate::scope::discover;
use crate::verdict::Verdict;
use divergences::divergences;
use fitted::{Fitted, elbo_terms, predict_sites};
use leave_one_out::leave_one_out;
use probity_autodiff::{Key, Params, Scalar};
use probity_distributions::Estimate;
use std::fmt;
use witness::{independent_chains, pushed};

pub use divergences::SiteDivergence;
pub(crate) use fitted::elbo_terms_at;
pub(crate) use parts::{Closing, Parts, close};
pub use witness::Pushed;
pub(crate) use witness::gradients_of_a_draw;

/// A fitted posterior, with the model it belongs to.
pub struct Posterior<M, T: Scalar = f64> {
    model: M,
    parts: Parts<T>,
}

impl<M: Model<T> + Sync, T: Scalar> Posterior<M, T> {
    pub(crate) fn new(model: M, parts: Parts<T>) -> Self {
        Self { model, parts }
    }

    /// Puts a saved posterior together again: the model, the site table, the guide's parameters,
    /// and the record of the fit.
    ///
    /// The model runs once, with latent variables where a guide would start.
    ///
    /// # Errors
    /// If these do not fit together: the record is of another guide, a site of the model is not in
    /// the table or has another shape there, parameters of the guide or of the model are missing,
    /// of another shape, not finite or too many; or what the model reports.
    pub fn restore(
        model: M,
        layout: Layout,
        guide: impl Guide<T>,
        params: Params<T>,
        report: Report,
    ) -> Result<Self> {
        let unfit = |setting, problem| Err(Error::Setting { setting, problem });
        if report.guide != guide.name() {
            return unfit("guide", format!("the fit had {:?}, not {:?}", report.guide, guide.name()));
        }
        let key = Key::new(report.seed);
        layout.check_same_as(&discover(&model, key)?.layout)?;
        for site in layout.sites.iter().filter(|s| s.kind == SiteKind::Param) {
            params.find_shaped(&site.name, site.unconstrained_shape())?;
        }
        if let Some(i) = params.as_slice().iter().position(|p| !p.to_f64().is_finite()) {
            return unfit("params", format!("value {i} is {}", params.as_slice()[i].to_f64()));
        }
        let mut segments = Segments::of_saved(&params);
        let guide = guide.bind(&layout, &mut segments)?;
        let own = layout.sites.iter().filter(|s| s.kind == SiteKind::Param).count();
        let (have, used) = (params.segments().len(), segments.count() + own);
        if have != used {
            return unfit("params", format!("there are {have} segments, the sites have {used}"));
        }
        let (corrected, history) = (None, Vec::new());
        Ok(Self::new(model, Parts { layout, guide, params, corrected, history, report, key }))
    }

    pub(crate) fn set_verdict(&mut self, verdict: Verdict) {
        self.parts.report.verdict = Some(verdict);
    }

    /// As [`restore`](Posterior::restore), with the draws that stand in the place of those of the
    /// guide.
    ///
    /// # Errors
    /// If they have another dimension than the site table, or there are none.
    pub fn with_corrected(mut self, corrected: Corrected) -> Result<Self> {
        let Corrected { dim, points, .. } = &corrected;
        if *dim != self.parts.layout.dim || points.is_empty() || !points.len().is_multiple_of(*dim) {
            let problem =
                format!("{} numbers for a posterior of dimension {}", points.len(), self.parts.layout.dim);
            return Err(Error::Setting { setting: "corrected", problem });
        }
        self.parts.corrected = Some(corrected);
        Ok(self)
    }

    /// The draws that stand in the place of those of the guide, if there are any.
    pub fn corrected(&self) -> Option<&Corrected> {
        self.parts.corrected.as_ref()
    }

    /// Whether to believe the fit: a grade for the whole and for every entry, and the checks behind
    /// them. None for a fit by stochastic gradients that was tempered, or along an
    /// importance-weighted bound of several draws, or whose check would cost much more than the fit
    /// ([`check_by_drift`](Posterior::check_by_drift) makes it).
    pub fn verdict(&self) -> Option<&Verdict> {
        self.parts.report.verdict.as_ref()
    }

    /// The posterior, if its verdict is A or B.
    ///
    /// # Errors
    /// If it is C, with the sentences of the verdict, or if there is none.
    pub fn trusted(&self) -> Result<&Self> {
        match self.verdict() {
            Some(verdict) => verdict.trusted().map(|()| self),
            None => {
                let why = "the fit was not checked (`Posterior::check_by_drift` does it)".to_owned();
                Err(Error::NotTrusted { why })
            }
        }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The site table, with the method of every KL term.
    pub fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    /// The guide's parameters and the model's own, in one flat vector with named segments.
    pub fn params(&self) -> &Params<T> {
        &self.parts.params
    }

    /// The steps of the fit.
    pub fn history(&self) -> &[StepInfo] {
        &self.parts.history
    }

    /// The record of the fit.
    pub fn report(&self) -> &Report {
        &self.parts.report
    }

    /// `n` draws of all sites: latent variables from the posterior, deterministic sites, and data
    /// drawn anew for every draw. The same call gives the same draws.
    ///
    /// Where draws [stand](Report::stands) in the place of those of the guide there are some
    /// thousands of them, and the latent variables of more draws repeat.
    ///
    /// # Errors
    /// What the model reports.
    pub fn draws(&self, n: usize) -> Result<Draws> {
        self.predict(&self.model, n)
    }

    /// `n` draws of all sites of another model under this posterior: one with the same latent
    /// variables, and other data, such as the inputs at which to predict.
    ///
    /// # Errors
    /// What the model reports, or if its latent sites are not those of the fit.
    pub fn predict<P: Model<T> + Sync>(&self, model: &P, n: usize) -> Result<Draws> {
        self.predict_sites(model, n, |_| true)
    }

    /// As [`predict`](Posterior::predict), keeping only the sites whose name is wanted.
    ///
    /// # Errors
    /// As `predict`.
    pub fn predict_sites<P: Model<T> + Sync>(
        &self,
        model: &P,
        n: usize,
        wanted: impl Fn(&str) -> bool + Sync,
    ) -> Result<Draws> {
        predict_sites(self.fitted(), model, n, &wanted)
    }

    /// What was fitted, without the model.
    fn fitted(&self) -> Fitted<'_, T> {
        self.parts.fitted()
    }

    /// The ELBO (KL weight 1, all rows) by `n` fresh draws; NaN by none. Its standard error means
    /// little if the terms have heavy tails ([`Report::elbo_tail`], [`Report::elbo_influence`]).
    ///
    /// # Errors
    /// What the model reports.
    pub fn elbo(&self, n: usize) -> Result<Estimate> {
        Ok(Estimate::of(self.elbo_terms(n)?))
    }

    /// The importance-weighted bound of the log evidence with `draws` draws in every term, by `n`
    /// terms: the ELBO for one draw, and the closer to the log evidence the more there are. NaN by
    /// no terms.
    ///
    /// # Errors
    /// If there are 0 draws in a term or the guide is a point, and what the model reports.
    ///
    /// *Source*: Burda, Grosse, Salakhutdinov 2016, "Importance weighted autoencoders", equation 8.
    pub fn bound(&self, draws: usize, n: usize) -> Result<Estimate> {
        let problem = match draws.checked_mul(n) {
            _ if draws == 0 => "at least one in every term of the bound is needed",
            None => "too many in all terms of the bound",
            Some(_) if self.parts.report.point => "a point has no density, and so no bound",
            Some(all) => {
                let terms = elbo_terms(self.fitted(), &self.model, all, true)?;
                let term = |w: &[f64]| log_mean_exp(w.iter().copied());
                return Ok(Estimate::of(terms.chunks_exact(draws).map(term)));
            }
        };
        Err(Error::Setting { setting: "draws", problem: problem.to_owned() })
    }

    /// How well each observation is predicted by the others: leave-one-out cross-validation by
    /// Pareto-smoothed importance weights of the draws of [`summary`](Posterior::summary). Draws of
    /// a guide count by their importance ratios.
    ///
    /// An observation is an entry of an observed site (of a family of vectors a row);
    /// [factors](crate::Scope::factor) are none. The log likelihoods of all of them at all draws
    /// are in memory at once.
    ///
    /// # Errors
    /// If the model observes nothing or the guide is a point, and what the model reports.
    pub fn loo(&self) -> Result<Loo> {
        leave_one_out(self.fitted(), &self.model)
    }

    /// As [`loo`](Posterior::loo); none where there is nothing to leave out, or too much of it.
    pub(crate) fn loo_if_cheap(&self) -> Result<Option<Loo>> {
        const NUMBERS: usize = 20_000_000;
        const LATENT: usize = 100_000;
        let data = |s: &&crate::layout::Site| s.kind == SiteKind::Observed && s.family != "factor";
        let observations: usize = self.parts.layout.sites.iter().filter(data).map(|s| s.size()).sum();
        let numbers = observations.saturating_mul(leave_one_out::draws(self.fitted()));
        let point = self.parts.report.point && self.parts.corrected.is_none();
        if observations == 0 || numbers > NUMBERS || self.parts.layout.dim > LATENT || point {
            return Ok(None);
        }
        self.loo().map(Some)
    }

    /// How far the guide of every latent number is from its prior, site by site: the divergence
    /// given what the prior depends on, averaged over `n` draws of that. Sites whose events are
    /// more than an entry are left out.
    ///
    /// # Errors
    /// If the guide has no independent sites, `n` is 0, or what the model reports.
    pub fn divergences(&self, n: usize) -> Result<Vec<SiteDivergence>> {
        divergences(self.fitted(), &self.model, n)
    }

    /// The terms of the ELBO, one a draw.
    fn elbo_terms(&self, n: usize) -> Result<Vec<f64>> {
        elbo_terms(self.fitted(), &self.model, n, false)
    }

    /// Mean, standard deviation and quantiles of every latent and deterministic number, by 2000
    /// draws, or by all that stand in the place of those of the guide.
    ///
    /// # Errors
    /// What the model reports.
    pub fn summary(&self) -> Result<crate::draws::Summary> {
        self.summary_by(self.parts.corrected.as_ref())
    }

    fn summary_by(&self, corrected: Option<&Corrected>) -> Result<crate::draws::Summary> {
        let latent = |name: &str| self.parts.layout.site(name).is_some_and(|s| s.kind != SiteKind::Observed);
        let n = corrected.map_or(2000, Corrected::len);
        let fitted = Fitted { corrected, ..self.fitted() };
        Ok(predict_sites(fitted, &self.model, n, &latent)?.summary())
    }

    /// The same posterior by four chains of the No-U-Turn sampler that learn their metric from
    /// nothing, beside this one. It takes some hundred thousand gradients.
    ///
    /// Chains start where guides start; a model whose density is not finite there, or whose modes
    /// are far from each other, is not one for this check. Point parameters stand at their start.
    ///
    /// # Errors
    /// What the model reports, or if the density is not finite at the start.
    pub fn check_by_nuts(&self) -> Result<NutsCheck> {
        let (points, verdict) = independent_chains(self.fitted(), &self.model)?;
        let chains = Corrected { dim: self.parts.layout.dim, points, stands: Stands::Chains };
        Ok(NutsCheck { fit: self.summary()?, nuts: self.summary_by(Some(&chains))?, verdict })
    }

    /// Whether the guide can be believed, by what an exact kernel does to `draws` of its draws: two
    /// transitions of Hamiltonian Monte Carlo on the posterior given all data, in the metric of the
    /// guide. Draws of the posterior would stay draws of the posterior; where their means or
    /// standard deviations move, the guide is wrong there, and grades say how far
    /// ([`What::Drift`](crate::verdict::What::Drift)). Point parameters stand where the fit has
    /// them.
    ///
    /// A fit by stochastic gradients makes this check by itself where that costs little against
    /// its steps. The kernel takes about 13 gradients for every draw; errors of what it finds
    /// fall with the root of their number, and with 256 a shift of 0.3 standard deviations is seen.
    ///
    /// # Errors
    /// What the model reports, or if there are fewer than 16 draws or no latent variables.
    pub fn check_by_drift(&self, draws: usize) -> Result<Verdict> {
        self.parts.check_by_drift(&self.model, draws)
    }

    /// The draws of [`check_by_drift`](Posterior::check_by_drift) before and after the kernel, to
    /// look at what is made of them: predictions of a network, whose weights mean nothing by
    /// themselves ([`Verdict::of_pushed`]).
    ///
    /// # Errors
    /// As `check_by_drift`.
    pub fn pushed(&self, draws: usize) -> Result<Pushed> {
        self.parts.can_be_pushed(draws)?;
        pushed(self.fitted(), &self.model, draws)
    }
}

impl<M: Model<T> + Sync, T: Scalar> Posterior<M, T> {
    /// What is printed: as [`summary`](Posterior::summary), but of large sites only the first
    /// entries, and nothing of models of more than 100 000 numbers, whose draws take too long.
    fn shown(&self) -> Result<crate::draws::Summary> {
        if self.parts.layout.dim > 100_000 {
            return Ok(crate::draws::Summary::default());
        }
        // Draws of a large model take long.
        let uncorrected = if self.parts.layout.dim <= 1000 { 2000 } else { 200 };
        let n = self.parts.corrected.as_ref().map_or(uncorrected, Corrected::len);
        let entries =
            self.parts.layout.sites.iter().filter(|s| s.kind != SiteKind::Observed).map(|s| s.size());
        let few = entries.sum::<usize>() <= crate::draws::Summary::SHOWN;
        let draws = self.predict_sites(&self.model, n, |name| {
            self.parts.layout.site(name).is_some_and(|s| s.kind != SiteKind::Observed)
        })?;
        Ok(draws.summary_of(if few { usize::MAX } else { crate::draws::Summary::FIRST }))
    }
}

// Closures are models and have no Debug form.
impl<M, T: Scalar> fmt::Debug for Posterior<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { layout, guide, params, report, .. } = &self.parts;
        f.debug_struct("Posterior")
            .field("layout", layout)
            .field("guide", guide)
            .field("params", params)
            .field("report", report)
            .finish_non_exhaustive()
    }
}

impl<M: Model<T> + Sync, T: Scalar> fmt::Display for Posterior<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.parts.report)?;
        write!(f, "{}", self.parts.layout)?;
        match self.shown() {
            Ok(summary) if summary.rows.is_empty() => {}
            Ok(summary) => write!(f, "{summary}")?,
            Err(error) => writeln!(f, "no summary: {error}")?,
        }
        Ok(())
    }
}
