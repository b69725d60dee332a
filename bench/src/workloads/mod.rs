//! The workloads: their sizes (one table for all sides, `peers/workloads.json`), and our side of
//! each.

mod density;
mod linear;
mod logistic;
mod net;
mod normals;
mod predict;

pub use density::Density;
pub use linear::LinearRegression;
pub use logistic::Logistic;
pub use net::{Loss, Net};
pub use normals::Normals;
pub use predict::Predict;

use crate::meter::Meter;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use serde::Deserialize;
use std::error::Error;

/// What a workload may report.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// A workload with its name.
#[derive(Clone, Debug, Deserialize)]
pub struct Workload {
    /// The name, as on the command line.
    pub name: String,
    /// Steps in a block.
    pub steps: usize,
    /// What a step is.
    #[serde(flatten)]
    pub work: Work,
}

/// What a step is.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// A step of training a Bayesian network.
    Net(Net),
    /// Predictions of a Bayesian network.
    Predict(Predict),
    /// A step of fitting a linear regression.
    Linear(LinearRegression),
    /// A step of fitting a hierarchical logistic regression.
    Logistic(Logistic),
    /// A log density with its gradient.
    Density(Density),
    /// Standard normal numbers.
    Normals(Normals),
}

/// All workloads, in the order of the table.
///
/// # Errors
/// If the table in the source cannot be read.
pub fn all() -> Result<Vec<Workload>, String> {
    serde_json::from_str(include_str!("../../peers/workloads.json"))
        .map_err(|e| format!("workloads.json: {e}"))
}

/// The workload of this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<Workload, String> {
    let all = all()?;
    let names: Vec<&str> = all.iter().map(|w| w.name.as_str()).collect();
    let problem = format!("there is no workload \"{name}\"; there are {}", names.join(", "));
    all.into_iter().find(|w| w.name == name).ok_or(problem)
}

impl Work {
    /// Runs our side until the meter has enough.
    ///
    /// # Errors
    /// What the library reports.
    pub fn run(&self, meter: &mut Meter) -> Outcome {
        match self {
            Work::Net(work) => work.run(meter),
            Work::Predict(work) => work.run(meter),
            Work::Linear(work) => work.run(meter),
            Work::Logistic(work) => work.run(meter),
            Work::Density(work) => work.run(meter),
            Work::Normals(work) => work.run(meter),
        }
    }
}

/// As many steps as a fit may take before the meter ends it.
const MANY: usize = 1 << 20;

fn key(name: &str) -> Key {
    Key::new(1).fold_in_str(name)
}

fn normal(rows: usize, columns: usize, name: &str) -> DMatrix<f64> {
    let mut x = DMatrix::zeros(rows, columns);
    fill_normal(key(name), 0, x.as_mut_slice());
    x
}

fn uniform(rows: usize, columns: usize, name: &str) -> DMatrix<f64> {
    let mut x = DMatrix::zeros(rows, columns);
    fill_uniform(key(name), 0, x.as_mut_slice());
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_runs() {
        for mut workload in all().unwrap() {
            // As it is, but with less data to make.
            match &mut workload.work {
                Work::Net(net) if net.rows > 1000 => net.rows = 2 * net.batch,
                Work::Normals(normals) => normals.entries /= 10,
                Work::Density(density) => density.entries /= 10,
                Work::Predict(predict) => predict.draws /= 10,
                _ => {}
            }
            let mut meter = Meter::quick();
            workload.work.run(&mut meter).unwrap();
            let line = meter.line(&workload.name, 1);
            assert!(line.repeats == 2 && line.us_per_step > 0.0, "{line:?}");
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        let all = all().unwrap();
        assert!(all.iter().all(|w| w.steps > 0 && all.iter().filter(|v| v.name == w.name).count() == 1));
        assert_eq!(find("mnist").unwrap().steps, 10);
        assert!(find("none").unwrap_err().starts_with("there is no workload \"none\"; there are seed, uci"));
    }
}
