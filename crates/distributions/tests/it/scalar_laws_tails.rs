//! Families for tails, extremes and skewed numbers: the laws, and single values.

use crate::catalogue::{continuous_laws, normal_on_logarithms, unconstrained_density_matches};
use probity_autodiff::Dual;
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;
const BAD_SCALES: &[f64] = &[0.0, -1.0, INF];

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!(got == want || (got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

/// The laws of a family without an entropy, whose draws are not quantiles.
macro_rules! laws_of_sums {
    ($d:expr) => {
        let d = $d;
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
            reparameterized_gradients_match(&d, Key::new(4).fold_in(i)).unwrap();
            quantile_gradients_match(&d, [0.01, 0.3, 0.9][i as usize % 3]);
        }
    };
}

/// The derivatives of a quantile are those that keep the distribution function where it is.
fn quantile_gradients_match<F: Family>(d: &F, p: f64)
where
    F::Of<Dual<f64, 4>>: Cdf<Dual<f64, 4>>,
{
    let at = d.parameters();
    let parameters: Vec<_> = at.iter().enumerate().map(|(i, x)| Dual::<f64, 4>::variable(*x, i)).collect();
    let d = F::with(&parameters);
    let x = d.quantile(p.into());
    let back = d.cdf(x);
    assert!((back.re - p).abs() < 1e-12, "{at:?} {p}: {x:?}");
    assert!(back.du.iter().all(|s| s.abs() < 1e-9), "{at:?} {p}: {x:?} {back:?}");
}

#[test]
fn skew_normal() {
    for (loc, scale, alpha) in [(0.3, 2.0, 0.0), (0.0, 1.0, 3.0), (-1.0, 0.5, -1.2), (2.0, 1.0, 40.0)] {
        laws_of_sums!(SkewNormal::new(loc, scale, alpha));
    }
    let d = SkewNormal::new(0.3, 2.0, 1.0);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "skewness", &[INF, -INF]).unwrap();
    // Values of 40-digit arithmetic, in both tails.
    for (x, alpha, cdf, sf) in [
        (-6.0, 2.0, 7.1180791906932412e-43, 1.0),
        (-0.5, 10.0, 3.7294788672758943e-9, 0.99999999627052113),
        (0.001, 200.0, 0.0020222036824196027, 0.9979777963175804),
        (3.0, 2.0, 0.99730020393729947, 0.0026997960627005268),
        (8.0, 0.1, 0.99999999999999902, 9.849356943089819e-16),
        (-3.0, 0.5, 0.00013965527445970476, 0.9998603447255403),
    ] {
        let d = SkewNormal::<f64>::new(0.0, 1.0, alpha);
        close(d.cdf(x), cdf, 1e-13);
        close(d.sf(x), sf, 1e-13);
        close(SkewNormal::<f64>::new(0.0, 1.0, -alpha).cdf(-x), sf, 1e-13);
    }
    let far = SkewNormal::<f64>::new(0.0, 1.0, 5.0);
    close(far.log_cdf(-30.0), -11_712.814_788_994_47, 1e-13);
    close(far.log_sf(60.0), Normal::<f64>::standard().log_sf(60.0) + 2f64.ln(), 1e-14);
}

#[test]
fn ex_gaussian() {
    for (loc, scale, rate) in [(0.3, 2.0, 0.5), (0.0, 1.0, 30.0), (-1.0, 0.1, 0.2), (400.0, 50.0, 0.01)] {
        laws_of_sums!(ExGaussian::new(loc, scale, rate));
    }
    let d = ExGaussian::new(0.3, 2.0, 1.0);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "rate", BAD_SCALES).unwrap();
    // Values of 40-digit arithmetic: x, rate, log density, ln cdf, ln sf.
    for (x, rate, log_prob, log_cdf, log_sf) in [
        (-30.0, 1.0, -454.35396362717929, -457.7573380121099, -1.5794797074175365e-199),
        (-8.0, 100.0, -32.995985289854852, -35.09160564987197, -5.7531977924122297e-16),
        (0.5, 1e-08, -18.789627169332626, -18.780508435152043, -6.9779655463410253e-9),
        (6.0, 1e-08, -18.420680804938953, -16.628921305531584, -5.9999999951563571e-8),
        (3.0, 1000000.0, -5.4189355332011727, -0.0013508144026005593, -6.6077229384072347),
        (200.0, 0.5, -100.56814718055995, -4.2153983375190743e-44, -99.875),
        (7.0, 20.0, -24.993987697468529, -1.9783972387881306e-12, -26.948734074384713),
    ] {
        let d = ExGaussian::<f64>::new(0.0, 1.0, rate);
        close(d.log_prob(x), log_prob, 2e-14);
        close(d.log_cdf(x), log_cdf, 2e-12);
        close(d.log_sf(x), log_sf, 2e-12);
    }
    let d = ExGaussian::<f64>::from_tail_mean(1.0, 0.5, 4.0);
    assert_eq!((d.rate, d.mean(), d.variance()), (0.25, 5.0, 16.25));
}

#[test]
fn asymmetric_laplace() {
    for (loc, scale, k) in [(0.3, 2.0, 1.0), (0.0, 1.0, 3.0), (-1.0, 0.1, 0.2)] {
        continuous_laws!(AsymmetricLaplace::new(loc, scale, k));
    }
    let d = AsymmetricLaplace::new(0.3, 2.0, 0.7);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "asymmetry", BAD_SCALES).unwrap();
    // Asymmetry 1 is Laplace's distribution.
    let (a, l) = (AsymmetricLaplace::<f64>::new(0.3, 2.0, 1.0), Laplace::<f64>::new(0.3, 2.0));
    for x in [-5.0, 0.2, 0.3, 7.0] {
        close(a.log_prob(x), l.log_prob(x), 1e-15);
        close(a.log_cdf(x), l.log_cdf(x), 1e-15);
    }
    // The mode is the quantile that was asked for, and the density the loss of quantile regression.
    let d = AsymmetricLaplace::<f64>::from_quantile(1.0, 2.0, 0.9);
    close(d.cdf(1.0), 0.9, 1e-15);
    let unit = 2.0 * (0.9f64 * 0.1).sqrt();
    close(d.log_prob(4.0) - d.log_prob(1.0), -0.9 * 3.0 / unit, 1e-13);
    close(d.log_prob(-2.0) - d.log_prob(1.0), -0.1 * 3.0 / unit, 1e-13);
}

#[test]
fn extreme_values() {
    for (loc, scale, shape) in [(0.3, 2.0, 0.15), (0.0, 1.0, -0.4), (-1.0, 0.1, 1e-3), (2.0, 1.0, -1e-9)] {
        continuous_laws!(GeneralisedExtremeValue::new(loc, scale, shape));
    }
    let d = GeneralisedExtremeValue::new(0.3, 2.0, 0.2);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "shape", &[INF, -INF]).unwrap();
    // Shape 0 is Gumbel's distribution, with the derivative of its neighbours.
    let g = Gumbel::<f64>::new(0.3, 2.0);
    let at = |shape: f64| GeneralisedExtremeValue::<f64>::new(0.3, 2.0, shape);
    for x in [-6.0, 0.3, 1.7, 40.0] {
        close(at(0.0).log_prob(x), g.log_prob(x), 1e-15);
        close(at(0.0).log_sf(x), g.log_sf(x), 1e-15);
        let h = 1e-4;
        let slope = (at(h).log_prob(x) - at(-h).log_prob(x)) / (2.0 * h);
        let dual: Dual<f64, 1> =
            GeneralisedExtremeValue::new(0.3, 2.0, Dual::variable(0.0, 0)).log_prob(x.into());
        assert!((dual.du[0] - slope).abs() < 1e-3 * (1.0 + slope.abs()), "{x}: {dual:?} {slope}");
    }
    close(at(0.0).mean(), g.mean(), 1e-15);
    close(at(0.0).variance(), g.variance(), 1e-14);
    close(at(0.0).quantile(0.3), g.quantile(0.3), 1e-15);
    // Both sides of the change to series.
    for (a, b) in [(0.2, 0.2 + 1e-15), (0.1, 0.1 + 1e-15), (-0.1, -0.1 - 1e-15)] {
        close(at(a).mean(), at(b).mean(), 1e-13);
        close(at(a).variance(), at(b).variance(), 1e-12);
    }
    assert_eq!([at(1.0).mean(), at(0.5).variance()], [INF; 2]);
    // Limits: where there is no density the distribution function is 0 or 1.
    let (up, down) = (at(0.5), at(-0.5));
    assert_eq!([up.log_prob(-4.0), up.cdf(-4.0), up.sf(-4.0)], [-INF, 0.0, 1.0]);
    assert_eq!([down.log_prob(4.5), down.cdf(4.5), down.sf(4.5)], [-INF, 1.0, 0.0]);
    close(up.quantile(0.0), 0.3 - 4.0, 1e-15);
    close(down.quantile(1.0), 0.3 + 4.0, 1e-15);
}

#[test]
fn generalised_pareto() {
    for (loc, scale, shape) in [(0.3, 2.0, 0.15), (0.0, 1.0, -0.1), (-1.0, 0.1, 1e-3), (2.0, 1.0, -1e-9)] {
        continuous_laws!(GeneralisedPareto::new(loc, scale, shape));
    }
    let d = GeneralisedPareto::new(0.3, 2.0, 0.2);
    rejects(&d, "loc", &[INF]).unwrap();
    rejects(&d, "scale", BAD_SCALES).unwrap();
    rejects(&d, "shape", &[INF, -INF]).unwrap();
    // Shape 0 is exponential; a power law is Pareto's.
    let (g, e) = (GeneralisedPareto::<f64>::new(0.0, 2.0, 0.0), Exponential::<f64>::new(0.5));
    let (h, p) = (GeneralisedPareto::<f64>::new(3.0, 1.0, 1.0 / 3.0), Pareto::<f64>::new(3.0, 3.0));
    for x in [0.1, 3.1, 50.0] {
        close(g.log_prob(x), e.log_prob(x), 1e-15);
        close(g.log_cdf(x), e.log_cdf(x), 1e-15);
        close(h.log_prob(x.max(3.05)), p.log_prob(x.max(3.05)), 1e-13);
        let dual: Dual<f64, 1> = GeneralisedPareto::new(0.0, 2.0, Dual::variable(0.0, 0)).log_prob(x.into());
        let z = x / 2.0;
        close(dual.du[0], 0.5 * z * z - z, 1e-13);
    }
    close(h.mean(), p.mean(), 1e-15);
    assert_eq!([h.log_prob(2.0), h.log_prob(INF)], [-INF; 2]);
    let short = GeneralisedPareto::<f64>::new(0.0, 1.0, -0.5);
    assert_eq!([short.log_prob(2.5), short.cdf(2.5), short.quantile(1.0)], [-INF, 1.0, 2.0]);
}

#[test]
fn frechet_and_log_logistic() {
    for (k, scale) in [(4.5, 2.0), (30.0, 0.4), (7.0, 1.0)] {
        continuous_laws!(Frechet::new(k, scale));
        continuous_laws!(LogLogistic::new(k, scale));
        normal_on_logarithms(&Frechet::new(k, scale), 0.1, 0.1);
    }
    rejects(&Frechet::new(2.0, 1.0), "concentration", BAD_SCALES).unwrap();
    rejects(&Frechet::new(2.0, 1.0), "scale", BAD_SCALES).unwrap();
    rejects(&LogLogistic::new(2.0, 1.0), "concentration", BAD_SCALES).unwrap();
    rejects(&LogLogistic::new(2.0, 1.0), "scale", BAD_SCALES).unwrap();
    let (q, p) = (Frechet::new(2.5, 0.4), Frechet::new(1.1, 1.0));
    kl_matches_quadrature(&q, &p).unwrap();
    kl_gradients_match::<Frechet, Frechet>(&q, &p).unwrap();
    kl_of_itself_is_zero(&q).unwrap();
    // 1/x of a Weibull variable.
    let (f, w) = (Frechet::<f64>::new(2.5, 0.4), Weibull::<f64>::new(2.5, 2.5));
    for x in [1e-3, 0.3, 1.0, 1e9] {
        close(f.log_cdf(x), w.log_sf(1.0 / x), 1e-13);
        close(f.log_sf(x), w.log_cdf(1.0 / x), 1e-13);
    }
    assert_eq!([Frechet::<f64>::new(1.0, 1.0).mean(), Frechet::<f64>::new(2.0, 1.0).variance()], [INF; 2]);
    assert_eq!(
        [LogLogistic::<f64>::new(1.0, 1.0).mean(), LogLogistic::<f64>::new(2.0, 1.0).variance()],
        [INF; 2]
    );
    // Variances on both sides of the change to the series, and at a huge concentration.
    let at = |k: f64| LogLogistic::<f64>::new(k, 1.0).variance();
    close(at(std::f64::consts::PI - 1e-15), at(std::f64::consts::PI + 1e-15), 1e-13);
    close(at(1e6), (std::f64::consts::PI / 1e6).powi(2) / 3.0, 1e-11);
    let at = |k: f64| Frechet::<f64>::new(k, 1.0).variance();
    close(at(1e6), (std::f64::consts::PI / 1e6).powi(2) / 6.0, 1e-5);
}

#[test]
fn chi() {
    for df in [0.7, 1.0, 2.0, 9.0, 300.0] {
        continuous_laws!(Chi::new(df));
    }
    rejects(&Chi::new(2.0), "df", BAD_SCALES).unwrap();
    let (q, p) = (Chi::new(3.0), Chi::new(4.5));
    kl_matches_quadrature(&q, &p).unwrap();
    kl_gradients_match::<Chi, Chi>(&q, &p).unwrap();
    kl_of_itself_is_zero(&q).unwrap();
    // One degree of freedom is the half-Normal.
    let (c, h) = (Chi::<f64>::new(1.0), HalfNormal::<f64>::new(1.0));
    for x in [0.0, 1e-200, 0.3, 5.0, 30.0] {
        // The logarithm of a tiny x comes and goes.
        close(c.log_prob(x), h.log_prob(x), 1e-12);
        close(c.log_cdf(x), h.log_cdf(x), 1e-12);
        close(c.log_sf(x), h.log_sf(x), 1e-12);
    }
    close(c.entropy(), h.entropy(), 1e-13);
    // Of many the length is nearly Normal, with variance ½.
    close(Chi::<f64>::new(1e12).variance(), 0.5, 1e-12);
}

#[test]
fn triangular() {
    for (low, high, peak) in [(0.0, 1.0, 0.3), (-2.0, 5.0, 4.9)] {
        continuous_laws!(Triangular::new(low, high, peak));
    }
    for peak in [1.0, 2.0] {
        let d = Triangular::new(1.0, 2.0, peak);
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
    }
    let d = Triangular::new(-1.0, 2.0, 0.5);
    rejects(&d, "low", &[INF]).unwrap();
    rejects(&d, "high", &[-1.0, -2.0, INF]).unwrap();
    rejects(&d, "peak", &[-1.1, 2.1, INF]).unwrap();
    assert_eq!([d.log_prob(-1.0), d.log_prob(2.0), d.log_prob(3.0)], [-INF; 3]);
    close(d.log_prob(0.5), (2.0 / 3.0f64).ln(), 1e-15);
    close(Triangular::<f64>::new(0.0, 1.0, 0.0).log_prob(0.0), 2f64.ln(), 1e-15);
}
