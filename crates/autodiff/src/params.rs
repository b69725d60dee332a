//! Parameters: one flat buffer with named, shaped segments.

use crate::aligned::AlignedVec;
use crate::real::Scalar;
use nalgebra::{DMatrix, DMatrixView};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// Named matrices in one flat buffer, which optimisers, files and gradients all see as one slice.
///
/// Segments stand in the order in which they were added; a matrix is stored column by column.
///
/// Reading them from a file fails unless the segments have distinct names, follow each other
/// without gaps, and hold together as many entries as there are values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Clone + Deserialize<'de>"))]
#[serde(try_from = "Unchecked<T>")]
pub struct Params<T> {
    segments: Vec<Segment>,
    // Shared with the tape during a step, so that reading needs no copy.
    values: Arc<AlignedVec<T>>,
}

/// What a file holds.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Clone + Deserialize<'de>"))]
struct Unchecked<T> {
    segments: Vec<Segment>,
    values: Arc<AlignedVec<T>>,
}

impl<T> TryFrom<Unchecked<T>> for Params<T> {
    type Error = String;

    fn try_from(Unchecked { segments, values }: Unchecked<T>) -> Result<Self, String> {
        let mut names = HashSet::new();
        let mut end = 0_usize;
        for Segment { name, rows, cols, offset } in &segments {
            if !names.insert(name) {
                return Err(format!("two segments have the name {name:?}"));
            }
            if *offset != end {
                return Err(format!("segment {name:?} begins at {offset}, the one before it ends at {end}"));
            }
            let next = rows.checked_mul(*cols).and_then(|size| end.checked_add(size));
            end = next.filter(|next| *next <= values.len()).ok_or_else(|| {
                format!("segment {name:?} is {rows} × {cols} from {offset} on, of {} values", values.len())
            })?;
        }
        if end != values.len() {
            return Err(format!("the segments have {end} entries, but there are {} values", values.len()));
        }
        Ok(Self { segments, values })
    }
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
    #[inline]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_that_fit_the_values_are_read() {
        let mut params = Params::<f64>::new();
        params.add("a", &DMatrix::from_element(2, 3, 0.5));
        params.add("b", &DMatrix::from_element(1, 1, -1.0));
        let good = serde_json::to_value(&params).unwrap();
        assert_eq!(serde_json::from_value::<Params<f64>>(good.clone()).unwrap(), params);
        type Edit = fn(&mut serde_json::Value);
        let edits: [(&str, Edit); 9] = [
            ("begins at 1000000", |v| v["segments"][0]["offset"] = 1_000_000.into()),
            ("begins at 5", |v| v["segments"][1]["offset"] = 5.into()),
            ("from 0 on, of 7 values", |v| v["segments"][0]["rows"] = 3.into()),
            ("from 6 on, of 7 values", |v| v["segments"][1]["rows"] = 2.into()),
            ("from 0 on", |v| v["segments"][0]["rows"] = u64::MAX.into()),
            ("two segments", |v| v["segments"][1]["name"] = "a".into()),
            ("have 7 entries, but there are 8", |v| v["values"].as_array_mut().unwrap().push(1.into())),
            ("from 6 on, of 6 values", |v| drop(v["values"].as_array_mut().unwrap().pop())),
            ("begins at 6", |v| drop(v["segments"].as_array_mut().unwrap().remove(0))),
        ];
        for (want, edit) in edits {
            let mut bad = good.clone();
            edit(&mut bad);
            let error = serde_json::from_value::<Params<f64>>(bad).unwrap_err().to_string();
            assert!(error.contains(want), "{want}: {error}");
        }
    }
}
