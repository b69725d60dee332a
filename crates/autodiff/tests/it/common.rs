//! What several test files share: ulps, and the comparison with reference tables.

use probity_autodiff::Dual;
use serde_json::Value;

/// The distance from `x` to the next double away from zero.
pub fn ulp(x: f64) -> f64 {
    let x = x.abs();
    if x == f64::MAX { x - x.next_down() } else { x.next_up() - x }
}

/// The distance from `x` to the next single away from zero.
pub fn ulp32(x: f32) -> f64 {
    let x = x.abs();
    f64::from(if x == f32::MAX { x - x.next_down() } else { x.next_up() - x })
}

/// A number with first and second derivatives along up to three arguments.
pub type Jet = Dual<Dual<f64, 3>, 3>;

/// The arguments of a table and its rows: named numbers.
pub struct Table {
    pub arguments: Vec<String>,
    pub rows: Vec<Value>,
}

/// The table `special/NAME.json` of the reference data; `None`, with a message, where there are no
/// such data.
pub fn table(name: &str) -> Option<Table> {
    let Some(folder) = std::env::var_os("PROBITY_REFERENCE_DATA") else {
        println!("{name}: skipped, PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join("special").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let arguments =
        file["arguments"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().into()).collect();
    let Value::Array(rows) = file["rows"].take() else { panic!("{name}: no rows") };
    Some(Table { arguments, rows })
}

/// The number of that name in a row; `None` where it is not given.
pub fn number(row: &Value, name: &str) -> Option<f64> {
    match &row[name] {
        Value::Number(x) => x.as_f64(),
        Value::String(s) => Some(s.parse().unwrap()),
        _ => None,
    }
}

/// By how many units of `eps * scale` the two differ. Results below the normal range count as 0.
fn units(got: f64, want: f64, scale: f64) -> f64 {
    let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= f64::MIN_POSITIVE;
    if same { 0.0 } else { (got - want).abs() / (f64::EPSILON * scale) }
}

/// Compares `f` with the table: every value within `c eps (|f| + Σ |xᵢ ∂ᵢf|)`, every derivative
/// `g = ∂ᵢf` that the table gives within `c eps (|g| + Σ |xⱼ ∂ⱼg|)`.
///
/// The sums are what rounding the arguments alone does to the result, to first order, so no code
/// can be held to less. The tables have no second derivatives: `∂ⱼg` is that of `f` itself, and a
/// NaN in it fails.
///
/// Returns the worst `c` of the values and of the derivatives.
///
/// # Panics
/// If a row is out of bounds, or if there was nothing to compare.
pub fn check(name: &str, c: f64, f: impl Fn(&[Jet]) -> Jet) -> Option<[f64; 2]> {
    let table = table(name)?;
    let arguments = &table.arguments;
    let (mut worst, mut failures) = ([0.0_f64; 2], Vec::new());
    let (mut values, mut slopes) = (0, 0);
    for row in &table.rows {
        let x: Vec<f64> = arguments.iter().map(|a| number(row, a).unwrap()).collect();
        let jets: Vec<Jet> =
            x.iter().enumerate().map(|(i, &x)| Dual::variable(Dual::variable(x, i), i)).collect();
        let got = f(&jets);
        let wanted: Vec<Option<f64>> = (arguments.iter())
            .map(|a| number(row, &if x.len() == 1 { "derivative".into() } else { format!("d_{a}") }))
            .collect();
        let mut compare = |what: usize, got: f64, want: f64, scale: f64, label: &str| {
            let error = units(got, want, scale);
            if !(error <= c) {
                failures.push(format!("{name}{x:?} {label}: {got:e}, not {want:e} ({error:.1})"));
            }
            worst[what] = worst[what].max(error);
        };
        let moved = |(x, d): (&f64, Option<f64>)| d.map_or(0.0, |d| (x * d).abs());
        if let Some(want) = number(row, "value") {
            let finite = wanted.iter().map(|d| d.filter(|d| d.is_finite()));
            compare(0, got.re.re, want, want.abs() + x.iter().zip(finite).map(moved).sum::<f64>(), "value");
            values += 1;
        }
        for (i, want) in wanted.iter().enumerate() {
            let Some(want) = *want else { continue };
            let slope = got.du[i];
            let scale = want.abs() + x.iter().zip(slope.du.map(Some)).map(moved).sum::<f64>();
            compare(1, slope.re, want, scale, "derivative");
            slopes += 1;
        }
    }
    println!(
        "{name:17} {values} values within {:.2} units, {slopes} derivatives within {:.2}",
        worst[0], worst[1]
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(values > 0 && slopes > 0, "{name}: nothing compared");
    Some(worst)
}
