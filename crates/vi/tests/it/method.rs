//! Methods are `init`, `step`, `output`: steps by hand are a run, and may end anywhere.

use crate::common::{EightSchools, Regression, normals};
use probity_autodiff::Scalar;
use probity_vi::batch_and_match::BatchAndMatch;
use probity_vi::hmc::{Chains, Hmc};
use probity_vi::ladder::Ladder;
use probity_vi::linalg::Covariance;
use probity_vi::method::{Method, Problem};
use probity_vi::nuts::Nuts;
use probity_vi::optim::{Ended, Lbfgs, Schedule};
use probity_vi::pathfinder::Pathfinder;
use probity_vi::{
    Delta, Draws, Error, Fit, LogDensity, Model, Objective, Posterior, Report, Result, StepInfo, Steps,
    Stopped, Target,
};
use std::fmt::Debug;
use std::ops::ControlFlow;

fn banana() -> impl Target {
    LogDensity::new(3, |u: &[f64], g: &mut [f64]| {
        let rest = u[1] - u[0] * u[0];
        g[0] = -u[0] + 2.0 * u[0] * rest;
        g[1] = -rest;
        g[2] = -4.0 * u[2];
        -0.5 * (u[0] * u[0] + rest * rest) - 2.0 * u[2] * u[2]
    })
}

/// The output after so many steps, or after all.
fn after<P, M: Method<P>>(steps: usize, method: &M, problem: P) -> Result<M::Output> {
    let mut state = method.init(problem)?;
    for _ in 0..steps {
        if method.step(&mut state)?.is_break() {
            // Once more is nothing more.
            assert!(method.step(&mut state)?.is_break());
            break;
        }
    }
    method.output(state)
}

/// Steps by hand, some by hand and the rest at once, and all at once, on one thread and on three.
#[track_caller]
fn all_ways_are_one<'t, M: Method<Problem<'t>, Output: PartialEq + Debug + Send> + Sync>(
    method: &M,
    problem: &(impl Fn() -> Problem<'t> + Sync),
    run: &M::Output,
) {
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = pool.install(|| {
            let mut state = method.init(problem()).unwrap();
            for _ in 0..2 {
                assert!(method.step(&mut state).is_ok());
            }
            method.finish(&mut state).unwrap();
            let by_hand = after(usize::MAX, method, problem()).unwrap();
            [by_hand, method.output(state).unwrap(), method.complete(problem()).unwrap()]
        });
        assert!(all.iter().all(|output| output == run));
    }
}

#[track_caller]
fn is_too_early<O>(output: Result<O>, what: &str) {
    match output {
        Err(error @ Error::NothingYet { .. }) => assert!(error.to_string().contains(what), "{error}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("there is an output"),
    }
}

const STARTS: [f64; 6] = [0.3, -0.2, 0.5, 1.0, 0.0, -0.5];

#[test]
fn transitions_of_nuts_are_steps() {
    let (target, nuts) = (banana(), Nuts::new().chains(3).warmup(40).draws(30));
    let problem = || Problem::new(&target, &STARTS);
    let run = nuts.run(&target, &STARTS).unwrap();
    all_ways_are_one(&nuts, &problem, &run);
    // Ten draws are the first ten.
    let early = after(50, &nuts, problem()).unwrap();
    for (early, all) in early.chains.iter().zip(&run.chains) {
        assert_eq!(early.draws, all.draws[..30]);
        assert_eq!(early.transitions, all.transitions[..10]);
        assert_eq!((early.step_size, early.warmup_gradients), (all.step_size, all.warmup_gradients));
        assert!(early.gradients < all.gradients);
    }
    assert!(early.r_hat().iter().all(|r| r.is_finite()));
    is_too_early(after(0, &nuts, problem()), "0 of 40");
    is_too_early(after(7, &nuts, problem()), "7 of 40");
    is_too_early(after(40, &nuts, problem()), "40 of 40");
    // A look at the draws between two steps, and draws without an end.
    let endless = nuts.clone().draws(usize::MAX);
    let mut state = endless.init(problem()).unwrap();
    while state.draws() < 12 {
        assert!(endless.step(&mut state).unwrap().is_continue());
    }
    assert!(state.chains().zip(&run.chains).all(|(now, all)| now.draws == all.draws[..36]));
    assert_eq!(endless.output(state.clone()).unwrap(), endless.output(state).unwrap());
    // Without any steps to take.
    let none = Nuts::new().warmup(0).draws(0);
    assert_eq!(after(usize::MAX, &none, problem()).unwrap(), none.run(&target, &STARTS).unwrap());
    assert!(nuts.init(Problem::new(&target, &[f64::NAN; 3])).is_err());
}

#[test]
fn iterations_of_lbfgs_are_steps() {
    let (target, lbfgs) = (banana(), Lbfgs::new());
    let problem = || Problem::new(&target, &STARTS[..3]);
    let run = lbfgs.run(&mut target.clone(), &STARTS[..3]).unwrap();
    all_ways_are_one(&lbfgs, &problem, &run);
    for few in [0, 3] {
        let lbfgs = Lbfgs::new().iterations(few);
        let run = lbfgs.run(&mut target.clone(), &STARTS[..3]).unwrap();
        assert_eq!(run.ended, Ended::Iterations);
        all_ways_are_one(&lbfgs, &problem, &run);
    }
    let early = after(2, &lbfgs, problem()).unwrap();
    assert_eq!((early.len(), early.ended), (3, Ended::Early));
    assert_eq!(early.points, run.points[..9]);
    assert_eq!(after(0, &lbfgs, problem()).unwrap().mode(), &STARTS[..3]);
}

#[test]
fn paths_of_pathfinder_are_steps() {
    let (target, pathfinder) = (banana(), Pathfinder::new().paths(5).draws(200));
    let problem = || Problem::new(&target, &STARTS);
    let run = pathfinder.run(&target, &STARTS).unwrap();
    all_ways_are_one(&pathfinder, &problem, &run);
    let early = after(2, &pathfinder, problem()).unwrap();
    assert_eq!(early.paths, run.paths[..2]);
    assert_eq!(early, pathfinder.clone().paths(2).run(&target, &STARTS).unwrap());
    is_too_early(after(0, &pathfinder, problem()), "no path");
}

#[test]
fn batches_of_batch_and_match_are_steps() {
    let (target, matching) = (banana(), BatchAndMatch::new().gradients(3000).draws(200));
    let problem = || Problem::new(&target, &[]);
    let run = matching.run(&target).unwrap();
    assert!(run.iterations > 3);
    all_ways_are_one(&matching, &problem, &run);
    let mut state = matching.init(problem()).unwrap();
    assert_eq!(state.movement(), f64::INFINITY);
    let start = state.gaussian().clone();
    assert_eq!(matching.step(&mut state).unwrap(), ControlFlow::Continue(()));
    assert!(state.movement().is_finite() && *state.gaussian() != start && state.gradients() < run.gradients);
    let early = matching.output(state).unwrap();
    assert_eq!((early.iterations, early.at_rest, early.draws.len()), (1, false, 600));
    assert_eq!(after(0, &matching, problem()).unwrap().mean, start.mean.as_slice());
    // A place to begin is the mean of its start.
    let mean = [0.5, 0.5, 0.1];
    let from = matching.clone().start(&mean, &[1.0; 3]).run(&target).unwrap();
    assert_eq!(matching.complete(Problem::new(&target, &mean)).unwrap(), from);
    assert!(matching.init(Problem::new(&target, &[0.0])).is_err());
}

#[test]
fn transitions_of_hmc_are_steps() {
    let metric = Covariance::diagonal(&[1.0, 2.0, 0.3]).unwrap();
    let (target, hmc) = (banana(), Hmc::new().transitions(4).metric(metric.clone()));
    // Two groups, and a part of one.
    let starts: Vec<f64> = normals(5, 3, 150).as_slice().to_vec();
    let problem = || Problem::new(&target, &starts);
    let run = Hmc::new().transitions(4).run(&target, &starts, &metric).unwrap();
    all_ways_are_one(&hmc, &problem, &run);
    let early = after(3, &hmc, problem()).unwrap();
    assert_eq!(early, Hmc::new().transitions(3).run(&target, &starts, &metric).unwrap());
    is_too_early(after(0, &hmc, problem()), "no transition");
    assert_eq!(hmc.init(problem()).unwrap().points(), starts);
    // The metric is a setting like the others, and files without it can be read.
    let again: Hmc = serde_json::from_str(&serde_json::to_string(&hmc).unwrap()).unwrap();
    assert_eq!(again, hmc);
    let old: Hmc = serde_json::from_str(r#"{"transitions": 4}"#).unwrap();
    assert_eq!(old, Hmc::new().transitions(4));
    let identity = Hmc::new().run(&target, &starts, &Covariance::identity(3)).unwrap();
    assert_eq!(Hmc::new().complete(problem()).unwrap(), identity);
}

#[test]
fn steps_of_chains_are_those_of_their_ascent_and_their_walk() {
    let chains = Chains { chains: 3, ascent: 20, warmup: 30, draws: 10, ..Chains::default() };
    let target = banana();
    let start = &STARTS[..3];
    let problem = || Problem::new(&target, start);
    let run = chains.run(&target, |_| Ok(start.to_vec()), &()).unwrap();
    all_ways_are_one(&chains, &problem, &run);
    let early = after(54, &chains, problem()).unwrap();
    for (early, all) in early.chains.iter().zip(&run.chains) {
        assert_eq!((early.draws.len(), early.step_size), (12, all.step_size));
        assert_eq!(early.draws, all.draws[..12]);
        assert!(early.acceptance > 0.3 && early.acceptance <= 1.0, "{}", early.acceptance);
    }
    for steps in [0, 20, 50] {
        is_too_early(after(steps, &chains, problem()), "no draw");
    }
    let at_once = Chains { ascent: 0, warmup: 0, ..chains };
    let run = at_once.run(&target, |_| Ok(start.to_vec()), &()).unwrap();
    all_ways_are_one(&at_once, &problem, &run);
    assert!(at_once.init(Problem::new(&target, &[])).is_err());
}

#[test]
fn the_ladder_has_one_step() {
    let (target, ladder) = (banana(), Ladder::new().budget(50_000));
    let run = ladder.run(&target).unwrap();
    let answer = after(1, &ladder, Problem::new(&target, &[])).unwrap();
    assert_eq!((answer.points, answer.evaluations), (run.points, run.evaluations));
    is_too_early(after(0, &ladder, Problem::new(&target, &[])), "only step");
}

/// Everything that a fit gives, but for the time it took.
fn all_of<M: Model<T> + Sync, T: Scalar>(q: &Posterior<M, T>) -> (Vec<f64>, Vec<StepInfo>, Report, Draws) {
    let params = q.params().as_slice().iter().map(|x| x.to_f64()).collect();
    let report = Report { seconds: 0.0, ..q.report().clone() };
    (params, q.history().to_vec(), report, q.draws(20).unwrap())
}

/// Steps by hand until so many are done, as a method and by the fit itself.
#[track_caller]
fn steps_are_the_fit<T: Scalar, M: Model<T> + Sync>(fit: Fit<T>, model: impl Fn() -> M) -> usize {
    let fit = fit.elbo_draws(100);
    let run = all_of(&fit.clone().run(model()).unwrap());
    assert!(run == all_of(&fit.complete(model()).unwrap()));
    let (mut ongoing, mut steps) = (fit.init(model()).unwrap(), 1);
    while ongoing.step().unwrap().is_continue() {
        steps += 1;
    }
    assert!(ongoing.step().unwrap().is_break());
    assert!(run == all_of(&ongoing.output().unwrap()));
    is_too_early(after(0, &fit, model()), "step");
    steps
}

fn regression() -> Regression {
    Regression { x: normals(1, 100, 3), y: normals(2, 100, 1), prior: 1.0, noise: 1.0 }
}

#[test]
fn steps_of_a_fit_are_those_of_its_optimiser() {
    let steps = Steps::new(40).average(0.5).warm_up(0.3).schedule(Schedule::Cosine { end: 0.01 });
    let fit = Fit::new().steps(steps).history_every(3).seed(2);
    assert_eq!(steps_are_the_fit(fit.clone(), regression), 40);
    assert_eq!(steps_are_the_fit(fit.minibatch(30), regression), 40);
    let schools = || EightSchools { centred: false };
    assert_eq!(steps_are_the_fit(Fit::<f32>::default().steps(30).clip_norm(5.0), schools), 30);
    // Terms of several draws, which make of 8 draws 9.
    let bound = Objective::ImportanceWeighted { draws: 3 };
    assert_eq!(steps_are_the_fit(Fit::new().steps(20).objective(bound), regression), 20);
    // By its own rule.
    assert!(steps_are_the_fit(Fit::new().draws(8), regression) > 1000);
}

#[test]
fn what_is_found_at_once_is_one_step() {
    assert_eq!(steps_are_the_fit(Fit::new(), regression), 1);
    assert_eq!(steps_are_the_fit(Fit::new().guide(Delta::new()), regression), 1);
}

#[test]
fn a_fit_that_is_ended_early_is_what_an_observer_would_have_left() {
    let fit = Fit::new().steps(Steps::new(10).average(0.8)).elbo_draws(100);
    let mut ongoing = fit.init(regression()).unwrap();
    assert!(ongoing.last().is_none());
    let (start, mut told) = (ongoing.params().clone(), Vec::new());
    for _ in 0..6 {
        let mut listen = |info: &StepInfo| {
            told.push(info.step);
            ControlFlow::Continue(())
        };
        assert!(ongoing.step_observed(&mut [&mut listen]).unwrap().is_continue());
    }
    assert_eq!((told, ongoing.last().map(|i| i.step)), (vec![0, 1, 2, 3, 4, 5], Some(5)));
    assert!(*ongoing.params() != start);
    let early = ongoing.output().unwrap();
    let mut stop =
        |info: &StepInfo| if info.step == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let ended = fit.run_observed(regression(), &mut [&mut stop]).unwrap();
    let (early, mut ended) = (all_of(&early), all_of(&ended));
    assert_eq!((early.2.stopped, early.2.steps), (Stopped::Early, 6));
    assert!(early.2.to_string().contains("ended by who took the steps"), "{}", early.2);
    ended.2.stopped = Stopped::Early;
    assert!(early == ended);
    // An observer ends it also where steps are taken by hand.
    let mut ongoing = Fit::new().draws(8).init(regression()).unwrap();
    let mut stop = |_: &StepInfo| ControlFlow::Break(());
    assert!(ongoing.step_observed(&mut [&mut stop]).unwrap().is_break());
    assert_eq!(ongoing.output().unwrap().report().stopped, Stopped::ByObserver);
    // Settings are looked at before the first step.
    assert!(Fit::new().steps(0).init(regression()).is_err());
}
