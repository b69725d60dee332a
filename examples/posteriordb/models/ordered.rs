//! Columns of rising numbers.

use probity_autodiff::Var;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Flat};
use probity_vi::{Result, Scope};

/// `0 < x[1] < x[2] < ..`, with a flat prior, by the logarithms of the first and of the gaps.
pub fn positive<'t>(s: &mut Scope<'t>, name: &str, k: usize) -> Result<Var<'t>> {
    let u = s.sample(&format!("{name}.u"), Flat::real().rows(k))?;
    s.factor(&format!("{name}.jacobian"), u)?;
    let sums = lower_ones(s, k);
    s.deterministic(name, sums.matmul(u.exp()))
}

/// `x[1] < x[2] < ..`, with a flat prior, by the first and by the logarithms of the gaps.
pub fn real<'t>(s: &mut Scope<'t>, name: &str, k: usize) -> Result<Var<'t>> {
    let u = s.sample(&format!("{name}.u"), Flat::real().rows(k))?;
    let (first, gaps) = (u.rows(0..1), u.rows(1..k));
    s.factor(&format!("{name}.jacobian"), gaps)?;
    let sums = lower_ones(s, k);
    s.deterministic(name, sums.matmul(Var::concat_rows(&[first, gaps.exp()])))
}

/// The matrix that adds up columns.
fn lower_ones<'t>(s: &Scope<'t>, k: usize) -> Var<'t> {
    s.data(&DMatrix::from_fn(k, k, |i, j| f64::from(i >= j)))
}
