//! What several test files share: reference tables, and how far a result may be from them.

use probity_distributions::laws::Family;
use probity_distributions::{Cdf, Distribution, Entropy, KlDivergence, Moments};
use serde_json::Value as Json;

/// A number with first and second derivatives along up to six arguments.
pub type Jet = probity_autodiff::Dual<probity_autodiff::Dual<f64, 6>, 6>;

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

/// Numbers as independent variables.
pub fn jets(x: &[f64]) -> Vec<Jet> {
    let variable = |(i, &x)| Jet::variable(probity_autodiff::Dual::variable(x, i), i);
    x.iter().enumerate().map(variable).collect()
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
    pub fn value(&mut self, what: &'static str, at: &[f64], got: Jet, want: f64) {
        let moved: f64 = at.iter().zip(got.du).map(|(x, d)| (x * d.re).abs()).sum();
        self.number(what, at, got.re.re, want, want.abs() + moved);
    }

    /// The derivative along argument `i`, likewise; second derivatives that overflow (as 1/x² does)
    /// give no room.
    pub fn slope(&mut self, what: &'static str, at: &[f64], got: Jet, i: usize, want: f64) {
        let slope = got.du[i];
        let moved: f64 = at.iter().zip(slope.du).map(|(x, d)| (x * d).abs()).filter(|m| m.is_finite()).sum();
        self.number(what, at, slope.re, want, want.abs() + moved);
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

/// Calls `f` with every point `x`, the arguments (`x` and the parameters) and their jets.
fn points(case: &Json, parameters: &[f64], mut f: impl FnMut(&Json, &[f64], &[Jet])) {
    for point in case["points"].as_array().unwrap() {
        let at: Vec<f64> = number(point, "x").into_iter().chain(parameters.iter().copied()).collect();
        f(point, &at, &jets(&at));
    }
}

/// `log_prob` and its derivatives.
pub fn density<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison) {
    points(case, parameters, |point, at, a| {
        let got = F::with(&a[1..]).log_prob(a[0]);
        to.value("log_prob", at, got, number(point, "log_prob").unwrap());
        if let Some(want) = number(point, "d_x") {
            to.slope("d_x", at, got, 0, want);
        }
        for (i, want) in numbers(&point["d_params"], F::PARAMETERS).into_iter().enumerate() {
            to.slope("d_params", at, got, i + 1, want);
        }
    });
}

/// `cdf`, `sf`, `log_cdf`, `log_sf` and `quantile`.
pub fn cdf<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Cdf<Jet>,
{
    points(case, parameters, |point, at, a| {
        let (d, x) = (F::with(&a[1..]), a[0]);
        for (what, got) in
            [("cdf", d.cdf(x)), ("sf", d.sf(x)), ("log_cdf", d.log_cdf(x)), ("log_sf", d.log_sf(x))]
        {
            to.value(what, at, got, number(point, what).unwrap());
        }
    });
    for row in case["icdf"].as_array().unwrap() {
        let at: Vec<f64> = number(row, "p").into_iter().chain(parameters.iter().copied()).collect();
        let a = jets(&at);
        to.value("icdf", &at, F::with(&a[1..]).quantile(a[0]), number(row, "x").unwrap());
    }
}

/// `mean` and `variance`.
pub fn moments<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Moments<Jet>,
{
    let d = F::with(&jets(parameters));
    to.value("mean", parameters, d.mean(), number(case, "mean").unwrap());
    to.value("variance", parameters, d.variance(), number(case, "variance").unwrap());
}

/// `entropy`.
pub fn entropy<F: Family>(case: &Json, parameters: &[f64], to: &mut Comparison)
where
    F::Of<Jet>: Entropy<Jet>,
{
    to.value("entropy", parameters, F::with(&jets(parameters)).entropy(), number(case, "entropy").unwrap());
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
        let a = jets(&at);
        let got = Q::with(&a[..n]).kl(&P::with(&a[n..]));
        comparison.value("kl", &at, got, number(row, "kl").unwrap());
        let names = Q::PARAMETERS.iter().map(|name| &row["grad_p"][name]);
        let wants = names.chain(P::PARAMETERS.iter().map(|name| &row["grad_q"][name]));
        for (i, want) in wants.enumerate() {
            if let Some(want) = want.as_f64() {
                comparison.slope("gradient", &at, got, i, want);
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
