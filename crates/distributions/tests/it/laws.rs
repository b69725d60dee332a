//! The laws, run over random parameters of every family, KL pair and bijector.

use probity_distributions::laws::*;
use probity_distributions::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Few cases from a fixed seed: the same ones in every run.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 12, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Default::default() }
}

fn loc() -> impl Strategy<Value = f64> {
    -30.0..30.0
}

fn scale() -> impl Strategy<Value = f64> {
    (-4.0..4.0).prop_map(f64::exp)
}

fn key() -> impl Strategy<Value = Key> {
    any::<u64>().prop_map(Key::new)
}

/// The laws of a continuous family with a distribution function, whose draws are smooth functions
/// of the noise.
macro_rules! family_laws {
    ($($test:ident: $d:expr, [$(($name:ident, $strategy:expr)),+];)+) => {$(
        proptest! {
            #![proptest_config(few())]
            #[test]
            fn $test($($name in $strategy,)+ key in key()) {
                let d = $d;
                integrates_to_one(&d)?;
                cdf_matches_density(&d)?;
                quantile_inverts_cdf(&d)?;
                moments_match_density(&d)?;
                entropy_matches_density(&d)?;
                samples_follow_cdf(&d, 4000, key)?;
                samples_match_moments(&d, 4000, key)?;
                gradients_match(&d, d.sample((), key))?;
                reparameterized_gradients_match(&d, key)?;
                implicit_gradients_match(&d, key)?;
            }
        }
    )+};
}

family_laws! {
    normal: Normal::new(a, s), [(a, loc()), (s, scale())];
    laplace: Laplace::new(a, s), [(a, loc()), (s, scale())];
    uniform: Uniform::new(a, a + s), [(a, loc()), (s, scale())];
    // The variance of draws has heavy tails for a large scale.
    log_normal: LogNormal::new(a, s), [(a, -3.0..3.0), (s, 0.05..0.7)];
    half_normal: HalfNormal::new(s), [(s, scale())];
    half_cauchy: HalfCauchy::new(s), [(s, scale())];
    exponential: Exponential::new(s), [(s, scale())];
}

#[test]
fn bad_parameters() {
    let scales = [0.0, -1.0, f64::INFINITY];
    let locs = [f64::INFINITY, f64::NEG_INFINITY];
    let normal = Normal::new(0.3, 2.0);
    rejects(&normal, "loc", &locs).unwrap();
    rejects(&normal, "scale", &scales).unwrap();
    let laplace = Laplace::new(0.3, 2.0);
    rejects(&laplace, "loc", &locs).unwrap();
    rejects(&laplace, "scale", &scales).unwrap();
    let log_normal = LogNormal::new(0.3, 2.0);
    rejects(&log_normal, "loc", &locs).unwrap();
    rejects(&log_normal, "scale", &scales).unwrap();
    rejects(&HalfNormal::new(2.0), "scale", &scales).unwrap();
    rejects(&HalfCauchy::new(2.0), "scale", &scales).unwrap();
    rejects(&Exponential::new(2.0), "rate", &scales).unwrap();
    rejects(&Uniform::new(0.5, 2.0), "low", &locs).unwrap();
    rejects(&Uniform::new(0.5, 2.0), "high", &[0.5, 0.2, f64::INFINITY]).unwrap();
}

/// The laws of a pair with a finite KL divergence, and of the first family with itself.
macro_rules! kl_laws {
    ($($test:ident: $Q:ident || $P:ident, $q:expr, $p:expr, [$(($name:ident, $strategy:expr)),+];)+) => {$(
        proptest! {
            #![proptest_config(few())]
            #[test]
            fn $test($($name in $strategy,)+ key in key()) {
                let (q, p) = ($q, $p);
                kl_is_not_negative(&q, &p)?;
                kl_of_itself_is_zero(&q)?;
                kl_matches_quadrature(&q, &p)?;
                kl_matches_monte_carlo(&q, &p, 4000, key)?;
                kl_gradients_match::<$Q, $P>(&q, &p)?;
            }
        }
    )+};
}

fn near() -> impl Strategy<Value = f64> {
    -2.0..2.0
}

fn wide() -> impl Strategy<Value = f64> {
    0.4..3.0
}

kl_laws! {
    kl_normal_normal: Normal || Normal, Normal::new(a, s), Normal::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_normal_laplace: Normal || Laplace, Normal::new(a, s), Laplace::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_laplace_laplace: Laplace || Laplace, Laplace::new(a, s), Laplace::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_laplace_normal: Laplace || Normal, Laplace::new(a, s), Normal::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_log_normal_log_normal: LogNormal || LogNormal, LogNormal::new(a, s), LogNormal::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_half_normal_half_normal: HalfNormal || HalfNormal, HalfNormal::new(s), HalfNormal::new(t),
        [(s, wide()), (t, wide())];
    kl_exponential_exponential: Exponential || Exponential, Exponential::new(s), Exponential::new(t),
        [(s, wide()), (t, wide())];
    kl_exponential_normal: Exponential || Normal, Exponential::new(s), Normal::new(b, t),
        [(s, wide()), (b, near()), (t, wide())];
    kl_uniform_uniform: Uniform || Uniform, Uniform::new(a, a + s), Uniform::new(a - b, a + s + t),
        [(a, near()), (s, wide()), (b, wide()), (t, wide())];
    kl_uniform_normal: Uniform || Normal, Uniform::new(a, a + s), Normal::new(b, t),
        [(a, near()), (s, wide()), (b, near()), (t, wide())];
    kl_uniform_exponential: Uniform || Exponential, Uniform::new(a, a + s), Exponential::new(t),
        [(a, wide()), (s, wide()), (t, wide())];
}

proptest! {
    #![proptest_config(few())]
    /// Rounding must not take the divergence of nearly equal distributions below 0.
    #[test]
    fn kl_of_neighbours_is_not_negative(a in loc(), s in scale(), ulps in 0..40i32) {
        let near = |x: f64| x * (1.0 + f64::from(ulps - 20) * f64::EPSILON);
        kl_is_not_negative(&Normal::new(a, s), &Normal::new(a, near(s)))?;
        kl_is_not_negative(&Normal::new(a, s), &Normal::new(near(a), near(s)))?;
        kl_is_not_negative(&Laplace::new(a, s), &Laplace::new(near(a), near(s)))?;
        kl_is_not_negative(&LogNormal::new(a, s), &LogNormal::new(near(a), near(s)))?;
        kl_is_not_negative(&HalfNormal::new(s), &HalfNormal::new(near(s)))?;
        kl_is_not_negative(&Exponential::new(s), &Exponential::new(near(s)))?;
    }

    #[test]
    fn bijector_laws(u in -30.0..30.0_f64, low in -2.0..2.0_f64, width in 0.4..3.0_f64) {
        bijector_inverts(&bijectors::Identity, u)?;
        bijector_inverts(&bijectors::Exp, u)?;
        bijector_inverts(&bijectors::Softplus, u)?;
        bijector_log_det_matches(&bijectors::Identity, u)?;
        bijector_log_det_matches(&bijectors::Exp, u)?;
        bijector_log_det_matches(&bijectors::Softplus, u)?;
        let interval = bijectors::Interval { low: low.into(), high: (low + width).into() };
        bijector_inverts(&interval, u)?;
        bijector_log_det_matches(&interval, u)?;
    }
}
