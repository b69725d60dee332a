//! The equal mixture of normals that the draws at one input make.

use crate::scores::equal_mixture_crps;
use probity_autodiff::Real;
use probity_distributions::{Distribution, Normal};

/// Components with these means, and these standard deviations or one for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture<'a> {
    pub means: &'a [f64],
    pub sds: &'a [f64],
}

impl Mixture<'_> {
    fn components(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        self.means.iter().copied().zip(self.sds.iter().copied().cycle())
    }

    /// The mean over the components of numbers whose sum does not overflow.
    fn average(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        self.components().map(|(mean, sd)| f(mean, sd)).sum::<f64>() / self.means.len() as f64
    }

    /// `P(Y <= y)`, relatively accurate in the lower tail.
    pub fn cdf(&self, y: f64) -> f64 {
        self.average(|mean, sd| ((y - mean) / sd).ndtr())
    }

    /// `P(Y > y)`, relatively accurate in the upper tail.
    pub fn sf(&self, y: f64) -> f64 {
        self.average(|mean, sd| ((mean - y) / sd).ndtr())
    }

    pub fn log_density(&self, y: f64) -> f64 {
        let log_density = |(mean, sd): (f64, f64)| Normal::<f64>::new(mean, sd).log_prob(y);
        let terms = self.components().map(log_density);
        let largest = terms.clone().fold(f64::NEG_INFINITY, |m, t| if t.is_nan() { t } else { m.max(t) });
        if !largest.is_finite() {
            return largest;
        }
        let sum: f64 = terms.map(|t| (t - largest).exp()).sum();
        largest + (sum / self.means.len() as f64).ln()
    }

    pub fn crps(&self, y: f64) -> f64 {
        equal_mixture_crps(y, self.means, self.sds)
    }

    /// The `y` with `P(Y <= y) = p`; infinite at 0 and 1, NaN beyond.
    pub fn quantile(&self, p: f64) -> f64 {
        // 1 - p is exact for p >= 1/2.
        if p <= 0.5 { self.tail_quantile(p, 1.0) } else { self.tail_quantile(1.0 - p, -1.0) }
    }

    /// The `y` with `P(side Y <= side y) = p` for `p <= 1/2`: below (`side` 1) or above (-1) it
    /// lies the tail `p`.
    ///
    /// Newton's method on `Φ⁻¹(cdf)`, which is a straight line for one component and nearly one for
    /// alike components, in a bracket that it may not leave. The quantile of a mixture lies between
    /// those of its components: there the cdf is at least `p / S`, so it does not underflow,
    /// however small `p`.
    pub fn tail_quantile(&self, p: f64, side: f64) -> f64 {
        let z = p.ndtri();
        if !z.is_finite() {
            return side * z;
        }
        let ends = self.components().map(|(mean, sd)| side * mean + sd * z);
        let mut low = ends.clone().fold(f64::INFINITY, f64::min);
        let mut high = ends.fold(f64::NEG_INFINITY, f64::max);
        let middle = |low: f64, high: f64| low + (high / 2.0 - low / 2.0);
        let mut x = middle(low, high);
        let mut last_step = high - low;
        // Densities are in units of the largest one there may be: in those of the target they may
        // be out of range.
        let narrowest = self.sds.iter().copied().fold(f64::INFINITY, f64::min);
        // A step that neither halves the one before nor stays in the bracket is replaced by halving
        // the bracket, so this ends after a few rounds if the components are alike, and after all
        // the binades of the bracket at worst.
        while low < x && x < high {
            let below = if side > 0.0 { self.cdf(x) } else { self.sf(-x) };
            let at = below.ndtri();
            if at < z {
                low = x
            } else {
                high = x
            }
            // The slope is density(x) / φ(at); the quotient is formed inside the exponential, for
            // the far tails.
            let slope = self.average(|mean, sd| {
                let u = (x - side * mean) / sd;
                ((at - u) * (at + u) / 2.0).exp() * (narrowest / sd)
            });
            let step = (z - at) / slope * narrowest;
            let inside = low <= x + step && x + step <= high;
            if (at - z).abs() <= 4.0 * f64::EPSILON * z.abs().max(1.0) || step.abs() <= f64::EPSILON * x.abs()
            {
                return side * if inside { x + step } else { x };
            }
            let next = if inside && step.abs() <= last_step / 2.0 { x + step } else { middle(low, high) };
            (last_step, x) = ((next - x).abs(), next);
        }
        side * x
    }
}
