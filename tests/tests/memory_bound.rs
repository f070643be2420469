//! What the embedded cache and the near tier hold in memory is what they may, also of small objects.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::AllocationInfo;
use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{CacheBackend as _, CacheCow, Cached, Key, MemoryBackend, Request};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

const MEBIBYTE: u64 = 1 << 20;
const MINUTE: Duration = Duration::from_secs(60);

fn ask(backend: &MemoryBackend, key: u128, command: Command) -> Reply {
    let request = Request { key: Key::from_hash(key), command };
    let mut replies = backend.execute(vec![request]).now_or_never().expect("it is in memory");
    replies.remove(0).unwrap()
}

/// Stores values of this length, and reads them.
fn fill(backend: &MemoryBackend, count: u64, len: usize) {
    for number in 0..count {
        // Spread as hashes are.
        let key = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let token = Token::from_bytes([1; 16]);
        let claim = Command::Claim { token, lease: MINUTE, replacing: None };
        let Reply::Claimed(grant) = ask(backend, key, claim) else { panic!("it is free") };
        // As an encoder leaves it, with room for more.
        let mut value = Vec::with_capacity(256.max(2 * len));
        value.resize(len, 0);
        let (token, value) = (token.granted(grant), Bytes::from(value));
        assert_eq!(ask(backend, key, Command::Fill { token, value, ttl: MINUTE }), Reply::Settled);
        ask(backend, key, Command::Lookup);
    }
}

fn held(of: AllocationInfo) -> u64 {
    u64::try_from(of.bytes_current).unwrap()
}

#[test]
fn the_embedded_cache_takes_no_more_memory_than_it_may() {
    let capacity = 2 * MEBIBYTE;
    for len in [40, 60, 200, 1000, 10_000] {
        let most = 2 * capacity / (len as u64 + 200);
        // The tables double: at some number they are nearly full, at others half empty.
        for count in (1..=8).map(|eighths| most * eighths / 8) {
            let mut backend = None;
            let counted = allocation_counter::measure(|| {
                let filled = backend.insert(MemoryBackend::with_capacity(capacity));
                fill(filled, count, len);
            });
            let held = held(counted);
            assert!(held <= capacity * 11 / 10, "{count} values of {len} bytes take {held} bytes");
            // The control: it is filled, and not merely empty.
            if count == most {
                assert!(held >= capacity / 2, "{count} values of {len} bytes take {held} bytes");
            }
        }
    }
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "small:{id}", fetch = Small::find)]
struct Small {
    id: u64,
    name: String,
}

impl Small {
    #[expect(clippy::unused_async, reason = "fetch functions are async")]
    async fn find(id: u64) -> Result<Self, Infallible> {
        Ok(Self { id, name: format!("small {id}") })
    }
}

#[test]
fn the_near_tier_takes_no_more_memory_than_it_may() {
    let capacity = MEBIBYTE;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read_all = async |cow: &CacheCow, count: u64| {
        for id in 0..count {
            cow.get(Small::by_id(id)).await.unwrap();
        }
    };
    for count in (1..=8).map(|eighths| 8_000 * eighths / 8) {
        // Filled before: how far its tables have grown is chance, and not the near tier's.
        let backend = Arc::new(MemoryBackend::with_capacity(1 << 40));
        let shared = || CacheCow::builder().backend(Arc::clone(&backend)).unwrap();
        runtime.block_on(read_all(&shared(), count));
        // Those who keep nothing near hold the same but for that.
        let held_with = |near: Option<u64>| {
            let mut cow = None;
            let counted = allocation_counter::measure(|| {
                let builder = near.into_iter().fold(CacheCow::builder(), cachecow::Builder::near);
                let cow = cow.insert(builder.backend(Arc::clone(&backend)).unwrap());
                runtime.block_on(async {
                    read_all(cow, count).await;
                    read_all(cow, count).await;
                });
            });
            held(counted)
        };
        let near = held_with(Some(capacity)).saturating_sub(held_with(None));
        assert!(near <= capacity * 11 / 10, "{count} objects take {near} bytes");
        // The control: it is filled, and not merely empty.
        if count == 8_000 {
            assert!(near >= capacity / 2, "{count} objects take {near} bytes");
        }
    }
}
