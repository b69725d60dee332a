//! Divergences between families of different files at the edges: extreme and bad parameters.

use crate::extremes::edges_of_pairs;
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;
const SCALES: &[f64] = &[0.0, -1.0, INF, -INF];
const LOCS: &[f64] = &[INF, -INF];

edges_of_pairs! {
    gamma_inverse_gamma: Gamma { concentration: SCALES, rate: SCALES } || InverseGamma { concentration: SCALES, scale: SCALES }, [
        Gamma::new(2.0, 1e-100) => InverseGamma::new(2.0, 1e100), Gamma::new(0.5, 1.0) => InverseGamma::new(2.0, 1.0),
        Gamma::new(1e100, 1e100) => InverseGamma::new(1e-100, 1.0)];
    gamma_weibull: Gamma { concentration: SCALES, rate: SCALES } || Weibull { concentration: SCALES, scale: SCALES }, [
        Gamma::new(2.0, 1e-100) => Weibull::new(1e-3, 1e100), Gamma::new(1e-3, 1.0) => Weibull::new(50.0, 1e-100),
        Gamma::new(1e8, 1e8) => Weibull::new(1e4, 1.0)];
    inverse_gamma_log_normal: InverseGamma { concentration: SCALES, scale: SCALES } || LogNormal { loc: LOCS, scale: SCALES }, [
        InverseGamma::new(1e-3, 1e-100) => LogNormal::new(700.0, 1e-100), InverseGamma::new(1e9, 1.0) => LogNormal::new(-20.0, 30.0)];
    inverse_gamma_half_normal: InverseGamma { concentration: SCALES, scale: SCALES } || HalfNormal { scale: SCALES }, [
        InverseGamma::new(2.0, 1.0) => HalfNormal::new(1.0), InverseGamma::new(1e4, 1e100) => HalfNormal::new(1e-60)];
    weibull_gamma: Weibull { concentration: SCALES, scale: SCALES } || Gamma { concentration: SCALES, rate: SCALES }, [
        Weibull::new(1e-3, 1.0) => Gamma::new(2.0, 1.0), Weibull::new(1e100, 1e-100) => Gamma::new(1e-100, 1e-100)];
    log_normal_weibull: LogNormal { loc: LOCS, scale: SCALES } || Weibull { concentration: SCALES, scale: SCALES }, [
        LogNormal::new(700.0, 30.0) => Weibull::new(2.0, 1.0), LogNormal::new(-700.0, 1e-100) => Weibull::new(1e100, 1.0)];
    half_normal_inverse_gamma: HalfNormal { scale: SCALES } || InverseGamma { concentration: SCALES, scale: SCALES }, [
        HalfNormal::new(1.0) => InverseGamma::new(2.0, 1.0), HalfNormal::new(1e100) => InverseGamma::new(1e-100, 1e-100)];
    half_normal_gamma: HalfNormal { scale: SCALES } || Gamma { concentration: SCALES, rate: SCALES }, [
        HalfNormal::new(1e-100) => Gamma::new(1e-100, 1e100), HalfNormal::new(1e100) => Gamma::new(2.0, 1e100)];
    beta_inverse_gamma: Beta { concentration1: SCALES, concentration0: SCALES } || InverseGamma { concentration: SCALES, scale: SCALES }, [
        Beta::new(2.0, 1e-3) => InverseGamma::new(2.0, 1e-100), Beta::new(1.0, 2.0) => InverseGamma::new(2.0, 1.0),
        Beta::new(1e8, 1e8) => InverseGamma::new(1e8, 1e8)];
    beta_normal: Beta { concentration1: SCALES, concentration0: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Beta::new(1e-100, 1.0) => Normal::new(1e100, 1e-100), Beta::new(1e100, 1e100) => Normal::new(0.5, 1e100)];
    beta_uniform: Beta { concentration1: SCALES, concentration0: SCALES } || Uniform { low: LOCS, high: &[-INF, INF] }, [
        Beta::new(1e-100, 1.0) => Uniform::new(0.0, 1.0), Beta::new(2.0, 3.0) => Uniform::new(-1e300, 1e300),
        Beta::new(2.0, 3.0) => Uniform::new(0.5, 1.0)];
    uniform_beta: Uniform { low: LOCS, high: &[-INF, INF] } || Beta { concentration1: SCALES, concentration0: SCALES }, [
        Uniform::new(0.0, 1.0) => Beta::new(1e-100, 1e100), Uniform::new(-0.5, 1.0) => Beta::new(2.0, 2.0),
        Uniform::new(0.0, 1e-100) => Beta::new(2.0, 2.0), Uniform::new(0.5, 1.0) => Beta::new(1.0, 1.0)];
    gumbel_normal: Gumbel { loc: LOCS, scale: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Gumbel::new(1e100, 1e-100) => Normal::new(-1e100, 1e100), Gumbel::new(0.0, 1e100) => Normal::new(0.0, 1e-100)];
    student_t_normal: StudentT { df: SCALES, loc: LOCS, scale: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        StudentT::new(2.0, 0.0, 1.0) => Normal::new(0.0, 1.0), StudentT::new(1e100, 0.0, 1.0) => Normal::new(0.0, 1.0)];
    inverse_gamma_exponential: InverseGamma { concentration: SCALES, scale: SCALES } || Exponential { rate: SCALES }, [
        InverseGamma::new(1.0, 1.0) => Exponential::new(1.0), InverseGamma::new(1e100, 1e100) => Exponential::new(1e-100)];
    gamma_gumbel: Gamma { concentration: SCALES, rate: SCALES } || Gumbel { loc: LOCS, scale: SCALES }, [
        Gamma::new(1e100, 1e100) => Gumbel::new(0.0, 1.0), Gamma::new(1e-100, 1.0) => Gumbel::new(1e4, 1.0),
        Gamma::new(2.0, 1e100) => Gumbel::new(0.0, 1e100)];
    laplace_gumbel: Laplace { loc: LOCS, scale: SCALES } || Gumbel { loc: LOCS, scale: SCALES }, [
        Laplace::new(0.0, 1.0) => Gumbel::new(0.0, 1.0), Laplace::new(-1e5, 1e-100) => Gumbel::new(0.0, 1.0),
        Laplace::new(0.0, 1e100) => Gumbel::new(0.0, 1e-100)];
    logistic_gumbel: Logistic { loc: LOCS, scale: SCALES } || Gumbel { loc: LOCS, scale: SCALES }, [
        Logistic::new(0.0, 1.0) => Gumbel::new(0.0, 1.0), Logistic::new(0.0, 1e-100) => Gumbel::new(0.0, 1.0)];
    uniform_gumbel: Uniform { low: LOCS, high: &[-INF, INF] } || Gumbel { loc: LOCS, scale: SCALES }, [
        Uniform::new(-1e5, 1e5) => Gumbel::new(0.0, 1.0), Uniform::new(0.0, 1e-100) => Gumbel::new(0.0, 1.0)];
    logistic_laplace: Logistic { loc: LOCS, scale: SCALES } || Laplace { loc: LOCS, scale: SCALES }, [
        Logistic::new(1e100, 1e-100) => Laplace::new(-1e100, 1e-40), Logistic::new(0.0, 1e100) => Laplace::new(0.0, 1e-40)];
    exponential_laplace: Exponential { rate: SCALES } || Laplace { loc: LOCS, scale: SCALES }, [
        Exponential::new(1e-100) => Laplace::new(0.0, 1.0), Exponential::new(1e100) => Laplace::new(1e50, 1.0)];
    uniform_laplace: Uniform { low: LOCS, high: &[-INF, INF] } || Laplace { loc: LOCS, scale: SCALES }, [
        Uniform::new(0.0, 1e-100) => Laplace::new(0.0, 1.0), Uniform::new(-1e100, 1e100) => Laplace::new(1e50, 1.0)];
    exponential_log_normal: Exponential { rate: SCALES } || LogNormal { loc: LOCS, scale: SCALES }, [
        Exponential::new(1e-100) => LogNormal::new(0.0, 1e-100)];
    cauchy_normal: Cauchy { loc: LOCS, scale: SCALES } || Normal { loc: LOCS, scale: SCALES }, [
        Cauchy::new(0.0, 1.0) => Normal::new(0.0, 1.0)];
    gumbel_half_cauchy: Gumbel { loc: LOCS, scale: SCALES } || HalfCauchy { scale: SCALES }, [
        Gumbel::new(0.0, 1.0) => HalfCauchy::new(1.0)];
    half_student_t_uniform: HalfStudentT { df: SCALES, scale: SCALES } || Uniform { low: LOCS, high: &[-INF, INF] }, [
        HalfStudentT::new(3.0, 1.0) => Uniform::new(0.0, 1.0)];
    poisson_negative_binomial: Poisson { rate: SCALES } || NegativeBinomial { total_count: SCALES, logits: LOCS }, [
        Poisson::new(1e-300) => NegativeBinomial::from_logits(1e-3, 5.0), Poisson::new(1e6) => NegativeBinomial::from_logits(1e8, -4.0),
        Poisson::new(3.0) => NegativeBinomial::from_logits(1e12, -30.0)];
    negative_binomial: NegativeBinomial { total_count: SCALES, logits: LOCS } || NegativeBinomial { total_count: SCALES, logits: LOCS }, [
        NegativeBinomial::from_logits(1e-3, 5.0) => NegativeBinomial::from_logits(1e3, -5.0),
        NegativeBinomial::from_logits(2.0, 800.0) => NegativeBinomial::from_logits(2.0, 800.0),
        NegativeBinomial::from_logits(2.0, 800.0) => NegativeBinomial::from_logits(3.0, 80.0),
        NegativeBinomial::from_logits(2.0, -800.0) => NegativeBinomial::from_logits(2.0, 3.0)];
    negative_binomial_poisson: NegativeBinomial { total_count: SCALES, logits: LOCS } || Poisson { rate: SCALES }, [
        NegativeBinomial::from_logits(0.01, 13.0) => Poisson::new(1e-3), NegativeBinomial::from_logits(1e6, -6.0) => Poisson::new(2478.0)];
    geometric_poisson: Geometric { probs: &[0.0, -0.5, 1.5] } || Poisson { rate: SCALES }, [
        Geometric::new(1.0) => Poisson::new(3.0), Geometric::new(1e-6) => Poisson::new(1e-6)];
    poisson_geometric: Poisson { rate: SCALES } || Geometric { probs: &[0.0, -0.5, 1.5] }, [
        Poisson::new(2.0) => Geometric::new(1.0), Poisson::new(1e7) => Geometric::new(1e-7)];
    bernoulli_poisson: Bernoulli { logits: &[] } || Poisson { rate: SCALES }, [
        Bernoulli::from_logits(INF) => Poisson::new(3.0), Bernoulli::from_logits(-INF) => Poisson::new(3.0),
        Bernoulli::from_logits(-800.0) => Poisson::new(1e-300), Bernoulli::from_logits(800.0) => Poisson::new(1.0)];
    bernoulli_negative_binomial: Bernoulli { logits: &[] } || NegativeBinomial { total_count: SCALES, logits: LOCS }, [
        Bernoulli::from_logits(INF) => NegativeBinomial::from_logits(2.0, 3.0), Bernoulli::from_logits(-INF) => NegativeBinomial::from_logits(2.0, 3.0)];
    bernoulli_geometric: Bernoulli { logits: &[] } || Geometric { probs: &[0.0, -0.5, 1.5] }, [
        Bernoulli::from_logits(0.3) => Geometric::new(1.0), Bernoulli::from_logits(-INF) => Geometric::new(1.0)];
    bernoulli_binomial: Bernoulli { logits: &[] } || Binomial { total_count: &[0.5, -1.0, INF], logits: LOCS }, [
        Bernoulli::from_logits(-INF) => Binomial::from_logits(0.0, 0.3), Bernoulli::from_logits(INF) => Binomial::from_logits(3.0, 0.3)];
    binomial_bernoulli: Binomial { total_count: &[0.5, -1.0, INF], logits: LOCS } || Bernoulli { logits: &[] }, [
        Binomial::from_logits(0.0, 0.3) => Bernoulli::from_logits(INF), Binomial::from_logits(1.0, 0.3) => Bernoulli::from_logits(-INF),
        Binomial::from_logits(2.0, 0.3) => Bernoulli::from_logits(0.3)];
    binomial_poisson: Binomial { total_count: &[0.5, -1.0, INF], logits: LOCS } || Poisson { rate: SCALES }, [
        Binomial::from_logits(0.0, 0.3) => Poisson::new(3.0), Binomial::from_logits(1e8, -15.0) => Poisson::new(1e-3)];
    poisson_binomial: Poisson { rate: SCALES } || Binomial { total_count: &[0.5, -1.0, INF], logits: LOCS }, [
        Poisson::new(2.0) => Binomial::from_logits(5.0, 0.3)];
}
