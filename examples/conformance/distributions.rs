//! Tables of distributions: log densities with their derivatives, tails, quantiles, moments.

use crate::check::Check;
use crate::library::{Conversion, Function, Member, converted, covariance, family_name};
use crate::table::{field, matrix, number, short};
use probity_autodiff::nalgebra::DMatrix;
use serde_json::Value as Json;

const EPS: f64 = f64::EPSILON;

/// A member by the parameters of a table.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    pub member: &'a Member,
    pub conversion: Option<&'a Conversion>,
}

impl Found<'_> {
    pub fn parameters(&self) -> &'static [&'static str] {
        self.conversion.map_or(self.member.parameters, |c| c.parameters)
    }
    /// A function of the family at these parameters, behind as many other arguments as are `kept`.
    fn differentiate(
        &self,
        f: Function,
        kept: usize,
        at: &[DMatrix<f64>],
    ) -> (DMatrix<f64>, Vec<DMatrix<f64>>) {
        converted(f, self.conversion, kept, at)
    }
}

/// All ways in which the library takes these parameters of a family of this name.
pub fn find<'a>(
    name: &str,
    given: &[String],
    (members, conversions): (&'a [Member], &'a [Conversion]),
) -> Vec<Found<'a>> {
    let name = family_name(name);
    let fits = |names: &[&str]| names.iter().all(|name| given.iter().any(|given| given == name));
    let own = members.iter().filter(|m| m.name == name && fits(m.parameters));
    let mut found: Vec<_> = own.map(|member| Found { member, conversion: None }).collect();
    // A set of parameters that is a part of another one leaves something out.
    let part = |a: &[&str], b: &[&str]| a.len() < b.len() && a.iter().all(|name| b.contains(name));
    let all: Vec<_> = found.iter().map(|f| f.member.parameters).collect();
    found.retain(|f| !all.iter().any(|other| part(f.member.parameters, other)));
    for conversion in conversions.iter().filter(|c| c.name == name && fits(c.parameters)) {
        let member = members.iter().find(|m| m.name == name);
        found.extend(member.map(|member| Found { member, conversion: Some(conversion) }));
    }
    found
}

/// `Σ |aᵢ bᵢ|`, of entries that are not 0.
pub fn weight(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    a.iter().zip(b.iter()).filter(|(a, b)| **a != 0.0 && **b != 0.0).map(|(a, b)| (a * b).abs()).sum()
}

/// The gradients of a function of matrices in each of them.
pub type Gradients<'a> = dyn Fn(&[DMatrix<f64>]) -> Vec<DMatrix<f64>> + 'a;

/// How far each gradient moves, in all, when every entry of the arguments moves by a relative 1,
/// one after the other (of a symmetric matrix, the two together).
pub fn gradient_condition(
    differentiate: &Gradients<'_>,
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
            for ((s, new), old) in sum.iter_mut().zip(differentiate(&moved)).zip(gradients) {
                *s += (new - old).abs() / step;
            }
        }
    }
    sum
}

/// The natural scale of a parameter, or of the value.
pub fn natural_scale(name: &str, parameters: &[(&str, DMatrix<f64>)], real: bool) -> f64 {
    let smallest = |name: &str| {
        let found = parameters.iter().find(|p| p.0 == name);
        found.map(|(_, m)| if m.nrows() > 1 { m.diagonal().min() } else { m.min() })
    };
    match name {
        // The scale of the value itself only on the real line.
        "x" if !real => 0.0,
        "loc" | "locs" | "scale_tril" | "x" => ["scale", "scales", "scale_tril", "scale_row_tril"]
            .iter()
            .find_map(|s| smallest(s))
            .unwrap_or(0.0),
        "logits" | "probits" => 1.0,
        _ => 0.0,
    }
}

/// Compares a gradient: a unit is `eps (|g| + (1 + |f|) / max(|θ|, s))`, and a twelfth of `eps`
/// times what the gradient moves by when the arguments move (4 eps of 50).
pub fn gradients_near(
    check: &mut Check,
    value: f64,
    (name, at, got, want): (&str, &DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>),
    (scale, condition): (f64, &DMatrix<f64>),
) {
    let unit = |k: usize| {
        let step = at[k].abs().max(scale).max(f64::MIN_POSITIVE);
        let condition = if condition[k].is_finite() { condition[k] } else { 0.0 };
        EPS * (want[k].abs() + (1.0 + value.abs()) / step) + 0.08 * EPS * condition
    };
    check.all_near(&format!("d/d{name}"), got, want, unit);
}

/// A file of `distributions`.
pub fn file(stem: &str, rows: &[Json], library: (&[Member], &[Conversion]), check: &mut Check) {
    for case in rows {
        let Some(given) = case.get("params").and_then(Json::as_object) else {
            check.miss("a case without parameters");
            continue;
        };
        check.at = short(&case["params"]);
        let names: Vec<String> = given.keys().cloned().collect();
        let found = find(stem, &names, library);
        if found.is_empty() {
            check.miss(format!("the library has no {} of {names:?}", family_name(stem)));
        }
        for found in found {
            let values: Option<Vec<_>> =
                found.parameters().iter().map(|p| Some((*p, matrix(case["params"].get(*p)?)?))).collect();
            match values {
                Some(parameters) => one_case(found, case, &parameters, check),
                None => check.miss("parameters that are no numbers"),
            }
        }
    }
}

fn one_case(found: Found<'_>, case: &Json, parameters: &[(&'static str, DMatrix<f64>)], check: &mut Check) {
    let values: Vec<_> = parameters.iter().map(|p| p.1.clone()).collect();
    let member = found.member;
    let name = check.at.clone();
    let spread =
        if case.get("covariance").is_some() { covariance(member.name) } else { member.moments.map(|m| m[1]) };
    let spread_key = if case.get("covariance").is_some() { "covariance" } else { "variance" };
    let of_parameters =
        [("entropy", member.entropy), ("mean", member.moments.map(|m| m[0])), (spread_key, spread)];
    for (key, f) in of_parameters {
        let Some(want) = case.get(key).filter(|want| !want.is_null()).and_then(matrix) else { continue };
        let Some(f) = f else {
            check.miss(format!("no {key}"));
            continue;
        };
        let (got, gradients) = found.differentiate(f, 0, &values);
        let condition: f64 = values.iter().zip(&gradients).map(|(x, g)| weight(x, g)).sum();
        let condition = if condition.is_finite() { condition } else { 0.0 };
        let size = want.iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
        // An exact 0 is compared with 1: it stands for parts that cancel.
        let size = if size == 0.0 { 1.0 } else { size };
        check.all_near(key, &got, &want, |_| EPS * (size + condition));
    }
    for point in case["points"].as_array().into_iter().flatten() {
        check.at = format!("{name} at {}", short(&point["x"]));
        let (Some(x), Some(want)) = (matrix(&point["x"]), field(point, "log_prob")) else {
            check.miss("a point without x or log_prob");
            continue;
        };
        one_point(found, point, (x, want), parameters, check);
    }
    for row in case["icdf"].as_array().into_iter().flatten() {
        check.at = format!("{name}, p = {}", row["p"]);
        let (Some(p), Some(want)) = (matrix(&row["p"]), field(row, "x")) else {
            check.miss("a quantile without p or x");
            continue;
        };
        let Some(tails) = member.tails else {
            check.miss("no quantile");
            continue;
        };
        let at: Vec<_> = std::iter::once(p).chain(values.iter().cloned()).collect();
        let (got, gradients) = found.differentiate(tails[4], 1, &at);
        let condition: f64 = at.iter().zip(&gradients).map(|(a, g)| weight(a, g)).sum();
        check.near("quantile", got[0], want, EPS * (want.abs() + condition));
    }
    check.at = name;
}

fn one_point(
    found: Found<'_>,
    point: &Json,
    (x, want): (DMatrix<f64>, f64),
    parameters: &[(&'static str, DMatrix<f64>)],
    check: &mut Check,
) {
    let member = found.member;
    let at: Vec<_> = std::iter::once(x).chain(parameters.iter().map(|p| p.1.clone())).collect();
    let (got, gradients) = found.differentiate(member.log_prob, 1, &at);
    let slopes: Vec<Option<DMatrix<f64>>> = std::iter::once(point.get("d_x"))
        .chain(parameters.iter().map(|p| point["d_params"].get(p.0)))
        .map(|s| s.filter(|s| !s.is_null()).and_then(matrix))
        .collect();
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    // Of parameters that the table has no derivative in, what the library's own says.
    let moved = |k: usize| slopes[k].as_ref().map_or(0.0, |s| finite(weight(&at[k], s)));
    let condition: f64 = (0..at.len()).map(moved).sum();
    check.near("log_prob", got.sum(), want, EPS * (want.abs() + condition));
    let slopes_at = |at: &[DMatrix<f64>]| found.differentiate(member.log_prob, 1, at).1;
    let conditions = gradient_condition(&slopes_at, &at, &gradients);
    for (k, want_slope) in slopes.iter().enumerate() {
        let Some(want_slope) = want_slope else { continue };
        let parameter = if k == 0 { "x" } else { parameters[k - 1].0 };
        let real = parameters.iter().any(|p| p.0.starts_with("loc")) && !member.name.starts_with("Log");
        let scale = natural_scale(parameter, parameters, real);
        if want_slope.len() != gradients[k].len() {
            check.miss(format!("d/d{parameter} of another shape"));
            continue;
        }
        let entry = (parameter, &at[k], &gradients[k], want_slope);
        gradients_near(check, finite(want), entry, (scale, &conditions[k]));
    }
    for (i, what) in ["cdf", "sf", "log_cdf", "log_sf"].into_iter().enumerate() {
        let Some(want) = point.get(what).filter(|x| !x.is_null()).and_then(number) else { continue };
        let Some(tails) = member.tails else {
            check.miss(format!("no {what}"));
            continue;
        };
        let (got, gradients) = found.differentiate(tails[i], 1, &at);
        let condition: f64 = at.iter().zip(&gradients).map(|(a, g)| finite(weight(a, g))).sum();
        check.near(what, got[0], want, EPS * (finite(want).abs() + condition));
    }
}
