//! What a reader sees, and where it comes from.

use std::time::Duration;

use cachecow::{CacheCow, Source, TypeStats};

use crate::store::{Item, Store};

/// The version that is read, and its source.
pub async fn seen(cow: &CacheCow, store: &Store, id: i64) -> (u64, Source) {
    let read = cow.with(store).read(Item::by_id(id)).await.expect("the store does not fail");
    (read.value.expect("the item exists").version, read.source)
}

/// The item of this id.
pub async fn by_id(cow: &CacheCow, store: &Store, id: i64) -> Option<Item> {
    let item = cow.with(store).get(Item::by_id(id)).await.expect("the store does not fail");
    item.as_deref().cloned()
}

/// The item of this name.
pub async fn by_name(cow: &CacheCow, store: &Store, name: &str) -> Option<Item> {
    let item = cow.with(store).get(Item::by_name(name)).await.expect("the store does not fail");
    item.as_deref().cloned()
}

/// Reads until one comes from where it should; the version that it has.
pub async fn until(cow: &CacheCow, store: &Store, id: i64, wanted: fn(Source) -> bool) -> u64 {
    let polled = async {
        loop {
            let (version, source) = seen(cow, store, id).await;
            if wanted(source) {
                return version;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), polled)
        .await
        .expect("it comes from there within a minute")
}

/// Reads until the items are near: the server has to be heard first.
pub async fn until_near(cow: &CacheCow, store: &Store, ids: impl IntoIterator<Item = i64>) {
    for id in ids {
        until(cow, store, id, |source| source == Source::Near).await;
    }
}

/// Not from this process's memory.
pub fn elsewhere(source: Source) -> bool {
    source != Source::Near
}

/// Waits until so many reads of a type were audited; what was counted.
pub async fn audited_of(cow: &CacheCow, type_name: &str, count: u64) -> TypeStats {
    let all = async {
        loop {
            let stats = cow.stats().of(type_name);
            if stats.audited >= count {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("they are audited")
}
