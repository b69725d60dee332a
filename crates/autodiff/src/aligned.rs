//! Numbers that begin at a cache line.

use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};

/// A vector whose numbers begin at a cache line, whatever the allocator gives (which is a multiple
/// of 16 bytes). Otherwise every load of a 64-byte register crosses two lines, in every pass over
/// parameters, gradients and moments: a step of a large network takes 3 % longer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Vec<T>", into = "Vec<T>")]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Clone + Deserialize<'de>"))]
pub struct AlignedVec<T> {
    /// The numbers from `start` on; what is before them is not used.
    memory: Vec<T>,
    start: usize,
}

/// Bytes.
const LINE: usize = 64;

/// The first element that begins at a cache line; or the very first, if there is none.
pub(crate) fn first_at_line<T>(memory: &[T]) -> usize {
    // The largest number stands for "never".
    let offset = memory.as_ptr().align_offset(LINE);
    if offset < memory.len() { offset } else { 0 }
}

impl<T: Clone> AlignedVec<T> {
    /// So many times the same number.
    pub fn new(n: usize, value: T) -> Self {
        let mut new = Self { memory: vec![value; n + Self::apart()], start: 0 };
        new.start = first_at_line(&new.memory);
        new.memory.truncate(new.start + n);
        new
    }

    /// From one element that begins at a line to the next.
    fn apart() -> usize {
        LINE >> size_of::<T>().trailing_zeros().min(LINE.ilog2())
    }

    /// Cuts off what is too much, or adds this number until there are `n`.
    pub fn resize(&mut self, n: usize, value: T) {
        if n <= self.len() {
            return self.memory.truncate(self.start + n);
        }
        let old = std::mem::replace(self, Self::new(n, value));
        self[..old.len()].clone_from_slice(&old);
    }

    /// Adds these numbers.
    pub fn extend_from_slice(&mut self, numbers: &[T]) {
        let (n, Some(any)) = (self.len(), numbers.first()) else { return };
        self.resize(n + numbers.len(), any.clone());
        self[n..].clone_from_slice(numbers);
    }
}

impl<T> Default for AlignedVec<T> {
    fn default() -> Self {
        Self { memory: Vec::new(), start: 0 }
    }
}

impl<T> Deref for AlignedVec<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        // It is never less, but without a way to panic this costs less wherever it is inlined.
        self.memory.get(self.start..).unwrap_or_default()
    }
}

impl<T> DerefMut for AlignedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.memory.get_mut(self.start..).unwrap_or_default()
    }
}

impl<T: Clone> From<&[T]> for AlignedVec<T> {
    fn from(numbers: &[T]) -> Self {
        let mut new = Self::default();
        new.extend_from_slice(numbers);
        new
    }
}

impl<T: Clone> From<Vec<T>> for AlignedVec<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::from(&numbers[..])
    }
}

impl<T: Clone> From<AlignedVec<T>> for Vec<T> {
    fn from(numbers: AlignedVec<T>) -> Self {
        numbers.to_vec()
    }
}

impl<T: Clone> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        Self::from(&self[..])
    }
}

impl<T: PartialEq> PartialEq for AlignedVec<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::Dual;

    fn at_line<T>(x: &AlignedVec<T>) -> bool {
        x.as_ptr().addr().is_multiple_of(64)
    }

    #[test]
    fn all_ways_lead_to_a_line() {
        for n in [1, 3, 100, 5000, 200_000] {
            let mut x = AlignedVec::new(n, 1.5_f32);
            assert!(x.len() == n && at_line(&x));
            x.extend_from_slice(&[2.0, 3.0]);
            assert!(x[..n].iter().all(|x| *x == 1.5) && x[n..] == [2.0, 3.0] && at_line(&x));
            x.resize(n, 0.0);
            x.resize(2 * n, 4.0);
            assert!(x[..n].iter().all(|x| *x == 1.5) && x[n..].iter().all(|x| *x == 4.0) && at_line(&x));
            let y = x.clone();
            assert!(x == y && at_line(&y) && x != AlignedVec::new(2 * n, 4.0));
            assert!(at_line(&AlignedVec::from(vec![1.0_f64; n])));
        }
    }

    #[test]
    fn empty_ones_and_elements_of_odd_sizes_work() {
        let mut x = AlignedVec::<Dual<f64, 2>>::default();
        assert!(x.is_empty() && AlignedVec::<f64>::from(&[][..]).is_empty());
        x.extend_from_slice(&[]);
        x.extend_from_slice(&[Dual::variable(3.0, 1); 5]);
        x.resize(7, Dual::constant(1.0));
        assert!(x.len() == 7 && x[4].re == 3.0 && x[6].re == 1.0);
    }

    #[test]
    fn the_form_in_a_file_is_that_of_a_vector() {
        let x = AlignedVec::from(vec![0.5, -1.25, 3.0]);
        let text = serde_json::to_string(&x).unwrap();
        assert_eq!(text, "[0.5,-1.25,3.0]");
        let back: AlignedVec<f64> = serde_json::from_str(&text).unwrap();
        assert!(back == x);
    }
}
