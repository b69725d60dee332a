//! A head without its net: what it makes of outputs that are given.

use crate::error::Result;
use crate::heads::{Head, PARAMETERS};
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_distributions::{Distribution, Normal};
use probity_vi::ladder::Stands;
use probity_vi::{Draws, Init, Model, Posterior, Sampled, ScaleStart, Scope, SiteKind, Start};
use std::sync::Arc;

/// A model whose first coordinates are the outputs of all rows, n × K column by column; then come
/// those that the head samples itself.
#[derive(Clone)]
pub(crate) struct HeadOnly<'a, H, T: Scalar> {
    pub(crate) head: &'a H,
    pub(crate) units: &'a Standardizer,
    pub(crate) rows: usize,
    /// The rows that these stand for.
    pub(crate) total: usize,
    /// Targets in the units of the head, if there are any.
    pub(crate) y: Option<Arc<DMatrix<T>>>,
}

impl<H: Head, T: Scalar> Model<T> for HeadOnly<'_, H, T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        let prior = Normal::<Var<'_, T>>::standard().shaped(self.rows, self.head.outputs());
        let init = || Init { loc: Start::Constant(0.0), scale: ScaleStart::Constant(1.0) };
        let outputs = s.sample_from("outputs", prior, init)?;
        s.block("data", (self.rows, self.total), |s, batch| {
            let parameters = self.head.parameters(s, outputs, self.units)?;
            parameters.record(s)?;
            match &self.y {
                Some(y) => self.head.observe(s, &parameters, batch.shared_rows(y)),
                None => Ok(()),
            }
        })
    }
}

/// The parameters of all rows at points, each with the outputs of all rows and the coordinates of
/// the head.
pub(crate) fn parameters<H: Head>(
    head: &H,
    units: &Standardizer,
    rows: usize,
    points: Vec<f64>,
    draws: usize,
) -> Result<(Draws, Vec<String>)> {
    let model = HeadOnly::<H, f32> { head, units, rows, total: rows, y: None };
    let sampled = Sampled { points, stands: Stands::Guide, chains: 1, gradients: 0 };
    let posterior = Posterior::of_draws(model.clone(), sampled, 0, 0.0)?;
    let sites = posterior.layout().sites().iter().filter(|s| s.kind == SiteKind::Deterministic);
    let own = |name: &str| name.strip_prefix(PARAMETERS).is_some_and(|rest| rest.starts_with('.'));
    let names: Vec<String> = sites.filter(|s| own(&s.name)).map(|s| s.name.clone()).collect();
    let found = posterior.predict_sites(&model, draws, |name| names.iter().any(|n| n == name))?;
    Ok((found, names))
}
