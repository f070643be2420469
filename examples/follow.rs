//! How do I learn of changes that someone else makes in my database?
//!
//! Without a server, it uses an SQLite file with an outbox. With `DATABASE_URL=postgres://…`, it uses PostgreSQL's
//! own log, which needs `wal_level = logical` and a role with `REPLICATION`; the example creates and drops the
//! table `follow_example`.

use cachecow::log::{ChangeLog, Outbox, PostgresLog, setup_sql};
use cachecow::{CacheCow, Cached};
use sqlx::{PgPool, SqlitePool};

type Failure = Box<dyn std::error::Error>;

#[derive(Clone, Debug, Cached)]
#[cache(context = Shop, table = "follow_example")]
#[cache(key = "cow:{id}", fetch = Cow::find)]
struct Cow {
    id: i64,
    name: String,
}

enum Shop {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Cow {
    async fn find(shop: &Shop, id: i64) -> Result<Option<Cow>, sqlx::Error> {
        let sql = "select id, name from follow_example where id = $1";
        let row: Option<(i64, String)> = match shop {
            Shop::Sqlite(pool) => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?,
            Shop::Postgres(pool) => sqlx::query_as(sql).bind(id).fetch_optional(pool).await?,
        };
        Ok(row.map(|(id, name)| Cow { id, name }))
    }
}

impl Shop {
    /// Runs any SQL.
    async fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        match self {
            Shop::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()),
            Shop::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()),
        }
    }
}

const TABLE: &str = "create table follow_example (id bigint primary key, name text not null);
                     insert into follow_example values (1, 'Berta');";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    match std::env::var("DATABASE_URL") {
        Ok(url) => on_postgres(&url).await,
        Err(_) => on_sqlite().await,
    }
}

async fn on_sqlite() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
    // Two programs that know nothing of each other.
    let (mine, foreign) = (SqlitePool::connect(&url).await?, SqlitePool::connect(&url).await?);
    let (mine, foreign) = (Shop::Sqlite(mine), Shop::Sqlite(foreign));
    foreign.run(TABLE).await?;
    let outbox = Outbox::connect(&url);
    let setup = outbox.setup_sql::<(Cow,)>()?;
    println!("{setup}");
    foreign.run(&setup).await?;
    a_foreign_change_is_seen(&mine, &foreign, outbox).await
}

async fn on_postgres(url: &str) -> Result<(), Failure> {
    let (mine, foreign) = (PgPool::connect(url).await?, PgPool::connect(url).await?);
    let (mine, foreign) = (Shop::Postgres(mine), Shop::Postgres(foreign));
    foreign
        .run("drop publication if exists cachecow_example; drop table if exists follow_example")
        .await?;
    foreign.run(TABLE).await?;
    println!("-- What a production database needs:\n{}", setup_sql::<(Cow,)>());
    // The cache is in this process's memory, so the slot is temporary, and only the publication is created here.
    foreign.run("create publication cachecow_example for table follow_example").await?;
    let log = PostgresLog::connect(url).publication("cachecow_example");
    let result = a_foreign_change_is_seen(&mine, &foreign, log).await;
    foreign.run("drop publication cachecow_example; drop table follow_example").await?;
    result
}

async fn a_foreign_change_is_seen(
    mine: &Shop,
    foreign: &Shop,
    log: impl ChangeLog,
) -> Result<(), Failure> {
    let cow = CacheCow::memory();
    let follower = cow.follow(log).types::<(Cow,)>().start().await?;
    follower.caught_up().await?;
    let read =
        async || cow.with(mine).get(Cow::by_id(1)).await.map(|cow| cow.map(|cow| cow.name.clone()));
    println!("before: {:?}, which is cached now", read().await?);
    foreign.run("update follow_example set name = 'Elsa' where id = 1").await?;
    // Usually an invalidation takes milliseconds. A caller that cannot accept that waits for it.
    follower.caught_up().await?;
    let after = read().await?;
    println!("after:  {after:?}");
    assert_eq!(after.as_deref(), Some("Elsa"));
    println!("{}", follower.status());
    follower.stop().await;
    Ok(())
}
