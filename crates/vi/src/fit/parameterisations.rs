//! The two ways to write a hierarchy: centred, as the model has it, and non-centred.

use crate::error::Result;
use crate::ladder::{Evaluator, Ladder, Tell};
use crate::log_joint::LogJoint;
use crate::model::Model;
use crate::scope::Discovered;
use crate::verdict::Grade;
use probity_autodiff::Scalar;

/// An answer, and how it was found.
pub(super) struct Best<A> {
    pub(super) answer: A,
    /// The sites that were written non-centred.
    pub(super) non_centred: Vec<usize>,
    /// Gradients of all tries.
    pub(super) gradients: usize,
}

/// The better of two answers by their grades; the first of equals.
fn better<A>(a: Option<A>, b: Option<A>, grade: impl Fn(&A) -> Grade) -> (Option<A>, bool) {
    match (a, b) {
        (Some(a), Some(b)) if grade(&b) < grade(&a) => (Some(b), true),
        (None, Some(b)) => (Some(b), true),
        (a, _) => (a, false),
    }
}

/// Runs inference on the density as it stands, and where the answer has no A and the model has
/// latent Normal variables whose scale is itself unknown, on the density in their standardised
/// numbers, in which there is no funnel. `run` is told whether its evaluator is of the latter.
///
/// *Source*: Betancourt, Girolami 2015, "Hamiltonian Monte Carlo for hierarchical models".
pub(super) fn best_of_both<M: Model<T> + Clone + Send, T: Scalar, A>(
    joint: &LogJoint<M, T>,
    found: &Discovered,
    ladder: &Ladder,
    mut run: impl FnMut(&mut Evaluator<'_>, &Ladder, bool) -> Result<Option<A>>,
    grade: impl Fn(&A) -> Grade + Copy,
    tell: Tell<'_>,
) -> Result<Option<Best<A>>> {
    let mut centred = Evaluator::new(joint).telling(tell);
    let both = !found.scaled.is_empty();
    let first = run(&mut centred, &ladder.clone().one_round(both), false)?;
    let done = |answer: &Option<A>| answer.as_ref().is_some_and(|a| grade(a) == Grade::A);
    if !both || done(&first) || ladder.is_late() {
        let gradients = centred.evaluations;
        return Ok(first.map(|answer| Best { answer, non_centred: Vec::new(), gradients }));
    }
    let other = joint.clone().non_centred(&found.scaled);
    tell.0("the same in standardised numbers");
    let mut map = other.clone();
    let mut evaluator = Evaluator::new(&other).telling(tell).answering_in(move |points| map.centre(points));
    let second = run(&mut evaluator, ladder, true)?;
    let (mut answer, changed) = better(first, second, grade);
    let non_centred = if changed { found.scaled.clone() } else { Vec::new() };
    if !changed && !done(&answer) && !ladder.is_late() {
        // What one round left undone.
        let more = run(&mut centred, ladder, false)?;
        (answer, _) = better(answer, more, grade);
    }
    let gradients = centred.evaluations + evaluator.evaluations;
    Ok(answer.map(|answer| Best { answer, non_centred, gradients }))
}

/// Where guides start, with the standardised numbers of the sites in `scaled` near 0.
pub(super) fn standardised_start(
    found: &Discovered,
    (mut mean, mut sd): (Vec<f64>, Vec<f64>),
) -> (Vec<f64>, Vec<f64>) {
    for site in found.scaled.iter().map(|index| &found.layout.sites[*index]) {
        let range = site.offset..site.offset + site.dim();
        mean[range.clone()].fill(0.0);
        sd[range].fill(0.1);
    }
    (mean, sd)
}
