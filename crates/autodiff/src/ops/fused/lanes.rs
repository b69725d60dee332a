//! Formulas in all lanes at once.

use super::{How, Source, Stretch, stretch};
use crate::kernel::Input;
use crate::real::Scalar;
use crate::tape::Inputs;

/// All lanes at once: each is a column of its entries, in one matrix. What is the same in all lanes
/// is then a column that is stretched, and numbers that differ from lane to lane are a row.
#[derive(Clone, Copy)]
pub(super) enum InLanes {
    Full,
    Row,
    Col,
    Scalar,
}

impl How {
    /// Whether a lane has one entry, and one result.
    pub(super) fn single(&self) -> bool {
        self.shape == (1, 1) && self.single
    }

    pub(super) fn matrix<T: Scalar>(&self, x: &Inputs<'_, T>) -> (usize, usize) {
        (self.shape.0 * self.shape.1, x.lanes())
    }
}

/// How the arguments stand in the matrix of all lanes; whether they can be there, else it has to be
/// done lane by lane.
pub(super) fn set_places<T: Scalar>(
    sources: &[Source<T>],
    shape: (usize, usize),
    x: &Inputs<'_, T>,
    places: &mut [InLanes],
) -> bool {
    let n = shape.0 * shape.1;
    for (place, source) in places.iter_mut().zip(sources) {
        let Source::Node(k) = *source else { continue };
        *place = match (stretch(x.shape(k), shape), x.is_per_lane(k)) {
            (Stretch::None, true) => InLanes::Full,
            (Stretch::None, false) if n != 1 => InLanes::Col,
            (Stretch::None | Stretch::Scalar, false) => InLanes::Scalar,
            (Stretch::Scalar, true) => InLanes::Row,
            (Stretch::Row | Stretch::Col, _) => return false,
        };
    }
    true
}

pub(super) fn set_lane_inputs<'a, T: Scalar>(
    sources: &[Source<T>],
    x: &Inputs<'a, T>,
    places: &[InLanes],
    inputs: &mut [Input<'a, T>],
) {
    for (input, (source, place)) in inputs.iter_mut().zip(sources.iter().zip(places)) {
        *input = match (*source, *place) {
            (Source::Node(k), InLanes::Full) => Input::Full(x.all_lanes(k)),
            (Source::Node(k), InLanes::Row) => Input::Row(x.all_lanes(k)),
            (Source::Node(k), InLanes::Col) => Input::Col(x.all_lanes(k)),
            (Source::Node(k), InLanes::Scalar) => Input::Scalar(x.all_lanes(k)[0]),
            (Source::Constant(c), _) => Input::Scalar(c),
            (Source::Normal(key), _) => Input::Normal(key),
            (Source::Uniform(key), _) => Input::Uniform(key),
        };
    }
}
