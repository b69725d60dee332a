//! Softmax and its kin, row by row, against the definition; blocks of rows on both sides of their
//! borders.

use nalgebra::DMatrix;
use probity_autodiff::{Scalar, Tape};

/// `ln Σ exp`, the largest term apart.
fn lse(row: &[f64]) -> f64 {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY { top } else { top + row.iter().map(|x| (x - top).exp()).sum::<f64>().ln() }
}

fn agrees<T: Scalar>(tolerance: f64) {
    for rows in [1, 2, 15, 16, 17, 40] {
        for cols in [1, 2, 3, 10] {
            // Some rows are led by their first entry, some by a later one, some by several.
            let x =
                DMatrix::from_fn(rows, cols, |i, j| ((i * 5 + j * 3) as f64).sin() * (i % 4) as f64 * 10.0);
            let weight = DMatrix::from_fn(rows, cols, |i, j| ((i + j * 7) as f64).cos());
            let (tape, to) = (Tape::<T>::new(), |m: &DMatrix<f64>| m.map(T::from_f64));
            let (v, w) = (tape.variable(&to(&x)), tape.constant(&to(&weight)));
            let (soft, log, sum) = (v.softmax(), v.log_softmax(), v.logsumexp());
            let gradients = [(soft * w).sum(), (log * w).sum(), (sum * w.slice(0..rows, 0..1)).sum()]
                .map(|y| tape.backward(y).wrt(v));
            let close = |what: &str, i, j, got: T, want: f64| {
                let error = (got.to_f64() - want).abs();
                assert!(
                    error <= tolerance * want.abs().max(1.0),
                    "{what} {rows} x {cols}, {i} {j}: {got:?} {want}"
                );
            };
            for i in 0..rows {
                let row: Vec<f64> = x.row(i).iter().map(|x| T::from_f64(*x).to_f64()).collect();
                let total = lse(&row);
                let p: Vec<f64> = row.iter().map(|x| (x - total).exp()).collect();
                let mean: f64 = (0..cols).map(|j| p[j] * weight[(i, j)]).sum();
                let weights: f64 = weight.row(i).sum();
                close("sum", i, 0, sum.value()[i], total);
                for j in 0..cols {
                    close("softmax", i, j, soft.value()[(i, j)], p[j]);
                    close("log", i, j, log.value()[(i, j)], row[j] - total);
                    close("softmax's slope", i, j, gradients[0][(i, j)], p[j] * (weight[(i, j)] - mean));
                    close("log's slope", i, j, gradients[1][(i, j)], weight[(i, j)] - p[j] * weights);
                    close("sum's slope", i, j, gradients[2][(i, j)], p[j] * weight[(i, 0)]);
                }
            }
        }
    }
}

#[test]
fn every_row_is_normalised() {
    agrees::<f64>(1e-14);
    agrees::<f32>(1e-5);
}

#[test]
fn rows_at_the_limits() {
    const INF: f64 = f64::INFINITY;
    let x = DMatrix::from_row_slice(
        5,
        3,
        &[1e4, 0.0, 1e4, -INF, -INF, -INF, -INF, 2.0, -INF, f64::NAN, 1.0, 5.0, 0.0, f64::NAN, 900.0],
    );
    let tape = Tape::new();
    let v = tape.variable(&x);
    let (soft, sum) = (v.softmax().value(), v.logsumexp());
    assert!((soft[(0, 0)] - 0.5).abs() < 1e-15 && soft[(0, 1)] == 0.0 && (soft[(0, 2)] - 0.5).abs() < 1e-15);
    assert_eq!([soft[(2, 0)], soft[(2, 1)], soft[(2, 2)]], [0.0, 1.0, 0.0]);
    assert_eq!([sum.value()[1], sum.value()[2]], [-INF, 2.0]);
    assert!(sum.value()[3].is_nan() && sum.value()[4].is_nan());
    assert!(soft.rows(3, 2).iter().all(|p| p.is_nan()));
    // A row of -∞ has no slope.
    let slopes = tape.backward(sum.slice(0..3, 0..1).sum()).wrt(v);
    assert_eq!([slopes[(1, 0)], slopes[(1, 1)], slopes[(2, 1)]], [0.0, 0.0, 1.0]);
    // The logarithm of a probability next to 1 keeps its digits.
    let x = tape.constant(&DMatrix::from_row_slice(1, 2, &[50.0, 0.0]));
    let log = x.log_softmax().value()[0];
    assert!((log / -(-50.0_f64).exp() - 1.0).abs() < 1e-14, "{log:e}");
}
