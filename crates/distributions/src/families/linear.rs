//! What families of rows and matrices share: triangles, distances, determinants.

use super::positive_or_nan;
use probity_autodiff::{
    Adjoints, Axis, Inputs, NotPositiveDefinite, Op, Real, Scalar, Tape, Terms, Var, formula,
};

/// The lower triangle of a square matrix, with or without its diagonal; the rest is 0.
#[derive(Clone, Copy, Debug)]
struct LowerTriangle {
    strict: bool,
}

impl<T: Scalar> Op<T> for LowerTriangle {
    fn name(&self) -> &'static str {
        "lower_triangle"
    }
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let n = x.shape(0).0;
        for (j, (y, x)) in y.chunks_exact_mut(n).zip(x.get(0).chunks_exact(n)).enumerate() {
            let from = j + usize::from(self.strict);
            y[..from].fill(T::from_f64(0.0));
            y[from..].copy_from_slice(&x[from..]);
        }
    }
    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let n = x.shape(0).0;
        dx.accumulate_zeroed(0, |to| {
            for (j, (to, g)) in to.chunks_exact_mut(n).zip(g.chunks_exact(n)).enumerate() {
                for i in j + usize::from(self.strict)..n {
                    to[i] = T::from_num(to[i].num() + g[i].num());
                }
            }
        });
    }
}

pub(super) fn lower_triangle<T: Scalar>(x: Var<'_, T>, strict: bool) -> Var<'_, T> {
    match x.tape() {
        Some(tape) => tape.record(LowerTriangle { strict }, &[x], x.nrows(), x.ncols()),
        None => x * f64::from(!strict),
    }
}

/// The sums over rows of what `entries` makes of every entry, or the sum of all in one pass.
#[track_caller]
pub(super) fn per_row<'t, T: Scalar>(terms: Terms, entries: impl FnOnce(Terms) -> Var<'t, T>) -> Var<'t, T> {
    match terms {
        Terms::Each => entries(terms).sum_axis(Axis::Cols),
        Terms::Sum => entries(terms),
    }
}

/// The row sums of squares of `(L⁻¹ xᵀ)ᵀ`, n × 1.
#[track_caller]
pub(super) fn mahalanobis<'t, T: Scalar>(l: Var<'t, T>, x: Var<'t, T>) -> Var<'t, T> {
    l.solve_lower(x.transpose()).sq().sum_axis(Axis::Rows).transpose()
}

/// The identity on the tape of `x`, d × d.
pub(super) fn identity<T: Scalar>(x: Var<'_, T>, d: usize) -> Var<'_, T> {
    x.tape().map_or(Var::from(1.0), |tape| identity_on(tape, d))
}

/// The identity, d × d.
pub(super) fn identity_on<T: Scalar>(tape: &Tape<T>, d: usize) -> Var<'_, T> {
    tape.constant_with(d, d, |y| {
        y.fill(T::from_f64(0.0));
        y.iter_mut().step_by(d + 1).for_each(|v| *v = T::from_f64(1.0));
    })
}

/// `ln det L` of a factor with a positive diagonal, 1 × 1; NaN for one that is none.
pub(super) fn log_det<T: Scalar>(l: Var<'_, T>) -> Var<'_, T> {
    let log = Var::map_sum(formula!(|l| positive_or_nan(l).ln()), [l.diagonal()]);
    log + Var::map_sum(formula!(|l| l * 0.0), [l])
}

/// A function of the Cholesky factor of a matrix; `otherwise` where there is none, 1 × 1.
pub(super) fn with_factor<'t, T: Scalar>(
    x: Var<'t, T>,
    otherwise: f64,
    f: impl FnOnce(Var<'t, T>) -> Var<'t, T>,
) -> Var<'t, T> {
    let bad: Result<Var<'t, T>, NotPositiveDefinite> = x.cholesky();
    match bad {
        Ok(l) => f(l),
        // Without a slope, but on the tape.
        Err(_) => Var::map_sum(formula!(|x| R::of(x.re() * 0.0)), [x.at(0, 0)]) + otherwise,
    }
}

/// All entries in the opposite order.
#[derive(Clone, Copy, Debug)]
struct Reversed;

impl<T: Scalar> Op<T> for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }
    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        y.iter_mut().zip(x.get(0).iter().rev()).for_each(|(y, x)| *y = *x);
    }
    fn backward(&self, _: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_zeroed(0, |to| {
            to.iter_mut().zip(g.iter().rev()).for_each(|(to, g)| *to = T::from_num(to.num() + g.num()));
        });
    }
}

/// The rows and columns of a square matrix in the opposite order.
pub(super) fn reversed<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    match x.tape() {
        Some(tape) => tape.record(Reversed, &[x], x.nrows(), x.ncols()),
        None => x,
    }
}

/// `Σ f(a - j/2)` over `j < d`.
pub(super) fn over_halves<R: Real>(a: R, d: usize, f: impl Fn(R) -> R) -> R {
    (0..d).fold(R::zero(), |sum, j| sum + f(a - 0.5 * j as f64))
}
