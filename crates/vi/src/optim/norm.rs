//! The length of a gradient.

use probity_autodiff::Scalar;
use probity_autodiff::simd::{Kernel, dispatch};

/// Entries that are summed by one thread. The sums are joined as a tree over these parts, whatever the number of threads.
const PART: usize = 16 * 1024;
/// Running sums within a part.
const LANES: usize = 16;

/// The Euclidean norm, summed in `f64`.
pub(crate) fn norm<T: Scalar>(x: &[T]) -> f64 {
    squares(x).sqrt()
}

fn squares<T: Scalar>(x: &[T]) -> f64 {
    if x.len() <= PART {
        return dispatch(Squares(x));
    }
    let (left, right) = x.split_at((x.len() / 2).next_multiple_of(PART));
    let (left, right) = if rayon::current_num_threads() == 1 {
        (squares(left), squares(right))
    } else {
        rayon::join(|| squares(left), || squares(right))
    };
    left + right
}

struct Squares<'a, T>(&'a [T]);

impl<T: Scalar> Kernel for Squares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (whole, rest) = self.0.as_chunks::<LANES>();
        for x in whole {
            for i in 0..LANES {
                sums[i] += x[i].to_f64() * x[i].to_f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.to_f64() * x.to_f64();
        }
        sums.iter().sum()
    }
}
