//! Blocks: a guide for some sites, and another for the rest.

use super::part::Part;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext, Guide, Joint, Marginals, Segments};
use crate::layout::{Layout, SiteKind};
use probity_autodiff::{ParamId, Params, Scalar, Tape, Var};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One guide for the sites of these names, and another for the rest, which may be blocks again:
/// `q(u) = q₁(u₁) q₂(u₂)`.
///
/// A name means the site, or all sites of the [scope](crate::Scope::within) of that name. Sites of
/// a [`MeanField`](crate::MeanField) keep their exact KL terms.
///
/// ```
/// use probity_distributions::{Distribution, HalfNormal, Normal};
/// use probity_vi::{Block, Fit, FullRank, MeanField, Scope};
///
/// let guide = Block::new(["mean", "spread"], FullRank::new(), MeanField::new());
/// let posterior = Fit::new().guide(guide).steps(500).run(|s: &mut Scope| {
///     let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
///     let spread = s.sample("spread", HalfNormal::new(2.0))?;
///     let group = s.sample("group", Normal::new(mean, spread).rows(3))?;
///     s.observe("y", Normal::new(group, 1.0), &[0.2, 1.5, 0.9])
/// })?;
/// println!("{posterior}");
/// # Ok::<(), probity_vi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block<A, B> {
    sites: Vec<String>,
    guide: A,
    rest: B,
}

impl<A, B> Block<A, B> {
    /// `guide` for the sites of these names, `rest` for all others.
    pub fn new(sites: impl IntoIterator<Item = impl Into<String>>, guide: A, rest: B) -> Self {
        Self { sites: sites.into_iter().map(Into::into).collect(), guide, rest }
    }
}

fn belongs(site: &str, name: &str) -> bool {
    site.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl<T: Scalar, A: Guide<T>, B: Guide<T>> Guide<T> for Block<A, B> {
    fn name(&self) -> String {
        format!("{} of {}, {} of the rest", self.guide.name(), self.sites.join(", "), self.rest.name())
    }

    fn bind(&self, layout: &Layout, segments: &mut Segments<'_, T>) -> Result<Box<dyn BoundGuide<T>>> {
        let bad = |problem| Err(Error::Setting { setting: "block", problem });
        if let Some(name) = self.sites.iter().find(|n| !layout.latent().any(|s| belongs(&s.name, n))) {
            return bad(format!("there is no latent site {name:?} that is not in another block"));
        }
        let first = |site: &str| self.sites.iter().any(|name| belongs(site, name));
        let parts = [part(layout, |site| first(site)), part(layout, |site| !first(site))];
        if let Some(empty) = parts.iter().position(|(part, _)| part.dim == 0) {
            let which = ["names no site", "names all sites, and leaves none to the rest"][empty];
            return bad(format!("it {which}"));
        }
        let [(own, own_places), (rest, rest_places)] = parts;
        let bind = |s: &mut Segments<'_, T>| Part::bind(&self.guide, &own, s);
        let guides =
            [segments.within(&self.sites.join("+"), 0.0, bind)?, Part::bind(&self.rest, &rest, segments)?];
        let marginals = guides.iter().filter_map(|part| part.marginals.clone());
        let marginals = marginals.map(|m| m.placed(layout)).reduce(|a, b| a.joined(&b, layout));
        // Where each number of the model stands when the parts follow each other.
        let mut order = vec![0; layout.dim()];
        own_places.iter().chain(&rest_places).enumerate().for_each(|(at, to)| order[*to] = at);
        let places = [own_places.into(), rest_places.into()];
        Ok(Box::new(BoundBlock { parts: guides, places, order: order.into(), marginals }))
    }
}

/// The layout in which only these sites are latent, and the places of their numbers.
fn part(layout: &Layout, of: impl Fn(&str) -> bool) -> (Layout, Vec<usize>) {
    let (mut part, mut places) = (layout.clone(), Vec::new());
    part.dim = 0;
    for site in &mut part.sites {
        let (own, from) = (of(&site.name), site.offset);
        site.offset = part.dim;
        match site.kind {
            SiteKind::Latent if own => {
                places.extend(from..from + site.dim());
                part.dim += site.dim();
            }
            SiteKind::Latent => site.kind = SiteKind::Deterministic,
            _ => {}
        }
    }
    (part, places)
}

#[derive(Debug)]
struct BoundBlock<T: Scalar> {
    parts: [Part<T>; 2],
    /// The places of each part's numbers among all.
    places: [Arc<[usize]>; 2],
    /// The place of each number when the parts follow each other.
    order: Arc<[usize]>,
    /// The independent Gaussians of both.
    marginals: Option<Marginals>,
}

impl<T: Scalar> BoundBlock<T> {
    /// The numbers of a part in their places among all, 0 elsewhere.
    fn spread_out<'t>(&self, part: usize, u: Var<'t, T>) -> Var<'t, T> {
        u.scatter_rows(self.places[part].clone(), self.order.len())
    }
}

impl<T: Scalar> BoundGuide<T> for BoundBlock<T> {
    fn draw<'t>(&'t self, at: DrawContext<'t, T>) -> Result<Draw<'t, T>> {
        let draw = |i: usize| self.parts[i].guide.draw(at.with_key(at.key.fold_in(i as u64)));
        let joint = match (draw(0)?.joint, draw(1)?.joint) {
            (Some(a), Some(b)) => {
                if a.weight.is_some() && b.weight.is_some() {
                    let problem =
                        "two parts are drawn by strata; only one mixture may be among them".to_owned();
                    return Err(Error::Setting { setting: "block", problem });
                }
                let u = Var::concat_rows(&[a.u, b.u]).gather_rows(self.order.clone());
                Some(Joint { u, log_q: a.log_q + b.log_q, weight: a.weight.or(b.weight) })
            }
            (Some(a), None) => Some(Joint { u: self.spread_out(0, a.u), ..a }),
            (None, Some(b)) => Some(Joint { u: self.spread_out(1, b.u), ..b }),
            (None, None) => None,
        };
        Ok(Draw { joint, marginals: self.marginals.as_ref() })
    }

    fn log_prob<'t>(
        &'t self,
        tape: &'t Tape<T>,
        params: &'t Params<T>,
        u: Var<'t, T>,
    ) -> Result<Option<Var<'t, T>>> {
        if self.parts.iter().any(|part| !part.evaluable) {
            return Ok(None);
        }
        let of = |i: usize| self.parts[i].log_prob(tape, params, u.gather_rows(self.places[i].clone()));
        Ok(Some(of(0)? + of(1)?))
    }

    fn has_density(&self) -> bool {
        self.parts.iter().all(|part| part.guide.has_density())
    }

    fn units(&self, params: &Params<T>, units: &mut [f64]) {
        self.parts.iter().for_each(|part| part.guide.units(params, units));
    }

    fn fixed_units(&self) -> Vec<ParamId> {
        self.parts.iter().flat_map(|part| part.guide.fixed_units()).collect()
    }

    fn scale_params(&self) -> Vec<ParamId> {
        self.parts.iter().flat_map(|part| part.guide.scale_params()).collect()
    }
}
