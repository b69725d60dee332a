//! More divergences where a formula changes to another, as in `kl_values`; and sums of counts that
//! are not all numbers.

use crate::kl_values::close;
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;

#[test]
fn sums_over_counts_beyond_the_numbers_end() {
    // The last piece of the sum is shorter than the distance of two numbers.
    for (r, a) in [
        (2.0f64, 100.0f64),
        (0.40621094912529143, 226.4553385498705),
        (4.073257315329198, 154.72002552032265),
    ] {
        let q = NegativeBinomial::<f64>::from_logits(r, a);
        let gammas: [Gamma<f64>; 2] = [Gamma::new(r, (-a).exp()), Gamma::new(1.3, 1.0)];
        close(q.entropy(), gammas[0].entropy(), 1e-9);
        let p = NegativeBinomial::from_logits(1.3, a - 0.5);
        close(q.kl(&p), Gamma::<f64>::new(r, 1.0).kl(&Gamma::new(1.3, 0.5f64.exp())), 1e-9);
    }
    // Neighbours of a mean are the same number.
    assert!(Binomial::<f64>::from_logits(1e17, 38.0).entropy().is_nan());
    for rate in [0.99e8, 1.01e8, 1e16, 1e31, 1e300] {
        let normal = Normal::<f64>::new(0.0, f64::sqrt(rate)).entropy();
        close(Poisson::<f64>::new(rate).entropy(), normal - 1.0 / (12.0 * rate), 1e-14);
    }
    // A mean beyond the range of numbers.
    assert_eq!(NegativeBinomial::<f64>::from_logits(2.0, 800.0).kl(&Poisson::new(1.0)), INF);
}

/// Beside rounding and the mass that is missing, an error has a bound of the terms beyond the last
/// count, which grow on.
#[test]
fn an_error_covers_the_counts_beyond_the_last() {
    let (q, p) = (Geometric::new(1e-3), Poisson::new(1000.0));
    let got = kl_quadrature(&q, &p);
    close(got.value, q.kl(&p), 1e-12);
    // The last count is the first whose log mass is below -45.
    let mass: f64 = (0..=38074).map(|k| q.log_prob(f64::from(k)).exp()).sum();
    let rest = got.error - ((mass - 1.0).abs() + 16.0 * f64::EPSILON) * (1.0 + got.value);
    // The terms beyond add up to 3.0037e-12.
    assert!(rest > 2.95e-12 && rest < 3.6e-12, "{got:?} {rest:e}");
}

/// Wherever a kink stands between the pieces.
#[test]
fn an_error_covers_that_of_a_kink() {
    let q = Normal::new(0.0, 1.0);
    for i in 0..12 {
        for scale in [0.01, 0.8] {
            let p = Laplace::new(-2.0 + 0.317 * f64::from(i), scale);
            let (got, want) = (kl_quadrature(&q, &p), q.kl(&p));
            let rounding = 16.0 * f64::EPSILON * (1.0 + want);
            assert!(got.error >= 0.99 * rounding.max((got.value - want).abs()), "{got:?} {want}");
        }
    }
}

#[test]
fn negative_binomials_of_many_and_of_as_many_trials() {
    let negative = |r: f64, logits: f64| NegativeBinomial::<f64>::from_logits(r, logits);
    // The mass of some counts underflows.
    close(negative(1000.0, 1.0).kl(&negative(1050.0, 1.0)), 0.89531001202438638419, 1e-12);
    // The same number of trials: no sum, of which rounding would be left.
    close(negative(2.5, 0.3).kl(&negative(2.5, 0.3 + 2f64.powi(-20))), 6.5306550098249470679e-13, 1e-9);
}

#[test]
fn masses_of_two_counts() {
    // Both parts of a small divergence to relative precision.
    let small = Bernoulli::<f64>::from_logits(-23.0);
    close(small.kl(&Poisson::new(1.0261880656836792e-10)), 5.2658217718242054585e-21, 1e-13);
    // A mass below the smallest number, where the other has none.
    for logits in [-720.0, -800.0, -1e300] {
        let rare = Bernoulli::<f64>::from_logits(logits);
        assert_eq!(rare.kl(&Binomial::from_logits(0.0, 0.3)), INF);
        assert_eq!([rare.kl(&Geometric::new(1.0)), rare.kl(&Bernoulli::from_logits(-INF))], [INF; 2]);
    }
    let never = Bernoulli::<f64>::from_logits(-INF);
    assert_eq!([never.kl(&Binomial::from_logits(0.0, 0.3)), never.kl(&Geometric::new(1.0))], [0.0; 2]);
    // Without a trial: the softplus of the logits.
    let none = Binomial::<f64>::from_logits(0.0, 0.3);
    close(none.kl(&Bernoulli::from_logits(0.7)), 1.1031860488854579, 1e-15);
}

#[test]
fn to_gumbel() {
    let gumbel = |loc: f64, scale: f64| Gumbel::<f64>::new(loc, scale);
    close(Uniform::<f64>::new(-3.0, 4.0).kl(&gumbel(0.5, 1.2)), 1.3950638011307045693, 1e-14);
    // Many deviations from 0.
    close(Gamma::<f64>::new(1e20, 1e10).kl(&gumbel(1e10, 1.0)), 0.22978273744049802939, 1e-9);
    close(Gamma::<f64>::new(1e10, 1e5).kl(&gumbel(100000.25, 1.5)), 0.29519906664225192561, 1e-9);
    // The mean of an exponential almost out of range.
    let want = 600f64.exp() * -(-1f64).exp_m1();
    close(Uniform::<f64>::new(0.0, 1.0).kl(&gumbel(600.0, 1.0)), want, 1e-12);
    // Tails as heavy and heavier.
    for scale in [1.0, 1.5, 2.5] {
        assert_eq!(Laplace::<f64>::new(0.3, scale).kl(&gumbel(0.0, 1.0)), INF);
        assert_eq!(Logistic::<f64>::new(0.3, scale).kl(&gumbel(0.0, 1.0)), INF);
    }
}

#[test]
fn student_t_without_variance() {
    for df in [0.5, 1.0, 1.5, 2.0] {
        assert_eq!(StudentT::<f64>::new(df, 0.3, 1.2).kl(&Normal::new(0.0, 1.0)), INF);
    }
}

/// Powers above the exponent of the mass at 0, and below what has a mean.
#[test]
fn from_beta_by_powers() {
    let beta = Beta::<f64>::new(0.7, 1.6);
    close(beta.kl(&Gamma::new(2.0, 0.7)), 3.0139943479892339482, 1e-14);
    close(beta.kl(&Weibull::new(1.7, 0.9)), 1.0544216318528163463, 1e-14);
    close(beta.kl(&HalfNormal::new(0.9)), 0.48474939943130711946, 1e-14);
    for (a, b) in [(0.5, 0.3), (0.5, 2.0), (1.0, 0.5)] {
        assert_eq!(Beta::<f64>::new(a, b).kl(&InverseGamma::new(2.0, 1.0)), INF);
    }
}

/// Rounding takes none below 0, and infinite ones have no slopes.
#[test]
fn neither_negative_nor_sloped() {
    kl_at_edges::<Exponential, Laplace>(&Exponential::new(1e-100), &Laplace::new(0.0, 1e-300)).unwrap();
    for i in 0..200 {
        let e = 1e-12 * 1.1f64.powi(i);
        let cb: ContinuousBernoulli = ContinuousBernoulli::from_logits(6.0 * e);
        kl_is_not_negative(&Beta::new(1.0 + e, 1.0), &cb).unwrap();
        kl_is_not_negative(&Uniform::new(0.0, 1.0 - e), &cb).unwrap();
        kl_is_not_negative(&Uniform::new(0.0, 1.0), &Beta::new(1.0 + e, 1.0 - e)).unwrap();
    }
}
