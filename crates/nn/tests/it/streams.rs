//! Fits from blocks of rows; meters and pruning.

use probity_autodiff::Key;
use probity_autodiff::Real;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_nn::heads::{GaussianHead, PoissonHead};
use probity_nn::*;
use probity_vi::optim::Adam;
use probity_vi::{Estimator, Fit, FullRank, Steps};

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

fn quick(steps: usize) -> Fit<f32> {
    let fit = Fit::default()
        .steps(Steps::new(steps).average(0.3))
        .draws(1)
        .optimizer(Adam::new(0.02))
        .elbo_draws(0)
        .checked(false);
    fit.estimator(Estimator::LocalReparameterization)
}

fn line(n: usize) -> (DMatrix<f64>, DMatrix<f64>) {
    let (x, e) = (normals(1, n, 2), normals(2, n, 1));
    let y = DMatrix::from_fn(n, 1, |i, _| 5.0 + 3.0 * x[(i, 0)] - x[(i, 1)] + e[i]);
    (x, y)
}

#[test]
fn a_stream_fits_as_data_in_memory_do() {
    let (x, y) = line(600);
    // Blocks of 70 rows, the last shorter; an empty one between.
    let block = |b: usize| {
        let k = b - usize::from(b > 3);
        let rows = if b == 3 { 0..0 } else { 70 * k..(70 * (k + 1)).min(600) };
        let take = |m: &DMatrix<f64>| m.rows(rows.start, rows.len()).into_owned();
        Ok::<_, String>((take(&x), take(&y)))
    };
    let network = Network::new(Mlp::new(&[2, 1], Activation::Identity), GaussianHead::default());
    let streamed = network.fit_stream(RowStream::new(32, || (0..10).map(block)), quick(3000)).unwrap();
    let memory = network.fit_with(&x, &y, quick(3000).minibatch(32)).unwrap();
    assert_eq!(streamed.posterior().report().minibatch, Some(32));
    assert!(streamed.posterior().report().elbo.is_none() && streamed.posterior().verdict().is_none());
    let of = |fitted: &FittedNetwork<Mlp, GaussianHead>, name: &str| {
        let params = fitted.posterior().params();
        let at = |s: &str| {
            f64::from(params.as_slice()[params.segment(params.find(&format!("{name}.{s}")).unwrap()).offset])
        };
        (at("loc"), at("rho").softplus())
    };
    for site in ["net.0.weight", "net.0.bias", "noise"] {
        let ((a, s), (b, t)) = (of(&streamed, site), of(&memory, site));
        // The widths say that every row counts as often as there are rows: of a minibatch alone
        // they would be four times as wide.
        assert!((s / t).ln().abs() < 0.35, "{site}: {s} {t}");
        assert!((a - b).abs() < 2.0 * t, "{site}: {a} {b} ± {t}");
    }
    let prediction = streamed.predict(&x, 50).unwrap().to_regression().unwrap();
    assert!((prediction.rmse(y.as_slice()).unwrap() - 1.0).abs() < 0.15);
    // The same bits again, from one start.
    let again = network.fit_stream(RowStream::new(32, || (0..10).map(block)), quick(50)).unwrap();
    let starts = quick(50).starts(2);
    let twice = network.fit_stream(RowStream::new(32, || (0..10).map(block)), starts).unwrap();
    assert_eq!(again.posterior().params().as_slice(), twice.posterior().params().as_slice());
    assert!(twice.posterior().report().climbs.is_empty());
}

#[test]
fn streams_that_break_are_errors() {
    let (x, y) = line(64);
    let network = Network::new(Mlp::new(&[2, 1], Activation::Identity), GaussianHead::default());
    let says = |error: Error, what: &str| assert!(error.to_string().contains(what), "{error}");
    let fails = |b: usize| if b == 1 { Err("disk on fire") } else { Ok((x.clone(), y.clone())) };
    says(
        network.fit_stream(RowStream::new(16, || (0..3).map(fails)), quick(5)).unwrap_err(),
        "block 1 cannot be read: disk on fire",
    );
    let nothing = || std::iter::empty::<std::result::Result<(DMatrix<f64>, DMatrix<f64>), String>>();
    says(network.fit_stream(RowStream::new(16, nothing), quick(5)).unwrap_err(), "no rows");
    let whole = || std::iter::once(Ok::<_, String>((x.clone(), y.clone())));
    says(network.fit_stream(RowStream::new(100, whole), quick(5)).unwrap_err(), "100 rows from 64");
    let half = |b: usize| Ok::<_, String>((x.columns(0, 2 - b).into_owned(), y.clone()));
    says(network.fit_stream(RowStream::new(16, || (0..2).map(half)), quick(5)).unwrap_err(), "block 1: ");
    let counts = Network::new(Mlp::new(&[2, 1], Activation::Identity), PoissonHead);
    says(counts.fit_stream(RowStream::new(16, whole), quick(5)).unwrap_err(), "block 0: target in row");
    // Data that end on the second reading.
    let mut readings = 0;
    let once = || {
        readings += 1;
        std::iter::once(Ok::<_, String>((x.clone(), y.clone()))).take(usize::from(readings == 1))
    };
    says(network.fit_stream(RowStream::new(16, once), quick(5)).unwrap_err(), "when they are read again");
}

#[test]
fn a_meter_adds_up_the_divergence() {
    let (x, y) = line(100);
    let mlp = Mlp::new(&[2, 6, 1], Activation::Tanh);
    let fitted = Network::new(mlp, GaussianHead::default()).fit_with(&x, &y, quick(1000)).unwrap();
    let meter = Meter::of(fitted.posterior()).unwrap();
    assert_eq!(
        meter.rows.iter().map(|r| (r.layer.as_str(), r.weights)).collect::<Vec<_>>(),
        [("net.0", 18), ("net.1", 7)]
    );
    // Of a standard normal prior: ½ (m² + s² - 1) - ln s.
    let params = fitted.posterior().params();
    let of = |name: &str| params.as_slice()[params.segment(params.find(name).unwrap()).range()].to_vec();
    let mut want = 0.0;
    for site in ["net.0.weight", "net.0.bias", "net.1.weight", "net.1.bias"] {
        for (loc, rho) in of(&format!("{site}.loc")).into_iter().zip(of(&format!("{site}.rho"))) {
            let (m, s) = (f64::from(loc), f64::from(rho).softplus());
            want += 0.5 * (m * m + s * s - 1.0) - s.ln();
        }
    }
    assert!((meter.kl() / want - 1.0).abs() < 1e-4, "{} {want}", meter.kl());
    for row in &meter.rows {
        assert_eq!(row.snr.counts.iter().sum::<usize>(), row.weights);
    }
    let text = meter.to_string();
    assert!(text.contains("net.0") && text.contains("net.1"), "{text}");
    assert!(
        Meter::of(
            Network::new(Mlp::new(&[2, 1], Activation::Identity), GaussianHead::default())
                .fit_with(&x, &y, quick(5).estimator(Estimator::WeightSpace).guide(FullRank::new()))
                .unwrap()
                .posterior()
        )
        .is_err()
    );
}

#[test]
fn a_layer_that_learned_nothing_is_told() {
    // Nothing but noise that is known to be large: the weights stay with their prior.
    let (x, y) = (normals(3, 20, 2), normals(4, 20, 1));
    let mlp =
        Mlp::new(&[2, 8, 1], Activation::Tanh).init(WeightInit::FanIn { gain: 0.0, bias: 0.0, scale: 1.0 });
    let head = GaussianHead::new(Noise::Fixed(100.0));
    let fitted = Network::new(mlp, head).fit_with(&x, &y, quick(500)).unwrap();
    let meter = Meter::of(fitted.posterior()).unwrap();
    assert!(meter.rows.iter().all(|r| r.equal == r.weights), "{meter}");
    assert_eq!(meter.advice().len(), 3, "{meter}");
    assert!(meter.advice()[0].contains("100 %") && meter.advice()[2].contains("the posterior is the prior"));
}

#[test]
fn pruning_takes_the_noise_first() {
    let x = normals(5, 200, 6);
    let y: Vec<f64> = x.row_iter().map(|r| 2.0 * r[0] + r[1]).collect();
    let network = Network::new(Mlp::new(&[6, 1], Activation::Identity), GaussianHead::default());
    let fitted = network.fit_with(&x, &y, quick(1500)).unwrap();
    let (same, (gone, all)) = pruned(fitted.posterior(), 0.0).unwrap();
    assert_eq!((gone, all), (0, 7));
    let same = FittedNetwork::of(same);
    assert_eq!(same.predict(&x, 3).unwrap().mean(), fitted.predict(&x, 3).unwrap().mean());
    let (some, (gone, _)) = pruned(fitted.posterior(), 5.0).unwrap();
    assert_eq!(gone, 5, "{}", Meter::of(fitted.posterior()).unwrap());
    let some = FittedNetwork::of(some).predict(&x, 30).unwrap().to_regression().unwrap();
    assert!(some.rmse(&y).unwrap() < 0.1);
    let (none, (gone, all)) = pruned(fitted.posterior(), f64::INFINITY).unwrap();
    assert_eq!(gone, all);
    let flat = FittedNetwork::of(none).predict(&x, 2).unwrap().mean();
    assert!((flat.max() - flat.min()).abs() < 1e-9);
}
