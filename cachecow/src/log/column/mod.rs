//! Columns, and the values that fields have of them.

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
/// Implemented for the types that [`KeyPart`] lists, but for tuples, days of the week and months; and for newtypes
/// and enums with `#[derive(KeyPart)]`: a newtype is what it wraps, an enum's variant is the text of its name in
/// keys. The value is the one that the fetch function's row has: a text of PostgreSQL's type `char(n)` is padded with
/// spaces in both. PostgreSQL prints dates and bytes by the settings of the session that reads the log: these forms are
/// those of `DateStyle = ISO` and `bytea_output = hex`, its defaults.
///
/// | field | column's text |
/// |---|---|
/// | integers | `42`, `-1` |
/// | `bool` | `t`, `true`, `1`; `f`, `false`, `0` |
/// | `String`, `Box<str>`, `Arc<str>`, … | itself |
/// | `char` | one character |
/// | `Vec<u8>`, `[u8; N]` | `\x00ff`; raw bytes or base64, where the log says so ([`Value::Bytes`], [`Value::Base64`]) |
/// | `IpAddr`, … | `10.0.0.1`, `10.0.0.1/32`, `::1/128` |
/// | `Uuid` | with hyphens or without |
/// | dates | `2026-11-29`, `0044-03-15 BC` |
/// | times | `12:00:00.25` |
/// | date and time | `2026-11-29 12:00:00`, or with a `T` |
/// | moments (`DateTime<Utc>`, `OffsetDateTime`, …) | the same with an offset: `+00`, `+05:30`, `Z`. Without one it is not known which moment it is |
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
    label = "no `FromColumn`, and this stands in a key that is made of a row's columns",
    note = "for a newtype or an enum without data of yours, add `#[derive(cachecow::KeyPart)]` to it",
    note = "for any other type, write `impl cachecow::log::FromColumn for …`: how a column's text becomes such a value"
)]
pub trait FromColumn: KeyPart + Sized {
    /// What a column of such values holds: compared with the catalog when a log begins to be followed.
    const KIND: ColumnKind;

    /// Whether `NULL` is a value of the type.
    const NULLABLE: bool = false;

    /// The value; never [`Value::Unchanged`].
    ///
    /// # Errors
    ///
    /// [`NotInColumn`] if the column holds no such value.
    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn>;
}

/// A column does not hold a value of the field's type. It does not say which value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInColumn;

impl fmt::Display for NotInColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the column holds no value of this type")
    }
}

impl Error for NotInColumn {}

/// What a column is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnUse {
    /// The primary key.
    Key,
    /// An alias.
    Alias,
    /// A list, which an object also leaves.
    List,
    /// A tag.
    Tag,
    /// The key of an answer to a query.
    Query,
}

impl ColumnUse {
    /// Whether the log has to send the column of old rows too. An alias need not be told of the row before a change:
    /// it leads to the object, which is invalidated by its primary key.
    pub const fn is_needed_of_old_rows(self) -> bool {
        !matches!(self, Self::Alias)
    }
}

/// A column that stands in a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The column's name, as the catalog has it.
    pub name: &'static str,
    /// The field's type, for messages.
    pub field_type: &'static str,
    /// What the field takes the column to hold.
    pub kind: ColumnKind,
    /// Whether the field has a value for `NULL`.
    pub nullable: bool,
    /// What it is needed for.
    pub usage: ColumnUse,
}

impl Column {
    /// The column of a field of type `T`, whose name is `field_type`.
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
