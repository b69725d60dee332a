//! Networks of any layers with any head: description, fit, prediction.

mod fitted;
mod stream;

pub use fitted::FittedNetwork;
use fitted::compared;
pub(crate) use fitted::{append, default_draws};
pub use stream::RowStream;

use crate::data::{check_rows, standardized};
use crate::error::{Error, Result};
use crate::heads::Head;
use crate::layers::Layer;
use crate::posteriors::{Method, Problem, inferred};
use crate::prediction::matrix;
use crate::regression::{Regression, Scales};
use crate::sampling::checked_fit;
use crate::standardize::Standardizer;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Scalar, Var};
use probity_vi::{Batch, Fit, Model, Observer, Scope, Table};
use std::sync::Arc;

/// A net with a head: a [`Layer`] (an [`Mlp`](crate::Mlp), a [`Sequential`](crate::Sequential), one
/// of the user's own) that makes rows of outputs, and a [`Head`] for which they are parameters of
/// the distribution of a target.
///
/// ```
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_nn::heads::PoissonHead;
/// use probity_nn::{Activation, Mlp, Network};
/// use probity_vi::Fit;
///
/// let x = DMatrix::from_fn(60, 1, |i, _| i as f64 / 60.0);
/// let counts: Vec<usize> = (0..60).map(|i| i / 20 + i % 2).collect();
/// let net = Network::new(Mlp::new(&[1, 8, 1], Activation::Tanh), PoissonHead);
/// let fitted = net.fit_with(&x, &counts, Fit::default().steps(100))?;
/// let prediction = fitted.predict(&x, 50)?;
/// let (low, high) = prediction.interval(0.9)[0];
/// assert!(low >= 0.0 && low <= high && high.fract() == 0.0);
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Network<N, H> {
    net: Arc<N>,
    head: H,
    standardize: bool,
}

impl<N, H: Clone> Clone for Network<N, H> {
    fn clone(&self) -> Self {
        Self { net: self.net.clone(), head: self.head.clone(), standardize: self.standardize }
    }
}

impl<N, H: Head> Network<N, H> {
    /// Of this net and head; inputs are standardised.
    pub fn new(net: N, head: H) -> Self {
        Self { net: Arc::new(net), head, standardize: true }
    }

    /// With inputs as they are, such as the tokens of an [`Embedding`](crate::Embedding).
    pub fn without_standardizing(mut self) -> Self {
        self.standardize = false;
        self
    }

    /// The net.
    pub fn net(&self) -> &N {
        &self.net
    }

    /// The head.
    pub fn head(&self) -> &H {
        &self.head
    }

    /// Checks that the net takes inputs of so many columns and gives the outputs that the head
    /// needs.
    fn check_sizes<T: Scalar>(&self, inputs: usize) -> Result
    where
        N: Layer<T>,
    {
        let (outputs, needed) = (self.net.outputs(inputs)?, self.head.outputs());
        if outputs == needed {
            return Ok(());
        }
        Err(Error::Network(format!("it has {outputs} outputs, this head needs {needed}")))
    }

    fn check_targets(&self, y: &DMatrix<f64>) -> Result {
        if y.ncols() != self.head.targets() {
            let (got, needed) = (y.ncols(), self.head.targets());
            return Err(Error::Data(format!("the targets have {got} columns, this head needs {needed}")));
        }
        self.head.check(y)
    }

    /// The units of these data.
    fn scales(&self, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Scales {
        let x = if self.standardize { Standardizer::of(x) } else { Standardizer::identity(x.ncols()) };
        Scales { x, y: self.head.units(y) }
    }

    /// The model of this data, for any inference method: inputs n × k, targets n × what the head
    /// takes.
    ///
    /// # Errors
    /// If sizes do not fit, there are no rows, or a number is not finite or none that the head
    /// knows.
    pub fn model<T: Scalar>(
        &self,
        x: &DMatrix<f64>,
        y: &(impl Table + ?Sized),
    ) -> Result<NetworkModel<N, H, T>>
    where
        N: Layer<T>,
    {
        let y = matrix(y);
        self.check_sizes::<T>(x.ncols())?;
        check_rows(x, Some(&y))?;
        self.check_targets(&y)?;
        NetworkModel::new(self.clone(), self.scales(x, &y), x, &y)
    }

    /// Fits the network to data, with the default fit for so many rows
    /// ([`Regression::default_fit`]).
    ///
    /// # Errors
    /// As [`model`](Network::model), or if the fit fails.
    pub fn fit(&self, x: &DMatrix<f64>, y: &(impl Table + ?Sized)) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
    {
        self.fit_with(x, y, Regression::default_fit(x.nrows()))
    }

    /// As [`fit`](Network::fit), with another fit.
    ///
    /// # Errors
    /// As `fit`.
    pub fn fit_with(
        &self,
        x: &DMatrix<f64>,
        y: &(impl Table + ?Sized),
        fit: Fit<f32>,
    ) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
    {
        self.fit_observed(x, y, fit, &mut [])
    }

    /// As [`fit_with`](Network::fit_with), telling the observers of every step.
    ///
    /// # Errors
    /// As `fit`.
    pub fn fit_observed(
        &self,
        x: &DMatrix<f64>,
        y: &(impl Table + ?Sized),
        fit: Fit<f32>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
    {
        Ok(FittedNetwork::of(checked_fit(fit, self.model(x, y)?, x, observers, compared)?))
    }

    /// The posterior of the weights by any [`Method`](crate::posteriors::Method): a mode, an
    /// ensemble, a Laplace approximation, ... ([`posteriors`](crate::posteriors)).
    ///
    /// ```
    /// use probity_autodiff::nalgebra::DMatrix;
    /// use probity_nn::heads::PoissonHead;
    /// use probity_nn::posteriors::DeepEnsemble;
    /// use probity_nn::{Activation, Mlp, Network};
    ///
    /// let x = DMatrix::from_fn(60, 1, |i, _| i as f64 / 60.0);
    /// let counts: Vec<usize> = (0..60).map(|i| i / 20 + i % 2).collect();
    /// let net = Network::new(Mlp::new(&[1, 8, 1], Activation::Tanh), PoissonHead);
    /// let fitted = net.infer(&x, &counts, &DeepEnsemble { members: 3, ..DeepEnsemble::default() })?;
    /// assert!(fitted.predict(&x, 3)?.epistemic_variance().max() > 0.0);
    /// # Ok::<(), probity_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`model`](Network::model), or if weights are without a prior, or the network is none for
    /// the method.
    pub fn infer(
        &self,
        x: &DMatrix<f64>,
        y: &(impl Table + ?Sized),
        method: &dyn Method,
    ) -> Result<FittedNetwork<N, H>>
    where
        N: Layer<f32>,
    {
        let model = self.model(x, y)?;
        let (posterior, linear_at) = inferred(model.clone(), &Problem::new(&model)?, method)?;
        Ok(FittedNetwork::of(posterior).linear_at(linear_at))
    }
}

/// A network with its data: a model for any inference method.
#[derive(Debug)]
pub struct NetworkModel<N, H, T: Scalar> {
    network: Network<N, H>,
    scales: Scales,
    x: Arc<DMatrix<T>>,
    y: Arc<DMatrix<T>>,
}

impl<N, H: Clone, T: Scalar> Clone for NetworkModel<N, H, T> {
    fn clone(&self) -> Self {
        Self {
            network: self.network.clone(),
            scales: self.scales.clone(),
            x: self.x.clone(),
            y: self.y.clone(),
        }
    }
}

impl<N, H: Head, T: Scalar> NetworkModel<N, H, T> {
    fn new(network: Network<N, H>, scales: Scales, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Self> {
        let x = standardized("input", x, &scales.x)?;
        let y = network.head.scaled(y, &scales.y);
        let identity = Standardizer::identity(y.ncols());
        let y = standardized("target", &y, &identity)?;
        Ok(Self { network, scales, x, y })
    }

    /// The network.
    pub fn network(&self) -> &Network<N, H> {
        &self.network
    }

    /// The units of the data: those of the inputs, and what the head takes for units.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// The inputs in these units.
    pub(crate) fn x(&self) -> &Arc<DMatrix<T>> {
        &self.x
    }

    /// The targets in the units of the head.
    pub(crate) fn y(&self) -> &Arc<DMatrix<T>> {
        &self.y
    }

    /// Of parts that are known to fit.
    pub(crate) fn of_parts(
        network: Network<N, H>,
        scales: Scales,
        x: Arc<DMatrix<T>>,
        y: Arc<DMatrix<T>>,
    ) -> Self {
        Self { network, scales, x, y }
    }

    /// The same network at other inputs, to predict there.
    pub(crate) fn at(&self, x: &DMatrix<f64>) -> Result<Self> {
        // Every head has 1 among its targets.
        let y = DMatrix::from_element(x.nrows(), self.network.head.targets(), 1.0);
        let scaled = self.network.head.scaled(&y, &self.scales.y).map(T::from_f64);
        let x = standardized("input", x, &self.scales.x)?;
        Ok(Self { network: self.network.clone(), scales: self.scales.clone(), x, y: Arc::new(scaled) })
    }
}

impl<T: Scalar, N: Layer<T>, H: Head> Model<T> for NetworkModel<N, H, T> {
    fn run(&self, s: &mut Scope<'_, T>) -> probity_vi::Result {
        s.plate("data", self.x.nrows(), |s, batch| self.rows(s, batch))
    }
}

impl<T: Scalar, N: Layer<T>, H: Head> NetworkModel<N, H, T> {
    /// The sites of the rows of a batch.
    fn rows<'t>(&self, s: &mut Scope<'t, T>, batch: &Batch<'t, T>) -> probity_vi::Result {
        self.observed(s, batch.shared_rows(&self.x), batch.shared_rows(&self.y))
    }

    /// The sites of these rows, in the units of the model.
    pub(crate) fn observed<'t>(
        &self,
        s: &mut Scope<'t, T>,
        x: Var<'t, T>,
        y: Var<'t, T>,
    ) -> probity_vi::Result {
        let Network { net, head, .. } = &self.network;
        let outputs = net.forward(s, "net", x)?;
        let parameters = head.parameters(s, outputs, &self.scales.y)?;
        parameters.record(s)?;
        head.observe(s, &parameters, y)
    }
}
