//! Usage errors in one sentence, on top of the `lexopt` argument parser.
//!
//! A program prints such an error and ends with exit code 2, see [`end`](crate::console::end).

use std::ffi::OsString;
use std::str::FromStr;

/// What is wrong with the command line, as one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// Words an error of the parser; `options` are the long options of the program, to suggest the
    /// one that was meant.
    pub fn from_parser(error: lexopt::Error, options: &[&str]) -> Self {
        Self(match error {
            lexopt::Error::UnexpectedOption(option) => return Self::unknown(&option, options),
            lexopt::Error::MissingValue { option: Some(option) } => {
                format!("the option {option} needs a value")
            }
            lexopt::Error::UnexpectedValue { option, .. } => format!("the option {option} takes no value"),
            lexopt::Error::UnexpectedArgument(argument) => {
                format!("unexpected argument \"{}\"; see --help", argument.to_string_lossy())
            }
            other => other.to_string(),
        })
    }

    /// The error for an option that the program does not have.
    pub fn unknown(option: &str, options: &[&str]) -> Self {
        let nearest = options.iter().map(|known| (edits(option, known), known)).min();
        Self(match nearest {
            Some((distance, known)) if distance <= 2 && option.starts_with("--") => {
                format!("unknown option {option}; did you mean {known}?")
            }
            _ => format!("unknown option {option}; see --help"),
        })
    }
}

/// Parses the value of an option; `expected` completes the sentence "the option --epochs needs
/// ...".
///
/// # Errors
/// The value does not parse or `valid` refuses it.
pub fn parse<T: FromStr>(
    option: &str,
    value: OsString,
    expected: &str,
    valid: impl Fn(&T) -> bool,
) -> Result<T, UsageError> {
    let text = value.to_string_lossy();
    let parsed = text.trim().parse().ok().filter(valid);
    parsed.ok_or_else(|| UsageError(format!("the option {option} needs {expected}, not \"{text}\"")))
}

/// Parses the widths of hidden layers; `example` shows how they are written.
///
/// # Errors
/// One of them is not a whole number of at least 1.
pub fn widths(
    option: &str,
    value: OsString,
    separator: char,
    example: &str,
) -> Result<Vec<usize>, UsageError> {
    let text = value.to_string_lossy();
    let parsed: Option<Vec<usize>> =
        text.split(separator).map(|w| w.trim().parse().ok().filter(|w| *w > 0)).collect();
    parsed.ok_or_else(|| {
        UsageError(format!(
            "the option {option} needs widths of at least 1, such as {example}, not \"{text}\""
        ))
    })
}

/// The least number of characters to insert, delete or replace to turn one text into the other
/// (Levenshtein distance).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 3] = ["--epochs", "--seed", "--out"];

    fn first_error(args: &[&str]) -> String {
        let mut parser = lexopt::Parser::from_args(args);
        let mut read = || match parser.next()? {
            Some(lexopt::Arg::Long("epochs")) => parser.value().map(|_| ()),
            Some(lexopt::Arg::Long("quiet")) => parser.next().map(|_| ()),
            Some(other) => Err(other.unexpected()),
            None => Ok(()),
        };
        UsageError::from_parser(read().unwrap_err(), &OPTIONS).to_string()
    }

    #[test]
    fn usage_errors_are_sentences() {
        assert_eq!(first_error(&["--epoch", "3"]), "unknown option --epoch; did you mean --epochs?");
        assert_eq!(first_error(&["--nonsense"]), "unknown option --nonsense; see --help");
        assert_eq!(first_error(&["-z"]), "unknown option -z; see --help");
        assert_eq!(first_error(&["--epochs"]), "the option --epochs needs a value");
        assert_eq!(first_error(&["--quiet=yes"]), "the option --quiet takes no value");
        assert_eq!(first_error(&["file.csv"]), "unexpected argument \"file.csv\"; see --help");
    }

    #[test]
    fn values_are_checked() {
        let epochs =
            |text: &str| parse("--epochs", text.into(), "a whole number of at least 1", |n: &u64| *n > 0);
        assert_eq!(epochs("5000"), Ok(5000));
        for bad in ["0", "-1", "1.5", "many", ""] {
            let message = epochs(bad).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("the option --epochs needs a whole number of at least 1, not \"{bad}\"")
            );
        }
    }

    #[test]
    fn edit_distance() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
