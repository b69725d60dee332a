//! Columns of rising numbers.

use probity_autodiff::{Real, Recursion, Var};
use probity_distributions::{Distribution, Flat};
use probity_vi::{Result, Scope};

/// `0 < x[1] < x[2] < ..`, with a flat prior, by the logarithms of the first and of the gaps.
pub fn positive<'t>(s: &mut Scope<'t>, name: &str, k: usize) -> Result<Var<'t>> {
    let gaps = s.within(name, |s| {
        let logs = s.sample("logs", Flat::real().rows(k))?;
        s.factor("jacobian", logs)?;
        Ok(logs.exp())
    })?;
    let sums = s.tape().scan(Sums, k, [0.0.into()], [gaps]);
    s.deterministic(name, sums)
}

/// `x[1] < x[2] < ..`, with a flat prior, by the first and by the logarithms of the gaps.
pub fn real<'t>(s: &mut Scope<'t>, name: &str, k: usize) -> Result<Var<'t>> {
    let gaps = s.within(name, |s| {
        let u = s.sample("u", Flat::real().rows(k))?;
        let logs = u.rows(1..k);
        s.factor("jacobian", logs)?;
        Ok(Var::concat_rows(&[u.rows(0..1), logs.exp()]))
    })?;
    let sums = s.tape().scan(Sums, k, [0.0.into()], [gaps]);
    s.deterministic(name, sums)
}

/// Cumulative sums.
#[derive(Clone, Copy, Debug)]
struct Sums;
impl Recursion<2, 1> for Sums {
    #[inline(always)]
    fn step<R: Real>(&self, [sum, x]: [R; 2]) -> [R; 1] {
        [sum + x]
    }
}
