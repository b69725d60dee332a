//! The continuous ranked probability score `∫ (F(t) - 1[t >= y])² dt` of common families, in closed
//! form.
//!
//! The functions are generic over [`Real`]: on [`probity_autodiff::Dual`] they carry their
//! derivatives, and `formula!(|y, loc, scale| crps_normal(y, loc, scale))` is a loss for the tape.
//! Scores are in the units of `y`.
//!
//! Source: Jordan, Krüger, Lerch 2019, "Evaluating probabilistic forecasts with scoringRules",
//! appendix A, where a function names no other. The terms are grouped anew, for small and for large
//! `z`.

use probity_autodiff::Real;
use probity_autodiff::math::erf::erf;
use probity_autodiff::math::student_t::{student_t_cdf, student_t_sf};
use std::f64::consts::FRAC_1_SQRT_2;

/// `1 / √(2π)`.
const INV_SQRT_TAU: f64 = 0.398942280401432677939946059934381868;
/// `1 / √π`.
const INV_SQRT_PI: f64 = 0.564189583547756286948079451560772586;

/// `E |X|` for `X` normal: the distance between a draw and a point, or between two draws.
///
/// In `offset erf(z/√2) + 2 scale φ(z)` the derivatives of `z` cancel in theory, so that rounding
/// is no larger than that of the two terms. Beyond `|z| = 40` both functions are constant in double
/// precision; the bound keeps a huge `z` from making `∞ · 0` of its derivative.
#[inline(always)]
pub(crate) fn expected_distance<R: Real>(offset: R, scale: R) -> R {
    let z = (offset / scale).max(R::of(-40.0)).min(R::of(40.0));
    offset * (z * FRAC_1_SQRT_2).erf() + scale * (z * z * -0.5).exp() * (2.0 * INV_SQRT_TAU)
}

/// CRPS of Normal(`loc`, `scale`).
///
/// ```
/// use probity_autodiff::{formula, partials};
/// use probity_nn::scores::crps_normal;
/// let loss = formula!(|y, loc, scale| crps_normal(y, loc, scale));
/// let (value, [_, by_loc, by_scale]) = partials(loss, [0.0, 0.0, 1.0]);
/// assert!((value - 0.23369497725510907).abs() < 1e-15);
/// assert_eq!((by_loc, by_scale), (0.0, value));
/// ```
///
/// Source: Gneiting, Raftery, Westveld, Goldman 2005, "Calibrated probabilistic forecasting",
/// equation 5.
#[inline(always)]
pub fn crps_normal<R: Real>(y: R, loc: R, scale: R) -> R {
    expected_distance(y - loc, scale) - scale * INV_SQRT_PI
}

/// CRPS of Laplace(`loc`, `scale`), whose standard deviation is `√2 scale`.
#[inline(always)]
pub fn crps_laplace<R: Real>(y: R, loc: R, scale: R) -> R {
    let z = ((y - loc) / scale).abs();
    scale * (z + (-z).exp() - 0.75)
}

/// CRPS of the logistic distribution with this location and scale.
#[inline(always)]
pub fn crps_logistic<R: Real>(y: R, loc: R, scale: R) -> R {
    let z = (y - loc) / scale;
    scale * (z.softplus() + (-z).softplus() - 1.0)
}

/// `E |X - z|` for `X` a standard Student's t with `df > 1` degrees of freedom.
#[inline(always)]
pub(crate) fn student_t_distance<R: Real>(z: R, df: R) -> R {
    // (df + z²) times the density, with the power of both in one exponent.
    let ln_norm = df.ln() * 0.5 - R::of(0.5).ln_beta(df * 0.5);
    let log_weighted = ln_norm - (z * z / df).ln_1p() * (df - 1.0) * 0.5;
    let centred = z * (student_t_cdf(df, z) - student_t_sf(df, z));
    centred + log_weighted.exp() * 2.0 / (df - 1.0)
}

/// CRPS of Student's t with `df` degrees of freedom; NaN unless `df > 1` (at 1 and below it is
/// infinite).
pub fn crps_student_t<R: Real>(y: R, df: R, loc: R, scale: R) -> R {
    let z = (y - loc) / scale;
    let rest = df - 1.0;
    if !(rest > 0.0) {
        return R::of(f64::NAN);
    }
    let half = R::of(0.5);
    let spread = df.sqrt() * ((half.ln_beta(df - 0.5) - half.ln_beta(df * 0.5) * 2.0).exp());
    scale * (student_t_distance(z, df) - spread * 2.0 / rest)
}

/// CRPS of the exponential distribution with this rate (mean `1 / rate`).
#[inline(always)]
pub fn crps_exponential<R: Real>(y: R, rate: R) -> R {
    let below = (-(y * rate).relu()).exp_m1(); // minus the cdf
    y.abs() + (below * 2.0 + 0.5) / rate
}

/// CRPS of LogNormal: `ln X` is Normal(`loc`, `scale`).
#[inline(always)]
pub fn crps_log_normal<R: Real>(y: R, loc: R, scale: R) -> R {
    let twice_mean = (loc + scale * scale * 0.5).exp() * 2.0;
    let spread = (scale * -FRAC_1_SQRT_2).ndtr();
    if y > 0.0 {
        let z = (y.ln() - loc) / scale;
        y * (z * FRAC_1_SQRT_2).erf() - twice_mean * ((z - scale).ndtr() - spread)
    } else {
        twice_mean * spread - y
    }
}

/// CRPS of Uniform(`low`, `high`).
#[inline(always)]
pub fn crps_uniform<R: Real>(y: R, low: R, high: R) -> R {
    let width = high - low;
    let inside = y.max(low).min(high);
    let from_middle = (inside - low) / width - 0.5;
    (y - inside).abs() + width * (from_middle * from_middle + 1.0 / 12.0)
}

/// CRPS of a mixture of normals whose `weights` sum to one; the cost is quadratic in their number.
///
/// NaN without components, or where the three lengths differ.
///
/// Source: Grimit, Gneiting, Berrocal, Johnson 2006, "The continuous ranked probability score for
/// circular variables and its application to mesoscale forecast ensemble verification", equation 5.
pub fn crps_normal_mixture(y: f64, weights: &[f64], locs: &[f64], scales: &[f64]) -> f64 {
    if weights.is_empty() || weights.len() != locs.len() || weights.len() != scales.len() {
        return f64::NAN;
    }
    let mut score = 0.0;
    for (i, (&w, (&loc, &scale))) in weights.iter().zip(locs.iter().zip(scales)).enumerate() {
        // Two draws of one component differ by √2 scale Z, so that this pair's half counts scale /
        // √π.
        score += w * (expected_distance(y - loc, scale) - w * scale * INV_SQRT_PI);
        for j in 0..i {
            score -= w * weights[j] * expected_distance(loc - locs[j], scale.hypot(scales[j]));
        }
    }
    score
}

/// Beyond so many standard deviations a normal tail is below 1e-17.
const REACH: f64 = 8.5;

/// [`crps_normal_mixture`] with equal weights, and scales for each component or one for all.
///
/// Half the expected distance of two draws is formed over all pairs or as [`spread_on_grid`],
/// whichever is cheaper.
pub(crate) fn equal_mixture_crps(y: f64, locs: &[f64], scales: &[f64]) -> f64 {
    /// Beyond it, sums over pairs may overflow; below, it is made smaller by a factor that keeps
    /// all digits.
    const LARGE: f64 = 1e270;
    const SMALLER: f64 = 2.938735877055719e-39; // 2⁻¹²⁸
    if locs.iter().chain(scales).chain([&y]).any(|x| x.is_finite() && x.abs() > LARGE) {
        let smaller = |x: &[f64]| x.iter().map(|x| x * SMALLER).collect::<Vec<f64>>();
        return equal_mixture_crps(y * SMALLER, &smaller(locs), &smaller(scales)) / SMALLER;
    }
    let components = || locs.iter().zip(scales.iter().cycle());
    let n = locs.len() as f64;
    let distance: f64 = components().map(|(&loc, &scale)| expected_distance(y - loc, scale)).sum();
    if let Some(spread) = spread_on_grid(locs, scales) {
        return distance / n - spread;
    }
    let (mut own, mut pairs) = (0.0, 0.0);
    for (i, (&loc, &scale)) in components().enumerate() {
        own += scale * INV_SQRT_PI;
        let earlier = components().take(i);
        pairs += earlier.map(|(&l, &s)| expected_distance(loc - l, scale.hypot(s))).sum::<f64>();
    }
    distance / n - (own + pairs) / (n * n)
}

/// Half the expected distance of two draws as `∫ F (1 - F) dt`, or `None` where the sum over pairs
/// is cheaper.
///
/// The integrand is entire and its Fourier transform falls as `exp(-scale² ω² / 4)`, so the
/// trapezoidal rule with steps of half the least `scale` errs by `exp(-4 π²) < 1e-17`. A component
/// costs the few dozen nodes within its reach; above, it counts 1.
fn spread_on_grid(locs: &[f64], scales: &[f64]) -> Option<f64> {
    // Measured from the first location, the nodes are evenly spaced to rounding of the spread,
    // wherever it lies.
    let components = || locs.iter().map(|loc| loc - locs[0]).zip(scales.iter().cycle());
    let low = components().map(|(loc, scale)| loc - REACH * scale).fold(f64::INFINITY, f64::min);
    let high = components().map(|(loc, scale)| loc + REACH * scale).fold(f64::NEG_INFINITY, f64::max);
    let step = scales.iter().fold(f64::INFINITY, |least, &s| least.min(s)) / 2.0;
    let n = locs.len() as f64;
    let evaluations: f64 = components().map(|(_, scale)| 2.0 * REACH * scale / step).sum();
    let nodes = (high - low) / step;
    if !(evaluations + nodes < n * (n - 1.0) / 2.0) {
        return None;
    }
    // The cdfs of the components in whose reach a node is, and from which node on others count 1.
    let mut partial = vec![0.0; nodes as usize + 2];
    let mut complete = vec![0.0; nodes as usize + 2];
    for (loc, &scale) in components() {
        let first = ((loc - REACH * scale - low) / step) as usize;
        let end = ((loc + REACH * scale - low) / step) as usize + 1;
        // The cdf as (1 + erf) / 2: only its absolute error counts here.
        for (k, sum) in partial.iter_mut().enumerate().take(end).skip(first) {
            *sum += 0.5 + 0.5 * erf((low + step * k as f64 - loc) / scale * FRAC_1_SQRT_2);
        }
        if let Some(from) = complete.get_mut(end) {
            *from += 1.0;
        }
    }
    let (mut above, mut spread) = (0.0, 0.0);
    for (partial, complete) in partial.iter().zip(complete) {
        above += complete;
        let cdf = (above + partial) / n;
        spread += cdf * (1.0 - cdf);
    }
    Some(spread * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_the_mixture_agree() {
        for centre in [0.0, 1e6] {
            let locs: Vec<f64> = (0..200).map(|i| centre + (f64::from(i) * 0.7).sin()).collect();
            let scales: Vec<f64> = (0..200).map(|i| 0.1 + 0.03 * (f64::from(i) * 1.3).cos()).collect();
            assert!(spread_on_grid(&locs, &scales).is_some());
            let weights = vec![1.0 / 200.0; 200];
            for y in [-30.0, -1.0, 0.0, 0.3, 5.0].map(|y| centre + y) {
                let pairs = crps_normal_mixture(y, &weights, &locs, &scales);
                let grid = equal_mixture_crps(y, &locs, &scales);
                assert!((pairs / grid - 1.0).abs() < 2e-14, "{y}: {pairs}, {grid}");
            }
        }
    }

    #[test]
    fn few_or_scattered_components_go_by_pairs() {
        assert_eq!(spread_on_grid(&[0.0, 1.0], &[1.0]), None);
        let locs: Vec<f64> = (0..200).map(|i| f64::from(i) * 1e300).collect();
        assert_eq!(spread_on_grid(&locs, &[1.0]), None);
        assert!(equal_mixture_crps(0.0, &locs, &[1.0]).is_finite());
    }

    #[test]
    fn student_t_becomes_normal() {
        for y in [-5.0, 0.0, 0.4, 30.0] {
            let (t, normal) = (crps_student_t(y, 1e9, 0.0, 2.0), crps_normal(y, 0.0, 2.0));
            assert!((t / normal - 1.0).abs() < 1e-8, "{y}: {t}, {normal}");
        }
    }
}
