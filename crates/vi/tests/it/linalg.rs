//! Factors of covariances against dense arithmetic.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::fill_normal;
use probity_vi::linalg::{Covariance, Dense, Diagonal, Factor, LowRank};

fn normals(key: u64, n: usize) -> Vec<f64> {
    let mut z = vec![0.0; n];
    fill_normal(Key::new(key), 0, &mut z);
    z
}

/// All methods of a factor against the matrix that it is of.
fn check(factor: &dyn Factor, matrix: &DMatrix<f64>, tolerance: f64) {
    let d = factor.dim();
    let x = normals(9, d);
    let want = |m: &DMatrix<f64>| m * DVector::from_column_slice(&x);
    // Columns of A and of Aᵀ.
    let columns = |f: &dyn Fn(&mut [f64])| {
        let mut all = DMatrix::identity(d, d);
        all.column_iter_mut().for_each(|mut c| f(c.as_mut_slice()));
        all
    };
    let a = columns(&|c| factor.unwhiten(c));
    let t = columns(&|c| factor.unwhiten_transposed(c));
    let close = |got: &DMatrix<f64>, want: &DMatrix<f64>, what: &str| {
        let error = (got - want).abs().max();
        assert!(error <= tolerance * want.abs().max(), "{what}: {error:e}");
    };
    close(&a, &t.transpose(), "the transposed factor");
    close(&(&a * a.transpose()), matrix, "A Aᵀ");
    let identity = DMatrix::identity(d, d);
    close(
        &columns(&|c| {
            factor.unwhiten(c);
            factor.whiten(c)
        }),
        &identity,
        "whiten",
    );
    close(
        &columns(&|c| {
            factor.unwhiten_transposed(c);
            factor.whiten_transposed(c)
        }),
        &identity,
        "transposed",
    );
    close(&DMatrix::from_vec(d, d, factor.to_matrix()), matrix, "to_matrix");
    let variances = DMatrix::from_vec(d, 1, factor.variances());
    close(&variances, &DMatrix::from_column_slice(d, 1, matrix.diagonal().as_slice()), "variances");
    let inverse = matrix.clone().try_inverse().unwrap();
    let mut got = x.clone();
    factor.multiply(&mut got);
    close(
        &DMatrix::from_vec(d, 1, got),
        &DMatrix::from_column_slice(d, 1, want(matrix).as_slice()),
        "multiply",
    );
    let mut got = x.clone();
    factor.solve(&mut got);
    close(
        &DMatrix::from_vec(d, 1, got),
        &DMatrix::from_column_slice(d, 1, want(&inverse).as_slice()),
        "solve",
    );
    let log_det: f64 = matrix.clone().symmetric_eigen().eigenvalues.iter().map(|l| l.ln()).sum();
    assert!((factor.log_det() - log_det).abs() < 1e-11 * log_det.abs().max(1.0));
    let quadratic = DVector::from_column_slice(&x).dot(&want(&inverse));
    let density = -0.5 * (quadratic + log_det + d as f64 * std::f64::consts::TAU.ln());
    assert!((factor.log_density(&mut x.clone()) - density).abs() < 1e-10 * density.abs());
}

#[test]
fn every_factor_is_that_of_its_matrix() {
    for d in [1, 2, 7] {
        let variances: Vec<f64> = normals(1, d).iter().map(|z| z.exp()).collect();
        let diagonal = DMatrix::from_diagonal(&DVector::from_column_slice(&variances));
        check(&Diagonal::from_variances(&variances).unwrap(), &diagonal, 1e-14);
        check(&Covariance::diagonal(&variances).unwrap(), &diagonal, 1e-14);

        let half = DMatrix::from_vec(d, d, normals(2, d * d));
        let matrix = &half * half.transpose() + &diagonal;
        check(&Dense::from_matrix(d, matrix.as_slice()).unwrap(), &matrix, 1e-12);
        let dense = Dense::from_matrix(d, matrix.as_slice()).unwrap();
        assert_eq!(Dense::from_lower(d, dense.lower().to_vec()).unwrap(), dense);

        let scale: Vec<f64> = variances.iter().map(|v| v.sqrt()).collect();
        // As many columns as rows, and more; and two that are equal.
        for k in [1, 2, d, d + 3] {
            let mut columns = normals(3, d * k);
            if k == 2 {
                let (first, second) = columns.split_at_mut(d);
                second.copy_from_slice(first);
            }
            let b = DMatrix::from_column_slice(d, k, &columns);
            let low = LowRank::from_factor(scale.clone(), &columns).unwrap();
            assert_eq!(low.rank(), k.min(d));
            check(&low, &(&diagonal + &b * b.transpose()), 1e-11);
            // A middle that is not positive definite, in a sum that is.
            let middle = DMatrix::from_fn(k, k, |i, j| {
                1e-2 / (1.0 + i as f64 + j as f64) * if i == j { -1.0 } else { 1.0 }
            });
            let low = LowRank::from_update(scale.clone(), &columns, middle.as_slice()).unwrap();
            check(&low, &(&diagonal + &b * middle * b.transpose()), 1e-11);
        }
        check(&LowRank::from_factor(scale.clone(), &[]).unwrap(), &diagonal, 1e-14);
    }
}

#[test]
fn units_do_not_matter() {
    // Correlation 0.9 between scales of 1e-100 and 1e100.
    let (a, b) = (1e-100, 1e100);
    let dense = Dense::from_matrix(2, &[a * a, 0.9 * a * b, 0.9 * a * b, b * b]).unwrap();
    assert!((dense.log_det() - 0.19_f64.ln()).abs() < 1e-12);
    let mut x = [a, b];
    dense.whiten(&mut x);
    assert!((x[0] - 1.0).abs() < 1e-14 && (x[1] - 0.1 / 0.19_f64.sqrt()).abs() < 1e-14);
    let low = LowRank::from_factor(vec![a, b], &[3.0 * a, 4.0 * b]).unwrap();
    assert!((low.log_det() - 26_f64.ln()).abs() < 1e-12);
}

#[test]
fn what_is_no_covariance_is_an_error() {
    for matrix in [
        [1.0, 2.0, 2.0, 1.0],
        [1.0, 1.0, 1.0, 1.0],
        [f64::NAN, 0.0, 0.0, 1.0],
        [1.0, f64::NAN, f64::NAN, 1.0],
    ] {
        assert!(Dense::from_matrix(2, &matrix).is_err(), "{matrix:?}");
    }
    assert!(Dense::from_matrix(2, &[f64::INFINITY, 0.0, 0.0, 1.0]).is_err());
    assert!(
        Dense::from_matrix(2, &[1.0; 3]).is_err() && Dense::from_lower(2, vec![1.0, 2.0, 3.0, 0.0]).is_err()
    );
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Diagonal::new(vec![1.0, bad]).is_err() && LowRank::from_factor(vec![1.0, bad], &[]).is_err());
    }
    assert!(LowRank::from_update(vec![1.0; 2], &[1.0, 0.0], &[-1.0]).is_err());
    assert!(LowRank::from_update(vec![1.0; 2], &[1.0, 0.0, 1.0], &[1.0]).is_err());
    assert!(LowRank::from_factor(vec![1.0; 2], &[1.0, f64::NAN]).is_err());
}

#[test]
fn they_are_saved_whole() {
    let low = LowRank::from_factor(vec![1.0, 2.0], &[0.5, 0.7]).unwrap();
    let dense = Dense::from_matrix(2, &[1.0, 0.5, 0.5, 1.0]).unwrap();
    for covariance in [Covariance::identity(2), Covariance::Dense(dense), Covariance::LowRank(low)] {
        let text = serde_json::to_string(&covariance).unwrap();
        assert_eq!(serde_json::from_str::<Covariance>(&text).unwrap(), covariance);
    }
}
