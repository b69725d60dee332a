//! The geometry that the columns of a value have.

use serde::{Deserialize, Serialize};

/// Images: every row is one, its columns run over channels, then rows, then columns of pixels, the
/// last fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Channels.
    pub channels: usize,
    /// Pixels in a column.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Grid {
    /// The number of columns.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there are no pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sequences: every row is one, its columns run over channels, then steps, the last fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Channels: the numbers at a step.
    pub channels: usize,
    /// Steps.
    pub steps: usize,
}

impl Sequence {
    /// The number of columns.
    pub fn len(&self) -> usize {
        self.channels * self.steps
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As images of one row of pixels.
    pub(super) fn grid(self) -> Grid {
        Grid { channels: self.channels, height: 1, width: self.steps }
    }
}

/// A window that moves over a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub grid: Grid,
    /// Height and width.
    pub size: (usize, usize),
    pub stride: (usize, usize),
    /// Zeros at every edge.
    pub padding: (usize, usize),
}

impl Window {
    /// Its places in a column and in a row; 0 where it does not fit.
    pub fn places(&self) -> (usize, usize) {
        let along = |n: usize, size: usize, stride: usize, padding: usize| {
            let free = (n + 2 * padding).checked_sub(size).filter(|_| size > 0 && stride > 0);
            free.map_or(0, |free| free / stride + 1)
        };
        (
            along(self.grid.height, self.size.0, self.stride.0, self.padding.0),
            along(self.grid.width, self.size.1, self.stride.1, self.padding.1),
        )
    }

    /// The pixel (within a channel) under entry (`dy`, `dx`) of the window at place (`oy`, `ox`);
    /// none in the padding.
    pub fn pixel(&self, (oy, ox): (usize, usize), (dy, dx): (usize, usize)) -> Option<usize> {
        let y = (oy * self.stride.0 + dy).checked_sub(self.padding.0)?;
        let x = (ox * self.stride.1 + dx).checked_sub(self.padding.1)?;
        (y < self.grid.height && x < self.grid.width).then_some(y * self.grid.width + x)
    }
}
