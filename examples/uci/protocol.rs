//! Tables and their splits.

use super::options::Options;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::read_to_string;
use std::path::Path;

/// A table with the rows of its test parts.
pub struct Table {
    x: DMatrix<f64>,
    y: Vec<f64>,
    tests: Vec<Vec<usize>>,
}

/// What cannot be used; `Display` is one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct TableError {
    file: String,
    problem: String,
}

#[derive(Deserialize)]
struct Splits {
    test_indices: Vec<Vec<usize>>,
}

/// The rows of a training and a test part.
pub struct Task {
    pub split: usize,
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

impl Table {
    pub fn read(folder: &Path) -> Result<Self, TableError> {
        let (data, splits) = (folder.join("data.csv"), folder.join("splits.json"));
        let no = |file: &Path, problem: String| TableError { file: file.display().to_string(), problem };
        let text = read_to_string(&data).map_err(|e| no(&data, e.to_string()))?;
        let mut rows = Vec::new();
        for (i, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
            let numbers: Result<Vec<f64>, _> = line.split(',').map(|field| field.trim().parse()).collect();
            rows.push(numbers.map_err(|e| no(&data, format!("line {}: {e}", i + 1)))?);
        }
        let columns = rows.first().map_or(0, Vec::len);
        if columns < 2 || rows.iter().any(|r| r.len() != columns) {
            return Err(no(&data, "it needs rows of one length, with an input and a target".into()));
        }
        let text = read_to_string(&splits).map_err(|e| no(&splits, e.to_string()))?;
        let Splits { test_indices: tests } =
            serde_json::from_str(&text).map_err(|e| no(&splits, e.to_string()))?;
        if let Some(row) = tests.iter().flatten().find(|row| **row >= rows.len()) {
            return Err(no(&splits, format!("there is no row {row}, the table has {}", rows.len())));
        }
        Ok(Self {
            x: DMatrix::from_fn(rows.len(), columns - 1, |i, j| rows[i][j]),
            y: rows.iter().map(|row| row[columns - 1]).collect(),
            tests,
        })
    }

    pub fn rows(&self) -> usize {
        self.y.len()
    }

    pub fn inputs(&self) -> usize {
        self.x.ncols()
    }

    /// Inputs and targets of these rows.
    pub fn part(&self, rows: &[usize]) -> (DMatrix<f64>, Vec<f64>) {
        let x = DMatrix::from_fn(rows.len(), self.inputs(), |i, j| self.x[(rows[i], j)]);
        (x, rows.iter().map(|row| self.y[*row]).collect())
    }

    fn without(&self, test: &[usize]) -> Vec<usize> {
        let test: HashSet<usize> = test.iter().copied().collect();
        (0..self.rows()).filter(|row| !test.contains(row)).collect()
    }

    /// For every input, the rows in the middle third of its order.
    ///
    /// *Source*: Foong et al. 2019, "In-between uncertainty in Bayesian neural networks".
    fn gaps(&self) -> Vec<Vec<usize>> {
        let gap = |j: usize| {
            let mut order: Vec<usize> = (0..self.rows()).collect();
            order.sort_by(|a, b| self.x[(*a, j)].total_cmp(&self.x[(*b, j)]));
            order[self.rows() / 3..2 * self.rows() / 3].to_vec()
        };
        (0..self.inputs()).map(gap).collect()
    }
}

/// The training and test parts that the options ask for.
pub fn tasks(table: &Table, options: &Options) -> Result<Vec<Task>, TableError> {
    let tests = if options.gap { table.gaps() } else { table.tests.clone() };
    let all = 0..tests.len();
    let chosen = options.splits.clone().unwrap_or(all.clone());
    if chosen.end > all.end {
        let problem = format!("there are {} splits, not {}", all.end, chosen.end);
        return Err(TableError { file: options.dataset.clone(), problem });
    }
    let task = |split: usize| {
        let test = tests[split].clone();
        let train = table.without(&test);
        if options.validate { validation(split, train) } else { Task { split, train, test } }
    };
    Ok(chosen.map(task).collect())
}

/// A random fifth of the training rows to score.
fn validation(split: usize, mut rows: Vec<usize>) -> Task {
    let key = Key::new(split as u64).fold_in_str("validation");
    let number = |row: &usize| probity_autodiff::random::uniform_at::<f64>(key, *row as u64);
    rows.sort_by(|a, b| number(a).total_cmp(&number(b)));
    let train = rows.split_off(rows.len() / 5);
    Task { split, train, test: rows }
}
