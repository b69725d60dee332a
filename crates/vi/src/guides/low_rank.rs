//! Low rank and diagonal: a Gaussian that is correlated in a few directions.

use super::{LN_ROOT_TAU, identity};
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Guide, ScaleForm, Segments};
use crate::layout::Layout;
use crate::linalg;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{ParamId, Params, Scalar, Tape, Var, formula};
use serde::{Deserialize, Serialize};

/// `q(u) = N(u; loc, D² + F Fᵀ)` with D diagonal, `softplus(rho)`, and F d × rank.
///
/// Between the mean field and full rank: `d (rank + 2)` parameters and as much work for a draw, for
/// posteriors of many numbers that are correlated in few directions. It is fitted by steps along
/// stochastic gradients.
///
/// *Source*: Ong, Nott, Smith 2018, "Gaussian variational approximation with a factor covariance
/// structure".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LowRank {
    rank: usize,
}

impl LowRank {
    /// With so many directions beside the diagonal.
    pub fn new(rank: usize) -> Self {
        Self { rank }
    }
}

impl<T: Scalar> Guide<T> for LowRank {
    fn name(&self) -> String {
        format!("low rank + diagonal (rank {})", self.rank)
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let (start, dim, rank) = (segments.start(), layout.dim(), self.rank);
        if rank == 0 {
            let problem = "a rank of 0 is a mean field; at least 1 is needed".to_owned();
            return Err(Error::Setting { setting: "rank", problem });
        }
        let form = ScaleForm::Softplus;
        let loc = segments.add("low_rank.loc", (dim, 1), || start.means(layout))?;
        let rho = || start.sds(layout).into_iter().map(|sd| form.rho(sd)).collect();
        let rho = segments.add("low_rank.rho", (dim, 1), || Ok(rho()))?;
        // A factor of 0 is a saddle of the ELBO: a tenth of the diagonal, in random directions.
        let factor = || {
            let (sd, mut factor) = (start.sds(layout), vec![0.0; dim * rank]);
            fill_normal(start.key().fold_in_str("factor"), 0, &mut factor);
            let share = 0.1 / (rank as f64).sqrt();
            factor.iter_mut().enumerate().for_each(|(i, f)| *f *= share * sd[i % dim]);
            factor
        };
        let factor = segments.add("low_rank.factor", (dim, rank), || Ok(factor()))?;
        Ok(Box::new(BoundLowRank { form, dim, rank, loc, rho, factor }))
    }
}

#[derive(Debug)]
struct BoundLowRank {
    form: ScaleForm,
    dim: usize,
    rank: usize,
    loc: ParamId,
    rho: ParamId,
    factor: ParamId,
}

impl BoundLowRank {
    /// `ln N(loc + e; loc, D² + F Fᵀ)`, by the determinant lemma and the identity of Woodbury: with
    /// `V = D⁻¹ F` and `C = I + Vᵀ V = L Lᵀ` the determinant is `det D² det C`, and the square of
    /// the whitened distance `|D⁻¹ e|² - |L⁻¹ Vᵀ D⁻¹ e|²`.
    fn log_density<'t, T: Scalar>(
        &self,
        tape: &'t Tape<T>,
        e: Var<'t, T>,
        scale: Var<'t, T>,
        factor: Var<'t, T>,
    ) -> Result<Var<'t, T>> {
        let (v, whitened) = (factor / scale, e / scale);
        let lower = (v.tr_matmul(v) + identity(tape, self.rank)).cholesky()?;
        let along = lower.solve_lower(v.tr_matmul(whitened));
        let squares = |x| Var::map_sum(formula!(|x| x * x), [x]);
        let log = |x| Var::map_sum(formula!(|x| x.ln()), [x]);
        Ok(Var::linear_combination([
            (squares(whitened), -0.5),
            (squares(along), 0.5),
            (log(scale), -1.0),
            (lower.triangular_log_det(), -1.0),
            (Var::from(-LN_ROOT_TAU * self.dim as f64), 1.0),
        ]))
    }

    /// The standard deviation of every number.
    fn sds<T: Scalar>(&self, params: &Params<T>) -> Vec<f64> {
        let (scale, factor) = (params.get(self.rho), params.get(self.factor));
        let sd = |i: usize| {
            let along = factor.row(i).iter().map(|f| f.to_f64().powi(2)).sum::<f64>();
            (self.form.scale_and_unit(scale[i].to_f64()).0.powi(2) + along).sqrt()
        };
        (0..self.dim).map(sd).collect()
    }
}

impl<T: Scalar> BoundGuide<T> for BoundLowRank {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let [loc, rho, factor] = [self.loc, self.rho, self.factor].map(|id| at.tape.param(at.params, id));
        let scale = self.form.scale(rho);
        let (own, shared) = at.key.split();
        let z = at.standard_normal(self.dim, own);
        let w = at.standard_normal(self.rank, shared);
        let e = scale * z + factor.matmul(w);
        Ok(Draw::joint(loc + e, self.log_density(at.tape, e, scale, factor)?))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        let [loc, rho, factor] = [self.loc, self.rho, self.factor].map(|id| tape.param(params, id));
        self.log_density(tape, u - loc, self.form.scale(rho), factor).map(Some)
    }

    fn gaussian(&self, params: &Params<T>) -> Option<(Vec<f64>, linalg::Covariance)> {
        let read = |id| params.get(id).iter().map(|x| x.to_f64()).collect::<Vec<_>>();
        let scale = read(self.rho).into_iter().map(|rho| self.form.scale_and_unit(rho).0).collect();
        let covariance = linalg::LowRank::from_factor(scale, &read(self.factor)).ok()?;
        Some((read(self.loc), linalg::Covariance::LowRank(covariance)))
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let [loc, rho, factor] = [self.loc, self.rho, self.factor].map(|id| params.segment(id).range());
        for (i, sd) in self.sds(params).into_iter().enumerate() {
            units[loc.start + i] = sd;
            units[rho.start + i] = self.form.scale_and_unit(params.as_slice()[rho.start + i].to_f64()).1;
            (0..self.rank).for_each(|k| units[factor.start + i + k * self.dim] = sd);
        }
    }

    fn scale_params(&self) -> Vec<ParamId> {
        vec![self.rho, self.factor]
    }
}
