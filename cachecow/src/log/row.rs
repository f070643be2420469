//! A row in a change log.

use std::error::Error;
use std::fmt;

use super::column::FromColumn;
use super::error::ColumnFault;
use super::value::Value;

/// Which of a changed row's two versions a [`Row`] is.
///
/// [`Row`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowVersion {
    /// The row before the change: of an `UPDATE` or a `DELETE`.
    Old,
    /// The row after the change: of an `INSERT` or an `UPDATE`.
    New,
}

impl RowVersion {
    /// Its form in messages.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Old => "an old row",
            Self::New => "a new row",
        }
    }
}

/// One version of one row in a change log: its columns, by name.
///
/// A column that the log does not send must be left out. This matters for old rows: PostgreSQL sends only the
/// columns of the replica identity, and marks the others as null. A follower must leave those out, and not make
/// them [`Value::Null`].
///
/// ```
/// use cachecow::log::{Row, RowVersion, Value};
///
/// let row = Row::old().with("id", Value::text("42"));
/// assert_eq!(row.version(), RowVersion::Old);
/// assert_eq!(row.get("id"), Some(&Value::text("42")));
/// assert_eq!(row.get("mail"), None);
/// ```
#[derive(Clone, Debug)]
pub struct Row<'a> {
    version: RowVersion,
    columns: Vec<(&'a str, Value<'a>)>,
}

/// A new row.
impl Default for Row<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Row<'a> {
    /// Makes the row after a change, without columns yet.
    pub fn new() -> Self {
        Self::of(RowVersion::New)
    }

    /// Makes the row before a change, without columns yet.
    pub fn old() -> Self {
        Self::of(RowVersion::Old)
    }

    /// Makes this version of a row, without columns yet.
    pub fn of(version: RowVersion) -> Self {
        Self { version, columns: Vec::new() }
    }

    /// Returns the row with one more column.
    #[must_use]
    pub fn with(mut self, column: &'a str, value: Value<'a>) -> Self {
        self.push(column, value);
        self
    }

    /// Adds a column. If two have the same name, the first one counts.
    pub fn push(&mut self, column: &'a str, value: Value<'a>) {
        self.columns.push((column, value));
    }

    /// Returns which version of the row this is.
    pub fn version(&self) -> RowVersion {
        self.version
    }

    /// Returns the column with this name; `None` if the log did not send it.
    pub fn get(&self, column: &str) -> Option<&Value<'a>> {
        self.columns.iter().find(|(name, _)| *name == column).map(|(_, value)| value)
    }

    /// Reads the column with this name as the type of a key part: `row.read::<i64>("post_id")?`.
    ///
    /// # Errors
    ///
    /// If the log did not send the column, or it does not hold such a value.
    pub fn read<T: FromColumn>(&self, column: &str) -> Result<T, ColumnError> {
        let fault = match self.get(column) {
            None => ColumnFault::Missing,
            Some(Value::Unchanged) => ColumnFault::Unchanged,
            Some(Value::Null) if !T::NULLABLE => ColumnFault::Null,
            Some(value) => match T::from_column(value) {
                Ok(part) => return Ok(part),
                Err(_) => ColumnFault::Malformed,
            },
        };
        Err(ColumnError { column: column.to_owned(), version: self.version, fault })
    }

    /// Returns the columns in the order in which they were added.
    pub fn columns(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        self.columns.iter().map(|(name, value)| (*name, value))
    }

    /// Copies values that are [`Unchanged`](Value::Unchanged) in this row from `old`, its version before the
    /// change, if that has them.
    pub fn fill_unchanged(&mut self, old: &Row<'a>) {
        for (name, value) in &mut self.columns {
            if *value == Value::Unchanged
                && let Some(known) = old.get(name)
            {
                *value = known.clone();
            }
        }
    }
}

/// The error if a column of a row is missing, or does not hold a value of the requested type. It does not show the
/// value.
///
/// ```
/// use cachecow::log::{ColumnError, ColumnFault, Row, Value};
///
/// let row = Row::new().with("id", Value::text("forty-two"));
/// let error: ColumnError = row.read::<i64>("id").unwrap_err();
/// assert_eq!((error.column(), error.fault()), ("id", ColumnFault::Malformed));
/// assert_eq!(error.to_string(), "column `id` of a new row holds no value of the type that it is read as");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    column: String,
    version: RowVersion,
    fault: ColumnFault,
}

impl ColumnError {
    /// Returns the column.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// Returns what is wrong with it.
    pub fn fault(&self) -> ColumnFault {
        self.fault
    }
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}` of {} ", self.column, self.version.shown())?;
        f.write_str(match self.fault {
            ColumnFault::Missing => "was not sent by the log",
            ColumnFault::Unchanged => "was left out as unchanged",
            ColumnFault::Null => "is null",
            ColumnFault::Malformed => "holds no value of the type that it is read as",
        })
    }
}

impl Error for ColumnError {}
