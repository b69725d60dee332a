//! Threads that stay awake from one parallel loop to the next.
//!
//! A step of a large model has some twenty of them, with a few microseconds of other work between. A thread that has nothing to do would fall asleep
//! each time, and waking it takes longer than that.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// How often work was shared by this thread.
    static SHARED: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread is in the midst of something that others wait for.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// How many threads are in [`Threads::during`], with company.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// A thread without work falls asleep after this time.
const PATIENCE: Duration = Duration::from_micros(200);

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
}

impl Threads {
    /// With less, there is nothing to stay awake for.
    const OFTEN: usize = 2;

    /// Calls `f`. If last time the work was shared several times, the threads of the rayon pool stay awake meanwhile (each for at most 200 µs without work);
    /// and `f` is called by one of them, should this thread be none.
    pub fn during<O: Send>(&mut self, f: impl FnOnce() -> O + Send) -> O {
        let counted = || {
            let before = SHARED.get();
            let result = f();
            (result, SHARED.get().wrapping_sub(before))
        };
        let threads = rayon::current_num_threads();
        let worth_it = self.shared >= Self::OFTEN && threads > 1 && threads <= cores();
        let result;
        (result, self.shared) = if worth_it { with_company(threads - 1, counted) } else { counted() };
        result
    }
}

/// Calls `f` while so many threads wait for work.
fn with_company<O: Send>(count: usize, f: impl FnOnce() -> O + Send) -> O {
    let done = AtomicBool::new(false);
    let work = || {
        // Also after a panic.
        let _end = OnDrop(|| {
            done.store(true, Relaxed);
            ACTIVE.fetch_sub(1, Relaxed);
        });
        // Where several work at once, all threads have enough to do.
        if ACTIVE.fetch_add(1, Relaxed) > 0 {
            done.store(true, Relaxed);
        }
        busy(f)
    };
    rayon::join(work, || stay_awake(count, &done)).0
}

/// Waits for work on so many threads.
fn stay_awake(count: usize, done: &AtomicBool) {
    if count > 1 {
        rayon::join(|| wait_for_work(done), || stay_awake(count - 1, done));
    } else {
        wait_for_work(done);
    }
}

/// Does what there is to do until it is `done` or there was nothing for a while. The latter also ends the waiting of a thread for whose work
/// somebody else waits.
fn wait_for_work(done: &AtomicBool) {
    /// Looks for work between two looks at the clock.
    const LOOKS: usize = 16;
    let mut idle: Option<Instant> = None;
    while !done.load(Relaxed) && !BUSY.get() {
        for _ in 0..LOOKS {
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                idle = None;
            }
            std::hint::spin_loop();
        }
        if idle.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return;
        }
        thread::yield_now();
    }
}

/// Both, on two threads if there is another one.
pub(super) fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    SHARED.set(SHARED.get().wrapping_add(1));
    rayon::join(|| busy(a), || busy(b));
}

/// Calls `f`, for which somebody waits: this thread must not [stay awake](stay_awake) for anything else in between.
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
    fn waiting_ends_when_others_wait() {
        // Three threads stay awake however many cores there are; then loops of the user's, in whose midst threads wait for each other.
        let sum = || (0..1000_usize).into_par_iter().with_max_len(10).map(|i| i + work()).sum::<usize>();
        pool(3).install(|| assert_eq!(with_company(2, sum), 499_500 + 1000 * 4950));
    }

    #[test]
    fn a_panic_is_passed_on_and_ends_the_waiting() {
        let pool = pool(2);
        for _ in 0..3 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.install(|| with_company(1, || assert_eq!(work(), 0, "on purpose")));
            }));
            assert!(caught.is_err());
            assert!(!pool.install(|| BUSY.get()));
            assert_eq!(pool.install(|| with_company(1, work)), 4950);
        }
    }
}
