//! Flat priors, half-lines, and shapes of parameters.

use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Tape, Terms, Value, Var};
use probity_distributions::bijectors::{Above, Below};
use probity_distributions::{
    Distribution, Flat, Gamma, Laplace, Normal, ParameterError, StudentT, Support, Uniform, laws,
};

#[test]
fn flat_is_zero_inside_and_infinite_outside() {
    let inf = f64::NEG_INFINITY;
    for x in [-1e308, -1.0, 0.0, 1e-320, 1e308] {
        assert_eq!(Flat::<f64>::real().log_prob(x), 0.0);
        assert_eq!(Flat::<f64>::positive().log_prob(x), if x < 0.0 { inf } else { 0.0 });
        assert_eq!(Flat::<f64>::above(1.0).log_prob(x), if x < 1.0 { inf } else { 0.0 });
        assert_eq!(Flat::<f64>::below(1.0).log_prob(x), if x > 1.0 { inf } else { 0.0 });
        let wide = Flat::<f64>::between(-1e308, 1e308);
        assert_eq!(wide.log_prob(x), 0.0);
        assert!(wide.support().contains(x));
    }
    for flat in [Flat::<f64>::real(), Flat::positive(), Flat::above(1.0), Flat::between(0.0, 1.0)] {
        assert!(flat.log_prob(f64::NAN).is_nan() && flat.check().is_ok());
    }
    for bad in [Flat::<f64>::between(1.0, 1.0), Flat::above(f64::INFINITY), Flat::below(f64::NAN)] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
    assert!(Flat::<f64>::between(2.0, 1.0).log_prob(1.5).is_nan());
}

#[test]
fn half_lines_have_bijectors() {
    for limit in [-3.0, 0.0, 1e3] {
        for u in [-5.0, -0.3, 0.0, 2.0, 40.0] {
            laws::bijector_inverts(&Above { low: limit.into() }, u).unwrap();
            laws::bijector_inverts(&Below { high: limit.into() }, u).unwrap();
            laws::bijector_log_det_matches(&Above { low: limit.into() }, u).unwrap();
            laws::bijector_log_det_matches(&Below { high: limit.into() }, u).unwrap();
            let (above, below) = (Support::GreaterThan(limit), Support::LessThan(limit));
            let (x, y) = (above.constrain(u).unwrap(), below.constrain(u).unwrap());
            assert!(above.contains(x) && below.contains(y) && x - limit == limit - y);
            assert_eq!(above.log_det(u, Terms::Each), Some(u));
        }
        assert!(!Support::GreaterThan(limit).contains(limit - 1.0));
        assert!(!Support::LessThan(limit).contains(limit + 1.0));
        assert!(!Support::LessThan(limit).is_discrete());
    }
}

/// A family of one's own without parameters.
#[derive(Clone, Copy, Debug)]
struct Mine;
impl<V: Value> Distribution<V> for Mine {
    const NAME: &'static str = "Mine";
    fn support(&self) -> Support<V> {
        Support::Real
    }
    fn shape(&self) -> (usize, usize) {
        (1, 1)
    }
    fn check(&self) -> Result<(), ParameterError> {
        Ok(())
    }
    fn log_prob_terms(&self, x: V, terms: Terms) -> V {
        Normal::<V>::standard().log_prob_terms(x, terms)
    }
}

/// The shape of a draw, and the one of the parameters by themselves.
fn shapes<'t, D: Distribution<Var<'t, f64>>>(_: &'t Tape, d: D) -> ((usize, usize), (usize, usize)) {
    (d.shape(), d.parameter_shape())
}

#[test]
fn a_family_without_parameters_is_copied() {
    let tape = Tape::new();
    assert_eq!(shapes(&tape, Mine.rows(3)), ((3, 1), (1, 1)));
    assert_eq!(shapes(&tape, Mine.shaped(3, 2)), ((3, 2), (1, 1)));
    assert_eq!(shapes(&tape, Flat::real().rows(3)), ((3, 1), (1, 1)));
}

#[test]
fn parameters_that_do_not_broadcast_have_no_shape() {
    let tape: Tape = Tape::new();
    let of = |r, c| tape.constant(&DMatrix::from_element(r, c, 0.5));
    let none = ((0, 0), (0, 0));
    assert_eq!(shapes(&tape, Normal::new(of(8, 1), of(7, 1))), none);
    assert_eq!(shapes(&tape, Laplace::new(of(1, 2), of(1, 3))), none);
    assert_eq!(shapes(&tape, Gamma::new(of(8, 1), of(1, 3))), ((8, 3), (8, 3)));
    assert_eq!(shapes(&tape, Uniform::new(of(0, 1), of(1, 1))), ((0, 1), (0, 1)));
    assert_eq!(shapes(&tape, StudentT::new(of(2, 1), of(1, 1), of(3, 1)).rows(6)), ((6, 0), (0, 0)));
    assert_eq!(shapes(&tape, Normal::new(of(3, 1), 1.0).rows(1)), ((1, 1), (3, 1)));
}
