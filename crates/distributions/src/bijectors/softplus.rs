//! `x = ln(1 + eᵘ)`: the positive numbers, linear far from 0.

use super::bijector;

/// forward `softplus(u)` · inverse `ln(eˣ - 1)` · log-det `ln sigmoid(u)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Softplus;
bijector!(Softplus, |u| u.softplus(), |x| x.softplus_inv(), |u| u.log_sigmoid());
