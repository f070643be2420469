//! The meaning of a database's errors.

use crate::error::{Error, ErrorKind};

/// Whether the database aborted because of a conflict with others, so that a retry may succeed.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    match error.code().as_deref() {
        // A serialization failure or a deadlock; PostgreSQL's own code for a deadlock; and its three codes for a
        // table that another client created at the same moment, in spite of `IF NOT EXISTS` (depending on whether
        // the index, the table or its row type was created first).
        Some("40001" | "40P01" | "23505" | "42P07" | "42710") => true,
        _ => is_changed_record(error),
    }
}

/// MariaDB's "record has changed since last read", which has no code of its own.
#[cfg(feature = "mysql")]
fn is_changed_record(error: &dyn sqlx::error::DatabaseError) -> bool {
    let error = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
    error.is_some_and(|error| error.number() == 1020)
}

#[cfg(not(feature = "mysql"))]
fn is_changed_record(_: &dyn sqlx::error::DatabaseError) -> bool {
    false
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| match error.code().as_deref() {
        Some("42P01" | "42S02") => true,
        // SQLite's code for any error in a statement.
        Some("1") => error.message().starts_with("no such table"),
        _ => false,
    })
}

pub(super) fn opening(error: sqlx::Error) -> Error {
    let message = match &error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some("14") => {
            "open: the database file cannot be opened; a URL that ends in `?mode=rwc` creates it"
        }
        sqlx::Error::PoolTimedOut => "open: the database did not answer in time",
        _ => "open: the database cannot be reached, or refused the connection",
    };
    Error::caused_by(ErrorKind::Store, message, error)
}

pub(super) fn operating(operation: &'static str, table: &str, error: sqlx::Error) -> Error {
    if is_missing_table(&error) {
        let message = format!(
            "{operation}: the table `{table}` does not exist; `SqlStore::create_table` creates it"
        );
        return Error::caused_by(ErrorKind::Store, message, error);
    }
    Error::store(operation, error)
}
