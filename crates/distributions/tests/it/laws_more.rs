//! The laws, on the families whose draws are implicit, on counts, and on rows.

use nalgebra::DMatrix;
use probity_autodiff::{Tape, check_gradient, dmatrix};
use probity_distributions::*;

type Var<'t> = probity_autodiff::Var<'t, f64>;

fn key(seed: u64) -> Key {
    Key::new(seed)
}

macro_rules! continuous_laws {
    ($d:expr) => {
        let d = $d;
        laws::integrates_to_one(&d).unwrap();
        laws::cdf_matches_density(&d).unwrap();
        laws::quantile_inverts_cdf(&d).unwrap();
        laws::moments_match_density(&d).unwrap();
        laws::entropy_matches_density(&d).unwrap();
        laws::samples_follow_cdf(&d, 20_000, key(1)).unwrap();
        laws::samples_match_moments(&d, 20_000, key(2)).unwrap();
        for i in 0..20 {
            laws::gradients_match(&d, d.sample((), key(3).fold_in(i))).unwrap();
            laws::implicit_gradients_match(&d, key(4).fold_in(i)).unwrap();
        }
    };
}

#[test]
fn gamma() {
    for (a, rate) in [(0.5, 2.0), (1.0, 1.0), (2.5, 0.3), (9.9, 4.0), (10.1, 1e-4), (300.0, 7.0)] {
        continuous_laws!(Gamma::new(a, rate));
    }
    let d = Gamma::new(2.5, 0.3);
    laws::rejects(&d, "concentration", &[0.0, -1.0, f64::INFINITY]).unwrap();
    laws::rejects(&d, "rate", &[0.0, -1.0, f64::INFINITY]).unwrap();
    for p in [Gamma::new(2.6, 0.3), Gamma::new(0.3, 11.0), Gamma::new(40.0, 1.0)] {
        laws::kl_is_not_negative(&d, &p).unwrap();
        laws::kl_matches_quadrature(&d, &p).unwrap();
        laws::kl_matches_monte_carlo(&d, &p, 10_000, key(1)).unwrap();
        laws::kl_gradients_match::<Gamma, Gamma>(&d, &p).unwrap();
        laws::kl_of_itself_is_zero(&p).unwrap();
    }
    let p = Normal::new(1.0, 4.0);
    laws::kl_matches_quadrature(&d, &p).unwrap();
    laws::kl_gradients_match::<Gamma, Normal>(&d, &p).unwrap();
}

#[test]
fn gamma_of_small_concentration() {
    let d = Gamma::new(1e-3, 1.0);
    let draws = d.draws(20_000, key(1));
    // P(ln z < -k) is about e^(-a k): half of them would underflow.
    assert!(draws.iter().all(|x| *x > 0.0 && d.log_prob(*x).is_finite()));
    let share = |limit: f64| draws.iter().filter(|x| **x > limit).count() as f64 / draws.len() as f64;
    for limit in [1e-300, 1e-100, 1e-10, 0.1] {
        let want = d.sf(limit);
        assert!((share(limit) - want).abs() < 5.0 * (want * (1.0 - want) / 20_000.0).sqrt(), "{limit:e}");
    }
    // A small rate carries draws back into the range of numbers.
    let wide = Gamma::new(1e-3, 1e-300).draws(20_000, key(1));
    assert!(wide.iter().filter(|x| **x > 1e-300).count() > draws.iter().filter(|x| **x > 1e-300).count());
    // And on a tape of singles.
    let tape = Tape::<f32>::new();
    let x =
        Gamma::<probity_autodiff::Var<'_, f32>>::new(tape.scalar(1e-3), 1.0).rows(2000).sample(&tape, key(5));
    assert!(x.value().iter().all(|x| *x > 0.0 && x.is_finite()));
}

#[test]
fn student_t() {
    for (df, loc, scale) in [(2.5, 0.3, 2.0), (4.0, -3.0, 0.1), (30.0, 0.0, 1.0), (1e4, 1.0, 3.0)] {
        continuous_laws!(StudentT::new(df, loc, scale));
    }
    let heavy = StudentT::new(0.6, 0.0, 1.0);
    laws::cdf_matches_density(&heavy).unwrap();
    laws::samples_follow_cdf(&heavy, 20_000, key(1)).unwrap();
    assert!(heavy.mean().is_nan() && StudentT::<f64>::new(1.5, 0.0, 1.0).variance().is_infinite());
    let d = StudentT::new(4.0, 0.3, 2.0);
    laws::rejects(&d, "df", &[0.0, -1.0, f64::INFINITY]).unwrap();
    laws::rejects(&d, "loc", &[f64::INFINITY]).unwrap();
    laws::rejects(&d, "scale", &[0.0, -1.0, f64::INFINITY]).unwrap();
}

#[test]
fn student_t_is_normal_for_huge_df() {
    let n = Normal::new(0.5, 2.0);
    for df in [1e100, 1e300] {
        let t = StudentT::new(df, 0.5, 2.0);
        for x in [0.5, -3.0, 20.0] {
            assert!((t.log_prob(x) / n.log_prob(x) - 1.0).abs() < 1e-14, "{df:e} {x}");
        }
        assert!((t.entropy() - n.entropy()).abs() < 1e-14);
    }
    // The square of a huge value overflows, its logarithm does not.
    let far = StudentT::new(3.0, 0.0, 1.0);
    assert!((far.log_prob(1e200) - far.log_prob(1e100) + 400.0 * 10f64.ln()).abs() < 1e-12 * 1000.0);
}

#[test]
fn bernoulli() {
    for d in [Bernoulli::from_logits(-1.3), Bernoulli::new(0.3), Bernoulli::from_logits(4.0)] {
        laws::integrates_to_one(&d).unwrap();
        laws::moments_match_density(&d).unwrap();
        laws::entropy_matches_density(&d).unwrap();
        laws::samples_match_moments(&d, 20_000, key(1)).unwrap();
        laws::gradients_match(&d, 0.0).unwrap();
        laws::gradients_match(&d, 1.0).unwrap();
        laws::kl_of_itself_is_zero(&d).unwrap();
        laws::rejects(&d, "logits", &[]).unwrap();
        for p in [Bernoulli::new(0.31), Bernoulli::from_logits(-1.0), Bernoulli::new(0.999)] {
            laws::kl_is_not_negative(&d, &p).unwrap();
            laws::kl_matches_quadrature(&d, &p).unwrap();
            laws::kl_gradients_match::<Bernoulli, Bernoulli>(&d, &p).unwrap();
        }
    }
    for bad in [-0.1, 1.1, f64::NAN] {
        assert_eq!(Bernoulli::<f64>::new(bad).check().unwrap_err().parameter, "probs");
    }
    assert!(
        Bernoulli::new(0.3).log_prob(0.5) == f64::NEG_INFINITY
            && Bernoulli::new(0.3).log_prob(f64::NAN).is_nan()
    );
    // Certain outcomes, and tails that the other parameterisation cannot express.
    for (q, p, want) in [(0.0, 0.3, -(0.7f64.ln())), (1.0, 0.3, -(0.3f64.ln())), (0.5, 0.0, f64::INFINITY)] {
        let kl: f64 = Bernoulli::new(q).kl(&Bernoulli::new(p));
        assert!(kl == want || (kl - want).abs() < 1e-15, "{q} {p}: {kl}");
    }
    let tiny: f64 = Bernoulli::new(0.5).kl(&Bernoulli::new(1e-300));
    assert!((tiny - (0.5 * 1e300f64.ln() - 2f64.ln())).abs() < 1e-12);
    for p in [0.0, 1.0] {
        assert_eq!((Bernoulli::new(p).entropy(), Bernoulli::new(p).draws(9, key(1))), (0.0, vec![p; 9]));
    }
}

#[test]
fn draws_on_a_tape_are_addressed_by_entry() {
    // The first rows of a longer column are the same.
    let tape = Tape::<f64>::new();
    let a = tape.scalar(0.7);
    let at = |n: usize| Gamma::<Var<'_>>::new(a, 2.0).rows(n).sample(&tape, key(3)).value();
    assert_eq!(at(500).rows(0, 20), at(20));
    let t = |n: usize| StudentT::<Var<'_>>::new(a, 0.0, 2.0).rows(n).sample(&tape, key(3)).value();
    assert_eq!(t(500).rows(0, 20), t(20));
    let one: f64 = Gamma::new(0.7, 2.0).sample((), key(3));
    assert_eq!(at(1)[0], one);
}

#[test]
fn categorical() {
    let logits = dmatrix![0.3, -1.0, 2.0; 5.0, 5.0, f64::NEG_INFINITY];
    let tape = Tape::new();
    let d = Categorical::new(tape.variable(&logits));
    assert_eq!((d.shape(), d.event()), ((2, 1), Event::Row));
    d.check().unwrap();
    let probs = d.probs().value();
    for k in 0..3 {
        let x = tape.column(&[k as f64, k as f64]);
        let log_prob = d.log_prob(x).value();
        for i in 0..2 {
            assert!((log_prob[i].exp() - probs[(i, k)]).abs() < 1e-15);
        }
        assert_eq!(d.log_prob_sum(x).item(), log_prob[0] + log_prob[1]);
        // One value for all rows, one row of logits for all values.
        assert_eq!(d.log_prob(Var::from(k as f64)).value(), log_prob);
        let first = Categorical::new(d.logits.rows(0..1));
        let twice = first.log_prob(tape.column(&[k as f64, 1.0])).value();
        assert_eq!((twice[0], twice.nrows()), (log_prob[0], 2));
    }
    let outside = d.log_prob(tape.column(&[3.0, 0.5])).value();
    assert!(outside.iter().all(|v| *v == f64::NEG_INFINITY));
    let entropy = d.entropy().value();
    assert!((entropy[1] - 2f64.ln()).abs() < 1e-15);
    // Frequencies of draws.
    let n = 20_000;
    let draws = Categorical::new(d.logits.rows(0..1)).rows(n).sample(&tape, key(1)).value();
    for k in 0..3 {
        let (got, p) = (draws.iter().filter(|x| **x == k as f64).count() as f64 / n as f64, probs[(0, k)]);
        assert!((got - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "{k}: {got} {p}");
    }
    assert!(Categorical::new(d.logits.rows(1..2)).rows(n).sample(&tape, key(1)).value().max() == 1.0);
    assert!(
        Categorical::new(tape.variable(&dmatrix![f64::NEG_INFINITY, f64::NEG_INFINITY])).check().is_err()
    );
    assert!(Categorical::new(tape.variable(&dmatrix![f64::NAN, 0.0])).check().is_err());
}

#[test]
fn categorical_kl() {
    let kl = |a: &DMatrix<f64>, b: &DMatrix<f64>| {
        let tape = Tape::new();
        Categorical::new(tape.constant(a)).kl_sum(&Categorical::new(tape.constant(b))).item()
    };
    let (a, none) = (dmatrix![0.3, -1.0, 2.0], f64::NEG_INFINITY);
    assert_eq!(kl(&a, &a), 0.0);
    assert!(kl(&a, &dmatrix![0.3, none, 2.0]).is_infinite());
    // A class without probability does not count.
    let masked = kl(&dmatrix![0.3, none, 2.0], &dmatrix![1.0, 0.0, 1.0]);
    let (p, z) = (1.0 / (1.0 + 1.7f64.exp()), (2.0 * 1f64.exp() + 1.0).ln());
    let want = p * (p.ln() - 1.0 + z) + (1.0 - p) * ((1.0 - p).ln() - 1.0 + z);
    assert!((masked - want).abs() < 1e-14, "{masked} {want}");
    // ½ (0 - 1000) + ... for logits far apart, where the sum would overflow.
    let far = kl(&dmatrix![0.0, 0.0], &dmatrix![0.0, -4000.0]);
    assert!((far - (2000.0 - 2f64.ln())).abs() < 1e-11, "{far}");
    for b in [dmatrix![0.31, -1.0, 2.0], dmatrix![3.0, 1.0, -9.0], dmatrix![0.0, -3.0, 6.0]] {
        fn f<'t>(x: &[Var<'t>]) -> Var<'t> {
            Categorical::new(x[0]).kl_sum(&Categorical::new(x[1]))
        }
        let check = check_gradient(f, &[a.clone(), b]);
        assert!(check.error < 1e-6, "{check:?}");
    }
    // Far apart: the slope in a logit of q is q (ln q - ln p - KL).
    let tape = Tape::new();
    let q = tape.variable(&a);
    let far = Categorical::new(q).kl_sum(&Categorical::new(tape.constant(&dmatrix![0.0, -300.0, 400.0])));
    let slope = tape.backward(far).wrt(q)[2];
    assert!((slope / -70.74758600382361 - 1.0).abs() < 1e-14, "{slope}");
}

fn tril() -> DMatrix<f64> {
    dmatrix![1.2, 0.0, 0.0; -0.7, 0.4, 0.0; 0.3, 2.0, 0.9]
}

#[test]
fn multivariate_normal_draws() {
    let (tape, n) = (Tape::new(), 20_000);
    let d =
        MultivariateNormal::from_cholesky(tape.variable(&dmatrix![1.0, -2.0, 30.0]), tape.variable(&tril()));
    d.check().unwrap();
    let x = d.rows(n).sample(&tape, key(1)).value();
    let covariance = d.covariance().value();
    let diagonal = DMatrix::from_row_slice(1, 3, covariance.diagonal().as_slice());
    assert!((d.variance().value() - diagonal).amax() < 1e-14);
    for j in 0..3 {
        let mean = x.column(j).mean();
        assert!((mean - d.loc().value()[j]).abs() < 5.0 * (covariance[(j, j)] / n as f64).sqrt());
        for k in 0..=j {
            let c =
                (x.column(j).add_scalar(-mean)).dot(&x.column(k).add_scalar(-x.column(k).mean())) / n as f64;
            let (v, w) = (covariance[(j, k)], covariance[(j, j)] * covariance[(k, k)]);
            assert!((c - v).abs() < 6.0 * ((w + v * v) / n as f64).sqrt(), "{j} {k}: {c} {v}");
        }
    }
    // The mean of -log p over draws is the entropy.
    let log_p = d.log_prob(tape.constant(&x)).value();
    assert!((log_p.mean() + d.entropy().item()).abs() < 6.0 * (1.5 / n as f64).sqrt());
    let sum = d.log_prob_sum(tape.constant(&x)).item();
    assert!((sum - log_p.sum()).abs() < 1e-9 * sum.abs());
    assert!(
        MultivariateNormal::from_covariance(d.loc(), tape.variable(&dmatrix![1.0, 2.0; 2.0, 1.0])).is_err()
    );
    let same = MultivariateNormal::from_covariance(d.loc(), d.covariance()).unwrap();
    assert!((same.scale_tril().value() - tril()).amax() < 1e-14);
}

#[test]
fn gradients_of_rows() {
    let (loc, x) = (dmatrix![1.0, -2.0, 3.0], dmatrix![0.0, 1.0, 2.0; 3.0, -4.0, 5.0]);
    let scale = dmatrix![1.0, 0.4, 2.0];
    fn full_sum<'t>(x: &[Var<'t>]) -> Var<'t> {
        let d = MultivariateNormal::from_cholesky(x[0], x[1]);
        let draw = d.rows(4).sample(x[0].tape().unwrap(), key(1));
        d.log_prob_sum(x[2]) + d.entropy().sum() + draw.sq().sum()
    }
    assert!(check_gradient(full_sum, &[loc.clone(), tril(), x.clone()]).error < 1e-8);
    fn diagonal_sum<'t>(x: &[Var<'t>]) -> Var<'t> {
        let d = DiagonalNormal::new(x[0], x[1]);
        let draw = d.rows(4).sample(x[0].tape().unwrap(), key(1));
        d.log_prob_sum(x[2]) + d.entropy().sum() + draw.sq().sum()
    }
    assert!(check_gradient(diagonal_sum, &[loc, scale, x]).error < 1e-8);
}

#[test]
fn gaussian_kl_pairs_agree() {
    let (loc, other) = (dmatrix![1.0, -2.0, 3.0; 0.0, 0.0, 0.0], dmatrix![0.5, 0.0, 1.0]);
    let scale = dmatrix![1.0, 0.4, 2.0; 3.0, 0.1, 1.0];
    let tape = Tape::new();
    let [loc, other, scale, l] = [&loc, &other, &scale, &tril()].map(|m| tape.variable(m));
    let diagonal = DiagonalNormal::new(loc, scale);
    let full = MultivariateNormal::from_cholesky(other, l);
    for i in 0..2 {
        // The same pair, row by row, with the diagonal written as a full matrix.
        let row = scale.value().row(i).transpose();
        let as_full = MultivariateNormal::from_cholesky(
            loc.rows(i..i + 1),
            tape.variable(&DMatrix::from_diagonal(&row)),
        );
        let (to_full, from_full) = (as_full.kl(&full).item(), full.kl(&as_full).item());
        assert!((diagonal.kl(&full).value()[i] / to_full - 1.0).abs() < 1e-13);
        assert!((full.kl(&diagonal).value()[i] / from_full - 1.0).abs() < 1e-13);
        assert!(as_full.kl(&as_full).item() == 0.0);
    }
    assert!(full.kl(&full).item() == 0.0 && diagonal.kl_sum(&diagonal).item() == 0.0);
    let sum = diagonal.kl(&full).value().sum();
    assert!((diagonal.kl_sum(&full).item() / sum - 1.0).abs() < 1e-14);
    // Against the mean of log q - log p over draws.
    let x = diagonal.shaped(2, 3);
    let ratios = (0..4000).map(|i| {
        let x = x.sample(&tape, key(2).fold_in(i)).detach();
        (diagonal.log_prob_sum(x) - full.log_prob_sum(x)).item()
    });
    let estimate = Estimate::of(ratios.collect::<Vec<_>>());
    assert!((estimate.value - sum).abs() < 6.0 * estimate.standard_error, "{estimate} {sum}");
    fn pairs_sum<'t>(x: &[Var<'t>]) -> Var<'t> {
        let (d, f) = (DiagonalNormal::new(x[0], x[1]), MultivariateNormal::from_cholesky(x[2], x[3]));
        d.kl_sum(&f) + f.kl_sum(&d) + f.kl_sum(&MultivariateNormal::from_cholesky(x[0], x[3] + 0.1))
    }
    let at = [loc, scale, other, l].map(|v| v.value());
    assert!(check_gradient(pairs_sum, &at).error < 1e-8);
}
