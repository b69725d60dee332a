//! Simulation-based calibration: true values and data from the prior, posteriors from the data,
//! ranks of the true values.

use super::ranks::{Calibration, Ranks};
use crate::dims::entry_name;
use crate::draws::Draws;
use crate::error::{Error, Result};
use crate::fit::Fit;
use crate::layout::{Layout, SiteKind};
use crate::model::{ByRef, Model};
use crate::scope::{Mode, Run, Scope, Simulated, discover, run};
use crate::verdict::Grade;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::uniform_at;
use probity_autodiff::{Key, Tape, Threads, parallel_map};
use rand::Rng;
use std::fmt;
use std::sync::Arc;

/// The name of the quantity that is ranked beside the entries of the model: the log likelihood of
/// the data. It depends on the data, and so shows inference that ignores them, as no parameter
/// does.
///
/// Source: Modrák et al. 2023, "Simulation-based calibration checking for Bayesian computation: the
/// choice of test quantities shapes sensitivity".
pub const LOG_LIKELIHOOD: &str = "log likelihood";

/// Checks a model with its default inference by simulation: whether the posteriors of data sets
/// drawn from the model have the true values where they should.
///
/// Two hundred times, latent variables are drawn from their priors and data from the likelihood,
/// the model is fitted to these data in the place of its own, and the true value of every entry is
/// ranked among 99 draws of its posterior. With right posteriors all ranks are equally likely. Fits
/// run on all cores. [`Sbc`] has the settings.
///
/// What a model [observes](crate::Scope::observe) is replaced by what was drawn. Data that it uses
/// elsewhere, as an autoregression uses the values before, stay the model's own: such a model must
/// be checked by [`Sbc::run_against`] or written otherwise.
///
/// ```
/// use probity_distributions::{Distribution, Normal};
/// use probity_vi::{Scope, check::Sbc};
///
/// let model = |s: &mut Scope| {
///     let mean = s.sample("mean", Normal::new(0.0, 2.0))?;
///     s.observe("y", Normal::new(mean, 1.0).rows(5), &[0.0; 5])
/// };
/// let calibration = Sbc::new().replications(40).run(&model)?;
/// assert!(calibration.passed(), "{calibration}");
/// # Ok::<(), probity_vi::Error>(())
/// ```
///
/// # Errors
/// If a prior cannot be sampled, the model has a [`factor`](crate::Scope::factor), from which no
/// data can be drawn, or a [`param`](crate::Scope::param), which has no prior, or no data set could
/// be fitted. What goes wrong for single data sets stands in the result.
///
/// Source: Talts, Betancourt, Simpson, Vehtari, Gelman 2018, "Validating Bayesian inference
/// algorithms with simulation-based calibration", algorithm 1.
pub fn sbc<M: Model + Sync + ?Sized>(model: &M) -> Result<Calibration> {
    Sbc::new().run(model)
}

/// The settings of simulation-based calibration, all optional.
#[derive(Clone)]
pub struct Sbc {
    replications: usize,
    draws: usize,
    seed: u64,
    fit: Arc<dyn Fn() -> Fit + Send + Sync>,
}

impl fmt::Debug for Sbc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replications, draws, seed, .. } = self;
        f.debug_struct("Sbc")
            .field("replications", replications)
            .field("draws", draws)
            .field("seed", seed)
            .finish_non_exhaustive()
    }
}

impl Default for Sbc {
    fn default() -> Self {
        Self { replications: 200, draws: 99, seed: 0, fit: Arc::new(Fit::new) }
    }
}

impl Sbc {
    /// 200 data sets, 99 draws, the default fit.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many data sets are drawn and fitted. Default 200.
    pub fn replications(mut self, replications: usize) -> Self {
        self.replications = replications;
        self
    }

    /// How many draws of each posterior a true value is ranked among. They should be nearly
    /// independent, as those of a fit are up to some hundreds, and one more than they are a
    /// multiple of 20, by which ranks fill bins evenly. Default 99.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// The seed of all random numbers: same seed, same bits, for any number of threads.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How data sets are fitted; the seed of the fit is set for each. Default [`Fit::new`].
    pub fn fit(mut self, fit: impl Fn() -> Fit + Send + Sync + 'static) -> Self {
        self.fit = Arc::new(fit);
        self
    }

    /// Checks a model: a closure, or a struct that implements [`Model`].
    ///
    /// # Errors
    /// As [`sbc`].
    pub fn run<M: Model + Sync + ?Sized>(&self, model: &M) -> Result<Calibration> {
        self.run_against(model, model)
    }

    /// As [`run`](Sbc::run), with true values and data from another model than the one that is
    /// fitted: what inference makes of a wrong prior, say. Both have the same sites.
    ///
    /// # Errors
    /// As [`sbc`], or if the sites differ.
    pub fn run_against<G, M>(&self, generator: &G, model: &M) -> Result<Calibration>
    where
        G: Model + Sync + ?Sized,
        M: Model + Sync + ?Sized,
    {
        if self.replications == 0 || self.draws == 0 {
            let problem = "there must be at least one replication and one draw".to_owned();
            return Err(Error::Setting { setting: "sbc", problem });
        }
        calibration(self, &ByRef(generator), &ByRef(model))
    }
}

/// A model whose data are given, or to be drawn, and which records their log likelihood.
#[derive(Clone)]
struct Scored<'a> {
    model: &'a (dyn Model + Sync),
    data: Option<Arc<Simulated<f64>>>,
}

impl Model for Scored<'_> {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        s.score(self.data.clone());
        self.model.run(s)?;
        let log_likelihood = s.log_likelihood();
        s.deterministic(LOG_LIKELIHOOD, log_likelihood).map(|_| ())
    }
}

/// The values of sites by their number, column by column.
type Values = Vec<(usize, (usize, usize), Vec<f64>)>;

/// What one data set gives: ranks by entry, and the verdict.
type Replication = (Vec<usize>, Option<Grade>);

fn calibration(
    settings: &Sbc,
    generator: &(dyn Model + Sync),
    model: &(dyn Model + Sync),
) -> Result<Calibration> {
    let key = Key::new(settings.seed).fold_in_str("sbc");
    let layout = discover::<f64>(&Scored { model: generator, data: None }, key)?.layout;
    layout.check_same_as(&discover::<f64>(&Scored { model, data: None }, key)?.layout)?;
    check(&layout)?;
    let one = |i: usize| replication(settings, generator, model, &layout, key.fold_in(i as u64));
    let all = Threads::default().during(|| parallel_map(settings.replications, one));
    let (mut ranks, mut grades) = (Vec::new(), [0; 3]);
    let (mut failed, mut failure) = (0, None);
    for replication in all {
        match replication {
            Ok((each, grade)) => {
                ranks.resize(each.len(), Vec::new());
                ranks.iter_mut().zip(each).for_each(|(all, rank)| all.push(rank));
                grade.iter().for_each(|grade| grades[*grade as usize] += 1);
            }
            // What is wrong for every data set is an error of the whole.
            Err(error) if failed + 1 == settings.replications => return Err(error),
            Err(error) => {
                failed += 1;
                failure.get_or_insert(error.to_string());
            }
        }
    }
    let names = layout.sites().iter().filter(|site| ranked(site.kind)).flat_map(|site| {
        (0..site.size()).map(|e| entry_name(&site.name, site.shape, &site.dims, e)).collect::<Vec<_>>()
    });
    let entries = names.zip(ranks).map(|(name, ranks)| Ranks::new(name, ranks, settings.draws)).collect();
    let Sbc { replications, draws, .. } = *settings;
    Ok(Calibration { entries, replications, draws, grades, failed, failure })
}

fn ranked(kind: SiteKind) -> bool {
    matches!(kind, SiteKind::Latent | SiteKind::Deterministic)
}

/// Whether all that is not data has a prior, and all data a distribution.
fn check(layout: &Layout) -> Result {
    for site in layout.sites() {
        let problem = match site.kind {
            SiteKind::Observed if site.family == "factor" => {
                "it is a factor, from which no data can be drawn"
            }
            SiteKind::Param => "it is a parameter without a prior, from which no true value can be drawn",
            _ => continue,
        };
        let problem = format!("site {:?}: {problem}", site.name);
        return Err(Error::Setting { setting: "sbc", problem });
    }
    Ok(())
}

fn replication(
    settings: &Sbc,
    generator: &(dyn Model + Sync),
    model: &(dyn Model + Sync),
    layout: &Layout,
    key: Key,
) -> Result<Replication> {
    let mut truth = simulate(generator, layout, key.fold_in_str("truth"))?;
    let mut data = vec![None; layout.sites().len()];
    for (index, (rows, cols), values) in &mut truth {
        if layout.sites()[*index].kind == SiteKind::Observed {
            data[*index] = Some(Arc::new(DMatrix::from_vec(*rows, *cols, std::mem::take(values))));
        }
    }
    let seed = key.fold_in_str("fit").rng().next_u64();
    let fit = (settings.fit)().seed(seed).elbo_draws(0);
    let posterior = fit.run_observed(Scored { model, data: Some(Arc::new(data)) }, &mut [])?;
    let wanted = |name: &str| layout.site(name).is_some_and(|site| ranked(site.kind));
    let draws = posterior.predict_sites(posterior.model(), settings.draws, wanted)?;
    let grade = posterior.verdict().map(|verdict| verdict.grade());
    let truth = truth.iter().filter(|(index, ..)| ranked(layout.sites()[*index].kind));
    let truth: Vec<f64> = truth.flat_map(|(.., values)| values).copied().collect();
    Ok((rank(&truth, &draws, key.fold_in_str("ties")), grade))
}

/// True values of all sites, and data.
fn simulate(model: &(dyn Model + Sync), layout: &Layout, key: Key) -> Result<Values> {
    let (tape, mut layout, mut prefix) = (Tape::new(), layout.clone(), String::new());
    let mut how = Run::new(key, &mut prefix);
    how.collecting = true;
    let out = run(&Scored { model, data: None }, &tape, &mut layout, Mode::Prior, how)?;
    let collected = out.collected.iter().flatten();
    Ok(collected.map(|(index, value)| (*index, value.shape(), value.read(|x| x.to_vec()))).collect())
}

/// The number of draws below each true value. Draws that are equal to it count as below or above at
/// random.
fn rank(truth: &[f64], draws: &Draws, key: Key) -> Vec<usize> {
    let entries = draws.sites().iter().flat_map(|site| {
        let size = site.shape.0 * site.shape.1;
        (0..size).map(move |e| site.entry(e))
    });
    let each = truth.iter().zip(entries).enumerate();
    each.map(|(i, (truth, draws))| {
        let (mut below, mut equal) = (0, 0);
        for draw in draws {
            below += usize::from(draw < *truth);
            equal += usize::from(draw == *truth);
        }
        let part: f64 = uniform_at(key, i as u64);
        below + ((equal + 1) as f64 * part) as usize
    })
    .collect()
}
