//! A database whose texts have no encoding.

use std::time::Duration;

use cachecow::log::{PostgresLog, setup_sql};
use cachecow_tests::followed::{Database, SETTINGS, User, statements};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{PostgresServer, RedisServer};
use sqlx::PgPool;

/// Nobody can tell which key such a text is: everything of the type is invalidated, and the log goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_not_utf_8_invalidates_its_type() {
    let database = Database::of(PostgresServer::start_with(SETTINGS)).await;
    database
        .run("create database ascii template template0 encoding 'SQL_ASCII' locale 'C' locale_provider libc")
        .await;
    let url = database.server.url().replace("/postgres?", "/ascii?");
    let pool = PgPool::connect(&url).await.unwrap();
    let tables = "create schema app; create table app.users (id bigint primary key, mail text not null, \
                  org_id bigint not null, version bigint not null); \
                  insert into app.users values (1, 'ann@x', 7, 1), (2, 'bob@x', 7, 1)";
    for statement in [statements(tables), statements(&setup_sql::<(User,)>())].concat() {
        sqlx::query(&statement).execute(&pool).await.unwrap();
    }
    let redis = RedisServer::start();
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = PostgresLog::connect(&url).slot("cachecow");
    let follower = cow.follow(log).types::<(User,)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let (view, drops) = (cow.with(&pool), follower.status().drops);
    assert_eq!(view.get(User::by_id(2)).await.unwrap().unwrap().version, 1);
    let update = "update app.users set mail = E'\\xff', version = 2 where id = 1; \
                  update app.users set version = 2 where id = 2";
    for statement in statements(update) {
        sqlx::query(&statement).execute(&pool).await.unwrap();
    }
    let caught_up = tokio::time::timeout(Duration::from_secs(60), follower.caught_up());
    let caught_up = caught_up.await;
    let status = follower.status();
    assert!(matches!(caught_up, Ok(Ok(_))), "{status:?}");
    assert!(
        status.drops > drops && format!("{:?}", status.last_drop).contains("mail"),
        "{status:?}"
    );
    assert_eq!(view.get(User::by_id(2)).await.unwrap().unwrap().version, 2);
}
