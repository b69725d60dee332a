//! Affine maps with and without a ReLU, and their gradients with or without those in between.

use crate::ops::{check, matrix};
use nalgebra::DMatrix;
use probity_autodiff::{Dual, Scalar, Tape, Var};

#[test]
fn affine_maps() {
    for (n, k, m) in [(1, 1, 1), (70, 3, 5), (1, 4, 2), (3, 40, 17)] {
        let at = [matrix(n, k, 1), matrix(k, m, 2), matrix(1, m, 3)];
        check(|x| x[0].affine(x[1], x[2]), &at);
        let tape = Tape::new();
        let [x, w, b] = [0, 1, 2].map(|i| tape.constant(&at[i]));
        let (got, want) = (x.affine(w, b).value(), (x.matmul(w) + b).value());
        assert!((got - want).amax() < 1e-13);
    }
    let number: Var<'_> = Var::from(2.0).affine(3.0.into(), 0.5.into());
    assert_eq!(number.item(), 6.5);
    let number: Var<'_> = Var::from(2.0).affine_relu((-3.0).into(), 0.5.into());
    assert_eq!(number.item(), 0.0);
}

/// As an affine map and a ReLU after it, to the bit: with few and many rows, columns and depths of
/// one block and of several, and where products are not done in blocks.
#[test]
fn affine_maps_with_relu() {
    fn agree<T: Scalar>(n: usize, k: usize, m: usize) {
        let at = [matrix(n, k, 1), matrix(k, m, 2), matrix(1, m, 3)].map(|x| x.map(T::from_f64));
        let of = |map: for<'t> fn([Var<'t, T>; 3]) -> Var<'t, T>| {
            let tape = Tape::<T>::new();
            let x = [0, 1, 2].map(|i| tape.variable(&at[i]));
            let y = map(x);
            let gradients = tape.backward((y * y).sum() + y.sum());
            (y.value(), x.map(|x| gradients.wrt(x)))
        };
        let one = of(|[x, w, b]| x.affine_relu(w, b));
        let two = of(|[x, w, b]| x.affine(w, b).relu());
        assert!(one == two, "{n} × {k} by {k} × {m}");
        let zeros = one.0.iter().filter(|y| y.to_f64() == 0.0).count();
        assert!(zeros < one.0.len() || n * m < 20, "{zeros} of {}", one.0.len());
    }
    for (n, k, m) in [
        (1, 1, 1),
        (70, 3, 5),
        (1, 4, 20),
        (3, 40, 17),
        (100, 50, 50),
        (33, 700, 9),
        (300, 1, 8),
        (50, 3, 1),
        (40, 700, 2),
    ] {
        agree::<f64>(n, k, m);
        agree::<f32>(n, k, m);
        agree::<Dual<f64, 1>>(n.min(5), k.min(5), m.min(5));
    }
    let nan = Tape::new();
    let x = |v: f64| nan.variable(&DMatrix::from_element(20, 20, v));
    let y = x(f64::NAN).affine_relu(x(1.0), nan.constant(&DMatrix::zeros(1, 20)));
    assert!(y.value().iter().all(|y| y.is_nan()));
}

/// What becomes of a hidden layer.
type Head<T> = for<'t> fn(&[Var<'t, T>], Var<'t, T>) -> Var<'t, T>;

/// Gradients of leaves are the same, but for rounding, whether those in between are kept or not:
/// with a ReLU layer that only a map to one column uses, that other operations use as well, and
/// that is used by several such maps.
#[test]
fn leaves_alone() {
    fn agree<T: Scalar>(n: usize, k: usize, m: usize) {
        let shapes = [(n, k), (k, m), (1, m), (m, 1), (1, 1), (m, 1), (m, 2), (1, 2), (1, 1)];
        let at: Vec<_> =
            (1..).zip(shapes).map(|(seed, (r, c))| matrix(r, c, seed).map(T::from_f64)).collect();
        let heads: [Head<T>; 6] = [
            |x, h| h.affine(x[3], x[4]).sq().sum(),
            |x, h| h.affine_relu(x[3], x[4]).sq().sum(),
            // A layer of one unit, below which is another layer.
            |x, h| h.affine_relu(x[3], x[4]).affine(x[8], x[4]).sq().sum(),
            |x, h| h.affine(x[3], x[4]).sq().sum() + h.affine(x[5], x[4]).sq().sum(),
            |x, h| h.affine(x[3], x[4]).sq().sum() + h.affine(x[6], x[7]).sq().sum(),
            |x, h| h.affine(x[6], x[7]).sq().sum() + h.affine(x[3], x[4]).sq().sum() + (h * h).sum(),
        ];
        for (i, head) in heads.iter().enumerate() {
            let tape = Tape::new();
            let x: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
            let loss = head(&x, x[0].affine_relu(x[1], x[2]));
            let leaves: Vec<_> = x.iter().map(|x| tape.backward_leaves(loss).wrt(*x)).collect();
            let all: Vec<_> = x.iter().map(|x| tape.backward(loss).wrt(*x)).collect();
            let unit = if T::from_f64(1e-60).to_f64() == 0.0 { 1e-5 } else { 1e-13 };
            for (a, b) in leaves.iter().zip(&all) {
                let (a, b) = (a.map(|a| a.to_f64()), b.map(|b| b.to_f64()));
                assert!((&a - &b).amax() <= unit * b.amax(), "head {i}, {n} × {k} by {k} × {m}");
            }
        }
    }
    // The last one has columns longer than what a thread takes at once.
    for (n, k, m) in [(1, 1, 1), (7, 3, 5), (100, 8, 50), (33, 40, 3), (300, 2, 9), (66_000, 1, 3)] {
        agree::<f64>(n, k, m);
        agree::<f32>(n, k, m);
        agree::<Dual<f64, 1>>(n.min(5), k.min(5), m.min(5));
    }
}

#[test]
#[should_panic(expected = "backward_leaves keeps no gradient of a result")]
fn the_gradient_of_a_result_after_leaves_alone() {
    let tape = Tape::<f64>::new();
    let x = tape.scalar(1.0);
    let y = x.exp();
    tape.backward_leaves(y.sq()).wrt(y);
}

#[test]
#[should_panic(expected = "affine: 2 × 3 by 3 × 4, and a row of 1 × 3 (wanted: 1 × 4)")]
fn an_affine_map_with_a_wrong_bias() {
    let tape = Tape::<f64>::new();
    let x = |rows, cols| tape.constant(&matrix(rows, cols, 0));
    x(2, 3).affine(x(3, 4), x(1, 3));
}

#[test]
fn relu_on_long_slices_and_special_values() {
    // More than one chunk.
    let x = matrix(300, 200, 5);
    let tape = Tape::new();
    let v = tape.variable(&x);
    let y = v.relu();
    let loss = (y * y).sum() + y.sum();
    let g = tape.backward(loss).wrt(v);
    for (x, g) in x.iter().zip(g.iter()) {
        let want = if *x > 0.0 { 2.0 * x + 1.0 } else { 0.0 };
        assert!((g - want).abs() < 1e-14, "{x}: {g}");
    }
    assert!(y.value().iter().zip(x.iter()).all(|(y, x)| *y == x.max(0.0)));
    let special = tape.variable(&DMatrix::from_row_slice(1, 4, &[0.0, -0.0, f64::NAN, f64::INFINITY]));
    let y = special.relu();
    assert!(y.value()[0] == 0.0 && y.value()[2].is_nan() && y.value()[3] == f64::INFINITY);
    let g = tape.backward(y.sum()).wrt(special);
    assert_eq!(g.as_slice(), [0.0, 0.0, 1.0, 1.0]);
}
