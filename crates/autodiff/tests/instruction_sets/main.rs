//! The same results on every instruction set.
//!
//! A binary of its own: `Isa::select` holds for the whole process, and so would change what the
//! tests of `it` compute with while they run. Here one test at a time has it.

mod product_bits;
mod same_bits;

use std::sync::{Mutex, MutexGuard, PoisonError};

static SELECTED: Mutex<()> = Mutex::new(());

/// Until it is dropped, no other test selects an instruction set.
fn alone() -> MutexGuard<'static, ()> {
    // A test that failed leaves nothing behind that matters: each selects for itself.
    SELECTED.lock().unwrap_or_else(PoisonError::into_inner)
}
