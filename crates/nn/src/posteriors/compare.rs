//! Fitted networks side by side on held-out rows.

use crate::classification::FittedClassification;
use crate::error::{Error, Result};
use crate::heads::{Head, Outcome, check_classes};
use crate::layers::Layer;
use crate::network::FittedNetwork;
use crate::prediction::{Prediction, matrix};
use crate::regression::FittedRegression;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, parallel_map};
use probity_vi::{Grade, Report, Table, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One fit in a table of several: what it predicts on held-out rows, and how well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name that was given to it.
    pub name: String,
    /// Draws of the weights that predictions were made by.
    pub draws: usize,
    /// The mean log predictive density (mass) in nats; larger is better.
    #[serde(with = "probity_autodiff::serde_float")]
    pub log_score: f64,
    /// The root mean square error of the predictive mean, in the units of the target; none for
    /// classes.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub rmse: Option<f64>,
    /// The share of rows whose label was the most probable class; none for numbers.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub accuracy: Option<f64>,
    /// The share of outcomes in the central 50 % interval; none for classes and for several
    /// targets.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub coverage_50: Option<f64>,
    /// The share of outcomes in the central 90 % interval.
    #[serde(default, with = "probity_autodiff::serde_float")]
    pub coverage_90: Option<f64>,
    /// The root of the mean epistemic variance: of the predictive mean in the units of the target,
    /// or of the probabilities of classes.
    #[serde(with = "probity_autodiff::serde_float")]
    pub epistemic_sd: f64,
    /// Whether an exact kernel that moves the weights changes what they predict at these rows; none
    /// where that could not be asked.
    pub verdict: Option<Grade>,
    /// The time of the fit.
    #[serde(with = "probity_autodiff::serde_float")]
    pub seconds: f64,
}

/// Fits side by side; prints as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonTable {
    /// The rows that were predicted.
    pub rows: usize,
    /// The fits, in the order in which they were given.
    pub entries: Vec<Entry>,
}

/// What can stand in a [`ComparisonTable`].
pub trait Candidate {
    /// Its entry, by the rows x (n × k) and targets y (n × what its head takes).
    ///
    /// # Errors
    /// If sizes do not fit, or a prediction fails.
    fn entry(&self, name: &str, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Entry>;
}

/// Compares fits on held-out rows: inputs n × k, targets n × what the heads take, in the user's
/// units. The verdict on each is on what it predicts at these rows (at most 100 of them), by
/// [`check_at`](FittedRegression::check_at).
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::Regression;
/// use probity_nn::posteriors::{DeepEnsemble, Map, compare};
///
/// let x = DMatrix::from_fn(30, 1, |i, _| i as f64 / 10.0);
/// let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
/// let net = Regression::sampled_for(1, &[10]);
/// let one = net.infer(&x, &y, &Map::default())?;
/// let ten = net.infer(&x, &y, &DeepEnsemble { members: 3, ..DeepEnsemble::default() })?;
/// let table = compare(&[("one net", &one), ("three nets", &ten)], &x, &y)?;
/// assert!(table.entries[0].epistemic_sd < table.entries[1].epistemic_sd);
/// println!("{table}");
/// # Ok::<(), probity_nn::Error>(())
/// ```
///
/// # Errors
/// If sizes do not fit, or a prediction fails.
pub fn compare(
    fits: &[(&str, &dyn Candidate)],
    x: &DMatrix<f64>,
    y: &(impl Table + ?Sized),
) -> Result<ComparisonTable> {
    let y = matrix(y);
    let entries = fits.iter().map(|(name, fit)| fit.entry(name, x, &y)).collect::<Result<_>>()?;
    Ok(ComparisonTable { rows: x.nrows(), entries })
}

fn check_rows(x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result {
    if x.nrows() == y.nrows() && x.nrows() > 0 {
        return Ok(());
    }
    Err(Error::Data(format!("{} rows of inputs, {} targets", x.nrows(), y.nrows())))
}

/// The grade, where it could be found.
fn grade(verdict: Result<Verdict>) -> Option<Grade> {
    verdict.ok().map(|v| v.grade())
}

fn seconds(report: &Report) -> f64 {
    report.seconds
}

impl Candidate for FittedRegression {
    fn entry(&self, name: &str, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Entry> {
        check_rows(x, y)?;
        let draws = self.default_draws();
        let scores = self.predict(x, draws)?.summary(y.column(0).as_slice())?;
        Ok(Entry {
            name: name.to_owned(),
            draws,
            log_score: scores.log_score,
            rmse: Some(scores.rmse),
            accuracy: None,
            coverage_50: Some(scores.coverage_50.rate()),
            coverage_90: Some(scores.coverage_90.rate()),
            epistemic_sd: scores.epistemic_sd,
            verdict: grade(self.check_at(x)),
            seconds: seconds(self.posterior().report()),
        })
    }
}

impl Candidate for FittedClassification {
    /// Labels are whole numbers.
    fn entry(&self, name: &str, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Entry> {
        check_rows(x, y)?;
        let classes = self.spec().classes;
        check_classes(y, classes)?;
        let labels: Vec<usize> = y.column(0).iter().map(|y| *y as usize).collect();
        let draws = self.default_draws();
        let prediction = self.predict(x, draws)?;
        let probability = |i: usize, k: usize| prediction.draws().iter().map(move |p| p[(i, k)]);
        let variance = |i: usize, k: usize| {
            let mean = prediction.probs()[(i, k)];
            probability(i, k).map(|p| (p - mean).powi(2)).sum::<f64>() / draws as f64
        };
        let entries = (x.nrows() * classes) as f64;
        let sum: f64 =
            (0..x.nrows()).flat_map(|i| (0..classes).map(move |k| (i, k))).map(|(i, k)| variance(i, k)).sum();
        Ok(Entry {
            name: name.to_owned(),
            draws,
            log_score: prediction.log_score(&labels)?,
            rmse: None,
            accuracy: Some(prediction.accuracy(&labels)?.rate()),
            coverage_50: None,
            coverage_90: None,
            epistemic_sd: (sum / entries).sqrt(),
            verdict: grade(self.check_at(x)),
            seconds: seconds(self.posterior().report()),
        })
    }
}

impl<N: Layer<f32>, H: Head> Candidate for FittedNetwork<N, H> {
    fn entry(&self, name: &str, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Entry> {
        check_rows(x, y)?;
        let draws = self.default_draws();
        let prediction = self.predict(x, draws)?;
        let classes = prediction.at(0)[0].probabilities().map(<[f64]>::len);
        let n = x.nrows() as f64;
        let mut entry = Entry {
            name: name.to_owned(),
            draws,
            log_score: prediction.log_score(y)?,
            rmse: None,
            accuracy: None,
            coverage_50: None,
            coverage_90: None,
            epistemic_sd: 0.0,
            verdict: grade(self.check_at(x)),
            seconds: seconds(self.posterior().report()),
        };
        match classes {
            Some(classes) => {
                let probability = |k: usize| prediction.functional(|r| probability(r, k));
                let by_class: Vec<DMatrix<f64>> = (0..classes).map(probability).collect();
                let variance: f64 = by_class.iter().map(|p| p.row_variance().sum()).sum();
                entry.epistemic_sd = (variance / (n * classes as f64)).sqrt();
                let means: Vec<_> = by_class.iter().map(DMatrix::row_mean).collect();
                let best =
                    |i: usize| (0..classes).max_by(|a, b| means[*a][i].total_cmp(&means[*b][i])).unwrap_or(0);
                let hits = (0..x.nrows()).filter(|i| best(*i) as f64 == y[(*i, 0)]).count();
                entry.accuracy = Some(hits as f64 / n);
            }
            None => {
                let (mean, epistemic) = (prediction.mean(), prediction.epistemic_variance());
                let targets = mean.ncols().min(y.ncols());
                let error = |i: usize, j: usize| (mean[(i, j)] - y[(i, j)]).powi(2);
                let errors: f64 = (0..targets)
                    .flat_map(|j| (0..x.nrows()).map(move |i| (i, j)))
                    .map(|(i, j)| error(i, j))
                    .sum();
                entry.rmse = Some((errors / (n * targets as f64)).sqrt());
                entry.epistemic_sd = epistemic.mean().sqrt();
                if y.ncols() == 1 {
                    let held = held(&prediction, y);
                    entry.coverage_50 = Some(held[0]);
                    entry.coverage_90 = Some(held[1]);
                }
            }
        }
        Ok(entry)
    }
}

fn probability<R: Outcome>(row: &R, class: usize) -> f64 {
    row.probabilities().and_then(|p| p.get(class)).copied().unwrap_or(0.0)
}

/// The shares of outcomes in the central intervals of 50 and 90 %, by 2000 draws of each: not every
/// head has quantiles.
fn held<R: Outcome>(prediction: &Prediction<R>, y: &DMatrix<f64>) -> [f64; 2] {
    const DRAWS: usize = 2000;
    let key = Key::new(0).fold_in_str("coverage");
    let of_row = |i: usize| {
        let (rows, key) = (prediction.at(i), key.fold_in(i as u64));
        let draw = |s: usize| rows[s % rows.len()].sample(key.fold_in(s as u64))[0];
        let (mut below, mut above) = (0, 0);
        for drawn in (0..DRAWS).map(draw) {
            below += usize::from(drawn <= y[(i, 0)]);
            above += usize::from(drawn >= y[(i, 0)]);
        }
        [0.25, 0.05].map(|tail| below.min(above) as f64 >= tail * DRAWS as f64)
    };
    let inside = parallel_map(y.nrows(), of_row);
    [0, 1].map(|level| inside.iter().filter(|held| held[level]).count() as f64 / inside.len() as f64)
}

impl fmt::Display for ComparisonTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.entries.iter().map(|e| e.name.chars().count()).max().unwrap_or(0).max(6);
        let classes = self.entries.iter().any(|e| e.accuracy.is_some());
        let error = if classes { "accuracy" } else { "rmse" };
        writeln!(
            f,
            "{:width$} {:>10} {error:>10} {:>6} {:>6} {:>12} {:>8} {:>9} {:>6}",
            "method", "log score", "50 %", "90 %", "epistemic sd", "verdict", "seconds", "draws"
        )?;
        let shown = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
        for (i, e) in self.entries.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let measure = shown(if classes { e.accuracy } else { None });
            let measure = if classes { measure } else { e.rmse.map_or("-".into(), |x| format!("{x:.4}")) };
            let verdict = e.verdict.map_or("-".to_owned(), |grade| grade.to_string());
            write!(
                f,
                "{:width$} {:>10.4} {measure:>10} {:>6} {:>6} {:>12.4} {verdict:>8} {:>9.2} {:>6}",
                e.name,
                e.log_score,
                shown(e.coverage_50),
                shown(e.coverage_90),
                e.epistemic_sd,
                e.seconds,
                e.draws
            )?;
        }
        Ok(())
    }
}
