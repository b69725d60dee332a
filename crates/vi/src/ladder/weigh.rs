//! Importance weights of draws from the Gaussians that were found.

use super::proposal::{Draws, Proposal};
use super::{Evaluator, Quantity};
use crate::diagnostics::{Psis, log_sum_exp, psis};
use crate::error::Result;
use crate::gaussian::Gaussian;
use probity_autodiff::Key;
use rand::RngExt;
use rand::seq::SliceRandom;

/// Draws of the first round.
const FIRST: usize = 1024;
/// The effective number of draws that is aimed for, and the most draws of the second round.
const AIM: f64 = 2500.0;
const MOST: usize = 1 << 14;
/// A mode with less of the mass than this is left out.
const LEAST_MASS: f64 = 1e-4;
/// A mode whose typical log ratio is so many nats below that of another is none.
const BELOW: f64 = 10.0;

/// Weighted draws.
#[derive(Debug)]
pub(super) struct Weighted {
    dim: usize,
    /// The Gaussian with most mass first.
    pub(super) gaussians: Vec<Gaussian>,
    points: Vec<f64>,
    log_ratios: Vec<f64>,
    pub(super) psis: Psis,
}

/// Draws from the mixture of the Gaussians, weighted by the target. The number of draws follows
/// from the efficiency of the weights in a first round, which also says which Gaussian has which
/// share of the mass.
pub(super) fn weigh(
    evaluator: &mut Evaluator<'_>,
    mut gaussians: Vec<Gaussian>,
    key: Key,
) -> Result<Weighted> {
    let dim = evaluator.dim();
    let round = |gaussians: &[Gaussian],
                 shares: &[f64],
                 n,
                 key,
                 evaluator: &mut Evaluator<'_>|
     -> Result<(Draws, Vec<f64>)> {
        let draws = Proposal::new(gaussians, shares)?.draw(n, key);
        let values = evaluator.values(&draws.points)?;
        let ratios = values.iter().zip(&draws.log_q).map(|(p, q)| p - q).collect::<Vec<_>>();
        Ok((draws, ratios))
    };
    let mut shares = vec![1.0; gaussians.len()];
    let first = FIRST * gaussians.len();
    let (mut draws, mut ratios) = round(&gaussians, &shares, first, key.fold_in(0), evaluator)?;
    let mut smoothed = psis(&ratios, 1.0);
    let weights = smoothed.weights();
    if gaussians.len() > 1 && weights.iter().all(|w| w.is_finite()) {
        let mut masses = vec![0.0; gaussians.len()];
        draws.component.iter().zip(&weights).for_each(|(k, w)| masses[*k] += w);
        let typical = typical_ratios(&draws, &ratios, gaussians.len());
        let mut kept = with_mass(gaussians, masses, &typical);
        kept.sort_by(|a, b| b.1.total_cmp(&a.1));
        (gaussians, shares) = kept.into_iter().unzip();
        shares.iter_mut().for_each(|s| *s = s.max(0.1));
        // Of the first round's mixture nothing is kept: its shares were not those of the masses.
        (draws, ratios) = (Draws::default(), Vec::new());
    }
    let efficiency = smoothed.ess / weights.len() as f64;
    let want = (AIM / efficiency.max(1e-9)).min(MOST as f64) as usize;
    if want > draws.log_q.len() && efficiency > 1e-3 {
        let more = want - draws.log_q.len();
        let (rest, others) = round(&gaussians, &shares, more, key.fold_in(1), evaluator)?;
        draws.points.extend(rest.points);
        draws.component.extend(rest.component);
        ratios.extend(others);
    } else if ratios.is_empty() {
        (draws, ratios) = round(&gaussians, &shares, FIRST, key.fold_in(1), evaluator)?;
    }
    smoothed = by_component(&ratios, &draws.component, gaussians.len());
    Ok(Weighted { dim, gaussians, points: draws.points, log_ratios: ratios, psis: smoothed })
}

/// Ratios smoothed component by component, on a common scale; k̂ is the largest one. Where the
/// Gaussian of a mode with few draws is somewhat too narrow, its ratios stand apart from those of
/// the others, and would look like a tail that is none.
fn by_component(ratios: &[f64], component: &[usize], components: usize) -> Psis {
    if components == 1 {
        return psis(ratios, 1.0);
    }
    let mut all = Psis { k_hat: f64::NEG_INFINITY, log_weights: vec![f64::NAN; ratios.len()], ess: f64::NAN };
    for k in 0..components {
        let own: Vec<usize> = (0..ratios.len()).filter(|i| component[*i] == k).collect();
        let of_own: Vec<f64> = own.iter().map(|i| ratios[*i]).collect();
        if of_own.iter().all(|ratio| *ratio == f64::NEG_INFINITY) {
            own.iter().for_each(|i| all.log_weights[*i] = f64::NEG_INFINITY);
            continue;
        }
        let smoothed = psis(&of_own, 1.0);
        // The smallest ratio is in no tail, and tells by what the others were divided.
        let finite = (0..own.len()).filter(|j| of_own[*j].is_finite());
        let lowest = finite.min_by(|a, b| of_own[*a].total_cmp(&of_own[*b]));
        let scale = lowest.map_or(f64::NAN, |j| of_own[j] - smoothed.log_weights[j]);
        own.iter().zip(&smoothed.log_weights).for_each(|(i, w)| all.log_weights[*i] = w + scale);
        let nan = all.k_hat.is_nan() || smoothed.k_hat.is_nan();
        all.k_hat = if nan { f64::NAN } else { all.k_hat.max(smoothed.k_hat) };
    }
    let total = log_sum_exp(all.log_weights.iter().copied());
    all.log_weights.iter_mut().for_each(|w| *w -= total);
    all.ess = 1.0 / all.log_weights.iter().map(|w| (2.0 * w).exp()).sum::<f64>();
    all
}

/// The Gaussians that have a share of the mass. Weights of a bad proposal say little of masses: a
/// place far below the others has none, and the highest stays whatever its weights say.
fn with_mass(gaussians: Vec<Gaussian>, masses: Vec<f64>, typical: &[f64]) -> Vec<(Gaussian, f64)> {
    let highest = (0..typical.len()).max_by(|a, b| typical[*a].total_cmp(&typical[*b])).unwrap_or(0);
    let each = gaussians.into_iter().zip(masses).enumerate();
    let has_mass =
        |k: usize, mass: f64| k == highest || (mass > LEAST_MASS && typical[k] > typical[highest] - BELOW);
    each.filter(|(k, (_, mass))| has_mass(*k, *mass)).map(|(_, kept)| kept).collect()
}

/// The median log ratio of the draws of every component.
fn typical_ratios(draws: &Draws, ratios: &[f64], components: usize) -> Vec<f64> {
    let of = |k: usize| {
        let own = draws.component.iter().zip(ratios).filter(|(c, _)| **c == k);
        let mut own: Vec<f64> = own.map(|(_, ratio)| *ratio).collect();
        own.sort_by(f64::total_cmp);
        own.get(own.len() / 2).copied().unwrap_or(f64::NEG_INFINITY)
    };
    (0..components).map(of).collect()
}

impl Weighted {
    /// The tail shape of the weighted squared distance of every entry from its mean.
    pub(super) fn k_of_squares(&self, quantities: &[Quantity]) -> Vec<f64> {
        let weights = self.psis.weights();
        let k = |i: usize| {
            let u = self.points.iter().skip(i).step_by(self.dim);
            let x: Vec<f64> = u.map(|u| quantities[i].of(*u)).collect();
            let mean = self.psis.mean(&x);
            let squares = x.iter().zip(&weights).map(|(x, w)| w.ln() + 2.0 * (x - mean).abs().ln());
            psis(&squares.collect::<Vec<_>>(), 1.0).k_hat
        };
        (0..self.dim).map(k).collect()
    }

    /// Draws with equal weights, in random order: every draw as often as its weight says, rounded
    /// by one random number for all.
    ///
    /// Source: Kitagawa 1996, "Monte Carlo filter and smoother" (systematic resampling).
    pub(super) fn resampled(&self, key: Key) -> Vec<f64> {
        const KEPT: usize = 4000;
        let weights = self.psis.weights();
        let n = weights.len().min(KEPT);
        let mut rng = key.rng();
        let mut at = rng.random_range(0.0..1.0);
        let mut chosen = Vec::with_capacity(n);
        let mut sum = 0.0;
        for (i, w) in weights.iter().enumerate() {
            sum += w * n as f64;
            while at < sum {
                chosen.push(i);
                at += 1.0;
            }
        }
        chosen.shuffle(&mut rng);
        let d = self.dim;
        chosen.iter().flat_map(|i| &self.points[i * d..(i + 1) * d]).copied().collect()
    }

    /// Where chains begin, d numbers each: in every mode, or at draws whose weights are tempered,
    /// so that a few heavy ones in the far tails are not all there is.
    pub(super) fn starts(&self, chains: usize, key: Key) -> Vec<f64> {
        const TEMPERED: f64 = 0.3;
        let d = self.dim;
        if self.gaussians.len() > 1 {
            let each = self.gaussians.iter().cycle().take(chains);
            return each.flat_map(|g| g.mean.iter()).copied().collect();
        }
        let max = self.log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut rng = key.rng();
        // The largest of ln w + Gumbel noise are draws by weight without replacement.
        let mut scored: Vec<(f64, usize)> = Vec::new();
        for (i, ratio) in self.log_ratios.iter().enumerate() {
            let gumbel = -(-rng.random_range(f64::MIN_POSITIVE..1.0_f64).ln()).ln();
            if ratio.is_finite() {
                scored.push((TEMPERED * (ratio - max) + gumbel, i));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let chosen = scored.iter().take(chains).map(|(_, i)| *i);
        chosen.flat_map(|i| &self.points[i * d..(i + 1) * d]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::LogDensity;

    /// Two far modes, the Gaussian of the smaller one a tenth too narrow: all ratios are bounded,
    /// but those of a few draws stand apart from the others.
    #[test]
    fn a_far_mode_of_little_mass_is_no_tail() {
        let at = |x: f64, scale: f64| Gaussian::diagonal(&[x; 2], &[scale; 2]);
        let target = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
            let log = |at: f64, mass: f64| mass.ln() - u.iter().map(|u| 0.5 * (u - at).powi(2)).sum::<f64>();
            // Weights need no gradient.
            gradient.fill(0.0);
            log_sum_exp([log(0.0, 0.1), log(5.7, 0.9)].into_iter())
        });
        for seed in 0..40 {
            let mut evaluator = Evaluator::new(&target);
            let both = vec![at(0.0, 0.9), at(5.7, 1.0)];
            let weighted = weigh(&mut evaluator, both, Key::new(seed)).unwrap();
            assert!(weighted.psis.is_reliable(), "{seed}: {}", weighted.psis.k_hat);
            let first = weighted.points.iter().step_by(2).map(|u| f64::from(u8::from(*u < 2.85)));
            let mass = weighted.psis.mean(&first.collect::<Vec<_>>());
            // Six standard errors of 2000 draws; strata make them smaller.
            assert!((mass - 0.1).abs() < 6.0 * (0.09_f64 / 2000.0).sqrt(), "{seed}: {mass}");
        }
    }

    /// A mode without mass has no weight, and a NaN shows.
    #[test]
    fn components_without_density_have_no_weight() {
        let ratios: Vec<f64> = (0..4000).map(|i| -(f64::from(i % 1000) * 1e-3).powi(2)).collect();
        let component: Vec<usize> = (0..4000).map(|i| usize::from(i >= 100)).collect();
        let mut none = ratios;
        none[..100].fill(f64::NEG_INFINITY);
        let rest = by_component(&none, &component, 2);
        assert!(rest.k_hat < 0.5 && rest.weights()[50] == 0.0 && rest.ess > 3000.0, "{}", rest.k_hat);
        assert!((rest.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        none[7] = f64::NAN;
        assert!(by_component(&none, &component, 2).k_hat.is_nan());
    }

    /// Weights that give all mass to a place far below another leave the other.
    #[test]
    fn one_gaussian_always_stays() {
        let at = |x: f64| Gaussian::diagonal(&[x], &[1.0]);
        let kept = |masses: [f64; 2], typical: [f64; 2]| -> Vec<f64> {
            let kept = with_mass(vec![at(0.0), at(1.0)], masses.to_vec(), &typical);
            kept.iter().map(|(g, _)| g.mean[0]).collect()
        };
        assert_eq!(kept([0.0, 1.0], [0.0, -100.0]), [0.0]);
        assert_eq!(kept([0.0, 1.0], [-1.0, 0.0]), [1.0]);
        assert_eq!(kept([0.4, 0.6], [-1.0, 0.0]), [0.0, 1.0]);
        assert_eq!(kept([0.0, 0.0], [f64::NEG_INFINITY; 2]).len(), 1);
    }
}
