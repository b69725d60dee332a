//! Data in any unit, files that were changed, labels and levels that are none: an answer or an
//! error, never a panic.

use probity_autodiff::Key;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::{fill_normal, fill_uniform};
use probity_nn::scores::{crps_normal_mixture, interval_score, pinball};
use probity_nn::{
    Activation, Classification, Error, FittedClassification, FittedRegression, Linear, Mlp, Noise, Prior,
    PriorFamily, PriorScale, Regression, RegressionPrediction, Standardizer,
};
use probity_vi::Fit;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn wave(n: usize) -> (DMatrix<f64>, Vec<f64>) {
    let x = DMatrix::from_fn(n, 1, |i, _| i as f64 * 0.1 - 2.0);
    let y = x.iter().map(|x| x.sin()).collect();
    (x, y)
}

fn few(steps: usize) -> Fit<f32> {
    Regression::default_fit(20).steps(steps).elbo_draws(2)
}

fn regression() -> FittedRegression {
    let (x, y) = wave(20);
    Regression::default_for(1, &[4]).fit(&x, &y, few(20)).unwrap()
}

/// Of three classes, with all kinds of sites: latent, parameters, and a prior without closed-form
/// divergence.
fn classification() -> FittedClassification {
    let x = DMatrix::from_fn(12, 2, |i, j| (i * (j + 2)) as f64 % 5.0);
    let labels: Vec<usize> = (0..12).map(|i| i % 3).collect();
    let mixture = PriorFamily::ScaleMixture { mix: 0.5, narrow: 0.1 };
    let mut net = Mlp::new(&[2, 3, 3], Activation::Tanh);
    net.layers[0] = Linear::new(2, 3).priors(
        Prior { family: mixture, scale: PriorScale::LearnedPerInput(1.0) },
        Prior { family: PriorFamily::StudentT(4.0), scale: PriorScale::Learned(1.0) },
    );
    net.layers[1].bias_prior = None;
    Classification::new(net, 3).fit(&x, &labels, few(20)).unwrap()
}

#[test]
fn a_fit_is_the_same_in_any_unit() {
    let (x, y) = wave(40);
    let fit = |x_unit: f64, y_unit: f64| {
        let (x, y): (_, Vec<f64>) = (&x * x_unit, y.iter().map(|y| y * y_unit).collect());
        let fitted =
            Regression::default_for(1, &[8]).fit(&x, &y, Regression::default_fit(40).steps(300)).unwrap();
        let p = fitted.predict(&x, 50).unwrap();
        let s = p.summary(&y).unwrap();
        let score = s.log_score + y_unit.ln();
        let [low, high] = [0, 1].map(|e| {
            let ends = p.interval(0.9);
            ends.iter().map(|i| if e == 0 { i.0 } else { i.1 } / y_unit).fold(0.0_f64, |a, b| a + b)
        });
        let noise = fitted.noise_sd().unwrap().unwrap();
        let own = [s.rmse, s.crps, s.interval_score_90, s.aleatoric_sd, s.epistemic_sd, noise, p.mean()[7]];
        let mut all = own.map(|v| v / y_unit).to_vec();
        all.extend([score, low, high, s.coverage_90.rate(), s.coverage_50.rate()]);
        all
    };
    let here = fit(1.0, 1.0);
    // Powers of two change no digit of the data, so the network sees the same bits.
    for (x_unit, y_unit) in [(2f64.powi(600), 2f64.powi(-600)), (2f64.powi(-1000), 2f64.powi(1010))] {
        for (a, b) in fit(x_unit, y_unit).iter().zip(&here) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{x_unit:e} {y_unit:e}: {a} and {b}");
        }
    }
    // Other units change last digits, which the steps of a fit make larger.
    for (x_unit, y_unit) in [(1e-170, 1e160), (1e160, 1e-170), (1e300, 1e307), (1e-300, 1e-290)] {
        for (a, b) in fit(x_unit, y_unit).iter().zip(&here) {
            assert!((a - b).abs() <= 0.05 * b.abs().max(0.05), "{x_unit:e} {y_unit:e}: {a} and {b}");
        }
    }
}

#[test]
fn a_constant_column_and_a_constant_target_do_no_harm() {
    let (line, y) = wave(40);
    let fit = |c: f64| {
        let x = DMatrix::from_fn(40, 2, |i, j| if j == 0 { line[i] } else { c });
        Regression::default_for(2, &[8]).fit(&x, &y, Regression::default_fit(40).steps(800)).unwrap()
    };
    for c in [0.1, 100.0, 1.0 / 3.0, 1e200] {
        // The data may meet the constant by another way, which ends in another last digit.
        for at in [c, c * (1.0 + f64::EPSILON)] {
            let p = fit(c).predict(&DMatrix::from_row_slice(1, 2, &[0.5, at]), 100).unwrap();
            assert!((p.mean()[0] - 0.5_f64.sin()).abs() < 0.3 && p.sd()[0] < 0.5, "{c}: {:?}", p.mean());
        }
    }
    // A little away from it, in a unit in which it is a little.
    let p = fit(0.1).predict(&DMatrix::from_row_slice(1, 2, &[0.5, 0.1001]), 100).unwrap();
    assert!((p.mean()[0] - 0.5_f64.sin()).abs() < 0.3, "{:?}", p.mean());
    // Far away from it: an error that says so.
    let far =
        fit(1e200).predict(&DMatrix::from_row_slice(1, 2, &[0.5, 1.1e200]), 10).unwrap_err().to_string();
    assert!(far.starts_with("data: input in row 0, column 1 is 1.1e200"), "{far}");

    for c in [5.0, 0.1, -1e200, 1e-200, 0.0] {
        let fitted = Regression::default_for(1, &[8]).fit(&line, &[c; 40], few(300)).unwrap();
        let p = fitted.predict(&line, 20).unwrap();
        let allowed = 1.0 + 1e-9 * c.abs();
        assert!(p.mean().iter().all(|m| (m - c).abs() < allowed), "{c}: {:?}", p.mean());
    }
}

#[test]
fn data_out_of_range_without_standardising_are_errors_in_words() {
    let (x, y) = wave(10);
    let plain = Regression::default_for(1, &[4]).without_standardizing();
    let huge: Vec<f64> = y.iter().map(|y| y * 1e200).collect();
    let error = plain.fit(&x, &huge, few(5)).unwrap_err().to_string();
    assert!(error.starts_with("data: target in row 0, column 0 is -9.0929"), "{error}");
    let error = plain.fit(&(&x * 1e60), &y, few(5)).unwrap_err().to_string();
    assert!(error.starts_with("data: input in row 0, column 0 is -2e60"), "{error}");
    let fitted = plain.fit(&x, &y, few(5)).unwrap();
    assert!(fitted.predict(&(&x * 1e60), 3).is_err());
    // Finite where it comes in, and not where it goes out.
    assert!(matches!(fitted.predict(&(&x * 1e38), 3), Err(Error::Prediction(_)) | Ok(_)));
}

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

#[test]
fn networks_and_data_that_do_not_fit_are_errors_in_words() {
    let (x, y) = wave(10);
    let e = |r: probity_nn::Result<FittedRegression>| r.map(drop).unwrap_err().to_string();
    let no_columns = DMatrix::zeros(10, 0);
    assert_eq!(
        e(Regression::default_for(0, &[4]).fit(&no_columns, &y, few(2))),
        "network: layer 0 has no inputs"
    );
    assert_eq!(e(Regression::default_for(1, &[0]).fit(&x, &y, few(2))), "network: layer 0 has no outputs");
    let mut torn = Regression::default_for(1, &[4, 3]);
    torn.net.layers.remove(1);
    assert_eq!(e(torn.fit(&x, &y, few(2))), "network: layer 1 takes 3 inputs, but layer 0 gives 4 outputs");
    assert_eq!(
        e(Regression::default_for(1, &[4]).fit(&DMatrix::zeros(0, 1), &[], few(2))),
        "data: there are no rows"
    );
    let mut bad = y.clone();
    bad[3] = f64::INFINITY;
    assert_eq!(
        e(Regression::default_for(1, &[4]).fit(&x, &bad, few(2))),
        "data: target in row 3, column 0 is inf"
    );
    for noise in
        [Noise::Fixed(0.0), Noise::Fixed(-1.0), Noise::FixedShare(f64::NAN), Noise::Fixed(f64::INFINITY)]
    {
        let spec = Regression::default_for(1, &[4]).noise(noise);
        assert!(spec.fit(&x, &y, few(2)).is_err(), "{noise:?}");
    }
    for scale in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        for scale in [
            PriorScale::Fixed(scale),
            PriorScale::FanIn(scale),
            PriorScale::Learned(scale),
            PriorScale::LearnedPerInput(scale),
            PriorScale::LearnedPerOutput(scale),
        ] {
            let prior = Prior { family: PriorFamily::Normal, scale };
            let spec = Regression::new(Mlp::new(&[1, 3, 1], Activation::Relu).priors(prior, prior));
            assert!(spec.fit(&x, &y, few(2)).is_err(), "{scale:?}");
        }
    }
    // One row is a fit.
    let one = Regression::default_for(1, &[4]).fit(&x.rows(0, 1).into(), &y[..1], few(20)).unwrap();
    assert!(one.predict(&x, 5).unwrap().mean().iter().all(|m| m.is_finite()));
    assert_eq!(
        one.predict(&x, 0).map(drop).unwrap_err().to_string(),
        "data: a prediction needs at least one draw"
    );
    let nan = DMatrix::from_element(1, 1, f64::NAN);
    assert_eq!(
        one.predict(&nan, 5).map(drop).unwrap_err().to_string(),
        "data: input in row 0, column 0 is NaN"
    );
    assert!(one.predict(&DMatrix::zeros(0, 1), 5).is_err() && one.predict(&no_columns, 5).is_err());

    let labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
    let two = Classification::new(Mlp::new(&[1, 4, 1], Activation::Relu), 2);
    let c = |spec: &Classification, x: &DMatrix<f64>, labels: &[usize]| {
        spec.fit(x, labels, few(2)).map(drop).unwrap_err().to_string()
    };
    assert_eq!(c(&two, &x, &labels[1..]), "data: 10 rows of inputs, 9 targets");
    assert_eq!(
        c(&two, &x, &[usize::MAX; 10]),
        format!("data: label {} in row 0; there are 2 classes", usize::MAX)
    );
    assert_eq!(c(&two, &DMatrix::zeros(0, 1), &[]), "data: there are no rows");
    for classes in [0, 1] {
        let none = Classification { classes, ..two.clone() };
        assert_eq!(c(&none, &x, &[0; 10]), format!("network: {classes} classes; at least two are needed"));
    }
    // One row, and one label that all rows have.
    let fitted = two.fit(&x.rows(0, 1).into(), &[1], few(20)).unwrap();
    assert!(fitted.predict(&x, 0).is_err());
    two.fit(&x, &[1; 10], few(20)).unwrap().predict(&x, 5).unwrap();
}

#[test]
fn levels_that_are_no_probabilities_are_errors_or_nan() {
    let p = RegressionPrediction::new(DMatrix::zeros(3, 2), DMatrix::from_element(3, 1, 1.0)).unwrap();
    let y = [0.1, -0.3];
    for level in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let message = format!("the level of an interval must be between 0 and 1, not {level}");
        assert_eq!(p.coverage(&y, level).unwrap_err().to_string(), message);
        assert_eq!(p.calibration(&y, &[0.5, level]).unwrap_err().to_string(), message);
        assert_eq!(p.interval_score(&y, level).unwrap_err().to_string(), message);
        assert!(
            p.interval(level).iter().all(|i| i.0.is_nan()) && p.quantile(level).iter().all(|q| q.is_nan())
        );
        assert!(pinball(1.0, 0.5, level).is_nan() && interval_score(1.0, (0.0, 0.5), level).is_nan());
    }
    assert_eq!(p.coverage(&y, 1.0).unwrap().rate(), 1.0);
    assert!(crps_normal_mixture(0.3, &[], &[], &[]).is_nan());
}

#[test]
fn predictions_of_any_size_have_their_scores() {
    let mut z = vec![0.0; 400];
    fill_normal(Key::new(3), 0, &mut z);
    let at = |unit: f64| {
        let means = DMatrix::from_iterator(200, 2, z.iter().map(|z| unit * (3.0 + 0.3 * z)));
        let p = RegressionPrediction::new(means, DMatrix::from_element(200, 1, 0.5 * unit)).unwrap();
        let y = [2.5 * unit, 3.25 * unit];
        let s = p.summary(&y).unwrap();
        let (low, high) = p.interval(0.9)[0];
        let own = [
            p.mean()[0],
            p.sd()[1],
            low,
            high,
            p.quantile(0.01)[1],
            s.rmse,
            s.crps,
            s.interval_score_90,
            s.epistemic_sd,
        ];
        let mut all = own.map(|v| v / unit).to_vec();
        all.extend([s.log_score + unit.ln(), s.coverage_50.rate(), p.cdf(0, 2.0 * unit)]);
        all
    };
    let here = at(1.0);
    for (unit, tolerance) in
        [(1e307, 1e-12), (1e160, 1e-12), (1e-170, 1e-12), (1e-306, 1e-12), (1e-312, 1e-9)]
    {
        for (i, (a, b)) in at(unit).into_iter().zip(&here).enumerate() {
            assert!((a / b - 1.0).abs() < tolerance, "{unit:e}, number {i}: {a} and {b}");
        }
    }
    let s = Standardizer::of(&DMatrix::from_element(40, 1, 0.1));
    assert_eq!((s.mean[0], s.sd[0]), (0.1, 1.0));
}
