//! The best of several fits by stochastic gradients.

use probity_autodiff::Var;
use probity_distributions::{Distribution, Flat, Normal};
use probity_vi::optim::Schedule;
use probity_vi::*;
use std::ops::ControlFlow;
use std::time::Duration;

/// 0.1 Normal(-4, 0.5) + 0.9 Normal(4, 0.5), from a start in ±2: the side of the start decides.
fn two(s: &mut Scope<'_>) -> Result {
    let init = || Init { loc: Start::Uniform(-2.0, 2.0), ..Default::default() };
    let x = s.sample_from("x", Flat::real(), init)?;
    let part = |share: f64, m: f64| Normal::new(Var::from(m), Var::from(0.5)).log_prob(x) + share.ln();
    s.factor("density", Var::concat_cols(&[part(0.1, -4.0), part(0.9, 4.0)]).logsumexp())
}

fn fit(seed: u64) -> Fit {
    let steps = Steps::new(400).schedule(Schedule::Cosine { end: 0.01 });
    Fit::new().steps(steps).elbo_draws(200).seed(seed).checked(false)
}

/// Parameters, history, draws and report, without the time.
fn all<M: Model + Sync>(q: &Posterior<M>) -> (Vec<f64>, Vec<StepInfo>, Draws, Report) {
    let report = Report { seconds: 0.0, ..q.report().clone() };
    (q.params().as_slice().to_vec(), q.history().to_vec(), q.draws(20).unwrap(), report)
}

fn elbo(report: &Report) -> f64 {
    report.elbo.unwrap().value
}

/// A seed whose start is on the side of the small or the large mode.
fn seed(small: bool) -> u64 {
    let of = |seed: &u64| (elbo(fit(*seed).run(two).unwrap().report()) < -1.0) == small;
    (0..20).find(of).unwrap()
}

#[test]
fn the_best_of_several_starts_has_the_highest_elbo() {
    let seed = seed(true);
    let one = fit(seed).run(two).unwrap();
    assert!((elbo(one.report()) - 0.1_f64.ln()).abs() < 0.2, "{}", one.report());
    assert!(one.report().climbs.is_empty());
    let best = fit(seed).starts(10).checked(true).run(two).unwrap();
    let report = best.report();
    assert!((elbo(report) - 0.9_f64.ln()).abs() < 0.2, "{report}");
    assert!((best.draws(100).unwrap()["x"].mean()[0] - 4.0).abs() < 0.3);
    assert_eq!((report.seed, report.gradients), (seed, 10 * one.report().gradients));
    assert!(report.verdict.is_some());
    // All are there, the first as without the others.
    let climbs = &report.climbs;
    assert_eq!((climbs.len(), climbs.iter().filter(|c| c.taken).count()), (10, 1));
    assert_eq!((climbs[0].elbo, climbs[0].taken), (one.report().elbo, false));
    let taken = climbs.iter().find(|c| c.taken).unwrap();
    assert_eq!((taken.elbo, taken.stopped), (report.elbo, report.stopped));
    assert!(climbs.iter().all(|c| c.elbo.unwrap().value <= elbo(report)));
    let (mine, first) = (elbo(report), climbs[0].elbo.unwrap().value);
    let text = report.to_string();
    assert!(text.contains(&format!("the best of 10 starts, ELBO {mine:.2}; the others are ")), "{text}");
    assert!(text.contains(&format!(" {:.2}", mine - first)), "{text}");
    let saved = serde_json::to_string(report).unwrap();
    assert_eq!(&serde_json::from_str::<Report>(&saved).unwrap(), report);
    let old: Climb =
        serde_json::from_str(r#"{"log_joint": 1.5, "stopped": "Stationary", "taken": true}"#).unwrap();
    assert_eq!((old.log_joint, old.elbo), (Some(1.5), None));
}

#[test]
fn the_first_start_is_the_fit_without_others() {
    let seed = seed(false);
    let one = all(&fit(seed).run(two).unwrap());
    assert!(one == all(&fit(seed).starts(1).run(two).unwrap()));
    // Where the first of two is the best, all of the result is as without the other.
    let several = (seed..seed + 100).find_map(|seed| {
        let q = fit(seed).starts(2).run(two).unwrap();
        q.report().climbs[0].taken.then_some((seed, q))
    });
    let (seed, several) = several.unwrap();
    let one = fit(seed).run(two).unwrap();
    let (a, b) = (all(&one), all(&several));
    assert!(a.0 == b.0 && a.1 == b.1 && a.2 == b.2);
    assert_eq!((a.3.elbo, a.3.elbo_tail, a.3.stopped), (b.3.elbo, b.3.elbo_tail, b.3.stopped));
}

/// Counted steps, and steps until the guide is at rest; without an ELBO in the report, too.
#[test]
fn same_bits_for_any_number_of_threads() {
    let on = |threads: usize, fit: Fit| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all(&fit.starts(4).run(two).unwrap()))
    };
    for fit in [fit(1), Fit::new().draws(4).seed(1).elbo_draws(50), fit(1).elbo_draws(0)] {
        let one = on(1, fit.clone());
        assert_eq!(one.3.climbs.len(), 4);
        assert!(one == on(2, fit.clone()) && one == on(3, fit.clone()));
        assert_eq!(one.3.elbo.is_none(), fit.settings() == fit.clone().elbo_draws(0).settings());
        assert!(one != on(1, fit.seed(2)));
    }
}

/// The root of a number that starts in ±1.
fn root(s: &mut Scope<'_>) -> Result {
    let init = || Init { loc: Start::Uniform(-1.0, 1.0), scale: ScaleStart::Constant(0.01) };
    let x = s.sample_from("x", Normal::new(2.0, 0.05), init)?;
    s.factor("root", x.sqrt())
}

#[test]
fn fits_that_fail_are_left_out_unless_all_do() {
    let fit = |seed| Fit::new().steps(20).elbo_draws(10).seed(seed);
    let seed = (0..20).find(|seed| fit(*seed).run(root).is_err()).unwrap();
    let error = fit(seed).run(root).unwrap_err();
    assert!(matches!(error, Error::NonFinite { .. }), "{error}");
    let q = fit(seed).starts(8).run(root).unwrap();
    let count = q.report().climbs.len();
    assert!((1..8).contains(&count), "{count}");
    let bad = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.factor("root", (x - 100.0).sqrt())
    };
    let (one, several) = (fit(3).run(bad).unwrap_err(), fit(3).starts(3).run(bad).unwrap_err());
    assert!(matches!(several, Error::NonFinite { .. }), "{several}");
    assert_eq!(one.to_string(), several.to_string());
}

#[test]
fn who_ends_the_first_fit_ends_all() {
    let run = |fit: Fit| {
        let mut end =
            |info: &StepInfo| if info.step == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        fit.run_observed(two, &mut [&mut end]).unwrap()
    };
    let (one, several) = (run(fit(seed(true))), run(fit(seed(true)).starts(3)));
    let report = several.report();
    assert_eq!((report.stopped, report.steps, report.climbs.len()), (Stopped::ByObserver, 6, 1));
    assert_eq!((one.params(), one.report().elbo), (several.params(), report.elbo));
    // The time is for all together.
    let late = fit(1).time_limit(Duration::ZERO).starts(3).run(two).unwrap();
    assert_eq!((late.report().stopped, late.report().climbs.len()), (Stopped::TimeLimit, 1));
}

#[test]
fn several_starts_are_whole_fits_of_guides_with_a_density() {
    let of = |error: Error| match error {
        Error::Setting { setting: "starts", problem } => problem,
        error => panic!("{error}"),
    };
    let point = fit(1).guide(Delta::new()).starts(2).run(two).unwrap_err();
    assert!(of(point).contains("no ELBO"));
    assert!(fit(1).guide(Delta::new()).starts(1).run(two).is_ok());
    assert!(of(fit(1).starts(0).run(two).unwrap_err()).contains("at least one"));
    let several = fit(1).starts(3);
    assert!(of(several.init(two).unwrap().step().unwrap_err()).contains("one fit"));
    assert!(fit(1).starts(1).init(two).unwrap().step().is_ok());
    // One that is solved for has one.
    let easy = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.observe("y", Normal::new(x, 1.0), &[0.5, 1.0])
    };
    let solved = all(&Fit::new().starts(3).run(easy).unwrap());
    assert!(solved.3.method == probity_vi::Method::Solved && solved == all(&Fit::new().run(easy).unwrap()));
    let complete = method::Method::complete(&several, two).unwrap();
    assert!(all(&complete) == all(&several.run(two).unwrap()));
}
