//! Rows changed through plain SQL while readers chase them. With more rows: `cargo run --release -p cachecow-tests --bin
//! cachecow-foreign`.

use cachecow_tests::foreign::{Cache, Source, Trial, Way, controls};

const ROWS: usize = 320;
/// A control goes on until it has found something, and finds it much earlier.
const ROWS_OF_A_CONTROL: usize = 200_000;

async fn nothing_is_stale(trial: Trial) {
    let findings = trial.run().await;
    println!("{trial}: {findings}");
    assert!(!findings.found_any(), "{findings:?}");
    assert!(findings.compared > 0, "{findings:?}");
    let breaks = matches!(trial.way, Way::BreakingOff(_));
    assert!(!breaks || findings.opened > 1, "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_log_of_postgres_nothing_is_stale_in_memory() {
    nothing_is_stale(Trial::kept(Source::PostgresLog, Cache::Memory, ROWS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_log_of_postgres_nothing_is_stale_in_redis() {
    let trial = Trial::kept(Source::PostgresLog, Cache::Redis, ROWS);
    nothing_is_stale(trial.by(Way::BreakingOff(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_postgres_nothing_is_stale_in_memory() {
    nothing_is_stale(Trial::kept(Source::PostgresOutbox, Cache::Memory, ROWS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_postgres_nothing_is_stale_in_redis() {
    let trial = Trial::kept(Source::PostgresOutbox, Cache::Redis, ROWS);
    nothing_is_stale(trial.by(Way::BreakingOff(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_mariadb_nothing_is_stale_in_memory() {
    let trial = Trial::kept(Source::MariaDbOutbox, Cache::Memory, ROWS);
    nothing_is_stale(trial.by(Way::BreakingOff(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_mariadb_nothing_is_stale_in_redis() {
    nothing_is_stale(Trial::kept(Source::MariaDbOutbox, Cache::Redis, ROWS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_sqlite_nothing_is_stale_in_memory() {
    let trial = Trial::kept(Source::SqliteOutbox, Cache::Memory, ROWS);
    nothing_is_stale(trial.by(Way::BreakingOff(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_outbox_in_sqlite_nothing_is_stale_in_redis() {
    nothing_is_stale(Trial::kept(Source::SqliteOutbox, Cache::Redis, ROWS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_control_finds_something_stale() {
    for control in controls(ROWS_OF_A_CONTROL) {
        let findings = control.run().await;
        println!("{control}: {findings}");
        assert!(findings.found_any(), "{control}: {findings}");
    }
}
