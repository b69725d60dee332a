//! What of a network depends on the types of its layers and its head, behind one type.

use super::head_only::{HeadOnly, parameters};
use super::minibatch::Dealt;
use super::probe::{Jacobians, outputs_at, visit};
use crate::activation::Activation;
use crate::error::Result;
use crate::heads::{Head, Outcome};
use crate::layers::Layer;
use crate::network::{NetworkModel, append};
use crate::noise::Noise;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{AnyTarget, LogJoint, Model, Part};
use std::sync::Arc;

/// What depends on the types of the net and the head.
pub(super) trait Net: Send + Sync {
    fn model(&self) -> &(dyn Model<f32> + Sync);
    fn outputs_at(&self, u: &[f64]) -> Result<Vec<f64>>;
    fn visit(&self, u: &[f64], f: &mut dyn FnMut(Jacobians) -> Result) -> Result;
    /// The head's own density on the rows at hand, which stand for so many.
    fn head_density(&self, y: Option<DMatrix<f64>>, part: Part, total: usize) -> Result<AnyTarget<'_>>;
    /// The log joint density by minibatches of so many rows.
    fn by_minibatches(&self, rows: usize) -> Result<AnyTarget<'_>>;
    fn simulate(&self, outputs: &[f64], key: Key, n: usize) -> Result<Vec<Option<DMatrix<f64>>>>;
    fn rows(&self) -> usize;
    fn inputs(&self) -> DMatrix<f64>;
    fn targets(&self) -> DMatrix<f64>;
    fn gaussian(&self) -> Option<(Noise, f64)>;
    fn perceptron(&self) -> Option<Activation>;
    fn is_random(&self) -> bool;
}

impl<N: Layer<f32>, H: Head> Net for NetworkModel<N, H, f32> {
    fn model(&self) -> &(dyn Model<f32> + Sync) {
        self
    }

    fn outputs_at(&self, u: &[f64]) -> Result<Vec<f64>> {
        outputs_at(self, u)
    }

    fn visit(&self, u: &[f64], f: &mut dyn FnMut(Jacobians) -> Result) -> Result {
        visit(self, u, f)
    }

    fn by_minibatches(&self, rows: usize) -> Result<AnyTarget<'_>> {
        Ok(AnyTarget::new(LogJoint::<_, f32>::new(Dealt::new(self, rows))?))
    }

    fn head_density(&self, y: Option<DMatrix<f64>>, part: Part, total: usize) -> Result<AnyTarget<'_>> {
        let y = y.unwrap_or_else(|| self.targets());
        let (head, units) = (self.network().head(), &self.scales().y);
        let model = HeadOnly::<H, f64> { head, units, rows: y.nrows(), total, y: Some(Arc::new(y)) };
        Ok(AnyTarget::new(LogJoint::<_, f64>::new(model)?.part(part)))
    }

    fn simulate(&self, outputs: &[f64], key: Key, n: usize) -> Result<Vec<Option<DMatrix<f64>>>> {
        let (head, units) = (self.network().head(), &self.scales().y);
        let (rows, targets) = (self.x().nrows(), head.targets());
        let (found, names) = parameters(head, units, rows, outputs.to_vec(), 1)?;
        let of_row = |row: usize| {
            let mut parameters = Vec::new();
            names.iter().for_each(|name| append(&found, name, (row, 0), &mut parameters));
            head.row(&parameters, units)
        };
        let heads: Vec<H::Row> = (0..rows).map(of_row).collect();
        let one = |draw: usize| {
            let key = key.fold_in(draw as u64);
            let drawn: Vec<Vec<f64>> =
                heads.iter().enumerate().map(|(i, h)| h.sample(key.fold_in(i as u64))).collect();
            let usable = drawn.iter().all(|y| y.len() == targets && y.iter().all(|y| y.is_finite()));
            usable.then(|| head.scaled(&DMatrix::from_fn(rows, targets, |i, j| drawn[i][j]), units))
        };
        Ok((0..n).map(one).collect())
    }

    fn rows(&self) -> usize {
        self.x().nrows()
    }

    fn inputs(&self) -> DMatrix<f64> {
        self.x().map(f64::from)
    }

    fn targets(&self) -> DMatrix<f64> {
        self.y().map(f64::from)
    }

    fn gaussian(&self) -> Option<(Noise, f64)> {
        Some((self.network().head().gaussian_noise()?, self.scales().y.sd[0]))
    }

    fn perceptron(&self) -> Option<Activation> {
        self.network().net().perceptron()
    }

    fn is_random(&self) -> bool {
        self.network().net().is_random()
    }
}
