//! How long an object may be served, and how far it is in that time.

use std::time::Duration;

use crate::document::{self, Header};
use crate::engine::Engine;
use crate::engine::settings::{LONGEST, Settings};
use crate::model::cached::{Cached, TypePolicy};

/// How long a value may be served, and how long the cache keeps it. Only where the two differ, or a
/// value is renewed before its end, or encrypted, or the read has named a time to live, do the clocks of those
/// who read it matter. `None`: it is not kept.
pub(crate) fn lifetimes<T: Cached>(
    settings: &Settings,
    object: Option<&T>,
    named: Option<Duration>,
) -> Option<(Duration, Duration)> {
    let ttl = shorten(settings, named_or_own(settings, object, named)?)?;
    Some(match (object, settings.stale_window(&T::POLICY)) {
        (Some(_), Some(window)) => (ttl, ttl.saturating_add(window).min(LONGEST)),
        (Some(_), None) if settings.refreshes_ahead(&T::POLICY) => (ttl, ttl),
        // Nobody who can write to the cache may extend a value's time to live.
        _ if settings.packing.encrypts() => (ttl, ttl),
        // The type does not tell the near tiers how long it may be served.
        _ if named.is_some() => (ttl, ttl),
        _ => (Duration::MAX, ttl),
    })
}

/// The time to live that the read has named, or else the object's. An absence keeps its own, if that is shorter.
fn named_or_own<T: Cached>(
    settings: &Settings,
    object: Option<&T>,
    named: Option<Duration>,
) -> Option<Duration> {
    let own = ttl(settings, object)?;
    Some(match (named, object) {
        (None, _) => own,
        (Some(named), Some(_)) => named,
        (Some(named), None) => named.min(own),
    })
}

/// The time to live, shortened at random.
fn shorten(settings: &Settings, ttl: Duration) -> Option<Duration> {
    let ttl = ttl.min(LONGEST);
    let shortened = ttl.mul_f64(1.0 - settings.ttl_jitter * fastrand::f64());
    // Redis counts in milliseconds: less than one is none.
    (ttl >= Duration::from_millis(1)).then(|| shortened.max(Duration::from_millis(1)))
}

/// How far a stored object is in its time to live.
pub(super) enum Age {
    Fresh,
    /// It is to be fetched anew, by one caller.
    Ageing,
    /// It may be served if the fetch fails.
    Expired,
    Over,
}

/// By the clocks of this process and of the one that stored it: no promise rests on them.
#[inline]
pub(super) fn age(engine: &Engine, policy: &TypePolicy, header: Header) -> Age {
    // The cache itself ends it.
    if header.ttl == u32::MAX {
        return Age::Fresh;
    }
    let age = engine.wall_clock().saturating_sub(header.stored_at);
    let settings = &engine.settings;
    match u64::from(header.ttl).checked_sub(age) {
        Some(left) if left > 0 => {
            let took = f64::from(header.fetch_took) / 1000.0;
            let early = took * -(1.0 - fastrand::f64()).ln();
            // The longer the fetch takes, the earlier it begins; at random, so that not all
            // processes try at the same moment.
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a few weeks at the most"
            )]
            let due = settings.refreshes_ahead(policy) && early >= left as f64;
            if due { Age::Ageing } else { Age::Fresh }
        }
        _ => {
            let over = u128::from(age - u64::from(header.ttl));
            match settings.stale_window(policy) {
                Some(window) if over < window.as_millis() => Age::Expired,
                _ => Age::Over,
            }
        }
    }
}

/// How long a stored document is good for, at the least: its time to live less its age. Where only the cache
/// knows the time to live, it is the type's, shortened as much as any may be.
pub(super) fn time_left<T: Cached>(
    engine: &Engine,
    object: Option<&T>,
    document: &[u8],
) -> Duration {
    let Ok((header, _)) = document::parse(document) else { return Duration::ZERO };
    let age = Duration::from_millis(engine.wall_clock().saturating_sub(header.stored_at));
    let ttl = if header.ttl == u32::MAX {
        let longest = ttl(&engine.settings, object).unwrap_or(Duration::ZERO).min(LONGEST);
        longest.mul_f64(1.0 - engine.settings.ttl_jitter)
    } else {
        Duration::from_millis(u64::from(header.ttl))
    };
    ttl.saturating_sub(age)
}

/// How long an object of this type, or its absence, may be served.
fn ttl<T: Cached>(settings: &Settings, object: Option<&T>) -> Option<Duration> {
    match object {
        Some(object) => Some(object.ttl().or(T::POLICY.ttl).unwrap_or(settings.ttl)),
        None => T::POLICY.negative_ttl.or(settings.negative_ttl),
    }
}
