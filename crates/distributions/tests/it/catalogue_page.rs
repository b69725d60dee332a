//! `docs/distributions.md` is what the code says: this test fails when it is stale, and writes it
//! if `PROBITY_WRITE_DOCS` is set.

use probity_distributions::*;
use std::fmt::Write;
use std::marker::PhantomData;

type Var = probity_autodiff::Var<'static, f64>;

/// What a type can do, by constants: an inherent constant, which exists where its bounds hold, goes
/// before that of the trait.
struct Probe<D, V>(PhantomData<(D, V)>);
trait Not {
    const SAMPLE: bool = false;
    const REPARAMETERIZED: bool = false;
    const CDF: bool = false;
    const MOMENTS: bool = false;
    const ENTROPY: bool = false;
}
impl<T> Not for T {}
impl<V: Value, D: Sample<V>> Probe<D, V> {
    const SAMPLE: bool = true;
}
impl<V: Value, D: Reparameterized<V>> Probe<D, V> {
    const REPARAMETERIZED: bool = true;
}
impl<V: Value, D: Cdf<V>> Probe<D, V> {
    const CDF: bool = true;
}
impl<V: Value, D: Moments<V>> Probe<D, V> {
    const MOMENTS: bool = true;
}
impl<V: Value, D: Entropy<V>> Probe<D, V> {
    const ENTROPY: bool = true;
}

struct Pair<Q, P>(PhantomData<(Q, P)>);
trait NoPair {
    const METHOD: Option<KlMethod> = None;
}
impl<T> NoPair for T {}
impl<Q: KlDivergence<P>, P> Pair<Q, P> {
    const METHOD: Option<KlMethod> = Some(<Q as KlDivergence<P>>::METHOD);
}

struct Row {
    name: &'static str,
    file: &'static str,
    capabilities: [bool; 5],
    kl: Vec<Option<KlMethod>>,
}

/// The names of families, with their file, the type of their values, and their type.
macro_rules! rows {
    ($([$name:ident, $file:literal, $value:ty, $ty:ty]),+ $(,)?) => {
        rows!(@with [$($ty),+] $([$name, $file, $value, $ty]),+)
    };
    (@with $all:tt $([$name:ident, $file:literal, $value:ty, $ty:ty]),+) => {
        vec![$(Row {
            name: stringify!($name),
            file: include_str!(concat!("../../src/families/", $file, ".rs")),
            capabilities: [
                <Probe<$ty, $value>>::SAMPLE,
                <Probe<$ty, $value>>::REPARAMETERIZED,
                <Probe<$ty, $value>>::CDF,
                <Probe<$ty, $value>>::MOMENTS,
                <Probe<$ty, $value>>::ENTROPY,
            ],
            kl: rows!(@pairs $ty, $all),
        }),+]
    };
    (@pairs $q:ty, [$($p:ty),+]) => { vec![$(<Pair<$q, $p>>::METHOD),+] };
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    rows![
        [AsymmetricLaplace, "asymmetric_laplace", Var, AsymmetricLaplace<Var>],
        [Autoregressive, "autoregressive", Var, Autoregressive<Var>],
        [Bernoulli, "bernoulli", Var, Bernoulli<Var>],
        [Beta, "beta", Var, Beta<Var>],
        [BetaBinomial, "beta_binomial", Var, BetaBinomial<Var>],
        [Binomial, "binomial", Var, Binomial<Var>],
        [Categorical, "categorical", Var, Categorical<Var>],
        [Cauchy, "cauchy", Var, Cauchy<Var>],
        [Censored, "censored", Var, Censored<Var, Normal<Var>>],
        [Chi, "chi", Var, Chi<Var>],
        [Chi2, "chi2", Var, Chi2<Var>],
        [ConditionalAutoregressive, "conditional_autoregressive", Var, ConditionalAutoregressive<Var>],
        [ContinuousBernoulli, "continuous_bernoulli", Var, ContinuousBernoulli<Var>],
        [Delta, "delta", Var, Delta<Var>],
        [DiagonalNormal, "diagonal_normal", Var, DiagonalNormal<Var>],
        [Dirichlet, "dirichlet", Var, Dirichlet<Var>],
        [DirichletMultinomial, "dirichlet_multinomial", Var, DirichletMultinomial<Var>],
        [DiscreteUniform, "discrete_uniform", Var, DiscreteUniform<Var>],
        [ExGaussian, "ex_gaussian", Var, ExGaussian<Var>],
        [Exponential, "exponential", Var, Exponential<Var>],
        [Flat, "flat", Var, Flat<Var>],
        [Frechet, "frechet", Var, Frechet<Var>],
        [Gamma, "gamma", Var, Gamma<Var>],
        [GaussianRandomWalk, "gaussian_random_walk", Var, GaussianRandomWalk<Var>],
        [GeneralisedExtremeValue, "extreme_value", Var, GeneralisedExtremeValue<Var>],
        [GeneralisedPareto, "generalised_pareto", Var, GeneralisedPareto<Var>],
        [Geometric, "geometric", Var, Geometric<Var>],
        [Gumbel, "gumbel", Var, Gumbel<Var>],
        [HalfCauchy, "half_cauchy", Var, HalfCauchy<Var>],
        [HalfNormal, "half_normal", Var, HalfNormal<Var>],
        [HalfStudentT, "half_student_t", Var, HalfStudentT<Var>],
        [Horseshoe, "horseshoe", Var, Horseshoe<Var>],
        [Hurdle, "hurdle", Var, Hurdle<Var, Poisson<Var>>],
        [IntrinsicAutoregressive, "intrinsic_autoregressive", Var, IntrinsicAutoregressive<Var>],
        [InverseGamma, "inverse_gamma", Var, InverseGamma<Var>],
        [InverseGaussian, "inverse_gaussian", Var, InverseGaussian<Var>],
        [InverseWishart, "inverse_wishart", Var, InverseWishart<Var>],
        [Kumaraswamy, "kumaraswamy", Var, Kumaraswamy<Var>],
        [Laplace, "laplace", Var, Laplace<Var>],
        [LkjCholesky, "lkj_cholesky", Var, LkjCholesky<Var>],
        [Logistic, "logistic", Var, Logistic<Var>],
        [LogitNormal, "logit_normal", Var, LogitNormal<Var>],
        [LogLogistic, "log_logistic", Var, LogLogistic<Var>],
        [LogNormal, "log_normal", Var, LogNormal<Var>],
        [LowRankMultivariateNormal, "low_rank_multivariate_normal", Var, LowRankMultivariateNormal<Var>],
        [MatrixNormal, "matrix_normal", Var, MatrixNormal<Var>],
        [Mixture, "mixture", Var, Mixture<Var, Normal<Var>>],
        [Multinomial, "multinomial", Var, Multinomial<Var>],
        [MultivariateNormal, "multivariate_normal", Var, MultivariateNormal<Var>],
        [MultivariateStudentT, "multivariate_student_t", Var, MultivariateStudentT<Var>],
        [NegativeBinomial, "negative_binomial", Var, NegativeBinomial<Var>],
        [Normal, "normal", Var, Normal<Var>],
        [OneHotCategorical, "one_hot_categorical", Var, OneHotCategorical<Var>],
        [OrderedLogistic, "ordered_logistic", Var, OrderedLogistic<Var>],
        [OrderedProbit, "ordered_probit", Var, OrderedProbit<Var>],
        [Pareto, "pareto", Var, Pareto<Var>],
        [Poisson, "poisson", Var, Poisson<Var>],
        [RelaxedOneHot, "relaxed_one_hot", Var, RelaxedOneHot<Var>],
        [ScaleMixture, "scale_mixture", Var, ScaleMixture<Var>],
        [Skellam, "skellam", Var, Skellam<Var>],
        [SkewNormal, "skew_normal", Var, SkewNormal<Var>],
        [SoftplusNormal, "softplus_normal", Var, SoftplusNormal<Var>],
        [StudentT, "student_t", Var, StudentT<Var>],
        [Triangular, "triangular", Var, Triangular<Var>],
        [Truncated, "truncated", Var, Truncated<Var, Normal<Var>>],
        [TruncatedNormal, "truncated_normal", Var, TruncatedNormal<Var>],
        [Uniform, "uniform", Var, Uniform<Var>],
        [VonMises, "von_mises", Var, VonMises<Var>],
        [Weibull, "weibull", Var, Weibull<Var>],
        [Wishart, "wishart", Var, Wishart<Var>],
        [ZeroInflated, "zero_inflated", Var, ZeroInflated<Var, Poisson<Var>>],
        [ZeroSumNormal, "zero_sum_normal", Var, ZeroSumNormal<Var>],
    ]
}

/// The first sentence of a file, without its mark.
fn headline(file: &str) -> &str {
    let text = file.strip_prefix("//! ").unwrap_or(file);
    text.split_once("\n\n").map_or(text, |(text, _)| text).trim_end_matches('.')
}

fn page() -> String {
    let rows = rows();
    let mut page = String::from(
        "# Distributions\n\n\
         Made from the code by a test (`cargo test -p probity-distributions --test it catalogue_page::`), which fails when this\n\
         page is stale and writes it if `PROBITY_WRITE_DOCS` is set.\n\n\
         ## Families\n\n\
         Every family has a log density with its gradient, a support, and a check of its parameters. *Pathwise*: draws have\n\
         gradients in all parameters. *Cdf*: cdf, sf, their logarithms, and quantiles. Mixtures, zero-inflated, hurdle,\n\
         truncated and censored distributions have what their parts have; shown are Normal and Poisson parts.\n\n\
         | family | what it is | draws | pathwise | cdf | mean, variance | entropy |\n|---|---|---|---|---|---|---|\n",
    );
    for row in &rows {
        let marks = row.capabilities.map(|has| if has { "yes" } else { "" }).join(" | ");
        let what = headline(row.file).replace("\n//! ", " ");
        writeln!(page, "| {} | {what} | {marks} |", row.name).unwrap();
    }
    page.push_str(
        "\n## Supports\n\n\
         Of numbers: the real line, half-lines from any limit, intervals, angles, counts, categories. Of rows: simplex (by sticks or\n\
         by softmax), sphere, ordered, positive ordered, zero sum. Of matrices: lower Cholesky factors, positive-definite matrices,\n\
         correlation matrices and their Cholesky factors. One of your own is an implementation of `Constraint`. Any distribution is\n\
         put on a smaller support by `Distribution::within`, and behind any bijector by `Transformed`. The bijectors: affine, exp,\n\
         softplus, tanh, softsign, half angle, intervals and half-lines, distribution functions, rational-quadratic splines,\n\
         permutations, chains and inverses of them. `kernels` has covariance functions and Gaussian processes at given inputs.\n\n\
         ## KL divergences\n\n\
         `KL(first ‖ second)` without sampling error, also where it is infinite: by support, or by tails. Any other pair on\n\
         numbers: `kl_quadrature`, with an estimate of its error, and `kl_monte_carlo`. Copies (`rows`, `shaped`) and\n\
         distributions behind the same bijector have the divergence of what is copied or transformed.\n\n\
         | first | closed form to | quadrature or sum to |\n|---|---|---|\n",
    );
    for row in &rows {
        let to = |methods: &[KlMethod]| -> String {
            let pairs = row.kl.iter().zip(&rows).filter(|(kl, _)| kl.is_some_and(|kl| methods.contains(&kl)));
            pairs.map(|(_, p)| p.name).collect::<Vec<_>>().join(", ")
        };
        let (closed, quadrature) = (to(&[KlMethod::Closed]), to(&[KlMethod::Quadrature, KlMethod::Sum]));
        if !(closed.is_empty() && quadrature.is_empty()) {
            writeln!(page, "| {} | {closed} | {quadrature} |", row.name).unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/distributions.md");
    let page = page();
    if std::env::var_os("PROBITY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(there.lines()).find(|(a, b)| a != b);
    assert!(there == page, "docs/distributions.md is stale ({differs:?}): run with PROBITY_WRITE_DOCS=1");
}

#[test]
fn every_family_is_on_the_page() {
    let exported = include_str!("../../src/families/mod.rs").lines().filter_map(|line| {
        line.strip_prefix("pub use ")?.split_once("::").map(|(_, name)| name.trim_end_matches(';'))
    });
    let names: Vec<&str> = rows().iter().map(|row| row.name).collect();
    let missing: Vec<&str> = exported.filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    // The probes tell capabilities apart.
    let of = |name: &str| rows().into_iter().find(|row| row.name == name).unwrap().capabilities;
    assert_eq!(of("Normal"), [true; 5]);
    assert_eq!(of("Poisson"), [true, false, true, true, true]);
}
