//! Tables of diagnostics and scores.

use crate::check::Check;
use crate::table::{field, matrix, numbers, short};
use probity_autodiff::Dual;
use probity_nn::prediction::{ClassificationPrediction, RegressionPrediction};
use probity_nn::scores::*;
use probity_vi::diagnostics::{Chains, psis};
use serde_json::Value as Json;

/// One unit of results that are to agree within 1e-8: 50 of them.
const UNIT: f64 = 2e-10;

/// A number with derivatives in an observation and two parameters.
type Jet = Dual<f64, 4>;

/// A file of `diagnostics`.
pub fn file(stem: &str, rows: &[Json], check: &mut Check) {
    for row in rows {
        check.at = short(row.get("description").unwrap_or(row));
        let compared = match stem {
            "psis" => smoothed(row, check),
            "rhat_ess" => chains(row, check),
            "crps" => crps(row, check),
            "crps_ensemble" => ensemble(row, check),
            "calibration" => calibration(row, check),
            "regression_scores" => regression(row, check),
            other => return check.miss(format!("the library has no {other}")),
        };
        if compared.is_none() {
            check.miss("a row with other fields");
        }
    }
}

fn smoothed(row: &Json, check: &mut Check) -> Option<()> {
    let got = psis(&numbers(row.get("log_ratios")?)?, field(row, "reff")?);
    let mut near = |name: &str, got: f64, want: f64| check.near(name, got, want, UNIT * want.abs().max(1.0));
    near("khat", got.k_hat, field(row, "khat")?);
    near("ess", got.ess, field(row, "ess")?);
    let wanted = numbers(row.get("log_weights_smoothed")?)?;
    got.log_weights.iter().zip(&wanted).for_each(|(got, want)| near("log_weights", *got, *want));
    Some(())
}

fn chains(row: &Json, check: &mut Check) -> Option<()> {
    let all: Vec<Vec<f64>> = row.get("chains")?.as_array()?.iter().map(numbers).collect::<Option<_>>()?;
    let chains = Chains::new(&all).ok()?;
    for (name, got) in [
        ("rhat_rank", chains.r_hat()),
        ("rhat_split", chains.r_hat_split()),
        ("ess_bulk", chains.ess_bulk()),
        ("ess_tail", chains.ess_tail()),
        ("ess_mean", chains.ess_mean()),
        ("ess_sd", chains.ess_sd()),
        ("ess_median", chains.ess_median()),
        ("ess_quantile_0.1", chains.ess_quantile(0.1)),
        ("mcse_mean", chains.mcse_mean()),
        ("mcse_sd", chains.mcse_sd()),
        ("mcse_quantile_0.9", chains.mcse_quantile(0.9)),
    ] {
        if let Some(want) = field(row, name) {
            check.near(name, got, want, UNIT * want.abs());
        }
    }
    Some(())
}

fn crps(row: &Json, check: &mut Check) -> Option<()> {
    let (y, want, params) = (field(row, "y")?, field(row, "crps")?, row.get("params")?);
    if let Some(locs) = params.get("locs") {
        let (w, s) = (numbers(params.get("weights")?)?, numbers(params.get("scales")?)?);
        let got = crps_normal_mixture(y, &w, &numbers(locs)?, &s);
        check.near("crps", got, want, f64::EPSILON * want);
        return Some(());
    }
    let p = |name: &str, i: usize| Some(Jet::variable(field(params, name)?, i));
    let at = Jet::variable(y, 0);
    let got = match row.get("family")?.as_str()? {
        "Normal" => crps_normal(at, p("loc", 1)?, p("scale", 2)?),
        "Laplace" => crps_laplace(at, p("loc", 1)?, p("scale", 2)?),
        "Logistic" => crps_logistic(at, p("loc", 1)?, p("scale", 2)?),
        "StudentT" => crps_student_t(at, p("df", 1)?, p("loc", 2)?, p("scale", 3)?),
        "Exponential" => crps_exponential(at, p("rate", 1)?),
        "LogNormal" => crps_log_normal(at, p("loc", 1)?, p("scale", 2)?),
        "Uniform" => crps_uniform(at, p("low", 1)?, p("high", 2)?),
        _ => return None,
    };
    check.near("crps", got.re, want, f64::EPSILON * want);
    for (i, name) in [(1, "d_loc"), (2, "d_scale")] {
        if let Some(want) = field(row, name) {
            check.near(name, got.du[i], want, f64::EPSILON);
        }
    }
    Some(())
}

fn ensemble(row: &Json, check: &mut Check) -> Option<()> {
    let (draws, y) = (numbers(row.get("ensemble")?)?, field(row, "y")?);
    let want = field(row, "crps_empirical")?;
    check.near("crps_empirical", crps_ensemble(&draws, y), want, f64::EPSILON * want);
    if let Some(fair) = field(row, "crps_fair") {
        // A difference of the empirical score and a part of the spread.
        check.near("crps_fair", crps_ensemble_fair(&draws, y), fair, f64::EPSILON * want);
    }
    Some(())
}

fn calibration(row: &Json, check: &mut Check) -> Option<()> {
    let probs = matrix(row.get("probabilities")?)?;
    let label = |x: &Json| x.as_u64().map(|k| k as usize);
    let labels: Vec<usize> = row.get("labels")?.as_array()?.iter().map(label).collect::<Option<_>>()?;
    let mut near = |name: &str, got: f64| {
        if let Some(want) = field(row, name) {
            check.near(name, got, want, f64::EPSILON);
        }
    };
    for m in [10, 15] {
        let bins = calibration_bins(&probs, &labels, m).ok()?;
        near(&format!("ece_{m}"), calibration_error(&bins));
        near(&format!("mce_{m}"), max_calibration_error(&bins));
    }
    near("ece_equal_mass_10", calibration_error(&calibration_bins_equal_mass(&probs, &labels, 10).ok()?));
    near("brier", brier(&probs, &labels).ok()?);
    let scores = ClassificationPrediction::new(vec![probs]).ok()?.summary(&labels).ok()?;
    near("accuracy", scores.accuracy.rate());
    near("nll", -scores.log_score);
    near("entropy_mean", scores.predictive_entropy);
    Some(())
}

fn regression(row: &Json, check: &mut Check) -> Option<()> {
    let [means, sds, y] = ["mean", "sd", "y"].map(|name| row.get(name).and_then(numbers));
    let (means, sds, y) = (means?, sds?, y?);
    let line = |x: &[f64]| probity_autodiff::nalgebra::DMatrix::from_row_slice(1, x.len(), x);
    let one = RegressionPrediction::new(line(&means), line(&sds)).ok()?;
    let scores = one.summary(&y).ok()?;
    let mut near = |name: &str, got: f64| {
        if let Some(want) = field(row, name) {
            check.near(name, got, want, f64::EPSILON * want.abs().max(1.0));
        }
    };
    near("rmse", scores.rmse);
    near("mean_log_likelihood", scores.log_score);
    near("mean_crps", scores.crps);
    for level in [0.5, 0.9, 0.95] {
        near(&format!("coverage_{level}"), one.coverage(&y, level).ok()?.rate());
        near(&format!("interval_score_{level}"), one.interval_score(&y, level).ok()?);
    }
    let losses = y.iter().zip(one.quantile(0.1)).map(|(&y, q)| pinball(y, q, 0.1));
    near("pinball_0.1", losses.sum::<f64>() / y.len() as f64);
    if let Some(wanted) = row.get("pit").and_then(numbers) {
        for (got, want) in one.pit(&y).ok()?.into_iter().zip(wanted) {
            check.near("pit", got, want, f64::EPSILON * want);
        }
    }
    Some(())
}
