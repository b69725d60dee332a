//! Neighbouring rows of a large matrix.

use crate::real::Scalar;

/// Columns that are prefetched. Their pieces are far apart, so the hardware does not prefetch them.
const AHEAD: usize = 16;

/// Writes `n` rows of a column-major matrix of so many `rows`, from number `first` on, column by
/// column; after the last row comes the first.
///
/// # Panics
/// If there are not so many rows, or `to` has no place for them.
#[inline]
pub fn copy_rows<T: Scalar>(x: &[T], rows: usize, (first, n): (usize, usize), to: &mut [T]) {
    assert!(first < rows && n <= rows, "copy_rows: {n} rows from row {first} on, of {rows}");
    assert!(x.len().is_multiple_of(rows) && to.len() == x.len() / rows * n, "copy_rows: sizes do not fit");
    let end = n.min(rows - first);
    let ahead = |j: usize| x.get(j * rows + first..j * rows + first + end);
    for (j, (column, to)) in x.chunks_exact(rows).zip(to.chunks_exact_mut(n.max(1))).enumerate() {
        if let Some(piece) = ahead(j + AHEAD) {
            prefetch(piece);
        }
        let (to_end, from_start) = to.split_at_mut(end);
        to_end.copy_from_slice(&column[first..first + end]);
        from_start.copy_from_slice(&column[..n - end]);
    }
}

/// Asks for the numbers to come nearer, where that can be asked.
fn prefetch<T>(x: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(x)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch has no effect that could be seen, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(x.as_ptr().cast::<i8>().wrapping_add(at)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_their_order_and_around_the_end() {
        for (rows, columns) in [(1, 1), (7, 3), (50, 40)] {
            let x: Vec<f64> = (0..rows * columns).map(|i| i as f64).collect();
            for (first, n) in [(0, rows), (rows - 1, 1), (rows / 2, rows), (rows / 3, rows / 2), (0, 0)] {
                let mut to = vec![-1.0; n * columns];
                copy_rows(&x, rows, (first, n), &mut to);
                for j in 0..columns {
                    for i in 0..n {
                        assert_eq!(to[j * n + i], x[j * rows + (first + i) % rows]);
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "3 rows from row 0 on, of 2")]
    fn no_row_comes_twice() {
        copy_rows(&[1.0, 2.0], 2, (0, 3), &mut [0.0; 3]);
    }
}
