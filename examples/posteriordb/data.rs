//! Reading the data of a posterior: one JSON object of numbers, lists and lists of rows.

use probity_autodiff::nalgebra::{DMatrix, DVector};
use serde_json::{Map, Value};
use std::path::Path;

/// The fields of `data.json`.
#[derive(Clone, Debug)]
pub struct Data(Map<String, Value>);

/// Why data cannot be used; `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read, or is not JSON.
    #[error("{0}: {1}")]
    File(String, String),
    /// A field is not what a model needs.
    #[error("the data have no field {0:?} that is {1}")]
    Field(String, &'static str),
}

impl Data {
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, DataError> {
        read_json(file).map(Self)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<f64, DataError> {
        self.field(name, "a number", Value::as_f64)
    }

    /// A list of numbers.
    pub fn column(&self, name: &str) -> Result<DVector<f64>, DataError> {
        self.field(name, "a list of numbers", numbers).map(DVector::from_vec)
    }

    /// A list of rows, all of the same length.
    pub fn matrix(&self, name: &str) -> Result<DMatrix<f64>, DataError> {
        let rows = |value: &Value| -> Option<DMatrix<f64>> {
            let rows: Vec<Vec<f64>> = value.as_array()?.iter().map(numbers).collect::<Option<_>>()?;
            let columns = rows.first()?.len();
            let entries = rows.concat();
            let whole = rows.iter().all(|row| row.len() == columns);
            whole.then(|| DMatrix::from_row_slice(rows.len(), columns, &entries))
        };
        self.field(name, "a list of rows", rows)
    }

    /// A list of the numbers of groups, which are counted from 1 in the file and from 0 here.
    pub fn groups(&self, name: &str) -> Result<Vec<usize>, DataError> {
        let group = |value: &Value| value.as_u64()?.checked_sub(1).map(|group| group as usize);
        self.field(name, "a list of whole numbers from 1", |value| {
            value.as_array()?.iter().map(group).collect()
        })
    }

    fn field<O>(
        &self,
        name: &str,
        what: &'static str,
        read: impl FnOnce(&Value) -> Option<O>,
    ) -> Result<O, DataError> {
        self.0.get(name).and_then(read).ok_or_else(|| DataError::Field(name.to_string(), what))
    }
}

/// A JSON object from a file.
pub fn read_json(file: &Path) -> Result<Map<String, Value>, DataError> {
    let failed = |problem: String| DataError::File(file.display().to_string(), problem);
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}
