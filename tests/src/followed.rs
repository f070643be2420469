//! Tables whose changes are followed, in a real PostgreSQL.

use std::sync::Arc;

use cachecow::log::{ChangeLog, Follow, PostgresLog, setup_sql};
use cachecow::{Cached, ErrorKind};
use sqlx::{PgPool, Row as _};

use crate::servers::PostgresServer;

/// Why a follower is refused with its settings; `None` if it starts.
pub async fn refused<L: ChangeLog>(follow: Follow<L>) -> Option<String> {
    match follow.start().await {
        Ok(follower) => {
            follower.stop().await;
            None
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
            Some(error.to_string())
        }
    }
}

/// A row of `app.users`, with an alias and a list.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = PgPool, ttl = "1h", negative_ttl = "1h", table = "app.users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:mail:{email}", fetch = User::find_by_email)]
#[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
pub struct User {
    /// The primary key.
    pub id: i64,
    /// The alias, which is the column `mail`.
    #[cache(column = "mail")]
    pub email: String,
    /// The list's.
    pub org_id: i64,
    /// What is changed most.
    pub version: i64,
}

impl User {
    const COLUMNS: &str = "select id, mail, org_id, version from app.users where";

    fn of(row: &sqlx::postgres::PgRow) -> Self {
        Self { id: row.get(0), email: row.get(1), org_id: row.get(2), version: row.get(3) }
    }

    async fn find(pool: &PgPool, id: i64) -> sqlx::Result<Option<Self>> {
        let sql = format!("{} id = $1", Self::COLUMNS);
        Ok(sqlx::query(&sql).bind(id).fetch_optional(pool).await?.as_ref().map(Self::of))
    }

    async fn find_by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Self>> {
        let sql = format!("{} mail = $1", Self::COLUMNS);
        Ok(sqlx::query(&sql).bind(email).fetch_optional(pool).await?.as_ref().map(Self::of))
    }

    async fn find_by_org(pool: &PgPool, org_id: i64) -> sqlx::Result<Vec<Self>> {
        let sql = format!("{} org_id = $1 order by id", Self::COLUMNS);
        Ok(sqlx::query(&sql).bind(org_id).fetch_all(pool).await?.iter().map(Self::of).collect())
    }
}

/// A row of `public.notes`, without anything but a key.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = PgPool, ttl = "1h", table = "notes")]
#[cache(key = "note:{id}", fetch = Note::find)]
pub struct Note {
    /// The primary key.
    pub id: i64,
    /// The rest.
    pub text: String,
}

impl Note {
    async fn find(pool: &PgPool, id: i64) -> sqlx::Result<Option<Self>> {
        let row = sqlx::query("select id, text from notes where id = $1").bind(id);
        Ok(row.fetch_optional(pool).await?.map(|row| Self { id: row.get(0), text: row.get(1) }))
    }
}

/// What a server needs so that its log can be followed.
pub const SETTINGS: &[&str] =
    &["wal_level=logical", "max_slot_wal_keep_size=1GB", "max_wal_senders=20", "autovacuum=off"];

/// A database with both tables.
#[derive(Debug)]
pub struct Database {
    /// The server.
    pub server: PostgresServer,
    /// Connections to it, as any program's.
    pub pool: PgPool,
}

impl Database {
    /// A database that was prepared by what `setup_sql` prints.
    pub async fn start() -> Self {
        Self::start_with(SETTINGS).await
    }

    /// The same, on a server with these settings.
    pub async fn start_with(settings: &[&str]) -> Self {
        let database = Self::without_setup(settings).await;
        database.run(&setup_sql::<(User, Note)>()).await;
        database
    }

    /// The tables alone, on a server with these settings.
    pub async fn without_setup(settings: &[&str]) -> Self {
        Self::of(PostgresServer::start_with(settings)).await
    }

    /// The tables alone, on this server.
    pub async fn of(server: PostgresServer) -> Self {
        let pool = PgPool::connect(&server.url()).await.expect("the server runs");
        let database = Self { server, pool };
        database
            .run(
                "create schema app;
                 create table app.users (id bigint primary key, mail text not null, org_id bigint not null,
                     version bigint not null);
                 create table notes (id bigint primary key, text text not null);",
            )
            .await;
        database
    }

    /// Runs statements, each for itself.
    pub async fn run(&self, sql: &str) {
        for statement in statements(sql) {
            let result = sqlx::query(&statement).execute(&self.pool).await;
            result.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// Waits until nobody reads from the slot.
    pub async fn is_left(&self) {
        let free =
            "select active_pid is null from pg_replication_slots where slot_name = 'cachecow'";
        while !sqlx::query_scalar::<_, bool>(free).fetch_one(&self.pool).await.expect("a slot") {}
    }

    /// The log, by the permanent slot.
    pub fn log(&self) -> PostgresLog {
        PostgresLog::connect(&self.server.url()).slot("cachecow")
    }

    /// The log, by a slot of this process.
    pub fn own_log(&self) -> PostgresLog {
        PostgresLog::connect(&self.server.url())
    }

    /// The pool, to be shared.
    pub fn shared(&self) -> Arc<PgPool> {
        Arc::new(self.pool.clone())
    }
}

/// The statements of a text, without its comments.
pub fn statements(sql: &str) -> Vec<String> {
    let lines: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    let text = lines.join("\n");
    let statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}
