//! A network with its data, as methods of inference see it.

use super::minibatch::NotInMemory;
use super::net::Net;
use super::probe::Jacobians;
use super::scales::NetScales;
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::heads::Head;
use crate::layers::Layer;
use crate::network::NetworkModel;
use crate::noise::Noise;
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_vi::{AnyTarget, Layout, LogJoint, Model, Part, SiteKind, Start, Target};
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A linear map among the layers of a net, by the coordinates of its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearMap {
    /// The name of the layer.
    pub name: String,
    /// Where the weights are, inputs × outputs, column by column.
    pub weight: Range<usize>,
    /// Where the biases are, if they are latent variables.
    pub bias: Option<Range<usize>>,
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
}

impl LinearMap {
    /// The coordinates of the weights with the biases as a last row: (inputs + 1) × outputs, column
    /// by column; without biases inputs × outputs.
    pub fn coordinates(&self) -> Vec<usize> {
        let column = |j: usize| {
            let start = self.weight.start + j * self.inputs;
            (start..start + self.inputs).chain(self.bias.as_ref().map(|b| b.start + j))
        };
        (0..self.outputs).flat_map(column).collect()
    }

    /// Rows of the matrix of [`coordinates`](LinearMap::coordinates).
    pub fn rows(&self) -> usize {
        self.inputs + usize::from(self.bias.is_some())
    }
}

/// A network with its data, whatever its layers and its head: what a
/// [`Method`](super::Method) works on. The weights, what the head samples and unknown scales of
/// priors are one flat vector of d unconstrained numbers, in the order of the
/// [`layout`](Problem::layout).
pub struct Problem<'a> {
    pub(super) net: Box<dyn Net + 'a>,
    layout: Layout,
    rows: usize,
    outputs: usize,
    scales: NetScales,
    /// Of a stream, the density on its minibatches, whose rows are fixed.
    streamed: Option<(usize, Mutex<AnyTarget<'a>>)>,
    densities: [Mutex<AnyTarget<'a>>; 3],
    head: usize,
}

impl fmt::Debug for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, rows, outputs, .. } = self;
        let f = &mut f.debug_struct("Problem");
        f.field("layout", layout).field("rows", rows).field("outputs", outputs).finish_non_exhaustive()
    }
}

impl<'a> Problem<'a> {
    /// The most rows that a step takes as a whole if nothing else is said.
    pub const WHOLE: usize = 2000;

    /// The rows of a step by minibatches if nothing else is said.
    pub const MINIBATCH: usize = 512;

    /// Of this model. Parameters without a prior that start at given numbers, such as learned
    /// scales and the gains of normalisation, stay there.
    ///
    /// # Errors
    /// If weights are without a prior, or what the model reports.
    pub fn new<N: Layer<f32> + 'a, H: Head + 'a>(model: &NetworkModel<N, H, f32>) -> Result<Self> {
        let joint = LogJoint::<_, f32>::new(model.clone())?;
        let layout = joint.layout().clone();
        // Learned scales of priors and gains stay where they start, as in chains; a weight whose
        // start is drawn cannot.
        let drawn = |start: &Start| matches!(start, Start::Normal(..) | Start::Uniform(..));
        let certain = |s: &&probity_vi::Site| s.kind == SiteKind::Param && drawn(&s.init.loc);
        if let Some(site) = layout.sites().iter().find(certain) {
            let problem = format!("{:?} has no prior, and no posterior can be found of it", site.name);
            return Err(Error::Network(problem));
        }
        let head = model.network().head();
        let outputs = head.outputs();
        let mut scales = NetScales::of(&layout, head.late_outputs(), outputs);
        let u = layout.start(Key::new(0).fold_in_str("priors"))?;
        let mut prior = AnyTarget::new(joint.clone().part(Part::Prior));
        if !scales.is_empty() {
            let mut gradient = vec![0.0; layout.dim()];
            prior.gradient(&u, &mut gradient)?;
            scales.keep_normal(&u, &gradient);
        }
        let likelihood = AnyTarget::new(joint.clone().part(Part::Likelihood));
        let of_net = layout.latent().filter(|s| s.name.starts_with("net."));
        let end = of_net.map(|s| s.offset + s.dim()).max().unwrap_or(0);
        Ok(Self {
            net: Box::new(model.clone()),
            rows: model.x().nrows(),
            outputs,
            scales,
            streamed: None,
            densities: [AnyTarget::new(joint), prior, likelihood].map(Mutex::new),
            head: end,
            layout,
        })
    }

    /// Of a stream of so many rows. `sample` is the network on some of them, which stand for all;
    /// steps take the rows that `batch` has at hand, and others once the key changes.
    ///
    /// # Errors
    /// As [`new`](Problem::new).
    pub(crate) fn of_stream<N: Layer<f32> + 'a, H: Head + 'a>(
        sample: &NetworkModel<N, H, f32>,
        total: usize,
        (minibatch, batch): (usize, impl Model<f32> + Clone + Send + 'a),
    ) -> Result<Self> {
        let mut problem = Self::new(sample)?;
        let target = AnyTarget::new(LogJoint::<_, f32>::new(batch)?);
        problem.streamed = Some((minibatch, Mutex::new(target)));
        problem.rows = total;
        let dim = problem.layout.dim();
        for which in [0, 2] {
            problem.densities[which] = Mutex::new(AnyTarget::new(NotInMemory(dim)));
        }
        Ok(problem)
    }

    /// Whether the data are a stream: steps take its minibatches, one step after the other. Inputs,
    /// targets, outputs and their derivatives are then those of a sample of its rows.
    pub fn is_streamed(&self) -> bool {
        self.streamed.is_some()
    }

    fn density(&self, which: usize) -> AnyTarget<'a> {
        self.densities[which].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log joint density, on all rows.
    pub fn target(&self) -> AnyTarget<'a> {
        self.density(0)
    }

    /// The rows of a step of [`by_minibatches`](Problem::by_minibatches).
    pub fn minibatch(&self, rows: Option<usize>) -> usize {
        let usual = if self.rows <= Self::WHOLE { self.rows } else { Self::MINIBATCH };
        match self.streamed {
            Some((rows, _)) => rows,
            None => rows.unwrap_or(usual).clamp(1, self.rows),
        }
    }

    /// The log joint density for steps by stochastic gradients: the likelihood of so many rows,
    /// each counted N / B times. [`Target::set_key`] deals the rows of a step; the same key has the
    /// same. Without a number, all rows of up to [`WHOLE`](Problem::WHOLE), and
    /// [`MINIBATCH`](Problem::MINIBATCH) of more. Of a stream, its own minibatches.
    ///
    /// # Errors
    /// What the model reports.
    pub fn by_minibatches(&self, rows: Option<usize>) -> Result<AnyTarget<'_>> {
        if let Some((_, batch)) = &self.streamed {
            return Ok(batch.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        match self.minibatch(rows) {
            all if all == self.rows => Ok(self.target()),
            rows => self.net.by_minibatches(rows),
        }
    }

    /// How many gradients on all rows so many on minibatches are, rounded up.
    pub(super) fn passes(&self, gradients: usize, rows: Option<usize>) -> usize {
        (gradients as f64 * self.minibatch(rows) as f64 / self.rows as f64).ceil() as usize
    }

    /// The rows that every row at hand stands for: 1, but for the sample of a stream.
    pub(super) fn weight(&self) -> f64 {
        self.rows as f64 / self.rows_at_hand() as f64
    }

    /// The rows of inputs, targets, outputs and derivatives.
    pub(super) fn rows_at_hand(&self) -> usize {
        self.net.rows()
    }

    /// The log density of the priors alone.
    pub fn prior(&self) -> AnyTarget<'a> {
        self.density(1)
    }

    /// The log likelihood alone.
    pub fn likelihood(&self) -> AnyTarget<'a> {
        self.density(2)
    }

    /// The model, for methods that fit any model.
    pub fn model(&self) -> &(dyn Model<f32> + Sync) {
        self.net.model()
    }

    /// The sites.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The number of coordinates, d.
    pub fn dim(&self) -> usize {
        self.layout.dim()
    }

    /// The rows of the data, N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The outputs of the net, K.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The inputs in the units of the net, rows × columns.
    pub fn inputs(&self) -> DMatrix<f64> {
        self.net.inputs()
    }

    /// The targets in the units of the head.
    pub fn targets(&self) -> DMatrix<f64> {
        self.net.targets()
    }

    /// The noise, if the head is Gaussian, and the standard deviation that is its unit.
    pub fn gaussian(&self) -> Option<(Noise, f64)> {
        self.net.gaussian()
    }

    /// The activation between the linear maps, if the net is nothing but these.
    pub fn perceptron(&self) -> Option<Activation> {
        self.net.perceptron()
    }

    /// Whether the net has random numbers of its own in predictions, such as masks of dropout.
    pub fn is_random(&self) -> bool {
        self.net.is_random()
    }

    /// Unknown scales of priors.
    pub fn scales(&self) -> &NetScales {
        &self.scales
    }

    /// The coordinates of the weights: those of the net that are no scales.
    pub fn weights(&self) -> Vec<usize> {
        self.without_scales(0..self.head)
    }

    /// The coordinates that the head samples, such as the noise.
    pub fn head(&self) -> Range<usize> {
        self.head..self.dim()
    }

    /// All coordinates that are no scales of priors.
    pub fn free(&self) -> Vec<usize> {
        self.without_scales(0..self.dim())
    }

    fn without_scales(&self, all: Range<usize>) -> Vec<usize> {
        let mut scale = vec![false; self.dim()];
        self.scales.coordinates().for_each(|i| scale[i] = true);
        all.filter(|i| !scale[*i]).collect()
    }

    /// The linear maps of the net, in the order of its layers.
    pub fn linear_maps(&self) -> Vec<LinearMap> {
        let mut maps = Vec::new();
        for site in self.layout.latent().filter(|s| s.offset < self.head) {
            let Some(name) = site.name.strip_suffix(".weight") else { continue };
            let bias = self.layout.site(&format!("{name}.bias"));
            let bias = bias.filter(|b| b.kind == SiteKind::Latent && b.shape == (1, site.shape.1));
            maps.push(LinearMap {
                name: name.to_owned(),
                weight: site.offset..site.offset + site.dim(),
                bias: bias.map(|b| b.offset..b.offset + b.dim()),
                inputs: site.shape.0,
                outputs: site.shape.1,
            });
        }
        maps
    }

    /// The linear map whose outputs are those of the net, if there is one.
    ///
    /// # Errors
    /// If the last weights of the net are not those of a linear map with its outputs.
    pub fn last_map(&self) -> Result<LinearMap> {
        let last = self.linear_maps().pop().filter(|map| {
            let end = map.bias.as_ref().map_or(0, |b| b.end).max(map.weight.end);
            map.outputs == self.outputs && self.weights().last().is_some_and(|w| *w < end)
        });
        last.ok_or_else(|| Error::Network("its last layer is not a linear map with priors".into()))
    }

    /// A start of an ascent.
    ///
    /// # Errors
    /// If a site's start does not fit its shape.
    pub fn start(&self, key: Key) -> Result<Vec<f64>> {
        Ok(self.layout.start(key)?)
    }

    /// The precision of the prior of every coordinate that is no scale, at `u`: minus the second
    /// derivative of its log density, where that is positive.
    ///
    /// # Errors
    /// What the model reports.
    pub fn prior_precisions(&self, u: &[f64]) -> Result<Vec<f64>> {
        const STEP: f64 = 0.1;
        let mut prior = self.prior();
        let mut side = |step: f64| -> Result<Vec<f64>> {
            let (mut at, mut gradient) = (u.to_vec(), vec![0.0; u.len()]);
            self.free().into_iter().for_each(|i| at[i] += step);
            prior.gradient(&at, &mut gradient)?;
            Ok(gradient)
        };
        // Entries are independent given the scales: all move at once.
        let (up, down) = (side(STEP)?, side(-STEP)?);
        let mut precisions: Vec<f64> =
            up.iter().zip(&down).map(|(a, b)| ((b - a) / (2.0 * STEP)).max(0.0)).collect();
        self.scales.precisions(u, &mut precisions);
        Ok(precisions)
    }

    /// The outputs at the rows of the data, K for every row, one row after the other.
    ///
    /// # Errors
    /// What the model reports.
    pub fn outputs_at(&self, u: &[f64]) -> Result<Vec<f64>> {
        self.net.outputs_at(u)
    }

    /// The outputs at the rows of the data and their derivatives at `u`, handed on in pieces of
    /// rows in their order.
    ///
    /// # Errors
    /// What the model or `f` reports.
    pub fn visit_jacobians(&self, u: &[f64], mut f: impl FnMut(Jacobians) -> Result) -> Result {
        self.net.visit(u, &mut f)
    }
}
