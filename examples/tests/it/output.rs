//! What programs write: all of it, or nothing.

use probity_examples::output::{Output, check_folder};
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn output() -> Output {
    let mut output = Output::new();
    output.add("a.csv", "x,y\n");
    output.add("b.json", "old");
    output.add("b.json", "{}");
    output
}

#[test]
fn writes_and_overwrites_in_a_new_folder() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("deep/er");
    for _ in 0..2 {
        let written = output().write(&folder).unwrap();
        assert_eq!(written, [folder.join("a.csv"), folder.join("b.json")]);
        assert_eq!(names(&folder), ["a.csv", "b.json"]);
        assert_eq!(fs::read(folder.join("b.json")).unwrap(), b"{}");
    }
}

#[test]
fn a_failure_leaves_everything_as_it_was() {
    let base = tempfile::tempdir().unwrap();
    fs::write(base.path().join("a.csv"), "kept").unwrap();
    fs::create_dir(base.path().join("b.json")).unwrap();
    let error = output().write(base.path()).unwrap_err().to_string();
    let path = base.path().join("b.json");
    assert_eq!(error, format!("{} cannot be written: a folder of that name exists", path.display()));
    assert_eq!(names(base.path()), ["a.csv", "b.json"]);
    assert_eq!(fs::read(base.path().join("a.csv")).unwrap(), b"kept");
}

#[test]
fn the_folder_may_not_be_a_file_nor_below_one() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    let error = output().write(&file).unwrap_err().to_string();
    assert_eq!(error, format!("the output folder {} is a file", file.display()));
    let below = file.join("sub");
    let error = output().write(&below).unwrap_err().to_string();
    let expected =
        format!("the output folder {} cannot be created: a part of its path is a file", below.display());
    assert_eq!(error, expected);
}

#[test]
fn a_folder_made_in_vain_is_removed() {
    let base = tempfile::tempdir().unwrap();
    let mut output = output();
    output.add("no/such/folder.txt", "");
    assert!(output.write(base.path().join("new/folder")).is_err());
    assert!(names(base.path()).is_empty());
}

#[test]
fn checking_a_folder_leaves_no_trace() {
    let base = tempfile::tempdir().unwrap();
    check_folder(base.path()).unwrap();
    check_folder(base.path().join("a/b")).unwrap();
    assert!(names(base.path()).is_empty());
    fs::write(base.path().join("file"), "").unwrap();
    assert!(check_folder(base.path().join("file")).is_err());
}
