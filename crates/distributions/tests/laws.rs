//! The laws of DESIGN §8, run over random parameters of every family.

use probity_distributions::*;

#[test]
fn normal() {
    let d = Normal::new(0.3, 2.0);
    laws::integrates_to_one(&d).unwrap();
    laws::cdf_matches_density(&d).unwrap();
    laws::quantile_inverts_cdf(&d).unwrap();
    laws::moments_match_density(&d).unwrap();
    laws::entropy_matches_density(&d).unwrap();
    laws::samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
    laws::samples_match_moments(&d, 10_000, Key::new(1)).unwrap();
    laws::gradients_match(&d, -0.7).unwrap();
    laws::reparameterized_gradients_match(&d, Key::new(1)).unwrap();
    laws::implicit_gradients_match(&d, Key::new(1)).unwrap();
    laws::rejects(&d, "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
    let p = Normal::new(1.0, 0.7);
    laws::kl_is_not_negative(&d, &p).unwrap();
    laws::kl_of_itself_is_zero(&d).unwrap();
    laws::kl_matches_quadrature(&d, &p).unwrap();
    laws::kl_matches_monte_carlo(&d, &p, 10_000, Key::new(1)).unwrap();
    laws::kl_gradients_match::<Normal, Normal>(&d, &p).unwrap();
    laws::bijector_inverts(&bijectors::Exp, 1.3).unwrap();
    laws::bijector_log_det_matches(&bijectors::Exp, 1.3).unwrap();
}
