//! The continuous ranked probability score of a finite ensemble of draws.

/// The CRPS of the empirical distribution of `draws` at `y`, in the units of `y`.
///
/// That is `mean |xᵢ - y| - Σᵢⱼ |xᵢ - xⱼ| / (2 n²)`; one draw scores its absolute error. NaN
/// without draws, or where there is a NaN. The cost is that of sorting.
///
/// Source: Gneiting and Raftery 2007, "Strictly proper scoring rules", equation 21.
pub fn crps_ensemble(draws: &[f64], y: f64) -> f64 {
    sums(draws, y).0
}

/// The fair CRPS of an ensemble: unbiased for the CRPS of the distribution that the draws come
/// from.
///
/// That is `mean |xᵢ - y| - Σᵢⱼ |xᵢ - xⱼ| / (2 n (n - 1))`, which may be negative. NaN with fewer
/// than two draws, or where there is a NaN. Use it to compare ensembles of different sizes.
///
/// Source: Ferro 2014, "Fair scores for ensemble forecasts".
pub fn crps_ensemble_fair(draws: &[f64], y: f64) -> f64 {
    let (empirical, half_difference) = sums(draws, y);
    empirical - half_difference / (draws.len() as f64 - 1.0)
}

/// The empirical CRPS, and `Σᵢⱼ |xᵢ - xⱼ| / (2 n²)`.
///
/// Both are integrals of step functions, `∫ (F - 1[t >= y])²` and `∫ F (1 - F)`. Summed over the
/// gaps of the sorted draws, every term is positive: draws far from 0 and close together cost no
/// digits.
fn sums(draws: &[f64], y: f64) -> (f64, f64) {
    let (mut sorted, n) = (draws.to_vec(), draws.len() as f64);
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return (f64::NAN, f64::NAN);
    };
    if y.is_nan() || first.is_nan() || last.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let outside = (first - y).max(y - last).max(0.0);
    let gaps = sorted.windows(2).zip(1..).fold((0.0, 0.0), |(score, spread), (gap, below)| {
        let (at, below) = (y.clamp(gap[0], gap[1]), f64::from(below) / n);
        let above = 1.0 - below;
        let missed = (at - gap[0]) * below * below + (gap[1] - at) * above * above;
        (score + missed, spread + (gap[1] - gap[0]) * below * above)
    });
    (outside + gaps.0, gaps.1)
}
