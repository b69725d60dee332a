//! Newton's method in a trust region, to the mode of a target.

use super::lbfgs::{Ended, OptimPath};
use crate::error::Result;
use crate::linalg::dot;
use crate::method::{Method, Problem};
use crate::target::{AnyTarget, Target};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// The settings of Newton's method in a trust region, which climbs to a mode of a [`Target`] by its
/// [Hessian-vector products](Target::hessian_vector).
///
/// Every iteration maximises the quadratic model of the log density within the radius by conjugate
/// gradients. It ends at the edge where the density is not concave. The radius follows how well the
/// model said what was gained.
///
/// ```
/// use probity_vi::{LogDensity, optim::TrustRegion};
///
/// // Rosenbrock's function.
/// let mut target = LogDensity::new(2, |u: &[f64], g: &mut [f64]| {
///     let rest = u[1] - u[0] * u[0];
///     (g[0], g[1]) = (400.0 * u[0] * rest + 2.0 * (1.0 - u[0]), -200.0 * rest);
///     -100.0 * rest * rest - (1.0 - u[0]).powi(2)
/// });
/// let path = TrustRegion::new().run(&mut target, &[-1.2, 1.0])?;
/// assert!(path.mode().iter().all(|u| (u - 1.0).abs() < 1e-6));
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// *Source*: Steihaug 1983, "The conjugate gradient method and trust regions in large scale
/// optimization"; Nocedal, Wright 2006, "Numerical optimization", algorithms 4.1 and 7.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrustRegion {
    iterations: usize,
    radius: f64,
    tolerance: f64,
    value_tolerance: f64,
}

impl Default for TrustRegion {
    fn default() -> Self {
        Self { iterations: 200, radius: 1.0, tolerance: 1e-11, value_tolerance: 1e-13 }
    }
}

impl TrustRegion {
    /// Up to 200 iterations from a radius of 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most iterations.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// The length of the first step at most.
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Ends when a Newton step promises a gain of the log density below this, in nats.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Climbs from `start`. Every product with the Hessian counts as one evaluation in the path.
    ///
    /// # Errors
    /// If the target is not finite at the start, if sizes do not fit or the radius is not positive,
    /// and for errors of the target.
    pub fn run<T: Target>(&self, target: &mut T, start: &[f64]) -> Result<OptimPath> {
        self.complete(Problem::new(target, start))
    }
}

/// A step is an iteration: one move, or one that was refused.
impl<'t> Method<Problem<'t>> for TrustRegion {
    type State = TrustRegionState<'t>;
    type Output = OptimPath;

    fn init(&self, Problem { mut target, starts }: Problem<'t>) -> Result<TrustRegionState<'t>> {
        super::require(
            self.radius > 0.0 && self.radius.is_finite(),
            "radius",
            "a positive length",
            self.radius,
        )?;
        let path = OptimPath::begin(target.dim(), &mut |u, g| target.gradient(u, g), &starts)?;
        Ok(TrustRegionState { target, path, radius: self.radius, iterations: 0, idle: 0 })
    }

    fn step(&self, state: &mut TrustRegionState<'t>) -> Result<ControlFlow<()>> {
        if state.path.ended != Ended::Early {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(ended) = self.iterate(state)? {
            state.path.ended = ended;
        } else if state.iterations >= self.iterations {
            state.path.ended = Ended::Iterations;
        }
        let more = state.path.ended == Ended::Early;
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// There is a point from the start on.
    fn output(&self, state: TrustRegionState<'t>) -> Result<OptimPath> {
        Ok(state.path)
    }
}

/// A run of [`TrustRegion`] between two steps.
#[derive(Clone, Debug)]
pub struct TrustRegionState<'t> {
    target: AnyTarget<'t>,
    path: OptimPath,
    radius: f64,
    iterations: usize,
    /// Moves in a row that gained no more than rounding.
    idle: usize,
}

/// A step that maximises the quadratic model, about.
struct Proposal {
    step: Vec<f64>,
    /// The gain that the model says.
    gain: f64,
    /// Whether the radius or a direction that is not concave ended it.
    at_edge: bool,
}

impl TrustRegionState<'_> {
    /// The points so far.
    pub fn path(&self) -> &OptimPath {
        &self.path
    }

    /// By conjugate gradients; none if a product is not finite.
    fn propose(&mut self) -> Result<Option<Proposal>> {
        let last = self.path.len() - 1;
        let (u, g) = (self.path.point(last).to_vec(), self.path.gradient(last).to_vec());
        let d = u.len();
        let norm = dot(&g, &g).sqrt();
        let (mut step, mut bent, mut rest) = (vec![0.0; d], vec![0.0; d], g.clone());
        let (mut direction, mut product) = (g.clone(), vec![0.0; d]);
        let mut at_edge = false;
        // In exact arithmetic d products are enough.
        for _ in 0..2 * d {
            let length = dot(&direction, &direction).sqrt();
            if length == 0.0 {
                break;
            }
            // As long as the step may be: the scale of differences.
            let scale = self.radius / length;
            let scaled: Vec<f64> = direction.iter().map(|x| x * scale).collect();
            self.target.hessian_vector(&u, &scaled, &mut product)?;
            self.path.evaluations += 1;
            product.iter_mut().for_each(|x| *x /= scale);
            if product.iter().any(|x| !x.is_finite()) {
                return Ok(None);
            }
            let (curvature, square) = (-dot(&direction, &product), dot(&rest, &rest));
            let full = square / curvature;
            let edge = to_edge(&step, &direction, self.radius);
            at_edge = curvature <= 0.0 || full >= edge;
            let along = if at_edge { edge } else { full };
            add(&mut step, along, &direction);
            add(&mut bent, along, &product);
            if at_edge {
                break;
            }
            add(&mut rest, along, &product);
            let now = dot(&rest, &rest);
            if now.sqrt() <= norm * norm.sqrt().min(0.1) {
                break;
            }
            direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + now / square * *d);
        }
        let gain = dot(&g, &step) + 0.5 * dot(&step, &bent);
        Ok(Some(Proposal { step, gain, at_edge }))
    }
}

impl TrustRegion {
    /// One iteration; why it was the last, if it was.
    fn iterate(&self, state: &mut TrustRegionState<'_>) -> Result<Option<Ended>> {
        state.iterations += 1;
        let last = state.path.len() - 1;
        let (from, value) = (state.path.point(last).to_vec(), state.path.values[last]);
        let Some(Proposal { step, gain, at_edge }) = state.propose()? else {
            state.radius *= 0.25;
            return Ok((state.radius < f64::MIN_POSITIVE).then_some(Ended::LineSearch));
        };
        if !at_edge && gain < self.tolerance {
            return Ok(Some(Ended::Mode));
        }
        let to: Vec<f64> = from.iter().zip(&step).map(|(u, s)| u + s).collect();
        if to == from {
            return Ok(Some(Ended::Rounding));
        }
        let mut gradient = vec![0.0; to.len()];
        let there = state.target.gradient(&to, &mut gradient)?;
        state.path.evaluations += 1;
        let finite = there.is_finite() && gradient.iter().all(|g| g.is_finite());
        let agreement = if finite { (there - value) / gain } else { f64::NEG_INFINITY };
        if agreement < 0.25 {
            state.radius = 0.25 * dot(&step, &step).sqrt();
        } else if agreement > 0.75 && at_edge {
            state.radius *= 2.0;
        }
        let small = |gain: f64| gain <= self.value_tolerance * value.abs();
        if agreement > 1e-4 {
            state.path.push(&to, &gradient, there);
            state.idle = if small(there - value) { state.idle + 1 } else { 0 };
        } else if small(gain) {
            // The model's gain is below the rounding of values.
            state.idle += 1;
        }
        // Twice: one short step may be chance.
        Ok((state.idle == 2).then_some(Ended::Rounding))
    }
}

/// How far it is along the direction from the step to the edge of the ball.
fn to_edge(step: &[f64], direction: &[f64], radius: f64) -> f64 {
    let (a, b) = (dot(direction, direction), dot(step, direction));
    let c = (radius * radius - dot(step, step)).max(0.0);
    let root = (b * b + a * c).sqrt();
    // Without cancellation, whichever sign b has.
    if b > 0.0 { c / (b + root) } else { (root - b) / a }
}

fn add(to: &mut [f64], factor: f64, x: &[f64]) {
    to.iter_mut().zip(x).for_each(|(to, x)| *to += factor * x);
}
