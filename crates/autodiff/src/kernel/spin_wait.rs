//! Worker threads that spin between the parallel loops of a step, instead of going to sleep.
//!
//! A step of a large model has some twenty parallel loops, with a few microseconds of other work
//! between them. A thread without work would sleep each time, and waking it takes longer than that.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// How often this thread has shared work.
    static SHARED: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread spins, or does something that others wait for.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// A thread without work sleeps after this time.
const IDLE_LIMIT: Duration = Duration::from_micros(200);

/// A thread spins for at most this time at once, because something else may wait for it.
const SPIN_LIMIT: Duration = Duration::from_millis(20);

/// Keeps the worker threads of a repeated task spinning, such as those of the steps of a fit.
///
/// ```
/// use probity_autodiff::Threads;
///
/// let mut threads = Threads::default();
/// for step in 0..10 {
///     let _loss = threads.during(|| step * step);
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Threads {
    /// How often the task shared work last time.
    shared: usize,
    /// How many threads spin, or will.
    spinning: Arc<AtomicUsize>,
}

impl Threads {
    /// With fewer parallel loops it is not worth spinning.
    const FEWEST: usize = 2;

    /// Calls `f`. If it shared work several times last time, the other threads of the rayon pool
    /// spin until they have had nothing to do for 200 µs. If this thread is not in the pool, one
    /// that is calls `f`.
    pub fn during<O: Send>(&mut self, f: impl FnOnce() -> O + Send) -> O {
        let (mut f, mut result) = (Some(f), None);
        self.run(&mut || result = f.take().map(|f| f()));
        match result {
            Some(result) => result,
            None => unreachable!("the task has run"),
        }
    }

    /// Not compiled for every task.
    fn run(&mut self, task: &mut (dyn FnMut() + Send)) {
        let counted = || {
            let before = SHARED.get();
            busy(task);
            SHARED.get().wrapping_sub(before)
        };
        self.shared = match self.spinners() {
            0 => counted(),
            count => self.with_spinners(count, counted),
        };
    }

    /// How many threads are to spin.
    fn spinners(&self) -> usize {
        if self.shared < Self::FEWEST {
            return 0;
        }
        let threads = rayon::current_num_threads();
        if threads <= cores() { threads - 1 } else { 0 }
    }

    /// Calls `f` while so many other threads spin.
    fn with_spinners<O: Send>(&self, count: usize, f: impl FnOnce() -> O + Send) -> O {
        let work = || {
            while self.spinning.load(Relaxed) < count {
                self.spinning.fetch_add(1, Relaxed);
                // Nothing waits for its end: it may find long work that has nothing to do with
                // this.
                let spinning = self.spinning.clone();
                rayon::spawn(move || {
                    spin();
                    spinning.fetch_sub(1, Relaxed);
                });
            }
            f()
        };
        if rayon::current_thread_index().is_some() { work() } else { rayon::join(work, || ()).0 }
    }
}

/// Runs the work that there is, until there was none for a while.
fn spin() {
    /// Searches for work between two readings of the clock.
    const LOOKS: usize = 16;
    if BUSY.get() {
        return;
    }
    busy(|| {
        let start = Instant::now();
        let mut idle = Some(start);
        while start.elapsed() < SPIN_LIMIT && idle.get_or_insert_with(Instant::now).elapsed() < IDLE_LIMIT {
            for _ in 0..LOOKS {
                if rayon::yield_now() == Some(rayon::Yield::Executed) {
                    idle = None;
                }
                std::hint::spin_loop();
            }
            thread::yield_now();
        }
    });
}

/// This thread is about to share work.
pub(super) fn share() {
    SHARED.set(SHARED.get().wrapping_add(1));
}

/// Runs both, on two threads if another one is free.
pub(super) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    busy(|| rayon::join(a, || busy(b)));
}

/// Calls `f`, for which others may wait: this thread must not [spin] for anything else meanwhile.
fn busy<O>(f: impl FnOnce() -> O) -> O {
    let before = BUSY.replace(true);
    let _end = OnDrop(|| BUSY.set(before));
    f()
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

/// How many threads can run at once.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, |n| n.get()))
}

#[cfg(test)]
mod tests {
    use super::super::for_each_chunk;
    use super::*;
    use rayon::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    /// The sum of 0..100, in three loops.
    fn work() -> usize {
        let sum = AtomicUsize::new(0);
        for third in 0..3 {
            for_each_chunk(100, |i| {
                if i % 3 == third {
                    sum.fetch_add(i, Relaxed);
                }
            });
        }
        sum.into_inner()
    }

    #[test]
    fn every_chunk_is_done_once() {
        for threads in [1, 2, 3, 5] {
            for n in [0, 1, 2, 3, 7, 64, 1000] {
                let times: Vec<_> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                pool(threads).install(|| for_each_chunk(n, |i| _ = times[i].fetch_add(1, Relaxed)));
                assert!(times.into_iter().all(|t| t.into_inner() == 1), "{n} chunks, {threads} threads");
            }
        }
    }

    #[test]
    fn work_is_done_with_and_without_spinning_threads() {
        let steps = |threads: &mut Threads| (0..100).for_each(|_| assert_eq!(threads.during(work), 4950));
        for count in [1, 2, 3, 4] {
            let pool = pool(count);
            let mut threads = Threads::default();
            pool.install(|| steps(&mut threads));
            assert_eq!(threads.shared >= Threads::FEWEST, count > 1, "{count} threads");
            // The same object on a thread that is none of the pool's, and on many at once.
            steps(&mut threads);
            pool.install(|| vec![threads; 8].par_iter_mut().for_each(steps));
        }
    }

    #[test]
    fn spinning_threads_do_not_block_other_work() {
        // Three threads spin however many cores there are; then loops of the user's, inside which
        // threads wait for each other.
        let sum = || (0..1000_usize).into_par_iter().with_max_len(10).map(|i| i + work()).sum::<usize>();
        let threads = Threads::default();
        pool(3).install(|| assert_eq!(threads.with_spinners(2, sum), 499_500 + 1000 * 4950));
    }

    #[test]
    fn work_of_others_is_not_waited_for() {
        const LONG: Duration = Duration::from_secs(2);
        let threads = Threads::default();
        pool(2).install(|| {
            let start = Instant::now();
            threads.with_spinners(1, || {
                rayon::spawn(|| thread::sleep(LONG));
                // Until the other thread has taken it.
                thread::sleep(LONG / 20);
                assert_eq!(work(), 4950);
            });
            assert!(start.elapsed() < LONG / 2);
        });
    }

    #[test]
    fn a_panic_is_passed_on() {
        let (pool, threads) = (pool(2), Threads::default());
        for _ in 0..3 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.install(|| threads.with_spinners(1, || assert_eq!(work(), 0, "on purpose")));
            }));
            assert!(caught.is_err());
            assert_eq!(pool.install(|| threads.with_spinners(1, work)), 4950);
        }
    }

    #[test]
    fn no_thread_spins_for_ever() {
        // A thread that spins while it should wait for something else returns to that, though there
        // is always work.
        let threads = Threads::default();
        pool(2).install(|| {
            threads.with_spinners(1, || {
                let start = Instant::now();
                while threads.spinning.load(Relaxed) > 0 {
                    assert_eq!(work(), 4950);
                    assert!(start.elapsed() < Duration::from_secs(20));
                }
            });
        });
    }

    #[test]
    fn idle_threads_sleep() {
        let (pool, threads) = (pool(2), Threads::default());
        assert_eq!(pool.install(|| threads.with_spinners(1, work)), 4950);
        let start = Instant::now();
        while threads.spinning.load(Relaxed) > 0 {
            assert!(start.elapsed() < Duration::from_secs(20));
            thread::yield_now();
        }
    }
}
