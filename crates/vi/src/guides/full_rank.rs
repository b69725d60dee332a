//! Full rank: one Gaussian for all unconstrained numbers, with any covariance.

use crate::error::{Error, Result};
use crate::gaussian::{Covariance, Gaussian};
use crate::guide::{Guide, Joint, ScaleForm};
use crate::layout::Layout;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Adjoints, Inputs, Key, Op, ParamId, Params, Real, Scalar, Tape};

/// `q(u) = N(u; loc, L Lᵀ)` with L lower triangular: its diagonal is `softplus(rho)`, what stands
/// below it is free.
///
/// It shows every correlation, and so finds standard deviations that a mean field cannot. Its
/// parameters are `d (d + 3) / 2` numbers.
#[derive(Clone, Debug, Default)]
pub struct FullRank {
    form: ScaleForm,
    /// Locations, parameters of the diagonal, and what stands below it, row by row.
    ids: Option<[ParamId; 3]>,
}

const NAMES: [&str; 3] = ["full_rank.loc", "full_rank.rho", "full_rank.lower"];
/// `ln √(2πe)`, the entropy of a standard normal number.
const NORMAL_ENTROPY: f64 = 1.418_938_533_204_672_7;

impl FullRank {
    /// Uncorrelated at the start.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Scalar> Guide<T> for FullRank {
    fn name(&self) -> &'static str {
        "full-rank Gaussian"
    }

    fn init(&mut self, layout: &Layout, params: &mut Params<T>, key: Key) -> Result {
        let start = Gaussian::start(layout, key)?;
        let d = start.dim();
        let zeros = |n: usize| DMatrix::from_element(n, 1, T::from_f64(0.0));
        let sizes = [d, d, d * d.saturating_sub(1) / 2];
        let mut add = |i: usize| params.add(NAMES[i], &zeros(sizes[i]));
        self.ids = Some([add(0), add(1), add(2)]);
        self.assign(&start, layout, params);
        Ok(())
    }

    fn restore(&mut self, layout: &Layout, params: &Params<T>) -> Result {
        let d = layout.dim();
        let sizes = [d, d, d * d.saturating_sub(1) / 2];
        let find = |i: usize| {
            let id = params.find(NAMES[i]).filter(|id| params.segment(*id).range().len() == sizes[i]);
            id.ok_or_else(|| Error::Setting {
                setting: "params",
                problem: format!("there is no segment {:?} of {} numbers", NAMES[i], sizes[i]),
            })
        };
        self.ids = Some([find(0)?, find(1)?, find(2)?]);
        Ok(())
    }

    fn joint<'t>(&self, tape: &'t Tape<T>, params: &Params<T>, key: Key) -> Option<Joint<'t, T>> {
        let [loc, rho, lower] = self.ids?.map(|id| tape.param(params, id));
        let (scale, d) = (self.form.scale(rho), loc.shape().0);
        let zero = tape.constant_with(d, 1, |z| z.fill(T::from_f64(0.0)));
        let one = tape.constant_with(d, 1, |z| z.fill(T::from_f64(1.0)));
        let z = tape.scaled_noise(zero, one, key);
        let u = loc + scale * z + tape.record(StrictlyLower, &[lower, z], d, 1);
        let entropy = scale.ln().sum() + d as f64 * NORMAL_ENTROPY;
        Some(Joint { u, entropy })
    }

    fn covariance(&self) -> Option<Covariance> {
        Some(Covariance::Full)
    }

    fn assign(&self, gaussian: &Gaussian, _: &Layout, params: &mut Params<T>) {
        let Some(ids) = self.ids else { return };
        // factor factorᵀ = (QR)ᵀ(QR) = Rᵀ R, of the transposed factor.
        let r = gaussian.factor.transpose().qr().r();
        let d = gaussian.dim();
        let [loc, rho, lower] = ids.map(|id| params.segment(id).range());
        let x = params.as_mut_slice();
        for i in 0..d {
            let sign = if r[(i, i)] < 0.0 { -1.0 } else { 1.0 };
            x[loc.start + i] = T::from_f64(gaussian.mean[i]);
            x[rho.start + i] = T::from_f64(self.form.rho(r[(i, i)] * sign));
            for k in i + 1..d {
                x[lower.start + k * (k - 1) / 2 + i] = T::from_f64(r[(i, k)] * sign);
            }
        }
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let Some(ids) = self.ids else { return };
        let [loc, rho, lower] = ids.map(|id| params.segment(id).range());
        let x = params.as_slice();
        let scale = |i: usize| x[rho.start + i].to_f64();
        for (i, l) in loc.clone().enumerate() {
            let row = lower.start + i * i.saturating_sub(1) / 2;
            let below = x[row..row + i].iter().map(|l| l.to_f64().powi(2)).sum::<f64>();
            let sd = (scale(i).softplus().powi(2) + below).sqrt();
            units[l] = sd;
            units[rho.start + i] = scale(i).softplus() / scale(i).sigmoid();
            units[row..row + i].fill(sd);
        }
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.ids.map_or(Vec::new(), |[_, rho, lower]| vec![rho, lower])
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
