//! What default fits say of themselves: right where they are right, and C where nothing is.

use crate::common::EightSchools;
use probity_autodiff::Var;
use probity_distributions::{Distribution, Flat, HalfCauchy, Normal};
use probity_vi::ladder::{Ladder, Stands};
use probity_vi::verdict::What;
use probity_vi::{
    Fit, FullRank, Grade, LogDensity, MeanField, Posterior, Result, Scope, Stopped, Verdict, compare, fit,
};

fn grade(verdict: Option<&Verdict>) -> Grade {
    verdict.expect("a fit on all data has a verdict").grade()
}

/// Seven points for which other systems have a slope of the wrong sign. The exact moments are by
/// conjugacy in the coefficients and quadrature over the noise.
#[test]
fn a_regression_of_seven_points() {
    let x = [1.17, 2.97, 3.26, 4.69, 5.83, 6.00, 6.41];
    let y = [78.93, 58.20, 67.47, 37.47, 45.65, 32.92, 29.97];
    let q = fit(|s: &mut Scope<'_>| {
        let intercept = s.sample("intercept", Normal::new(0.0, 100.0))?;
        let slope = s.sample("slope", Normal::new(0.0, 100.0))?;
        let noise = s.sample("noise", HalfCauchy::new(5.0))?;
        s.observe("y", Normal::new(intercept + slope * s.data(&x), noise), &y)
    })
    .unwrap();
    let summary = q.summary().unwrap();
    // At least 400 effective draws of a skewed posterior: four standard errors of a mean are 0.2,
    // and those of a standard deviation with kurtosis 9 are 0.28.
    let exact = [("intercept", 88.4935, 8.3483), ("slope", -8.8848, 1.7815), ("noise", 7.9580, 2.9263)];
    for (row, (name, mean, sd)) in summary.rows.iter().zip(exact) {
        assert_eq!(row.name, name);
        assert!((row.mean - mean).abs() < 0.2 * sd, "{row:?} {mean}");
        assert!((row.sd / sd - 1.0).abs() < 0.28, "{row:?} {sd}");
    }
    assert!(grade(q.verdict()) <= Grade::B, "{}", q.report());
    assert!(q.report().elbo.unwrap().value < -32.37);
    assert!(q.trusted().is_ok());
}

/// Two modes twenty standard deviations apart, of a third and two thirds of the mass: both are
/// found, and have their shares.
#[test]
fn far_modes_have_their_mass() {
    let two = LogDensity::new(2, |u: &[f64], gradient: &mut [f64]| {
        let square = |a: f64, b: f64| (u[0] - a).powi(2) + (u[1] - b).powi(2);
        let (left, right) = (-0.5 * square(-6.0, -8.0), -0.5 * square(6.0, 8.0) + 2.0_f64.ln());
        let value = left.max(right) + (-(left - right).abs()).exp().ln_1p();
        let share = (left - value).exp();
        gradient[0] = share * (-6.0 - u[0]) + (1.0 - share) * (6.0 - u[0]);
        gradient[1] = share * (-8.0 - u[1]) + (1.0 - share) * (8.0 - u[1]);
        value
    });
    let answer = Ladder::new().run(&two).unwrap();
    // The standard deviation is √(1 + 36 · 8/9) = 5.75 and 7.61.
    let (mean, sd) = (answer.mean(), answer.sd());
    assert!((mean[0] - 2.0).abs() < 0.6 && (mean[1] - 8.0 / 3.0).abs() < 0.8, "{mean:?}");
    assert!((sd[0] / 5.745 - 1.0).abs() < 0.05 && (sd[1] / 7.608 - 1.0).abs() < 0.05, "{sd:?}");
    assert_eq!((answer.verdict.grade(), answer.stands), (Grade::A, Stands::Weighted));
}

/// A strong funnel: whatever the fit says, it does not call a wrong standard deviation right.
#[test]
fn a_funnel_is_right_or_not_to_be_used() {
    let funnel = LogDensity::new(6, |u: &[f64], gradient: &mut [f64]| {
        let squares: f64 = u[1..].iter().map(|x| x * x).sum();
        let precision = (-u[0]).exp();
        gradient[0] = -u[0] / 9.0 + 0.5 * precision * squares - 2.5;
        gradient[1..].iter_mut().zip(&u[1..]).for_each(|(g, x)| *g = -precision * x);
        -u[0] * u[0] / 18.0 - 0.5 * precision * squares - 2.5 * u[0]
    });
    let answer = Ladder::new().run(&funnel).unwrap();
    let right = (answer.sd()[0] / 3.0).ln().abs() < 0.4 && answer.mean()[0].abs() < 1.5;
    assert!(right || answer.verdict.grade() == Grade::C, "{:?} {}", answer.sd(), answer.verdict);
    assert_ne!(answer.verdict.grade(), Grade::A, "{}", answer.verdict);
}

/// Only the sum is identified: nothing of the parts may be used.
#[test]
fn an_improper_posterior_is_not_trusted() {
    let q = Fit::new().budget(100_000).run(|s: &mut Scope<'_>| {
        let a = s.sample("a", Flat::real())?;
        let b = s.sample("b", Flat::real())?;
        s.observe("y", Normal::new(a + b, 0.1), 1.0)
    });
    let refused = match q {
        Ok(q) => q.trusted().map(|_| ()).unwrap_err().to_string(),
        Err(error) => panic!("{error}"),
    };
    assert!(refused.contains("do NOT use"), "{refused}");
}

/// The posterior of a location under one observation with Cauchy noise and a flat prior is Cauchy:
/// no standard deviation.
#[test]
fn a_standard_deviation_that_does_not_exist_is_named() {
    let cauchy = LogDensity::new(1, |u: &[f64], gradient: &mut [f64]| {
        gradient[0] = -2.0 * u[0] / (1.0 + u[0] * u[0]);
        -(u[0] * u[0]).ln_1p()
    });
    let verdict = Ladder::new().run(&cauchy).unwrap().verdict;
    assert_eq!(verdict.grade(), Grade::C, "{verdict}");
    // Of the Cauchy distribution: 1, by the slope; somewhat more by the drop at a finite distance.
    let degrees = verdict.value(What::TailDegrees).unwrap();
    assert!(0.9 < degrees && degrees < 2.5, "{degrees}");
    assert!(verdict.to_string().contains("no standard deviation exists"), "{verdict}");
}

fn line(s: &mut Scope<'_>) -> Result {
    let a = s.sample("a", Normal::new(0.0, 1.0))?;
    let b = s.sample("b", Normal::new(0.0, 1.0).rows(2))?;
    let sum: Var<'_, f64> = a + b.sum();
    s.observe("y", Normal::new(sum, 0.1), 1.0)
}

/// A saved fit gives the draws that stood.
#[test]
fn corrected_draws_are_saved_with_the_fit() {
    let q = Fit::new().run(line).unwrap();
    let corrected = q.corrected().expect("a default fit has them").clone();
    assert!(corrected.len() > 1000 && !corrected.is_empty());
    let text = serde_json::to_string(&(&corrected, q.report())).unwrap();
    let (corrected, report) = serde_json::from_str(&text).unwrap();
    let layout = q.layout().clone();
    let saved = Posterior::restore(line, layout, FullRank::new(), q.params().clone(), report).unwrap();
    let saved = saved.with_corrected(corrected).unwrap();
    assert_eq!(saved.draws(100).unwrap(), q.draws(100).unwrap());
    assert_eq!(saved.verdict(), q.verdict());
    let mut short = q.corrected().unwrap().clone();
    short.points.pop();
    assert!(saved.with_corrected(short).is_err());
}

#[test]
fn entries_have_grades_and_posteriors_stand_side_by_side() {
    let (default, narrow) = (fit(line).unwrap(), Fit::new().guide(MeanField::new()).run(line).unwrap());
    assert_eq!(grade(default.verdict()), Grade::A, "{}", default.report());
    let verdict = narrow.verdict().unwrap();
    assert_eq!((verdict.of("a"), verdict.of("b"), verdict.of("y")), (Some(Grade::C), Some(Grade::C), None));
    assert_eq!(verdict.entries().iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "b[0]", "b[1]"]);
    let table = compare(&[("default", &default), ("mean field", &narrow)]).unwrap();
    let text = table.to_string();
    for part in ["default", "mean field", "k-hat", "b[1]", "full-rank Gaussian"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let sds = |i: usize| table.posteriors[i].summary.rows[0].sd;
    assert!(sds(1) < 0.5 * sds(0), "{text}");
}

/// A limit of time ends the chains, too: without one this fit spends some 300 000 gradients.
#[test]
fn a_limit_of_time_ends_chains() {
    let fit = Fit::new().time_limit(std::time::Duration::from_millis(20));
    let q = fit.run(EightSchools { centred: true }).unwrap();
    let report = q.report();
    assert!(report.stopped == Stopped::TimeLimit && report.stands == Stands::Weighted, "{report}");
    assert!(report.gradients < 100_000, "{report}");
}

/// Chains that know nothing of the fit agree with it.
#[test]
fn a_check_by_chains() {
    let q = fit(EightSchools { centred: false }).unwrap();
    let check = q.check_by_nuts().unwrap();
    assert!(check.verdict.grade() <= Grade::B, "{}", check.verdict);
    // Both have at least 400 effective draws: the largest of 18 differences stays below 0.25.
    assert!(check.worst_mean().unwrap().1 < 0.25, "{check}");
    assert!(check.worst_sd().unwrap().1 < 0.25, "{check}");
    assert!(check.to_string().contains("largest difference of a mean"));
}
