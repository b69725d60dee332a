//! How fast the density decays far out, by which moments exist.

use super::{Evaluator, Quantity};
use crate::error::Result;
use crate::gaussian::Gaussian;
use crate::layout::Transform;

/// How far out the slope is taken, in standard deviations.
const FAR: f64 = 40.0;

/// For every entry, the degrees of freedom of the Student t that decays as the density does along
/// this coordinate, far from the mean and with all others there; infinite where it decays faster
/// than any power. With 2 or fewer the entry has no standard deviation, however well its draws
/// agree: no number of draws shows what happens beyond the largest.
///
/// A density `|u|^-(ν + 1)` has `-u d ln p / du = ν + 1`, and one of `e^u` has `-d ln p / du = ν`.
/// The others are held, so that the value is an upper limit where their width grows on the way.
pub(super) fn degrees_of_freedom(
    evaluator: &mut Evaluator<'_>,
    gaussian: &Gaussian,
    quantities: &[Quantity],
) -> Result<Vec<f64>> {
    let d = gaussian.dim();
    let sd = gaussian.sd();
    // The last point is the mean itself.
    let mut points: Vec<f64> = Vec::with_capacity((2 * d + 1) * d);
    for i in 0..2 * d {
        let from = points.len();
        points.extend(gaussian.mean.iter());
        let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
        points[from + i / 2] += sign * FAR * sd[i / 2];
    }
    points.extend(gaussian.mean.iter());
    let (mut values, mut gradients) = (vec![0.0; 2 * d + 1], vec![0.0; points.len()]);
    evaluator.gradients(&points, &mut values, &mut gradients)?;
    let of = |i: usize| {
        let side = |upper: bool| {
            let at = 2 * i + usize::from(!upper);
            let (slope, distance) = (gradients[at * d + i], if upper { FAR } else { -FAR } * sd[i]);
            let drop = values[2 * d] - values[at];
            // By the slope there and by the drop on the way: a density may rise again at places
            // that have no mass.
            let degrees = match quantities[i].transform {
                Transform::Exp | Transform::Above | Transform::Below if upper => {
                    (-slope).max(drop / distance)
                }
                Transform::Exp | Transform::Above | Transform::Below | Transform::Interval => f64::INFINITY,
                _ => (-distance * slope).max(drop / FAR.ln()) - 1.0,
            };
            // Where the density is not finite there is no mass.
            if values[at].is_finite() && degrees.is_finite() { degrees } else { f64::INFINITY }
        };
        side(true).min(side(false))
    };
    Ok((0..d).map(of).collect())
}
