//! Divergences of and to the continuous Bernoulli and the Pareto distribution: tables, laws, edges.

use crate::common::{Comparison, Jet, data, expand, kl_pairs, number, numbers};
use probity_distributions::laws::*;
use probity_distributions::*;

kl_pairs! {
    kl_beta_pareto: Beta || Pareto, "scalar", 50.0;
    kl_exponential_pareto: Exponential || Pareto, "scalar", 50.0;
    kl_gamma_pareto: Gamma || Pareto, "scalar", 50.0;
    kl_gumbel_pareto: Gumbel || Pareto, "scalar", 50.0;
    kl_laplace_pareto: Laplace || Pareto, "scalar", 50.0;
    kl_normal_pareto: Normal || Pareto, "scalar", 50.0;
    kl_uniform_pareto: Uniform || Pareto, "scalar", 50.0;
    kl_pareto_beta: Pareto || Beta, "scalar", 50.0;
    kl_pareto_exponential: Pareto || Exponential, "scalar", 50.0;
    kl_pareto_gamma: Pareto || Gamma, "scalar", 50.0;
    kl_pareto_normal: Pareto || Normal, "scalar", 50.0;
    kl_pareto_uniform: Pareto || Uniform, "scalar", 50.0;
}

type OfJets = fn(&[Jet]) -> Jet;
type Names = &'static [&'static str];
/// The first family, its parameters, the second, its parameters, the divergence.
type Row = (&'static str, Names, &'static str, Names, OfJets);

/// The pairs of the table with the continuous Bernoulli distribution, whose parameter there is the
/// probability.
pub fn with_probs() -> Vec<Row> {
    type Cb = ContinuousBernoulli<Jet>;
    let (probs, ends): (&[_], &[_]) = (&["probs"], &["low", "high"]);
    let (loc, beta): (&[_], &[_]) = (&["loc", "scale"], &["concentration1", "concentration0"]);
    let (rate, gamma): (&[_], &[_]) = (&["rate"], &["concentration", "rate"]);
    let name = "ContinuousBernoulli";
    vec![
        (name, probs, name, probs, |a| Cb::new(a[0]).kl(&Cb::new(a[1]))),
        (name, probs, "Exponential", rate, |a| Cb::new(a[0]).kl(&Exponential::new(a[1]))),
        (name, probs, "Normal", loc, |a| Cb::new(a[0]).kl(&Normal::new(a[1], a[2]))),
        (name, probs, "Pareto", &["scale", "alpha"], |a| Cb::new(a[0]).kl(&Pareto::new(a[1], a[2]))),
        (name, probs, "Uniform", ends, |a| Cb::new(a[0]).kl(&Uniform::new(a[1], a[2]))),
        ("Beta", beta, name, probs, |a| Beta::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Uniform", ends, name, probs, |a| Uniform::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Exponential", rate, name, probs, |a| Exponential::new(a[0]).kl(&Cb::new(a[1]))),
        ("Gamma", gamma, name, probs, |a| Gamma::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Gumbel", loc, name, probs, |a| Gumbel::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Laplace", loc, name, probs, |a| Laplace::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Normal", loc, name, probs, |a| Normal::new(a[0], a[1]).kl(&Cb::new(a[2]))),
        ("Pareto", &["scale", "alpha"], name, probs, |a| Pareto::new(a[0], a[1]).kl(&Cb::new(a[2]))),
    ]
}

#[test]
fn continuous_bernoulli_matches_the_tables() {
    let Some(table) = data("kl/scalar.json") else { return };
    for (q, q_names, p, p_names, kl) in with_probs() {
        let mut comparison = Comparison::new(format!("KL({q} || {p})"), 50.0);
        for row in table["rows"].as_array().unwrap().iter().filter(|r| r["p"] == q && r["q"] == p) {
            let mut at = numbers(&row["p_params"], q_names);
            at.extend(numbers(&row["q_params"], p_names));
            let got = expand(&kl, &at);
            comparison.value("kl", &at, &got, number(row, "kl").unwrap());
            let wants = q_names.iter().map(|name| &row["grad_p"][name]);
            let wants = wants.chain(p_names.iter().map(|name| &row["grad_q"][name]));
            for (i, want) in wants.enumerate() {
                if let Some(want) = want.as_f64() {
                    comparison.slope("gradient", &at, &got, i, want);
                }
            }
        }
        comparison.finish();
    }
}

#[test]
fn laws_of_the_pairs() {
    macro_rules! numbers {
        ($($q:expr => [$($p:expr),+ $(,)?];)+) => {$({
            let q = $q;
            $(
                let p = $p;
                kl_is_not_negative(&q, &p).unwrap();
                kl_matches_quadrature(&q, &p).unwrap();
                kl_matches_monte_carlo(&q, &p, 2000, Key::new(3)).unwrap();
            )+
        })+};
    }
    let (normal, exponential) = (Normal::new(0.7, 1.3), Exponential::new(0.6));
    let cb = ContinuousBernoulli::from_logits(-1.2);
    numbers! {
        cb => [normal, exponential, Uniform::new(0.0, 1.0), Uniform::new(-0.5, 1.5)];
        Beta::new(2.0, 0.7) => [cb];
        Uniform::new(0.2, 1.0) => [cb, Pareto::new(0.2, 1.5), Pareto::new(0.1, 0.3)];
        Pareto::new(0.6, 9.0) => [
            Gamma::new(2.0, 0.7), InverseGamma::new(3.0, 0.6), Weibull::new(1.7, 0.9), LogNormal::new(0.2, 0.6),
            HalfNormal::new(0.9), normal, exponential
        ];
        Chi::new(3.0) => [normal, exponential];
        Chi2::new(3.0) => [normal, exponential];
        InverseGaussian::new(0.8, 2.0) => [normal, exponential];
        Kumaraswamy::new(2.0, 0.8) => [normal, exponential];
        Triangular::new(-1.0, 0.8, 0.2) => [normal];
        TruncatedNormal::new(0.3, 1.0, -0.5, 1.5) => [normal];
        Frechet::new(7.0, 1.2) => [normal];
    }
    let (uniform, pareto): (Uniform, Pareto) = (Uniform::new(0.2, 1.0), Pareto::new(0.3, 1.0));
    assert_eq!(uniform.kl(&pareto), f64::INFINITY);
    assert_eq!(Pareto::new(0.6, 2.0).kl(&normal), f64::INFINITY);
    assert_eq!(Pareto::new(0.6, 1.0).kl(&exponential), f64::INFINITY);
    assert_eq!(Uniform::new(-0.2, 1.0).kl(&cb), f64::INFINITY);
    // The supports touch: not infinite, and minus the entropy.
    let (unit, entropy): (Uniform, f64) = (Uniform::new(0.0, 1.0), cb.entropy());
    assert_eq!(cb.kl(&unit), -entropy);
    assert!((0.0..1.0).contains(&unit.kl(&cb)));
    // A pair whose divergence another library has below 0.
    let (q, p): (ContinuousBernoulli, ContinuousBernoulli) =
        (ContinuousBernoulli::from_logits(-500.0), ContinuousBernoulli::from_logits(20.0));
    assert!(q.kl(&p) > 0.0);
    kl_gradients_match::<Uniform, Pareto>(&Uniform::new(0.3, 1.0), &Pareto::new(0.1, 0.4)).unwrap();
    kl_gradients_match::<Pareto, Gamma>(&Pareto::new(0.6, 5.0), &Gamma::new(2.0, 0.7)).unwrap();
    kl_gradients_match::<Beta, ContinuousBernoulli>(&Beta::new(2.0, 0.7), &cb).unwrap();
    kl_gradients_match::<Uniform, ContinuousBernoulli>(&Uniform::new(0.2, 0.9), &cb).unwrap();
    kl_gradients_match::<ContinuousBernoulli, Normal>(&cb, &normal).unwrap();
}

#[test]
fn pairs_at_the_edges() {
    const INF: f64 = f64::INFINITY;
    let scales: &[f64] = &[0.0, -1.0, INF, -INF];
    let locs: &[f64] = &[INF, -INF];
    let ends: &[_] = &[("low", locs), ("high", locs)];
    let (pareto, logits): (&[_], &[_]) = (&[("scale", scales), ("alpha", scales)], &[("logits", locs)]);
    let gamma: &[_] = &[("concentration", scales), ("rate", scales)];
    for (q, p) in [
        (Uniform::new(0.0, 1.0), Pareto::new(1.0, 2.0)),
        (Uniform::new(1e100, 2e100), Pareto::new(1e-100, 1e-100)),
        (Uniform::new(1.0, 1.0 + 1e-15), Pareto::new(1.0, 1e100)),
    ] {
        kl_at_edges::<Uniform, Pareto>(&q, &p).unwrap();
        kl_of_bad_parameters_is_nan::<Uniform, Pareto>((&q, ends), (&p, pareto)).unwrap();
    }
    for (q, p) in [
        (Pareto::new(1.0, 1.0), Gamma::new(1.0, 2.0)),
        (Pareto::new(1e-100, 1e100), Gamma::new(1e100, 1e-100)),
    ] {
        kl_at_edges::<Pareto, Gamma>(&q, &p).unwrap();
        kl_of_bad_parameters_is_nan::<Pareto, Gamma>((&q, pareto), (&p, gamma)).unwrap();
    }
    for (q, p) in [
        (Uniform::new(0.0, 1.0), ContinuousBernoulli::from_logits(1e300)),
        (Uniform::new(-1.0, 1.0), ContinuousBernoulli::from_logits(0.0)),
        (Uniform::new(0.0, 1e-100), ContinuousBernoulli::from_logits(-1e100)),
    ] {
        kl_at_edges::<Uniform, ContinuousBernoulli>(&q, &p).unwrap();
        kl_at_edges::<ContinuousBernoulli, Uniform>(&p, &q).unwrap();
        kl_of_bad_parameters_is_nan::<Uniform, ContinuousBernoulli>((&q, ends), (&p, logits)).unwrap();
        kl_of_bad_parameters_is_nan::<ContinuousBernoulli, Uniform>((&p, logits), (&q, ends)).unwrap();
    }
}
