//! Threads that stay awake from one parallel loop to the next.
//!
//! A step of a large model has some twenty of them, with a few microseconds of other work between. A thread that has nothing to do would fall asleep
//! each time, and waking it takes longer than that.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// How often work was shared by this thread.
    static SHARED: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread stays awake, or is in the midst of something that others wait for.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// A thread without work falls asleep after this time.
const PATIENCE: Duration = Duration::from_micros(200);

/// A thread stays awake for so long at once, then it is asked again: it may be one that waits for something else than work.
const STAY: Duration = Duration::from_millis(20);

/// The threads that share the work of something that is done again and again, such as the steps of a fit.
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
    /// How often the work was shared last time.
    shared: usize,
    /// How many threads stay awake, or will.
    awake: Arc<AtomicUsize>,
}

impl Threads {
    /// With less, there is nothing to stay awake for.
    const OFTEN: usize = 2;

    /// Calls `f`. If last time the work was shared several times, the threads of the rayon pool stay awake until they have had nothing to do for 200 µs; and
    /// `f` is called by one of them, should this thread be none.
    pub fn during<O: Send>(&mut self, f: impl FnOnce() -> O + Send) -> O {
        let counted = || {
            let before = SHARED.get();
            let result = busy(f);
            (result, SHARED.get().wrapping_sub(before))
        };
        let result;
        (result, self.shared) = match self.company() {
            0 => counted(),
            count => self.with_company(count, counted),
        };
        result
    }

    /// How many threads are to stay awake.
    fn company(&self) -> usize {
        if self.shared < Self::OFTEN {
            return 0;
        }
        let threads = rayon::current_num_threads();
        if threads <= cores() { threads - 1 } else { 0 }
    }

    /// Calls `f` while so many other threads stay awake.
    fn with_company<O: Send>(&self, count: usize, f: impl FnOnce() -> O + Send) -> O {
        let work = || {
            while self.awake.load(Relaxed) < count {
                self.awake.fetch_add(1, Relaxed);
                // Nobody waits for its end: it may find work that has nothing to do with this, and takes long.
                let awake = self.awake.clone();
                rayon::spawn(move || {
                    stay_awake();
                    awake.fetch_sub(1, Relaxed);
                });
            }
            f()
        };
        if rayon::current_thread_index().is_some() { work() } else { rayon::join(work, || ()).0 }
    }
}

/// Does what there is to do until there was nothing for a while.
fn stay_awake() {
    /// Looks for work between two looks at the clock.
    const LOOKS: usize = 16;
    if BUSY.get() {
        return;
    }
    busy(|| {
        let start = Instant::now();
        let mut idle = Some(start);
        while start.elapsed() < STAY && idle.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
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

/// The work at hand is about to be shared.
pub(super) fn share() {
    SHARED.set(SHARED.get().wrapping_add(1));
}

/// Both, on two threads if there is another one.
pub(super) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    busy(|| rayon::join(a, || busy(b)));
}

/// Calls `f`, for which somebody may wait: this thread must not [stay awake](stay_awake) for anything else in between.
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

/// As many threads as can run at once.
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
    fn work_is_done_with_and_without_company() {
        let steps = |threads: &mut Threads| (0..100).for_each(|_| assert_eq!(threads.during(work), 4950));
        for count in [1, 2, 3, 4] {
            let pool = pool(count);
            let mut threads = Threads::default();
            pool.install(|| steps(&mut threads));
            assert_eq!(threads.shared >= Threads::OFTEN, count > 1, "{count} threads");
            // The same object on a thread that is none of the pool's, and on many at once.
            steps(&mut threads);
            pool.install(|| vec![threads; 8].par_iter_mut().for_each(steps));
        }
    }

    #[test]
    fn threads_that_stay_awake_are_in_nobodys_way() {
        // Three threads stay awake however many cores there are; then loops of the user's, in whose midst threads wait for each other.
        let sum = || (0..1000_usize).into_par_iter().with_max_len(10).map(|i| i + work()).sum::<usize>();
        let threads = Threads::default();
        pool(3).install(|| assert_eq!(threads.with_company(2, sum), 499_500 + 1000 * 4950));
    }

    #[test]
    fn work_of_others_is_not_waited_for() {
        const LONG: Duration = Duration::from_secs(2);
        let threads = Threads::default();
        pool(2).install(|| {
            let start = Instant::now();
            threads.with_company(1, || {
                rayon::spawn(|| thread::sleep(LONG));
                // Until the other thread has fallen for it.
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
                pool.install(|| threads.with_company(1, || assert_eq!(work(), 0, "on purpose")));
            }));
            assert!(caught.is_err());
            assert_eq!(pool.install(|| threads.with_company(1, work)), 4950);
        }
    }

    #[test]
    fn nobody_stays_for_ever() {
        // A thread that is caught in the midst of waiting for something else comes back to it, though there is always work.
        let threads = Threads::default();
        pool(2).install(|| {
            threads.with_company(1, || {
                let start = Instant::now();
                while threads.awake.load(Relaxed) > 0 {
                    assert_eq!(work(), 4950);
                    assert!(start.elapsed() < Duration::from_secs(20));
                }
            });
        });
    }

    #[test]
    fn they_fall_asleep() {
        let (pool, threads) = (pool(2), Threads::default());
        assert_eq!(pool.install(|| threads.with_company(1, work)), 4950);
        let start = Instant::now();
        while threads.awake.load(Relaxed) > 0 {
            assert!(start.elapsed() < Duration::from_secs(20));
            thread::yield_now();
        }
    }
}
