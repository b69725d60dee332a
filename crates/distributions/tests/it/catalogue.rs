//! The families beside those of `laws` and `conformance`: against the tables, and the laws.

use crate::common::{cdf, data, density, distribution, entropy, kl, moments, number};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, check_gradient};
use probity_distributions::laws::*;
use probity_distributions::*;

/// One line per family: the test's name, the family, its table, the bound, and what is compared.
macro_rules! families {
    ($($test:ident: $family:ident, $file:literal, $bound:literal, [$($check:ident),+];)+) => {$(
        #[test]
        fn $test() {
            distribution::<$family>($file, $bound, &[$($check::<$family>),+]);
        }
    )+};
}

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
fn entropy_if_given<F: Family>(
    case: &serde_json::Value,
    parameters: &[f64],
    to: &mut crate::common::Comparison,
) where
    F::Of<crate::common::Jet>: Entropy<crate::common::Jet>,
{
    match number(case, "entropy") {
        Some(0.0) => assert!(F::with(&crate::common::jets(parameters)).entropy().re.re.abs() < 1e-15),
        Some(_) => entropy::<F>(case, parameters, to),
        None => {}
    }
}

/// `log_prob`, `cdf` and `sf` of counts, and the derivatives that the table has.
fn counts<F: Family>(case: &serde_json::Value, parameters: &[f64], to: &mut crate::common::Comparison)
where
    F::Of<crate::common::Jet>: Cdf<crate::common::Jet>,
{
    for point in case["points"].as_array().unwrap() {
        let at: Vec<f64> = number(point, "x").into_iter().chain(parameters.iter().copied()).collect();
        let a = crate::common::jets(&at);
        let (d, x) = (F::with(&a[1..]), a[0]);
        // A count is exact: only the parameters are rounded.
        let got = d.log_prob(x);
        to.value("log_prob", &at, got, number(point, "log_prob").unwrap());
        for (i, name) in F::PARAMETERS.iter().enumerate() {
            if let Some(want) = number(&point["d_params"], name) {
                to.slope("d_params", &at, got, i + 1, want);
            }
        }
        for (what, got) in [("cdf", d.cdf(x)), ("sf", d.sf(x))] {
            if let Some(want) = number(point, what) {
                to.value(what, &at, got, want);
            }
        }
    }
}

/// One line per pair: the test's name, `KL(first || second)`, its table, and the bound.
macro_rules! kl_pairs {
    ($($test:ident: $q:ident || $p:ident, $file:literal, $bound:literal;)+) => {$(
        #[test]
        fn $test() {
            kl::<$q, $p>($file, $bound);
        }
    )+};
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
        samples_follow_cdf(&d, 10_000, key(1)).unwrap();
        samples_match_moments(&d, 10_000, key(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), key(3).fold_in(i))).unwrap();
            implicit_gradients_match(&d, key(4).fold_in(i)).unwrap();
        }
        unconstrained_density_matches(&d);
    };
}

/// The density of unconstrained numbers is that of values with the Jacobian.
fn unconstrained_density_matches<D: Distribution<f64>>(d: &D) {
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
    samples_follow_cdf(&d, 10_000, key(1)).unwrap();
    for i in 0..8 {
        gradients_match(&d, d.sample((), key(3).fold_in(i))).unwrap();
        reparameterized_gradients_match(&d, key(4).fold_in(i)).unwrap();
        implicit_gradients_match(&d, key(4).fold_in(i)).unwrap();
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
fn normal_on_logarithms<D: Distribution<f64>>(d: &D, m: f64, s: f64) {
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
        samples_follow_cdf(&d, 10_000, key(1)).unwrap();
        samples_match_moments(&d, 10_000, key(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), key(3).fold_in(i))).unwrap();
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
        samples_follow_cdf(&d, 10_000, key(1)).unwrap();
        samples_match_moments(&d, 10_000, key(2)).unwrap();
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

#[test]
fn multinomial_counts() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let d = Multinomial::new(tape.scalar(4.0), row(&[0.2, 0.5, 0.3]));
    // All counts: the masses sum to 1.
    let mut total = 0.0;
    for a in 0..=4 {
        for b in 0..=4 - a {
            let k = [f64::from(a), f64::from(b), f64::from(4 - a - b)];
            total += d.log_prob(row(&k)).item().exp();
        }
    }
    assert!((total - 1.0).abs() < 1e-14, "{total}");
    for bad in [[1.0, 1.0, 1.0], [4.0, 1.0, -1.0], [1.5, 1.5, 1.0]] {
        assert_eq!(d.log_prob(row(&bad)).item(), f64::NEG_INFINITY);
    }
    // Draws: totals, and means within six standard errors.
    let n = 20_000;
    let draws = Multinomial::new(tape.scalar(50.0), row(&[0.2, 0.5, 0.3])).rows(n);
    let x = draws.sample(&tape, key(2)).value();
    assert!((0..n).all(|i| x.row(i).sum() == 50.0));
    let (mean, variance) = (draws.mean().value(), draws.variance().value());
    for j in 0..3 {
        assert!((x.column(j).mean() - mean[j]).abs() < 6.0 * (variance[j] / n as f64).sqrt());
        assert!((x.column(j).variance() / variance[j] - 1.0).abs() < 0.06);
    }
    assert!(Multinomial::new(tape.scalar(1.5), row(&[0.5, 0.5])).check().is_err());
    // Two outcomes are a Binomial distribution.
    let two = Multinomial::new(tape.scalar(1e6), row(&[0.3, 0.7])).log_prob(row(&[300_100.0, 699_900.0]));
    let one: Binomial = Binomial::new(1e6, 0.3);
    assert!((two.item() - one.log_prob(300_100.0)).abs() < 1e-9);
    let at = [DMatrix::from_row_slice(1, 3, &[0.3, -0.2, 1.0])];
    let found = check_gradient(
        |x| {
            let tape = x[0].tape().unwrap();
            let k = tape.constant(&DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, 0.0, 6.0, 0.0]));
            Multinomial::from_logits(6.0, x[0]).log_prob_sum(k)
        },
        &at,
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn lkj_factors() {
    let tape = Tape::<f64>::new();
    let d = LkjCholesky::new(3, tape.scalar(2.0));
    let n = 4000;
    let mut correlations = Vec::new();
    for i in 0..n {
        let l = d.sample(&tape, key(i)).value();
        for r in 0..3 {
            assert!((l.row(r).norm() - 1.0).abs() < 1e-14 && l[(r, r)] > 0.0);
        }
        correlations.extend([l[(1, 0)], l[(2, 0)], (&l * l.transpose())[(2, 1)]]);
    }
    // Every correlation is 2 b - 1, b ~ Beta(a, a) with a = η - 1 + d/2: the variance is
    // 1 / (2 a + 1), here 1/6. Six standard errors (the kurtosis is below 3).
    let squares = Estimate::of(correlations.iter().map(|r| r * r));
    assert!((squares.value - 1.0 / 6.0).abs() < 6.0 * squares.standard_error * 1.5, "{squares}");
    let mean = Estimate::of(correlations.iter().copied());
    assert!(mean.value.abs() < 6.0 * mean.standard_error * 1.5, "{mean}");
    // 2 × 2, by quadrature: the density of the entry below the diagonal integrates to 1.
    let two = LkjCholesky::new(2, tape.scalar(2.5));
    let steps = 20_000;
    let total: f64 = (0..steps)
        .map(|i| {
            let r = -1.0 + (2.0 * f64::from(i) + 1.0) / f64::from(steps);
            let l = [1.0, r, 0.0, (1.0 - r * r).sqrt()];
            let l = tape.constant(&DMatrix::from_column_slice(2, 2, &l));
            two.log_prob(l).item().exp() * 2.0 / f64::from(steps)
        })
        .sum();
    assert!((total - 1.0).abs() < 1e-6, "{total}");
    // A larger concentration shrinks the correlation at fixed noise.
    let variable = tape.variable(&DMatrix::from_element(1, 1, 2.0));
    let l = LkjCholesky::new(2, variable).sample(&tape, key(3));
    let slope = tape.backward(l.diagonal().sum()).wrt(variable)[0];
    assert!(slope > 0.0, "{slope}");
    assert!(LkjCholesky::new(2, tape.scalar(-1.0)).check().is_err());
}

#[test]
fn mixtures_of_a_family() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    let d = Mixture::new(row(&[0.0, 1.0]), Normal::new(row(&[-2.0, 3.0]), row(&[0.5, 1.5])));
    assert_eq!(d.shape(), (1, 1));
    let y = tape.column(&[0.3, -2.0, 50.0]);
    let w = 1f64.exp() / (1.0 + 1f64.exp());
    for (y, got) in [0.3, -2.0, 50.0].into_iter().zip(d.log_prob(y).value().iter()) {
        let (a, b): (Normal, Normal) = (Normal::new(-2.0, 0.5), Normal::new(3.0, 1.5));
        let want = ((1.0 - w).ln() + a.log_prob(y)).max(w.ln() + b.log_prob(y));
        let more = ((1.0 - w).ln() + a.log_prob(y)).min(w.ln() + b.log_prob(y));
        let want = want + (more - want).exp().ln_1p();
        assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{y}: {got} {want}");
    }
    assert!((d.log_prob_sum(y).item() - d.log_prob(y).value().sum()).abs() < 1e-12);
    let n = 20_000;
    let x = d.rows(n).sample(&tape, key(4)).value();
    let (mean, variance) = (d.mean().item(), d.variance().item());
    assert!((x.mean() - mean).abs() < 6.0 * (variance / n as f64).sqrt(), "{} {mean}", x.mean());
    assert!((x.variance() / variance - 1.0).abs() < 0.06, "{} {variance}", x.variance());
    assert_eq!(Mixture::new(row(&[0.0, 1.0, 2.0]), Normal::new(row(&[-2.0, 3.0]), 1.0)).shape(), (0, 0));
    let at = [row(&[0.2, -0.3]).value(), row(&[-1.0, 1.0]).value()];
    let found = check_gradient(
        |x| {
            let y = x[0].tape().unwrap().column(&[0.3, -2.0, 5.0]);
            Mixture::new(x[0], Normal::new(x[1], 0.7)).log_prob_sum(y)
        },
        &at,
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn more_zeros() {
    let d = ZeroInflated::<f64, _>::new(0.3, Poisson::new(2.0));
    integrates_to_one(&d).unwrap();
    moments_match_density(&d).unwrap();
    samples_match_moments(&d, 10_000, key(5)).unwrap();
    assert!((d.log_prob(0.0) - (0.3 + 0.7 * (-2f64).exp()).ln()).abs() < 1e-15);
    assert_eq!(d.log_prob(0.5), f64::NEG_INFINITY);
    // Ends, and a mass near 1.
    assert_eq!(ZeroInflated::new(0.0, Poisson::new(2.0)).log_prob(0.0), -2.0);
    assert_eq!(ZeroInflated::new(1.0, Poisson::new(2.0)).log_prob(1.0), f64::NEG_INFINITY);
    let rare = ZeroInflated::new(0.5, Poisson::new(1e-12));
    assert!((rare.log_prob(0.0) / -5e-13 - 1.0).abs() < 1e-12);
    assert!(ZeroInflated::<f64, _>::new(1.5, Poisson::new(2.0)).check().is_err());
}

/// Values of the table. Its gradients are those of components that differ by 1e-4 thirty standard
/// deviations from the point: they are differences of log densities of -450, which rounding moves
/// by 238 units. Gradients are compared with differences above.
#[test]
fn mixtures_match_the_table() {
    let Some(table) = data("distributions/MixtureOfNormals.json") else { return };
    let row = |x: &serde_json::Value| -> Vec<f64> {
        x.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let mut seen = 0;
    for case in table["cases"].as_array().unwrap() {
        let names = ["logits", "locs", "scales"];
        let values = names.map(|name| row(&case["params"][name]));
        let tape = Tape::<f64>::new();
        let [logits, locs, scales] =
            values.clone().map(|x| tape.constant(&DMatrix::from_row_slice(1, x.len(), &x)));
        let d = Mixture::new(logits, Normal::new(locs, scales));
        for (got, name) in [(d.mean(), "mean"), (d.variance(), "variance")] {
            let (got, want) = (got.item(), number(case, name).unwrap());
            let size = want.abs() + values[1].iter().map(|x| x * x).sum::<f64>();
            assert!((got - want).abs() < 50.0 * f64::EPSILON * size, "{name}: {got:e} {want:e}");
        }
        for point in case["points"].as_array().unwrap() {
            let x = number(point, "x").unwrap();
            let (got, want) = (d.log_prob(tape.scalar(x)).item(), number(point, "log_prob").unwrap());
            let slopes = names.map(|name| row(&point["d_params"][name]));
            let moved: f64 =
                values.iter().flatten().zip(slopes.iter().flatten()).map(|(v, s)| (v * s).abs()).sum();
            let size = want.abs() + moved + (x * number(point, "d_x").unwrap()).abs();
            assert!((got - want).abs() < 50.0 * f64::EPSILON * size, "{x:e}: {got:e} {want:e}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}
