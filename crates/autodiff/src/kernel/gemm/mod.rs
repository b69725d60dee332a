//! Matrix products on column-major slices.
//!
//! A product goes block by block through the caches and tile by tile through registers. Every entry
//! is summed in order within a block of the depth, with fused multiply-adds, then block after
//! block; the blocks depend on the depth alone. Few rows or columns, where both factors lie along
//! the depth, are done entry by entry, each in sixteen running sums; which rows these are depends
//! on the sizes alone. So neither the instruction set (AVX2 or AVX-512) nor the number of threads
//! changes a bit. Memory for copies belongs to the thread and is used again: in steady state a
//! product allocates nothing.
//!
//! Source of the scheme: Goto, van de Geijn 2008, "Anatomy of high-performance matrix
//! multiplication".

mod blocks;
mod corner;
mod dot;
mod pack;
mod passes;
mod relu_column;
mod tile;
#[cfg(target_arch = "x86_64")]
mod transpose;
mod vector;
mod view;

use super::scratch::Scratch;
use super::spin_wait::{join, share};
use crate::real::{Real, Scalar};
use crate::simd::Isa;
use num_traits::Zero;
use passes::Passes;
use relu_column::MaskedColumns;
pub(crate) use relu_column::{Masked, ToColumn, backward_column};
use std::any::TypeId;
use std::cell::RefCell;
use tile::{End, Target};
use vector::Portable;
use view::View;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A column-major matrix, possibly read transposed.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    /// The entries, column after column.
    pub data: &'a [T],
    /// Rows as stored.
    pub rows: usize,
    /// Columns as stored.
    pub cols: usize,
    /// Whether rows are read as columns.
    pub transposed: bool,
}

impl<T> Mat<'_, T> {
    /// Rows and columns as read.
    pub(crate) fn shape(&self) -> (usize, usize) {
        if self.transposed { (self.cols, self.rows) } else { (self.rows, self.cols) }
    }

    /// The transposed matrix.
    pub(crate) fn t(mut self) -> Self {
        self.transposed = !self.transposed;
        self
    }

    /// The distances in memory between neighbours in a column and in a row, as read.
    fn steps(&self) -> (usize, usize) {
        if self.transposed { (self.rows, 1) } else { (1, self.rows) }
    }
}

/// `c = a b`, or `c += a b` where not `overwrite`. `c` is column-major without gaps.
///
/// # Panics
/// If the shapes do not fit.
pub fn gemm<T: Scalar>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, overwrite: bool) {
    let sizes = sizes(c, a, b);
    if sizes.1 == 0 && overwrite {
        c.fill(T::from_f64(0.0));
    } else if !fast(sizes, c, a, b, overwrite, None) {
        plain(c, a, b, overwrite);
    }
}

/// `c = a b + bias`, with the bias added to every row, and then a ReLU if `relu`.
///
/// # Panics
/// If the shapes do not fit.
pub fn affine<T: Scalar>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, bias: &[T], relu: bool) {
    let (m, k, n) = sizes(c, a, b);
    assert!(bias.len() == n, "affine: a bias for every column");
    if k > 0 && fast((m, k, n), c, a, b, true, Some((bias, relu))) {
        return;
    }
    for (column, b) in c.chunks_exact_mut(m.max(1)).zip(bias) {
        column.fill(*b);
    }
    gemm(c, a, b, false);
    if relu {
        c.iter_mut().for_each(|y| *y = T::from_num(y.num().relu()));
    }
}

/// Rows, depth and columns of the product, which fit.
fn sizes<T>(c: &[T], a: Mat<'_, T>, b: Mat<'_, T>) -> (usize, usize, usize) {
    let ((m, k), (k2, n)) = (a.shape(), b.shape());
    assert!(
        k == k2 && c.len() == m * n && a.data.len() == a.rows * a.cols && b.data.len() == b.rows * b.cols
    );
    (m, k, n)
}

/// The product of floats of these [sizes], with a bias and whether a ReLU follows. Returns whether
/// this could be done: products of dots have no bias.
fn fast<T: Scalar>(
    (m, k, n): (usize, usize, usize),
    c: &mut [T],
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    overwrite: bool,
    affine: Option<(&[T], bool)>,
) -> bool {
    macro_rules! floats {
        ($num:ty) => {
            if TypeId::of::<T>() == TypeId::of::<$num>() {
                let view = |x: Mat<'_, T>| {
                    let (row, column) = x.steps();
                    View { start: x.data.as_ptr().cast::<$num>(), row, column }
                };
                let end = match affine {
                    None => End::Plain,
                    Some((bias, relu)) => {
                        let least = if relu { 0.0 } else { <$num>::NEG_INFINITY };
                        End::Affine { bias: bias.as_ptr().cast::<$num>(), least }
                    }
                };
                let c = Target { start: c.as_mut_ptr().cast::<$num>(), column: m, overwrite, end };
                let (a, b) = (view(a), view(b));
                let algorithm = Algorithm::of((m, k, n), a, b);
                if affine.is_some() && matches!(algorithm, Algorithm::Dots | Algorithm::BlocksAndDots) {
                    return false;
                }
                let (product, parts) = (Product { sizes: (m, k, n), algorithm, a, b, c }, parts(m, k, n));
                if parts > 1 {
                    share();
                }
                // SAFETY: T is this type, `sizes` and the caller put every index within its slice,
                // and `c` is borrowed mutably.
                unsafe { product.shared(parts) };
                return true;
            }
        };
    }
    if c.is_empty() || k == 0 {
        return true;
    }
    floats!(f32);
    floats!(f64);
    false
}

/// Into how many parts a product is worth cutting: each at least some 10 µs of work, while a thread
/// that spins starts within 1 µs.
fn parts(m: usize, k: usize, n: usize) -> usize {
    const PART: usize = 1 << 19;
    match m * k * n / PART {
        0 | 1 => 1,
        parts => parts.min(rayon::current_num_threads()),
    }
}

/// The algorithm. It is chosen for the whole product, before that is cut for threads: the
/// algorithms differ in the order of additions.
#[derive(Clone, Copy)]
enum Algorithm {
    /// Entry by entry, along the depth.
    Dots,
    /// A tall column by a row.
    Outer,
    /// Tall tiles of one or two columns.
    FewColumns,
    Blocks,
    /// Blocks, but entry by entry what is left of the rows after whole vectors.
    BlocksAndDots,
}

/// So many rows or columns are done entry by entry where that is possible: 8 x 100 by 100 x 50
/// takes 0.7 times what blocks take, 1200 x 128 by 128 x 10 takes 0.85 times that, but 50 x 200 by
/// 200 x 16 more.
const FEW: usize = 10;

/// From so many rows on, a column by a row is fastest in the order of memory.
const TALL: usize = 64;

impl Algorithm {
    fn of<T>((m, k, n): (usize, usize, usize), a: View<T>, b: View<T>) -> Self {
        let along_depth = a.column == 1 && b.row == 1;
        if k == 1 && m >= TALL && a.row == 1 {
            Algorithm::Outer
        } else if along_depth && m.min(n) <= FEW {
            Algorithm::Dots
        } else if n <= 2 && a.row == 1 {
            Algorithm::FewColumns
        } else if along_depth {
            Algorithm::BlocksAndDots
        } else {
            Algorithm::Blocks
        }
    }
}

/// A product of matrices of some float, as the loops see it.
#[derive(Clone, Copy)]
struct Product<T> {
    sizes: (usize, usize, usize),
    algorithm: Algorithm,
    a: View<T>,
    b: View<T>,
    c: Target<T>,
}

// SAFETY: the pointers are only followed in `shared`, whose contract covers other threads.
unsafe impl<T: Sync + Send> Send for Product<T> {}

impl<T: Copy + Sync + Send> Product<T>
where
    Product<T>: Run,
{
    /// Cuts the larger side in `parts`, for as many threads.
    ///
    /// # Safety
    /// Views and target hold these sizes, and nothing else uses the target meanwhile.
    unsafe fn shared(self, parts: usize) {
        let (m, k, n) = self.sizes;
        if parts == 1 {
            // SAFETY: the caller's contract.
            return SCRATCH.with_borrow_mut(|scratch| unsafe { self.run(scratch) });
        }
        let first = parts / 2;
        let cut = |size: usize, step: usize| (size * first / parts).next_multiple_of(step).min(size);
        // SAFETY: the cuts are within the matrices and split the target into two parts without
        // common entries.
        let (left, right) = unsafe {
            if n >= m {
                let at = cut(n, 8);
                let c = self.c.from(0, at);
                (
                    Product { sizes: (m, k, at), ..self },
                    Product { sizes: (m, k, n - at), b: self.b.from(0, at), c, ..self },
                )
            } else {
                let at = cut(m, 48);
                let c = self.c.from(at, 0);
                (
                    Product { sizes: (at, k, n), ..self },
                    Product { sizes: (m - at, k, n), a: self.a.from(at, 0), c, ..self },
                )
            }
        };
        // SAFETY: as above.
        join(move || unsafe { left.shared(first) }, move || unsafe { right.shared(parts - first) });
    }
}

/// On this thread.
trait Run {
    /// # Safety
    /// As for `Product::shared`.
    unsafe fn run(self, scratch: &mut Scratch);
}

macro_rules! run {
    ($what:ident, $num:ty, $avx2:ident, $avx2_sums:literal, $avx512:ident, $avx512_sums:literal) => {
        impl Run for $what<$num> {
            unsafe fn run(self, scratch: &mut Scratch) {
                #[cfg(target_arch = "x86_64")]
                {
                    #[target_feature(enable = "avx2,fma")]
                    unsafe fn avx2(p: $what<$num>, scratch: &mut Scratch) {
                        // SAFETY: the caller's contract.
                        unsafe { p.on::<vector::$avx2, $avx2_sums>(scratch) }
                    }
                    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                    unsafe fn avx512(p: $what<$num>, scratch: &mut Scratch) {
                        // SAFETY: the caller's contract.
                        unsafe { p.on::<vector::$avx512, $avx512_sums>(scratch) }
                    }
                    match Isa::current() {
                        // SAFETY: the instruction set was detected; the rest is the caller's
                        // contract.
                        Isa::Avx2 => return unsafe { avx2(self, scratch) },
                        // SAFETY: as above.
                        Isa::Avx512 => return unsafe { avx512(self, scratch) },
                        Isa::Portable => {}
                    }
                }
                // SAFETY: the caller's contract.
                unsafe { self.on::<Portable<$num>, 4>(scratch) }
            }
        }
    };
}
run!(Product, f32, Eight32, 2, Sixteen32, 1);
run!(Product, f64, Four64, 4, Eight64, 2);
run!(MaskedColumns, f32, Eight32, 2, Sixteen32, 1);
run!(MaskedColumns, f64, Four64, 4, Eight64, 2);

impl<T: Copy> Product<T> {
    /// How many rows after whole cache lines are so few that a vector of them would be mostly
    /// empty. As many in the last of several parts, which are cut at whole lines, and none in the
    /// others.
    #[inline(always)]
    fn left_rows(m: usize) -> usize {
        let line = 64 / size_of::<T>();
        let left = m % line;
        if 2 * left <= line { left } else { 0 }
    }

    /// # Safety
    /// As for `shared`, and `V`'s contract.
    #[inline(always)]
    unsafe fn on<V: Passes<Num = T>, const SUMS: usize>(self, scratch: &mut Scratch) {
        // SAFETY: the caller's contract; the views are as the algorithm demands, by
        // `Algorithm::of`.
        unsafe {
            let (m, k, n) = self.sizes;
            // Rows that are done entry by entry, from the last one on.
            let dots = match self.algorithm {
                Algorithm::Outer => return V::outer((m, n), self.a, self.b, self.c),
                Algorithm::FewColumns => return V::few_columns((m, k, n), self.a, self.b, self.c),
                Algorithm::Dots => m,
                Algorithm::BlocksAndDots => Self::left_rows(m),
                Algorithm::Blocks => 0,
            };
            let whole = m - dots;
            if whole > 0 {
                blocks::product::<V>((whole, k, n), self.a, self.b, self.c, scratch);
            }
            if dots > 0 {
                let (a, c) = (self.a.from(whole, 0), self.c.from(whole, 0));
                V::dots((dots, k, n), a, self.b, c);
            }
        }
    }
}

/// The textbook loop, for duals.
fn plain<T: Scalar>(c: &mut [T], a: Mat<'_, T>, b: Mat<'_, T>, overwrite: bool) {
    let ((m, k), (_, n)) = (a.shape(), b.shape());
    let ((a_row, a_col), (b_row, b_col)) = (a.steps(), b.steps());
    for j in 0..n {
        for i in 0..m {
            let mut sum = if overwrite { T::Num::zero() } else { c[i + j * m].num() };
            for l in 0..k {
                sum += a.data[i * a_row + l * a_col].num() * b.data[l * b_row + j * b_col].num();
            }
            c[i + j * m] = T::from_num(sum);
        }
    }
}
