//! Whether two sets of parameters are the same guide.

use crate::error::Result;
use crate::guide::{BoundGuide, DrawContext};
use crate::stopping_rule::{Apart, in_units};
use probity_autodiff::{Key, Params, Scalar, Tape};
use std::ops::Range;

/// Draws of a divergence.
const DRAWS: usize = 256;

/// Compares averages of the parameters of one guide.
pub(super) struct SameGuide<'a, T: Scalar> {
    guide: &'a dyn BoundGuide<T>,
    /// The parameters of the model itself.
    points: &'a [Range<usize>],
    dim: usize,
    key: Key,
    params: [Params<T>; 2],
}

impl<'a, T: Scalar> SameGuide<'a, T> {
    /// Of a guide of `dim` unconstrained numbers.
    pub(super) fn new(
        guide: &'a dyn BoundGuide<T>,
        params: &Params<T>,
        points: &'a [Range<usize>],
        dim: usize,
        key: Key,
    ) -> Self {
        Self { guide, points, dim, key, params: [params.clone(), params.clone()] }
    }

    /// By how many nats the guide with the parameters `a` diverges from that with `b`, by draws;
    /// none for guides whose density is not known.
    pub(super) fn apart(&mut self, a: &[f64], b: &[f64], units: &[f64]) -> Result<Option<Apart>> {
        for (params, values) in self.params.iter_mut().zip([a, b]) {
            params.as_mut_slice().iter_mut().zip(values).for_each(|(p, x)| *p = T::from_f64(*x));
        }
        let [own, other] = &self.params;
        let (mut sum, mut tapes) = (0.0, [Tape::new(), Tape::new()]);
        for i in 0..DRAWS {
            let [here, there] = &mut tapes;
            here.reset();
            there.reset();
            here.bind(own);
            there.bind(other);
            let at = DrawContext::new(here, own, self.key.fold_in(i as u64));
            let joint = self.guide.draw(at)?.into_joint(at)?;
            let u = joint.u.read(|u| there.column(u));
            let Some(log_q) = self.guide.log_prob(there, other, u)? else { return Ok(None) };
            sum += joint.log_q.item().to_f64() - log_q.item().to_f64();
        }
        let of_model = |range: &Range<usize>| {
            let range = range.clone();
            in_units(&a[range.clone()], &b[range.clone()], &units[range])
        };
        let nats = sum / DRAWS as f64 + self.points.iter().map(of_model).sum::<f64>();
        Ok(Some(Apart { nats, tolerance: 0.01 + 2e-3 * self.dim as f64 }))
    }
}
