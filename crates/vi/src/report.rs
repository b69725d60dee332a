//! What a fit did.

use crate::kl_weight::KlWeight;
use crate::ladder::Stands;
use crate::objective::Objective;
use crate::scope::Estimator;
use crate::verdict::Verdict;
use probity_distributions::Estimate;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopped {
    /// The given number of steps was done.
    AllSteps,
    /// The guide is at its optimum: an independent set of draws would move no mean by more than
    /// 0.04 of its standard deviation, and no standard deviation by more than 4 %. Where its draws
    /// are corrected, 0.1 and 10 %.
    Stationary,
    /// The ELBO stopped rising beyond its noise, and averages of the guide agreed. That the guide
    /// is at its optimum was not checked: a slow drift in a direction along which the ELBO is flat
    /// does not show.
    Plateau,
    /// The guide was still moving when the limit of an automatic fit was reached.
    Limit,
    /// An observer ended it.
    ByObserver,
    /// The time was over.
    TimeLimit,
    /// Whoever took the steps ended it ([`OngoingFit`](crate::OngoingFit)).
    Early,
}

/// How a guide was fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// By steps along stochastic gradients.
    #[default]
    Stochastic,
    /// By Newton steps on the ELBO with fixed draws, all data at once.
    Solved,
    /// By a climb to the mode of the log joint density.
    Climbed,
    /// Not at all: draws of a sampler stand, and the guide has their means and standard deviations.
    Sampled,
}

/// The standard deviation that ignoring correlations narrows most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Narrowed {
    /// The site.
    pub site: String,
    /// The entry, counted column by column.
    pub entry: usize,
    /// The mean field's standard deviation over that of the best Gaussian with any covariance, both
    /// before the constraint.
    pub ratio: f64,
}

/// What one of several starts led to: a climb to a mode, or a fit by stochastic gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Climb {
    /// Of a climb to a mode: the log joint density of the unconstrained numbers there, in nats.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub log_joint: Option<f64>,
    /// Of a Laplace approximation, its log evidence in nats.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub log_evidence: Option<f64>,
    /// Of a fit by stochastic gradients, its ELBO in the end (KL weight 1).
    #[serde(default)]
    pub elbo: Option<Estimate>,
    /// Why it ended.
    pub stopped: Stopped,
    /// Whether it is the one that was taken.
    pub taken: bool,
}

impl Climb {
    /// What starts are compared by.
    pub(crate) fn score(&self) -> f64 {
        let score = self.elbo.map(|elbo| elbo.value).or(self.log_evidence).or(self.log_joint);
        score.filter(|score| !score.is_nan()).unwrap_or(f64::NEG_INFINITY)
    }
}

/// The record of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The guide.
    pub guide: String,
    /// How it was fitted.
    #[serde(default)]
    pub method: Method,
    /// Steps done; of chains, draws.
    pub steps: usize,
    /// Why it ended.
    pub stopped: Stopped,
    /// Of a solved fit: how far an independent set of draws would move a mean, in its standard
    /// deviations, or the logarithm of a standard deviation, whichever is more. Infinite if the fit
    /// ended before that was asked.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub movement: Option<f64>,
    /// For a mean field that was solved for: where it is narrowest against the best Gaussian with
    /// correlations.
    #[serde(default)]
    pub narrowed: Option<Narrowed>,
    /// Draws per step (of a solved fit, those of the last round; of a sampled one, the chains).
    pub draws: usize,
    /// Gradients of the log joint density, from all starts together.
    #[serde(default)]
    pub gradients: usize,
    /// Whether to believe the fit; none for a fit by stochastic gradients that was tempered, or
    /// whose check would cost much more than the fit ([`Fit::checked`](crate::Fit::checked)).
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The shape k̂ of the tail of the importance weights of the guide's draws.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub k_hat: Option<f64>,
    /// The sites that the draws were found for in standardised numbers (non-centred), because they
    /// were not to be believed in those of the model. Draws and summaries are of the model's own.
    #[serde(default)]
    pub non_centred: Vec<String>,
    /// Which draws stand for the posterior.
    #[serde(default)]
    pub stands: Stands,
    /// Whether the guide is a point, or one of some sites: there is no uncertainty of these, and no
    /// ELBO.
    #[serde(default)]
    pub point: bool,
    /// The seed.
    pub seed: u64,
    /// Rows per step, if not all.
    pub minibatch: Option<usize>,
    /// Whether minibatches took the rows in a random order.
    #[serde(default = "shuffled")]
    pub shuffled: bool,
    /// Which gradient the steps followed.
    #[serde(default)]
    pub objective: Objective,
    /// Of guides that are at a mode, every climb to one; of several [starts](crate::Fit::starts) by
    /// stochastic gradients, every fit. They are in the order of the starts, without those that
    /// failed. Empty for a single fit by stochastic gradients.
    #[serde(default)]
    pub climbs: Vec<Climb>,
    /// How outputs of Gaussian linear maps were drawn.
    pub estimator: Estimator,
    /// The sites because of which linear maps drew weights for all rows although another
    /// [`Estimator`] was set: the guide has no Gaussian of its own there, or its divergence from
    /// the prior is not known exactly and the estimator needs it.
    #[serde(default)]
    pub weights_drawn: Vec<String>,
    /// The weight of the KL in the loss.
    pub kl_weight: KlWeight,
    /// How many draws of the steps were drawn anew, because the arithmetic of the model failed
    /// there: a matrix that was not positive definite.
    #[serde(default)]
    pub redrawn: usize,
    /// Why the first of them was, with the site.
    #[serde(default)]
    pub redrawn_for: Option<String>,
    /// Wall time, without the final ELBO estimate; of several starts, of all of them together, with
    /// the estimates by which they are compared.
    #[serde(with = "probity_autodiff::serde_float")]
    pub seconds: f64,
    /// The ELBO of the result (KL weight 1), by fresh draws.
    pub elbo: Option<Estimate>,
    /// The shape k̂ of the heavier tail of the ELBO's terms, by a generalised Pareto distribution;
    /// none for fewer than 100 draws and where the terms have no tails. Above [`Report::HEAVY`],
    /// and [`elbo_influence`](Self::elbo_influence) above [`Report::LARGE_INFLUENCE`], the standard
    /// error is not to be trusted.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub elbo_tail: Option<f64>,
    /// By how much the draw furthest from the ELBO moves it, in nats; none where
    /// [`elbo_tail`](Self::elbo_tail) is.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub elbo_influence: Option<f64>,
}

impl Report {
    /// The shape of a tail from which on a mean and its standard error, by numbers of draws as they
    /// are usual, mean little.
    ///
    /// Source: Vehtari et al. 2024, "Pareto smoothed importance sampling", section 3.
    pub const HEAVY: f64 = 0.7;
    /// The influence of one draw on the ELBO, in nats, up to which heavy tails do not matter. The
    /// terms of a good fit are polynomials of normal numbers: they have all moments, yet the tails
    /// of a thousand of them look heavy.
    pub const LARGE_INFLUENCE: f64 = 0.05;

    /// Of several starts: how far the others are below the best.
    fn write_climbs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Climbs whose scores differ by less, in nats, are at the same mode.
        const SAME: f64 = 0.01;
        let Some(best) = self.climbs.iter().find(|c| c.taken) else { return Ok(()) };
        if self.climbs.len() < 2 {
            return Ok(());
        }
        let (starts, score) = (self.climbs.len(), best.score());
        if best.elbo.is_some() {
            let others = self.climbs.iter().filter(|c| !c.taken);
            let below: Vec<String> = others.map(|c| format!("{:.2}", score - c.score())).collect();
            let are = if starts == 2 { "other is" } else { "others are" };
            return writeln!(
                f,
                "the best of {starts} starts, ELBO {score:.2}; the {are} {} lower",
                below.join(", ")
            );
        }
        let same = self.climbs.iter().filter(|c| (c.score() - score).abs() < SAME).count();
        let what = if best.log_evidence.is_some() { "log evidence" } else { "log joint density" };
        write!(f, "the best of {starts} starts, {what} {score:.3}, which {same} of them reached")?;
        let below = self.climbs.iter().map(|c| score - c.score()).filter(|b| *b >= SAME);
        match below.fold(f64::INFINITY, f64::min) {
            next if next.is_finite() => writeln!(f, "; the next is {next:.2} lower"),
            _ => writeln!(f),
        }
    }
}

/// Fits of before there was a choice.
fn shuffled() -> bool {
    true
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Some(verdict) => write!(f, "{verdict}")?,
            None if self.method == Method::Sampled => writeln!(f, "verdict: none, nothing was checked")?,
            None => {
                writeln!(f, "verdict: none, the fit was not checked (`Posterior::check_by_drift` does it)")?
            }
        }
        if self.stands != Stands::Guide {
            writeln!(f, "draws: {}", self.stands)?;
            if !self.non_centred.is_empty() {
                writeln!(f, "non-centred by the fit: {}", self.non_centred.join(", "))?;
            }
        }
        let end = match self.stopped {
            Stopped::AllSteps => "all steps done",
            Stopped::Stationary => "at its optimum",
            Stopped::Plateau => "the ELBO no longer rises",
            Stopped::Limit => "NOT at its optimum: the guide was still moving at the limit",
            Stopped::ByObserver => "ended by an observer",
            Stopped::Early => "ended by who took the steps",
            Stopped::TimeLimit => "NOT at its optimum: the time was over",
        };
        let kind = match self.method {
            Method::Stochastic => "steps of",
            Method::Solved => "Newton steps on up to",
            Method::Sampled => "draws of",
            Method::Climbed => "steps to the mode",
        };
        let (steps, draws, gradients) = (self.steps, self.draws, self.gradients);
        if self.method == Method::Sampled {
            writeln!(f, "{steps} {kind} {draws} chains, {gradients} gradients in {:.2} s", self.seconds)?;
        } else if self.method == Method::Climbed {
            writeln!(
                f,
                "{}, {steps} {kind}, {gradients} gradients in {:.2} s ({end})",
                self.guide, self.seconds
            )?;
        } else {
            writeln!(
                f,
                "{}, {steps} {kind} {draws} draws, {gradients} gradients in {:.2} s ({end})",
                self.guide, self.seconds
            )?;
        }
        self.write_climbs(f)?;
        match self.objective {
            Objective::Elbo => {}
            Objective::PathDerivative => writeln!(f, "path-derivative gradients")?,
            Objective::ImportanceWeighted { draws } => {
                writeln!(f, "importance-weighted bound of {draws} draws")?;
            }
        }
        if self.point {
            writeln!(
                f,
                "a point has NO uncertainty: draws show none, or none of some sites, and there is no ELBO"
            )?;
        }
        if let Some(movement) = self.movement.filter(|m| m.is_finite() && self.stopped != Stopped::Stationary)
        {
            writeln!(
                f,
                "another set of draws would move a mean or a standard deviation by {movement:.2} of a standard deviation"
            )?;
        }
        if let Some(Narrowed { site, entry, ratio }) = self.narrowed.as_ref().filter(|n| n.ratio < 0.8) {
            writeln!(
                f,
                "correlations are ignored: the standard deviation of {site}[{entry}] is {ratio:.2} of what it is with \
                 them; `Fit::new().guide(FullRank::new())` has them"
            )?;
        }
        if let Some(rows) = self.minibatch {
            let order = if self.shuffled { "" } else { " in the order of the data" };
            writeln!(f, "minibatches of {rows} rows{order}")?;
        }
        if self.estimator != Estimator::WeightSpace {
            write!(f, "linear maps by {}", self.estimator.name())?;
            if !self.weights_drawn.is_empty() {
                let want = if self.estimator == Estimator::Flipout { "a Gaussian" } else { "an exact KL" };
                let sites = self.weights_drawn.join(", ");
                write!(f, ", but by drawn weights for want of {want} at {sites}")?;
            }
            writeln!(f)?;
        }
        if self.redrawn > 0 {
            let why = self.redrawn_for.as_deref().unwrap_or("the model failed there");
            writeln!(f, "{} draws were drawn anew ({why})", self.redrawn)?;
        }
        if self.kl_weight != KlWeight::Full {
            writeln!(f, "{}", self.kl_weight)?;
        }
        if let Some(elbo) = &self.elbo {
            writeln!(f, "ELBO {:.4} ± {:.4} ({} draws)", elbo.value, elbo.standard_error, elbo.draws)?;
            if let (Some(k), Some(nats)) = (self.elbo_tail, self.elbo_influence)
                && k > Self::HEAVY
                && nats > Self::LARGE_INFLUENCE
            {
                writeln!(
                    f,
                    "the ELBO and its error are NOT to be trusted: its terms have a heavy tail (k = {k:.2}), one draw moves it by {nats:.2}"
                )?;
            }
        }
        Ok(())
    }
}
