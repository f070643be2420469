//! An outbox: a table in which triggers, or the writers themselves, record changes.

mod checks;
mod columns;
mod database;
#[cfg(feature = "sqlx-0_8")]
mod emit;
mod kind;
#[cfg(feature = "postgres")]
mod notify;
mod payload;
mod setup;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
#[cfg(feature = "postgres")]
use tokio::time::{timeout, timeout_at};

use self::database::{Database, PAGE, failed};
#[cfg(feature = "postgres")]
use self::database::{PATIENCE, late};
#[cfg(feature = "sqlx-0_8")]
pub use self::emit::{OutboxTransaction, emit, emit_to};
use self::kind::Kind;
use self::payload::Entry;
use self::setup::Trigger;
use super::batch::Batch;
use super::change_log::{CacheReach, ChangeLog, Heartbeat, Opened, Opening, Setting};
use super::emitted;
use super::mapping::{FollowedTable, FollowedTypes};
use super::position::LogPosition;
use super::row::RowVersion;
use super::table::TableName;
use crate::error::{Error, ErrorKind};
use crate::store::sql::dialect::check_table;
use crate::store::sql::failure::is_conflict;
use crate::store::sql::pool::SqlPool;

/// The table's name, unless another is set.
const TABLE: &str = "cachecow_outbox";
/// The sources of rows that no trigger wrote. No table's name is shown like these.
const KEYS: &str = ":keys";
const MARK: &str = ":mark";
/// How often an empty table is polled.
const INTERVAL: Duration = Duration::from_millis(50);
/// The same, if the database notifies about new rows.
const NOTIFIED_INTERVAL: Duration = Duration::from_secs(1);

/// A table in the database itself, which triggers fill in the transactions that change rows (feature `outbox`, with
/// `postgres`, `mysql` or `sqlite`). It records the changes of all programs, on PostgreSQL, MySQL, MariaDB and
/// SQLite.
///
/// [`setup_sql`](Self::setup_sql) prints the SQL for the table and the triggers. Without triggers, writers can name
/// keys themselves: see [`emit`]. [Change logs](crate::guide::change_logs) says what triggers do not see, and what
/// they cost.
///
/// ```no_run
/// # #[cfg(all(feature = "derive", feature = "outbox", feature = "sqlite"))]
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
/// use cachecow::log::Outbox;
///
/// let outbox = Outbox::connect("sqlite:///var/lib/app/shop.db");
/// println!("{}", outbox.setup_sql::<(User,)>()?);           // once: a person reads it and runs it
/// let follower = cow.follow(outbox).types::<(User,)>().start().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Consistency
///
/// A row of the outbox becomes visible together with the change, and is deleted only after the cache has confirmed
/// the invalidation. So every change is delivered at least once, and no wait for visibility is needed. Objects may
/// be stale for about the [interval](Self::every).
///
/// Several processes may follow one outbox for one Redis at the same time: each invalidates what it finds, and none
/// waits for another. No rows are locked meanwhile, so a cache that is down does not block writers. With
/// `memory://`, only one process may follow an outbox. Each cache needs its own outbox: see [`table`](Self::table).
///
/// # Round trips
///
/// One to the database for each interval or notification, and two more for each thousand changes. Three more each
/// second.
pub struct Outbox {
    database: Result<Database, Error>,
    url: Option<String>,
    table: String,
    every: Option<Duration>,
    notify: bool,
    #[cfg(feature = "postgres")]
    listening: Option<notify::Listening>,
    /// When to poll again, after the table was empty.
    look_at: Option<Instant>,
    emitted_only: bool,
    triggers: Vec<Trigger>,
    followed: Vec<FollowedTable>,
    sources: HashMap<String, TableName>,
    /// The sources that are read, in a statement.
    listed: String,
    identity: String,
    /// The rows that were returned. Their invalidation is confirmed when the log is asked again.
    handed: Vec<i64>,
    /// The row that `end` added last.
    marked: i64,
    /// Where the last batch ended.
    told: i64,
    /// The largest id that is known.
    largest: i64,
    /// How often ids started over.
    epoch: u64,
}

impl Outbox {
    /// Makes the outbox in the database at `url`, which has the form of [`SqlStore::open`](crate::SqlStore::open).
    /// [`Follow::start`](super::Follow::start) connects to it.
    pub fn connect(url: impl Into<String>) -> Self {
        let error = Error::new(ErrorKind::Unavailable, "follow: the outbox is not open");
        Self { url: Some(url.into()), ..Self::new(Err(error)) }
    }

    /// Makes the outbox on an existing pool of sqlx 0.8 (feature `sqlx-0_8`): a `PgPool`, `MySqlPool` or
    /// `SqlitePool`.
    #[cfg(feature = "sqlx-0_8")]
    pub fn from_pool(pool: impl Into<SqlPool>) -> Self {
        Self::new(Ok(Database { pool: pool.into(), table: TABLE.to_owned() }))
    }

    fn new(database: Result<Database, Error>) -> Self {
        Self {
            database,
            url: None,
            table: TABLE.to_owned(),
            every: None,
            notify: false,
            #[cfg(feature = "postgres")]
            listening: None,
            look_at: None,
            emitted_only: false,
            triggers: Vec::new(),
            followed: Vec::new(),
            sources: HashMap::new(),
            listed: String::new(),
            identity: String::new(),
            handed: Vec::new(),
            marked: 0,
            told: 0,
            largest: 0,
            epoch: 0,
        }
    }

    /// Sets the table: ASCII letters, digits and `_`. Default: `cachecow_outbox`. In PostgreSQL it is in the schema
    /// `public`.
    #[must_use]
    pub fn table(mut self, name: &str) -> Self {
        name.clone_into(&mut self.table);
        if let Ok(database) = &mut self.database {
            name.clone_into(&mut database.table);
        }
        self
    }

    /// Sets how long to wait after the table was found empty. Default: 50 ms; with [`notify`](Self::notify) one
    /// second.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval);
        self
    }

    /// PostgreSQL only: lets the database notify the follower about new rows at once (`NOTIFY`). The table is still
    /// polled [from time to time](Self::every). [`setup_sql`](Self::setup_sql) prints one more trigger, on the
    /// outbox.
    ///
    /// **For databases with few writes**: PostgreSQL commits only one transaction with a `NOTIFY` at a time. With 8
    /// writers, updates had 0.28 of their throughput, instead of 0.82 without it; a change was known 0.6 to 1.4 ms
    /// after the writer's return, instead of 25 ms.
    ///
    /// It uses one connection of the pool permanently. It does not work through a pooler that shares sessions
    /// (`PgBouncer`'s mode `transaction`).
    #[must_use]
    pub fn notify(mut self) -> Self {
        self.notify = true;
        self
    }

    /// Follows only [emitted](emit) keys: no triggers are needed, and [`setup_sql`](Self::setup_sql) prints none.
    /// Changes that nobody emits are not seen.
    #[must_use]
    pub fn emitted_only(mut self) -> Self {
        self.emitted_only = true;
        self
    }

    /// Returns the SQL that creates the table and the triggers for these types. It may be run again, and must be
    /// run again after the types' columns have changed. This method does not connect.
    ///
    /// ```
    /// # #[cfg(all(feature = "derive", feature = "sqlite"))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use cachecow::Cached;
    /// # #[derive(Cached)]
    /// # #[cache(table = "users")]
    /// # #[cache(key = "user:{id}", fetch = User::find)]
    /// # struct User { id: i64 }
    /// # impl User {
    /// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
    /// # }
    /// use cachecow::log::Outbox;
    ///
    /// let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    /// let sql = Outbox::from_pool(pool).setup_sql::<(User,)>()?;
    /// assert!(sql.contains("create trigger"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(feature = "derive", feature = "sqlite")))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`]; [`ErrorKind::InvalidConfig`] for a name that cannot be a table's, and for rows with
    /// `via` and without `columns`.
    pub fn setup_sql<T: FollowedTypes>(&self) -> Result<String, Error> {
        check_table(&self.table)?;
        let kind = match &self.url {
            Some(url) => Kind::of_url(url)?,
            None => self.database()?.kind(),
        };
        let triggers = self.triggers_for(kind, &T::tables())?;
        Ok(setup::setup_sql(kind, &self.table, &triggers))
    }

    fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().map_err(Clone::clone)
    }

    async fn connected(&mut self) -> Result<(), Error> {
        check_table(&self.table)?;
        if let Some(url) = &self.url {
            let pool = SqlPool::open(url).await?;
            self.database = Ok(Database { pool, table: self.table.clone() });
            self.url = None;
        }
        Ok(())
    }

    fn triggers_for(&self, kind: Kind, tables: &[FollowedTable]) -> Result<Vec<Trigger>, Error> {
        let tables = if self.emitted_only { &[] } else { tables };
        if let Some(table) = tables.iter().find(|table| table.needs_whole_rows()) {
            let message = format!(
                "follow: the triggers on `{}` write the columns that are named, and `via` names none for `{}`: add \
                 those that the function reads, as in `#[cache(rows = \"…\", via = path, columns = [\"id\"])]`",
                table.table, table.type_name
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let triggers = Trigger::all(kind, &self.table, tables);
        if !self.notify {
            return Ok(triggers);
        }
        match kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let notifying = Trigger::notifying(&self.table);
                Ok(triggers.into_iter().chain([notifying]).collect())
            }
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => {
                let message = "follow: only PostgreSQL has `NOTIFY`; leave `.notify()` out, and set by `.every(…)` how \
                               often the outbox is looked at";
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
        }
    }

    /// Starts to listen, if the database notifies about new rows.
    async fn listen(&mut self) -> Result<(), Error> {
        #[cfg(feature = "postgres")]
        if self.notify
            && let SqlPool::Postgres(pool) = &self.database()?.pool
        {
            // The previous connection is freed first.
            let pool = pool.clone();
            self.listening = None;
            let listening = timeout(PATIENCE, notify::Listening::begin(&pool, &self.table)).await;
            let listening = listening.map_err(|_| late()).and_then(|begun| begun);
            self.listening = Some(listening.map_err(failed)?);
        }
        Ok(())
    }

    /// Waits until the table should be polled again. It may be interrupted, and then continues.
    async fn wait(&mut self) {
        let Some(until) = self.look_at else { return };
        #[cfg(feature = "postgres")]
        if let Some(listening) = &self.listening {
            let _ = timeout_at(until, listening.woken()).await;
            self.look_at = None;
            return;
        }
        sleep_until(until).await;
        self.look_at = None;
    }

    fn prepare(&mut self, kind: Kind, tables: &[FollowedTable]) -> Result<(), Error> {
        self.triggers = self.triggers_for(kind, tables)?;
        let tables = if self.emitted_only { &[] } else { tables };
        self.followed = tables.to_vec();
        self.sources =
            tables.iter().map(|table| (table.table.to_string(), table.table.clone())).collect();
        let mut sources: Vec<String> = self.sources.keys().map(|name| kind.literal(name)).collect();
        sources.extend([KEYS, MARK].map(|name| kind.literal(name)));
        self.listed = sources.join(", ");
        Ok(())
    }

    /// Deletes the rows that were returned. The follower asks again only after the cache has confirmed their
    /// invalidation.
    async fn forget_handed(&mut self) -> Result<(), Error> {
        if self.handed.is_empty() {
            return Ok(());
        }
        // If another consumer was in the way, they are returned and deleted again.
        match self.database()?.delete(&self.handed).await {
            Err(error) if !is_conflict(&error) => Err(failed(error)),
            _ => {
                self.handed.clear();
                Ok(())
            }
        }
    }

    /// Adds an entry to the batch.
    fn add(&self, entry: &Entry, batch: &mut Batch) {
        let (old, new) = (entry.old.as_deref(), entry.new.as_deref());
        match entry.source.as_str() {
            MARK => {}
            KEYS => emitted::add_to(batch, new),
            source => {
                let Some(table) = self.sources.get(source) else { return };
                let (schema, name) = (table.schema().unwrap_or_default(), table.name());
                let (before, after) = (payload::object(old), payload::object(new));
                if before.is_some() != old.is_some() || after.is_some() != new.is_some() {
                    batch.everything(schema, name, "what its trigger wrote cannot be read");
                } else if before.is_none() && after.is_none() {
                    batch.everything(schema, name, "the table was truncated");
                } else {
                    let before = before.as_ref().map(|it| payload::row(RowVersion::Old, it));
                    let after = after.as_ref().map(|it| payload::row(RowVersion::New, it));
                    batch.change(schema, name, before.as_ref(), after.as_ref());
                }
            }
        }
    }

    /// Checks the database; warnings.
    async fn checked(&self) -> Result<Vec<String>, Error> {
        checks::check(self.database()?, &self.triggers, &self.followed).await
    }

    async fn identity(&self) -> Result<String, Error> {
        let database = self.database()?;
        let sql = database.kind().identity(&self.table, &self.triggers);
        let identity = database.texts(&sql).await.map_err(failed)?;
        let epoch = if self.epoch > 0 { format!(" epoch {}", self.epoch) } else { String::new() };
        Ok(format!("outbox {} {}{epoch}", self.table, identity.concat()))
    }

    /// Notes the id that was taken last. If a larger one was known, somebody emptied the table, and changes may be missing.
    fn took(&mut self, id: i64) -> Result<(), Error> {
        if id >= self.largest {
            self.largest = id;
            return Ok(());
        }
        self.largest = id;
        // It was of the ids before.
        self.marked = 0;
        self.epoch += 1;
        let message = "follow: the outbox's ids started over, so changes may be missing; everything is invalidated";
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}

impl ChangeLog for Outbox {
    async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
        self.connected().await?;
        let kind = self.database()?.kind();
        self.prepare(kind, setting.tables)?;
        let mut warnings = self.checked().await?;
        let others = self.database()?.other_sources(&self.listed).await.map_err(failed)?;
        if !others.is_empty() {
            warnings.push(format!(
                "the outbox has rows of {}, which this follower does not delete, and reads past each time; if no other \
                 follower takes them, delete them and their triggers",
                others.join(", ")
            ));
        }
        if setting.cache == CacheReach::Process {
            warnings.push(
                "an outbox tells each change to one cache: with `memory://` let only one process follow it".to_owned(),
            );
        }
        Ok(warnings)
    }

    fn database_system(&self) -> Option<&'static str> {
        self.database.as_ref().ok().map(|database| database.kind().as_str())
    }

    fn needs_types(&self) -> bool {
        !self.emitted_only
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        self.handed.clear();
        self.told = 0;
        self.look_at = None;
        self.listen().await?;
        self.checked().await?;
        self.identity = self.identity().await?;
        // Rows are deleted only after their invalidation, so nothing was missed, whatever the position.
        Ok(Opening::Open(Opened::at(self.identity.clone(), LogPosition::new(0))))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        // The tables that are named without a schema.
        batch.set_default_schema("");
        loop {
            self.forget_handed().await?;
            self.wait().await;
            let marked = self.marked;
            let page = self.database()?.page(&self.listed).await.map_err(failed)?;
            let last = page.last().map_or(0, |entry| entry.id);
            // Everything before the mark is in the page, or another consumer has invalidated it.
            let reached = if page.len() < PAGE { last.max(marked) } else { last };
            if page.is_empty() && reached <= self.told {
                let default = if self.notify { NOTIFIED_INTERVAL } else { INTERVAL };
                // An interval that never ends means no polling.
                let far = Duration::from_secs(60 * 60 * 24 * 365);
                self.look_at = Some(Instant::now() + self.every.unwrap_or(default).min(far));
                continue;
            }
            for entry in &page {
                self.add(entry, batch);
            }
            self.handed = page.iter().map(|entry| entry.id).collect();
            self.told = reached;
            self.largest = self.largest.max(reached);
            batch.set_position(position(reached));
            return Ok(());
        }
    }

    /// Does nothing: this is also called when a follower stops, and its last batch may not be invalidated.
    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        self.marked = self.database()?.mark().await.map_err(failed)?;
        self.took(self.marked)?;
        self.look_at = None;
        Ok(position(self.marked))
    }

    async fn heartbeat(&mut self, batch: &mut Batch) -> Result<Heartbeat, Error> {
        self.forget_handed().await?;
        if self.identity().await? != self.identity {
            let message =
                "follow: the outbox's triggers or the schema changed; they are checked anew";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let database = self.database()?;
        // In this order: changes that were committed before that id was taken are seen afterwards.
        let taken = database.last_id().await.map_err(failed)?;
        // Without the right to read the sequence, or before its first number, it is zero.
        if taken > 0 {
            self.took(taken)?;
        }
        let database = self.database()?;
        let ends = database.ends(&self.listed).await.map_err(failed)?;
        let (first, last) = ends.unwrap_or((taken + 1, taken));
        let reached = position(first - 1);
        batch.set_position(reached);
        Ok(Heartbeat::default().with_end(position(last)).with_acknowledged(reached))
    }
}

fn position(id: i64) -> LogPosition {
    LogPosition::new(u64::try_from(id).unwrap_or_default())
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL has a password.
        f.debug_struct("Outbox")
            .field("table", &self.table)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
