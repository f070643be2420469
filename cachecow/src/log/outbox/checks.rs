//! The checks before an outbox is followed.

use super::columns;
use super::database::{Database, failed};
use super::kind::Kind;
use super::setup::Trigger;
use crate::error::{Error, ErrorKind};
use crate::log::mapping::FollowedTable;
#[cfg(feature = "postgres")]
use crate::log::table::inherits;

/// Checks the table, the triggers and the columns, and returns the warnings.
pub(super) async fn check(
    database: &Database,
    triggers: &[Trigger],
    followed: &[FollowedTable],
) -> Result<Vec<String>, Error> {
    let kind = database.kind();
    database.is_readable().await.map_err(|error| {
        if !matches!(error, sqlx::Error::Database(_)) {
            return failed(error);
        }
        let message = "follow: there is no outbox, or it may not be read; run what `Outbox::setup_sql` prints";
        Error::caused_by(ErrorKind::InvalidConfig, message, error)
    })?;
    let found = database.texts(&kind.triggers(triggers)).await.map_err(failed)?;
    let missing = triggers.iter().find(|trigger| !found.contains(&trigger.name));
    if let Some(trigger) = missing {
        let message = format!(
            "follow: the table `{}` has no trigger `{}`, or it is off, so changes would be missed; run what \
             `Outbox::setup_sql` prints, again after each change of the key columns, and after another table took the \
             name",
            trigger.table, trigger.name
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    columns::check(database, followed).await?;
    #[cfg(feature = "postgres")]
    if kind == Kind::Postgres {
        inherited(database, triggers).await?;
    }
    warnings(database, kind).await
}

/// Refuses tables that others inherit from: a trigger does not fire for the rows of another table.
#[cfg(feature = "postgres")]
async fn inherited(database: &Database, triggers: &[Trigger]) -> Result<(), Error> {
    for trigger in triggers {
        let heirs = database.pairs(&database.kind().heirs(trigger)).await.map_err(failed)?;
        let Some((name, _)) = heirs.first().cloned() else { continue };
        let heirs: Vec<String> = heirs.into_iter().map(|(_, heir)| heir).collect();
        let message = format!("follow: {}", inherits(&name, &heirs));
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Ok(())
}

async fn warnings(database: &Database, kind: Kind) -> Result<Vec<String>, Error> {
    // With PostgreSQL only, there is nothing to query here.
    let _ = database;
    match kind {
        #[cfg(feature = "sqlite")]
        Kind::Sqlite => {
            let sql = "select cast(recursive_triggers as text) from pragma_recursive_triggers";
            if database.texts(sql).await.map_err(failed)? != ["1"] {
                let warning = "SQLite's `REPLACE` deletes rows without firing their triggers, unless the connection \
                               that executes it has set `PRAGMA recursive_triggers = on`: set it in every program \
                               that uses REPLACE";
                return Ok(vec![warning.to_owned()]);
            }
        }
        #[cfg(feature = "mysql")]
        Kind::MySql => {
            let sql = "select cast(@@auto_increment_increment as char)";
            if database.texts(sql).await.map_err(failed)? != ["1"] {
                let message = "follow: with `auto_increment_increment` other than 1, ids do not grow \
                    with time, and `caught_up` would return too early; set it to 1, or let only one \
                    server write";
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
        #[cfg(feature = "postgres")]
        Kind::Postgres => {}
    }
    Ok(Vec::new())
}
