//! Posteriors of one model side by side, and a fit beside chains that know nothing of it.

use crate::diagnostics::Loo;
use crate::draws::{Summary, SummaryRow, significant};
use crate::error::Result;
use crate::model::Model;
use crate::posterior::Posterior;
use crate::report::Report;
use crate::verdict::{Grade, Verdict};
use probity_autodiff::Scalar;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A posterior of any model and precision, as [`compare`] takes it.
pub trait Fitted {
    /// The record of the fit.
    fn report(&self) -> &Report;

    /// Mean, standard deviation and quantiles of every number.
    ///
    /// # Errors
    /// What the model reports.
    fn summary(&self) -> Result<Summary>;

    /// Leave-one-out cross-validation; none where the model observes nothing, the posterior is a
    /// point, or observations times draws are more than 20 million.
    ///
    /// # Errors
    /// What the model reports.
    fn loo(&self) -> Result<Option<Loo>> {
        Ok(None)
    }
}

impl<M: Model<T> + Sync, T: Scalar> Fitted for Posterior<M, T> {
    fn report(&self) -> &Report {
        Posterior::report(self)
    }

    fn summary(&self) -> Result<Summary> {
        Posterior::summary(self)
    }

    fn loo(&self) -> Result<Option<Loo>> {
        self.loo_if_cheap()
    }
}

/// One posterior of a [`Comparison`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The name that it was given.
    pub name: String,
    /// The record of its fit.
    pub report: Report,
    /// Its moments.
    pub summary: Summary,
    /// How well each observation is predicted by the others.
    #[serde(default)]
    pub loo: Option<Loo>,
}

/// A table of posteriors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In the order in which they were given.
    pub posteriors: Vec<Compared>,
}

/// Puts posteriors of one model side by side, each with a name: how they were found, whether to
/// believe them, how well they predict, and the mean and standard deviation of every number.
///
/// Prediction is the expected log predictive density of single observations given all others
/// (`elpd_loo`), with its standard error and the number of observations whose k̂ is above 0.7, so
/// that their terms are not to be believed ([`Posterior::loo`]). Standard errors of *differences*
/// between posteriors are smaller: [`diagnostics::compare`](crate::diagnostics::compare) has them.
///
/// ```
/// use probity_distributions::Normal;
/// use probity_vi::{Fit, MeanField, Scope, compare, fit};
///
/// let model = |s: &mut Scope| {
///     let a = s.sample("a", Normal::new(0.0, 1.0))?;
///     let b = s.sample("b", Normal::new(0.0, 1.0))?;
///     s.observe("y", Normal::new(a + b, 0.1), 1.0)
/// };
/// let (default, mean_field) = (fit(model)?, Fit::new().guide(MeanField::new()).run(model)?);
/// println!("{}", compare(&[("default", &default), ("mean field", &mean_field)])?);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// # Errors
/// What the models report.
pub fn compare(posteriors: &[(&str, &dyn Fitted)]) -> Result<Comparison> {
    let of = |(name, posterior): &(&str, &dyn Fitted)| {
        let (name, report) = ((*name).to_owned(), posterior.report().clone());
        Ok(Compared { name, report, summary: posterior.summary()?, loo: posterior.loo()? })
    };
    Ok(Comparison { posteriors: posteriors.iter().map(of).collect::<Result<_>>()? })
}

/// The most rows of moments that are printed.
const SHOWN: usize = 40;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.posteriors.iter().map(|p| p.name.chars().count()).max().unwrap_or(0).max(9);
        writeln!(
            f,
            "{:width$} verdict   k-hat       ELBO   elpd_loo       se  k>0.7  gradients  seconds  guide",
            "posterior"
        )?;
        for Compared { name, report, loo, .. } in &self.posteriors {
            let verdict = report.verdict.as_ref().map_or("-".into(), |v| v.grade().to_string());
            let k_hat = report.k_hat.map_or("-".into(), |k| format!("{k:.2}"));
            let elbo = report.elbo.map_or("-".into(), |e| format!("{:.2}", e.value));
            let [elpd, error] = match loo {
                Some(Loo { elpd, .. }) => [elpd.value, elpd.standard_error].map(|x| format!("{x:.2}")),
                None => ["-".into(), "-".into()],
            };
            let high = loo.as_ref().map_or("-".into(), |l| l.above(0.7).to_string());
            let Report { gradients, seconds, guide, .. } = report;
            writeln!(
                f,
                "{name:width$} {verdict:>7} {k_hat:>7} {elbo:>10} {elpd:>10} {error:>8} {high:>6} {gradients:>10} {seconds:>8.2}  {guide}"
            )?;
        }
        let Some(first) = self.posteriors.first() else { return Ok(()) };
        let rows = first.summary.rows.iter().take(SHOWN);
        let entry = rows.clone().map(|r| r.name.chars().count()).max().unwrap_or(0).max(4);
        write!(f, "\n{:entry$}", "site")?;
        self.posteriors.iter().try_for_each(|p| write!(f, "  {:>21}", p.name))?;
        for row in rows {
            write!(f, "\n{:entry$}", row.name)?;
            for posterior in &self.posteriors {
                match posterior.summary.rows.iter().find(|r| r.name == row.name) {
                    Some(SummaryRow { mean, sd, .. }) => {
                        write!(f, "  {:>10} {:>10}", significant(*mean), significant(*sd))?;
                    }
                    None => write!(f, "  {:>21}", "-")?,
                }
            }
        }
        let more = first.summary.rows.len().saturating_sub(SHOWN);
        if more > 0 {
            write!(f, "\n... and {more} more")?;
        }
        writeln!(f)
    }
}

/// A fit beside chains; see [`Posterior::check_by_nuts`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NutsCheck {
    /// The moments of the fit.
    pub fit: Summary,
    /// Those of the chains.
    pub nuts: Summary,
    /// Whether to believe the chains.
    pub verdict: Verdict,
}

impl NutsCheck {
    /// The largest difference of a mean, in standard deviations of the chains, with its row.
    pub fn worst_mean(&self) -> Option<(&str, f64)> {
        self.worst(|fit, nuts| (fit.mean - nuts.mean) / nuts.sd)
    }

    /// The largest difference of the logarithms of a standard deviation, with its row.
    pub fn worst_sd(&self) -> Option<(&str, f64)> {
        self.worst(|fit, nuts| (fit.sd / nuts.sd).ln())
    }

    fn worst(&self, of: impl Fn(&SummaryRow, &SummaryRow) -> f64) -> Option<(&str, f64)> {
        let each = self.fit.rows.iter().zip(&self.nuts.rows);
        let each = each.map(|(fit, nuts)| (fit.name.as_str(), of(fit, nuts).abs()));
        each.filter(|(_, x)| x.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

impl fmt::Display for NutsCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict.grade() == Grade::C {
            writeln!(f, "the chains themselves are not to be believed:\n{}", self.verdict)?;
        }
        let (fit, nuts) = (&self.fit.rows, &self.nuts.rows);
        let width = fit.iter().take(SHOWN).map(|r| r.name.chars().count()).max().unwrap_or(0).max(4);
        writeln!(f, "{:width$} {:>21} {:>21}", "", "fit", "NUTS")?;
        let [mean, sd] = ["mean", "sd"];
        writeln!(f, "{:width$} {mean:>10} {sd:>10} {mean:>10} {sd:>10} {:>8} {:>8}", "site", "off", "ratio")?;
        for (own, other) in fit.iter().zip(nuts).take(SHOWN) {
            let [a, b, c, d] = [own.mean, own.sd, other.mean, other.sd].map(significant);
            let (off, ratio) = ((own.mean - other.mean) / other.sd, own.sd / other.sd);
            writeln!(f, "{:width$} {a:>10} {b:>10} {c:>10} {d:>10} {off:>8.2} {ratio:>8.2}", own.name)?;
        }
        for (what, worst) in [("mean", self.worst_mean()), ("log sd", self.worst_sd())] {
            if let Some((name, by)) = worst {
                writeln!(f, "largest difference of a {what}: {by:.2}, at {name}")?;
            }
        }
        Ok(())
    }
}
