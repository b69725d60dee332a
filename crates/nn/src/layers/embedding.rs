//! Embedding of tokens.

use super::WeightInit;
use super::layer::{Layer, check_columns, takes};
use super::weights::weights;
use crate::prior::Prior;
use crate::priors::LayerPrior;
use probity_autodiff::{Adjoints, Inputs, Op, Scalar, Var};
use probity_vi::{Error, Result, Scope};
use serde::{Deserialize, Serialize};

/// A vector for every token. x: n × steps, whole numbers below [`tokens`](Embedding::tokens); y: n
/// × (width · steps), the step running fastest: a [`Sequence`](crate::Sequence) of `width`
/// channels. Site `weight` (tokens × width). A [`Network`](crate::Network) must not standardise
/// tokens.
///
/// ```
/// use probity_nn::{Embedding, Layer, Linear, Lstm, Sequence, Sequential};
/// let words = Sequence { channels: 8, steps: 12 };
/// let net: Sequential<f32> = Sequential::new()
///     .then(Embedding::new(1000, 8, 12))
///     .then(Lstm::new(words, 16))
///     .then(Linear::new(16, 2));
/// assert_eq!(net.outputs(12)?, 2);
/// # Ok::<(), probity_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding<P = Prior> {
    /// How many tokens there are.
    pub tokens: usize,
    /// Numbers of a vector.
    pub width: usize,
    /// Columns of x.
    pub steps: usize,
    /// The prior of the vectors; none for point estimates.
    pub weight_prior: Option<P>,
    /// Where the guide starts.
    pub init: WeightInit,
}

impl Embedding {
    /// Of this many tokens, for sequences of `steps` of them; standard Normal priors.
    pub fn new(tokens: usize, width: usize, steps: usize) -> Self {
        let init = WeightInit::FanIn { gain: 1.0, bias: 1.0, scale: 0.02 };
        Self { tokens, width, steps, weight_prior: Some(Prior::default()), init }
    }
}

impl<P> Embedding<P> {
    /// With this prior, of any type.
    pub fn with_prior<Q: LayerPrior>(self, prior: Q) -> Embedding<Q> {
        let Self { tokens, width, steps, init, .. } = self;
        Embedding { tokens, width, steps, weight_prior: Some(prior), init }
    }

    /// With point estimates instead of a posterior.
    pub fn point(mut self) -> Self {
        self.weight_prior = None;
        self
    }
}

/// Row `x[i, t]` of a table at place (i, t).
#[derive(Clone, Copy, Debug)]
struct Lookup;

impl Lookup {
    /// Calls `each` with the number of a number in the table, and where it goes.
    fn pairs<T: Scalar>(x: &Inputs<'_, T>, mut each: impl FnMut(usize, usize)) {
        let (places, (tokens, width)) = (x.get(0), x.shape(1));
        for channel in 0..width {
            for (place, token) in places.iter().enumerate() {
                each(token.to_f64() as usize + tokens * channel, place + places.len() * channel);
            }
        }
    }
}

impl<T: Scalar> Op<T> for Lookup {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn forward(&self, x: &Inputs<'_, T>, y: &mut [T]) {
        Self::pairs(x, |from, to| y[to] = x.get(1)[from]);
    }

    fn backward(&self, x: &Inputs<'_, T>, _: &[T], g: &[T], dx: &mut Adjoints<'_, T>) {
        dx.accumulate_zeroed(1, |sum| {
            Self::pairs(x, |to, from| sum[to] = T::from_num(sum[to].num() + g[from].num()));
        });
    }
}

impl<T: Scalar, P: LayerPrior> Layer<T> for Embedding<P> {
    fn outputs(&self, inputs: usize) -> crate::Result<usize> {
        takes("an embedding", self.steps, inputs).map(|()| self.steps * self.width)
    }

    /// # Errors
    /// What the site reports, or if an entry of x is no token.
    fn forward<'t>(&self, s: &mut Scope<'t, T>, name: &str, x: Var<'t, T>) -> Result<Var<'t, T>> {
        check_columns("an embedding", self.steps, x.ncols())?;
        let is_token = |x: f64| x >= 0.0 && x < self.tokens as f64 && x.fract() == 0.0;
        let bad = x.read(|x| x.iter().map(|x| x.to_f64()).find(|x| !is_token(*x)));
        if let Some(bad) = bad {
            return Err(Error::model(format!("an embedding of {} tokens has no token {bad}", self.tokens)));
        }
        s.within(name, |s| {
            let shape = (self.tokens, self.width);
            let prior = self.weight_prior.as_ref();
            // One row of the table makes an output.
            let table = weights(s, ("weight", "weight_prior"), prior, (self.init, 1), shape)?;
            Ok(s.tape().record(Lookup, &[x, table], x.nrows(), self.steps * self.width))
        })
    }
}
