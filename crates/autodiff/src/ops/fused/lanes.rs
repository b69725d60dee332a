//! Formulas in all lanes at once.

use super::{Fused, Source, Stretch, stretch};
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

impl<B, T: Scalar, const N: usize, const M: usize> Fused<B, T, N, M> {
    /// How the arguments stand in the matrix of all lanes; none if it has to be done lane by lane.
    pub(super) fn in_lanes(&self, x: &Inputs<'_, T>) -> Option<[InLanes; N]> {
        let n = self.shape.0 * self.shape.1;
        let mut places = [InLanes::Scalar; N];
        for (place, source) in places.iter_mut().zip(&self.sources) {
            let Source::Node(k) = *source else { continue };
            *place = match (stretch(x.shape(k), self.shape), x.is_per_lane(k)) {
                (Stretch::None, true) => InLanes::Full,
                (Stretch::None, false) if n != 1 => InLanes::Col,
                (Stretch::None | Stretch::Scalar, false) => InLanes::Scalar,
                (Stretch::Scalar, true) => InLanes::Row,
                (Stretch::Row | Stretch::Col, _) => return None,
            };
        }
        Some(places)
    }

    /// Whether a lane has one entry, and one result.
    pub(super) fn single(&self) -> bool {
        self.shape == (1, 1) && M == 1
    }

    pub(super) fn matrix(&self, x: &Inputs<'_, T>) -> (usize, usize) {
        (self.shape.0 * self.shape.1, x.lanes())
    }

    pub(super) fn lane_inputs<'a>(&self, x: &Inputs<'a, T>, places: [InLanes; N]) -> [Input<'a, T>; N] {
        std::array::from_fn(|i| match (self.sources[i], places[i]) {
            (Source::Node(k), InLanes::Full) => Input::Full(x.all_lanes(k)),
            (Source::Node(k), InLanes::Row) => Input::Row(x.all_lanes(k)),
            (Source::Node(k), InLanes::Col) => Input::Col(x.all_lanes(k)),
            (Source::Node(k), InLanes::Scalar) => Input::Scalar(x.all_lanes(k)[0]),
            (Source::Constant(c), _) => Input::Scalar(c),
            (Source::Normal(key), _) => Input::Normal(key),
            (Source::Uniform(key), _) => Input::Uniform(key),
        })
    }
}
