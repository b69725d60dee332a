//! More families of numbers: the laws, and single values.

use crate::catalogue::{continuous_laws, normal_on_logarithms, unconstrained_density_matches};
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;
const BAD_SCALES: &[f64] = &[0.0, -1.0, INF];

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!(got == want || (got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

/// The laws of a pair of one family.
macro_rules! divergence_laws {
    ($family:ident: $q:expr => $p:expr) => {
        let (q, p): ($family, $family) = ($q, $p);
        kl_is_not_negative(&q, &p).unwrap();
        kl_matches_quadrature(&q, &p).unwrap();
        kl_gradients_match::<$family, $family>(&q, &p).unwrap();
        kl_of_itself_is_zero(&q).unwrap();
    };
}

#[test]
fn pareto() {
    for (scale, alpha) in [(0.5, 4.5), (3.0, 7.0), (1e-3, 30.0)] {
        continuous_laws!(Pareto::new(scale, alpha));
    }
    let d = Pareto::new(0.5, 2.5);
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "alpha", BAD_SCALES).unwrap();
    divergence_laws!(Pareto: Pareto::new(0.5, 2.5) => Pareto::new(0.4, 3.0));
    assert_eq!(Pareto::<f64>::new(0.5, 2.5).kl(&Pareto::new(0.6, 2.5)), INF);
    assert_eq!([Pareto::<f64>::new(1.0, 1.0).mean(), Pareto::<f64>::new(1.0, 2.0).variance()], [INF; 2]);
}

#[test]
fn chi2() {
    for df in [0.7, 2.0, 9.0, 300.0] {
        continuous_laws!(Chi2::new(df));
    }
    rejects(&Chi2::new(2.0), "df", BAD_SCALES).unwrap();
    divergence_laws!(Chi2: Chi2::new(3.0) => Chi2::new(4.5));
    kl_gradients_match::<Chi2, Gamma>(&Chi2::new(3.0), &Gamma::new(1.0, 2.0)).unwrap();
    kl_gradients_match::<Gamma, Chi2>(&Gamma::new(1.0, 2.0), &Chi2::new(3.0)).unwrap();
}

#[test]
fn kumaraswamy() {
    for (a, b) in [(0.4, 1.0), (1.0, 3.0), (2.0, 3.0), (30.0, 12.0), (2.0, 0.6), (1.0, 1.0)] {
        continuous_laws!(Kumaraswamy::new(a, b));
    }
    let d = Kumaraswamy::new(2.0, 3.0);
    rejects(&d, "concentration1", BAD_SCALES).unwrap();
    rejects(&d, "concentration0", BAD_SCALES).unwrap();
    close(Kumaraswamy::<f64>::new(1.0, 3.0).log_prob(0.0), 3f64.ln(), 1e-15);
    assert_eq!(Kumaraswamy::<f64>::new(0.5, 3.0).log_prob(0.0), INF);
    assert_eq!(Kumaraswamy::<f64>::new(2.0, 3.0).log_prob(1.0), -INF);
    for x in Kumaraswamy::new(1e-3, 1e-3).draws(2000, Key::new(3)) {
        assert!(x > 0.0 && x < 1.0, "{x}");
    }
}

#[test]
fn logit_normal() {
    for (loc, scale) in [(0.0, 1.0), (-2.0, 0.3), (1.5, 2.5), (-0.4, 6.0), (3.0, 1.0)] {
        continuous_laws!(LogitNormal::new(loc, scale));
    }
    let d = LogitNormal::new(0.5, 2.0);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    divergence_laws!(LogitNormal: LogitNormal::new(0.5, 2.0) => LogitNormal::new(-0.5, 1.5));
    // E σ(u) of a Normal of mean -60 and deviation 3: E eᵘ, to a millionth.
    close(LogitNormal::<f64>::new(-60.0, 3.0).mean(), (-60f64 + 4.5).exp(), 1e-6);
    // The two sums meet at scale 1.
    let at = |scale: f64| LogitNormal::<f64>::new(-1.3, scale);
    let (a, b) = (at(1.0), at(1.0 + f64::EPSILON));
    for (a, b) in [(a.mean(), b.mean()), (a.variance(), b.variance()), (a.entropy(), b.entropy())] {
        close(a, b, 1e-14);
    }
}

#[test]
fn truncated_normal() {
    for (loc, scale, low, high) in [
        (0.3, 2.0, -1.0, 3.0),
        (0.0, 1.0, 40.0, 41.0),
        (5.0, 1.0, -3.0, -1.0),
        (0.0, 50.0, 1.0, 2.0),
        (0.0, 0.2, -1.0, 1.0),
    ] {
        continuous_laws!(TruncatedNormal::new(loc, scale, low, high));
    }
    let d = TruncatedNormal::new(0.3, 2.0, -1.0, 3.0);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "low", &[INF]).unwrap();
    rejects(&d, "high", &[-1.0, -2.0, INF]).unwrap();
    // Forty deviations out the mass is ordinary: E (x - 40) is nearly 1/40, and half of it lies
    // below ln 2 / 40.
    let far = TruncatedNormal::<f64>::new(0.0, 1.0, 40.0, 60.0);
    close(far.mean(), 40.024968847207264, 1e-14);
    close(far.quantile(0.5), 40.017314126764651, 1e-13);
    close(far.log_prob(40.0), 3.6895034805491154, 1e-13);
    assert!(far.draws(100, Key::new(1)).iter().all(|x| (40.0..41.0).contains(x)));
}

#[test]
fn inverse_gaussian() {
    for (m, l) in [(1.0, 1.0), (2.5, 0.5), (1.0, 300.0), (3.0, 20.0)] {
        continuous_laws!(InverseGaussian::new(m, l));
        normal_on_logarithms(&InverseGaussian::new(m, l), 0.1, 0.1);
    }
    let d = InverseGaussian::new(2.0, 3.0);
    rejects(&d, "loc", BAD_SCALES).unwrap();
    rejects(&d, "concentration", BAD_SCALES).unwrap();
    divergence_laws!(InverseGaussian: InverseGaussian::new(2.0, 3.0) => InverseGaussian::new(1.5, 4.0));
    let d = InverseGaussian::<f64>::from_mean(2.0, 0.5);
    close(d.variance(), 0.25, 1e-15);
}

#[test]
fn von_mises() {
    for (loc, k) in [(0.0, 1.0), (0.5, 4.0), (-3.0, 0.2), (1.0, 30.0), (3.1, 400.0)] {
        let d = VonMises::new(loc, k);
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
        }
        // The circular variance of draws.
        let far = Estimate::of(d.draws(10_000, Key::new(2)).iter().map(|x| 1.0 - (x - loc).cos()));
        assert!((far.value - d.variance()).abs() < 6.0 * far.standard_error, "{d:?}: {far}");
    }
    for k in [0.3, 2.0, 50.0] {
        let d = VonMises::new(0.0, k);
        for i in 0..8 {
            // At location 0 draws move as the distribution function does; in the location they
            // turn.
            let draw =
                |a: probity_autodiff::Dual<f64, 1>| VonMises::new(0.0, a).sample((), Key::new(4).fold_in(i));
            let x: probity_autodiff::Dual<f64, 1> = draw(probity_autodiff::Dual::variable(k, 0));
            let h = 1e-5 * k;
            let slope =
                VonMises::<f64>::new(0.0, k + h).cdf(x.re) - VonMises::<f64>::new(0.0, k - h).cdf(x.re);
            let want = -slope / (2.0 * h) / d.log_prob(x.re).exp();
            assert!((x.du[0] - want).abs() < 1e-6 * (1.0 + want.abs()), "{k}: {x:?} {want}");
        }
    }
    rejects(&VonMises::new(0.3, 2.0), "loc", &[INF]).unwrap();
    rejects(&VonMises::new(0.3, 2.0), "concentration", BAD_SCALES).unwrap();
    divergence_laws!(VonMises: VonMises::new(0.3, 2.0) => VonMises::new(-0.4, 5.0));
    divergence_laws!(VonMises: VonMises::new(0.3, 2.0) => VonMises::new(0.3, 2.5));
    // Forty-digit arithmetic (which a reference table misses by 1e-3).
    close(VonMises::<f64>::new(0.0, 1e4).log_sf(3.0), -19_903.485_907_594_27, 1e-14);
    // Whole turns, and draws of extreme concentrations.
    let d = VonMises::<f64>::new(0.3, 2.0);
    close(d.log_prob(0.1 + 2.0 * std::f64::consts::TAU), d.log_prob(0.1), 1e-14);
    for k in [1e-300, 1e-20, 1e20, 1e300] {
        let (unit, want) = if k > 1.0 { (k, 1.0) } else { (1.0, std::f64::consts::PI.powi(2) / 3.0) };
        let spread =
            Estimate::of(VonMises::new(0.0, k).draws(2000, Key::new(5)).iter().map(|x| x * x * unit));
        assert!((spread.value - want).abs() < 6.0 * spread.standard_error, "{k}: {spread}");
    }
}

#[test]
fn beta_binomial() {
    for (n, a, b) in [(10.0, 2.0, 3.0), (1.0, 0.5, 0.5), (200.0, 0.4, 30.0), (40.0, 300.0, 100.0)] {
        let d = BetaBinomial::new(n, a, b);
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        assert_eq!((d.log_prob(n + 1.0), d.cdf(n), d.sf(n)), (-INF, 1.0, 0.0));
    }
    let d = BetaBinomial::new(10.0, 2.0, 3.0);
    rejects(&d, "total_count", &[0.5, -1.0]).unwrap();
    rejects(&d, "concentration1", BAD_SCALES).unwrap();
    rejects(&d, "concentration0", BAD_SCALES).unwrap();
    // Flat concentrations give all counts the same mass.
    for k in 0..=12 {
        close(BetaBinomial::<f64>::new(12.0, 1.0, 1.0).log_prob(f64::from(k)), -(13f64.ln()), 1e-14);
    }
    let d = BetaBinomial::<f64>::from_mean(10.0, 0.25, 8.0);
    assert_eq!((d.concentration1, d.concentration0), (2.0, 6.0));
}

#[test]
fn horseshoe() {
    for scale in [1.0, 0.1, 50.0] {
        let d = Horseshoe::new(scale);
        integrates_to_one(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
            reparameterized_gradients_match(&d, Key::new(4).fold_in(i)).unwrap();
        }
        // E ln |λ z| = -½ (γ + ln 2): that of ln λ is 0.
        let log = Estimate::of(d.draws(10_000, Key::new(1)).iter().map(|x| (x / scale).abs().ln()));
        assert!((log.value + 0.635_181_422_730_739_1).abs() < 6.0 * log.standard_error, "{log}");
    }
    rejects(&Horseshoe::new(2.0), "scale", BAD_SCALES).unwrap();
    // The peak, and tails like 1/x², where the argument of the exponential overflows.
    let d = Horseshoe::<f64>::new(1.0);
    assert_eq!(d.log_prob(0.0), INF);
    close(d.log_prob(1e200), -2.0 * 1e200f64.ln() + d.log_prob(1e10) + 2.0 * 1e10f64.ln(), 1e-13);
}
