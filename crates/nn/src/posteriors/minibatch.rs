//! Densities of a part of the rows, for steps by minibatches.

use crate::heads::Head;
use crate::layers::Layer;
use crate::network::NetworkModel;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::uniform_at;
use probity_vi::{Model, Scope, Target};
use std::sync::Arc;

/// A network of which every run takes so many of the N rows, which the run's key deals: one from
/// each of B equal parts of the data, so that every row is as likely as any other, and rows of
/// every part are there.
pub(super) struct Dealt<N, H> {
    model: NetworkModel<N, H, f32>,
    /// Inputs and targets, a row of the data a column: the numbers of a row lie together.
    by_row: [Arc<DMatrix<f32>>; 2],
    rows: usize,
}

impl<N, H: Clone> Clone for Dealt<N, H> {
    fn clone(&self) -> Self {
        Self { model: self.model.clone(), by_row: self.by_row.clone(), rows: self.rows }
    }
}

impl<N, H: Head> Dealt<N, H> {
    pub(super) fn new(model: &NetworkModel<N, H, f32>, rows: usize) -> Self {
        let by_row = [model.x(), model.y()].map(|table| Arc::new(table.transpose()));
        Self { model: model.clone(), by_row, rows }
    }
}

impl<N: Layer<f32>, H: Head> Model<f32> for Dealt<N, H> {
    fn run(&self, s: &mut Scope<'_, f32>) -> probity_vi::Result {
        let (n, rows, key) = (self.by_row[0].ncols(), self.rows, s.random("minibatch"));
        let part = n as f64 / rows as f64;
        let row = |i: usize| ((part * (i as f64 + uniform_at::<f64>(key, i as u64))) as usize).min(n - 1);
        s.block("data", (rows, n), |s, _| {
            let [x, y] = self.by_row.each_ref().map(|table| {
                s.tape().constant_with(rows, table.nrows(), |to| {
                    for i in 0..rows {
                        let numbers = table.column(row(i));
                        let entries = to[i..].iter_mut().step_by(rows);
                        entries.zip(numbers.iter()).for_each(|(to, x)| *to = *x);
                    }
                })
            });
            self.model.observed(s, x, y)
        })
    }
}

/// The density of data that are not in memory as a whole.
#[derive(Clone, Debug)]
pub(super) struct NotInMemory(pub(super) usize);

impl Target for NotInMemory {
    fn dim(&self) -> usize {
        self.0
    }

    fn gradient(&mut self, _: &[f64], _: &mut [f64]) -> probity_vi::Result<f64> {
        let problem = "the method takes all rows in every step, and they are not in memory".into();
        Err(probity_vi::Error::Setting { setting: "stream", problem })
    }
}
