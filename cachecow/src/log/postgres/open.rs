//! Opens PostgreSQL's log.

use std::sync::Arc;

use pgwire_replication::ReplicationClient;

use super::catalog::{self, Catalog};
use super::gate::{self, Gate};
use super::session::{Session, literal};
use super::stream::{Failure, Stream};
use super::{PostgresLog, checks, lsn};
use crate::error::{Error, ErrorKind};
use crate::log::change_log::Opened;
use crate::log::position::LogPosition;

impl PostgresLog {
    /// Connects and starts to stream. Returns `None` if another instance uses the slot.
    pub(super) async fn try_open(&mut self) -> Result<Option<Opened>, Error> {
        self.session().await?;
        if let Some(slot) = self.slot.clone()
            && self.is_in_use(&slot).await?
        {
            return Ok(None);
        }
        let mut missed = self.look_at_the_catalog().await?;
        if self.skips {
            self.skip().await?;
            self.skips = false;
            missed = Some("the publication is younger than the changes to be read".to_owned());
        }
        let (client, slot, position) = self.connect_stream().await?;
        let stream = match Stream::start(client, &self.tables, position).await {
            Ok(stream) => stream,
            Err(Failure::InUse) => {
                self.catalog_seen = None;
                return Ok(None);
            }
            Err(Failure::NoPublication(error)) => {
                self.skips = true;
                return Err(error);
            }
            Err(Failure::Other(error)) => return Err(error),
        };
        self.stream = Some(stream);
        self.refuse_synchrony(&slot).await?;
        let session = self.session().await?;
        let row = session.row("IDENTIFY_SYSTEM").await?;
        let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        let identity = format!("{} {} {slot}", text(0), text(1));
        let end = Some(lsn::parse(&text(2))?);
        let snapshot = gate::snapshot(session).await?;
        let unsettled = snapshot.has_any_in_progress();
        self.opened_with = unsettled.then_some(snapshot);
        self.gate = Gate::default();
        // The missed changes may not have reached the standbys yet. Then a read from a standby, after everything
        // was invalidated, would store an old object, and it would stay.
        self.replicas_have_all().await?;
        Ok(Some(Opened { identity, position, missed, end, unsettled }))
    }

    async fn is_in_use(&mut self, slot: &str) -> Result<bool, Error> {
        let sql = format!(
            "select (active_pid is not null)::text from pg_replication_slots where slot_name = {}",
            literal(slot)
        );
        let rows = self.session().await?.query(&sql).await?;
        Ok(rows
            .first()
            .and_then(|row| row.first())
            .is_some_and(|value| value.as_deref() == Some("true")))
    }

    /// Repeats all checks, and compares the catalog with the one seen before. If changes may be missing, returns
    /// why.
    async fn look_at_the_catalog(&mut self) -> Result<Option<String>, Error> {
        let tables = Arc::clone(&self.tables);
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::connect(self.address()?).await?,
        };
        checks::check(&mut session, self, &tables).await?.judge()?;
        let catalog = Catalog::read(&mut session, &self.publication, &tables).await?;
        let mut missed = None;
        // An instance that only waited has not seen what others have invalidated since.
        let before = self.resumed.clone().or_else(|| self.catalog.as_ref().map(Catalog::hash));
        if before.is_some_and(|before| before != catalog.hash()) {
            missed = Some("the publication or a followed table was changed meanwhile".to_owned());
        } else if let Some(slot) = &self.slot
            && catalog::changed_since(&mut session, slot, &self.publication, &tables).await?
        {
            missed = Some(
                "the publication or a followed table is younger than the slot's position"
                    .to_owned(),
            );
        }
        // It takes effect after everything that is missing was invalidated.
        self.catalog_seen = Some(catalog);
        self.session = Some(session);
        Ok(missed)
    }

    /// Moves the slot to the end of the log.
    async fn skip(&mut self) -> Result<(), Error> {
        if let Some(slot) = self.slot.clone() {
            let sql = format!(
                "select pg_replication_slot_advance({}, pg_current_wal_flush_lsn())",
                literal(&slot)
            );
            self.session().await?.query(&sql).await?;
        }
        Ok(())
    }

    /// Returns the connection, the slot, and the position where its changes begin.
    async fn connect_stream(&mut self) -> Result<(ReplicationClient, String, LogPosition), Error> {
        if let Some(slot) = self.slot.clone() {
            let sql = format!(
                "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = {}",
                literal(&slot)
            );
            let position = lsn::parse(&self.session().await?.value(&sql).await?)?;
            let client = Stream::connect(self.address()?, &slot, &self.publication).await?;
            return Ok((client, slot, position));
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "follow: the system gives no random numbers")
        })?;
        self.temporary = format!("cachecow_{:016x}", u64::from_be_bytes(random));
        let mut client =
            Stream::connect(self.address()?, &self.temporary, &self.publication).await?;
        let position = Stream::create_slot(&mut client, &self.temporary, self.slot_wait).await?;
        Ok((client, self.temporary.clone(), position))
    }

    /// Ends the stream if commits wait for it.
    pub(super) async fn refuse_synchrony(&mut self, slot: &str) -> Result<(), Error> {
        let sql = format!(
            "select coalesce(r.sync_state, 'async') from pg_replication_slots s join pg_stat_replication r \
             on r.pid = s.active_pid where s.slot_name = {}",
            literal(slot)
        );
        let rows = self.session().await?.query(&sql).await?;
        let state = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        if state.as_deref().is_none_or(|state| state == "async") {
            return Ok(());
        }
        self.stream = None;
        Err(Error::new(
            ErrorKind::InvalidConfig,
            "follow: commits wait for this follower; take `*` and `cachecow` out of `synchronous_standby_names`",
        ))
    }
}
