//! Tables of special functions, and of the derivatives of draws.

use crate::check::Check;
use crate::table::{field, number, numbers, short};
use probity_autodiff::math::{beta_inc, gamma, gamma_inc};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Real, Tape};
use probity_distributions::functions::*;
use probity_distributions::{Cdf, Gamma, VonMises};
use serde_json::Value as Json;

const EPS: f64 = f64::EPSILON;

/// A number with derivatives in up to three arguments.
type Jet = Dual<f64, 3>;

/// A function: its arguments and the fields of its derivatives, the fields of its values, and how
/// they are computed.
struct Function {
    arguments: &'static [(&'static str, &'static str)],
    values: &'static [&'static str],
    of: fn(&[Jet]) -> Vec<Jet>,
}

const OF_X: &[(&str, &str)] = &[("x", "derivative")];
const OF_AX: &[(&str, &str)] = &[("a", "d_a"), ("x", "d_x")];

fn function(stem: &str) -> Option<Function> {
    let f = |arguments, values, of| Some(Function { arguments, values, of });
    let one = |of| f(OF_X, &["value"], of);
    match stem {
        "atanh" => one(|x| vec![x[0].atanh()]),
        "bessel_ratio_i1_i0" => one(|x| vec![bessel_ratio(x[0])]),
        "betainc" => f(&[("a", "d_a"), ("b", "d_b"), ("x", "d_x")], &["value", "complement"], |x| {
            vec![x[0].beta_inc(x[1], x[2]), beta_inc::beta_tails(x[0], x[1], x[2]).upper]
        }),
        "betaln" => f(&[("a", "d_a"), ("b", "d_b")], &["value"], |x| vec![x[0].ln_beta(x[1])]),
        "digamma" => one(|x| vec![x[0].digamma()]),
        "erf" => one(|x| vec![x[0].erf()]),
        "erfc" => one(|x| vec![x[0].erfc()]),
        "erfcx" => one(|x| vec![x[0].erfcx()]),
        "erfinv" => one(|x| vec![x[0].erfinv()]),
        "expint_e1" => one(|x| vec![expint_e1(x[0])]),
        "expint_e1_scaled" => one(|x| vec![expint_e1_scaled(x[0])]),
        "expm1" => one(|x| vec![x[0].exp_m1()]),
        "gammainc_p" => {
            f(OF_AX, &["value", "log_value"], |x| vec![x[0].gamma_p(x[1]), x[0].log_gamma_p(x[1])])
        }
        "gammainc_q" => {
            f(OF_AX, &["value", "log_value"], |x| vec![x[0].gamma_q(x[1]), x[0].log_gamma_q(x[1])])
        }
        "gammaincinv" => {
            f(&[("a", ""), ("p", "")], &["value"], |x| vec![Gamma::<Jet>::new(x[0], 1.0).quantile(x[1])])
        }
        "hurwitz_zeta" => f(&[("s", "d_s"), ("q", "d_q")], &["value"], |x| vec![hurwitz_zeta(x[0], x[1])]),
        "i0e" => one(|x| vec![bessel_i0e(x[0])]),
        "i1e" => one(|x| vec![bessel_i1e(x[0])]),
        "lgamma" => one(|x| vec![x[0].lgamma()]),
        "log1mexp" => one(|x| vec![x[0].log1mexp()]),
        "log1p" => one(|x| vec![x[0].ln_1p()]),
        "log_i0" => one(|x| vec![ln_bessel_i0(x[0])]),
        "log_ndtr" => one(|x| vec![x[0].log_ndtr()]),
        "log_sigmoid" => one(|x| vec![x[0].log_sigmoid()]),
        "logaddexp" => f(&[("a", "d_a"), ("b", "d_b")], &["value"], |x| vec![x[0].log_add_exp(x[1])]),
        "multigammaln" => f(&[("a", "d_a"), ("d", "")], &["value"], |x| {
            let d = crate::library::whole(x[1].re, 1000.0);
            vec![d.map_or(Jet::from(f64::NAN), |d| gamma::multigammaln(x[0], d))]
        }),
        "ndtr" => one(|x| vec![x[0].ndtr()]),
        "ndtri" => one(|x| vec![x[0].ndtri()]),
        "riemann_zeta" => one(|x| vec![riemann_zeta(x[0])]),
        "sigmoid" => one(|x| vec![x[0].sigmoid()]),
        "softplus" => one(|x| vec![x[0].softplus()]),
        "softplus_inverse" => one(|x| vec![x[0].softplus_inv()]),
        "tetragamma" => one(|x| vec![x[0].polygamma(2)]),
        "trigamma" => one(|x| vec![x[0].polygamma(1)]),
        "xlogy" => f(&[("x", "d_x"), ("y", "d_y")], &["value"], |x| vec![x[0].xlogy(x[1])]),
        _ => None,
    }
}

/// A file of `special`.
pub fn file(stem: &str, rows: &[Json], check: &mut Check) {
    if stem == "logsumexp" {
        return rows.iter().for_each(|row| logsumexp(row, check));
    }
    let Some(function) = function(stem) else { return check.miss(format!("the library has no {stem}")) };
    for row in rows {
        check.at = short(row);
        let arguments: Option<Vec<f64>> = function.arguments.iter().map(|a| field(row, a.0)).collect();
        let Some(x) = arguments else {
            check.miss("arguments that are missing");
            continue;
        };
        let jets: Vec<Jet> = x.iter().enumerate().map(|(i, x)| Jet::variable(*x, i)).collect();
        one_row(row, &function, &x, &(function.of)(&jets), check);
    }
}

fn one_row(row: &Json, function: &Function, x: &[f64], got: &[Jet], check: &mut Check) {
    let wanted = |i: usize| field(row, function.arguments[i].1);
    let moved = |i: usize, got: &Jet| {
        let slope = wanted(i).unwrap_or(got.du[i]);
        let moved = (x[i] * slope).abs();
        if moved.is_finite() { moved } else { 0.0 }
    };
    let condition: f64 = (0..x.len()).map(|i| moved(i, &got[0])).sum();
    for (got, name) in got.iter().zip(function.values) {
        let Some(want) = field(row, name) else { continue };
        // A logarithm moves by the relative change of the value.
        let own: f64 = (0..x.len()).map(|i| (x[i] * got.du[i]).abs()).filter(|m| m.is_finite()).sum();
        let condition = if name.starts_with("log_") { own } else { condition };
        check.near(name, got.re, want, EPS * (want.abs() + condition));
    }
    let value = field(row, function.values[0]).unwrap_or(0.0).abs();
    for (i, x) in x.iter().enumerate() {
        let Some(want) = wanted(i) else { continue };
        // The slope moves by the relative change of the value, or by that of the value's own scale.
        let moves = want.abs() * (1.0 + condition / value.max(f64::MIN_POSITIVE));
        let unit = EPS * (moves + (value + condition) / x.abs());
        check.near(function.arguments[i].1, got[0].du[i], want, unit);
    }
}

fn logsumexp(row: &Json, check: &mut Check) {
    check.at = short(row);
    let parts = ["x", "softmax", "log_softmax"].map(|name| row.get(name).and_then(numbers));
    let ([Some(x), Some(soft), Some(log)], Some(want)) = (parts, field(row, "logsumexp")) else {
        return check.miss("a row without x or values");
    };
    let tape = Tape::new();
    let a = tape.variable(&DMatrix::from_row_slice(1, x.len(), &x));
    let sum = a.logsumexp();
    let size = x.iter().filter(|x| x.is_finite()).fold(want.abs(), |most, x| most.max(x.abs()));
    check.near("logsumexp", sum.item(), want, EPS * size);
    let slopes = tape.backward(sum).wrt(a);
    let (p, log_p) = (a.softmax().value(), a.log_softmax().value());
    for k in 0..x.len() {
        // A probability moves by the differences of the arguments.
        let unit = EPS * soft[k] * (1.0 + size);
        check.near("softmax", p[k], soft[k], unit);
        check.near("gradient", slopes[k], soft[k], unit);
        check.near("log_softmax", log_p[k], log[k], EPS * (log[k].abs() + size));
    }
}

/// A file of `implicit`: one unit is two parts in 1e10, so that 50 of them are 1e-8.
pub fn implicit(stem: &str, rows: &[Json], check: &mut Check) {
    for row in rows {
        check.at = short(row);
        let get = |name: &str| field(row, name).unwrap_or(f64::NAN);
        let mut near = |name: &str, got: f64| {
            if let Some(want) = field(row, name) {
                check.near(name, got, want, 2e-10 * want.abs());
            }
        };
        match stem {
            "gamma" => {
                let (a, z) = (get("concentration"), get("sample"));
                near("dsample_dconcentration", gamma_inc::gamma_draw_slope(a, z));
                near("dlogsample_dconcentration", gamma_inc::gamma_log_draw_slope(a, z.ln()));
            }
            "gamma_log_space" => {
                let slope = gamma_inc::gamma_log_draw_slope(get("concentration"), get("log_sample"));
                near("dlogsample_dconcentration", slope);
            }
            "beta" => {
                let slopes =
                    beta_inc::beta_draw_slopes(get("concentration1"), get("concentration0"), get("sample"));
                near("dsample_dconcentration1", slopes[0]);
                near("dsample_dconcentration0", slopes[1]);
            }
            "studentt" => {
                let z = (get("sample") - get("loc")) / get("scale");
                let slope = probity_autodiff::math::student_t::student_t_draw_slope(get("df"), z);
                near("dsample_ddf", slope * get("scale"));
            }
            "vonmises" => {
                // Below the mode, where probabilities keep their digits.
                let (k, x) = (get("concentration"), get("sample"));
                let p = VonMises::<f64>::new(0.0, k).cdf(-x.abs());
                let moved = VonMises::<Jet>::new(0.0, Jet::variable(k, 0)).quantile(Jet::from(p)).du[0];
                near("dsample_dconcentration", if x > 0.0 { -moved } else { moved });
            }
            "dirichlet" => dirichlet(row, check),
            other => {
                check.miss(format!("the library has no draws of {other}"));
            }
        }
    }
}

/// The Jacobian of normalised draws of Gamma variables.
fn dirichlet(row: &Json, check: &mut Check) {
    let parts = ["concentration", "gammas"].map(|name| row.get(name).and_then(numbers));
    let rows = row.get("jacobian").and_then(Json::as_array);
    let ([Some(a), Some(g)], Some(rows)) = (parts, rows) else {
        return check.miss("a row without concentrations, draws or a Jacobian");
    };
    let slopes: Vec<f64> = a.iter().zip(&g).map(|(a, g)| gamma_inc::gamma_draw_slope(*a, *g)).collect();
    let total: f64 = g.iter().sum();
    for (i, row) in rows.iter().enumerate() {
        for (j, want) in row.as_array().into_iter().flatten().enumerate().take(g.len()) {
            let Some(want) = number(want) else { continue };
            // The others by themselves: their sum may be far below the rounding of the total.
            let others: f64 = (0..g.len()).filter(|k| *k != i).map(|k| g[k]).sum();
            let own = if i == j { others } else { -g[i] };
            check.near("jacobian", own / total / total * slopes[j], want, 2e-10 * want.abs());
        }
    }
}
