//! `x = u / (1 + |u|)`: the numbers between -1 and 1, with the tails of a power.

use super::bijector;

/// forward `u / (1 + |u|)` · inverse `x / (1 - |x|)` · log-det `-2 ln(1 + |u|)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Softsign;
bijector!(
    Softsign,
    |u| {
        // Far from 0 the slope of the quotient cancels.
        let rest = (u.abs() + 1.0).recip();
        if u.abs() < 1.0 { u * rest } else { u.signum() * (-rest + 1.0) }
    },
    |x| x / (-x.abs() + 1.0),
    |u| u.abs().ln_1p() * -2.0
);
