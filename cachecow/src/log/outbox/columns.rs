//! Whether columns hold what is read from them: those of the followed tables, and the outbox's own.

use std::collections::BTreeMap;

use super::database::{Database, failed};
use super::kind::Kind;
use crate::error::{Error, ErrorKind};
use crate::log::column::{ColumnKind, base_name};
use crate::log::mapping::FollowedTable;

/// A table's columns, with the names that the database has for their types.
type Columns = BTreeMap<String, String>;

/// Refuses the tables whose rows could not be read, all at once.
pub(super) async fn check(database: &Database, followed: &[FollowedTable]) -> Result<(), Error> {
    let kind = database.kind();
    let mut refusals = Vec::new();
    let own = columns(database, &kind.columns_of_outbox(&database.table)).await?;
    refusals.extend(of_outbox(kind, &database.table, &own));
    for table in followed {
        let found = columns(database, &kind.columns(&table.table)).await?;
        refusals.extend(of_table(kind, table, &found));
    }
    if refusals.is_empty() {
        return Ok(());
    }
    let message = format!("follow: {}", refusals.join("\nfollow: "));
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

async fn columns(database: &Database, sql: &str) -> Result<Columns, Error> {
    let kind = database.kind();
    let pairs = database.pairs(sql).await.map_err(failed)?;
    Ok(pairs.into_iter().map(|(name, type_name)| (kind.folded(&name), type_name)).collect())
}

/// The outbox's columns that are not as `setup_sql` makes them.
fn of_outbox(kind: Kind, table: &str, found: &Columns) -> Vec<String> {
    let remedy = "run what `Outbox::setup_sql` prints after this table was dropped, or name another by `Outbox::table`";
    let texts = ["source", "old_row", "new_row"].map(|name| (name, "text"));
    let own = [("id", kind.id())].into_iter().chain(texts);
    let wrong = own.filter_map(|(name, needed)| {
        let Some(found) = found.get(name) else {
            return Some(format!("`{table}` is no outbox, it has no column `{name}`; {remedy}"));
        };
        let fits = match name {
            "id" => base_name(found) == needed,
            _ => ColumnKind::Text.fits(found) == Some(true),
        };
        let message = || {
            format!("column `{name}` of the outbox `{table}` is of type {found}, and {needed} is needed; {remedy}")
        };
        (!fits).then(message)
    });
    wrong.collect()
}

/// The columns of which a key's part cannot be read.
fn of_table(kind: Kind, table: &FollowedTable, found: &Columns) -> Vec<String> {
    let (of, name) = (table.type_name, format!("`{}`", table.table));
    let mut told: Vec<&str> = Vec::new();
    let wrong = table.columns.iter().filter_map(|column| {
        if told.contains(&column.name) {
            return None;
        }
        told.push(column.name);
        match found.get(&kind.folded(column.name)) {
            None if kind.tells_all_columns(column.name) => Some(column.is_missing(of, &name)),
            Some(found) if kind.fits(column.kind, found) == Some(false) => {
                Some(column.of_another_type(of, &name, found))
            }
            _ => None,
        }
    });
    wrong.collect()
}

impl Kind {
    /// A column's name as it is compared.
    fn folded(self, name: &str) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => name.to_owned(),
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => name.to_lowercase(),
        }
    }

    /// Whether there is no column of this name if the database names none.
    fn tells_all_columns(self, name: &str) -> bool {
        let _ = name;
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => true,
            // It names those that the role has rights on.
            #[cfg(feature = "mysql")]
            Self::MySql => false,
            // Each table has them, and names none of them.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => !["rowid", "oid", "_rowid_"].contains(&&*self.folded(name)),
        }
    }

    /// Whether a column of this type holds such values; `None` where that is not known.
    fn fits(self, wanted: ColumnKind, type_name: &str) -> Option<bool> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => fits_in_sqlite(wanted, type_name),
            #[cfg(feature = "mysql")]
            Self::MySql => fits_in_mysql(wanted, type_name),
            #[cfg(feature = "postgres")]
            Self::Postgres => wanted.fits(type_name),
        }
    }

    /// The type of the outbox's ids.
    fn id(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "integer",
            #[allow(unreachable_patterns, reason = "SQLite may be the only one")]
            _ => "bigint",
        }
    }
}

/// As [`ColumnKind::fits`], of the texts that triggers write in MySQL: of a whole number digits, of bits bytes, and of
/// bytes what they are as UTF-8.
#[cfg(feature = "mysql")]
fn fits_in_mysql(wanted: ColumnKind, type_name: &str) -> Option<bool> {
    match wanted {
        ColumnKind::Bool if base_name(type_name) == "bit" => Some(false),
        ColumnKind::Bool if ColumnKind::Integer.fits(type_name) == Some(true) => None,
        ColumnKind::Text if ColumnKind::Bytes.fits(type_name) == Some(true) => None,
        _ => wanted.fits(type_name),
    }
}

/// A column of SQLite holds values of any type. Its own type tells what numbers become, and no more: what needs text
/// or bytes is in no column of numbers, and a whole number in one of floats is read as `1.0`.
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
#[cfg(feature = "sqlite")]
fn fits_in_sqlite(wanted: ColumnKind, type_name: &str) -> Option<bool> {
    let name = type_name.to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_integer = has(&["INT"]);
    let is_float =
        !is_integer && !has(&["CHAR", "CLOB", "TEXT", "BLOB"]) && has(&["REAL", "FLOA", "DOUB"]);
    match wanted {
        ColumnKind::Any | ColumnKind::Text | ColumnKind::Decimal => None,
        ColumnKind::Integer | ColumnKind::Bool => is_float.then_some(false),
        _ => (is_integer || is_float).then_some(false),
    }
}

#[cfg(all(test, feature = "mysql", feature = "sqlite"))]
mod tests {
    use super::{fits_in_mysql, fits_in_sqlite};
    use crate::log::column::ColumnKind::{Any, Bool, Bytes, Instant, Integer, Text, Uuid};

    #[test]
    fn in_mysql_a_truth_value_may_be_a_number_and_a_text_be_bytes() {
        for (kind, name, fits) in [
            (Bool, "bit(1)", Some(false)),
            (Bool, "datetime", Some(false)),
            (Bool, "int(11)", None),
            (Bool, "tinyint(1)", None),
            (Text, "varbinary(26)", None),
            (Uuid, "binary(16)", Some(false)),
            (Instant, "timestamp", Some(false)),
            (Integer, "int(10) unsigned", Some(true)),
        ] {
            assert_eq!(fits_in_mysql(kind, name), fits, "{kind:?} {name}");
        }
    }

    #[test]
    fn of_sqlite_s_types_the_numbers_alone_tell_something() {
        for (kind, name, fits) in [
            (Integer, "REAL", Some(false)),
            (Integer, "double precision", Some(false)),
            (Bool, "FLOAT", Some(false)),
            (Integer, "bigint", None),
            (Integer, "text", None),
            (Integer, "", None),
            (Uuid, "INTEGER", Some(false)),
            (Uuid, "REAL", Some(false)),
            (Uuid, "BLOB", None),
            (Uuid, "text", None),
            (Bytes, "int", Some(false)),
            (Instant, "INTEGER", Some(false)),
            (Instant, "datetime", None),
            (Text, "INTEGER", None),
            (Any, "REAL", None),
        ] {
            assert_eq!(fits_in_sqlite(kind, name), fits, "{kind:?} {name}");
        }
    }
}
