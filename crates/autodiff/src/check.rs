//! Gradient checking for functions of matrices, and the check of a formula's fast path.

use crate::formula::{Formula, partials, variables};
use crate::random::{Key, fill_normal};
use crate::real::Dual;
use crate::tape::{Tape, Var};
use nalgebra::DMatrix;

/// What a gradient check found.
#[derive(Clone, Copy, Debug)]
pub struct GradientCheck {
    /// The tape's derivative along the direction where the two differ most.
    pub tape: f64,
    /// The derivative by differences along the same direction.
    pub differences: f64,
    /// The largest difference over the directions, relative to `max(1, |derivative|)`.
    pub error: f64,
}

/// Compares the tape's gradient of a scalar function of matrices with central differences, along
/// every coordinate if there are at most 64, else along 16 random directions.
///
/// The differences are extrapolated to step 0 (Richardson, three steps of ratio 2), so that for a
/// smooth `f` with values near 1 an error above 1e-8 or so is an error of the gradient.
///
/// ```
/// use probity_autodiff::{check_gradient, dmatrix};
///
/// let check = check_gradient(|x| (x[0].matmul(x[1])).tanh().sum(), &[dmatrix![0.3, -0.2], dmatrix![1.0; 2.0]]);
/// assert!(check.error < 1e-9, "{check:?}");
/// ```
///
/// # Panics
/// If `f` does not give a 1 × 1 result.
pub fn check_gradient<F>(f: F, at: &[DMatrix<f64>]) -> GradientCheck
where
    F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
{
    check_any(&f, at)
}

/// As [`check_gradient`], which is compiled for every function.
fn check_any(f: &dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, at: &[DMatrix<f64>]) -> GradientCheck {
    let value = |x: &[DMatrix<f64>]| {
        let tape = Tape::new();
        let vars: Vec<_> = x.iter().map(|x| tape.variable(x)).collect();
        f(&vars).item()
    };
    let tape = Tape::new();
    let vars: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
    let gradients = tape.backward(f(&vars));
    let gradient: Vec<f64> =
        vars.iter().flat_map(|v| gradients.wrt(*v).iter().copied().collect::<Vec<_>>()).collect();
    let n = gradient.len();
    let mut worst = GradientCheck { tape: 0.0, differences: 0.0, error: 0.0 };
    for i in 0..if n <= 64 { n } else { 16 } {
        let mut direction = vec![0.0; n];
        if n <= 64 {
            direction[i] = 1.0;
        } else {
            fill_normal(Key::new(i as u64), 0, &mut direction);
        }
        let along = |step: f64| {
            let mut next = direction.iter();
            let x: Vec<_> =
                at.iter().map(|x| x.map(|v| v + step * next.next().copied().unwrap_or(0.0))).collect();
            value(&x)
        };
        let size = at.iter().flat_map(|x| x.iter()).fold(1.0_f64, |m, v| m.max(v.abs()));
        let differences = extrapolated(along, 2e-3 * size);
        let exact: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let error = (exact - differences).abs() / exact.abs().max(1.0);
        // A NaN is the worst error.
        if !(error <= worst.error) {
            worst = GradientCheck { tape: exact, differences, error };
        }
    }
    worst
}

/// The derivative at 0 by central differences with steps h, h/2, h/4, extrapolated twice.
fn extrapolated(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    let d = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    let (a, b, c) = (d(h), d(h / 2.0), d(h / 4.0));
    let (ab, bc) = ((4.0 * b - a) / 3.0, (4.0 * c - b) / 3.0);
    (16.0 * bc - ab) / 15.0
}

/// What [`check_fast_path`] found.
#[derive(Clone, Copy, Debug)]
pub struct FastPathCheck {
    /// At how many points the fast path says that it holds.
    pub holds: usize,
    /// The largest difference there between the fast path and `eval`, in value and partials,
    /// relative to `|f| + Σ |xᵢ ∂f/∂xᵢ|` of each: to the size of `f` and what a relative change of
    /// the arguments does to it.
    pub error: f64,
}

/// Compares the [fast path](Formula::fast_path) of a formula with `eval`, and its partials with the
/// derivatives of `eval`.
///
/// ```
/// use probity_autodiff::{Formula, Real, check_fast_path};
///
/// #[derive(Clone, Copy, Debug)]
/// struct LogOrZero;
/// impl Formula<1> for LogOrZero {
///     fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
///         if x <= 0.0 { R::zero() } else { x.ln() }
///     }
///     const FAST_PATH: bool = true;
///     fn fast_path<R: Real>(&self, [x]: [R; 1]) -> (R, [R; 1], bool) {
///         (x.ln(), [x.recip()], x > 0.0)
///     }
/// }
/// let check = check_fast_path(LogOrZero, &[[-1.0], [0.5], [3.0]]);
/// assert!(check.holds == 2 && check.error < 1e-15);
/// ```
pub fn check_fast_path<F: Formula<N>, const N: usize>(f: F, points: &[[f64; N]]) -> FastPathCheck {
    let mut check = FastPathCheck { holds: 0, error: 0.0 };
    let mut compare = |got: f64, want: Dual<f64, N>, x: &[f64; N]| {
        let moved: f64 = want.du.iter().zip(x).map(|(d, x)| (d * x).abs()).sum();
        let error = (got - want.re).abs() / (want.re.abs() + moved);
        // Equal zeros divide 0 by 0; any other NaN is the worst error.
        if got != want.re && !(error <= check.error) {
            check.error = error;
        }
    };
    let mut holds = 0;
    for x in points {
        let (y, slopes, here) = f.fast_path(*x);
        if here {
            holds += 1;
            let (want, want_slopes) = partials(f, variables(*x));
            compare(y, want, x);
            slopes.iter().zip(want_slopes).for_each(|(got, want)| compare(*got, want, x));
        }
    }
    check.holds = holds;
    check
}
