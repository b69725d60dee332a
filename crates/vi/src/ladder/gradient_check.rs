//! Whether the gradient of a target is that of its density.

use super::evaluator::Evaluator;
use crate::error::{Error, Result};
use crate::gaussian::Gaussian;
use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;

/// Places where it is looked at: the start, and others about as far from it as it is wide.
const PLACES: usize = 3;
/// Places with another slope that say that the gradient is wrong. One may be a kink.
const WRONG: usize = 2;
/// The distance of differences, in standard deviations of the start.
const STEP: f64 = 0.01;
/// The largest relative difference of slopes beyond the errors of differences.
const TOLERANCE: f64 = 1e-3;

/// Compares slopes along random directions with differences of the density, before anything relies
/// on the gradient. It takes five evaluations a place.
///
/// # Errors
/// [`Error::Setting`] if slopes are others at two places or more, and errors of the target.
pub(super) fn check(evaluator: &mut Evaluator<'_>, start: &Gaussian, key: Key) -> Result {
    let d = evaluator.dim();
    let mut noise = vec![0.0; 2 * d * PLACES];
    fill_normal(key, 0, &mut noise);
    let mut points = Vec::with_capacity(5 * d * PLACES);
    let mut directions = Vec::with_capacity(d * PLACES);
    for (place, z) in noise.chunks_exact(2 * d).enumerate() {
        let scale = |i: usize| start.factor[(i, i)];
        let away = if place == 0 { 0.0 } else { 0.3 };
        directions.extend((0..d).map(|i| scale(i) * z[i]));
        for distance in [0.0, STEP, -STEP, 2.0 * STEP, -2.0 * STEP] {
            points.extend((0..d).map(|i| start.mean[i] + scale(i) * (away * z[d + i] + distance * z[i])));
        }
    }
    let (mut values, mut gradients) = (vec![0.0; 5 * PLACES], vec![0.0; 5 * d * PLACES]);
    evaluator.gradients(&points, &mut values, &mut gradients)?;
    let mut wrong = None;
    let mut count = 0;
    for ((f, g), v) in
        values.chunks_exact(5).zip(gradients.chunks_exact(5 * d)).zip(directions.chunks_exact(d))
    {
        let slope: f64 = g[..d].iter().zip(v).map(|(g, v)| g * v).sum();
        if slopes_differ(f, slope) {
            count += 1;
            wrong = wrong.or(Some((slope, by_differences(f).0)));
        }
    }
    match wrong {
        Some((slope, difference)) if count >= WRONG => {
            let problem = format!(
                "the gradient is not that of the density: along a direction the slope is {slope:.4e} by the gradient, \
                 and {difference:.4e} by differences of the density"
            );
            Err(Error::Setting { setting: "target", problem })
        }
        _ => Ok(()),
    }
}

/// The slope from values at 0, ±h and ±2 h, and how far that at h is from that at 2 h.
fn by_differences(f: &[f64]) -> (f64, f64) {
    let (near, far) = ((f[1] - f[2]) / (2.0 * STEP), (f[3] - f[4]) / (4.0 * STEP));
    ((4.0 * near - far) / 3.0, (near - far).abs())
}

fn slopes_differ(f: &[f64], slope: f64) -> bool {
    if !slope.is_finite() || f.iter().any(|f| !f.is_finite()) {
        return false;
    }
    // Values in single precision have its rounding.
    let single = f.iter().all(|f| f64::from(*f as f32) == *f);
    let unit = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let largest = f.iter().fold(0.0, |m: f64, f| m.max(f.abs()));
    let (difference, change) = by_differences(f);
    let rounding = 16.0 * unit * largest / STEP;
    (slope - difference).abs() > TOLERANCE * (slope.abs() + difference.abs()) + 10.0 * (change + rounding)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::gaussian::Gaussian;
    use crate::ladder::evaluator::Evaluator;
    use crate::target::LogDensity;
    use probity_autodiff::Key;

    /// Whether a density with so much in the place of its third slope passes, around 100.
    fn passes(slope: impl Fn(f64) -> f64 + Clone + Send, kink: bool) -> bool {
        let target = LogDensity::new(3, move |u: &[f64], g: &mut [f64]| {
            let last = if kink { u[2].abs() } else { 0.5 * u[2] * u[2] + u[2].sin() };
            (g[0], g[1], g[2]) = (-1e8 * u[0], 100.0 - u[1], slope(u[2]));
            -0.5e8 * u[0] * u[0] - 0.5 * (u[1] - 100.0).powi(2) - last + 1e5
        });
        let start = Gaussian::diagonal(&[0.0, 99.0, 0.0], &[1e-4, 2.0, 1.0]);
        (0..20).all(|seed| check(&mut Evaluator::new(&target), &start, Key::new(seed)).is_ok())
    }

    #[test]
    fn right_gradients_pass_and_wrong_ones_do_not() {
        assert!(passes(|u| -u - u.cos(), false));
        // A kink at the start, and values in single precision.
        assert!(passes(|u| -u.signum(), true));
        assert!(passes(|u| f64::from((-u - u.cos()) as f32), false));
        // A wrong sign, a term left out, a factor.
        assert!(!passes(|u| u + u.cos(), false));
        assert!(!passes(|u| -u, false));
        assert!(!passes(|u| -1.5 * (u + u.cos()), false));
        // Nothing can be said where the density is not finite.
        let target = LogDensity::new(1, |_: &[f64], g: &mut [f64]| {
            g[0] = 1.0;
            f64::NEG_INFINITY
        });
        let start = Gaussian::diagonal(&[0.0], &[1.0]);
        assert!(check(&mut Evaluator::new(&target), &start, Key::new(0)).is_ok());
    }
}
