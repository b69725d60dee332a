//! What a gradient of a model costs, on one core.

use super::data::{Data, numbers, read_json};
use super::models;
use super::reference::{coordinate, strings};
use probity_examples::say;
use probity_vi::{ByRef, LogJoint, Target};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    let alone = median(|| joint.gradient(&u, &mut gradient).is_ok());
    let mut target = joint.clone();
    let together = median(|| Target::gradients(&mut target, &points, &mut values, &mut all).is_ok());
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

/// Microseconds of a call: the median over runs of calls, each of about a millisecond.
fn median(mut call: impl FnMut() -> bool) -> f64 {
    let mut run = |calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|_| assert!(call(), "the model failed where it had not"));
        start.elapsed()
    };
    run(20);
    let once = run(20) / 20;
    let calls = (1e-3 / once.as_secs_f64().max(1e-9)).ceil() as usize;
    let (end, mut times) = (Instant::now() + Duration::from_millis(200), Vec::new());
    while times.len() < 5 || Instant::now() < end {
        times.push(run(calls).as_secs_f64() / calls as f64 * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
