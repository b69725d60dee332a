//! `x = tanh u`: the numbers between -1 and 1.

use super::bijector;

/// forward `tanh u` · inverse `artanh x` · log-det `ln(1 - tanh² u)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tanh;
// 1 - tanh² u = 4 σ(2u) σ(-2u).
bijector!(Tanh, |u| u.tanh(), |x| x.atanh(), |u| (u * 2.0).log_sigmoid()
    + (u * -2.0).log_sigmoid()
    + 2.0 * std::f64::consts::LN_2);
