//! `CacheCow::follow`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::change_log::{CacheReach, ChangeLog, Setting};
use super::follower::{Follower, Shared};
use super::lag::LagPolicy;
use super::mapping::{FollowedTable, FollowedTypes};
use super::mark::Mark;
use super::run::{Ended, Run};
use super::via::Contexts;
use crate::cache::cow::CacheCow;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Scope;
use crate::model::cached::Clearable;

/// How far the cache may be behind before it is reported.
const LIMIT: Duration = Duration::from_secs(30);

impl CacheCow {
    /// Follows a change log: invalidates everything that anyone changes in the database, with any program and any
    /// SQL.
    ///
    /// ```no_run
    /// # #[cfg(all(feature = "derive", feature = "postgres-log"))]
    /// # async fn follow() -> Result<(), cachecow::Error> {
    /// use cachecow::log::PostgresLog;
    /// use cachecow::{CacheCow, Cached};
    ///
    /// #[derive(Cached)]
    /// #[cache(table = "users")]
    /// #[cache(key = "user:{id}", fetch = User::find)]
    /// struct User { id: i64, name: String }
    /// # impl User {
    /// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
    /// # }
    ///
    /// let cow = CacheCow::open("redis://127.0.0.1/").await?;
    /// let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
    /// let follower = cow.follow(log).types::<(User,)>().start().await?;
    /// follower.caught_up().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With a handle that has a scope (`scoped`), only values in that scope are invalidated. Each scope that
    /// follows a database needs its own slot: of all followers of one slot, only one reads, and it invalidates only
    /// in its own scope.
    ///
    /// # Consistency
    ///
    /// A change is invalidated soon after it is visible in the database: an object may be stale for
    /// [`Follower::lag`], but not longer. Until the follower has seen the change, reads may still store values that
    /// they fetched before it; [`Follower::caught_up`] waits for that.
    pub fn follow<L: ChangeLog>(&self, log: L) -> Follow<L> {
        Follow {
            engine: Arc::clone(&self.engine),
            scope: self.scope,
            log,
            name: "log".to_owned(),
            tables: Vec::new(),
            emitted: Vec::new(),
            contexts: Contexts::default(),
            limit: LIMIT,
            on_lag: OnLag::Serve,
        }
    }
}

/// What reads do while a follower is behind by more than the limit.
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
/// # use cachecow::log::PostgresLog;
/// use std::time::Duration;
/// use cachecow::log::OnLag;
///
/// # let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
/// let follow = cow.follow(log).types::<(User,)>().on_lag(Duration::from_secs(10), OnLag::ReadPast);
/// let follower = follow.start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnLag {
    /// They are served from the cache as usual. The lag is reported, and the time to live limits how stale an
    /// object can be.
    #[default]
    Serve,
    /// In this process, reads of the followed types bypass the cache and store nothing in three cases: while the
    /// follower is behind; after `start`, until it is known not to be behind; and if it ended while it was behind,
    /// or ended by itself (with its runtime, for example), until another follower with its name has caught up in
    /// this process. If a follower is stopped while it is not behind, reads use the cache as without a follower.
    ReadPast,
}

/// A follower that has not been started yet; what [`CacheCow::follow`] returns.
///
/// ```no_run
/// # #[cfg(all(feature = "derive", feature = "postgres-log"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// # use cachecow::{CacheCow, Cached};
/// # #[derive(Cached)]
/// # #[cache(table = "users")]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// # let cow = CacheCow::open("redis://127.0.0.1/").await?;
/// use std::time::Duration;
/// use cachecow::log::{Follow, OnLag, PostgresLog};
///
/// let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
/// let follow: Follow<PostgresLog> = cow.follow(log).types::<User>().name("shop");
/// let follow = follow.on_lag(Duration::from_secs(5), OnLag::ReadPast);
/// let follower = follow.start().await?;
/// follower.caught_up().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "derive", feature = "postgres-log")))] fn main() {}
/// ```
#[must_use = "nothing is followed before `start`"]
pub struct Follow<L> {
    pub(super) engine: Arc<Engine>,
    scope: Scope,
    log: L,
    name: String,
    tables: Vec<FollowedTable>,
    /// The types whose keys are emitted.
    emitted: Vec<FollowedTable>,
    contexts: Contexts,
    limit: Duration,
    on_lag: OnLag,
}

impl<L: ChangeLog> Follow<L> {
    /// Adds types to follow.
    pub fn types<T: FollowedTypes>(mut self) -> Self {
        self.tables.extend(T::tables());
        self
    }

    /// Says that writers [emit](super::Batch::keys) keys of this type. If changes were lost, everything of this
    /// type is invalidated, as with followed types. Without this call, values whose emitted keys were lost stay
    /// stale for their time to live.
    pub fn emitted<T: Clearable>(mut self) -> Self {
        self.emitted.push(FollowedTable::of_emitted::<T>());
        self
    }

    /// Sets the context for functions that name keys (`#[cache(rows = "…", via = path)]`) and take a context of
    /// this type. Call it once for each type of context; if called twice for one type, the later call counts.
    pub fn context<C: ?Sized + Send + Sync + 'static>(mut self, context: Arc<C>) -> Self {
        self.contexts.insert(context);
        self
    }

    /// Sets the follower's name in events, in [`Stats`](crate::Stats) and in the cache, which stores how far it has
    /// read. Two followers of different logs for one cache need different names. Default: `log`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the lag from which the follower counts as behind, and what reads do then. Default: 30 s, and reads are
    /// served from the cache.
    pub fn on_lag(mut self, limit: Duration, on_lag: OnLag) -> Self {
        (self.limit, self.on_lag) = (limit, on_lag);
        self
    }

    /// Checks the log and the tables, and starts a task that follows them until [`Follower::stop`] or
    /// [`CacheCow::close`].
    ///
    /// It does not wait until the log has been read; [`Follower::caught_up`] does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], if the log needs types and none were named, if a [context](Self::context) is
    /// missing, or if following would lose changes or harm the database. [`ErrorKind::Unavailable`], if the
    /// database cannot be reached.
    ///
    /// # Runtime
    ///
    /// The task runs on the caller's runtime and ends with it.
    pub async fn start(mut self) -> Result<Follower, Error> {
        if self.tables.is_empty() && self.log.needs_types() {
            let message =
                "follow: no types are followed; name them with `.types::<(User, Post)>()`";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        for table in &self.tables {
            if let Some(via) = &table.via {
                via.check(&self.contexts, table)?;
            }
        }
        let alone = self.engine.client.is_of_this_process();
        let cache = if alone { CacheReach::Process } else { CacheReach::Shared };
        for warning in self.log.check(&Setting { tables: &self.tables, cache }).await? {
            say!(CHANGE_LOG_WARNING, log = self.name, "{warning}");
        }
        self.tables.extend(self.emitted);
        let (asks, asked) = mpsc::channel(64);
        let mark = Mark::new(self.scope, &self.name, &self.tables);
        let policy = (self.limit, self.on_lag);
        let policy = LagPolicy::new(
            Arc::clone(&self.engine),
            policy,
            (self.scope, &self.name),
            &self.tables,
        );
        let shared = Arc::new(Shared::new(self.name, self.scope, asks, policy));
        self.engine.followers.add(&shared);
        let run = Run {
            engine: self.engine,
            scope: self.scope,
            log: self.log,
            tables: self.tables.into(),
            contexts: self.contexts,
            shared: Arc::clone(&shared),
            asked,
            mark,
            acknowledged: None,
            bookmark: None,
            failures: 0,
            identity: String::new(),
            missed: false,
        };
        shared.judge();
        tokio::spawn(run.run(Ended(Arc::clone(&shared))));
        Ok(Follower { shared })
    }
}

impl<L> fmt::Debug for Follow<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<_> = self.tables.iter().map(|table| table.type_name).collect();
        f.debug_struct("Follow")
            .field("name", &self.name)
            .field("types", &types)
            .finish_non_exhaustive()
    }
}
