//! Diagnostics against tables of ArviZ (`PROBITY_REFERENCE_DATA`), exact cases, and edge cases.

use probity_autodiff::Key;
use probity_autodiff::random::fill_normal;
use probity_vi::diagnostics::{Chains, Loo, Psis, Waic, compare, psis};
use serde_json::Value;

fn reference(name: &str) -> Option<Vec<Value>> {
    let Ok(folder) = std::env::var("PROBITY_REFERENCE_DATA") else {
        println!("skipped: PROBITY_REFERENCE_DATA is not set");
        return None;
    };
    let path = format!("{folder}/diagnostics/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    Some(all["cases"].as_array().unwrap().clone())
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn normals(key: u64, n: usize) -> Vec<f64> {
    let mut z = vec![0.0; n];
    fill_normal(Key::new(key), 0, &mut z);
    z
}

#[track_caller]
fn close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() <= 1e-8 * want.abs().max(1.0), "{what}: {got} {want}");
}

#[test]
fn smoothed_weights_are_those_of_the_reference() {
    let Some(cases) = reference("psis") else { return };
    for case in cases {
        let what = case["description"].as_str().unwrap();
        let got = psis(&numbers(&case["log_ratios"]), case["reff"].as_f64().unwrap());
        close(got.k_hat, case["khat"].as_f64().unwrap(), what);
        close(got.ess, case["ess"].as_f64().unwrap(), what);
        for (w, want) in got.log_weights.iter().zip(numbers(&case["log_weights_smoothed"])) {
            close(*w, want, what);
        }
    }
}

#[test]
fn chains_are_judged_as_by_the_reference() {
    let Some(cases) = reference("rhat_ess") else { return };
    for case in cases {
        let what = case["description"].as_str().unwrap();
        let all: Vec<Vec<f64>> = case["chains"].as_array().unwrap().iter().map(numbers).collect();
        let chains = Chains::new(&all).unwrap();
        let check = |name: &str, got: f64| {
            let want = case[name].as_f64().unwrap();
            assert!((got - want).abs() <= 1e-8 * want.abs(), "{what}, {name}: {got} {want}");
        };
        check("rhat_rank", chains.r_hat());
        check("rhat_split", chains.r_hat_split());
        check("ess_bulk", chains.ess_bulk());
        check("ess_tail", chains.ess_tail());
        check("ess_mean", chains.ess_mean());
        check("ess_sd", chains.ess_sd());
        check("ess_median", chains.ess_median());
        check("ess_quantile_0.1", chains.ess_quantile(0.1));
        check("mcse_mean", chains.mcse_mean());
        check("mcse_sd", chains.mcse_sd());
        check("mcse_quantile_0.9", chains.mcse_quantile(0.9));
    }
}

#[test]
fn weights_at_the_edges() {
    let huge: Vec<f64> = (0..1000).map(|i| if i == 7 { 1e6 } else { 0.1 * f64::from(i % 10) }).collect();
    let one = psis(&huge, 1.0);
    assert!(one.k_hat == f64::INFINITY && (one.ess - 1.0).abs() < 1e-12 && one.weights()[7] == 1.0);

    // An exact guide, with the rounding of its densities.
    for rounding in [0.0, 1e-12] {
        let equal: Vec<f64> = normals(1, 500).iter().map(|z| -1234.5 + rounding * z).collect();
        let equal = psis(&equal, 1.0);
        assert!(equal.k_hat == f64::NEG_INFINITY && equal.is_reliable() && (equal.ess - 500.0).abs() < 1e-6);
    }
    // Ratios that reach their bound often.
    let bounded: Vec<f64> = normals(2, 500).iter().map(|z| z.min(0.0)).collect();
    assert_eq!(psis(&bounded, 1.0).k_hat, f64::NEG_INFINITY);

    let few = psis(&normals(3, 20), 1.0);
    assert!(few.k_hat == f64::INFINITY && few.ess > 1.0 && !few.is_reliable());
    assert!(psis(&normals(3, 21), 1.0).k_hat.is_finite());
    for bad in [vec![], vec![f64::NAN; 50], vec![f64::NEG_INFINITY; 50], vec![f64::INFINITY, 0.0]] {
        let bad = psis(&bad, 1.0);
        assert!(bad.k_hat.is_nan() && bad.ess.is_nan() && !bad.is_reliable());
        assert!(bad.log_weights.iter().all(|w| w.is_nan()));
    }
    let mut with_nan = normals(4, 100);
    with_nan[50] = f64::NAN;
    assert!(psis(&with_nan, 1.0).k_hat.is_nan());

    // Draws outside the support change nothing for the others but the length of the tail, and do
    // not count in means.
    let mut outside = normals(5, 400);
    outside[..40].fill(f64::NEG_INFINITY);
    let outside = psis(&outside, 1.0);
    assert!(outside.k_hat.is_finite() && outside.weights()[..40] == [0.0; 40]);
    let values: Vec<f64> = (0..400).map(|i| if i < 40 { f64::NAN } else { 2.0 }).collect();
    close(outside.mean(&values), 2.0, "mean of a constant");

    for efficiency in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(psis(&normals(6, 100), efficiency), psis(&normals(6, 100), 1.0));
    }
    assert!(psis(&normals(6, 100), 1e-300).k_hat.is_finite());
    close(Psis::k_limit(100), 0.5, "limit");
    close(Psis::k_limit(100_000), 0.7, "limit");
}

#[test]
fn chains_at_the_edges() {
    let all = |c: &Chains| {
        let ess = [c.ess_bulk(), c.ess_tail(), c.ess_mean(), c.ess_sd(), c.ess_median(), c.ess_quantile(0.2)];
        let error = [c.mcse_mean(), c.mcse_sd(), c.mcse_quantile(0.5), c.r_hat(), c.r_hat_split()];
        [&ess[..], &error].concat()
    };
    let silent = [
        vec![vec![3.0; 100]; 4],
        vec![vec![1.0, 2.0, 3.0]; 2],
        vec![vec![]],
        vec![vec![0.0, f64::NAN, 1.0, 2.0, 3.0]; 2],
        vec![vec![0.0, f64::INFINITY, 1.0, 2.0, 3.0]; 2],
    ];
    for chains in silent {
        let chains = Chains::new(&chains).unwrap();
        assert!(all(&chains).iter().all(|x| x.is_nan()), "{chains:?}");
    }
    assert!(Chains::new(&[vec![1.0; 5], vec![1.0; 6]]).is_err());
    assert!(Chains::new(&[] as &[Vec<f64>]).is_err());

    // Every chain stands still elsewhere: they never agree.
    let stuck = Chains::new(&[vec![1.0; 50], vec![2.0; 50]]).unwrap();
    assert!(stuck.r_hat() == f64::INFINITY && stuck.ess_bulk() < 3.0, "{}", stuck.ess_bulk());
    // One that stands still among others.
    let one = Chains::new(&[vec![1.0; 50], normals(1, 50), normals(2, 50)]).unwrap();
    assert!(one.r_hat() > 1.1 && one.ess_bulk().is_finite());

    let single = Chains::new(&[normals(3, 1000)]).unwrap();
    assert!((single.r_hat() - 1.0).abs() < 0.02 && single.ess_bulk() > 700.0);
    let shortest = Chains::new(&[normals(4, 4)]).unwrap();
    assert!(all(&shortest).iter().all(|x| !x.is_infinite()));
    // Two values.
    let coin = normals(5, 400).iter().map(|z| f64::from(u8::from(*z > 0.0))).collect::<Vec<_>>();
    let coin = Chains::new(&[&coin[..200], &coin[200..]]).unwrap();
    assert!((coin.r_hat() - 1.0).abs() < 0.1 && coin.ess_mean() > 100.0);
    // Orders of ranks and sizes do not depend on units.
    let tiny: Vec<f64> = normals(3, 1000).iter().map(|z| 1e-120 * z).collect();
    let tiny = Chains::new(&[tiny]).unwrap();
    close(tiny.ess_mean(), single.ess_mean(), "tiny");
    close(tiny.mcse_mean() * 1e120, single.mcse_mean(), "tiny");
}

#[test]
fn leave_one_out_is_right_where_it_is_known() {
    // y ~ Normal(m, 1), m with a flat prior: the predictive density of y_i from the others is
    // Normal(mean of the others, √(1 + 1 / (n - 1))).
    let (y, draws) = (normals(1, 30), 20_000);
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let log_density =
        |y: f64, m: f64, v: f64| -0.5 * ((y - m).powi(2) / v + (std::f64::consts::TAU * v).ln());
    let want: Vec<f64> =
        y.iter().map(|y| log_density(*y, (n * mean - y) / (n - 1.0), 1.0 + 1.0 / (n - 1.0))).collect();
    let log_likelihood = |m: &[f64]| -> Vec<f64> {
        m.iter().flat_map(|m| y.iter().map(|y| log_density(*y, *m, 1.0)).collect::<Vec<_>>()).collect()
    };
    let z = normals(2, draws);
    let m: Vec<f64> = z.iter().map(|z| mean + z / n.sqrt()).collect();
    let exact = Loo::new(&log_likelihood(&m), y.len(), 1.0).unwrap();

    // Draws of a guide that is wrong in place and width.
    let guide: Vec<f64> = z.iter().map(|z| mean + 0.1 + 1.3 * z / n.sqrt()).collect();
    let ratios: Vec<f64> =
        guide.iter().zip(&z).map(|(g, z)| -0.5 * n * (g - mean).powi(2) + 0.5 * z * z).collect();
    let corrected = Loo::of_guide(&log_likelihood(&guide), y.len(), &ratios).unwrap();
    for loo in [&exact, &corrected] {
        assert!(loo.unreliable().is_empty() && loo.k_hat.len() == 30);
        for (got, want) in loo.elpd.pointwise.iter().zip(&want) {
            // The relative standard error of a weighted mean of 20 000 draws, with effective sizes
            // above 10 000 here, of a density whose relative spread is below |y - m| / √n + 1 / n <
            // 0.6: 0.006 at most, and 5 of them.
            assert!((got - want).abs() < 0.03, "{got} {want}");
        }
        // About one parameter: the posterior's variance of ln p(y_i), summed, is (n - 1) s² / n + 1
        // / (2 n) with s² the variance of y.
        assert!((loo.elpd.effective_parameters - 1.0).abs() < 0.5, "{}", loo.elpd);
    }
    let waic = Waic::new(&log_likelihood(&m), y.len()).unwrap();
    assert!((waic.elpd.value - exact.elpd.value).abs() < 0.1);
    assert!((waic.elpd.standard_error - exact.elpd.standard_error).abs() < 0.05);

    // Against a model with a mean of 2 units elsewhere.
    let moved: Vec<f64> = m.iter().map(|m| m + 2.0).collect();
    let worse = Loo::new(&log_likelihood(&moved), y.len(), 1.0).unwrap();
    let order = compare(&[&worse.elpd, &exact.elpd]).unwrap();
    assert_eq!((order[0].model, order[1].model), (1, 0));
    assert_eq!((order[0].difference, order[0].standard_error), (0.0, 0.0));
    close(order[1].difference, worse.elpd.value - exact.elpd.value, "difference");
    assert!(order[1].difference < -5.0 * order[1].standard_error);
    assert!(compare(&[&waic.elpd, &Waic::new(&[0.0; 4], 2).unwrap().elpd]).is_err());
    assert!(compare(&[]).unwrap().is_empty());
}

#[test]
fn predictive_accuracy_at_the_edges() {
    assert!(
        Loo::new(&[], 3, 1.0).is_err()
            && Loo::new(&[0.0; 4], 3, 1.0).is_err()
            && Loo::new(&[0.0; 4], 0, 1.0).is_err()
    );
    assert!(Loo::of_guide(&[0.0; 4], 2, &[0.0; 3]).is_err() && Waic::new(&[0.0; 4], 3).is_err());
    let mut log_likelihood = normals(1, 300);
    log_likelihood[4] = f64::NEG_INFINITY;
    let loo = Loo::new(&log_likelihood, 3, 1.0).unwrap();
    assert!(loo.elpd.pointwise[1].is_nan() && loo.elpd.value.is_nan() && loo.k_hat[1].is_nan());
    assert!(loo.elpd.pointwise[0].is_finite() && loo.unreliable() == [1]);
    assert!(Waic::new(&log_likelihood, 3).unwrap().elpd.pointwise[1].is_nan());
    // A guide whose ratios are useless.
    let nan = Loo::of_guide(&[0.0; 4], 2, &[f64::NAN, 0.0]).unwrap();
    assert!(nan.elpd.value.is_nan());
    let one = Loo::new(&[-1.0, -2.0], 2, 1.0).unwrap();
    assert!((one.elpd.value + 3.0).abs() < 1e-12 && one.unreliable().len() == 2);
}

#[test]
fn the_tail_of_weights_goes_by_the_efficiency_of_draws() {
    let ratios = normals(5, 1000);
    let one = psis(&ratios, 1.0);
    // The tail has 3 √(1000 / r) draws, 95 for r = 1 and 190 for r = ¼.
    assert!(psis(&ratios, 0.25).k_hat != one.k_hat);
    for none in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(psis(&ratios, none), one, "{none}");
    }
}

#[test]
fn the_standard_error_of_predictive_accuracy_is_that_of_a_sum() {
    // Draws that agree: every observation's term is its log likelihood.
    let each = [-1.0, -2.0, -4.0, -3.0];
    let waic = Waic::new(&each.repeat(5), 4).unwrap();
    // Variance 5/3, times 4 observations.
    assert!((waic.elpd.value + 10.0).abs() < 1e-12 && waic.elpd.effective_parameters.abs() < 1e-12);
    assert!((waic.elpd.standard_error - (20.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{}", waic.elpd);
}

#[test]
fn the_error_of_a_high_quantile_reaches_the_largest_draw() {
    let mut draws = normals(6, 40);
    let error = |draws: &[f64]| Chains::new(&[draws]).unwrap().mcse_quantile(0.99);
    let before = error(&draws);
    let largest = (0..40).max_by(|a, b| draws[*a].total_cmp(&draws[*b])).unwrap();
    draws[largest] += 10.0;
    // Half the width of the interval.
    assert!((error(&draws) - before - 5.0).abs() < 1e-9, "{before} {}", error(&draws));
}

#[test]
fn four_draws_a_chain_are_enough_to_say_something() {
    let of = |n: usize| Chains::new(&[normals(7, n), normals(8, n)]).unwrap();
    assert!(of(4).ess_bulk().is_finite() && of(4).r_hat().is_finite());
    assert!(of(3).ess_bulk().is_nan() && of(3).r_hat().is_nan());
}
