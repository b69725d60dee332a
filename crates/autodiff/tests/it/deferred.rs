//! Sums that are computed in the backward pass have the values of those that are not.

use nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{AlignedVec, Key, Params, Scalar, Tape, Update, Var, formula};

fn numbers<T: Scalar>(rows: usize, cols: usize, key: u64) -> DMatrix<T> {
    let x = |i| normal_at::<f64>(Key::new(key), i);
    DMatrix::from_fn(rows, cols, |i, j| T::from_f64(0.5 + x((i + j * rows) as u64).powi(2)))
}

/// A sum over entries, with logarithms and powers.
fn sum<'t, T: Scalar>(x: Var<'t, T>, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    Var::map_sum(formula!(|x, a, b| (x / b).ln() * a - (x / b).powi(3) + a.lgamma()), [x, a, b])
}

/// The bits of a loss of several sums and of its gradients; values are read before the backward
/// pass, if so, or after it.
fn loss<T: Scalar>(shapes: [(usize, usize); 3], read: bool) -> Vec<u64> {
    let tape = Tape::<T>::new();
    let [x, a, b] = [0, 1, 2].map(|i| tape.variable(&numbers(shapes[i].0, shapes[i].1, i as u64)));
    let terms = [sum(x, a, b), (x * 2.0).sum(), sum(a, x, x)];
    let loss = -(terms[0] + terms[1] - terms[2]) + 1.5;
    let values = || [&terms[..], &[loss]].concat().iter().map(|x| x.item().to_f64().to_bits()).collect();
    let before: Option<Vec<u64>> = read.then(values);
    let gradients = tape.backward(loss);
    let gradients = [x, a, b].map(|x| gradients.wrt(x));
    let mut bits = before.unwrap_or_else(values);
    bits.extend(gradients.iter().flat_map(|g| g.iter().map(|g| g.to_f64().to_bits())));
    bits
}

#[test]
fn values_and_gradients_have_the_same_bits() {
    let all = [
        [(1, 1); 3],
        [(7, 1); 3],
        [(40, 5), (1, 5), (1, 1)],
        [(40, 5), (40, 1), (1, 5)],
        [(70_001, 1), (1, 1), (70_001, 1)],
        [(300, 301), (300, 1), (1, 301)],
    ];
    for shapes in all {
        assert_eq!(loss::<f64>(shapes, true), loss::<f64>(shapes, false), "{shapes:?}");
        assert_eq!(loss::<f32>(shapes, true), loss::<f32>(shapes, false), "{shapes:?}, f32");
    }
}

#[test]
fn lanes_have_the_same_bits() {
    for shape in [(1, 1), (3, 2), (100, 1)] {
        let of = |read: bool| {
            let mut tape = Tape::<f64>::new();
            tape.set_lanes(0, 3);
            let n = shape.0 * shape.1;
            let u: Vec<f64> =
                (0..3 * n).map(|i| 0.3 + normal_at::<f64>(Key::new(5), i as u64).abs()).collect();
            let (x, a) = (tape.variable_by_lane(shape.0, shape.1, &u), tape.variable(&numbers(1, 1, 3)));
            let terms = [sum(x, a, a), sum(a, a, a), sum(x, x, a)];
            let loss = Var::linear_combination(terms.into_iter().zip([1.0, -2.0, 0.5]));
            let read_all =
                || [&terms[..], &[loss]].concat().iter().map(|x| x.read_lanes(<[f64]>::to_vec)).collect();
            let before: Option<Vec<Vec<f64>>> = read.then(read_all);
            let gradients = tape.backward_leaves(loss);
            let mut to = vec![0.0; 3 * n];
            gradients.of_lanes(x, &mut to);
            (gradients.wrt(a), to, before.unwrap_or_else(read_all))
        };
        assert_eq!(of(true), of(false), "{shape:?}");
    }
}

/// `x - g`, whatever the state.
struct Descend;
impl<T: Scalar> Update<T> for Descend {
    fn update(&self, _: usize, params: &[T], gradient: &[T], to: &mut [T], _: &mut [&mut [T]]) {
        for (to, (x, g)) in to.iter_mut().zip(params.iter().zip(gradient)) {
            *to = T::from_num(x.num() - g.num());
        }
    }
}

#[test]
fn values_are_those_of_the_parameters_before_an_update() {
    let mut params = Params::<f64>::new();
    let ids = [("w", 9), ("v", 9), ("c", 1)].map(|(name, n)| params.add(name, &numbers(n, 1, n as u64)));
    let run = |read: bool| {
        let (mut tape, mut updated) = (Tape::new(), AlignedVec::new(params.len(), 0.0));
        tape.bind(&params);
        let [w, v, c] = ids.map(|id| tape.param(&params, id));
        // The loss does not depend on sums before it and after it; a parameter is one of its terms.
        let unused = [sum(w, v, c), sum(c, w, w) + c];
        let loss = sum(w, w, c) + c;
        let (scaled, late) = (unused[0] - unused[1], sum(v, v, v));
        let values = || [unused[0], unused[1], loss, scaled, late].map(|x| x.item());
        let before = read.then(values);
        tape.backward_and_update(loss, &Descend, &mut []);
        let values = before.unwrap_or_else(values);
        tape.swap_params_gradient(&mut updated);
        tape.unbind();
        (values, updated.to_vec())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn whoever_needs_a_value_gets_it() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(&numbers(50, 1, 1));
    let a = tape.scalar(2.0);
    let (first, second) = (sum(x, a, a), sum(x, x, a));
    // A product reads both, a fixed value shows the memory of one.
    let loss = first * second + sum(x, a, x).detach() * 3.0;
    let separate = {
        let tape = Tape::<f64>::new();
        let (x, a) = (tape.variable(&numbers(50, 1, 1)), tape.scalar(2.0));
        let [p, q, r] = [sum(x, a, a), sum(x, x, a), sum(x, a, x)].map(|s| s.item());
        p * q + r * 3.0
    };
    assert_eq!(loss.item(), separate);
    // Detection that is switched on late checks the sums of before.
    let bad = Var::map_sum(formula!(|x| (x - 1e3).ln()), [x]);
    tape.detect_anomaly(true);
    drop(tape.backward(bad));
    assert_eq!(tape.first_non_finite().map(|found| found.in_gradient), Some(false));
}
