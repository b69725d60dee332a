//! Mistakes that other libraries have, or had, as tests that this one does not have them. The table
//! of `docs/traps.md` says where each was; a new test here gets a row there.

use probity_autodiff::Tape;
use probity_autodiff::nalgebra::DMatrix;
use probity_distributions::laws::*;
use probity_distributions::*;

#[track_caller]
fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{got:e}, not {want:e}");
}

#[test]
fn a_divergence_is_a_sum() {
    let tape = Tape::<f64>::new();
    let (loc, scale) =
        (tape.constant(&DMatrix::repeat(30, 40, 0.3)), tape.constant(&DMatrix::repeat(30, 40, 0.5)));
    let one: f64 = Normal::new(0.3, 0.5).kl(&Normal::new(0.0, 1.0));
    let many: Normal<probity_autodiff::Var<'_, f64>> = Normal::new(loc, scale);
    close(many.kl_sum(&Normal::new(0.0, 1.0)).item(), 1200.0 * one, 1e-13);
    let copies =
        Normal::<probity_autodiff::Var<'_, f64>>::new(tape.scalar(0.3), tape.scalar(0.5)).shaped(30, 40);
    let prior = Normal::new(tape.scalar(0.0), tape.scalar(1.0)).shaped(30, 40);
    close(copies.kl_sum(&prior).item(), 1200.0 * one, 1e-13);
}

#[test]
fn scales_are_standard_deviations() {
    assert_eq!(Normal::<f64>::new(0.0, 3.0).variance(), 9.0);
    assert_eq!(SoftplusNormal::<f64>::new(0.0, 1.0).variance().sqrt(), 1f64.exp().ln_1p());
    // The slope of the density at one scale is minus one over the scale.
    let tape = Tape::<f64>::new();
    let x = tape.variable(&DMatrix::from_element(1, 1, 3.0));
    let slope = tape.backward(Normal::new(0.0, 3.0).log_prob_sum(x)).wrt(x)[0];
    close(slope, -1.0 / 3.0, 1e-15);
}

#[test]
fn softplus_scales_do_not_overflow() {
    for rho in [88.0, 89.0, 200.0, 800.0, 1e30] {
        let tape = Tape::<f32>::new();
        let p = tape.variable(&DMatrix::from_element(1, 1, rho as f32));
        let kl = SoftplusNormal::new(tape.scalar(0.0), p).kl_sum(&Normal::new(0.0, 1e3));
        let slope = tape.backward(kl).wrt(p)[0];
        assert!(rho > 1e19 || kl.item().is_finite() && slope.is_finite(), "{rho}: {} {slope}", kl.item());
        assert_eq!(SoftplusNormal::<f64>::new(0.0, rho).variance(), rho * rho);
    }
}

#[test]
fn priors_pull_on_large_weights() {
    let tape = Tape::<f64>::new();
    for w in [0.6, 1.0, 30.0] {
        let x = tape.variable(&DMatrix::from_element(1, 1, w));
        let slope = tape.backward(Normal::new(0.0, 0.1).log_prob_sum(x)).wrt(x)[0];
        close(slope, -100.0 * w, 1e-14);
        let slope = tape.backward(ScaleMixture::new(0.5, 0.1, 0.01).log_prob_sum(x)).wrt(x)[0];
        close(slope, -100.0 * w, 1e-14);
    }
}

#[test]
fn divergences_say_how_they_are_computed() {
    assert_eq!(<Normal as KlDivergence<Normal>>::METHOD, KlMethod::Closed);
    assert_eq!(<Normal as KlDivergence<StudentT>>::METHOD, KlMethod::Quadrature);
    assert_eq!(<Poisson as KlDivergence<NegativeBinomial>>::METHOD, KlMethod::Sum);
    // The prior of Bayes by backprop, which others draw for, without sampling error.
    let (q, p) = (Normal::new(0.3, 0.05), ScaleMixture::new(0.25, 1.0, 0.01));
    let (kl, method) = p.kl_from_normal(0.3, 0.05, Terms::Each).unwrap();
    assert_eq!(method, KlMethod::Quadrature);
    close(kl, kl_quadrature(&q, &p).value, 1e-10);
}

#[test]
fn divergences_have_their_constants() {
    // Between equal distributions 0, exactly; so no constant is missing.
    for (m, s) in [(0.0, 1.0), (-3.0, 1e-5), (1e6, 4.0)] {
        kl_of_itself_is_zero(&Normal::<f64>::new(m, s)).unwrap();
    }
    close(
        Normal::<f64>::new(1.0, 2.0).kl(&Normal::new(0.0, 1.0)),
        0.5 * (4.0 + 1.0 - 1.0) - 2f64.ln(),
        1e-15,
    );
    close(Gamma::<f64>::new(3.0, 2.0).kl(&Gamma::new(1.0, 1.0)), 0.345_568_670_196_934, 1e-14);
}

#[test]
fn supports_that_touch_are_finite() {
    let unit = Uniform::<f64>::new(0.0, 1.0);
    assert_eq!(unit.kl(&Beta::new(1.0, 1.0)), 0.0);
    for l in [-500.0, -2.0, 0.0, 1.3, 20.0] {
        let cb = ContinuousBernoulli::<f64>::from_logits(l);
        close(cb.kl(&unit), -cb.entropy(), 1e-13);
        let back = unit.kl(&cb);
        assert!(back.is_finite() && back >= 0.0, "{l}: {back}");
    }
    assert_eq!(unit.kl(&Uniform::new(0.0, 0.5)), f64::INFINITY);
}

#[test]
fn no_divergence_is_negative() {
    let logits: [f64; 9] = [-800.0, -500.0, -20.0, -1e-8, 0.0, 1e-12, 3.0, 20.0, 700.0];
    for (a, b) in logits.iter().flat_map(|a| logits.iter().map(move |b| (*a, *b))) {
        kl_is_not_negative(&ContinuousBernoulli::from_logits(a), &ContinuousBernoulli::from_logits(b))
            .unwrap();
        kl_is_not_negative(&Bernoulli::from_logits(a), &Bernoulli::from_logits(b)).unwrap();
        let (p, q) = (a.clamp(-30.0, 30.0), b.clamp(-30.0, 30.0));
        kl_is_not_negative(&Bernoulli::from_probits(p), &Bernoulli::from_probits(q)).unwrap();
        let (x, y) = ((a / 100.0).exp(), (b / 100.0).exp());
        kl_is_not_negative(&Gamma::new(x, y), &Gamma::new(y, x)).unwrap();
        kl_is_not_negative(&Beta::new(x, y), &Beta::new(y, x)).unwrap();
    }
    let cb = |l| ContinuousBernoulli::<f64>::from_logits(l);
    assert!(cb(-500.0).kl(&cb(20.0)) > 0.0);
}

#[test]
fn divergences_that_were_wrong_are_right() {
    let (gumbel, normal, laplace) = (Gumbel::new(0.7, 1.9), Normal::new(-0.4, 1.2), Laplace::new(1.1, 0.6));
    kl_matches_quadrature(&gumbel, &normal).unwrap();
    // Of the location: a shift of both changes nothing, a shift of one does.
    for shift in [0.0, 3.0, -50.0] {
        let (a, b) = (Normal::<f64>::new(-0.4 + shift, 1.2), Laplace::new(1.1 + shift, 0.6));
        close(a.kl(&b), normal.kl(&laplace), 1e-12);
        kl_matches_quadrature(&Normal::new(-0.4 + shift / 10.0, 1.2), &laplace).unwrap();
    }
}

#[test]
fn events_are_removed_once() {
    let tape = Tape::<f64>::new();
    let zeros = tape.constant(&DMatrix::zeros(4, 3));
    let row =
        DiagonalNormal::new(tape.constant(&DMatrix::zeros(1, 3)), tape.constant(&DMatrix::repeat(1, 3, 1.0)));
    assert_eq!(row.log_prob(zeros).shape(), (4, 1));
    let moved = Transformed::new(row, bijectors::Exp, Support::StrictlyPositive);
    assert_eq!(moved.log_prob(zeros + 1.0).shape(), (4, 1));
    close(moved.log_prob(zeros + 1.0).value()[0], row.log_prob(zeros).value()[0], 1e-15);
    let entries =
        Transformed::new(Normal::new(0.0, 1.0).shaped(4, 3), bijectors::Exp, Support::StrictlyPositive);
    assert_eq!(entries.log_prob(zeros + 1.0).shape(), (4, 3));
    close(entries.log_prob_sum(zeros + 1.0).item(), moved.log_prob_sum(zeros + 1.0).item(), 1e-14);
}

#[test]
fn tails_keep_their_digits() {
    // Where 1 - cdf is 0.
    close(Normal::<f64>::new(0.0, 1.0).log_sf(40.0), -804.608_442_013_753_8, 1e-14);
    close(Geometric::<f64>::new(0.5).sf(200.0) * 2f64.powi(201), 1.0, 1e-13);
    close(Bernoulli::<f64>::from_logits(60.0).log_prob(0.0), -60.0, 1e-15);
    close(Gamma::<f64>::new(1e6, 1.0).log_cdf(1e6 - 6e3), -20.808_943_529_619_163, 1e-10);
    close(VonMises::<f64>::new(0.0, 1e4).variance(), 5.000_125_012_502_5e-5, 1e-9);
}
