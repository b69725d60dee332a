//! Every operation's gradient against differences, in every broadcast shape; f32 and dual tapes
//! against f64.

use nalgebra::DMatrix;
use probity_autodiff::{
    Arg, Axis, Dual, Formula, FormulaPair, Key, NotPositiveDefinite, Real, Running, Tape, Var,
    check_gradient, formula,
};

pub(crate) fn matrix(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    probity_autodiff::random::fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

/// Weights, so that a sum of many entries tells them apart.
pub(crate) fn weighted<'t>(y: Var<'t>) -> Var<'t> {
    let (r, c) = y.shape();
    let Some(tape) = y.tape() else { return y };
    (y * tape.constant(&matrix(r, c, 99))).sum()
}

#[track_caller]
pub(crate) fn check(f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>, at: &[DMatrix<f64>]) {
    let found = check_gradient(|x| weighted(f(x)), at);
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn sums_of_many() {
    let at = [matrix(7, 3, 1), matrix(7, 3, 2), matrix(7, 3, 3)];
    // The first one twice.
    check(|x| Var::add_all(&[x[0], x[1], x[2], x[0]]).tanh(), &at);
    let tape = Tape::<f64>::new();
    let (x, one) = (tape.scalar(2.0), Var::from(1.0));
    assert_eq!(Var::add_all(&[one, x, one]).item(), 4.0);
    assert_eq!(Var::add_all(&[one, one]).constant_value(), Some(2.0));
    assert_eq!((Var::add_all(&[x]).item(), Var::<'_, f64>::add_all(&[]).item()), (2.0, 0.0));
}

#[test]
fn much_noise_is_the_same_as_little_noise() {
    // On both sides of the number up to which noise is kept.
    let draw = |n: usize| {
        let tape = Tape::<f64>::new();
        let scale = tape.scalar(2.0);
        let f = formula!(|s, e| s * e);
        let y = tape.map_noise(f, [scale.into(), Arg::Normal(Key::new(4))], (n, 1));
        let slope = tape.backward(y.sum()).wrt(scale)[0];
        (y.value(), slope)
    };
    let ((few, _), (many, slope)) = (draw(1 << 22), draw((1 << 22) + 64));
    assert_eq!(few.as_slice(), &many.as_slice()[..1 << 22]);
    assert!((slope - many.sum() / 2.0).abs() < 1e-7);
}

#[test]
fn arithmetic_in_every_broadcast_shape() {
    // 70 rows: one whole block and a part.
    let shapes = [(1, 1), (1, 3), (70, 1), (70, 3)];
    for (i, &a) in shapes.iter().enumerate() {
        for (j, &b) in shapes.iter().enumerate() {
            let at = [matrix(a.0, a.1, i as u64), matrix(b.0, b.1, 10 + j as u64).map(|v| v.abs() + 0.5)];
            check(|x| x[0] + x[1], &at);
            check(|x| x[0] - x[1], &at);
            check(|x| x[0] * x[1], &at);
            check(|x| x[0] / x[1], &at);
            check(|x| x[1] / (x[0] * x[0] + 1.0), &at);
            check(|x| Var::map_sum(formula!(|a, b| (a * b).tanh()), [x[0], x[1]]), &at);
        }
    }
}

#[test]
fn one_node_used_twice_in_one_formula() {
    check(|x| x[0] * x[0] * x[0], &[matrix(5, 2, 1)]);
    check(|x| Var::map_sum(formula!(|a, b, c| a * b + b * c.exp()), [x[0], x[0], x[0]]), &[matrix(5, 2, 1)]);
}

#[test]
fn functions_of_entries() {
    let any = [matrix(9, 2, 3)];
    let positive = [matrix(9, 2, 3).map(|v| v.abs() + 0.3)];
    check(|x| x[0].exp(), &any);
    check(|x| x[0].exp_m1(), &any);
    check(|x| x[0].sin(), &any);
    check(|x| x[0].cos(), &any);
    check(|x| x[0].atan(), &any);
    check(|x| x[0].tanh(), &any);
    check(|x| x[0].sigmoid(), &any);
    check(|x| x[0].softplus(), &any);
    check(|x| x[0].log_sigmoid(), &any);
    check(|x| x[0].sq(), &any);
    check(|x| x[0].abs(), &any);
    check(|x| x[0].relu(), &any);
    check(|x| x[0].ln(), &positive);
    check(|x| x[0].ln_1p(), &positive);
    check(|x| x[0].sqrt(), &positive);
    check(|x| x[0].recip(), &positive);
    check(|x| x[0].softplus_inv(), &positive);
    check(|x| x[0].log1mexp(), &positive);
    check(|x| x[0].powi(3), &any);
    check(|x| x[0].powf(x[1]), &[positive[0].clone(), any[0].clone()]);
    check(|x| x[0].max(x[1]).min(0.7), &[matrix(9, 2, 3), matrix(9, 2, 4)]);
}

#[test]
fn products_in_all_transposes() {
    let (a, b) = (matrix(7, 5, 1), matrix(5, 6, 2));
    check(|x| x[0].matmul(x[1]), &[a.clone(), b.clone()]);
    check(|x| x[0].tr_matmul(x[1]), &[a.transpose(), b.clone()]);
    check(|x| x[0].matmul_tr(x[1]), &[a.clone(), b.transpose()]);
    check(|x| x[0].tr_matmul_tr(x[1]), &[a.transpose(), b.transpose()]);
    let tape = Tape::new();
    let product = tape.constant(&a.transpose()).tr_matmul_tr(tape.constant(&b.transpose()));
    assert!((product.value() - &a * &b).norm() < 1e-13);
}

#[test]
fn reductions() {
    let at = [matrix(7, 4, 5)];
    check(|x| x[0].sum(), &at);
    check(|x| x[0].mean(), &at);
    for axis in [Axis::Rows, Axis::Cols] {
        check(|x| x[0].sum_axis(axis), &at);
        check(|x| x[0].mean_axis(axis), &at);
    }
    check(|x| x[0].logsumexp(), &at);
    check(|x| x[0].softmax(), &at);
    check(|x| x[0].log_softmax(), &at);
    let tape = Tape::new();
    let x = tape.constant(&DMatrix::from_row_slice(
        2,
        2,
        &[1000.0, 1000.0, f64::NEG_INFINITY, f64::NEG_INFINITY],
    ));
    let lse = x.logsumexp().value();
    assert!((lse[0] - (1000.0 + 2f64.ln())).abs() < 1e-12);
    assert_eq!(lse[1], f64::NEG_INFINITY);
}

#[test]
fn parts_and_joins() {
    let at = [matrix(6, 4, 7), matrix(6, 3, 8), matrix(2, 4, 9)];
    check(|x| x[0].slice(1..4, 2..4), &at);
    check(|x| x[0].reshape(8, 3), &at);
    check(|x| x[0].transpose(), &at);
    check(|x| Var::concat_cols(&[x[0], x[1], x[0]]), &at);
    check(|x| Var::concat_rows(&[x[2], x[0]]), &at);
    check(|x| x[0].gather_rows(vec![5, 0, 5, 2]), &at);
    let (list, shared): (_, std::sync::Arc<[usize]>) = (vec![5, 0, 5, 2], [5, 0, 5, 2].into());
    check(|x| x[0].gather_rows(&list), &at);
    check(|x| x[0].gather_rows(&shared), &at);
    check(|x| x[0].gather_rows(&list[..]), &at);
    check(|x| x[0].scatter_rows(vec![1, 1, 3, 0, 7, 3], 8), &at);
    check(|x| x[0].pick(vec![3, 0, 1, 1, 2, 0]), &at);
    check(|x| x[0].at(2, 1) + x[0].diagonal(), &at);
}

#[test]
fn positive_definite() {
    let a = matrix(5, 5, 11);
    let at = [a, matrix(5, 2, 12)];
    fn make<'t>(x: &[Var<'t>]) -> Var<'t> {
        let eye = x[0].tape().unwrap().constant(&DMatrix::identity(5, 5));
        x[0].matmul_tr(x[0]) + eye
    }
    check(|x| make(x).cholesky().unwrap(), &at);
    check(|x| make(x).spd_solve(x[1]).unwrap(), &at);
    check(|x| make(x).spd_log_det().unwrap(), &at);
    check(|x| make(x).cholesky().unwrap().solve_lower(x[1]), &at);
    check(|x| make(x).cholesky().unwrap().solve_lower_tr(x[1]), &at);
    let tape = Tape::<f64>::new();
    let bad = tape.constant(&DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]));
    let error = bad.cholesky().unwrap_err();
    assert_eq!(error, NotPositiveDefinite::Pivot { pivot: 1, size: 2 });
    assert_eq!(error.to_string(), "the 2 × 2 matrix is not positive definite: pivot 1 is not greater than 0");
}

#[derive(Clone, Copy, Debug)]
struct SampleAndKl;
impl FormulaPair<3> for SampleAndKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [loc, rho, noise]: [R; 3]) -> (R, R) {
        let scale = rho.softplus();
        (loc + scale * noise, (scale * scale + loc * loc) * 0.5 - scale.ln())
    }
}

#[test]
fn pairs_with_noise() {
    for at in [[matrix(70, 3, 1), matrix(70, 3, 2)], [matrix(70, 3, 1), matrix(1, 3, 2)]] {
        check(both, &at);
        check(first, &at);
        check(second, &at);
    }
    fn run<'t>(x: &[Var<'t>]) -> (Var<'t>, Var<'t>) {
        x[0].tape().unwrap().map_pair(
            SampleAndKl,
            [x[0].into(), x[1].into(), Arg::Normal(Key::new(4))],
            (1, 1),
        )
    }
    fn both<'t>(x: &[Var<'t>]) -> Var<'t> {
        let (w, kl) = run(x);
        w.tanh() + kl
    }
    fn first<'t>(x: &[Var<'t>]) -> Var<'t> {
        run(x).0
    }
    fn second<'t>(x: &[Var<'t>]) -> Var<'t> {
        run(x).1
    }
}

#[test]
fn no_gradient_flows_through_detach() {
    let tape = Tape::new();
    let x = tape.scalar(3.0);
    let y = x * x.detach();
    assert_eq!(tape.backward(y).wrt(x)[0], 3.0);
}

#[test]
fn hessian_vector_product_on_a_tape_of_duals() {
    // f(x) = Σ tanh(A x)²: the product by duals against differences of gradients.
    let a = matrix(4, 3, 1);
    let (x, v) = (matrix(3, 1, 2), matrix(3, 1, 3));
    let tape = Tape::<Dual<f64, 1>>::new();
    let xs = DMatrix::from_fn(3, 1, |i, _| Dual { re: x[i], du: [v[i]] });
    let (va, vx) = (tape.constant(&a.map(Dual::constant)), tape.variable(&xs));
    let product = tape.backward(va.matmul(vx).tanh().sq().sum()).wrt(vx).map(|d| d.du[0]);
    let gradient = |x: &DMatrix<f64>| {
        let tape = Tape::new();
        let (va, vx) = (tape.constant(&a), tape.variable(x));
        tape.backward(va.matmul(vx).tanh().sq().sum()).wrt(vx)
    };
    let h = 1e-5;
    let differences = (gradient(&(&x + &v * h)) - gradient(&(&x - &v * h))) / (2.0 * h);
    assert!((product - differences).norm() < 1e-8);
}

#[test]
fn single_precision_agrees_with_double() {
    let (a, b) = (matrix(33, 20, 1), matrix(20, 17, 2));
    let double = Tape::<f64>::new();
    let single = Tape::<f32>::new();
    let (a64, b64) = (double.variable(&a), double.variable(&b));
    let (a32, b32) = (single.variable(&a.map(|v| v as f32)), single.variable(&b.map(|v| v as f32)));
    let g64 = double.backward(a64.matmul(b64).softplus().sum()).wrt(a64);
    let g32 = single.backward(a32.matmul(b32).softplus().sum()).wrt(a32);
    assert!((g64 - g32.map(f64::from)).amax() < 2e-5);
}

#[test]
#[should_panic(expected = "+: shapes do not broadcast: 2 × 3, 3 × 2")]
fn a_mismatch_names_the_operation_and_the_shapes() {
    let tape = Tape::<f64>::new();
    let _ = tape.constant(&matrix(2, 3, 1)) + tape.constant(&matrix(3, 2, 1));
}

#[test]
fn formulas_have_names() {
    let f = formula!(|x| x.exp() + 1.0);
    assert_eq!(f.name(), "x.exp() + 1.0");
}

#[test]
#[should_panic(expected = "while Gradients of the tape are alive")]
fn recording_while_gradients_are_read_says_so() {
    let tape = Tape::<f64>::new();
    let x = tape.scalar(2.0);
    let gradients = tape.backward(x * x);
    let y = x * 3.0;
    println!("{} {y:?}", gradients.wrt(x));
}

#[test]
fn the_origin_of_a_number_that_is_not_finite_is_found() {
    let mut tape = Tape::<f64>::new();
    let name = |tape: &Tape<f64>, y: Var<'_, f64>| {
        drop(tape.backward(y));
        tape.first_non_finite().map(|found| (found.op, found.in_gradient))
    };
    tape.detect_anomaly(true);
    {
        let x = tape.scalar(-2.0);
        // Infinities that the result does not depend on, or is finite in spite of.
        let meant = x * 0.0 + f64::INFINITY;
        assert_eq!(name(&tape, (-meant).exp() + x), None);
        let (op, in_gradient) = name(&tape, (x.ln() + x.exp()).sq().sum()).unwrap();
        assert!(op.contains("ln") && !in_gradient, "{op}");
        let (op, _) = name(&tape, ((x * -1e3).exp() - (x * -1e3).exp() * 2.0).sum()).unwrap();
        assert!(op.contains("exp"), "{op}");
    }
    tape.reset();
    let x = tape.scalar(0.0);
    assert!(name(&tape, x.sqrt()).unwrap().1);
}

#[test]
#[allow(clippy::op_ref, reason = "operators on references are what is tested")]
fn whole_numbers_and_references_are_operands() {
    let tape = Tape::<f64>::new();
    let (x, y) = (tape.scalar(3.0), tape.scalar(5.0));
    let got = [2 * x, x * 2, 7 - x, x / 2, &x * &y, &x - y, x + &y, 0.5 * &x, &x / 4.0, -&x];
    assert_eq!(got.map(|v| v.item()), [6.0, 6.0, 4.0, 1.5, 15.0, -2.0, 8.0, 1.5, 0.75, -3.0]);
    let gradient = tape.backward(2 * x - &x * &y);
    assert_eq!((gradient.wrt(x)[0], gradient.wrt(y)[0]), (-3.0, -3.0));
}

#[test]
fn running_sums_and_triangles() {
    let at = [matrix(3, 5, 1)];
    for which in [Running::UpTo, Running::Before, Running::From, Running::After] {
        check(|x| x[0].running_sum(which), &at);
    }
    let tape = Tape::<f64>::new();
    let x = tape.constant(&DMatrix::from_row_slice(1, 3, &[1.0, 2.0, 4.0]));
    let sums = |which| x.running_sum(which).value().iter().copied().collect::<Vec<f64>>();
    assert_eq!(sums(Running::UpTo), [1.0, 3.0, 7.0]);
    assert_eq!(sums(Running::Before), [0.0, 1.0, 3.0]);
    assert_eq!(sums(Running::From), [7.0, 6.0, 4.0]);
    assert_eq!(sums(Running::After), [6.0, 4.0, 0.0]);
    check(|x| x[0].unpack_lower(3, false), &[matrix(6, 1, 2)]);
    check(|x| x[0].unpack_lower(4, true), &[matrix(6, 1, 3)]);
    check(|x| x[0].pack_lower(false), &[matrix(4, 4, 4)]);
    check(|x| x[0].pack_lower(true), &[matrix(4, 4, 5)]);
    let packed = tape.column(&[1.0, 2.0, 3.0]);
    assert_eq!(packed.unpack_lower(2, false).value(), DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 2.0, 3.0]));
    assert_eq!(packed.unpack_lower(2, false).pack_lower(false).value(), packed.value());
}
