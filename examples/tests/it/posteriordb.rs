//! The log joint densities of the posteriors and their gradients at the probes of the reference
//! (`PROBITY_REFERENCE_DATA`).
#![allow(dead_code, reason = "the program is included as a module, with its main function")]

#[path = "../../posteriordb/main.rs"]
mod program;

use probity_vi::{ByRef, LogJoint};
use program::data::{Data, numbers, read_json};
use program::models::POSTERIORS;
use program::reference::{coordinate, strings};
use std::path::Path;

/// The error of a number, relative to its size or to a larger one.
fn error(got: f64, want: f64, least: f64) -> f64 {
    let error = (got - want).abs() / want.abs().max(least);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The largest error of the log joint densities and of the entries of their gradients, relative to
/// their size or to 1, or, of a gradient as a whole, to its largest entry.
fn worst_errors(folder: &Path, name: &str, whole: bool) -> [f64; 2] {
    let data = Data::read(&folder.join("data.json")).unwrap();
    let model = program::models::build(name, &data).unwrap().unwrap();
    let mut joint = LogJoint::new(ByRef(&*model)).unwrap();
    let reference = read_json(&folder.join("reference.json")).unwrap();
    let names = strings(reference["unconstrained"].as_object().unwrap(), "names").unwrap();
    let places: Vec<usize> = names.iter().map(|name| coordinate(joint.layout(), name).unwrap()).collect();
    let mut once = places.clone();
    once.sort_unstable();
    assert_eq!(once, (0..joint.dim()).collect::<Vec<_>>(), "{name}: every coordinate has a name");
    let mut worst = [0.0_f64; 2];
    let probes = reference["probes"].as_array().unwrap();
    assert!(!probes.is_empty());
    for probe in probes {
        let (mut u, mut gradient) = (vec![0.0; places.len()], vec![0.0; places.len()]);
        for (place, x) in places.iter().zip(numbers(&probe["unconstrained"]).unwrap()) {
            u[*place] = x;
        }
        let got = joint.gradient(&u, &mut gradient).unwrap();
        let want = probe["log_density_unconstrained"].as_f64().unwrap();
        worst[0] = worst[0].max(error(got, want, 1.0));
        let wants = numbers(&probe["grad_unconstrained"]).unwrap();
        let largest = wants.iter().fold(1.0_f64, |m, want| m.max(want.abs()));
        for (place, want) in places.iter().zip(wants) {
            worst[1] = worst[1].max(error(gradient[*place], want, if whole { largest } else { 1.0 }));
        }
    }
    worst
}

/// To 1e-9, and to 1e-6 where differential equations are solved, as a whole: the reference solved
/// them by Runge-Kutta steps of a fixed length, whose own error is 2.5e-6 of a small entry of one
/// of its gradients (found by steps of an eighth of the length).
#[test]
fn log_joints_and_gradients_are_those_of_the_probes() {
    let Some(data) = std::env::var_os("PROBITY_REFERENCE_DATA") else {
        println!("skipped: PROBITY_REFERENCE_DATA is not set");
        return;
    };
    let folder = |name: &str| {
        ["posteriordb", "synthetic"]
            .map(|kind| Path::new(&data).join(kind).join(name))
            .into_iter()
            .find(|f| f.exists())
    };
    let mut bad = Vec::new();
    for (name, _) in POSTERIORS {
        let folder = folder(name).unwrap_or_else(|| panic!("no folder of {name}"));
        let solved = name.ends_with("lotka_volterra");
        let worst = worst_errors(&folder, name, solved);
        println!("{name}: value {:.1e}, gradient {:.1e}", worst[0], worst[1]);
        let bound = if solved { 1e-6 } else { 1e-9 };
        if worst.iter().any(|worst| *worst > bound) {
            bad.push((name, worst));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn names_of_entries() {
    use program::reference::entry;
    assert_eq!(entry("beta[3]"), ("beta", 2));
    assert_eq!(entry("sigma"), ("sigma", 0));
    assert_eq!(entry("odd[0]"), ("odd[0]", 0));
    // Every folder of the data, if they are there, is known.
    let Some(data) = std::env::var_os("PROBITY_REFERENCE_DATA") else { return };
    for kind in ["posteriordb", "synthetic"] {
        for folder in std::fs::read_dir(Path::new(&data).join(kind)).unwrap() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            assert!(POSTERIORS.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}

/// A mean of 40 numbers, in the place of a posterior that has a regression on one column.
fn a_small_posterior(folder: &Path) -> (f64, f64) {
    let y: Vec<f64> = (0..40).map(|i| 2.0 + (1.7 * f64::from(i)).sin()).collect();
    let mean = y.iter().sum::<f64>() / 40.0;
    let sd = (y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 39.0 / 40.0).sqrt();
    let data = serde_json::json!({ "y": y, "X": vec![[1.0]; 40] });
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("data.json"), data.to_string()).unwrap();
    (mean, sd)
}

fn write_reference(folder: &Path, names: &[&str], mean: &[f64], sd: &[f64]) {
    let reference = serde_json::json!({ "parameters": names, "mean": mean, "sd": sd });
    std::fs::write(folder.join("reference.json"), reference.to_string()).unwrap();
}

#[test]
fn fits_are_compared_with_their_reference() {
    use program::run::fit;
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("sblri-blr");
    let (mean, sd) = a_small_posterior(&folder);
    let alone = fit("sblri-blr", &folder, 1).unwrap().json();
    assert!(alone["worst_mean_error"].is_null() && alone["gradients"].as_u64() > Some(0), "{alone}");
    // Two numbers, of which one is three of its standard deviations off and four times too narrow.
    let names = ["beta[1]", "beta[1]"];
    write_reference(&folder, &names, &[mean, mean + 0.75 * sd], &[sd, 0.25 * sd]);
    let result = fit("sblri-blr", &folder, 1).unwrap().json();
    let got = ["worst_mean_error", "worst_sd_error", "rms_sd_error"].map(|key| result[key].as_f64().unwrap());
    // With priors as weak as these the posterior is Student's t with 38 degrees of freedom, wider
    // than the standard error by a ratio of √(39/36). A fit may be a tenth off in a standard
    // deviation, which is 0.4 of the narrow one.
    let ratio = (39.0_f64 / 36.0).sqrt();
    let (wide, narrow) = (ratio - 1.0, 4.0 * ratio - 1.0);
    for (got, want) in got.into_iter().zip([3.0, narrow, wide.hypot(narrow) / 2f64.sqrt()]) {
        assert!((got - want).abs() < 0.4, "{result}");
    }
    // What the model does not have is not passed over.
    write_reference(&folder, &["gamma[1]"], &[0.0], &[1.0]);
    let result = fit("sblri-blr", &folder, 1).unwrap();
    assert!(result.to_string().contains("inf"), "{result}");
    std::fs::write(folder.join("data.json"), "{\"y\": [1.0]}").unwrap();
    let error = fit("sblri-blr", &folder, 1).unwrap_err().to_string();
    assert_eq!(error, "the data have no field \"X\" that is a list of rows");
}

#[test]
fn folders_are_found_on_either_level() {
    use program::folders::find;
    let base = tempfile::tempdir().unwrap();
    let (published, simulated) = (base.path().join("posteriordb"), base.path().join("synthetic"));
    a_small_posterior(&published.join("sblri-blr"));
    a_small_posterior(&published.join("another-one"));
    a_small_posterior(&simulated.join("logistic"));
    std::fs::create_dir(simulated.join("no data")).unwrap();
    let names =
        |data: &Path| find(data, None).unwrap().known.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(base.path()), ["sblri-blr", "logistic"]);
    assert_eq!((names(&published), names(&simulated)), (vec!["sblri-blr".into()], vec!["logistic".into()]));
    assert_eq!(find(base.path(), None).unwrap().unknown, ["another-one"]);
    let only = ["logistic".to_string()];
    assert_eq!(find(base.path(), Some(&only)).unwrap().known.len(), 1);
    let error = find(&published, Some(&only)).unwrap_err().to_string();
    assert!(error.starts_with("there is no posterior \"logistic\" in "), "{error}");
    let error = find(&base.path().join("no"), None).unwrap_err().to_string();
    assert!(error.contains("cannot be read: "), "{error}");
}
