//! A fit in steady state allocates nothing. The allocator counts by thread, so that the tests
//! beside it do not matter.

use crate::common::{EightSchools, Regression, normals};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Formula, FormulaPair, Ode, OdeSolver, Real, Recursion, Tape, Var};
use probity_distributions::{Distribution, Normal, Support};
use probity_vi::optim::Adam;
use probity_vi::{Estimator, Fit, Init, LogJoint, Model, Objective, Result, Scope, Start, StepInfo, Steps};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow;

struct Counting;

thread_local! {
    // By thread: the pool of the measurement before may still be ending.
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(calls: usize, bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = CALLS.try_with(|c| c.set(c.get() + calls));
    let _ = BYTES.try_with(|b| b.set(b.get() + bytes));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations from step `after` to the end, and the growth in bytes, in a pool of one thread.
fn measure(name: &str, fit: Fit<f64>, model: impl Model<f64> + Sync + Send, after: usize) -> (usize, isize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (calls, bytes) = pool.install(|| {
        let (mut first, mut last) = ((0, 0), (0, 0));
        let mut watch = |info: &StepInfo| {
            last = (CALLS.get(), BYTES.get());
            if info.step == after {
                first = last;
            }
            ControlFlow::Continue(())
        };
        fit.elbo_draws(0).checked(false).run_observed(model, &mut [&mut watch]).unwrap();
        (last.0 - first.0, last.1 - first.1)
    });
    println!("{name}: {calls} allocations, {bytes} bytes");
    (calls, bytes)
}

/// A net of two layers, by hand, with names in scopes, a point parameter and a deterministic site.
#[derive(Debug)]
struct Net {
    x: DMatrix<f64>,
    y: DMatrix<f64>,
    start: DMatrix<f64>,
}

impl Model<f64> for Net {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        let noise = s.param("noise", &self.start, Support::Positive)?;
        s.plate("rows", self.x.nrows(), |s, rows| {
            let mut h = rows.rows(&self.x);
            for (name, inputs, outputs) in [("first", 3, 10), ("second", 10, 1)] {
                h = s.within(name, |s| {
                    let prior = Normal::new(0.0, 1.0).shaped(inputs, outputs);
                    let bias = Normal::new(0.0, 1.0).shaped(1, outputs);
                    s.linear(h, ("weight", prior, Init::default), Some(("bias", bias, Init::default)))
                })?;
                if name == "first" {
                    h = h.tanh();
                }
            }
            let mean = s.deterministic("mean", h)?;
            s.observe("y", Normal::new(mean, noise), rows.rows(&self.y))
        })
    }
}

#[test]
fn steps_allocate_nothing() {
    let regression = || Regression { x: normals(3, 103, 4), y: normals(4, 103, 1), prior: 1.0, noise: 1.0 };
    let fixed = |steps| Fit::new().steps(Steps::new(steps).average(0.5)).optimizer(Adam::new(0.01));
    let net = || Net { x: normals(1, 50, 3), y: normals(2, 50, 1), start: DMatrix::from_element(1, 1, 0.5) };
    let local = Estimator::LocalReparameterization;
    let (centred, weighted) = (true, Objective::ImportanceWeighted { draws: 4 });
    let results = [
        measure("eight schools", fixed(400), EightSchools { centred }, 10),
        measure("eight schools, 3e4 steps", fixed(30_000), EightSchools { centred }, 10),
        measure("eight schools, automatic", Fit::new().draws(8), EightSchools { centred: false }, 10),
        // 103 rows by 20: the last of an epoch has 3.
        measure("ragged minibatches", fixed(400).minibatch(20), regression(), 10),
        measure("batches in order", fixed(400).minibatch(20).shuffle(false), regression(), 10),
        measure("clipped", fixed(400).clip_norm(1.0).draws(2), regression(), 10),
        measure("net, 3e4 steps", fixed(30_000).draws(1), net(), 10),
        measure("net, local", fixed(400).estimator(local).draws(1), net(), 10),
        measure("net, minibatches", fixed(400).minibatch(16), net(), 10),
        measure("eight schools, weighted", fixed(400).objective(weighted), EightSchools { centred }, 10),
    ];
    // The automatic fit makes one vector when it has its first average.
    let allowed = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    for ((calls, bytes), allowed) in results.into_iter().zip(allowed) {
        assert!(calls <= allowed && bytes < 1000, "{results:?}");
    }
}

/// The allocations and the growth in bytes of `n` values and gradients of the log joint density,
/// once the first are done.
fn measure_density(name: &str, model: impl Model<f64>, n: usize) -> (usize, isize) {
    let mut joint = LogJoint::<_, f64>::new(model).unwrap();
    let mut u = vec![0.1; joint.dim()];
    let mut gradient = u.clone();
    let mut first = (0, 0);
    for i in 0..n + 2 {
        if i == 2 {
            first = (CALLS.get(), BYTES.get());
        }
        u[0] = i as f64 / n as f64;
        joint.value(&u).unwrap();
        joint.gradient(&u, &mut gradient).unwrap();
    }
    let (calls, bytes) = (CALLS.get() - first.0, BYTES.get() - first.1);
    println!("{name}: {calls} allocations, {bytes} bytes");
    (calls, bytes)
}

/// A number that decays, by steps or all the time.
#[derive(Clone, Copy, Debug)]
struct Decay;
impl Recursion<2, 1> for Decay {
    #[inline(always)]
    fn step<R: Real>(&self, [level, x]: [R; 2]) -> [R; 1] {
        [level * 0.9 + x]
    }
}
impl Ode<2, 1> for Decay {
    #[inline(always)]
    fn slope<R: Real>(&self, _: f64, [level, rate]: [R; 2]) -> [R; 1] {
        [-(rate * level)]
    }
}

#[test]
fn the_log_joint_density_allocates_nothing() {
    // A parameter of the model's own, with values and drawn.
    let start = DMatrix::from_element(1, 1, 0.5);
    let with_params = |s: &mut Scope<'_>| {
        let scale = s.param("scale", &start, Support::Positive)?;
        let shift = s.param_from("shift", (3, 1), Start::Uniform(-1.0, 1.0), Support::Real)?;
        let x = s.within("inner", |s| s.sample("x", Normal::new(shift, scale)))?;
        s.observe("y", Normal::new(x, 1.0), &[0.3, -0.2, 0.1])
    };
    let solver = OdeSolver::new(0.0, &[0.5, 1.0, 2.0]).unwrap();
    let sequences = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(3))?;
        let totals = s.tape().scan(Decay, 3, [0.0.into()], [x]);
        let messages = totals.forward_algorithm(x.rows(0..1), x.rows(1..2));
        let solution = solver.solve(s.tape(), Decay, [1.0.into()], [x.at(0, 0)]);
        s.factor("all", messages + solution)
    };
    let results = [
        measure_density("density, sequences", sequences, 100),
        measure_density("density, eight schools", EightSchools { centred: true }, 100),
        measure_density("density, parameters", with_params, 100),
    ];
    assert_eq!(results, [(0, 0); 3]);
}

/// A formula with a number of its own, for which its node has memory.
#[derive(Clone, Copy, Debug)]
struct Scaled(f64);

impl Formula<2> for Scaled {
    fn eval<R: Real>(&self, [x, y]: [R; 2]) -> R {
        x * y * self.0
    }
}

impl FormulaPair<2> for Scaled {
    fn eval<R: Real>(&self, [x, y]: [R; 2]) -> (R, R) {
        (x * self.0, x * y)
    }
}

#[test]
fn formulas_with_numbers_of_their_own_allocate_nothing() {
    for lanes in [1, 4] {
        let mut tape = Tape::<f64>::new();
        let mut step = |scale: f64| {
            tape.reset();
            tape.set_lanes(0, lanes);
            let x = tape.variable_by_lane(3, 1, &[0.5; 12][..3 * lanes]);
            let y = tape.scalar(2.0);
            let (kept, sum) = tape.map_pair(Scaled(scale), [x.into(), y.into()], (1, 1));
            let all = Var::map(Scaled(scale), [x, y]).sum() + Var::map_sum(Scaled(scale), [kept, y]) + sum;
            drop(tape.backward(all));
            all.read_lanes(|values| values[0])
        };
        let value = |scale: f64| 3.0 * scale + 3.0 * scale * scale + 3.0;
        assert_eq!([step(1.0), step(2.0)], [1.0, 2.0].map(value));
        let before = (CALLS.get(), BYTES.get());
        assert_eq!([step(3.0), step(4.0)], [3.0, 4.0].map(value));
        assert_eq!((CALLS.get(), BYTES.get()), before, "{lanes} lanes");
    }
}
