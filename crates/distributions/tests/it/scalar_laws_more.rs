//! Still more families of numbers: the laws, and single values.

use crate::catalogue::{continuous_laws, unconstrained_density_matches};
use crate::common::{Comparison, data, expand, number};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Var, check_gradient, dmatrix};
use probity_distributions::laws::*;
use probity_distributions::*;

const INF: f64 = f64::INFINITY;
const BAD_SCALES: &[f64] = &[0.0, -1.0, INF];

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!(got == want || (got - want).abs() <= tolerance * want.abs(), "{got:e}, not {want:e}");
}

#[test]
fn ordered_categories() {
    let tape = Tape::<f64>::new();
    let eta = tape.column(&[0.3, -40.0, 300.0]);
    let cuts = tape.constant(&dmatrix![-1.0, 0.5, 0.5 + 1e-9, 2.0]);
    let logistic = OrderedLogistic::new(eta, cuts);
    let probit = OrderedProbit::new(eta, cuts);
    logistic.check().unwrap();
    assert_eq!(logistic.shape(), (3, 1));
    assert!(matches!(logistic.support(), Support::Category(5)));
    for k in 0..5 {
        let x = tape.column(&[f64::from(k); 3]);
        let (l, p) = (logistic.log_prob(x).value(), probit.log_prob(x).value());
        for i in 0..3 {
            let limit = |k: i32| if k < 0 { -INF } else { [-1.0, 0.5, 0.5 + 1e-9, 2.0, INF][k as usize] };
            let eta = [0.3, -40.0, 300.0][i];
            // The difference of distribution functions of what lies behind, on the smaller side.
            let between = |d: &dyn Fn(f64) -> [f64; 2]| {
                let (low, high) = (d(limit(k - 1)), d(limit(k)));
                if low[0] < 0.5 { high[0] - low[0] } else { low[1] - high[1] }
            };
            let d = Logistic::<f64>::new(eta, 1.0);
            let want = between(&|x| [d.cdf(x), d.sf(x)]);
            // The narrow category cancels in the difference, not in ours.
            let tolerance = if k == 2 { 1e-4 } else { 1e-12 };
            close(l[i].exp(), want, tolerance);
            let d = Normal::<f64>::new(eta, 1.0);
            close(p[i].exp(), between(&|x| [d.cdf(x), d.sf(x)]), tolerance);
        }
    }
    // The narrow one, by the density; and beyond the range of probabilities.
    let narrow = logistic.log_prob(tape.column(&[2.0; 3])).value();
    close(narrow[0], Logistic::<f64>::new(0.3, 1.0).log_prob(0.5) + f64::ln((0.5 + 1e-9) - 0.5), 1e-9);
    let far = probit.log_prob(tape.column(&[1.0; 3])).value();
    close(far[2], Normal::<f64>::standard().log_sf(299.5), 1e-12);
    assert_eq!(logistic.log_prob(tape.column(&[5.0; 3])).value()[0], -INF);
    // Draws by their frequencies: six standard errors.
    let n = 20_000;
    let draws = OrderedLogistic::new(eta.rows(0..1), cuts).rows(n).sample(&tape, Key::new(3)).value();
    for k in 0..5 {
        let x = tape.column(&[f64::from(k), 0.0, 0.0]);
        let p = logistic.log_prob(x).value()[0].exp();
        let got = draws.iter().filter(|x| **x == f64::from(k)).count() as f64 / n as f64;
        assert!((got - p).abs() <= 6.0 * (p * (1.0 - p) / n as f64).sqrt() + 1e-9, "{k}: {got} {p}");
    }
    let bad = OrderedLogistic::new(eta, tape.constant(&dmatrix![0.0, 0.0])).check().unwrap_err();
    assert_eq!(bad.to_string(), "OrderedLogistic: cutpoints must be increasing, but an entry is 0");
    assert!(OrderedProbit::new(tape.scalar(INF), cuts).check().is_err());
    assert_eq!(logistic.kl_sum(&logistic).item(), 0.0);
    let one = OrderedLogistic::new(eta, tape.scalar(0.7));
    assert_eq!(one.log_prob(tape.column(&[1.0; 3])).value()[0], -(0.3f64 - 0.7).exp().recip().ln_1p());
}

#[test]
fn gradients_of_ordered_categories() {
    fn f<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
        let y = x[0].tape().unwrap().column(&[0.0, 1.0, 2.0]);
        let (l, p) = (OrderedLogistic::new(x[0], x[1]), OrderedProbit::new(x[0], x[1]));
        l.log_prob_sum(y)
            + p.log_prob_sum(y)
            + l.entropy().sum()
            + l.kl_sum(&OrderedLogistic::new(x[0], x[1] * 2.0))
    }
    let at: [DMatrix<f64>; 2] = [dmatrix![0.3; -0.4; 1.0], dmatrix![-0.5, 0.9]];
    let found = check_gradient(f, &at);
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn discrete_uniform() {
    for (low, high) in [(0.0, 9.0), (-5.0, 3.0), (7.0, 7.0), (-1000.0, -900.0)] {
        let d = DiscreteUniform::new(low, high);
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        entropy_matches_density(&d).unwrap();
        samples_follow_cdf(&d, 10_000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        assert_eq!([d.quantile(0.0), d.quantile(1.0)], [low, high]);
        assert_eq!([d.log_prob(low - 1.0), d.log_prob(low + 0.5), d.log_prob(INF)], [-INF; 3]);
    }
    let d = DiscreteUniform::new(-5.0, 3.0);
    rejects(&d, "low", &[0.5, -INF, 1e17]).unwrap();
    rejects(&d, "high", &[0.5, INF, -6.0]).unwrap();
    assert!(DiscreteUniform::<f64>::new(3.0, 2.0).log_prob(3.0).is_nan());
}

#[test]
fn skellam() {
    for (a, b) in [(1.0, 1.0), (2.0, 0.5), (0.02, 0.03), (300.0, 40.0)] {
        let d = Skellam::new(a, b);
        integrates_to_one(&d).unwrap();
        cdf_matches_density(&d).unwrap();
        quantile_inverts_cdf(&d).unwrap();
        moments_match_density(&d).unwrap();
        // Distribution functions are sums: fewer draws.
        samples_follow_cdf(&d, 1000, Key::new(1)).unwrap();
        samples_match_moments(&d, 10_000, Key::new(2)).unwrap();
        for i in 0..8 {
            gradients_match(&d, d.sample((), Key::new(3).fold_in(i))).unwrap();
        }
        assert_eq!([0.5, -1.25, INF, -INF].map(|x| d.log_prob(x)), [-INF; 4]);
        assert!(d.log_prob(f64::NAN).is_nan());
        entropy_matches_density(&d).unwrap();
    }
    rejects(&Skellam::new(2.0, 3.0), "rate1", BAD_SCALES).unwrap();
    rejects(&Skellam::new(2.0, 3.0), "rate2", BAD_SCALES).unwrap();
    // Values of 40-digit arithmetic, by Bessel functions.
    for (k, a, b, want) in [
        (0.0, 1.0, 1.0, -1.1760064585170437),
        (3.0, 2.0, 0.5, -1.9682431660748679),
        (-7.0, 2.0, 0.5, -15.753045520492207),
        (40.0, 10.0, 3.0, -30.491762193461713),
        (100.0, 10000.0, 10000.0, -6.1206817887474856),
        (-200.0, 0.001, 5.0, -546.34537982996504),
        (0.0, 1e-20, 1e-20, -1.9999999999999999e-20),
    ] {
        close(Skellam::<f64>::new(a, b).log_prob(k), want, 2e-14);
    }
    close(Skellam::<f64>::new(10.0, 3.0).cdf(-30.0), 5.0240493916112441e-24, 1e-12);
    close(Skellam::<f64>::new(10.0, 3.0).sf(60.0), 8.5807228209093923e-29, 1e-12);
    // Nearly Normal, of huge rates.
    let d = Skellam::<f64>::new(4e12, 1e12);
    let n = Normal::<f64>::new(3e12, 5e12f64.sqrt());
    for k in [3e12, 3e12 + 1e6, 3e12 - 5e6] {
        close(d.log_prob(k), n.log_prob(k), 1e-5);
        close(d.log_cdf(k), n.log_cdf(k), 1e-5);
    }
}

#[test]
fn hurdles() {
    let d = Hurdle::<f64, _>::new(0.3, Poisson::new(2.0));
    integrates_to_one(&d).unwrap();
    moments_match_density(&d).unwrap();
    samples_match_moments(&d, 10_000, Key::new(5)).unwrap();
    close(d.log_prob(0.0), 0.3f64.ln(), 1e-15);
    let p: Poisson = Poisson::new(2.0);
    close(d.log_prob(3.0), (0.7 * p.log_prob(3.0).exp() / (1.0 - (-2f64).exp())).ln(), 1e-14);
    assert_eq!([d.log_prob(0.5), d.log_prob(-1.0)], [-INF; 2]);
    // Rare counts: those above 0 are ones.
    let rare = Hurdle::<f64, _>::new(0.25, Poisson::new(1e-12));
    close(rare.log_prob(1.0), 0.75f64.ln() - 5e-13, 1e-13);
    close(rare.mean(), 0.75, 1e-11);
    assert!(rare.draws(1000, Key::new(2)).iter().all(|k| *k == 0.0 || *k == 1.0));
    assert_eq!(Hurdle::<f64, _>::new(0.0, Poisson::new(2.0)).log_prob(0.0), -INF);
    assert_eq!(Hurdle::<f64, _>::new(1.0, Poisson::new(2.0)).log_prob(1.0), -INF);
    assert!(Hurdle::<f64, _>::new(1.5, Poisson::new(2.0)).check().is_err());
    moments_match_density(&Hurdle::<f64, _>::new(0.6, NegativeBinomial::from_mean(3.0, 0.5))).unwrap();
    // On the tape, with a gradient in the gate and the counts.
    let found = check_gradient(
        |x| {
            let k = x[0].tape().unwrap().column(&[0.0, 1.0, 4.0]);
            Hurdle::new(x[0], Poisson::new(x[1])).log_prob_sum(k)
        },
        &[dmatrix![0.3], dmatrix![1.7]],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn continuous_bernoulli() {
    for l in [-20.0, -2.0, -0.3, 0.7, 3.0, 60.0] {
        continuous_laws!(ContinuousBernoulli::from_logits(l));
    }
    rejects(&ContinuousBernoulli::from_logits(0.3), "logits", &[INF, -INF]).unwrap();
    // Flat, and nearly so.
    let flat = ContinuousBernoulli::<f64>::from_logits(0.0);
    assert_eq!([flat.log_prob(0.3), flat.cdf(0.3), flat.quantile(0.3), flat.mean()], [0.0, 0.3, 0.3, 0.5]);
    close(flat.variance(), 1.0 / 12.0, 1e-15);
    close(ContinuousBernoulli::<f64>::from_logits(1e-3).variance(), 0.083333329166666832, 1e-15);
    // A negative divergence, from logits, is a bug of torch (#72525).
    let cb = ContinuousBernoulli::<f64>::from_logits;
    for (l, m) in
        [(0.0, 1e-8), (1.0, 1.0 + 1e-9), (-1e3, -1.001e3), (800.0, -800.0), (1e-300, 0.0), (50.0, 50.1)]
    {
        let kl = cb(l).kl(&cb(m));
        assert!(kl >= 0.0 && kl.is_finite(), "{l} {m}: {kl}");
        // To second order, for near ones.
        let step: f64 = m - l;
        if step.abs() < 0.2 {
            close(kl, 0.5 * step * step * cb(l + step / 3.0).variance(), 1e-3);
        }
    }
    let (q, p) = (ContinuousBernoulli::from_logits(0.7), ContinuousBernoulli::from_logits(-2.0));
    kl_matches_quadrature(&q, &p).unwrap();
    kl_gradients_match::<ContinuousBernoulli, ContinuousBernoulli>(&q, &p).unwrap();
    kl_of_itself_is_zero(&q).unwrap();
}

/// In terms of the probability, as the table has it.
#[test]
fn divergences_of_continuous_bernoulli_are_those_of_the_table() {
    let Some(table) = data("kl/scalar.json") else { return };
    let mut to = Comparison::new("ContinuousBernoulli", 50.0);
    let name = "ContinuousBernoulli";
    for row in table["rows"].as_array().unwrap().iter().filter(|r| r["p"] == name && r["q"] == name) {
        let at = [&row["p_params"], &row["q_params"]].map(|p| number(p, "probs").unwrap());
        let kl = expand(&|a| ContinuousBernoulli::new(a[0]).kl(&ContinuousBernoulli::new(a[1])), &at);
        to.value("kl", &at, &kl, number(row, "kl").unwrap());
        for (i, side) in ["grad_p", "grad_q"].iter().enumerate() {
            if let Some(want) = number(&row[side], "probs") {
                to.slope("gradient", &at, &kl, i, want);
            }
        }
    }
    to.finish();
}
