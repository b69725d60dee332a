//! A fit with default settings, and how far its moments are from the reference.

use super::data::{Data, DataError};
use super::models::{self, AnyModel};
use super::reference::{Reference, entry};
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{ByRef, Corrected, Fit, Grade, Model, Posterior, SiteDraws, SiteKind, Verdict};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// Draws from a fit for its means and standard deviations, where the fit has none that stand in the
/// place of those of its guide.
const DRAWS: usize = 20_000;

/// What the columns of a result are.
pub const HEADER: &str = "posterior                                    mean err   sd err  rms sd verdict   k-hat gradients  seconds";

/// What became of a posterior.
#[derive(Debug)]
pub struct Outcome {
    name: String,
    /// What kept the model from being fitted.
    failure: Option<String>,
    /// Without a reference, none.
    errors: Option<Errors>,
    verdict: String,
    /// The checks that allow no A.
    because: Vec<String>,
    k_hat: Option<f64>,
    gradients: usize,
    seconds: f64,
}

/// How far from the reference.
#[derive(Clone, Copy, Debug)]
struct Errors {
    /// The largest |error of a mean|, in standard deviations of the reference.
    worst_mean: f64,
    /// The largest |error of a standard deviation|, relative to that of the reference.
    worst_sd: f64,
    /// The root mean square of these.
    rms_sd: f64,
}

type Fitted<'a> = Posterior<ByRef<'a, dyn Model + Send + Sync>>;

/// Fits the posterior in this folder.
///
/// # Errors
/// If its files cannot be read. What the fit reports stands in the result.
pub fn fit(name: &str, folder: &Path, seed: u64) -> Result<Outcome, DataError> {
    let data = Data::read(&folder.join("data.json"))?;
    let unknown = || Err(DataError::File(folder.display().to_string(), "no model of it".into()));
    let model: AnyModel = models::build(name, &data).unwrap_or_else(unknown)?;
    let start = Instant::now();
    let fitted = Fit::new().seed(seed).run(ByRef(&*model));
    let seconds = start.elapsed().as_secs_f64();
    let file = folder.join("reference.json");
    let reference = if file.exists() { Some(Reference::read(&file)?) } else { None };
    let mut outcome = Outcome {
        name: name.to_string(),
        failure: None,
        errors: None,
        verdict: "error".into(),
        because: Vec::new(),
        k_hat: None,
        gradients: 0,
        seconds,
    };
    let judged = fitted.and_then(|posterior| {
        (outcome.verdict, outcome.k_hat) = verdict(&posterior);
        let checks = posterior.verdict().into_iter().flat_map(Verdict::checks);
        outcome.because = checks.filter(|c| c.grade > Grade::A).map(|c| c.to_string()).collect();
        outcome.gradients = posterior.report().gradients;
        reference.map(|reference| errors(&posterior, &reference)).transpose()
    });
    match judged {
        Ok(errors) => outcome.errors = errors,
        Err(error) => outcome.failure = Some(error.to_string()),
    }
    Ok(outcome)
}

/// What the fit says of itself: whether to believe it, and the shape of the importance ratios'
/// tail.
fn verdict(posterior: &Fitted<'_>) -> (String, Option<f64>) {
    let grade = posterior.verdict().map_or("-".into(), |verdict| verdict.grade().to_string());
    (grade, posterior.report().k_hat)
}

/// Means and standard deviations of the numbers of a site.
#[derive(Debug)]
struct Moments {
    site: String,
    mean: DMatrix<f64>,
    sd: DMatrix<f64>,
}

/// Of every site but the data.
fn moments(posterior: &Fitted<'_>) -> probity_vi::Result<Vec<Moments>> {
    let layout = posterior.layout();
    let wanted = |site: &str| layout.site(site).is_some_and(|site| site.kind != SiteKind::Observed);
    let n = posterior.corrected().map_or(DRAWS, Corrected::len);
    let draws = posterior.predict_sites(posterior.model(), n, wanted)?;
    let of = |site: &SiteDraws| Moments { site: site.name.clone(), mean: site.mean(), sd: site.sd() };
    Ok(draws.sites().iter().map(of).collect())
}

/// Compares with the reference. A number that the fit does not have is infinitely far.
fn errors(posterior: &Fitted<'_>, reference: &Reference) -> probity_vi::Result<Errors> {
    let moments = moments(posterior)?;
    let (mut worst_mean, mut worst_sd, mut squares) = (0.0_f64, 0.0_f64, 0.0);
    for (i, name) in reference.names.iter().enumerate() {
        let (site, entry) = entry(name);
        let own = moments.iter().find(|own| own.site == site);
        let own = own.and_then(|own| Some((*own.mean.get(entry)?, *own.sd.get(entry)?)));
        let (mean, sd) = own.unwrap_or((f64::INFINITY, f64::INFINITY));
        let (center, scale) = (reference.mean[i], reference.sd[i]);
        let not_nan = |x: f64| if x.is_nan() { f64::INFINITY } else { x.abs() };
        let sd_error = not_nan(sd / scale - 1.0);
        worst_mean = worst_mean.max(not_nan((mean - center) / scale));
        worst_sd = worst_sd.max(sd_error);
        squares += sd_error * sd_error;
    }
    Ok(Errors { worst_mean, worst_sd, rms_sd: (squares / reference.names.len() as f64).sqrt() })
}

impl Outcome {
    /// As an object; null for what there is not.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "verdict": self.verdict,
            "worst_mean_error": self.errors.map(|e| e.worst_mean),
            "worst_sd_error": self.errors.map(|e| e.worst_sd),
            "rms_sd_error": self.errors.map(|e| e.rms_sd),
            "k_hat": self.k_hat,
            "gradients": self.gradients,
            "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, verdict, gradients, seconds, .. } = self;
        if let Some(failure) = &self.failure {
            return write!(f, "{name:<44} failed: {failure}");
        }
        let number = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("{x:.3}"));
        let [mean, sd, rms] = [
            self.errors.map(|e| e.worst_mean),
            self.errors.map(|e| e.worst_sd),
            self.errors.map(|e| e.rms_sd),
        ]
        .map(number);
        let k_hat = number(self.k_hat);
        write!(
            f,
            "{name:<44} {mean:>8} {sd:>8} {rms:>7} {verdict:>7} {k_hat:>7} {gradients:>9} {seconds:>8.2}"
        )?;
        self.because.iter().try_for_each(|check| write!(f, "\n    {check}"))
    }
}
