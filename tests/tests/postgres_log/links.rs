//! The links of a follower are cut and hang: to the cache, and to the standby that objects are fetched from. That to the
//! database is in `faults`.

use std::time::Instant;

use cachecow::CacheCow;
use cachecow::log::{Follower, FollowerState};
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::patient::patient;
use cachecow_tests::relay::Relay;
use sqlx::PgPool;

use crate::faults::{follow, text, until, with_notes};

async fn until_told(follower: &Follower) {
    while follower.status().error.is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_to_the_cache_delays_and_loses_nothing() {
    let (database, redis) = with_notes(2).await;
    let relay = Relay::before(&redis.socket());
    let url = format!("redis+unix://{}", relay.folder().join("r.sock").display());
    let following = CacheCow::open(&url).await.unwrap();
    // Another process, whose link to the cache stands.
    let reading = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&following, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&reading, &database, 1).await, "old");
    let drops = follower.status().drops;
    for (fault, change) in [(Relay::cut as fn(&Relay), "cut"), (Relay::hang, "hung")] {
        let before = text(&reading, &database, 1).await;
        fault(&relay);
        database.run(&format!("update notes set text = '{change}'")).await;
        until_told(&follower).await;
        assert_eq!(text(&reading, &database, 1).await, before, "as stale as the lag says");
        let since = Instant::now();
        relay.mend();
        follower.caught_up().await.unwrap();
        println!("{change}: caught up {:.1?} after the link stood again", since.elapsed());
        assert_eq!(text(&reading, &database, 1).await, change);
    }
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

async fn served_from(replica: &PgPool, cow: &CacheCow) -> String {
    cow.with(replica).get(Note::by_id(1)).await.unwrap().unwrap().text.clone()
}

async fn until_replayed(replica: &PgPool, text: &str) {
    let sql = "select text from notes where id = 1";
    while sqlx::query_scalar::<_, String>(sql).fetch_one(replica).await.unwrap() != text {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_to_a_standby_delays_and_loses_nothing() {
    let (database, redis) = with_notes(2).await;
    let standby = database.server.standby();
    let replica = PgPool::connect(&standby.url()).await.unwrap();
    let relay = Relay::before(&standby.socket_folder().join(".s.PGSQL.5432"));
    let own = standby.socket_folder().display().to_string();
    let by_relay = standby.url().replace(&own, &relay.folder().display().to_string());
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = database.log().replica(&by_relay);
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(served_from(&replica, &cow).await, "old");
    let drops = follower.status().drops;
    for (fault, change) in [(Relay::cut as fn(&Relay), "cut"), (Relay::hang, "hung")] {
        fault(&relay);
        database.run(&format!("update notes set text = '{change}'")).await;
        // Whether the standby has the change cannot be told, so nothing is invalidated.
        until(&follower, FollowerState::Down).await;
        let since = Instant::now();
        relay.mend();
        follower.caught_up().await.unwrap();
        println!("{change}: caught up {:.1?} after the link stood again", since.elapsed());
        assert_eq!(served_from(&replica, &cow).await, change);
    }
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

/// The standby gets nothing from the database for a while, and can be asked all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_between_the_database_and_a_standby_delays_and_loses_nothing() {
    let (database, redis) = with_notes(2).await;
    let relay = Relay::before(&database.server.socket_folder().join(".s.PGSQL.5432"));
    let standby = database.server.standby_by(relay.folder());
    let replica = PgPool::connect(&standby.url()).await.unwrap();
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = database.log().replica(&standby.url());
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(served_from(&replica, &cow).await, "old");
    let (rows, drops) = (follower.status().rows, follower.status().drops);
    relay.cut();
    standby_is_cut_off(&database).await;
    database.run("update notes set text = 'new'").await;
    assert_eq!(served_from(&replica, &cow).await, "old");
    assert_eq!(follower.status().rows, rows, "the standby does not have it");
    let since = Instant::now();
    relay.mend();
    follower.caught_up().await.unwrap();
    println!("caught up {:.1?} after the link stood again", since.elapsed());
    until_replayed(&replica, "new").await;
    assert_eq!(served_from(&replica, &cow).await, "new");
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

async fn standby_is_cut_off(database: &Database) {
    let sql =
        "select exists (select from pg_stat_replication where application_name = 'walreceiver')";
    while sqlx::query_scalar::<_, bool>(sql).fetch_one(&database.pool).await.unwrap() {}
}
