//! Model files that were changed, or hold numbers that are not finite: an answer or an error, never
//! a panic.

use crate::robust::{classification, regression, wave};
use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_uniform;
use probity_nn::{Error, FittedClassification, FittedRegression, Regression, RegressionPrediction};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn files_with_numbers_that_are_not_finite_read_back() {
    let (x, y) = wave(20);
    for n in [0, 1, 2] {
        let fit = Regression::default_fit(20).steps(10).elbo_draws(n);
        let fitted = Regression::default_for(1, &[4]).fit(&x, &y, fit).unwrap();
        let again = FittedRegression::from_json(&fitted.to_json().unwrap()).unwrap();
        assert_eq!(again.predict(&x, 5).unwrap(), fitted.predict(&x, 5).unwrap());
        let elbo = |f: &FittedRegression| f.posterior().report().elbo;
        assert_eq!(elbo(&again).map(|e| e.value.to_bits()), elbo(&fitted).map(|e| e.value.to_bits()));
        assert_eq!(n == 1, elbo(&again).is_some_and(|e| e.standard_error.is_nan()));
    }
    // Scores of no inputs are NaN.
    let empty = RegressionPrediction::new(DMatrix::zeros(3, 0), DMatrix::from_element(3, 1, 1.0)).unwrap();
    let scores = empty.summary(&[]).unwrap();
    let text = serde_json::to_string(&scores).unwrap();
    let back: probity_nn::prediction::RegressionScores = serde_json::from_str(&text).unwrap();
    assert!(back.rmse.is_nan() && back.coverage_90 == scores.coverage_90);
    let none = probity_nn::ClassificationPrediction::new(vec![DMatrix::zeros(0, 2)]).unwrap();
    let text = serde_json::to_string(&none.summary(&[]).unwrap()).unwrap();
    let back: probity_nn::prediction::ClassificationScores = serde_json::from_str(&text).unwrap();
    assert!(back.log_score.is_nan());
}

#[test]
fn files_whose_parts_do_not_fit_are_errors_in_words() {
    let (regression, classification) = (regression().to_json().unwrap(), classification().to_json().unwrap());
    let read = |which: bool, edit: &dyn Fn(&mut Value)| {
        let mut value: Value =
            serde_json::from_str(if which { &regression } else { &classification }).unwrap();
        edit(&mut value);
        let text = value.to_string();
        let loaded = if which {
            FittedRegression::from_json(&text).map(drop)
        } else {
            FittedClassification::from_json(&text).map(drop)
        };
        loaded.map_err(|e| e.to_string())
    };
    for which in [true, false] {
        assert_eq!(read(which, &|_| {}), Ok(()));
    }
    type Edit = fn(&mut Value);
    let r: [(&str, Edit); 24] = [
        ("units of the target: 1 means and 0", |v| v["scales"]["y"]["sd"] = json!([])),
        ("units of the inputs: 1 means and 0", |v| v["scales"]["x"]["sd"] = json!([])),
        ("units of the inputs: 1 means and 2", |v| v["scales"]["x"]["sd"] = json!([1.0, 1.0])),
        ("standard deviation 0", |v| v["scales"]["y"]["sd"] = json!([0.0])),
        ("standard deviation -1", |v| v["scales"]["x"]["sd"] = json!([-1.0])),
        ("are said not to be standardised", |v| v["spec"]["standardize"] = json!(false)),
        ("values", |v| drop(v["params"]["values"].as_array_mut().unwrap().pop())),
        ("values", |v| v["params"]["values"].as_array_mut().unwrap().push(json!(0.0))),
        ("number out of range", |v| v["params"]["values"][3] = json!(1e39)),
        ("invalid type: null", |v| v["params"]["values"][3] = json!(null)),
        ("begins at", |v| v["params"]["segments"][0]["rows"] = json!(9)),
        ("begins at 1000000", |v| v["params"]["segments"][0]["offset"] = json!(1_000_000)),
        ("there is no segment", |v| v["params"]["segments"][0]["name"] = json!("other")),
        ("is 4 × 1, its site 1 × 4", |v| {
            (v["params"]["segments"][0]["rows"], v["params"]["segments"][0]["cols"]) = (json!(4), json!(1));
        }),
        ("begins at 1", |v| v["layout"]["sites"][0]["offset"] = json!(1)),
        ("dimension is 3", |v| v["layout"]["dim"] = json!(3)),
        ("the saved fit has \"net.0.weight\" (Latent Laplace)", |v| {
            let sites = v["layout"]["sites"].as_array_mut().unwrap();
            let at = sites.iter().position(|s| s["name"] == "net.0.weight").unwrap();
            sites[at]["family"] = json!("Laplace");
        }),
        ("the model does not visit it", |v| {
            let sites = v["layout"]["sites"].as_array_mut().unwrap();
            let mut more = sites[sites.len() - 1].clone();
            more["name"] = json!("more");
            sites.push(more);
        }),
        ("the saved fit does not have it", |v| drop(v["layout"]["sites"].as_array_mut().unwrap().pop())),
        ("the fit had \"full rank\"", |v| v["report"]["guide"] = json!("full rank")),
        ("layer 1 takes 4 inputs, but layer 0 gives 5", |v| {
            v["spec"]["net"]["layers"][0]["outputs"] = json!(5)
        }),
        ("this head needs 2", |v| v["spec"]["noise"] = json!("InputDependent")),
        ("more weights than there are parameters", |v| {
            v["spec"]["net"]["layers"][0]["outputs"] = json!(1u64 << 62);
            v["spec"]["net"]["layers"][1]["inputs"] = json!(1u64 << 62);
        }),
        ("it has no layers", |v| v["spec"]["net"]["layers"] = json!([])),
    ];
    for (want, edit) in r {
        let error = read(true, &edit).expect_err(want);
        assert!(error.starts_with("model file: ") && error.contains(want), "{want}: {error}");
    }
    let c: [(&str, Edit); 4] = [
        ("0 classes", |v| v["spec"]["classes"] = json!(0)),
        ("this head needs 4", |v| v["spec"]["classes"] = json!(4)),
        ("not \"probity classification 1\"", |v| v["format"] = json!("probity regression 1")),
        ("greater than 0", |v| {
            v["spec"]["net"]["layers"][0]["bias_prior"]["family"] = json!({ "StudentT": -1.0 });
        }),
    ];
    for (want, edit) in c {
        let error = read(false, &edit).expect_err(want);
        assert!(error.starts_with("model file: ") && error.contains(want), "{want}: {error}");
    }
}

/// Random numbers below `n`.
struct Dice {
    key: Key,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        let mut u = [0.0_f64];
        fill_uniform(self.key.fold_in(self.thrown), 0, &mut u);
        self.thrown += 1;
        (u[0] * n as f64) as usize
    }
}

/// The paths of all values of a document, but only some of those in long lists.
fn paths(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_string());
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| paths(v, &format!("{here}/{k}"), all)),
        Value::Array(list) => {
            let few = list.iter().enumerate().take(12);
            few.for_each(|(i, v)| paths(v, &format!("{here}/{i}"), all));
        }
        _ => {}
    }
}

/// One change of a document at random.
fn change(value: &mut Value, dice: &mut Dice) {
    let mut all = Vec::new();
    paths(value, "", &mut all);
    let from = all[dice.below(all.len())].clone();
    let other = value.pointer(&from).cloned().unwrap_or(Value::Null);
    let Some(at) = value.pointer_mut(&all[dice.below(all.len())]) else { return };
    let pick = dice.below(12);
    match at {
        Value::Number(number) if pick < 9 => {
            let x = number.as_f64().unwrap_or(0.0);
            let edits = [
                json!(-x),
                json!(x + 1.0),
                json!((x as u64).saturating_add(1)),
                json!((x as u64).saturating_sub(1)),
                json!(0),
            ];
            let more = [
                json!(u64::MAX),
                json!(1u64 << 33),
                json!(1e300),
                json!(-1e300),
                json!(1e-300),
                json!(x * 10.0),
            ];
            let edits: Vec<Value> = edits.into_iter().chain(more).collect();
            *at = edits[dice.below(edits.len())].clone();
        }
        Value::Array(list) if pick < 9 && !list.is_empty() => {
            let (i, j) = (dice.below(list.len()), dice.below(list.len()));
            match dice.below(4) {
                0 => drop(list.remove(i)),
                1 => list.push(list[i].clone()),
                2 => list.swap(i, j),
                _ => list.truncate(i),
            }
        }
        Value::Object(map) if pick < 9 && !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let (a, b) = (&keys[dice.below(keys.len())], &keys[dice.below(keys.len())]);
            let old = map.remove(a).unwrap_or(Value::Null);
            match dice.below(3) {
                0 => {}
                1 => drop(map.insert(format!("{a}_"), old)),
                _ => drop(map.insert(a.clone(), map.get(b).cloned().unwrap_or(old))),
            }
        }
        other_type => {
            let types =
                [json!(null), json!(true), json!("text"), json!([]), json!({}), json!(1), json!(0.5), other];
            *other_type = types[dice.below(types.len())].clone();
        }
    }
}

#[test]
fn no_edit_of_a_file_panics() {
    let (regression, classification) = (regression().to_json().unwrap(), classification().to_json().unwrap());
    let (x1, x2) = (DMatrix::from_element(2, 1, 0.3), DMatrix::from_element(2, 2, 0.3));
    let use_it = |which: bool, text: &str| -> Result<(), Error> {
        if which {
            let fitted = FittedRegression::from_json(text)?;
            fitted.predict(&x1, 3)?.summary(&[0.1, 0.2])?;
            fitted.noise_sd().map(drop)
        } else {
            let fitted = FittedClassification::from_json(text)?;
            fitted.predict(&x2, 3)?.summary(&[0, 2])?;
            Ok(())
        }
    };
    let mut refused = 0;
    for (round, which) in (0..2200).map(|i| (i, i % 2 == 0)) {
        let original = if which { &regression } else { &classification };
        let mut dice = Dice { key: Key::new(7).fold_in(round), thrown: 0 };
        let mut text = if round % 11 == 0 {
            // The text itself is cut, or loses or gains a character.
            let (at, mut text) = (dice.below(original.len()), original.clone());
            match dice.below(3) {
                0 => text.truncate(at),
                1 => drop(text.remove(at)),
                _ => text.insert(at, ['0', '-', '"', '}', ',', 'e'][dice.below(6)]),
            }
            text
        } else {
            let mut value: Value = serde_json::from_str(original).unwrap();
            (0..=dice.below(3)).for_each(|_| change(&mut value, &mut dice));
            value.to_string()
        };
        let result = catch_unwind(AssertUnwindSafe(|| use_it(which, &text)));
        text.truncate(2000);
        refused += usize::from(result.unwrap_or_else(|_| panic!("edit {round} panics: {text}")).is_err());
    }
    // Most edits leave something that is no fitted network; the rest changes numbers that may have
    // any value.
    assert!(refused > 1100, "{refused} of 2200");
}
