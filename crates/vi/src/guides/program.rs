//! A guide that is a program like the model.

use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Guide, Segments};
use crate::layout::{Layout, Site, SiteKind};
use crate::model::Model;
use crate::scope::{Mode, Run, discover, run};
use probity_autodiff::{Key, ParamId, Params, Scalar, Tape, Var};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A guide written as a program on the same [`Scope`](crate::Scope) as the model: it samples every
/// latent site of the model from a distribution of its own, with parameters by
/// [`param`](crate::Scope::param). `ln q` is the sum of its log densities.
///
/// A site must have the shape and the support that it has in the model (a positive variable takes
/// `LogNormal` or `Gamma`, not `Normal`), and a family whose draws have gradients. Later sites may
/// depend on earlier ones. There are no data in a guide. It is fitted by steps along stochastic
/// gradients; its parameters are named `guide.` and their own names.
///
/// ```
/// use probity_distributions::{LogNormal, HalfNormal, Normal, Support};
/// use probity_autodiff::nalgebra::DMatrix;
/// use probity_vi::{Fit, Program, Scope};
///
/// let guide = Program::new(|s: &mut Scope| {
///     let loc = s.param("loc", &DMatrix::zeros(1, 1), Support::Real)?;
///     let slope = s.param("slope", &DMatrix::zeros(1, 1), Support::Real)?;
///     let sd = s.param("sd", &DMatrix::from_element(1, 2, 0.3), Support::Positive)?;
///     let scale = s.sample("scale", LogNormal::new(loc, sd.at(0, 0)))?;
///     s.sample("mean", Normal::new(slope * scale, sd.at(0, 1)))?;
///     Ok(())
/// });
/// let posterior = Fit::new().guide(guide).steps(500).run(|s: &mut Scope| {
///     let scale = s.sample("scale", HalfNormal::new(2.0))?;
///     let mean = s.sample("mean", Normal::new(0.0, 1.0))?;
///     s.observe("y", Normal::new(mean, scale), &[1.2, 0.3, 0.8])
/// })?;
/// println!("{posterior}");
/// # Ok::<(), probity_vi::Error>(())
/// ```
pub struct Program<M> {
    program: Arc<M>,
}

impl<M> Program<M> {
    /// Of a closure, or a struct that implements [`Model`].
    pub fn new(program: M) -> Self {
        Self { program: Arc::new(program) }
    }
}

impl<M> Clone for Program<M> {
    fn clone(&self) -> Self {
        Self { program: self.program.clone() }
    }
}

impl<M> fmt::Debug for Program<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl<T: Scalar, M: Model<T> + Send + Sync + 'static> Guide<T> for Program<M> {
    fn name(&self) -> String {
        "program".into()
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let start = segments.start();
        let own = discover(&*self.program, start.key())?.layout;
        let bad = |site: &str, problem: &str| {
            Err(Error::Setting {
                setting: "guide",
                problem: format!("site {site:?} of the program {problem}"),
            })
        };
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        for (i, site) in own.sites().iter().enumerate() {
            ids.push(None);
            match site.kind {
                SiteKind::Observed => return bad(&site.name, "has data, which belong to the model"),
                SiteKind::Deterministic => {}
                SiteKind::Param => {
                    let at = || site.start(start.key().fold_in(i as u64));
                    ids[i] =
                        Some(segments.add(format!("guide.{}", site.name), site.unconstrained_shape(), at)?);
                }
                SiteKind::Latent => match layout.latent().find(|s| s.name == site.name) {
                    None => return bad(&site.name, "is no latent site of the model"),
                    Some(to) => {
                        same_support(site, to)?;
                        places.extend(to.offset..to.offset + to.dim());
                    }
                },
            }
        }
        if let Some(site) =
            layout.latent().find(|s| own.site(&s.name).is_none_or(|s| s.kind != SiteKind::Latent))
        {
            let problem = format!("the program does not sample site {:?}", site.name);
            return Err(Error::Setting { setting: "guide", problem });
        }
        let mut order = vec![0; places.len()];
        places.iter().enumerate().for_each(|(at, to)| order[*to] = at);
        let (places, order) = (places.into(), order.into());
        let memory = Mutex::new(Vec::new());
        Ok(Box::new(BoundProgram { program: self.program.clone(), layout: own, ids, places, order, memory }))
    }
}

/// Whether the numbers of a site of the guide are those of the model's.
fn same_support(own: &Site, of_model: &Site) -> Result {
    let text = |site: &Site| {
        let (rows, cols) = site.unconstrained_shape();
        format!("{rows} × {cols} numbers before {:?}", site.transform)
    };
    if (own.shape, own.unconstrained_shape(), &own.transform)
        == (of_model.shape, of_model.unconstrained_shape(), &of_model.transform)
    {
        return Ok(());
    }
    let problem = format!(
        "site {:?} has other values in the program ({}: {}) than in the model ({}: {}); take a family with the model's support",
        own.name,
        own.family,
        text(own),
        of_model.family,
        text(of_model)
    );
    Err(Error::Setting { setting: "guide", problem })
}

/// A site table and the memory for names of scopes, which a run needs.
type Memory = (Layout, String);

struct BoundProgram<M> {
    program: Arc<M>,
    layout: Layout,
    /// The segments of the parameters, by site number.
    ids: Vec<Option<ParamId>>,
    /// The place in the model of each number of the program.
    places: Arc<[usize]>,
    /// The place in the program of each number of the model.
    order: Arc<[usize]>,
    /// Of runs that are over, for those to come.
    memory: Mutex<Vec<Memory>>,
}

impl<M> fmt::Debug for BoundProgram<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundProgram").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<M> BoundProgram<M> {
    /// Runs the program: the unconstrained numbers in its own order, and their log density.
    fn run<'t, T: Scalar>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        key: Key,
        at: Option<Var<'t, T>>,
    ) -> Result<(Var<'t, T>, Var<'t, T>)>
    where
        M: Model<T>,
    {
        let memory = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = memory().pop();
        let (mut layout, mut prefix) = taken.unwrap_or_else(|| (self.layout.clone(), String::new()));
        let mut how = Run::new(key, &mut prefix);
        how.collecting = true;
        let mode = Mode::Guide { params, ids: &self.ids, at };
        let out = run(&*self.program, tape, &mut layout, mode, how)?;
        memory().push((layout, prefix));
        let latent = |(index, _): &&(usize, Var<'t, T>)| self.layout.sites()[*index].kind == SiteKind::Latent;
        let columns = out.collected.iter().flatten().filter(latent).map(|(_, u)| {
            let (rows, cols) = u.shape();
            if cols == 1 { *u } else { u.reshape(rows * cols, 1) }
        });
        Ok((Var::concat_rows(&columns.collect::<Vec<_>>()), out.log_prior.value()))
    }
}

impl<T: Scalar, M: Model<T> + Send + Sync> BoundGuide<T> for BoundProgram<M> {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let (u, log_q) = self.run(at.tape, at.params, at.key, None)?;
        Ok(Draw::joint(u.gather_rows(self.order.clone()), log_q))
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        let own = u.gather_rows(self.places.clone());
        Ok(Some(self.run(tape, params, Key::new(0), Some(own))?.1))
    }
}
