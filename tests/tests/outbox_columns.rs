//! What an outbox finds of the types of columns when it is started.

use cachecow::log::Outbox;
use cachecow::store::SqlPool;
use cachecow::{CacheCow, Cached, ErrorKind};
use cachecow_tests::any_pool::run;
use cachecow_tests::followed::refused;
use cachecow_tests::servers::{MariaDbServer, PostgresServer};
use chrono::{DateTime, Utc};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

/// A row with a key part of each kind that a database may have another type for.
#[derive(Clone, Debug, Cached)]
#[cache(context = SqlPool, ttl = "1h", table = "parts")]
#[cache(key = "part:{id}:{code}:{at}:{on}:{raw}", fetch = Part::find)]
struct Part {
    id: i64,
    code: Uuid,
    #[cache(column = "moment")]
    at: DateTime<Utc>,
    on: bool,
    raw: Vec<u8>,
}

impl Part {
    async fn find(
        _: &SqlPool,
        id: i64,
        code: &Uuid,
        at: &DateTime<Utc>,
        on: bool,
        raw: &[u8],
    ) -> sqlx::Result<Option<Self>> {
        Ok(Some(Self { id, code: *code, at: *at, on, raw: raw.to_vec() }))
    }
}

async fn sqlite() -> (tempfile::TempDir, SqlPool) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
    (folder, sqlx::SqlitePool::connect(&url).await.unwrap().into())
}

/// What `start` says of a table `parts` with these columns; nothing if it follows.
async fn refusal(pool: &SqlPool, columns: &str) -> Option<String> {
    run(pool, &format!("drop table if exists parts; create table parts ({columns})")).await;
    run(pool, &Outbox::from_pool(pool.clone()).setup_sql::<Part>().unwrap()).await;
    started(pool).await
}

async fn started(pool: &SqlPool) -> Option<String> {
    let cow = CacheCow::memory();
    refused(cow.follow(Outbox::from_pool(pool.clone())).types::<Part>()).await
}

/// Columns that fit are followed, and each of the others is refused by its name, with what was found and what is needed.
async fn columns_are_compared(
    pool: &SqlPool,
    fitting: &[(&str, &str)],
    others: &[(&str, &str, &str)],
) {
    let all = |changed: Option<(&str, &str)>| {
        let of = |&(name, ty): &(&str, &str)| match changed {
            Some((other, ty)) if other == name => format!("`{name}` {ty}"),
            _ => format!("`{name}` {ty}"),
        };
        let columns: Vec<String> = fitting.iter().map(of).collect();
        let quote = if matches!(pool, SqlPool::MySql(_)) { "`" } else { "\"" };
        columns.join(", ").replace('`', quote)
    };
    assert_eq!(refusal(pool, &all(None)).await, None);
    for (name, ty, needed) in others {
        let refused = refusal(pool, &all(Some((name, ty)))).await;
        let refused = refused.unwrap_or_else(|| panic!("{name} {ty} is taken"));
        let named =
            [format!("column `{name}` of `parts`"), format!("type {ty}"), (*needed).to_owned()];
        assert!(named.iter().all(|part| refused.contains(part)), "{named:?}: {refused}");
        assert!(refused.contains("change the field's type, or the column's"), "{refused}");
        assert_eq!(refused.lines().count(), 1, "the others fit: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_another_type_are_refused_in_postgres() {
    let server = PostgresServer::start();
    let pool: SqlPool = sqlx::PgPool::connect(&server.url()).await.unwrap().into();
    run(&pool, "create domain moments as timestamptz").await;
    let fitting = [
        ("id", "numeric(20)"),
        ("code", "uuid"),
        ("moment", "moments"),
        ("on", "boolean"),
        ("raw", "bytea"),
    ];
    let others = [
        ("id", "uuid", "`i64`: that needs a whole number"),
        ("id", "double precision", "a whole number"),
        ("code", "bytea", "a UUID"),
        ("moment", "timestamp without time zone", "with an offset"),
        ("on", "bigint", "a truth value"),
        ("raw", "jsonb", "bytes"),
    ];
    columns_are_compared(&pool, &fitting, &others).await;
    // A column that went since the triggers were made: every write would fail.
    assert_eq!(
        refusal(&pool, "id bigint, code uuid, moment timestamptz, \"on\" boolean, raw bytea").await,
        None
    );
    run(&pool, "alter table parts rename column raw to bare").await;
    let refused = started(&pool).await.unwrap();
    assert!(refused.contains("`parts` has no column `raw`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_another_type_are_refused_in_mariadb() {
    let server = MariaDbServer::start();
    let pool: SqlPool = sqlx::MySqlPool::connect(&server.url()).await.unwrap().into();
    let fitting = [
        ("id", "bigint(20) unsigned"),
        ("code", "uuid"),
        ("moment", "varchar(40)"),
        ("on", "tinyint(1)"),
        ("RAW", "varbinary(20)"),
    ];
    let others = [
        ("id", "uuid", "`i64`: that needs a whole number"),
        ("id", "double", "a whole number"),
        ("code", "binary(16)", "a UUID"),
        ("moment", "timestamp", "with an offset"),
        ("on", "bit(1)", "a truth value"),
        ("on", "datetime", "a truth value"),
    ];
    columns_are_compared(&pool, &fitting, &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_another_type_are_refused_in_sqlite_where_it_tells() {
    let (_folder, pool) = sqlite().await;
    let fitting =
        [("id", ""), ("code", "blob"), ("moment", "datetime"), ("on", "integer"), ("raw", "text")];
    let others = [
        ("id", "REAL", "`i64`: that needs a whole number"),
        ("code", "INTEGER", "a UUID"),
        ("moment", "BIGINT", "with an offset"),
        ("on", "double precision", "a truth value"),
        ("raw", "INT", "bytes"),
    ];
    columns_are_compared(&pool, &fitting, &others).await;
    assert_eq!(refusal(&pool, "ID, code, Moment, \"on\", raw").await, None, "whatever the case");
    run(&pool, "alter table parts rename column raw to bare").await;
    run(&pool, &Outbox::from_pool(pool.clone()).setup_sql::<Part>().unwrap()).await;
    let refused = started(&pool).await.unwrap();
    assert!(refused.contains("`parts` has no column `raw`"), "{refused}");
}

/// The outbox of someone else, by the same name.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_no_outbox_is_refused() {
    let postgres = PostgresServer::start();
    // One connection: it has prepared its statements for the table that was there before.
    let postgres = PgPoolOptions::new().max_connections(1).connect(&postgres.url()).await;
    let postgres: SqlPool = postgres.unwrap().into();
    let mariadb = MariaDbServer::start();
    let mariadb = MySqlPoolOptions::new().max_connections(1).connect(&mariadb.url()).await;
    let mariadb: SqlPool = mariadb.unwrap().into();
    let (_folder, sqlite) = sqlite().await;
    for (pool, columns, words) in [
        (
            &postgres,
            "id integer, source text, old_row text, new_row text",
            "type integer, and bigint",
        ),
        (&postgres, "id bigint, source text, old_row jsonb, new_row text", "type jsonb, and text"),
        (&mariadb, "id bigint unsigned, source text, old_row text, new_row text", "and bigint"),
        (&mariadb, "id bigint, source text, old_row text", "has no column `new_row`"),
        (&sqlite, "id integer, source text, old_row text", "has no column `new_row`"),
    ] {
        run(pool, &format!("create table cachecow_outbox ({columns})")).await;
        let outbox = Outbox::from_pool(pool.clone()).emitted_only();
        let refused =
            CacheCow::memory().follow(outbox).emitted::<Part>().start().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
        let refused = refused.to_string();
        assert!(refused.contains(words) && refused.contains("setup_sql"), "{columns}: {refused}");
        run(pool, "drop table cachecow_outbox").await;
    }
}
