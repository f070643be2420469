//! Waits until changes are visible to fetches.

use std::time::Duration;

use pgwire_replication::Lsn;
use tokio::time::sleep;

use super::address::Address;
use super::session::Session;
use super::snapshot::Snapshot;
use crate::error::{Error, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The connections to the standbys that objects are fetched from.
#[derive(Default)]
pub(super) struct Gate {
    replicas: Vec<Session>,
}

impl Gate {
    /// Waits until new snapshots see these transactions, here and on the standbys.
    pub(super) async fn wait(
        &mut self,
        primary: &mut Session,
        replicas: &[Result<Address, Error>],
        mut xids: Vec<u32>,
        until: Lsn,
    ) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while !xids.is_empty() {
            let snapshot = snapshot(primary).await?;
            xids.retain(|&xid| !snapshot.sees(xid));
            if !xids.is_empty() {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        for address in replicas.iter().skip(self.replicas.len()) {
            let address = address.as_ref().map_err(Clone::clone)?;
            self.replicas.push(Session::connect(address).await?);
        }
        for replica in &mut self.replicas {
            replayed(replica, until).await?;
        }
        Ok(())
    }
}

/// Waits until a standby has replayed the record at this position.
async fn replayed(replica: &mut Session, until: Lsn) -> Result<(), Error> {
    let sql = format!(
        "select pg_is_in_recovery()::text, (pg_last_wal_replay_lsn() > '{until}'::pg_lsn)::text"
    );
    let mut pause = FIRST_PAUSE;
    loop {
        let row = replica.row(&sql).await?;
        let is_true = |at: usize| row.get(at).is_some_and(|text| text.as_deref() == Some("true"));
        if !is_true(0) {
            let message =
                "follow: a server that was named by `PostgresLog::replica` is not a standby";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if is_true(1) {
            return Ok(());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Returns the snapshot that a transaction would have if it began now.
pub(super) async fn snapshot(session: &mut Session) -> Result<Snapshot, Error> {
    let text = session.value("select pg_current_snapshot()::text").await?;
    Snapshot::parse(&text)
        .ok_or_else(|| Error::new(ErrorKind::Unavailable, "follow: the database gave no snapshot"))
}
