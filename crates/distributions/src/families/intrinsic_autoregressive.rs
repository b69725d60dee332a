//! Intrinsic autoregressive distribution of the nodes of a connected graph.
//!
//! Elsewhere: PyMC.

use super::normal::HALF_LN_TAU;
use super::{Normal, infinite, positive_or_nan};
use crate::distribution::{Distribution, Entropy, Event, Moments, Reparameterized, Sample};
use crate::error::{ParameterError, positive};
use crate::graph::Graph;
use crate::kl::{KlDivergence, KlMethod};
use crate::support::Support;
use probity_autodiff::{Arg, Axis, Key, Scalar, Tape, Terms, Value, Var, formula};

/// `p(x) ∝ exp(-½ Σ w (xᵢ - xⱼ)² / scale²)` over the edges of a connected graph, on rows that sum
/// to 0: neighbours are alike, and the overall level is another parameter's. On that plane it is a
/// proper distribution, with its constant.
///
/// *Event*: row; the density is that on the plane, by its length and width. *Parameters*: a
/// connected [`Graph`], `scale > 0` (1 × 1). As latent variable: n - 1 unconstrained numbers.
///
/// Source: Besag, York and Mollié 1991, "Bayesian image restoration, with two applications in
/// spatial statistics"; the constant by the eigenvalues of the Laplacian.
#[derive(Clone, Copy, Debug)]
pub struct IntrinsicAutoregressive<V> {
    scale: V,
    weights: V,
    degrees: V,
    root: V,
    half_log_det: f64,
}

impl<'t, T: Scalar> IntrinsicAutoregressive<Var<'t, T>> {
    /// On this graph, with this scale of the differences between neighbours. The graph's matrices
    /// are put on the tape without a copy. Bad parameters include a graph that is not connected:
    /// there is a level for every part then.
    pub fn new(tape: &'t Tape<T>, graph: &Graph<T>, scale: impl Into<Var<'t, T>>) -> Self {
        let [weights, degrees, root] = [&graph.weights, &graph.degrees, &graph.root].map(|m| tape.share(m));
        let half_log_det = if graph.parts() == 1 { graph.half_log_det } else { f64::NAN };
        Self { scale: scale.into(), weights, degrees, root, half_log_det }
    }

    /// The dimension of the plane.
    fn free(&self) -> f64 {
        self.root.ncols() as f64
    }
}

impl<'t, T: Scalar> Distribution<Var<'t, T>> for IntrinsicAutoregressive<Var<'t, T>> {
    const NAME: &'static str = "IntrinsicAutoregressive";

    fn event(&self) -> Event {
        Event::Row
    }
    fn support(&self) -> Support<Var<'t, T>> {
        Support::zero_sum()
    }
    fn shape(&self) -> (usize, usize) {
        (1, self.degrees.ncols())
    }
    fn check(&self) -> Result<(), ParameterError> {
        let parts = self.degrees.ncols() - self.root.ncols();
        if parts != 1 {
            let (want, got) = ("connected, of one part", parts as f64);
            return Err(ParameterError { family: Self::NAME, parameter: "graph", want, got });
        }
        positive(Self::NAME, "scale", self.scale)
    }
    /// `-∞` for rows whose sum is not 0 within 1e-5 of their size.
    #[track_caller]
    fn log_prob_terms(&self, x: Var<'t, T>, terms: Terms) -> Var<'t, T> {
        let finite = Var::map(formula!(|x| if infinite(x) { R::zero() } else { x }), [x]);
        let square = formula!(|x, degree, neighbours| x * (degree * x - neighbours));
        let squares =
            Var::map(square, [finite, self.degrees, finite.matmul(self.weights)]).sum_axis(Axis::Cols);
        let (sum, size) = (x.detach().sum_axis(Axis::Cols), x.detach().abs().sum_axis(Axis::Cols));
        let f = formula!(|squares, s, sum, size, free, half_log_det| {
            let s = positive_or_nan(s);
            let inside = squares / s / s * -0.5 + half_log_det - (s.ln() + HALF_LN_TAU) * free;
            let off = sum.abs() > size * 1e-5 || size == f64::INFINITY;
            if off { R::of(((s + half_log_det) * 0.0).re() - f64::INFINITY) } else { inside }
        });
        let constants = [Var::from(self.free()), Var::from(self.half_log_det)];
        Var::apply_as(terms, f, [squares, self.scale, sum, size, constants[0], constants[1]])
    }
    fn try_sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Option<Var<'t, T>> {
        Some(self.sample_shaped(tape, key, least))
    }
}

impl<'t, T: Scalar> Sample<Var<'t, T>> for IntrinsicAutoregressive<Var<'t, T>> {
    fn sample_shaped(&self, tape: &'t Tape<T>, key: Key, least: (usize, usize)) -> Var<'t, T> {
        let shape = (least.0.max(1), self.root.ncols());
        let z = tape.map_noise(formula!(|z| z), [Arg::Normal(key)], shape);
        let f = formula!(|s, half_log_det| positive_or_nan(s) + half_log_det * 0.0);
        z.matmul_tr(self.root) * Var::map(f, [self.scale, Var::from(self.half_log_det)])
    }
}
impl<'t, T: Scalar> Reparameterized<Var<'t, T>> for IntrinsicAutoregressive<Var<'t, T>> {}

impl<'t, T: Scalar> Moments<Var<'t, T>> for IntrinsicAutoregressive<Var<'t, T>> {
    fn mean(&self) -> Var<'t, T> {
        let f = formula!(|s, degree, half| (positive_or_nan(s) + degree + half) * 0.0);
        Var::map(f, [self.scale, self.degrees, Var::from(self.half_log_det)])
    }
    fn variance(&self) -> Var<'t, T> {
        let f = formula!(|square, s, half| square * positive_or_nan(s).sq() + half * 0.0);
        let squares = self.root.sq().sum_axis(Axis::Cols).transpose();
        Var::map(f, [squares, self.scale, Var::from(self.half_log_det)])
    }
}

impl<'t, T: Scalar> Entropy<Var<'t, T>> for IntrinsicAutoregressive<Var<'t, T>> {
    fn entropy(&self) -> Var<'t, T> {
        let f = formula!(|s, free, half| (positive_or_nan(s).ln() + (HALF_LN_TAU + 0.5)) * free - half);
        Var::map(f, [self.scale, Var::from(self.free()), Var::from(self.half_log_det)])
    }
}

/// For the same graph: that of one Normal number for every dimension of the plane.
impl<'t, T: Scalar> KlDivergence<IntrinsicAutoregressive<Var<'t, T>>>
    for IntrinsicAutoregressive<Var<'t, T>>
{
    type Value = Var<'t, T>;
    const METHOD: KlMethod = KlMethod::Closed;
    /// # Panics
    /// If the graphs differ in their number of nodes, or in the determinant of their Laplacian.
    #[track_caller]
    fn kl_terms(&self, p: &IntrinsicAutoregressive<Var<'t, T>>, terms: Terms) -> Var<'t, T> {
        let same = self.root.shape() == p.root.shape() && self.half_log_det == p.half_log_det;
        assert!(same, "IntrinsicAutoregressive: a divergence between different graphs");
        let normal = |scale| Normal { loc: Var::from(0.0), scale };
        normal(self.scale).kl_terms(&normal(p.scale), terms) * self.free()
    }
}

crate::laws::matrix_family!(IntrinsicAutoregressive<f64> { scale }
    |tape, p| IntrinsicAutoregressive: IntrinsicAutoregressive::new(tape, &crate::Graph::line(4), p[0]),
    [[[0.7]]]
);
