//! Batches and draws, together and by themselves.

use super::*;
use crate::guide::{Guide, Segments};
use crate::guides::MeanField;
use crate::layout::Init;
use crate::scope::{Scope, discover};
use probity_autodiff::Params;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, HalfCauchy, Normal, Support};
use std::sync::Mutex;

/// ELBO and gradient of a regression at minibatch number `step`, all with the noise of one key.
fn batches(rows: usize, how: Option<Minibatches>, steps: usize, key: Key) -> Vec<(Elbo, Vec<f64>)> {
    let x = DMatrix::from_fn(rows, 2, |i, j| ((i * (j + 2)) as f64).sin());
    let y = DMatrix::from_fn(rows, 1, |i, _| (i as f64).cos());
    let model = |s: &mut Scope<'_>| {
        let w = s.sample("w", Normal::new(0.0, 1.0).rows(2))?;
        s.observe("outside", Normal::new(w, 2.0), &[0.3, 0.1])?;
        s.plate("rows", rows, |s, b| s.observe("y", Normal::new(b.rows(&x).matmul(w), 0.5), b.rows(&y)))
    };
    let found = discover(&model, Key::new(0)).unwrap();
    let mut params = Params::new();
    let mut segments = Segments::of_a_fit(&mut params, Key::new(1));
    let guide = MeanField::new().bind(&found.layout, &mut segments).unwrap();
    let loss = Loss { kl_weight: 1.0, scale: 1.0 };
    let mut engine = Engine::<f64>::new(&found, 1, how, (Estimator::WeightSpace, Objective::Elbo), key);
    (0..steps)
        .map(|step| {
            let task = Task {
                key: Key::new(7),
                ..engine.task(At { guide: guide.as_ref(), params: &params, step, loss })
            };
            let worker = &mut engine.workers[0];
            worker.gradient(&model, &task).unwrap();
            (worker.elbo, worker.gradient.to_vec())
        })
        .collect()
}

fn shuffled(size: usize) -> Option<Minibatches> {
    Some(Minibatches { size, shuffled: true })
}

type Step = (Elbo, Vec<f64>);

fn mean(all: &[Step]) -> [f64; 6] {
    let n = all.len() as f64;
    let of = |f: &dyn Fn(&Step) -> f64| all.iter().map(f).sum::<f64>() / n;
    let g = |i: usize| of(&|b| b.1[i]);
    [of(&|b| b.0.log_likelihood), of(&|b| b.0.kl), g(0), g(1), g(2), g(3)]
}

#[test]
fn the_minibatches_of_an_epoch_average_to_the_whole() {
    let whole = mean(&batches(20, None, 1, Key::new(0)));
    let parts = batches(20, shuffled(4), 5, Key::new(0));
    // The KL enters once in every batch, unscaled.
    assert!(parts.iter().all(|b| b.0.kl == whole[1]));
    assert!(parts[0].1[0] != parts[1].1[0]);
    for (a, b) in mean(&parts).iter().zip(whole) {
        assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
    }
    // As large as the data: all rows, in place.
    assert_eq!(mean(&batches(20, shuffled(20), 1, Key::new(0))), whole);
}

#[test]
fn a_ragged_last_batch_is_unbiased() {
    // 7 rows by 3, 3 and 1: over many epochs the last batch meets every row. Fixed seed: a correct
    // build never fails.
    let whole = mean(&batches(7, None, 1, Key::new(0)));
    let epochs = 6000;
    let parts = batches(7, shuffled(3), 3 * epochs, Key::new(5));
    for part in 0..3 {
        let of: Vec<_> = parts.iter().skip(part).step_by(3).cloned().collect();
        let got = mean(&of);
        for i in 0..6 {
            let value = |b: &(Elbo, Vec<f64>)| {
                if i == 0 {
                    b.0.log_likelihood
                } else if i == 1 {
                    b.0.kl
                } else {
                    b.1[i - 2]
                }
            };
            let variance = of.iter().map(|b| (value(b) - got[i]).powi(2)).sum::<f64>() / epochs as f64;
            let error = (variance / epochs as f64).sqrt();
            assert!((got[i] - whole[i]).abs() < 4.0 * error + 1e-10, "{part} {i}: {} {}", got[i], whole[i]);
        }
    }
}

#[test]
fn batches_in_the_order_of_the_data_average_to_the_whole() {
    // 7 rows by 3: after seven batches every row has come three times, the last batch of an epoch
    // going on with the first rows.
    let whole = mean(&batches(7, None, 1, Key::new(0)));
    let in_order = Some(Minibatches { size: 3, shuffled: false });
    let parts = batches(7, in_order, 8, Key::new(0));
    for (a, b) in mean(&parts[..7]).iter().zip(whole) {
        assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
    }
    assert!(parts[0] != parts[1] && parts[0] == parts[7]);
    // Whatever the key.
    assert_eq!(batches(7, in_order, 8, Key::new(1)), parts);
}

/// A hierarchy with a constrained site, a prior that depends on another site, a local map, a
/// parameter; and, if told so, a look at a number.
fn hierarchy(looks: bool) -> impl Fn(&mut Scope<'_>) -> Result {
    let x = DMatrix::from_fn(6, 2, |i, j| ((i * 2 + j) as f64).sin());
    move |s: &mut Scope<'_>| {
        let scale = s.sample("scale", HalfCauchy::new(1.0))?;
        let mean = s.sample("mean", Normal::new(0.0, scale))?;
        let shift = s.param("shift", &DMatrix::from_element(1, 1, 0.3), Support::Positive)?;
        let weight = ("w", Normal::new(0.0, 1.0).shaped(2, 1), Init::default);
        let y = s.linear(s.data(&x), weight, Some(("b", Normal::new(0.0, 2.0), Init::default)))?;
        let sign = if looks && scale.item() > 1.0 { -1.0 } else { 1.0 };
        s.observe("y", Normal::new(y * sign + mean, shift), &[0.1, 0.5, -0.3, 0.2, 0.9, 0.4])
    }
}

/// Two steps of an engine: ELBO and gradient of each, and how many workers it had at the end.
fn two_steps(looks: bool, estimator: Estimator, draws: usize, small: bool) -> (Vec<Step>, usize) {
    let model = hierarchy(looks);
    let mut found = discover(&model, Key::new(0)).unwrap();
    if !small {
        found.size = usize::MAX;
    }
    let mut params = Params::new();
    let mut segments = Segments::of_a_fit(&mut params, Key::new(1));
    let guide = MeanField::new().bind(&found.layout, &mut segments).unwrap();
    params.add("shift", &DMatrix::from_element(1, 1, 0.2));
    let mut engine = Engine::<f64>::new(&found, draws, None, (estimator, Objective::Elbo), Key::new(2));
    let loss = Loss { kl_weight: 0.7, scale: 0.1 };
    let steps = (0..2).map(|step| {
        let (elbo, gradient) =
            engine.step(&model, At { guide: guide.as_ref(), params: &params, step, loss }).unwrap();
        (elbo, gradient.to_vec())
    });
    let steps = steps.collect();
    (steps, engine.workers.len())
}

#[test]
fn draws_together_are_those_by_themselves() {
    for estimator in [Estimator::WeightSpace, Estimator::LocalReparameterization] {
        let (alone, workers) = two_steps(false, estimator, 20, false);
        assert_eq!(workers, 20);
        let (in_lanes, workers) = two_steps(false, estimator, 20, true);
        assert_eq!(workers, 2);
        for ((a, ga), (b, gb)) in alone.iter().zip(&in_lanes) {
            assert!((a.value() - b.value()).abs() < 1e-12 * a.value().abs(), "{a:?} {b:?}");
            for (a, b) in ga.iter().zip(gb) {
                assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{estimator:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_model_that_looks_at_numbers_sees_one_draw_at_a_time() {
    let alone = two_steps(true, Estimator::WeightSpace, 8, false);
    assert_eq!(two_steps(true, Estimator::WeightSpace, 8, true), alone);
    assert_ne!(alone.0, two_steps(false, Estimator::WeightSpace, 8, false).0);
}

/// Three steps of a regression with fixed Normal priors, the second of which may have another width
/// from the step `moves` on. Whether sites are drawn together in the end.
fn fixed_priors(batched: bool, moves: usize) -> (Vec<Step>, bool) {
    let x = DMatrix::from_fn(6, 2, |i, j| ((i * 2 + j) as f64).sin());
    let width = Mutex::new(2.0);
    let model = |s: &mut Scope<'_>| {
        let width = *width.lock().unwrap();
        let w = s.sample("w", Normal::new(0.0, 1.0).shaped(2, 1))?;
        let b = s.sample("b", Normal::new(0.5, width))?;
        s.observe("y", Normal::new(s.data(&x).matmul(w) + b, 0.5), &[0.1, 0.5, -0.3, 0.2, 0.9, 0.4])
    };
    let mut found = discover(&model, Key::new(0)).unwrap();
    assert_eq!(found.batched.as_ref().map(|sites| sites.len()), Some(2));
    if !batched {
        found.batched = None;
    }
    let mut params = Params::new();
    let mut segments = Segments::of_a_fit(&mut params, Key::new(1));
    let guide = MeanField::new().bind(&found.layout, &mut segments).unwrap();
    let mut engine =
        Engine::<f64>::new(&found, 1, None, (Estimator::WeightSpace, Objective::Elbo), Key::new(2));
    let loss = Loss { kl_weight: 0.7, scale: 0.1 };
    let steps = (0..3).map(|step| {
        if step == moves {
            *width.lock().unwrap() = 3.0;
        }
        let (elbo, gradient) =
            engine.step(&model, At { guide: guide.as_ref(), params: &params, step, loss }).unwrap();
        (elbo, gradient.to_vec())
    });
    (steps.collect(), engine.workers[0].batched.is_some())
}

#[test]
fn sites_drawn_together_are_those_by_themselves() {
    for moves in [1, 9] {
        let (alone, no) = fixed_priors(false, moves);
        let (steps, still) = fixed_priors(true, moves);
        assert!(!no && still == (moves > 2));
        for ((a, ga), (b, gb)) in alone.iter().zip(&steps) {
            assert_eq!((a.log_likelihood, ga), (b.log_likelihood, gb));
            assert!((a.kl - b.kl).abs() < 1e-14 * a.kl, "{} {}", a.kl, b.kl);
        }
        assert!((alone[0].0.kl != alone[1].0.kl) == (moves == 1));
    }
}
