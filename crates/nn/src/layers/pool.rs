//! Pooling: the largest or the mean number of every window.

use super::grid::{Grid, Sequence, Window};
use super::layer::{Layer, check_columns, takes};
use super::patches::add;
use crate::error::Error;
use probity_autodiff::{Adjoints, Inputs, Op, Real, Scalar, Var};
use probity_vi::{Result, Scope};
use serde::{Deserialize, Serialize};

/// What becomes of the numbers in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Max,
    Average,
}

/// Of every window of every channel of n images one number: n × (channels · places).
#[derive(Clone, Copy, Debug)]
struct Pool {
    window: Window,
    kind: Kind,
}

impl Pool {
    /// Calls `each` with every place's first number in the result, and the columns of its window.
    fn windows(&self, n: usize, mut each: impl FnMut(usize, &mut dyn Iterator<Item = usize>)) {
        let Window { grid, size, .. } = self.window;
        let (high, wide) = self.window.places();
        let mut to = 0;
        for channel in 0..grid.channels {
            for place in (0..high).flat_map(|oy| (0..wide).map(move |ox| (oy, ox))) {
                let within = (0..size.0).flat_map(|dy| (0..size.1).map(move |dx| (dy, dx)));
                let pixels = within.filter_map(|w| self.window.pixel(place, w));
                each(to, &mut pixels.map(|p| (channel * grid.height * grid.width + p) * n));
                to += n;
            }
        }
    }

    fn share(&self) -> f64 {
        1.0 / (self.window.size.0 * self.window.size.1) as f64
    }
}

impl<T: Scalar> Op<T> for Pool {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Max => "max pool",
            Kind::Average => "average pool",
        }
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (n, x) = (x.shape(0).0, x.get(0));
        let share = self.share();
        self.windows(n, |to, columns| {
            let y = &mut y[to..to + n];
            let Some(first) = columns.next() else { return };
            y.copy_from_slice(&x[first..first + n]);
            for column in columns {
                let x = &x[column..column + n];
                match self.kind {
                    Kind::Average => add(y, x),
                    Kind::Max => {
                        for (y, x) in y.iter_mut().zip(x) {
                            // A NaN is larger than anything.
                            if !(x.num() <= y.num()) && !y.num().re().is_nan() {
                                *y = *x;
                            }
                        }
                    }
                }
            }
            if self.kind == Kind::Average {
                y.iter_mut().for_each(|y| *y = T::from_num(y.num() * share));
            }
        });
    }

    fn backward(&self, x: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (n, x) = (x.shape(0).0, x.get(0));
        let share = self.share();
        // The rows of a window whose largest number has not been met.
        let mut open = dx.take_scratch(n);
        dx.accumulate_zeroed(0, |sum| {
            self.windows(n, |to, columns| {
                open.copy_from_slice(&g[to..to + n]);
                for column in columns {
                    for (i, open) in open.iter_mut().enumerate() {
                        let sum = &mut sum[column + i];
                        match self.kind {
                            Kind::Average => *sum = T::from_num(sum.num() + open.num() * share),
                            // Of equal ones, the first.
                            Kind::Max if x[column + i] == y[to + i] => {
                                *sum = T::from_num(sum.num() + open.num());
                                *open = T::from_f64(0.0);
                            }
                            Kind::Max => {}
                        }
                    }
                }
            });
        });
        dx.put_scratch(open);
    }
}

impl Pool {
    fn check(&self, inputs: usize) -> crate::Result<usize> {
        takes("pooling", self.window.grid.len(), inputs)?;
        match self.window.places() {
            (0, _) | (_, 0) => {
                let Window { size, stride, grid, .. } = self.window;
                let problem = format!("a window of {size:?} with stride {stride:?} has no place on {grid:?}");
                Err(Error::Network(problem))
            }
            (high, wide) => Ok(self.window.grid.channels * high * wide),
        }
    }

    fn of<'t, T: Scalar>(self, x: Var<'t, T>) -> Result<Var<'t, T>> {
        check_columns("pooling", self.window.grid.len(), x.ncols())?;
        let (high, wide) = self.window.places();
        let columns = self.window.grid.channels * high * wide;
        Ok(match x.tape() {
            Some(tape) => tape.record(self, &[x], x.nrows(), columns),
            None => x,
        })
    }
}

/// The largest or the mean number of every square window of every channel of images, without
/// overlap unless the stride is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool2d {
    /// What the columns of x are.
    pub input: Grid,
    /// Height and width of a window.
    pub size: usize,
    /// By how much it moves.
    pub stride: usize,
    kind: Kind,
}

impl Pool2d {
    /// The largest number of windows of this size.
    pub fn max(input: Grid, size: usize) -> Self {
        Self { input, size, stride: size, kind: Kind::Max }
    }

    /// The mean of windows of this size.
    pub fn average(input: Grid, size: usize) -> Self {
        Self { input, size, stride: size, kind: Kind::Average }
    }

    /// Moving by so much.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    fn pool(&self) -> Pool {
        let (size, stride) = ((self.size, self.size), (self.stride, self.stride));
        let window = Window { grid: self.input, size, stride, padding: (0, 0) };
        Pool { window, kind: self.kind }
    }

    /// What the columns of y are.
    pub fn output(&self) -> Grid {
        let (height, width) = self.pool().window.places();
        Grid { channels: self.input.channels, height, width }
    }
}

impl<T: Scalar> Layer<T> for Pool2d {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        self.pool().check(inputs)
    }

    fn forward<'t>(&self, _: &mut Scope<'t, T>, _: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        self.pool().of(x)
    }
}

/// The largest or the mean number of every window of every channel of sequences, without overlap
/// unless the stride is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool1d {
    /// What the columns of x are.
    pub input: Sequence,
    /// Steps of a window.
    pub size: usize,
    /// By how many it moves.
    pub stride: usize,
    kind: Kind,
}

impl Pool1d {
    /// The largest number of windows of this size.
    pub fn max(input: Sequence, size: usize) -> Self {
        Self { input, size, stride: size, kind: Kind::Max }
    }

    /// The mean of windows of this size.
    pub fn average(input: Sequence, size: usize) -> Self {
        Self { input, size, stride: size, kind: Kind::Average }
    }

    /// Moving by so many steps.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    fn pool(&self) -> Pool {
        let (size, stride) = ((1, self.size), (1, self.stride));
        let window = Window { grid: self.input.grid(), size, stride, padding: (0, 0) };
        Pool { window, kind: self.kind }
    }

    /// What the columns of y are.
    pub fn output(&self) -> Sequence {
        Sequence { channels: self.input.channels, steps: self.pool().window.places().1 }
    }
}

impl<T: Scalar> Layer<T> for Pool1d {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        self.pool().check(inputs)
    }

    fn forward<'t>(&self, _: &mut Scope<'t, T>, _: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        self.pool().of(x)
    }
}
