//! The soak, briefly: every fault once. And the control, which must find what the token prevents.

use std::path::PathBuf;
use std::time::Duration;

use cachecow_soak::act::{Act, FAILED};
use cachecow_soak::faults::{Fault, OF_A_CLUSTER};
use cachecow_soak::report::Report;
use cachecow_soak::run::{Acks, Limit, On, Options, run};

fn options() -> Options {
    Options {
        limit: Limit::Reads(20_000),
        pause: Duration::from_millis(300),
        seed: 1,
        ..Options::new(PathBuf::from(env!("CARGO_BIN_EXE_cachecow-soak")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_comes_and_no_read_is_stale() {
    let report = run(options()).await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.faults.iter().all(|(_, count)| *count > 0), "{report}");
    assert!(report.evicted > 0, "{report}");
    let sources =
        [Act::NearRead, Act::CacheRead, Act::FetchedRead, Act::JoinedRead, Act::BatchRead];
    let changes = [Act::Invalidated, Act::ManyInvalidated, Act::TagInvalidated, Act::Written];
    let whole = [Act::Group, Act::WrittenThrough, Act::Detached, Act::TagWritten];
    let promises = [Act::HeldPromise, Act::WriterKilled, Act::Overlapped];
    let left =
        [Act::KeptRead, Act::ForgottenRead, Act::BurstRead, Act::RuntimeEnded, Act::LeftOver];
    let all =
        sources.into_iter().chain(changes).chain(whole).chain(promises).chain(FAILED).chain(left);
    for act in all {
        assert!(report.count(act) > 0, "{act:?} is missing:\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_a_stale_read_is_found_and_traced() {
    let traces = tempfile::tempdir().unwrap();
    let options = Options {
        limit: Limit::Time(Duration::from_secs(60)),
        tokenless: true,
        calm: true,
        traces: Some(traces.path().to_owned()),
        ..options()
    };
    let report = run(options).await.unwrap();
    assert!(report.violations > 0, "the control must find a stale read:\n{report}");
    let trace = std::fs::read_to_string(traces.path().join("violation-0.txt")).unwrap();
    assert!(trace.contains("older than what") && trace.contains("fetch"), "{trace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_change_is_no_staler_than_the_lag() {
    let options = Options { foreign: Some(3000), processes: 2, ..options() };
    let report = run(options).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let foreign = report.foreign.as_ref().unwrap();
    assert!(foreign.changes >= 3000 && foreign.reads > 0 && foreign.compared > 0, "{report}");
    assert!(foreign.ended > 0, "{report}");
}

/// On several servers, with the faults that are theirs: those of a process come on one.
fn on(on: On, acks: Acks, faults: &[Fault]) -> Options {
    let only = faults.iter().map(|fault| fault.name().to_owned()).collect();
    Options { on, acks, only, processes: 2, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_in_a_cluster_was_lost_at_a_failover() {
    let report = run(on(On::Cluster, Acks::Master, &OF_A_CLUSTER)).await.unwrap();
    is_as_promised(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stale_in_a_cluster_whose_replicas_acknowledge() {
    let faults = [
        Fault::FailedOverBehind,
        Fault::FailedOverByHand,
        Fault::MasterReplaced,
        Fault::MoveBrokenOff,
        Fault::MoveFailedOver,
    ];
    let report = run(on(On::Cluster, Acks::Replicas, &faults)).await.unwrap();
    is_as_promised(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_under_sentinels_was_lost_at_a_failover() {
    let faults = [Fault::SentinelsCutOff, Fault::SentinelsBlinked];
    let report = run(on(On::Sentinels, Acks::Master, &faults)).await.unwrap();
    is_as_promised(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stale_under_sentinels_whose_replicas_acknowledge() {
    let faults =
        [Fault::FailedOver, Fault::MasterStopped, Fault::SentinelsHeldUp, Fault::SentinelStopped];
    let report = run(on(On::Sentinels, Acks::Replicas, &faults)).await.unwrap();
    is_as_promised(&report);
}

fn is_as_promised(report: &Report) {
    assert!(report.is_clean(), "{report}");
    assert!(report.faults.iter().all(|(_, count)| *count > 0), "{report}");
    assert_eq!(report.judged.as_ref().map(|judged| judged.outside), Some(0), "{report}");
    assert!(report.errors() > 0, "{report}");
}
