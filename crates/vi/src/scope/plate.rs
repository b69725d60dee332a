//! Plates: independent data, whole or by minibatch, with the scale N / B applied in one place.

use super::row_major::ByRow;
use super::rules::Plate;
use super::{Data, Scope, Table};
use crate::error::{Error, Result};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Number, Scalar, Tape, Var, copy_rows};
use rand::seq::SliceRandom;
use std::cell::Cell;
use std::sync::Arc;

/// The rows of the data that this run uses: all N of them, or a minibatch of B.
#[derive(Clone, Debug)]
pub struct Batch<'t, T: Scalar> {
    tape: &'t Tape<T>,
    total: usize,
    index: Option<Arc<[usize]>>,
    /// With the rows of a shuffled minibatch; those of others follow each other.
    by_row: Option<ByRow<T>>,
    /// The rows of the first table that does not have N of them.
    misfit: Cell<Option<usize>>,
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

    /// These rows of a table of N rows, as a constant: a matrix, or a column as a slice or vector.
    ///
    /// # Errors
    /// A table that does not have N rows fails the run.
    pub fn rows<X: Table + ?Sized>(&self, x: &X) -> Var<'t, T> {
        let (rows, cols) = x.size();
        let (n, fits) = (self.len(), self.fits(rows));
        self.tape.constant_with(n, cols, |y| match &self.index {
            _ if !fits => y.fill(T::from_f64(f64::NAN)),
            None => X::Entry::convert(x.entries(), y),
            Some(index) => gather(x.entries(), rows, index, y, |x| T::from_f64(x.to_number())),
        })
    }

    /// These rows of a value of N rows, such as a latent variable with one row for every row of the
    /// data.
    ///
    /// # Errors
    /// A value that does not have N rows fails the run.
    pub fn select(&self, x: Var<'t, T>) -> Var<'t, T> {
        match &self.index {
            _ if !self.fits(x.nrows()) => {
                self.tape.constant_with(self.len(), x.ncols(), |y| y.fill(T::from_f64(f64::NAN)))
            }
            Some(index) if x.tape().is_some() => x.gather_rows(index.clone()),
            _ => x,
        }
    }

    /// These entries of a list of N numbers of groups, for [`Scope::gather`].
    ///
    /// # Errors
    /// A list of another length fails the run.
    pub fn groups(&self, groups: &[usize]) -> Arc<[usize]> {
        match &self.index {
            _ if !self.fits(groups.len()) => vec![0; self.len()].into(),
            Some(index) => index.iter().map(|&i| groups[i]).collect(),
            None => groups.into(),
        }
    }

    /// These rows of a data matrix on the tape's element type; all rows are used in place, without
    /// a copy. A large matrix is copied row by row when the first shuffled minibatch is taken from
    /// it, so that the rows of a batch are each in one place of memory.
    ///
    /// # Errors
    /// A matrix that does not have N rows fails the run.
    pub fn shared_rows(&self, x: &Arc<DMatrix<T>>) -> Var<'t, T> {
        if !self.fits(x.nrows()) {
            return self.rows(x.as_ref());
        }
        let Some(index) = &self.index else { return x.on(self.tape) };
        let rows = self.by_row.as_ref().map(|by_row| by_row.of(x));
        self.tape.constant_with(index.len(), x.ncols(), |y| match rows {
            None => copy_rows(x.as_slice(), x.nrows(), (index[0], index.len()), y),
            Some(None) => gather(x.as_slice(), x.nrows(), index, y, |x| x),
            Some(Some(rows)) => ByRow::gather(&rows, x.ncols(), index, y),
        })
    }

    /// Whether there is a row for every row of the plate. If not, it is noted, and the run fails.
    fn fits(&self, rows: usize) -> bool {
        if rows != self.total {
            self.misfit.set(self.misfit.get().or(Some(rows)));
        }
        rows == self.total
    }
}

/// Writes these rows of a table of `rows` rows, column by column.
pub(super) fn gather<E: Copy, T>(
    x: &[E],
    rows: usize,
    index: &[usize],
    y: &mut [T],
    convert: impl Fn(E) -> T,
) {
    let columns = x.chunks_exact(rows.max(1));
    for (y, x) in y.chunks_exact_mut(index.len().max(1)).zip(columns) {
        for (y, &i) in y.iter_mut().zip(index) {
            *y = convert(x[i]);
        }
    }
}

/// How minibatches are taken from the rows of a plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minibatches {
    /// Rows of each.
    pub(crate) size: usize,
    /// Whether the rows of an epoch come in a random order, or in that of the data.
    pub(crate) shuffled: bool,
}

/// Deals minibatches, epoch by epoch. The batch of a step is a pure function of the key and the
/// step.
#[derive(Clone, Debug)]
pub(crate) struct Batcher<T> {
    key: Key,
    how: Minibatches,
    step: usize,
    /// The order of the rows in the epoch at hand, for every N that the model's plates have.
    orders: Vec<Order>,
    /// Minibatches that were dealt; their memory is used again when nobody else holds it.
    dealt: Vec<Arc<[usize]>>,
    by_row: ByRow<T>,
}

/// The rows of an epoch.
#[derive(Clone, Debug)]
struct Order {
    epoch: usize,
    rows: Vec<usize>,
}

impl<T: Scalar> Batcher<T> {
    /// More than a tape holds of one length; others are let go.
    const KEPT: usize = 16;

    pub(crate) fn new(key: Key, how: Minibatches, by_row: ByRow<T>) -> Self {
        Self { key, how, step: 0, orders: Vec::new(), dealt: Vec::new(), by_row }
    }

    pub(crate) fn set_step(&mut self, step: usize) {
        self.step = step;
    }

    /// The minibatch of this step, of `n` rows in all. A shuffled one is an unbiased picture of the
    /// whole: an epoch ends with what is left, which may be fewer rows and is weighted by its own N
    /// / B. Without shuffling the first row comes after the last one, and `n` minibatches average
    /// to the whole.
    fn deal(&mut self, n: usize) -> Arc<[usize]> {
        let Minibatches { size, shuffled } = self.how;
        if !shuffled {
            let first = self.step * size % n;
            return self.written(size, |to| {
                for (i, row) in to.iter_mut().enumerate() {
                    let at = first + i;
                    *row = if at < n { at } else { at - n };
                }
            });
        }
        let per_epoch = n.div_ceil(size);
        let (epoch, part) = (self.step / per_epoch, self.step % per_epoch);
        let mut orders = std::mem::take(&mut self.orders);
        let at = orders.iter().position(|o| o.rows.len() == n).unwrap_or_else(|| {
            orders.push(Order { epoch: usize::MAX, rows: (0..n).collect() });
            orders.len() - 1
        });
        let order = &mut orders[at];
        if order.epoch != epoch {
            order.rows.iter_mut().enumerate().for_each(|(i, row)| *row = i);
            order.rows.shuffle(&mut self.key.fold_in(epoch as u64).rng());
            order.epoch = epoch;
        }
        let rows = &order.rows[part * size..((part + 1) * size).min(n)];
        let dealt = self.written(rows.len(), |to| to.copy_from_slice(rows));
        self.orders = orders;
        dealt
    }

    /// `n` rows that `fill` writes, in memory that nobody else holds.
    fn written(&mut self, n: usize, fill: impl Fn(&mut [usize])) -> Arc<[usize]> {
        for dealt in self.dealt.iter_mut().filter(|d| d.len() == n) {
            if let Some(memory) = Arc::get_mut(dealt) {
                fill(memory);
                return dealt.clone();
            }
        }
        let mut new = vec![0; n];
        fill(&mut new);
        let new: Arc<[usize]> = new.into();
        if self.dealt.len() == Self::KEPT {
            self.dealt.remove(0);
        }
        self.dealt.push(new.clone());
        new
    }
}

impl<'t, T: Scalar> Scope<'t, T> {
    /// Data of `n` independent rows. Inside, log-likelihood counts for all `n` rows: in a minibatch
    /// of B it is scaled by n / B, here and nowhere else. `f` takes its rows through the [`Batch`].
    ///
    /// So that nothing is counted too often, every row of the data stands for itself: an
    /// [`observe`](Scope::observe) inside a plate has one row for every row of the batch, and so
    /// has, in a minibatch, a [`factor`](Scope::factor). A latent variable inside a plate is one of
    /// the whole model, as outside, and counts once; latent variables with one row for every row of
    /// the data are sampled for all `n` rows, and [`Batch::select`] takes those of the batch.
    ///
    /// # Errors
    /// If minibatches are nested, `n` is 0, a site or a table does not have its rows, or what `f`
    /// reports.
    pub fn plate<O>(
        &mut self,
        name: &str,
        n: usize,
        f: impl FnOnce(&mut Self, &Batch<'t, T>) -> Result<O>,
    ) -> Result<O> {
        self.plate_of(name, (n, n), f)
    }

    /// As [`plate`](Scope::plate), of data of which the model has only a block of `rows` at hand,
    /// out of `n` in all: the rest is in a file, and comes in other runs. Log-likelihood is scaled
    /// by n / rows, and tables have `rows` rows. A block is used whole, without minibatches.
    ///
    /// # Errors
    /// As `plate`, or if there are more rows than `n`.
    pub fn block<O>(
        &mut self,
        name: &str,
        (rows, n): (usize, usize),
        f: impl FnOnce(&mut Self, &Batch<'t, T>) -> Result<O>,
    ) -> Result<O> {
        if rows > n {
            let problem = format!("{:?}: a block of {rows} rows of {n}", self.full_name(name));
            return self.noted(Err(Error::Setting { setting: "plate", problem }));
        }
        self.plate_of(name, (rows, n), f)
    }

    #[inline]
    fn plate_of<O>(
        &mut self,
        name: &str,
        (n, total): (usize, usize),
        f: impl FnOnce(&mut Self, &Batch<'t, T>) -> Result<O>,
    ) -> Result<O> {
        let block = n < total;
        let enclosing = self.plate;
        let nested = enclosing.is_some_and(Plate::is_subsampled);
        if n == 0 || nested {
            let problem =
                if n == 0 { "a plate needs at least one row" } else { "minibatch plates cannot be nested" };
            let problem = format!("{:?}: {problem}", self.full_name(name));
            return self.noted(Err(Error::Setting { setting: "plate", problem }));
        }
        let index = match &mut self.batcher {
            Some(batcher) if batcher.how.size < n && !block => Some(batcher.deal(n)),
            _ => None,
        };
        let by_row = self.batcher.as_ref().filter(|b| b.how.shuffled).map(|b| b.by_row.clone());
        let batch = Batch { tape: self.tape, total: n, index, by_row, misfit: Cell::new(None) };
        self.plates.largest = self.plates.largest.max(n);
        self.plate = Some(Plate { total, rows: batch.len(), block });
        let enclosing_rows = std::mem::replace(&mut self.rows, batch.index.clone());
        let mut result = f(self, &batch);
        (self.plate, self.rows) = (enclosing, enclosing_rows);
        if let Some(rows) = batch.misfit.take() {
            let problem = format!("{:?}: a table of {rows} rows in a plate of {n}", self.full_name(name));
            // What is found wrong later follows from it.
            result = Err(Error::Setting { setting: "plate", problem });
        }
        let full = || format!("{}{name}", self.prefix);
        if let Err(error) = &mut result {
            error.in_plate(full);
        }
        if let Some(error) = &mut self.fault {
            error.in_plate(full);
        }
        self.noted(result)
    }
}
