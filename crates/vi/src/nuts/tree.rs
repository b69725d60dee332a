//! One transition: a trajectory that doubles until it turns, and a draw from its points by their
//! weights.

use super::Transition;
use super::hamiltonian::{Hamiltonian, Point, State};
use crate::error::Result;
use probity_autodiff::Key;
use probity_autodiff::random::KeyRng;
use rand::Rng;

/// An energy above that of the start by this much is a divergence.
const DIVERGENCE: f64 = 1000.0;

/// A piece of a trajectory, first to last in the direction in which it was made.
#[derive(Clone, Debug, Default)]
struct Span {
    /// The sum of its momenta.
    rho: Vec<f64>,
    /// Momenta at its ends.
    first: Vec<f64>,
    last: Vec<f64>,
    /// The point that was drawn from it.
    draw: Point,
    /// The logarithm of its weight, the sum of exp(start's energy − energy).
    log_weight: f64,
}

impl Span {
    /// A single point.
    fn set(&mut self, state: &State, log_weight: f64) {
        for to in [&mut self.rho, &mut self.first, &mut self.last] {
            to.clone_from(&state.momentum);
        }
        self.draw.copy_from(&state.at);
        self.log_weight = log_weight;
    }

    /// Adds a span that goes on where this one ends. Says whether the whole still goes straight:
    /// neither from end to end, nor from one end to the point after the seam, does it turn. The
    /// span that is added is used up.
    ///
    /// The draw is one of the other span by its share of the weight; if `biased`, by its weight
    /// over that of this one, at most 1, which favours points far from the start.
    fn add(&mut self, other: &mut Self, biased: bool, uniform: f64) -> bool {
        let total = log_add(self.log_weight, other.log_weight);
        let reference = if biased { self.log_weight } else { total };
        if uniform.ln() < other.log_weight - reference {
            std::mem::swap(&mut self.draw, &mut other.draw);
        }
        self.log_weight = total;
        let to_seam = straight(&self.first, &other.first, &self.rho, &other.first);
        let from_seam = straight(&self.last, &other.last, &other.rho, &self.last);
        let whole = straight(&self.first, &other.last, &self.rho, &other.rho);
        self.rho.iter_mut().zip(&other.rho).for_each(|(a, b)| *a += b);
        std::mem::swap(&mut self.last, &mut other.last);
        to_seam && from_seam && whole
    }
}

/// Whether the momenta at both ends point along the sum of momenta between them, given in two
/// parts.
///
/// *Source*: Betancourt 2017, "A conceptual introduction to Hamiltonian Monte Carlo", appendix
/// A.4.2.
fn straight(first: &[f64], last: &[f64], a: &[f64], b: &[f64]) -> bool {
    let (mut at_first, mut at_last) = (0.0, 0.0);
    for ((f, l), (a, b)) in first.iter().zip(last).zip(a.iter().zip(b)) {
        at_first += f * (a + b);
        at_last += l * (a + b);
    }
    at_first > 0.0 && at_last > 0.0
}

fn log_add(a: f64, b: f64) -> f64 {
    let max = a.max(b);
    if max == f64::NEG_INFINITY { max } else { max + (-(a - b).abs()).exp().ln_1p() }
}

/// The memory of a sampler's trajectories, and the transition.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Both ends.
    ends: [State; 2],
    whole: Span,
    grown: Span,
    /// A span for every depth of a subtree.
    spare: Vec<Span>,
}

/// What a trajectory has seen so far.
struct Record {
    step: f64,
    start_energy: f64,
    rng: KeyRng,
    leapfrogs: usize,
    acceptance: f64,
    divergent: bool,
}

impl Record {
    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 12) as f64 + 0.5) * (-52_f64).exp2()
    }
}

impl Tree {
    /// Moves the state to a draw from a trajectory through it, with a fresh momentum.
    ///
    /// *Source*: Hoffman, Gelman 2014, "The No-U-Turn sampler", algorithm 3, with the multinomial
    /// draws and the criterion of Betancourt 2017, appendix A, and the additional checks across
    /// subtrees of Stan 2.21.
    pub fn transition(
        &mut self,
        h: &mut Hamiltonian<'_>,
        state: &mut State,
        step: f64,
        max_depth: usize,
        key: Key,
    ) -> Result<Transition> {
        h.kick(state, key.fold_in(0));
        let start_energy = state.at.energy;
        let rng = key.fold_in(1).rng();
        let mut record = Record { step, start_energy, rng, leapfrogs: 0, acceptance: 0.0, divergent: false };
        self.ends.iter_mut().for_each(|e| e.copy_from(state));
        self.whole.set(state, 0.0);
        self.spare.resize_with(max_depth, Span::default);

        let (mut depth, mut forward) = (0, true);
        while depth < max_depth {
            let turn_to = record.uniform() < 0.5;
            if turn_to != forward {
                std::mem::swap(&mut self.whole.first, &mut self.whole.last);
                forward = turn_to;
            }
            record.step = if forward { step } else { -step };
            let end = &mut self.ends[usize::from(forward)];
            if !build(h, end, depth, &mut self.grown, &mut self.spare, &mut record)? {
                break;
            }
            depth += 1;
            if !self.whole.add(&mut self.grown, true, record.uniform()) {
                break;
            }
        }
        state.at.copy_from(&self.whole.draw);
        Ok(Transition {
            acceptance: record.acceptance / record.leapfrogs.max(1) as f64,
            depth,
            leapfrogs: record.leapfrogs,
            divergent: record.divergent,
            energy: state.at.energy,
        })
    }
}

/// Goes on from `end` by 2^`depth` steps, which become `span`. Says whether they may be used:
/// neither a turn within them nor a divergence.
fn build(
    h: &mut Hamiltonian<'_>,
    end: &mut State,
    depth: usize,
    span: &mut Span,
    spare: &mut [Span],
    record: &mut Record,
) -> Result<bool> {
    let Some(below) = depth.checked_sub(1) else {
        h.leapfrog(end, record.step)?;
        let log_weight = record.start_energy - end.at.energy;
        record.leapfrogs += 1;
        record.acceptance += log_weight.exp().min(1.0);
        record.divergent |= -log_weight > DIVERGENCE;
        span.set(end, log_weight);
        return Ok(!record.divergent);
    };
    if !build(h, end, below, span, spare, record)? {
        return Ok(false);
    }
    let mut second = std::mem::take(&mut spare[below]);
    let mut straight = build(h, end, below, &mut second, spare, record)?;
    if straight {
        straight = span.add(&mut second, false, record.uniform());
    }
    spare[below] = second;
    Ok(straight)
}
