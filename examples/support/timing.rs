//! How long a call takes.

use std::time::{Duration, Instant};

/// Microseconds of a call: the median over runs of calls, each of about a millisecond. `call` says
/// whether it succeeded.
///
/// # Panics
/// If a call fails: its time would be another.
pub fn microseconds_of(mut call: impl FnMut() -> bool) -> f64 {
    let mut run = |calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|_| assert!(call(), "a call failed that is timed"));
        start.elapsed()
    };
    run(20);
    let once = run(20) / 20;
    let calls = (1e-3 / once.as_secs_f64().max(1e-9)).ceil() as usize;
    let (end, mut times) = (Instant::now() + Duration::from_millis(200), Vec::new());
    while times.len() < 5 || Instant::now() < end {
        times.push(run(calls).as_secs_f64() / calls as f64 * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
