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

/// How far the cache may be behind before it is told.
const LIMIT: Duration = Duration::from_secs(30);

impl CacheCow {
    /// Follows a change log: what anyone changes in the database is invalidated here, by whatever program and
    /// with whatever SQL it was changed.
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
    /// Of a handle with a scope (`scoped`), what is cached in its scope is invalidated, and nothing else. Each scope that
    /// follows a database needs a slot of its own: of the followers of one slot one reads, and invalidates in its scope.
    ///
    /// # Consistency
    ///
    /// A change is invalidated after it is visible in the database, and soon: an object may be stale for
    /// [`Follower::lag`], and is never stale for longer. Reads are not kept from storing what they fetched before the
    /// change until the follower has seen it; [`Follower::caught_up`] waits for that.
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
    /// They are served from the cache as ever. It is told, and the time to live bounds how stale an object can be.
    #[default]
    Serve,
    /// Reads of the followed types go past the cache, in this process, and store nothing: while the follower is behind;
    /// after `start`, until it is known that it is not; and where it ended while it was behind, or by itself, as with its
    /// runtime, until another follower of its name has caught up, in this process. A follower that is stopped while
    /// it is not behind leaves the reads as they are without a follower.
    ReadPast,
}

/// A follower that was not started yet; [`CacheCow::follow`] makes it.
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
    /// Of which keys are emitted.
    emitted: Vec<FollowedTable>,
    contexts: Contexts,
    limit: Duration,
    on_lag: OnLag,
}

impl<L: ChangeLog> Follow<L> {
    /// Follows these types as well.
    pub fn types<T: FollowedTypes>(mut self) -> Self {
        self.tables.extend(T::tables());
        self
    }

    /// Keys of this type are [emitted](super::Batch::keys) by writers. Where changes were lost, everything of it is
    /// invalidated, as of the followed types; of a type that is named nowhere, what was emitted then stays stale for its
    /// time to live.
    pub fn emitted<T: Clearable>(mut self) -> Self {
        self.emitted.push(FollowedTable::of_emitted::<T>());
        self
    }

    /// Lends this to the functions that name keys (`#[cache(rows = "…", via = path)]`) and take a context of this type.
    /// Call it once for each type of context; of two of one type the later counts.
    pub fn context<C: ?Sized + Send + Sync + 'static>(mut self, context: Arc<C>) -> Self {
        self.contexts.insert(context);
        self
    }

    /// Names the follower, in events, in [`Stats`](crate::Stats) and in the cache, which keeps how far it came. Two
    /// that follow different logs for one cache need different names. `log` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// From how long a lag on the follower counts as behind, and what reads do then. By default 30 s, and reads are
    /// served.
    pub fn on_lag(mut self, limit: Duration, on_lag: OnLag) -> Self {
        (self.limit, self.on_lag) = (limit, on_lag);
        self
    }

    /// Checks the log and the tables, and starts a task that follows them until [`Follower::stop`] or
    /// [`CacheCow::close`].
    ///
    /// It does not wait until the log is read. [`Follower::caught_up`] does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], if no types were named though the log needs some, if a [context](Self::context) is missing, or if following them would lose changes or harm the
    /// database; [`ErrorKind::Unavailable`], if the database cannot be reached.
    ///
    /// # Runtime
    ///
    /// The task runs on the caller's runtime and ends with it.
    pub async fn start(mut self) -> Result<Follower, Error> {
        if self.tables.is_empty() && self.log.needs_types() {
            let message = "follow: no types are followed; name them by `.types::<(User, Post)>()`";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        for table in &self.tables {
            if let Some(via) = &table.via {
                via.check(&self.contexts, table)?;
            }
        }
        let alone = self.engine.settings.label == "memory";
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
