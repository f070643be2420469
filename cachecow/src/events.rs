//! Every event that goes to `tracing`, once: its name, its level, what it says and what to do about it.
//!
//! An event is said by `say!`, which takes name, level and target from here. So each event of the source has its line
//! in `docs/events.md`, which a test compares with this table.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Level;

/// An event that may be said.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo {
    /// Its name, which does not change: the field `event`.
    pub name: &'static str,
    /// The same as the metadata has it.
    pub full_name: &'static str,
    /// How serious it is.
    pub level: Level,
    /// Whom it is from.
    pub target: &'static str,
    /// How often it is said, if its cause goes on.
    pub often: Often,
    /// When it is said.
    pub meaning: &'static str,
    /// What a person does then.
    pub advice: &'static str,
}

/// How often an event is said, if its cause goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Often {
    /// Each time: it tells of a change, or is for those who look for something.
    Always,
    /// Once for each type, list, lookup or cause.
    Once,
    /// Once a minute for each cache; the field `left_out` tells how many were left out.
    EachMinute,
    /// The same for each type.
    EachMinuteOfType,
}

impl Often {
    /// In words.
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

    /// Whether to say it now: how many were left out since it was said last.
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

/// The rates of one cache's events.
#[derive(Default)]
pub(crate) struct Rates {
    pub(crate) invalidation_failed: Rate,
    pub(crate) write_without_hold: Rate,
    pub(crate) write_not_told: Rate,
    pub(crate) write_cancelled: Rate,
    pub(crate) load_given_up: Rate,
}

/// Says an event of the table, with these fields and this message.
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
            #[allow(dead_code, reason = "some are said by features alone")]
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

        /// Every event that may be said.
        pub const EVENTS: &[EventInfo] = &[$($event),*];
    };
}

events! {
    HIT: TRACE, Always, "cachecow::hit", "hit",
        "Reads of a type were served from this process's memory or from the cache, as `source` says; `reads` of them at once. Switched off, it costs a hit a look at a number.",
        "Nothing. Switch it on for as long as you look for something, by the target `cachecow::hit`.";
    CIRCUIT_OPENED: WARN, EachMinute, "cachecow", "circuit_opened",
        "Three operations in a row were not answered: reads go past the cache from now on, and one in a while asks whether it is back.",
        "See that the server runs and that this process reaches it; `error` has the cause. The database has all of the load meanwhile.";
    CIRCUIT_CLOSED: INFO, Always, "cachecow", "circuit_closed",
        "The cache answers again, and reads use it. It is said if the opening was.",
        "Nothing.";
    CACHE_REFUSES: WARN, EachMinute, "cachecow", "cache_refuses",
        "The cache answered a command with an error: it is full, read-only, loading, or denies the command.",
        "Mend what `error` says: `maxmemory` and its policy, the replica that should be a master, the rights of the user.";
    READ_LOST: DEBUG, Always, "cachecow", "read_lost",
        "A command of a read was not answered, or not properly. The read fetches.",
        "Nothing for one. Many are counted as `backend_errors`, and open the circuit.";
    INVALIDATION_FAILED: WARN, EachMinute, "cachecow", "invalidation_failed",
        "The cache did not confirm an invalidation, or the end of a write. It is retried in the background, and until it succeeds this process reads those keys past the cache.",
        "See to the cache, as for `circuit_opened`. Other processes may serve the old values, for their time to live at most.";
    INVALIDATIONS_DONE: INFO, Always, "cachecow", "invalidations_done",
        "All invalidations that had failed are confirmed.",
        "Nothing.";
    WRITE_WITHOUT_HOLD: INFO, EachMinute, "cachecow", "write_without_hold",
        "The cache did not grant a hold, and the work of a write begins without it.",
        "See to the cache. Should the process die between the commit and the invalidation, others may serve the old value; `require_hold()` does not begin such a write.";
    WRITE_NOT_TOLD: WARN, EachMinute, "cachecow", "write_not_told",
        "The work of a write was done, and the cache could be told neither before nor after it. The caller has the work's result, and the keys are retried.",
        "As for `invalidation_failed`.";
    WRITE_CANCELLED: WARN, EachMinute, "cachecow", "write_cancelled",
        "A write without its hold was dropped before its end, so that its keys are invalidated in the background.",
        "Spawn writes that have to end; see to the cache.";
    LOAD_GIVEN_UP: WARN, EachMinute, "cachecow", "load_given_up",
        "A load took longer than `load_wait`, or its caller stopped polling it. Another caller loads instead.",
        "Give slow fetches a timeout, and do not hold a read beside a slow branch of a `select!`.";
    STALE_SERVED: WARN, EachMinuteOfType, "cachecow", "stale_served",
        "A fetch failed, and the object is served past its time to live (`stale_if_error`).",
        "Mend what the fetch function reads from. Its errors are counted as `fetch_errors`.";
    VALUE_REJECTED: WARN, EachMinuteOfType, "cachecow", "value_rejected",
        "A stored value was malformed, too large, or of another key. It is fetched and replaced.",
        "Find out who else writes into this cache, or uses the same namespace. One or two after a change of settings are usual.";
    VALUE_TOO_LARGE: DEBUG, Always, "cachecow", "value_too_large",
        "A fetched value is longer than `max_value_size`, and is not stored.",
        "Raise the limit, or leave fields out by `#[cache(skip)]`. They are counted as `oversized`.";
    LIST_TOO_LONG: WARN, Once, "cachecow", "list_too_long",
        "A list is longer than its `max_len`: every read of it fetches.",
        "Fetch a page of it, as by a list of more fields, or raise `max_len`.";
    UNFAITHFUL_VALUE: ERROR, Once, "cachecow", "unfaithful_value",
        "An object of the type would not come back as it was fetched, and is not stored. After three in a row the type is left alone for a while.",
        "Change the encoding of the field that `why` names: `#[cache(with = …)]`, `#[derive(CacheSchema)]`, or `#[cache(skip)]`.";
    MISMATCHED_OBJECT: WARN, Once, "cachecow", "mismatched_object",
        "A fetch returned an object whose fields differ from what was asked for. It is returned and not stored.",
        "If both mean the same, as in a case-insensitive column, write `#[cache(normalize = …)]` on the field; else mend the fetch function.";
    TEMPLATE_CLASH: ERROR, Once, "cachecow", "template_clash",
        "Two types have the same key template. The second is not cached.",
        "Give it a template of its own.";
    CONNECTED: DEBUG, Always, "cachecow", "connected",
        "A connection to the cache was made.",
        "Nothing.";
    NEAR_DEAF: WARN, Once, "cachecow", "near_deaf",
        "The cache's changes cannot be heard, so that nothing is served from this process's memory. It is tried again.",
        "Mend what `error` says; the user needs the right to `CLIENT TRACKING`. On a connection made elsewhere name the server by `near_url`.";
    NEAR_STILL_DEAF: DEBUG, Always, "cachecow", "near_still_deaf",
        "The same, at a further attempt.",
        "As for `near_deaf`.";
    TRACKING_REFUSED: DEBUG, Always, "cachecow", "tracking_refused",
        "The server does not tell when a key changes, so that reads that wait for another process's fill ask again and again.",
        "Give the user the right to `CLIENT TRACKING`, if such waits are many (`contended`).";
    MASTER_SWITCHED: INFO, Always, "cachecow", "master_switched",
        "The sentinels have switched the master, and this process follows.",
        "Nothing; what the former master confirmed in its last moments may be lost.";
    SENTINEL_UNHEARD: DEBUG, Always, "cachecow", "sentinel_unheard",
        "One of the sentinels cannot be reached.",
        "See that it runs. While none can be reached, no switch is noticed.";
    CHANGE_LOG_WARNING: WARN, Once, "cachecow", "change_log_warning",
        "What the check of a change log found as it was started.",
        "As `warning` says.";
    CHANGE_LOG_FOLLOWING: INFO, Always, "cachecow", "change_log_following",
        "A change log was opened, and is read from `position` on.",
        "Nothing.";
    CHANGE_LOG_DOWN: WARN, Once, "cachecow", "change_log_down",
        "A change log cannot be read, and is tried again; once for each error.",
        "Mend what `error` says. Until then what others change is served as it was, for its time to live at most.";
    CHANGE_LOG_BEHIND: WARN, Once, "cachecow", "change_log_behind",
        "The cache is behind its change log by more than the limit of `on_lag`; once each time it falls behind.",
        "See whether the log is read (`change_log_down`) and the cache takes invalidations (`invalidation_failed`); else more changes come than can be invalidated.";
    CHANGE_LOG_CAUGHT_UP: INFO, Always, "cachecow", "change_log_caught_up",
        "It is behind no more.",
        "Nothing.";
    TYPE_DROPPED: WARN, Always, "cachecow", "type_dropped",
        "Everything of a followed type was invalidated, since changes were missed or not known row by row.",
        "As `reason` says. A `TRUNCATE` is usual; a slot that was lost is not.";
    STALE_OBJECT: WARN, EachMinuteOfType, "cachecow::audit", "stale_object",
        "The auditor found a stale object: the backing store has another, and no invalidation came.",
        "Find the write that does not invalidate, by `type` and `fields`; invalidate the object, or let the auditor `repair()`. All are counted as `confirmed_stale`.";
    AUDIT_UNDECIDED: INFO, EachMinuteOfType, "cachecow::audit", "audit_undecided",
        "It cannot be told whether an object is stale, since these fields are fetched differently each time.",
        "Leave them out by `#[cache(skip)]`, if they need not be cached.";
    AUDIT_RACED: DEBUG, Always, "cachecow::audit", "audit_raced",
        "A read differed from the backing store, and was served no more at the second look.",
        "Nothing.";
    AUDIT_FAILED: DEBUG, Always, "cachecow::audit", "audit_failed",
        "A read could not be compared: the fetch or the cache failed.",
        "Nothing, unless all do.";
    AUDITOR_LACKS_CONTEXT: WARN, Once, "cachecow::audit", "auditor_lacks_context",
        "Reads by this lookup are not audited: the auditor lacks the context of its fetch function.",
        "Give it one by `Auditor::context`.";
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
