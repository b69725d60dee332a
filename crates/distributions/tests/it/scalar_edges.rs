//! More families of numbers: the laws of the edges.

use crate::extremes::{INF, LOCS, SCALES, also, edges, edges_of_counts, edges_of_pairs};
use probity_distributions::laws::*;
use probity_distributions::*;

edges! {
    pareto: [Pareto::new(0.5, 3.0), Pareto::new(1e-300, 1e-3), Pareto::new(1e300, 50.0)],
        { scale: SCALES, alpha: SCALES }, [cdf, moments, entropy, draw];
    chi2: [Chi2::new(3.0), Chi2::new(1e-3), Chi2::new(1e6)],
        { df: SCALES }, [cdf, moments, entropy, draw];
    kumaraswamy: [Kumaraswamy::new(0.5, 3.0), Kumaraswamy::new(1.0, 1.0), Kumaraswamy::new(2.0, 0.5),
        Kumaraswamy::new(50.0, 1e4), Kumaraswamy::new(1e-3, 1e-3)],
        { concentration1: SCALES, concentration0: SCALES }, [cdf, moments, entropy, draw];
    logit_normal: [LogitNormal::new(0.3, 2.0), LogitNormal::new(-700.0, 0.1), LogitNormal::new(0.0, 30.0)],
        { loc: LOCS, scale: SCALES }, [cdf, moments, entropy, draw];
    truncated_normal: [TruncatedNormal::new(0.3, 2.0, -1.0, 3.0), TruncatedNormal::new(0.0, 1.0, 40.0, 41.0),
        TruncatedNormal::new(0.0, 1e-3, -1.0, 1.0), TruncatedNormal::new(5.0, 1.0, -3.0, -1.0),
        TruncatedNormal::new(0.0, 1e8, 1.0, 2.0)],
        { loc: LOCS, scale: SCALES, low: LOCS, high: &[f64::MIN, -INF, INF] }, [cdf, moments, entropy, draw];
    inverse_gaussian: [InverseGaussian::new(0.5, 3.0), InverseGaussian::new(1.0, 1e3), InverseGaussian::new(5.0, 0.01),
        InverseGaussian::new(1e-100, 1e100), InverseGaussian::new(1e100, 1e-100)],
        { loc: SCALES, concentration: SCALES }, [cdf, moments, entropy, draw];
    continuous_bernoulli: [ContinuousBernoulli::from_logits(0.0), ContinuousBernoulli::from_logits(-3.0),
        ContinuousBernoulli::from_logits(1e300), ContinuousBernoulli::from_logits(-1e-300)],
        { logits: LOCS }, [cdf, moments, entropy, draw];
    skew_normal: [SkewNormal::new(0.3, 2.0, 0.5), SkewNormal::new(0.0, 1e-100, -1e3), SkewNormal::new(1e100, 1.0, 0.0)],
        { loc: LOCS, scale: SCALES, skewness: LOCS }, [cdf, moments, draw];
    ex_gaussian: [ExGaussian::new(0.3, 2.0, 0.5), ExGaussian::new(0.0, 1e-100, 1e-100), ExGaussian::new(0.0, 1e50, 1e50)],
        { loc: LOCS, scale: SCALES, rate: SCALES }, [cdf, moments, draw];
    asymmetric_laplace: [AsymmetricLaplace::new(0.3, 2.0, 0.5), AsymmetricLaplace::new(1e300, 1e-300, 1e3)],
        { loc: LOCS, scale: SCALES, asymmetry: SCALES }, [cdf, moments, entropy, draw];
    extreme_value: [GeneralisedExtremeValue::new(0.3, 2.0, 0.5), GeneralisedExtremeValue::new(0.0, 1e100, 0.0),
        GeneralisedExtremeValue::new(0.0, 1.0, -0.3), GeneralisedExtremeValue::new(0.0, 1.0, 1e-100)],
        { loc: LOCS, scale: SCALES, shape: LOCS }, [cdf, moments, entropy, draw];
    generalised_pareto: [GeneralisedPareto::new(0.3, 2.0, 0.5), GeneralisedPareto::new(0.0, 1e100, 0.0),
        GeneralisedPareto::new(-1.0, 1.0, -0.3), GeneralisedPareto::new(0.0, 1.0, 1e-100)],
        { loc: LOCS, scale: SCALES, shape: LOCS }, [cdf, moments, entropy, draw];
    frechet: [Frechet::new(0.5, 2.0), Frechet::new(1.0, 2.0), Frechet::new(3.0, 1e-200), Frechet::new(100.0, 1.0)],
        { concentration: SCALES, scale: SCALES }, [cdf, moments, entropy, draw];
    log_logistic: [LogLogistic::new(0.5, 2.0), LogLogistic::new(1.0, 2.0), LogLogistic::new(3.0, 1e-200), LogLogistic::new(100.0, 1.0)],
        { concentration: SCALES, scale: SCALES }, [cdf, moments, entropy, draw];
    chi: [Chi::new(3.0), Chi::new(1.0), Chi::new(1e-3), Chi::new(1e6)],
        { df: SCALES }, [cdf, moments, entropy, draw];
    triangular: [Triangular::new(-0.5, 2.0, 1.0), Triangular::new(0.0, 1.0, 0.0), Triangular::new(0.0, 1.0, 1.0),
        Triangular::new(-1e300, 1e300, 0.0)],
        { low: LOCS, high: &[f64::MIN, -INF, INF], peak: &[f64::MIN, -INF, INF] }, [cdf, moments, entropy, draw];
    horseshoe: [Horseshoe::new(2.0), Horseshoe::new(1e-300), Horseshoe::new(1e300)],
        { scale: SCALES }, [moments, entropy, draw];
}

edges_of_counts! {
    beta_binomial: BetaBinomial [BetaBinomial::new(3.0, 0.3, 0.5), BetaBinomial::new(0.0, 2.0, 3.0),
        BetaBinomial::new(100.0, 1e-3, 1e3), BetaBinomial::new(40.0, 1e9, 1e9)],
        { total_count: &[0.5, -1.0, INF, -INF], concentration1: SCALES, concentration0: SCALES }, [entropy];
    discrete_uniform: DiscreteUniform [DiscreteUniform::new(-3.0, 4.0), DiscreteUniform::new(0.0, 0.0),
        DiscreteUniform::new(-9e15, 9e15)],
        { low: &[0.5, INF, -INF, 1e16], high: &[0.5, INF, -INF, -1e16] }, [entropy];
    skellam: Skellam [Skellam::new(0.3, 2.0), Skellam::new(1e-300, 1e-300), Skellam::new(50.0, 8.0)],
        { rate1: SCALES, rate2: SCALES }, [entropy];
}

/// Any number is an angle: the laws of supports do not hold, those of parameters do.
#[test]
fn von_mises() {
    for d in [VonMises::new(0.3, 2.0), VonMises::new(-3.0, 1e-300), VonMises::new(0.0, 1e300)] {
        let numbers = [density as Numbers<_>, cdf, moments, entropy, draw];
        bad_parameters_give_nan(&d, "loc", LOCS, &numbers).unwrap();
        bad_parameters_give_nan(&d, "concentration", SCALES, &numbers).unwrap();
        cdf_at_edges(&d).unwrap();
        assert!(d.log_prob(f64::NAN).is_nan() && d.log_prob(INF) == -INF);
    }
}

edges_of_pairs! {
    kl_pareto: Pareto { scale: SCALES, alpha: SCALES } || Pareto { scale: SCALES, alpha: SCALES }, [
        Pareto::new(1.0, 2.0) => Pareto::new(1.0, 2.0),
        Pareto::new(1.0, 2.0) => Pareto::new(2.0, 2.0),
        Pareto::new(1e300, 1e-300) => Pareto::new(1e-300, 1e300),
        Pareto::new(1.0, 1e300) => Pareto::new(1.0, 1e-300)];
    kl_chi2: Chi2 { df: SCALES } || Chi2 { df: SCALES }, [
        Chi2::new(2.0) => Chi2::new(1e300), Chi2::new(1e-300) => Chi2::new(1.0)];
    kl_von_mises: VonMises { loc: LOCS, concentration: SCALES } || VonMises { loc: LOCS, concentration: SCALES }, [
        VonMises::new(0.0, 1e300) => VonMises::new(0.0, 1e-300),
        VonMises::new(0.0, 1e-300) => VonMises::new(1.0, 1e100),
        VonMises::new(2.0, 10.0) => VonMises::new(2.0, 10.0)];
    kl_inverse_gaussian: InverseGaussian { loc: SCALES, concentration: SCALES }
        || InverseGaussian { loc: SCALES, concentration: SCALES }, [
        InverseGaussian::new(1.0, 1e-300) => InverseGaussian::new(1.0, 1e300),
        InverseGaussian::new(1e-100, 1.0) => InverseGaussian::new(1e100, 1.0)];
    kl_continuous_bernoulli: ContinuousBernoulli { logits: LOCS } || ContinuousBernoulli { logits: LOCS }, [
        ContinuousBernoulli::from_logits(0.0) => ContinuousBernoulli::from_logits(0.0),
        ContinuousBernoulli::from_logits(1e300) => ContinuousBernoulli::from_logits(-1e300),
        ContinuousBernoulli::from_logits(1e-300) => ContinuousBernoulli::from_logits(1e300)];
    kl_frechet: Frechet { concentration: SCALES, scale: SCALES } || Frechet { concentration: SCALES, scale: SCALES }, [
        Frechet::new(1.0, 1e-300) => Frechet::new(2.0, 1e300),
        Frechet::new(1e-100, 1.0) => Frechet::new(1e100, 1.0)];
    kl_chi: Chi { df: SCALES } || Chi { df: SCALES }, [
        Chi::new(2.0) => Chi::new(1e300), Chi::new(1e-300) => Chi::new(1.0)];
    kl_logit_normal: LogitNormal { loc: LOCS, scale: SCALES } || LogitNormal { loc: LOCS, scale: SCALES }, [
        LogitNormal::new(0.0, 1.0) => LogitNormal::new(0.0, 1e-300)];
}
