//! How fast the products are, at the shapes that matter. Not a test: it fails never, and prints.
//!
//! ```sh
//! cargo test --release -p probity-autodiff-tests product_cycles:: -- --ignored --nocapture --test-threads 1
//! ```
//!
//! `GEMM_ONLY=mnist` shows only the groups with that name.

use crate::products::stored;
use probity_autodiff::random::{Key, fill_normal};
use probity_autodiff::{Scalar, affine, gemm};
use std::hint::black_box;
use std::time::Instant;

/// How a product stands in a layer `Y = X W`.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// `Y = max(X W + b, 0)`.
    Forward,
    /// `X' G`.
    Weights,
    /// `G W'`.
    Inputs,
}
use Role::{Forward, Inputs, Weights};

/// An operand that does not fit the second-level cache lies in so many copies that it comes from
/// memory, or nearly.
const LARGE: usize = 1 << 20;
const STREAM: usize = 256 << 20;

/// A matrix at a cache line, as the tape's values lie.
struct Aligned<T> {
    data: Vec<T>,
    from: usize,
    len: usize,
}

impl<T: Scalar> Aligned<T> {
    fn new(x: &[f64]) -> Self {
        let mut data = vec![T::from_f64(0.0); x.len() + 64];
        let from = data.as_ptr().align_offset(64);
        data[from..].iter_mut().zip(x).for_each(|(to, x)| *to = T::from_f64(*x));
        Self { data, from, len: x.len() }
    }

    fn get(&mut self) -> &mut [T] {
        &mut self.data[self.from..self.from + self.len]
    }
}

fn copies<T: Scalar>(n: usize, key: u64) -> Vec<Aligned<T>> {
    let bytes = n * size_of::<T>();
    let count = if bytes > LARGE { STREAM.div_ceil(bytes) } else { 1 };
    let mut x = vec![0.0; n];
    fill_normal(Key::new(key), 0, &mut x);
    (0..count).map(|_| Aligned::new(&x)).collect()
}

/// Cycles per product: the best of many rounds, and their median.
fn cycles<T: Scalar>((m, k, n): (usize, usize, usize), role: Role) -> (f64, f64) {
    let (mut a, mut b, mut c) = (copies::<T>(m * k, 1), copies::<T>(k * n, 2), copies::<T>(m * n, 3));
    let (ta, tb) = (matches!(role, Weights), matches!(role, Inputs));
    let bias = vec![T::from_f64(0.5); n];
    let mut at = 0;
    let mut product = || {
        let (i, j, l) = (at % a.len(), at % b.len(), at % c.len());
        let (a, b, c) = (a[i].get(), b[j].get(), c[l].get());
        let (a, b) = (stored(a, (m, k), ta), stored(b, (k, n), tb));
        match role {
            Forward => affine(c, a, b, &bias, true),
            Weights | Inputs => gemm(c, a, b, true),
        }
        black_box(c);
        at += 1;
    };
    let repeats = (2_000_000 / (m * k * n + 200)).max(1);
    let mut rounds: Vec<f64> = (0..400)
        .map(|_| {
            let cycle = cycle();
            let start = Instant::now();
            (0..repeats).for_each(|_| product());
            start.elapsed().as_secs_f64() / repeats as f64 / cycle
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[0], rounds[rounds.len() / 2])
}

/// Seconds per cycle, now: the clock changes while others compute, and takes all products along.
fn cycle() -> f64 {
    const STEPS: usize = 1000;
    let once = || {
        let start = Instant::now();
        let mut x = black_box(1_u64);
        for _ in 0..STEPS {
            // An exclusive or and a multiplication, which wait for each other: 1 + 3 cycles.
            x = (x ^ 0x55).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        black_box(x);
        start.elapsed().as_secs_f64() / (4 * STEPS) as f64
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Prints a line for each product; gives the sum of their times.
fn show<T: Scalar>(name: &str, products: &[(usize, usize, usize, Role)]) {
    let only = std::env::var("GEMM_ONLY").unwrap_or_default();
    if !name.contains(&only) {
        return;
    }
    println!("{name}: operations per cycle in the best and the median round, and cycles");
    let mut all = (0.0, 0.0);
    for &(m, k, n, role) in products {
        let (best, median) = cycles::<T>((m, k, n), role);
        let rate = |cycles: f64| 2.0 * (m * k * n) as f64 / cycles;
        let role = format!("{role:?}");
        println!(
            "  {m:5} x {k:5} x {n:4} {role:8} {:6.2} {:6.2} {best:11.0} {median:11.0}",
            rate(best),
            rate(median),
        );
        all = (all.0 + best, all.1 + median);
    }
    println!("  all {:44.0} {:11.0}", all.0, all.1);
}

/// All products of a step of a net, whose inputs need no gradient.
fn net(rows: usize, widths: &[usize]) -> Vec<(usize, usize, usize, Role)> {
    let mut all = Vec::new();
    for (l, pair) in widths.windows(2).enumerate() {
        let (k, n) = (pair[0], pair[1]);
        all.push((rows, k, n, Forward));
        all.push((k, rows, n, Weights));
        if l > 0 {
            all.push((rows, n, k, Inputs));
        }
    }
    all
}

#[test]
#[ignore = "measures"]
fn speed() {
    show::<f32>("mnist", &net(128, &[784, 1200, 1200, 10]));
    show::<f32>("mnist400", &net(128, &[784, 400, 400, 10]));
    show::<f32>("seed", &net(100, &[1, 50, 50, 1]));
    show::<f32>("uci", &net(100, &[8, 50, 1]));
    show::<f32>("small", &net(32, &[13, 50, 1]));
    show::<f32>("predict", &[(1000, 1, 50, Forward), (1000, 50, 50, Forward), (1000, 50, 1, Forward)]);
    show::<f64>(
        "linear f64",
        &[(200, 50, 1, Forward), (50, 200, 1, Weights), (200, 50, 16, Forward), (50, 200, 16, Weights)],
    );
    show::<f64>("logistic f64", &[(10_000, 50, 1, Forward), (50, 10_000, 1, Weights)]);
    show::<f32>("tiny", &[(1, 1, 1, Forward), (4, 4, 4, Forward), (4, 4, 4, Weights), (4, 4, 4, Inputs)]);
    show::<f32>(
        "other",
        &[
            (512, 512, 512, Forward),
            (512, 512, 512, Weights),
            (512, 512, 512, Inputs),
            (128, 1024, 1024, Inputs),
            (128, 2048, 1024, Inputs),
        ],
    );
}
