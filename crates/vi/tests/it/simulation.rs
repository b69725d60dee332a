//! Simulation-based calibration: right models pass, wrong ones do not. Bounds of p-values are 10⁻⁶:
//! a right program is beyond them for one seed in a million.

use crate::common::normals;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Exponential, Flat, Normal, Support};
use probity_vi::check::{Calibration, LOG_LIKELIHOOD, Sbc, sbc};
use probity_vi::optim::Adam;
use probity_vi::{Error, Fit, Result, Scope, Steps};

const ODD: f64 = 1e-6;

/// The mean of ten numbers with known noise.
fn model(prior: f64, noise: f64) -> impl Fn(&mut Scope) -> Result + Sync {
    move |s: &mut Scope| {
        let mean = s.sample("mean", Normal::new(prior, 1.0))?;
        s.deterministic("twice", mean + mean)?;
        s.observe("y", Normal::new(mean, noise).rows(10), &[0.0; 10])
    }
}

/// Waiting times with an unknown rate, whose posterior is skewed.
fn waiting(s: &mut Scope) -> Result {
    let rate = s.sample("rate", Exponential::new(2.0))?;
    s.observe("time", Exponential::new(rate).rows(4), &[1.0; 4])
}

fn few() -> Sbc {
    Sbc::new().replications(40).seed(1)
}

#[test]
fn a_right_model_passes() {
    let calibration = few().run(&model(0.0, 1.0)).unwrap();
    assert!(calibration.p_value() > ODD, "{calibration}");
    assert_eq!((calibration.failed(), calibration.grades()[2]), (0, 0), "{calibration}");
    let names: Vec<&str> = calibration.entries().iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["mean", "twice", LOG_LIKELIHOOD]);
    // Binomial: five standard errors of a share.
    let left = calibration.of("mean").unwrap().left_half();
    assert!((left - 0.5).abs() < 5.0 * (0.25_f64 / 40.0).sqrt(), "{left}");
    let skewed = few().run(&waiting).unwrap();
    assert!(skewed.p_value() > ODD, "{skewed}");
    let printed = calibration.to_string();
    assert!(printed.contains("passed") && printed.contains("left half"), "{printed}");
    let saved = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&saved).unwrap(), calibration);
}

#[test]
fn a_wrong_prior_and_wrong_noise_are_found() {
    // The data say much less than the priors differ by.
    let wrong = few().run_against(&model(3.0, 3.0), &model(0.0, 3.0)).unwrap();
    let mean = wrong.of("mean").unwrap();
    assert!(mean.p_value < ODD && !wrong.passed(), "{wrong}");
    assert_eq!(mean.says(ODD), "posteriors are too low");
    assert!(mean.left_half() < 0.1);
    let narrow = few().run_against(&model(0.0, 1.0), &model(0.0, 0.2)).unwrap();
    assert_eq!(narrow.of("mean").unwrap().says(ODD), "posteriors are too narrow", "{narrow}");
    assert!(narrow.to_string().contains("FAILED"));
}

/// Whose posterior is its prior, which every entry has the right ranks in.
#[test]
fn inference_that_ignores_the_data_is_found_by_their_likelihood() {
    let ignorant = few().run_against(&model(0.0, 1.0), &model(0.0, 1e3)).unwrap();
    assert!(ignorant.of("mean").unwrap().p_value > ODD, "{ignorant}");
    assert!(ignorant.of(LOG_LIKELIHOOD).unwrap().p_value < ODD, "{ignorant}");
}

#[test]
fn same_bits_for_any_number_of_threads() {
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Sbc::new().replications(6).seed(seed).run(&model(0.0, 1.0)).unwrap())
    };
    let one = run(1, 3);
    assert_eq!(one, run(3, 3));
    assert_ne!(one, run(1, 4));
}

/// Simulated rows follow the minibatch: a slope is found only if outcomes meet their own inputs.
#[test]
fn minibatches_of_simulated_data() {
    let x = normals(1, 40, 1);
    let own = DMatrix::from_element(40, 1, 0.0);
    let line = |s: &mut Scope| {
        let slope = s.sample("slope", Normal::new(0.0, 3.0))?;
        s.plate("rows", 40, |s, rows| {
            s.observe("y", Normal::new(slope * rows.rows(&x), 3.0), rows.rows(&own))
        })
    };
    let fit =
        || Fit::new().minibatch(10).steps(Steps::new(600).average(0.5)).draws(4).optimizer(Adam::new(0.02));
    let calibration = Sbc::new().replications(40).seed(2).fit(fit).run(&line).unwrap();
    assert!(calibration.of("slope").unwrap().p_value > ODD, "{calibration}");
}

#[test]
fn what_cannot_be_simulated_is_told() {
    let flat = |s: &mut Scope| {
        let x = s.sample("x", Flat::positive())?;
        s.observe("y", Exponential::new(x), 1.0)
    };
    assert!(matches!(sbc(&flat), Err(Error::NotSampled { site, .. }) if site == "x"));
    let factor = |s: &mut Scope| {
        let x = s.sample("x", Normal::new(0.0, 1.0))?;
        s.factor("more", -x.sq())
    };
    assert!(sbc(&factor).unwrap_err().to_string().contains("\"more\""));
    let param = |s: &mut Scope| {
        let x = s.param("x", &DMatrix::from_element(1, 1, 0.5), Support::Real)?;
        s.observe("y", Normal::new(x, 1.0), 1.0)
    };
    assert!(sbc(&param).unwrap_err().to_string().contains("\"x\""));
    let other = |s: &mut Scope| s.sample("other", Normal::new(0.0, 1.0)).map(|_| ());
    assert!(few().run_against(&other, &model(0.0, 1.0)).is_err());
    assert!(few().replications(0).run(&model(0.0, 1.0)).is_err());
}
