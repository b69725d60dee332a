//! The error bounds that the table in the documentation of `Real` promises, measured.

use crate::common::{ulp, ulp32};
use probity_autodiff::{F32, Real, parallel_map};

/// Looks a function up by name, for any number.
fn unary<R: Real>(name: &str) -> Option<fn(R) -> R> {
    Some(match name {
        "exp" => R::exp,
        "exp_m1" => R::exp_m1,
        "ln" => R::ln,
        "ln_1p" => R::ln_1p,
        "sqrt" => R::sqrt,
        "sigmoid" => R::sigmoid,
        "softplus" => R::softplus,
        "log_sigmoid" => R::log_sigmoid,
        "softplus_inv" => R::softplus_inv,
        "log1mexp" => R::log1mexp,
        "tanh" => R::tanh,
        "sin" => R::sin,
        "cos" => R::cos,
        "tan" => R::tan,
        "atan" => R::atan,
        "atanh" => R::atanh,
        "erf" => R::erf,
        "erfc" => R::erfc,
        "erfcx" => R::erfcx,
        "erfinv" => R::erfinv,
        "ndtr" => R::ndtr,
        "log_ndtr" => R::log_ndtr,
        "ndtri" => R::ndtri,
        _ => return None,
    })
}

/// What one ulp means for these: relative to `|f| + |x f'|`, as their documentation says.
fn conditioning(name: &str) -> fn(f64) -> f64 {
    match name {
        "softplus_inv" => |x| (x / (-x).exp_m1()).abs(),
        "log1mexp" => |x| (x / x.exp_m1()).abs(),
        _ => |_| 0.0,
    }
}

/// The documented bound for `f64` and for `F32`.
fn bound(name: &str) -> (f64, f64) {
    match name {
        "exp" | "ln" | "sqrt" => (1.0, 1.0),
        "sin" | "cos" | "tan" | "atan" | "powf" => (1.0, 1.5),
        "exp_m1" | "ln_1p" => (2.0, 2.0),
        "erf" => (1.0, 1.0),
        "erfc" => (2.0, 1.0),
        "erfcx" => (3.0, 1.0),
        "ndtr" | "log_ndtr" | "ndtri" | "erfinv" => (4.0, 1.0),
        _ => (3.0, 3.0),
    }
}

#[test]
fn doubles_hold_the_documented_bounds() {
    let mut worst = std::collections::BTreeMap::<&str, (f64, f64, usize)>::new();
    for line in include_str!("../golden/elementary.csv").lines() {
        let mut cells = line.split(',');
        let name = cells.next().unwrap();
        let numbers: Vec<f64> = cells.map(|c| c.parse().unwrap()).collect();
        let [args @ .., value, rest] = &numbers[..] else { panic!("{line}") };
        let got = match unary::<f64>(name) {
            Some(f) => f(args[0]),
            None if name == "powf" => args[0].powf(args[1]),
            None => continue,
        };
        let error =
            ((got - value) / ulp((value.abs() + conditioning(name)(args[0])).min(f64::MAX)) - rest).abs();
        let entry = worst.entry(name).or_insert((0.0, 0.0, 0));
        entry.2 += 1;
        if !(error <= entry.0) {
            (entry.0, entry.1) = (error, args[0]);
        }
    }
    assert_eq!(worst.len(), 24);
    for (name, (error, x, n)) in &worst {
        println!("{name:13} {error:.3} ulp at {x:e} ({n} points)");
    }
    for (name, (error, x, _)) in worst {
        assert!(error <= bound(name).0, "{name}: {error} ulp at {x:e}");
    }
}

/// The same function in double precision, by the standard library.
fn reference(name: &str) -> fn(f64) -> f64 {
    match name {
        "exp" => f64::exp,
        "exp_m1" => f64::exp_m1,
        "ln" => f64::ln,
        "ln_1p" => f64::ln_1p,
        "sqrt" => f64::sqrt,
        "sigmoid" => |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
        "softplus" => |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        "log_sigmoid" => |x| x.min(0.0) - (-x.abs()).exp().ln_1p(),
        "softplus_inv" => |x| if x > 1.0 { x + (-(-x).exp()).ln_1p() } else { x.exp_m1().ln() },
        "log1mexp" => |x| if x > 0.5 { (-(-x).exp()).ln_1p() } else { (-(-x).exp_m1()).ln() },
        "tanh" => f64::tanh,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "atan" => f64::atan,
        // The standard library's cancels for negative x near -1.
        "atanh" => |x| x.abs().atanh().copysign(x),
        _ => unreachable!(),
    }
}

/// The goldens are few; the standard library, itself within an ulp or two, is a reference
/// everywhere between.
#[test]
fn doubles_stay_near_the_standard_library() {
    for name in NAMES {
        let (f, reference, conditioning) = (unary::<f64>(name).unwrap(), reference(name), conditioning(name));
        let (mut worst, mut bits) = ((0.0, 0.0), 0_u64);
        for i in 0..1_000_000 {
            bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
            // Half of the points are over all doubles, half where the functions bend.
            let x = if i % 2 == 0 { f64::from_bits(bits) } else { (bits as i64) as f64 * 2e-18 };
            let (got, near) = (f(x), reference(x));
            if near.is_infinite() || near.is_nan() {
                assert!(got == near || near.is_nan() && got.is_nan(), "{name}({x:e}) = {got}, not {near}");
                continue;
            }
            let error = (got - near).abs() / ulp((near.abs() + conditioning(x)).min(f64::MAX));
            if !(error <= worst.0) {
                worst = (error, x);
            }
        }
        println!("{name:13} {:.1} ulp from the standard library at {:e}", worst.0, worst.1);
        assert!(worst.0 <= bound(name).0 + 2.0, "{name}: {worst:?}");
    }
}

const NAMES: [&str; 16] = [
    "exp",
    "exp_m1",
    "ln",
    "ln_1p",
    "sqrt",
    "sigmoid",
    "softplus",
    "log_sigmoid",
    "softplus_inv",
    "log1mexp",
    "tanh",
    "sin",
    "cos",
    "tan",
    "atan",
    "atanh",
];

/// Worst error of the `f32` function over every `stride`-th float there is.
fn worst_single(name: &str, stride: usize) -> (f64, f32) {
    let (f, reference, conditioning) = (unary::<F32>(name).unwrap(), reference(name), conditioning(name));
    let mut worst = (0.0, 0.0);
    for bits in (0..=u32::MAX).step_by(stride) {
        let x = f32::from_bits(bits);
        let (got, exact) = (f(F32(x)).0, reference(f64::from(x)));
        if exact.is_nan() || (exact as f32).is_infinite() {
            assert!(
                got == exact as f32 || exact.is_nan() && got.is_nan(),
                "{name}({x:e}) = {got}, not {exact}"
            );
            continue;
        }
        let scale = exact.abs() + conditioning(f64::from(x));
        let error = (f64::from(got) - exact).abs() / ulp32((scale as f32).min(f32::MAX));
        if !(error <= worst.0) {
            worst = (error, x);
        }
    }
    worst
}

fn singles_hold_the_documented_bounds(stride: usize) {
    let worst = parallel_map(NAMES.len(), |i| (NAMES[i], worst_single(NAMES[i], stride)));
    for (name, (error, x)) in &worst {
        println!("{name:13} {error:.3} ulp at {x:e}");
    }
    for (name, (error, x)) in worst {
        assert!(error <= bound(name).1, "{name}: {error} ulp at {x:e}");
    }
}

#[test]
fn singles_hold_the_documented_bounds_on_a_sweep() {
    singles_hold_the_documented_bounds(1009);
}

/// A few minutes: `cargo test --release -p probity-autodiff-tests ulp:: -- --ignored --nocapture`.
#[test]
#[ignore = "minutes"]
fn singles_hold_the_documented_bounds_on_a_fine_sweep() {
    singles_hold_the_documented_bounds(17);
}

#[test]
fn single_pairs_hold_the_documented_bounds() {
    let mut worst = [0.0_f64; 2];
    for i in 0..3_000_000_u32 {
        let a = (i.wrapping_mul(2_654_435_761) as i32) as f32 * 1e-8;
        let b = (i.wrapping_mul(3_266_489_917) as i32) as f32 * 1e-8;
        let (da, db) = (f64::from(a), f64::from(b));
        let [small, large] = if a < b { [da, db] } else { [db, da] };
        let tail = (small - large).exp();
        let exact = large + tail.ln_1p();
        let scale = exact.abs() + (large.abs() + small.abs() * tail) / (1.0 + tail);
        let error = f64::from(F32(a).log_add_exp(F32(b)).0) - exact;
        worst[0] = worst[0].max(error.abs() / ulp32(scale as f32));
        let y = f32::from_bits(i.wrapping_mul(2_654_435_761) >> 1).min(f32::MAX);
        let exact = db * f64::from(y).ln();
        let error = f64::from(F32(b).xlogy(F32(y)).0) - exact;
        if y > 0.0 {
            worst[1] = worst[1].max(error.abs() / ulp32((exact.abs() + db.abs()) as f32));
        }
    }
    println!("log_add_exp {:.3} ulp, xlogy {:.3} ulp", worst[0], worst[1]);
    assert!(worst[0] > 0.4 && worst[0] <= 3.0 && worst[1] > 0.4 && worst[1] <= 3.0);
}

/// Computed in double precision, which the goldens test: only the final rounding is left.
#[test]
fn wide_singles_are_the_doubles_rounded() {
    for name in ["erf", "erfc", "erfcx", "erfinv", "ndtr", "log_ndtr", "ndtri"] {
        let (single, double) = (unary::<F32>(name).unwrap(), unary::<f64>(name).unwrap());
        for bits in (0..=u32::MAX).step_by(100_003) {
            let x = f32::from_bits(bits);
            let (got, want) = (single(F32(x)).0, double(f64::from(x)) as f32);
            assert!(got == want || got.is_nan() && want.is_nan(), "{name}({x:e})");
        }
    }
}

#[test]
fn single_powers_are_the_doubles_rounded() {
    let mut worst = 0.0_f64;
    for i in 1..2000_u32 {
        let x = f32::from_bits(i * 1_000_003);
        for p in [-3.5, -1.0, -1e-3, 0.0, 1e-7, 0.5, 1.0, 1.7, 2.0, 10.0] {
            let (got, exact) = (F32(x).powf(F32(p)).0, f64::from(x).powf(f64::from(p)));
            if (exact as f32).is_finite() && x > 0.0 {
                worst = worst.max((f64::from(got) - exact).abs() / ulp32(exact as f32));
            }
        }
    }
    println!("powf {worst:.3} ulp");
    assert!(worst <= 1.0);
}

/// Values at zeros, infinities, poles and NaN; signs of zeros included.
fn limits<R: Real>() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    use std::f64::consts::{E, LN_2};
    let table: [(&str, [f64; 6]); 19] = [
        // at 0, -0, inf, -inf, NaN, 1
        ("exp", [1.0, 1.0, INF, 0.0, NAN, E]),
        ("exp_m1", [0.0, -0.0, INF, -1.0, NAN, E - 1.0]),
        ("ln", [-INF, -INF, INF, NAN, NAN, 0.0]),
        ("ln_1p", [0.0, -0.0, INF, NAN, NAN, LN_2]),
        ("sqrt", [0.0, -0.0, INF, NAN, NAN, 1.0]),
        ("sigmoid", [0.5, 0.5, 1.0, 0.0, NAN, 0.7310585786300049]),
        ("softplus", [LN_2, LN_2, INF, 0.0, NAN, 1.3132616875182228]),
        ("log_sigmoid", [-LN_2, -LN_2, -0.0, -INF, NAN, -0.31326168751822286]),
        ("softplus_inv", [-INF, -INF, INF, NAN, NAN, 0.541324854612918]),
        ("log1mexp", [-INF, -INF, -0.0, NAN, NAN, -0.4586751453870819]),
        ("tanh", [0.0, -0.0, 1.0, -1.0, NAN, 0.7615941559557649]),
        ("atanh", [0.0, -0.0, NAN, NAN, NAN, INF]),
        ("erf", [0.0, -0.0, 1.0, -1.0, NAN, 0.8427007929497149]),
        ("erfc", [1.0, 1.0, 0.0, 2.0, NAN, 0.15729920705028513]),
        ("erfcx", [1.0, 1.0, 0.0, INF, NAN, 0.427583576155807]),
        ("erfinv", [0.0, -0.0, NAN, NAN, NAN, INF]),
        ("ndtr", [0.5, 0.5, 1.0, 0.0, NAN, 0.8413447460685429]),
        ("log_ndtr", [-LN_2, -LN_2, -0.0, -INF, NAN, -0.17275377902344985]),
        ("ndtri", [-INF, -INF, NAN, NAN, NAN, INF]),
    ];
    for (name, wanted) in table {
        let f = unary::<R>(name).unwrap();
        for (x, want) in [0.0, -0.0, INF, -INF, NAN, 1.0].into_iter().zip(wanted) {
            let (got, want) = (f(R::of(x)).re(), R::of(want).re());
            let same = got == want && (want != 0.0 || got.is_sign_negative() == want.is_sign_negative());
            let close = (got - want).abs() <= 2e-7 * want.abs() && want != 0.0;
            assert!(same || close || got.is_nan() && want.is_nan(), "{name}({x}) = {got:?}, not {want:?}");
        }
    }
    assert!(R::ln_1p(R::of(-1.0)).re() == -INF && R::ln_1p(R::of(-1.5)).re().is_nan());
    assert!(R::of(NAN).relu().re().is_nan() && R::of(-1.0).relu().re() == 0.0);
    assert!(R::of(NAN).signum().re().is_nan() && R::of(NAN).abs().re().is_nan());
    assert!(R::of(NAN).max(R::zero()).re().is_nan() && R::of(NAN).min(R::zero()).re().is_nan());
}

/// The same for the functions of two arguments.
fn limits_of_pairs<R: Real>() {
    const INF: f64 = f64::INFINITY;
    let lae = |a, b| R::of(a).log_add_exp(R::of(b)).re();
    assert_eq!([lae(-INF, -INF), lae(INF, INF), lae(INF, -INF), lae(-INF, 3.0)], [-INF, INF, INF, 3.0]);
    assert_eq!([lae(1e30, -1e30), lae(-1e30, 1e30)], [R::of(1e30).re(); 2]);
    assert!(lae(f64::NAN, 1.0).is_nan() && lae(1.0, f64::NAN).is_nan());
    let xlogy = |x, y| R::of(x).xlogy(R::of(y)).re();
    assert_eq!([xlogy(0.0, 0.0), xlogy(0.0, INF), xlogy(0.0, 2.0), xlogy(3.0, 0.0)], [0.0, 0.0, 0.0, -INF]);
    assert!(xlogy(0.0, f64::NAN).is_nan() && xlogy(f64::NAN, 1.0).is_nan() && xlogy(1.0, -1.0).is_nan());
}

#[test]
fn limits_of_both_precisions() {
    limits_of_pairs::<f64>();
    limits_of_pairs::<F32>();
    limits_of_pairs::<probity_autodiff::Dual<f64, 1>>();
    limits::<f64>();
    limits::<F32>();
    limits::<probity_autodiff::Dual<f64, 1>>();
}

#[test]
fn the_logistic_family_is_exact_far_out() {
    assert_eq!(1e3.softplus(), 1e3);
    assert_eq!((-1e3).softplus(), 0.0);
    assert_eq!(Real::softplus(-744.0), (-744.0_f64).exp());
    assert_eq!(Real::sigmoid(-744.0), (-744.0_f64).exp());
    assert_eq!(1e300.softplus_inv(), 1e300);
    assert_eq!(1e-300.softplus_inv(), 1e-300_f64.ln());
    assert_eq!(5e-324.log1mexp(), 5e-324_f64.ln());
    assert_eq!(1e10.log_sigmoid(), -0.0);
}

#[test]
fn softplus_comes_with_its_slopes() {
    // Within 5 ulp of the functions by themselves (which are within 3), at every size.
    fn check<R: Real>(x: R, unit: impl Fn(f64) -> f64) {
        let [y, slope, log_slope] = x.softplus_and_slopes().map(Real::re);
        let sigmoid = x.sigmoid().re();
        assert_eq!(y, x.softplus().re());
        assert!((slope - sigmoid).abs() <= 6.0 * unit(sigmoid), "{x:?}: {slope} {sigmoid}");
        let ratio = if y == 0.0 { 1.0 } else { sigmoid / y };
        assert!((log_slope - ratio).abs() <= 8.0 * unit(ratio), "{x:?}: {log_slope} {ratio}");
    }
    for i in -4000..4000 {
        for x in [i as f64 * 0.01, i as f64 * 0.2] {
            check(x, ulp);
            check(F32(x as f32), |x| ulp32(x as f32));
        }
    }
    for x in [1e3, 1e30, -1e30, 1e300, -1e300] {
        check(x, ulp);
    }
    assert_eq!(f64::INFINITY.softplus_and_slopes(), [f64::INFINITY, 1.0, 0.0]);
    assert_eq!(f64::NEG_INFINITY.softplus_and_slopes(), [0.0, 0.0, 1.0]);
    assert!(f64::NAN.softplus_and_slopes().iter().all(|x| x.is_nan()));
}
