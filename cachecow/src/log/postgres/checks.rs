//! Checks, before a table is followed, that no change can be lost, and that following does not harm the database.

use super::PostgresLog;
use super::session::{Rows, Session, literal};
use super::stream::NAME;
use super::tables;
use crate::error::{Error, ErrorKind};
use crate::log::mapping::FollowedTable;
use crate::log::table::identifier;

const OLDEST: u32 = 140_000;

/// The problems that were found. Refusals become one error after all checks have run.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) refusals: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Findings {
    pub(super) fn refuse(&mut self, what: impl Into<String>) {
        self.refusals.push(what.into());
    }

    pub(super) fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(what.into());
    }

    /// Returns the warnings.
    ///
    /// # Errors
    ///
    /// If there are refusals. The error lists all of them.
    pub(super) fn judge(self) -> Result<Vec<String>, Error> {
        if self.refusals.is_empty() {
            return Ok(self.warnings);
        }
        let message = format!("follow: {}", self.refusals.join("\nfollow: "));
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }
}

/// Checks the server, the slot, the publication and the tables.
pub(super) async fn check(
    session: &mut Session,
    log: &PostgresLog,
    followed: &[FollowedTable],
) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    server(session, log, &mut findings).await?;
    if !findings.refusals.is_empty() {
        // This server may lack the columns that the next queries read.
        return Ok(findings);
    }
    if let Some(slot) = &log.slot {
        check_slot(session, slot, &mut findings).await?;
    }
    if publication(session, &log.publication, &mut findings).await? {
        for table in followed {
            tables::check(session, &log.publication, table, &mut findings).await?;
        }
        tables::without_key(session, &log.publication, &mut findings).await?;
    }
    Ok(findings)
}

async fn server(
    session: &mut Session,
    log: &PostgresLog,
    findings: &mut Findings,
) -> Result<(), Error> {
    let row = session
        .row(
            "select current_setting('server_version_num'), current_setting('wal_level'), pg_is_in_recovery()::text, \
             current_setting('synchronous_standby_names'), current_setting('max_slot_wal_keep_size')",
        )
        .await?;
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    if text(0).parse().is_ok_and(|version: u32| version < OLDEST) {
        findings.refuse("PostgreSQL 14 or later is needed");
    }
    if text(2) == "true" {
        findings.refuse(
            "the server is a standby; connect to the primary, and name the standby, if objects are fetched from \
             it, by `PostgresLog::replica`",
        );
    } else if text(1) != "logical" {
        findings.refuse(
            "`wal_level` is not `logical`, so the server does not log changed rows; run `alter system set wal_level = \
             logical;` and restart the server",
        );
    }
    if may_be_synchronous(&text(3)) {
        findings.refuse(format!(
            "`synchronous_standby_names` would make every commit wait for this follower, and the follower waits \
             for the commits; name the standbys themselves, neither `*` nor `{NAME}`: `alter system set \
             synchronous_standby_names = '…'; select pg_reload_conf();`"
        ));
    }
    if log.slot.is_some() && text(4) == "-1" {
        findings.warn(
            "a slot that nobody reads keeps the server's log until the disk is full; bound it: `alter system set \
             max_slot_wal_keep_size = '10GB'; select pg_reload_conf();`",
        );
    }
    Ok(())
}

/// Whether a setting of `synchronous_standby_names` names the follower.
pub(super) fn may_be_synchronous(names: &str) -> bool {
    let mut words = names.split(|letter: char| " ,()\"".contains(letter));
    words.any(|word| word == "*" || word.eq_ignore_ascii_case(NAME))
}

async fn check_slot(
    session: &mut Session,
    slot: &str,
    findings: &mut Findings,
) -> Result<(), Error> {
    let sql = format!(
        "select coalesce(plugin, ''), coalesce(database = current_database(), false)::text, wal_status \
         from pg_replication_slots where slot_name = {}",
        literal(slot)
    );
    let create = format!("`select pg_create_logical_replication_slot('{slot}', 'pgoutput');`");
    let Some(row) = session.query(&sql).await?.pop() else {
        findings.refuse(format!("there is no slot `{slot}`; create it: {create}"));
        return Ok(());
    };
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let drop_it = format!("`select pg_drop_replication_slot('{slot}');`");
    if text(0) != "pgoutput" || text(1) != "true" {
        findings.refuse(format!(
            "the slot `{slot}` is another database's, or of another output plugin than pgoutput; name one of \
             your own by `PostgresLog::slot`, and create it: {create}"
        ));
    }
    match text(2).as_str() {
        "lost" => findings.refuse(format!(
            "the slot `{slot}` has lost changes that were not read yet; make it anew: {drop_it}, then {create}. \
             Everything of the followed types is invalidated then"
        )),
        "unreserved" => findings.warn(format!(
            "the slot `{slot}` is about to lose changes: it is behind by more than `max_slot_wal_keep_size`"
        )),
        _ => {}
    }
    Ok(())
}

/// Checks whether the publication exists.
async fn publication(
    session: &mut Session,
    name: &str,
    findings: &mut Findings,
) -> Result<bool, Error> {
    let sql = format!(
        "select (pubinsert and pubupdate and pubdelete and pubtruncate)::text from pg_publication \
         where pubname = {}",
        literal(name)
    );
    let rows: Rows = session.query(&sql).await?;
    let quoted = identifier(name);
    match rows.first().and_then(|row| row.first()) {
        None => findings.refuse(format!(
            "there is no publication `{name}`; create it: `create publication {quoted} for table …;`"
        )),
        Some(Some(all)) if all == "true" => {}
        Some(_) => findings.refuse(format!(
            "the publication `{name}` leaves out some kinds of changes: `alter publication {quoted} set (publish \
             = 'insert, update, delete, truncate');`"
        )),
    }
    Ok(!rows.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_may_be_synchronous_by_its_name_or_by_any() {
        for names in ["*", "cachecow", "FIRST 1 (s1, \"cachecow\")", "ANY 2 (*)", "CacheCow"] {
            assert!(may_be_synchronous(names), "{names}");
        }
        for names in ["", "s1", "ANY 1 (s1, s2)", "cachecow2"] {
            assert!(!may_be_synchronous(names), "{names}");
        }
    }
}
