//! Course 1. Gradients: a formula, the tape, a gradient check, and second derivatives by the same
//! tape.
//!
//! `cargo run --release --example 01_gradients`

use probity::prelude::*;
use probity_examples::{console::end, say};
use std::process::ExitCode;

/// A formula is written once. Here in one line, with its exact partial derivatives:
/// `∂/∂x, ∂/∂loc, ∂/∂scale`.
pub fn log_density(x: f64, loc: f64, scale: f64) -> (f64, [f64; 3]) {
    let normal = formula!(|x, loc, scale| ((x - loc) / scale).sq() * -0.5 - scale.ln() - 0.9189385332046727);
    partials(normal, [x, loc, scale])
}

/// The logistic loss of weights `w` on data `x` (n × k) with labels `y` (n × 1), on any scalar
/// type: dual numbers differentiate it twice.
pub fn loss<'t, T: Scalar>(w: Var<'t, T>, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
    let logits = x.matmul(w);
    (logits.softplus() - y * logits).sum()
}

/// Four points with two features, and their labels.
pub fn data() -> (DMatrix<f64>, DMatrix<f64>) {
    let x = DMatrix::from_row_slice(4, 2, &[1.0, 0.5, 1.0, -1.0, 1.0, 2.0, 1.0, 0.1]);
    (x, DMatrix::from_column_slice(4, 1, &[1.0, 0.0, 1.0, 0.0]))
}

/// The gradient: one pass forward, one back.
pub fn gradient(at: [f64; 2]) -> DMatrix<f64> {
    let (x, y) = data();
    let tape = Tape::new();
    let w = tape.variable(&DMatrix::from_column_slice(2, 1, &at));
    let value = loss(w, tape.constant(&x), tape.constant(&y));
    tape.backward(value).wrt(w)
}

/// The Hessian times a direction: the same tape on dual numbers, whose derivative part points along
/// the direction.
pub fn hessian_times(at: [f64; 2], direction: [f64; 2]) -> DMatrix<f64> {
    let (x, y) = data();
    let dual = |m: &DMatrix<f64>| m.map(Dual::<f64, 1>::constant);
    let along = |i: usize, _| Dual { re: at[i], du: [direction[i]] };
    let tape = Tape::new();
    let w = tape.variable(&DMatrix::from_fn(2, 1, along));
    let value = loss(w, tape.constant(&dual(&x)), tape.constant(&dual(&y)));
    tape.backward(value).wrt(w).map(|g| g.du[0])
}

/// How far the tape's gradient is from differences: the check to run on every model of your own.
pub fn gradient_error() -> f64 {
    let (x, y) = data();
    // The data are arguments too: their gradients are checked as well.
    check_gradient(|a| loss(a[0], a[1], a[2]), &[DMatrix::from_element(2, 1, 0.3), x, y]).error
}

fn main() -> ExitCode {
    let (value, partials) = log_density(1.0, 0.0, 2.0);
    say!("ln N(1; 0, 2) = {value:.6}, partial derivatives {partials:?}");

    let at = [0.2, 0.4];
    say!("gradient of the loss at {at:?}:{}", gradient(at));
    say!("Hessian times (1, 0) there:{}", hessian_times(at, [1.0, 0.0]));
    say!("largest error of the gradient against differences: {:.1e}", gradient_error());
    end(Ok::<_, &str>(()))
}
