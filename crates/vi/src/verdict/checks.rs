//! The table of checks: thresholds, sentences, advice.

use super::Grade;
use serde::{Deserialize, Serialize};

/// What a check measures. The variants are in the order of their rows in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum What {
    /// The shape k̂ of the tail of the importance weights.
    ParetoK,
    /// The effective number of weighted draws.
    WeightedDraws,
    /// k̂ of the weighted squared distances of an entry from its mean: whether its standard
    /// deviation is a number that draws can give.
    ParetoKOfSquares,
    /// The degrees of freedom of the Student t that decays as the density does far out along an
    /// entry.
    TailDegrees,
    /// How far a few transitions of an exact kernel move an entry's mean or standard deviation, in
    /// standard deviations, beyond the error of the draws.
    Drift,
    /// The share of its proposals that the exact kernel accepts: one that stands still moves
    /// nothing, whatever the draws.
    DriftAcceptance,
    /// The rank-normalised split R̂ of an entry's chains.
    RHat,
    /// The smaller of the effective sample sizes of an entry's bulk and tails.
    EffectiveDraws,
    /// The share of transitions that were divergent.
    Divergences,
    /// The energy's Bayesian fraction of missing information.
    Energy,
    /// The share of the chains' transitions that reached the longest trajectory.
    LongTrajectories,
    /// The share of the mass in modes between which no chain moves.
    OtherModes,
    /// The log of the ratio of an entry's standard deviation in the guide to the corrected one.
    GuideScale,
    /// The distance of an entry's mean in the guide from the corrected one, in standard deviations.
    GuideMean,
    /// The share of the posterior's standard deviations that a point shows: none.
    Point,
    /// The standard error of a predictive mean over chains, in standard deviations of the
    /// prediction.
    PredictedMean,
    /// The standard error of a predictive variance over chains, as a share of it.
    PredictedSpread,
    /// How far an exact kernel moves a predictive mean, in standard deviations of the prediction,
    /// or the logarithm of the standard deviation.
    PredictedDrift,
}

/// A row of the table.
struct Row {
    /// Up to this, A; up to that, B. Of what is better the larger, from this on, and from that on.
    limits: (f64, f64),
    larger_is_better: bool,
    /// What was measured; `{}` stands for the value.
    says: &'static str,
    /// The cause in words, and what to do.
    advice: &'static str,
}

const fn at_most(a: f64, b: f64, says: &'static str, advice: &'static str) -> Row {
    Row { limits: (a, b), larger_is_better: false, says, advice }
}

const fn at_least(a: f64, b: f64, says: &'static str, advice: &'static str) -> Row {
    Row { limits: (a, b), larger_is_better: true, says, advice }
}

impl What {
    fn row(self) -> Row {
        match self {
            What::ParetoK => at_most(
                0.65,
                0.7,
                "importance weights have a tail of k = {}",
                "the posterior is not near a Gaussian in unconstrained numbers; raise the budget so that chains can run",
            ),
            What::WeightedDraws => at_least(
                400.0,
                100.0,
                "weighted draws count as {} independent ones",
                "the posterior is far from every Gaussian that was tried; raise the budget so that chains can run",
            ),
            What::ParetoKOfSquares => at_most(
                0.8,
                1.1,
                "squared distances from the mean have a tail of k = {}",
                "the posterior has tails so heavy that its standard deviation does not exist or is carried by rare draws; use \
                 quantiles, or a prior with lighter tails",
            ),
            What::TailDegrees => at_least(
                2.5,
                2.0,
                "the tails decay as those of a Student t with {} degrees of freedom",
                "with 2 or fewer no standard deviation exists, with 0 or fewer the posterior is improper: the data do not identify \
                 this entry, give it a proper prior",
            ),
            What::Drift => at_most(
                0.15,
                0.3,
                "an exact kernel moves the draws by {} standard deviations",
                "the draws are not from the posterior there: the fit is not at its end, or the guide's family cannot show it (a \
                 mean field ignores correlations)",
            ),
            What::DriftAcceptance => at_least(
                0.5,
                0.25,
                "an exact kernel accepts {} of its moves of the draws",
                "the draws lie where the posterior is much narrower than the guide, or not smooth; nothing can be said of them",
            ),
            What::RHat => at_most(
                1.01,
                1.03,
                "chains agree to R-hat = {}",
                "chains did not mix: several modes, a funnel, or a direction that the data do not identify",
            ),
            What::EffectiveDraws => at_least(
                400.0,
                200.0,
                "chains have {} effective draws",
                "chains move slowly here: strong correlation, a funnel, or a direction that the data do not identify; raise the \
                 budget, or write scales non-centred",
            ),
            What::Divergences => at_most(
                0.0,
                0.01,
                "{} of the transitions diverged",
                "the posterior has a neck that chains do not enter: write the scale non-centred, or give it a prior that keeps it \
                 from 0",
            ),
            What::Energy => at_least(
                0.3,
                0.2,
                "the energy has {} of its fraction of information",
                "the posterior has tails or a funnel that chains explore slowly: write scales non-centred",
            ),
            What::LongTrajectories => at_most(
                0.05,
                0.5,
                "{} of the trajectories were as long as they may be",
                "scales differ so much along the posterior that no step size fits",
            ),
            What::OtherModes => at_most(
                0.01,
                0.05,
                "a share of {} of the mass is in modes that no chain connects",
                "there are several modes: break their symmetry by an order or by priors",
            ),
            What::GuideScale => at_most(
                0.1,
                0.3,
                "the guide has standard deviations off by a factor exp({})",
                "the guide's family cannot show this posterior (a mean field ignores correlations); leave the guide to the fit",
            ),
            What::GuideMean => at_most(
                0.15,
                0.4,
                "the guide has means off by {} standard deviations",
                "the guide's family cannot show this posterior; leave the guide to the fit",
            ),
            What::Point => at_least(
                0.9,
                0.7,
                "the guide is a point, which shows {} of the standard deviations",
                "a mode says nothing of uncertainty, and is not the mean: take a guide with a spread, such as `Laplace`, or none",
            ),
            What::PredictedMean => at_most(
                0.15,
                0.3,
                "chains predict means with an error of {} standard deviations of the prediction",
                "the chains are in different places and too few or too short: more chains, or more draws",
            ),
            What::PredictedSpread => at_most(
                0.25,
                0.5,
                "chains predict variances with an error of {} of them",
                "the chains are in different places and too few or too short: more chains, or more draws",
            ),
            What::PredictedDrift => at_most(
                0.15,
                0.3,
                "an exact kernel moves predictions by {} of their standard deviation",
                "the guide does not show how the posterior predicts there: draw the weights by chains (`sample`)",
            ),
        }
    }

    /// The grade of a value; C of one that is not a number.
    pub fn grade(self, value: f64) -> Grade {
        let Row { limits: (a, b), larger_is_better, .. } = self.row();
        let within = |limit: f64| if larger_is_better { value >= limit } else { value <= limit };
        match () {
            () if within(a) => Grade::A,
            () if within(b) => Grade::B,
            () => Grade::C,
        }
    }

    /// A number that grows as values get worse.
    pub(super) fn badness(self, value: f64) -> f64 {
        match value {
            v if v.is_nan() => f64::INFINITY,
            v if self.row().larger_is_better => -v,
            v => v,
        }
    }

    /// The limits of A and B.
    pub fn limits(self) -> (f64, f64) {
        self.row().limits
    }

    pub(super) fn sentence(self, value: f64) -> String {
        let Row { limits: (a, _), larger_is_better, says, .. } = self.row();
        let shown = match value.abs() {
            v if v == f64::INFINITY => "infinitely many".to_owned(),
            v if v >= 1e6 => format!("{value:.0e}"),
            v if (100.0..1e6).contains(&v) => format!("{value:.0}"),
            v if v == 0.0 || v >= 0.01 => format!("{value:.2}"),
            _ => format!("{value:.1e}"),
        };
        let want = if larger_is_better { "at least" } else { "at most" };
        format!("{} (A: {want} {a})", says.replace("{}", &shown))
    }

    pub(super) fn advice(self) -> &'static str {
        self.row().advice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_size_are_short() {
        let of = |value| What::TailDegrees.sentence(value);
        for (value, shown) in [
            (f64::INFINITY, "with infinitely many degrees"),
            (3.29e27, "with 3e27 degrees"),
            (1.1e6, "with 1e6 degrees"),
            (1e6, "with 1e6 degrees"),
            (800_000.0, "with 800000 degrees"),
            (123_456.0, "with 123456 degrees"),
            (100.0, "with 100 degrees"),
            (99.0, "with 99.00 degrees"),
            (2.5, "with 2.50 degrees"),
            (0.01, "with 0.01 degrees"),
            (0.009, "with 9.0e-3 degrees"),
            (-7.5, "with -7.50 degrees"),
            (1e-5, "with 1.0e-5 degrees"),
            (0.0, "with 0.00 degrees"),
        ] {
            assert!(of(value).contains(shown), "{}", of(value));
        }
    }
}
