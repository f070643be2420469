//! The connection that streams changes.

use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::client::ReplicationMetrics;
use pgwire_replication::{Lsn, PgWireError, ReplicationClient, ReplicationEvent};
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::emit::MESSAGE_PREFIX;
use super::lsn;
use super::pgoutput::{Datum, Decoder, Malformed, Message, Relation, Tuple};
use super::session::{has_code, query, query_within, unavailable};
use crate::error::{Error, ErrorKind};
use crate::log::batch::Batch;
use crate::log::emitted;
use crate::log::mapping::FollowedTable;
use crate::log::position::LogPosition;
use crate::log::row::{Row, RowVersion};
use crate::log::table::identifier;
use crate::log::value::Value;

/// The name of the streaming connection at the server, also in `synchronous_standby_names`.
pub(super) const NAME: &str = "cachecow";
/// A consumer that hangs longer than this timeout is disconnected, and another one takes its place. The other
/// options make the texts of values independent of the server's settings.
const OPTIONS: &str =
    "-c wal_sender_timeout=6s -c datestyle=ISO -c timezone=UTC -c bytea_output=hex";
/// How often the follower reports its position to the server.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// How many messages are buffered. While the buffer is full, the connection is not read. Each message has one row.
const BUFFER: usize = 256;
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// In a database of the encoding `SQL_ASCII` a text may be any bytes. The server would refuse to send those that are not
/// UTF-8, and the log would never go on.
const RAW_TEXTS: &str = "select set_config('client_encoding', 'SQL_ASCII', false) \
                         where current_setting('server_encoding') = 'SQL_ASCII'";
/// How many times as long as for one transaction the follower waits for all those that a new slot waits for.
const TRANSACTIONS: u32 = 10;

/// The transaction whose changes are being received.
struct Transaction {
    xid: u32,
    /// The position of its commit record.
    commit: Lsn,
}

pub(super) struct Stream {
    client: ReplicationClient,
    metrics: Arc<ReplicationMetrics>,
    received: u64,
    decoder: Decoder,
    transaction: Option<Transaction>,
    /// The transactions whose changes were returned, but which may not be visible yet.
    pub(super) unsettled: Vec<u32>,
    /// The position of the last of their commit records.
    pub(super) unsettled_until: Lsn,
    pub(super) position: LogPosition,
    /// Since when the log is known to be longer than what was received, if nothing has arrived since.
    waits_since: Option<Instant>,
}

/// Why a stream could not be started, or ended.
pub(super) enum Failure {
    /// Another connection uses the slot.
    InUse,
    /// The publication is younger than the changes to decode, or it was dropped.
    NoPublication(Error),
    Other(Error),
}

impl Stream {
    /// Connects for a slot that exists, or that `prepare` creates.
    pub(super) async fn connect(
        address: &Address,
        slot: &str,
        publication: &str,
    ) -> Result<ReplicationClient, Error> {
        // Without quotes, the server would change the name to lower case, and that may be another slot's name.
        let config = address
            .config(NAME, slot, &identifier(publication))
            .with_options(OPTIONS)
            .with_status_interval(STATUS_INTERVAL)
            .with_wakeup_interval(STATUS_INTERVAL)
            .with_buffer_size(BUFFER);
        let mut client = ReplicationClient::connect_gated(config).await.map_err(unavailable)?;
        query(&mut client, RAW_TEXTS).await?;
        Ok(client)
    }

    /// Creates a slot that is dropped with this connection. Returns the position where its changes begin.
    ///
    /// The server first waits until the transactions that have written are over, for `wait` at most for each. Meanwhile
    /// it would not notice that the client is gone, and keep the connection and the slot. So the server itself must end
    /// the command.
    pub(super) async fn create_slot(
        client: &mut ReplicationClient,
        slot: &str,
        wait: Duration,
    ) -> Result<LogPosition, Error> {
        let sql =
            format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT");
        query(client, &format!("set lock_timeout = {}", wait.as_millis())).await?;
        let rows = query_within(wait * TRANSACTIONS, client, &sql).await?;
        query(client, "reset lock_timeout").await?;
        let point = rows.into_iter().next().and_then(|row| row.into_iter().nth(1).flatten());
        lsn::parse(point.as_deref().unwrap_or_default())
    }

    pub(super) async fn start(
        mut client: ReplicationClient,
        tables: &Arc<[FollowedTable]>,
        from: LogPosition,
    ) -> Result<Self, Failure> {
        let started = async {
            client.start().await?;
            client.wait_started().await
        };
        match timeout(START_TIMEOUT, started).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failure(error)),
            Err(_) => {
                client.abort();
                let message = "follow: the database did not begin to stream in time";
                return Err(Failure::Other(Error::new(ErrorKind::Unavailable, message)));
            }
        }
        Ok(Self {
            metrics: client.metrics(),
            client,
            received: 0,
            decoder: Decoder::new(Arc::clone(tables)),
            transaction: None,
            unsettled: Vec::new(),
            unsettled_until: Lsn::default(),
            position: from,
            waits_since: None,
        })
    }

    /// Waits for the next event, and adds it and all others that have arrived by then.
    pub(super) async fn next(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        loop {
            let event = self.client.recv().await.map_err(failure)?;
            let Some(event) = event else {
                let message = "follow: the database ended the stream";
                return Err(Failure::Other(Error::new(ErrorKind::Unavailable, message)));
            };
            self.received += 1;
            self.waits_since = None;
            self.take(event, batch).map_err(|Malformed(what)| {
                let message = format!("follow: the database sent {what}");
                Failure::Other(Error::new(ErrorKind::Unavailable, message))
            })?;
            let has_something = !batch.is_empty() || batch.position().is_some();
            if batch.is_full() || (has_something && !self.has_more()) {
                return Ok(());
            }
        }
    }

    /// Whether another event has already arrived.
    fn has_more(&self) -> bool {
        self.metrics.events_forwarded() > self.received
    }

    fn take(&mut self, event: ReplicationEvent, batch: &mut Batch) -> Result<(), Malformed> {
        match event {
            ReplicationEvent::Begin { final_lsn, xid, .. } => {
                self.transaction = Some(Transaction { xid, commit: final_lsn });
            }
            ReplicationEvent::XLogData { data, .. } => {
                let found = match self.decoder.decode(data)? {
                    Message::Change { relation, old, new } => {
                        change(&relation, old.as_ref(), new.as_ref(), batch)
                    }
                    Message::Truncate(relations) => {
                        let mut found = false;
                        for relation in relations {
                            let Relation { schema, table, .. } = &*relation;
                            found |= batch.everything(schema, table, "the table was truncated");
                        }
                        found
                    }
                    Message::Nothing => false,
                };
                if found {
                    self.count();
                }
            }
            ReplicationEvent::Message { prefix, content, .. } if prefix == MESSAGE_PREFIX => {
                emitted::add_to(batch, std::str::from_utf8(&content).ok());
                self.count();
            }
            ReplicationEvent::Commit { end_lsn, .. } => {
                self.transaction = None;
                self.reach(end_lsn, batch);
            }
            // Within a transaction, a keep-alive does not tell how far the changes were received.
            ReplicationEvent::KeepAlive { wal_end, .. } if self.transaction.is_none() => {
                self.reach(wal_end, batch);
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes that the current transaction changes a followed table.
    fn count(&mut self) {
        if let Some(transaction) = &self.transaction {
            if self.unsettled.last() != Some(&transaction.xid) {
                self.unsettled.push(transaction.xid);
            }
            self.unsettled_until = self.unsettled_until.max(transaction.commit);
        }
    }

    fn reach(&mut self, end: Lsn, batch: &mut Batch) {
        self.position = self.position.max(lsn::position(end));
        batch.set_position(self.position);
    }

    pub(super) fn acknowledge(&self, position: LogPosition) {
        self.client.update_applied_lsn(lsn::lsn(position));
    }

    /// Whether nothing has arrived for longer than this, although the log is longer than what was received.
    pub(super) fn is_silent(&mut self, end: LogPosition, allowed: Duration) -> bool {
        if end <= self.position || self.has_more() {
            self.waits_since = None;
            return false;
        }
        self.waits_since.get_or_insert_with(Instant::now).elapsed() > allowed
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Closing the connection frees the slot. Buffered messages are no longer needed.
        self.client.abort();
    }
}

fn failure(error: PgWireError) -> Failure {
    match &error {
        PgWireError::Server(message) if has_code(message, "55006") => Failure::InUse,
        PgWireError::Server(message) if has_code(message, "42704") => {
            Failure::NoPublication(unavailable(error))
        }
        PgWireError::Server(message) if has_code(message, "55000") => {
            let message = "follow: the slot has lost changes that were not read yet; drop it and create it anew: \
                           `cachecow::log::setup_sql` prints how";
            Failure::Other(Error::caused_by(ErrorKind::Unavailable, message, error))
        }
        _ => Failure::Other(unavailable(error)),
    }
}

/// Adds a changed row. Returns whether its table is followed.
fn change(
    relation: &Relation,
    old: Option<&Tuple>,
    new: Option<&Tuple>,
    batch: &mut Batch,
) -> bool {
    if !relation.is_followed {
        return false;
    }
    let old = old.map(|tuple| row(RowVersion::Old, relation, tuple));
    let mut new = new.map(|tuple| row(RowVersion::New, relation, tuple));
    if let (Some(old), Some(new)) = (&old, &mut new) {
        new.fill_unchanged(old);
    }
    batch.change(&relation.schema, &relation.table, old.as_ref(), new.as_ref())
}

fn row<'a>(version: RowVersion, relation: &'a Relation, tuple: &'a Tuple) -> Row<'a> {
    let mut row = Row::of(version);
    for (column, datum) in relation.columns.iter().zip(tuple).filter(|(column, _)| column.is_wanted)
    {
        let value = match datum {
            Datum::Null => Value::Null,
            // In a database of the encoding `SQL_ASCII` a text may be any bytes.
            Datum::Text(text) => std::str::from_utf8(text).map_or(Value::Other, Value::text),
            Datum::Unknown if version == RowVersion::New => Value::Unchanged,
            Datum::Unknown => continue,
        };
        row.push(&column.name, value);
    }
    row
}
