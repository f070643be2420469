//! What cachecow says to the log: each event has a name, a level and a line in the table, is not repeated without
//! end, and gives nothing away.

mod audits;
mod change_logs;
mod outages;
mod page;
mod servers;
mod values;

use std::collections::BTreeSet;
use std::future::Future;

use cachecow::__private::{EVENTS, Often};
use cachecow_tests::events::{Events, Said};

/// In keys, values, errors of fetches and credentials; never in an event.
const SECRETS: [&str; 3] = ["swordfish", "sesame", "hunter2"];

/// Everything that was said while this ran, with time standing still.
fn paused(scenario: impl Future<Output = ()>) -> Vec<Said> {
    run(async |_: &Events| scenario.await, true)
}

/// The same, with real servers and real time. The scenario may wait until something was said.
fn in_real_time(scenario: impl AsyncFnOnce(&Events)) -> Vec<Said> {
    run(scenario, false)
}

fn run(scenario: impl AsyncFnOnce(&Events), paused: bool) -> Vec<Said> {
    let events = Events::all();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(paused).build().expect("a runtime");
    runtime.block_on(scenario(&events));
    events.take()
}

/// How often an event of this name is among them.
fn count(said: &[Said], event: &str) -> usize {
    said.iter().filter(|said| said.field("event") == format!("{event:?}")).count()
}

#[test]
fn every_event_is_in_the_table_and_gives_nothing_away() {
    let scenarios =
        [outages::all(), values::all(), audits::all(), change_logs::all(), servers::all()];
    let mut driven = BTreeSet::new();
    for said in scenarios.iter().flatten() {
        let name = said.name.strip_prefix("cachecow.").unwrap_or(said.name);
        let event = EVENTS.iter().find(|event| event.name == name);
        let event = event.unwrap_or_else(|| panic!("it is not in the table: {said:?}"));
        assert_eq!(said.level, event.level, "{said:?}");
        assert_eq!(said.field("event"), format!("{name:?}"), "{said:?}");
        let is_limited = matches!(event.often, Often::EachMinute | Often::EachMinuteOfType);
        assert_eq!(!said.field("left_out").is_empty(), is_limited, "{said:?}");
        let shown = format!("{said:?}");
        assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "it gives away: {shown}");
        driven.insert(event.name);
    }
    let all: BTreeSet<_> = EVENTS.iter().map(|event| event.name).collect();
    assert_eq!(all.difference(&driven).collect::<Vec<_>>(), [&""; 0], "nothing drives these");
}
