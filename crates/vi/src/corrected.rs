//! Draws that stand in the place of those of a guide.

use crate::guide::Draw;
use crate::ladder::Stands;
use probity_autodiff::{Scalar, Tape};
use serde::{Deserialize, Serialize};

/// Draws that stand for the posterior in the place of those of the guide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// The number of unconstrained numbers, d.
    pub dim: usize,
    /// Draws with equal weights in random order, d unconstrained numbers each.
    #[serde(with = "probity_autodiff::serde_float")]
    pub points: Vec<f64>,
    /// How they came about.
    pub stands: Stands,
}

impl Corrected {
    /// The number of draws.
    pub fn len(&self) -> usize {
        self.points.len() / self.dim.max(1)
    }

    /// Whether there are no draws.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Draw `i`; after the last one they are taken again from the first.
    fn point(&self, i: usize) -> &[f64] {
        let at = i % (self.points.len() / self.dim) * self.dim;
        &self.points[at..at + self.dim]
    }

    /// Draw `i` on a tape.
    pub(crate) fn draw<'t, T: Scalar>(&self, tape: &'t Tape<T>, i: usize) -> Draw<'t, T> {
        let point = self.point(i);
        let fill = |u: &mut [T]| u.iter_mut().zip(point).for_each(|(u, x)| *u = T::from_f64(*x));
        // Of draws that are not the guide's nothing is known but that they are draws.
        let log_q = tape.constant_with(1, 1, |x| x.fill(T::from_f64(f64::NAN)));
        Draw::joint(tape.constant_with(self.dim, 1, fill), log_q)
    }
}
