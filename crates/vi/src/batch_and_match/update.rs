//! The closed-form step of batch and match.

use probity_autodiff::nalgebra::{Cholesky, DMatrix, DVector};

/// The mean and a factor of the covariance of the next Gaussian, in the coordinates in which the
/// old one is standard normal: `z` are draws, d × n, and `scores` the gradients of the target
/// there. None if that is not finite.
///
/// With averages `z̄`, `s̄` and covariances `C`, `Γ` of both, and `w = λ / (1 + λ)`, the covariance
/// solves `Σ U Σ + Σ = V` for `U = λ Γ + w s̄ s̄ᵀ` and `V = I + λ C + w z̄ z̄ᵀ`; the mean is
/// `w (Σ s̄ + z̄)`.
///
/// *Source*: Cai et al. 2024, "Batch and match", equations 8 to 13, where `Σ` is written with the
/// square root of a matrix that is not symmetric. With `V = L Lᵀ` and the singular value
/// decomposition `Lᵀ U½ = E S Wᵀ` it is `L E D Eᵀ Lᵀ` with `D = 2 / (1 + √(1 + 4 S²))`: no square
/// of scores is formed, and it stays right for condition numbers up to 1 / rounding.
pub(super) fn update(
    z: &DMatrix<f64>,
    scores: &DMatrix<f64>,
    lambda: f64,
) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let (d, n) = z.shape();
    let w = lambda / (1.0 + lambda);
    let (z_mean, s_mean) = (z.column_mean(), scores.column_mean());
    let root = (lambda / n as f64).sqrt();
    let mut v = DMatrix::identity(d, d);
    let centred = centred(z, &z_mean, root);
    v.gemm(1.0, &centred, &centred.transpose(), 1.0);
    v.ger(w, &z_mean, &z_mean, 1.0);
    let lower = Cholesky::new(v)?.unpack();
    // A root of U with n + 1 columns, and in its place one of d.
    let mut half = self::centred(scores, &s_mean, root).insert_column(n, 0.0);
    half.column_mut(n).copy_from(&(&s_mean * w.sqrt()));
    let mut half = lower.tr_mul(&half);
    if n >= d {
        half = half.transpose().qr().r().transpose();
    }
    if half.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let svd = half.svd(true, false);
    let directions = svd.u?;
    let largest = svd.singular_values.amax();
    let mut factor = &lower * &directions;
    for (mut column, s) in factor.column_iter_mut().zip(svd.singular_values.iter()) {
        // What is lost in rounding is at most of this size.
        let s = s.max(f64::EPSILON * largest);
        column *= (2.0 / (1.0 + 1.0_f64.hypot(2.0 * s))).sqrt();
    }
    if n + 1 < d {
        // Directions without a score keep the covariance V.
        let rest = &lower - &lower * &directions * directions.transpose();
        factor = square(&factor, &rest)?;
    }
    let mean = (&factor * factor.tr_mul(&s_mean) + z_mean) * w;
    Some((mean, factor))
}

/// `(x - mean) by`, column by column.
fn centred(x: &DMatrix<f64>, mean: &DVector<f64>, by: f64) -> DMatrix<f64> {
    let mut x = x.clone();
    x.column_iter_mut().for_each(|mut x| {
        x -= mean;
        x *= by;
    });
    x
}

/// A d × d factor of `a aᵀ + b bᵀ`.
fn square(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let mut both = a.transpose().resize_vertically(a.ncols() + b.ncols(), 0.0);
    both.rows_mut(a.ncols(), b.ncols()).copy_from(&b.transpose());
    let r = both.qr().r();
    r.iter().all(|x| x.is_finite()).then(|| r.transpose())
}
