//! Single values at the edges: divergences, densities and supports against numbers of high
//! precision.

use crate::extremes::{INF, MAX};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Tape, Var, dmatrix};
use probity_distributions::laws::*;
use probity_distributions::*;

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

/// Values of 50-digit arithmetic.
#[test]
fn divergences_at_the_edges_have_their_values() {
    let n = |s: f64| Normal::<f64>::new(0.0, s);
    let t = |df: f64| StudentT::<f64>::new(df, 0.0, 1.0);
    // (df + 1)/2 E ln(z²/df) less the entropy and with the normaliser; E ln z² = -γ - ln 2 for a
    // standard normal z.
    for s in [1e165f64, 1e200] {
        let want = 2.5 * (2.0 * s.ln() - 4f64.ln() - 0.577_215_664_901_532_9 - 2f64.ln())
            - (0.375f64.ln() + s.ln() + 1.418_938_533_204_672_8);
        close(n(s).kl(&t(4.0)), want, 1e-14);
    }
    close(
        n(1e200).kl(&StudentT::new(4.0, 0.0, 1e-200)),
        n(1e100).kl(&StudentT::new(4.0, 0.0, 1e-300)),
        1e-14,
    );
    assert_eq!(n(1.0).kl(&n(1e-320)), INF);
    close(n(1e-320).kl(&n(1e300)), 1e300f64.ln() - 1e-320f64.ln() - 0.5, 1e-15);
    close(Uniform::<f64>::new(-0.0, 1.0).kl(&Gamma::new(2.0, 1.0)), 1.5, 1e-15);
    // 2²/(2 · 12), and no distance.
    let wide = Uniform::<f64>::new(-1e308, 1e308).kl(&Normal::new(0.0, 1e308));
    close(wide, 0.5 * 4.0 / 12.0 - 2f64.ln() + 0.918_938_533_204_672_7, 1e-13);
    // ½ (2e308 / 1e308)² with equal scales.
    close(Normal::<f64>::new(1e308, 1e308).kl(&Normal::new(-1e308, 1e308)), 2.0, 1e-15);
}

/// Published divergences and integrals: of a Gaussian guide in ln x from priors on the positive
/// numbers.
#[test]
fn divergences_of_log_normals_are_integrals() {
    let q = |m: f64, s: f64| LogNormal::<f64>::new(m, s);
    let check = |name: &str, q: LogNormal, p: &dyn Fn(f64) -> f64, got: Option<(f64, KlMethod)>| {
        // Simpson's rule over ten standard deviations in u.
        let (m, s, n) = (q.loc, q.scale, 4000);
        let term = |i: i32| {
            let u = m + s * (f64::from(i) / f64::from(n) * 20.0 - 10.0);
            let normal = Normal::<f64>::new(m, s).log_prob(u);
            normal.exp() * (normal - p(u))
        };
        let weight = |i: i32| if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        let want = (0..=n).map(|i| weight(i) * term(i)).sum::<f64>() * 20.0 * s / f64::from(n) / 3.0;
        let (got, method) = got.unwrap();
        assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "{name}: {got} {want}");
        assert_eq!(method, KlMethod::Closed);
    };
    for (m, s) in [(0.0, 1.0), (-2.0, 0.3), (1.5, 0.05)] {
        let each = Terms::Each;
        for (a, rate) in [(0.01, 0.01), (2.0, 3.0), (12.0, 5.0), (1e4, 1e4)] {
            let p = Gamma::<f64>::new(a, rate);
            let density = |u| p.log_prob_unconstrained(u, each);
            check("Gamma", q(m, s), &density, p.kl_from_unconstrained_normal(m, s, each));
        }
        let p = Exponential::<f64>::new(0.7);
        let density = |u| p.log_prob_unconstrained(u, each);
        check("Exponential", q(m, s), &density, p.kl_from_unconstrained_normal(m, s, each));
        let p = HalfNormal::<f64>::new(0.7);
        let density = |u| p.log_prob_unconstrained(u, each);
        check("HalfNormal", q(m, s), &density, p.kl_from_unconstrained_normal(m, s, each));
        let p = LogNormal::<f64>::new(0.7, 2.0);
        let density = |u| p.log_prob_unconstrained(u, each);
        check("LogNormal", q(m, s), &density, p.kl_from_unconstrained_normal(m, s, each));
    }
    // A vague prior: closed where no draw would show the mean of eᵘ; and infinite where that is.
    let vague = Gamma::<f64>::new(0.01, 0.01);
    let (kl, _) = vague.kl_from_unconstrained_normal(-45.39, 10.0, Terms::Each).unwrap();
    let lgamma = probity_autodiff::math::gamma::lgamma(0.01);
    let want = 0.01 * (-45.39f64 + 50.0).exp() + 0.01 * 45.39 - 0.01 * 0.01f64.ln() + lgamma
        - 10f64.ln()
        - 1.418_938_533_204_672_8;
    close(kl, want, 1e-13);
    assert_eq!(vague.kl_from_unconstrained_normal(0.0, 40.0, Terms::Each).unwrap().0, INF);
    assert!(vague.kl_from_unconstrained_normal(0.0, -1.0, Terms::Each).unwrap().0.is_nan());
    assert!(HalfCauchy::<f64>::new(1.0).kl_from_unconstrained_normal(0.0, 1.0, Terms::Each).is_none());
    // The copies of a shaped distribution ask the one that is copied.
    let shaped = Gamma::<f64>::new(2.0, 3.0).rows(1);
    assert_eq!(
        shaped.kl_from_unconstrained_normal(0.1, 0.2, Terms::Each),
        Gamma::<f64>::new(2.0, 3.0).kl_from_unconstrained_normal(0.1, 0.2, Terms::Each)
    );
    let beyond = shaped.log_prob_unconstrained(-800.0, Terms::Each);
    close(beyond, 2.0 * 3f64.ln() - 1600.0, 1e-14);
}

#[test]
fn gamma_at_the_ends() {
    for (a, at_zero) in [(0.5, INF), (1.0, 3f64.ln()), (2.0, -INF), (9.999, -INF), (10.0, -INF), (50.0, -INF)]
    {
        let d = Gamma::<f64>::new(a, 3.0);
        let zeros = [0.0, -0.0].map(|x| d.log_prob(x));
        assert!(
            zeros.iter().all(|p| *p == at_zero || (p - at_zero).abs() < 1e-15),
            "Gamma({a}) at 0: {zeros:?}"
        );
        assert_eq!([1.7e308, INF, -1.0, -INF].map(|x| d.log_prob(x)), [-INF; 4], "Gamma({a})");
    }
    // a ln 3 - ln Γ(a) + a u.
    for (a, want) in [(0.01, -12.588_512_4), (2.0, -1_597.802_775_4), (20.0, -16_017.367_6)] {
        let d = Gamma::<f64>::new(a, 3.0);
        let u = Dual::<f64, 1>::variable(-800.0, 0);
        let got = Gamma::new(a, 3.0).log_prob_unconstrained(u, Terms::Each);
        assert!((got.re - want).abs() < 1e-3, "{a}: {} {want}", got.re);
        close(got.du[0], a, 1e-14);
        assert_eq!([745.0, 800.0].map(|u| d.log_prob_unconstrained(u, Terms::Each)), [-INF; 2]);
    }
}

#[test]
fn a_uniform_may_be_wider_than_the_largest_number() {
    let u = Uniform::<f64>::new(-1e308, 1e308);
    assert_eq!(
        [u.mean(), u.cdf(0.0), u.sf(0.0), u.quantile(0.25), u.quantile(1.0)],
        [0.0, 0.5, 0.5, -5e307, 1e308]
    );
    close(u.log_prob(0.0), -709.889_355_822_726, 1e-14);
    close(u.entropy(), 709.889_355_822_726, 1e-14);
    close(Uniform::<f64>::new(0.0, 1.0).kl(&u), 709.889_355_822_726, 1e-14);
    let draws = u.draws(1000, Key::new(1));
    assert!(draws.iter().all(|x| x.abs() <= 1e308));
    // The mean of 1000 draws has a standard deviation of 0.018 in units of 1e308; 6 of them.
    assert!((draws.iter().map(|x| x / 1000.0).sum::<f64>()).abs() < 0.11e308);
    for u in [-800.0, -1.0, 0.5, 800.0] {
        let map = bijectors::Interval { low: -1e308, high: 1e308 };
        let x = bijectors::Bijector::forward(&map, u);
        assert!(x.abs() <= 1e308, "{x}");
        if u.abs() < 10.0 {
            bijector_inverts(&bijectors::Interval { low: (-1e308).into(), high: 1e308.into() }, u).unwrap();
        }
    }
}

#[test]
fn families_on_the_tape_take_no_bad_parameters() {
    let tape = Tape::<f64>::new();
    let x = tape.constant(&dmatrix![0.3, -0.2]);
    let loc = tape.constant(&dmatrix![0.1, 0.2]);
    let mvn = |l: DMatrix<f64>| MultivariateNormal::from_cholesky(loc, tape.constant(&l));
    let good = mvn(dmatrix![1.0, 0.0; 0.5, 2.0]);
    for bad in [
        mvn(dmatrix![-1.0, 0.0; 0.5, 2.0]),
        mvn(dmatrix![1.0, 0.0; 0.5, -2.0]),
        mvn(dmatrix![1.0, 0.0; 0.5, 0.0]),
        mvn(dmatrix![1.0, 0.0; f64::INFINITY, 1.0]),
        mvn(dmatrix![1.0, 0.0; 0.5, f64::INFINITY]),
        MultivariateNormal::from_cholesky(tape.constant(&dmatrix![0.0, INF]), good.scale_tril()),
    ] {
        assert!(bad.check().is_err());
        let numbers = [bad.log_prob(x), bad.entropy(), bad.kl(&good), good.kl(&bad)].map(|v| v.item());
        assert!(numbers.iter().all(|v| v.is_nan()), "{numbers:?}");
    }
    assert_eq!(good.log_prob(tape.constant(&dmatrix![INF, 0.0])).item(), -INF);
    assert_eq!(good.log_prob(tape.constant(&dmatrix![0.0, -INF])).item(), -INF);
    let both = good.log_prob(tape.constant(&dmatrix![0.3, -0.2; INF, -INF])).value();
    close(both[0], good.log_prob(x).item(), 1e-15);
    assert_eq!(both[1], -INF);
    assert!(good.log_prob(tape.constant(&dmatrix![0.0, f64::NAN])).item().is_nan());

    for scale in [0.0, -1.0, INF, f64::NAN] {
        let bad = DiagonalNormal::new(loc, tape.constant(&dmatrix![1.0, scale]));
        let good = DiagonalNormal::new(loc, tape.constant(&dmatrix![1.0, 1.0]));
        let numbers = [bad.log_prob(x), bad.entropy(), bad.kl(&good), good.kl(&bad)].map(|v| v.item());
        assert!(numbers.iter().all(|v| v.is_nan()), "{numbers:?}");
    }

    for logits in [dmatrix![0.0, INF], dmatrix![-INF, -INF], dmatrix![f64::NAN, 0.0]] {
        let (bad, good) =
            (Categorical::new(tape.constant(&logits)), Categorical::new(tape.constant(&dmatrix![0.0, 1.0])));
        let one = tape.constant(&dmatrix![1.0]);
        let numbers = [bad.log_prob(one), bad.entropy(), bad.kl(&good), good.kl(&bad)];
        let numbers = numbers.map(|v| v.item());
        assert!(bad.check().is_err() && numbers.iter().all(|v| v.is_nan()), "{logits:?}: {numbers:?}");
    }
}

#[test]
fn an_infinite_divergence_of_categories_has_no_slope() {
    let tape = Tape::<f64>::new();
    let a = tape.variable(&dmatrix![0.0, 0.0; 0.0, 1.0; 0.0, -INF]);
    let b = tape.variable(&dmatrix![-INF, 0.0; 0.5, 0.0; 0.3, -INF]);
    let kl = Categorical::new(a).kl(&Categorical::new(b));
    let value = kl.value();
    assert!(value[0] == INF && value[1] > 0.0 && value[1].is_finite() && value[2].abs() < 1e-15, "{value}");
    let gradient = tape.backward(kl.sum());
    for x in [a, b] {
        let g = gradient.wrt(x);
        assert!(g.iter().all(|g| g.is_finite()) && g[(0, 0)] == 0.0 && g[(1, 0)] != 0.0, "{g}");
    }
}

#[test]
fn a_covariance_must_be_symmetric() {
    let tape = Tape::<f64>::new();
    let loc = tape.constant(&dmatrix![0.0, 0.0]);
    let of = |c: DMatrix<f64>| {
        MultivariateNormal::from_covariance(loc, tape.constant(&c)).map(|d| d.covariance().value())
    };
    for upper in [-0.5, 0.4, f64::NAN, INF, 0.5 + 1e-6] {
        let error = of(dmatrix![1.0, upper; 0.5, 1.0]).unwrap_err().to_string();
        assert!(error.contains("not symmetric") && error.contains("row 0, column 1"), "{error}");
    }
    // Rounding is forgiven, in units of the variances.
    assert!(of(dmatrix![1.0, 0.5 + 1e-12; 0.5, 1.0]).is_ok());
    assert!(of(dmatrix![1e-20, 0.0; 0.0, 1e20]).is_ok());
    assert!(of(dmatrix![1e-20, 1e-12; 0.0, 1e-20]).is_err());
}

#[test]
fn supports_have_open_and_closed_ends() {
    let contains = |s: Support<f64>, x: f64| s.contains(x);
    for x in [0.0, -0.0] {
        assert!(contains(Support::Positive, x) && !contains(Support::StrictlyPositive, x));
    }
    for x in [5e-324, 1.0, MAX] {
        assert!(contains(Support::Positive, x) && contains(Support::StrictlyPositive, x));
    }
    for x in [-5e-324, INF, -INF, f64::NAN] {
        assert!(!contains(Support::Positive, x) && !contains(Support::StrictlyPositive, x));
        assert!(!contains(Support::NonNegativeInteger, x) && !contains(Support::Category(3), x));
    }
    // The density at an end that belongs to the support is a positive number, at one that does not
    // it is none.
    let closed = [
        Exponential::new(2.0).log_prob(0.0),
        HalfNormal::new(2.0).log_prob(0.0),
        HalfCauchy::new(2.0).log_prob(0.0),
    ];
    assert!(closed.iter().all(|p: &f64| p.is_finite()));
    assert_eq!(Distribution::<f64>::support(&LogNormal::new(0.0, 1.0)), Support::StrictlyPositive);
    assert_eq!(Distribution::<f64>::support(&Gamma::new(2.0, 1.0)), Support::StrictlyPositive);
}

/// The mistakes that a program makes on the way to a NaN are named, not the checks of a family.
#[test]
fn the_check_of_a_uniform_makes_no_infinities() {
    let tape = Tape::<f32>::new();
    tape.detect_anomaly(true);
    let d = Uniform::<Var<f32>>::new(tape.column(&[0.0, 1.0]), tape.column(&[1.0, 3e38]));
    assert!(d.check().is_ok());
    let bad =
        Uniform::<Var<f32>>::new(tape.column(&[0.0, 1.0]), tape.column(&[1.0, 0.5])).check().unwrap_err();
    assert_eq!((bad.parameter, bad.got), ("high", 0.5));
    assert_eq!(tape.first_non_finite(), None);
}
