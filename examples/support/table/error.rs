//! The errors of reading a table, each one sentence that says what to mend and where.

/// Why a table cannot be used; `Display` is one sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The path names nothing.
    #[error("the file {path} does not exist")]
    Missing {
        /// The path as given.
        path: String,
    },
    /// The path names a directory.
    #[error("{path} is a directory, not a CSV file")]
    Directory {
        /// The path as given.
        path: String,
    },
    /// The operating system refuses to read the file.
    #[error("the file {path} cannot be read: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// The bytes are not text.
    #[error("line {line} is not UTF-8 text: a CSV file is expected, not a binary file")]
    NotText {
        /// The line of the first offending byte, counted from 1.
        line: u64,
    },
    /// Quotes are not those of RFC 4180.
    #[error("line {line}: {problem}")]
    Quotes {
        /// The line, counted from 1; of a quote that is never closed, where it is opened.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// There is nothing but white space.
    #[error("the file is empty: a header line and rows of numbers are expected")]
    Empty,
    /// The first line consists of numbers.
    #[error("the first line must be a header with the column names, but it holds only numbers ({line})")]
    NoHeader {
        /// The start of the line.
        line: String,
    },
    /// A header field is blank.
    #[error("column {column} has no name in the header")]
    UnnamedColumn {
        /// The position of the column, counted from 1.
        column: usize,
    },
    /// Two columns have one name.
    #[error("the column name \"{name}\" appears more than once in the header")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// No column has the name asked for.
    #[error("there is no column \"{name}\"; the columns are {columns}")]
    MissingColumn {
        /// The name asked for.
        name: String,
        /// The names that exist.
        columns: String,
    },
    /// There is a target but nothing to predict it from.
    #[error("the only column is \"{name}\", but a target and at least one feature are needed{hint}")]
    OneColumn {
        /// The name of the column.
        name: String,
        /// A guess at the cause, or nothing.
        hint: &'static str,
    },
    /// There are fewer than two rows of data.
    #[error("the table has {rows} after its header, but at least two are needed to train and to test")]
    TooFewRows {
        /// `no row` or `one row`.
        rows: &'static str,
    },
    /// A row is longer or shorter than the header.
    #[error("line {line}: expected {expected} values, as in the header, but found {found}")]
    Ragged {
        /// The line, counted from 1.
        line: u64,
        /// The number of columns of the header.
        expected: usize,
        /// The number of fields of the row.
        found: usize,
    },
    /// A field is blank.
    #[error("line {line}, column \"{column}\": the value is missing")]
    MissingValue {
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
    },
    /// A field is text.
    #[error("line {line}, column \"{column}\": \"{text}\" is not a number")]
    NotANumber {
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The field, shortened if it is long.
        text: String,
    },
    /// A field is NaN, infinite, or beyond the range of a double.
    #[error("line {line}, column \"{column}\": {text} is not a finite number")]
    NotFinite {
        /// The line, counted from 1.
        line: u64,
        /// The name of the column.
        column: String,
        /// The field.
        text: String,
    },
    /// The target has the same value in every row.
    #[error(
        "the target \"{name}\" has the same value {value} in every row{scope}, so there is nothing to learn"
    )]
    ConstantTarget {
        /// The name of the target.
        name: String,
        /// Its value.
        value: String,
        /// Empty, or the part of the table that is meant.
        scope: &'static str,
    },
    /// No feature varies.
    #[error("every feature has the same value in all rows, so there is nothing to learn from")]
    ConstantFeatures,
}
