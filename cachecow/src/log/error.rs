//! Errors for rows whose keys are not all known.

use std::error::Error;
use std::fmt;

use super::row::RowVersion;
use super::table::TableName;

/// Why a part of a key cannot be read from a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnFault {
    /// The log did not send it.
    Missing,
    /// It was left out as [`Unchanged`](super::Value::Unchanged).
    Unchanged,
    /// It is `NULL`, and the field's type has no `None`.
    Null,
    /// Its text is not a value of the field's type.
    Malformed,
}

/// The error if some keys of a row are not known, with a reason for each column.
///
/// The known keys were added nevertheless. A follower that gets this error invalidates everything of the type,
/// since it does not know which key is missing. No message shows a column's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub(super) table: TableName,
    pub(super) version: RowVersion,
    pub(super) faults: Vec<(&'static str, &'static str, ColumnFault)>,
}

impl RowError {
    /// Returns the table.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Returns which version of the row it was.
    pub fn version(&self) -> RowVersion {
        self.version
    }

    /// Returns the columns with faults, each once.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, ColumnFault)> {
        self.faults.iter().map(|(column, _, fault)| (*column, *fault))
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}` does not give all of its keys", self.version.shown(), self.table)?;
        for (at, (column, ty, fault)) in self.faults.iter().enumerate() {
            f.write_str(if at == 0 { ": " } else { "; " })?;
            match fault {
                ColumnFault::Missing if self.version == RowVersion::Old => write!(
                    f,
                    "column `{column}` is not sent of old rows: include it in the table's replica identity, or in what \
                     the trigger writes"
                ),
                ColumnFault::Missing => write!(
                    f,
                    "there is no column `{column}`: name the field's column by `#[cache(column = \"…\")]`"
                ),
                ColumnFault::Unchanged => write!(
                    f,
                    "column `{column}` was left out as unchanged: include it in the table's replica identity"
                ),
                ColumnFault::Null => {
                    write!(f, "column `{column}` is null: make the field an `Option<{ty}>`")
                }
                ColumnFault::Malformed => write!(f, "column `{column}` holds no `{ty}`"),
            }?;
        }
        Ok(())
    }
}

impl Error for RowError {}

/// An error with what caused it, in one line.
pub(super) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}
