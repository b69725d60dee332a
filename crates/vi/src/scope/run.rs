//! The kinds of runs, and what a run leaves behind.

use super::batched_draw::{self, BatchedDraw};
use super::start::Moved;
use super::{Batcher, Estimator, Measured, Scope};
use crate::error::{Error, Result};
use crate::guide::Draw;
use crate::layout::Layout;
use crate::model::Model;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{GaussianSite, Key, ParamId, Params, Scalar, Tape, Var};
use std::sync::Arc;

/// Where latent variables come from, and what becomes of data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'t, T: Scalar> {
    /// Where the guide will start, which is where the first steps need valid numbers: a draw of a
    /// wide prior may overflow. Starts that are not given by hand are dispersed by this part of the
    /// prior's spread; one site may be moved to the edge of its prior.
    Start { dispersed: f64, moved: Option<Moved<'t>> },
    /// Read from a flat unconstrained vector; the log joint density is added up. Point parameters
    /// stand at their start, by site number. Of the sites in `non_centred`, whose prior is a
    /// Normal, the vector has the standardised numbers.
    Point { u: Var<'t, T>, starts: &'t [Option<Arc<DMatrix<T>>>], non_centred: &'t [usize] },
    /// Drawn from the guide; the terms of the ELBO are added up.
    Elbo { params: &'t Params<T>, draw: Draw<'t, T>, draws: usize },
    /// A program that is a guide: drawn from its own distributions with these parameters, or read
    /// from a flat unconstrained vector of its own sites; the log density of the unconstrained
    /// numbers is added up as that of a prior, and they are collected.
    Guide { params: &'t Params<T>, ids: &'t [Option<ParamId>], at: Option<Var<'t, T>> },
    /// Drawn from the prior, data drawn from the likelihood; the log density of these is added up.
    Prior,
    /// Drawn from the guide; data drawn from the likelihood.
    Predict { params: &'t Params<T>, draw: Draw<'t, T> },
}

/// The values of named sites in one run.
pub(crate) type Collected<'t, T> = Vec<(usize, Var<'t, T>)>;

/// A weighted sum of 1 × 1 terms, which are gathered and added by one operation: a model has many
/// sites.
#[derive(Debug)]
pub(crate) struct Total<'t, T: Scalar> {
    terms: [(Var<'t, T>, f64); 8],
    count: usize,
}

impl<T: Scalar> Default for Total<'_, T> {
    fn default() -> Self {
        Self { terms: [(Var::from(0.0), 1.0); 8], count: 0 }
    }
}

impl<'t, T: Scalar> Total<'t, T> {
    pub(crate) fn add(&mut self, term: Var<'t, T>, weight: f64) {
        if self.count == self.terms.len() {
            self.terms[0] = (self.value(), 1.0);
            self.count = 1;
        }
        self.terms[self.count] = (term, weight);
        self.count += 1;
    }

    /// The terms, with their weights.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (Var<'t, T>, f64)> {
        self.terms[..self.count].iter().copied()
    }

    /// The sum so far; the number 0 if no site contributed.
    pub(crate) fn value(&self) -> Var<'t, T> {
        Var::linear_combination(self.terms())
    }

    /// The sum as a number, the mean over the draws of the tape.
    pub(crate) fn mean(&self) -> f64 {
        let mean = |x: &[T]| x.iter().map(|x| x.to_f64()).sum::<f64>() / x.len() as f64;
        self.terms().map(|(term, weight)| weight * term.read_lanes(mean)).sum()
    }
}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'t, T: Scalar> {
    /// The log density of data and factors, scaled to all rows of a plate.
    pub log_likelihood: Total<'t, T>,
    /// The divergence of the guide from the prior.
    pub kl: Total<'t, T>,
    /// The log prior density with the Jacobian of the constraints, at a point.
    pub log_prior: Total<'t, T>,
    /// The values of sites, if they are collected.
    pub collected: Option<Collected<'t, T>>,
    /// The log likelihood of every observation, at a point, if it is asked for.
    pub pointwise: Option<Vec<Var<'t, T>>>,
    /// The divergence of every entry from its prior, if it is asked for.
    pub measured: Option<Vec<Measured>>,
    /// The fixed Normal priors of latent sites (in a first run), or none for others.
    pub priors: Vec<Option<(f64, f64)>>,
    /// The model's plates.
    pub plates: Plates,
    /// The latent sites whose start is not given by hand (in a first run).
    pub free: Vec<usize>,
    /// The latent sites whose prior is a Normal with a scale that depends on other latent variables
    /// (in a first run).
    pub scaled: Vec<usize>,
    /// The numbers on the tape that only served to find starts.
    pub aside: usize,
    /// The site with the largest term of the ELBO, and the term (where a fault is looked for).
    pub largest: Option<(usize, f64)>,
    /// Sites were drawn together under a prior that they do not have now: the run must be done
    /// again without.
    pub priors_moved: bool,
}

impl<'t, T: Scalar> Outcome<'t, T> {
    /// Multiplies the terms of the ELBO by the weight of the draw.
    fn weigh(&mut self, weight: Var<'t, T>) {
        for total in [&mut self.log_likelihood, &mut self.kl] {
            let weighted = total.value() * weight;
            *total = Total::default();
            total.add(weighted, 1.0);
        }
    }
}

/// Data by the number of their site, in the place of the model's own.
pub(crate) type Simulated<T> = Vec<Option<Arc<DMatrix<T>>>>;

/// What is known of the plates of a model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plates {
    /// The rows of the largest one; 0 if there is none.
    pub largest: usize,
}

/// How to run a model.
#[derive(Debug)]
pub(crate) struct Run<'a, 't, T> {
    pub key: Key,
    pub batcher: Option<&'t mut Batcher<T>>,
    pub estimator: Estimator,
    pub checking: bool,
    pub collecting: bool,
    /// Whether the log likelihoods of single observations are asked for, at a point.
    pub pointwise: bool,
    /// Whether divergences of entries are asked for.
    pub measuring: bool,
    /// What may be drawn together.
    pub batched: Option<&'t Arc<[GaussianSite]>>,
    /// Memory for the names of enclosing scopes.
    pub prefix: &'a mut String,
}

impl<'a, T> Run<'a, '_, T> {
    pub(crate) fn new(key: Key, prefix: &'a mut String) -> Self {
        Self {
            key,
            batcher: None,
            estimator: Estimator::WeightSpace,
            checking: false,
            collecting: false,
            pointwise: false,
            measuring: false,
            batched: None,
            prefix,
        }
    }
}

probity_autodiff::precompiled! {
    /// Runs the model on a tape that has been reset.
    pub(crate) fn run<T>(
        model: &'a dyn Model<T>,
        tape: &'b Tape<T>,
        layout: &'a mut Layout,
        mode: Mode<'b, T>,
        run: Run<'a, 'b, T>,
    ) -> Result<Outcome<'b, T>> {
        let discovering = layout.sites.is_empty();
        let out = Outcome {
            collected: run.collecting.then(Vec::new),
            pointwise: run.pointwise.then(Vec::new),
            measured: run.measuring.then(Vec::new),
            ..Outcome::default()
        };
        run.prefix.clear();
        // Only weights that are drawn, and one draw; where a fault is looked for, every site by
        // itself.
        let batched = run.batched.filter(|_| run.estimator == Estimator::WeightSpace && !run.checking);
        let batched = batched.and_then(|sites| BatchedDraw::draw(tape, mode, run.key, sites));
        let mut scope = Scope {
            tape,
            mode,
            layout: std::mem::take(layout),
            discovering,
            cursor: 0,
            prefix: std::mem::take(run.prefix),
            key: run.key,
            plate: None,
            rows: None,
            scored: None,
            plates: Plates::default(),
            fault: None,
            batcher: run.batcher,
            estimator: run.estimator,
            checking: run.checking || discovering,
            declared: Vec::new(),
            next_dims: Vec::new(),
            batched,
            out,
        };
        if let Some(batched) = &scope.batched {
            scope.out.kl.add(batched.kl(), 1.0);
        }
        let ran = model.run(&mut scope);
        let ended = scope.ended(ran);
        (*layout, *run.prefix) = (scope.layout, scope.prefix);
        ended?;
        let mut out = scope.out;
        out.plates = scope.plates;
        if let Mode::Elbo { draw: Draw { joint: Some(joint), .. }, .. } = mode {
            out.kl.add(joint.log_q, 1.0);
            if let Some(weight) = joint.weight {
                out.weigh(weight);
            }
        }
        Ok(out)
    }
}

impl<T: Scalar> Scope<'_, T> {
    /// What is wrong with a run that has ended.
    fn ended(&mut self, ran: Result) -> Result {
        if let Err(error) = ran {
            return Err(match error {
                Error::NotPositiveDefinite(source) => Error::Numerical { place: self.place(), source },
                error => error,
            });
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match self.layout.sites.get(self.cursor) {
            None => Ok(()),
            Some(site) => {
                let (site, problem) = (site.name.clone(), "it was not visited in this run".into());
                Err(Error::ModelChanged { site, problem })
            }
        }
    }
}

/// What the first run of a model finds.
#[derive(Debug)]
pub(crate) struct Discovered {
    /// The sites.
    pub layout: Layout,
    /// The numbers that a draw has on the tape.
    pub size: usize,
    /// The latent sites, if they can be drawn together.
    pub batched: Option<Arc<[GaussianSite]>>,
    /// The plates.
    pub plates: Plates,
    /// The latent sites whose start is not given by hand.
    pub free: Vec<usize>,
    /// The latent sites whose prior is a Normal with a scale that depends on other latent
    /// variables: those that can be written non-centred.
    pub scaled: Vec<usize>,
}

/// A run in which latent variables are where a guide starts, at the middle of their priors.
pub(crate) fn discover<T: Scalar>(model: &dyn Model<T>, key: Key) -> Result<Discovered> {
    first_run(model, key, 0.0)
}

probity_autodiff::precompiled! {
    /// A run in which latent variables are where a guide starts, dispersed by this part of their
    /// priors.
    pub(super) fn first_run<T>(model: &'a dyn Model<T>, key: Key, dispersed: f64) -> Result<Discovered> {
        let (tape, mut layout, mut prefix) = (Tape::new(), Layout::default(), String::new());
        let mode = Mode::Start { dispersed, moved: None };
        let Outcome { priors, plates, free, scaled, aside, .. } =
            run(model, &tape, &mut layout, mode, Run::new(key, &mut prefix))?;
        let batched = batched_draw::sites(&layout, &priors);
        Ok(Discovered { layout, size: tape.size() - aside, batched, plates, free, scaled })
    }
}
