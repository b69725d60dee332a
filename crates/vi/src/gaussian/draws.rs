//! Fixed standard normal draws whose first two moments are exact.

use probity_autodiff::nalgebra::{Cholesky, DMatrix};
use probity_autodiff::{Key, Real};
use rand::RngExt;
use rand::seq::SliceRandom;

/// `2 pairs` draws of a standard normal vector of `dim` numbers, in columns: the second half is the
/// first half with its sign changed.
///
/// Every coordinate is stratified (a Latin hypercube), so that functions which are sums over the
/// coordinates are averaged almost exactly. With `pairs >= dim` the sample covariance is exactly
/// the identity. Then sample averages of quadratic functions are their expectations, and a fit to a
/// Gaussian target has no Monte Carlo error.
///
/// Source: McKay, Beckman, Conover 1979 (stratification).
pub(crate) fn fixed_draws(dim: usize, pairs: usize, key: Key) -> DMatrix<f64> {
    let mut z = DMatrix::zeros(dim, 2 * pairs);
    let mut order: Vec<usize> = (0..pairs).collect();
    for i in 0..dim {
        let mut rng = key.fold_in(i as u64).rng();
        order.shuffle(&mut rng);
        for (j, stratum) in order.iter().enumerate() {
            let u = (*stratum as f64 + rng.random_range(1e-12..1.0)) / pairs as f64;
            z[(i, j)] = u.ndtri();
        }
    }
    let first = z.columns(0, pairs).into_owned();
    let whitened = match Cholesky::new(&first * first.transpose() / pairs as f64) {
        Some(cholesky) if pairs >= dim => cholesky.l().solve_lower_triangular(&first),
        _ => None,
    };
    let first = whitened.unwrap_or(first);
    z.columns_mut(0, pairs).copy_from(&first);
    z.columns_mut(pairs, pairs).copy_from(&-first);
    z
}

#[cfg(test)]
mod tests {
    use super::fixed_draws;
    use probity_autodiff::Key;
    use probity_autodiff::nalgebra::DMatrix;

    #[test]
    fn first_two_moments_are_exact() {
        let z = fixed_draws(7, 20, Key::new(3));
        let moments = &z * z.transpose() / 40.0 - DMatrix::identity(7, 7);
        assert!(z.column_sum().amax() < 1e-12 && moments.amax() < 1e-12, "{moments}");
    }

    #[test]
    fn fourth_moment_is_near_three() {
        let z = fixed_draws(2, 4000, Key::new(1));
        let fourth = z.row(0).map(|z| z.powi(4)).mean();
        // Stratified: far below the error of independent draws, √(96 / 8000) = 0.11.
        assert!((fourth - 3.0).abs() < 0.05, "{fourth}");
    }
}
