//! Speed probe (temporary).
use probity_autodiff::*;
use std::time::Instant;
#[derive(Clone, Copy, Debug)]
struct KlN;
impl Formula<2> for KlN {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, rho]: [R; 2]) -> R {
        let s = rho.softplus();
        (s * s + m * m) * 0.5 - s.ln() - 0.5
    }
}
#[derive(Clone, Copy, Debug)]
struct SampleKl;
impl FormulaPair<3> for SampleKl {
    #[inline(always)]
    fn eval<R: Real>(&self, [m, rho, e]: [R; 3]) -> (R, R) {
        let s = rho.softplus();
        (m + s * e, (s * s + m * m) * 0.5 - s.ln() - 0.5)
    }
}
fn time(name: &str, n: usize, mut f: impl FnMut()) {
    for _ in 0..3 {
        f();
    }
    let mut best = f64::MAX;
    for _ in 0..30 {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("{name}: {:.3} us, {:.3} ns/entry", best * 1e6, best * 1e9 / n as f64);
}
fn run<T: Scalar>(label: &str, n: usize) {
    println!("-- {label} n = {n} {:?}", simd::Isa::current());
    let m = nalgebra::DMatrix::from_fn(n, 1, |i, _| T::from_f64((i as f64 * 0.37).sin() * 0.2));
    let r = nalgebra::DMatrix::from_fn(n, 1, |i, _| T::from_f64(-4.5 + (i as f64 * 0.11).cos() * 0.5));
    let mut p = Params::new();
    let (im, ir) = (p.add("m", &m), p.add("r", &r));
    let mut tape = Tape::<T>::new();
    time("forward kl", n, || {
        tape.reset();
        tape.bind(&p);
        Var::map_sum(KlN, [tape.param(&p, im), tape.param(&p, ir)]);
    });
    time("forward+backward kl", n, || {
        tape.reset();
        tape.bind(&p);
        let l = Var::map_sum(KlN, [tape.param(&p, im), tape.param(&p, ir)]);
        tape.backward(l);
    });
    time("forward sample+kl", n, || {
        tape.reset();
        tape.bind(&p);
        tape.map_pair(
            SampleKl,
            [tape.param(&p, im).into(), tape.param(&p, ir).into(), Arg::Normal(Key::new(3))],
            (1, 1),
        );
    });
    time("fwd+bwd sample+kl", n, || {
        tape.reset();
        tape.bind(&p);
        let (w, kl) = tape.map_pair(
            SampleKl,
            [tape.param(&p, im).into(), tape.param(&p, ir).into(), Arg::Normal(Key::new(3))],
            (1, 1),
        );
        let l = w.sum() + kl;
        tape.backward(l);
    });
    time("add", n, || {
        tape.reset();
        tape.bind(&p);
        let _ = tape.param(&p, im) + tape.param(&p, ir);
    });
}
fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    for isa in [simd::Isa::Avx512, simd::Isa::Avx2] {
        isa.select();
        run::<f32>("f32", 16384);
        run::<f64>("f64", 16384);
        run::<f64>("f64", 1);
        run::<f32>("f32", 50);
    }
}
