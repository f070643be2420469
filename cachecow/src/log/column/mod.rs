//! Columns, and reading fields from them.

#[cfg(any(
    feature = "bson",
    feature = "chrono",
    feature = "rust_decimal",
    feature = "time",
    feature = "uuid"
))]
mod crates;
mod kind;
#[cfg(any(feature = "chrono", feature = "time"))]
mod moment;
mod plain;

use std::error::Error;
use std::fmt;

pub use kind::ColumnKind;
#[cfg(all(
    feature = "outbox",
    any(feature = "postgres", feature = "mysql", feature = "sqlite")
))]
pub(super) use kind::base_name;

use super::value::Value;
use crate::key::KeyPart;

/// A key part that is read from a column of a change log's row.
///
/// It is implemented for the types that [`KeyPart`] lists, except tuples, days of the week and months, and for
/// newtypes and enums with `#[derive(KeyPart)]`. A newtype is read as its inner value, and an enum's variant from
/// the text of its name in keys. The value is the same as in the fetch function's row: a text of PostgreSQL's type
/// `char(n)` is padded with spaces in both. PostgreSQL prints dates and bytes by the settings of the session that
/// reads the log: the forms below are those of `DateStyle = ISO` and `bytea_output = hex`, its defaults.
///
/// | field | column's text |
/// |---|---|
/// | integers | `42`, `-1` |
/// | `bool` | `t`, `true`, `1`; `f`, `false`, `0` |
/// | `String`, `Box<str>`, `Arc<str>`, … | itself |
/// | `char` | one character |
/// | `Vec<u8>`, `[u8; N]` | `\x00ff`; raw bytes or base64, if the log says so ([`Value::Bytes`], [`Value::Base64`]) |
/// | `IpAddr`, … | `10.0.0.1`, `10.0.0.1/32`, `::1/128` |
/// | `Uuid` | with hyphens or without |
/// | dates | `2026-11-29`, `0044-03-15 BC` |
/// | times | `12:00:00.25` |
/// | date and time | `2026-11-29 12:00:00`, or with a `T` |
/// | instants (`DateTime<Utc>`, `OffsetDateTime`, …) | the same with an offset: `+00`, `+05:30`, `Z`. The offset is required |
/// | `Decimal` | `1.50` |
/// | `ObjectId` | 24 hexadecimal digits |
/// | `Option<T>` | `NULL` is `None` |
///
/// # By hand
///
/// ```
/// use cachecow::log::{ColumnKind, FromColumn, NotInColumn, Value};
/// use cachecow::{KeyEncoder, KeyPart};
///
/// struct Release(u32, u32);
///
/// impl KeyPart for Release {
///     fn encode(&self, encoder: &mut KeyEncoder) {
///         (self.0, self.1).encode(encoder);
///     }
/// }
///
/// impl FromColumn for Release {
///     const KIND: ColumnKind = ColumnKind::Text;
///
///     fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
///         let (major, minor) = value.as_text().and_then(|text| text.split_once('.')).ok_or(NotInColumn)?;
///         Ok(Self(major.parse().map_err(|_| NotInColumn)?, minor.parse().map_err(|_| NotInColumn)?))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be read from a column of a change log",
    label = "not a `FromColumn`, but this is part of a key that is made from a row's columns",
    note = "for a newtype or an enum without data of yours, add `#[derive(cachecow::KeyPart)]` to it",
    note = "for any other type, write `impl cachecow::log::FromColumn for …`, which converts a column's \
        text to such a value"
)]
pub trait FromColumn: KeyPart + Sized {
    /// The kind of column for such values; compared with the database's catalog when a follower starts.
    const KIND: ColumnKind;

    /// Whether `NULL` is a value of the type.
    const NULLABLE: bool = false;

    /// Converts the value, which is never [`Value::Unchanged`].
    ///
    /// # Errors
    ///
    /// [`NotInColumn`] if the column does not hold such a value.
    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn>;
}

/// The error if a column does not hold a value of the field's type. It does not show the value.
///
/// [`FromColumn`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInColumn;

impl fmt::Display for NotInColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the column holds no value of this type")
    }
}

impl Error for NotInColumn {}

/// The use of a column.
///
/// [`FollowedTypes`](crate::log::FollowedTypes) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnUse {
    /// The primary key.
    Key,
    /// An alias.
    Alias,
    /// A list, which an object may also leave.
    List,
    /// A tag.
    Tag,
    /// The key of a query's result.
    Query,
}

impl ColumnUse {
    /// Returns whether the log must also send the column of old rows. It need not for an alias, which only points
    /// to the object: the object is invalidated by its primary key.
    pub const fn is_needed_of_old_rows(self) -> bool {
        !matches!(self, Self::Alias)
    }
}

/// A column that is part of a key.
///
/// [`FollowedTypes`](crate::log::FollowedTypes) has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The column's name, as the catalog has it.
    pub name: &'static str,
    /// The field's type, for messages.
    pub field_type: &'static str,
    /// The kind of column that the field needs.
    pub kind: ColumnKind,
    /// Whether the field has a value for `NULL`.
    pub nullable: bool,
    /// What it is needed for.
    pub usage: ColumnUse,
}

impl Column {
    /// Makes the column of a field of type `T`, whose name is `field_type`.
    pub fn of<T: FromColumn>(
        name: &'static str,
        field_type: &'static str,
        usage: ColumnUse,
    ) -> Self {
        Self { name, field_type, kind: T::KIND, nullable: T::NULLABLE, usage }
    }

    /// Why a log is not followed where the column is of another type; `of` is the cached type.
    #[cfg(any(
        feature = "postgres-log",
        all(feature = "outbox", any(feature = "postgres", feature = "mysql", feature = "sqlite"))
    ))]
    pub(super) fn of_another_type(&self, of: &str, table: &str, type_name: &str) -> String {
        format!(
            "{of}: column `{}` of {table} is of type {type_name}, which is not read as a `{}`: that needs {}; change \
             the field's type, or the column's",
            self.name,
            self.field_type,
            self.kind.as_str()
        )
    }

    /// Why a log is not followed where there is no such column.
    #[cfg(any(
        feature = "postgres-log",
        all(feature = "outbox", any(feature = "postgres", feature = "mysql", feature = "sqlite"))
    ))]
    pub(super) fn is_missing(&self, of: &str, table: &str) -> String {
        format!(
            "{of}: {table} has no column `{}`; name the field's column by `#[cache(column = \"…\")]`",
            self.name
        )
    }
}
