//! The time to live of objects, and their age.

use std::time::Duration;

use crate::clock::LONGEST;
use crate::document::{self, Header};
use crate::engine::Engine;
use crate::engine::settings::Settings;
use crate::model::cached::{Cached, TypePolicy};

/// How long a value may be served, and how long the cache keeps it. `None`: it is not stored. The clocks of readers
/// matter only if the two times differ, the value is refreshed before its end or encrypted, or the read has set a
/// time to live.
pub(crate) fn lifetimes<T: Cached>(
    settings: &Settings,
    object: Option<&T>,
    named: Option<Duration>,
) -> Option<(Duration, Duration)> {
    let ttl = shorten(settings, named_or_own(settings, object, named)?)?;
    Some(match (object, settings.stale_window(&T::POLICY)) {
        (Some(_), Some(window)) => (ttl, ttl.saturating_add(window).min(LONGEST)),
        (Some(_), None) if settings.refreshes_ahead(&T::POLICY) => (ttl, ttl),
        // A writer to the cache must not be able to extend a value's time to live.
        _ if settings.packing.encrypts() => (ttl, ttl),
        // The near tiers know only the type's time to live, not the read's.
        _ if named.is_some() => (ttl, ttl),
        _ => (Duration::MAX, ttl),
    })
}

/// The time to live that the read has set, or otherwise the object's. An absence keeps its own, if that is shorter.
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
    // Redis counts in milliseconds: less than one means not stored.
    (ttl >= Duration::from_millis(1)).then(|| shortened.max(Duration::from_millis(1)))
}

/// How far a stored object is in its time to live.
pub(super) enum Age {
    Fresh,
    /// One caller must refresh it.
    Ageing,
    /// It may be served if the fetch fails.
    Expired,
    Over,
}

/// Computed from the clocks of this process and of the one that stored it. No promise depends on them.
#[inline]
pub(super) fn age(engine: &Engine, policy: &TypePolicy, header: Header) -> Age {
    // The cache itself expires it.
    if header.ttl == u32::MAX {
        return Age::Fresh;
    }
    let age = engine.wall_clock().saturating_sub(header.stored_at);
    let settings = &engine.settings;
    match u64::from(header.ttl).checked_sub(age) {
        Some(left) if left > 0 => {
            let took = f64::from(header.fetch_took) / 1000.0;
            let early = took * -(1.0 - fastrand::f64()).ln();
            // The longer the fetch takes, the earlier it begins. It is random, so that not all
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

/// The minimum time that a stored document is still valid: its time to live minus its age. If only the cache knows
/// its time to live, the type's is used, shortened by the largest jitter.
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
