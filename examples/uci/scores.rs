//! Scores of splits, their means, and the comparison with published ones.

use super::options::Method;
use probity_nn::prediction::RegressionScores;
use probity_vi::Grade;
use serde::Deserialize;
use std::fmt;
use std::path::Path;

pub const HEADER: &str = "split     rmse   log lik.     crps   50 %   90 %  seconds";

pub const ALL_HEADER: &str =
    "method                 log lik. (error)       rmse (error)   50 %   90 %  epistemic  seconds  verdicts";

/// The scores of one split.
pub struct Scores {
    pub split: usize,
    pub method: Method,
    pub scores: RegressionScores,
    /// Whether an exact kernel leaves the predictions as they are, if that was asked.
    pub grade: Option<Grade>,
    pub seconds: f64,
}

impl Scores {
    /// RMSE, log likelihood, CRPS, coverage of 50 and of 90 % intervals, seconds.
    fn numbers(&self) -> [f64; 6] {
        let s = &self.scores;
        [s.rmse, s.log_score, s.crps, s.coverage_50.rate(), s.coverage_90.rate(), self.seconds]
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rmse, log, crps, half, most, seconds] = self.numbers();
        write!(
            f,
            "{:>5} {rmse:>8.4} {log:>10.4} {crps:>8.4} {half:>6.3} {most:>6.3} {seconds:>8.2}",
            self.split
        )?;
        self.grade.map_or(Ok(()), |grade| write!(f, " {grade}"))
    }
}

/// The means of a method over splits, with the grades of all.
pub fn line(method: &str, rows: &[Scores]) -> String {
    let Means(means) = Means::of(rows);
    let [(rmse, rmse_error), (log, log_error), _, (half, _), (most, _), (seconds, _)] = means;
    let epistemic = rows.iter().map(|row| row.scores.epistemic_sd).sum::<f64>() / rows.len() as f64;
    let grades: String =
        rows.iter().map(|row| row.grade.map_or("-".to_owned(), |grade| grade.to_string())).collect();
    format!(
        "{method:<20} {log:>9.3} ({log_error:.3}) {rmse:>10.3} ({rmse_error:.3}) {half:>6.3} {most:>6.3} {epistemic:>10.3} {seconds:>8.2}  {grades}"
    )
}

/// One line for every split.
pub fn csv(rows: &[Scores]) -> String {
    let mut text = "split,method,rmse,log_likelihood,crps,coverage50,coverage90,seconds\n".to_owned();
    for row in rows {
        let numbers: Vec<String> = row.numbers().iter().map(f64::to_string).collect();
        let method = row.method.name();
        text += &format!("{},{method},{}\n", row.split, numbers.join(","));
    }
    text
}

/// Means over splits with their standard errors.
pub struct Means([(f64, f64); 6]);

impl Means {
    pub fn of(rows: &[Scores]) -> Self {
        Self(std::array::from_fn(|i| mean_and_error(rows.iter().map(|row| row.numbers()[i]).collect())))
    }
}

fn mean_and_error(x: Vec<f64>) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// Of one split there is no standard error.
fn plus_minus(error: f64) -> String {
    if error.is_nan() { String::new() } else { format!(" ± {error:.4}") }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["rmse", "log likelihood", "crps", "coverage of 50 %", "coverage of 90 %", "seconds"];
        let lines = names
            .iter()
            .zip(self.0)
            .map(|(name, (mean, error))| format!("{name:<17} {mean:>9.4}{}", plus_minus(error)));
        write!(f, "mean over splits ± standard error\n{}", lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Published scores of the same splits.
#[derive(Deserialize)]
pub struct Published {
    source: String,
    #[serde(rename = "test_MC_rmse")]
    rmse: Vec<f64>,
    #[serde(rename = "test_ll")]
    log_likelihood: Vec<f64>,
}

impl Published {
    /// None if the folder has none, or none in this form.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(folder.join("published_per_split.json")).ok()?).ok()
    }

    /// Differences split by split, ours minus theirs.
    pub fn against(&self, rows: &[Scores]) -> String {
        let paired = |theirs: &[f64], ours: fn(&Scores) -> f64| {
            let differences = rows.iter().filter_map(|row| Some(ours(row) - theirs.get(row.split)?));
            mean_and_error(differences.collect())
        };
        let (rmse, rmse_error) = paired(&self.rmse, |row| row.scores.rmse);
        let (log, log_error) = paired(&self.log_likelihood, |row| row.scores.log_score);
        format!(
            "split by split against {}:\nrmse {rmse:+.4}{}, log likelihood {log:+.4}{}",
            self.source,
            plus_minus(rmse_error),
            plus_minus(log_error)
        )
    }
}
