//! Angles.

use super::Constraint;
use crate::bijectors::{Bijector, HalfAngle};
use probity_autodiff::{Terms, Value};
use std::f64::consts::PI;

/// Angles between -π and π, by twice the arctangent: one point of the circle has no number, and a
/// distribution that lies around π is better turned.
#[derive(Clone, Copy, Debug)]
pub struct Angle;

impl<V: Value> Constraint<V> for Angle {
    const NAME: &'static str = "angle";
    fn constrain(u: V, _: &[V; 2]) -> V {
        HalfAngle.forward(u)
    }
    fn unconstrain(x: V, _: &[V; 2]) -> V {
        HalfAngle.inverse(x)
    }
    fn log_det(u: V, _: &[V; 2], terms: Terms) -> V {
        Bijector::log_det(&HalfAngle, u, terms)
    }
    fn outside(x: &[f64], _: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
        x.iter().position(|x| !(x.abs() <= PI))
    }
}
