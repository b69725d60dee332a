//! Flows: a Gaussian that is bent by a chain of smooth one-to-one maps.

use super::LN_ROOT_TAU;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Guide, GuideStart, ScaleForm, Segments};
use crate::layout::Layout;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{ParamId, Params, Scalar, Tape, Terms, Var, formula};
use probity_distributions::bijectors::{Bijector, Coupling, InverseAutoregressive, Planar};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A layer of a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FlowLayer {
    /// Rows are stretched or compressed along one direction.
    Planar,
    /// The first half of the numbers scales and shifts the others, by a network of so many hidden
    /// units.
    Coupling(usize),
    /// Every number is scaled and shifted by those before it, by a network of so many hidden units.
    InverseAutoregressive(usize),
}

/// `u = loc + scale ∘ f(z)` with z standard normal and f a chain of layers, between which the order
/// of the numbers is reversed. Its log density is exact.
///
/// Layers begin as the identity, so that the flow begins as a mean field. It can be bent, skewed
/// and many-peaked, and is fitted by steps along stochastic gradients: give it many, and some
/// draws.
///
/// ```
/// use probity_vi::{Flow, Guide};
///
/// let flow = Flow::new().coupling(4, 16).planar(2);
/// assert_eq!(Guide::<f64>::name(&flow), "flow of 4 couplings (16), 2 planar");
/// ```
///
/// *Source*: Rezende, Mohamed 2015, "Variational inference with normalizing flows"; the layers name
/// theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    layers: Vec<FlowLayer>,
}

impl Flow {
    /// Without layers: a mean field.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this layer after the others.
    pub fn layer(mut self, layer: FlowLayer) -> Self {
        self.layers.push(layer);
        self
    }

    fn layers(mut self, layer: FlowLayer, n: usize) -> Self {
        self.layers.extend((0..n).map(|_| layer));
        self
    }

    /// With so many planar layers.
    pub fn planar(self, layers: usize) -> Self {
        self.layers(FlowLayer::Planar, layers)
    }

    /// With so many couplings, of networks with so many hidden units. Two of them move all numbers.
    pub fn coupling(self, layers: usize, hidden: usize) -> Self {
        self.layers(FlowLayer::Coupling(hidden), layers)
    }

    /// With so many inverse autoregressive layers, of networks with so many hidden units.
    pub fn inverse_autoregressive(self, layers: usize, hidden: usize) -> Self {
        self.layers(FlowLayer::InverseAutoregressive(hidden), layers)
    }
}

impl FlowLayer {
    fn name(self) -> String {
        match self {
            FlowLayer::Planar => "planar".into(),
            FlowLayer::Coupling(hidden) => format!("couplings ({hidden})"),
            FlowLayer::InverseAutoregressive(hidden) => format!("inverse autoregressive ({hidden})"),
        }
    }

    fn has_network(self) -> bool {
        !matches!(self, FlowLayer::Planar)
    }

    /// The length of a step of its numbers. A network that takes longer ones at once saturates, and
    /// does not come back.
    fn unit(self) -> f64 {
        match self {
            FlowLayer::Planar => 1.0,
            FlowLayer::Coupling(_) | FlowLayer::InverseAutoregressive(_) => 0.1,
        }
    }

    /// How many numbers a layer has on rows of `d` columns.
    fn parameters(self, d: usize) -> usize {
        match self {
            FlowLayer::Planar => 2 * d + 1,
            FlowLayer::Coupling(hidden) => Coupling::<Var<'_, f64>>::parameters(d, hidden),
            FlowLayer::InverseAutoregressive(hidden) => {
                InverseAutoregressive::<Var<'_, f64>>::parameters(d, hidden)
            }
        }
    }

    /// The identity, from which every parameter has a gradient after a step: the first layer of a
    /// network, or the weight of a planar layer, is random, and what follows it 0.
    fn start(self, d: usize, start: GuideStart, index: usize) -> Vec<f64> {
        let mut numbers = vec![0.0; self.parameters(d)];
        let (random, scale) = match self {
            FlowLayer::Planar => (d..2 * d, 1.0 / (d as f64).sqrt()),
            FlowLayer::Coupling(hidden) => (0..d / 2 * hidden, 1.0 / (d as f64 / 2.0).sqrt()),
            FlowLayer::InverseAutoregressive(hidden) => (0..d * hidden, 1.0 / (d as f64).sqrt()),
        };
        let part = &mut numbers[random];
        fill_normal(start.key().fold_in_str("layer").fold_in(index as u64), 0, part);
        part.iter_mut().for_each(|x| *x *= scale);
        numbers
    }

    fn on<'t, T: Scalar>(self, tape: &'t Tape<T>, row: Var<'t, T>, d: usize) -> Layer<'t, T> {
        match self {
            FlowLayer::Planar => {
                Layer::Planar(Planar::new(row.cols(0..d), row.cols(d..2 * d), row.cols(2 * d..2 * d + 1)))
            }
            FlowLayer::Coupling(hidden) => Layer::Coupling(Coupling::from_row(row, d, hidden)),
            FlowLayer::InverseAutoregressive(hidden) => {
                Layer::InverseAutoregressive(InverseAutoregressive::from_row(tape, row, d, hidden))
            }
        }
    }
}

impl<T: Scalar> Guide<T> for Flow {
    fn name(&self) -> String {
        let mut runs: Vec<(FlowLayer, usize)> = Vec::new();
        for layer in &self.layers {
            match runs.last_mut() {
                Some((last, n)) if last == layer => *n += 1,
                _ => runs.push((*layer, 1)),
            }
        }
        let runs: Vec<_> = runs.into_iter().map(|(layer, n)| format!("{n} {}", layer.name())).collect();
        format!("flow of {}", if runs.is_empty() { "no layers".into() } else { runs.join(", ") })
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let (start, dim) = (segments.start(), layout.dim());
        if dim < 2 && self.layers.iter().any(|layer| layer.has_network()) {
            let problem =
                "layers of networks need at least two numbers; one number takes planar layers".to_owned();
            return Err(Error::Setting { setting: "flow", problem });
        }
        let form = ScaleForm::Softplus;
        let loc = segments.add("flow.loc", (dim, 1), || start.means(layout))?;
        let rho = || start.sds(layout).into_iter().map(|sd| form.rho(sd)).collect();
        let rho = segments.add("flow.rho", (dim, 1), || Ok(rho()))?;
        let mut layers = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            let (name, shape) = (format!("flow.{i}"), (1, layer.parameters(dim)));
            layers.push((*layer, segments.add(name, shape, || Ok(layer.start(dim, start, i)))?));
        }
        let reverse = (0..dim).rev().collect();
        Ok(Box::new(BoundFlow { form, dim, loc, rho, layers, reverse }))
    }
}

#[derive(Debug)]
struct BoundFlow {
    form: ScaleForm,
    dim: usize,
    loc: ParamId,
    rho: ParamId,
    layers: Vec<(FlowLayer, ParamId)>,
    reverse: Arc<[usize]>,
}

/// A layer on a tape.
#[derive(Clone, Copy, Debug)]
enum Layer<'t, T: Scalar> {
    Planar(Planar<Var<'t, T>>),
    Coupling(Coupling<Var<'t, T>>),
    InverseAutoregressive(InverseAutoregressive<Var<'t, T>>),
}

impl<'t, T: Scalar> Layer<'t, T> {
    /// What a row becomes, and the log-determinant.
    fn forward(&self, x: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        match self {
            Layer::Planar(layer) => (layer.forward(x), layer.log_det(x, Terms::Sum)),
            Layer::Coupling(layer) => (layer.forward(x), layer.log_det(x, Terms::Sum)),
            Layer::InverseAutoregressive(layer) => (layer.forward(x), layer.log_det(x, Terms::Sum)),
        }
    }

    /// The row that becomes `x`, and the log-determinant there.
    fn inverse(&self, x: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
        fn of<'t, T: Scalar>(layer: &impl Bijector<Var<'t, T>>, x: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
            let from = layer.inverse(x);
            (from, layer.log_det(from, Terms::Sum))
        }
        match self {
            Layer::Planar(layer) => of(layer, x),
            Layer::Coupling(layer) => of(layer, x),
            Layer::InverseAutoregressive(layer) => of(layer, x),
        }
    }
}

impl BoundFlow {
    fn layer<'t, T: Scalar>(&self, tape: &'t Tape<T>, params: &Params<T>, i: usize) -> Layer<'t, T> {
        let (layer, id) = self.layers[i];
        layer.on(tape, tape.param(params, id), self.dim)
    }

    /// A row in the reverse order.
    fn reversed<'t, T: Scalar>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if self.dim < 2 {
            return x;
        }
        x.reshape(self.dim, 1).gather_rows(self.reverse.clone()).reshape(1, self.dim)
    }

    /// The log density of what a standard normal row becomes.
    fn log_density<'t, T: Scalar>(
        &self,
        z: Var<'t, T>,
        scale: Var<'t, T>,
        log_dets: impl Iterator<Item = Var<'t, T>>,
    ) -> Var<'t, T> {
        let squares = Var::map_sum(formula!(|z| z * z), [z]);
        let scales = Var::map_sum(formula!(|scale| scale.ln()), [scale]);
        let constant = Var::from(-LN_ROOT_TAU * self.dim as f64);
        let base = [(squares, -0.5), (scales, -1.0), (constant, 1.0)];
        Var::linear_combination(base.into_iter().chain(log_dets.map(|l| (l, -1.0))))
    }
}

impl<T: Scalar> BoundGuide<T> for BoundFlow {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let z = at.standard_normal(self.dim, at.key).reshape(1, self.dim);
        let (mut x, mut log_dets) = (z, Vec::with_capacity(self.layers.len()));
        for i in 0..self.layers.len() {
            if i > 0 {
                x = self.reversed(x);
            }
            let (next, log_det) = self.layer(at.tape, at.params, i).forward(x);
            x = next;
            log_dets.push(log_det);
        }
        let [loc, rho] = [self.loc, self.rho].map(|id| at.tape.param(at.params, id));
        let scale = self.form.scale(rho);
        let u = loc + scale * x.reshape(self.dim, 1);
        Ok(Draw::joint(u, self.log_density(z, scale, log_dets.into_iter())))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        let [loc, rho] = [self.loc, self.rho].map(|id| tape.param(params, id));
        let scale = self.form.scale(rho);
        let mut x = ((u - loc) / scale).reshape(1, self.dim);
        let mut log_dets = Vec::with_capacity(self.layers.len());
        for i in (0..self.layers.len()).rev() {
            let (from, log_det) = self.layer(tape, params, i).inverse(x);
            x = if i > 0 { self.reversed(from) } else { from };
            log_dets.push(log_det);
        }
        Ok(Some(self.log_density(x, scale, log_dets.into_iter())))
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        let [loc, rho] = [self.loc, self.rho].map(|id| params.segment(id).range());
        for (l, r) in loc.zip(rho) {
            (units[l], units[r]) = self.form.scale_and_unit(params.as_slice()[r].to_f64());
        }
        for (layer, id) in &self.layers {
            units[params.segment(*id).range()].fill(layer.unit());
        }
    }

    fn fixed_units(&self) -> Vec<ParamId> {
        let networks = self.layers.iter().filter(|(layer, _)| layer.has_network());
        networks.map(|(_, id)| *id).collect()
    }

    fn scale_params(&self) -> Vec<ParamId> {
        vec![self.rho]
    }
}
