//! Matrix products against those of nalgebra.

use nalgebra::DMatrix;
use probity_autodiff::random::{Key, fill_normal};
use probity_autodiff::{Mat, gemm};

fn numbers(n: usize, key: u64) -> Vec<f64> {
    let mut x = vec![0.0; n];
    fill_normal(Key::new(key), 0, &mut x);
    x
}

/// The matrix of this shape that `data` hold, transposed or not.
pub fn stored<T>(data: &[T], (rows, cols): (usize, usize), transposed: bool) -> Mat<'_, T> {
    let (rows, cols) = if transposed { (cols, rows) } else { (rows, cols) };
    Mat { data, rows, cols, transposed }
}

/// Sizes on both sides of every border: vectors, panels, tiles, blocks, the paths for few rows, and
/// what is shared by threads.
const SIZES: [(usize, usize, usize); 27] = [
    (1, 1, 1),
    (1, 100, 50),
    (50, 100, 1),
    (2, 17, 3),
    (3, 5, 2),
    (7, 9, 11),
    (16, 16, 16),
    (17, 33, 9),
    (33, 15, 65),
    (47, 208, 13),
    (48, 209, 8),
    (49, 417, 31),
    (100, 50, 50),
    (13, 700, 100),
    (97, 64, 67),
    (130, 30, 1030),
    (128, 300, 200),
    (5, 2, 2100),
    (300, 1, 7),
    (10, 67, 29),
    (11, 67, 29),
    (63, 40, 27),
    // A few rows after whole vectors.
    (18, 7, 5),
    (19, 30, 66),
    (20, 258, 50),
    (36, 50, 3),
    (52, 21, 70),
];

fn singles(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

#[test]
fn products_are_right_in_every_layout() {
    for (m, k, n) in SIZES {
        let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        for (ta, tb, overwrite) in (0..8).map(|i| (i & 1 > 0, i & 2 > 0, i & 4 > 0)) {
            let (left, right) = (stored(&a, (m, k), ta), stored(&b, (k, n), tb));
            let dense = |x: &Mat<'_, f64>| {
                let stored = DMatrix::from_column_slice(x.rows, x.cols, x.data);
                if x.transposed { stored.transpose() } else { stored }
            };
            let mut want = dense(&left) * dense(&right);
            if !overwrite {
                want += DMatrix::from_column_slice(m, n, &c);
            }
            let mut got = c.clone();
            gemm(&mut got, left, right, overwrite);
            let (a, b, mut c) = (singles(&a), singles(&b), singles(&c));
            gemm(&mut c, stored(&a, (m, k), ta), stored(&b, (k, n), tb), overwrite);
            // Twelve standard deviations of the rounding errors of a sum of k products of standard
            // normal numbers.
            let scale = 12.0 * (k as f64).sqrt() * (k as f64).sqrt().max(1.0);
            let close = |i: usize| {
                (got[i] - want[i]).abs() <= scale * f64::EPSILON
                    && (f64::from(c[i]) - want[i]).abs() <= scale * f64::from(f32::EPSILON)
            };
            if let Some(i) = (0..m * n).find(|i| !close(*i)) {
                let at = format!("{m} {k} {n} {ta} {tb} {overwrite}: entry {i}");
                panic!("{at}: {} and {}, not {}", got[i], c[i], want[i]);
            }
        }
    }
}
