//! Bijectors and the maps of constraints: the laws, known values, extremes. `Transformed`.

use crate::multivariate::{key, random};
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::{Dual, Tape, Terms, check_gradient};
use probity_distributions::bijectors::*;
use probity_distributions::constraints::{
    Angle, Correlation, CorrelationCholesky, LowerCholesky, Ordered, PositiveDefinite, PositiveOrdered,
    Simplex, SoftmaxSimplex, Sphere, ZeroSum,
};
use probity_distributions::laws::*;
use probity_distributions::*;

type Single = Dual<f64, 1>;

/// Both laws at points from far on one side to far on the other.
#[track_caller]
fn obeys_the_laws<B: Bijector<Single> + std::fmt::Debug>(b: &B, points: &[f64]) {
    for &u in points {
        bijector_inverts(b, u).unwrap();
        bijector_log_det_matches(b, u).unwrap();
    }
}

const LINE: [f64; 9] = [-12.0, -3.7, -1.0, -0.2, 1e-8, 0.4, 1.3, 4.2, 11.0];

fn spline() -> RationalQuadratic<Single> {
    let at = |i: usize, k: f64| Single::from((i as f64 * k).sin() * 1.7);
    RationalQuadratic {
        bound: 5.0,
        widths: std::array::from_fn(|i| at(i, 1.3)),
        heights: std::array::from_fn(|i| at(i, 2.1)),
        slopes: std::array::from_fn(|i| at(i, 0.7)),
    }
}

#[test]
fn bijectors_of_numbers_obey_the_laws() {
    obeys_the_laws(&Affine { loc: 0.3.into(), scale: Single::from(-2.5) }, &LINE);
    obeys_the_laws(&Chain(Exp, Affine { loc: 1.0.into(), scale: Single::from(0.5) }), &LINE);
    obeys_the_laws(
        &Chain(Chain(Tanh, Affine { loc: 0.0.into(), scale: Single::from(3.0) }), Identity),
        &LINE[1..8],
    );
    obeys_the_laws(&Inverse(Exp), &[1e-300, 0.02, 1.0, 7.0, 1e200]);
    obeys_the_laws(&Inverse(Softplus), &[1e-10, 0.02, 1.0, 7.0, 800.0]);
    obeys_the_laws(&Tanh, &LINE);
    obeys_the_laws(&Softsign, &[-1e9, -12.0, -0.3, 1e-8, 2.0, 1e6]);
    obeys_the_laws(&HalfAngle, &[-1e9, -12.0, -0.3, 1e-8, 2.0, 1e6]);
    obeys_the_laws(&CdfOf(Normal::<Single>::new(0.3, 1.7)), &[-12.0, -3.0, 0.1, 2.0, 5.0]);
    obeys_the_laws(&CdfOf(Gumbel::<Single>::new(0.3, 1.7)), &[-4.0, 0.1, 2.0, 5.0]);
    obeys_the_laws(&CdfOf(Weibull::<Single>::new(1.3, 0.7)), &[0.01, 0.4, 2.0]);
    obeys_the_laws(&Inverse(CdfOf(Logistic::<Single>::new(0.3, 1.7))), &[1e-12, 0.2, 0.9]);
    obeys_the_laws(&spline(), &LINE);
    obeys_the_laws(&Inverse(spline()), &LINE);
    for u in LINE {
        let there_and_back = Chain(spline(), Inverse(spline()));
        assert!((there_and_back.forward(u.into()).re - u).abs() < 1e-12, "{u}");
        assert!(there_and_back.log_det(u.into(), Terms::Each).re.abs() < 1e-12, "{u}");
    }
}

#[test]
fn splines() {
    // Without parameters the identity, also at the ends of pieces and beyond.
    let identity = RationalQuadratic::<f64>::identity(3.0);
    for u in [-7.0, -3.0, -2.999, -0.75, 0.0, 0.1, 1.5, 2.9, 3.0, 11.0] {
        assert!((identity.forward(u) - u).abs() < 1e-14, "{u} {}", identity.forward(u));
        assert!((identity.inverse(u) - u).abs() < 1e-14 && identity.log_det(u, Terms::Each).abs() < 1e-14);
    }
    // Rising, and smooth where pieces meet: value and slope from both sides.
    let f = spline();
    let mut last = -6.0;
    for i in -600..=600 {
        let (x, next) = (f64::from(i) * 0.01, f64::from(i) * 0.01 + 1e-9);
        let [here, there] = [x, next].map(|x| f.forward(x.into()).re);
        assert!(here >= last && (there - here).abs() < 1e-5, "{x}: {last} {here} {there}");
        let [here, there] = [x, next].map(|x| f.log_det(x.into(), Terms::Each).re);
        assert!((there - here).abs() < 1e-4, "{x}: {here} {there}");
        last = f.forward(x.into()).re;
    }
    // Extreme parameters stay finite.
    let mut steep = RationalQuadratic::<f64>::identity(3.0);
    (steep.widths[2], steep.heights[4], steep.slopes[3]) = (900.0, 900.0, 900.0);
    for u in [-2.99, 0.0, 1.0, 2.99] {
        let x = steep.forward(u);
        assert!(
            x.is_finite() && (-3.0..=3.0).contains(&x) && steep.log_det(u, Terms::Each).is_finite(),
            "{u} {x}"
        );
    }
    // Gradients in all parameters, which may be matrices.
    let found = check_gradient(
        |p| {
            let mut f = RationalQuadratic::identity(4.0);
            for k in 0..PIECES {
                (f.widths[k], f.heights[k]) = (p[1].at(0, k), p[2].at(0, k));
            }
            (0..PIECES - 1).for_each(|k| f.slopes[k] = p[3].at(0, k));
            (f.forward(p[0]) + f.inverse(p[0])).sum() + f.log_det(p[0], Terms::Sum)
        },
        // In the middle of pieces: at their ends second derivatives jump.
        &[
            DMatrix::from_row_slice(2, 2, &[0.5, -1.5, 2.5, -3.5]),
            random(1, 8, 2) * 0.2,
            random(1, 8, 3) * 0.2,
            random(1, 7, 4),
        ],
    );
    assert!(found.error < 2e-8, "{found:?}");
}

#[test]
fn columns_in_another_order() {
    let tape = Tape::<f64>::new();
    let x = random(2, 4, 1);
    let order = [2, 0, 3, 1];
    let b = Permute::new(&order).unwrap();
    let y = b.forward(tape.constant(&x));
    assert_eq!(y.value().column(0), x.column(2));
    assert_eq!(b.inverse(y).value(), x);
    assert_eq!(b.log_det(y, Terms::Sum).item(), 0.0);
    for bad in [&[0usize, 0][..], &[0, 2]] {
        assert!(Permute::new(bad).unwrap_err().to_string().contains("once"), "{bad:?}");
    }
}

#[test]
fn constraints_obey_the_laws() {
    let none = [0.0; 2];
    for seed in 0..3 {
        let u = |n: usize| random(n, 1, seed).as_slice().to_vec();
        macro_rules! obeys {
            ($($c:ident, $shape:expr, $n:expr, $free:expr;)+) => {$(
                constraint_inverts::<$c>(none, $shape, &u($n)).unwrap();
                constraint_log_det_matches::<$c>(none, $shape, &u($n), $free).unwrap();
            )+};
        }
        obeys! {
            Simplex, (2, 4), 6, |_, j| j < 3;
            SoftmaxSimplex, (2, 4), 6, |_, j| j < 3;
            Sphere, (2, 4), 6, |_, _| true;
            Sphere, (1, 2), 1, |_, _| true;
            ZeroSum, (2, 4), 6, |_, _| true;
            Angle, (2, 3), 6, |_, _| true;
            Ordered, (2, 3), 6, |_, _| true;
            PositiveOrdered, (2, 3), 6, |_, _| true;
            LowerCholesky, (3, 3), 6, |i, j| i >= j;
            PositiveDefinite, (3, 3), 6, |i, j| i >= j;
            CorrelationCholesky, (4, 4), 6, |i, j| i > j;
            Correlation, (4, 4), 6, |i, j| i > j;
        }
    }
}

#[test]
fn wrong_constraints_break_the_laws() {
    /// The right map with the wrong Jacobian, and an inverse of something else.
    #[derive(Debug)]
    struct Wrong;
    impl<V: Value> Constraint<V> for Wrong {
        const NAME: &'static str = "wrong";
        fn constrain(u: V, _: &[V; 2]) -> V {
            Exp.forward(u)
        }
        fn unconstrain(x: V, _: &[V; 2]) -> V {
            Softplus.inverse(x)
        }
        fn log_det(u: V, _: &[V; 2], terms: Terms) -> V {
            Softplus.log_det(u, terms)
        }
        fn outside(x: &[f64], _: (usize, usize), _: &dyn Fn(usize, usize) -> f64) -> Option<usize> {
            x.iter().position(|x| !(*x > 0.0))
        }
    }
    let broken = constraint_inverts::<Wrong>([0.0; 2], (1, 1), &[0.3]).unwrap_err();
    assert!(broken.to_string().contains("unconstrained number 0"), "{broken}");
    assert!(constraint_log_det_matches::<Wrong>([0.0; 2], (1, 1), &[0.3], |_, _| true).is_err());
    // More numbers than there are, and free entries that are too few.
    assert!(constraint_inverts::<Simplex>([0.0; 2], (1, 3), &[0.3]).is_err());
    assert!(constraint_log_det_matches::<Simplex>([0.0; 2], (1, 3), &[0.3, 0.1], |_, j| j < 1).is_err());
}

#[test]
fn maps_far_out() {
    let tape = Tape::<f64>::new();
    let row = |x: &[f64]| tape.constant(&DMatrix::from_row_slice(1, x.len(), x));
    // Entries of a softmax that are far below rounding keep their logarithms in the Jacobian.
    let support = Support::softmax_simplex();
    let log_det = support.log_det(row(&[-600.0, 30.0]), Terms::Sum).unwrap().item();
    assert!((log_det - (-630.0 - 30.0)).abs() < 1e-9, "{log_det}");
    // Near the point of projection, and exactly opposite.
    let support = Support::sphere();
    let x = support.constrain(row(&[1e9, 0.0])).unwrap();
    assert!((x.value()[0] - 2e-9).abs() < 1e-23 && x.value()[2] == 1.0);
    let back = support.unconstrain(x).unwrap().value();
    assert!((back[0] / 1e9 - 1.0).abs() < 1e-14, "{back}");
    assert_eq!(support.constrain(row(&[0.0, 0.0])).unwrap().value().as_slice(), [0.0, 0.0, -1.0]);
    // ln 2/(1 + u²) where the square overflows.
    let far: f64 = HalfAngle.log_det(1e200, Terms::Each);
    assert!((far - (2f64.ln() - 2.0 * 1e200f64.ln())).abs() < 1e-12, "{far}");
    let tanh: f64 = Tanh.log_det(400.0, Terms::Each);
    assert!((tanh - (4f64.ln() - 800.0)).abs() < 1e-12, "{tanh}");
    let support: Support<f64> = Support::angle();
    assert!(support.contains(3.1) && !support.contains(3.2) && !support.contains(f64::NAN));
    let Support::Mapped(map) = Support::<probity_autodiff::Var<'_, f64>>::correlation() else { panic!() };
    assert_eq!(map.outside(&[1.0, 0.3, 0.3, 1.1], (2, 2), &|_, _| 0.0), Some(3));
    assert_eq!(map.outside(&[1.0, 1.3, 1.3, 1.0], (2, 2), &|_, _| 0.0), Some(3));
    assert_eq!(map.outside(&[1.0, 0.3, 0.3, 1.0], (2, 2), &|_, _| 0.0), None);
}

#[test]
fn transformed_distributions() {
    let of = |loc, scale| Transformed::new(Normal::<f64>::new(loc, scale), Exp, Support::StrictlyPositive);
    let (d, log_normal): (_, LogNormal) = (of(0.3, 0.8), LogNormal::new(0.3, 0.8));
    for x in [1e-200, 0.3, 1.0, 17.0] {
        let (got, want) = (d.log_prob(x), log_normal.log_prob(x));
        assert!((got - want).abs() < 1e-13 * (1.0 + want.abs()), "{x} {got} {want}");
    }
    assert_eq!((d.log_prob(-1.0), d.log_prob(0.0)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert!(
        d.log_prob(f64::NAN).is_nan()
            && of(0.3, -1.0).log_prob(2.0).is_nan()
            && of(0.3, -1.0).log_prob(-2.0).is_nan()
    );
    assert_eq!(d.sample((), key(3)), log_normal.sample((), key(3)));
    assert_eq!(d.kl(&of(-0.2, 1.1)), log_normal.kl(&LogNormal::new(-0.2, 1.1)));
    integrates_to_one(&d).unwrap();
    kl_matches_quadrature(&d, &of(-0.2, 1.1)).unwrap();
    // By the distribution function of a Logistic: uniform numbers for that Logistic.
    let logistic = Logistic::<f64>::new(0.4, 2.0);
    let uniform = Transformed::new(logistic, CdfOf(logistic), Support::Interval(0.0, 1.0));
    for x in [1e-9, 0.3, 0.999] {
        assert!(uniform.log_prob(x).abs() < 1e-12, "{x}");
    }
    let tape = Tape::<f64>::new();
    let rows = DiagonalNormal::new(tape.column(&[0.0]), tape.column(&[1.0]));
    let moved = Transformed::new(rows, Exp, Support::StrictlyPositive);
    assert_eq!((moved.event(), moved.shape()), (Event::Row, (1, 1)));
    let pair = tape.constant(&DMatrix::from_column_slice(2, 1, &[0.3, 2.0]));
    let want = [0.3, 2.0].map(|x| LogNormal::<f64>::new(0.0, 1.0).log_prob(x));
    assert!(moved.log_prob(pair).value().iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-14));
}

#[test]
#[should_panic(expected = "Transformed: a divergence between")]
fn other_bijectors_have_no_common_divergence() {
    let d = |scale: f64| {
        let bijector = Affine { loc: 0.0, scale };
        Transformed::new(Normal::<f64>::new(0.0, 1.0), bijector, Support::Real)
    };
    d(1.0).kl(&d(2.0));
}
