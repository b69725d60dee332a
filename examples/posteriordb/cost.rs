//! What a gradient of a model costs, on one core.

use super::data::{Data, numbers, read_json};
use super::models;
use super::reference::{coordinate, strings};
use probity_examples::say;
use probity_examples::timing::microseconds_of;
use probity_vi::{ByRef, LogJoint, Target};
use std::error::Error;
use std::path::{Path, PathBuf};

/// Points that share a tape.
const TOGETHER: usize = 16;

/// Prints a line for every posterior: microseconds by itself, and for each of several points
/// together, as a fit has them.
pub fn print(folders: &[(String, PathBuf)]) -> Result<(), Box<dyn Error>> {
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    say!("{:<44} {:>9} {:>13}", "microseconds a gradient", "alone", "of 16 points");
    for (name, folder) in folders {
        let [alone, together] = single.install(|| microseconds(name, folder)).map_err(|e| e.to_string())?;
        say!("{name:<44} {alone:>9.2} {together:>13.2}");
    }
    Ok(())
}

fn microseconds(name: &str, folder: &Path) -> Result<[f64; 2], Box<dyn Error + Send + Sync>> {
    let data = Data::read(&folder.join("data.json"))?;
    let Some(model) = models::build(name, &data) else { return Err("no model of it".into()) };
    let model = model?;
    let mut joint = LogJoint::new(ByRef(&*model))?;
    let u = center(&joint, folder).unwrap_or_else(|| vec![0.0; joint.dim()]);
    let (mut gradient, mut all) = (u.clone(), u.repeat(TOGETHER));
    let (points, mut values) = (all.clone(), [0.0; TOGETHER]);
    // A failure shows here, not while the clock runs.
    joint.gradient(&u, &mut gradient)?;
    let alone = microseconds_of(|| joint.gradient(&u, &mut gradient).is_ok());
    let mut target = joint.clone();
    let together = microseconds_of(|| Target::gradients(&mut target, &points, &mut values, &mut all).is_ok());
    Ok([alone, together / TOGETHER as f64])
}

/// The posterior mean, if a reference has it: the cost of a solver depends on the place.
fn center<M: probity_vi::Model>(joint: &LogJoint<M>, folder: &Path) -> Option<Vec<f64>> {
    let all = read_json(&folder.join("reference.json")).ok()?;
    let unconstrained = all.get("unconstrained")?.as_object()?;
    let (names, mean) = (strings(unconstrained, "names")?, numbers(unconstrained.get("mean")?)?);
    let mut u = vec![0.0; joint.dim()];
    for (name, mean) in names.iter().zip(mean) {
        *u.get_mut(coordinate(joint.layout(), name)?)? = mean;
    }
    Some(u)
}
