//! A verdict on predictions: whether chains agree about what is used of them.

use super::{Verdict, What};
use crate::diagnostics::mean;

/// What the draws of one chain predict, at every input of some.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The predictive means.
    pub mean: Vec<f64>,
    /// The standard deviations of the predictions, noise included.
    pub sd: Vec<f64>,
}

impl Verdict {
    /// Of chains over coordinates that mean nothing by themselves, such as the weights of a
    /// network, whose units may be exchanged: it asks how much the chains differ in what they
    /// predict. Every input is an entry.
    ///
    /// For each, the standard error of the mean over chains must be small beside the standard
    /// deviation of the prediction ([`What::PredictedMean`]), and that of the prediction's variance
    /// beside the variance ([`What::PredictedSpread`]).
    ///
    /// # Panics
    /// If there are fewer than two chains, or lengths differ.
    pub fn of_predictions(inputs: impl IntoIterator<Item = String>, chains: &[Predicted]) -> Self {
        assert!(chains.len() > 1, "of_predictions: two chains at least, to compare them");
        let mut verdict = Self::new(inputs);
        let n = chains.len() as f64;
        let standard_error = |x: &[f64]| {
            let centre = mean(x);
            (x.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt()
        };
        let (mut means, mut spreads) = (Vec::new(), Vec::new());
        for i in 0..chains[0].mean.len() {
            let each = |f: &dyn Fn(&Predicted) -> f64| chains.iter().map(f).collect::<Vec<f64>>();
            let centres = each(&|c| c.mean[i]);
            let variances = each(&|c| c.sd[i] * c.sd[i]);
            // Of all draws together: within chains, and between them.
            let between = centres.iter().map(|m| (m - mean(&centres)).powi(2)).sum::<f64>() / n;
            let variance = mean(&variances) + between;
            means.push(standard_error(&centres) / variance.sqrt());
            spreads.push(standard_error(&variances) / variance);
        }
        verdict.check_each(What::PredictedMean, &means);
        verdict.check_each(What::PredictedSpread, &spreads);
        verdict
    }

    /// Of a guide over such coordinates: how far an exact kernel that moves its draws
    /// ([`Posterior::pushed`](crate::Posterior::pushed)) with this acceptance changes what they
    /// predict. Every input is an entry.
    ///
    /// # Panics
    /// If lengths differ.
    pub fn of_pushed(
        inputs: impl IntoIterator<Item = String>,
        acceptance: f64,
        [before, after]: [&Predicted; 2],
    ) -> Self {
        let mut verdict = Self::new(inputs);
        verdict.check(What::DriftAcceptance, acceptance);
        let drift = |i: usize| {
            let shift = (after.mean[i] - before.mean[i]).abs() / before.sd[i];
            shift.max((after.sd[i] / before.sd[i]).ln().abs())
        };
        verdict.check_each(What::PredictedDrift, &(0..before.mean.len()).map(drift).collect::<Vec<_>>());
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Grade;

    fn chain(mean: f64, sd: f64) -> Predicted {
        Predicted { mean: vec![0.0, mean], sd: vec![1.0, sd] }
    }

    #[test]
    fn chains_are_graded_by_their_predictions() {
        let of = |chains: &[Predicted]| Verdict::of_predictions(["a".into(), "b".into()], chains);
        assert_eq!(of(&[chain(0.0, 1.0), chain(0.1, 1.0)]).grade(), Grade::A);
        let verdict = of(&[chain(0.0, 1.0), chain(3.0, 1.0)]);
        assert_eq!(
            (verdict.grade(), verdict.of("a"), verdict.of("b")),
            (Grade::C, Some(Grade::A), Some(Grade::C))
        );
        // Standard error 1.5, standard deviation of all together the root of 1 + 1.5².
        assert!((verdict.value(What::PredictedMean).unwrap() - 1.5 / 3.25_f64.sqrt()).abs() < 1e-12);
        assert_eq!(of(&[chain(0.0, 1.0), chain(0.0, 5.0)]).grade(), Grade::C);
    }

    #[test]
    fn errors_of_three_chains_are_shares_of_the_variance_of_all() {
        // Means 0, 3, 6: variance 9 with n - 1 and 6 with n. Variances 1, 4, 25: mean 10, and 171
        // with n - 1.
        let chains = [chain(0.0, 1.0), chain(3.0, 2.0), chain(6.0, 5.0)];
        let verdict = Verdict::of_predictions(["a".into(), "b".into()], &chains);
        let got = [What::PredictedMean, What::PredictedSpread].map(|what| verdict.value(what).unwrap());
        let want = [(9.0_f64 / 3.0).sqrt() / 16.0_f64.sqrt(), (171.0_f64 / 3.0).sqrt() / 16.0];
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?} {want:?}");
    }

    #[test]
    fn a_guide_is_graded_by_how_its_predictions_move() {
        let of = |acceptance: f64, after: Predicted| {
            Verdict::of_pushed(["a".into(), "b".into()], acceptance, [&chain(0.0, 2.0), &after])
        };
        assert_eq!(of(0.9, chain(0.2, 2.0)).grade(), Grade::A);
        let verdict = of(0.9, chain(0.5, 2.0));
        assert_eq!((verdict.of("a"), verdict.of("b")), (Some(Grade::A), Some(Grade::B)));
        assert_eq!(verdict.value(What::PredictedDrift), Some(0.25));
        // From 1 down to ½, which is as far.
        let [before, after] = [chain(1.0, 2.0), chain(0.5, 2.0)];
        let down = Verdict::of_pushed(["a".into(), "b".into()], 0.9, [&before, &after]);
        assert_eq!((down.of("b"), down.value(What::PredictedDrift)), (Some(Grade::B), Some(0.25)));
        assert_eq!(of(0.9, chain(0.0, 1.0)).grade(), Grade::C);
        assert_eq!(of(0.1, chain(0.0, 2.0)).grade(), Grade::C);
    }
}
