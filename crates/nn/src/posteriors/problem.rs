//! A network with its data, as methods of inference see it.

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
    net: Box<dyn Net + 'a>,
    layout: Layout,
    rows: usize,
    outputs: usize,
    scales: NetScales,
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
    /// Of this model. Parameters without a prior that start at given numbers, such as learned scales
    /// and the gains of normalisation, stay there.
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
            densities: [AnyTarget::new(joint), prior, likelihood].map(Mutex::new),
            head: end,
            layout,
        })
    }

    fn density(&self, which: usize) -> AnyTarget<'a> {
        self.densities[which].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log joint density, on all rows.
    pub fn target(&self) -> AnyTarget<'a> {
        self.density(0)
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

    /// The rows of the data.
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

    /// The outputs at the rows of the data and their derivatives at `u`, handed on in pieces of rows
    /// in their order.
    ///
    /// # Errors
    /// What the model or `f` reports.
    pub fn visit_jacobians(&self, u: &[f64], mut f: impl FnMut(Jacobians) -> Result) -> Result {
        self.net.visit(u, &mut f)
    }

    /// For every row, minus the expected second derivative of its log likelihood by the K outputs,
    /// which is the Fisher information of the head there; n × K given row by row. Where the second
    /// derivative does not depend on the target, as with Gaussian noise or logits of classes, it is
    /// exact; else it is the mean over 64 targets that are drawn from the head. Every matrix is
    /// positive semi-definite.
    ///
    /// # Errors
    /// What the model reports.
    pub fn information(&self, outputs: &[f64], u: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        const DRAWS: usize = 64;
        let (n, k) = (self.rows, self.outputs);
        let by_column: Vec<f64> = (0..n * k).map(|i| outputs[i % n * k + i / n]).collect();
        let point: Vec<f64> = by_column.into_iter().chain(u[self.head()].iter().copied()).collect();
        let observed = self.curvature(None, &point)?;
        let drawn = self.net.simulate(&point, Key::new(0).fold_in_str("information"), DRAWS)?;
        let drawn: Option<Vec<DMatrix<f64>>> = drawn.into_iter().collect();
        let mut mean = observed.clone();
        if let Some(drawn) = drawn {
            let first = self.curvature(Some(drawn[0].clone()), &point)?;
            let size = observed.iter().map(DMatrix::amax).fold(0.0, f64::max);
            let differ = observed.iter().zip(&first).any(|(a, b)| (a - b).amax() > 1e-5 * size);
            if differ {
                mean = first;
                for y in &drawn[1..] {
                    let more = self.curvature(Some(y.clone()), &point)?;
                    mean.iter_mut().zip(more).for_each(|(m, x)| *m += x);
                }
                mean.iter_mut().for_each(|m| *m /= DRAWS as f64);
            }
        }
        Ok(mean.into_iter().map(positive).collect())
    }

    /// Minus the second derivatives by the outputs of every row, at these targets or the observed.
    fn curvature(&self, y: Option<DMatrix<f64>>, point: &[f64]) -> Result<Vec<DMatrix<f64>>> {
        const STEP: f64 = 1e-4;
        let (n, k) = (self.rows, self.outputs);
        let mut density = self.net.head_density(y, Part::Likelihood)?;
        let mut found = vec![DMatrix::zeros(k, k); n];
        let mut gradients = [vec![0.0; point.len()], vec![0.0; point.len()]];
        for j in 0..k {
            // Rows are independent: all move at once.
            for (gradient, step) in gradients.iter_mut().zip([STEP, -STEP]) {
                let mut at = point.to_vec();
                at[j * n..(j + 1) * n].iter_mut().for_each(|x| *x += step);
                density.gradient(&at, gradient)?;
            }
            for (row, found) in found.iter_mut().enumerate() {
                for i in 0..k {
                    let change = gradients[1][i * n + row] - gradients[0][i * n + row];
                    found[(i, j)] = change / (2.0 * STEP);
                }
            }
        }
        Ok(found)
    }

    /// Minus the second derivatives of the log joint density by the coordinates of the head, at the
    /// outputs of all rows (n × K row by row) and `u`.
    ///
    /// # Errors
    /// What the model reports.
    pub fn head_curvature(&self, outputs: &[f64], u: &[f64]) -> Result<DMatrix<f64>> {
        const STEP: f64 = 1e-4;
        let (n, k, q) = (self.rows, self.outputs, self.head().len());
        let by_column: Vec<f64> = (0..n * k).map(|i| outputs[i % n * k + i / n]).collect();
        let point: Vec<f64> = by_column.into_iter().chain(u[self.head()].iter().copied()).collect();
        let mut found = DMatrix::zeros(q, q);
        if q == 0 {
            return Ok(found);
        }
        let mut density = self.net.head_density(None, Part::Joint)?;
        for j in 0..q {
            let mut side = |step: f64| -> Result<Vec<f64>> {
                let (mut at, mut gradient) = (point.clone(), vec![0.0; point.len()]);
                at[n * k + j] += step;
                density.gradient(&at, &mut gradient)?;
                Ok(gradient)
            };
            let (up, down) = (side(STEP)?, side(-STEP)?);
            (0..q).for_each(|i| found[(i, j)] = (down[n * k + i] - up[n * k + i]) / (2.0 * STEP));
        }
        Ok(positive(found))
    }
}

/// The nearest symmetric matrix without negative eigenvalues.
pub(super) fn positive(m: DMatrix<f64>) -> DMatrix<f64> {
    let symmetric = (&m + m.transpose()) * 0.5;
    if symmetric.nrows() <= 1 {
        return symmetric.map(|x| x.max(0.0));
    }
    let mut eigen = symmetric.clone().symmetric_eigen();
    if eigen.eigenvalues.iter().all(|x| *x >= 0.0) {
        return symmetric;
    }
    eigen.eigenvalues.iter_mut().for_each(|x| *x = x.max(0.0));
    eigen.recompose()
}
