//! The noise of sampled weights, by rows that are left out.

use super::{NoiseCandidate, NoiseChoice, NoiseCriterion};
use crate::error::Result;
use crate::noise::{FLOOR, Noise, Tails};
use crate::prediction::{RegressionPrediction, student_t_scale};
use crate::regression::FittedRegression;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::parallel_map;
use probity_distributions::{Distribution, Normal, StudentT};
use probity_vi::diagnostics::{log_sum_exp, psis};

/// What draws of a fit say of the rows that they were learned from, each left out. Targets, means
/// and standard deviations are in the units in which they were standardised.
struct LeftOut {
    y: Vec<f64>,
    means: DMatrix<f64>,
    sds: DMatrix<f64>,
    /// Normalised logarithms, draw after draw, row after row.
    log_weights: Vec<Vec<f64>>,
    /// The log predictive density of every row.
    elpd: Vec<f64>,
    influential: usize,
}

impl LeftOut {
    fn new(fitted: &FittedRegression, x: &DMatrix<f64>, y: &[f64]) -> Result<Self> {
        let units = &fitted.posterior().model().scales().y;
        Ok(Self::of(&fitted.predict(x, fitted.default_draws())?, y, (units.mean[0], units.sd[0])))
    }

    /// Of predictions at the rows, and the mean and the unit of the targets.
    fn of(predicted: &RegressionPrediction, y: &[f64], (mean, unit): (f64, f64)) -> Self {
        // Squares of numbers in the user's units may be out of range.
        let standardised = |y: f64| y / unit - mean / unit;
        let y: Vec<f64> = y.iter().map(|y| standardised(*y)).collect();
        let (means, draws) = (predicted.draw_means().map(standardised), predicted.draws());
        let sds = predicted.draw_sds().map(|sd| sd / unit);
        let shared = sds.ncols() == 1;
        let sds = DMatrix::from_fn(draws, y.len(), |s, i| sds[(s, if shared { 0 } else { i })]);
        let degrees = predicted.draw_degrees().map(<[f64]>::to_vec);
        let log_density = |i: usize, s: usize| match &degrees {
            None => Normal::<f64>::new(means[(s, i)], sds[(s, i)]).log_prob(y[i]),
            Some(df) => {
                let scale = sds[(s, i)] * student_t_scale(df[s]);
                StudentT::<f64>::new(df[s], means[(s, i)], scale).log_prob(y[i])
            }
        };
        let rows = parallel_map(y.len(), |i| {
            let density: Vec<f64> = (0..draws).map(|s| log_density(i, s)).collect();
            let ratios: Vec<f64> = density.iter().map(|l| -l).collect();
            let psis = psis(&ratios, 1.0);
            let elpd = log_mean(&psis.log_weights, density.iter().copied());
            (psis.k_hat, psis.log_weights, elpd)
        });
        let influential = rows.iter().filter(|(k, ..)| !(*k <= 0.7)).count();
        let (log_weights, elpd) = rows.into_iter().map(|(_, weights, elpd)| (weights, elpd)).unzip();
        Self { y, means, sds, log_weights, elpd, influential }
    }

    /// The standardised residual of a row by a draw.
    fn residual(&self, i: usize, s: usize) -> f64 {
        (self.y[i] - self.means[(s, i)]) / self.sds[(s, i)]
    }

    /// The same means with one standard deviation for all rows: that of the residuals of each draw.
    fn with_constant_noise(&self) -> Self {
        let draws = self.means.nrows();
        let of_draw = |s: usize| {
            let squares = self.y.iter().enumerate().map(|(i, y)| (y - self.means[(s, i)]).powi(2));
            (squares.sum::<f64>() / self.y.len() as f64).sqrt().max(FLOOR)
        };
        let of: Vec<f64> = (0..draws).map(of_draw).collect();
        let sds = DMatrix::from_fn(draws, self.y.len(), |s, _| of[s]);
        let Self { y, means, log_weights, .. } = self;
        let (y, means, log_weights) = (y.clone(), means.clone(), log_weights.clone());
        let mut other = Self { y, means, sds, log_weights, elpd: Vec::new(), influential: self.influential };
        other.elpd = other.judged(|z, sd| Normal::<f64>::standard().log_prob(z) - sd.ln());
        other
    }

    /// With Student-t noise of the best of some degrees of freedom, and the scale that goes with
    /// it.
    fn with_heavy_tails(&self) -> Vec<f64> {
        const DEGREES: [f64; 4] = [2.5, 4.0, 8.0, 16.0];
        let of = |df: f64| {
            let scale = self.student_t_scale(df);
            let peak = StudentT::<f64>::new(df, 0.0, 1.0).log_prob(0.0);
            self.judged(|z, sd| {
                let own = (scale * sd).max(FLOOR);
                let z = z * (sd / own);
                peak - 0.5 * (df + 1.0) * (z * z / df).ln_1p() - own.ln()
            })
        };
        let all = DEGREES.map(of);
        let total = |elpd: &Vec<f64>| elpd.iter().sum::<f64>();
        all.into_iter().max_by(|a, b| total(a).total_cmp(&total(b))).unwrap_or_default()
    }

    /// The scale of standardised residuals with so many degrees of freedom, by maximum likelihood
    /// (EM; some of the draws say as much as all).
    fn student_t_scale(&self, df: f64) -> f64 {
        const DRAWS: usize = 20;
        let step = self.means.nrows().div_ceil(DRAWS);
        let draws = (0..self.means.nrows()).step_by(step);
        let squares: Vec<f64> =
            draws.flat_map(|s| (0..self.y.len()).map(move |i| self.residual(i, s).powi(2))).collect();
        let mut square = 1.0;
        for _ in 0..30 {
            let sum: f64 = squares.iter().map(|z| (df + 1.0) * z / (df + z / square)).sum();
            square = (sum / squares.len() as f64).max(1e-12);
        }
        square.sqrt()
    }

    /// The log predictive density of every row by this density of a standardised residual and the
    /// standard deviation.
    fn judged(&self, log_density: impl Fn(f64, f64) -> f64 + Sync) -> Vec<f64> {
        parallel_map(self.y.len(), |i| {
            let of = (0..self.means.nrows()).map(|s| log_density(self.residual(i, s), self.sds[(s, i)]));
            log_mean(&self.log_weights[i], of)
        })
    }
}

/// The logarithm of a weighted mean, of logarithms.
fn log_mean(log_weights: &[f64], logs: impl Iterator<Item = f64>) -> f64 {
    let terms: Vec<f64> = log_weights.iter().zip(logs).map(|(w, l)| w + l).collect();
    log_sum_exp(terms.iter().copied())
}

/// A candidate with these terms beside the first's.
fn candidate((noise, tails): (Noise, Tails), fitted: bool, terms: &[f64], first: &[f64]) -> NoiseCandidate {
    let differences: Vec<f64> = terms.iter().zip(first).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let sum: f64 = differences.iter().sum();
    let squares: f64 = differences.iter().map(|d| (d - sum / n).powi(2)).sum();
    // The variance of a sum of n terms with their sample variance.
    let standard_error = (squares * n / (n - 1.0).max(1.0)).sqrt();
    NoiseCandidate { noise, tails, fitted, difference: sum, standard_error }
}

/// The better of a fit and a fit with the noise that its residuals speak for, by `fit`.
pub(crate) fn choose_by_left_out_rows(
    first: FittedRegression,
    x: &DMatrix<f64>,
    y: &[f64],
    fit: impl Fn(Noise, Tails) -> Result<FittedRegression>,
) -> Result<FittedRegression> {
    let own = (first.spec().noise, first.spec().tails);
    let left_out = LeftOut::new(&first, x, y)?;
    let constant = left_out.with_constant_noise();
    let mut candidates = vec![candidate(own, true, &left_out.elpd, &left_out.elpd)];
    let mut add = |noise, tails, terms: &[f64]| {
        candidates.push(candidate((noise, tails), false, terms, &left_out.elpd));
    };
    if own.0 == Noise::InputDependent {
        add(Noise::Learned, Tails::Gaussian, &constant.elpd);
        add(Noise::InputDependent, Tails::StudentT, &left_out.with_heavy_tails());
    }
    add(Noise::Learned, Tails::StudentT, &constant.with_heavy_tails());
    let better = candidates.iter().filter(|c| c.is_better());
    let best = better.max_by(|a, b| a.difference.total_cmp(&b.difference)).cloned();
    let criterion = NoiseCriterion::LeftOutRows { influential: left_out.influential };
    let mut choice = NoiseChoice { noise: own.0, tails: own.1, criterion, rows: y.len(), candidates };
    let mut chosen = first;
    if let Some(best) = best {
        let other = fit(best.noise, best.tails)?;
        let terms = LeftOut::new(&other, x, y)?.elpd;
        let judged = candidate((best.noise, best.tails), true, &terms, &left_out.elpd);
        if judged.is_better() {
            (choice.noise, choice.tails, chosen) = (best.noise, best.tails, other);
        }
        choice.candidates.push(judged);
    }
    Ok(chosen.with_noise_choice(choice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_autodiff::Key;
    use probity_autodiff::random::fill_normal;

    /// 200 rows around 0 by 80 draws whose means differ a little, with these standard deviations.
    fn predicted(sd: impl Fn(usize) -> f64) -> RegressionPrediction {
        let mut shift = vec![0.0; 80];
        fill_normal(Key::new(2), 0, &mut shift);
        let means = DMatrix::from_fn(80, 200, |s, _| 0.02 * shift[s]);
        RegressionPrediction::new(means, DMatrix::from_fn(80, 200, |_, i| sd(i))).unwrap()
    }

    fn normals(seed: u64, n: usize) -> Vec<f64> {
        let mut e = vec![0.0; n];
        fill_normal(Key::new(seed), 0, &mut e);
        e
    }

    #[test]
    fn spread_that_means_nothing_is_worse_than_a_constant() {
        let (e, z) = (normals(3, 200), normals(4, 200));
        let y: Vec<f64> = e.iter().map(|e| 0.3 * e).collect();
        let kind = (Noise::Learned, Tails::Gaussian);
        for (wild, better) in [(1.0, true), (0.0, false)] {
            let predicted = predicted(|i| 0.3 * (wild * z[i]).exp());
            let left_out = LeftOut::of(&predicted, &y, (0.0, 1.0));
            let constant = candidate(kind, false, &left_out.with_constant_noise().elpd, &left_out.elpd);
            assert_eq!(constant.is_better(), better, "{constant:?}");
            assert!(better || constant.difference.abs() < 1.0, "{constant:?}");
        }
    }

    #[test]
    fn the_scale_and_the_tails_of_residuals_are_found() {
        // Student-t with three degrees of freedom, from normals.
        let e = normals(5, 800);
        let chi = |i: usize| (1..4).map(|j| e[4 * i + j] * e[4 * i + j]).sum::<f64>() / 3.0;
        let y: Vec<f64> = (0..200).map(|i| 0.3 * e[4 * i] / chi(i).sqrt()).collect();
        let predicted = predicted(|_| 0.6);
        let left_out = LeftOut::of(&predicted, &y, (0.0, 1.0));
        // Half of the standard deviation that was assumed; 10 % is two standard errors.
        assert!((left_out.student_t_scale(3.0) / 0.5 - 1.0).abs() < 0.1);
        let kind = (Noise::InputDependent, Tails::StudentT);
        assert!(candidate(kind, false, &left_out.with_heavy_tails(), &left_out.elpd).is_better());
        // The criterion of all rows is nearly the log density at the posterior mean, as no row
        // matters much.
        let exact: f64 = y.iter().map(|y| Normal::<f64>::new(0.0, 0.6).log_prob(*y)).sum();
        let sum: f64 = left_out.elpd.iter().sum();
        assert!((sum - exact).abs() < 1.0 && left_out.influential == 0, "{sum} {exact}");
    }

    #[test]
    fn noise_below_the_floor_is_no_evidence() {
        // Targets without noise, met up to a thousandth of the floor.
        let y = vec![0.0; 200];
        let means = DMatrix::from_fn(80, 200, |s, i| 1e-6 * ((s + i) as f64).sin());
        let predicted = RegressionPrediction::new(means, DMatrix::from_element(80, 200, 1e-3)).unwrap();
        let left_out = LeftOut::of(&predicted, &y, (0.0, 1.0));
        let constant = left_out.with_constant_noise();
        for terms in [&constant.elpd, &left_out.with_heavy_tails(), &constant.with_heavy_tails()] {
            let found = candidate((Noise::Learned, Tails::StudentT), false, terms, &left_out.elpd);
            assert!(found.difference < 1.0, "{found:?}");
        }
    }

    #[test]
    fn units_do_not_matter() {
        let (e, z) = (normals(6, 200), normals(7, 200));
        let of = |unit: f64| {
            let y: Vec<f64> = e.iter().map(|e| unit * (3.0 + 0.3 * e)).collect();
            let plain = predicted(|i| 0.3 * (0.5 * z[i]).exp());
            let means = plain.draw_means().map(|m| unit * (3.0 + m));
            let predicted = RegressionPrediction::new(means, plain.draw_sds() * unit).unwrap();
            let left_out = LeftOut::of(&predicted, &y, (3.0 * unit, unit));
            let constant = left_out.with_constant_noise();
            [left_out.with_heavy_tails(), constant.with_heavy_tails(), left_out.elpd, constant.elpd]
        };
        for unit in [1e-300, 1e307] {
            for (terms, same) in of(unit).iter().flatten().zip(of(1.0).iter().flatten()) {
                assert!((terms - same).abs() < 1e-9, "{unit}: {terms} {same}");
            }
        }
    }
}
