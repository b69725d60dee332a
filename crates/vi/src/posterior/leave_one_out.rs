//! Leave-one-out cross-validation of a fit, from the log likelihoods of single observations.

use super::fitted::Fitted;
use crate::corrected::Corrected;
use crate::diagnostics::Loo;
use crate::error::{Error, Result};
use crate::guide::DrawContext;
use crate::log_joint::points_of;
use crate::model::Model;
use crate::scope::{Mode, Run, run};
use probity_autodiff::{Scalar, Tape, Var};

/// Draws of a guide.
const DRAWS: usize = 2000;

/// What a draw leaves: the log importance ratio, and the log likelihood of every observation.
type OfDraw = (f64, Vec<f64>);

/// The number of draws.
pub(super) fn draws<T: Scalar>(fitted: Fitted<'_, T>) -> usize {
    fitted.corrected.map_or(DRAWS, Corrected::len)
}

probity_autodiff::precompiled! {
    pub(super) fn leave_one_out<T>(fitted: Fitted<'a, T>, model: &'a (dyn Model<T> + Sync)) -> Result<Loo> {
        let bad = |problem: &str| Err(Error::Setting { setting: "loo", problem: problem.into() });
        if !fitted.guide.has_density() && fitted.corrected.is_none() {
            return bad("a point has no draws of which one could be left out");
        }
        let starts = points_of(fitted.layout, fitted.params)?;
        let key = fitted.key.fold_in_str("draws");
        let of_draw = |tape: &Tape<T>, layout: &mut _, prefix: &mut String, i: usize, key| -> Result<OfDraw> {
            tape.bind(fitted.params);
            let at = DrawContext::new(tape, fitted.params, probity_autodiff::Key::split(key).1);
            let draw = match fitted.corrected {
                Some(corrected) => corrected.draw(tape, i),
                None => fitted.draw(tape, key)?,
            };
            let joint = draw.into_joint(at)?;
            let mode = Mode::Point { u: joint.u.detach(), starts: &starts, non_centred: &[] };
            let mut how = Run::new(key, prefix);
            how.pointwise = true;
            let out = run(model, tape, layout, mode, how)?;
            let mut each = Vec::new();
            for site in out.pointwise.iter().flatten() {
                site.read(|x| each.extend(x.iter().map(|x| x.to_f64())));
            }
            let terms = out.log_prior.terms().chain(out.log_likelihood.terms());
            let log_joint = Var::linear_combination(terms).item().to_f64();
            Ok((log_joint - joint.log_q.item().to_f64(), each))
        };
        let all = fitted.collect(draws(fitted), key, of_draw)?;
        let observations = all.first().map_or(0, |(_, each)| each.len());
        if observations == 0 {
            return bad("the model observes nothing (factors are not observations)");
        }
        let (ratios, each): (Vec<f64>, Vec<Vec<f64>>) = all.into_iter().unzip();
        let log_likelihood = each.concat();
        match fitted.corrected {
            Some(_) => Loo::new(&log_likelihood, observations, 1.0),
            None => Loo::of_guide(&log_likelihood, observations, &ratios),
        }
    }
}
