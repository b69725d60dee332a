//! Gradient clipping.

use probity_autodiff::{Real, Scalar, norm};

/// Scales the gradient down to this Euclidean norm, if it is longer. Returns the norm it had.
pub fn clip_norm<T: Scalar>(gradient: &mut [T], limit: f64) -> f64 {
    let was = norm(gradient);
    if was == f64::INFINITY {
        // The squares overflow, or an entry is infinite, which stays to be noticed.
        let largest = gradient.iter().fold(0.0, |most, g| f64::max(most, g.to_f64().abs()));
        if largest < f64::INFINITY {
            let part = gradient.iter().map(|g| (g.to_f64() / largest).powi(2)).sum::<f64>().sqrt();
            scale(gradient, 1.0 / largest);
            scale(gradient, limit / part);
            return largest * part;
        }
    }
    if was > limit {
        scale(gradient, limit / was);
    }
    was
}

fn scale<T: Scalar>(gradient: &mut [T], factor: f64) {
    let factor = T::Num::of(factor);
    gradient.iter_mut().for_each(|g| *g = T::from_num(g.num() * factor));
}
