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
/// them by Runge-Kutta steps of a fixed length, whose own error is 2.5e-6 of a small entry of one of
/// its gradients (found by steps of an eighth of the length).
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
