//! Printing that does not end a program: its results matter more than what it says on the way.
//!
//! `println!` panics when its reader has gone (`program | head -2`) or when standard output cannot
//! be written to (`program > /dev/full`), and the work of the program is lost. [`say!`](crate::say)
//! falls silent instead, and [`end`] makes the exit code.

use crate::output::reason;
use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// The first error of standard output, after which nothing more is printed.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line on standard output, as `println!` does, unless that has failed before.
#[macro_export]
macro_rules! say {
    () => { $crate::console::line(format_args!("")) };
    ($($text:tt)+) => { $crate::console::line(format_args!($($text)+)) };
}

/// What [`say!`](crate::say) calls.
pub fn line(text: Arguments<'_>) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_none() {
        *failed = writeln!(io::stdout(), "{text}").err();
    }
}

/// Prints a line on standard error, if that can be written to.
pub fn warn(text: impl Display) {
    // There is no place left to say that there is none.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The end of a program: an error of its own, or else one of standard output, is printed as one
/// sentence, with exit code 2.
///
/// A reader that wanted no more is no error.
pub fn end<E: Display>(result: Result<(), E>) -> ExitCode {
    let own = result.err().map(|error| error.to_string());
    match own.or_else(|| printing_error(io::stdout().flush().err())) {
        None => ExitCode::SUCCESS,
        Some(error) => {
            warn(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// What kept the program from printing, as a sentence.
fn printing_error(at_last: Option<io::Error>) -> Option<String> {
    let first = FAILED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let error = first.or(at_last).filter(|error| error.kind() != ErrorKind::BrokenPipe)?;
    Some(format!("standard output cannot be written: {}", reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        assert_eq!(printing_error(None), None);
        assert_eq!(printing_error(Some(ErrorKind::BrokenPipe.into())), None);
        let full = printing_error(Some(ErrorKind::StorageFull.into()));
        assert_eq!(full.as_deref(), Some("standard output cannot be written: the disk is full"));
    }
}
