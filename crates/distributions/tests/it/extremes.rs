//! The laws of the edges over all families and pairs, and single values at the edges.

use probity_distributions::laws::*;
use probity_distributions::*;

pub(crate) const INF: f64 = f64::INFINITY;
pub(crate) const MAX: f64 = f64::MAX;
pub(crate) const SCALES: &[f64] = &[0.0, -0.0, -1.0, -5e-324, INF, -INF];
pub(crate) const LOCS: &[f64] = &[INF, -INF];

/// One entry a family: examples, also with extreme parameters, what each parameter must not be, and
/// the capabilities.
macro_rules! families {
    ($($test:ident: [$($d:expr),+ $(,)?], {$($parameter:ident: $bad:expr),+}, [$($capability:ident),+];)+) => {$(
        #[test]
        fn $test() {
            for d in [$($d),+] {
                let bad: &[(&str, &[f64])] = &[$((stringify!($parameter), $bad)),+];
                for (parameter, bad) in bad {
                    let numbers = [density as Numbers<_>, $($capability),+];
                    bad_parameters_give_nan(&d, parameter, bad, &numbers).unwrap();
                }
                density_at_edges(&d).unwrap();
                unconstrained_density_matches(&d).unwrap();
                $(also!($capability, d);)+
            }
        }
    )+};
}
macro_rules! also {
    (cdf, $d:expr) => {
        cdf_at_edges(&$d).unwrap()
    };
    ($other:ident, $d:expr) => {};
}

pub(crate) use {also, families as edges};

families! {
    normal: [Normal::new(0.3, 2.0), Normal::new(-1e300, 1e-300), Normal::new(0.0, 1e300), Normal::new(MAX, 1e-3)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    laplace: [Laplace::new(0.3, 2.0), Laplace::new(1e300, 1e-300), Laplace::new(0.0, 1e300)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    student_t: [StudentT::new(4.0, 0.3, 2.0), StudentT::new(0.05, 0.0, 1.0), StudentT::new(1e9, 0.0, 1.0),
        StudentT::new(3.0, 1e200, 1e-200), StudentT::new(1.0, 0.0, 1e300)],
        { df: SCALES, loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    scale_mixture: [ScaleMixture::new(0.25, 1.0, 0.1), ScaleMixture::new(1e-12, 1e-100, 1e100), ScaleMixture::new(0.5, 1.0, 1.0)],
        { mix: &[0.0, 1.0, -0.5, 1.5, INF, -INF], scale1: SCALES, scale2: SCALES }, [cdf, moments, entropy, draw];
    softplus_normal: [SoftplusNormal::new(0.3, -1.0), SoftplusNormal::new(-1.0, -80.0), SoftplusNormal::new(0.0, 1e30)],
        { loc: LOCS, rho: LOCS }, [moments, entropy, draw];
    uniform: [Uniform::new(-0.5, 2.0), Uniform::new(-1e308, 1e308), Uniform::new(-0.0, 1.0), Uniform::new(f64::MIN, MAX),
        Uniform::new(0.0, 5e-320), Uniform::new(1e300, 2e300)],
        { low: LOCS, high: &[f64::MIN, -INF, INF] }, [cdf, moments, entropy, draw];
    half_normal: [HalfNormal::new(2.0), HalfNormal::new(1e-300), HalfNormal::new(1e300)],
        { scale: SCALES }, [cdf, moments, entropy, draw];
    half_cauchy: [HalfCauchy::new(2.0), HalfCauchy::new(1e-300), HalfCauchy::new(1e300)],
        { scale: SCALES }, [cdf, moments, entropy, draw];
    exponential: [Exponential::new(2.0), Exponential::new(1e-300), Exponential::new(1e300)],
        { rate: SCALES }, [cdf, moments, entropy, draw];
    log_normal: [LogNormal::new(0.3, 2.0), LogNormal::new(-700.0, 0.1), LogNormal::new(0.0, 30.0)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    gamma: [Gamma::new(0.5, 3.0), Gamma::new(1.0, 3.0), Gamma::new(2.0, 3.0), Gamma::new(9.999, 3.0), Gamma::new(10.0, 3.0),
        Gamma::new(50.0, 3.0), Gamma::new(1e-3, 1e-3), Gamma::new(1e6, 1e6), Gamma::new(20.0, 1e-300), Gamma::new(0.3, 1e300)],
        { concentration: SCALES, rate: SCALES }, [cdf, moments, entropy, draw];
    beta: [Beta::new(0.5, 3.0), Beta::new(1.0, 1.0), Beta::new(2.0, 1.0), Beta::new(50.0, 20.0), Beta::new(1e-3, 1e4)],
        { concentration1: SCALES, concentration0: SCALES }, [cdf, moments, entropy, draw];
    cauchy: [Cauchy::new(0.3, 2.0), Cauchy::new(1e300, 1e-300), Cauchy::new(0.0, 1e300)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    inverse_gamma: [InverseGamma::new(0.5, 3.0), InverseGamma::new(2.0, 3.0), InverseGamma::new(50.0, 3.0),
        InverseGamma::new(1e-3, 1e-3), InverseGamma::new(20.0, 1e-300)],
        { concentration: SCALES, scale: SCALES }, [cdf, moments, entropy, draw];
    half_student_t: [HalfStudentT::new(4.0, 2.0), HalfStudentT::new(0.05, 1.0), HalfStudentT::new(3.0, 1e-200)],
        { df: SCALES, scale: SCALES }, [cdf, moments, entropy, draw];
    logistic: [Logistic::new(0.3, 2.0), Logistic::new(-1e300, 1e-300), Logistic::new(0.0, 1e300)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    gumbel: [Gumbel::new(0.3, 2.0), Gumbel::new(0.0, 1e300)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    weibull: [Weibull::new(0.5, 2.0), Weibull::new(1.0, 2.0), Weibull::new(3.0, 1e-200), Weibull::new(100.0, 1.0)],
        { concentration: SCALES, scale: SCALES }, [cdf, moments, entropy, draw];
}

/// Families of counts have no unconstrained values.
macro_rules! counts {
    ($($test:ident: $family:ident [$($d:expr),+ $(,)?], {$($parameter:ident: $bad:expr),+}, [$($capability:ident),*];)+) => {$(
        #[test]
        fn $test() {
            fn mass(d: &$family, x: f64) -> Vec<(&'static str, f64)> {
                vec![("log_prob", d.log_prob(x))]
            }
            for d in [$($d),+] {
                let bad: &[(&str, &[f64])] = &[$((stringify!($parameter), $bad)),+];
                for (parameter, bad) in bad {
                    let numbers = [mass as Numbers<_>, cdf, moments, draw, $($capability),*];
                    bad_parameters_give_nan(&d, parameter, bad, &numbers).unwrap();
                }
                density_at_edges(&d).unwrap();
                cdf_at_edges(&d).unwrap();
            }
        }
    )+};
}

pub(crate) use counts as edges_of_counts;

counts! {
    poisson: Poisson [Poisson::new(0.3), Poisson::new(1e-300), Poisson::new(1e9)], { rate: SCALES }, [entropy];
    negative_binomial: NegativeBinomial [NegativeBinomial::from_logits(0.3, 0.5), NegativeBinomial::from_logits(1e6, -10.0)],
        { total_count: SCALES, logits: LOCS }, [];
    binomial: Binomial [Binomial::from_logits(3.0, 0.5), Binomial::from_logits(1e9, -10.0)],
        { total_count: &[0.5, -1.0, INF, -INF], logits: LOCS }, [entropy];
    geometric: Geometric [Geometric::new(0.3), Geometric::new(1e-12), Geometric::new(1.0)],
        { probs: &[0.0, -0.5, 1.5, INF, -INF] }, [entropy];
}

#[test]
fn bernoulli() {
    for logits in [0.3, -40.0, 800.0, INF, -INF] {
        let d = Bernoulli::from_logits(logits);
        let numbers = [density_of_counts as Numbers<_>, moments, entropy, draw];
        bad_parameters_give_nan::<Bernoulli>(&d, "logits", &[], &numbers).unwrap();
        density_at_edges(&d).unwrap();
    }
    for p in [-0.5, -5e-324, 1.2, 1.0 + f64::EPSILON, INF, -INF, f64::NAN] {
        let d = Bernoulli::<f64>::new(p);
        for x in EDGES {
            let mut all = density_of_counts(&d, x);
            all.extend([moments(&d, x), entropy(&d, x), draw(&d, x)].concat());
            all.extend([("probs", d.probs()), ("logits", d.logits())]);
            all.extend([("kl", d.kl(&Bernoulli::new(0.5))), ("kl to it", Bernoulli::new(0.5).kl(&d))]);
            assert!(all.iter().all(|(_, got)| got.is_nan()), "{p}: {all:?}");
        }
    }
    for p in [0.0, 5e-324, 1e-300, 0.3, 1.0 - f64::EPSILON, 1.0] {
        let d = Bernoulli::<f64>::new(p);
        assert_eq!([d.log_prob(1.0), d.mean()], [p.ln(), p]);
        assert_eq!(d.log_prob(0.0), (-p).ln_1p());
        assert!(d.log_prob(0.5) == -INF && d.log_prob(INF) == -INF && d.log_prob(f64::NAN).is_nan());
        assert_eq!(d.kl(&d), 0.0);
    }
}

/// A discrete family has no unconstrained value.
fn density_of_counts(d: &Bernoulli, x: f64) -> Vec<(&'static str, f64)> {
    vec![("log_prob", d.log_prob(x))]
}

/// The laws of a pair: extreme examples, and what its parameters must not be.
macro_rules! pairs {
    ($($test:ident: $Q:ident {$($a:ident: $a_bad:expr),+} || $P:ident {$($b:ident: $b_bad:expr),+},
        [$($q:expr => $p:expr),+ $(,)?];)+) => {$(
        #[test]
        fn $test() {
            let q_bad: &[(&str, &[f64])] = &[$((stringify!($a), $a_bad)),+];
            let p_bad: &[(&str, &[f64])] = &[$((stringify!($b), $b_bad)),+];
            for (q, p) in [$(($q, $p)),+] {
                kl_at_edges::<$Q, $P>(&q, &p).unwrap();
                kl_of_bad_parameters_is_nan::<$Q, $P>((&q, q_bad), (&p, p_bad)).unwrap();
            }
        }
    )+};
}

pub(crate) use pairs as edges_of_pairs;

const MIXES: &[f64] = &[0.0, 1.0, -0.5, 1.5];

pairs! {
    kl_normal_normal: Normal { loc: LOCS, scale: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Normal::new(0.0, 1.0) => Normal::new(0.0, 1.0),
        Normal::new(0.0, 1.0) => Normal::new(0.0, 1e-300),
        Normal::new(0.0, 1e-300) => Normal::new(0.0, 1e300),
        Normal::new(0.0, 1e300) => Normal::new(0.0, 1e-300),
        Normal::new(1e308, 1.0) => Normal::new(-1e308, 1e300)];
    kl_normal_laplace: Normal { loc: LOCS, scale: SCALES } || Laplace { loc: LOCS, scale: SCALES }, [
        Normal::new(0.0, 1.0) => Laplace::new(0.0, 1e-300),
        Normal::new(0.0, 1e-300) => Laplace::new(1.0, 1e300),
        Normal::new(1e308, 1e-300) => Laplace::new(-1e308, 1e-300)];
    kl_laplace_laplace: Laplace { loc: LOCS, scale: SCALES } || Laplace { loc: LOCS, scale: SCALES }, [
        Laplace::new(0.0, 1.0) => Laplace::new(0.0, 1e-300),
        Laplace::new(0.0, 1e300) => Laplace::new(1.0, 1e-300),
        Laplace::new(0.0, 1e-300) => Laplace::new(1.0, 1e300),
        Laplace::new(1e308, 1.0) => Laplace::new(-1e308, 1e300)];
    kl_laplace_normal: Laplace { loc: LOCS, scale: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Laplace::new(0.0, 1.0) => Normal::new(0.0, 1e-300),
        Laplace::new(0.0, 1e-300) => Normal::new(1.0, 1e300),
        Laplace::new(1e308, 1.0) => Normal::new(-1e308, 1e300)];
    kl_normal_student_t: Normal { loc: LOCS, scale: SCALES } || StudentT { df: SCALES, loc: LOCS, scale: SCALES }, [
        Normal::new(0.0, 1.0) => StudentT::new(1e9, 0.0, 1.0),
        Normal::new(0.0, 1.0) => StudentT::new(1.584893192461124e69, 0.0, 1.0),
        Normal::new(0.0, 1.0) => StudentT::new(1e300, 0.0, 1.0),
        Normal::new(0.0, 1.0) => StudentT::new(1e-200, 0.0, 1.0),
        Normal::new(0.0, 1e200) => StudentT::new(4.0, 0.0, 1.0),
        Normal::new(1e300, 1.0) => StudentT::new(4.0, -1e300, 1e-300),
        Normal::new(0.0, 1e-300) => StudentT::new(4.0, 1.0, 1e300)];
    kl_normal_mixture: Normal { loc: LOCS, scale: SCALES } || ScaleMixture { mix: MIXES, scale1: SCALES, scale2: SCALES }, [
        Normal::new(0.0, 0.41686938347033553) => ScaleMixture::new(1e-12, 1.0, 0.41686938347033553),
        Normal::new(0.0, 1.0) => ScaleMixture::new(1e-300, 1e100, 1.0),
        Normal::new(0.0, 1e165) => ScaleMixture::new(0.5, 1.0, 0.5),
        Normal::new(0.0, 1.0) => ScaleMixture::new(0.5, 1e200, 1e-200),
        Normal::new(1e300, 1e-300) => ScaleMixture::new(0.5, 1e-200, 1e200)];
    kl_softplus_normal: SoftplusNormal { loc: LOCS, rho: LOCS } || Normal { loc: LOCS, scale: SCALES }, [
        SoftplusNormal::new(0.0, -800.0) => Normal::new(0.0, 1.0),
        SoftplusNormal::new(0.0, 1e100) => Normal::new(0.0, 1e-300)];
    kl_half_normal: HalfNormal { scale: SCALES } || HalfNormal { scale: SCALES }, [
        HalfNormal::new(1.0) => HalfNormal::new(1e-300),
        HalfNormal::new(1e-300) => HalfNormal::new(1e300)];
    kl_exponential: Exponential { rate: SCALES } || Exponential { rate: SCALES }, [
        Exponential::new(1.0) => Exponential::new(1e-300),
        Exponential::new(1e-300) => Exponential::new(1e300),
        Exponential::new(1e300) => Exponential::new(1e-300)];
    kl_exponential_normal: Exponential { rate: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Exponential::new(1e-300) => Normal::new(0.0, 1.0), Exponential::new(1e300) => Normal::new(0.0, 1e300)];
    kl_gamma: Gamma { concentration: SCALES, rate: SCALES } || Gamma { concentration: SCALES, rate: SCALES }, [
        Gamma::new(2.0, 3.0) => Gamma::new(2.0, 1e-300),
        Gamma::new(2.0, 1e-300) => Gamma::new(2.0, 1e300),
        Gamma::new(2.0, 1e300) => Gamma::new(2.0, 1e-300),
        Gamma::new(1e-300, 3.0) => Gamma::new(1e300, 3.0),
        Gamma::new(1e300, 3.0) => Gamma::new(1e-100, 3.0)];
    kl_gamma_normal: Gamma { concentration: SCALES, rate: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Gamma::new(2.0, 1e-300) => Normal::new(0.0, 1.0), Gamma::new(1e-3, 1e300) => Normal::new(0.0, 1e-3)];
    kl_gamma_exponential: Gamma { concentration: SCALES, rate: SCALES } || Exponential { rate: SCALES }, [
        Gamma::new(2.0, 1e-300) => Exponential::new(1e300)];
    kl_exponential_gamma: Exponential { rate: SCALES } || Gamma { concentration: SCALES, rate: SCALES }, [
        Exponential::new(1e300) => Gamma::new(2.0, 1e-300)];
    kl_log_normal: LogNormal { loc: LOCS, scale: SCALES } || LogNormal { loc: LOCS, scale: SCALES }, [
        LogNormal::new(0.0, 1.0) => LogNormal::new(0.0, 1e-300)];
    kl_uniform_uniform: Uniform { low: LOCS, high: &[-INF, INF] } || Uniform { low: LOCS, high: &[-INF, INF] }, [
        Uniform::new(-1.0, 1.0) => Uniform::new(f64::MIN, MAX),
        Uniform::new(f64::MIN, MAX) => Uniform::new(f64::MIN, MAX),
        Uniform::new(f64::MIN, MAX) => Uniform::new(-1.0, 1.0)];
    kl_uniform_normal: Uniform { low: LOCS, high: &[-INF, INF] } || Normal { loc: LOCS, scale: SCALES }, [
        Uniform::new(-1e308, 1e308) => Normal::new(0.0, 1.0), Uniform::new(-1e308, 1e308) => Normal::new(1e308, 1e308)];
    kl_uniform_exponential: Uniform { low: LOCS, high: &[-INF, INF] } || Exponential { rate: SCALES }, [
        Uniform::new(-0.0, 1.0) => Exponential::new(1.0), Uniform::new(-1.0, 1.0) => Exponential::new(1.0)];
    kl_uniform_gamma: Uniform { low: LOCS, high: &[-INF, INF] } || Gamma { concentration: SCALES, rate: SCALES }, [
        Uniform::new(-0.0, 1.0) => Gamma::new(2.0, 1.0), Uniform::new(-1.0, 1e308) => Gamma::new(2.0, 1e308)];
    kl_normal_gamma: Normal { loc: LOCS, scale: SCALES } || Gamma { concentration: SCALES, rate: SCALES }, [
        Normal::new(0.0, 1.0) => Gamma::new(2.0, 1.0)];
    kl_normal_exponential: Normal { loc: LOCS, scale: SCALES } || Exponential { rate: SCALES }, [
        Normal::new(0.0, 1.0) => Exponential::new(2.0)];
    kl_normal_uniform: Normal { loc: LOCS, scale: SCALES } || Uniform { low: LOCS, high: &[-INF, INF] }, [
        Normal::new(0.0, 1.0) => Uniform::new(0.0, 1.0)];
    kl_gamma_uniform: Gamma { concentration: SCALES, rate: SCALES } || Uniform { low: LOCS, high: &[-INF, INF] }, [
        Gamma::new(2.0, 1.0) => Uniform::new(0.0, 1.0)];
    kl_bernoulli: Bernoulli { logits: &[] } || Bernoulli { logits: &[] }, [
        Bernoulli::from_logits(0.3) => Bernoulli::from_logits(INF),
        Bernoulli::from_logits(0.3) => Bernoulli::from_logits(-INF),
        Bernoulli::from_logits(INF) => Bernoulli::from_logits(INF),
        Bernoulli::from_logits(INF) => Bernoulli::from_logits(-INF),
        Bernoulli::from_logits(-800.0) => Bernoulli::from_logits(1e300)];
}

/// A member with one mistake breaks each law.
#[test]
fn every_law_of_the_edges_can_fail() {
    use probity_autodiff::formula;
    #[derive(Clone, Copy, Debug)]
    struct Broken<V = f64> {
        scale: V,
    }
    family!(Broken { scale });
    impl<V: Value> Distribution<V> for Broken<V> {
        const NAME: &'static str = "Broken";
        fn support(&self) -> Support<V> {
            Support::Positive
        }
        fn shape(&self) -> (usize, usize) {
            self.scale.shape()
        }
        fn check(&self) -> Result<(), ParameterError> {
            Ok(())
        }
        fn log_prob_terms(&self, x: V, terms: Terms) -> V {
            V::apply_as(terms, formula!(|x, s| -x * s), [x, self.scale])
        }
        fn log_prob_unconstrained(&self, u: V, terms: Terms) -> V {
            V::apply_as(terms, formula!(|u, s| -u * s), [u, self.scale])
        }
    }
    impl<V: Value> Cdf<V> for Broken<V> {
        fn cdf(&self, x: V) -> V {
            x
        }
        fn sf(&self, x: V) -> V {
            -x
        }
        fn log_cdf(&self, x: V) -> V {
            x
        }
        fn log_sf(&self, x: V) -> V {
            x
        }
        fn quantile(&self, p: V) -> V {
            p
        }
    }
    impl<V: Value> KlDivergence<Broken<V>> for Broken<V> {
        type Value = V;
        const METHOD: KlMethod = KlMethod::Closed;
        fn kl_terms(&self, p: &Broken<V>, terms: Terms) -> V {
            V::apply_as(terms, formula!(|s, t| s - t), [self.scale, p.scale])
        }
    }
    let d = Broken { scale: 2.0 };
    let broken = |result: Result<(), LawError>, law: &str| assert_eq!(result.expect_err(law).law, law);
    broken(
        bad_parameters_give_nan(&d, "scale", &[-1.0], &[density as Numbers<_>]),
        "bad_parameters_give_nan",
    );
    broken(density_at_edges(&d), "density_at_edges");
    broken(cdf_at_edges(&d), "cdf_at_edges");
    broken(unconstrained_density_matches(&d), "unconstrained_density_matches");
    let bad: &[(&str, &[f64])] = &[("scale", &[-1.0])];
    broken(
        kl_of_bad_parameters_is_nan::<Broken, Broken>((&d, bad), (&d, bad)),
        "kl_of_bad_parameters_is_nan",
    );
    broken(kl_at_edges::<Broken, Broken>(&d, &Broken { scale: 3.0 }), "kl_at_edges");
}
