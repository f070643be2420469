//! Keys that a function names, since a row does not tell them.

use std::sync::Arc;

use cachecow::log::{ColumnError, Row, setup_sql};
use cachecow::{CacheCow, CacheKeys, ErrorKind, Source};
use cachecow_tests::followed::{Database, SETTINGS};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use sqlx::PgPool;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The notes that have the number of a user of the organisation.
#[cachecow::query(key = "notes-of:{org}", ttl = "1h")]
#[cache(rows = "app.users", org = "org_id")]
#[cache(rows = "notes", via = of_note, columns = ["id"])]
async fn notes_of(pool: &PgPool, org: i64) -> sqlx::Result<Vec<String>> {
    let sql = "select text from notes join app.users using (id) where org_id = $1 order by id";
    sqlx::query_scalar(sql).bind(org).fetch_all(pool).await
}

async fn of_note(pool: &PgPool, row: &Row<'_>) -> Result<impl CacheKeys, BoxError> {
    let sql = "select org_id from app.users where id = $1";
    let orgs: Vec<i64> =
        sqlx::query_scalar(sql).bind(row.read::<i64>("id")?).fetch_all(pool).await?;
    Ok(orgs.into_iter().map(notes_of::of).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_names_the_keys_and_sees_the_change() {
    let (database, redis) = (Database::without_setup(SETTINGS).await, RedisServer::start());
    database.run(&setup_sql::<notes_of>()).await;
    database.run("insert into app.users values (1, 'a@x', 7, 1), (2, 'b@x', 8, 1)").await;
    let cow = &patient().open(&redis.url()).await.unwrap();
    let follow = || cow.follow(database.log()).types::<notes_of>();
    let refused = follow().start().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(refused.to_string().contains("PgPool"), "{refused}");
    let follower = follow().context(database.shared()).start().await.unwrap();
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    let read = async |org| {
        let read = view.read(notes_of::of(org)).await.unwrap();
        (read.value.unwrap().shared().join(","), read.source)
    };
    let change = async |sql: &str| {
        database.run(sql).await;
        follower.caught_up().await.unwrap();
    };
    assert_eq!((read(7).await.0, read(8).await.0), (String::new(), String::new()));
    change("insert into notes values (1, 'one')").await;
    assert_eq!((read(7).await.0, read(8).await), ("one".into(), (String::new(), Source::Cache)));
    // Both in one transaction: the function sees them both, whichever comes first.
    change("with n as (insert into notes values (3, 'three')) insert into app.users values (3, 'c@x', 8, 1)").await;
    assert_eq!(read(8).await.0, "three");
    change("update notes set id = 2 where id = 1").await;
    assert_eq!((read(7).await.0, read(8).await.0), (String::new(), "one,three".into()));
    change("update app.users set org_id = 7 where id = 3").await;
    assert_eq!((read(7).await.0, read(8).await.0), ("three".into(), "one".into()));
    let drops = follower.status().drops;
    change("truncate notes").await;
    assert_eq!(follower.status().drops, drops + 1, "rows are not known then");
    assert_eq!((read(7).await.0, read(8).await.0), (String::new(), String::new()));
    follower.stop().await;
}

/// How many notes have this text; the function reads what it likes.
#[cachecow::query(key = "with-text:{text}", ttl = "1h")]
#[cache(rows = "notes", via = of_any_note)]
async fn with_text(pool: &PgPool, text: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from notes where text = $1")
        .bind(text)
        .fetch_one(pool)
        .await
}

async fn of_any_note(_: &PgPool, row: &Row<'_>) -> Result<with_text, ColumnError> {
    Ok(with_text::of(row.read::<String>("text")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_columns_old_rows_must_be_whole() {
    let database = Database::without_setup(SETTINGS).await;
    let setup = setup_sql::<with_text>();
    assert!(setup.contains("replica identity full"), "{setup}");
    database.run(&setup).await;
    database.run("alter table notes replica identity default").await;
    let cow = &CacheCow::memory();
    let context = Arc::new(database.pool.clone());
    let follow =
        || cow.follow(database.own_log()).types::<with_text>().context(Arc::clone(&context));
    let refused = follow().start().await.unwrap_err().to_string();
    assert!(
        refused.contains("replica identity full") && refused.contains("columns = ["),
        "{refused}"
    );
    database
        .run("alter table notes replica identity full; insert into notes values (1, 'old')")
        .await;
    let follower = follow().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    let count = async |text: &str| *view.ask(with_text::of(text.to_owned())).await.unwrap();
    assert_eq!((count("old").await, count("new").await), (1, 0));
    let drops = follower.status().drops;
    database.run("update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    assert_eq!((count("old").await, count("new").await), (0, 1));
    assert_eq!(follower.status().drops, drops, "every row was read");
}
