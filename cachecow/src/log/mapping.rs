//! The table of a type, and the keys of a row.

use std::fmt;

use super::column::{Column, ColumnKind, ColumnUse};
use super::error::RowError;
use super::reader::RowReader;
use super::row::Row;
use super::table::TableName;
use super::via::{Function, Via};
use crate::model::cached::Clearable;
use crate::model::keys::KeySet;
use crate::model::query::Query;

/// A cached type whose objects are the rows of one table. The derive implements it for a struct with
/// `#[cache(table = "app.users")]`.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::Cached;
/// use cachecow::log::{Followed, TableName};
///
/// #[derive(Cached)]
/// #[cache(table = "app.users")]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { #[cache(column = "user_id")] id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
///
/// assert_eq!(User::table(), TableName::new(Some("app"), "users"));
/// // Of the columns, those in keys alone.
/// assert_eq!(User::columns().iter().map(|column| column.name).collect::<Vec<_>>(), ["user_id"]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which table its objects are rows of",
    label = "no table",
    note = "add `#[cache(table = \"app.users\")]` to the struct, beside `#[derive(Cached)]`"
)]
pub trait Followed: Clearable {
    /// The table.
    fn table() -> TableName;

    /// Reads the parts of each key from their columns, and adds the keys whose parts are all there.
    fn read_keys(reader: &mut RowReader<'_, '_>);

    /// The rows of other tables that lists of the type depend on.
    #[doc(hidden)]
    fn others() -> Vec<FollowedTable> {
        Vec::new()
    }

    /// Returns the columns in keys, aliases, lists and tags; a column that is in several is listed for each.
    fn columns() -> Vec<Column> {
        RowReader::columns(Self::read_keys)
    }

    /// Adds every key of this row: the primary one, the aliases, the lists and the tags.
    ///
    /// An old row need not have the columns of an alias: its object is invalidated by the primary key, and there is
    /// no cached absence of an object that existed. A new row need not have unchanged columns of an alias either.
    ///
    /// # Errors
    ///
    /// If a required column is missing, or does not hold a value of the field's type. The known keys were added.
    fn add_keys(row: &Row<'_>, set: &mut KeySet) -> Result<(), RowError> {
        let mut reader = RowReader::new(row, set);
        Self::read_keys(&mut reader);
        reader.finish(Self::table)
    }
}

/// One followed type, without the type.
///
/// [`FollowedTypes`] has an example.
#[derive(Clone)]
#[non_exhaustive]
pub struct FollowedTable {
    /// The type's name, for messages.
    pub type_name: &'static str,
    /// The table.
    pub table: TableName,
    /// The columns in keys; see [`Followed::columns`].
    pub columns: Vec<Column>,
    read: fn(&mut RowReader<'_, '_>),
    add_all: fn(&mut KeySet),
    /// The function that names the keys, if they cannot be computed.
    pub(super) via: Option<Via>,
}

impl FollowedTable {
    /// Makes the one of this type.
    pub fn of<T: Followed>() -> Self {
        Self {
            type_name: T::NAME,
            table: T::table(),
            columns: T::columns(),
            read: T::read_keys,
            add_all: KeySet::add_all::<T>,
            via: None,
        }
    }

    /// A type with emitted keys and without followed rows. No table has this name.
    pub(super) fn of_emitted<T: Clearable>() -> Self {
        Self {
            type_name: T::NAME,
            table: TableName::new(Some(""), ""),
            columns: Vec::new(),
            read: |_| {},
            add_all: KeySet::add_all::<T>,
            via: None,
        }
    }

    /// The lists of the type that depend on rows of this other table; `read` makes the keys.
    #[doc(hidden)]
    pub fn of_list<T: Followed>(table: TableName, read: fn(&mut RowReader<'_, '_>)) -> Self {
        Self { table, columns: RowReader::columns(read), read, ..Self::of::<T>() }
    }

    /// The results of a query that depends on rows of this table; `read` makes the keys.
    #[doc(hidden)]
    pub fn of_rows<Q: Query>(table: TableName, read: fn(&mut RowReader<'_, '_>)) -> Self {
        let columns = RowReader::columns(read);
        Self {
            type_name: Q::NAME,
            table,
            columns,
            read,
            add_all: KeySet::add_answers::<Q>,
            via: None,
        }
    }

    /// The same, with keys that this function names. `None`: it gets all columns.
    #[doc(hidden)]
    #[must_use]
    pub fn via<C: ?Sized + Send + Sync + 'static>(
        mut self,
        usage: ColumnUse,
        columns: Option<&'static [&'static str]>,
        context: &'static str,
        function: Function<C>,
    ) -> Self {
        let (kind, nullable) = (ColumnKind::Any, true);
        let column = |&name| Column { name, field_type: "", kind, nullable, usage };
        self.columns = columns.unwrap_or_default().iter().map(column).collect();
        self.via = Some(Via::new(columns, context, function));
        self
    }

    /// Returns whether the log must send all columns, also of old rows, because a function does not say which
    /// columns it reads (`via` without `columns`).
    pub fn needs_whole_rows(&self) -> bool {
        self.via.as_ref().is_some_and(Via::takes_whole_rows)
    }

    /// Adds every key of this row; see [`Followed::add_keys`]. It does not add keys that a function names (`via`);
    /// [`Batch::change`](super::Batch::change) does.
    ///
    /// # Errors
    ///
    /// As [`Followed::add_keys`].
    pub fn add_keys(&self, row: &Row<'_>, set: &mut KeySet) -> Result<(), RowError> {
        let mut reader = RowReader::new(row, set);
        (self.read)(&mut reader);
        reader.finish(|| self.table.clone())
    }

    /// Adds everything of the type: all objects, all lists, and every absence.
    pub fn add_all(&self, set: &mut KeySet) {
        (self.add_all)(set);
    }
}

impl fmt::Debug for FollowedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedTable")
            .field("type_name", &self.type_name)
            .field("table", &self.table)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// One [`Followed`] type, a query with `#[cache(rows = "…")]`, or a tuple of up to eight.
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
/// use cachecow::log::{Column, ColumnKind, ColumnUse, FollowedTable, FollowedTypes, Row, Value};
///
/// // What a follower works with, which knows no types.
/// let tables: Vec<FollowedTable> = <(User,)>::tables();
/// let FollowedTable { table, columns, .. } = &tables[0];
/// assert_eq!(table.to_string(), "app.users");
///
/// // Does the catalog's column fit the field?
/// let id: &Column = &columns[0];
/// assert_eq!((id.name, id.kind, id.usage), ("id", ColumnKind::Integer, ColumnUse::Key));
/// assert_eq!((id.kind.fits("bigint"), id.kind.fits("uuid")), (Some(true), Some(false)));
///
/// // The keys of a row that was deleted. The log need not send the e-mail address of it.
/// let mut keys = KeySet::default();
/// tables[0].add_keys(&Row::old().with("id", Value::text("42")), &mut keys)?;
/// assert_eq!(keys.keys().count(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can follow a change log, nor a tuple of such types",
    label = "expected a struct with `#[cache(table = \"…\")]`, a query with `#[cache(rows = \"…\")]`, or a tuple",
    note = "a tuple has up to 8 types; call `types` once for each tuple"
)]
pub trait FollowedTypes {
    /// Returns what a follower needs of each type, in the order of the tuple. Several types may have the same
    /// table, and a query may have several tables.
    fn tables() -> Vec<FollowedTable>;
}

impl<T: Followed> FollowedTypes for T {
    fn tables() -> Vec<FollowedTable> {
        let mut tables = vec![FollowedTable::of::<T>()];
        tables.extend(T::others());
        tables
    }
}

/// No types, for a log of keys that writers name.
impl FollowedTypes for () {
    fn tables() -> Vec<FollowedTable> {
        Vec::new()
    }
}

macro_rules! of_tuples {
    ($($($member:ident)*;)*) => {$(
        impl<$($member: FollowedTypes),*> FollowedTypes for ($($member,)*) {
            fn tables() -> Vec<FollowedTable> {
                [$($member::tables()),*].concat()
            }
        }
    )*};
}

crate::model::for_each_tuple!(of_tuples);
