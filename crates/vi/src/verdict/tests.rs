//! Grades by hand.

use super::{Grade, Verdict, What};
use crate::error::Error;
use crate::gaussian::Gaussian;
use crate::ladder::{Answer, Stands};
use Grade::{A, B, C};

fn of(names: &[&str]) -> Verdict {
    Verdict::new(names.iter().map(|name| (*name).to_owned()))
}

/// The table of `docs/inference.md`, written a second time: what A and B ask, and which is worse.
#[test]
fn the_limits_are_those_of_the_documentation() {
    let at_most = [
        (What::ParetoK, 0.65, 0.7),
        (What::ParetoKOfSquares, 0.8, 1.1),
        (What::Drift, 0.15, 0.3),
        (What::RHat, 1.01, 1.03),
        (What::Divergences, 0.0, 0.01),
        (What::LongTrajectories, 0.05, 0.5),
        (What::OtherModes, 0.01, 0.05),
        (What::GuideScale, 0.1, 0.3),
        (What::GuideMean, 0.15, 0.4),
        (What::PredictedMean, 0.15, 0.3),
        (What::PredictedSpread, 0.25, 0.5),
        (What::PredictedDrift, 0.15, 0.3),
    ];
    let at_least = [
        (What::WeightedDraws, 400.0, 100.0),
        (What::TailDegrees, 2.5, 2.0),
        (What::DriftAcceptance, 0.5, 0.25),
        (What::EffectiveDraws, 400.0, 200.0),
        (What::Energy, 0.3, 0.2),
        (What::Point, 0.9, 0.7),
    ];
    let all = at_most.map(|(what, a, b)| (what, a, b, 1.0)).into_iter();
    for (what, a, b, worse) in all.chain(at_least.map(|(what, a, b)| (what, a, b, -1.0))) {
        let beyond = |limit: f64| limit + worse * 1e-9;
        let got = [what.grade(a), what.grade(beyond(a)), what.grade(b), what.grade(beyond(b))];
        assert_eq!(got, [A, B, B, C], "{what:?}");
        assert_eq!((what.limits(), what.grade(f64::NAN)), ((a, b), C), "{what:?}");
        assert!(what.badness(beyond(a)) > what.badness(a) && what.badness(f64::NAN) == f64::INFINITY);
        let (sentence, want) = (what.sentence(7.5), if worse > 0.0 { "at most" } else { "at least" });
        assert!(sentence.contains("7.50") && sentence.ends_with(&format!("(A: {want} {a})")), "{sentence}");
        assert!(!sentence.contains("{}") && what.advice().len() > 20, "{what:?}");
    }
}

#[test]
fn a_check_of_the_whole_is_one_of_every_entry() {
    let mut verdict = of(&["a", "b"]);
    assert_eq!(verdict.grade(), A);
    verdict.check(What::ParetoK, 0.2);
    assert_eq!((verdict.grade(), verdict.of("a")), (A, Some(A)));
    verdict.check(What::ParetoK, 0.68);
    assert_eq!((verdict.grade(), verdict.of("a"), verdict.of("b")), (B, Some(B), Some(B)));
    // A better check later mends nothing.
    verdict.check(What::WeightedDraws, 1000.0);
    assert_eq!((verdict.grade(), verdict.of("b"), verdict.checks().len()), (B, Some(B), 3));
    assert_eq!((verdict.value(What::WeightedDraws), verdict.value(What::RHat)), (Some(1000.0), None));
    assert!(verdict.trusted().is_ok());
    verdict.check(What::WeightedDraws, 3.0);
    let Err(Error::NotTrusted { why }) = verdict.trusted() else { panic!("{verdict}") };
    assert!(why.contains("do NOT use") && why.contains("count as 3.00 independent"), "{why}");
}

#[test]
fn a_check_of_entries_names_the_worst() {
    let mut verdict = of(&["a[0]", "a[1]", "ab"]);
    verdict.check_each(What::Drift, &[0.1, 0.2, 0.05]);
    let check = &verdict.checks()[0];
    assert_eq!((check.entry.as_deref(), check.value, check.grade), (Some("a[1]"), 0.2, B));
    assert_eq!((verdict.of("a"), verdict.of("ab"), verdict.of("b")), (Some(B), Some(A), None));
    assert_eq!(verdict.entries().iter().map(|e| e.grade).collect::<Vec<_>>(), [A, B, A]);
    // Where more is better the smallest is the worst; the first of equals; a NaN before all.
    for (values, worst) in [([700.0, 500.0, 600.0], 1), ([500.0, 500.0, 600.0], 0), ([3.0, 2.0, f64::NAN], 2)]
    {
        let mut verdict = of(&["a", "b", "c"]);
        verdict.check_each(What::EffectiveDraws, &values);
        let check = &verdict.checks()[0];
        assert_eq!(check.entry.as_deref(), Some(["a", "b", "c"][worst]), "{values:?}");
    }
    let text = verdict.to_string();
    assert!(text.starts_with("verdict B: means and standard deviations may be used, tails not\n"), "{text}");
    assert!(text.contains("(worst at a[1]): the draws are not from the posterior"), "{text}");
    assert!(text.contains("of 3 entries 2 have A, 1 B, 0 C"), "{text}");
    // One that is well, and none that is nearly so.
    let mut two = of(&["a", "b"]);
    two.check_each(What::Drift, &[0.1, 0.9]);
    assert!(two.to_string().contains("of 2 entries 1 have A, 0 B, 1 C"), "{two}");
    // Sentences of what is well have no advice, and there is nothing to count.
    let mut well = of(&["a"]);
    well.check_each(What::Drift, &[0.1]);
    let text = well.to_string();
    // Nor where all entries have the grade of the whole.
    let mut bad = of(&["a", "b"]);
    bad.check(What::ParetoK, 2.0);
    assert!(!bad.to_string().contains("entries"), "{bad}");
    assert!(text.starts_with("verdict A: means, standard deviations and quantiles"), "{text}");
    assert!(!text.contains("not from the posterior") && !text.contains("entries"), "{text}");
}

/// Two draws, one standard deviation either side of the mean: of 0, 0 and 3.
#[test]
fn a_guide_is_graded_by_its_distance_from_the_answer() {
    let gaussian = Gaussian::diagonal(&[0.0; 3], &[1.0; 3]);
    let (stands, verdict) = (Stands::Weighted, Verdict::default());
    let points = vec![1.0, 1.0, 4.0, -1.0, -1.0, 2.0];
    let answer = Answer { gaussian, points, stands, verdict, k_hat: 0.0, evaluations: 0 };
    let sd = answer.sd()[0];
    let mut verdict = of(&["a", "b", "c"]);
    let (wider, narrower) = (1.25_f64, 1.0 / 1.5);
    let guide = Gaussian::diagonal(&[0.0, -0.2 * sd, 3.0], &[wider * sd, sd, narrower * sd]);
    verdict.check_guide(&guide, &answer);
    assert!((verdict.value(What::GuideMean).unwrap() - 0.2).abs() < 1e-12);
    assert!((verdict.value(What::GuideScale).unwrap() - 1.5_f64.ln()).abs() < 1e-12);
    assert_eq!(["a", "b", "c"].map(|name| verdict.of(name).unwrap()), [B, B, C]);
}

#[test]
fn of_nothing_there_is_no_good_verdict() {
    assert_eq!(Verdict::default().grade(), C);
    let mut none = of(&[]);
    none.check_each(What::Drift, &[]);
    assert!(none.checks().is_empty() && none.grade() == C);
    assert_eq!([A, B, C].map(|g| format!("{g:>2}")).concat(), " A B C");
}
