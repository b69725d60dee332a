//! Densities, moments, distribution functions, KL divergences and draw gradients on a tape, against
//! reference tables.
//!
//! The tables are read from the folder that the environment variable `PROBITY_REFERENCE_DATA`
//! names.

use probity_autodiff::Tape;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::*;
use serde_json::Value as Json;
use std::path::PathBuf;

pub type Var<'t> = probity_autodiff::Var<'t, f64>;
pub type OfParameters = for<'t> fn(&[Var<'t>]) -> Var<'t>;
pub type AtValue = for<'t> fn(&[Var<'t>], Var<'t>) -> Var<'t>;

/// Units of rounding that an error may have, relative to the condition of the problem.
const C: f64 = 50.0;

/// A row of the table of families.
pub struct Family {
    pub file: &'static str,
    pub parameters: &'static [&'static str],
    pub log_prob: AtValue,
    pub entropy: Option<OfParameters>,
    pub mean: Option<OfParameters>,
    /// The covariance of a family of rows, else the variance.
    pub spread: Option<OfParameters>,
    /// cdf, sf, log_cdf, log_sf, quantile.
    pub cdf: Option<[AtValue; 5]>,
}

macro_rules! table_row {
    ($file:literal [$($parameter:literal)+] |$p:ident| $make:expr $(, moments $spread:ident)? $(; $cdf:ident)?) => {
        $crate::conformance_more::Family {
            file: $file,
            parameters: &[$($parameter),+],
            log_prob: |$p, x| $make.log_prob(x),
            entropy: Some(|$p| $make.entropy()),
            mean: $crate::conformance_more::table_row!(@some $($spread |$p| $make.mean())?),
            spread: $crate::conformance_more::table_row!(@some $($spread |$p| $make.$spread())?),
            cdf: $crate::conformance_more::table_row!(@some $($cdf [|$p, x| $make.cdf(x), |$p, x| $make.sf(x), |$p, x| $make.log_cdf(x),
                |$p, x| $make.log_sf(x), |$p, x| $make.quantile(x)])?),
        }
    };
    ($file:literal [$($parameter:literal)+] |$p:ident| $make:expr; no entropy $(, moments $spread:ident)?) => {
        $crate::conformance_more::Family {
            file: $file,
            parameters: &[$($parameter),+],
            log_prob: |$p, x| $make.log_prob(x),
            entropy: None,
            mean: $crate::conformance_more::table_row!(@some $($spread |$p| $make.mean())?),
            spread: $crate::conformance_more::table_row!(@some $($spread |$p| $make.$spread())?),
            cdf: None,
        }
    };
    (@some) => { None };
    (@some $flag:ident $value:expr) => { Some($value) };
}
pub(crate) use table_row;

fn families() -> Vec<Family> {
    vec![
        table_row!("StudentT" ["df" "loc" "scale"] |p| StudentT::new(p[0], p[1], p[2]), moments variance; cdf),
        table_row!("Gamma" ["concentration" "rate"] |p| Gamma::new(p[0], p[1]), moments variance; cdf),
        table_row!("Bernoulli_logits" ["logits"] |p| Bernoulli::from_logits(p[0]), moments variance),
        table_row!("Bernoulli_probs" ["probs"] |p| Bernoulli::new(p[0]), moments variance),
        table_row!("Categorical_logits"["logits"] | p | Categorical::new(p[0])),
        table_row!("Dirichlet" ["concentration"] |p| Dirichlet::new(p[0]), moments variance),
        table_row!("Multinomial_logits" ["total_count" "logits"] |p| Multinomial::from_logits(p[0], p[1]);
            no entropy, moments variance),
        table_row!("LKJCholesky" ["dimension" "concentration"]
            |p| LkjCholesky::new(p[0].item() as usize, p[1]); no entropy),
        table_row!("ZeroInflatedPoisson" ["gate" "rate"] |p| ZeroInflated::new(p[0], Poisson::new(p[1]));
            no entropy, moments variance),
        table_row!("MultivariateNormal" ["loc" "scale_tril"] |p| MultivariateNormal::from_cholesky(p[0], p[1]),
            moments covariance),
    ]
}

/// A table, or nothing if there is no reference data.
fn table(name: &str) -> Option<Json> {
    let Some(folder) = std::env::var_os("PROBITY_REFERENCE_DATA") else {
        println!("skipped {name}: PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

fn number(x: &Json) -> f64 {
    match x.as_str() {
        Some(text) => text.parse().unwrap(),
        None => x.as_f64().unwrap(),
    }
}

/// A number, a row, or a matrix.
fn matrix(x: &Json) -> DMatrix<f64> {
    let Some(rows) = x.as_array() else { return DMatrix::from_element(1, 1, number(x)) };
    if !rows[0].is_array() {
        return DMatrix::from_fn(1, rows.len(), |_, j| number(&rows[j]));
    }
    DMatrix::from_fn(rows.len(), rows[0].as_array().unwrap().len(), |i, j| number(&rows[i][j]))
}

fn list(x: &Json, key: &str) -> Vec<Json> {
    x.get(key).and_then(Json::as_array).cloned().unwrap_or_default()
}

/// `Σ |aᵢ bᵢ|`.
fn weight(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    a.iter().zip(b.iter()).filter(|(a, _)| **a != 0.0).map(|(a, b)| (a * b).abs()).sum()
}

/// The largest error so far, in units of its tolerance.
#[derive(Default)]
struct Check {
    worst: Vec<(&'static str, f64)>,
    failures: Vec<String>,
}

impl Check {
    fn near(&mut self, what: &'static str, case: &str, got: f64, want: f64, tolerance: f64) {
        // Below the normal numbers the tables read 0.
        let error = (got - want).abs();
        if got == want || (got.is_nan() && want.is_nan()) || error < f64::MIN_POSITIVE {
            return;
        }
        let units = C * error / tolerance;
        match self.worst.iter_mut().find(|w| w.0 == what) {
            Some(w) => w.1 = w.1.max(units),
            None => self.worst.push((what, units)),
        }
        if !(error <= tolerance) {
            self.failures.push(format!("{case}: {what} {got:e}, reference {want:e}, {units:.0} units"));
        }
    }

    fn all_near(
        &mut self,
        what: &'static str,
        case: &str,
        got: &DMatrix<f64>,
        want: &DMatrix<f64>,
        tolerance: impl Fn(usize) -> f64,
    ) {
        assert_eq!(got.shape(), want.shape(), "{case}: {what}");
        for k in 0..got.len() {
            self.near(what, &format!("{case} [{k}]"), got[k], want[k], tolerance(k));
        }
    }

    fn finish(self, name: &str) -> Vec<String> {
        println!("{name}: largest errors in units (at most {C}): {:.1?}", self.worst);
        self.failures.into_iter().map(|f| format!("{name} {f}")).collect()
    }
}

/// The value of a function of matrices and its gradients.
fn differentiate(f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>, at: &[DMatrix<f64>]) -> (f64, Vec<DMatrix<f64>>) {
    let tape = Tape::new();
    let at: Vec<_> = at.iter().map(|x| tape.variable(x)).collect();
    let y = f(&at);
    let gradients = tape.backward(y);
    (y.item(), at.iter().map(|x| gradients.wrt(*x)).collect())
}

/// How far each gradient moves, in all, when every entry of the arguments moves by a relative 1,
/// one after the other (of a symmetric matrix, the two together).
fn gradient_condition(
    f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    at: &[DMatrix<f64>],
    gradients: &[DMatrix<f64>],
) -> Vec<DMatrix<f64>> {
    let step = 2f64.powi(-20);
    let mut sum: Vec<_> = gradients.iter().map(|g| g * 0.0).collect();
    for (i, x) in at.iter().enumerate() {
        let symmetric = x.is_square() && *x == x.transpose();
        for (row, col) in (0..x.ncols()).flat_map(|col| (0..x.nrows()).map(move |row| (row, col))) {
            if x[(row, col)] == 0.0 || symmetric && row < col {
                continue;
            }
            let mut moved = at.to_vec();
            moved[i][(row, col)] *= 1.0 + step;
            if symmetric {
                moved[i][(col, row)] = moved[i][(row, col)];
            }
            for ((s, new), old) in sum.iter_mut().zip(differentiate(&f, &moved).1).zip(gradients) {
                *s += (new - old).abs() / step;
            }
        }
    }
    sum
}

/// The natural scale of a parameter, or of the value.
fn natural_scale(name: &str, parameters: &[(&str, DMatrix<f64>)]) -> f64 {
    let smallest = |name: &str| {
        let found = parameters.iter().find(|p| p.0 == name);
        found.map(|(_, m)| if m.nrows() > 1 { m.diagonal().min() } else { m.min() })
    };
    match name {
        "loc" | "scale_tril" | "x" => smallest("scale").or(smallest("scale_tril")).unwrap_or(0.0),
        "logits" => 1.0,
        _ => 0.0,
    }
}

fn gradients_near(
    check: &mut Check,
    case: &str,
    value: f64,
    (name, at, got, want): (&str, &DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>),
    (scale, condition): (f64, &DMatrix<f64>),
) {
    let tolerance = |k: usize| {
        let step = at[k].abs().max(scale).max(f64::MIN_POSITIVE);
        let condition = if condition[k].is_finite() { condition[k] } else { 0.0 };
        // What is made of an entry is rounded a few times on the way.
        let rounded = 4.0 * f64::EPSILON * condition;
        C * f64::EPSILON * (want[k].abs() + (1.0 + value.abs()) / step) + rounded
    };
    check.all_near("gradient", &format!("{case} d/d{name}"), got, want, tolerance);
}

fn check_case(family: &Family, case: &Json, check: &mut Check) {
    let parameters: Vec<_> = family.parameters.iter().map(|p| (*p, matrix(&case["params"][*p]))).collect();
    let values: Vec<_> = parameters.iter().map(|p| p.1.clone()).collect();
    let name = format!("{} {}", family.file, case["params"]);
    let name: String = name.chars().take(120).collect();
    for (what, f) in [("entropy", family.entropy), ("mean", family.mean), ("spread", family.spread)] {
        let key = if what == "spread" {
            if case.get("covariance").is_some() { "covariance" } else { "variance" }
        } else {
            what
        };
        let (Some(f), Some(want)) = (f, case.get(key).filter(|w| !w.is_null())) else { continue };
        let want = matrix(want);
        let tape = Tape::new();
        let at: Vec<_> = values.iter().map(|x| tape.variable(x)).collect();
        let got = f(&at);
        let gradients = tape.backward(got.sum());
        let condition: f64 = at.iter().zip(&values).map(|(v, x)| weight(x, &gradients.wrt(*v))).sum();
        let size = want.amax();
        let condition = if condition.is_finite() { condition } else { 0.0 };
        check.all_near(what, &name, &got.value(), &want, |_| C * f64::EPSILON * (size + condition));
    }
    for point in list(case, "points") {
        let x = matrix(&point["x"]);
        let name = format!("{name} at {}", point["x"]);
        let want = number(&point["log_prob"]);
        let at: Vec<_> = std::iter::once(x.clone()).chain(values.iter().cloned()).collect();
        let (got, gradients) = differentiate(|a| (family.log_prob)(&a[1..], a[0]).sum(), &at);
        let slopes: Vec<_> = std::iter::once(point.get("d_x"))
            .chain(family.parameters.iter().map(|p| point["d_params"].get(*p)))
            .map(|s| s.filter(|s| !s.is_null()).map(matrix))
            .collect();
        let condition: f64 = at.iter().zip(&slopes).filter_map(|(a, s)| Some(weight(a, s.as_ref()?))).sum();
        check.near("log_prob", &name, got, want, C * f64::EPSILON * (want.abs() + condition));
        let conditions = gradient_condition(|a| (family.log_prob)(&a[1..], a[0]).sum(), &at, &gradients);
        for (k, want_slope) in slopes.iter().enumerate() {
            let Some(want_slope) = want_slope else { continue };
            let parameter = if k == 0 { "x" } else { family.parameters[k - 1] };
            let scale = natural_scale(parameter, &parameters);
            let entry = (parameter, &at[k], &gradients[k], want_slope);
            gradients_near(check, &name, want, entry, (scale, &conditions[k]));
        }
        let Some(cdf) = family.cdf else { continue };
        for (f, what) in cdf.iter().zip(["cdf", "sf", "log_cdf", "log_sf"]) {
            let want = number(&point[what]);
            let (got, gradients) = differentiate(|a| f(&a[1..], a[0]), &at);
            let condition: f64 = at.iter().zip(&gradients).map(|(a, g)| weight(a, g)).sum();
            check.near(what, &name, got, want, C * f64::EPSILON * (want.abs() + condition));
        }
    }
    for row in list(case, "icdf") {
        let Some(cdf) = family.cdf else { continue };
        let (p, want) = (matrix(&row["p"]), number(&row["x"]));
        let at: Vec<_> = std::iter::once(p).chain(values.iter().cloned()).collect();
        let (got, gradients) = differentiate(|a| cdf[4](&a[1..], a[0]), &at);
        let condition: f64 = at.iter().zip(&gradients).map(|(a, g)| weight(a, g)).sum();
        let name = format!("{name} p = {}", row["p"]);
        check.near("quantile", &name, got, want, C * f64::EPSILON * (want.abs() + condition));
    }
}

#[test]
fn families_match_the_tables() {
    match_the_tables(families());
}

pub fn match_the_tables(families: Vec<Family>) {
    let mut failures = Vec::new();
    for family in families {
        let Some(table) = table(&format!("distributions/{}", family.file)) else { return };
        let mut check = Check::default();
        list(&table, "cases").iter().for_each(|case| check_case(&family, case, &mut check));
        failures.extend(check.finish(family.file));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// KL(p ‖ q) of a pair of families, from the parameters of both.
pub struct Pair {
    pub file: &'static str,
    pub families: [&'static str; 2],
    pub parameters: [&'static [&'static str]; 2],
    pub kl: OfParameters,
}

pub fn pairs() -> Vec<Pair> {
    let pair = |file, families, parameters, kl| Pair { file, families, parameters, kl };
    let (gamma, normal): (&[_], &[_]) = (&["concentration", "rate"], &["loc", "scale"]);
    let (logits, full): (&[_], &[_]) = (&["logits"], &["loc", "scale_tril"]);
    vec![
        pair("scalar", ["Gamma", "Gamma"], [gamma, gamma], |p| {
            Gamma::new(p[0], p[1]).kl_sum(&Gamma::new(p[2], p[3]))
        }),
        pair("scalar", ["Gamma", "Normal"], [gamma, normal], |p| {
            Gamma::new(p[0], p[1]).kl_sum(&Normal::new(p[2], p[3]))
        }),
        pair("discrete", ["Bernoulli", "Bernoulli"], [logits, logits], |p| {
            Bernoulli::from_logits(p[0]).kl_sum(&Bernoulli::from_logits(p[1]))
        }),
        pair("discrete", ["Categorical", "Categorical"], [logits, logits], |p| {
            Categorical::new(p[0]).kl_sum(&Categorical::new(p[1]))
        }),
        pair("multivariate", ["MultivariateNormal", "MultivariateNormal"], [full, full], |p| {
            let [a, b] = [(p[0], p[1]), (p[2], p[3])].map(|(m, l)| MultivariateNormal::from_cholesky(m, l));
            a.kl_sum(&b)
        }),
        pair("multivariate", ["Dirichlet", "Dirichlet"], [&["concentration"], &["concentration"]], |p| {
            Dirichlet::new(p[0]).kl_sum(&Dirichlet::new(p[1]))
        }),
        pair("multivariate", ["DiagonalNormal", "DiagonalNormal"], [normal, normal], |p| {
            DiagonalNormal::new(p[0], p[1]).kl_sum(&DiagonalNormal::new(p[2], p[3]))
        }),
    ]
}

#[test]
fn kl_matches_the_tables() {
    kl_match_the_tables(pairs());
}

pub fn kl_match_the_tables(pairs: Vec<Pair>) {
    let mut failures = Vec::new();
    for pair in pairs {
        let Some(table) = table(&format!("kl/{}", pair.file)) else { return };
        let mut check = Check::default();
        let mut seen = 0;
        for row in list(&table, "rows") {
            if [&row["p"], &row["q"]] != pair.families {
                continue;
            }
            seen += 1;
            let side = |k: usize, values: &str, slopes: &str| -> Vec<_> {
                let entry = |p: &&'static str| {
                    (*p, matrix(&row[values][*p]), row.get(slopes).and_then(|s| s.get(*p)).map(matrix))
                };
                pair.parameters[k].iter().map(entry).collect()
            };
            let sides = [side(0, "p_params", "grad_p"), side(1, "q_params", "grad_q")];
            let at: Vec<_> = sides.iter().flatten().map(|p| p.1.clone()).collect();
            let name: String =
                format!("{} to {}", row["p_params"], row["q_params"]).chars().take(160).collect();
            let want = number(&row["kl"]);
            let (got, gradients) = differentiate(pair.kl, &at);
            let condition: f64 =
                sides.iter().flatten().filter_map(|p| Some(weight(&p.1, p.2.as_ref()?))).sum();
            // An exact 0 has no relative error: a square of rounding errors may stand for it.
            let tolerance = C * f64::EPSILON * (want.abs() + condition) + 1e-26;
            check.near("kl", &name, got, want, tolerance);
            let conditions = gradient_condition(pair.kl, &at, &gradients);
            for (i, side) in sides.iter().enumerate() {
                let parameters: Vec<_> = side.iter().map(|p| (p.0, p.1.clone())).collect();
                for (k, (parameter, value, slope)) in side.iter().enumerate() {
                    let Some(slope) = slope else { continue };
                    let j = i * pair.parameters[0].len() + k;
                    let scale = natural_scale(parameter, &parameters);
                    let entry = (*parameter, value, &gradients[j], slope);
                    gradients_near(&mut check, &name, want, entry, (scale, &conditions[j]));
                }
            }
        }
        assert!(seen > 0, "no rows of {:?}", pair.families);
        failures.extend(check.finish(&pair.families.join(" to ")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
