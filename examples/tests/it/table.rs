//! Tables in files.

use probity_examples::table::Table;
use std::fs;

#[test]
fn unusable_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.csv");
    let message = Table::read(&missing).unwrap_err().to_string();
    assert_eq!(message, format!("the file {} does not exist", missing.display()));
    let message = Table::read(folder.path()).unwrap_err().to_string();
    assert_eq!(message, format!("{} is a directory, not a CSV file", folder.path().display()));

    let path = folder.path().join("table.csv");
    fs::write(&path, "x,y\n1,2\n3,4\n").unwrap();
    assert_eq!(Table::read(&path).unwrap().rows, [[1.0, 2.0], [3.0, 4.0]]);
}
