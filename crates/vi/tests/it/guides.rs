//! Every guide: its log density by another way, its gradient, its files, both precisions.

use crate::common::{normals, row};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Key, Params, Scalar, Tape, Var};
use probity_distributions::{Distribution, HalfNormal, LogNormal, Normal, Support};
use probity_vi::linalg::Factor;
use probity_vi::*;
use std::sync::Arc;

/// Two correlated numbers, a positive one, and a matrix.
#[derive(Clone, Copy, Debug)]
struct Sites;

impl<T: Scalar> Model<T> for Sites {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let mean = s.sample("mean", Normal::new(0.5, 2.0).rows(2))?;
        let scale = s.sample("scale", HalfNormal::new(1.0))?;
        let effect = s.sample("effect", Normal::new(0.0, scale).shaped(2, 2))?;
        s.observe(
            "y",
            Normal::new(mean + effect, 0.5),
            &DMatrix::from_row_slice(2, 2, &[0.3, -0.5, 1.2, 0.9]),
        )
    }
}

/// A guide for these, with all kinds of dependence.
#[derive(Clone, Copy, Debug)]
struct Own;

impl<T: Scalar> Model<T> for Own {
    fn run(&self, s: &mut Scope<'_, T>) -> Result {
        let slope = s.param("slope", &row(&[0.2, -0.1]), Support::Real)?;
        let spread = s.param("spread", &row(&[0.5]), Support::Positive)?;
        let scale = s.sample("scale", LogNormal::new(slope.at(0, 0), spread))?;
        s.within("ignored", |s| s.deterministic("twice", scale * 2.0))?;
        s.sample("effect", Normal::new(slope.at(0, 1) * scale, spread).shaped(2, 2))?;
        s.sample("mean", Normal::new(scale, spread * 0.7).rows(2))?;
        Ok(())
    }
}

fn joint_guides<T: Scalar>() -> Vec<Arc<dyn Guide<T>>> {
    vec![
        Arc::new(FullRank::new()),
        Arc::new(Laplace::new()),
        Arc::new(LowRank::new(2)),
        Arc::new(Block::new(["mean", "scale"], FullRank::new(), LowRank::new(1))),
        Arc::new(Mixture::new(FullRank::new(), 3)),
        Arc::new(Mixture::new(MeanField::new(), 2)),
        Arc::new(Block::new(["effect"], Mixture::new(LowRank::new(1), 2), FullRank::new())),
        Arc::new(Program::new(Own)),
        Arc::new(Flow::new().planar(3)),
        Arc::new(Flow::new().coupling(3, 4).planar(1)),
        Arc::new(Flow::new().inverse_autoregressive(2, 5)),
    ]
}

fn guides<T: Scalar>() -> Vec<Arc<dyn Guide<T>>> {
    let mut all = joint_guides();
    all.push(Arc::new(MeanField::new()));
    all.push(Arc::new(MeanField::with_scales(ScaleForm::Log)));
    all.push(Arc::new(Block::new(["scale"], MeanField::new(), MeanField::with_scales(ScaleForm::Log))));
    all.push(Arc::new(Block::new(["scale", "effect"], LowRank::new(2), MeanField::new())));
    all
}

fn layout() -> Layout {
    LogJoint::<_, f64>::new(Sites).unwrap().layout().clone()
}

/// A guide away from its start.
fn bound<T: Scalar>(guide: &dyn Guide<T>) -> (Box<dyn BoundGuide<T>>, Params<T>) {
    let mut params = Params::new();
    let guide = guide.bind(&layout(), &mut Segments::of_a_fit(&mut params, Key::new(3))).unwrap();
    let noise = normals(5, params.len(), 1);
    params.as_mut_slice().iter_mut().zip(&noise).for_each(|(x, z)| *x = T::from_f64(x.to_f64() + 0.3 * z));
    (guide, params)
}

/// A point with its log density at these parameters.
fn point<T: Scalar>(guide: &dyn BoundGuide<T>, params: &Params<T>, key: u64) -> (Vec<f64>, f64) {
    let tape = Tape::new();
    tape.bind(params);
    let at = DrawContext::new(&tape, params, Key::new(key));
    let joint = guide.draw(at).unwrap().into_joint(at).unwrap();
    (joint.u.read(|u| u.iter().map(|u| u.to_f64()).collect()), joint.log_q.item().to_f64())
}

fn log_prob(guide: &dyn BoundGuide<f64>, params: &Params<f64>, u: &[f64]) -> f64 {
    let tape = Tape::new();
    tape.bind(params);
    guide.log_prob(&tape, params, tape.column(u)).unwrap().unwrap().item()
}

#[test]
fn a_draw_carries_the_density_that_the_guide_has_there() {
    for guide in guides::<f64>() {
        let name = guide.name();
        let (guide, params) = bound(guide.as_ref());
        for key in 0..5 {
            let (u, log_q) = point(guide.as_ref(), &params, key);
            assert_eq!(u.len(), 7);
            let again = log_prob(guide.as_ref(), &params, &u);
            assert!((log_q - again).abs() < 1e-10 * log_q.abs().max(1.0), "{name}: {log_q} {again}");
            // By the factor of its covariance, on plain numbers.
            if let Some((mean, covariance)) = guide.gaussian(&params) {
                let mut off: Vec<f64> = u.iter().zip(&mean).map(|(u, m)| u - m).collect();
                let plain = covariance.log_density(&mut off);
                assert!((log_q - plain).abs() < 1e-11 * log_q.abs().max(1.0), "{name}: {log_q} {plain}");
            }
        }
    }
}

/// Averages of r / q by draws of q are the integral of r, which is 1: of a Gaussian r with half the
/// covariance of the draws. The bound is six standard errors. Between the components of a mixture
/// there is no mass, and this says nothing.
#[test]
fn draws_are_from_the_density_that_they_carry() {
    let (n, d) = (3000, 7);
    for guide in joint_guides::<f64>().into_iter().filter(|g| !g.name().contains("mixture")) {
        let name = guide.name();
        let (guide, params) = bound(guide.as_ref());
        let draws: Vec<(Vec<f64>, f64)> = (0..n).map(|i| point(guide.as_ref(), &params, i)).collect();
        let u = DMatrix::from_fn(d, n as usize, |i, j| draws[j].0[i]);
        let mean = u.column_mean();
        let centred = DMatrix::from_fn(d, n as usize, |i, j| u[(i, j)] - mean[i]);
        let half = &centred * centred.transpose() / (2.0 * n as f64);
        let narrow = linalg::Covariance::dense(d, half.as_slice()).unwrap();
        let ratio = |(off, (_, log_q)): (_, &(Vec<f64>, f64))| {
            let off: &mut Vec<f64> = &mut DMatrix::as_slice(&DMatrix::from_columns(&[off])).to_vec();
            (narrow.log_density(off) - log_q).exp()
        };
        let ratios: Vec<f64> = centred.column_iter().zip(&draws).map(ratio).collect();
        let total = ratios.iter().sum::<f64>() / n as f64;
        let error = ratios.iter().map(|r| (r - total).powi(2)).sum::<f64>().sqrt() / n as f64;
        assert!((total - 1.0).abs() < 6.0 * error && error < 0.1, "{name}: {total} ± {error}");
    }
}

/// The gradients of a draw and of its log density in all parameters, by differences.
#[test]
fn gradients_of_draws_are_slopes() {
    for guide in guides::<f64>() {
        let name = guide.name();
        let (guide, params) = bound(guide.as_ref());
        let direction = normals(8, 7, 1);
        let value = |params: &Params<f64>, gradient: Option<&mut Vec<f64>>| {
            let tape = Tape::new();
            tape.bind(params);
            let at = DrawContext::new(&tape, params, Key::new(2));
            let joint = guide.draw(at).unwrap().into_joint(at).unwrap();
            let f: Var<'_, f64> = (joint.u * tape.constant(&direction)).sum() + joint.log_q;
            if let Some(to) = gradient {
                to.extend_from_slice(tape.backward(f).params());
            }
            f.item()
        };
        let mut gradient = Vec::new();
        value(&params, Some(&mut gradient));
        for (i, gradient) in gradient.iter().enumerate() {
            let shifted = |h: f64| {
                let mut params = params.clone();
                params.as_mut_slice()[i] += h;
                value(&params, None)
            };
            // Richardson: exact to the fourth order.
            let slope = |h: f64| (shifted(h) - shifted(-h)) / (2.0 * h);
            let slope = (4.0 * slope(1e-4) - slope(2e-4)) / 3.0;
            let off = (gradient - slope).abs() / slope.abs().max(1.0);
            assert!(off < 1e-7, "{name}, number {i}: {gradient} {slope}");
        }
    }
}

#[test]
fn single_precision_has_the_density_of_double_precision() {
    for (single, double) in guides::<f32>().into_iter().zip(guides::<f64>()) {
        let name = double.name();
        let ((single, few), (double, mut digits)) = (bound(single.as_ref()), bound(double.as_ref()));
        let same = digits.as_mut_slice().iter_mut().zip(few.as_slice());
        same.for_each(|(to, x)| *to = f64::from(*x));
        let (u, log_q) = point(single.as_ref(), &few, 4);
        let exact = log_prob(double.as_ref(), &digits, &u);
        // Seven digits of terms of some tens.
        assert!((log_q - exact).abs() < 2e-4, "{name}: {log_q} {exact}");
    }
}

#[test]
fn draws_of_a_program_are_those_of_its_own_density() {
    let (guide, params) = bound::<f64>(&Program::new(Own));
    let (u, log_q) = point(guide.as_ref(), &params, 1);
    // scale, effect, mean in the order of the program; mean, scale, effect in that of the model.
    let own = [u[2], u[3], u[4], u[5], u[6], u[0], u[1]];
    let number = |name: &str| params.get(params.find(name).unwrap()).clone_owned();
    let (slope, spread) = (number("guide.slope"), number("guide.spread")[0].exp());
    let normal =
        |x: f64, m: f64, s: f64| -0.5 * ((x - m) / s).powi(2) - s.ln() - 0.5 * std::f64::consts::TAU.ln();
    let scale = own[0].exp();
    let by_hand = normal(own[0], slope[0], spread)
        + own[1..5].iter().map(|x| normal(*x, slope[1] * scale, spread)).sum::<f64>()
        + own[5..].iter().map(|x| normal(*x, scale, 0.7 * spread)).sum::<f64>();
    assert!((by_hand - log_q).abs() < 1e-11 * log_q.abs(), "{by_hand} {log_q}");
}

#[test]
fn a_mixture_is_the_sum_of_its_components_by_their_shares() {
    let (guide, params) = bound::<f64>(&Mixture::new(MeanField::new(), 2));
    let number = |name: String| params.get(params.find(&name).unwrap()).clone_owned();
    let logits = number("mixture.logits".into());
    let u = [0.3, -0.2, 0.1, 0.5, -0.4, 0.9, 0.2];
    let component = |k: usize| {
        let column = |kind: &str| -> Vec<f64> {
            let of = |site: &str| number(format!("component {k}.{site}.{kind}")).as_slice().to_vec();
            ["mean", "scale", "effect"].iter().flat_map(|site| of(site)).collect()
        };
        let sds = column("rho").into_iter().map(|r: f64| r.exp().ln_1p());
        let each = u.iter().zip(column("loc")).zip(sds);
        each.map(|((u, m), s)| -0.5 * ((u - m) / s).powi(2) - s.ln() - 0.5 * std::f64::consts::TAU.ln())
            .sum::<f64>()
    };
    let share = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
    let by_hand = (share * component(0).exp() + (1.0 - share) * component(1).exp()).ln();
    let log_q = log_prob(guide.as_ref(), &params, &u);
    assert!((by_hand - log_q).abs() < 1e-11 * log_q.abs(), "{by_hand} {log_q}");
}

/// The weights of stratified draws are shares: their mean is 1, for any division of the draws among
/// tapes and any number of them.
#[test]
fn stratified_draws_count_by_the_shares() {
    let (guide, params) = bound::<f64>(&Mixture::new(FullRank::new(), 3));
    for (total, each) in [(3, 3), (8, 8), (8, 3), (6, 1)] {
        let mut sum = 0.0;
        for first in (0..total).step_by(each) {
            let count = each.min(total - first);
            let mut tape = Tape::new();
            tape.set_lanes(first, count);
            tape.bind(&params);
            let stratum = Some(Stratum { first, count, total });
            let at = DrawContext { stratum, ..DrawContext::new(&tape, &params, Key::new(1)) };
            let weight = guide.draw(at).unwrap().into_joint(at).unwrap().weight.unwrap();
            sum += weight.read_lanes(|w| w.iter().sum::<f64>());
        }
        assert!((sum / total as f64 - 1.0).abs() < 1e-14, "{total} {each}: {sum}");
    }
    // Fewer draws than components: in expectation over the steps.
    let weights: Vec<f64> = (0..3000)
        .map(|key| {
            let tape = Tape::new();
            tape.bind(&params);
            let stratum = Some(Stratum { first: 0, count: 1, total: 1 });
            let at = DrawContext { stratum, ..DrawContext::new(&tape, &params, Key::new(key)) };
            guide.draw(at).unwrap().into_joint(at).unwrap().weight.unwrap().item()
        })
        .collect();
    let mean = weights.iter().sum::<f64>() / 3000.0;
    // Weights lie between 0 and 3: Hoeffding's bound for one in a million.
    assert!((mean - 1.0).abs() < 3.0 * (14.5_f64 / 6000.0).sqrt(), "{mean}");
}

#[test]
fn a_fit_of_every_guide_comes_back_from_its_file() {
    let mut all = guides::<f64>();
    all.push(Arc::new(Delta::new()));
    all.push(Arc::new(Block::new(["scale"], Delta::new(), FullRank::new())));
    for guide in all {
        let name = guide.name();
        // That is not found by steps.
        if name.starts_with("Laplace") {
            continue;
        }
        let q = Fit::new().guide(guide.clone()).steps(5).elbo_draws(100).checked(false).run(Sites).unwrap();
        let parts = serde_json::to_string(&(q.layout(), q.params(), q.report())).unwrap();
        let (layout, params, report): (Layout, Params<f64>, Report) = serde_json::from_str(&parts).unwrap();
        assert_eq!(&report, q.report());
        let again = Posterior::restore(Sites, layout.clone(), guide, params.clone(), report.clone()).unwrap();
        assert_eq!(again.draws(4).unwrap(), q.draws(4).unwrap(), "{name}");
        // Another guide, or a parameter that is missing.
        assert!(Posterior::restore(Sites, layout, Flow::new(), params, report).is_err());
    }
}

#[test]
fn settings_are_data() {
    fn same<G: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(guide: G) {
        let text = serde_json::to_string(&guide).unwrap();
        assert_eq!(serde_json::from_str::<G>(&text).unwrap(), guide, "{text}");
    }
    same(MeanField::with_scales(ScaleForm::Log));
    same(FullRank::new());
    same(Delta::new());
    same(Laplace::new());
    same(LowRank::new(3));
    same(Block::new(["a"], FullRank::new(), Mixture::new(MeanField::new(), 2).dispersion(0.3)));
    same(Flow::new().planar(2).coupling(1, 4).inverse_autoregressive(1, 8));
}

#[test]
fn guides_that_do_not_fit_say_why() {
    let error = |guide: Arc<dyn Guide<f64>>| {
        let mut params = Params::new();
        let bound = guide.bind(&layout(), &mut Segments::of_a_fit(&mut params, Key::new(1)));
        bound.map(drop).unwrap_err().to_string()
    };
    let says = |guide: Arc<dyn Guide<f64>>, what: &str| {
        let error = error(guide);
        assert!(error.contains(what), "{error}");
    };
    says(Arc::new(LowRank::new(0)), "at least 1");
    says(Arc::new(Block::new(["mena"], FullRank::new(), MeanField::new())), "\"mena\"");
    says(Arc::new(Block::new(["mean", "scale", "effect"], FullRank::new(), MeanField::new())), "leaves none");
    says(Arc::new(Block::new(["mean"], Laplace::new(), MeanField::new())), "not a part");
    says(Arc::new(Mixture::new(Delta::new(), 2)), "must be known");
    says(Arc::new(Mixture::new(FullRank::new(), 0)), "at least one");
    let program =
        |program: fn(&mut Scope<'_>) -> Result| -> Arc<dyn Guide<f64>> { Arc::new(Program::new(program)) };
    says(
        program(|s| s.sample("mean", Normal::new(0.0, 1.0).rows(2)).map(drop)),
        "does not sample site \"scale\"",
    );
    says(program(|s| s.sample("scale", Normal::new(0.0, 1.0)).map(drop)), "other values in the program");
    says(program(|s| s.sample("slope", Normal::new(0.0, 1.0)).map(drop)), "no latent site of the model");
    says(program(|s| s.observe("scale", Normal::new(0.0, 1.0), 0.5)), "has data");
    let mixtures = Block::new(["mean"], Mixture::new(MeanField::new(), 2), Mixture::new(FullRank::new(), 2));
    let error = Fit::new().guide(mixtures).steps(2).run(Sites).map(drop).unwrap_err().to_string();
    assert!(error.contains("only one mixture"), "{error}");
    // Draws without a gradient would be fitted wrongly.
    let model = |s: &mut Scope<'_>| s.sample("x", Normal::new(0.0, 1.0)).map(drop);
    let none = |s: &mut Scope<'_>| {
        let loc = s.param("loc", &row(&[0.3]), Support::Real)?;
        let mixture =
            probity_distributions::Mixture::new(loc * 0.0, probity_distributions::Normal::new(loc, 1.0));
        s.sample("x", mixture).map(drop)
    };
    let error = Fit::new().guide(Program::new(none)).steps(2).run(model).map(drop).unwrap_err().to_string();
    assert!(error.contains("pathwise"), "{error}");
}
