//! Gradient clipping.

use probity_autodiff::{Real, Scalar};

/// Scales the gradient down to this Euclidean norm, if it is longer. Returns the norm it had.
pub fn clip_norm<T: Scalar>(gradient: &mut [T], norm: f64) -> f64 {
    let was = gradient.iter().map(|g| g.to_f64() * g.to_f64()).sum::<f64>().sqrt();
    if was > norm {
        let factor = T::Num::of(norm / was);
        gradient.iter_mut().for_each(|g| *g = T::from_num(g.num() * factor));
    }
    was
}
