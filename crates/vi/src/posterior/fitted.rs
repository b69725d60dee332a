//! What was fitted, run again: draws of sites and terms of the ELBO.

use crate::corrected::Corrected;
use crate::draws::{Draws, SiteDraws};
use crate::elbo::Elbo;
use crate::error::{Error, Result};
use crate::guide::{BoundGuide, Draw, DrawContext};
use crate::layout::Layout;
use crate::model::Model;
use crate::scope::{Mode, Run, run};
use probity_autodiff::{Key, Params, Scalar, Tape, Threads, parallel_map};

/// What was fitted, without the model.
#[derive(Clone, Copy)]
pub(super) struct Fitted<'a, T: Scalar> {
    pub(super) layout: &'a Layout,
    pub(super) guide: &'a dyn BoundGuide<T>,
    pub(super) params: &'a Params<T>,
    pub(super) corrected: Option<&'a Corrected>,
    pub(super) key: Key,
}

impl<'a, T: Scalar> Fitted<'a, T> {
    /// A draw of the guide, on a tape to which the parameters are bound.
    pub(super) fn draw<'t>(&self, tape: &'t Tape<T>, key: Key) -> Result<Draw<'t, T>>
    where
        'a: 't,
    {
        self.guide.draw(DrawContext::new(tape, self.params, key.split().1))
    }

    /// Whether all sites are drawn at once, so that every draw has a log density.
    pub(super) fn draws_jointly(&self) -> Result<bool> {
        let tape = Tape::new();
        tape.bind(self.params);
        Ok(self.draw(&tape, self.key)?.marginals.is_none())
    }

    /// `f` for the keys of `n` draws, on several threads, each with its own tape; the results in
    /// order. A draw at which the arithmetic of the model fails is drawn anew, as in a fit.
    pub(super) fn collect<O: Send>(
        &self,
        n: usize,
        key: Key,
        f: impl Fn(&Tape<T>, &mut Layout, &mut String, usize, Key) -> Result<O> + Sync,
    ) -> Result<Vec<O>> {
        const PIECE: usize = 16;
        const ATTEMPTS: u64 = 100;
        let piece = |piece: usize| {
            let (mut tape, mut layout, mut prefix) = (Tape::new(), self.layout.clone(), String::new());
            (piece * PIECE..((piece + 1) * PIECE).min(n))
                .map(|i| {
                    let key = key.fold_in(i as u64);
                    let mut attempt = 0;
                    loop {
                        tape.reset();
                        let key = if attempt == 0 { key } else { key.fold_in_str("again").fold_in(attempt) };
                        // A draw that fails is followed by one that is not in use before the last.
                        match f(&tape, &mut layout, &mut prefix, i + attempt as usize * n, key) {
                            Err(Error::Numerical { .. }) if attempt < ATTEMPTS => attempt += 1,
                            done => return done,
                        }
                    }
                })
                .collect()
        };
        let pieces: Vec<Result<Vec<O>>> =
            Threads::default().during(|| parallel_map(n.div_ceil(PIECE), piece));
        let mut all = Vec::with_capacity(n);
        for piece in pieces {
            all.extend(piece?);
        }
        Ok(all)
    }
}

probity_autodiff::precompiled! {
    pub(super) fn predict_sites<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
        n: usize,
        wanted: &'a (dyn Fn(&str) -> bool + Sync),
    ) -> Result<Draws> {
        let key = fitted.key.fold_in_str("draws");
        let all = fitted.collect(n, key, |tape, layout, prefix, i, key| {
            tape.bind(fitted.params);
            let draw = match fitted.corrected {
                Some(corrected) => corrected.draw(tape, i),
                None => fitted.draw(tape, key)?,
            };
            let mode = Mode::Predict { params: fitted.params, draw };
            let mut how = Run::new(key, prefix);
            how.collecting = true;
            let out = run(model, tape, layout, mode, how)?;
            let read = |(index, var): &(usize, probity_autodiff::Var<'_, T>)| {
                (*index, var.shape(), var.read(|x| x.iter().map(|v| v.to_f64()).collect::<Vec<_>>()))
            };
            let kept = |(index, _): &&(usize, _)| wanted(&fitted.layout.sites[*index].name);
            Ok(out.collected.iter().flatten().filter(kept).map(read).collect::<Vec<_>>())
        })?;
        let mut sites: Vec<SiteDraws> = Vec::new();
        for draw in all {
            for (at, (index, shape, values)) in draw.into_iter().enumerate() {
                match sites.get_mut(at) {
                    Some(site) if site.shape == shape => site.values.extend(values),
                    Some(site) => {
                        let problem = "its shape changes from draw to draw".into();
                        return Err(Error::ModelChanged { site: site.name.clone(), problem });
                    }
                    None => {
                        let site = &fitted.layout.sites[index];
                        let (name, kind) = (site.name.clone(), site.kind);
                        // Predictions of other data have rows without labels.
                        let dims = if site.shape == shape { site.dims.clone() } else { Vec::new() };
                        sites.push(SiteDraws { name, kind, shape, dims, values });
                    }
                }
            }
        }
        Ok(Draws { sites, n })
    }
}

probity_autodiff::precompiled! {
    /// The terms of the ELBO, one a draw; if all sites are to be drawn jointly, the logarithms of
    /// the importance weights of draws.
    pub(super) fn elbo_terms<T>(
        fitted: Fitted<'a, T>,
        model: &'a (dyn Model<T> + Sync),
        n: usize,
        jointly: bool,
    ) -> Result<Vec<f64>> {
        let key = fitted.key.fold_in_str("elbo");
        fitted.collect(n, key, |tape, layout, prefix, _, key| {
            tape.bind(fitted.params);
            let mut draw = fitted.draw(tape, key)?;
            if jointly {
                let joint = draw.into_joint(DrawContext::new(tape, fitted.params, key.split().1))?;
                draw = Draw { joint: Some(joint), marginals: None };
            }
            let mode = Mode::Elbo { params: fitted.params, draw, draws: n };
            let out = run(model, tape, layout, mode, Run::new(key, prefix))?;
            Ok(Elbo { log_likelihood: out.log_likelihood.mean(), kl: out.kl.mean() }.value())
        })
    }
}

/// The terms of the ELBO of a guide, one a draw, by the draws that a posterior of the same key has.
pub(crate) fn elbo_terms_at<T: Scalar>(
    (layout, guide, params): (&Layout, &dyn BoundGuide<T>, &Params<T>),
    model: &(dyn Model<T> + Sync),
    n: usize,
    key: Key,
) -> Result<Vec<f64>> {
    elbo_terms(Fitted { layout, guide, params, corrected: None, key }, model, n, false)
}
