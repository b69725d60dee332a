//! Derivatives of every elementary function on `Dual`, first and second, against an independent
//! crate.

use num_dual::{Dual2_64, Dual64, DualNum};
use probity_autodiff::{Dual, Real};

type Second = Dual<Dual<f64, 1>, 1>;

/// Value, first and second derivative at `x`.
fn ours(f: impl Fn(Second) -> Second, x: f64) -> [f64; 3] {
    let y = f(Dual::variable(Dual::variable(x, 0), 0));
    let (outer, inner) = (y.du[0].re, y.re.du[0]);
    assert!(outer == inner || outer.is_nan(), "the two first derivatives at {x}: {outer:e}, {inner:e}");
    [y.re.re, y.du[0].re, y.du[0].du[0]]
}

fn close(name: &str, x: f64, got: [f64; 3], want: [f64; 3], tolerance: f64) {
    for (order, (g, w)) in got.into_iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= tolerance * (w.abs() + 1e-290),
            "{name}, derivative {order} at {x:e}: {g:e}, not {w:e}"
        );
    }
}

macro_rules! against_num_dual {
    ($points:expr; $($name:literal $ours:expr, $theirs:expr;)*) => {$(
        for x in $points {
            let theirs: fn(Dual2_64) -> Dual2_64 = $theirs;
            let t = theirs(Dual2_64::from_re(x).derivative());
            close($name, x, ours($ours, x), [t.re, t.v1, t.v2], 1e-13);
            let first: Dual<f64, 1> = ($ours)(Dual::variable(x, 0));
            assert!((first.du[0] - t.v1).abs() <= 1e-13 * t.v1.abs(), "{}: first order alone", $name);
        }
    )*};
}

#[test]
fn agree_with_num_dual() {
    against_num_dual! { [0.03, 0.7, 1.3, 2.9, 17.0];
        "ln" Real::ln, |x| x.ln();
        "sqrt" Real::sqrt, |x| x.sqrt();
        "powi -3" |x| Real::powi(x, -3), |x| x.powi(-3);
        "powf" |x| Real::powf(x, Real::of(1.7)), |x| x.powf(1.7);
        "recip" Real::recip, |x| x.recip();
        "x^x" |x| Real::powf(x, x), |x| (x.ln() * x).exp();
    }
    against_num_dual! { [-4.1, -0.6, -0.02, 0.3, 1.1, 5.5];
        "exp" Real::exp, |x| x.exp();
        "exp_m1" Real::exp_m1, |x| x.exp_m1();
        "exp_minus_abs" Real::exp_minus_abs, |x| (-x * x.re.signum()).exp();
        "sin" Real::sin, |x| x.sin();
        "cos" Real::cos, |x| x.cos();
        "tan" Real::tan, |x| x.tan();
        "atan" Real::atan, |x| x.atan();
        "tanh near 0" |x| Real::tanh(x * 0.1), |x| (x * 0.1).tanh();
        "powi 2" |x| Real::powi(x, 2), |x| x.powi(2);
        "powi 1" |x| Real::powi(x, 1), |x| x;
        "powi 5" |x| Real::powi(x, 5), |x| x.powi(5);
        "sq" Real::sq, |x| x.powi(2);
        "abs" Real::abs, |x| x * x.re.signum();
        "quotient" |x| (x * x + 1.0) / (x + 7.0), |x| (x * x + 1.0) / (x + 7.0);
        "constants" |x| ((x - 2.0) / 3.0 + 1.0) * -0.5, |x| ((x - 2.0) / 3.0 + 1.0) * -0.5;
    }
    against_num_dual! { [-0.9, -0.3, 1e-9, 0.4, 8.0];
        "ln_1p" Real::ln_1p, |x| x.ln_1p();
    }
}

#[test]
fn the_logistic_family_keeps_its_tails() {
    for x in [-700.0, -40.0, -3.0, -1e-2, 0.0, 0.2, 4.0, 36.0, 300.0] {
        let (s, c) = (1.0 / (1.0 + f64::exp(-x)), 1.0 / (1.0 + f64::exp(x)));
        let bend = s * c * -(x / 2.0).tanh();
        close("sigmoid", x, ours(Real::sigmoid, x), [s, s * c, bend], 1e-13);
        close("softplus", x, ours(Real::softplus, x), [softplus(x), s, s * c], 1e-13);
        close("log_sigmoid", x, ours(Real::log_sigmoid, x), [-softplus(-x), c, -s * c], 1e-13);
        let slope = f64::cosh(x).powi(-2);
        if x.abs() < 350.0 {
            close("tanh", x, ours(Real::tanh, x), [x.tanh(), slope, -2.0 * x.tanh() * slope], 1e-13);
        }
    }
    for y in [1e-100, 1e-3, 0.5, 2.0, 3.0, 40.0, 800.0] {
        let d = f64::exp_m1(y).recip();
        let second = -d * (1.0 + d);
        let log1mexp = if y < 1.0 { (-(-y).exp_m1()).ln() } else { (-(-y).exp()).ln_1p() };
        close("softplus_inv", y, ours(Real::softplus_inv, y), [y + log1mexp, 1.0 + d, second], 1e-12);
        close("log1mexp", y, ours(Real::log1mexp, y), [log1mexp, d, second], 1e-12);
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[test]
fn edges_have_the_documented_slopes() {
    let at = |f: fn(Dual<f64, 1>) -> Dual<f64, 1>, x: f64| f(Dual::variable(x, 0)).du[0];
    assert_eq!(at(Real::abs, 0.0), 0.0);
    assert_eq!(at(Real::relu, 0.0), 0.0);
    assert_eq!((at(Real::relu, 1.0), at(Real::relu, -1.0)), (1.0, 0.0));
    assert_eq!(at(Real::signum, 3.0), 0.0);
    assert_eq!(at(|x| x.powi(0), 0.0), 0.0);
    assert_eq!(at(|x| x.powi(1), 0.0), 1.0);
    assert_eq!(at(|x| x.powf(Dual::constant(0.0)), 0.0), 0.0);
    assert_eq!(at(|x| x.powf(Dual::constant(1.0)), 0.0), 1.0);
    assert_eq!(at(|x| x.powf(Dual::constant(2.0)), 0.0), 0.0);
    assert_eq!(at(|x| x.max(Dual::constant(1.0)), 2.0), 1.0);
    assert_eq!(at(|x| x.min(Dual::constant(1.0)), 2.0), 0.0);
    assert_eq!(at(|x| x % Dual::constant(0.75), 2.0), 1.0);
    assert_eq!(at(|x| Dual::constant(2.0) % x, 0.75), -2.0);
    assert_eq!(at(|x| x.powi(i32::MIN), 1.0), -2147483648.0);
}

#[test]
fn pairs_have_the_documented_slopes() {
    type Pair = Dual<Dual<f64, 2>, 2>;
    let at = |f: fn(Pair, Pair) -> Pair, x: f64, y: f64| {
        let z = f(Dual::variable(Dual::variable(x, 0), 0), Dual::variable(Dual::variable(y, 1), 1));
        [z.du[0].re, z.du[1].re, z.du[0].du[0], z.du[0].du[1], z.du[1].du[1]]
    };
    assert_eq!(at(Real::log_add_exp, 2.0, 2.0), [0.5, 0.5, 0.25, -0.25, 0.25]);
    assert_eq!(at(Real::log_add_exp, 900.0, -900.0), [1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(at(Real::log_add_exp, f64::NEG_INFINITY, f64::NEG_INFINITY)[..2], [0.5, 0.5]);
    assert_eq!(at(Real::log_add_exp, f64::NEG_INFINITY, 1.0)[..2], [0.0, 1.0]);
    assert_eq!(at(Real::xlogy, 3.0, 0.5), [-std::f64::consts::LN_2, 6.0, 0.0, 2.0, -12.0]);
    assert_eq!(at(Real::xlogy, 0.0, 1.0), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(at(Real::xlogy, 0.0, 0.0), [0.0; 5]);
}

#[test]
fn partial_derivatives_stay_apart() {
    let (x, y) = (1.3, 0.4);
    let f = |x: Dual<f64, 2>, y: Dual<f64, 2>| (x * y).sin() / (x + y) + x.powf(y);
    let got = f(Dual::variable(x, 0), Dual::variable(y, 1));
    let theirs = |x: Dual64, y: Dual64| (x * y).sin() / (x + y) + (y * x.ln()).exp();
    let along_x = theirs(Dual64::from_re(x).derivative(), Dual64::from_re(y));
    let along_y = theirs(Dual64::from_re(x), Dual64::from_re(y).derivative());
    assert!((got.re - along_x.re).abs() < 1e-15);
    assert!((got.du[0] - along_x.eps).abs() < 1e-15);
    assert!((got.du[1] - along_y.eps).abs() < 1e-15);
}

/// Within 8 units of what the argument's own rounding does to the derivative (see `common::check`).
#[test]
fn the_error_function_family_keeps_its_digits_to_second_order() {
    let mut worst = std::collections::BTreeMap::<(&str, usize), (f64, f64)>::new();
    for line in include_str!("../golden/slopes.csv").lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let [x, want, scale] = [2, 3, 4].map(|i: usize| cells[i].parse::<f64>().unwrap());
        let f: fn(Second) -> Second = match cells[0] {
            "erf" => Real::erf,
            "erfc" => Real::erfc,
            "erfcx" => Real::erfcx,
            "erfinv" => Real::erfinv,
            "ndtr" => Real::ndtr,
            "log_ndtr" => Real::log_ndtr,
            "ndtri" => Real::ndtri,
            other => panic!("{other}"),
        };
        let order: usize = cells[1].parse().unwrap();
        let (got, floor): (f64, f64) = (ours(f, x)[order], f64::MIN_POSITIVE);
        let error = f64::max((got - want).abs() - floor, 0.0) / (f64::EPSILON * scale);
        let error = if got.is_nan() { f64::INFINITY } else { error };
        let entry = worst.entry((cells[0], order)).or_insert((0.0, 0.0));
        if error >= entry.0 {
            *entry = (error, x);
        }
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 14);
    assert!(worst.values().all(|w| w.0 <= 8.0));
}

/// The reciprocal of a subnormal number overflows, not the derivative of a quotient by it.
#[test]
fn quotients_of_subnormal_numbers_have_slopes() {
    for x in [1e-300f64, 5e-309, 1e-320, 5e-324] {
        let d = Dual::<f64, 1>::variable(x, 0);
        for quotient in [d / d, d / (d * 2.0), (d * 3.0) / d] {
            assert_eq!(quotient.du[0], 0.0, "{x:e}");
        }
        assert_eq!((Dual::constant(1.0) / d).du[0], f64::NEG_INFINITY);
        let small = d * 1e-20 / Dual::constant(x);
        assert!(
            (small.du[0] * x / 1e-20 - 1.0).abs() < 1e-9 || small.du[0].is_infinite(),
            "{x:e}: {}",
            small.du[0]
        );
    }
    for x in [1e-38f32, 1e-40, 1e-45] {
        let d = Dual::<probity_autodiff::F32, 1>::variable(probity_autodiff::F32(x), 0);
        assert_eq!((d / d).du[0].0, 0.0, "{x:e}");
    }
    // 1e-300 of a slope, by 1e-310.
    let slope = (Dual::<f64, 1>::variable(1.0, 0) * 1e-300 / Dual::constant(1e-310)).du[0];
    assert!((slope / 1e10 - 1.0).abs() < 1e-12, "{slope:e}");
    // An infinite quotient by a constant.
    let d = Dual::<f64, 1>::constant(2.0);
    assert_eq!((Dual::variable(f64::INFINITY, 0) / d).du[0], 0.5);
}
