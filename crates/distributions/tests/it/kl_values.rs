//! Divergences where a formula changes to another, against integrals and sums of 40 digits; and
//! what those by draws and by quadrature say of their own error.

use probity_autodiff::Tape;
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;

#[track_caller]
pub(crate) fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

/// On both sides of what decides between two formulas.
#[test]
fn every_branch_has_its_value() {
    let uniform = |low: f64, high: f64| Uniform::<f64>::new(low, high);
    // All of the interval above the centre of the other.
    close(uniform(0.2, 0.9).kl(&Laplace::new(-1.0, 0.3)), 5.0125159868394083624, 1e-15);
    // A narrow interval by the series, and a wider one.
    close(uniform(0.0, 0.009).kl(&Gumbel::new(0.0, 1.0)), 5.7105441713255108376, 1e-15);
    close(uniform(0.0, 0.05).kl(&Gumbel::new(0.0, 1.0)), 3.9961437835397107561, 1e-15);
    // An end at an end of the support.
    let cb: ContinuousBernoulli = ContinuousBernoulli::from_logits(-1.2);
    close(uniform(0.0, 0.4).kl(&cb), 0.6155867572197664715, 2e-15);
    close(uniform(0.3, 1.0).kl(&cb), 0.59597096928434378491, 2e-15);
    let poisson = |s: f64, rate: f64| Bernoulli::<f64>::new(s).kl(&Poisson::new(rate));
    close(poisson(0.1, 0.11), 0.0056445179275238429971, 1e-14);
    close(poisson(0.1, 3.0), 2.5650557977417407731, 1e-15);
    close(poisson(0.1, 0.01), 0.14543404520736090879, 1e-15);
    close(poisson(0.5, 0.55), 0.15577131981786491931, 1e-15);
    close(poisson(0.9, 2.0), 1.0510845641046010154, 1e-15);
    // The rate is nothing beside the probability.
    close(poisson(0.5, 1e-30), 33.845629214350739909, 1e-15);
    close(Gamma::<f64>::new(2.5, 3.0).kl(&Gumbel::new(0.3, 1.8)), 1.0252800524803576099, 1e-15);
    // ln(scale / k) + E ln x + E xᵏ less the entropy, where half of the power k is 0.
    let want = 744.440_071_921_381_3 - (0.577_215_664_901_532_9 + 2f64.ln()) / 2.0 + 1.0
        - HalfNormal::<f64>::new(1.0).entropy();
    close(HalfNormal::<f64>::new(1.0).kl(&Weibull::new(5e-324, 1.0)), want, 1e-15);
}

#[test]
fn counts_at_the_edges_have_their_values() {
    let negative = |r: f64, logits: f64| NegativeBinomial::<f64>::from_logits(r, logits);
    // Numbers that are 0, one trial more, and powers of which a rest below 1 is left.
    kl_matches_quadrature(&Binomial::from_logits(12.0, 0.0), &Poisson::new(3.5)).unwrap();
    kl_matches_quadrature(&negative(2.5, 0.0), &Poisson::new(3.5)).unwrap();
    kl_matches_quadrature(&Bernoulli::new(0.3), &Binomial::from_logits(2.0, 0.2)).unwrap();
    kl_matches_quadrature(&Beta::new(1.5, 1.3), &InverseGamma::new(2.0, 1.0)).unwrap();
    // One count has all the mass.
    let (none, one) = (Bernoulli::<f64>::new(0.0), Bernoulli::<f64>::new(1.0));
    close(none.kl(&negative(2.0, 0.3)), -negative(2.0, 0.3).log_prob(0.0), 1e-15);
    close(one.kl(&negative(2.0, 0.3)), -negative(2.0, 0.3).log_prob(1.0), 1e-15);
    close(one.kl(&Geometric::new(0.3)), -Geometric::<f64>::new(0.3).log_prob(1.0), 1e-15);
    // Means out of the range of numbers.
    assert_eq!(negative(2.0, 800.0).kl(&negative(2.0, 800.0)), 0.0);
    assert_eq!(negative(2.0, 800.0).kl(&negative(2.1, 80.0)), INF);
    for (r, a, t, b) in [(2.0, 800.0, 2.1, 799.9), (2.0, 800.0, 3.0, 802.0), (0.5, 750.0, 0.5, 750.5)] {
        // Far below, the limit has been reached, too.
        close(negative(r, a).kl(&negative(t, b)), negative(r, a - 700.0).kl(&negative(t, b - 700.0)), 1e-9);
        let gammas = [Gamma::<f64>::new(r, 1.0), Gamma::new(t, (a - b).exp())];
        close(negative(r, a).kl(&negative(t, b)), gammas[0].kl(&gammas[1]), 1e-12);
    }
    assert!(negative(2.0, 800.0).kl(&negative(2.0, 3000.0)).is_finite());
    // Counts that have no neighbours.
    let (rare, want) = (Geometric::<f64>::new(1e-18), Exponential::new(1.0).kl(&Exponential::new(0.5)));
    close(rare.kl(&negative(1.0, 2e18f64.ln())), want, 1e-9);
    assert_eq!(Poisson::<f64>::new(1e40).kl(&negative(1.0, 2.0)), INF);
    for i in -20..20 {
        let near = 2.5 * (1.0 + f64::from(i) * f64::EPSILON);
        kl_is_not_negative(&negative(2.5, 0.3), &negative(near, 0.3)).unwrap();
        kl_is_not_negative(&negative(300.0, 1.0), &negative(120.0 * near, 1.0)).unwrap();
    }
}

/// Where a scale or a location is beyond the range of squares, and the divergence is not.
#[test]
fn quadratures_beyond_the_range_of_squares() {
    // The wide half of the mixture: ln 2.
    let q = Normal::<f64>::new(0.0, 1e200);
    close(q.kl(&ScaleMixture::new(0.5, 1e200, 1e-200)), 2f64.ln(), 1e-14);
    // ln(1 + x²/4) is ln(x²/4).
    let want = 2.5 * (2.0 * 1e200f64.ln() - 4f64.ln()) - (0.375f64.ln() + 1.418_938_533_204_672_8);
    close(Normal::<f64>::new(1e200, 1.0).kl(&StudentT::new(4.0, 0.0, 1.0)), want, 1e-14);
    close(Normal::<f64>::new(0.0, 1.0).kl(&StudentT::new(4.0, 1e200, 1.0)), want, 1e-14);
}

#[test]
fn an_estimate_of_few_numbers() {
    let none = Estimate::of([]);
    assert!(none.value.is_nan() && none.standard_error.is_nan() && none.draws == 0);
    let one = Estimate::of([2.0]);
    assert!(one.value == 2.0 && one.standard_error.is_nan() && one.draws == 1);
    // The variance is 7/3, and so is the mean.
    let three = Estimate::of([1.0, 2.0, 4.0]);
    close(three.value, 7.0 / 3.0, 1e-15);
    close(three.standard_error, (7.0f64 / 9.0).sqrt(), 1e-15);
    assert_eq!(three.draws, 3);
    let (q, p) = (Normal::<f64>::new(0.0, 1.0), Normal::new(0.5, 1.0));
    assert_eq!(kl_monte_carlo(&q, &p, 100, probity_autodiff::Key::new(1)).draws, 100);
    assert_eq!(Estimate::of([INF, INF, 1.0]).value, INF);
    assert!(Estimate::of([INF, -INF]).value.is_nan());
}

#[test]
fn quadrature_of_bad_parameters_is_nan() {
    let (good, bad) = (Normal::new(0.0, 1.0), Normal::new(0.0, -1.0));
    let all = [kl_quadrature(&bad, &good), kl_quadrature(&good, &bad), entropy_quadrature(&bad)];
    let cross = [cross_entropy_quadrature(&good, &bad), cross_entropy_quadrature(&bad, &good)];
    for got in all.into_iter().chain(cross) {
        assert!(got.value.is_nan() && got.error.is_nan(), "{got:?}");
    }
}

#[test]
fn quadrature_says_what_its_error_is() {
    // Two halves: nothing but rounding.
    let (fair, want) = (entropy_quadrature(&Bernoulli::new(0.5)), 2f64.ln());
    close(fair.value, want, 4e-16);
    close(fair.error, 16.0 * f64::EPSILON * (1.0 + want), 1e-15);
    // Also of a negative number.
    let narrow = entropy_quadrature(&Normal::new(0.0, 1e-3));
    assert!(narrow.value < -5.0 && narrow.error >= 16.0 * f64::EPSILON * (1.0 - narrow.value), "{narrow:?}");
    // What is at the limits of a censored distribution is no part of the integral.
    let (low, high, base) = (-1.0, 3.0, Normal::<f64>::new(0.3, 2.0));
    let got = entropy_quadrature(&Censored::<f64, _>::between(base, low, high));
    let lost = base.cdf(low) + base.sf(high);
    close(got.error, lost * (1.0 + got.value), 1e-8);
}

/// Where both log densities are equal but for rounding, intervals need not agree.
#[test]
fn quadrature_of_nearly_equal_distributions_ends() {
    let q = Normal::new(0.3, 2.0);
    for e in [1e-4, 1e-6, 1e-7, 1e-9, 1e-11, 1e-13, 4e-16, -4e-16, -1e-15, -2e-15] {
        let kl = kl_quadrature(&q, &Normal::new(0.3, 2.0 * (1.0 + e)));
        // Rounding takes none below 0.
        assert!(
            kl.value >= 0.0 && (kl.value - e * e).abs() <= 3.0 * e.abs().powi(3) + kl.error,
            "{e} {kl:?}"
        );
        assert!(kl.error < 1e-14, "{e} {kl:?}");
    }
}

/// Infinite only for mass outside the support: a node that rounding takes to an end has none.
#[test]
fn quadrature_up_to_an_end_without_density_is_finite() {
    let near = |got: Integral, want: f64| {
        assert!((got.value - want).abs() <= 1e-14 && got.error < 1e-14, "{got:?} {want}");
    };
    let uniform = Uniform::new(0.0, 1.0);
    near(kl_quadrature(&uniform, &Beta::new(1.0, 2.0)), 1.0 - 2f64.ln());
    near(kl_quadrature(&uniform, &Beta::new(2.0, 1.0)), 1.0 - 2f64.ln());
    near(kl_quadrature(&Uniform::new(-1.0, 0.0), &Uniform::new(-1.0, 1.0)), 2f64.ln());
    // All mass and some of it outside.
    let infinite = [
        kl_quadrature(&Normal::new(0.0, 1.0), &Uniform::new(-1.0, 1.0)),
        kl_quadrature(&uniform, &Uniform::new(0.0, 0.999)),
        kl_quadrature(&Bernoulli::new(0.5), &Bernoulli::new(0.0)),
        kl_quadrature(&Bernoulli::new(0.5), &Bernoulli::new(1.0)),
    ];
    assert!(infinite.iter().all(|kl| (kl.value, kl.error) == (INF, 0.0)), "{infinite:?}");
}

/// The first has mass outside the support of the second, on one side.
#[test]
fn infinite_on_either_side() {
    let uniform = |low: f64, high: f64| Uniform::<f64>::new(low, high);
    let (cb, beta): (ContinuousBernoulli, Beta) =
        (ContinuousBernoulli::from_logits(-1.2), Beta::new(2.0, 3.0));
    for (low, high) in [(0.1, 1.0), (0.0, 0.9)] {
        assert_eq!([cb.kl(&uniform(low, high)), beta.kl(&uniform(low, high))], [INF; 2]);
    }
    for (low, high) in [(-0.1, 0.9), (0.1, 1.1)] {
        assert_eq!([uniform(low, high).kl(&cb), uniform(low, high).kl(&beta)], [INF; 2]);
    }
    // Also where the entropies are negative.
    assert_eq!(Normal::<f64>::new(0.0, 0.01).kl(&HalfNormal::new(1.0)), INF);
    assert_eq!(Normal::<f64>::new(0.0, 1.0).kl(&HalfNormal::new(0.01)), INF);
    // A mean that does not exist.
    assert_eq!(Pareto::<f64>::new(0.6, 0.9).kl(&Gamma::new(2.0, 0.7)), INF);
    // A bad parameter is seen there, too.
    let bad: ContinuousBernoulli = ContinuousBernoulli::from_logits(f64::NAN);
    assert!(uniform(-0.1, 0.9).kl(&bad).is_nan() && bad.kl(&uniform(0.1, 1.0)).is_nan());
}

#[test]
fn copies_of_matrices_have_one_divergence() {
    let tape = Tape::<f64>::new();
    let factor = |eta: f64| LkjCholesky::new(3, tape.scalar(eta));
    let (q, p) = (factor(1.5), factor(4.0));
    let one = q.kl(&p).item();
    let (q, p) = (q.shaped(3, 3), p.shaped(3, 3));
    assert_eq!((q.kl(&p).shape(), q.kl(&p).item()), ((1, 1), one));
    assert_eq!(q.kl_sum(&p).item(), one);
}
