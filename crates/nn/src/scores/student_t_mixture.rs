//! The continuous ranked probability score of equal mixtures of Student-t distributions.

use super::crps::student_t_distance;
use probity_distributions::{Cdf, StudentT};

/// The CRPS at `y`, to some eight digits; NaN unless all degrees of freedom are above 1.
///
/// It is `E|Y - y| - ½ E|Y - Y'|`. The first part is known in closed form, the second is
/// [`spread`].
pub(crate) fn equal_student_t_mixture_crps(y: f64, components: &[StudentT]) -> f64 {
    let distance = |c: &StudentT| c.scale * student_t_distance((y - c.loc) / c.scale, c.df);
    components.iter().map(distance).sum::<f64>() / components.len() as f64 - spread(components)
}

/// Half the expected distance of two draws, as `∫ F (1 - F) dt`.
///
/// The trapezoidal rule over `u`, with `t = centre + w (u + e^(u - U) - e^(-u - U))`: between the
/// locations, for `|u| < U - 2`, steps are even, and beyond they grow exponentially, as tails are
/// powers of `t`. With `w` the least scale, `F` is analytic for `|Im u| < √2 / 1.14`, and steps of
/// 0.4 err by `exp(-2π · 1.24 / 0.4) = 4e-9`.
///
/// *Source*: Trefethen, Weideman 2014, "The exponentially convergent trapezoidal rule", section 5.
fn spread(components: &[StudentT]) -> f64 {
    const STEP: f64 = 0.4;
    /// What a term may be of the sum before the tail is cut.
    const NEGLIGIBLE: f64 = 1e-11;
    let fold = |f: fn(f64, f64) -> f64, of: fn(&StudentT) -> f64| components.iter().map(of).reduce(f);
    let (Some(low), Some(high)) = (fold(f64::min, |c| c.loc), fold(f64::max, |c| c.loc)) else {
        return f64::NAN;
    };
    let width = fold(f64::min, |c| c.scale).unwrap_or(f64::NAN);
    let (centre, half) = (low / 2.0 + high / 2.0, (high / 2.0 - low / 2.0) / width);
    let even = half + 2.0;
    let n = components.len() as f64;
    // F (1 - F) dt/du at a node above or below the centre; tails are formed without a difference.
    let term = |u: f64, side: f64| {
        let (near, far) = ((u - even).exp(), (-u - even).exp());
        let t = centre + side * width * (u + near - far);
        let below: f64 = components.iter().map(|c| c.cdf(t)).sum();
        let above: f64 = components.iter().map(|c| c.sf(t)).sum();
        below / n * (above / n) * width * (1.0 + near + far)
    };
    let mut sum = term(0.0, 1.0);
    for side in [1.0, -1.0] {
        for node in 1.. {
            let u = STEP * f64::from(node);
            let next = term(u, side);
            sum += next;
            // Also where a number is no longer finite.
            if u > even && !(next > NEGLIGIBLE * sum) {
                break;
            }
        }
    }
    sum * STEP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::crps_student_t;

    #[test]
    fn one_component_has_the_closed_form() {
        for df in [2.05, 2.5, 4.0, 30.0, 1e4] {
            for y in [-40.0, -1.0, 0.3, 7.0] {
                let exact = crps_student_t(y, df, 0.3, 1.7);
                let own = equal_student_t_mixture_crps(y, &[StudentT::new(df, 0.3, 1.7)]);
                assert!((own / exact - 1.0).abs() < 1e-7, "{df} {y}: {own} {exact}");
            }
        }
    }

    #[test]
    fn scattered_components_are_integrated_as_well() {
        let components: Vec<StudentT> = (0..40)
            .map(f64::from)
            .map(|i| StudentT::new(3.0 + 0.2 * i, 5.0 * (1.7 * i).sin(), 0.2 + 0.1 * (0.9 * i).cos()))
            .collect();
        let n = components.len() as f64;
        for y in [-7.0, 0.0, 2.0, 30.0] {
            // The definition, by even steps of which none is at the jump.
            let (step, nodes) = (0.02, 6000);
            let square = |i: i32| {
                let away = step * (f64::from(i) + 0.5);
                let cdf = components.iter().map(|c| c.cdf(y + away)).sum::<f64>() / n;
                (cdf - f64::from(u8::from(away > 0.0))).powi(2)
            };
            let sum: f64 = (-nodes..nodes).map(square).sum::<f64>() * step;
            let own = equal_student_t_mixture_crps(y, &components);
            assert!((own / sum - 1.0).abs() < 1e-4, "{y}: {own} {sum}");
        }
    }
}
