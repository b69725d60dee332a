//! Outputs of a net and their derivatives by its weights, row by row.

use crate::error::Result;
use crate::heads::Head;
use crate::layers::Layer;
use crate::network::NetworkModel;
use probity_autodiff::parallel_map;
use probity_vi::ladder::Stands;
use probity_vi::{AnyTarget, LogJoint, Model, Part, Posterior, Sampled, Scope, Target};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of a piece of work.
const PIECE: usize = 32;

/// One output at one row as a term of a density: its value is the output, its gradient the
/// derivatives.
struct Probe<N, H> {
    model: NetworkModel<N, H, f32>,
    /// The row and the output.
    at: Arc<[AtomicUsize; 2]>,
}

impl<N, H: Clone> Clone for Probe<N, H> {
    fn clone(&self) -> Self {
        Self { model: self.model.clone(), at: self.at.clone() }
    }
}

impl<N: Layer<f32>, H: Head> Model<f32> for Probe<N, H> {
    fn run(&self, s: &mut Scope<'_, f32>) -> probity_vi::Result {
        let [row, output] = [0, 1].map(|i| self.at[i].load(Ordering::Relaxed));
        let network = self.model.network();
        let x = self.model.x();
        let fill = |to: &mut [f32]| to.iter_mut().zip(x.row(row).iter()).for_each(|(to, x)| *to = *x);
        let x = s.tape().constant_with(1, x.ncols(), fill);
        let outputs = network.net().forward(s, "net", x)?;
        // What the head samples is among the coordinates.
        network.head().parameters(s, outputs, &self.model.scales().y)?;
        s.factor("probe", outputs.cols(output..output + 1))
    }
}

/// All outputs, as a site.
struct Outputs<N, H>(NetworkModel<N, H, f32>);

impl<N: Layer<f32>, H: Head> Model<f32> for Outputs<N, H> {
    fn run(&self, s: &mut Scope<'_, f32>) -> probity_vi::Result {
        let (network, x) = (self.0.network(), s.data(self.0.x()));
        let outputs = network.net().forward(s, "net", x)?;
        network.head().parameters(s, outputs, &self.0.scales().y)?;
        s.deterministic("outputs", outputs)?;
        Ok(())
    }
}

/// The outputs at `u`, K for every row, one row after the other.
pub(crate) fn outputs_at<N: Layer<f32>, H: Head>(
    model: &NetworkModel<N, H, f32>,
    u: &[f64],
) -> Result<Vec<f64>> {
    let of = || Outputs(model.clone());
    let sampled = Sampled { points: u.to_vec(), stands: Stands::Guide, chains: 1, gradients: 0 };
    let found = Posterior::of_draws(of(), sampled, 0, 0.0)?.predict_sites(&of(), 1, |n| n == "outputs")?;
    Ok(found["outputs"].draw(0).transpose().as_slice().to_vec())
}

/// The outputs of rows and their derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Jacobians {
    /// The rows.
    pub rows: Range<usize>,
    /// K outputs for every row, one row after the other.
    pub outputs: Vec<f64>,
    /// The d derivatives of each of them, in the same order.
    pub derivatives: Vec<f64>,
}

/// The derivatives at `u` of all outputs at the inputs of the model, which are handed on in pieces
/// of rows, in their order.
pub(crate) fn visit<N: Layer<f32>, H: Head>(
    model: &NetworkModel<N, H, f32>,
    u: &[f64],
    visit: &mut dyn FnMut(Jacobians) -> Result,
) -> Result {
    let (n, d) = (model.x().nrows(), u.len());
    let outputs = model.network().head().outputs();
    let piece = |rows: Range<usize>| -> Result<Jacobians> {
        let at = Arc::new([AtomicUsize::new(rows.start), AtomicUsize::new(0)]);
        let probe = Probe { model: model.clone(), at: at.clone() };
        let mut target = AnyTarget::new(LogJoint::<_, f32>::new(probe)?.part(Part::Likelihood));
        let count = rows.len() * outputs;
        let mut found =
            Jacobians { rows: rows.clone(), outputs: vec![0.0; count], derivatives: vec![0.0; count * d] };
        let each = found.outputs.iter_mut().zip(found.derivatives.chunks_exact_mut(d));
        for (i, (output, derivatives)) in each.enumerate() {
            at[0].store(rows.start + i / outputs, Ordering::Relaxed);
            at[1].store(i % outputs, Ordering::Relaxed);
            *output = target.gradient(u, derivatives)?;
        }
        Ok(found)
    };
    // So many pieces at a time that their memory is bounded.
    let pieces: Vec<Range<usize>> = (0..n).step_by(PIECE).map(|a| a..(a + PIECE).min(n)).collect();
    for some in pieces.chunks(16) {
        for piece in parallel_map(some.len(), |i| piece(some[i].clone())) {
            visit(piece?)?;
        }
    }
    Ok(())
}
