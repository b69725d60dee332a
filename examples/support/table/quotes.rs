//! Whether quotes are those of RFC 4180. The parser forgives them all, and reads what nobody wrote.

use super::{TableError, ends_line};

/// Where in a field a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    /// At its beginning.
    Start,
    /// In one without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that closes it, or is the first of two that stand for one.
    Closing,
    /// In the spaces after it.
    Closed,
}

/// Refuses a quote that is never closed, text after one that closes, and one inside a field that
/// does not begin with one.
pub(super) fn check(bytes: &[u8]) -> Result<(), TableError> {
    let bad = |line, problem| Err(TableError::Quotes { line, problem });
    let (mut at, mut line, mut opened) = (At::Start, 1, 1);
    for (i, byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Closing,
            (At::Quoted, _) | (At::Closing, b'"') => At::Quoted,
            (_, b',' | b'\n' | b'\r') => At::Start,
            (At::Start, b'"') => {
                opened = line;
                At::Quoted
            }
            (At::Closing | At::Closed, b' ' | b'\t') => At::Closed,
            (At::Closing | At::Closed, _) => return bad(line, "text follows a closing quote"),
            (At::Plain, b'"') => {
                return bad(line, "a quote stands inside a value that does not begin with one");
            }
            (At::Start | At::Plain, _) => At::Plain,
        };
        line += u64::from(ends_line(bytes, i));
    }
    if at == At::Quoted { bad(opened, "a quote is opened here and never closed") } else { Ok(()) }
}
