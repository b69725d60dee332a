//! Layers: plain descriptions whose weights are sampled, so that any prior makes them Bayesian.

mod conv1d;
mod conv2d;
mod dropout;
mod embedding;
mod grid;
mod gru;
mod layer;
mod layer_norm;
mod linear;
mod lstm;
mod mlp;
mod patches;
mod pool;
mod recurrent;
mod residual;
mod sequential;
mod weights;

pub use conv1d::Conv1d;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use grid::{Grid, Sequence};
pub use gru::{Gru, GruCell};
pub use layer::Layer;
pub use layer_norm::LayerNorm;
pub use linear::{Linear, WeightInit};
pub use lstm::{Lstm, LstmCell};
pub use mlp::Mlp;
pub use pool::{Pool1d, Pool2d};
pub use recurrent::{Cell, Recurrent};
pub use residual::Residual;
pub use sequential::Sequential;

use std::borrow::Cow;

/// The name of layer number `i`; the first ones need no memory.
#[inline]
fn index_name(i: usize) -> Cow<'static, str> {
    const NAMES: [&str; 16] =
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];
    NAMES.get(i).map_or_else(|| Cow::Owned(i.to_string()), |name| Cow::Borrowed(*name))
}
