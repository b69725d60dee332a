//! What several test files share.
#![allow(dead_code)]

/// The distance from `x` to the next double away from zero.
pub fn ulp(x: f64) -> f64 {
    let x = x.abs();
    if x == f64::MAX { x - x.next_down() } else { x.next_up() - x }
}

/// The distance from `x` to the next single away from zero.
pub fn ulp32(x: f32) -> f64 {
    let x = x.abs();
    f64::from(if x == f32::MAX { x - x.next_down() } else { x.next_up() - x })
}
