//! The runner over reference folders: what is right, what is wrong, and what it has never seen.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The program on a folder, if Cargo has built it beside the tests.
fn run(folder: &Path) -> Option<Output> {
    let beside = std::env::current_exe().ok()?.parent()?.parent()?.join("examples/conformance");
    if !beside.exists() {
        println!("skipped: {} is not built", beside.display());
        return None;
    }
    Some(Command::new(beside).arg(folder).output().unwrap())
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const NORMAL: &str = r#"{"cases": [{"params": {"loc": 0.0, "scale": 1.0}, "mean": 0.0, "variance": 1.0,
    "points": [{"x": 1.0, "log_prob": -1.4189385332046727, "d_x": -1.0, "d_params": {"loc": 1.0, "scale": 0.0}}],
    "icdf": [{"p": 0.5, "x": 0.0}]}]}"#;

#[test]
fn right_values_pass_and_wrong_ones_do_not() {
    let right = folder(&[("distributions/Normal.json", NORMAL)]);
    let Some(output) = run(right.path()) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("1 files, 1 cases, 7 numbers: 0 missed"), "{text}");
    let wrong = NORMAL.replace("-1.4189385332046727", "-1.4189385332056727");
    let output = run(folder(&[("distributions/Normal.json", &wrong)]).path()).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && text.contains("1 missed"), "{text}");
}

/// Files of which every one has something that the library or the program does not know.
const ODD: &[(&str, &str)] = &[
    ("distributions/Unheard.json", r#"{"cases": [{"params": {"a": 1.0}, "points": []}]}"#),
    ("distributions/Normal.json", r#"{"cases": [{"params": {"mu": 0.0}}, {"params": [1]}, {}, 3]}"#),
    (
        "distributions/Gamma.json",
        r#"{"cases": [{"params": {"concentration": [1, 2], "rate": 1}, "points": [{"x": 1, "log_prob": 1}]}]}"#,
    ),
    (
        "distributions/Dirichlet.json",
        r#"{"cases": [{"params": {"concentration": [1, 2]}, "points": [{"x": [0.5, 0.4, 0.1], "log_prob": 1}]}]}"#,
    ),
    (
        "distributions/LKJCholesky.json",
        r#"{"cases": [{"params": {"dimension": 1e9, "concentration": 1}, "points": [{"x": [[1]], "log_prob": 0}]}]}"#,
    ),
    ("distributions/broken.json", r#"{"cases": ["#),
    ("distributions/rows.json", r#"{"a": 1}"#),
    ("kl/new.json", r#"{"rows": [{"p": "Normal", "q": "Unheard", "kl": 1.0}, {"p": 3}, []]}"#),
    ("implicit/foo.json", r#"{"rows": [{"a": 1}]}"#),
    ("special/foo.json", r#"{"rows": [{"x": 1.0, "value": 1.0}]}"#),
    ("special/multigammaln.json", r#"{"rows": [{"a": 1.0, "d": -5, "value": 0.0}]}"#),
    ("diagnostics/psis.json", r#"{"cases": [{}]}"#),
    ("diagnostics/rhat_ess.json", r#"{"cases": [{"chains": [[1], [1, 2]]}]}"#),
];

/// Nothing of this ends the program, and everything is said.
#[test]
fn what_it_has_not_seen_is_missed_in_words() {
    let Some(output) = run(folder(ODD).path()) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for (name, _) in ODD {
        let name = name.trim_end_matches(".json");
        let place = text.find(&format!("{name} ")).unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(text[place..].lines().nth(1).unwrap().contains("missed: "), "{name} in {text}");
    }
    // A folder without files, and one that is none.
    assert_eq!(run(folder(&[]).path()).unwrap().status.code(), Some(2));
    assert_eq!(run(Path::new("/nowhere/at/all")).unwrap().status.code(), Some(2));
}
