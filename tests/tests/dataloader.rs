//! async-graphql's `DataLoader` over the cache.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use cachecow::dataloader::{By, Loader};
use cachecow::{CacheCow, ErrorKind};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store};
use futures_util::future::join_all;

fn loader(cow: &CacheCow, store: &Arc<Store>) -> DataLoader<Loader<Store>> {
    DataLoader::new(cow.loader(store), tokio::spawn)
}

on_both_backends! {
    async fn what_a_request_asks_for_is_one_batch(cache) {
        let (store, cow) = (Arc::new(Store::with_items(5)), cache.open_default());
        let loader = loader(&cow, &store);
        let asked = [1, 2, 3, 2, 99].map(|id| loader.load_one(By(Item::by_id(id))));
        let items = join_all(asked).await.into_iter().map(|item| item.unwrap());
        let ids: Vec<_> = items.map(|item| item.map(|item| item.id)).collect();
        assert_eq!(ids, [Some(1), Some(2), Some(3), Some(2), None]);
        let batch = store.batches().into_iter().map(|mut ids| {
            ids.sort_unstable();
            ids
        });
        assert_eq!(batch.collect::<Vec<_>>(), [[1, 2, 3, 99]], "one call of fetch_many");
        let fetched = store.fetches();
        let again = loader.load_many([3, 1].map(|id| By(Item::by_id(id)))).await.unwrap();
        assert_eq!(again[&By(Item::by_id(3))].id, 3);
        assert_eq!(store.fetches(), fetched, "from the cache");
    }

    async fn it_hears_of_invalidations(cache) {
        let (store, cow) = (Arc::new(Store::with_items(1)), cache.open_default());
        let loader = loader(&cow, &store);
        let version = async || loader.load_one(By(Item::by_id(1))).await.unwrap().unwrap().version;
        let before = version().await;
        store.bump(1);
        assert_eq!(version().await, before, "the control: it is cached");
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert!(version().await > before);
    }

    async fn an_error_is_everybody_s(cache) {
        let (store, cow) = (Arc::new(Store::with_items(2)), cache.open_default());
        let loader = loader(&cow, &store);
        store.set_down(true);
        let failed = join_all([1, 2].map(|id| loader.load_one(By(Item::by_id(id))))).await;
        assert!(failed.iter().all(|item| item.as_ref().unwrap_err().kind() == ErrorKind::Fetch));
    }
}

#[test]
fn a_lookup_is_the_same_if_it_asks_for_the_same() {
    assert_eq!(By(Item::by_id(1)), By(Item::by_id(1)));
    assert_ne!(By(Item::by_id(1)), By(Item::by_id(2)));
    assert_eq!(format!("{:?}", By(Item::by_id(1))), "By(\"Item::by_id\")");
}
