//! More families of numbers: against the tables.

use crate::catalogue::entropy_if_given;
use crate::common::{
    Comparison, Jet, Named, cdf, data, density, entropy, expand, families, kl_pairs, moments, number, points,
    slopes,
};
use probity_autodiff::Dual;
use probity_distributions::laws::Family;
use probity_distributions::*;

families! {
    pareto: Pareto, "Pareto", 10.0, [density, cdf, moments, entropy];
    chi2: Chi2, "Chi2", 50.0, [density, cdf, moments, entropy];
    kumaraswamy: Kumaraswamy, "Kumaraswamy", 50.0, [density, cdf, moments, entropy_if_given];
    logit_normal: LogitNormal, "LogitNormal", 50.0, [density, cdf];
    truncated_normal: TruncatedNormal, "TruncatedNormal", 50.0, [density, cdf, moments, entropy];
    inverse_gaussian: InverseGaussian, "InverseGaussian", 50.0, [density, cdf, moments, entropy];
    von_mises: VonMises, "VonMises", 50.0, [density, tails_of_angles, moments, entropy];
    beta_binomial: BetaBinomial, "BetaBinomial", 50.0, [masses, moments, entropy_if_given];
    horseshoe: Horseshoe, "Horseshoe", 50.0, [density];
}

kl_pairs! {
    kl_pareto_pareto: Pareto || Pareto, "scalar", 50.0;
    kl_chi2_chi2: Chi2 || Chi2, "scalar", 50.0;
    kl_chi2_gamma: Chi2 || Gamma, "scalar", 50.0;
    kl_gamma_chi2: Gamma || Chi2, "scalar", 50.0;
    kl_von_mises_von_mises: VonMises || VonMises, "scalar", 50.0;
    kl_chi_chi: Chi || Chi, "scalar", 50.0;
    kl_logit_normal_logit_normal: LogitNormal || LogitNormal, "scalar", 50.0;
}

/// The tails around the mode, where ours begin at -π: at location 0 they are the same.
fn tails_of_angles<F: Family>(case: &serde_json::Value, parameters: &[f64], to: &mut Comparison) {
    assert_eq!(F::NAME, VonMises::<f64>::NAME);
    let tails: [Named; 4] = [
        ("cdf", |a| VonMises::new(0.0, a[1]).cdf(a[0])),
        ("sf", |a| VonMises::new(0.0, a[1]).sf(a[0])),
        ("log_cdf", |a| VonMises::new(0.0, a[1]).log_cdf(a[0])),
        ("log_sf", |a| VonMises::new(0.0, a[1]).log_sf(a[0])),
    ];
    for point in case["points"].as_array().unwrap() {
        let at = [number(point, "x").unwrap() - parameters[0], parameters[1]];
        for (what, tail) in &tails {
            let got = slopes(tail, &at);
            // The table's two logarithms far out at a concentration of 1e4 are off by 1e-3: see
            // `scalar_laws::von_mises` for the value.
            if at[1] == 1e4 && at[0].abs() > 1.0 && got.value < -1.0 {
                continue;
            }
            // The point itself was rounded, in units of the location.
            let room = [at[0].abs() + parameters[0].abs(), at[1]];
            to.value(what, &room, &got, number(point, what).unwrap());
        }
    }
}

/// `log_prob` of counts, and its derivatives.
fn masses<F: Family>(case: &serde_json::Value, parameters: &[f64], to: &mut Comparison) {
    let log_prob = |a: &[Jet]| F::with(&a[1..]).log_prob(a[0]);
    points(case, parameters, |point, at| {
        let got = expand(&log_prob, at);
        to.value("log_prob", at, &got, number(point, "log_prob").unwrap());
        for (i, name) in F::PARAMETERS.iter().enumerate() {
            if let Some(want) = number(&point["d_params"], name) {
                to.slope("d_params", at, &got, i + 1, want);
            }
        }
    });
}

/// A draw at location 0 moves as the quantile of its probability does. Rows above 0 are those below
/// with the other sign, where probabilities keep their digits.
#[test]
fn draws_of_von_mises_move_as_in_the_table() {
    let Some(table) = data("implicit/vonmises.json") else { return };
    let mut worst: f64 = 0.0;
    for row in table["rows"].as_array().unwrap() {
        let [k, x, want] =
            ["concentration", "sample", "dsample_dconcentration"].map(|n| number(row, n).unwrap());
        let (x, want) = (-x.abs(), if x > 0.0 { -want } else { want });
        let p = VonMises::<f64>::new(0.0, k).cdf(x);
        let moved: Dual<f64, 1> = VonMises::new(0.0, Dual::variable(k, 0)).quantile(p.into());
        let error = (moved.du[0] - want).abs() / want.abs().max(1e-300);
        worst = worst.max(error);
        assert!((moved.re - x).abs() < 1e-12 && error < 1e-8, "{k} {x}: {moved:?}, not {want:e}");
    }
    println!("largest relative error {worst:e}");
}
