//! Large matrices, stored row after row: a minibatch takes whole rows, and column by column every
//! entry of them is somewhere else in memory.

use probity_autodiff::Scalar;
use probity_autodiff::nalgebra::DMatrix;
use std::sync::{Arc, Mutex, PoisonError};

/// Matrices that minibatches were taken from, each with a copy of its entries row by row. Clones
/// share the copies.
#[derive(Clone, Debug)]
pub(crate) struct ByRow<T> {
    copies: Arc<Mutex<Vec<Copied<T>>>>,
}

#[derive(Debug)]
struct Copied<T> {
    of: Arc<DMatrix<T>>,
    rows: Arc<Vec<T>>,
}

impl<T> Default for ByRow<T> {
    fn default() -> Self {
        Self { copies: Arc::default() }
    }
}

impl<T: Scalar> ByRow<T> {
    /// Matrices of fewer entries stay in the caches, and their columns are as near as their rows.
    const LARGE: usize = 1 << 18;
    /// Entries of a row that are copied at once: a cache line of single precision.
    const PART: usize = 16;

    /// The entries of a matrix, row by row: copied when it is asked for the first time. None for a
    /// matrix that is not worth it.
    pub(crate) fn of(&self, x: &Arc<DMatrix<T>>) -> Option<Arc<Vec<T>>> {
        if x.len() < Self::LARGE || x.ncols() < Self::PART {
            return None;
        }
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copied) = copies.iter().find(|copied| Arc::ptr_eq(&copied.of, x)) {
            return Some(copied.rows.clone());
        }
        let rows: Arc<Vec<T>> = Arc::new(x.transpose().data.into());
        copies.push(Copied { of: x.clone(), rows: rows.clone() });
        Some(rows)
    }

    /// Writes the rows of this index, of so many columns each, column by column.
    pub(crate) fn gather(rows: &[T], columns: usize, index: &[usize], to: &mut [T]) {
        let n = index.len();
        for start in (0..columns).step_by(Self::PART) {
            let end = columns.min(start + Self::PART);
            let block = &mut to[start * n..end * n];
            for (i, &row) in index.iter().enumerate() {
                let part = &rows[row * columns + start..row * columns + end];
                for (column, value) in block.chunks_exact_mut(n).zip(part) {
                    column[i] = *value;
                }
            }
        }
    }
}
