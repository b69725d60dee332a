//! Tables with published splits: which rows are learned from, the scores, and what cannot be used.
#![allow(dead_code, reason = "the program is included as a module, with its main function")]

#[path = "../../uci/main.rs"]
mod program;

use program::options::{Options, Parsed, parse};
use program::protocol::{Table, tasks};
use program::{run, scores};
use std::fs;
use std::path::Path;

/// 30 rows of a line in two inputs, the second in decreasing order; two splits.
fn folder(at: &Path) {
    let table = at.join("line");
    fs::create_dir_all(&table).unwrap();
    let mut text = "a,b,y\n".to_owned();
    for i in 0..30 {
        text += &format!("{i},{},{}\n", 100 - i, 2 * i + (i * i) % 3);
    }
    fs::write(table.join("data.csv"), text).unwrap();
    fs::write(table.join("splits.json"), r#"{"test_indices": [[0, 7, 29], [3, 4, 5]]}"#).unwrap();
}

fn options(at: &Path, more: &[&str]) -> Options {
    let data = at.to_str().unwrap();
    let arguments = [&["uci", "--data", data, "--dataset", "line"], more].concat();
    match parse(lexopt::Parser::from_iter(arguments)).unwrap() {
        Parsed::Run(options) => options,
        Parsed::Help => panic!("no help was asked for"),
    }
}

#[test]
fn parts_are_those_of_the_protocol() {
    let at = tempfile::tempdir().unwrap();
    folder(at.path());
    let table = Table::read(&at.path().join("line")).unwrap();
    let of = |more: &[&str]| tasks(&table, &options(at.path(), more)).unwrap();
    let all = of(&[]);
    assert_eq!((all.len(), &all[0].test[..], all[0].train.len()), (2, &[0, 7, 29][..], 27));
    assert!(!all[0].train.contains(&7));
    assert_eq!(of(&["--splits", "1..2"])[0].test, [3, 4, 5]);
    // A fifth of the training rows, and never a row of the test part.
    let validation = &of(&["--validate"])[0];
    assert_eq!((validation.test.len(), validation.train.len()), (5, 22));
    assert!(validation.test.iter().all(|row| ![0, 7, 29].contains(row) && !validation.train.contains(row)));
    // The middle third by each input: of opposite orders the same rows.
    let gaps = of(&["--gap"]);
    let sorted = |rows: &[usize]| {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows
    };
    assert_eq!((gaps.len(), sorted(&gaps[0].test)), (2, (10..20).collect::<Vec<_>>()));
    assert_eq!(sorted(&gaps[1].test), sorted(&gaps[0].test));
}

#[test]
fn a_split_is_fitted_and_scored() {
    let at = tempfile::tempdir().unwrap();
    folder(at.path());
    let table = Table::read(&at.path().join("line")).unwrap();
    for method in ["sampled", "modes", "mean-field", "map", "laplace-kronecker", "bayesian-last-layer"] {
        let options = options(at.path(), &["--method", method, "--net", "5", "--splits", "1..2"]);
        let rows = vec![run::fit(&table, &tasks(&table, &options).unwrap()[0], &options).unwrap()];
        // The target goes from 0 to 60.
        assert!(rows[0].scores.rmse < 6.0, "{method}: {}", rows[0].scores.rmse);
        let text = scores::csv(&rows);
        assert!(text.lines().nth(1).unwrap().starts_with(&format!("1,{method},")), "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_told_in_words() {
    let at = tempfile::tempdir().unwrap();
    folder(at.path());
    let path = at.path().join("line");
    let table = Table::read(&path).unwrap();
    let error = tasks(&table, &options(at.path(), &["--splits", "0..9"])).err().unwrap().to_string();
    assert_eq!(error, "line: there are 2 splits, not 9");
    fs::write(path.join("splits.json"), r#"{"test_indices": [[30]]}"#).unwrap();
    assert!(Table::read(&path).err().unwrap().to_string().contains("there is no row 30, the table has 30"));
    fs::write(path.join("data.csv"), "a,y\n1,2\n3,x\n").unwrap();
    assert!(Table::read(&path).err().unwrap().to_string().contains("line 3: invalid float"));
    assert!(Table::read(&at.path().join("none")).is_err());
}
