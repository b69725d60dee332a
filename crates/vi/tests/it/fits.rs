//! KL weights, observers, averaging, and what the report says of them.

use crate::common::EightSchools;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Normal, Support};
use probity_vi::optim::{Adam, Schedule, Sgd};
use probity_vi::{
    Delta, Fit, FullRank, Grade, KlWeight, MeanField, Method, Observer, Result, Scope, StepInfo, Steps,
    Stopped,
};
use std::ops::ControlFlow;
use std::time::Duration;

const Y: [f64; 4] = [1.0, 2.0, 0.5, 3.0];

fn model(s: &mut Scope<'_>) -> Result {
    let x = s.sample("x", Normal::new(0.0, 1.0))?;
    s.observe("y", Normal::new(x, 1.0), &Y)
}

fn fixed(steps: usize) -> Fit {
    let steps = Steps::new(steps).schedule(Schedule::Exponential { end: 0.01 });
    Fit::new().steps(steps).optimizer(Adam::new(0.05))
}

#[test]
fn a_warm_up_is_recorded_and_ends_at_the_elbo() {
    let q = fixed(1000).steps(Steps::new(1000).warm_up(0.25)).run(model).unwrap();
    let weight = |step: usize| q.history()[step].kl_weight;
    assert_eq!([weight(0), weight(125), weight(250), weight(999)], [0.0, 0.5, 1.0, 1.0]);
    assert_eq!(q.report().kl_weight, KlWeight::WarmUp(0.25));
    assert!(q.report().to_string().contains("KL warm-up over 25 % of the steps"), "{}", q.report());
    // One that is taken back is none.
    let none = fixed(10).steps(Steps::new(10).warm_up(0.25)).steps(Steps::new(10).warm_up(0.0));
    assert_eq!(none.run(model).unwrap().report().kl_weight, KlWeight::Full);
    // The posterior of the mean is N(6.5 / 5, 1 / 5).
    let x = &q.draws(4000).unwrap()["x"];
    assert!((x.mean()[0] - 1.3).abs() < 0.04 && (x.sd()[0] - 0.2f64.sqrt()).abs() < 0.03);
}

#[test]
fn tempering_is_loud_and_the_reported_elbo_is_at_weight_one() {
    let q = fixed(2000).steps(Steps::new(2000).average(0.2)).tempered(0.1).run(model).unwrap();
    let text = q.report().to_string();
    assert!(text.contains("TEMPERED: KL weight 0.1, NOT the Bayesian posterior"), "{text}");
    assert!(q.history().iter().all(|i| i.kl_weight == 0.1));
    // The best Gaussian for 0.1 KL - ln p(y | x).
    let (mean, variance) = (6.5 / 4.1, 0.1 / 4.1f64);
    let x = &q.draws(4000).unwrap()["x"];
    assert!((x.mean()[0] - mean).abs() < 0.04 && (x.sd()[0] - variance.sqrt()).abs() < 0.03);
    let kl = 0.5 * (mean * mean + variance - 1.0 - variance.ln());
    let squares: f64 = Y.iter().map(|y| (y - mean).powi(2) + variance).sum();
    let elbo = -0.5 * squares - 2.0 * std::f64::consts::TAU.ln() - kl;
    let got = q.report().elbo.unwrap();
    // The fitted moments are near, not equal.
    assert!((got.value - elbo).abs() < 4.0 * got.standard_error + 0.05, "{got} {elbo}");
    let plain = fixed(10).run(model).unwrap().report().to_string();
    assert!(!plain.contains("TEMPERED") && !plain.contains("warm-up"), "{plain}");
}

#[test]
fn observers_see_every_step_and_may_end_the_fit() {
    let mut steps = 0;
    let mut count = |_: &StepInfo| {
        steps += 1;
        ControlFlow::Continue(())
    };
    let mut stop =
        |info: &StepInfo| if info.step == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let q = fixed(100).run_observed(model, &mut [&mut stop, &mut count]).unwrap();
    assert_eq!((q.report().steps, q.report().stopped, q.history().len()), (7, Stopped::ByObserver, 7));
    assert!(q.report().to_string().contains("ended by an observer"));
    assert_eq!(steps, 7);
    let mut stop =
        |info: &StepInfo| if info.step == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let q = Fit::new().draws(4).run_observed(model, &mut [&mut stop]).unwrap();
    assert_eq!((q.report().steps, q.report().stopped), (7, Stopped::ByObserver));
    let mut stop =
        |info: &StepInfo| if info.step == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let q = Fit::new().run_observed(model, &mut [&mut stop]).unwrap();
    assert_eq!(
        (q.report().steps, q.report().stopped, q.report().method),
        (2, Stopped::ByObserver, Method::Solved)
    );
    let q = fixed(100).history_every(30).run(model).unwrap();
    let kept: Vec<usize> = q.history().iter().map(|i| i.step).collect();
    assert_eq!((kept, q.report().stopped), (vec![0, 30, 60, 90], Stopped::AllSteps));
    let q = Fit::new().run(model).unwrap();
    assert_eq!((q.report().stopped, q.report().method), (Stopped::Stationary, Method::Solved));
    // With draws of its own for every step a fit sees a plateau, and claims no more.
    let q = Fit::new().draws(8).run(model).unwrap();
    assert_eq!((q.report().stopped, q.report().method), (Stopped::Plateau, Method::Stochastic));
    for fit in [Fit::new(), Fit::new().draws(8), fixed(1000)] {
        let q = fit.time_limit(Duration::ZERO).run(model).unwrap();
        assert_eq!(q.report().stopped, Stopped::TimeLimit, "{}", q.report());
    }
}

/// Chains that are not done in time leave nothing of it for the steps that come after them.
#[test]
fn chains_and_steps_share_a_limit_of_time() {
    let slow = |s: &mut Scope<'_>| {
        std::thread::sleep(Duration::from_micros(300));
        let x = s.sample("x", Normal::new(0.0, 1.0).rows(300))?;
        s.observe("y", Normal::new(x, 1.0), &[0.5; 300])
    };
    let q = Fit::new().time_limit(Duration::from_millis(300)).elbo_draws(0).run(slow).unwrap();
    let report = q.report();
    assert_eq!((report.method, report.stopped), (Method::Stochastic, Stopped::TimeLimit), "{report}");
    // A step is taken in any case; with a limit of its own there would be some hundred.
    assert_eq!(report.steps, 1, "{report}");
}

/// Hears what a fit does besides steps.
#[derive(Default)]
struct Stages(Vec<String>, usize);

impl Observer for Stages {
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn stage(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }

    fn done(&mut self) {
        self.1 += 1;
    }
}

#[test]
fn observers_hear_what_takes_time() {
    let heard = |fit: Fit, centred: bool, what: &[&str]| {
        let mut stages = Stages::default();
        fit.run_observed(EightSchools { centred }, &mut [&mut stages]).unwrap();
        for what in what {
            assert!(stages.0.iter().any(|s| s.contains(what)), "{what}: {:?}", stages.0);
        }
        assert_eq!(stages.1, 1);
    };
    heard(Fit::new(), true, &["other modes", "4 chains of", "standardised", "the ELBO by 1000 draws"]);
    heard(Fit::new().steps(300), true, &["checking the guide by"]);
    heard(Fit::new().guide(Delta::new()).checked(false), false, &["climbing", "curvature"]);
    // A fit that fails is done, too.
    let mut stages = Stages::default();
    let fails = |_: &mut Scope<'_>| Err(probity_vi::Error::model("no"));
    assert!(Fit::new().run_observed(fails, &mut [&mut stages]).is_err());
    assert_eq!(stages.1, 1);
}

#[test]
fn an_average_is_the_mean_of_the_last_parameters() {
    // The guide's parameters after every number of steps; a run of n steps at a constant rate
    // begins like any other.
    let after = |steps: usize| {
        let q = Fit::new()
            .steps(steps)
            .optimizer(Sgd::new(0.05))
            .elbo_draws(0)
            .checked(false)
            .run(model)
            .unwrap();
        q.params().as_slice().to_vec()
    };
    let averaged =
        Fit::new().steps(Steps::new(8).average(0.25)).optimizer(Sgd::new(0.05)).run(model).unwrap();
    let (a, b) = (after(7), after(8));
    for i in 0..2 {
        assert!((averaged.params().as_slice()[i] - 0.5 * (a[i] + b[i])).abs() < 1e-15);
    }
}

#[test]
fn scale_parameters_have_their_own_rate_and_gradients_are_clipped() {
    let step = |fit: Fit| {
        let q = fit.steps(1).optimizer(Sgd::new(0.01)).elbo_draws(0).checked(false).run(model).unwrap();
        let norm = q.history()[0].gradient_norm;
        (q.params().as_slice().to_vec(), norm)
    };
    let start = step(Fit::new().scale_rate(1e-300));
    let (plain, norm) = step(Fit::new());
    let (fast, _) = step(Fit::new().scale_rate(3.0));
    assert_eq!(plain[0], fast[0]);
    assert!(((fast[1] - start.0[1]) / (plain[1] - start.0[1]) - 3.0).abs() < 1e-9);
    assert!(norm > 1.0);
    let (clipped, before) = step(Fit::new().clip_norm(0.5));
    assert_eq!(before, norm);
    let (unmoved, _) = step(Fit::new().clip_norm(1e-300));
    let moved = ((clipped[0] - unmoved[0]).powi(2) + (clipped[1] - unmoved[1]).powi(2)).sqrt();
    assert!((moved - 0.005).abs() < 1e-12, "{moved}");
    let (scaled, _) = step(Fit::new().loss_scale(2.0));
    assert!(((scaled[0] - unmoved[0]) / (plain[0] - unmoved[0]) - 2.0).abs() < 1e-9);
}

/// Two numbers with a posterior correlation of -0.98: the report of the mean field names the loss,
/// and a full-rank guide has none.
#[test]
fn a_mean_field_says_how_narrow_it_is_and_full_rank_is_exact() {
    let model = |s: &mut Scope<'_>| {
        let a = s.sample("a", Normal::new(0.0, 1.0))?;
        let b = s.sample("b", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(a + b, 0.1), 1.0)
    };
    // The precision is I + 100 (1 1)ᵀ(1 1).
    let (marginal, conditional) = ((101.0f64 / 201.0).sqrt(), (1.0f64 / 101.0).sqrt());
    let q = Fit::new().guide(MeanField::new()).run(model).unwrap();
    let narrowed = q.report().narrowed.clone().unwrap();
    assert!((narrowed.ratio - conditional / marginal).abs() < 1e-6, "{narrowed:?}");
    assert!(q.report().to_string().contains("FullRank"), "{}", q.report());
    // The verdict grades the guide that was asked for, not the corrected draws.
    assert_eq!(q.verdict().unwrap().grade(), Grade::C);
    assert!(q.trusted().unwrap_err().to_string().contains("mean field ignores correlations"));
    let q = Fit::new().guide(FullRank::new()).run(model).unwrap();
    let draws = q.draws(20_000).unwrap();
    // Four standard errors of a standard deviation by 20 000 draws: 2 %.
    for site in ["a", "b"] {
        let (mean, sd) = (draws[site].mean()[0], draws[site].sd()[0]);
        assert!((mean - 100.0 / 201.0).abs() < 0.02 && (sd / marginal - 1.0).abs() < 0.02, "{mean} {sd}");
    }
    assert!(q.report().narrowed.is_none() && q.report().stopped == Stopped::Stationary);
    // The evidence: y ~ N(0, 2.01).
    let evidence = -0.5 * (1.0 / 2.01 + 2.01f64.ln() + std::f64::consts::TAU.ln());
    let elbo = q.report().elbo.unwrap();
    assert!((elbo.value - evidence).abs() < 4.0 * elbo.standard_error + 1e-6, "{elbo} {evidence}");
    // By stochastic gradients it comes near, too.
    let q = Fit::new().guide(FullRank::new()).draws(8).run(model).unwrap();
    assert!((q.draws(4000).unwrap()["a"].sd()[0] / marginal - 1.0).abs() < 0.1);
}

/// A model with point parameters alone has no noise, and its fit ends all the same.
#[test]
fn point_parameters_alone_come_to_an_end() {
    let y = [1.0, 2.0, 4.0, 5.0];
    let q = Fit::new()
        .run(|s: &mut Scope<'_>| {
            let scale = s.param("scale", &DMatrix::from_element(1, 1, 1.0), Support::Positive)?;
            let mean = s.param("mean", &DMatrix::from_element(1, 1, 1.0), Support::Real)?;
            s.observe("y", Normal::new(mean, scale), &y)
        })
        .unwrap();
    let draws = q.draws(1).unwrap();
    assert_eq!(q.report().stopped, Stopped::Plateau, "{}", q.report());
    assert!(q.report().steps < 20_000, "{}", q.report());
    assert!((draws["mean"].mean()[0] - 3.0).abs() < 1e-2, "{}", draws["mean"].mean());
    assert!((draws["scale"].mean()[0] - 2.5f64.sqrt()).abs() < 1e-2, "{}", draws["scale"].mean());
}
