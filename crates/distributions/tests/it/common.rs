//! What several test files share: reference tables, and how far a result may be from them.

use probity_distributions::laws::Family;
use probity_distributions::{Cdf, Distribution, Entropy, KlDivergence, Moments};
use serde_json::Value as Json;

/// A number with its derivatives along two directions, and the second one along both.
///
/// (One for all directions at once, with up to 49 numbers, made every formula ten times as long to
/// compile, for a hundred families and pairs.)
pub type Jet = probity_autodiff::Dual<probity_autodiff::Dual<f64, 1>, 1>;

/// A function with its name.
pub type Named = (&'static str, fn(&[Jet]) -> Jet);

/// The value of a function, its derivatives, and the second ones (none if they were not asked for).
#[derive(Debug)]
pub struct Expansion {
    pub value: f64,
    pub slopes: Vec<f64>,
    pub bends: Vec<Vec<f64>>,
}

/// The function at `at`, with its arguments moved along `i` and along `j`.
fn along(f: &dyn Fn(&[Jet]) -> Jet, at: &[f64], i: usize, j: usize) -> Jet {
    let one = |here: bool| f64::from(u8::from(here));
    let argument = |(k, &x): (usize, &f64)| {
        let mut inner = probity_autodiff::Dual::constant(x);
        inner.du = [one(k == j)];
        let mut outer = Jet::constant(inner);
        outer.du = [probity_autodiff::Dual::constant(one(k == i))];
        outer
    };
    f(&at.iter().enumerate().map(argument).collect::<Vec<_>>())
}

/// With first derivatives.
pub fn slopes(f: &dyn Fn(&[Jet]) -> Jet, at: &[f64]) -> Expansion {
    let parts: Vec<Jet> = (0..at.len().max(1)).map(|i| along(f, at, i, i)).collect();
    let slopes = parts.iter().take(at.len()).map(|part| part.du[0].re).collect();
    Expansion { value: parts[0].re.re, slopes, bends: Vec::new() }
}

/// With first and second derivatives.
pub fn expand(f: &dyn Fn(&[Jet]) -> Jet, at: &[f64]) -> Expansion {
    let mut all = slopes(f, at);
    all.bends =
        (0..at.len()).map(|i| (0..at.len()).map(|j| along(f, at, i, j).du[0].du[0]).collect()).collect();
    all
}

/// A JSON file of the reference data; `None`, with a message, where there are no such data.
pub fn data(path: &str) -> Option<Json> {
    let Some(folder) = std::env::var_os("PROBITY_REFERENCE_DATA") else {
        println!("{path}: skipped, PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

/// The number of that name; `None` where it is not given.
pub fn number(row: &Json, name: &str) -> Option<f64> {
    match &row[name] {
        Json::Number(x) => x.as_f64(),
        Json::String(s) => Some(s.parse().unwrap()),
        _ => None,
    }
}

/// The numbers of those names.
pub fn numbers(row: &Json, names: &[&str]) -> Vec<f64> {
    names.iter().map(|n| number(row, n).unwrap_or_else(|| panic!("no {n} in {row}"))).collect()
}

/// Comparisons with a table: the worst of every kind, and the failures.
pub struct Comparison {
    name: String,
    bound: f64,
    worst: Vec<(&'static str, usize, f64)>,
    failures: Vec<String>,
}

impl Comparison {
    pub fn new(name: impl Into<String>, bound: f64) -> Self {
        Self { name: name.into(), bound, worst: Vec::new(), failures: Vec::new() }
    }

    /// A value may be wrong by `bound eps (|f| + Σ |xᵢ ∂ᵢf|)`: to first order, what rounding the
    /// arguments `at` does to it. Results below the normal range count as 0.
    pub fn value(&mut self, what: &'static str, at: &[f64], got: &Expansion, want: f64) {
        let moved: f64 = at.iter().zip(&got.slopes).map(|(x, d)| (x * d).abs()).sum();
        self.number(what, at, got.value, want, want.abs() + moved);
    }

    /// The derivative along argument `i`, likewise; second derivatives that overflow (as 1/x² does)
    /// give no room.
    pub fn slope(&mut self, what: &'static str, at: &[f64], got: &Expansion, i: usize, want: f64) {
        let moved = at.iter().zip(&got.bends[i]).map(|(x, d)| (x * d).abs());
        let moved: f64 = moved.filter(|m| m.is_finite()).sum();
        self.number(what, at, got.slopes[i], want, want.abs() + moved);
    }

    fn number(&mut self, what: &'static str, at: &[f64], got: f64, want: f64, scale: f64) {
        let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= f64::MIN_POSITIVE;
        let error = if same { 0.0 } else { (got - want).abs() / (f64::EPSILON * scale) };
        if !(error <= self.bound) {
            self.failures.push(format!("{} {what} {at:?}: {got:e}, not {want:e} ({error:.1})", self.name));
        }
        match self.worst.iter_mut().find(|w| w.0 == what) {
            Some(w) => (w.1, w.2) = (w.1 + 1, w.2.max(error)),
            None => self.worst.push((what, 1, error)),
        }
    }

    /// # Panics
    /// If something was out of bounds, or nothing was compared.
    pub fn finish(self) {
        let worst: Vec<String> =
            self.worst.iter().map(|(what, n, c)| format!("{what} {c:.1} ({n})")).collect();
        println!("{}: worst in units of eps: {}", self.name, worst.join(", "));
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        assert!(!self.worst.is_empty(), "{}: nothing compared", self.name);
    }
}

/// A part of a distribution's table and how it is compared.
pub type Check = fn(&Json, &[f64], &mut Comparison);

/// Compares a family with the table `distributions/FILE.json`.
pub fn distribution<F: Family>(file: &str, bound: f64, checks: &[Check]) {
    let Some(table) = data(&format!("distributions/{file}.json")) else { return };
    for check in checks {
        let mut comparison = Comparison::new(file, bound);
        for case in table["cases"].as_array().unwrap() {
            let parameters = numbers(&case["params"], F::PARAMETERS);
            F::with::<f64>(&parameters).check().unwrap();
            check(case, &parameters, &mut comparison);
        }
        comparison.finish();
    }
}

/// Calls `f` with every point, and the arguments: `x` and the parameters.
pub fn points(case: &Json, parameters: &[f64], mut f: impl FnMut(&Json, &[f64])) {
    for point in case["points"].as_array().unwrap() {
        let at: Vec<f64> = number(point, "x").into_iter().chain(parameters.iter().copied()).collect();
        f(point, &at);
    }
}

/// `log_prob` and its derivatives, where the table has them.
pub fn density<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison) {
    let log_prob = |a: &[Jet]| F::with(&a[1..]).log_prob(a[0]);
    points(case, parameters, |point, at| {
        let got = expand(&log_prob, at);
        to.value("log_prob", at, &got, number(point, "log_prob").unwrap());
        if let Some(want) = number(point, "d_x") {
            to.slope("d_x", at, &got, 0, want);
        }
        for (i, want) in numbers(&point["d_params"], F::PARAMETERS).into_iter().enumerate() {
            to.slope("d_params", at, &got, i + 1, want);
        }
    });
}

/// `cdf`, `sf`, `log_cdf`, `log_sf` and `quantile`.
pub fn cdf<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Cdf<Jet>,
{
    let tails: [Named; 4] = [
        ("cdf", |a| F::with(&a[1..]).cdf(a[0])),
        ("sf", |a| F::with(&a[1..]).sf(a[0])),
        ("log_cdf", |a| F::with(&a[1..]).log_cdf(a[0])),
        ("log_sf", |a| F::with(&a[1..]).log_sf(a[0])),
    ];
    points(case, parameters, |point, at| {
        for (what, tail) in &tails {
            to.value(what, at, &slopes(tail, at), number(point, what).unwrap());
        }
    });
    for row in case["icdf"].as_array().unwrap() {
        let at: Vec<f64> = number(row, "p").into_iter().chain(parameters.iter().copied()).collect();
        let quantile = slopes(&|a| F::with(&a[1..]).quantile(a[0]), &at);
        to.value("icdf", &at, &quantile, number(row, "x").unwrap());
    }
}

/// `mean` and `variance`.
pub fn moments<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Moments<Jet>,
{
    let mean = slopes(&|p| F::with(p).mean(), parameters);
    to.value("mean", parameters, &mean, number(case, "mean").unwrap());
    let variance = slopes(&|p| F::with(p).variance(), parameters);
    to.value("variance", parameters, &variance, number(case, "variance").unwrap());
}

/// `entropy`.
pub fn entropy<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Entropy<Jet>,
{
    let got = slopes(&|p| F::with(p).entropy(), parameters);
    to.value("entropy", parameters, &got, number(case, "entropy").unwrap());
}

/// Compares the KL divergence of a pair of families, and its gradient, with the table
/// `kl/FILE.json`.
pub fn kl<Q: Family, P: Family>(file: &str, bound: f64)
where
    Q::Of<Jet>: KlDivergence<P::Of<Jet>, Value = Jet>,
{
    let Some(table) = data(&format!("kl/{file}.json")) else { return };
    let mut comparison = Comparison::new(format!("KL({} || {})", Q::NAME, P::NAME), bound);
    let n = Q::PARAMETERS.len();
    let rows = table["rows"].as_array().unwrap();
    // In the table, p stands first.
    for row in rows.iter().filter(|r| r["p"] == Q::NAME && r["q"] == P::NAME) {
        let mut at = numbers(&row["p_params"], Q::PARAMETERS);
        at.extend(numbers(&row["q_params"], P::PARAMETERS));
        let got = expand(&|a| Q::with(&a[..n]).kl(&P::with(&a[n..])), &at);
        comparison.value("kl", &at, &got, number(row, "kl").unwrap());
        let names = Q::PARAMETERS.iter().map(|name| &row["grad_p"][name]);
        let wants = names.chain(P::PARAMETERS.iter().map(|name| &row["grad_q"][name]));
        for (i, want) in wants.enumerate() {
            if let Some(want) = want.as_f64() {
                comparison.slope("gradient", &at, &got, i, want);
            }
        }
    }
    comparison.finish();
}

/// One line per family: the test's name, the family, its table, the bound, and what is compared.
macro_rules! families {
    ($($test:ident: $family:ident, $file:literal, $bound:literal, [$($check:ident),+];)+) => {$(
        #[test]
        fn $test() {
            $crate::common::distribution::<$family>($file, $bound, &[$($check::<$family>),+]);
        }
    )+};
}
pub(crate) use families;

/// One line per pair: the test's name, `KL(first || second)`, its table, and the bound.
macro_rules! kl_pairs {
    ($($test:ident: $q:ident || $p:ident, $file:literal, $bound:literal;)+) => {
        /// The pairs of the tables that are compared here.
        pub const KL_PAIRS: &[(&str, &str)] = &[$((stringify!($q), stringify!($p))),+];
        $(
            #[test]
            fn $test() {
                $crate::common::kl::<$q, $p>($file, $bound);
            }
        )+
    };
}
pub(crate) use kl_pairs;
