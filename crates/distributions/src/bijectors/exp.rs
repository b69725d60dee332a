//! `x = eᵘ`: the positive numbers on a log scale.

use super::bijector;

/// forward `eᵘ` · inverse `ln x` · log-det `u`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exp;
bijector!(Exp, |u| u.exp(), |x| x.ln(), |u| u);
