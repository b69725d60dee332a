//! Several draws at once: every operation gives in every lane what it gives for that draw alone,
//! and gradients add up.

use nalgebra::DMatrix;
use probity_autodiff::random::normal_at;
use probity_autodiff::{Adjoints, Arg, Axis, ExpScale, Inputs, Key, Op, Real, Scalar, Tape, Var, formula};

/// An operation of a user's own, which knows nothing of lanes.
#[derive(Debug)]
struct Cube;
impl<T: Scalar> Op<T> for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        y.iter_mut().zip(x.get(0)).for_each(|(y, x)| *y = T::from_num(x.num().powi(3)));
    }
    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_zeroed(0, |to| {
            for ((to, g), x) in to.iter_mut().zip(g).zip(x.get(0)) {
                *to = T::from_num(to.num() + g.num() * x.num().sq() * 3.0);
            }
        });
    }
}

const LANES: usize = 5;

pub(super) fn numbers(rows: usize, cols: usize, key: u64) -> DMatrix<f64> {
    DMatrix::from_fn(rows, cols, |i, j| normal_at::<f64>(Key::new(key), (i + j * rows) as u64))
}

/// The variables of a program: 4 × 3, 3 × 4, 1 × 3, 4 × 1, 1 × 1.
fn variables<'t>(tape: &'t Tape<f64>) -> [Var<'t, f64>; 5] {
    [(4, 3), (3, 4), (1, 3), (4, 1), (1, 1)].map(|(r, c)| tape.variable(&numbers(r, c, (r * 10 + c) as u64)))
}

pub(super) type Program = for<'t> fn(&'t Tape<f64>, [Var<'t, f64>; 5]) -> Var<'t, f64>;

/// Noise of a shape, drawn lane by lane.
fn noise<'t>(tape: &'t Tape<f64>, rows: usize, cols: usize, key: u64) -> Var<'t, f64> {
    tape.map_noise(formula!(|e| e * 0.5), [Arg::Normal(Key::new(key))], (rows, cols))
}

pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("no noise", |_, [a, ..]| a.sum()),
    ("entries", |t, [a, ..]| (a * noise(t, 4, 3, 1)).tanh().sum()),
    ("an entry", |t, [.., s]| (s * noise(t, 1, 1, 1)).exp()),
    ("an entry and a sum of it", |t, [.., s]| (s * noise(t, 1, 1, 1)).exp().sum() * s),
    ("columns, rows, numbers that are the same", |t, [a, _, r, c, s]| {
        (noise(t, 4, 3, 1) * r + c * s + a).sin().sum()
    }),
    ("columns, rows, numbers that are drawn", |t, [a, ..]| {
        (a * noise(t, 1, 3, 1) + noise(t, 4, 1, 2) * noise(t, 1, 1, 3)).sin().sum()
    }),
    ("a number that is drawn with a matrix that is the same", |t, [a, .., s]| {
        ((a * noise(t, 1, 1, 1)).cos() * s).sum()
    }),
    ("a Gaussian", |t, [a, b, ..]| {
        let (x, kl) = t.gaussian_draw::<ExpScale>(a, b.transpose(), (0.1, 0.8), Key::new(4));
        x.sq().sum() * 0.3 + kl
    }),
    ("a Gaussian whose parameters are drawn", |t, [a, b, ..]| {
        let (x, kl) =
            t.gaussian_draw::<ExpScale>(a + noise(t, 4, 3, 1), b.transpose(), (0.1, 0.8), Key::new(4));
        x.sq().sum() * 0.3 + kl
    }),
    ("variances", |t, [a, b, ..]| {
        let (x, kl) = t.gaussian_variance::<ExpScale>(a, b.transpose(), (0.1, 0.8));
        (x * noise(t, 4, 3, 1)).sum() + kl
    }),
    ("products with what is drawn on the right", |t, [a, b, ..]| {
        let e = noise(t, 3, 2, 1);
        let y = [a.matmul(e), b.tr_matmul(e), a.matmul_tr(e.transpose()), b.tr_matmul_tr(e.transpose())];
        y[0].tanh().sum() + y[1].sin().sum() + y[2].sq().sum() + y[3].cos().sum()
    }),
    ("products with what is drawn on the left, and on both sides", |t, [a, b, ..]| {
        let (e, f) = (noise(t, 2, 4, 1), noise(t, 4, 2, 2));
        e.matmul(a).tanh().sum() + f.tr_matmul(b.transpose()).sin().sum() + e.matmul(f).sq().sum()
    }),
    ("affine maps", |t, [a, b, r, ..]| {
        let (w, v) = (noise(t, 3, 2, 1), noise(t, 1, 2, 2));
        let y = a.affine(w, v).tanh();
        let z = a.affine(w, r.cols(0..2));
        y.affine(b.rows(0..2), noise(t, 1, 4, 3)).sum() + (y * z).sum()
    }),
    ("affine maps with ReLU", |t, [a, _, r, ..]| {
        let (w, v) = (noise(t, 3, 2, 1), noise(t, 1, 2, 2));
        a.affine_relu(w, v).affine_relu(noise(t, 2, 3, 3), r).sq().sum()
    }),
    ("linear combinations", |t, [a, .., s]| {
        let x = a * noise(t, 4, 3, 1);
        Var::linear_combination([(x, 0.5), (a, -2.0), (x, 3.0)]).sin().sum() + s
    }),
    ("ReLU", |t, [a, ..]| ((a + noise(t, 4, 3, 1)).relu() * a).sum()),
    ("parts and joins", |t, [a, ..]| {
        let x = a * noise(t, 4, 3, 1);
        let y = Var::concat_cols(&[x.rows(1..3), a.rows(0..2)]).reshape(3, 4);
        let z = Var::concat_rows(&[x.cols(0..1), a.cols(1..2)]);
        y.sin().sum() + z.sq().sum() + x.gather_rows([3, 0, 3]).exp().sum()
    }),
    ("sums, softmax, logarithms of sums", |t, [a, ..]| {
        let x = a * noise(t, 4, 3, 1);
        let sums = x.sum_axis(Axis::Rows).sq().sum() + x.sum_axis(Axis::Cols).sin().sum();
        sums + (x.softmax() * a).sum() + x.logsumexp().sum() + Var::add_all(&[x, a, x]).sq().sum()
    }),
    ("cholesky", |t, [a, ..]| {
        let x = a + noise(t, 4, 3, 1);
        let l = (x.tr_matmul(x) + t.constant(&DMatrix::identity(3, 3))).cholesky().unwrap();
        l.sum() + l.solve_lower(a.transpose()).sq().sum()
    }),
    ("what is used twice", |t, [a, ..]| {
        let x = a * noise(t, 4, 3, 1);
        (x * x + x * a).sum() + x.detach().sin().sum() + t.record(Cube, &[x], 4, 3).sum()
    }),
    ("a result that is the same in all", |t, [a, ..]| {
        let _ = noise(t, 4, 3, 1) * a;
        a.sq().sum()
    }),
];

#[test]
fn lanes_are_draws() {
    for (name, program) in PROGRAMS {
        let mut tape = Tape::new();
        // Each draw by itself.
        let (mut values, mut sums) = (Vec::new(), [(); 5].map(|()| None));
        for lane in 0..LANES {
            tape.reset();
            tape.set_lanes(lane, 1);
            let x = variables(&tape);
            let y = program(&tape, x);
            values.push(y.item());
            let gradients = tape.backward(y);
            for (sum, x) in sums.iter_mut().zip(x) {
                let g = gradients.wrt(x);
                *sum = Some(sum.take().map_or(g.clone(), |s: DMatrix<f64>| s + g));
            }
            assert!(!tape.has_read_one_lane(), "{name}");
        }
        // Two and three at once, and all: the same.
        for groups in [vec![(0, 2), (2, 3)], vec![(0, LANES)]] {
            let mut total = [(); 5].map(|()| None);
            for (first, count) in groups {
                tape.reset();
                tape.set_lanes(first, count);
                let x = variables(&tape);
                let y = program(&tape, x);
                y.read_lanes(|got| {
                    for (lane, want) in values[first..first + count].iter().enumerate() {
                        let got = got[if got.len() == 1 { 0 } else { lane }];
                        assert!(
                            (got - want).abs() < 1e-13 * want.abs().max(1.0),
                            "{name}, lane {lane}: {got} {want}"
                        );
                    }
                    assert!(got.len() == count || values.iter().all(|v| *v == values[0]), "{name}: {got:?}");
                });
                // A result that is the same in all lanes has one gradient, not the sum over the
                // lanes.
                let times = y.read_lanes(|got| if got.len() == 1 { count as f64 } else { 1.0 });
                let gradients = tape.backward(y);
                for (sum, x) in total.iter_mut().zip(x) {
                    let g = gradients.wrt(x) * times;
                    *sum = Some(sum.take().map_or(g.clone(), |s: DMatrix<f64>| s + g));
                }
                assert!(!tape.has_read_one_lane(), "{name}");
            }
            for (k, (a, b)) in total.iter().flatten().zip(sums.iter().flatten()).enumerate() {
                assert!((a - b).amax() < 1e-12 * b.amax().max(1.0), "{name}, variable {k}: {a} {b}");
            }
        }
    }
}

#[test]
fn looking_at_a_value_is_noticed() {
    let mut tape = Tape::<f64>::new();
    tape.set_lanes(0, 3);
    let (x, same) = (noise(&tape, 2, 2, 1), tape.scalar(2.0));
    same.item();
    assert!(!tape.has_read_one_lane());
    // The first lane is seen.
    assert_eq!(x.value()[0], x.read_lanes(|all| all[0]));
    assert!(tape.has_read_one_lane());
    assert_eq!(x.read_lanes(|all| all.len()), 12);
    tape.reset();
    assert!(!tape.has_read_one_lane());
    let alone = noise(&tape, 2, 2, 1);
    assert_eq!(alone.read_lanes(|all| all.len()), 4);
}

#[test]
fn lane_zero_has_the_noise_of_the_key() {
    let mut tape = Tape::<f64>::new();
    let alone = noise(&tape, 3, 1, 9).value();
    tape.reset();
    tape.set_lanes(0, 2);
    noise(&tape, 3, 1, 9).read_lanes(|all| {
        assert_eq!(&all[..3], alone.as_slice());
        let second = Key::new(9).fold_in(1);
        assert_eq!(all[3], 0.5 * normal_at::<f64>(second, 0));
    });
}

#[test]
#[should_panic(expected = "set_lanes: 2 lanes after 1 nodes")]
fn lanes_are_chosen_first() {
    let mut tape = Tape::<f64>::new();
    tape.scalar(1.0);
    tape.set_lanes(0, 2);
}
