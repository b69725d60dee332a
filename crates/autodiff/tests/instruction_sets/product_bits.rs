//! Matrix products are right on every instruction set, and give the same bits on AVX2 and AVX-512
//! and on any number of threads. Alone in its binary, for the choice of the instruction set holds
//! for the whole process.

use nalgebra::DMatrix;
use probity_autodiff::simd::Isa;
use probity_autodiff::{Key, Scalar, Tape};

/// A product and both its gradients, in every layout, and with a bias and a ReLU.
fn products<T: Scalar>((m, k, n): (usize, usize, usize)) -> Vec<T> {
    let numbers = |rows, cols, seed| {
        let mut x = DMatrix::zeros(rows, cols);
        probity_autodiff::random::fill_normal(Key::new(seed), 0, x.as_mut_slice());
        x.map(|v: f64| T::from_f64(v))
    };
    let tape = Tape::new();
    let (a, at) = (tape.variable(&numbers(m, k, 1)), tape.variable(&numbers(k, m, 2)));
    let (b, bt) = (tape.variable(&numbers(k, n, 3)), tape.variable(&numbers(n, k, 4)));
    let bias = tape.variable(&numbers(1, n, 5));
    let relu = a.affine_relu(b, bias);
    let all = [a.matmul(b), at.tr_matmul(b), a.matmul_tr(bt), at.tr_matmul_tr(bt), relu];
    let mut out: Vec<T> = all.iter().flat_map(|y| y.value().as_slice().to_vec()).collect();
    let loss = all.iter().fold(a.sum() * 0.0, |sum, y| sum + (*y * *y).sum());
    let gradients = tape.backward(loss);
    for x in [a, at, b, bt] {
        out.extend_from_slice(gradients.wrt(x).as_slice());
    }
    drop(gradients);
    // Through the ReLU from one column.
    let one = relu.matmul(tape.variable(&numbers(n, 1, 6)));
    let column = relu.affine(tape.variable(&numbers(n, 1, 7)), tape.variable(&numbers(1, 1, 8)));
    out.extend_from_slice(tape.backward_leaves((one * column).sum()).wrt(a).as_slice());
    out
}

fn check<T: Scalar>(bits: fn(T) -> u64) {
    // The last ones are large enough to be shared between threads, by columns, by rows, and with a
    // ragged border.
    for size in [
        (1, 100, 50),
        (50, 100, 1),
        (300, 1, 7),
        (33, 15, 65),
        (100, 50, 50),
        (128, 600, 200),
        (700, 100, 90),
        // Two rows are left after whole vectors, in the last part.
        (690, 100, 90),
        // What is cut off for the second thread has two rows, or two columns.
        (50, 2500, 40),
        (17, 16_000, 18),
        (101, 301, 203),
        // A few rows after whole vectors.
        (17, 33, 9),
        (18, 7, 5),
        (19, 301, 66),
        (20, 50, 50),
        (52, 21, 70),
    ] {
        let mut first: Option<Vec<u64>> = None;
        for isa in [Isa::Avx2, Isa::Avx512] {
            if isa.select() != isa {
                println!("{isa:?}: this machine does not have it");
                continue;
            }
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let got: Vec<u64> = pool.install(|| products::<T>(size)).into_iter().map(bits).collect();
                let first = first.get_or_insert_with(|| got.clone());
                assert!(*first == got, "{size:?} on {isa:?} with {threads} threads");
            }
        }
    }
}

/// Products and gradients on every instruction set, of both floats, are those of the first one in
/// `f64`. (The tests in `gemm` hold one of them against the textbook.)
fn check_values() {
    for size in
        [(1, 100, 50), (50, 33, 2), (300, 1, 7), (8, 40, 21), (33, 15, 65), (50, 100, 50), (67, 300, 41)]
    {
        let mut first: Option<Vec<f64>> = None;
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
            if isa.select() != isa {
                continue;
            }
            let (wide, narrow) = (products::<f64>(size), products::<f32>(size));
            let first = first.get_or_insert_with(|| wide.clone());
            let norm = first.iter().map(|x| x * x).sum::<f64>().sqrt() / (first.len() as f64).sqrt();
            for (i, x) in first.iter().enumerate() {
                // Sums of sums of a few hundred products: rounding errors are some hundred units of
                // the largest.
                assert!((wide[i] - x).abs() < 1e-12 * norm, "{size:?} on {isa:?}: entry {i}");
                assert!((f64::from(narrow[i]) - x).abs() < 1e-4 * norm, "{size:?} on {isa:?}: entry {i}");
            }
        }
    }
}

#[test]
fn the_same_bits_everywhere() {
    let _alone = crate::alone();
    check_values();
    check::<f32>(|x| x.to_bits().into());
    check::<f64>(f64::to_bits);
}
