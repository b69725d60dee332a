//! What layers and their priors learn.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, normal_at, uniform_at};
use probity_autodiff::{Key, Real, Scalar, Var};
use probity_distributions::{Cauchy, KlMethod};
use probity_nn::heads::{BernoulliHead, GaussianHead};
use probity_nn::*;
use probity_vi::optim::Adam;
use probity_vi::{Fit, Scope, SiteKind};

fn normals(seed: u64, rows: usize, cols: usize) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(rows, cols);
    fill_normal(Key::new(seed), 0, m.as_mut_slice());
    m
}

fn quick(steps: usize) -> Fit<f32> {
    Fit::default().steps(steps).draws(1).optimizer(Adam::new(0.02)).elbo_draws(0).checked(false)
}

/// The share of right labels.
fn accuracy<N: Layer<f32>>(fitted: &FittedNetwork<N, BernoulliHead>, x: &DMatrix<f64>, y: &[usize]) -> f64 {
    fitted.predict(x, 30).unwrap().to_classification().unwrap().accuracy(y).unwrap().rate()
}

#[test]
fn a_small_convolutional_net_tells_lines_apart() {
    // Noisy images of 6 × 6 with a horizontal or a vertical line.
    let images = |n: usize, seed: u64| {
        let key = Key::new(seed);
        let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
        let x = DMatrix::from_fn(n, 36, |i, j| {
            let at = (uniform_at::<f64>(key, i as u64) * 6.0) as usize;
            let on = if labels[i] == 0 { j / 6 == at } else { j % 6 == at };
            f64::from(u8::from(on)) + 0.2 * normal_at::<f64>(key.fold_in(1), (36 * i + j) as u64)
        });
        (x, labels)
    };
    let grid = Grid { channels: 1, height: 6, width: 6 };
    let conv = Conv2d::new(grid, 4, 3);
    let pool = Pool2d::max(conv.output(), 4);
    let head = Linear::new(pool.output().len(), 1);
    let net = Sequential::new().then(conv).then(Activation::Relu).then(pool).then(head);
    let ((x, y), (fresh, labels)) = (images(200, 1), images(200, 2));
    let network = Network::new(net, BernoulliHead).without_standardizing();
    let fitted = network.fit_with(&x, &y, quick(400)).unwrap();
    let right = accuracy(&fitted, &fresh, &labels);
    assert!(right > 0.95, "{right}");
}

#[test]
fn recurrent_nets_remember_the_first_step() {
    let sequences = |n: usize, seed: u64| {
        let x = normals(seed, n, 6);
        let y: Vec<usize> = (0..n).map(|i| usize::from(x[(i, 0)] > 0.0)).collect();
        (x, y)
    };
    let ((x, y), (fresh, labels)) = (sequences(300, 11), sequences(200, 12));
    let input = Sequence { channels: 1, steps: 6 };
    let gru = Sequential::new().then(Gru::new(input, 6)).then(Linear::new(6, 1));
    let lstm = Sequential::new().then(Lstm::new(input, 6)).then(Linear::new(6, 1));
    for net in [gru, lstm] {
        let fitted = Network::new(net, BernoulliHead).fit_with(&x, &y, quick(500).minibatch(100)).unwrap();
        let right = accuracy(&fitted, &fresh, &labels);
        assert!(right > 0.9, "{right}");
    }
}

#[test]
fn embedded_tokens_are_told_apart() {
    // The label is whether token 3 occurs.
    let x = DMatrix::from_fn(200, 4, |i, j| (((i * 7 + j * 13) * 31 % 101) % 6) as f64);
    let y: Vec<usize> = x.row_iter().map(|row| usize::from(row.iter().any(|t| *t == 3.0))).collect();
    let embedding = Embedding::new(6, 3, 4);
    let pool = Pool1d::max(Sequence { channels: 3, steps: 4 }, 4);
    let net = Sequential::new().then(embedding).then(pool).then(Linear::new(3, 1));
    let fitted =
        Network::new(net, BernoulliHead).without_standardizing().fit_with(&x, &y, quick(400)).unwrap();
    assert!(accuracy(&fitted, &x, &y) > 0.95);
}

/// A prior of the user's own, with scales of its own.
#[derive(Clone, Debug)]
struct CauchyWeights;
impl LayerPrior for CauchyWeights {
    type Family<'t, T: Scalar> = Cauchy<Var<'t, T>>;
    fn weights<'t, T: Scalar>(
        &self,
        s: &mut Scope<'t, T>,
        name: &str,
        _: (usize, usize),
    ) -> probity_vi::Result<Weights<Self::Family<'t, T>, Var<'t, T>>> {
        let scale = s.within(name, |s| s.sample("scale", probity_distributions::HalfNormal::new(1.0)))?;
        Ok(Cauchy::new(0.0, scale).into())
    }
}

#[test]
fn priors_of_the_user_enter_every_layer() {
    let x = normals(20, 40, 4);
    let y: Vec<f64> = x.row_iter().map(|r| r[0] - r[1]).collect();
    let line = Sequence { channels: 2, steps: 2 };
    let net = Sequential::new()
        .then(Linear::new(4, 4).with_priors(CauchyWeights, CauchyWeights))
        .then(Conv1d::new(line, 2, 1).with_priors(CauchyWeights, RegularizedHorseshoe::default()))
        .then(Gru::new(line, 3).with_priors(CauchyWeights, Prior::normal(0.5)))
        .then(LayerNorm::new(3).with_prior(CauchyWeights))
        .then(Linear::new(3, 1).with_priors(RegularizedHorseshoe::default(), CauchyWeights));
    let fitted = Network::new(net, GaussianHead::default()).fit_with(&x, &y, quick(20)).unwrap();
    let layout = fitted.posterior().layout();
    for (site, family) in [
        ("net.0.weight", "Cauchy"),
        ("net.0.weight_prior.scale", "HalfNormal"),
        ("net.1.bias_prior.local", "HalfCauchy"),
        ("net.2.recurrent", "Cauchy"),
        ("net.4.weight_prior.local", "HalfCauchy"),
    ] {
        let found = layout.site(site).unwrap_or_else(|| panic!("no {site} in {layout}"));
        assert_eq!((found.kind, found.family.as_str()), (SiteKind::Latent, family), "{site}");
    }
    // A scale that multiplies keeps the divergence of the weights in closed form.
    assert_eq!(layout.site("net.4.weight").unwrap().kl, Some(KlMethod::Closed));
}

#[test]
fn a_horseshoe_finds_the_inputs_that_matter() {
    // 12 inputs, of which two matter.
    let x = normals(22, 120, 12);
    let e = normals(23, 120, 1);
    let y: Vec<f64> = (0..120).map(|i| 2.0 * x[(i, 3)] - 1.5 * x[(i, 7)] + 0.5 * e[i]).collect();
    let fit = || quick(2000).estimator(probity_vi::Estimator::LocalReparameterization);
    let size = |net: Sequential<f32>| {
        let fitted = Network::new(net, GaussianHead::default()).fit_with(&x, &y, fit()).unwrap();
        let rows = DMatrix::identity(12, 12) * 4.0;
        let mean = |x: &DMatrix<f64>| fitted.predict(x, 400).unwrap().mean();
        // The effects of four units of every input.
        let zero = mean(&DMatrix::zeros(1, 12))[0];
        let effects: Vec<f64> = mean(&rows).iter().map(|m| (m - zero).abs() / 4.0).collect();
        let rest = (0..12).filter(|i| *i != 3 && *i != 7).map(|i| effects[i]).sum::<f64>() / 10.0;
        (effects[3], effects[7], rest)
    };
    let horseshoe = RegularizedHorseshoe::expecting(2.0, 12, 120);
    let (a, b, rest) =
        size(Sequential::new().then(Linear::new(12, 1).with_priors(horseshoe, Prior::normal(1.0))));
    let (.., plain) = size(Sequential::new().then(Linear::new(12, 1)));
    assert!((a - 2.0).abs() < 0.25 && (b - 1.5).abs() < 0.25, "{a} {b}");
    assert!(rest < 0.5 * plain, "{rest} {plain}");
}

#[test]
fn a_pretrained_net_is_the_prior_and_the_start() {
    let x = normals(24, 60, 2);
    let y: Vec<f64> = x.row_iter().map(|r| (r[0] + r[1]).tanh()).collect();
    let mlp = Mlp::new(&[2, 6, 1], Activation::Tanh);
    let trained =
        Network::new(mlp.clone().point(), GaussianHead::default()).fit_with(&x, &y, quick(500)).unwrap();
    let params = trained.posterior().params();
    let moped = mlp.from_pretrained(params, "net", 0.5).unwrap();
    let fitted = Network::new(moped, GaussianHead::default()).fit_with(&x, &y, quick(1)).unwrap();
    let of = |name: &str| {
        let all = fitted.posterior().params();
        all.as_slice()[all.segment(all.find(name).unwrap()).range()].to_vec()
    };
    let was = &params.as_slice()[params.segment(params.find("net.0.weight").unwrap()).range()];
    for ((loc, rho), was) in of("net.0.weight.loc").iter().zip(of("net.0.weight.rho")).zip(was) {
        // One step of Adam with rate .02.
        assert!((loc - was).abs() < 0.021, "{loc} {was}");
        let sd = f64::from(rho).softplus();
        let start = (0.1 * f64::from(was.abs())).max(1e-3);
        assert!((sd / start).ln().abs() < 0.025 / start.min(1.0) * start + 0.03, "{sd} {start}");
    }
    // From a Bayesian net, its means; a net of other widths is refused.
    let bayesian = Network::new(mlp.clone(), GaussianHead::default()).fit_with(&x, &y, quick(5)).unwrap();
    assert!(mlp.from_pretrained(bayesian.posterior().params(), "net", 0.5).is_ok());
    let wider = Mlp::new(&[2, 7, 1], Activation::Tanh);
    let error = wider.from_pretrained(params, "net", 0.5).unwrap_err().to_string();
    assert!(error.contains("net.0.weight") && error.contains("2 × 6"), "{error}");
}
