//! The scale mixture against reference values, whose table names its parameters otherwise than the
//! family.

use probity_autodiff::{Dual, Real};
use probity_distributions::{Distribution, Moments, ScaleMixture};
use serde_json::Value;

const C: f64 = 50.0;

#[test]
fn density_gradients_and_moments_equal_the_table() {
    let Ok(folder) = std::env::var("PROBITY_REFERENCE_DATA") else {
        println!("skipped: PROBITY_REFERENCE_DATA is not set");
        return;
    };
    let text = std::fs::read_to_string(format!("{folder}/distributions/ScaleMixturePrior.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let (mut rows, mut worst) = (0, 0.0f64);
    let mut close = |got: f64, want: f64, unit: f64| {
        rows += 1;
        worst = worst.max((got - want).abs() / (f64::EPSILON * unit));
    };
    for case in table["cases"].as_array().unwrap() {
        let names = ["pi", "sigma1", "sigma2"];
        let theta = names.map(|n| case["params"][n].as_f64().unwrap());
        let plain = ScaleMixture::<f64>::new(theta[0], theta[1], theta[2]);
        close(plain.mean(), 0.0, 1.0);
        let variance = case["variance"].as_f64().unwrap();
        close(plain.variance(), variance, variance);
        for point in case["points"].as_array().unwrap() {
            let number = |v: &Value| v.as_f64();
            let (Some(x), Some(want), Some(d_x)) =
                (number(&point["x"]), number(&point["log_prob"]), number(&point["d_x"]))
            else {
                continue;
            };
            let at = |v: f64, i: usize| Dual::<f64, 4>::variable(v, i);
            let d = ScaleMixture::<Dual<f64, 4>>::new(at(theta[0], 1), at(theta[1], 2), at(theta[2], 3));
            let got = d.log_prob(at(x, 0));
            let slopes = [d_x].into_iter().chain(names.map(|n| point["d_params"][n].as_f64().unwrap()));
            let slopes: Vec<f64> = slopes.collect();
            let arguments = [x, theta[0], theta[1], theta[2]];
            let unit = want.abs() + arguments.iter().zip(&slopes).map(|(a, s)| (a * s).abs()).sum::<f64>();
            close(got.re(), want, unit);
            let scales = [x.abs().max(theta[2]), theta[0].min(1.0 - theta[0]), theta[1], theta[2]];
            for k in 0..4 {
                // What rounding the arguments does to the density, per unit of this argument.
                close(got.du[k], slopes[k], slopes[k].abs() + (1.0 + unit) / scales[k]);
            }
        }
    }
    println!("{rows} numbers, worst {worst:.2} units");
    assert!(rows > 50 && worst <= C, "{rows} numbers, worst {worst} units of {C}");
}
