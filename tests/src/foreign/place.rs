//! The databases whose rows are changed.

use std::fmt;
use std::time::Duration;

use cachecow::log::{Outbox, setup_sql};
use cachecow::store::SqlPool;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::user::{TABLE, User};
use crate::any_pool::with;
use crate::followed::{SETTINGS, statements};
use crate::servers::{MariaDbServer, PostgresServer};

/// Enough for the writers and for what chases them.
const CONNECTIONS: u32 = 24;
/// How long a connection is waited for on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A commit returns, and is visible, when the standby has replayed it.
const SYNCHRONOUS: [&str; 3] = [
    "alter system set synchronous_standby_names = 'walreceiver'",
    "alter system set synchronous_commit = 'remote_apply'",
    "select pg_reload_conf()",
];

/// What is followed, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// PostgreSQL's log.
    PostgresLog,
    /// PostgreSQL's log, of a server whose commits wait for a standby, and are in the log for some milliseconds before they
    /// are visible.
    PostgresLogSynchronous,
    /// An outbox in PostgreSQL.
    PostgresOutbox,
    /// An outbox in MariaDB.
    MariaDbOutbox,
    /// An outbox in SQLite.
    SqliteOutbox,
}

impl Source {
    pub(super) fn is_log(self) -> bool {
        matches!(self, Self::PostgresLog | Self::PostgresLogSynchronous)
    }
}

/// A real server, or SQLite's file, for as long as this lives.
pub(super) struct Place {
    pub(super) source: Source,
    /// Connections of the program that has a cache.
    pub(super) own: SqlPool,
    /// Connections of those that know nothing of it.
    pub(super) foreign: SqlPool,
    pub(super) postgres: Option<PostgresServer>,
    _standby: Option<PostgresServer>,
    _mariadb: Option<MariaDbServer>,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// With the table, and all that the log needs.
    pub(super) async fn start(source: Source) -> Self {
        let (mut postgres, mut mariadb, mut folder) = (None, None, None);
        let mut standby = None;
        let [own, foreign] = match source {
            Source::PostgresLog | Source::PostgresLogSynchronous | Source::PostgresOutbox => {
                let server = postgres.insert(PostgresServer::start_with(SETTINGS));
                let pool = || {
                    let options = PgPoolOptions::new().max_connections(CONNECTIONS);
                    options.acquire_timeout(PATIENCE).connect_lazy(&server.url())
                };
                [pool(), pool()].map(|pool| SqlPool::from(pool.expect("a valid URL")))
            }
            Source::MariaDbOutbox => {
                let server = mariadb.insert(MariaDbServer::start());
                let pool = || {
                    let options = MySqlPoolOptions::new().max_connections(CONNECTIONS);
                    options.acquire_timeout(PATIENCE).connect_lazy(&server.url())
                };
                [pool(), pool()].map(|pool| SqlPool::from(pool.expect("a valid URL")))
            }
            Source::SqliteOutbox => {
                let folder = folder.insert(tempfile::tempdir().expect("a folder"));
                let file = SqliteConnectOptions::new()
                    .filename(folder.path().join("shop.db"))
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Off)
                    .busy_timeout(PATIENCE);
                let pool = || {
                    let options = SqlitePoolOptions::new().max_connections(CONNECTIONS);
                    options.acquire_timeout(PATIENCE).connect_lazy_with(file.clone())
                };
                [pool(), pool()].map(SqlPool::from)
            }
        };
        if source == Source::PostgresLogSynchronous {
            let server = postgres.as_ref().expect("it was started");
            standby = Some(server.standby_with(&["recovery_min_apply_delay=3ms"]));
        }
        let place = Self {
            source,
            own,
            foreign,
            postgres,
            _standby: standby,
            _mariadb: mariadb,
            _folder: folder,
        };
        place.change(TABLE).await.expect("a new database");
        place.prepare().await;
        if source == Source::PostgresLogSynchronous {
            for statement in SYNCHRONOUS {
                place.change(statement).await.expect("a superuser");
            }
        }
        place
    }

    async fn prepare(&self) {
        if self.source.is_log() {
            // Each for itself: a slot is made in a transaction of its own.
            for statement in statements(&setup_sql::<(User,)>()) {
                self.change(&statement).await.expect("the owner of the tables");
            }
        } else {
            let setup = self.outbox().setup_sql::<(User,)>().expect("valid names");
            self.change(&setup).await.expect("the owner of the tables");
        }
    }

    pub(super) fn outbox(&self) -> Outbox {
        Outbox::from_pool(self.own.clone()).every(Duration::from_millis(5))
    }

    /// Changes rows by plain SQL.
    pub(super) async fn change(&self, sql: &str) -> sqlx::Result<()> {
        with!(&self.foreign, pool => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()))
    }

    /// Changes rows in one transaction, a statement at a time.
    pub(super) async fn change_together(&self, statements: &[&str]) -> sqlx::Result<()> {
        with!(&self.foreign, pool => {
            let mut transaction = pool.begin().await?;
            for sql in statements {
                sqlx::query(sql).persistent(false).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
    }

    /// Removes all rows in the way that the log tells of.
    pub(super) fn truncate(&self) -> &'static str {
        match self.source {
            // There truncating fires no trigger, which is documented.
            Source::MariaDbOutbox | Source::SqliteOutbox => "delete from users",
            _ => "truncate users",
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("source", &self.source).finish_non_exhaustive()
    }
}
