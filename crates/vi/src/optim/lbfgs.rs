//! L-BFGS: the quasi-Newton method with a short memory, to the mode of a target.

use super::line_search::{Trial, wolfe};
use crate::error::{Error, Result};
use crate::linalg::dot;
use crate::method::{Method, Problem};
use crate::target::{AnyTarget, Gradient, Target};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// The settings of L-BFGS, which climbs to a mode of a [`Target`].
///
/// ```
/// use probity_vi::{LogDensity, optim::Lbfgs};
///
/// let mut target = LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (-(u[0] - 1.0), -1e6 * (u[1] - 2.0));
///     -0.5 * (u[0] - 1.0).powi(2) - 0.5e6 * (u[1] - 2.0).powi(2)
/// });
/// let path = Lbfgs::new().run(&mut target, &[0.0, 0.0])?;
/// assert!((path.mode()[0] - 1.0).abs() < 1e-6 && (path.mode()[1] - 2.0).abs() < 1e-6);
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// Between the steps that are remembered stands a diagonal in the place of a multiple of the
/// identity, so that scales need not be alike.
///
/// *Source*: Liu, Nocedal 1989, "On the limited memory BFGS method for large scale optimization";
/// Nocedal, Wright 2006, "Numerical optimization", algorithms 7.4 and 7.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lbfgs {
    history: usize,
    iterations: usize,
    tolerance: f64,
    value_tolerance: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { history: 10, iterations: 1000, tolerance: 1e-11, value_tolerance: 1e-13 }
    }
}

/// Why a climb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ended {
    /// The gain that a Newton step promises, gᵀ H g, is below the tolerance: a mode, in any units.
    Mode,
    /// Values changed by no more than rounding.
    Rounding,
    /// No step along the direction was good enough, nor one along the gradient: a kink, or a
    /// gradient that is wrong.
    LineSearch,
    /// The iterations were used up.
    Iterations,
    /// Whoever took the steps ended it before any of these.
    Early,
}

/// The points that a climb passed, from the start on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimPath {
    /// The number of coordinates, d.
    pub dim: usize,
    /// Point after point, d entries each.
    pub points: Vec<f64>,
    /// The gradient of the log density at every point.
    pub gradients: Vec<f64>,
    /// The log density at every point.
    pub values: Vec<f64>,
    /// Why it ended.
    pub ended: Ended,
    /// How often the target was computed.
    pub evaluations: usize,
}

impl OptimPath {
    /// The number of points, at least one.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Point `i`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn point(&self, i: usize) -> &[f64] {
        &self.points[i * self.dim..(i + 1) * self.dim]
    }

    /// The gradient at point `i`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn gradient(&self, i: usize) -> &[f64] {
        &self.gradients[i * self.dim..(i + 1) * self.dim]
    }

    /// The last point, which is the best.
    pub fn mode(&self) -> &[f64] {
        self.point(self.len() - 1)
    }

    /// At the start.
    pub(super) fn begin(d: usize, gradient: &mut Gradient<'_>, start: &[f64]) -> Result<Self> {
        let problem = |problem| Err(Error::Setting { setting: "start", problem });
        if d == 0 || start.len() != d {
            return problem(format!("{} numbers for a target of dimension {d}", start.len()));
        }
        let mut g = vec![0.0; d];
        let value = gradient(start, &mut g)?;
        if !value.is_finite() || g.iter().any(|g| !g.is_finite()) {
            return problem(format!("the log density is {value} there, or its gradient is not finite"));
        }
        let points = start.to_vec();
        let (gradients, values) = (g, vec![value]);
        Ok(Self { dim: d, points, gradients, values, ended: Ended::Early, evaluations: 1 })
    }

    pub(super) fn push(&mut self, u: &[f64], gradient: &[f64], value: f64) {
        self.points.extend_from_slice(u);
        self.gradients.extend_from_slice(gradient);
        self.values.push(value);
    }
}

/// A step and the change of the loss's gradient along it, with their product.
#[derive(Clone, Debug)]
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    sy: f64,
}

impl Lbfgs {
    /// Ten steps of memory and up to 1000 iterations.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps are remembered.
    pub fn history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }

    pub(crate) fn history_len(&self) -> usize {
        self.history
    }

    /// The most iterations.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Ends when a Newton step promises a gain of the log density below this, in nats, by the
    /// Hessian that is remembered.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Climbs from `start`.
    ///
    /// # Errors
    /// If the target is not finite at the start, if sizes do not fit, and for errors of the target.
    pub fn run<T: Target>(&self, target: &mut T, start: &[f64]) -> Result<OptimPath> {
        self.climb(target.dim(), &mut |u, gradient| target.gradient(u, gradient), start)
    }

    /// Not compiled for every target.
    fn climb(&self, d: usize, gradient: &mut Gradient<'_>, start: &[f64]) -> Result<OptimPath> {
        let mut climb = Climb::new(d, gradient, start)?;
        while self.iterate(&mut climb, gradient)?.is_continue() {}
        Ok(climb.path)
    }

    /// One iteration.
    fn iterate(&self, climb: &mut Climb, gradient: &mut Gradient<'_>) -> Result<ControlFlow<()>> {
        if climb.path.ended != Ended::Early {
            return Ok(ControlFlow::Break(()));
        }
        if climb.iterations < self.iterations {
            climb.iterations += 1;
            if let Some(ended) = self.ended_by(climb, gradient)? {
                climb.path.ended = ended;
                return Ok(ControlFlow::Break(()));
            }
        }
        if climb.iterations < self.iterations {
            return Ok(ControlFlow::Continue(()));
        }
        climb.path.ended = Ended::Iterations;
        Ok(ControlFlow::Break(()))
    }

    /// Moves on; why this was the last move, if it was.
    fn ended_by(&self, climb: &mut Climb, gradient: &mut Gradient<'_>) -> Result<Option<Ended>> {
        let Climb { path, memory, diagonal, u, g, trial_u, trial_g, value, idle, .. } = climb;
        let direction = direction(memory, diagonal, g);
        // The loss is −ln p; its slope along the direction is −gᵀ direction.
        let slope = -dot(g, &direction);
        if slope == 0.0 || (!memory.is_empty() && -slope < self.tolerance) {
            return Ok(Some(Ended::Mode));
        }
        // Without memory the first step has length 1 at most, whatever the units of the gradient.
        let first = if memory.is_empty() { (1.0 / dot(g, g).sqrt()).min(1.0) } else { 1.0 };
        let origin = Trial { step: 0.0, value: -*value, slope };
        let found = wolfe(origin, first, 40, |step| {
            let trial = trial_u.iter_mut().zip(u.iter().zip(&direction));
            trial.for_each(|(t, (u, d))| *t = u + step * d);
            path.evaluations += 1;
            let value = -gradient(trial_u, trial_g)?;
            Ok(Trial { step, value, slope: -dot(trial_g, &direction) })
        })?;
        let Some(found) = found else {
            // A memory of other curvature may be at fault: once more along the gradient.
            if memory.is_empty() {
                return Ok(Some(Ended::LineSearch));
            }
            memory.clear();
            return Ok(None);
        };
        // The step that was found need not be the last that was tried.
        let trial = trial_u.iter_mut().zip(u.iter().zip(&direction));
        let mut moved = false;
        trial.for_each(|(t, (u, d))| {
            let to = u + found.step * d;
            moved |= *t != to;
            *t = to;
        });
        if moved {
            path.evaluations += 1;
            gradient(trial_u, trial_g)?;
        }
        let s: Vec<f64> = trial_u.iter().zip(&*u).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = g.iter().zip(&*trial_g).map(|(a, b)| a - b).collect();
        let sy = dot(&s, &y);
        if sy > f64::EPSILON * dot(&y, &y).sqrt() * dot(&s, &s).sqrt() {
            rescale(diagonal, &s, &y, sy);
            memory.push_back(Pair { s, y, sy });
            if memory.len() > self.history.max(1) {
                memory.pop_front();
            }
        }
        let gain = -found.value - *value;
        std::mem::swap(u, trial_u);
        std::mem::swap(g, trial_g);
        *value = -found.value;
        path.push(u, g, *value);
        // Twice: one short step may be chance.
        *idle = if gain <= self.value_tolerance * value.abs() { *idle + 1 } else { 0 };
        Ok((*idle == 2).then_some(Ended::Rounding))
    }
}

/// A step is an iteration; the only start is where the climb begins.
impl<'t> Method<Problem<'t>> for Lbfgs {
    type State = LbfgsState<'t>;
    type Output = OptimPath;

    fn init(&self, Problem { mut target, starts }: Problem<'t>) -> Result<LbfgsState<'t>> {
        let climb = Climb::new(target.dim(), &mut |u, gradient| target.gradient(u, gradient), &starts)?;
        Ok(LbfgsState { target, climb })
    }

    fn step(&self, LbfgsState { target, climb }: &mut LbfgsState<'t>) -> Result<ControlFlow<()>> {
        self.iterate(climb, &mut |u, gradient| target.gradient(u, gradient))
    }

    /// There is a point from the start on.
    fn output(&self, state: LbfgsState<'t>) -> Result<OptimPath> {
        Ok(state.climb.path)
    }
}

/// A run of [`Lbfgs`] between two steps.
#[derive(Clone, Debug)]
pub struct LbfgsState<'t> {
    target: AnyTarget<'t>,
    climb: Climb,
}

impl LbfgsState<'_> {
    /// The points so far.
    pub fn path(&self) -> &OptimPath {
        &self.climb.path
    }
}

/// A climb on its way.
#[derive(Clone, Debug)]
struct Climb {
    path: OptimPath,
    memory: VecDeque<Pair>,
    diagonal: Vec<f64>,
    u: Vec<f64>,
    g: Vec<f64>,
    value: f64,
    /// Scratch: where a step leads, and the gradient there.
    trial_u: Vec<f64>,
    trial_g: Vec<f64>,
    /// Moves in a row that gained no more than rounding.
    idle: usize,
    iterations: usize,
}

impl Climb {
    fn new(d: usize, gradient: &mut Gradient<'_>, start: &[f64]) -> Result<Self> {
        let path = OptimPath::begin(d, gradient, start)?;
        let (u, g, value) = (path.point(0).to_vec(), path.gradient(0).to_vec(), path.values[0]);
        Ok(Self {
            path,
            memory: VecDeque::new(),
            diagonal: vec![1.0; d],
            u,
            g,
            value,
            trial_u: vec![0.0; d],
            trial_g: vec![0.0; d],
            idle: 0,
            iterations: 0,
        })
    }
}

/// H g, by the two loops over what is remembered and the diagonal between them; g itself without
/// memory.
fn direction(memory: &VecDeque<Pair>, diagonal: &[f64], g: &[f64]) -> Vec<f64> {
    let mut q = g.to_vec();
    let mut alpha = vec![0.0; memory.len()];
    for (pair, alpha) in memory.iter().zip(&mut alpha).rev() {
        *alpha = dot(&pair.s, &q) / pair.sy;
        q.iter_mut().zip(&pair.y).for_each(|(q, y)| *q -= *alpha * y);
    }
    if !memory.is_empty() {
        q.iter_mut().zip(diagonal).for_each(|(q, a)| *q *= a);
    }
    for (pair, alpha) in memory.iter().zip(&alpha) {
        let beta = dot(&pair.y, &q) / pair.sy;
        q.iter_mut().zip(&pair.s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q
}

/// Changes a diagonal α of an inverse Hessian by a step s and the change y of the gradient along
/// it, with their product: the diagonal of the update of BFGS on the scale that the step says. Says
/// whether it could; else α stays.
///
/// *Source*: Gilbert, Lemaréchal 1989, "Some numerical experiments with variable-storage
/// quasi-Newton algorithms", equation 4.9.
pub(crate) fn rescale(diagonal: &mut [f64], s: &[f64], y: &[f64], sy: f64) -> bool {
    let a: f64 = y.iter().zip(&*diagonal).map(|(y, d)| y * y * d).sum();
    let c: f64 = s.iter().zip(&*diagonal).map(|(s, d)| s * s / d).sum();
    let changed = |d: f64, s: f64, y: f64| 1.0 / (a / (sy * d) + y * y / sy - a * s * s / (sy * c * d * d));
    let each = || s.iter().zip(y);
    // Positive by the inequality of Cauchy and Schwarz, but for rounding.
    let good = |d: f64| d > 0.0 && d.is_finite();
    if !diagonal.iter().zip(each()).all(|(d, (s, y))| good(changed(*d, *s, *y))) {
        return false;
    }
    diagonal.iter_mut().zip(each()).for_each(|(d, (s, y))| *d = changed(*d, *s, *y));
    true
}
