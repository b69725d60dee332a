//! Ordinary differential equations, solved with gradients by forward sensitivities.
#![allow(
    clippy::needless_range_loop,
    reason = "loops over a fixed range of indices are what LLVM unrolls and vectorises"
)]

use crate::formula::short_name;
use crate::real::{Dual, F64, Real, Scalar};
use crate::simd::{Kernel, dispatch};
use crate::tape::{Adjoints, Inputs, Op, Tape, Var};
use num_traits::Zero;
use std::fmt::Debug;
use std::sync::Arc;

/// A system of `S` first-order differential equations, written once on any [`Real`] number.
///
/// Of the `N` arguments the first `S` are the state, the others the parameters. See [`OdeSolver`].
pub trait Ode<const N: usize, const S: usize>: Copy + Debug + Send + Sync + 'static {
    /// The derivative of the state with respect to time. Mark it `#[inline(always)]`: only an
    /// inlined body is compiled for the wide instruction sets.
    fn slope<R: Real>(&self, time: f64, x: [R; N]) -> [R; S];

    /// The name in errors and printed tapes; by default the name of the type.
    fn name(&self) -> &'static str {
        short_name::<Self>()
    }
}

/// Times at which a solution is wanted do not rise from the start.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the times of a solution must rise from its start, but entry {index} is {time} after {before}")]
pub struct NotRising {
    /// The first entry that is less than the one before, or not finite (zero-based).
    pub index: usize,
    /// The entry.
    pub time: f64,
    /// The entry before, or the start.
    pub before: f64,
}

/// A solver of [`Ode`] systems that are not stiff: explicit Runge-Kutta steps of order 5 whose
/// length follows their estimated error.
///
/// The derivatives of the solution with respect to the state at the start and to the parameters
/// (its sensitivities) are solved for together with it, by the same steps and to the same
/// tolerance: the error of a derivative is measured by what it makes of a change of the parameter
/// by its own size. So values and gradients belong together, and the gradient is that of the
/// solution, not of the course that the step lengths take.
///
/// ```
/// use probity_autodiff::{Ode, OdeSolver, Real, Tape};
///
/// /// du/dt = -rate u
/// #[derive(Clone, Copy, Debug)]
/// struct Decay;
/// impl Ode<2, 1> for Decay {
///     #[inline(always)]
///     fn slope<R: Real>(&self, _: f64, [u, rate]: [R; 2]) -> [R; 1] {
///         [-(rate * u)]
///     }
/// }
///
/// let solver = OdeSolver::new(0.0, &[1.0, 2.0])?;
/// let tape = Tape::<f64>::new();
/// let rate = tape.scalar(0.5);
/// let u = solver.solve(&tape, Decay, [3.0.into()], [rate]);
/// assert!((u.value()[1] - 3.0 * (-1.0f64).exp()).abs() < 1e-7);
/// let gradient = tape.backward(u.sum()).wrt(rate)[(0, 0)];
/// assert!((gradient + 3.0 * (-0.5f64).exp() + 6.0 * (-1.0f64).exp()).abs() < 1e-6);
/// # Ok::<(), probity_autodiff::NotRising>(())
/// ```
///
/// Where the solution cannot be had (it leaves the range of numbers, or takes more steps than
/// allowed), it is NaN.
///
/// Source: Dormand, Prince 1980, "A family of embedded Runge-Kutta formulae" (RK5(4)7M); step
/// lengths as in Hairer, Nørsett, Wanner 1993, "Solving Ordinary Differential Equations I", II.4.
#[derive(Clone, Debug, PartialEq)]
pub struct OdeSolver {
    start: f64,
    times: Arc<[f64]>,
    relative: f64,
    absolute: f64,
    most_steps: usize,
}

impl OdeSolver {
    /// From `start` to these times, which may repeat: with a relative tolerance of 1e-8, an
    /// absolute one of 1e-10, and at most 10 000 steps.
    ///
    /// # Errors
    /// If the times do not rise from `start`.
    pub fn new(start: f64, times: &[f64]) -> Result<Self, NotRising> {
        let mut before = start;
        for (index, &time) in times.iter().enumerate() {
            if !(before <= time && time - before < f64::INFINITY) {
                return Err(NotRising { index, time, before });
            }
            before = time;
        }
        Ok(Self { start, times: times.into(), relative: 1e-8, absolute: 1e-10, most_steps: 10_000 })
    }

    /// The error of a step, relative to the state.
    #[must_use]
    pub fn relative(mut self, tolerance: f64) -> Self {
        self.relative = tolerance;
        self
    }

    /// The error of a step where the state is near 0, in the unit of the state.
    #[must_use]
    pub fn absolute(mut self, tolerance: f64) -> Self {
        self.absolute = tolerance;
        self
    }

    /// The most steps for all times together.
    #[must_use]
    pub fn most_steps(mut self, steps: usize) -> Self {
        self.most_steps = steps;
        self
    }

    /// The state at every time: times × S.
    ///
    /// # Panics
    /// If an argument is not 1 × 1, naming the system. It does not compile unless S + K = N.
    #[track_caller]
    pub fn solve<'t, F: Ode<N, S>, T: Scalar, const N: usize, const S: usize, const K: usize>(
        &self,
        tape: &'t Tape<T>,
        system: F,
        start: [Var<'t, T>; S],
        parameters: [Var<'t, T>; K],
    ) -> Var<'t, T> {
        const { assert!(S > 0 && S + K == N, "a system of N arguments has S of state and K parameters") };
        let mut all = [Var::from(0.0); N];
        for (k, (to, var)) in all.iter_mut().zip(start.into_iter().chain(parameters)).enumerate() {
            let (rows, cols) = var.shape();
            assert!(
                (rows, cols) == (1, 1),
                "solve {}: argument {k} must be 1 × 1, not {rows} × {cols}",
                system.name()
            );
            *to = var;
        }
        let op = Solve::<F, N, S> { system, solver: self.clone() };
        tape.record(op, &all, self.times.len(), S * (1 + N)).cols(0..S)
    }
}

/// The state at every time, and behind it the derivatives of its S columns with respect to the
/// first argument, the second, and so on.
#[derive(Clone, Debug)]
struct Solve<F, const N: usize, const S: usize> {
    system: F,
    solver: OdeSolver,
}

impl<F: Ode<N, S>, T: Scalar, const N: usize, const S: usize> Op<T> for Solve<F, N, S> {
    fn name(&self) -> &'static str {
        self.system.name()
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let mut arguments = [T::Num::zero(); N];
        for (k, argument) in arguments.iter_mut().enumerate() {
            *argument = x.get(k)[0].num();
        }
        dispatch(Integrate::<F, T, N, S> { system: self.system, solver: &self.solver, arguments, y });
    }

    fn backward(&self, _: &Inputs<'_, T>, y: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let states = S * self.solver.times.len();
        let (g, mut slopes) = (&g[..states], y[states..].chunks_exact(states.max(1)));
        for k in 0..N {
            let slopes = slopes.next().unwrap_or_default();
            dx.accumulate_zeroed(k, |to| {
                let mut sum = to[0].num();
                for (g, slope) in g.iter().zip(slopes) {
                    sum += g.num() * slope.num();
                }
                to[0] = T::from_num(sum);
            });
        }
    }
}

/// The weights of the slopes so far in the state at which the next is taken; the last row has those
/// of the result.
const STAGES: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The times of these states within the step.
const NODES: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
/// The weights of the result less those of the embedded result of order 4.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

struct Integrate<'a, F, T: Scalar, const N: usize, const S: usize> {
    system: F,
    solver: &'a OdeSolver,
    arguments: [T::Num; N],
    y: &'a mut [T],
}

/// A state with its sensitivities.
type State<R, const N: usize, const S: usize> = [Dual<R, N>; S];

/// The slope at a state.
#[inline(always)]
fn slope<F: Ode<N, S>, R: Real, const N: usize, const S: usize>(
    system: F,
    time: f64,
    state: &State<R, N, S>,
    arguments: &[R; N],
) -> State<R, N, S> {
    let mut x = [Dual::constant(R::zero()); N];
    x[..S].copy_from_slice(state);
    for k in S..N {
        x[k] = Dual::variable(arguments[k], k);
    }
    system.slope(time, x)
}

/// `to + weight × of`, in place.
#[inline(always)]
fn add<R: Real, const N: usize, const S: usize>(to: &mut State<R, N, S>, of: &State<R, N, S>, weight: f64) {
    for s in 0..S {
        to[s].re += of[s].re * weight;
        for k in 0..N {
            to[s].du[k] += of[s].du[k] * weight;
        }
    }
}

/// The largest error in units of the tolerance.
#[inline(always)]
fn error_ratio<R: Real, const N: usize, const S: usize>(
    error: &State<R, N, S>,
    states: [&State<R, N, S>; 2],
    arguments: &[R; N],
    solver: &OdeSolver,
) -> f64 {
    let mut worst = 0.0;
    for (s, error) in error.iter().enumerate() {
        let size = |k: usize| states[0][s].du[k].re().abs().max(states[1][s].du[k].re().abs());
        let own = states[0][s].re.re().abs().max(states[1][s].re.re().abs());
        let mut most = error.re.re().abs() / (solver.absolute + solver.relative * own);
        for k in 0..N {
            let unit = arguments[k].re().abs();
            let tolerance = solver.absolute + solver.relative * own.max(size(k) * unit);
            let ratio = error.du[k].re().abs() * unit / tolerance;
            // By this way round, a NaN is the most.
            most = if ratio <= most { most } else { ratio };
        }
        worst = if most <= worst { worst } else { most };
    }
    worst
}

impl<F: Ode<N, S>, T: Scalar, const N: usize, const S: usize> Kernel for Integrate<'_, F, T, N, S> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { system, solver, arguments, y } = self;
        let times = solver.times.len();
        let mut state = [Dual::constant(T::Num::zero()); S];
        for (k, state) in state.iter_mut().enumerate() {
            *state = Dual::variable(arguments[k], k);
        }
        let mut now = solver.start;
        let mut slopes = [state; 7];
        slopes[0] = slope(system, now, &state, &arguments);
        let mut length = first_length(&state, &slopes[0], solver);
        let mut steps = 0;
        for (row, &time) in solver.times.iter().enumerate() {
            while now < time {
                // Equal steps to the time at which the state is wanted.
                let left = time - now;
                let parts = (left / length).ceil();
                let h = if parts > 1.0 { left / parts } else { left };
                let mut next = state;
                for (stage, weights) in STAGES.iter().enumerate() {
                    next = state;
                    for (slope, weight) in slopes[..=stage].iter().zip(weights) {
                        if *weight != 0.0 {
                            add(&mut next, slope, h * weight);
                        }
                    }
                    slopes[stage + 1] = slope(system, now + h * NODES[stage], &next, &arguments);
                }
                let mut error = [Dual::constant(T::Num::zero()); S];
                for (slope, weight) in slopes.iter().zip(ERROR) {
                    add(&mut error, slope, h * weight);
                }
                let ratio = error_ratio(&error, [&state, &next], &arguments, solver);
                // By functions of our own: the same bits everywhere, and no call.
                let factor = (0.9 * (F64(ratio).ln() * -0.2).exp().0).clamp(0.2, 5.0);
                steps += 1;
                if ratio <= 1.0 {
                    now = if parts > 1.0 { now + h } else { time };
                    state = next;
                    slopes[0] = slopes[6];
                    // A step that was cut short says nothing against a longer one.
                    length = if h < length { length.max(h * factor) } else { h * factor };
                } else {
                    // Also for an error that is not a number.
                    length = h * if ratio > 1.0 { factor.min(0.9) } else { 0.2 };
                }
                if steps >= solver.most_steps && now < time || now + length == now {
                    state = [Dual::constant(T::Num::of(f64::NAN)); S];
                    now = f64::INFINITY;
                }
            }
            for (s, state) in state.iter().enumerate() {
                y[row + s * times] = T::from_num(state.re);
                for (k, slope) in state.du.iter().enumerate() {
                    y[row + (s + S * (k + 1)) * times] = T::from_num(*slope);
                }
            }
        }
    }
}

/// The length of a step that changes the state by about a hundredth, or by the tolerance.
fn first_length<R: Real, const N: usize, const S: usize>(
    state: &State<R, N, S>,
    slope: &State<R, N, S>,
    solver: &OdeSolver,
) -> f64 {
    let mut length = f64::INFINITY;
    for (state, slope) in state.iter().zip(slope) {
        let size = state.re.re().abs().max(solver.absolute);
        length = f64::min(length, 0.01 * size / slope.re.re().abs());
    }
    length
}
