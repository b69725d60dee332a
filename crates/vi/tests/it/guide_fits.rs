//! Fits by every guide: the exact evidence where the posterior is among its members, and what only
//! it can show.

use crate::common::{normals, row};
use probity_autodiff::{Formula, Real, Var};
use probity_distributions::{Distribution, Flat, Gamma, HalfNormal, Normal, Poisson, Support};
use probity_vi::optim::Schedule;
use probity_vi::verdict::What;
use probity_vi::*;
use std::sync::Arc;

/// Two numbers with a correlated Gaussian posterior, and one by itself.
fn pair(s: &mut Scope<'_>) -> Result {
    let a = s.sample("a", Normal::new(0.0, 1.0))?;
    let b = s.sample("b", Normal::new(1.0, 2.0))?;
    let c = s.sample("c", Normal::new(0.5, 1.0))?;
    s.observe("sum", Normal::new(a + b, 0.5), 2.0)?;
    s.observe("other", Normal::new(c, 0.5), 1.0)
}

/// `ln ∫`: the data are Gaussian, with variances 1 + 4 + 1/4 and 1 + 1/4.
fn evidence() -> f64 {
    let normal = |x: f64, m: f64, v: f64| -0.5 * ((x - m).powi(2) / v + v.ln() + std::f64::consts::TAU.ln());
    normal(2.0, 1.0, 5.25) + normal(1.0, 0.5, 1.25)
}

fn linear(s: &mut Scope<'_>) -> Result {
    let p = s.param("p", &row(&[0.0, 0.0, 0.0, 0.0]), Support::Real)?;
    let sd = s.param("sd", &row(&[0.5, 0.5, 0.5]), Support::Positive)?;
    let a = s.sample("a", Normal::new(p.at(0, 0), sd.at(0, 0)))?;
    s.sample("c", Normal::new(p.at(0, 1), sd.at(0, 1)))?;
    s.sample("b", Normal::new(p.at(0, 2) + p.at(0, 3) * a, sd.at(0, 2))).map(drop)
}

#[test]
fn a_guide_that_has_the_posterior_reaches_the_evidence() {
    let guides: Vec<(Arc<dyn Guide<f64>>, f64)> = vec![
        (Arc::new(FullRank::new()), 0.003),
        (Arc::new(LowRank::new(1)), 0.003),
        (Arc::new(Block::new(["a", "b"], FullRank::new(), MeanField::new())), 0.003),
        (Arc::new(Block::new(["c"], MeanField::new(), LowRank::new(1))), 0.003),
        (Arc::new(Mixture::new(FullRank::new(), 2)), 0.01),
        (Arc::new(Program::new(linear)), 0.003),
        // Networks of tanh are not quite linear.
        (Arc::new(Flow::new().coupling(2, 8)), 0.03),
        (Arc::new(Flow::new().inverse_autoregressive(2, 8)), 0.03),
    ];
    for (guide, gap) in guides {
        let name = guide.name();
        let fit = Fit::new().guide(guide).steps(Steps::new(3000).schedule(Schedule::Cosine { end: 1e-3 }));
        let q = fit.checked(false).run(pair).unwrap();
        let elbo = q.report().elbo.unwrap();
        let off = elbo.value - evidence();
        // Four standard errors of an estimate that would be exact at the optimum.
        assert!(off < 4.0 * elbo.standard_error + 1e-9, "{name}: {off} {elbo:?}");
        assert!(off > -gap - 4.0 * elbo.standard_error, "{name}: {off} {elbo:?}");
        assert!(elbo.standard_error < 0.02, "{name}: {elbo:?}");
        if let Some(k_hat) = q.report().k_hat {
            assert!(k_hat < 0.7, "{name}: {k_hat}");
        }
    }
}

#[test]
fn independent_sites_of_a_block_keep_their_exact_divergences() {
    let guide = Block::new(["a", "b"], FullRank::new(), MeanField::new());
    let q = Fit::new().guide(guide).steps(2).elbo_draws(0).checked(false).run(pair).unwrap();
    let kl = |name: &str| q.layout().site(name).unwrap().kl.unwrap().to_string();
    assert_ne!(kl("a"), kl("c"));
    assert!(kl("c").contains("closed"), "{}", kl("c"));
    // Draws of the block are those of a full rank Gaussian beside a mean field.
    assert!(q.params().find("a+b.full_rank.loc").is_some() && q.params().find("c.loc").is_some());
}

#[test]
fn laplace_of_a_gaussian_posterior_is_the_posterior() {
    let q = Fit::new().guide(Laplace::new()).run(pair).unwrap();
    let elbo = q.report().elbo.unwrap();
    // Second differences are exact for quadratic functions, up to rounding.
    assert!((elbo.value - evidence()).abs() < 1e-9 && elbo.standard_error < 1e-9, "{elbo:?}");
    assert_eq!(q.verdict().unwrap().grade(), Grade::A, "{}", q.report());
    assert!(q.verdict().unwrap().value(What::Drift).is_some());
    assert_eq!((q.report().method, q.report().stopped), (Method::Climbed, Stopped::Stationary));
    assert!(q.report().gradients < 200, "{}", q.report());
}

/// A Gamma posterior: on the logarithmic scale the density is `a u - b eᵘ`.
fn rate(s: &mut Scope<'_>) -> Result {
    let rate = s.sample("rate", Gamma::new(2.0, 1.0))?;
    s.observe("n", Poisson::new(rate), &[3.0, 5.0, 2.0])
}

#[test]
fn a_laplace_approximation_comes_back_from_its_file() {
    let q = Fit::new().guide(Laplace::new()).checked(false).elbo_draws(0).run(pair).unwrap();
    let (layout, params, report) = (q.layout().clone(), q.params().clone(), q.report().clone());
    let report: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let again = Posterior::restore(pair, layout, Laplace::new(), params, report).unwrap();
    assert_eq!(again.draws(4).unwrap(), q.draws(4).unwrap());
}

#[test]
fn laplace_and_the_point_are_at_the_mode() {
    let (a, b) = (12.0_f64, 4.0_f64);
    let q = Fit::new().guide(Laplace::new()).run(rate).unwrap();
    let number = |name: &str| q.params().get(q.params().find(name).unwrap())[0];
    assert!((number("laplace.loc") - (a / b).ln()).abs() < 1e-12, "{}", number("laplace.loc"));
    assert!((number("laplace.rho") + 0.5 * a.ln()).abs() < 1e-9, "{}", number("laplace.rho"));
    // Twelve counts: nearly Gaussian on the logarithmic scale, its mean lower by 1/24.
    assert!(q.verdict().unwrap().grade() <= Grade::B, "{}", q.report());

    let q = Fit::new().guide(Delta::new()).run(rate).unwrap();
    let rates = &q.draws(3).unwrap()["rate"];
    assert!(rates.values.iter().all(|x| (x - a / b).abs() < 1e-11), "{:?}", rates.values);
    let (report, verdict) = (q.report(), q.verdict().unwrap());
    assert!(report.point && report.elbo.is_none() && report.k_hat.is_none());
    assert!(report.to_string().contains("NO uncertainty"), "{report}");
    assert_eq!((verdict.grade(), verdict.value(What::Point)), (Grade::C, Some(0.0)));
    // The mean of the logarithm is ln a - 1/(2a) - ln b: 0.145 standard deviations below the mode.
    assert!(verdict.value(What::GuideMean).unwrap() < 0.3, "{verdict}");
    assert!(q.trusted().is_err());
}

#[test]
fn a_point_by_minibatches_and_by_single_precision() {
    let y = normals(4, 50, 1);
    let mean = y.sum() / (50.0 + 0.25);
    let q = Fit::new()
        .guide(Delta::new())
        .steps(Steps::new(2000).schedule(Schedule::Cosine { end: 1e-3 }))
        .minibatch(10)
        .run(|s: &mut Scope| {
            let mean = s.sample("mean", Normal::new(0.0, 2.0))?;
            s.plate("rows", 50, |s, b| s.observe("y", Normal::new(mean, 1.0), b.rows(&y)))
        })
        .unwrap();
    let found = q.draws(1).unwrap()["mean"].values[0];
    assert!((found - mean).abs() < 0.03, "{found} {mean}");
    assert_eq!(q.verdict().map(Verdict::grade), Some(Grade::C));

    let single = |s: &mut Scope<'_, f32>| {
        let rate = s.sample("rate", Gamma::new(2.0, 1.0))?;
        s.observe("n", Poisson::new(rate), &[3.0, 5.0, 2.0])
    };
    let q = Fit::<f32>::default().guide(Laplace::new()).run(single).unwrap();
    let number = |name: &str| f64::from(q.params().get(q.params().find(name).unwrap())[0]);
    assert!((number("laplace.loc") - 3f64.ln()).abs() < 1e-4, "{}", number("laplace.loc"));
    assert!((number("laplace.rho") + 0.5 * 12f64.ln()).abs() < 1e-3, "{}", number("laplace.rho"));
}

#[test]
fn a_density_without_curvature_is_an_error_that_names_the_site() {
    let flat = |s: &mut Scope<'_>| {
        let a = s.sample("a", Normal::new(0.0, 1.0))?;
        let b = s.sample("b", Flat::real().rows(2))?;
        s.observe("y", Normal::new(a + b.at(0, 0), 1.0), 0.3)
    };
    let error = Fit::new().guide(Laplace::new()).run(flat).map(drop).unwrap_err();
    assert!(matches!(&error, Error::NotConcave { site, entry: 1, .. } if site == "b"), "{error}");
    let error = Fit::new().guide(Laplace::new()).steps(10).run(pair).map(drop).unwrap_err().to_string();
    assert!(error.contains("all data at once"), "{error}");
}

/// `ln(p N(x; -3, ½) + (1 - p) N(x; 3, ½))`, p = 0.3, by a formula that is written once.
#[derive(Clone, Copy, Debug)]
struct TwoModes;
impl Formula<1> for TwoModes {
    fn eval<R: Real>(&self, [x]: [R; 1]) -> R {
        let part = |m: f64, p: f64| ((x - m) * (x - m) * -2.0) + p.ln() + std::f64::consts::LN_2;
        let (a, b) = (part(-3.0, 0.3), part(3.0, 0.7));
        let most = if a.re() > b.re() { a } else { b };
        most + ((a - most).exp() + (b - most).exp()).ln() - 0.5 * std::f64::consts::TAU.ln()
    }
}

#[test]
fn a_mixture_finds_two_modes_and_their_shares() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Flat::real())?;
        s.factor("two", Var::map(TwoModes, [x]))
    };
    // From some starts both components go to one mode: the best of some seeds.
    let fit = |seed| {
        let fit =
            Fit::new().guide(Mixture::new(MeanField::new(), 2).dispersion(3.0)).seed(seed).checked(false);
        fit.steps(Steps::new(2000).schedule(Schedule::Cosine { end: 1e-3 })).run(model).unwrap()
    };
    let elbo = |q: &Posterior<_, f64>| q.report().elbo.unwrap().value;
    let q = (3..6).map(fit).max_by(|a, b| elbo(a).total_cmp(&elbo(b))).unwrap();
    let logits = q.params().get(q.params().find("mixture.logits").unwrap()).clone_owned();
    let share = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
    assert!((share - 0.3).abs() < 0.01 || (share - 0.7).abs() < 0.01, "{share}");
    // The factor is a density: the evidence is 1.
    let elbo = q.report().elbo.unwrap();
    assert!(elbo.value.abs() < 0.002 + 4.0 * elbo.standard_error && elbo.standard_error < 0.003, "{elbo:?}");
    // Draws by themselves are taken by the shares. Hoeffding's bound for one in a million.
    let draws = q.draws(4000).unwrap();
    let above = draws["x"].values.iter().filter(|x| **x > 0.0).count() as f64 / 4000.0;
    assert!((above - 0.7).abs() < 0.01 + (14.5_f64 / 8000.0).sqrt(), "{above}");
}

/// A banana: a Gaussian cannot show it, a flow can.
#[test]
fn flows_bend() {
    let model = |s: &mut Scope<'_>| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.sample("y", Normal::new(x * x, 0.5)).map(drop)
    };
    let elbo = |guide: Arc<dyn Guide<f64>>| {
        let fit = Fit::new().guide(guide).steps(Steps::new(4000).schedule(Schedule::Cosine { end: 1e-3 }));
        fit.checked(false).run(model).unwrap().report().elbo.unwrap().value
    };
    let gaussian = elbo(Arc::new(FullRank::new()));
    for flow in
        [Flow::new().coupling(2, 16), Flow::new().inverse_autoregressive(2, 16), Flow::new().planar(8)]
    {
        let name = Guide::<f64>::name(&flow);
        let value = elbo(Arc::new(flow));
        // The evidence is 1.
        assert!(value > 0.4 * gaussian && value < 0.05, "{name}: {value}, Gaussian {gaussian}");
    }
}

#[test]
fn posteriors_of_all_guides_stand_side_by_side() {
    let hierarchy = |s: &mut Scope<'_>| {
        let mean = s.sample("mean", Normal::new(0.0, 5.0))?;
        let spread = s.sample("spread", HalfNormal::new(2.0))?;
        let group = s.sample("group", Normal::new(mean, spread).rows(3))?;
        s.observe("y", Normal::new(group, 1.0), &[0.2, 3.5, 1.9])
    };
    let fit = |guide: Arc<dyn Guide<f64>>| Fit::new().guide(guide).elbo_draws(200).run(hierarchy).unwrap();
    let all = [
        ("default", probity_vi::fit(hierarchy).unwrap()),
        ("point", fit(Arc::new(Delta::new()))),
        ("low rank", Fit::new().guide(LowRank::new(2)).steps(800).elbo_draws(200).run(hierarchy).unwrap()),
    ];
    let all: Vec<(&str, &dyn Fitted)> = all.iter().map(|(n, q)| (*n, q as &dyn Fitted)).collect();
    let table = compare(&all).unwrap();
    let text = table.to_string();
    assert!(text.contains("low rank + diagonal (rank 2)") && text.contains("point (MAP)"), "{text}");
    assert_eq!(table.posteriors[1].report.verdict.as_ref().map(Verdict::grade), Some(Grade::C));
    assert!(table.posteriors[2].report.k_hat.is_some());
}
