//! A stampede of processes on one cold key is one fetch.

use std::time::Duration;

use cachecow_tests::stampede::{PROCESSES, Stampede};

const FETCH: Duration = Duration::from_millis(100);

fn stampede(mode: &str) -> Stampede {
    let patience = Duration::from_secs(50);
    Stampede::start(env!("CARGO_BIN_EXE_cachecow-stampede"), mode, FETCH, patience)
}

#[tokio::test]
async fn of_all_tasks_of_all_processes_one_fetches() {
    let mut stampede = stampede("cachecow");
    for id in 1..=3 {
        assert_eq!(stampede.trample(id).await.fetches, 1);
    }
}

#[tokio::test]
async fn without_cachecow_every_process_fetches() {
    let fetches = stampede("bare").trample(1).await.fetches;
    assert!(fetches >= PROCESSES as u64, "the control must find several: {fetches}");
}
