//! Numbers at the edges: settings of optimisers, gradients that overflow, estimates of nothing,
//! vague priors, open supports, and what is named when a number is not finite.

use crate::common::EightSchools;
use probity_autodiff::Scalar;
use probity_distributions::{
    Exponential, Gamma, Gumbel, HalfCauchy, HalfNormal, KlMethod, LogNormal, Normal, Uniform,
};
use probity_vi::optim::{Adam, Optimizer, OptimizerState, Schedule, Sgd, clip_norm};
use probity_vi::{Error, Fit, Init, LogJoint, Report, Result, ScaleStart, Scope, Start, Steps};

fn standard(s: &mut Scope<'_>) -> Result {
    s.sample("x", Normal::new(0.0, 1.0)).map(|_| ())
}

#[test]
fn settings_of_optimisers_are_checked() {
    let refused = |setting: &str, fit: Fit| {
        let error = fit.steps(3).run(standard).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("setting {setting}: ")), "{error}");
    };
    let fit = Fit::new;
    for rate in [-0.1, -0.0001, f64::NAN, f64::INFINITY] {
        refused("Adam::new", fit().optimizer(Adam::new(rate)));
        refused("Sgd::new", fit().optimizer(Sgd::new(rate)));
    }
    for beta in [-0.1, 1.0, 1.5, f64::NAN] {
        refused("Adam::betas", fit().optimizer(Adam::new(0.1).betas(beta, 0.9)));
        refused("Adam::betas", fit().optimizer(Adam::new(0.1).betas(0.9, beta)));
        refused("Sgd::momentum", fit().optimizer(Sgd::new(0.1).momentum(beta)));
    }
    for bad in [-1e-9, f64::NAN, f64::INFINITY] {
        refused("Adam::epsilon", fit().optimizer(Adam::new(0.1).epsilon(bad)));
        refused("Adam::decay", fit().optimizer(Adam::new(0.1).decay(bad)));
        refused("schedule", fit().steps(Steps::new(1).schedule(Schedule::Cosine { end: bad })));
        refused("schedule", fit().steps(Steps::new(1).schedule(Schedule::Exponential { end: bad })));
        refused(
            "schedule",
            fit().steps(Steps::new(1).schedule(Schedule::HoldThenCosine { hold: bad, end: 0.0 })),
        );
    }
    // The extremes that are allowed.
    for adam in [Adam::new(1e-300), Adam::new(0.1).betas(0.0, 0.0), Adam::new(0.1).epsilon(0.0).decay(0.0)] {
        assert!(Optimizer::<f64>::check(&adam).is_ok());
    }
    // An optimiser of somebody else's, by its rate.
    #[derive(Clone, Debug)]
    struct Backwards;
    impl Optimizer<f64> for Backwards {
        fn rate(&self) -> f64 {
            -1.0
        }
        fn state_arrays(&self) -> usize {
            0
        }
        fn begin(&mut self) {}
        fn update(&self, _: f64, params: &[f64], _: &[f64], to: &mut [f64], _: &mut [&mut [f64]]) {
            to.copy_from_slice(params);
        }
    }
    refused("optimizer", fit().optimizer(Backwards));
}

fn after_one_huge_gradient<T: Scalar>(huge: f64) -> (f64, f64) {
    let mut adam = Adam::new(0.1);
    let (mut state, mut p) = (OptimizerState::<T>::new(&adam, 1), [T::from_f64(0.0)]);
    let mut first = 0.0;
    for i in 0..5000 {
        let g = [T::from_f64(if i == 20 { huge } else { p[0].to_f64() - 3.0 })];
        state.step(&mut adam, &mut p, &g, &[(0..1, 0.1)]);
        if i == 20 {
            first = p[0].to_f64();
        }
    }
    (p[0].to_f64(), first)
}

#[test]
fn adam_recovers_from_a_gradient_whose_square_overflows() {
    for sign in [1.0, -1.0] {
        let (end, at) = after_one_huge_gradient::<f32>(sign * 1e20);
        assert!((end - 3.0).abs() < 1e-3, "{end}");
        assert!(at.is_finite());
        let (end, _) = after_one_huge_gradient::<f64>(sign * 1e200);
        assert!((end - 3.0).abs() < 1e-3, "{end}");
        // The largest that do not overflow are Adam's own affair; an infinite one is to be noticed.
        assert!(after_one_huge_gradient::<f32>(sign * 1e15).0.is_finite());
        assert!(!after_one_huge_gradient::<f32>(sign * f64::INFINITY).1.is_finite());
        assert!(!after_one_huge_gradient::<f64>(sign * f64::INFINITY).1.is_finite());
    }
    // Every gradient overflows: the steps are those of the rate against its sign.
    let mut adam = Adam::new(0.1);
    let (mut state, mut p) = (OptimizerState::<f32>::new(&adam, 2), [0.0f32, 5.0]);
    for _ in 0..200 {
        state.step(&mut adam, &mut p, &[1e25, -1e38], &[(0..2, 0.1)]);
    }
    // The first steps are shortened by the correction of the moments.
    assert!(p[0] < -5.0 && p[0] >= -20.0 && p[1] > 10.0 && p[1] <= 25.0, "{p:?}");
}

#[test]
fn a_narrow_likelihood_in_single_precision_is_found() {
    let fit = Fit::<f32>::default().steps(4000).optimizer(Adam::new(0.01)).elbo_draws(0).checked(false);
    let fit = fit.run(|m: &mut Scope<'_, f32>| {
        let x = m.sample("x", Normal::new(0.0, 1.0))?;
        m.observe("y", Normal::new(x, 1e-10), 1.0)
    });
    let mean = fit.unwrap().params().as_slice()[0];
    assert!((mean - 1.0).abs() < 0.05, "{mean}");
}

#[test]
fn clipping_keeps_the_direction_where_squares_overflow() {
    let mut g = [3e200, -4e200];
    assert!((clip_norm(&mut g, 1.0) / 5e200 - 1.0).abs() < 1e-14);
    assert!((g[0] - 0.6f64).abs() < 1e-14 && (g[1] + 0.8).abs() < 1e-14, "{g:?}");
    let mut g = [3e38f32, 0.0];
    assert!((clip_norm(&mut g, 1.0) / 3e38 - 1.0).abs() < 1e-6);
    assert!((g[0] - 1.0).abs() < 1e-6, "{g:?}");
    assert!(clip_norm(&mut [f64::INFINITY, 1.0], 1.0) == f64::INFINITY);
}

#[test]
fn estimates_of_nothing_are_no_numbers() {
    let p = Fit::new()
        .steps(5)
        .run(|s: &mut Scope<'_>| {
            let m = s.sample("m", Normal::new(0.0, 1.0))?;
            s.deterministic("above", m * 0.0 + f64::INFINITY)?;
            s.deterministic("below", m * 0.0 - f64::INFINITY)?;
            s.deterministic("wide", m * 1e308)?;
            s.observe("y", Normal::new(m, 1.0), 1.0)
        })
        .unwrap();
    let none = p.elbo(0).unwrap();
    assert!(none.value.is_nan() && none.standard_error.is_nan() && none.draws == 0);
    let draws = p.draws(100).unwrap();
    for q in [0.0, 0.05, 0.5, 0.999, 1.0] {
        assert_eq!(draws["above"].quantile(q)[0], f64::INFINITY);
        assert_eq!(draws["below"].quantile(q)[0], f64::NEG_INFINITY);
        assert!(draws["wide"].quantile(q)[0].is_finite());
    }
    assert_eq!(draws["above"].mean()[0], f64::INFINITY);
    let empty = p.draws(0).unwrap();
    assert!(empty.is_empty() && empty.summary().rows.iter().all(|row| row.mean.is_nan()));
}

#[test]
fn the_elbo_of_a_vague_prior_is_exact() {
    use probity_autodiff::Real;
    for (a, seed) in [(0.01f64, 0), (0.001, 1)] {
        let model = move |s: &mut Scope<'_>| s.sample("x", Gamma::new(a, a)).map(|_| ());
        let p = Fit::new().seed(seed).steps(400).run(model).unwrap();
        let (m, s) = (p.params().as_slice()[0], p.params().as_slice()[1].softplus());
        let exact =
            a * m - a * (m + s * s / 2.0).exp() + a * a.ln() - a.lgamma() + s.ln() + 1.418_938_533_204_672_7;
        let elbo = p.report().elbo.unwrap();
        assert!((elbo.value - exact).abs() < 1e-12 * (1.0 + exact.abs()), "{elbo} {exact}");
        assert!(elbo.standard_error < 1e-12, "{elbo}");
        assert_eq!(p.layout().site("x").unwrap().kl, Some(KlMethod::Closed));
        assert_eq!(p.report().elbo_tail, None);
    }
}

/// A factor whose mean the draws do not show: `E exp(u)` of a wide Gaussian.
#[test]
fn heavy_tails_of_the_elbo_are_said() {
    let wide = || Init { loc: Start::Constant(0.0), scale: ScaleStart::Constant(8.0) };
    let heavy = Fit::new().steps(1).optimizer(Adam::new(1e-9)).run(|s: &mut Scope<'_>| {
        let u = s.sample_from("u", Normal::new(0.0, 10.0), wide)?;
        s.factor("exp", -u.exp())
    });
    let report = heavy.unwrap().report().clone();
    assert!(report.elbo_tail.unwrap() > Report::HEAVY, "{report}");
    assert!(report.elbo_influence.unwrap() > Report::LARGE_INFLUENCE, "{report}");
    assert!(report.to_string().contains("NOT to be trusted"), "{report}");
    let light = Fit::new().steps(200).run(|s: &mut Scope<'_>| {
        let u = s.sample("u", Normal::new(0.0, 10.0))?;
        s.observe("y", Normal::new(u, 1.0), &[0.3, -0.2])
    });
    let report = light.unwrap().report().clone();
    assert!(report.elbo_tail.unwrap() < Report::HEAVY && !report.to_string().contains("NOT"), "{report}");
}

/// The terms of a good fit are polynomials of normal numbers, whose tails look heavy: their error
/// is to be trusted all the same.
#[test]
fn the_elbo_of_a_good_fit_is_trusted() {
    let schools = Fit::new().run(EightSchools { centred: false });
    let maxima: Vec<f64> = (0..60).map(|i| 30.0 - 8.0 * (-((i as f64 + 0.5) / 60.0).ln()).ln()).collect();
    let gumbel = Fit::new().run(|s: &mut Scope<'_>| {
        let loc = s.sample("loc", Normal::new(0.0, 100.0))?;
        let scale = s.sample("scale", HalfNormal::new(50.0))?;
        s.observe("y", Gumbel::new(loc, scale), &maxima)
    });
    let (schools, gumbel) = (schools.unwrap(), gumbel.unwrap());
    for report in [schools.report(), gumbel.report()] {
        // Which the shape of the tail alone would not say.
        assert!(report.elbo_tail.unwrap() > Report::HEAVY, "{report}");
        assert!(report.elbo_influence.unwrap() < Report::LARGE_INFLUENCE, "{report}");
        assert!(!report.to_string().contains("NOT to be trusted"), "{report}");
    }
}

#[test]
fn the_log_joint_is_right_where_the_bijector_leaves_the_range() {
    fn check(name: &str, of: impl Fn(&mut Scope<'_>) -> Result + Sync, at: &[(f64, f64, f64)]) {
        let mut joint = LogJoint::<_, f64>::new(of).unwrap();
        for (u, value, slope) in at {
            let mut g = [0.0];
            let got = joint.gradient(&[*u], &mut g).unwrap();
            let close = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-13 * b.abs();
            assert!(close(got, *value), "{name} at {u}: {got}, not {value}");
            assert!(
                !g[0].is_nan() && (slope.is_nan() || close(g[0], *slope)),
                "{name} at {u}: slope {}",
                g[0]
            );
        }
    }
    let inf = f64::INFINITY;
    let any = f64::NAN;
    let lgamma = probity_autodiff::math::gamma::lgamma;
    for a in [0.01, 2.0, 20.0] {
        let low = a * 3f64.ln() - lgamma(a) - 800.0 * a;
        let model = move |s: &mut Scope<'_>| s.sample("x", Gamma::new(a, 3.0)).map(|_| ());
        check("Gamma", model, &[(-800.0, low, a), (745.0, -inf, any), (800.0, -inf, any)]);
    }
    let model = |s: &mut Scope<'_>| s.sample("x", Exponential::new(3.0)).map(|_| ());
    check("Exponential", model, &[(-800.0, 3f64.ln() - 800.0, 1.0), (800.0, -inf, any)]);
    let half = (2.0 / std::f64::consts::PI).ln() / 2.0;
    let model = |s: &mut Scope<'_>| s.sample("x", HalfNormal::new(2.0)).map(|_| ());
    check("HalfNormal", model, &[(-800.0, half - 2f64.ln() - 800.0, 1.0), (800.0, -inf, any)]);
    let model = |s: &mut Scope<'_>| s.sample("x", HalfCauchy::new(2.0)).map(|_| ());
    let (below, above) = (2.0 * half - 2f64.ln() - 800.0, 2.0 * half + 2f64.ln() - 800.0);
    check("HalfCauchy", model, &[(-800.0, below, 1.0), (800.0, above, -1.0)]);
    let model = |s: &mut Scope<'_>| s.sample("x", LogNormal::new(0.0, 100.0)).map(|_| ());
    let at = -32.0 - 100f64.ln() - 0.918_938_533_204_672_7;
    check("LogNormal", model, &[(-800.0, at, 0.08), (800.0, at, -0.08)]);
    let model = |s: &mut Scope<'_>| s.sample("x", Uniform::new(-1e308, 1e308)).map(|_| ());
    check("Uniform", model, &[(-800.0, -800.0, 1.0), (800.0, -800.0, -1.0), (0.0, -4f64.ln(), 0.0)]);
}

#[test]
fn an_observation_at_an_open_end_is_named() {
    let error = |model: fn(&mut Scope<'_>) -> Result| Fit::new().steps(2).run(model).unwrap_err();
    let errors = [
        error(|s| s.observe("y", LogNormal::new(0.0, 1.0), &[1.0, 0.0])),
        error(|s| s.observe("y", Gamma::new(2.0, 1.0), &[1.0, 0.0])),
        error(|s| s.observe("y", Gamma::new(0.5, 1.0), &[1.0, -0.0])),
        error(|s| s.observe("y", Exponential::new(1.0), &[1.0, f64::INFINITY])),
        error(|s| s.observe("y", HalfNormal::new(1.0), &[1.0, -5e-324])),
    ];
    for error in errors {
        assert!(matches!(&error, Error::OutsideSupport { site, index: 1, .. } if site == "y"), "{error}");
    }
    let closed = Fit::new().steps(2).run(|s: &mut Scope<'_>| {
        let scale = s.sample("scale", HalfNormal::new(1.0))?;
        s.observe("y", HalfCauchy::new(scale), &[0.0, 1.0])?;
        s.observe("z", Exponential::new(scale), &[0.0, 1.0])
    });
    assert!(closed.is_ok());
}

#[test]
fn the_operation_that_made_the_nan_is_named() {
    let fit = || Fit::new().steps(2000).optimizer(Adam::new(0.05));
    // The limits of the uniform prior are on the tape, and its check meets them in the replay.
    let error = fit().run(|s: &mut Scope<'_>| {
        let tau = s.sample("tau", HalfCauchy::new(1.0))?;
        let x = s.sample("x", Uniform::new(0.0, tau))?;
        s.observe("y", Normal::new((-x + 4.0).ln(), 0.1), -2.0)
    });
    let error = error.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("after site \"x\"") && error.contains("result of ln (1 × 1)"), "{error}");
    // An infinity that is meant, before the NaN, and one on the way to it that is not.
    let error = fit().run(|s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.deterministic("meant", x * 0.0 + f64::INFINITY)?;
        let big = s.deterministic("big", (x * 1e4).exp())?;
        s.factor("f", -(big - big * 2.0).sq() + x * 50.0)
    });
    let error = error.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("after site \"meant\"") && error.contains("result of exp (1 × 1)"), "{error}");
    // Data that leave the support of a family with limits of its own.
    let data = Fit::new().steps(50).run(|s: &mut Scope<'_>| {
        let start = || Init { loc: Start::Constant(2f64.ln()), scale: ScaleStart::Constant(0.01) };
        let tau = s.sample_from("tau", HalfCauchy::new(2.0), start)?;
        s.observe("y", Uniform::new(0.0, tau), &[0.4, 1.2])
    });
    let error = data.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("\"y\"") && !error.contains("high > low"), "{error}");
}
