//! A line search for the conditions of Wolfe.

use crate::error::Result;

/// What a search knows of one step length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub step: f64,
    /// The loss, and its slope along the direction.
    pub value: f64,
    pub slope: f64,
}

/// Sufficient decrease, and curvature.
const C1: f64 = 1e-4;
const C2: f64 = 0.9;

/// Rounding of the loss: decreases below this part of it are taken by the slope alone.
const ROUNDING: f64 = 1e-12;

/// Finds a step with sufficient decrease and a slope of less than 0.9 of the first one in size, or
/// near rounding the approximate conditions.
///
/// `at` computes a step length. Numbers that are not finite count as too far. None after `most`
/// trials, if no step is good enough; the search gives the best step with a decrease then, if there
/// is one.
///
/// *Source*: Nocedal, Wright 2006, "Numerical optimization", algorithms 3.5 and 3.6 with cubic
/// interpolation; Hager, Zhang 2005, "A new conjugate gradient method with guaranteed descent and
/// an efficient line search", equation 23 (the approximate conditions).
pub(super) fn wolfe(
    start: Trial,
    first: f64,
    most: usize,
    mut at: impl FnMut(f64) -> Result<Trial>,
) -> Result<Option<Trial>> {
    let slack = ROUNDING * start.value.abs();
    let finite = |t: &Trial| t.value.is_finite() && t.slope.is_finite();
    let good = |t: &Trial| {
        let flat = t.slope.abs() <= C2 * -start.slope;
        let exact = t.value <= start.value + C1 * t.step * start.slope && flat;
        let close = t.value <= start.value + slack
            && t.slope <= (2.0 * C1 - 1.0) * start.slope
            && t.slope >= C2 * start.slope;
        exact || close
    };
    // The interval between a step that is too short (a low value, falling) and one that is too
    // long.
    let (mut low, mut high): (Trial, Option<Trial>) = (start, None);
    let mut step = first;
    for _ in 0..most {
        let trial = at(step)?;
        if !finite(&trial) {
            high = Some(Trial { step, value: f64::INFINITY, slope: f64::NAN });
        } else if good(&trial) {
            return Ok(Some(trial));
        } else if trial.value > start.value + C1 * trial.step * start.slope + slack
            || trial.value > low.value + slack
        {
            high = Some(trial);
        } else if trial.slope >= 0.0 {
            // Past the minimum, and lower than what was lowest.
            high = Some(trial);
        } else {
            low = trial;
        }
        step = match high {
            None => 4.0 * step,
            Some(high) => between(&low, &high),
        };
        if !(step.is_finite() && step > 0.0) || step == low.step {
            break;
        }
    }
    Ok((low.step > 0.0 && low.value < start.value).then_some(low))
}

/// The minimum of the cubic through both, kept away from the ends; near the lower end where the
/// upper one has no value.
fn between(low: &Trial, high: &Trial) -> f64 {
    let width = high.step - low.step;
    if !(high.value.is_finite() && high.slope.is_finite()) {
        return low.step + 0.1 * width;
    }
    let a = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let root = (a * a - low.slope * high.slope).max(0.0).sqrt();
    let part = 1.0 - (high.slope + root - a) / (high.slope - low.slope + 2.0 * root);
    let part = if part.is_finite() { part.clamp(0.1, 0.9) } else { 0.5 };
    low.step + part * width
}
