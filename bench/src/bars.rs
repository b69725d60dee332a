//! What the project promises itself, by workload.

use crate::line::Side;

/// What our time is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// The side must take at least this many times as long.
    Times(Side, f64),
    /// We must take at most this many microseconds.
    AtMost(f64),
    /// On one core we must take at least this many times as long.
    OneCore(f64),
}

/// The bars of a workload on so many cores.
pub fn of(workload: &str, cores: usize) -> &'static [Bar] {
    match (workload, cores) {
        ("seed", 1) => &[Bar::Times(Side::Jax, 5.0), Bar::Times(Side::Torch, 60.0)],
        ("uci", 1) => &[Bar::Times(Side::Jax, 5.0)],
        ("mnist400" | "mnist", 1) => &[Bar::Times(Side::Jax, 3.0), Bar::Times(Side::Torch, 3.0)],
        ("mnist", 2) => &[Bar::Times(Side::Jax, 3.0), Bar::OneCore(1.7)],
        ("small", 1) => &[Bar::AtMost(10.0)],
        ("linear", 1) => &[Bar::AtMost(200.0)],
        _ => &[],
    }
}
