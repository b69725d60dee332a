//! The reference files: numbers, rows and matrices in JSON.

use probity_autodiff::nalgebra::DMatrix;
use serde_json::Value as Json;
use std::path::Path;

/// A file, or why it cannot be read, in a sentence.
pub fn read(path: &Path) -> Result<Json, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("is not JSON: {error}"))
}

/// The rows or cases of a file.
pub fn rows(file: &Json) -> Result<&[Json], String> {
    let found = ["cases", "rows"].iter().find_map(|key| file.get(key)?.as_array());
    found.map(Vec::as_slice).ok_or_else(|| "has neither cases nor rows".into())
}

/// A number; infinite and undefined ones are texts.
pub fn number(x: &Json) -> Option<f64> {
    match x {
        Json::Number(x) => x.as_f64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The number of that name; none where there is none.
pub fn field(row: &Json, name: &str) -> Option<f64> {
    number(row.get(name)?)
}

/// A number, a row or a matrix by its rows.
pub fn matrix(x: &Json) -> Option<DMatrix<f64>> {
    let Some(rows) = x.as_array() else { return Some(DMatrix::from_element(1, 1, number(x)?)) };
    let first = rows.first()?;
    if !first.is_array() {
        let row: Vec<f64> = rows.iter().map(number).collect::<Option<_>>()?;
        return Some(DMatrix::from_row_slice(1, row.len(), &row));
    }
    let of = |row: &Json| row.as_array()?.iter().map(number).collect::<Option<Vec<f64>>>();
    let rows: Vec<Vec<f64>> = rows.iter().map(of).collect::<Option<_>>()?;
    let cols = rows[0].len();
    let even = cols > 0 && rows.iter().all(|row| row.len() == cols);
    even.then(|| DMatrix::from_fn(rows.len(), cols, |i, j| rows[i][j]))
}

/// The numbers of a list.
pub fn numbers(x: &Json) -> Option<Vec<f64>> {
    x.as_array()?.iter().map(number).collect()
}

/// The beginning of a text, for messages.
pub fn short(text: impl ToString) -> String {
    text.to_string().chars().take(160).collect()
}
