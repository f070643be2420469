//! Errors for rows whose keys are not all known.

use std::error::Error;
use std::fmt;

use super::row::RowVersion;
use super::table::TableName;

/// Why a part of a key cannot be read from a column.
///
/// [`RowError`] has an example.
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
///
/// ```
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use cachecow::Cached;
/// # #[derive(Cached)]
/// # #[cache(table = "app.users")]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # #[cache(key = "user:email:{email}", fetch = User::find_by_email)]
/// # struct User { id: i64, email: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// #     async fn find_by_email(_: &str) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// use cachecow::KeySet;
/// use cachecow::log::{ColumnFault, Followed as _, Row, RowError, RowVersion, Value};
///
/// let row = Row::new().with("id", Value::text("42")).with("email", Value::Null);
/// let error: RowError = User::add_keys(&row, &mut KeySet::default()).unwrap_err();
/// assert_eq!((error.table(), error.version()), (&User::table(), RowVersion::New));
/// assert_eq!(error.columns().collect::<Vec<_>>(), [("email", ColumnFault::Null)]);
/// assert_eq!(
///     error.to_string(),
///     "a new row of `app.users` does not give all of its keys: column `email` is null: make the field an `Option<String>`"
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
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
