//! The cache is out of reach while much changes: the database keeps the changes, and not the follower's memory.

use std::time::Instant;

use cachecow_tests::followed::Note;

use crate::faults::{follow, follower_process, until, with_notes};
use cachecow::log::FollowerState;
use cachecow_tests::patient::patient;

const NOTES: i64 = 50_000;
/// So many in each transaction.
const TOGETHER: i64 = 50;
/// A change is so many bytes in the log at least.
const BYTES: u64 = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_changes_during_an_outage_of_the_cache_take_no_memory() {
    let (database, redis) = with_notes(50_000).await;
    let leader = follower_process(&database, &redis);
    // It waits, and so it can be told how far the other one came.
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    until(&follower, FollowerState::Standby).await;
    let view = cow.with(&database.pool);
    // Some of each transaction's.
    let read = async || view.get_many((1..=NOTES).step_by(10).map(Note::by_id)).await.unwrap();
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text == "old"));
    let before = leader.peak_memory();
    redis.pause();
    let since = Instant::now();
    for first in (1..=NOTES).step_by(50) {
        let last = first + TOGETHER - 1;
        let text = format!("repeat('{}', {})", first % 10, BYTES);
        let sql = format!("update notes set text = {text} where id between {first} and {last}");
        database.run(&sql).await;
    }
    let (changing, since) = (since.elapsed(), Instant::now());
    redis.resume();
    follower.caught_up().await.unwrap();
    let caught_up = since.elapsed();
    // The kernel's peak is approximate: read again, it may be a little lower.
    let grown = leader.peak_memory().saturating_sub(before);
    println!(
        "{NOTES} changes in {changing:.1?} without the cache; caught up {caught_up:.1?} after it was back; the \
         follower's peak memory grew by {} kB, from {} kB",
        grown / 1024,
        before / 1024
    );
    let changed = NOTES.unsigned_abs() * BYTES;
    assert!(grown < changed / 4, "{grown} bytes more for {changed} bytes of changes");
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text != "old"));
    assert_eq!(follower.status().drops, 0, "nothing was lost");
}
