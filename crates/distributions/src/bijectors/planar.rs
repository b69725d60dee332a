//! Planar flow: rows are stretched or compressed along one direction.

use super::Bijector;
use crate::distribution::Event;
use crate::special::implicit_root;
use probity_autodiff::{Axis, Formula, Real, Scalar, Terms, Value, Var, formula};

/// `ln(e - 1)`: the number whose softplus is 1.
const SOFTPLUS_OF_1: f64 = 0.541324854612918;

/// `x = u + v tanh(w·u + bias)` for every row `u`, invertible for all parameters: `v` is
/// `direction` moved along `w` such that `w·v > -1`. All 0 are the identity.
///
/// *Shapes.* `direction` and `weight` are 1 × d, `bias` is 1 × 1; any of them may be a latent
/// variable or a parameter of a model, or a constant.
///
/// forward closed · inverse by one root a row, to the last digit, with its derivatives · log-det
/// `ln(1 + w·v (1 - tanh²))` of every row.
///
/// Source: Rezende and Mohamed 2015, "Variational inference with normalizing flows", equations 10
/// to 12 and appendix A.1; there `w·v = softplus(w·u) - 1`, here a softplus that is 1 at 0, so that
/// parameters of 0 are the identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planar<V> {
    direction: V,
    weight: V,
    bias: V,
}

impl<V: Value> Planar<V> {
    /// With this direction, weight and bias.
    pub fn new(direction: impl Into<V>, weight: impl Into<V>, bias: impl Into<V>) -> Self {
        Self { direction: direction.into(), weight: weight.into(), bias: bias.into() }
    }
}

/// `softplus(a + ln(e - 1)) - 1`: how far `w·v` lies above 0, more than -1.
#[inline(always)]
fn slope_along<R: Real>(a: R) -> R {
    // Near 0 by the function that does not cancel: ln(1 + (1 - 1/e)(eᵃ - 1)).
    if a.re().abs() < 1.0 {
        (a.exp_m1() * 0.632120558828557678404).ln_1p()
    } else {
        (a + SOFTPLUS_OF_1).softplus() - 1.0
    }
}

/// `a` with `a + c tanh(a + b) = y`.
#[derive(Clone, Copy, Debug)]
struct Root;
impl Formula<3> for Root {
    fn eval<R: Real>(&self, [y, c, b]: [R; 3]) -> R {
        let (y, c, b) = (y.widen(), c.widen(), b.widen());
        let (goal, k, shift) = (y.re(), c.re(), b.re());
        let f = |a: f64| a + k * Real::tanh(a + shift) - goal;
        if !(goal + k + shift).is_finite() {
            return R::narrow(y + c + b) * f64::NAN;
        }
        // It rises, and lies within |c| of the solution without the tangent: a slope near 0 makes
        // Newton's steps too long, and the middle is taken instead.
        let (mut low, mut high) = (goal - k.abs(), goal + k.abs());
        let mut a = goal;
        for _ in 0..200 {
            let miss = f(a);
            if miss == 0.0 {
                break;
            }
            if miss < 0.0 {
                low = a;
            } else {
                high = a;
            }
            let t = Real::tanh(a + shift);
            let newton = a - miss / (1.0 + k * (1.0 - t * t));
            let next = if newton > low && newton < high { newton } else { low + 0.5 * (high - low) };
            let done = (next - a).abs() <= f64::EPSILON * next.abs().max(f64::MIN_POSITIVE);
            a = next;
            if done {
                break;
            }
        }
        let miss = |a: R::Wide| a + c * (a + b).tanh() - y;
        let slope = |a: R::Wide| {
            let t = (a + b).tanh();
            c * (-(t * t) + 1.0) + 1.0
        };
        R::narrow(implicit_root(a, miss, slope))
    }
}

impl<'t, T: Scalar> Planar<Var<'t, T>> {
    /// `v`, and `w·v`.
    fn moved(&self) -> (Var<'t, T>, Var<'t, T>) {
        let (w, u) = (self.weight, self.direction);
        let along = (w * u).sum_axis(Axis::Cols);
        let square = (w * w).sum_axis(Axis::Cols);
        let f = formula!(|a, square| {
            let step = (slope_along(a) - a) / square;
            if square == 0.0 { a * 0.0 } else { step }
        });
        let v = u + w * Var::map(f, [along, square]);
        let product = formula!(|a, square| if square == 0.0 { a } else { slope_along(a) });
        (v, Var::map(product, [along, square]))
    }

    #[track_caller]
    fn columns(&self, x: Var<'t, T>) {
        let (cols, d) = (x.ncols(), self.direction.ncols());
        assert!(
            cols == d && self.weight.shape() == (1, d) && self.direction.nrows() == 1,
            "Planar: {cols} columns, a direction of {d} and a weight of {:?}",
            self.weight.shape()
        );
    }
}

impl<'t, T: Scalar> Bijector<Var<'t, T>> for Planar<Var<'t, T>> {
    fn event(&self) -> Event {
        Event::Row
    }
    #[track_caller]
    fn forward(&self, u: Var<'t, T>) -> Var<'t, T> {
        self.columns(u);
        let a = (u * self.weight).sum_axis(Axis::Cols);
        let f = formula!(|u, v, a, b| u + v * (a + b).tanh());
        Var::map(f, [u, self.moved().0, a, self.bias])
    }
    #[track_caller]
    fn inverse(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.columns(x);
        let (v, c) = self.moved();
        let a = Var::map(Root, [(x * self.weight).sum_axis(Axis::Cols), c, self.bias]);
        Var::map(formula!(|x, v, a, b| x - v * (a + b).tanh()), [x, v, a, self.bias])
    }
    #[track_caller]
    fn log_det(&self, u: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        self.columns(u);
        let a = (u * self.weight).sum_axis(Axis::Cols);
        let f = formula!(|a, b, c| {
            let t = (a + b).tanh();
            // (1 + c) - c t² where c is near -1.
            if c < -0.5 { (c + 1.0 - c * t * t).ln() } else { (c * (-(t * t) + 1.0)).ln_1p() }
        });
        Var::apply_as(terms, f, [a, self.bias, self.moved().1])
    }
}
