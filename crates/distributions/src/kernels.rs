//! Covariance functions, and the distributions of Gaussian processes at given inputs.
//!
//! ```
//! use probity_autodiff::Tape;
//! use probity_distributions::kernels::{Kernel, Matern52, Scaled, marginal};
//! use probity_distributions::Distribution;
//! # fn main() -> Result<(), probity_autodiff::NotPositiveDefinite> {
//! let tape = Tape::<f64>::new();
//! let x = tape.column(&[0.0, 0.5, 2.0]);
//! let kernel = Scaled { amplitude: 1.5.into(), kernel: Matern52 { length: tape.scalar(0.7) } };
//! let y = marginal(kernel, x, 0.0, 0.1)?; // a Normal row of three numbers
//! assert_eq!(y.shape(), (1, 3));
//! # Ok(())
//! # }
//! ```

use crate::families::MultivariateNormal;
use probity_autodiff::{Formula, NotPositiveDefinite, Real, Scalar, Tape, Var, formula};
use std::f64::consts::PI;

/// A covariance function of two inputs, each a row of numbers.
pub trait Kernel<'t, T: Scalar>: Copy {
    /// The covariances of all pairs: of the rows of `a` (n × d) and those of `b` (m × d), n × m.
    ///
    /// # Panics
    /// If the inputs have different numbers of columns.
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T>;

    /// The sum of this kernel and another.
    fn plus<K: Kernel<'t, T>>(self, other: K) -> Sum<Self, K> {
        Sum(self, other)
    }

    /// The product of this kernel and another.
    fn times<K: Kernel<'t, T>>(self, other: K) -> Product<Self, K> {
        Product(self, other)
    }
}

/// The sum of two kernels.
#[derive(Clone, Copy, Debug)]
pub struct Sum<A, B>(pub A, pub B);

/// The product of two kernels.
#[derive(Clone, Copy, Debug)]
pub struct Product<A, B>(pub A, pub B);

/// A kernel times the square of an amplitude (1 × 1).
#[derive(Clone, Copy, Debug)]
pub struct Scaled<V, K> {
    /// The standard deviation of the process, for a kernel that is 1 at equal inputs.
    pub amplitude: V,
    /// The kernel.
    pub kernel: K,
}

impl<'t, T: Scalar, A: Kernel<'t, T>, B: Kernel<'t, T>> Kernel<'t, T> for Sum<A, B> {
    #[track_caller]
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        self.0.matrix(a, b) + self.1.matrix(a, b)
    }
}
impl<'t, T: Scalar, A: Kernel<'t, T>, B: Kernel<'t, T>> Kernel<'t, T> for Product<A, B> {
    #[track_caller]
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        self.0.matrix(a, b) * self.1.matrix(a, b)
    }
}
impl<'t, T: Scalar, K: Kernel<'t, T>> Kernel<'t, T> for Scaled<Var<'t, T>, K> {
    #[track_caller]
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let f = formula!(|k, amplitude| k * amplitude.sq());
        Var::map(f, [self.kernel.matrix(a, b), self.amplitude])
    }
}

/// The sum over columns of a formula of both inputs' entries and the length of the column (1 × 1 or
/// 1 × d).
#[track_caller]
fn over_columns<'t, T: Scalar>(
    [a, b, length]: [Var<'t, T>; 3],
    f: impl Fn(Var<'t, T>, Var<'t, T>, Var<'t, T>) -> Var<'t, T>,
) -> Var<'t, T> {
    let ((_, d), (m, other)) = (a.shape(), b.shape());
    assert!(d == other && d > 0, "kernel: inputs of {d} and of {other} columns");
    assert!(
        length.ncols() == d || length.shape() == (1, 1),
        "kernel: {} lengths of {d} columns",
        length.ncols()
    );
    debug_assert!(m > 0);
    let column = |j: usize| {
        let length = if length.ncols() == 1 { length } else { length.cols(j..j + 1) };
        f(a.cols(j..j + 1), b.cols(j..j + 1).transpose(), length)
    };
    (1..d).fold(column(0), |sum, j| sum + column(j))
}

/// `Σ ((aⱼ - bⱼ) / lengthⱼ)²` of all pairs.
#[track_caller]
fn squared_distance<'t, T: Scalar>(a: Var<'t, T>, b: Var<'t, T>, length: Var<'t, T>) -> Var<'t, T> {
    over_columns([a, b, length], |a, b, length| {
        Var::map(formula!(|a, b, length| ((a - b) / length).sq()), [a, b, length])
    })
}

macro_rules! stationary {
    ($($(#[$doc:meta])* $name:ident: |$s:ident| $of_square:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<V> {
            /// The length scale: one (1 × 1), or one for every column of the inputs (1 × d).
            pub length: V,
        }
        impl<'t, T: Scalar> Kernel<'t, T> for $name<Var<'t, T>> {
            #[track_caller]
            fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
                Var::map(formula!(|$s| $of_square), [squared_distance(a, b, self.length)])
            }
        }
    )+};
}

// Roots have no derivative at equal inputs: there the first terms of the series stand.
stationary! {
    /// `exp(-½ r²)`, `r` the distance in units of the length: smooth functions.
    SquaredExponential: |s| (s * -0.5).exp();
    /// `exp(-r)`: continuous functions that are nowhere smooth.
    Matern12: |s| if s == 0.0 { R::one() } else { (-s.sqrt()).exp() };
    /// `(1 + √3 r) exp(-√3 r)`: once differentiable functions.
    Matern32: |s| if s == 0.0 { s * -1.5 + 1.0 } else {
        let r = (s * 3.0).sqrt();
        (r + 1.0) * (-r).exp()
    };
    /// `(1 + √5 r + 5/3 r²) exp(-√5 r)`: twice differentiable functions.
    Matern52: |s| if s == 0.0 { s * (-5.0 / 6.0) + 1.0 } else {
        let r = (s * 5.0).sqrt();
        (r + 1.0 + s * (5.0 / 3.0)) * (-r).exp()
    };
}

/// `exp(-2 Σ sin²(π (aⱼ - bⱼ) / period) / length²)`: functions that repeat themselves.
///
/// Source: Rasmussen and Williams 2006, *Gaussian Processes for Machine Learning*, eq. 4.31.
#[derive(Clone, Copy, Debug)]
pub struct Periodic<V> {
    /// The period, 1 × 1.
    pub period: V,
    /// The length scale on the circle: one (1 × 1), or one for every column of the inputs (1 × d).
    pub length: V,
}

/// The term of one column.
#[derive(Clone, Copy, Debug)]
struct PeriodicTerm;
impl Formula<4> for PeriodicTerm {
    #[inline(always)]
    fn eval<R: Real>(&self, [a, b, length, period]: [R; 4]) -> R {
        (((a - b) / period * PI).sin() / length).sq()
    }
}

impl<'t, T: Scalar> Kernel<'t, T> for Periodic<Var<'t, T>> {
    #[track_caller]
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let sum = over_columns([a, b, self.length], |a, b, length| {
            Var::map(PeriodicTerm, [a, b, length, self.period])
        });
        Var::map(formula!(|s| (s * -2.0).exp()), [sum])
    }
}

/// The same covariance for all pairs: an unknown constant (1 × 1, a standard deviation).
#[derive(Clone, Copy, Debug)]
pub struct Constant<V> {
    /// The standard deviation of the constant.
    pub scale: V,
}

impl<'t, T: Scalar> Kernel<'t, T> for Constant<Var<'t, T>> {
    fn matrix(&self, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        let (n, m) = (a.nrows(), b.nrows());
        let square = Var::map(formula!(|s| s.sq()), [self.scale]);
        match a.tape().or(b.tape()) {
            Some(tape) => square + tape.constant_with(n, m, |to| to.fill(T::from_f64(0.0))),
            None => square,
        }
    }
}

/// `k` with `variance` (1 × 1 or 1 × n) added to its diagonal.
fn with_noise<'t, T: Scalar>(tape: &'t Tape<T>, k: Var<'t, T>, variance: Var<'t, T>) -> Var<'t, T> {
    let n = k.nrows();
    let identity = tape.constant_with(n, n, |to| {
        to.fill(T::from_f64(0.0));
        to.iter_mut().step_by(n + 1).for_each(|to| *to = T::from_f64(1.0));
    });
    k + identity * variance
}

/// The Gaussian process with this kernel and this mean (1 × 1 or 1 × n) at the inputs `x` (n × d),
/// plus independent noise with this standard deviation (1 × 1 or 1 × n): the distribution of a row
/// of n observations. A noise of about 1e-6 keeps the matrix positive definite where there is none.
///
/// # Errors
/// If the covariance is not positive definite.
///
/// # Panics
/// If shapes do not fit each other, or the inputs are a bare constant.
#[track_caller]
pub fn marginal<'t, T: Scalar>(
    kernel: impl Kernel<'t, T>,
    x: Var<'t, T>,
    mean: impl Into<Var<'t, T>>,
    noise: impl Into<Var<'t, T>>,
) -> Result<MultivariateNormal<Var<'t, T>>, NotPositiveDefinite> {
    let tape = on_tape(x);
    let zeros = tape.constant_with(1, x.nrows(), |to| to.fill(T::from_f64(0.0)));
    let l = with_noise(tape, kernel.matrix(x, x), noise.into().sq()).cholesky()?;
    Ok(MultivariateNormal::from_cholesky(zeros + mean.into(), l))
}

/// The process at other inputs (m × d), given the observations `y` (1 × n) at `x`: the distribution
/// of a row of m numbers without noise. `jitter` is a variance that keeps its covariance positive
/// definite.
///
/// Source: Rasmussen and Williams 2006, *Gaussian Processes for Machine Learning*, algorithm 2.1.
///
/// # Errors
/// If a covariance is not positive definite.
///
/// # Panics
/// If shapes do not fit each other, or the inputs are a bare constant.
#[track_caller]
pub fn posterior<'t, T: Scalar>(
    kernel: impl Kernel<'t, T>,
    (x, y): (Var<'t, T>, Var<'t, T>),
    (mean, noise): (Var<'t, T>, Var<'t, T>),
    at: Var<'t, T>,
    jitter: f64,
) -> Result<MultivariateNormal<Var<'t, T>>, NotPositiveDefinite> {
    let tape = on_tape(x);
    let l = with_noise(tape, kernel.matrix(x, x), noise.sq()).cholesky()?;
    let cross = l.solve_lower(kernel.matrix(x, at));
    let weights = l.solve_lower((y - mean).transpose());
    let covariance = kernel.matrix(at, at) - cross.tr_matmul(cross);
    let root = with_noise(tape, covariance, Var::from(jitter)).cholesky()?;
    Ok(MultivariateNormal::from_cholesky(weights.tr_matmul(cross) + mean, root))
}

#[track_caller]
fn on_tape<'t, T: Scalar>(x: Var<'t, T>) -> &'t Tape<T> {
    let Some(tape) = x.tape() else { panic!("kernel: inputs that are a bare constant") };
    tape
}
