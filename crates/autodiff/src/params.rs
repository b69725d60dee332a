//! Parameters: one flat buffer with named, shaped segments.

use crate::aligned::AlignedVec;
use crate::real::Scalar;
use nalgebra::{DMatrix, DMatrixView};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Named matrices in one flat buffer, which optimisers, files and gradients all see as one slice.
///
/// Segments stand in the order in which they were added; a matrix is stored column by column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Clone + Deserialize<'de>"))]
pub struct Params<T> {
    segments: Vec<Segment>,
    // Shared with the tape during a step, so that reading needs no copy.
    values: Arc<AlignedVec<T>>,
}

/// The handle of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParamId(usize);

impl ParamId {
    /// The position among the segments.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Where a named matrix is in the flat buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The name, unique among the segments.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// The first entry.
    pub offset: usize,
}

impl Segment {
    /// The entries' range in the flat buffer.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
}

impl<T: Scalar> Params<T> {
    /// No parameters.
    pub fn new() -> Self {
        Self { segments: Vec::new(), values: Arc::default() }
    }

    /// Adds a segment.
    ///
    /// # Panics
    /// If the name is taken.
    #[track_caller]
    pub fn add(&mut self, name: impl Into<String>, value: &DMatrix<T>) -> ParamId {
        let name = name.into();
        assert!(self.find(&name).is_none(), "Params::add: the name {name:?} is taken");
        let offset = self.values.len();
        self.segments.push(Segment { name, rows: value.nrows(), cols: value.ncols(), offset });
        Arc::make_mut(&mut self.values).extend_from_slice(value.as_slice());
        ParamId(self.segments.len() - 1)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All entries.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    /// All entries, to change. Copies them first if a tape is still bound to them.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        let values: &mut AlignedVec<T> = Arc::make_mut(&mut self.values);
        values
    }

    /// Exchanges all entries for these, without a copy unless a tape is still bound to them.
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn exchange(&mut self, values: &mut AlignedVec<T>) {
        assert!(values.len() == self.len(), "Params::exchange: {} entries for {}", values.len(), self.len());
        std::mem::swap(Arc::make_mut(&mut self.values), values);
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment of a handle.
    ///
    /// # Panics
    /// If the handle is not of these parameters.
    #[track_caller]
    pub fn segment(&self, id: ParamId) -> &Segment {
        &self.segments[id.0]
    }

    /// The handle of a name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.segments.iter().position(|s| s.name == name).map(ParamId)
    }

    /// The matrix of a segment.
    ///
    /// # Panics
    /// If the handle is not of these parameters.
    #[track_caller]
    pub fn get(&self, id: ParamId) -> DMatrixView<'_, T> {
        let s = &self.segments[id.0];
        DMatrixView::from_slice(&self.values[s.range()], s.rows, s.cols)
    }

    /// The entries of a segment, to change.
    ///
    /// # Panics
    /// If the handle is not of these parameters.
    #[track_caller]
    pub fn get_mut(&mut self, id: ParamId) -> &mut [T] {
        let range = self.segments[id.0].range();
        &mut Arc::make_mut(&mut self.values)[range]
    }

    pub(crate) fn shared(&self) -> &Arc<AlignedVec<T>> {
        &self.values
    }
}
