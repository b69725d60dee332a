//! What this machine can do: operations, bytes and normal numbers per second.

use super::kernels::{CHAIN, GROUP, Pass, multiply_add};
use num_traits::Float;
use probity_autodiff::nalgebra::DMatrix;
use probity_autodiff::random::fill_normal;
use probity_autodiff::{Key, Noise, Params, Scalar, SoftplusScale, Tape};
use probity_vi::optim::{Adam, Optimizer};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Rows, inner size and columns of a product.
pub type Shape = (usize, usize, usize);

/// Rates of all threads together, per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Threads.
    pub threads: usize,
    /// f32.
    pub single: Arithmetic,
    /// f64.
    pub double: Arithmetic,
    /// Memory, from small to large.
    pub levels: Vec<Level>,
}

/// Rates of one precision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// Operations of a loop of multiply-adds.
    pub multiply_add: f64,
    /// Operations of our fastest matrix product.
    pub product: f64,
    /// Normal numbers into the first cache.
    pub normals: f64,
    /// Weights drawn, noise included, with their divergence from a standard normal prior, forward
    /// and backward, in the first caches.
    pub weights: f64,
    /// Parameters updated by Adam, in the first caches.
    pub updates: f64,
}

/// Bytes read and written by passes over arrays of a size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Bytes of the arrays, of all threads together.
    pub size: f64,
    /// `a ← b`.
    pub copy: f64,
    /// `a ← b + s c`.
    pub triad: f64,
    /// Four arrays changed in place.
    pub update: f64,
}

impl Level {
    /// The fastest pass.
    pub fn best(&self) -> f64 {
        self.copy.max(self.triad).max(self.update)
    }
}

impl Machine {
    /// Measures for as many threads as the pool at hand has, with this time for each rate, products
    /// of these shapes, and arrays of these sizes per thread.
    pub fn measure(time: Duration, shapes: &[Shape], sizes: &[usize]) -> Self {
        let threads = rayon::current_num_threads();
        Self {
            threads,
            single: arithmetic::<f32>(threads, time, shapes),
            double: arithmetic::<f64>(threads, time, shapes),
            levels: sizes.iter().map(|size| level(threads, time, *size)).collect(),
        }
    }

    /// The level that arrays of this size are in: the smallest measured one that holds them, or the
    /// largest.
    pub fn level(&self, size: f64) -> Option<&Level> {
        self.levels.iter().find(|l| l.size >= size).or(self.levels.last())
    }

    /// The rates of a precision.
    pub fn arithmetic(&self, double: bool) -> Arithmetic {
        if double { self.double } else { self.single }
    }
}

impl Arithmetic {
    /// The most operations that were seen.
    pub fn peak(&self) -> f64 {
        self.multiply_add.max(self.product)
    }
}

/// Calls of `work` per second, in the fastest of five parts of the time.
fn rate(time: Duration, mut work: impl FnMut()) -> f64 {
    work();
    let mut best: f64 = 0.0;
    for _ in 0..5 {
        let (begin, mut calls) = (Instant::now(), 0.0);
        while begin.elapsed() < time / 5 || calls == 0.0 {
            work();
            calls += 1.0;
        }
        best = best.max(calls / begin.elapsed().as_secs_f64());
    }
    best
}

/// The same on several threads at once, added.
fn together<W: FnMut()>(threads: usize, time: Duration, make: impl Fn() -> W + Sync) -> f64 {
    let (barrier, make) = (Barrier::new(threads), &make);
    thread::scope(|s| {
        let one = || {
            let work = make();
            barrier.wait();
            rate(time, work)
        };
        let all: Vec<_> = (0..threads).map(|_| s.spawn(one)).collect();
        // A thread that panicked has said so; it counts nothing.
        all.into_iter().map(|t| t.join().unwrap_or(0.0)).sum()
    })
}

fn arithmetic<T: Float + Noise + Scalar>(threads: usize, time: Duration, shapes: &[Shape]) -> Arithmetic {
    const SMALL: usize = 12 * GROUP;
    const BLOCK: usize = 4096;
    let number = |x: f64| <T as Scalar>::from_f64(x);
    let chains = together(threads, time, || {
        let mut x = vec![number(1.0); SMALL];
        move || multiply_add(&mut x, black_box(number(0.5)), black_box(number(0.1)))
    });
    let blocks = together(threads, time, || {
        let (mut x, mut call) = (vec![T::default(); BLOCK], 0);
        move || {
            call += 1;
            fill_normal(Key::new(call), 0, black_box(&mut x));
        }
    });
    Arithmetic {
        multiply_add: chains * (2 * CHAIN * SMALL) as f64,
        product: shapes.iter().map(|shape| product::<T>(*shape, time)).fold(0.0, f64::max),
        normals: blocks * BLOCK as f64,
        weights: together(threads, time, weights::<T>) * FEW as f64,
        updates: together(threads, time, updates::<T>) * FEW as f64,
    }
}

/// Parameters that stay in the first caches with all that belongs to them.
const FEW: usize = 2048;

fn weights<T: Scalar>() -> impl FnMut() {
    let filled = |x: f64| DMatrix::from_element(FEW, 1, T::from_f64(x));
    let mut params = Params::new();
    let (loc, rho) = (params.add("loc", &filled(0.1)), params.add("rho", &filled(-3.0)));
    let (mut tape, mut step) = (Tape::new(), 0);
    move || {
        step += 1;
        tape.reset();
        tape.bind(&params);
        let (loc, rho) = (tape.param(&params, loc), tape.param(&params, rho));
        let (_, kl) = tape.gaussian_draw::<SoftplusScale>(loc, rho, (0.0, 1.0), Key::new(step));
        black_box(tape.backward(kl).params()[0]);
    }
}

fn updates<T: Scalar>() -> impl FnMut() {
    let mut adam = Adam::new(1e-3);
    Optimizer::<T>::begin(&mut adam);
    let filled = |x: f64| vec![T::from_f64(x); FEW];
    let (x, gradient, mut to, mut m, mut v) =
        (filled(0.5), filled(0.1), filled(0.0), filled(0.0), filled(0.0));
    move || adam.update(1e-3, &x, black_box(&gradient), &mut to, &mut [&mut m, &mut v])
}

/// Operations per second of a product, on the threads that the library takes.
fn product<T: Scalar>((n, k, m): Shape, time: Duration) -> f64 {
    let filled = |rows, columns| {
        let mut x = vec![0.0; rows * columns];
        fill_normal(Key::new(1), 0, &mut x);
        Arc::new(DMatrix::from_iterator(rows, columns, x.into_iter().map(<T as Scalar>::from_f64)))
    };
    let (a, b, mut tape) = (filled(n, k), filled(k, m), Tape::<T>::new());
    let calls = rate(time, || {
        tape.reset();
        tape.share(&a).matmul(tape.share(&b)).read(|y| black_box(y[0]));
    });
    2.0 * calls * (n * k * m) as f64
}

fn level(threads: usize, time: Duration, size: usize) -> Level {
    let speed = |pass: Pass| {
        let places = size / 4 / pass.arrays();
        let passes = together(threads, time, || {
            let mut arrays = vec![vec![1.0f32; places]; pass.arrays()];
            // The sign changes; a shrinking number would end among the slow subnormal ones.
            move || pass.run(black_box(&mut arrays), black_box(-1.0))
        });
        passes * (places * pass.bytes()) as f64
    };
    Level {
        size: (size * threads) as f64,
        copy: speed(Pass::Copy),
        triad: speed(Pass::Triad),
        update: speed(Pass::Update),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_look_at_the_machine() {
        let machine = Machine::measure(Duration::from_millis(1), &[(64, 64, 64)], &[1 << 14, 1 << 16]);
        for a in [machine.single, machine.double] {
            assert!(a.multiply_add > 0.0 && a.product > 0.0 && a.normals > 0.0, "{a:?}");
            assert!(a.weights > 0.0 && a.updates > 0.0, "{a:?}");
        }
        let [small, large] = machine.levels[..] else { panic!("{machine:?}") };
        assert!(small.best() > 0.0 && large.best() >= large.triad);
        assert_eq!(machine.level(1.0), Some(&small));
        assert_eq!(machine.level(small.size + 1.0), Some(&large));
        assert_eq!(machine.level(1e12), Some(&large));
    }
}
