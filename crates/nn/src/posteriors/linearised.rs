//! Predictions of a net whose outputs are linear in its weights.

use super::head_only::parameters;
use super::probe::visit;
use crate::error::Result;
use crate::heads::Head;
use crate::layers::Layer;
use crate::network::{NetworkModel, append};
use crate::prediction::Prediction;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::Draws;

/// The parameters of the head at the inputs of the model, by `draws` of the points, d numbers each,
/// with the outputs `f(u₀) + J (u - u₀)`; and the names of their sites.
///
/// *Source*: Immer, Korzepa, Bauer 2021, "Improving predictions of Bayesian neural nets via local
/// linearization".
pub(crate) fn linearised_sites<N: Layer<f32>, H: Head>(
    model: &NetworkModel<N, H, f32>,
    at: &[f64],
    points: &[f64],
    draws: usize,
) -> Result<(Draws, Vec<String>)> {
    let (d, n, k) = (at.len(), model.x().nrows(), model.network().head().outputs());
    let count = points.len() / d;
    // Differences from the point of expansion, a column for every draw.
    let moves = DMatrix::from_fn(d, draws, |i, s| points[s % count * d + i] - at[i]);
    let head = head_coordinates(model, d)?;
    let width = n * k + d - head;
    let mut all = vec![0.0; draws * width];
    for (s, point) in all.chunks_exact_mut(width).enumerate() {
        point[n * k..].copy_from_slice(&points[s % count * d + head..(s % count + 1) * d]);
    }
    visit(model, at, &mut |piece| {
        let rows = piece.outputs.len();
        // Row by row in memory, so transposed as a matrix.
        let jacobians = DMatrix::from_column_slice(d, rows, &piece.derivatives);
        let change = jacobians.tr_mul(&moves);
        for (i, output) in piece.outputs.iter().enumerate() {
            let place = i % k * n + piece.rows.start + i / k;
            (0..draws).for_each(|s| all[s * width + place] = output + change[(i, s)]);
        }
        Ok(())
    })?;
    parameters(model.network().head(), &model.scales().y, n, all, draws)
}

/// Predictions by the [same](linearised_sites).
pub(crate) fn linearised<N: Layer<f32>, H: Head>(
    model: &NetworkModel<N, H, f32>,
    at: &[f64],
    points: &[f64],
    draws: usize,
) -> Result<Prediction<H::Row>> {
    let (found, names) = linearised_sites(model, at, points, draws)?;
    let (head, units, n) = (model.network().head(), &model.scales().y, model.x().nrows());
    let mut rows = Vec::with_capacity(draws * n);
    let mut of_row = Vec::new();
    for input in 0..n {
        for draw in 0..draws {
            of_row.clear();
            names.iter().for_each(|name| append(&found, name, (input, draw), &mut of_row));
            rows.push(head.row(&of_row, units));
        }
    }
    Ok(Prediction::new(rows, draws)?)
}

/// Where the coordinates of the head begin.
fn head_coordinates<N: Layer<f32>, H: Head>(model: &NetworkModel<N, H, f32>, d: usize) -> Result<usize> {
    let joint = probity_vi::LogJoint::<_, f32>::new(model.clone())?;
    let of_net = joint.layout().latent().filter(|s| s.name.starts_with("net."));
    Ok(of_net.map(|s| s.offset + s.dim()).max().unwrap_or(0).min(d))
}
