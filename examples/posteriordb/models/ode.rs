//! Differential equations.

use super::super::data::{Data, DataError};
use super::restricted::positive;
use super::{AnyModel, model};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Ode, OdeSolver, Real};
use probity_distributions::{Distribution, LogNormal, Normal};
use probity_vi::Scope;
use std::sync::Arc;

/// Prey u and predators v (Lotka 1925, Volterra 1926).
#[derive(Clone, Copy, Debug)]
struct LotkaVolterra;
impl Ode<6, 2> for LotkaVolterra {
    #[inline(always)]
    fn slope<R: Real>(&self, _: f64, [u, v, birth, hunt, death, feed]: [R; 6]) -> [R; 2] {
        [(birth - hunt * v) * u, (feed * u - death) * v]
    }
}

/// Pelts of hares and lynxes in the years from 1900 on.
pub fn lotka_volterra(data: &Data) -> Result<AnyModel, DataError> {
    let times = data.column("ts")?;
    let unordered = |_| DataError::Field("ts".into(), "a list of rising times");
    let solver = OdeSolver::new(0.0, times.as_slice()).map_err(unordered)?;
    let first = Arc::new(DMatrix::from_row_slice(1, 2, data.column("y_init")?.as_slice()));
    let y = Arc::new(data.matrix("y")?);
    Ok(model(move |s: &mut Scope| {
        let of = Normal::new(s.data(&[1.0, 0.05, 1.0, 0.05]), s.data(&[0.5, 0.05, 0.5, 0.05]));
        let theta = s.sample("theta", positive(of, 0.0))?;
        let start = s.sample("z_init", LogNormal::new(10f64.ln(), 1.0).rows(2))?;
        let sigma = s.sample("sigma", LogNormal::new(-1.0, 1.0).rows(2))?.transpose();
        let rates = [0, 1, 2, 3].map(|k| theta.at(k, 0));
        let z = solver.solve(s.tape(), LotkaVolterra, [start.at(0, 0), start.at(1, 0)], rates);
        s.observe("y_init", LogNormal::new(start.transpose().ln(), sigma), &first)?;
        s.observe("y", LogNormal::new(z.ln(), sigma), &y)
    }))
}
