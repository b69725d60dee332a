//! Gradient clipping.

use probity_autodiff::{Real, Scalar, norm};

/// Scales the gradient down to this Euclidean norm, if it is longer. Returns the norm it had.
pub fn clip_norm<T: Scalar>(gradient: &mut [T], limit: f64) -> f64 {
    let was = norm(gradient);
    if was > limit {
        let factor = T::Num::of(limit / was);
        gradient.iter_mut().for_each(|g| *g = T::from_num(g.num() * factor));
    }
    was
}
