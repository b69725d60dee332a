//! The families beside those of `laws` and `conformance`: against the tables, and the laws.

use crate::common::{
    Jet, Named, cdf, density, entropy, expand, families, kl_pairs, moments, number, points, slopes,
};
use probity_distributions::laws::*;
use probity_distributions::*;

families! {
    beta: Beta, "Beta", 50.0, [density, cdf, moments, entropy_if_given];
    cauchy: Cauchy, "Cauchy", 10.0, [density, cdf, moments, entropy];
    inverse_gamma: InverseGamma, "InverseGamma", 50.0, [density, cdf, moments, entropy];
    half_student_t: HalfStudentT, "HalfStudentT", 50.0, [density, cdf, moments, entropy];
    logistic: Logistic, "Logistic", 10.0, [density, cdf, moments, entropy];
    gumbel: Gumbel, "Gumbel", 10.0, [density, cdf, moments, entropy];
    weibull: Weibull, "Weibull", 50.0, [density, cdf, moments, entropy];
    poisson: Poisson, "Poisson", 50.0, [counts, moments, entropy_if_given];
    negative_binomial: NegativeBinomial, "NegativeBinomial_logits", 50.0, [counts, moments];
    binomial: Binomial, "Binomial_logits", 50.0, [counts, moments, entropy_if_given];
    geometric: Geometric, "Geometric_probs", 10.0, [counts, moments, entropy];
}

/// `entropy`, where the table has one that is not 0: a relative error of 0 says nothing.
pub(crate) fn entropy_if_given<F: Family>(
    case: &serde_json::Value,
    parameters: &[f64],
    to: &mut crate::common::Comparison,
) where
    F::Of<Jet>: Entropy<Jet>,
{
    match number(case, "entropy") {
        Some(0.0) => assert!(F::with(&jets(parameters)).entropy().re.re.abs() < 1e-15),
        Some(_) => entropy::<F>(case, parameters, to),
        None => {}
    }
}

/// `log_prob`, `cdf` and `sf` of counts, and the derivatives that the table has.
pub(crate) fn counts<F: Family>(
    case: &serde_json::Value,
    parameters: &[f64],
    to: &mut crate::common::Comparison,
) where
    F::Of<Jet>: Cdf<Jet>,
{
    let log_prob = |a: &[Jet]| F::with(&a[1..]).log_prob(a[0]);
    let tails: [Named; 2] = [("cdf", |a| F::with(&a[1..]).cdf(a[0])), ("sf", |a| F::with(&a[1..]).sf(a[0]))];
    points(case, parameters, |point, at| {
        // A count is exact: only the parameters are rounded.
        let got = expand(&log_prob, at);
        to.value("log_prob", at, &got, number(point, "log_prob").unwrap());
        for (i, name) in F::PARAMETERS.iter().enumerate() {
            if let Some(want) = number(&point["d_params"], name) {
                to.slope("d_params", at, &got, i + 1, want);
            }
        }
        for (what, tail) in &tails {
            if let Some(want) = number(point, what) {
                to.value(what, at, &slopes(tail, at), want);
            }
        }
    });
}

/// Numbers that do not move.
fn jets(x: &[f64]) -> Vec<Jet> {
    x.iter().map(|x| Jet::from(*x)).collect()
}

kl_pairs! {
    kl_beta_beta: Beta || Beta, "scalar", 50.0;
    kl_cauchy_cauchy: Cauchy || Cauchy, "scalar", 50.0;
    kl_inverse_gamma_inverse_gamma: InverseGamma || InverseGamma, "scalar", 50.0;
    kl_gumbel_gumbel: Gumbel || Gumbel, "scalar", 50.0;
    kl_normal_gumbel: Normal || Gumbel, "scalar", 50.0;
    kl_weibull_weibull: Weibull || Weibull, "scalar", 50.0;
    kl_poisson_poisson: Poisson || Poisson, "discrete", 50.0;
    kl_binomial_binomial: Binomial || Binomial, "discrete", 50.0;
    kl_geometric_geometric: Geometric || Geometric, "discrete", 50.0;
}

fn key(seed: u64) -> Key {
    Key::new(seed)
}

macro_rules! continuous_laws {
    ($d:expr) => {
        let d = $d;
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
            implicit_gradients_match(&d, Key::new(4).fold_in(i)).unwrap();
        }
        unconstrained_density_matches(&d);
    };
}

pub(crate) use continuous_laws;

/// The density of unconstrained numbers is that of values with the Jacobian.
pub(crate) fn unconstrained_density_matches<D: Distribution<f64>>(d: &D) {
    let support = d.support();
    for u in [-3.0, -0.5, 0.0, 0.7, 2.0] {
        let want = d.log_prob(support.constrain(u).unwrap()) + support.log_det(u, Terms::Each).unwrap_or(0.0);
        let got = d.log_prob_unconstrained(u, Terms::Each);
        assert!((got - want).abs() < 1e-11 * (1.0 + want.abs()), "{d:?} {u}: {got} {want}");
    }
}

#[test]
fn laws_of_beta() {
    for (a, b) in [(0.4, 1.0), (1.0, 3.0), (2.0, 3.0), (30.0, 12.0), (400.0, 1.5)] {
        continuous_laws!(Beta::new(a, b));
    }
    let d = Beta::new(2.0, 3.0);
    for parameter in ["concentration1", "concentration0"] {
        rejects(&d, parameter, &[0.0, -1.0, f64::INFINITY]).unwrap();
    }
    for p in [Beta::new(2.1, 3.0), Beta::new(0.4, 20.0)] {
        kl_is_not_negative(&d, &p).unwrap();
        kl_matches_quadrature(&d, &p).unwrap();
        kl_gradients_match::<Beta, Beta>(&d, &p).unwrap();
        kl_of_itself_is_zero(&p).unwrap();
    }
    let mean: Beta = Beta::from_mean(0.25, 8.0);
    assert_eq!((mean.concentration1, mean.concentration0), (2.0, 6.0));
    // Known answers far out.
    let x: f64 = Beta::new(200.0, 2.0).quantile(1e-60);
    assert!((x / 0.489705036360054 - 1.0).abs() < 1e-13, "{x}");
    // The end of the support has the density of the other power.
    assert!((Beta::new(1.0, 3.0).log_prob(0.0) - 3f64.ln()).abs() < 1e-15);
    assert_eq!(Beta::new(0.5, 3.0).log_prob(0.0), f64::INFINITY);
    assert_eq!(Beta::new(2.0, 3.0).log_prob(1.0), f64::NEG_INFINITY);
    assert_eq!(Beta::new(2.0, 3.0).log_prob(1.5), f64::NEG_INFINITY);
    // Draws of tiny concentrations stay inside.
    for x in Beta::new(1e-3, 1e-3).draws(2000, key(3)) {
        assert!(x > 0.0 && x < 1.0, "{x}");
    }
}

#[test]
fn laws_of_cauchy() {
    let d = Cauchy::new(0.7, 2.2);
    integrates_to_one(&d).unwrap();
    cdf_matches_density(&d).unwrap();
    quantile_inverts_cdf(&d).unwrap();
    entropy_matches_density(&d).unwrap();
    samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
    for i in 0..8 {
        gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
        reparameterized_gradients_match(&d, Key::new(4).fold_in(i)).unwrap();
        implicit_gradients_match(&d, Key::new(4).fold_in(i)).unwrap();
    }
    assert!(d.mean().is_nan() && d.variance().is_nan());
    rejects(&d, "loc", &[f64::INFINITY]).unwrap();
    rejects(&d, "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    let p = Cauchy::new(-3.0, 0.4);
    kl_matches_quadrature(&d, &p).unwrap();
    kl_gradients_match::<Cauchy, Cauchy>(&d, &p).unwrap();
    kl_of_itself_is_zero(&d).unwrap();
    // The divergence from a Normal, which mean field asks for, is that of Student's t.
    let (kl, method) = d.kl_from_normal(0.3, 0.5, Terms::Each).unwrap();
    assert_eq!((kl, method), (Normal::new(0.3, 0.5).kl(&StudentT::new(1.0, 0.7, 2.2)), KlMethod::Quadrature));
}

#[test]
fn laws_of_inverse_gamma() {
    for (a, scale) in [(4.5, 1.0), (9.9, 0.3), (40.0, 7.0)] {
        continuous_laws!(InverseGamma::new(a, scale));
    }
    let d = InverseGamma::new(2.5, 0.5);
    rejects(&d, "concentration", &[0.0, -1.0, f64::INFINITY]).unwrap();
    rejects(&d, "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    let p = InverseGamma::new(1.5, 2.0);
    kl_matches_quadrature(&d, &p).unwrap();
    kl_gradients_match::<InverseGamma, InverseGamma>(&d, &p).unwrap();
    kl_of_itself_is_zero(&d).unwrap();
    let median: f64 = InverseGamma::new(151.0, 4.5).quantile(0.5);
    assert!((median / 0.0298672306424473 - 1.0).abs() < 1e-13, "{median}");
    // Exact divergence from a Gaussian of the logarithm, by draws.
    normal_on_logarithms(&d, 0.1, 0.4);
}

/// `kl_from_unconstrained_normal` of positive numbers, against draws of `u`.
pub(crate) fn normal_on_logarithms<D: Distribution<f64>>(d: &D, m: f64, s: f64) {
    let (got, method) = d.kl_from_unconstrained_normal(m, s, Terms::Each).unwrap();
    assert_eq!(method, KlMethod::Closed);
    let q = Normal::new(m, s);
    let terms =
        q.draws(20_000, key(9)).into_iter().map(|u| q.log_prob(u) - d.log_prob_unconstrained(u, Terms::Each));
    let estimate = Estimate::of(terms);
    // Six standard errors: a false alarm in 5e8.
    assert!((got - estimate.value).abs() < 6.0 * estimate.standard_error, "{d:?}: {got} {estimate}");
}

#[test]
fn laws_of_half_student_t() {
    for (df, scale) in [(4.5, 1.0), (6.0, 0.3), (60.0, 7.0)] {
        continuous_laws!(HalfStudentT::new(df, scale));
    }
    rejects(&HalfStudentT::new(3.0, 1.0), "df", &[0.0, -1.0, f64::INFINITY]).unwrap();
    rejects(&HalfStudentT::new(3.0, 1.0), "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    // With one degree of freedom it is the half-Cauchy.
    let (t, cauchy) = (HalfStudentT::new(1.0, 2.5), HalfCauchy::new(2.5));
    for x in [1e-12, 0.3, 2.5, 1e9] {
        for (a, b) in [(t.log_prob(x), cauchy.log_prob(x)), (t.log_cdf(x), cauchy.log_cdf(x))] {
            assert!((a - b).abs() < 1e-13 * (1.0 + b.abs()), "{x}: {a} {b}");
        }
    }
}

#[test]
fn laws_of_logistic_gumbel_and_weibull() {
    continuous_laws!(Logistic::new(0.7, 2.0));
    continuous_laws!(Gumbel::new(-0.7, 1.5));
    for (k, scale) in [(0.8, 2.0), (1.0, 1.0), (2.5, 0.4), (30.0, 1.0)] {
        continuous_laws!(Weibull::new(k, scale));
        normal_on_logarithms(&Weibull::new(k, scale), 0.1, 0.1);
    }
    rejects(&Logistic::new(0.7, 2.0), "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    rejects(&Gumbel::new(0.7, 2.0), "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    rejects(&Weibull::new(0.7, 2.0), "concentration", &[0.0, -1.0, f64::INFINITY]).unwrap();
    let (d, p) = (Gumbel::new(-0.7, 1.5), Gumbel::new(0.2, 1.1));
    kl_matches_quadrature(&d, &p).unwrap();
    kl_gradients_match::<Gumbel, Gumbel>(&d, &p).unwrap();
    let (d, p) = (Weibull::new(2.5, 0.4), Weibull::new(1.1, 1.0));
    kl_matches_quadrature(&d, &p).unwrap();
    kl_gradients_match::<Weibull, Weibull>(&d, &p).unwrap();
    kl_of_itself_is_zero(&p).unwrap();
}

macro_rules! count_laws {
    ($d:expr) => {
        let d = $d;
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
        }
        for x in [-1.0, 0.5, 1.25, f64::INFINITY] {
            assert_eq!(d.log_prob(x), f64::NEG_INFINITY, "{d:?} {x}");
        }
        assert!(d.log_prob(f64::NAN).is_nan());
    };
}

#[test]
fn laws_of_poisson() {
    for rate in [0.02, 1.0, 7.5, 300.0] {
        let d = Poisson::new(rate);
        count_laws!(d);
        entropy_matches_density(&d).unwrap();
        kl_matches_quadrature(&d, &Poisson::new(1.3 * rate)).unwrap();
        kl_gradients_match::<Poisson, Poisson>(&d, &Poisson::new(0.7 * rate)).unwrap();
    }
    rejects(&Poisson::new(2.0), "rate", &[0.0, -1.0, f64::INFINITY]).unwrap();
    for (k, want) in [(1.0, -3.39056), (2.0, -2.47427), (3.0, -1.96344)] {
        assert!((Poisson::new(5.0).log_prob(k) - want).abs() < 1e-5);
    }
}

#[test]
fn laws_of_negative_binomial() {
    for (r, l) in [(0.3, 0.5), (1.0, 0.0), (5.0, -1.0), (80.0, 0.4)] {
        count_laws!(NegativeBinomial::from_logits(r, l));
    }
    let d: NegativeBinomial = NegativeBinomial::from_mean(3.0, 2.0);
    assert!((d.mean() - 3.0).abs() < 1e-14 && (d.variance() - (3.0 + 4.5)).abs() < 1e-13);
    let d: NegativeBinomial = NegativeBinomial::new(2.0, 0.25);
    assert!((d.log_prob(0.0) - 2.0 * 0.75f64.ln()).abs() < 1e-15);
    rejects(&d, "total_count", &[0.0, -1.0, f64::INFINITY]).unwrap();
    rejects(&d, "logits", &[f64::INFINITY, f64::NEG_INFINITY]).unwrap();
}

#[test]
fn laws_of_binomial() {
    for (n, l) in [(1.0, 0.3), (12.0, -1.0), (500.0, 0.2)] {
        let d = Binomial::from_logits(n, l);
        integrates_to_one(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        kl_matches_quadrature(&d, &Binomial::from_logits(n, l + 0.5)).unwrap();
        // More trials, by the sum.
        kl_matches_quadrature(&d, &Binomial::from_logits(n + 3.0, l - 0.5)).unwrap();
        assert_eq!(d.kl(&Binomial::from_logits(n - 1.0, l)), f64::INFINITY);
        assert_eq!(d.log_prob(n + 1.0), f64::NEG_INFINITY);
        assert_eq!((d.cdf(n), d.sf(n), d.log_sf(n)), (1.0, 0.0, f64::NEG_INFINITY));
    }
    let d: Binomial = Binomial::new(10.0, 0.25);
    assert!((d.log_prob(0.0) - 10.0 * 0.75f64.ln()).abs() < 1e-14);
    let bad = Binomial::<f64>::from_logits(2.5, 0.0).check().unwrap_err();
    assert_eq!(
        bad.to_string(),
        "Binomial: total_count must be a whole number of 0 or more, but an entry is 2.5"
    );
    // A total count beyond 2⁵³: half of the draws are odd, and they have the right spread.
    let d: Binomial = Binomial::new(2f64.powi(55), 0.5);
    let draws = d.draws(4000, key(6));
    let sd = Estimate::of(draws.iter().map(|x| ((x - d.mean()) / 94906265.62).powi(2)));
    assert!((sd.value - 1.0).abs() < 6.0 * sd.standard_error, "{sd}");
}

#[test]
fn laws_of_geometric() {
    for p in [0.03, 0.4, 0.9] {
        let d = Geometric::new(p);
        count_laws!(d);
        entropy_matches_density(&d).unwrap();
        kl_matches_quadrature(&d, &Geometric::new(0.5)).unwrap();
        kl_gradients_match::<Geometric, Geometric>(&d, &Geometric::new(0.5)).unwrap();
    }
    rejects(&Geometric::new(0.5), "probs", &[0.0, -0.1, 1.1]).unwrap();
    let sure = Geometric::new(1.0);
    assert_eq!(
        (sure.log_prob(0.0), sure.cdf(0.0), sure.entropy(), sure.sample((), key(1))),
        (0.0, 1.0, 0.0, 0.0)
    );
}

#[test]
fn divergences_by_quadrature() {
    let near = |got: Integral, want: f64| {
        // The estimate of the error holds, and is small.
        assert!((got.value - want).abs() <= got.error && got.error < 1e-8 * (1.0 + want), "{got:?} {want}");
    };
    let (q, p) = (Normal::new(0.3, 2.0), Normal::new(-1.0, 0.7));
    near(kl_quadrature(&q, &p), q.kl(&p));
    near(entropy_quadrature(&q), q.entropy());
    near(cross_entropy_quadrature(&q, &p), q.kl(&p) + q.entropy());
    near(kl_quadrature(&q, &StudentT::new(4.0, 0.0, 1.0)), q.kl(&StudentT::new(4.0, 0.0, 1.0)));
    near(kl_quadrature(&q, &Laplace::new(0.0, 1.0)), q.kl(&Laplace::new(0.0, 1.0)));
    let (q, p) = (Beta::new(2.0, 3.0), Beta::new(4.0, 1.5));
    near(kl_quadrature(&q, &p), q.kl(&p));
    // Sums: counts, and two atoms.
    let (q, p) = (Poisson::new(4.0), Poisson::new(9.0));
    near(kl_quadrature(&q, &p), q.kl(&p));
    let (q, p) = (Bernoulli::new(0.2), Bernoulli::new(0.7));
    near(kl_quadrature(&q, &p), q.kl(&p));
    // Where q has mass and p has none, and for itself.
    assert_eq!(kl_quadrature(&Normal::new(0.0, 1.0), &Gamma::new(2.0, 1.0)).value, f64::INFINITY);
    assert_eq!(kl_quadrature(&Poisson::new(3.0), &Binomial::from_logits(5.0, 0.0)).value, f64::INFINITY);
    assert_eq!(kl_quadrature(&Logistic::new(0.0, 1.0), &Logistic::new(0.0, 1.0)).value, 0.0);
    assert!(kl_quadrature(&Logistic::new(0.0, -1.0), &Logistic::new(0.0, 1.0)).value.is_nan());
    // A pair without a closed form, against draws: six standard errors.
    let (q, p) = (Weibull::new(2.5, 0.4), LogNormal::new(-1.0, 0.5));
    let (kl, draws) = (kl_quadrature(&q, &p), kl_monte_carlo(&q, &p, 10_000, key(4)));
    assert!((kl.value - draws.value).abs() < 6.0 * draws.standard_error, "{kl} {draws}");
}
