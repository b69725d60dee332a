//! The hot functions give the same bits on every instruction set, and run at vector speed.

use probity_autodiff::simd::{Isa, Kernel, dispatch};
use probity_autodiff::{F64, Real, Scalar};

/// Applies one of the hot functions to a slice; each is its own loop, as in a formula.
struct Apply<'a, T> {
    function: &'a str,
    x: &'a [T],
    y: &'a mut [T],
}

const HOT: [&str; 11] = [
    "exp",
    "exp_m1",
    "ln",
    "ln_1p",
    "tanh",
    "sigmoid",
    "softplus",
    "log1mexp",
    "lgamma",
    "digamma",
    "half_step",
];

impl<T: Scalar> Kernel for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        macro_rules! loops {
            ($($f:ident)*) => {
                match self.function {
                    $(stringify!($f) => {
                        for (y, x) in self.y.iter_mut().zip(self.x) {
                            *y = T::from_num(x.num().$f());
                        }
                    })*
                    other => panic!("{other}"),
                }
            };
        }
        loops! { exp exp_m1 ln ln_1p tanh sigmoid softplus log1mexp lgamma digamma half_step }
    }
}

fn compare<T: Scalar>(points: &[T], bits: fn(T) -> u64) {
    for function in HOT {
        let mut results = Vec::new();
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
            if isa.select() != isa {
                println!("{isa:?}: this machine does not have it");
                continue;
            }
            let mut y = vec![T::default(); points.len()];
            dispatch(Apply { function, x: points, y: &mut y });
            results.push((isa, y));
        }
        for (isa, y) in &results[1..] {
            for ((x, a), b) in points.iter().zip(&results[0].1).zip(y) {
                let both_nan = a.to_f64().is_nan() && b.to_f64().is_nan();
                assert!(
                    both_nan || bits(*a) == bits(*b),
                    "{function}({x:?}): {a:?} portably, {b:?} on {isa:?}"
                );
            }
        }
    }
    Isa::detect().select();
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let _alone = crate::alone();
    // An odd number of points, so that the scalar rest of a vector loop is taken as well.
    let singles: Vec<f32> = (0..100_003_u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761))).collect();
    compare(&singles, |x| x.to_bits().into());
    compare(&(0..20_003).map(|i| (i - 10_000) as f32 * 0.011).collect::<Vec<_>>(), |x| x.to_bits().into());
    let doubles: Vec<f64> =
        (0..100_003_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    compare(&doubles, f64::to_bits);
    compare(&(0..20_003).map(|i| (i - 10_000) as f64 * 0.0731).collect::<Vec<_>>(), f64::to_bits);
}

/// The functions of a plain `f64` are calls of code that is compiled for each instruction set;
/// those of `F64` are inlined where they stand, but for erf and the normal functions.
#[test]
fn a_plain_number_has_the_bits_of_one_in_a_loop() {
    let _alone = crate::alone();
    let any = (0..20_003_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let points: Vec<f64> = any.chain((0..5_003).map(|i| (i - 2_500) as f64 * 0.0173)).collect();
    macro_rules! pairs {
        ($($f:ident)*) => {
            [$((stringify!($f), |x| Real::$f(x), |x| F64(x).$f().0)),*]
        };
    }
    type Pair = (&'static str, fn(f64) -> f64, fn(f64) -> f64);
    let pairs: [Pair; 20] = pairs! {
        exp exp_m1 exp_minus_abs ln ln_1p tanh sigmoid softplus log_sigmoid log1mexp erf erfc erfcx erfinv
        ndtr log_ndtr ndtri lgamma digamma half_step
    };
    Isa::Portable.select();
    let portable = pairs.map(|(_, plain, _)| points.iter().map(|x| plain(*x)).collect::<Vec<_>>());
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
        if isa.select() != isa {
            println!("{isa:?}: this machine does not have it");
            continue;
        }
        for ((name, plain, in_a_loop), portable) in pairs.iter().zip(&portable) {
            for (x, want) in points.iter().zip(portable) {
                let got = [plain(*x), in_a_loop(*x)];
                assert!(
                    got.iter().all(|y| same(*y, *want)),
                    "{name}({x:e}) on {isa:?}: {got:?}, not {want:e}"
                );
            }
        }
    }
    Isa::detect().select();
}

fn throughput<T: Scalar>(name: &str) {
    let x: Vec<T> = (0..4096).map(|i| T::from_f64(0.001 * f64::from(i) + 0.01)).collect();
    let mut y = vec![T::default(); x.len()];
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
        if isa.select() != isa {
            continue;
        }
        print!("{name} {isa:?}:");
        for function in HOT {
            // The best of many short rounds: other work on the machine only ever adds time.
            let best = (0..40)
                .map(|_| {
                    let start = std::time::Instant::now();
                    for _ in 0..10 {
                        dispatch(Apply { function, x: std::hint::black_box(&x), y: &mut y });
                        std::hint::black_box(&mut y);
                    }
                    start.elapsed().as_secs_f64() * 1e9 / (10 * x.len()) as f64
                })
                .fold(f64::INFINITY, f64::min);
            print!(" {function} {best:.2}");
        }
        println!(" ns per element");
    }
}

/// `cargo test --release -p probity-autodiff --test instruction_sets -- --ignored --nocapture --test-threads 1`
#[test]
#[ignore = "a measurement"]
fn throughput_of_the_hot_functions() {
    let _alone = crate::alone();
    throughput::<f32>("f32");
    throughput::<f64>("f64");
}
