//! A standby takes the place of the database: it has no slot, and perhaps not the last changes.

use std::time::Instant;

use cachecow::CacheCow;
use cachecow::log::{FollowerState, PostgresLog};
use cachecow_tests::followed::{Database, Note};
use cachecow_tests::patient::patient;
use cachecow_tests::relay::Relay;
use cachecow_tests::servers::PostgresServer;
use sqlx::PgPool;

use crate::faults::{by_relay, follow, text, until, with_notes};

/// A standby of the database, and a relay by which the follower reaches the database.
fn standing_by(database: &Database) -> (PostgresServer, Relay) {
    let relay = Relay::before(&database.server.socket_folder().join(".s.PGSQL.5432"));
    (database.server.standby(), relay)
}

/// Ends the primary, and promotes the standby, to which the address leads from then on.
async fn fail_over(
    primary: &mut PostgresServer,
    standby: &PostgresServer,
    relay: &Relay,
) -> PgPool {
    primary.stop();
    let pool = PgPool::connect(&standby.url()).await.unwrap();
    assert!(sqlx::query_scalar::<_, bool>("select pg_promote()").fetch_one(&pool).await.unwrap());
    relay.lead_to(&standby.socket_folder().join(".s.PGSQL.5432"));
    pool
}

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_has_no_slot_which_is_told_and_then_everything_goes() {
    let (mut database, redis) = with_notes(1).await;
    let (standby, relay) = standing_by(&database);
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = PostgresLog::connect(&by_relay(&database, &relay)).slot("cachecow");
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;

    let since = Instant::now();
    let promoted = fail_over(&mut database.server, &standby, &relay).await;
    run(&promoted, "update notes set text = 'new'").await;
    let tells = |error: String| error.contains("pg_create_logical_replication_slot");
    while !follower.status().error.is_some_and(tells) {
        tokio::task::yield_now().await;
    }
    println!("told {:.1?} after the primary was stopped", since.elapsed());
    let since = Instant::now();
    run(&promoted, "select pg_create_logical_replication_slot('cachecow', 'pgoutput')").await;
    follower.caught_up().await.unwrap();
    println!("caught up {:.1?} after the slot was made", since.elapsed());
    let note = cow.with(&promoted).get(Note::by_id(1)).await.unwrap();
    assert_eq!(note.unwrap().text, "new");
    assert!(follower.status().drops > drops, "changes may be missing");
    run(&promoted, "update notes set text = 'newest'").await;
    follower.caught_up().await.unwrap();
    let note = cow.with(&promoted).get(Note::by_id(1)).await.unwrap();
    assert_eq!(note.unwrap().text, "newest");
}

/// Somebody made the slot there before the follower looked: the log is another one all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_with_a_slot_is_another_log() {
    let (mut database, redis) = with_notes(1).await;
    let (standby, relay) = standing_by(&database);
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = PostgresLog::connect(&by_relay(&database, &relay)).slot("cachecow");
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;
    relay.cut();
    until(&follower, FollowerState::Down).await;
    let promoted = fail_over(&mut database.server, &standby, &relay).await;
    run(&promoted, "update notes set text = 'new'").await;
    run(&promoted, "select pg_create_logical_replication_slot('cachecow', 'pgoutput')").await;
    relay.mend();
    follower.caught_up().await.unwrap();
    let note = cow.with(&promoted).get(Note::by_id(1)).await.unwrap();
    assert_eq!(note.unwrap().text, "new");
    assert!(follower.status().drops > drops);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_permanent_slot_a_promoted_standby_is_followed_at_once() {
    let mut database = with_notes(1).await.0;
    let (standby, relay) = standing_by(&database);
    let cow = CacheCow::memory();
    let follower = follow(&cow, PostgresLog::connect(&by_relay(&database, &relay))).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;
    let since = Instant::now();
    let promoted = fail_over(&mut database.server, &standby, &relay).await;
    run(&promoted, "update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    println!("caught up {:.1?} after the primary was stopped", since.elapsed());
    let note = cow.with(&promoted).get(Note::by_id(1)).await.unwrap();
    assert_eq!(note.unwrap().text, "new");
    assert!(follower.status().drops > drops);
}
