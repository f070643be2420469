//! The table of all events that go to `tracing`: name, level, meaning and advice.
//!
//! The macro `say!` emits an event; it takes name, level and target from this table. So each event in the source
//! has a line in `docs/events.md`, which a test compares with this table.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Level;

/// A kind of event.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo {
    /// Its name, the field `event`. It does not change between releases.
    pub name: &'static str,
    /// The name as it is in the metadata.
    pub full_name: &'static str,
    /// How serious it is.
    pub level: Level,
    /// The target it is emitted with.
    pub target: &'static str,
    /// How often it is emitted while its cause continues.
    pub often: Often,
    /// What happened.
    pub meaning: &'static str,
    /// What a person should do then.
    pub advice: &'static str,
}

/// How often an event is emitted while its cause continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Often {
    /// Each time: it reports a change, or is meant for debugging.
    Always,
    /// Once for each type, list, lookup or cause.
    Once,
    /// At most once a minute for each cache; the field `left_out` is the number of events left out.
    EachMinute,
    /// At most once a minute for each type.
    EachMinuteOfType,
}

impl Often {
    /// Returns it in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "each time",
            Self::Once => "once",
            Self::EachMinute => "once a minute",
            Self::EachMinuteOfType => "once a minute a type",
        }
    }
}

/// Lets an event through once a minute.
#[derive(Default)]
pub(crate) struct Rate(Mutex<Said>);

#[derive(Default)]
struct Said {
    last: Option<Instant>,
    left_out: u64,
}

impl Rate {
    const INTERVAL: Duration = Duration::from_secs(60);

    /// Returns `Some` if the event may be emitted now, with the number left out since the last one.
    #[cold]
    pub(crate) fn admits(&self) -> Option<u64> {
        let now = Instant::now();
        let mut said = self.0.lock();
        if said.last.is_some_and(|last| now - last < Self::INTERVAL) {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }
}

/// The rate limits of one cache's events.
#[derive(Default)]
pub(crate) struct Rates {
    pub(crate) invalidation_failed: Rate,
    pub(crate) write_without_hold: Rate,
    pub(crate) write_not_told: Rate,
    pub(crate) write_cancelled: Rate,
    pub(crate) load_given_up: Rate,
}

/// Emits an event of the table, with these fields and this message.
macro_rules! say {
    ($event:ident, $($rest:tt)+) => {
        ::tracing::event!(
            name: $crate::events::$event.full_name,
            target: $crate::events::$event.target,
            $crate::events::$event.level,
            event = $crate::events::$event.name,
            $($rest)+
        )
    };
}
pub(crate) use say;

macro_rules! events {
    ($($event:ident: $level:ident, $often:ident, $target:literal, $name:literal, $meaning:literal, $advice:literal;)*) => {
        $(
            #[allow(dead_code, reason = "some events belong to optional features")]
            pub(crate) const $event: EventInfo = EventInfo {
                name: $name,
                full_name: concat!("cachecow.", $name),
                level: Level::$level,
                target: $target,
                often: Often::$often,
                meaning: $meaning,
                advice: $advice,
            };
        )*

        /// All events.
        pub const EVENTS: &[EventInfo] = &[$($event),*];
    };
}

events! {
    HIT: TRACE, Always, "cachecow::hit", "hit",
        "Reads of a type were served from this process's memory or from the cache, as `source` says; `reads` of them at once. While it is off, a hit pays one comparison of integers.",
        "Nothing. Switch it on for as long as you look for something, by the target `cachecow::hit`.";
    CIRCUIT_OPENED: WARN, EachMinute, "cachecow", "circuit_opened",
        "Three operations in a row got no answer. From now on reads bypass the cache, and now and then \
         one asks whether it is back.",
        "See that the server runs and that this process reaches it; `error` has the cause. Meanwhile \
         the database has all of the load.";
    CIRCUIT_CLOSED: INFO, Always, "cachecow", "circuit_closed",
        "The cache answers again, and reads use it. It is emitted only if `circuit_opened` was.",
        "Nothing.";
    CACHE_REFUSES: WARN, EachMinute, "cachecow", "cache_refuses",
        "The cache answered a command with an error: it is full, read-only, loading, or denies the command.",
        "Fix what `error` says: `maxmemory` and its policy, a replica that should be a master, or the \
         rights of the user.";
    READ_LOST: DEBUG, Always, "cachecow", "read_lost",
        "A command of a read got no answer, or an invalid one. The read fetches.",
        "Nothing for a single one. They are counted as `backend_errors`, and several in a row open the \
         circuit.";
    INVALIDATION_FAILED: WARN, EachMinute, "cachecow", "invalidation_failed",
        "The cache did not confirm an invalidation, or the end of a write. It is retried in the \
         background. Until it succeeds, reads of those keys in this process bypass the cache.",
        "Repair the cache, as for `circuit_opened`. Other processes may serve the old values, for their \
         time to live at most.";
    INVALIDATIONS_DONE: INFO, Always, "cachecow", "invalidations_done",
        "All invalidations that had failed are confirmed.",
        "Nothing.";
    WRITE_WITHOUT_HOLD: INFO, EachMinute, "cachecow", "write_without_hold",
        "The cache did not grant a hold, and the work of a write begins without it.",
        "Repair the cache. If the process dies between the commit and the invalidation, other processes \
         may serve the old value. With `require_hold()`, such a write does not begin.";
    WRITE_NOT_TOLD: WARN, EachMinute, "cachecow", "write_not_told",
        "The work of a write was done, but the cache could not be reached before it nor after it. The \
         caller has the work's result, and the invalidation of the keys is retried.",
        "As for `invalidation_failed`.";
    WRITE_CANCELLED: WARN, EachMinute, "cachecow", "write_cancelled",
        "A write without its hold was dropped before its end. Its keys are invalidated in the background.",
        "Spawn writes that must finish; repair the cache.";
    LOAD_GIVEN_UP: WARN, EachMinute, "cachecow", "load_given_up",
        "A load took longer than `load_wait`, or its caller stopped polling it. Another caller loads instead.",
        "Give slow fetches a timeout, and do not keep an unpolled read beside a slow branch of a `select!`.";
    STALE_SERVED: WARN, EachMinuteOfType, "cachecow", "stale_served",
        "A fetch failed, and the read was served an object past its time to live (`stale_if_error`).",
        "Repair the backing store that the fetch function reads. Its errors are counted as `fetch_errors`.";
    VALUE_REJECTED: WARN, EachMinuteOfType, "cachecow", "value_rejected",
        "A stored value was malformed, too large, or of another key. The read fetches, and replaces it.",
        "Find out who else writes into this cache, or uses the same namespace. One or two after a \
         change of settings are normal.";
    VALUE_TOO_LARGE: DEBUG, Always, "cachecow", "value_too_large",
        "A fetched value is longer than `max_value_size`, and is not stored.",
        "Raise the limit, or leave fields out with `#[cache(skip)]`. Such values are counted as `oversized`.";
    LIST_TOO_LONG: WARN, Once, "cachecow", "list_too_long",
        "A list is longer than its `max_len`: every read of it fetches.",
        "Split the list, with more fields in its key, or raise `max_len`.";
    UNFAITHFUL_VALUE: ERROR, Once, "cachecow", "unfaithful_value",
        "An object, decoded again, would differ from the fetched one, so it is not stored. After three \
         in a row, objects of the type are not stored for a while.",
        "Change the encoding of the field that `why` names: `#[cache(with = …)]`, `#[derive(CacheSchema)]`, or `#[cache(skip)]`.";
    MISMATCHED_OBJECT: WARN, Once, "cachecow", "mismatched_object",
        "A fetch returned an object whose fields differ from what was asked for. It is returned and not stored.",
        "If both mean the same, as in a case-insensitive column, write `#[cache(normalize = …)]` on the \
         field. Otherwise fix the fetch function.";
    TEMPLATE_CLASH: ERROR, Once, "cachecow", "template_clash",
        "Two types have the same key template. The second is not cached.",
        "Give it a template of its own.";
    CONNECTED: DEBUG, Always, "cachecow", "connected",
        "A connection to the cache was made.",
        "Nothing.";
    NEAR_DEAF: WARN, Once, "cachecow", "near_deaf",
        "The process cannot listen for changes in the cache, so nothing is served from its memory (the \
         near tier). It tries again.",
        "Fix what `error` says; the user needs the right to `CLIENT TRACKING`. With an existing \
         connection, set the server with `near_url`.";
    NEAR_STILL_DEAF: DEBUG, Always, "cachecow", "near_still_deaf",
        "The same as `near_deaf`, at a later attempt.",
        "As for `near_deaf`.";
    TRACKING_REFUSED: DEBUG, Always, "cachecow", "tracking_refused",
        "The server does not report when a key changes, so reads that wait for another process's fill poll.",
        "Give the user the right to `CLIENT TRACKING`, if there are many such waits (`contended`).";
    MASTER_SWITCHED: INFO, Always, "cachecow", "master_switched",
        "The sentinels have switched to another master, and this process now uses it.",
        "Nothing. Invalidations that the former master confirmed just before the switch may be lost.";
    SENTINEL_UNHEARD: DEBUG, Always, "cachecow", "sentinel_unheard",
        "One of the sentinels cannot be reached.",
        "See that it runs. While no sentinel can be reached, this process does not notice a switch.";
    CHANGE_LOG_WARNING: WARN, Once, "cachecow", "change_log_warning",
        "The check of a change log found a problem when it was started.",
        "Do what `warning` says.";
    CHANGE_LOG_FOLLOWING: INFO, Always, "cachecow", "change_log_following",
        "A change log was opened, and is read from `position` on.",
        "Nothing.";
    CHANGE_LOG_DOWN: WARN, Once, "cachecow", "change_log_down",
        "A change log cannot be read; reading is retried. Emitted once for each error.",
        "Fix what `error` says. Until then, old values of rows that others change may be served, for \
         their time to live at most.";
    CHANGE_LOG_BEHIND: WARN, Once, "cachecow", "change_log_behind",
        "The cache is behind its change log by more than the limit of `on_lag`. Emitted once each time \
         it falls behind.",
        "See whether the log is read (`change_log_down`) and the cache accepts invalidations \
         (`invalidation_failed`). Otherwise more changes arrive than this process can invalidate.";
    CHANGE_LOG_CAUGHT_UP: INFO, Always, "cachecow", "change_log_caught_up",
        "The cache has caught up with its change log.",
        "Nothing.";
    TYPE_DROPPED: WARN, Always, "cachecow", "type_dropped",
        "Everything of a followed type was invalidated, because changes were missed or the log did not \
         list the rows.",
        "`reason` says why. A `TRUNCATE` is normal; a lost slot is not.";
    STALE_OBJECT: WARN, EachMinuteOfType, "cachecow::audit", "stale_object",
        "The auditor found a stale object: the backing store has another value, and the object was not \
         invalidated.",
        "Use `type` and `fields` to find the write that does not invalidate. Invalidate the object, or \
         let the auditor `repair()`. All of them are counted as `confirmed_stale`.";
    AUDIT_UNDECIDED: INFO, EachMinuteOfType, "cachecow::audit", "audit_undecided",
        "The auditor cannot decide whether an object is stale, because these fields differ at each fetch.",
        "Leave them out with `#[cache(skip)]`, if they need not be cached.";
    AUDIT_RACED: DEBUG, Always, "cachecow::audit", "audit_raced",
        "A read differed from the backing store, but at the second check the old value was no longer served.",
        "Nothing.";
    AUDIT_FAILED: DEBUG, Always, "cachecow::audit", "audit_failed",
        "A read could not be compared: the fetch or the cache failed.",
        "Nothing, unless all comparisons fail.";
    AUDITOR_LACKS_CONTEXT: WARN, Once, "cachecow::audit", "auditor_lacks_context",
        "Reads by this lookup are not audited: the auditor lacks the context of its fetch function.",
        "Add the context with `Auditor::context`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_is_let_through_once_a_minute_with_the_number_of_those_left_out() {
        let rate = Rate::default();
        assert_eq!(rate.admits(), Some(0));
        for _ in 0..10 {
            assert_eq!(rate.admits(), None);
        }
        tokio::time::advance(Rate::INTERVAL).await;
        assert_eq!((rate.admits(), rate.admits()), (Some(10), None));
        tokio::time::advance(Rate::INTERVAL).await;
        assert_eq!(rate.admits(), Some(1));
    }
}
