//! Reading a CSV table of numbers, with errors that name the line and the column.
//!
//! The format: UTF-8, comma-separated, quotes as in RFC 4180, lines that end in LF, CRLF or CR, an
//! optional byte-order mark. The first line must be a header; a first line of nothing but numbers
//! is refused, because taking it for names would silently lose a row. Every column is numeric.
//! Blank lines are skipped.

mod error;
mod quotes;
mod split;
#[cfg(test)]
mod tests;

pub use error::TableError;
pub use split::{Dataset, Split, shuffled};

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

/// The longest piece of the user's file that an error quotes, in characters.
const QUOTE_LENGTH: usize = 40;

/// A table of finite numbers with a name for every column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The column names, distinct and not blank; at least two.
    pub names: Vec<String>,
    /// The rows, each as long as `names`; at least two.
    pub rows: Vec<Vec<f64>>,
}

impl Table {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Whatever is wrong with the file first, in reading order: see [`TableError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        // Opening a directory succeeds on some systems and fails obscurely on others, so it is
        // asked for first.
        if path.is_dir() {
            return Err(TableError::Directory { path: path.display().to_string() });
        }
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        Self::parse(&bytes)
    }

    /// Reads a table from the bytes of a CSV file.
    ///
    /// # Errors
    /// As [`Table::read`], without those of the file system.
    pub fn parse(bytes: &[u8]) -> Result<Self, TableError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        check_text(bytes)?;
        quotes::check(bytes)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut records = Records { reader: &mut reader, lines: Lines::of(bytes) };

        let (_, header) = records.next()?.ok_or(TableError::Empty)?;
        let names = column_names(&header)?;
        let mut rows = Vec::new();
        while let Some((line, record)) = records.next()? {
            rows.push(numbers(&names, line, &record)?);
        }
        match rows.len() {
            0 => Err(TableError::TooFewRows { rows: "no row" }),
            1 => Err(TableError::TooFewRows { rows: "only one row" }),
            _ => Ok(Self { names, rows }),
        }
    }

    /// Separates the target, by default the last column, from the features.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`] and [`TableError::ConstantTarget`].
    pub fn with_target(&self, target: Option<&str>) -> Result<Dataset, TableError> {
        let column =
            match target {
                None => self.names.len() - 1,
                Some(name) => self.names.iter().position(|n| n == name).ok_or_else(|| {
                    TableError::MissingColumn { name: quote(name), columns: list(&self.names) }
                })?,
            };
        let mut feature_names = self.names.clone();
        let target_name = feature_names.remove(column);
        let mut features = self.rows.clone();
        let target = features.iter_mut().map(|row| row.remove(column)).collect();
        let dataset = Dataset { feature_names, features, target_name, target };
        dataset.check_target("")?;
        Ok(dataset)
    }
}

/// The records that are not blank, with the line each one starts on.
struct Records<'a, 'b> {
    reader: &'a mut csv::Reader<&'b [u8]>,
    lines: Lines<'b>,
}

impl Records<'_, '_> {
    fn next(&mut self) -> Result<Option<(u64, csv::StringRecord)>, TableError> {
        let mut record = csv::StringRecord::new();
        loop {
            let start = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
            match self.reader.read_record(&mut record) {
                // A line of spaces is a blank line to its writer, but a record of one field to the
                // parser.
                Ok(true) if record.len() == 1 && record[0].trim().is_empty() => continue,
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // The text was checked and any length is allowed, so this is not expected to
                // happen.
                Err(_) => return Err(TableError::NotText { line: self.lines.at(start) }),
            }
            // The parser counts a record from the end of the one before it: blank lines between
            // them belong to neither.
            let bytes = self.lines.bytes.get(start..).unwrap_or_default();
            let blank = bytes.iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
            return Ok(Some((self.lines.at(start + blank), record)));
        }
    }
}

/// Counts lines from the start on. (The parser's own count knows no lines that end in CR.)
struct Lines<'a> {
    bytes: &'a [u8],
    read: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0, line: 1 }
    }

    /// The line of this byte, counted from 1; bytes are asked for in ascending order.
    fn at(&mut self, byte: usize) -> u64 {
        let end = byte.min(self.bytes.len());
        self.line += (self.read..end).filter(|i| ends_line(self.bytes, *i)).count() as u64;
        self.read = self.read.max(end);
        self.line
    }
}

/// Whether a line ends with this byte: LF, or CR without LF after it.
fn ends_line(bytes: &[u8], i: usize) -> bool {
    bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')
}

fn unreadable(path: &Path, error: &io::Error) -> TableError {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound => TableError::Missing { path },
        io::ErrorKind::IsADirectory => TableError::Directory { path },
        io::ErrorKind::PermissionDenied => {
            TableError::Unreadable { path, reason: "permission denied".into() }
        }
        _ => TableError::Unreadable { path, reason: crate::output::plain(error) },
    }
}

/// Refuses bytes that are not UTF-8, and NUL bytes, which no text has.
fn check_text(bytes: &[u8]) -> Result<(), TableError> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let bad = bytes[..valid].iter().position(|b| *b == 0).unwrap_or(valid);
    if bad == bytes.len() {
        return Ok(());
    }
    Err(TableError::NotText { line: Lines::of(bytes).at(bad) })
}

fn column_names(header: &csv::StringRecord) -> Result<Vec<String>, TableError> {
    let names: Vec<String> = header.iter().map(|name| name.trim().to_string()).collect();
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(TableError::NoHeader { line: quote(&names.join(",")) });
    }
    let mut seen = HashSet::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(TableError::UnnamedColumn { column: i + 1 });
        }
        if !seen.insert(name) {
            return Err(TableError::DuplicateColumn { name: quote(name) });
        }
    }
    if let [name] = names.as_slice() {
        let hint = if name.contains([';', '\t', '|']) { "; separate the columns by commas" } else { "" };
        return Err(TableError::OneColumn { name: quote(name), hint });
    }
    Ok(names)
}

fn numbers(names: &[String], line: u64, record: &csv::StringRecord) -> Result<Vec<f64>, TableError> {
    if record.len() != names.len() {
        return Err(TableError::Ragged { line, expected: names.len(), found: record.len() });
    }
    let fields = names.iter().zip(record);
    fields
        .map(|(name, field)| {
            let field = field.trim();
            let parsed = field.parse::<f64>();
            if let Ok(value) = parsed
                && value.is_finite()
            {
                return Ok(value);
            }
            let (column, text) = (quote(name), quote(field));
            Err(match parsed {
                Ok(_) => TableError::NotFinite { line, column, text },
                Err(_) if field.is_empty() => TableError::MissingValue { line, column },
                Err(_) => TableError::NotANumber { line, column, text },
            })
        })
        .collect()
}

/// The names in a row, of a wide table only the first ones.
fn list(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| quote(name)).collect();
    let rest = match names.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &rest
}

/// The text as an error shows it: shortened, on one line, without control characters.
fn quote(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(QUOTE_LENGTH).map(printable).collect();
    if text.chars().count() > QUOTE_LENGTH {
        shown.push('…');
    }
    shown
}
