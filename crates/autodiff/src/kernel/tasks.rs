//! Independent tasks on all threads.
//!
//! A parallel iterator is compiled for every use of it, with everything between it and the queues
//! of the threads: that was an eighth of the code of `vi` and `nn`. Here tasks are a function of a
//! number behind `dyn`, and only the few lines that know the type of a result are compiled again.

use super::parallel::SharedMut;
use super::spin_wait::join;

/// Ranges of tasks that a thread gets at least, on average: with more, threads have more to choose
/// from when tasks take different times; with fewer, short tasks cost less.
const RANGES: usize = 16;

/// The results of `f(0)` to `f(n - 1)`, in this order. Tasks run on all threads of the rayon pool;
/// which thread runs which does not change results.
///
/// ```
/// assert_eq!(probity_autodiff::parallel_map(4, |i| i * i), [0, 1, 4, 9]);
/// ```
pub fn parallel_map<O: Send>(n: usize, f: impl Fn(usize) -> O + Sync) -> Vec<O> {
    let mut results: Vec<Option<O>> = (0..n).map(|_| None).collect();
    let to = SharedMut::new(&mut results);
    // SAFETY: every number is given once, so that no two threads write the same entry.
    run(n, &|i| unsafe { to.set(i, Some(f(i))) });
    results.into_iter().flatten().collect()
}

/// As [`parallel_map`], of tasks with an item each that they may change.
///
/// ```
/// let mut items = [1, 2, 3];
/// let before = probity_autodiff::parallel_map_mut(&mut items, |item| std::mem::replace(item, 0));
/// assert_eq!((before, items), (vec![1, 2, 3], [0; 3]));
/// ```
pub fn parallel_map_mut<T: Send, O: Send>(items: &mut [T], f: impl Fn(&mut T) -> O + Sync) -> Vec<O> {
    let (n, items) = (items.len(), SharedMut::new(items));
    // SAFETY: every number is given once, so that no two threads have the same item.
    parallel_map(n, |i| f(&mut unsafe { items.slice(i, 1) }[0]))
}

fn run(n: usize, task: &(dyn Fn(usize) + Sync)) {
    let least = n / (RANGES * rayon::current_num_threads());
    halve((0, n), least.max(1), task);
}

/// Halves the range between two threads until it is short.
fn halve((from, to): (usize, usize), least: usize, task: &(dyn Fn(usize) + Sync)) {
    if to - from <= least {
        return (from..to).for_each(task);
    }
    let middle = from + (to - from) / 2;
    join(|| halve((from, middle), least, task), || halve((middle, to), least, task));
}

#[cfg(test)]
mod tests {
    use super::{parallel_map, parallel_map_mut};
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[test]
    fn every_task_runs_once_and_results_are_in_order() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for n in [0, 1, 2, 3, 7, 64, 1000] {
                let times: Vec<_> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                let task = |i: usize| (i, times[i].fetch_add(1, Relaxed));
                let results = pool.install(|| parallel_map(n, task));
                assert!(results.into_iter().enumerate().all(|(i, r)| r == (i, 0)), "{n}, {threads} threads");
                let mut items: Vec<usize> = (0..n).collect();
                let before = pool.install(|| parallel_map_mut(&mut items, |x| std::mem::replace(x, n + *x)));
                assert!(before.into_iter().eq(0..n) && items.into_iter().eq(n..2 * n));
            }
        }
    }

    #[test]
    fn a_panic_is_passed_on_and_results_are_dropped_once() {
        let dropped = AtomicUsize::new(0);
        struct Counts<'a>(&'a AtomicUsize);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let made = AtomicUsize::new(0);
        let result = catch_unwind(|| {
            parallel_map(100, |i| {
                assert!(i != 50, "on purpose");
                made.fetch_add(1, Relaxed);
                Counts(&dropped)
            })
        });
        assert!(result.is_err());
        assert_eq!(dropped.load(Relaxed), made.load(Relaxed));
    }
}
