//! Why the keys of a row are not all known.

use std::error::Error;
use std::fmt;

use super::row::RowVersion;
use super::table::TableName;

/// Why one column of a row does not give its part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnFault {
    /// The log did not send it.
    Missing,
    /// It was left out as [`Unchanged`](super::Value::Unchanged).
    Unchanged,
    /// It is `NULL`, and the field's type has no `None`.
    Null,
    /// Its text is none of the field's type.
    Malformed,
}

/// Some keys of a row are not known, for the reasons that stand by its columns.
///
/// The keys that are known were added all the same. A follower that gets this error invalidates everything of the
/// type, since it does not know which key is missing. No message shows a column's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub(super) table: TableName,
    pub(super) version: RowVersion,
    pub(super) faults: Vec<(&'static str, &'static str, ColumnFault)>,
}

impl RowError {
    /// The table.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Which version of the row it was.
    pub fn version(&self) -> RowVersion {
        self.version
    }

    /// The columns at fault, each once.
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
