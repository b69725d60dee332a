//! Scores of quantiles and of intervals.

use super::Proportion;

/// The pinball loss of `quantile` as a statement of the `p`-quantile, in the units of `y`.
///
/// It is `p` per unit by which `y` is above, and `1 - p` per unit by which it is below; NaN unless
/// `0 <= p <= 1`.
///
/// Source: Koenker and Bassett 1978, "Regression quantiles".
pub fn pinball(y: f64, quantile: f64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let above = y - quantile;
    if above >= 0.0 { p * above } else { (p - 1.0) * above }
}

/// The interval score of a central interval that should hold `y` with probability `level`, in the
/// units of `y`.
///
/// It is the width of the interval plus, where it misses, the distance times `2 / (1 - level)`; NaN
/// unless `0 <= level <= 1`.
///
/// Source: Gneiting and Raftery 2007, "Strictly proper scoring rules", equation 43.
pub fn interval_score(y: f64, (lower, upper): (f64, f64), level: f64) -> f64 {
    if !(0.0..=1.0).contains(&level) {
        return f64::NAN;
    }
    // The first operand's NaN would be lost by `f64::max`; that of the bounds is kept by the width.
    let missed = if y.is_nan() { y } else { (lower - y).max(y - upper).max(0.0) };
    // An infinite interval at level 1 misses nothing.
    let penalty = if missed == 0.0 { 0.0 } else { missed * (2.0 / (1.0 - level)) };
    (upper - lower) + penalty
}

/// How many of `y` lie in their intervals, the ends included; pairs beyond the shorter of the two
/// are not looked at.
pub fn coverage(y: &[f64], intervals: &[(f64, f64)]) -> Proportion {
    let pairs = y.iter().zip(intervals);
    Proportion { hits: pairs.clone().filter(|(y, (a, b))| a <= *y && *y <= b).count(), of: pairs.count() }
}
