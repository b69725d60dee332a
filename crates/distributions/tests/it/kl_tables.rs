//! KL divergences between families of different files: reference tables, the laws, and that no pair
//! of the tables is left out without a reason.

use crate::common::{data, kl_pairs};
use probity_distributions::laws::*;
use probity_distributions::*;

kl_pairs! {
    kl_beta_exponential: Beta || Exponential, "scalar", 50.0;
    kl_beta_gamma: Beta || Gamma, "scalar", 50.0;
    kl_beta_normal: Beta || Normal, "scalar", 50.0;
    kl_beta_uniform: Beta || Uniform, "scalar", 50.0;
    kl_exponential_beta: Exponential || Beta, "scalar", 50.0;
    kl_exponential_gumbel: Exponential || Gumbel, "scalar", 50.0;
    kl_gamma_beta: Gamma || Beta, "scalar", 50.0;
    kl_gamma_gumbel: Gamma || Gumbel, "scalar", 50.0;
    kl_gumbel_beta: Gumbel || Beta, "scalar", 50.0;
    kl_gumbel_exponential: Gumbel || Exponential, "scalar", 50.0;
    kl_gumbel_gamma: Gumbel || Gamma, "scalar", 50.0;
    kl_gumbel_normal: Gumbel || Normal, "scalar", 50.0;
    kl_gumbel_uniform: Gumbel || Uniform, "scalar", 50.0;
    kl_laplace_beta: Laplace || Beta, "scalar", 50.0;
    kl_normal_beta: Normal || Beta, "scalar", 50.0;
    kl_uniform_beta: Uniform || Beta, "scalar", 50.0;
    kl_uniform_gumbel: Uniform || Gumbel, "scalar", 50.0;
    kl_weibull_gamma: Weibull || Gamma, "scalar", 50.0;
    kl_bernoulli_poisson: Bernoulli || Poisson, "discrete", 50.0;
    kl_negative_binomial_negative_binomial: NegativeBinomial || NegativeBinomial, "discrete", 50.0;
}

/// The pairs of the tables that the library has no family for.
const NO_FAMILY: &[&str] = &["ProbitBernoulli"];

#[test]
fn no_pair_of_the_tables_is_left_out() {
    let mut covered: Vec<(&str, &str)> = KL_PAIRS.to_vec();
    covered.extend(crate::conformance::KL_PAIRS);
    covered.extend(crate::catalogue::KL_PAIRS);
    covered.extend(crate::scalar_families::KL_PAIRS);
    covered.extend(crate::kl_bounded::KL_PAIRS);
    covered.extend(crate::kl_bounded::with_probs().iter().map(|row| (row.0, row.2)));
    let of_matrices = crate::conformance_more::pairs().into_iter().chain(crate::multivariate::pairs());
    covered.extend(of_matrices.map(|pair| (pair.families[0], pair.families[1])));
    for file in ["scalar", "discrete", "multivariate"] {
        let Some(table) = data(&format!("kl/{file}.json")) else { return };
        let mut left_out = Vec::new();
        for row in table["rows"].as_array().unwrap() {
            let pair = (row["p"].as_str().unwrap(), row["q"].as_str().unwrap());
            if covered.contains(&pair) {
                continue;
            }
            assert!(NO_FAMILY.contains(&pair.0) || NO_FAMILY.contains(&pair.1), "{pair:?} is not compared");
            if !left_out.contains(&pair) {
                left_out.push(pair);
            }
        }
        println!("{file}: without a family of the library {left_out:?}");
    }
}

/// Every law of a pair with a finite divergence but those on gradients.
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

#[test]
fn pairs_on_the_positive_numbers() {
    let (gamma, inverse, weibull) =
        (Gamma::new(2.5, 0.7), InverseGamma::new(3.5, 1.3), Weibull::new(1.7, 0.8));
    let (log_normal, half) = (LogNormal::new(0.2, 0.6), HalfNormal::new(1.4));
    let (beta, normal, exponential) = (Beta::new(2.5, 1.5), Normal::new(0.7, 1.3), Exponential::new(0.6));
    let (gumbel, laplace) = (Gumbel::new(0.3, 1.8), Laplace::new(0.4, 1.2));
    numbers! {
        gamma => [inverse, weibull, log_normal, half, gumbel];
        inverse => [gamma, Weibull::new(1.2, 0.8), log_normal, half, normal, exponential];
        weibull => [gamma, inverse, log_normal, half, normal, exponential];
        log_normal => [gamma, inverse, weibull, half, normal, exponential];
        half => [gamma, Weibull::new(0.9, 0.5), log_normal, normal, exponential];
        beta => [gamma, inverse, weibull, log_normal, half, normal, exponential, Uniform::new(-0.2, 1.0)];
        Exponential::new(1.7) => [log_normal, weibull, half, gumbel, laplace, Laplace::new(-0.5, 0.3)];
        Uniform::new(0.2, 0.9) => [Beta::new(2.0, 0.4), gumbel, laplace, Laplace::new(2.0, 0.3)];
        HalfStudentT::new(7.0, 1.2) => [normal, exponential];
    }
    // Moments that do not exist.
    assert_eq!(InverseGamma::new(0.9, 1.3).kl(&gamma), f64::INFINITY);
    assert_eq!(half.kl(&inverse), f64::INFINITY);
    assert_eq!(Exponential::new(1.0).kl(&inverse), f64::INFINITY);
    assert_eq!(InverseGamma::new(1.9, 1.3).kl(&normal), f64::INFINITY);
    assert_eq!(HalfStudentT::new(1.9, 1.3).kl(&normal), f64::INFINITY);
    assert_eq!(Beta::new(0.9, 1.3).kl(&inverse), f64::INFINITY);
    // The same distribution by two names.
    let (a, b): (Gamma, Weibull) = (Gamma::new(1.0, 0.7), Weibull::new(1.0, 1.0 / 0.7));
    assert!(a.kl(&b).abs() < 1e-15 && b.kl(&a).abs() < 1e-15, "{} {}", a.kl(&b), b.kl(&a));
    // Large concentrations cancel.
    let (a, b): (Gamma, LogNormal) = (Gamma::new(1e8, 1e8), LogNormal::new(0.0, 1e-4));
    assert!((0.0..1e-7).contains(&a.kl(&b)), "{}", a.kl(&b));
}

#[test]
fn pairs_on_the_real_line() {
    let (normal, laplace, gumbel) = (Normal::new(0.7, 1.3), Laplace::new(0.4, 0.9), Gumbel::new(0.3, 1.8));
    numbers! {
        gumbel => [normal];
        Logistic::new(0.2, 0.7) => [normal, laplace, gumbel];
        laplace => [gumbel];
        StudentT::new(5.0, 0.2, 0.7) => [normal];
    }
    assert_eq!(StudentT::new(2.0, 0.2, 0.7).kl(&normal), f64::INFINITY);
    assert_eq!(StudentT::new(0.5, 0.2, 0.7).kl(&normal), f64::INFINITY);
    assert_eq!(Cauchy::new(0.0, 1.0).kl(&normal), f64::INFINITY);
    assert_eq!(Laplace::new(0.4, 1.8).kl(&gumbel), f64::INFINITY);
    assert_eq!(Logistic::new(0.4, 1.9).kl(&gumbel), f64::INFINITY);
    assert!(Logistic::new(0.4, -1.0).kl(&gumbel).is_nan() && Cauchy::new(0.0, -1.0).kl(&normal).is_nan());
    assert!(Logistic::<f64>::new(0.4, 1.0).kl(&HalfCauchy::new(-1.0)).is_nan());
}

#[test]
fn pairs_of_counts() {
    let (poisson, geometric) = (Poisson::new(3.5), Geometric::new(0.3));
    let (binomial, negative) = (Binomial::from_logits(12.0, -0.4), NegativeBinomial::from_logits(2.5, 0.3));
    let bernoulli = Bernoulli::new(0.3);
    numbers! {
        poisson => [negative, geometric];
        binomial => [poisson, negative, geometric];
        negative => [poisson, geometric, NegativeBinomial::from_logits(0.4, 1.3), NegativeBinomial::from_logits(2.6, -0.3)];
        geometric => [poisson, negative];
        bernoulli => [poisson, negative, geometric, binomial, Binomial::from_logits(1.0, 0.2)];
        Binomial::from_logits(1.0, 0.2) => [bernoulli];
        // Long tails, and poles at 0.
        NegativeBinomial::from_logits(0.05, 6.0) => [poisson, geometric, negative, NegativeBinomial::from_logits(0.051, 5.0)];
        Geometric::new(1e-3) => [poisson, negative];
        Poisson::new(5000.0) => [NegativeBinomial::from_logits(40.0, 4.0), geometric];
    }
    assert_eq!(poisson.kl(&binomial), f64::INFINITY);
    assert_eq!(geometric.kl(&bernoulli), f64::INFINITY);
    assert_eq!(binomial.kl(&bernoulli), f64::INFINITY);
    assert_eq!(poisson.kl(&Geometric::new(1.0)), f64::INFINITY);
    assert!((Geometric::new(1.0).kl(&poisson) - 3.5).abs() < 1e-15);
    assert_eq!(Bernoulli::<f64>::new(0.0).kl(&poisson), 3.5);
    assert_eq!(bernoulli.kl(&Binomial::from_logits(0.0, 0.2)), f64::INFINITY);
    // A Geometric distribution is a negative binomial one.
    let one: NegativeBinomial = NegativeBinomial::new(1.0, 0.7);
    assert!(one.kl(&geometric).abs() < 1e-14 && geometric.kl(&one).abs() < 1e-14);
    assert_eq!(negative.kl(&negative), 0.0);
    let other = Poisson::new(2.0);
    assert!((one.kl(&other) - geometric.kl(&other)).abs() < 1e-13);
    // Without a total count of its own, a large one is a Poisson distribution: of the order 1/r².
    let near: NegativeBinomial = NegativeBinomial::from_mean(3.5, 1e6);
    assert!(near.kl(&poisson) < 1e-10 && near.kl(&Poisson::new(3.6)) > 1e-3);
    for (r, l) in [(2.5, 0.3), (0.05, 6.0), (300.0, 1.0), (1e-3, -2.0)] {
        entropy_matches_density(&NegativeBinomial::from_logits(r, l)).unwrap();
    }
    let bad: NegativeBinomial = NegativeBinomial::from_logits(-1.0, 0.0);
    assert!(bad.entropy().is_nan() && bad.kl(&poisson).is_nan() && poisson.kl(&bad).is_nan());
    assert!(Geometric::new(1.5).kl(&poisson).is_nan() && bernoulli.kl(&Geometric::new(0.0)).is_nan());
}

#[test]
fn slopes_of_the_pairs() {
    let (gamma, inverse, weibull) =
        (Gamma::new(2.5, 0.7), InverseGamma::new(3.5, 1.3), Weibull::new(1.7, 0.8));
    let (beta, gumbel, laplace) = (Beta::new(2.5, 1.5), Gumbel::new(0.3, 1.8), Laplace::new(0.4, 1.2));
    kl_gradients_match::<Gamma, InverseGamma>(&gamma, &inverse).unwrap();
    kl_gradients_match::<InverseGamma, Weibull>(&inverse, &Weibull::new(1.2, 0.8)).unwrap();
    kl_gradients_match::<Weibull, LogNormal>(&weibull, &LogNormal::new(0.2, 0.6)).unwrap();
    kl_gradients_match::<LogNormal, HalfNormal>(&LogNormal::new(0.2, 0.6), &HalfNormal::new(1.4)).unwrap();
    kl_gradients_match::<HalfNormal, Gamma>(&HalfNormal::new(1.4), &gamma).unwrap();
    kl_gradients_match::<Beta, Weibull>(&beta, &weibull).unwrap();
    kl_gradients_match::<Gamma, Gumbel>(&gamma, &gumbel).unwrap();
    kl_gradients_match::<Uniform, Gumbel>(&Uniform::new(0.2, 0.9), &gumbel).unwrap();
    kl_gradients_match::<Logistic, Laplace>(&Logistic::new(0.2, 0.7), &laplace).unwrap();
    kl_gradients_match::<StudentT, Normal>(&StudentT::new(5.0, 0.2, 0.7), &Normal::new(0.7, 1.3)).unwrap();
    let negative = NegativeBinomial::from_logits(2.5, 0.3);
    kl_gradients_match::<NegativeBinomial, NegativeBinomial>(
        &negative,
        &NegativeBinomial::from_logits(2.6, -0.3),
    )
    .unwrap();
    kl_gradients_match::<NegativeBinomial, Poisson>(&negative, &Poisson::new(3.5)).unwrap();
    kl_gradients_match::<Poisson, Geometric>(&Poisson::new(3.5), &Geometric::new(0.3)).unwrap();
    kl_gradients_match::<Bernoulli, Poisson>(&Bernoulli::new(0.3), &Poisson::new(3.5)).unwrap();
}

/// What other libraries had wrong.
#[test]
fn known_faults_of_others() {
    // The same distribution, NaN there by a product of 0 and infinity.
    let (uniform, beta): (Uniform, Beta) = (Uniform::new(0.0, 1.0), Beta::new(1.0, 1.0));
    assert_eq!((uniform.kl(&beta), beta.kl(&uniform)), (0.0, 0.0));
    // A divergence that ignored the locations, and one with a wrong power of the ratio of scales.
    let (a, b): (f64, f64) = (
        Normal::new(0.0, 1.0).kl(&Laplace::new(0.0, 1.0)),
        Normal::new(0.0, 1.0).kl(&Laplace::new(3.0, 1.0)),
    );
    assert!(b > a + 1.0);
    let (q, p): (Gumbel, Normal) = (Gumbel::new(0.0, 1.0), Normal::new(0.0, 3.0));
    assert!((q.kl(&p) - kl_quadrature(&q, &p).value).abs() < 1e-9);
    // The bounds of one support inside the other's, touching.
    let beta_23: Beta = Beta::new(2.0, 3.0);
    assert!(beta_23.kl(&Uniform::new(0.0, 1.0)).is_finite());
    assert_eq!(beta_23.kl(&Uniform::new(0.1, 1.0)), f64::INFINITY);
}

#[test]
fn copies_have_one_divergence_each() {
    let tape = probity_autodiff::Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&probity_autodiff::nalgebra::DMatrix::from_row_slice(1, x.len(), x));
    let normal = |loc: &[f64], scale: f64| Normal::<probity_autodiff::Var<'_, f64>>::new(row(loc), scale);
    let (q, p) = (normal(&[0.1, 2.0], 0.5), normal(&[0.0], 1.0));
    let (each, sum) = (q.kl(&p), q.kl_sum(&p).item());
    let (q, p) = (q.rows(3), p.shaped(3, 2));
    assert_eq!(q.kl(&p).shape(), (3, 2));
    assert_eq!(q.kl(&p).value().row(2), each.value().row(0));
    assert!((q.kl_sum(&p).item() - 3.0 * sum).abs() < 1e-14);
    let dirichlet = |x: &[f64]| Dirichlet::new(row(x)).rows(4);
    let (q, p) = (dirichlet(&[1.0, 2.0]), dirichlet(&[2.0, 2.0]));
    assert_eq!(q.kl(&p).shape(), (4, 1));
    assert!((q.kl_sum(&p).item() - 4.0 * q.base().kl_sum(p.base()).item()).abs() < 1e-14);
}
