//! Standardisation of columns, part of the model and saved with it.

use probity_autodiff::nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// How far the entries of a constant column may be from their mean, relative to the largest of
/// them: 16 units of rounding, so that a sum or a quotient that should always be the same still is.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// The mean and standard deviation of every column of the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations (divisor n); 1 for a column that is constant up to rounding.
    pub sd: Vec<f64>,
}

impl Standardizer {
    /// Of this data, in any unit: nothing overflows or underflows on the way, and a unit that is a
    /// power of two times another gives the same bits. A column with a number that is not finite
    /// has the mean NaN; without rows the mean is 0.
    pub fn of(x: &DMatrix<f64>) -> Self {
        let (mean, sd) = x.column_iter().map(|column| moments(column.iter().copied())).unzip();
        Self { mean, sd }
    }

    /// Leaves data as they are.
    pub fn identity(columns: usize) -> Self {
        Self { mean: vec![0.0; columns], sd: vec![1.0; columns] }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// `(x - mean) / sd`, column by column. In a column that was constant, what differs from it by
    /// rounding is 0. Infinite where the quotient is beyond the range of `f64`.
    ///
    /// # Panics
    /// If `x` has another number of columns.
    #[track_caller]
    pub fn apply(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let (columns, own) = (x.ncols(), self.mean.len().min(self.sd.len()));
        assert!(columns == own, "Standardizer::apply: {columns} columns, standardised are {own}");
        DMatrix::from_fn(x.nrows(), columns, |i, j| standardized(x[(i, j)], self.mean[j], self.sd[j]))
    }

    /// What is wrong with it as one of so many columns.
    pub(crate) fn check(&self, columns: usize) -> Result<(), String> {
        if (self.mean.len(), self.sd.len()) != (columns, columns) {
            let (means, sds) = (self.mean.len(), self.sd.len());
            return Err(format!("{means} means and {sds} standard deviations for {columns} columns"));
        }
        let bad = (0..columns).find(|j| !(self.mean[*j].is_finite() && self.sd[*j] > 0.0));
        match bad.or_else(|| self.sd.iter().position(|sd| *sd == f64::INFINITY)) {
            Some(j) => {
                Err(format!("column {j} has mean {} and standard deviation {}", self.mean[j], self.sd[j]))
            }
            None => Ok(()),
        }
    }
}

fn standardized(x: f64, mean: f64, sd: f64) -> f64 {
    let difference = x - mean;
    if sd == 1.0 && difference.abs() <= ROUNDING * mean.abs() {
        return 0.0;
    }
    if difference.is_infinite() && x.is_finite() && mean.is_finite() {
        return (x / 2.0 - mean / 2.0) / sd * 2.0;
    }
    difference / sd
}

/// Mean and standard deviation.
fn moments(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let Some(first) = x.clone().next() else { return (0.0, 1.0) };
    // `f64::max` would lose a NaN.
    let largest = x.clone().fold(0.0_f64, |m, x| if x.abs() <= m { m } else { x.abs() });
    if !x.clone().all(f64::is_finite) {
        return (f64::NAN, 1.0);
    }
    if largest == 0.0 {
        return (0.0, 1.0);
    }
    // In a unit that is a power of two, and in which the largest number is about 1. The power may
    // be out of range, its root is not.
    let root = 2f64.powi((largest.log2() / 2.0).floor() as i32);
    let (down, up) = (|x: f64| x / root / root, |x: f64| x * root * root);
    let n = x.clone().count() as f64;
    let mean_from = |centre: f64| centre + x.clone().map(|x| down(x) - centre).sum::<f64>() / n;
    // From the first number, a constant column has its own value as the mean; from the first mean,
    // the second has the digits that the sum lost.
    let mean = mean_from(mean_from(down(first)));
    let deviations = x.clone().map(|x| down(x) - mean);
    if deviations.clone().all(|d| d.abs() <= ROUNDING * down(largest)) {
        return (up(mean), 1.0);
    }
    let sd = up((deviations.map(|d| d * d).sum::<f64>() / n).sqrt());
    // Of the smallest numbers that there are, it may be rounded to 0.
    (up(mean), sd.max(f64::from_bits(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(x: &[f64]) -> (f64, f64) {
        let s = Standardizer::of(&DMatrix::from_column_slice(x.len(), 1, x));
        (s.mean[0], s.sd[0])
    }

    #[test]
    fn a_column_that_is_constant_up_to_rounding_has_sd_1() {
        for c in [0.1, -0.1, 1.0 / 3.0, 0.0, 1e300, -1e-300, 5e-324, f64::MAX, 1e16] {
            for n in [1, 2, 7, 40, 1000] {
                assert_eq!(of(&vec![c; n]), (c, 1.0), "{n} times {c}");
            }
        }
        // A tenth, by other ways; and shares that add up to one.
        let tenths: Vec<f64> = (1..100).map(|i| 0.1 * f64::from(i) / f64::from(i)).collect();
        let ones: Vec<f64> =
            (1..100).map(|i| (1..=i).map(|_| 1.0 / f64::from(i)).sum::<f64>()).take(20).collect();
        for (x, c) in [(tenths, 0.1), (ones, 1.0)] {
            assert!(x.iter().any(|x| *x != c));
            for unit in [1.0, 1e200, 1e-200, 1e20] {
                let x: Vec<f64> = x.iter().map(|x| x * unit).collect();
                let (mean, sd) = of(&x);
                assert!(sd == 1.0 && (mean / (c * unit) - 1.0).abs() < 1e-14, "{mean} {sd}");
                let matrix = DMatrix::from_column_slice(x.len(), 1, &x);
                assert!(Standardizer::of(&matrix).apply(&matrix).iter().all(|z| *z == 0.0), "{unit}");
            }
        }
        // What varies by more than rounding is not constant.
        let (_, sd) = of(&[1e6, 1e6 + 1e-7]);
        assert!((sd / 5e-8 - 1.0).abs() < 1e-2, "{sd}");
    }

    #[test]
    fn every_unit_gives_the_same_standardised_numbers() {
        let data: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.1 - 2.0 + 1e3).collect();
        let column = |unit: f64| DMatrix::from_iterator(40, 1, data.iter().map(|x| x * unit));
        let z = |unit: f64| {
            let x = column(unit);
            Standardizer::of(&x).apply(&x)
        };
        let (_, sd) = of(&data);
        // √((40² - 1) / 12) / 10
        assert!((sd / (1599.0_f64 / 12.0).sqrt() * 10.0 - 1.0).abs() < 1e-12, "{sd}");
        let here = z(1.0);
        for exponent in [-1000, -600, -520, -1, 3, 500, 900, 1012] {
            let unit = 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            assert_eq!(z(unit), here, "2^{exponent}");
        }
        for unit in [1e-300, 1e-170, 1e-160, 1e150, 1e160, 1e304] {
            assert!((z(unit) - &here).amax() < 1e-9, "{unit}");
        }
        // Numbers with few digits of their own.
        let subnormal = z(1e-314);
        assert!((subnormal - &here).amax() < 1e-3);
    }

    #[test]
    fn the_ends_of_the_range_are_numbers() {
        let m = f64::MAX;
        assert_eq!(of(&[m, -m]), (0.0, m));
        assert_eq!(of(&[0.0, 0.0, 5e-324]).1, 5e-324);
        let wide = Standardizer { mean: vec![-m], sd: vec![m] };
        assert_eq!(wide.apply(&DMatrix::from_element(1, 1, m))[0], 2.0);
        assert!(of(&[1.0, f64::NAN]).0.is_nan() && of(&[1.0, f64::INFINITY]).0.is_nan());
        assert_eq!(of(&[]), (0.0, 1.0));
    }

    #[test]
    fn a_mean_far_away_costs_no_digits() {
        // By hand: 10 numbers 0 … 9 have the variance 8.25.
        let x: Vec<f64> = (0..10).map(|i| 1e9 + f64::from(i)).collect();
        let (mean, sd) = of(&x);
        assert_eq!((mean, sd), (1e9 + 4.5, 8.25_f64.sqrt()));
    }
}
