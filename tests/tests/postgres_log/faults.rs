//! Whatever is restarted, lost or cut: nothing is stale for good, and what was lost is told.

use std::process::Command;
use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow::log::{Follower, FollowerState, PostgresLog};
use cachecow_tests::controlled::{Controlled, Rule};
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::patient::patient;
use cachecow_tests::relay::Relay;
use cachecow_tests::servers::{Process, RedisServer};
use rustix::process::Signal;

/// So many notes, each with the text `old`.
pub(crate) async fn with_notes(count: usize) -> (Database, RedisServer) {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let insert =
        format!("insert into notes select id, 'old' from generate_series(1, {count}) as id");
    database.run(&insert).await;
    (database, redis)
}

pub(crate) async fn text(cow: &CacheCow, database: &Database, id: i64) -> String {
    let note = cow.with(&database.pool).get(Note::by_id(id)).await.unwrap();
    note.unwrap().text.clone()
}

pub(crate) async fn follow(cow: &CacheCow, log: PostgresLog) -> Follower {
    cow.follow(log).types::<(User, Note)>().start().await.unwrap()
}

pub(crate) async fn until(follower: &Follower, state: FollowerState) {
    while follower.status().state != state {
        tokio::task::yield_now().await;
    }
}

/// What a new process that follows the log finds: the note, and how often everything was dropped.
async fn found_by_the_next(database: &Database, redis: &RedisServer) -> (String, u64) {
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    let found = text(&cow, database, 1).await;
    follower.stop().await;
    database.is_left().await;
    (found, follower.status().drops)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_starts_again_goes_on_where_it_was() {
    let (database, redis) = with_notes(1).await;
    assert_eq!(found_by_the_next(&database, &redis).await, ("old".to_owned(), 1), "a new cache");
    database.run("update notes set text = 'new'").await;
    assert_eq!(found_by_the_next(&database, &redis).await, ("new".to_owned(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_made_anew_is_noticed() {
    let (database, redis) = with_notes(1).await;
    found_by_the_next(&database, &redis).await;
    database.run("select pg_drop_replication_slot('cachecow')").await;
    database.run("update notes set text = 'new'").await;
    database.run("select pg_create_logical_replication_slot('cachecow', 'pgoutput')").await;
    assert_eq!(found_by_the_next(&database, &redis).await, ("new".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_moved_on_is_noticed() {
    let (database, redis) = with_notes(1).await;
    found_by_the_next(&database, &redis).await;
    database.run("update notes set text = 'new'").await;
    database.run("select pg_replication_slot_advance('cachecow', pg_current_wal_lsn())").await;
    assert_eq!(found_by_the_next(&database, &redis).await, ("new".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_lost_changes_is_refused_and_made_anew() {
    let redis = RedisServer::start();
    let database = Database::start_with(&["wal_level=logical", "max_slot_wal_keep_size=1MB"]).await;
    database.run("insert into notes values (1, 'old'); create table probe (id int)").await;
    found_by_the_next(&database, &redis).await;
    database.run("update notes set text = 'new'").await;
    let lost = "select wal_status = 'lost' from pg_replication_slots";
    while !sqlx::query_scalar::<_, bool>(lost).fetch_one(&database.pool).await.unwrap() {
        database.run("insert into probe select generate_series(1, 1000)").await;
        database.run("select pg_switch_wal(); checkpoint").await;
    }
    let cow = patient().open(&redis.url()).await.unwrap();
    let error = cow.follow(database.log()).types::<(User, Note)>().start().await.unwrap_err();
    assert!(error.to_string().contains("has lost changes"), "{error}");
    database.run("select pg_drop_replication_slot('cachecow')").await;
    database.run("select pg_create_logical_replication_slot('cachecow', 'pgoutput')").await;
    assert_eq!(found_by_the_next(&database, &redis).await, ("new".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_is_made_anew_is_noticed() {
    let (database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;
    database.run("drop publication cachecow").await;
    database.run("update notes set text = 'new'").await;
    until(&follower, FollowerState::Down).await;
    while !follower.status().error.is_some_and(|error| error.contains("create publication")) {
        tokio::task::yield_now().await;
    }
    database.run("create publication cachecow for table app.users, notes").await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "new");
    assert!(follower.status().drops > drops);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_is_followed_on() {
    let (mut database, redis) = with_notes(2).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let (opened, drops) = (follower.status().opened, follower.status().drops);
    let since = Instant::now();
    database.server.restart();
    database.run("update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    println!("caught up {:.1?} after the database was stopped", since.elapsed());
    assert_eq!(text(&cow, &database, 1).await, "new");
    assert_eq!(follower.status().opened, opened + 1);
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_during_an_outage_of_the_cache_are_kept() {
    let (database, redis) = with_notes(5000).await;
    let cow = CacheCow::open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    let read = async || view.get_many((1..=5000).map(Note::by_id)).await.unwrap();
    read().await;
    redis.pause();
    database.run("update notes set text = 'new' where id <= 2500").await;
    database.run("update notes set text = 'new' where id > 2500").await;
    while follower.status().error.is_none() {
        tokio::task::yield_now().await;
    }
    redis.resume();
    follower.caught_up().await.unwrap();
    let served = read().await;
    assert!(served.iter().all(|note| note.as_ref().unwrap().text == "new"));
}

/// The URL of the database by this relay.
pub(crate) fn by_relay(database: &Database, relay: &Relay) -> String {
    let own = database.server.socket_folder().display().to_string();
    database.server.url().replace(&own, &relay.folder().display().to_string())
}

/// A follower whose connections go through this relay, and that has caught up; the first note is cached.
pub(crate) async fn followed_by_relay(cow: &CacheCow, database: &Database) -> (Relay, Follower) {
    let relay = Relay::before(&database.server.socket_folder().join(".s.PGSQL.5432"));
    let log = PostgresLog::connect(&by_relay(database, &relay)).slot("cachecow");
    let follower = follow(cow, log).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(cow, database, 1).await, "old");
    (relay, follower)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_or_hangs_loses_nothing() {
    let (database, redis) = with_notes(2).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let (relay, follower) = followed_by_relay(&cow, &database).await;
    let drops = follower.status().drops;
    relay.cut();
    until(&follower, FollowerState::Down).await;
    database.run("update notes set text = 'cut'").await;
    relay.mend();
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "cut");

    relay.hang();
    database.run("update notes set text = 'hung'").await;
    until(&follower, FollowerState::Down).await;
    relay.mend();
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "hung");
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_permanent_slot_a_new_connection_drops_everything() {
    let (database, _) = with_notes(2).await;
    let relay = Relay::before(&database.server.socket_folder().join(".s.PGSQL.5432"));
    let cow = CacheCow::memory();
    let follower = follow(&cow, PostgresLog::connect(&by_relay(&database, &relay))).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;
    relay.cut();
    until(&follower, FollowerState::Down).await;
    database.run("update notes set text = 'new'").await;
    relay.mend();
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "new");
    assert_eq!(follower.status().drops, drops + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_followers_one_reads_and_the_other_takes_over() {
    let (database, redis) = with_notes(2).await;
    let first_cow = patient().open(&redis.url()).await.unwrap();
    let second_cow = patient().open(&redis.url()).await.unwrap();
    let first = follow(&first_cow, database.log()).await;
    first.caught_up().await.unwrap();
    let second = follow(&second_cow, database.log()).await;
    until(&second, FollowerState::Standby).await;
    assert_eq!(text(&second_cow, &database, 1).await, "old");
    database.run("update notes set text = 'new'").await;
    second.caught_up().await.unwrap();
    assert_eq!(text(&second_cow, &database, 1).await, "new", "the other one invalidated it");
    first.stop().await;
    until(&second, FollowerState::Following).await;
    database.run("update notes set text = 'newest'").await;
    second.caught_up().await.unwrap();
    assert_eq!(text(&second_cow, &database, 1).await, "newest");
    assert_eq!(second.status().drops, 0);
}

/// A process that follows.
pub(crate) fn follower_process(database: &Database, redis: &RedisServer) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-follower"));
    command.args([database.server.url(), redis.url()]);
    let ready = |line: &str| line.contains("following").then_some(());
    Process::start(command, ready).0
}

/// One row after another is changed, and amid that the process that follows ends.
async fn is_taken_over(end: impl FnOnce(Process) -> Option<Process>) {
    const NOTES: i64 = 400;
    let (database, redis) = with_notes(400).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let leader = follower_process(&database, &redis);
    let follower = follow(&cow, database.log()).await;
    until(&follower, FollowerState::Standby).await;
    let view = cow.with(&database.pool);
    let read = async || view.get_many((1..=NOTES).map(Note::by_id)).await.unwrap();
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text == "old"));
    for id in 1..=NOTES / 2 {
        database.run(&format!("update notes set text = 'new' where id = {id}")).await;
    }
    let (hung, since) = (end(leader), Instant::now());
    for id in NOTES / 2 + 1..=NOTES {
        database.run(&format!("update notes set text = 'new' where id = {id}")).await;
    }
    until(&follower, FollowerState::Following).await;
    let took = since.elapsed();
    follower.caught_up().await.unwrap();
    println!("taken over after {took:.1?}; nothing stale after {:.1?}", since.elapsed());
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text == "new"));
    assert_eq!(follower.status().drops, 0, "nothing was lost");
    if let Some(hung) = hung {
        // It goes on, and does no harm.
        hung.signal(Signal::CONT);
        database.run("update notes set text = 'newest'").await;
        follower.caught_up().await.unwrap();
        assert_eq!(text(&cow, &database, 1).await, "newest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_killed_is_replaced() {
    is_taken_over(|leader| {
        drop(leader);
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_hangs_is_replaced() {
    is_taken_over(|leader| {
        leader.signal(Signal::STOP);
        Some(leader)
    })
    .await;
}

/// Changes a row while the cache is out of reach, and lets the follower die with the change in its hands; what the
/// next one finds.
async fn found_after_a_death(rule: Rule) -> (String, u64) {
    let (database, redis) = with_notes(1).await;
    found_by_the_next(&database, &redis).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (url, log) = (redis.url(), Controlled::new(database.log(), rule));
    let settling = log.settling.clone();
    let follower = runtime
        .spawn(async move {
            let cow = patient().open(&url).await.unwrap();
            let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
            follower.caught_up().await.unwrap();
            follower
        })
        .await
        .unwrap();
    settling.forget_permits(settling.available_permits());
    redis.pause();
    let here = "select (pg_current_wal_insert_lsn() + 1)::text";
    let changed: String = sqlx::query_scalar(here).fetch_one(&database.pool).await.unwrap();
    database.run("update notes set text = 'new'").await;
    settling.acquire().await.unwrap().forget();
    if rule == Rule::AcknowledgesFirst {
        // Until the server has heard of it.
        let told = format!("select confirmed_flush_lsn >= '{changed}' from pg_replication_slots");
        while !sqlx::query_scalar::<_, bool>(&told).fetch_one(&database.pool).await.unwrap() {}
    }
    drop(follower);
    runtime.shutdown_background();
    redis.resume();
    found_by_the_next(&database, &redis).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_invalidated_is_given_again() {
    assert_eq!(found_after_a_death(Rule::Kept).await, ("new".to_owned(), 0));
}

/// The change is not given again. That something is missing is noticed by the mark in the cache.
#[tokio::test(flavor = "multi_thread")]
async fn control_what_was_acknowledged_first_is_lost() {
    assert_eq!(found_after_a_death(Rule::AcknowledgesFirst).await, ("new".to_owned(), 1));
}

/// The log says nothing of it: the follower looks at the catalog every few seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_not_published_for_a_while_is_noticed() {
    let (database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    let drops = follower.status().drops;
    database.run("alter publication cachecow drop table notes").await;
    database.run("update notes set text = 'new'").await;
    database.run("alter publication cachecow add table notes").await;
    while follower.status().drops == drops {
        tokio::task::yield_now().await;
    }
    assert_eq!(text(&cow, &database, 1).await, "new");
    follower.caught_up().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_commits_would_wait_for_leaves_and_comes_back() {
    let (database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "old");
    database.run("alter system set synchronous_standby_names = 'cachecow'").await;
    database.run("select pg_reload_conf()").await;
    let refuses = |error: String| error.contains("synchronous_standby_names");
    while !follower.status().error.is_some_and(refuses) {
        tokio::task::yield_now().await;
    }
    database.run("alter system reset synchronous_standby_names; select pg_reload_conf()").await;
    database.run("update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_taken_away_is_refused_until_it_is_back() {
    let (database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    let drops = follower.status().drops;
    database.run("alter table app.users replica identity default").await;
    while !follower.status().error.is_some_and(|error| error.contains("replica identity")) {
        tokio::task::yield_now().await;
    }
    database.run("alter table app.users replica identity using index users_cachecow").await;
    follower.caught_up().await.unwrap();
    assert!(follower.status().drops > drops, "moves between lists may be missing");
}
