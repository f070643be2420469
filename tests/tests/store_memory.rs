//! The store in memory.

use cachecow::store::{KeySpace, conformance};
use cachecow::{KeyValueStore, MemoryStore};

#[tokio::test]
async fn it_conforms_with_every_key_space() {
    for key_space in [KeySpace::Standard, KeySpace::Extended, KeySpace::Text] {
        conformance::all(&MemoryStore::new().with_key_space(key_space)).await;
    }
}

#[tokio::test]
async fn it_conforms_behind_any_pointer() {
    let store: std::sync::Arc<dyn KeyValueStore> = std::sync::Arc::new(MemoryStore::new());
    conformance::all(&*store).await;
    conformance::all(&store).await;
    conformance::all(&Box::new(store)).await;
}
