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

/// The rows of the library's own list of families.
macro_rules! rows {
    ($([$name:ident $module:ident ($($kind:tt)+)])+) => {
        rows!(@typed [] $([$name $module ($($kind)+)])+);
    };
    // The type of a family on a tape: made of another one, or not.
    (@typed [$($done:tt)*] [$name:ident $module:ident (of $($base:ident)+)] $($rest:tt)*) => {
        rows!(@typed [$($done)* [$name $module ($name<Var, $($base<Var>),+>)]] $($rest)*);
    };
    (@typed [$($done:tt)*] [$name:ident $module:ident (tape of $($base:ident)+)] $($rest:tt)*) => {
        rows!(@typed [$($done)* [$name $module ($name<Var, $($base<Var>),+>)]] $($rest)*);
    };
    (@typed [$($done:tt)*] [$name:ident $module:ident ($kind:ident)] $($rest:tt)*) => {
        rows!(@typed [$($done)* [$name $module ($name<Var>)]] $($rest)*);
    };
    (@typed [$([$name:ident $module:ident ($ty:ty)])+]) => {
        rows!(@with [$($ty),+] $([$name, $module, $ty]),+);
    };
    (@with $all:tt $([$name:ident, $module:ident, $ty:ty]),+) => {
        fn rows() -> Vec<Row> {
            vec![$(Row {
                name: stringify!($name),
                file: include_str!(concat!("../../src/families/", stringify!($module), ".rs")),
                capabilities: [
                    <Probe<$ty, Var>>::SAMPLE,
                    <Probe<$ty, Var>>::REPARAMETERIZED,
                    <Probe<$ty, Var>>::CDF,
                    <Probe<$ty, Var>>::MOMENTS,
                    <Probe<$ty, Var>>::ENTROPY,
                ],
                kl: rows!(@pairs $ty, $all),
            }),+]
        }
    };
    (@pairs $q:ty, [$($p:ty),+]) => { vec![$(<Pair<$q, $p>>::METHOD),+] };
}
for_each_family!(rows);

/// The first sentence of a file, without its mark.
fn headline(file: &str) -> String {
    let text = file.lines().map_while(|line| line.strip_prefix("//! "));
    text.collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// The other libraries of the page.
const LIBRARIES: [&str; 5] = ["torch", "Pyro", "NumPyro", "TFP", "PyMC"];

/// What a file says about the family in other libraries: by library nothing, or the letters of what
/// it can do there.
fn elsewhere(row: &Row) -> Option<[Option<&'static str>; 5]> {
    let line = row.file.lines().find_map(|line| line.strip_prefix("//! Elsewhere: "))?.trim_end_matches('.');
    let mut found = [None; 5];
    for part in line.split(", ").filter(|part| *part != "none") {
        let (library, letters) = part.split_once(' ').unwrap_or((part, ""));
        let place = LIBRARIES.iter().position(|name| *name == library)?;
        letters.chars().all(|letter| "cqer".contains(letter)).then_some(())?;
        found[place] = Some(letters);
    }
    Some(found)
}

/// Pairs of torch's registry (`torch/distributions/kl.py`, 2.11) between families of this library,
/// by the first family. That of LogNormal and of InverseGamma it has by its rule for transformed
/// distributions, that of Wishart by its rule for exponential families.
const TORCH: &[(&str, &str)] = &[
    ("Bernoulli", "Bernoulli Poisson"),
    ("Beta", "Beta ContinuousBernoulli Exponential Gamma Normal Pareto Uniform"),
    ("Binomial", "Binomial"),
    ("Categorical", "Categorical"),
    ("Cauchy", "Cauchy"),
    ("ContinuousBernoulli", "ContinuousBernoulli Exponential Normal Pareto Uniform"),
    ("Dirichlet", "Dirichlet"),
    ("Exponential", "Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto Uniform"),
    ("Gamma", "Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto Uniform"),
    ("Geometric", "Geometric"),
    ("Gumbel", "Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto Uniform"),
    ("HalfNormal", "HalfNormal"),
    ("InverseGamma", "InverseGamma"),
    ("Laplace", "Beta ContinuousBernoulli Exponential Gamma Laplace Normal Pareto Uniform"),
    ("LogNormal", "LogNormal"),
    ("LowRankMultivariateNormal", "LowRankMultivariateNormal MultivariateNormal"),
    ("MultivariateNormal", "LowRankMultivariateNormal MultivariateNormal"),
    ("Normal", "Beta ContinuousBernoulli Exponential Gamma Gumbel Laplace Normal Pareto Uniform"),
    ("OneHotCategorical", "OneHotCategorical"),
    ("Pareto", "Beta ContinuousBernoulli Exponential Gamma Normal Pareto Uniform"),
    ("Poisson", "Bernoulli Binomial Poisson"),
    ("Uniform", "Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto Uniform"),
    ("Wishart", "Wishart"),
];

/// Pairs of TFP's registry (`RegisterKL` in `tensorflow_probability/python/distributions`)
/// likewise. MultivariateNormal there is one of linear operators, diagonal and of low rank as well.
const TFP: &[(&str, &str)] = &[
    ("Bernoulli", "Bernoulli"),
    ("Beta", "Beta"),
    ("Categorical", "Categorical"),
    ("Cauchy", "Cauchy"),
    ("Chi", "Chi"),
    ("Chi2", "Chi2 Gamma"),
    ("ContinuousBernoulli", "ContinuousBernoulli"),
    ("DiagonalNormal", "DiagonalNormal MultivariateNormal"),
    ("Dirichlet", "Dirichlet"),
    ("Exponential", "Exponential"),
    ("Gamma", "Chi2 Gamma"),
    ("Gumbel", "Gumbel"),
    ("HalfNormal", "HalfNormal"),
    ("Laplace", "Laplace"),
    ("LogNormal", "LogNormal"),
    ("LogitNormal", "LogitNormal"),
    ("LowRankMultivariateNormal", "LowRankMultivariateNormal MultivariateNormal"),
    ("MatrixNormal", "MatrixNormal"),
    ("MultivariateNormal", "DiagonalNormal LowRankMultivariateNormal MultivariateNormal"),
    ("Normal", "Normal"),
    ("OneHotCategorical", "OneHotCategorical"),
    ("OrderedLogistic", "OrderedLogistic"),
    ("Pareto", "Pareto"),
    ("Uniform", "Uniform"),
    ("VonMises", "VonMises"),
    ("Weibull", "Gamma Weibull"),
];

fn has(registry: &[(&str, &str)], q: &str, p: &str) -> bool {
    registry.iter().any(|(first, to)| *first == q && to.split(' ').any(|name| name == p))
}

fn page() -> String {
    let rows = rows();
    let mut page = String::from(
        "# Distributions\n\n\
         Made from the code by a test (`cargo test -p probity-distributions-tests catalogue_page::`), which fails when this\n\
         page is stale and writes it if `PROBITY_WRITE_DOCS` is set.\n\n\
         ## Families\n\n\
         Every family has a log density with its gradient, a support, and a check of its parameters. *Pathwise*: draws have\n\
         gradients in all parameters. *Cdf*: cdf, sf, their logarithms, and quantiles. Mixtures (which also have pathwise draws\n\
         by a method of their own), zero-inflated, hurdle, truncated, censored and masked distributions have what their parts have;\n\
         shown are Normal, Laplace and Poisson parts.\n\n\
         | family | what it is | draws | pathwise | cdf | mean, variance | entropy |\n|---|---|---|---|---|---|---|\n",
    );
    for row in &rows {
        let marks = row.capabilities.map(|has| if has { "yes" } else { "" }).join(" | ");
        writeln!(page, "| {} | {} | {marks} |", row.name, headline(row.file)).unwrap();
    }
    page.push_str(
        "\n## The same families elsewhere\n\n\
         What stands here stands in the files of the families and was read from the sources of torch.distributions 2.11, Pyro\n\
         (2024-10), NumPyro (2026-07), TFP (2026-04) and PyMC 5.28: *c* cdf, *q* quantile, *e* entropy, *r* pathwise gradients of\n\
         draws (in some parameter; of PyMC it is not known), - where the family is without these.\n\n\
         | family | Probity |",
    );
    LIBRARIES.iter().for_each(|name| write!(page, " {name} |").unwrap());
    page.push_str("\n|---|---|---|---|---|---|---|\n");
    let mut counts = [0; 5];
    for row in &rows {
        let [_, r, c, _, e] = row.capabilities;
        let ours = [(c, "c"), (c, "q"), (e, "e"), (r, "r")];
        let ours: String = ours.iter().filter(|(has, _)| *has).map(|(_, letter)| *letter).collect();
        let of = |letters: &str| if letters.is_empty() { "-".to_owned() } else { letters.to_owned() };
        write!(page, "| {} | {} |", row.name, of(&ours)).unwrap();
        for (k, letters) in elsewhere(row).unwrap_or_default().into_iter().enumerate() {
            counts[k] += usize::from(letters.is_some());
            write!(page, " {} |", letters.map_or(String::new(), of)).unwrap();
        }
        page.push('\n');
    }
    write!(page, "| *of these {}* | {} |", rows.len(), rows.len()).unwrap();
    counts.iter().for_each(|n| write!(page, " {n} |").unwrap());
    page.push('\n');
    page.push_str(
        "\n## Supports\n\n\
         Of numbers: the real line, half-lines from any limit, intervals, angles, counts, categories. Of rows: simplex (by sticks or\n\
         by softmax), sphere, ordered, positive ordered, zero sum. Of matrices: lower Cholesky factors, positive-definite matrices,\n\
         correlation matrices and their Cholesky factors. One of your own is an implementation of `Constraint`. Any distribution is\n\
         put on a smaller support by `Distribution::within`, and behind any bijector by `Transformed`. The bijectors: affine, exp,\n\
         softplus, tanh, softsign, half angle, intervals and half-lines, distribution functions, rational-quadratic splines; of rows\n\
         permutations, planar layers, affine couplings and inverse autoregressive layers; chains and inverses of them. `kernels` has covariance functions and Gaussian processes at given inputs.\n\n\
         ## KL divergences\n\n\
         `KL(first ‖ second)` without sampling error, also where it is infinite: by support, or by tails. Any other pair on\n\
         numbers: `kl_quadrature`, with an estimate of its error, and `kl_monte_carlo`. Copies (`rows`, `shaped`) and\n\
         distributions behind the same bijector have the divergence of what is copied or transformed, and one from Delta is minus a\n\
         log density. Of these pairs torch.distributions has those with a t, TFP those with a T.\n\n\
         | first | closed form to | quadrature or sum to |\n|---|---|---|\n",
    );
    for row in &rows {
        let to = |methods: &[KlMethod]| -> String {
            let pairs = row.kl.iter().zip(&rows).filter(|(kl, _)| kl.is_some_and(|kl| methods.contains(&kl)));
            let marked = |p: &Row| {
                let torch = if has(TORCH, row.name, p.name) { "t" } else { "" };
                let tfp = if has(TFP, row.name, p.name) { "T" } else { "" };
                let mark = [torch, tfp].concat();
                if mark.is_empty() { p.name.to_owned() } else { format!("{} ({mark})", p.name) }
            };
            pairs.map(|(_, p)| marked(p)).collect::<Vec<_>>().join(", ")
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
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/distributions.md");
    let page = page();
    if std::env::var_os("PROBITY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(there.lines()).find(|(a, b)| a != b);
    assert!(there == page, "docs/distributions.md is stale ({differs:?}): run with PROBITY_WRITE_DOCS=1");
}

#[test]
fn every_family_says_where_else_it_is() {
    let silent: Vec<_> = rows().iter().filter(|row| elsewhere(row).is_none()).map(|row| row.name).collect();
    assert!(silent.is_empty(), "no line `//! Elsewhere: torch cqer, PyMC cq.` (or `none`): {silent:?}");
    // The probes tell capabilities apart.
    let of = |name: &str| rows().into_iter().find(|row| row.name == name).unwrap().capabilities;
    assert_eq!(of("Normal"), [true; 5]);
    assert_eq!(of("Poisson"), [true, false, true, true, true]);
}

#[test]
fn every_pair_of_the_other_registries_is_here() {
    let rows = rows();
    let place = |name: &str| rows.iter().position(|row| row.name == name).unwrap_or_else(|| panic!("{name}"));
    for (q, to) in TORCH.iter().chain(TFP) {
        for p in to.split(' ') {
            assert!(rows[place(q)].kl[place(p)].is_some(), "{q} to {p}");
        }
    }
}
