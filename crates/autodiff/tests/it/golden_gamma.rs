//! The gamma and beta family against golden values (`tools/golden/gamma.py`, `gamma_second.py`),
//! and its internal identities.

use probity_autodiff::math::{beta_inc, gamma, gamma_inc, student_t};
use probity_autodiff::{Dual, F32, Real};

type D = Dual<f64, 3>;

/// The function's value with its derivatives.
fn eval(name: &str, args: &[f64]) -> D {
    let v: Vec<D> = args.iter().enumerate().map(|(i, &x)| D::variable(x, i)).collect();
    match name {
        "lgamma" => v[0].lgamma(),
        "digamma" => v[0].digamma(),
        "ln_beta" => v[0].ln_beta(v[1]),
        "gamma_p" => v[0].gamma_p(v[1]),
        "gamma_q" => v[0].gamma_q(v[1]),
        "log_gamma_p" => v[0].log_gamma_p(v[1]),
        "log_gamma_q" => v[0].log_gamma_q(v[1]),
        "beta_inc" => v[0].beta_inc(v[1], v[2]),
        "beta_inc_upper" => beta_inc::beta_tails(v[0], v[1], v[2]).upper,
        "student_slope" => D::constant(student_t::student_t_draw_slope(args[0], args[1])),
        "gamma_q_inv" => D::constant(gamma_inc::gamma_q_inv(args[0], args[1])),
        _ => v[0].polygamma(name.strip_prefix("polygamma").unwrap().parse().unwrap()),
    }
}

/// The implicit gradients that follow from the golden derivatives of a distribution function, whose
/// last argument is the draw.
fn check_draw_slopes(name: &str, args: &[f64], want: &[f64]) {
    let Some((density, shapes)) = want[1..].split_last() else { return };
    if density.abs() < 1e-290 {
        return; // The quotient below would be one of subnormal numbers.
    }
    let got = match name {
        "gamma_p" => vec![gamma_inc::gamma_draw_slope(args[0], args[1])],
        "beta_inc" => beta_inc::beta_draw_slopes(args[0], args[1], args[2]).to_vec(),
        _ => return,
    };
    for (got, shape) in got.iter().zip(shapes) {
        let want = -shape / density;
        assert!((got - want).abs() <= 1e-12 * want.abs(), "{name}{args:?}: {got} instead of {want}");
    }
}

#[test]
fn golden_values_and_derivatives() {
    let mut worst = (0.0, 0.0);
    for line in include_str!("../golden/gamma.csv").lines() {
        let (name, rest) = line.split_once(',').unwrap();
        let numbers: Vec<f64> = rest.split(',').map(|x| x.parse().unwrap()).collect();
        let count = match name {
            "gamma_q_inv" | "student_slope" => 2,
            _ => (numbers.len() - 1) / 2,
        };
        let (args, want) = numbers.split_at(count);
        check_draw_slopes(name, args, want);
        let got = eval(name, args);
        let conditioning: f64 = args.iter().zip(&want[1..]).map(|(x, d)| (x * d).abs()).sum();
        let ulps = |got: f64, want: f64, size: f64| {
            if got == want { 0.0 } else { (got - want).abs() / size / f64::EPSILON }
        };
        let c = ulps(got.re, want[0], want[0].abs() + conditioning);
        worst.0 = f64::max(worst.0, c);
        assert!(c <= 50.0, "{name}{args:?}: {} instead of {}, {c} ulp", got.re, want[0]);
        for (i, d) in want[1..].iter().enumerate() {
            // A slope moves by the relative change of the value, or by that of the value's own
            // scale.
            let moves = d.abs() * (1.0 + conditioning / want[0].abs().max(f64::MIN_POSITIVE));
            let c = ulps(got.du[i], *d, moves + (want[0].abs() + conditioning) / args[i].abs());
            worst.1 = f64::max(worst.1, c);
            assert!(c <= 50.0, "{name}{args:?}: slope {i} is {} instead of {d}, {c} ulp", got.du[i]);
        }
    }
    println!("worst value {:.1} ulp, worst slope {:.1} ulp", worst.0, worst.1);
}

/// A grid over every branch and far beyond it.
fn shapes() -> impl Iterator<Item = f64> {
    [1e-300, 1e-12, 1e-3, 0.19, 0.5, 1.0, 1.7, 9.99, 10.0, 19.5, 33.0, 250.0, 1e4, 1e7, 1e12, 1e200]
        .into_iter()
}

#[test]
fn extreme_arguments_give_probabilities() {
    let points =
        [5e-324, 1e-200, 1e-9, 0.3, 0.999, 1.0, 1.001, 8.0, 19.0, 34.0, 1e4, 1e7, 1.0001e12, 1e200, 1e300];
    let mut checked = 0;
    let mut check = |what: String, t: probity_autodiff::math::Tails<f64>| {
        assert!((0.0..=1.0).contains(&t.lower) && (0.0..=1.0).contains(&t.upper), "{what}: {t:?}");
        assert!((t.lower + t.upper - 1.0).abs() < 4e-16, "{what}: {t:?}");
        assert!(t.log_lower <= 0.0 && t.log_upper <= 0.0, "{what}: {t:?}");
        assert!((t.log_lower.exp() - t.lower).abs() <= 1e-12 * t.lower, "{what}: {t:?}");
        checked += 1;
    };
    for a in shapes() {
        for x in points {
            check(format!("gamma {a:e} {x:e}"), gamma_inc::gamma_tails(a, x));
            check(format!("t {a:e} {x:e}"), student_t::student_t_tails(a, x));
            for b in shapes() {
                let p = x / (1.0 + x);
                check(format!("beta {a:e} {b:e} {p:e}"), beta_inc::beta_tails(a, b, p));
            }
        }
    }
    assert!(checked > 1000);
}

#[test]
fn tails_do_not_jump_between_branches() {
    // Each pair of points lies on the two sides of a border between two algorithms.
    let step = 1e-9;
    for x in [0.2, 0.9, 0.9999, 3.0, 9.0, 14.0, 19.0, 25.0] {
        for a in [0.2, 1.0, 10.0, 20.0, x] {
            let [low, high] =
                [-step, step].map(|h| gamma_inc::gamma_tails(D::variable(a + a * h, 0), D::constant(x)));
            let slope = (high.lower.re - low.lower.re) / (2.0 * step * a);
            assert!((slope - low.lower.du[0]).abs() < 1e-6, "P({a}, {x}): {slope} {}", low.lower.du[0]);
        }
    }
    for (a, b, x) in [
        (10.0, 3.0, 0.7),
        (10.0, 30.0, 0.2),
        (0.9, 8.0, 0.125),
        (4.0, 6.0, 0.4),
        (0.5, 0.5, 0.5),
        (12.0, 12.0, 0.5),
    ] {
        for flip in [false, true] {
            let at = |h: f64| {
                let x = D::variable(x + x * h, 0);
                let [a, b] = [a - a * h, b - b * h].map(D::constant);
                let t =
                    if flip { beta_inc::beta_tails(b, a, -x + 1.0) } else { beta_inc::beta_tails(a, b, x) };
                t.lower
            };
            let (low, high) = (at(-step), at(step));
            assert!((high.re - low.re).abs() < 50.0 * step, "I({a}, {b}, {x})");
            assert!((high.du[0] - low.du[0]).abs() < 1e-5 * low.du[0].abs(), "I({a}, {b}, {x})");
        }
    }
}

#[test]
fn quantiles_invert_in_both_tails() {
    let tails = [1e-300, 1e-40, 1e-9, 0.01, 0.3, 0.5];
    let near = |got: f64, want: f64, size: f64, what: String| {
        assert!((got - want).abs() <= 1e-12 * (want.abs() + size), "{what}: {got:e} instead of {want:e}");
    };
    for a in [0.02, 0.4, 1.0, 3.0, 15.0, 40.0, 1e3, 1e6, 1e10] {
        for p in tails {
            let x = gamma_inc::gamma_p_inv(a, p);
            let t = gamma_inc::gamma_tails(D::constant(a), D::variable(x, 0));
            if x > 1e-300 {
                near(t.lower.re, p, x * t.lower.du[0].abs(), format!("P inverse {a} {p:e}"));
            }
            let x = gamma_inc::gamma_q_inv(a, p);
            let t = gamma_inc::gamma_tails(D::constant(a), D::variable(x, 0));
            if x > 1e-300 {
                near(t.upper.re, p, x * t.upper.du[0].abs(), format!("Q inverse {a} {p:e}"));
            }
            for b in [0.02, 0.4, 1.0, 3.0, 15.0, 1e3, 1e6] {
                let what = format!("beta inverse {a} {b} {p:e}");
                let (x, y) = beta_inc::beta_inc_inv(a, b, p);
                assert!((x + y - 1.0).abs() < 3e-16, "{what}");
                let (y_up, x_up) = beta_inc::beta_inc_upper_inv(b, a, p);
                assert!((x - x_up).abs() <= 1e-12 * x && (y - y_up).abs() <= 1e-12 * y, "{what}");
                // x alone holds the probability where it is the small coordinate.
                if x > 1e-300 && x < 0.5 {
                    let t = beta_inc::beta_tails(D::constant(a), D::constant(b), D::variable(x, 0));
                    near(t.lower.re, p, x * t.lower.du[0].abs(), what);
                }
            }
            if p < 0.5 {
                let x = student_t::student_t_icdf(a, p);
                let t = student_t::student_t_tails(D::constant(a), D::variable(x, 0));
                if x > -1e300 {
                    near(t.lower.re, p, (x * t.lower.du[0]).abs(), format!("t inverse {a} {p:e}"));
                }
            }
        }
    }
}

#[test]
fn edges_and_nonsense() {
    let nan = f64::NAN;
    assert_eq!((2.0.gamma_p(0.0), 2.0.gamma_q(0.0), 2.0.gamma_p(f64::INFINITY)), (0.0, 1.0, 1.0));
    assert_eq!(1.0.gamma_p(0.0), 0.0);
    // At the edge, P(1, x) = 1 - e⁻ˣ has slope 1.
    assert_eq!(D::constant(1.0).gamma_p(D::variable(0.0, 0)).du[0], 1.0);
    assert_eq!((2.0.beta_inc(3.0, 0.0), 2.0.beta_inc(3.0, 1.0)), (0.0, 1.0));
    assert_eq!(student_t::student_t_cdf(3.0, 0.0), 0.5);
    assert_eq!(student_t::student_t_cdf(3.0, f64::NEG_INFINITY), 0.0);
    assert_eq!(student_t::student_t_icdf(3.0, 0.5), 0.0);
    assert_eq!(student_t::student_t_icdf(3.0, 1.0), f64::INFINITY);
    assert_eq!((gamma_inc::gamma_p_inv(3.0, 0.0), gamma_inc::gamma_q_inv(3.0, 0.0)), (0.0, f64::INFINITY));
    assert_eq!(beta_inc::beta_inc_inv(3.0, 2.0, 1.0), (1.0, 0.0));
    let bad = [
        nan.gamma_p(1.0),
        2.0.gamma_p(nan),
        (-1.0).gamma_p(1.0),
        2.0.gamma_p(-1.0),
        nan.beta_inc(1.0, 0.5),
        1.0.beta_inc(-1.0, 0.5),
        1.0.beta_inc(1.0, 1.5),
        student_t::student_t_cdf(nan, 1.0),
        student_t::student_t_cdf(1.0, nan),
        student_t::student_t_draw_slope(nan, 1.0),
        student_t::student_t_draw_slope(50.0, nan),
        gamma_inc::gamma_p_inv(2.0, 1.5),
        gamma_inc::gamma_draw_slope(nan, 1.0),
        gamma_inc::gamma_draw_slope(1.0, nan),
        beta_inc::beta_inc_inv(1.0, nan, 0.5).0,
        beta_inc::beta_draw_slopes(1.0, nan, 0.5)[0],
        beta_inc::beta_draw_slopes(1.0, 1.0, nan)[0],
        nan.lgamma(),
        nan.digamma(),
        nan.polygamma(1),
        (-2.0).digamma(),
        nan.ln_beta(2.0),
        2.0.ln_beta(nan),
    ];
    for (i, x) in bad.iter().enumerate() {
        assert!(x.is_nan(), "number {i} is {x}");
    }
}

/// Second derivatives in the shapes change sign, so that the bound is relative to themselves and to
/// the first over the shape: what a relative change of the shape makes of the first.
#[test]
fn golden_second_derivatives() {
    type D2 = Dual<Dual<f64, 2>, 2>;
    let mut worst = [0.0; 2];
    for line in include_str!("../golden/gamma_second.csv").lines() {
        let (name, rest) = line.split_once(',').unwrap();
        let numbers: Vec<f64> = rest.split(',').map(|x| x.parse().unwrap()).collect();
        let shapes = if name == "beta_inc" { 2 } else { 1 };
        let (args, want) = numbers.split_at(shapes + 1);
        let v: Vec<D2> = (0..shapes).map(|i| D2::variable(Dual::variable(args[i], i), i)).collect();
        let x = D2::constant(Dual::constant(args[shapes]));
        let got = match name {
            "gamma_p" => v[0].gamma_p(x),
            "beta_inc" => v[0].beta_inc(v[1], x),
            _ => student_t::student_t_cdf(v[0], x),
        };
        // The distribution function of Student's t hardly depends on a large df.
        let (kind, bound) = if name == "student_t" { (1, 2e-11) } else { (0, 1e-12) };
        let (first, second) = want.split_at(shapes);
        let pairs = [(0, 0), (0, 1), (1, 1)];
        let pairs = if shapes == 1 { &pairs[..1] } else { &pairs[..] };
        for (&(i, j), want) in pairs.iter().zip(second) {
            let size = want.abs() + (first[i] / args[j]).abs().max((first[j] / args[i]).abs());
            for got in [got.du[i].du[j], got.du[j].du[i]] {
                let error = (got - want).abs() / size;
                worst[kind] = f64::max(worst[kind], error);
                assert!(error < bound, "{name}{args:?}: derivative {i}{j} is {got} instead of {want}");
            }
        }
    }
    println!("worst second derivative {:.1e}, of Student's t {:.1e}", worst[0], worst[1]);
    let a = D2::variable(Dual::variable(2.5, 0), 0);
    assert_eq!(a.lgamma().du[0].du[0], 2.5.polygamma(1));
}

#[test]
fn single_precision_is_the_rounded_double() {
    let [a, b, x] = [2.3_f32, 4.1, 0.3];
    let [af, bf, xf] = [a, b, x].map(f64::from);
    assert_eq!(F32(a).lgamma().0, af.lgamma() as f32);
    assert_eq!(F32(a).gamma_p(F32(x)).0, af.gamma_p(xf) as f32);
    assert_eq!(F32(a).ln_beta(F32(b)).0, af.ln_beta(bf) as f32);
    let dual = Dual::<F32, 1>::variable(F32(a), 0).beta_inc(Dual::constant(F32(b)), Dual::constant(F32(x)));
    assert_eq!(dual.re.0, af.beta_inc(bf, xf) as f32);
    assert_eq!(dual.du[0].0, beta_inc::beta_inc_dab(af, bf, xf)[0] as f32);
}

#[test]
fn multivariate_gamma_of_one_dimension_is_the_gamma_function() {
    assert_eq!(gamma::multigammaln(3.3, 1), 3.3.lgamma());
    let two = gamma::multigammaln(3.3, 2);
    let want = 0.5 * std::f64::consts::PI.ln() + 3.3.lgamma() + 2.8.lgamma();
    assert!((two - want).abs() < 1e-15);
}
