//! Plates: independent data, whole or by minibatch, with the scale N / B applied in one place.

use super::by_row::ByRow;
use super::{Data, Scope};
use crate::error::{Error, Result};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Scalar, Tape, Var};
use rand::seq::SliceRandom;
use std::sync::Arc;

/// The rows of the data that this run uses: all N of them, or a minibatch of B.
#[derive(Clone, Debug)]
pub struct Batch<'t, T: Scalar> {
    tape: &'t Tape<T>,
    total: usize,
    index: Option<Arc<[usize]>>,
    /// With the rows of a minibatch.
    by_row: Option<ByRow<T>>,
}

impl<'t, T: Scalar> Batch<'t, T> {
    /// The number of rows in this run, B.
    pub fn len(&self) -> usize {
        self.index.as_ref().map_or(self.total, |i| i.len())
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of rows of the whole data, N.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The row numbers of a minibatch; none when all rows are used.
    pub fn index(&self) -> Option<&Arc<[usize]>> {
        self.index.as_ref()
    }

    /// These rows of a data matrix of N rows, as a constant.
    ///
    /// # Panics
    /// If the matrix does not have N rows.
    #[track_caller]
    pub fn rows<E: Scalar>(&self, x: &DMatrix<E>) -> Var<'t, T> {
        self.check(x.nrows());
        let n = self.len();
        self.tape.constant_with(n, x.ncols(), |y| match &self.index {
            None => {
                for (y, x) in y.iter_mut().zip(x.iter()) {
                    *y = T::from_f64(x.to_f64());
                }
            }
            Some(index) => gather(x, index, y, |x| T::from_f64(x.to_f64())),
        })
    }

    /// These rows of a data matrix on the tape's element type; all rows are used in place, without a copy. A large matrix is copied row by row
    /// when the first minibatch is taken from it, so that the rows of a batch are each in one place of memory.
    ///
    /// # Panics
    /// If the matrix does not have N rows.
    #[track_caller]
    pub fn shared_rows(&self, x: &Arc<DMatrix<T>>) -> Var<'t, T> {
        self.check(x.nrows());
        let Some(index) = &self.index else { return x.on(self.tape) };
        let by_row = self.by_row.as_ref().and_then(|by_row| by_row.of(x));
        self.tape.constant_with(index.len(), x.ncols(), |y| match by_row {
            None => gather(x, index, y, |x| x),
            Some(rows) => ByRow::gather(&rows, x.ncols(), index, y),
        })
    }

    #[track_caller]
    fn check(&self, rows: usize) {
        assert!(rows == self.total, "plate: data of {rows} rows in a plate of {}", self.total);
    }
}

/// Writes these rows of `x`, column by column.
fn gather<E: Scalar, T>(x: &DMatrix<E>, index: &[usize], y: &mut [T], convert: impl Fn(E) -> T) {
    let columns = x.as_slice().chunks_exact(x.nrows().max(1));
    for (y, x) in y.chunks_exact_mut(index.len().max(1)).zip(columns) {
        for (y, &i) in y.iter_mut().zip(index) {
            *y = convert(x[i]);
        }
    }
}

/// Deals shuffled minibatches, epoch by epoch. The batch of a step is a pure function of the key and the step.
#[derive(Clone, Debug)]
pub(crate) struct Batcher<T> {
    key: Key,
    size: usize,
    step: usize,
    /// The order of the rows in the epoch at hand, for every N that the model's plates have.
    orders: Vec<Order>,
    /// Minibatches that were dealt; their memory is used again when nobody else holds it.
    dealt: Vec<Arc<[usize]>>,
    by_row: ByRow<T>,
}

/// The shuffled rows of an epoch.
#[derive(Clone, Debug)]
struct Order {
    epoch: usize,
    rows: Vec<usize>,
}

impl<T: Scalar> Batcher<T> {
    /// More than a tape holds of one length; others are let go.
    const KEPT: usize = 16;

    pub(crate) fn new(key: Key, size: usize, by_row: ByRow<T>) -> Self {
        Self { key, size, step: 0, orders: Vec::new(), dealt: Vec::new(), by_row }
    }

    pub(crate) fn set_step(&mut self, step: usize) {
        self.step = step;
    }

    /// The minibatch of this step, of `n` rows in all. The last one of an epoch may be shorter: it is weighted by its own N / B, so
    /// that every minibatch is an unbiased picture of the whole.
    fn deal(&mut self, n: usize) -> Arc<[usize]> {
        let per_epoch = n.div_ceil(self.size);
        let (epoch, part) = (self.step / per_epoch, self.step % per_epoch);
        let at = self.orders.iter().position(|o| o.rows.len() == n).unwrap_or_else(|| {
            self.orders.push(Order { epoch: usize::MAX, rows: (0..n).collect() });
            self.orders.len() - 1
        });
        let order = &mut self.orders[at];
        if order.epoch != epoch {
            order.rows.iter_mut().enumerate().for_each(|(i, row)| *row = i);
            order.rows.shuffle(&mut self.key.fold_in(epoch as u64).rng());
            order.epoch = epoch;
        }
        let rows = &order.rows[part * self.size..((part + 1) * self.size).min(n)];
        for dealt in self.dealt.iter_mut().filter(|d| d.len() == rows.len()) {
            if let Some(memory) = Arc::get_mut(dealt) {
                memory.copy_from_slice(rows);
                return dealt.clone();
            }
        }
        let new: Arc<[usize]> = rows.into();
        if self.dealt.len() == Self::KEPT {
            self.dealt.remove(0);
        }
        self.dealt.push(new.clone());
        new
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// Data of `n` independent rows. Inside, log-likelihood counts for all `n` rows: in a minibatch of B it is scaled by n / B, here and
    /// nowhere else. `f` takes its rows through the [`Batch`].
    ///
    /// # Errors
    /// If plates are nested, `n` is 0, or what `f` reports.
    pub fn plate<O>(
        &mut self,
        name: &str,
        n: usize,
        f: impl FnOnce(&mut Self, &Batch<'t, T>) -> Result<O>,
    ) -> Result<O> {
        if n == 0 || self.weight != 1.0 {
            let problem =
                if n == 0 { "a plate needs at least one row" } else { "minibatch plates cannot be nested" };
            return Err(Error::Setting {
                setting: "plate",
                problem: format!("{:?}: {problem}", self.full_name(name)),
            });
        }
        let index = match &mut self.batcher {
            Some(batcher) if batcher.size < n => Some(batcher.deal(n)),
            _ => None,
        };
        let by_row = self.batcher.as_ref().map(|b| b.by_row.clone());
        let batch = Batch { tape: self.tape, total: n, index, by_row };
        self.weight = n as f64 / batch.len() as f64;
        let result = f(self, &batch);
        self.weight = 1.0;
        result
    }
}
