//! The equal mixture of distributions that the draws at one input make.

use crate::scores::{equal_mixture_crps, equal_student_t_mixture_crps};
use probity_autodiff::Real;
use probity_distributions::{Cdf, Distribution, Normal, StudentT};
use probity_vi::diagnostics::log_mean_exp;

/// One component: a normal, or a Student-t with more than two degrees of freedom.
#[derive(Clone, Copy, Debug)]
struct Component {
    mean: f64,
    sd: f64,
    /// Infinite for a normal.
    df: f64,
}

impl Component {
    fn student_t(self) -> StudentT {
        StudentT::new(self.df, self.mean, self.sd * student_t_scale(self.df))
    }

    fn is_normal(self) -> bool {
        self.df == f64::INFINITY
    }

    fn cdf(self, y: f64) -> f64 {
        if self.is_normal() { ((y - self.mean) / self.sd).ndtr() } else { self.student_t().cdf(y) }
    }

    fn sf(self, y: f64) -> f64 {
        if self.is_normal() { ((self.mean - y) / self.sd).ndtr() } else { self.student_t().sf(y) }
    }

    fn log_density(self, y: f64) -> f64 {
        if self.is_normal() {
            Normal::<f64>::new(self.mean, self.sd).log_prob(y)
        } else {
            self.student_t().log_prob(y)
        }
    }

    /// The `p`-quantile of `side Y`, for `z = Φ⁻¹(p)`: both families are symmetric.
    fn quantile(self, side: f64, p: f64, z: f64) -> f64 {
        let unit = if self.is_normal() {
            z
        } else {
            StudentT::<f64>::new(self.df, 0.0, student_t_scale(self.df)).quantile(p)
        };
        side * self.mean + self.sd * unit
    }

    /// The density of `side Y` at `x`, times the standard deviation, over that of the standard
    /// normal at `at`. Of a normal the quotient is formed inside the exponential, for the far
    /// tails.
    fn density_over_normal(self, x: f64, side: f64, at: f64) -> f64 {
        if self.is_normal() {
            let u = (x - side * self.mean) / self.sd;
            return ((at - u) * (at + u) / 2.0).exp();
        }
        let normal = Normal::<f64>::standard().log_prob(at);
        (self.student_t().log_prob(side * x) + self.sd.ln() - normal).exp()
    }
}

/// The scale of a Student-t whose standard deviation is 1.
pub(crate) fn student_t_scale(df: f64) -> f64 {
    ((df - 2.0) / df).sqrt()
}

/// Components with these means, and these standard deviations or one for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture<'a> {
    pub means: &'a [f64],
    pub sds: &'a [f64],
    /// The degrees of freedom of the components, which are Student-t; none of normals.
    pub degrees: Option<&'a [f64]>,
}

impl Mixture<'_> {
    fn components(&self) -> impl Iterator<Item = Component> + Clone {
        let degrees = self.degrees.unwrap_or(&[f64::INFINITY]).iter().copied().cycle();
        let each = self.means.iter().copied().zip(self.sds.iter().copied().cycle()).zip(degrees);
        each.map(|((mean, sd), df)| Component { mean, sd, df })
    }

    /// The mean over the components of numbers whose sum does not overflow.
    fn average(&self, f: impl Fn(Component) -> f64) -> f64 {
        self.components().map(f).sum::<f64>() / self.means.len() as f64
    }

    /// `P(Y <= y)`, relatively accurate in the lower tail.
    pub fn cdf(&self, y: f64) -> f64 {
        self.average(|component| component.cdf(y))
    }

    /// `P(Y > y)`, relatively accurate in the upper tail.
    pub fn sf(&self, y: f64) -> f64 {
        self.average(|component| component.sf(y))
    }

    pub fn log_density(&self, y: f64) -> f64 {
        log_mean_exp(self.components().map(|component| component.log_density(y)))
    }

    pub fn crps(&self, y: f64) -> f64 {
        if self.degrees.is_none() {
            return equal_mixture_crps(y, self.means, self.sds);
        }
        let each = self.components().map(Component::student_t);
        equal_student_t_mixture_crps(y, &each.collect::<Vec<_>>())
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
        let ends = self.components().map(|component| component.quantile(side, p, z));
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
            // The slope is density(x) / φ(at).
            let slope = self.average(|c| c.density_over_normal(x, side, at) * (narrowest / c.sd));
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
