//! Leave-one-out cross-validation of fits, against predictive densities that are known.

use crate::common::normals;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::{Distribution, Flat, MultivariateNormal, Normal};
use probity_vi::*;

/// `ln N(x; m, v)`.
fn log_normal(x: f64, m: f64, v: f64) -> f64 {
    -0.5 * ((x - m).powi(2) / v + (std::f64::consts::TAU * v).ln())
}

/// y ~ Normal(m, 1), m with a flat prior, in two sites.
fn mean_of(y: &DMatrix<f64>) -> impl Fn(&mut Scope<'_>) -> Result + use<'_> {
    move |s: &mut Scope<'_>| {
        let m = s.sample("m", Flat::real())?;
        let half = y.nrows() / 2;
        s.observe("first", Normal::new(m, 1.0), &y.rows(0, half).clone_owned())?;
        s.observe("second", Normal::new(m, 1.0), &y.rows(half, y.nrows() - half).clone_owned())
    }
}

/// The density of y_i given the others is Normal(mean of the others, √(1 + 1 / (n - 1))).
fn known(y: &DMatrix<f64>) -> Vec<f64> {
    let (n, mean) = (y.nrows() as f64, y.mean());
    y.iter().map(|y| log_normal(*y, (n * mean - y) / (n - 1.0), 1.0 + 1.0 / (n - 1.0))).collect()
}

#[test]
fn the_table_of_posteriors_has_the_predictive_density_that_is_known() {
    let y = normals(1, 30, 1);
    let known = known(&y);
    let elpd: f64 = known.iter().sum();
    let spread = known.iter().map(|t| (t - elpd / 30.0).powi(2)).sum::<f64>() / 29.0;
    let guide = Fit::new().guide(FullRank::new()).run(mean_of(&y)).unwrap();
    let default = fit(mean_of(&y)).unwrap();
    let steps = Fit::new().guide(LowRank::new(1)).steps(400).checked(false).run(mean_of(&y)).unwrap();
    let point = Fit::new().guide(Delta::new()).run(mean_of(&y)).unwrap();
    let all: [(&str, &dyn Fitted); 4] =
        [("guide", &guide), ("default", &default), ("steps", &steps), ("point", &point)];
    let table = compare(&all).unwrap();
    for entry in &table.posteriors[..3] {
        let loo = entry.loo.as_ref().unwrap();
        assert_eq!((loo.k_hat.len(), loo.above(0.7)), (30, 0), "{}", entry.name);
        assert!(loo.draws >= 2000);
        for (got, want) in loo.elpd.pointwise.iter().zip(&known) {
            // The relative spread of a density is below |y - m| / √n + 1 / n < 0.6; effective draws
            // are 1000 at least (2000 of the guide, with weights of nearly the same size): a
            // standard error of 0.02, and 5.5 of them.
            assert!((got - want).abs() < 0.11, "{}: {got} {want}", entry.name);
        }
        // Most observations are in the middle, and errors of both sides cancel.
        assert!((loo.elpd.value - elpd).abs() < 0.25, "{}: {} {elpd}", entry.name, loo.elpd);
        assert!((loo.elpd.standard_error - (30.0 * spread).sqrt()).abs() < 0.1, "{}", loo.elpd);
    }
    assert!(table.posteriors[3].loo.is_none() && point.loo().is_err());
    let text = table.to_string();
    let shown = format!("{:.2}", default.loo().unwrap().elpd.value);
    assert!(text.contains("elpd_loo") && text.contains("k>0.7") && text.contains(&shown), "{text}");
    let read: Comparison = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(read.posteriors[0].loo, table.posteriors[0].loo);
}

#[test]
fn a_wrong_guide_is_corrected_and_an_outlier_is_reported() {
    // Standard deviations of a mean field under a correlation of 0.87 are half of those of the
    // posterior. Its importance ratios are known.
    let y = normals(3, 40, 1);
    let x = DMatrix::from_fn(40, 2, |i, j| 1.0 + j as f64 * ((i as f64) * 0.7).sin());
    let model = |s: &mut Scope<'_>| {
        let w = s.sample("w", Normal::new(0.0, 2.0).rows(2))?;
        s.observe("y", Normal::new(s.data(&x).matmul(w), 1.0), &y)
    };
    let full = Fit::new().guide(FullRank::new()).run(model).unwrap().loo().unwrap();
    let narrow = Fit::new().guide(MeanField::new()).run(model).unwrap().loo().unwrap();
    assert!((full.elpd.value - narrow.elpd.value).abs() < 1.0, "{full} {narrow}");

    let mut far = normals(1, 30, 1);
    far[7] = 40.0;
    let loo = fit(mean_of(&far)).unwrap().loo().unwrap();
    assert_eq!((loo.unreliable(), loo.above(0.7)), (vec![7], 1), "{:?}", loo.k_hat);
}

/// Rows of a family of vectors are observations; entries of factors are none.
#[test]
fn observations_are_events() {
    let y = normals(2, 6, 2);
    let covariance = DMatrix::<f64>::identity(2, 2);
    let model = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0).shaped(1, 2))?;
        s.factor("nothing", (m * 0.0).sum())?;
        s.observe("y", MultivariateNormal::from_cholesky(m, s.data(&covariance)), &y)
    };
    let q = fit(model).unwrap();
    assert_eq!(q.loo().unwrap().k_hat.len(), 6);
    let mut joint = LogJoint::new(model).unwrap();
    let (u, mut each) = ([0.3, -0.2], Vec::new());
    let value = joint.pointwise(&u, &mut each).unwrap();
    assert_eq!(value, joint.value(&u).unwrap());
    for (i, got) in each.iter().enumerate() {
        let want = log_normal(y[(i, 0)], 0.3, 1.0) + log_normal(y[(i, 1)], -0.2, 1.0);
        assert!((got - want).abs() < 1e-13, "{got} {want}");
    }
    assert_eq!(each.len(), 6);
    assert!(joint.pointwise(&[0.0], &mut each).is_err());
    let only = |s: &mut Scope<'_>| {
        let m = s.sample("m", Normal::new(0.0, 1.0))?;
        s.factor("f", m * 0.5)
    };
    let q = fit(only).unwrap();
    assert!(q.loo().is_err() && compare(&[("f", &q)]).unwrap().posteriors[0].loo.is_none());
}
