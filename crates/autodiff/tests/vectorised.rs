//! The hot loops are vectorised. Whether LLVM does it depends on details of how they are written,
//! and losing it costs a factor of ten without any test of results failing. So every loop here is
//! timed against the same work done entry by entry, in the same process and on the same instruction
//! set: a ratio does not depend on how fast or how busy the machine is. Measured: 5 to 14 with
//! AVX-512, 2.5 to 9 with AVX2; the limits are far below. The best of many short rounds counts, and
//! what falls short is measured again, up to five times: a machine that was busy elsewhere in one
//! of them does not fail a correct build.
//!
//! A binary of its own, which Cargo runs alone: tests that run beside it would share the core's
//! vector units with it.

use nalgebra::{DMatrix, Dyn};
use probity_autodiff::math::gamma_inc;
use probity_autodiff::random::{fill_normal, normal_at};
use probity_autodiff::simd::{Isa, Kernel, dispatch};
use probity_autodiff::{
    AdamStep, Axis, Dual, Formula, GaussianSite, Key, Params, Real, Scalar, SoftplusScale, Tape, Update, Var,
    formula, map_each,
};
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

/// Entries per round.
const N: usize = 4096;

/// The shortest of many rounds, in seconds.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// Measures until it is good enough, five times at most.
fn again_if_short(measure: impl Fn() -> Result<(), String>) {
    let mut result = measure();
    for _ in 1..5 {
        if result.is_ok() {
            return;
        }
        result = measure();
    }
    result.unwrap();
}

/// A formula, or its partials, at one entry after another.
struct EntryByEntry<'a, F, T, const K: usize> {
    f: F,
    x: &'a [DMatrix<T>; K],
    partials: bool,
}

impl<F: Formula<K>, T: Scalar, const K: usize> Kernel for EntryByEntry<'_, F, T, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for e in 0..N {
            let args = black_box(std::array::from_fn::<T, K, _>(|k| self.x[k][e]));
            if self.partials {
                let duals = std::array::from_fn(|k| Dual::<T::Num, K>::variable(args[k].num(), k));
                black_box(self.f.eval(duals).du);
            } else {
                black_box(self.f.eval(args.map(T::num)));
            }
        }
    }
}

fn formula_is_vectorised<F: Formula<K>, T: Scalar, const K: usize>(name: &str, f: F, limit: f64) {
    again_if_short(|| formula_gains::<F, T, K>(name, f, limit));
}

fn formula_gains<F: Formula<K>, T: Scalar, const K: usize>(
    name: &str,
    f: F,
    limit: f64,
) -> Result<(), String> {
    let x: [DMatrix<T>; K] = std::array::from_fn(|k| {
        DMatrix::from_fn(N, 1, |i, _| T::from_f64(0.3 + ((i + 7 * k) as f64 * 0.37).sin().abs()))
    });
    let mut tape = Tape::new();
    let (mut forward, mut backward) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..30 {
        tape.reset();
        let args = std::array::from_fn(|k| tape.variable(&x[k]));
        let mut sum = None;
        // The value of a sum is computed when it is read.
        forward = forward.min(best(1, || {
            black_box(sum.insert(Var::map_sum(f, args)).item());
        }));
        backward = backward.min(best(1, || drop(tape.backward(sum.unwrap()))));
    }
    let slow = |partials| best(10, || dispatch(EntryByEntry { f, x: &x, partials }));
    let ratios = [slow(false) / forward, slow(true) / backward];
    println!("{name} {}: {:.1}, partials {:.1}", std::any::type_name::<T>(), ratios[0], ratios[1]);
    let enough = ratios.iter().all(|r| *r > limit);
    enough.then_some(()).ok_or_else(|| format!("{name}: only {ratios:?} times as fast as entry by entry"))
}

/// The log density of Gamma(`a`, rate 1), by its fast path: in double precision, whatever the
/// element.
#[derive(Clone, Copy, Debug)]
struct GammaDensity;
impl Formula<2> for GammaDensity {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, x]: [R; 2]) -> R {
        gamma_inc::log_density(a, x, x.ln())
    }
    const FAST_PATH: bool = true;
    #[inline(always)]
    fn fast_path<R: Real>(&self, args: [R; 2]) -> (R, [R; 2], bool) {
        let [a, x] = map_each(args, R::to_double);
        let (f, slope, holds) = gamma_inc::log_density_fast(a, x, x.ln_normal(), R::is_single());
        (R::from_double(f), map_each([slope, (a - x) / x], R::from_double), holds)
    }
}

fn formulas_are_vectorised<T: Scalar>(limit: f64) {
    formula_is_vectorised::<_, T, 1>("exp", formula!(|x| x.exp()), limit);
    formula_is_vectorised::<_, T, 1>("ln", formula!(|x| x.ln() * x), limit);
    formula_is_vectorised::<_, T, 1>("softplus", formula!(|x| x.softplus()), limit);
    formula_is_vectorised::<_, T, 1>("tanh", formula!(|x| x.tanh()), limit);
    // Its partials are divisions, which gain the least.
    let normal = formula!(|x, m, s| ((x - m) / s).sq() * -0.5 - s.ln());
    formula_is_vectorised::<_, T, 3>("normal density", normal, 0.75 * limit);
    formula_is_vectorised::<_, T, 2>("gamma density", GammaDensity, limit);
    let draw = formula!(|m, rho, e| m + rho.softplus() * e);
    formula_is_vectorised::<_, T, 3>("draw", draw, limit);
    let kl = formula!(|m, rho| {
        let s = rho.softplus();
        (m * m + s * s - 1.0) * 0.5 - s.ln()
    });
    formula_is_vectorised::<_, T, 2>("KL", kl, limit);
}

/// Additions of numbers one by one, none of which may be merged.
fn additions(x: &[f32]) -> f64 {
    best(20, || {
        let mut sum = 0.0_f32;
        for v in x {
            sum = black_box(sum + black_box(*v));
        }
    })
}

#[test]
fn hot_loops_are_vectorised() {
    if Isa::detect() == Isa::Portable {
        println!("skipped: this machine has no instruction set that they are compiled for");
        return;
    }
    for isa in [Isa::Avx2, Isa::Avx512] {
        if isa.select() == isa {
            println!("{isa:?}");
            formulas_are_vectorised::<f32>(2.5);
            formulas_are_vectorised::<f64>(1.7);
            again_if_short(passes_are_vectorised);
        }
    }
}

fn within(name: &str, additions: f64, limit: f64) -> Result<(), String> {
    println!("{name}: {additions:.2} additions");
    let short = || format!("{name}: {additions:.2} additions one by one (limit {limit})");
    (additions < limit).then_some(()).ok_or_else(short)
}

/// The weights of a layer, drawn by themselves and as two sites, and the layer.
fn gaussians_are_vectorised(x: &DMatrix<f32>, one: f64) -> Result<(), String> {
    let mut params = Params::<f32>::new();
    let [loc, rho] = ["loc", "rho"].map(|name| params.add(name, &x.clone().reshape_generic(Dyn(N), Dyn(1))));
    let site = |number| GaussianSite { shape: (N / 2, 1), prior: (0.0, 1.0), number };
    let sites = [site(0), site(1)].into();
    let mut tape = Tape::new();
    let mut times = [f64::INFINITY; 8];
    for _ in 0..30 {
        for together in [false, true] {
            tape.reset();
            tape.bind(&params);
            let [loc, rho] = [loc, rho].map(|id| tape.param(&params, id));
            let mut objective = loc;
            let i = 2 * usize::from(together);
            times[i] = times[i].min(best(1, || {
                objective = if together {
                    let draws = tape.gaussian_sites::<SoftplusScale>(loc, rho, &sites, Key::new(1));
                    draws.site(0).sum() + draws.site(1).sum() + draws.kl()
                } else {
                    let (draw, kl) = tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.0, 1.0), Key::new(1));
                    draw.sum() + kl
                }
            }));
            times[i + 1] = times[i + 1].min(best(1, || drop(tape.backward(objective))));
        }
        tape.reset();
        let v = tape.variable(x);
        let (bias, mut layer) = (tape.variable(&x.rows(0, 1).into_owned()), v);
        times[4] = times[4].min(best(1, || layer = v.affine_relu(v, bias)));
        let sum = layer.sum();
        times[5] = times[5].min(best(1, || drop(tape.backward(sum))));
        times[6] = times[6].min(best(1, || drop(tape.backward_leaves(sum))));
        let column = layer.affine(tape.variable(&x.columns(0, 1).into_owned()), tape.scalar(0.5)).sum();
        times[7] = times[7].min(best(1, || drop(tape.backward_leaves(column))));
    }
    let names = ["draws", "draws backward", "sites", "sites backward", "layer", "layer backward"];
    let names = names.iter().chain(&["layer backward in place", "layer below a column backward"]);
    for ((name, time), limit) in names.zip(times).zip([6.0, 4.0, 6.0, 4.0, 6.0, 12.0, 12.0, 12.0]) {
        within(name, time / one, limit)?;
    }
    Ok(())
}

/// Adam, for all parameters.
struct Adam;

impl Update<f32> for Adam {
    fn update(&self, _: usize, params: &[f32], gradient: &[f32], to: &mut [f32], state: &mut [&mut [f32]]) {
        let [m, v] = state else { panic!("two arrays") };
        STEP.apply(params, gradient, to, [m, v]);
    }
    fn adam(&self, _: Range<usize>) -> Option<AdamStep> {
        Some(STEP)
    }
}
const STEP: AdamStep = AdamStep { betas: (0.9, 0.999), rate: 1e-3, epsilon: 1e-8, keep: 1.0 };

/// Gaussians with updates during the backward pass: few save derivatives, many compute them again.
fn changes_are_vectorised(one: f64) -> Result<(), String> {
    // Many are 4 MB with their state, and wait for memory when other cores use it (up to 2.4
    // additions were seen). Few take 1.0, and 1.7 where the machine runs at half speed. Without
    // vectors the formula of a draw alone takes 5 to 9 times as long.
    for (name, columns, rounds, limit) in [("few change", 1, 30, 2.5), ("many change", 33, 5, 3.0)] {
        let x = DMatrix::<f32>::from_fn(N, columns, |i, j| (i + 7 * j) as f32 * 1e-4 - 1.0);
        let mut params = Params::<f32>::new();
        let [loc, rho] = ["loc", "rho"].map(|name| params.add(name, &x));
        let mut state = [vec![0.0; 2 * x.len()], vec![0.0; 2 * x.len()]];
        let (mut tape, mut time) = (Tape::new(), f64::INFINITY);
        for _ in 0..rounds {
            tape.reset();
            tape.bind(&params);
            let [loc, rho] = [loc, rho].map(|id| tape.param(&params, id));
            let (draw, kl) = tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.0, 1.0), Key::new(1));
            let objective = draw.sum() + kl;
            let mut state = state.each_mut().map(|m| m.as_mut_slice());
            time = time.min(best(1, || {
                black_box(tape.backward_and_update(objective, &Adam, &mut state));
            }));
        }
        within(name, time / columns as f64 / one, limit)?;
    }
    // A loop that is not vectorised has a root and a division for each parameter, which take
    // several additions.
    let step = AdamStep { betas: (0.9, 0.999), rate: 0.01, epsilon: 1e-8, keep: 1.0 };
    let [x, gradient, mut to, mut m, mut v] = [0.1_f32, 0.2, 0.0, 0.0, 0.0].map(|x| vec![x; N]);
    let time = best(100, || step.apply(black_box(&x), &gradient, &mut to, [&mut m, &mut v]));
    within("Adam", time / one, 1.0)
}

/// Rows of softmax, both ways.
fn softmax_is_vectorised(x: &DMatrix<f32>, one: f64) -> Result<(), String> {
    let (mut tape, mut times) = (Tape::new(), [f64::INFINITY; 2]);
    for _ in 0..30 {
        tape.reset();
        let v = tape.variable(x);
        let mut y = v;
        times[0] = times[0].min(best(1, || y = v.log_softmax()));
        let sum = y.slice(0..64, 0..1).sum();
        times[1] = times[1].min(best(1, || drop(tape.backward(sum))));
    }
    within("softmax", times[0] / one, 1.5)?;
    within("softmax backward", times[1] / one, 1.5)
}

/// Sums, products, noise: against additions.
fn passes_are_vectorised() -> Result<(), String> {
    let x = DMatrix::<f32>::from_fn(64, 64, |i, j| ((i * 64 + j) as f32 * 0.37).sin());
    let one = additions(x.as_slice());
    let mut tape = Tape::new();
    let mut times = [f64::INFINITY; 5];
    for _ in 0..30 {
        tape.reset();
        let v = tape.variable(&x);
        let (mut relu, mut product, mut columns) = (v, v, v);
        times[0] = times[0].min(best(1, || relu = v.relu()));
        times[1] = times[1].min(best(1, || product = v.matmul(v)));
        times[2] = times[2].min(best(1, || columns = v.sum_axis(Axis::Rows)));
        let (a, b, c) = (relu.sum(), product.sum(), columns.sum());
        times[3] = times[3].min(best(1, || drop(tape.backward(a))));
        times[4] = times[4].min(best(1, || drop(tape.backward(b))));
        tape.backward(c);
    }
    // With all that belongs to a node: recording, memory, the sum behind it.
    let names = ["relu", "product", "column sums", "relu backward", "product backward"];
    // A product of 64 × 64 has 64 multiplications and additions an entry.
    for ((name, time), limit) in names.iter().zip(times).zip([0.6, 6.0, 0.6, 1.2, 12.0]) {
        within(name, time / one, limit)?;
    }
    gaussians_are_vectorised(&x, one)?;
    changes_are_vectorised(one)?;
    softmax_is_vectorised(&x, one)?;
    let mut out = vec![0.0_f32; N];
    let normals = best(30, || fill_normal(Key::new(1), 0, &mut out));
    // One number alone costs a block of 64.
    let block = best(100, || {
        black_box(normal_at::<f32>(black_box(Key::new(1)), 0));
    });
    println!("normals: {:.2} ns each, a block {:.1} ns", normals * 1e9 / N as f64, block * 1e9);
    within("normals", normals / one, 3.0)
}
