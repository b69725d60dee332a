//! How heavy the tails of an estimate's terms are.

use crate::diagnostics::{Pareto, mean};

/// The shape of the generalised Pareto distribution fitted to the tails of the terms of a Monte
/// Carlo estimate, the heavier one of both: 0 for a tail that falls exponentially, from ½ on a
/// variance does not exist, from 1 on a mean. None for fewer than 100 terms, for terms that are not
/// finite, and where they differ only by rounding.
///
/// The fit is that of [`Pareto`]; source of the size of the tail: Vehtari et al. 2024, "Pareto
/// smoothed importance sampling".
pub(crate) fn tail_shape(terms: &[f64]) -> Option<f64> {
    let n = terms.len();
    if n < 100 || terms.iter().any(|t| !t.is_finite()) {
        return None;
    }
    let mut sorted = terms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let size = (n / 5).min((3.0 * (n as f64).sqrt()) as usize);
    let (low, high) = (sorted[0], sorted[n - 1]);
    if high - low <= 1e-12 * high.abs().max(low.abs()) {
        return None;
    }
    let above: Vec<f64> = sorted[n - size..].iter().map(|t| t - sorted[n - size - 1]).collect();
    let below: Vec<f64> = sorted[..size].iter().rev().map(|t| sorted[size] - t).collect();
    let shapes = [above, below].map(|excess| Pareto::fit(&excess).shape);
    shapes.into_iter().filter(|shape| shape.is_finite()).reduce(f64::max)
}

/// By how much the term furthest from their mean moves it. None where [`tail_shape`] is.
pub(crate) fn largest_influence(terms: &[f64]) -> Option<f64> {
    tail_shape(terms)?;
    let mean = mean(terms);
    Some(terms.iter().map(|t| (t - mean).abs()).fold(0.0, f64::max) / terms.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::{largest_influence, tail_shape};
    use probity_distributions::{Draws, Key, LogNormal, Normal, StudentT};

    /// The shape has a standard deviation of about (1 + k)/√95: 0.11 for light tails. Bounds of
    /// more than five of them.
    #[test]
    fn shapes_of_known_tails() {
        let draws = |of: &dyn Fn(Key) -> Vec<f64>| {
            (0..20).map(|i| tail_shape(&of(Key::new(i))).unwrap()).collect::<Vec<_>>()
        };
        let light = draws(&|key| Normal::new(3.0, 2.0).draws(1000, key));
        assert!(light.iter().all(|k| *k < 0.6), "{light:?}");
        // Minus squares of normal numbers: the usual terms of an ELBO.
        let square = draws(&|key| Normal::standard().draws(1000, key).iter().map(|z: &f64| -z * z).collect());
        assert!(square.iter().all(|k| *k < 0.7), "{square:?}");
        // 1/k degrees of freedom.
        let heavy = draws(&|key| StudentT::new(1.0, 0.0, 1.0).draws(1000, key));
        let mean = heavy.iter().sum::<f64>() / 20.0;
        assert!((mean - 1.0).abs() < 0.3, "{heavy:?}");
        let vague =
            draws(&|key| LogNormal::new(0.0, 10.0).draws(1000, key).iter().map(|x: &f64| -x).collect());
        assert!(vague.iter().all(|k| *k > 1.0), "{vague:?}");
    }

    #[test]
    fn the_furthest_term_moves_the_mean() {
        let mut terms: Vec<f64> = (0..200).map(|i| f64::from(i) * 0.01).collect();
        terms[199] += 50.0;
        let without = terms[..199].iter().sum::<f64>() / 199.0;
        let mean = terms.iter().sum::<f64>() / 200.0;
        // The mean is that of the others and (t - mean of the others) / n.
        let exact = (mean - without) * 199.0 / 200.0;
        assert!((largest_influence(&terms).unwrap() - exact).abs() < 1e-12, "{exact}");
        assert_eq!(largest_influence(&[1.0; 1000]), None);
    }

    #[test]
    fn no_tail() {
        assert_eq!(tail_shape(&[1.0; 1000]), None);
        assert_eq!(tail_shape(&[1.0, 2.0]), None);
        let with_nan: Vec<f64> = (0..200).map(|i| if i == 7 { f64::NAN } else { f64::from(i) }).collect();
        assert_eq!(tail_shape(&with_nan), None);
        // Few distinct values.
        let steps: Vec<f64> = (0..200).map(|i| f64::from(i % 2)).collect();
        assert_eq!(tail_shape(&steps), None);
    }
}
