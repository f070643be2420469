//! Statements on a pool of any of the three SQL databases.

use cachecow::store::SqlPool;

/// Does the same with the pool of whichever database it is.
macro_rules! with {
    ($pool:expr, $inner:ident => $work:expr) => {
        match $pool {
            SqlPool::Postgres($inner) => $work,
            SqlPool::MySql($inner) => $work,
            SqlPool::Sqlite($inner) => $work,
            other => panic!("{other:?}"),
        }
    };
}
pub(crate) use with;

/// Executes statements without cachecow.
pub async fn run(pool: &SqlPool, sql: &str) {
    let result = with!(pool, pool => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()));
    result.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
