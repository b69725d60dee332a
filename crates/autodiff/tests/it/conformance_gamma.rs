//! The gamma and beta family against the reference data in the folder named by
//! `PROBITY_REFERENCE_DATA`.
//!
//! An error is measured in units of `eps (|f| + Σ |xᵢ ∂f/∂xᵢ|)`, the change that rounding the
//! arguments makes.

use probity_autodiff::math::student_t::{student_t_draw_slope, student_t_icdf, student_t_tails};
use probity_autodiff::math::{Tails, beta_inc, gamma, gamma_inc};
use probity_autodiff::{Dual, Real};
use serde_json::Value;

/// The reference file, or nothing where there is no reference data.
fn read(name: &str) -> Option<Value> {
    let Ok(folder) = std::env::var("PROBITY_REFERENCE_DATA") else {
        println!("skipped: PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a readable reference file");
    Some(serde_json::from_str(&text).expect("valid JSON"))
}

/// The number in a field; NaN where it is missing or undefined.
fn number(row: &Value, field: &str) -> f64 {
    match &row[field] {
        Value::Number(x) => x.as_f64().unwrap(),
        Value::String(x) => x.parse().unwrap(),
        _ => f64::NAN,
    }
}

/// The largest error of a table, and where it was.
struct Worst {
    name: String,
    limit: f64,
    count: usize,
    error: f64,
    at: String,
    failures: Vec<String>,
}

impl Worst {
    fn new(name: impl Into<String>, limit: f64) -> Self {
        Self { name: name.into(), limit, count: 0, error: 0.0, at: String::new(), failures: vec![] }
    }

    /// Compares, with one unit of error being `unit`; a missing expectation is passed over.
    fn check(&mut self, got: f64, want: f64, unit: f64, at: impl Fn() -> String) {
        if want.is_nan() {
            return;
        }
        self.count += 1;
        // Rows whose exact result is subnormal read 0.
        let error =
            if got == want || (want == 0.0 && got.abs() < 1e-307) { 0.0 } else { (got - want).abs() / unit };
        if !(error <= self.limit) {
            self.failures.push(format!("{}: {got:e} instead of {want:e} ({error:.2e} units)", at()));
        }
        if !(error <= self.error) {
            (self.error, self.at) = (error, at());
        }
    }

    fn finish(self) {
        let Self { name, limit, count, error, at, failures } = self;
        println!("{name}: {count} values, worst {error:.2e} of {limit:e} units at {at}");
        assert!(count > 0, "{name}: nothing was compared");
        assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
    }
}

/// Compares a table of values and derivatives: `eval` gives the value as a dual number over the
/// arguments.
fn table<const N: usize>(
    file: &str,
    args: [&str; N],
    derivatives: [&str; N],
    fields: &[&str],
    eval: impl Fn([Dual<f64, N>; N]) -> Vec<Dual<f64, N>>,
) {
    let Some(data) = read(&format!("special/{file}")) else { return };
    let mut values = Worst::new(file, 50.0);
    let mut slopes = Worst::new(format!("{file} slopes"), 50.0);
    for row in data["rows"].as_array().unwrap() {
        let x = args.map(|a| number(row, a));
        let got = eval(std::array::from_fn(|i| Dual::variable(x[i], i)));
        let want_d = derivatives.map(|d| number(row, d));
        let moved = |i: usize| (x[i] * if want_d[i].is_nan() { got[0].du[i] } else { want_d[i] }).abs();
        let conditioning: f64 = (0..N).map(moved).sum();
        for (got, field) in got.iter().zip(fields) {
            let want = number(row, field);
            // A logarithm moves by the relative change of the value.
            let spread = if field.starts_with("log_") {
                (0..N).map(|i| (x[i] * got.du[i]).abs()).sum()
            } else {
                conditioning
            };
            values.check(got.re, want, f64::EPSILON * (want.abs() + spread), || format!("{field} {x:?}"));
        }
        let value = number(row, fields[0]).abs();
        for i in 0..N {
            // The slope moves by the relative change of the value, or by that of the value's own
            // scale.
            let moves = want_d[i].abs() * (1.0 + conditioning / value.max(f64::MIN_POSITIVE));
            let unit = f64::EPSILON * (moves + (value + conditioning) / x[i].abs());
            slopes.check(got[0].du[i], want_d[i], unit, || format!("{} {x:?}", derivatives[i]));
        }
    }
    values.finish();
    slopes.finish();
}

#[test]
fn lgamma_and_its_derivatives() {
    table("lgamma", ["x"], ["derivative"], &["value"], |[x]| vec![x.lgamma()]);
    table("digamma", ["x"], ["derivative"], &["value"], |[x]| vec![x.digamma()]);
    table("trigamma", ["x"], ["derivative"], &["value"], |[x]| vec![x.polygamma(1)]);
    table("tetragamma", ["x"], ["derivative"], &["value"], |[x]| vec![x.polygamma(2)]);
}

#[test]
fn multivariate_gamma() {
    table("multigammaln", ["a", "d"], ["d_a", "none"], &["value"], |[a, d]| {
        vec![gamma::multigammaln(a, d.re as usize)]
    });
}

#[test]
fn beta_function() {
    table("betaln", ["a", "b"], ["d_a", "d_b"], &["value"], |[a, b]| vec![a.ln_beta(b)]);
}

#[test]
fn incomplete_gamma() {
    table("gammainc_p", ["a", "x"], ["d_a", "d_x"], &["value", "log_value"], |[a, x]| {
        vec![a.gamma_p(x), a.log_gamma_p(x)]
    });
    table("gammainc_q", ["a", "x"], ["d_a", "d_x"], &["value", "log_value"], |[a, x]| {
        vec![a.gamma_q(x), a.log_gamma_q(x)]
    });
}

#[test]
fn incomplete_beta() {
    let names = ["d_a", "d_b", "d_x"];
    table("betainc", ["a", "b", "x"], names, &["value", "complement"], |[a, b, x]| {
        let tails = beta_inc::beta_tails(a, b, x);
        vec![a.beta_inc(b, x), tails.upper]
    });
}

#[test]
fn inverse_incomplete_gamma() {
    let Some(data) = read("special/gammaincinv") else { return };
    let mut worst = Worst::new("gammaincinv", 1.0);
    for row in data["rows"].as_array().unwrap() {
        let (a, p, want) = (number(row, "a"), number(row, "p"), number(row, "value"));
        worst.check(gamma_inc::gamma_p_inv(a, p), want, 1e-12 * want, || format!("{a} {p}"));
    }
    worst.finish();
}

#[test]
fn implicit_gradients() {
    let limit = 1e-13;
    if let Some(data) = read("implicit/gamma") {
        let mut worst = Worst::new("implicit gamma", limit);
        for row in data["rows"].as_array().unwrap() {
            let (a, z) = (number(row, "concentration"), number(row, "sample"));
            let want = number(row, "dsample_dconcentration");
            worst.check(gamma_inc::gamma_draw_slope(a, z), want, want.abs(), || format!("{a} {z:e}"));
            let want = number(row, "dlogsample_dconcentration");
            let got = gamma_inc::gamma_log_draw_slope(a, z.ln());
            worst.check(got, want, want.abs(), || format!("ln {a} {z:e}"));
        }
        worst.finish();
    }
    if let Some(data) = read("implicit/gamma_log_space") {
        let mut worst = Worst::new("implicit gamma, log space", limit);
        for row in data["rows"].as_array().unwrap() {
            let (a, ln_z) = (number(row, "concentration"), number(row, "log_sample"));
            let want = number(row, "dlogsample_dconcentration");
            worst.check(gamma_inc::gamma_log_draw_slope(a, ln_z), want, want.abs(), || format!("{a} {ln_z}"));
        }
        worst.finish();
    }
    if let Some(data) = read("implicit/beta") {
        let mut worst = Worst::new("implicit beta", limit);
        for row in data["rows"].as_array().unwrap() {
            let [a, b, z] = ["concentration1", "concentration0", "sample"].map(|f| number(row, f));
            let got = beta_inc::beta_draw_slopes(a, b, z);
            for (got, field) in got.iter().zip(["dsample_dconcentration1", "dsample_dconcentration0"]) {
                let want = number(row, field);
                worst.check(*got, want, want.abs(), || format!("{field} {a} {b} {z:e}"));
            }
        }
        worst.finish();
    }
    if let Some(data) = read("implicit/studentt") {
        let mut worst = Worst::new("implicit Student t", limit);
        for row in data["rows"].as_array().unwrap() {
            let (df, z, want) = (number(row, "df"), number(row, "sample"), number(row, "dsample_ddf"));
            worst.check(student_t_draw_slope(df, z), want, want.abs(), || format!("{df} {z:e}"));
        }
        worst.finish();
    }
}

/// Compares distribution functions and quantiles; `tails` takes the parameters and the point, which
/// are the directions of its dual numbers in this order.
fn distribution(
    name: &str,
    params: &[&str],
    tails: impl Fn([Dual<f64, 4>; 4]) -> Tails<Dual<f64, 4>>,
    quantile: impl Fn([f64; 3], f64) -> f64,
) {
    let Some(data) = read(&format!("distributions/{name}")) else { return };
    let mut worst = Worst::new(name, 50.0);
    let mut inverse = Worst::new(format!("{name} quantiles"), 1.0);
    for case in data["cases"].as_array().unwrap() {
        let mut theta = [0.0; 3];
        for (t, p) in theta.iter_mut().zip(params) {
            *t = number(&case["params"], p);
        }
        let mut inputs: [Dual<f64, 4>; 4] = Default::default();
        for i in 0..params.len() {
            inputs[i] = Dual::variable(theta[i], i);
        }
        for row in case["points"].as_array().unwrap() {
            let x = number(row, "x");
            inputs[3] = Dual::variable(x, 3);
            let t = tails(inputs);
            for (got, field) in
                [(t.lower, "cdf"), (t.upper, "sf"), (t.log_lower, "log_cdf"), (t.log_upper, "log_sf")]
            {
                let want = number(row, field);
                let spread: f64 = (0..4).map(|i| (inputs[i].re * got.du[i]).abs()).sum();
                let unit = f64::EPSILON * (want.abs() + spread);
                worst.check(got.re, want, unit, || format!("{field} {theta:?} {x:e}"));
            }
        }
        for row in case["icdf"].as_array().unwrap() {
            let (p, want) = (number(row, "p"), number(row, "x"));
            inputs[3] = Dual::variable(want, 3);
            let density = tails(inputs).lower.du[3];
            let unit = 1e-12 * want.abs() + 4.0 * f64::EPSILON * p / density;
            inverse.check(quantile(theta, p), want, unit, || format!("{theta:?} {p}"));
        }
    }
    worst.finish();
    inverse.finish();
}

#[test]
fn distribution_functions() {
    distribution(
        "Gamma",
        &["concentration", "rate"],
        |[a, rate, _, x]| gamma_inc::gamma_tails(a, x * rate),
        |[a, rate, _], p| gamma_inc::gamma_p_inv(a, p) / rate,
    );
    distribution(
        "Chi2",
        &["df"],
        |[df, _, _, x]| gamma_inc::gamma_tails(df * 0.5, x * 0.5),
        |[df, _, _], p| gamma_inc::gamma_p_inv(df * 0.5, p) * 2.0,
    );
    distribution(
        "Beta",
        &["concentration1", "concentration0"],
        |[a, b, _, x]| beta_inc::beta_tails(a, b, x),
        |[a, b, _], p| beta_inc::beta_inc_inv(a, b, p).0,
    );
    distribution(
        "StudentT",
        &["df", "loc", "scale"],
        |[df, loc, scale, x]| student_t_tails(df, (x - loc) / scale),
        |[df, loc, scale], p| loc + scale * student_t_icdf(df, p),
    );
}
