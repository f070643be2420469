//! The promise that a hit equals what was fetched, and that a changed definition is a miss, for generated types.
//!
//! The definitions are made at build time, from `CACHECOW_SEED`; each run has the values of ten seeds.

mod controls;

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt::Debug;

use cachecow::{CacheCow, Cached, Lookup, Source as From};
use cachecow_generated::{Generate, Source};
use cachecow_tests::caches::Cache;

#[allow(dead_code, clippy::all, clippy::pedantic, reason = "generated")]
mod definitions {
    use cachecow::CacheSchema;

    use super::{Generate, Source};

    include!(concat!(env!("OUT_DIR"), "/definitions.rs"));
}
use definitions::{Any, FINGERPRINTS, SEED, any};

/// How many values of each type are read.
const VALUES: u64 = 10;

/// Holds a value of one of the types.
#[derive(Debug, PartialEq, Cached)]
#[cache(key = "holder:{of}:{id}", fetch = Holder::find)]
struct Holder {
    of: usize,
    id: u64,
    value: Any,
}

impl Holder {
    async fn find(of: usize, id: u64) -> Result<Option<Self>, Infallible> {
        Ok(value(of, id).map(|value| Self { of, id, value }))
    }
}

fn value(of: usize, id: u64) -> Option<Any> {
    any(of, &mut Source::new(SEED.wrapping_mul(0x9e37_79b9) ^ ((of as u64) << 32) ^ id))
}

/// Reads the object twice: what is not as it should be.
async fn fault<L>(cow: &CacheCow, lookup: L, expected: &L::Object) -> Option<String>
where
    L: Lookup<Context = ()> + Clone,
    L::Object: Debug + PartialEq,
{
    for from in [From::Fetched, From::Cache] {
        let read = cow.read(lookup.clone()).await.expect("it is fetched");
        let found = read.value.expect("it is there");
        if read.source != from {
            return Some(format!("{:?} and not {from:?}: {expected:?}", read.source));
        } else if *found != *expected {
            return Some(format!("{found:?} and not {expected:?}"));
        }
    }
    None
}

async fn a_hit_equals_what_was_fetched(cow: &CacheCow, step: usize) {
    for (of, (name, _)) in FINGERPRINTS.iter().enumerate().step_by(step) {
        for id in 0..VALUES {
            let expected = Holder { of, id, value: value(of, id).expect("a type") };
            let fault = fault(cow, Holder::by_of_and_id(of, id), &expected).await;
            assert_eq!(fault, None, "{name} {id}, CACHECOW_SEED={SEED}");
        }
    }
    let stats = cow.stats().of("Holder");
    assert_eq!((stats.unfaithful, stats.decode_failures), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hit_equals_what_was_fetched_on_memory() {
    let cache = Cache::memory();
    a_hit_equals_what_was_fetched(&cache.open_default(), 1).await;
}

#[tokio::test]
async fn a_hit_equals_what_was_fetched_on_redis() {
    let cache = Cache::redis();
    a_hit_equals_what_was_fetched(&cache.open_default(), 10).await;
}

#[test]
fn a_changed_definition_has_another_fingerprint() {
    for (name, [before, after, around, around_changed]) in FINGERPRINTS {
        assert_ne!(before, after, "{name}, CACHECOW_SEED={SEED}");
        assert_ne!(around, around_changed, "around {name}, CACHECOW_SEED={SEED}");
    }
}

#[test]
fn no_two_definitions_share_a_fingerprint() {
    let all: HashSet<u64> =
        FINGERPRINTS.iter().map(|(_, [fingerprint, ..])| *fingerprint).collect();
    assert_eq!(all.len(), FINGERPRINTS.len(), "CACHECOW_SEED={SEED}");
}
