//! A commit is in the log before it is visible: under synchronous replication for as long as the standby takes.

use cachecow_tests::controlled::{Controlled, Rule};
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use sqlx::PgPool;

/// Changes a row while no commit becomes visible, reads it once the follower has heard of the change, and lets
/// the commit become visible; what is served once the follower has caught up.
async fn served_after_a_held_up_commit(rule: Rule) -> String {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database.run("insert into notes values (1, 'old'); create table probe (id int)").await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = Controlled::new(database.log(), rule);
    let settling = log.settling.clone();
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    settling.forget_permits(settling.available_permits());
    let rows = follower.status().rows;

    hold_commits(&database, true).await;
    let writer = tokio::spawn({
        let pool = database.pool.clone();
        async move { sqlx::query("update notes set text = 'new'").execute(&pool).await }
    });
    // The follower has the change, and nobody sees it.
    settling.acquire().await.unwrap().forget();
    let view = cow.with(&database.pool);
    while rule == Rule::NoGate && follower.status().rows == rows {
        // Until it is invalidated.
        tokio::task::yield_now().await;
    }
    assert_eq!(view.get(Note::by_id(1)).await.unwrap().unwrap().text, "old");
    assert!(!writer.is_finished());
    hold_commits(&database, false).await;
    writer.await.unwrap().unwrap();
    follower.caught_up().await.unwrap();
    view.get(Note::by_id(1)).await.unwrap().unwrap().text.clone()
}

/// Lets commits wait for a standby that there is not, or no longer.
async fn hold_commits(database: &Database, hold: bool) {
    let name = if hold { "'nobody'" } else { "''" };
    // Neither of these writes what would have to wait.
    database.run(&format!("alter system set synchronous_standby_names = {name}")).await;
    database.run("select pg_reload_conf()").await;
    if !hold {
        return;
    }
    // The server takes it in at leisure. It has when a commit waits.
    let waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    loop {
        let pool = database.pool.clone();
        let probe = tokio::spawn(async move {
            sqlx::query("insert into probe values (1)").execute(&pool).await
        });
        while !probe.is_finished() {
            let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&database.pool).await.unwrap();
            if waiting > 0 {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_visible_yet_is_not_invalidated_yet() {
    assert_eq!(served_after_a_held_up_commit(Rule::Kept).await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_the_gate_the_old_row_stays() {
    assert_eq!(served_after_a_held_up_commit(Rule::NoGate).await, "old");
}

/// Changes a row while the standby that objects are fetched from replays nothing, and lets it go on; what is served
/// once the follower has caught up and the standby as well.
async fn served_from_a_standby_that_lags(rule: Rule) -> String {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database.run("insert into notes values (1, 'old')").await;
    let standby = database.server.standby();
    let replica = PgPool::connect(&standby.url()).await.unwrap();
    let on_replica = async |sql: &'static str| {
        sqlx::query_scalar::<_, bool>(sql).fetch_one(&replica).await.unwrap()
    };
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = Controlled::new(database.log().replica(&standby.url()), rule);
    let settling = log.settling.clone();
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    sqlx::query("select pg_wal_replay_pause()").execute(&replica).await.unwrap();
    while !on_replica("select pg_get_wal_replay_pause_state() = 'paused'").await {}
    let view = cow.with(&replica);
    let text = async || view.get(Note::by_id(1)).await.unwrap().unwrap().text.clone();
    assert_eq!(text().await, "old");
    settling.forget_permits(settling.available_permits());
    let rows = follower.status().rows;

    database.run("update notes set text = 'new'").await;
    settling.acquire().await.unwrap().forget();
    while rule == Rule::NoGate && follower.status().rows == rows {
        tokio::task::yield_now().await;
    }
    assert_eq!(text().await, "old");
    sqlx::query("select pg_wal_replay_resume()").execute(&replica).await.unwrap();
    follower.caught_up().await.unwrap();
    while !on_replica("select text = 'new' from notes").await {}
    text().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_standby_has_not_replayed_is_not_invalidated_yet() {
    assert_eq!(served_from_a_standby_that_lags(Rule::Kept).await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_the_gate_a_standby_gives_the_old_row() {
    assert_eq!(served_from_a_standby_that_lags(Rule::NoGate).await, "old");
}

/// Everything is dropped since changes were missed; what a standby that lags gives after that would stay.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_dropped_once_a_standby_has_replayed_it() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database.run("insert into notes values (1, 'old')").await;
    let standby = database.server.standby();
    let replica = PgPool::connect(&standby.url()).await.unwrap();
    let on_replica = async |sql: &'static str| {
        sqlx::query_scalar::<_, bool>(sql).fetch_one(&replica).await.unwrap()
    };
    sqlx::query("select pg_wal_replay_pause()").execute(&replica).await.unwrap();
    while !on_replica("select pg_get_wal_replay_pause_state() = 'paused'").await {}
    database
        .run(
            "update notes set text = 'new'; select pg_drop_replication_slot('cachecow');
             select pg_create_logical_replication_slot('cachecow', 'pgoutput')",
        )
        .await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let view = cow.with(&replica);
    let text = async || view.get(Note::by_id(1)).await.unwrap().unwrap().text.clone();
    let log = database.log().replica(&standby.url());
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    // It waits for the standby, or has dropped everything already.
    let waits =
        "select exists (select from pg_stat_activity where application_name = 'cachecow_sql')";
    while follower.status().drops == 0 && !on_replica(waits).await {}
    assert_eq!(text().await, "old");
    sqlx::query("select pg_wal_replay_resume()").execute(&replica).await.unwrap();
    follower.caught_up().await.unwrap();
    while !on_replica("select text = 'new' from notes").await {}
    assert_eq!(text().await, "new");
}
