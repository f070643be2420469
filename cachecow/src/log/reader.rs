//! Reading the columns of one row, in the derive's code.

use super::column::{Column, ColumnUse, FromColumn};
use super::error::{ColumnFault, RowError};
use super::row::{Row, RowVersion};
use super::table::TableName;
use super::value::Value;
use crate::key::Key;
use crate::model::cached::TypePolicy;
use crate::model::keys::{CacheKeys, KeySet};

/// Reads the parts of a row's keys; the argument of [`Followed::read_keys`](super::Followed::read_keys).
///
/// It collects the faults of all columns, so that all are reported at once. It is also used without a row, to list
/// the columns that a type needs; then every part is missing.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::log::{ColumnUse, Followed, Row, RowReader, TableName, Value};
/// use cachecow::{Cached, KeySet};
///
/// #[derive(Cached)]
/// #[cache(clearable = true)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
///
/// /// By hand, since an old table keeps the number within a text: `U-42`.
/// impl Followed for User {
///     fn table() -> TableName {
///         TableName::new(Some("app"), "users")
///     }
///     fn read_keys(reader: &mut RowReader<'_, '_>) {
///         let code = reader.part::<String>("code", "String", ColumnUse::Key);
///         if let Some(id) = code.and_then(|code| code.strip_prefix("U-")?.parse().ok()) {
///             reader.add(&User::by_id(id));
///         }
///     }
/// }
///
/// let mut keys = KeySet::default();
/// User::add_keys(&Row::new().with("code", Value::text("U-42")), &mut keys)?;
/// assert_eq!(keys.keys().count(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct RowReader<'a, 'r>(Purpose<'a, 'r>);

#[derive(Debug)]
enum Purpose<'a, 'r> {
    Columns(Vec<Column>),
    Keys {
        row: &'a Row<'r>,
        set: &'a mut KeySet,
        faults: Vec<(&'static str, &'static str, ColumnFault)>,
    },
}

impl<'a, 'r> RowReader<'a, 'r> {
    /// A reader of this row, whose keys are added to this set.
    pub(super) fn new(row: &'a Row<'r>, set: &'a mut KeySet) -> Self {
        Self(Purpose::Keys { row, set, faults: Vec::new() })
    }

    /// The columns that are read.
    pub(super) fn columns(read: fn(&mut RowReader<'_, '_>)) -> Vec<Column> {
        let mut reader = RowReader(Purpose::Columns(Vec::new()));
        read(&mut reader);
        match reader.0 {
            Purpose::Columns(columns) => columns,
            Purpose::Keys { .. } => Vec::new(),
        }
    }

    /// Reads the part of a key from this column; `field_type` is its type's name, for messages. `None` if the row
    /// does not have it.
    pub fn part<T: FromColumn>(
        &mut self,
        column: &'static str,
        field_type: &'static str,
        usage: ColumnUse,
    ) -> Option<T> {
        let (row, faults) = match &mut self.0 {
            Purpose::Columns(columns) => {
                columns.push(Column::of::<T>(column, field_type, usage));
                return None;
            }
            Purpose::Keys { row, faults, .. } => (row, faults),
        };
        let fault = match row.get(column) {
            None => ColumnFault::Missing,
            // A cached absence of such an alias was invalidated when the row was created.
            Some(Value::Unchanged) if usage == ColumnUse::Alias => return None,
            Some(Value::Unchanged) => ColumnFault::Unchanged,
            Some(Value::Null) if !T::NULLABLE => ColumnFault::Null,
            Some(value) => match T::from_column(value) {
                Ok(part) => return Some(part),
                Err(_) => ColumnFault::Malformed,
            },
        };
        let is_needed = usage.is_needed_of_old_rows() || row.version() == RowVersion::New;
        if is_needed && !faults.iter().any(|(known, ..)| *known == column) {
            faults.push((column, field_type, fault));
        }
        None
    }

    /// Adds a lookup, a list or a tag.
    pub fn add(&mut self, keys: &impl CacheKeys) {
        if let Purpose::Keys { set, .. } = &mut self.0 {
            keys.add_to(set);
        }
    }

    /// Adds a key of a type with these settings.
    pub fn add_key(&mut self, key: Key, policy: TypePolicy) {
        if let Purpose::Keys { set, .. } = &mut self.0 {
            set.add(key, policy);
        }
    }

    /// Returns an error unless all parts were known.
    pub(super) fn finish(self, table: impl FnOnce() -> TableName) -> Result<(), RowError> {
        match self.0 {
            Purpose::Keys { row, faults, .. } if !faults.is_empty() => {
                Err(RowError { table: table(), version: row.version(), faults })
            }
            _ => Ok(()),
        }
    }
}
