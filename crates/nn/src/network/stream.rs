//! Fits to data that do not fit into memory: minibatches from an iterator of blocks of rows.

use super::{FittedNetwork, Network, NetworkModel};
use crate::data::check_rows;
use crate::error::{Error, Result};
use crate::heads::Head;
use crate::layers::Layer;
use crate::posteriors::{Method, Problem, inferred};
use crate::regression::Scales;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::uniform_at;
use probity_vi::{Fit, MeanField, Model, Posterior, Scope, StepInfo};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// A block of rows: inputs n × k, targets n × what the head takes.
type Block = (DMatrix<f64>, DMatrix<f64>);

/// Data that are read block by block, from the first to the last row and then again.
///
/// Blocks may have any number of rows. Minibatches of `rows` are dealt from a buffer in which so
/// many rows wait, in random order: every row comes once before any comes twice, up to the rows in
/// the buffer. A buffer of all rows shuffles as well as data in memory; data that lie in random
/// order need none.
#[derive(Debug)]
pub struct RowStream<F> {
    open: F,
    rows: usize,
    buffer: usize,
}

impl<F, I, E> RowStream<F>
where
    F: FnMut() -> I,
    I: Iterator<Item = std::result::Result<Block, E>>,
    E: std::fmt::Display,
{
    /// Of what `open` opens at its first row, in minibatches of so many rows; the buffer holds 100
    /// of them.
    pub fn new(rows: usize, open: F) -> Self {
        Self { open, rows, buffer: 100 * rows }
    }

    /// With a buffer of so many rows.
    pub fn buffer(mut self, rows: usize) -> Self {
        self.buffer = rows;
        self
    }
}

/// The rows that units are taken from: a sample of this size or less.
const SAMPLE: usize = 10_000;

/// What is known after the first pass.
struct Scan {
    total: usize,
    scales: Scales,
    /// Some of the rows.
    sample: Block,
}

/// Rows waiting in random order, standardised, one after the other.
struct Buffer<I> {
    blocks: Option<I>,
    /// The block being read, and its next row.
    block: Option<(Block, usize)>,
    waiting: Vec<f64>,
    width: usize,
    key: Key,
    dealt: u64,
}

impl<N, H: Head> Network<N, H> {
    /// Fits the network to data that are read block by block, once for their number and a sample
    /// that gives the units, and then as often as the steps need: only the buffer and a block are
    /// in memory. Log-likelihood counts for all rows, as everywhere.
    ///
    /// Each step uses one minibatch, for all its draws. The ELBO at the end is not estimated, and
    /// there is no verdict: both would need all rows. So there is one start, whatever
    /// [`Fit::starts`] says.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::heads::GaussianHead;
    /// use probity_nn::{Activation, Mlp, Network, RowStream};
    /// use probity_vi::Fit;
    ///
    /// // Ten blocks, made when they are asked for; they may come from a file, and fail.
    /// let block = |b: i32| {
    ///     let x = DMatrix::from_fn(20, 1, |i, _| f64::from(b) / 5.0 - 1.0 + i as f64 / 100.0);
    ///     Ok::<_, std::io::Error>((x.clone(), x.map(f64::sin)))
    /// };
    /// let stream = RowStream::new(16, || (0..10).map(block));
    /// let net = Network::new(Mlp::new(&[1, 8, 1], Activation::Tanh), GaussianHead::default());
    /// let fitted = net.fit_stream(stream, Fit::default().steps(100))?;
    /// assert_eq!(fitted.posterior().report().minibatch, Some(16));
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a block cannot be read, has other columns or a number that is not finite or none that the
    /// head knows, there are fewer rows than a minibatch has, or the fit fails.
    pub fn fit_stream<F, I, E>(&self, mut stream: RowStream<F>, fit: Fit<f32>) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
        F: FnMut() -> I,
        I: Iterator<Item = std::result::Result<Block, E>>,
        E: std::fmt::Display,
    {
        let Scan { total, scales, .. } = self.scan(&mut stream)?;
        let (rows, buffer) = (stream.rows, stream.buffer);
        let mut next = self.dealer(stream, total, scales);
        let first = next()?;
        let model = Streamed { total, now: Mutex::new(first.clone()) };
        let mut failed = None;
        let mut advance = |_: &StepInfo| match next() {
            Ok(batch) => {
                *model.now.lock().unwrap_or_else(PoisonError::into_inner) = batch;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        // A loss scale of 1 changes nothing, but says that steps are stochastic. A minibatch is not
        // enough for an ELBO or a verdict.
        let fit = fit.elbo_draws(0).checked(false).starts(1).loss_scale(1.0);
        let found = fit.run_observed(probity_vi::ByRef(&model), &mut [&mut advance]);
        if let Some(error) = failed {
            return Err(error);
        }
        let found = found?;
        let mut report = found.report().clone();
        (report.minibatch, report.shuffled) = (Some(rows), buffer > rows);
        let (layout, params) = (found.layout().clone(), found.params().clone());
        // The model keeps a minibatch in the place of the data.
        let last = Arc::unwrap_or_clone(first);
        let posterior = Posterior::restore(last, layout, MeanField::new(), params, report)?;
        Ok(FittedNetwork::of(posterior).without_data())
    }

    /// The posterior of the weights by any [`Method`] whose steps take minibatches, from data that
    /// are read block by block, as [`fit_stream`](Network::fit_stream) reads them: a mode, an
    /// ensemble, particles, Gaussians of structured covariance, IVON, Laplace approximations. Steps
    /// take the minibatches of the stream. What needs all rows together, which is the curvature at
    /// a mode, is taken from a uniform sample of 10 000 rows that stand for all.
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::heads::GaussianHead;
    /// use probity_nn::posteriors::{Ascent, Map};
    /// use probity_nn::{Activation, Mlp, Network, RowStream};
    ///
    /// let block = |b: i32| {
    ///     let x = DMatrix::from_fn(20, 1, |i, _| f64::from(b) / 5.0 - 1.0 + i as f64 / 100.0);
    ///     Ok::<_, std::io::Error>((x.clone(), x.map(f64::sin)))
    /// };
    /// let net = Network::new(Mlp::new(&[1, 8, 1], Activation::Tanh), GaussianHead::default());
    /// let map = Map { ascent: Ascent { steps: 200, ..Ascent::default() }, ..Map::default() };
    /// let fitted = net.infer_stream(RowStream::new(16, || (0..10).map(block)), &map)?;
    /// assert_eq!(fitted.default_draws(), 1);
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_stream`](Network::fit_stream) and [`infer`](Network::infer), and if the method
    /// takes all rows in every step, as chains do.
    pub fn infer_stream<F, I, E>(
        &self,
        mut stream: RowStream<F>,
        method: &dyn Method,
    ) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
        F: FnMut() -> I + Send,
        I: Iterator<Item = std::result::Result<Block, E>> + Send,
        E: std::fmt::Display,
    {
        let Scan { total, scales, sample: (x, y) } = self.scan(&mut stream)?;
        let sample = NetworkModel::new(self.clone(), scales.clone(), &x, &y)?;
        let rows = stream.rows;
        let mut next = self.dealer(stream, total, scales);
        let now = next()?;
        let batches = Dealing { total, at: Arc::new(Mutex::new(At { key: None, now: now.clone(), next })) };
        let problem = Problem::of_stream(&sample, total, (rows, batches))?;
        // The model keeps a minibatch in the place of the data.
        let (posterior, linear_at) = inferred(Arc::unwrap_or_clone(now), &problem, method)?;
        Ok(FittedNetwork::of(posterior).linear_at(linear_at).without_data())
    }

    /// The minibatches of a stream, one after the other.
    fn dealer<F, I, E>(
        &self,
        mut stream: RowStream<F>,
        total: usize,
        scales: Scales,
    ) -> impl FnMut() -> Result<Arc<NetworkModel<N, H, f32>>> + use<'_, N, H, F, I, E>
    where
        F: FnMut() -> I,
        I: Iterator<Item = std::result::Result<Block, E>>,
        E: std::fmt::Display,
    {
        let (inputs, rows) = (scales.x.columns(), stream.rows);
        let mut buffer = Buffer {
            blocks: None,
            block: None,
            waiting: Vec::new(),
            width: inputs + self.head.targets(),
            key: Key::new(0).fold_in_str("stream"),
            dealt: 0,
        };
        move || {
            let values = buffer.deal(rows, stream.buffer.max(rows).min(total), &mut stream.open)?;
            let table = DMatrix::from_row_slice(rows, buffer.width, &values);
            let (x, y) = (table.columns(0, inputs).into(), table.columns_range(inputs..).into());
            check_rows(&x, Some(&y))?;
            self.check_targets(&y)?;
            Ok(Arc::new(NetworkModel::new(self.clone(), scales.clone(), &x, &y)?))
        }
    }

    /// Counts the rows, checks them, and takes a sample.
    fn scan<F, I, E>(&self, stream: &mut RowStream<F>) -> Result<Scan>
    where
        N: Layer<f32>,
        F: FnMut() -> I,
        I: Iterator<Item = std::result::Result<Block, E>>,
        E: std::fmt::Display,
    {
        let key = Key::new(0).fold_in_str("sample");
        let (mut total, mut columns) = (0, None);
        let mut sample: Vec<Vec<f64>> = Vec::new();
        for (number, block) in (stream.open)().enumerate() {
            let (x, y) = read(block, number)?;
            self.check_block(&x, &y, &mut columns, number)?;
            for row in 0..x.nrows() {
                let values = || x.row(row).iter().chain(y.row(row).iter()).copied().collect();
                // Every row is in the sample with the same probability. Source: Vitter 1985,
                // "Random sampling with a reservoir", algorithm R.
                if sample.len() < SAMPLE {
                    sample.push(values());
                } else {
                    let at = (uniform_at::<f64>(key, total as u64) * (total + 1) as f64) as usize;
                    if at < SAMPLE {
                        sample[at] = values();
                    }
                }
                total += 1;
            }
        }
        let Some(inputs) = columns else { return Err(Error::Data("there are no rows".into())) };
        if stream.rows == 0 || total < stream.rows {
            let problem = format!("a minibatch of {} rows from {total} rows", stream.rows);
            return Err(Error::Data(problem));
        }
        let table = DMatrix::from_fn(sample.len(), sample[0].len(), |i, j| sample[i][j]);
        let (x, y) = (table.columns(0, inputs).into(), table.columns_range(inputs..).into());
        Ok(Scan { total, scales: self.scales(&x, &y), sample: (x, y) })
    }

    fn check_block(
        &self,
        x: &DMatrix<f64>,
        y: &DMatrix<f64>,
        columns: &mut Option<usize>,
        number: usize,
    ) -> Result
    where
        N: Layer<f32>,
    {
        let inputs = *columns.get_or_insert(x.ncols());
        let checked = || {
            if x.ncols() != inputs {
                return Err(Error::Data(format!("inputs have {} columns, those before {inputs}", x.ncols())));
            }
            if x.nrows() == 0 && y.nrows() == 0 {
                return Ok(());
            }
            check_rows(x, Some(y))?;
            self.check_targets(y)?;
            self.check_sizes::<f32>(inputs)
        };
        checked().map_err(|error| match error {
            Error::Data(problem) => Error::Data(format!("block {number}: {problem}")),
            other => other,
        })
    }
}

fn read<E: std::fmt::Display>(block: std::result::Result<Block, E>, number: usize) -> Result<Block> {
    block.map_err(|e| Error::Data(format!("block {number} cannot be read: {e}")))
}

impl<I> Buffer<I> {
    /// The numbers of `rows` rows, out of `most` that wait.
    fn deal<E: std::fmt::Display>(
        &mut self,
        rows: usize,
        most: usize,
        open: &mut impl FnMut() -> I,
    ) -> Result<Vec<f64>>
    where
        I: Iterator<Item = std::result::Result<Block, E>>,
    {
        let width = self.width;
        let mut dealt = Vec::with_capacity(rows * width);
        for _ in 0..rows {
            while self.waiting.len() < most * width {
                self.read_row(open)?;
            }
            let count = self.waiting.len() / width;
            let at = ((uniform_at::<f64>(self.key, self.dealt) * count as f64) as usize).min(count - 1);
            self.dealt += 1;
            dealt.extend_from_slice(&self.waiting[at * width..(at + 1) * width]);
            // The last one takes its place.
            self.waiting.copy_within((count - 1) * width.., at * width);
            self.waiting.truncate((count - 1) * width);
        }
        Ok(dealt)
    }

    /// Adds the next row; after the last one comes the first.
    fn read_row<E: std::fmt::Display>(&mut self, open: &mut impl FnMut() -> I) -> Result
    where
        I: Iterator<Item = std::result::Result<Block, E>>,
    {
        let mut opened = 0;
        loop {
            if let Some(((x, y), row)) = &mut self.block
                && *row < x.nrows()
            {
                if x.ncols() + y.ncols() != self.width || y.nrows() != x.nrows() {
                    return Err(Error::Data("the data have changed since they were read first".into()));
                }
                self.waiting.extend(x.row(*row).iter().chain(y.row(*row).iter()));
                *row += 1;
                return Ok(());
            }
            match self.blocks.as_mut().and_then(Iterator::next) {
                Some(block) => self.block = Some((read(block, 0)?, 0)),
                None if opened < 2 => {
                    (self.blocks, opened) = (Some(open()), opened + 1);
                }
                None => return Err(Error::Data("the data have no rows when they are read again".into())),
            }
        }
    }
}

/// A network of which a minibatch is at hand.
struct Streamed<N, H: Head> {
    total: usize,
    now: Mutex<Arc<NetworkModel<N, H, f32>>>,
}

impl<N: Layer<f32>, H: Head> Model<f32> for Streamed<N, H> {
    fn run(&self, s: &mut Scope<'_, f32>) -> probity_vi::Result {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        s.block("data", (now.x.nrows(), self.total), |s, batch| now.rows(s, batch))
    }
}

/// A network of which a minibatch is at hand; a run with another key than the one before takes the
/// next.
struct Dealing<N, H: Head, D> {
    total: usize,
    at: Arc<Mutex<At<N, H, D>>>,
}

struct At<N, H: Head, D> {
    key: Option<Key>,
    now: Arc<NetworkModel<N, H, f32>>,
    next: D,
}

impl<N, H: Head, D> Clone for Dealing<N, H, D> {
    fn clone(&self) -> Self {
        Self { total: self.total, at: self.at.clone() }
    }
}

impl<N: Layer<f32>, H: Head, D> Model<f32> for Dealing<N, H, D>
where
    D: FnMut() -> Result<Arc<NetworkModel<N, H, f32>>>,
{
    fn run(&self, s: &mut Scope<'_, f32>) -> probity_vi::Result {
        let key = s.random("minibatch");
        let now = {
            let at = &mut *self.at.lock().unwrap_or_else(PoisonError::into_inner);
            if at.key != Some(key) {
                (at.key, at.now) = (Some(key), (at.next)().map_err(probity_vi::Error::model)?);
            }
            at.now.clone()
        };
        s.block("data", (now.x.nrows(), self.total), |s, batch| now.rows(s, batch))
    }
}
