//! The gradient of every objective.

use super::*;
use crate::gaussian::Gaussian;
use crate::guide::{BoundGuide, Guide, Segments};
use crate::guides::{Block, Flow, FullRank, LowRank, MeanField, Mixture, Program};
use crate::scope::{Scope, discover};
use probity_autodiff::Params;
use probity_autodiff::nalgebra::{DMatrix, DVector};
use probity_autodiff::random::fill_normal;
use probity_distributions::{Distribution, HalfNormal, LogNormal, Normal, Support};

/// Gradients of steps, one a row, with parameters a little beside the start.
fn gradients(
    model: &(dyn Model<f64> + Sync),
    guide: &dyn Guide<f64>,
    objective: Objective,
    (steps, draws): (usize, usize),
    set: impl FnOnce(&dyn BoundGuide<f64>, &mut Params<f64>),
) -> Vec<Vec<f64>> {
    let found = discover(model, Key::new(0)).unwrap();
    let mut params = Params::new();
    let bound = guide.bind(&found.layout, &mut Segments::of_a_fit(&mut params, Key::new(1))).unwrap();
    set(bound.as_ref(), &mut params);
    let how = (Estimator::WeightSpace, objective);
    let mut engine = Engine::<f64>::new(&found, draws, None, how, Key::new(2));
    let loss = Loss { kl_weight: 0.7, scale: 0.5 };
    let at = |step| At { guide: bound.as_ref(), params: &params, step, loss };
    (0..steps).map(|step| engine.step(model, at(step)).unwrap().1.to_vec()).collect()
}

fn skewed(s: &mut Scope<'_>) -> Result {
    let scale = s.sample("scale", HalfNormal::new(1.0))?;
    let x = s.sample("x", Normal::new(0.5, 1.0).rows(3))?;
    s.observe("y", Normal::new(x, scale), &[0.3, 1.5, -0.2])
}

fn program(s: &mut Scope<'_>) -> Result {
    let p = s.param("p", &DMatrix::from_element(1, 4, 0.1), Support::Real)?;
    let scale = s.sample("scale", LogNormal::new(p.at(0, 0), 0.5))?;
    s.sample("x", Normal::new(p.at(0, 1) + p.at(0, 2) * scale, p.at(0, 3).exp()).rows(3)).map(drop)
}

/// The mean of each number, and its standard error.
fn mean_and_error(each: &[f64]) -> (f64, f64) {
    let n = each.len() as f64;
    let mean = each.iter().sum::<f64>() / n;
    let variance = each.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Of the same noise, step by step: the mean of the difference is the mean of scores, which is 0.
#[test]
fn the_path_derivative_has_the_mean_of_the_elbo_gradient() {
    let guides: [Box<dyn Guide<f64>>; 9] = [
        Box::new(MeanField::new()),
        Box::new(FullRank::new()),
        Box::new(LowRank::new(1)),
        Box::new(Mixture::new(FullRank::new(), 2)),
        Box::new(Block::new(["x"], FullRank::new(), MeanField::new())),
        Box::new(Program::new(program)),
        Box::new(Flow::new().planar(2)),
        Box::new(Flow::new().coupling(2, 3)),
        Box::new(Flow::new().inverse_autoregressive(2, 3)),
    ];
    const STEPS: usize = 600;
    for guide in guides {
        let of = |objective| {
            gradients(&skewed, &*guide, objective, (STEPS, 16), |_, params| {
                let mut noise = vec![0.0; params.len()];
                fill_normal(Key::new(5), 0, &mut noise);
                params.as_mut_slice().iter_mut().zip(noise).for_each(|(p, z)| *p += 0.2 * z);
            })
        };
        let (whole, path) = (of(Objective::Elbo), of(Objective::PathDerivative));
        let mut differ = false;
        for i in 0..whole[0].len() {
            let each: Vec<f64> = whole.iter().zip(&path).map(|(a, b)| a[i] - b[i]).collect();
            let (mean, error) = mean_and_error(&each);
            differ |= error > 1e-4;
            // 5.5 standard errors: 4e-8 a number, of some 150.
            assert!(mean.abs() < 5.5 * error + 1e-12, "{}, {i}: {mean} {error}", guide.name());
        }
        assert!(differ, "{}", guide.name());
    }
}

#[test]
fn the_path_derivative_has_no_noise_where_the_guide_is_the_posterior() {
    let model = |s: &mut Scope<'_>| {
        let a = s.sample("a", Normal::new(0.0, 1.0))?;
        let b = s.sample("b", Normal::new(1.0, 2.0))?;
        s.observe("sum", Normal::new(a + b, 0.5), 2.0)
    };
    // The precision is that of the priors and of the sum, 1 / 0.5².
    let precision = DMatrix::from_row_slice(2, 2, &[1.0 + 4.0, 4.0, 4.0, 0.25 + 4.0]);
    let covariance = precision.try_inverse().unwrap();
    let mean = &covariance * DVector::from_vec(vec![2.0 * 4.0, 0.25 + 2.0 * 4.0]);
    let factor = covariance.cholesky().unwrap().l();
    let exact = Gaussian { mean, factor };
    let of = |guide: &dyn Guide<f64>, objective| {
        // A weight of the KL other than 1 has another optimum.
        let found = discover(&model, Key::new(0)).unwrap();
        let mut params = Params::new();
        let bound = guide.bind(&found.layout, &mut Segments::of_a_fit(&mut params, Key::new(1))).unwrap();
        bound.assign(&exact, &mut params);
        let how = (Estimator::WeightSpace, objective);
        let mut engine = Engine::<f64>::new(&found, 2, None, how, Key::new(2));
        let loss = Loss { kl_weight: 1.0, scale: 1.0 };
        let mut largest = 0.0_f64;
        for step in 0..20 {
            let at = At { guide: bound.as_ref(), params: &params, step, loss };
            let gradient = engine.step(&model, at).unwrap().1;
            largest = gradient.iter().fold(largest, |m, g| m.max(g.abs()));
        }
        largest
    };
    assert!(of(&FullRank::new(), Objective::PathDerivative) < 1e-12);
    assert!(of(&FullRank::new(), Objective::ImportanceWeighted { draws: 2 }) < 1e-12);
    assert!(of(&FullRank::new(), Objective::Elbo) > 0.1);
}

/// `skewed` with a parameter of its own, the last one.
fn shifted(s: &mut Scope<'_>) -> Result {
    let shift = s.param("shift", &DMatrix::from_element(1, 1, 0.4), Support::Positive)?;
    let scale = s.sample("scale", HalfNormal::new(1.0))?;
    let x = s.sample("x", Normal::new(0.5, 1.0).rows(3))?;
    s.observe("y", Normal::new(x * shift, scale), &[0.3, 1.5, -0.2])
}

const KL_WEIGHT: f64 = 0.7;
const SCALE: f64 = 0.5;

/// Loss and gradient of steps by terms of `group` of 8 draws, with parameters beside the start
/// that `moves` changes; on tapes of their own or on one.
fn weighted(
    guide: &dyn Guide<f64>,
    group: usize,
    steps: std::ops::Range<usize>,
    apart: bool,
    moves: &dyn Fn(&mut [f64]),
) -> Vec<(f64, Vec<f64>)> {
    let mut found = discover(&shifted, Key::new(0)).unwrap();
    if apart {
        found.size = usize::MAX;
    }
    let mut params = Params::new();
    let bound = guide.bind(&found.layout, &mut Segments::of_a_fit(&mut params, Key::new(1))).unwrap();
    params.add("shift", &DMatrix::from_element(1, 1, 0.2));
    let mut noise = vec![0.0; params.len()];
    fill_normal(Key::new(5), 0, &mut noise);
    params.as_mut_slice().iter_mut().zip(noise).for_each(|(p, z)| *p += 0.2 * z);
    moves(params.as_mut_slice());
    let how = (Estimator::WeightSpace, Objective::ImportanceWeighted { draws: group });
    let mut engine = Engine::<f64>::new(&found, 8, None, how, Key::new(2));
    let loss = Loss { kl_weight: KL_WEIGHT, scale: SCALE };
    let mut one = |step| {
        let at = At { guide: bound.as_ref(), params: &params, step, loss };
        let (elbo, gradient) = engine.step(&shifted, at).unwrap();
        (SCALE * (KL_WEIGHT * elbo.kl - elbo.log_likelihood), gradient.to_vec())
    };
    steps.map(&mut one).collect()
}

/// Differences of the loss with the same noise, of every parameter in every step.
fn differences(guide: &dyn Guide<f64>, group: usize, steps: usize) -> Vec<Vec<f64>> {
    const H: f64 = 1e-5;
    let parameters = weighted(guide, group, 0..1, false, &|_| {})[0].1.len();
    let of = |i: usize, h: f64| weighted(guide, group, 0..steps, false, &|p| p[i] += h);
    let each = (0..parameters).map(|i| {
        let (above, below) = (of(i, H), of(i, -H));
        above.iter().zip(below).map(|(a, b)| (a.0 - b.0) / (2.0 * H)).collect()
    });
    each.collect()
}

/// Of the same noise, step by step: the doubly reparameterised gradient has the mean of the
/// differences of the bound with fixed noise. That of the model's own parameters is the same.
#[test]
fn the_doubly_reparameterised_gradient_has_the_mean_of_differences_of_the_bound() {
    let guides: [(Box<dyn Guide<f64>>, usize); 6] = [
        (Box::new(MeanField::new()), 8),
        (Box::new(FullRank::new()), 4),
        (Box::new(LowRank::new(1)), 2),
        (Box::new(Block::new(["x"], FullRank::new(), MeanField::new())), 4),
        (Box::new(Program::new(program)), 4),
        (Box::new(Flow::new().planar(1)), 4),
    ];
    const STEPS: usize = 200;
    for (guide, group) in guides {
        let got = weighted(&*guide, group, 0..STEPS, false, &|_| {});
        let want = differences(&*guide, group, STEPS);
        let mut differ = false;
        for (i, want) in want.iter().enumerate() {
            let each: Vec<f64> = got.iter().zip(want).map(|(a, b)| a.1[i] - b).collect();
            let (mean, error) = mean_and_error(&each);
            if i + 1 == got[0].1.len() {
                assert!(each.iter().all(|d| d.abs() < 1e-6), "{}: {each:?}", guide.name());
            }
            differ |= error > 1e-4;
            // 5.5 standard errors: 4e-8 a number, of some 60.
            assert!(mean.abs() < 5.5 * error + 1e-6, "{}, {i}: {mean} {error}", guide.name());
        }
        assert!(differ, "{}", guide.name());
    }
}

#[test]
fn draws_of_a_term_may_be_on_several_tapes() {
    for guide in [&FullRank::new() as &dyn Guide<f64>, &MeanField::new()] {
        let [one, apart] = [false, true].map(|apart| weighted(guide, 4, 0..2, apart, &|_| {}));
        for ((a, ga), (b, gb)) in one.iter().zip(&apart) {
            assert!((a - b).abs() < 1e-12 * a.abs(), "{a} {b}");
            assert!(
                ga.iter().zip(gb).all(|(a, b)| (a - b).abs() < 1e-12 * a.abs().max(1.0)),
                "{ga:?} {gb:?}"
            );
        }
    }
}

#[test]
fn terms_of_one_draw_are_those_of_the_path_derivative() {
    let of = |objective| gradients(&skewed, &FullRank::new(), objective, (3, 4), |_, _| {});
    let (one, path) = (of(Objective::ImportanceWeighted { draws: 1 }), of(Objective::PathDerivative));
    assert!(one.iter().flatten().zip(path.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12));
}
