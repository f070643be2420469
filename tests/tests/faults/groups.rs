//! A list and a query's answer under a fault: they are read, invalidated and written as an object is.

use cachecow::{CacheCow, Cached, Error};
use cachecow_tests::store::{Item, Store, StoreDown};

use crate::row::{Seen, Told};
use crate::trial::told;

/// An item, and where it stands: on a shelf of its own.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Store, ttl = "10m")]
#[cache(key = "entry:{id}", fetch = Entry::find, fetch_many = Entry::find_many)]
#[cache(list = "entry:shelf:{shelf}", fetch = Entry::on_shelf)]
#[cache(tag = "shelf:{shelf}")]
pub(crate) struct Entry {
    id: i64,
    shelf: i64,
    version: u64,
}

/// What stands on a shelf.
#[cachecow::query(key = "shelf:{shelf}", ttl = "10m", tag = Entry::tag_shelf(shelf))]
async fn shelf(store: &Store, shelf: i64) -> Result<Vec<Entry>, StoreDown> {
    Entry::on_shelf(store, shelf).await
}

impl Entry {
    async fn find(store: &Store, id: i64) -> Result<Option<Self>, StoreDown> {
        Ok(store.find(id).await?.map(Self::of))
    }

    async fn find_many(store: &Store, ids: &[i64]) -> Result<Vec<Self>, StoreDown> {
        Ok(store.find_many(ids).await?.into_iter().map(Self::of).collect())
    }

    async fn on_shelf(store: &Store, shelf: i64) -> Result<Vec<Self>, StoreDown> {
        Self::find_many(store, &[shelf]).await
    }

    fn of(Item { id, version, .. }: Item) -> Self {
        Self { id, shelf: id, version }
    }
}

/// A list and an answer with the item of this number.
#[derive(Clone, Copy)]
pub(crate) struct Group(pub(crate) i64);

impl Group {
    /// Reads both; whether either fetched.
    async fn read(self, cow: &CacheCow, store: &Store, version: u64) -> bool {
        let before = store.fetches();
        let list = cow.with(store).list(Entry::list_by_shelf(self.0)).await.unwrap();
        let answer = cow.with(store).ask(shelf::of(self.0)).await.unwrap();
        let expected = Entry { id: self.0, shelf: self.0, version };
        let listed: Vec<&Entry> = list.iter().map(|entry| &**entry).collect();
        assert_eq!(listed, [&expected]);
        assert_eq!(*answer, [expected]);
        store.fetches() > before
    }

    /// Reads both until they are cached.
    pub(crate) async fn until_cached(self, cow: &CacheCow, store: &Store) {
        while self.read(cow, store, 1).await {
            tokio::task::yield_now().await;
        }
    }

    /// Reads both under the fault, where a cached object is seen so.
    pub(crate) async fn is_seen(self, cow: &CacheCow, store: &Store, seen: Seen) {
        let fetched = self.read(cow, store, 1).await;
        assert_eq!(
            fetched,
            seen != Seen::Cached,
            "a list and an answer are as an object is: {seen}"
        );
    }

    /// Invalidates both, and writes both.
    pub(crate) async fn is_told(
        self,
        cow: &CacheCow,
        store: &Store,
        [invalidate, write]: [Told; 2],
    ) {
        store.bump(self.0);
        let keys = || (Entry::list_by_shelf(self.0), Entry::by_id(self.0), shelf::of(self.0));
        assert_eq!(told("invalidate", cow.invalidate(keys()).await), invalidate);
        self.read(cow, store, 2).await;
        // The answer by its tag, as whoever does not know it does.
        let keys = (Entry::list_by_shelf(self.0), Entry::by_id(self.0), Entry::tag_shelf(self.0));
        let written = cow.write(keys, async { Ok::<_, Error>(store.bump(self.0)) }).outcome().await;
        written.result.expect("the cache fails no work");
        assert_eq!(told("write", written.invalidated), write);
        self.read(cow, store, 3).await;
    }

    /// Nothing old is left once the fault has ended.
    pub(crate) async fn is_current(self, cow: &CacheCow, store: &Store) {
        let version = store.find(self.0).await.unwrap().expect("the item").version;
        self.read(cow, store, version).await;
    }
}
