//! The estimators of a linear map with Gaussian weights agree with closed forms. Seeds are fixed: a
//! correct build never fails.

use probity_autodiff::Real;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, HalfNormal, Normal, SkewNormal, Uniform};
use probity_vi::optim::Sgd;
use probity_vi::{
    Estimator, Fit, Init, Model, Objective, Posterior, Result, ScaleStart, Scope, Start, StepInfo,
};
use std::ops::ControlFlow;

const MU: [f64; 3] = [0.5, -1.0, 0.25];
const RHO: f64 = -0.4;
const BIAS: f64 = 0.3;
const BOTH: [Estimator; 2] = [Estimator::WeightSpace, Estimator::LocalReparameterization];
/// With noise of its own for every row.
const BY_ROW: [Estimator; 3] = [Estimator::LocalReparameterization, Estimator::Flipout, Estimator::RankOne];

fn start(loc: &[f64]) -> impl FnOnce() -> Init {
    let loc = Start::Values(loc.to_vec());
    move || Init { loc, scale: ScaleStart::Constant(RHO.softplus()) }
}

/// One Gaussian layer. The log-likelihood is its output, or minus the square; the priors are
/// constant, or depend on a variable of their own.
#[derive(Debug)]
struct Layer {
    x: DMatrix<f64>,
    hierarchical: bool,
    square: bool,
}

impl Model for Layer {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        let x = s.data(&self.x);
        let scale = if self.hierarchical {
            s.sample_from("ln sd", Normal::new(0.0, 0.1), start(&[0.0]))?.exp()
        } else {
            1.0.into()
        };
        let weight = ("w", Normal::new(0.0, scale).shaped(3, 1), start(&MU));
        let bias = ("b", Normal::new(0.0, 1.0), start(&[BIAS]));
        let y = s.linear(x, weight, Some(bias))?;
        let y = s.deterministic("out", y)?;
        s.factor("y", if self.square { -y.sq() } else { y })
    }
}

/// The steps of a fit that does not move.
fn steps<M: Model + Sync>(model: M, estimator: Estimator, n: usize) -> (Vec<StepInfo>, Posterior<M>) {
    let mut seen = Vec::new();
    let mut watch = |info: &StepInfo| {
        seen.push(*info);
        ControlFlow::Continue(())
    };
    let q = Fit::new()
        .steps(n)
        .draws(1)
        .optimizer(Sgd::new(0.0))
        .estimator(estimator)
        .elbo_draws(0)
        .checked(false);
    let q = q.run_observed(model, &mut [&mut watch]).unwrap();
    (seen, q)
}

#[test]
fn outputs_have_the_closed_form_mean_and_variance() {
    let x = DMatrix::from_row_slice(2, 3, &[1.0, 2.0, -0.5, 1.0, 2.0, -0.5]);
    let s2 = RHO.softplus().powi(2);
    let mean = BIAS + MU[0] + 2.0 * MU[1] - 0.5 * MU[2];
    let variance = s2 * (1.0 + 1.0 + 4.0 + 0.25);
    let n = 20_000;
    let mut tables = Vec::new();
    // Two equal rows: one function has one output, independent noise has two.
    for (estimator, times) in Estimator::ALL.into_iter().zip([4.0, 2.0, 2.0, 2.0]) {
        let (steps, q) = steps(Layer { x: x.clone(), hierarchical: false, square: false }, estimator, n);
        let y: Vec<f64> = steps.iter().map(|i| i.elbo.log_likelihood).collect();
        let m = y.iter().sum::<f64>() / n as f64;
        let v = y.iter().map(|y| (y - m).powi(2)).sum::<f64>() / n as f64;
        assert!((m - 2.0 * mean).abs() < 4.0 * (times * variance / n as f64).sqrt(), "{estimator:?} {m}");
        // Signs of one drawn difference have a kurtosis above that of a Gaussian, at most 9.
        let kurtosis = if estimator == Estimator::Flipout { 9.0 } else { 3.0 };
        let error = ((kurtosis - 1.0) / n as f64).sqrt();
        assert!((v / (times * variance) - 1.0).abs() < 4.0 * error, "{estimator:?} {v}");
        // The KL is exact: no noise, and the same for all.
        let s = RHO.softplus();
        let kl: f64 = [&MU[..], &[BIAS]].concat().iter().map(|m| 0.5 * (m * m + s * s - 1.0) - s.ln()).sum();
        assert!(steps.iter().all(|i| (i.elbo.kl - kl).abs() < 1e-13), "{} {kl}", steps[0].elbo.kl);
        tables.push(q.layout().clone());
        // A prediction draws weights: equal rows have equal outputs.
        let draws = q.draws(20).unwrap();
        assert!((0..20).all(|i| draws["out"].draw(i)[0] == draws["out"].draw(i)[1]));
        assert!(draws["out"].sd()[0] > 0.0);
    }
    assert!(tables.iter().all(|table| *table == tables[0]));
}

#[test]
fn gradients_are_unbiased() {
    // Loss Σ y² + KL, of which every expectation is known.
    let x = DMatrix::from_row_slice(3, 3, &[1.0, 2.0, -0.5, 0.3, -1.0, 2.0, 0.0, 0.5, 0.5]);
    let s = RHO.softplus();
    let mu = DMatrix::from_column_slice(3, 1, &MU);
    let mean = (&x * &mu).add_scalar(BIAS);
    let mut want = Vec::new();
    for (k, mu) in MU.iter().enumerate() {
        want.push(mu + 2.0 * x.column(k).dot(&mean.column(0)));
    }
    want.push(BIAS + 2.0 * mean.sum());
    for k in 0..3 {
        want.push((s - 1.0 / s + 2.0 * s * x.column(k).norm_squared()) * RHO.sigmoid());
    }
    want.push((s - 1.0 / s + 2.0 * s * 3.0) * RHO.sigmoid());
    for estimator in Estimator::ALL {
        let q = Fit::new()
            .steps(1)
            .draws(20_000)
            .optimizer(Sgd::new(1.0))
            .estimator(estimator)
            .elbo_draws(0)
            .checked(false);
        let q = q.run(Layer { x: x.clone(), hierarchical: false, square: true }).unwrap();
        // All locations, then all scale parameters.
        let start = [&MU[..], &[BIAS], &[RHO; 4]].concat();
        let size = want.iter().map(|w| w.abs()).fold(0.0, f64::max);
        for ((now, start), want) in q.params().as_slice().iter().zip(&start).zip(&want) {
            assert!((start - now - want).abs() < 0.02 * size, "{estimator:?}: {} {want}", start - now);
        }
    }
}

#[test]
fn a_prior_with_variables_gives_all_the_same_kl_and_table() {
    let x = DMatrix::from_row_slice(1, 3, &[1.0, 0.0, 2.0]);
    let run = |estimator| steps(Layer { x: x.clone(), hierarchical: true, square: false }, estimator, 50);
    let (a, p) = run(Estimator::WeightSpace);
    assert_ne!(a[0].elbo.kl, a[1].elbo.kl);
    for estimator in BY_ROW {
        let (b, q) = run(estimator);
        assert_eq!(p.layout(), q.layout());
        for (a, b) in a.iter().zip(&b) {
            assert!((a.elbo.kl - b.elbo.kl).abs() < 1e-12 * a.elbo.kl, "{} {}", a.elbo.kl, b.elbo.kl);
        }
    }
}

#[test]
fn the_report_names_the_sites_whose_weights_are_drawn_all_the_same() {
    // A Gaussian has no exact KL to a Uniform prior, nor to a constrained one.
    let x = DMatrix::from_row_slice(2, 3, &[1.0, 0.0, 2.0, -1.0, 0.5, 0.0]);
    let model = |s: &mut Scope<'_>| {
        let x = s.data(&x);
        let normal = || Normal::new(0.0, 1.0).shaped(3, 1);
        let uniform = Uniform::new(-1.0, 1.0);
        let first = s.within("first", |s| {
            s.linear(x, ("w", normal(), Init::default), Some(("b", Normal::standard(), Init::default)))
        })?;
        let second = s.within("second", |s| {
            s.linear(x, ("w", uniform.shaped(3, 1), Init::default), Some(("b", uniform, Init::default)))
        })?;
        let third = s.within("third", |s| {
            s.linear(x, ("w", normal(), Init::default), Some(("b", HalfNormal::new(1.0), Init::default)))
        })?;
        s.observe("y", Normal::new(first + second + third, 1.0), &[0.3, -0.2])
    };
    let report = |estimator| {
        let fit = Fit::new().steps(3).draws(2).estimator(estimator).elbo_draws(2);
        fit.run(model).unwrap().report().clone()
    };
    let weights = report(BOTH[0]);
    assert!(weights.weights_drawn.is_empty() && !weights.to_string().contains("linear maps"), "{weights}");
    let local = report(BOTH[1]);
    assert_eq!(local.weights_drawn, ["second.w", "second.b", "third.b"]);
    let line = "linear maps by local reparameterization, but by drawn weights for want of an exact KL at second.w, second.b, third.b\n";
    assert!(local.to_string().contains(line), "{local}");
    // Flipout draws the weights anyway, and needs a Gaussian of the values only; no prior of these
    // sites is on the whole line.
    let flipped = report(Estimator::Flipout);
    assert_eq!(flipped.weights_drawn, local.weights_drawn);
    let line = "linear maps by flipout, but by drawn weights for want of a Gaussian at second.w, second.b, third.b\n";
    assert!(flipped.to_string().contains(line), "{flipped}");
    assert_eq!(report(Estimator::RankOne).weights_drawn, local.weights_drawn);
    let none = steps(Layer { x: x.clone(), hierarchical: true, square: true }, BOTH[1], 2).1;
    assert!(none.report().to_string().contains("linear maps by local reparameterization\n"));
}

#[test]
fn flipout_takes_a_divergence_by_monte_carlo() {
    let x = DMatrix::from_row_slice(2, 3, &[1.0, 0.0, 2.0, -1.0, 0.5, 0.0]);
    let model = |s: &mut Scope<'_>| {
        let (x, prior) = (s.data(&x), SkewNormal::new(0.0, 1.0, 2.0).shaped(3, 1));
        let y = s.linear(x, ("w", prior, Init::default), None::<(_, Normal<_>, fn() -> Init)>)?;
        s.observe("y", Normal::new(y, 1.0), &[0.3, -0.2])
    };
    let drawn = |estimator| {
        let fit = Fit::new().steps(3).draws(2).estimator(estimator).elbo_draws(2);
        fit.run(model).unwrap().report().weights_drawn.clone()
    };
    assert!(drawn(Estimator::Flipout).is_empty());
    for estimator in [Estimator::LocalReparameterization, Estimator::RankOne] {
        assert_eq!(drawn(estimator), ["w"]);
    }
}

/// A line through many rows: with noise of their own, rows average it out.
#[derive(Debug)]
struct Line;

impl Model for Line {
    fn run(&self, s: &mut Scope<'_>) -> Result {
        const ROWS: usize = 200;
        let x = DMatrix::from_fn(ROWS, 3, |i, j| ((i * (j + 2)) as f64).sin());
        let x = s.data(&x);
        let weight = ("w", Normal::new(0.0, 1.0).shaped(3, 1), start(&MU));
        let y = s.linear(x, weight, Some(("b", Normal::new(0.0, 1.0), start(&[BIAS]))))?;
        s.observe("y", Normal::new(y, 1.0), &[0.5; ROWS])
    }
}

#[test]
fn costs_know_which_estimator_is_quiet() {
    let fit = Fit::new().draws(1);
    let costs = fit.estimator_costs(&Line, 100).unwrap();
    assert!(costs.windows(2).all(|pair| pair[0].product() <= pair[1].product()));
    let of = |estimator| costs.iter().find(|c| c.estimator == estimator).unwrap();
    let weights = of(Estimator::WeightSpace);
    assert!(costs.len() == 4 && costs.iter().all(|c| c.seconds > 0.0));
    // 200 rows: less noise by much more than these gradients leave open.
    for estimator in BY_ROW {
        assert!(of(estimator).variance < 0.3 * weights.variance, "{costs:?}");
    }
    // As one draw of each row: the variances of the gradient's means agree.
    let local = of(Estimator::LocalReparameterization).variance;
    assert!((of(Estimator::RankOne).variance / local - 1.0).abs() < 0.7, "{costs:?}");
    assert!(fit.estimator_costs(&Line, 1).is_err());
    // Joint draws have no outputs of maps to draw.
    let joint = Fit::new().draws(1).objective(Objective::PathDerivative);
    assert_eq!(joint.estimator_costs(&Line, 10).unwrap().len(), 1);
    let chosen = fit.clone().cheapest_estimator(&Line).unwrap();
    assert!(chosen.steps(3).elbo_draws(0).checked(false).run(Line).is_ok());
}

#[test]
fn objectives_on_joint_draws_refuse_noise_by_row() {
    for estimator in BY_ROW {
        let fit = Fit::new().steps(2).objective(Objective::PathDerivative).estimator(estimator);
        let error = fit.run(Line).unwrap_err().to_string();
        assert!(error.contains("jointly"), "{error}");
    }
}
