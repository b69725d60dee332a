//! Full rank: one Gaussian for all unconstrained numbers, with any covariance.

use super::{identity, standard_log_q};
use crate::error::Result;
use crate::gaussian::{Covariance, Gaussian};
use crate::guide::{BoundGuide, Direct, Draw, DrawContext, Guide, ScaleForm, Segments};
use crate::layout::Layout;
use crate::linalg::{self, Dense};
use probity_autodiff::{Adjoints, Inputs, Op, ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};

/// `q(u) = N(u; loc, L Lᵀ)` with L lower triangular: its diagonal is `softplus(rho)`, what stands
/// below it is free.
///
/// It shows every correlation, and so finds standard deviations that a mean field cannot. Its
/// parameters are `d (d + 3) / 2` numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FullRank {
    form: ScaleForm,
}

impl FullRank {
    /// Uncorrelated at the start.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Scalar> Guide<T> for FullRank {
    fn name(&self) -> String {
        "full-rank Gaussian".into()
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let direct = Direct::BestGaussian(Covariance::Full);
        Ok(Box::new(BoundFullRank::new("full_rank", self.form, direct, layout, segments)?))
    }
}

/// A Gaussian by the lower triangular factor of its covariance.
#[derive(Debug)]
pub(super) struct BoundFullRank {
    form: ScaleForm,
    dim: usize,
    loc: ParamId,
    rho: ParamId,
    /// What stands below the diagonal, row by row.
    lower: ParamId,
    direct: Direct,
}

impl BoundFullRank {
    pub(super) fn new<T: Scalar>(
        name: &str,
        form: ScaleForm,
        direct: Direct,
        layout: &Layout,
        segments: &mut Segments<'_, T>,
    ) -> Result<Self> {
        let (start, dim) = (segments.start(), layout.dim());
        let loc = segments.add(format!("{name}.loc"), (dim, 1), || start.means(layout))?;
        let rho = || start.sds(layout).into_iter().map(|sd| form.rho(sd)).collect();
        let rho = segments.add(format!("{name}.rho"), (dim, 1), || Ok(rho()))?;
        let lower = segments.fill(format!("{name}.lower"), dim * dim.saturating_sub(1) / 2, 0.0)?;
        Ok(Self { form, dim, loc, rho, lower, direct })
    }

    /// Means, diagonal and what stands below it, row by row.
    fn numbers<T: Scalar>(&self, params: &Params<T>) -> [Vec<f64>; 3] {
        let read = |id| params.get(id).iter().map(|x| x.to_f64()).collect::<Vec<_>>();
        let scale = read(self.rho).into_iter().map(|rho| self.form.scale_and_unit(rho).0).collect();
        [read(self.loc), scale, read(self.lower)]
    }
}

impl<T: Scalar> BoundGuide<T> for BoundFullRank {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let [loc, rho, lower] = [self.loc, self.rho, self.lower].map(|id| at.tape.param(at.params, id));
        let scale = self.form.scale(rho);
        let z = at.standard_normal(self.dim, at.key);
        let u = loc + scale * z + at.tape.record(StrictlyLower, &[lower, z], self.dim, 1);
        Ok(Draw::joint(u, standard_log_q(z, scale)))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        let [loc, rho, lower] = [self.loc, self.rho, self.lower].map(|id| tape.param(params, id));
        let (scale, d) = (self.form.scale(rho), self.dim);
        let mut factor = identity(tape, d) * scale;
        if d > 1 {
            factor = factor + lower.unpack_lower(d, true);
        }
        Ok(Some(standard_log_q(factor.solve_lower(u - loc), scale)))
    }

    fn direct(&self) -> Option<Direct> {
        Some(self.direct)
    }

    fn assign(&self, gaussian: &Gaussian, params: &mut Params<T>) {
        // factor factorᵀ = (QR)ᵀ(QR) = Rᵀ R, of the transposed factor.
        let r = gaussian.factor.transpose().qr().r();
        let [loc, rho, lower] = [self.loc, self.rho, self.lower].map(|id| params.segment(id).range());
        let x = params.as_mut_slice();
        for i in 0..self.dim {
            let sign = if r[(i, i)] < 0.0 { -1.0 } else { 1.0 };
            x[loc.start + i] = T::from_f64(gaussian.mean[i]);
            x[rho.start + i] = T::from_f64(self.form.rho(r[(i, i)] * sign));
            for k in i + 1..self.dim {
                x[lower.start + k * (k - 1) / 2 + i] = T::from_f64(r[(i, k)] * sign);
            }
        }
    }

    fn gaussian(&self, params: &Params<T>) -> Option<(Vec<f64>, linalg::Covariance)> {
        let ([mean, scale, below], d) = (self.numbers(params), self.dim);
        let mut lower = vec![0.0; d * d];
        for i in 0..d {
            lower[i * (d + 1)] = scale[i];
            for j in 0..i {
                lower[i + j * d] = below[i * (i - 1) / 2 + j];
            }
        }
        Some((mean, linalg::Covariance::Dense(Dense::from_lower(d, lower).ok()?)))
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let [loc, rho, lower] = [self.loc, self.rho, self.lower].map(|id| params.segment(id).range());
        let x = params.as_slice();
        for (i, l) in loc.clone().enumerate() {
            let (scale, unit) = self.form.scale_and_unit(x[rho.start + i].to_f64());
            let row = lower.start + i * i.saturating_sub(1) / 2;
            let below = x[row..row + i].iter().map(|l| l.to_f64().powi(2)).sum::<f64>();
            let sd = (scale.powi(2) + below).sqrt();
            units[l] = sd;
            units[rho.start + i] = unit;
            units[row..row + i].fill(sd);
        }
    }

    fn scale_params(&self) -> Vec<ParamId> {
        vec![self.rho, self.lower]
    }
}

/// The product of a strictly lower triangular matrix, given row by row, and a column.
#[derive(Clone, Copy, Debug)]
struct StrictlyLower;

impl<T: Scalar> Op<T> for StrictlyLower {
    fn name(&self) -> &'static str {
        "strictly_lower"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        let (lower, z) = (x.get(0), x.get(1));
        let mut at = 0;
        for (i, y) in y.iter_mut().enumerate() {
            let row = lower[at..at + i].iter().zip(z);
            *y = T::from_f64(row.map(|(l, z)| l.to_f64() * z.to_f64()).sum());
            at += i;
        }
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        let (lower, z) = (x.get(0), x.get(1));
        dx.accumulate_zeroed(0, |to| {
            let mut at = 0;
            for (i, g) in g.iter().enumerate() {
                for (to, z) in to[at..at + i].iter_mut().zip(z) {
                    *to = T::from_f64(to.to_f64() + g.to_f64() * z.to_f64());
                }
                at += i;
            }
        });
        dx.accumulate_zeroed(1, |to| {
            let mut at = 0;
            for (i, g) in g.iter().enumerate() {
                for (to, l) in to.iter_mut().zip(&lower[at..at + i]) {
                    *to = T::from_f64(to.to_f64() + g.to_f64() * l.to_f64());
                }
                at += i;
            }
        });
    }
}
