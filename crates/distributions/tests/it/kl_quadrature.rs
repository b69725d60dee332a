//! KL divergences by quadrature against golden values, and their cost.

use nalgebra::DMatrix;
use probity_autodiff::{Formula, Tape, Var, partials};
use probity_distributions::quadrature::{NormalScaleMixtureKl, NormalStudentTKl};
use std::hint::black_box;
use std::time::Instant;

const SCALE_MIXTURE: &str = include_str!("../golden/kl_scale_mixture.csv");
const STUDENT_T: &str = include_str!("../golden/kl_student_t.csv");

fn rows(table: &str) -> Vec<[f64; 11]> {
    let row = |line: &str| {
        let v: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
        v.try_into().unwrap()
    };
    table.lines().map(row).collect()
}

/// The largest errors of the value and of the gradient over a table.
///
/// Relative to the value, or to the change that a relative change of the arguments makes (a shift
/// of `loc` counts in units of `scale`, the prior's in units of its own scale), or to 1 nat.
fn errors(f: impl Formula<5>, table: &str, units: impl Fn(&[f64]) -> [f64; 5]) -> (f64, f64) {
    let mut worst = (0.0_f64, 0.0_f64);
    for row in rows(table) {
        let (args, kl, slopes) = (&row[..5], row[5], &row[6..]);
        let (value, gradient) = partials(f, std::array::from_fn(|i| args[i]));
        let units = units(args);
        let moved = args.iter().zip(slopes).fold(0.0, |m: f64, (x, g)| m.max((x * g).abs()));
        let size = kl.abs().max(moved).max(1.0);
        let error = (value - kl).abs() / size;
        let slope_error =
            (0..5).fold(0.0, |m: f64, i| m.max((gradient[i] - slopes[i]).abs() * units[i] / size));
        if std::env::var("SHOW").is_ok() && error.max(slope_error) > 1e-14 {
            println!(
                "{args:?} value {value:e} {kl:e} {error:.1e} gradient {gradient:?} {slopes:?} {slope_error:.1e}"
            );
        }
        assert!(error.is_finite() && slope_error.is_finite(), "{row:?}");
        worst = (worst.0.max(error), worst.1.max(slope_error));
    }
    println!("{} rows, largest errors {worst:?}", rows(table).len());
    worst
}

#[test]
fn scale_mixture_kl_is_golden() {
    let (value, slopes) =
        errors(NormalScaleMixtureKl, SCALE_MIXTURE, |x| [x[1], x[1], x[2].min(1.0 - x[2]), x[3], x[4]]);
    assert!(value < 2e-14 && slopes < 2e-14, "{value:e} {slopes:e}");
}

#[test]
fn student_t_kl_is_golden() {
    let (value, slopes) = errors(NormalStudentTKl, STUDENT_T, |x| [x[1], x[1], x[2], x[4], x[4]]);
    assert!(value < 2e-14 && slopes < 2e-14, "{value:e} {slopes:e}");
}

/// Where only the narrow component has a slope, as far out as the wide one does not take over, and
/// beyond.
#[test]
fn slopes_reach_as_far_as_the_narrow_component() {
    for (loc, want) in [
        (14.836, 2.3755205292594054155e-27),
        (16.496, 1.5069852851990255351e-38),
        (18.114, 1.8114000000101950143e-39),
    ] {
        let (_, slopes) = partials(NormalScaleMixtureKl, [loc, 1e-3, 0.5, 1e20, 1.0]);
        assert!((slopes[0] / want - 1.0).abs() < 1e-11, "{loc}: {:e} {want:e}", slopes[0]);
    }
}

/// Scales as far apart as numbers go.
#[test]
fn the_work_is_bounded_and_enough() {
    for (args, want) in [
        ([-1.0, 0.7, 0.25, 1.7e308, 0.1], 72.339492881947395497),
        // Hardly a mixture: `KL(N(-10.3, 1.15) ‖ N(0, 1))`.
        ([-10.3, 1.15, 0.6, 1.000000000000001, 1.0], 53.0664880576248413),
        ([-0.06, 99.0, 0.75, 1e99, 0.1], 220.51260211129419746),
    ] {
        let (kl, _) = partials(NormalScaleMixtureKl, args);
        assert!((kl / want - 1.0).abs() < 2e-14, "{args:?} {kl:e} {want:e}");
    }
    // All of the mass beyond the range of squares in narrow units: nothing is added up.
    let (_, slopes) = partials(NormalScaleMixtureKl, [1e300, 0.7, 0.25, 1e308, 1.0]);
    assert!(slopes.iter().all(|x| x.is_finite()) && slopes[4] == 0.0, "{slopes:?}");
    // ln(1 + x²) is ln x² throughout: terms end before numbers do.
    let (kl, slopes) = partials(NormalStudentTKl, [0.0, 1.0, 4.0, 0.0, 1e-100]);
    assert!((kl / 913.95428490097190513 - 1.0).abs() < 1e-14, "{kl:e}");
    assert!((slopes[2] / 228.28999454334049598 - 1.0).abs() < 1e-13, "{slopes:?}");
    assert!((slopes[4] / -4e100 - 1.0).abs() < 1e-13, "{slopes:?}");
    // Far apart, on both sides of 0.
    let (kl, _) = partials(NormalStudentTKl, [1e200, 1.0, 4.0, -5e199, 1.0]);
    assert!((kl / 2300.7085733515938329 - 1.0).abs() < 1e-14, "{kl:e}");
}

#[test]
fn the_tape_and_single_precision_agree() {
    let (loc, scale) = ([0.1_f32, -0.003, 0.0], [0.02_f32, 0.001, 1.0]);
    let tape = Tape::<f32>::new();
    let [a, b] = [loc, scale].map(|x| tape.variable(&DMatrix::from_column_slice(3, 1, &x)));
    let c = |x: f64| Var::constant(x as f32);
    let (mix, s1, s2) = (0.25, 0.5, 0.125 / 64.0);
    let sum = Var::map_sum(NormalScaleMixtureKl, [a, b, c(mix), c(s1), c(s2)]);
    let gradients = tape.backward(sum);
    let mut total = 0.0;
    for i in 0..3 {
        let at = [f64::from(loc[i]), f64::from(scale[i]), mix, s1, s2];
        let (value, slopes) = partials(NormalScaleMixtureKl, at);
        total += value;
        for (x, slope) in [(a, slopes[0]), (b, slopes[1])] {
            let got = f64::from(gradients.wrt(x)[i]);
            assert!((got - slope).abs() < 1e-6 * slope.abs().max(1e-6), "{got} {slope}");
        }
    }
    assert!((f64::from(sum.item()) - total).abs() < 1e-6 * total);
}

#[test]
#[ignore = "prints the cost per entry; run it in release mode"]
fn cost() {
    fn time(name: &str, f: impl Formula<5>, x: [f64; 5]) {
        const N: usize = 2000;
        let loc = DMatrix::from_fn(N, 1, |i, _| x[0] * (1.0 + 1e-4 * i as f64));
        let mut tape = Tape::new();
        let (mut forward, mut both) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..20 {
            tape.reset();
            let [a, b] = [tape.variable(&loc), tape.variable(&loc.map(|_| x[1]))];
            let c = Var::constant;
            let start = Instant::now();
            let sum = Var::map_sum(f, [a, b, c(x[2]), c(x[3]), c(x[4])]);
            forward = forward.min(start.elapsed().as_secs_f64());
            black_box(tape.backward(sum).wrt(a)[0]);
            both = both.min(start.elapsed().as_secs_f64());
        }
        let ns = 1e9 / N as f64;
        println!("{name}: {:.0} ns per entry, with gradient {:.0} ns", forward * ns, both * ns);
    }
    let blundell = [0.25, (-1.0_f64).exp(), (-6.0_f64).exp()];
    time(
        "Blundell prior, q = N(0.1, 0.02)",
        NormalScaleMixtureKl,
        [0.1, 0.02, blundell[0], blundell[1], blundell[2]],
    );
    time(
        "Blundell prior, q = N(0.001, 0.02)",
        NormalScaleMixtureKl,
        [0.001, 0.02, blundell[0], blundell[1], blundell[2]],
    );
    time(
        "Blundell prior, q = N(0.1, 0.001)",
        NormalScaleMixtureKl,
        [0.1, 0.001, blundell[0], blundell[1], blundell[2]],
    );
    time(
        "Student t with 3 degrees of freedom, q = N(0.1, 0.02)",
        NormalStudentTKl,
        [0.1, 0.02, 3.0, 0.0, 1.0],
    );
    time("Student t with 3 degrees of freedom, q = N(3, 20)", NormalStudentTKl, [3.0, 20.0, 3.0, 0.0, 1.0]);
}
