//! The guides, one file each: families of distributions by which posteriors are approximated.
//!
//! `docs/inference.md` says which one when.

mod block;
mod delta;
mod flow;
mod full_rank;
mod laplace;
mod low_rank;
mod mean_field;
mod mixture;
mod part;
mod program;

pub use block::Block;
pub use delta::Delta;
pub use flow::{Flow, FlowLayer};
pub use full_rank::FullRank;
pub use laplace::Laplace;
pub use low_rank::LowRank;
pub use mean_field::MeanField;
pub use mixture::Mixture;
pub use program::Program;

use probity_autodiff::{Scalar, Tape, Var, formula};

/// `ln √(2π)`.
const LN_ROOT_TAU: f64 = 0.918_938_533_204_672_8;

/// The n × n identity, without gradient.
fn identity<T: Scalar>(tape: &Tape<T>, n: usize) -> Var<'_, T> {
    tape.constant_with(n, n, |x| {
        x.fill(T::from_f64(0.0));
        x.iter_mut().step_by(n + 1).for_each(|x| *x = T::from_f64(1.0));
    })
}

/// The log density of `u = loc + A z`, d × 1, with z standard normal and a triangular A whose
/// diagonal is `scale`, by z.
fn standard_log_q<'t, T: Scalar>(z: Var<'t, T>, scale: Var<'t, T>) -> Var<'t, T> {
    let squares = Var::map_sum(formula!(|z| z * z), [z]);
    let log_det = Var::map_sum(formula!(|scale| scale.ln()), [scale]);
    let constant = Var::from(-LN_ROOT_TAU * z.nrows() as f64);
    Var::linear_combination([(squares, -0.5), (log_det, -1.0), (constant, 1.0)])
}
