//! PostgreSQL's log, with logical replication.

mod address;
mod catalog;
mod checks;
mod emit;
mod gate;
mod lsn;
mod open;
mod pgoutput;
mod session;
mod setup;
mod silence;
mod snapshot;
mod stream;
mod tables;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::Lsn;

use self::address::Address;
use self::catalog::Catalog;
#[cfg(all(feature = "postgres", feature = "sqlx-0_8"))]
pub use self::emit::emit_message;
pub use self::emit::{MESSAGE_PREFIX, message};
use self::gate::Gate;
use self::session::{Session, literal};
pub use self::setup::setup_sql;
use self::silence::Silence;
use self::snapshot::Snapshot;
use self::stream::{Failure, Stream};
use super::batch::Batch;
use super::change_log::{CacheReach, ChangeLog, Heartbeat, Opening, Setting};
use super::mapping::FollowedTable;
use super::position::LogPosition;
use crate::error::{Error, ErrorKind};

/// The schema of tables that are named without one.
const DEFAULT_SCHEMA: &str = "public";
/// The default name of the publication and the slot.
const DEFAULT_NAME: &str = "cachecow";
/// The catalog is checked once in this number of heartbeats.
const CATALOG_EVERY: u32 = 5;
/// How long a new slot waits for each transaction that writes.
const SLOT_WAIT: Duration = Duration::from_secs(60);

/// PostgreSQL's own log (feature `postgres-log`): all changes of all programs, read with logical replication and
/// the server's plugin `pgoutput`. It needs PostgreSQL 14 or later.
///
/// [`setup_sql`] prints the SQL to run once on the database. [Change logs](crate::guide::change_logs) describes the
/// choices, the rights, and the costs for the database.
///
/// ```no_run
/// # #[cfg(all(feature = "derive", feature = "postgres-log"))]
/// # async fn follow() -> Result<(), cachecow::Error> {
/// # use cachecow::{CacheCow, Cached};
/// # #[derive(Cached)]
/// # #[cache(table = "users")]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// # let cow = CacheCow::open("redis://127.0.0.1/").await?;
/// use cachecow::log::{PostgresLog, setup_sql};
///
/// println!("{}", setup_sql::<(User,)>());                     // once: a person reads it and runs it
/// let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
/// let follower = cow.follow(log).types::<(User,)>().start().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Slots
///
/// With [`slot`](Self::slot), and a shared cache (Redis): the slot keeps changes that were not read yet, even while
/// no process runs. All processes name the same slot. One process reads for all; the others wait, and one of them
/// takes over within seconds when the first one dies or hangs.
///
/// Without it, each process has its own slot, which ends with its connection. This is for `memory://`. Whenever the
/// process reconnects, everything of the followed types is invalidated.
///
/// # Consistency
///
/// A commit is in the log before it is visible to others; with synchronous replication, long before. So before the
/// follower invalidates a batch, it waits until every new snapshot of the database sees the batch's transactions. A
/// fetch must therefore take a new snapshot: it must not run in a transaction with isolation level
/// `repeatable read` that began earlier. If objects are fetched from standbys, name each one with
/// [`replica`](Self::replica).
///
/// Writers may also name keys inside their transactions: with [`emit_message`](super::emit_message), or
/// [`message`](super::message) with any driver.
///
/// Everything of a type is invalidated if single changes are not known: after a `TRUNCATE`, and if changes were
/// lost, because the slot, the publication or the server was lost or replaced.
///
/// # Round trips
///
/// One to the database for each batch, rarely more. It uses two connections to the database, which count for
/// `max_wal_senders`.
pub struct PostgresLog {
    address: Result<Address, Error>,
    replicas: Vec<Result<Address, Error>>,
    slot: Option<String>,
    publication: String,
    emitted_only: bool,
    tables: Arc<[FollowedTable]>,
    session: Option<Session>,
    stream: Option<Stream>,
    gate: Gate,
    /// The catalog as it was last seen.
    catalog: Option<Catalog>,
    /// The catalog as seen since. It replaces `catalog` once its consequences are invalidated, which is before the
    /// next heartbeat.
    catalog_seen: Option<Catalog>,
    /// The hash of the catalog as the instance that read the log last had seen it.
    resumed: Option<String>,
    /// The slot of this process, while it lives.
    temporary: String,
    slot_wait: Duration,
    silence: Silence,
    /// Whether the slot's changes are older than the publication, and must be skipped.
    skips: bool,
    /// The transactions that were in progress when the log was opened, until they are over. `None` if there were
    /// none: then opening has already waited for the standbys, and a heartbeat must not wait for them again.
    opened_with: Option<Snapshot>,
    heartbeats: u32,
}

impl PostgresLog {
    /// Makes the log of the database at `url`: `postgres://user:password@host:port/database`, where the user has
    /// the attribute `REPLICATION`. For a Unix socket, write its folder as `?host=/var/run/postgresql`.
    ///
    /// `sslmode`, `sslrootcert`, `sslcert` and `sslkey` (feature `tls`) mean the same as in PostgreSQL, with three
    /// differences. The default of `sslmode` is `disable`. `verify-ca` also compares the host's name with the
    /// certificate's, as `verify-full` does. And without `sslrootcert`, these two trust Mozilla's certificate
    /// authorities. Files are in PEM. `sslcert` and `sslkey` are the user's certificate and
    /// its key, without a passphrase, for a server that demands one (`clientcert=verify-full`). Use `verify-full` if the network is not yours: `require` without
    /// `sslrootcert` encrypts, but trusts any server.
    ///
    /// A URL that is not valid is an error of [`Follow::start`](super::Follow::start).
    pub fn connect(url: &str) -> Self {
        Self {
            address: Address::parse(url),
            replicas: Vec::new(),
            slot: None,
            publication: DEFAULT_NAME.to_owned(),
            emitted_only: false,
            tables: Arc::default(),
            session: None,
            stream: None,
            gate: Gate::default(),
            catalog: None,
            catalog_seen: None,
            resumed: None,
            temporary: String::new(),
            slot_wait: SLOT_WAIT,
            silence: Silence::new(),
            skips: false,
            opened_with: None,
            heartbeats: 0,
        }
    }

    /// Reads from the permanent slot with this name, which must exist: see [`setup_sql`]. Use one slot for each
    /// Redis.
    #[must_use]
    pub fn slot(mut self, name: impl Into<String>) -> Self {
        self.slot = Some(name.into());
        self
    }

    /// Reads the changes of this publication. Default: `cachecow`.
    #[must_use]
    pub fn publication(mut self, name: impl Into<String>) -> Self {
        self.publication = name.into();
        self
    }

    /// Follows only [emitted](super::emit_message) keys, and no rows. The publication need not have tables, and the
    /// followed types only say what to invalidate if the log has lost changes. Changes that nobody emits are not
    /// seen.
    #[must_use]
    pub fn emitted_only(mut self) -> Self {
        self.emitted_only = true;
        self
    }

    /// Makes each invalidation wait until this standby has replayed the change: for standbys that objects are
    /// fetched from.
    #[must_use]
    pub fn replica(mut self, url: &str) -> Self {
        self.replicas.push(Address::parse(url));
        self
    }

    /// Sets how long a new slot of this process waits for each transaction that writes, so that a test need not.
    #[doc(hidden)]
    #[must_use]
    pub fn waiting_for_slots(mut self, time: Duration) -> Self {
        self.slot_wait = time;
        self
    }

    fn validate(&self, cache: CacheReach) -> Result<(), Error> {
        let refuse = |message: &str| Err(Error::new(ErrorKind::InvalidConfig, message));
        let is_plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        match (&self.slot, cache) {
            (Some(_), CacheReach::Process) => refuse(
                "follow: of the processes that share a slot one reads for all, but `memory://` is of each process \
                 alone; leave `.slot(…)` out, or use Redis",
            ),
            (Some(slot), _)
                if slot.is_empty() || slot.len() > 63 || !slot.chars().all(is_plain) =>
            {
                refuse(
                    "follow: a slot's name has 1 to 63 lower-case letters, digits and underscores",
                )
            }
            _ if self.publication.is_empty() || self.publication.contains([',', ' ', '\'']) => {
                refuse("follow: a publication's name has no comma, space or quote here")
            }
            _ => Ok(()),
        }
    }

    fn address(&self) -> Result<&Address, Error> {
        self.address.as_ref().map_err(Clone::clone)
    }

    /// The session for SQL; reconnects if needed.
    async fn session(&mut self) -> Result<&mut Session, Error> {
        if self.session.is_none() {
            self.session = Some(Session::connect(self.address()?).await?);
        }
        let none = || Error::new(ErrorKind::Unavailable, "follow: there is no connection");
        self.session.as_mut().ok_or_else(none)
    }

    fn slot_name(&self) -> &str {
        self.slot.as_deref().unwrap_or(&self.temporary)
    }

    /// Forgets the connections after an error.
    fn broke(&mut self, error: Error) -> Error {
        (self.session, self.stream, self.catalog_seen) = (None, None, None);
        error
    }
}

impl ChangeLog for PostgresLog {
    async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
        self.validate(setting.cache)?;
        for replica in &self.replicas {
            replica.as_ref().map_err(Clone::clone)?;
        }
        let tables = if self.emitted_only { &[] } else { setting.tables };
        self.tables = tables.into();
        let mut session = Session::connect(self.address()?).await?;
        let mut findings = checks::check(&mut session, self, tables).await?;
        if self.slot.is_none() && setting.cache == CacheReach::Shared {
            findings.warn(
                "without a permanent slot everything of the followed types is invalidated whenever a process \
                 starts or reconnects; name one by `PostgresLog::slot`",
            );
        }
        self.session = Some(session);
        findings.judge()
    }

    fn database_system(&self) -> Option<&'static str> {
        Some("postgresql")
    }

    fn needs_types(&self) -> bool {
        !self.emitted_only
    }

    fn reads_alone(&self) -> bool {
        self.slot.is_some()
    }

    fn resume(&mut self, bookmark: Option<String>) {
        self.resumed = bookmark;
    }

    /// The log does not say what removes or adds rows in the catalog alone.
    fn bookmark(&self) -> Option<String> {
        self.catalog.as_ref().map(Catalog::hash).or_else(|| self.resumed.clone())
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        self.stream = None;
        match self.try_open().await {
            Ok(Some(opened)) => Ok(Opening::Open(opened)),
            Ok(None) => Ok(Opening::InUse),
            Err(error) => Err(self.broke(error)),
        }
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(stream) = &mut self.stream else {
            return Err(Error::new(ErrorKind::Unavailable, "follow: the log is not open"));
        };
        match stream.next(batch).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.skips = matches!(failure, Failure::NoPublication(_));
                let error = match failure {
                    Failure::NoPublication(error) | Failure::Other(error) => error,
                    Failure::InUse => {
                        Error::new(ErrorKind::Unavailable, "follow: the slot is in use")
                    }
                };
                Err(self.broke(error))
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Error> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let (xids, until) = (stream.unsettled.clone(), stream.unsettled_until);
        self.session().await?;
        match (self.pass_gate(xids, until).await, &mut self.stream) {
            (Ok(()), Some(stream)) => {
                stream.unsettled.clear();
                Ok(())
            }
            (Ok(()), None) => Ok(()),
            (Err(error), _) => Err(self.broke(error)),
        }
    }

    async fn acknowledge(&mut self, position: LogPosition) -> Result<(), Error> {
        if let Some(stream) = &self.stream {
            stream.acknowledge(position);
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        // Its commit flushes everything before it to the disk and into the stream.
        let sql = "select pg_logical_emit_message(true, 'cachecow', 'end')::text";
        match self.session().await?.value(sql).await {
            Ok(end) => lsn::parse(&end),
            Err(error) => Err(self.broke(error)),
        }
    }

    async fn heartbeat(&mut self, batch: &mut Batch) -> Result<Heartbeat, Error> {
        match self.beat(batch).await {
            Ok(heartbeat) => Ok(heartbeat),
            Err(error) => Err(self.broke(error)),
        }
    }
}

impl PostgresLog {
    async fn beat(&mut self, batch: &mut Batch) -> Result<Heartbeat, Error> {
        if let Some(seen) = self.catalog_seen.take() {
            self.catalog = Some(seen);
        }
        let slot = literal(self.slot_name());
        let sql = format!(
            "select pg_current_wal_flush_lsn()::text, s.confirmed_flush_lsn::text, coalesce(r.sync_state, 'async') \
             from (select 1) as one left join pg_replication_slots s on s.slot_name = {slot} \
             left join pg_stat_replication r on r.pid = s.active_pid"
        );
        let session = self.session().await?;
        let row = session.row(&sql).await?;
        let text = |at: usize| row.get(at).cloned().flatten();
        let end = lsn::parse(&text(0).unwrap_or_default())?;
        let mut heartbeat = Heartbeat::default().with_end(end);
        if let Some(acknowledged) = text(1) {
            heartbeat = heartbeat.with_acknowledged(lsn::parse(&acknowledged)?);
        }
        if let Some(before) = self.opened_with.take() {
            let now = gate::snapshot(self.session().await?).await?;
            if before.is_over(&now) {
                self.replicas_have_all().await?;
            } else {
                heartbeat.unsettled = true;
                self.opened_with = Some(before);
            }
        }
        let Some(stream) = &mut self.stream else { return Ok(heartbeat) };
        self.silence.reached(stream.position);
        if stream.is_silent(end, self.silence.allowed()) {
            self.silence.was_too_long(end);
            return Err(Error::new(ErrorKind::Unavailable, "follow: the stream is silent"));
        }
        if text(2).is_some_and(|state| state != "async") {
            let slot = self.slot_name().to_owned();
            self.refuse_synchrony(&slot).await?;
        }
        self.heartbeats += 1;
        if self.heartbeats.is_multiple_of(CATALOG_EVERY) {
            self.compare_catalogs(batch).await?;
        }
        Ok(heartbeat)
    }

    /// Finds changes that the log does not report.
    async fn compare_catalogs(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let tables = Arc::clone(&self.tables);
        let publication = self.publication.clone();
        let now = Catalog::read(self.session().await?, &publication, &tables).await?;
        let Some(before) = self.catalog.clone() else { return Ok(()) };
        if !now.is_shaped_as(&before) {
            let message =
                "follow: the publication or a followed table was changed; it is checked anew";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let rewritten: Vec<_> = now.rewritten(&before).collect();
        if !rewritten.is_empty() {
            self.replicas_have_all().await?;
        }
        for (schema, table) in rewritten {
            batch.everything(schema, table, "the table was rewritten, or its partitions changed");
        }
        self.catalog_seen = Some(now);
        Ok(())
    }

    /// Waits until the standbys that objects are fetched from have everything that is visible now: for
    /// invalidations without a row in the log.
    async fn replicas_have_all(&mut self) -> Result<(), Error> {
        if self.replicas.is_empty() {
            return Ok(());
        }
        let until = lsn::lsn(self.end().await?);
        self.pass_gate(Vec::new(), until).await
    }

    async fn pass_gate(&mut self, xids: Vec<u32>, until: Lsn) -> Result<(), Error> {
        match &mut self.session {
            Some(session) => self.gate.wait(session, &self.replicas, xids, until).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLog")
            .field("slot", &self.slot)
            .field("publication", &self.publication)
            .finish_non_exhaustive()
    }
}
