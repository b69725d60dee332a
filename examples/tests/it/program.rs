//! The main example as a program: what it does when its output cannot be printed, and with tables
//! in any unit.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `bnn_regression`, which Cargo puts beside the tests.
fn program(folder: &Path, args: &[&str]) -> Option<Command> {
    let beside = std::env::current_exe().ok()?.parent()?.parent()?.join("examples/bnn_regression");
    if !beside.exists() {
        // `cargo test -p probity-examples-tests` does not build them, `cargo test --workspace`
        // does.
        println!("skipped: {} is not built", beside.display());
        return None;
    }
    let mut command = Command::new(beside);
    command.args(["--epochs", "20", "--hidden", "8", "--threads", "1", "--out"]).arg(folder).args(args);
    Some(command)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn results(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = program(folder.path(), &[]) else { return };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
    assert_eq!(results(folder.path()), 4);
}

#[test]
fn output_that_cannot_be_printed_is_one_sentence_and_the_results_are_kept() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let folder = tempfile::tempdir().unwrap();
    for args in [&[][..], &["--help"]] {
        let Some(mut command) = program(folder.path(), args) else { return };
        let output = command.stdout(full.try_clone().unwrap()).stderr(Stdio::piped()).output().unwrap();
        let sentence = "error: standard output cannot be written: the disk is full\n";
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(2), sentence), "{args:?}");
    }
    assert_eq!(results(folder.path()), 4);
    // Nor can errors be printed: the exit code says it.
    let Some(mut command) = program(folder.path(), &["--nonsense"]) else { return };
    assert_eq!(command.stdout(Stdio::null()).stderr(full).status().unwrap().code(), Some(2));
}

#[test]
fn tables_in_any_unit_are_learnt() {
    for (x_unit, y_unit) in
        [(1.0, 1e200), (1e300, 1.0), (1e-310, 1e-200), (1.0, 1e-310), (1e307, 2e307), (0.1, 1e-3)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("table.csv"), folder.path().join("out"));
        let mut text = String::from("a,constant,y\n");
        for i in 0..40 {
            let a = f64::from(i % 7) - 3.0;
            // A tenth, up to rounding.
            let tenth = 0.1 * f64::from(i + 1) / f64::from(i + 1);
            writeln!(text, "{:e},{:e},{:e}", a * x_unit, tenth * x_unit, (a + 3.0).sin() * y_unit).unwrap();
        }
        fs::write(&file, text).unwrap();
        let Some(mut command) = program(&out, &["--data", &file.display().to_string(), "--quiet"]) else {
            return;
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{x_unit:e}, {y_unit:e}: {}", said(&output));
        let summary: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
        for number in ["rmse", "crps", "noise_sd"] {
            let relative = summary[number].as_f64().unwrap_or_else(|| panic!("{number}: {summary}")) / y_unit;
            // The table has no noise, and chains interpolate it.
            assert!((1e-5..3.0).contains(&relative), "{x_unit:e}, {y_unit:e}: {number} {relative}");
        }
    }
}
