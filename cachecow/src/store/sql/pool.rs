//! The three databases' pools, as one.

use std::fmt;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{Database, Row as _};

use super::dialect::{self, Dialect, Statements};
use super::failure;
use crate::error::{Error, ErrorKind};

/// How long to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for the only connection, if there is no server that could be down.
#[cfg(feature = "sqlite")]
const SQLITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A pool of connections of sqlx 0.8, to any of the databases.
///
/// ```
/// # #[cfg(all(feature = "sqlite", feature = "sqlx-0_8"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, SqlStore};
/// use cachecow::store::SqlPool;
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// // In memory: the data live as long as the one connection.
/// let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
/// let store = SqlStore::from_pool(SqlPool::from(pool));
/// store.create_table().await?;
/// store.put("user-1", "Ann").await?;
/// assert_eq!(store.get("user-1").await?, "Ann");
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "sqlite", feature = "sqlx-0_8")))] fn main() {}
/// ```
#[derive(Clone)]
#[non_exhaustive]
#[cfg_attr(not(feature = "sqlx-0_8"), allow(unreachable_pub, reason = "then it is not exported"))]
pub enum SqlPool {
    /// To PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    /// To MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
    /// To SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
}

/// Runs the same code with any pool; only the types differ.
macro_rules! with {
    ($pool:expr, $inner:ident => $work:expr) => {
        match $pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres($inner) => $work,
            #[cfg(feature = "mysql")]
            SqlPool::MySql($inner) => $work,
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite($inner) => $work,
        }
    };
}

#[cfg(feature = "outbox")]
pub(crate) use with;

impl SqlPool {
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => connect(url, options()).await.map(Self::Postgres),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => connect(url, options()).await.map(Self::MySql),
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                // SQLite allows one writer at a time. Waiting for the pool's only connection is fair; waiting for
                // the file's lock is polling, and may fail. In memory, the data lives as long as this connection.
                let one = options().max_connections(1).idle_timeout(None).max_lifetime(None);
                connect(url, one.acquire_timeout(SQLITE_TIMEOUT)).await.map(Self::Sqlite)
            }
            _ => Err(Error::new(
                ErrorKind::InvalidUrl,
                "open: the URL must begin with `postgres://`, `mysql://`, `mariadb://` or `sqlite:`, \
                 and cachecow's feature `postgres`, `mysql` or `sqlite` must be enabled",
            )),
        }
    }

    pub(super) fn dialect(&self) -> &'static Dialect {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => &dialect::POSTGRES,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => &dialect::MYSQL,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => &dialect::SQLITE,
        }
    }

    /// Executes a statement with these keys; returns the number of affected rows.
    pub(crate) async fn execute(&self, statement: &str, keys: &[&str]) -> sqlx::Result<u64> {
        with!(self, pool => {
            let query = keys.iter().fold(sqlx::query(statement), |query, key| query.bind(*key));
            Ok(query.execute(pool).await?.rows_affected())
        })
    }

    pub(super) async fn put(&self, statement: &str, key: &str, value: &[u8]) -> sqlx::Result<()> {
        with!(self, pool => {
            sqlx::query(statement).bind(key).bind(value).execute(pool).await?;
            Ok(())
        })
    }

    pub(super) async fn value(&self, statement: &str, key: &str) -> sqlx::Result<Option<Vec<u8>>> {
        with!(self, pool => {
            let row = sqlx::query(statement).bind(key).fetch_optional(pool).await?;
            row.map(|row| row.try_get(0)).transpose()
        })
    }

    pub(super) async fn contains(&self, statement: &str, key: &str) -> sqlx::Result<bool> {
        with!(self, pool => {
            Ok(sqlx::query(statement).bind(key).fetch_optional(pool).await?.is_some())
        })
    }

    pub(super) async fn keys(
        &self,
        statement: &str,
        from: &str,
        to: &str,
    ) -> sqlx::Result<Vec<String>> {
        with!(self, pool => {
            let rows = sqlx::query(statement).bind(from).bind(to).fetch_all(pool).await?;
            // Unchecked, since MySQL's binary keys are not texts for sqlx.
            rows.iter().map(|row| row.try_get_unchecked(0)).collect()
        })
    }

    /// Moves a value in a transaction; returns whether there was one.
    ///
    /// The source's row is locked before it is read, so that another write to it waits and is not
    /// lost. Both rows are locked in key order, so that opposite moves do not deadlock.
    pub(super) async fn rename(
        &self,
        statements: &Statements,
        source: &str,
        destination: &str,
    ) -> sqlx::Result<bool> {
        with!(self, pool => {
            // Rolled back if it is dropped.
            let mut transaction = pool.begin_with(statements.dialect.begin).await?;
            for key in [source.min(destination), source.max(destination)] {
                let lock = sqlx::query(&statements.lock).bind(key);
                let found = lock.fetch_optional(&mut *transaction).await?.is_some();
                if key == source && !found {
                    return Ok(false);
                }
            }
            let copy = sqlx::query(&statements.copy).bind(destination).bind(source);
            copy.execute(&mut *transaction).await?;
            sqlx::query(&statements.delete).bind(source).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(true)
        })
    }
}

fn options<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT)
}

async fn connect<DB: Database>(
    url: &str,
    options: PoolOptions<DB>,
) -> Result<sqlx::Pool<DB>, Error> {
    let parsed = url.parse().map_err(|error: sqlx::Error| {
        let message = "open: the URL is malformed; in a password, write `@`, `/`, `?`, `#` and `%` as \
            `%40`, `%2F`, `%3F`, `%23` and `%25`";
        Error::caused_by(ErrorKind::InvalidUrl, message, error)
    })?;
    options.connect_with(parsed).await.map_err(failure::opening)
}

impl fmt::Debug for SqlPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // sqlx's own `Debug` form might show the connection's options.
        f.debug_tuple("SqlPool").field(&self.dialect().name).finish()
    }
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for SqlPool {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::Postgres(pool)
    }
}

#[cfg(feature = "mysql")]
impl From<sqlx::MySqlPool> for SqlPool {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Self::MySql(pool)
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for SqlPool {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}
