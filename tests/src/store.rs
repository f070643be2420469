//! A backing store whose reads can be counted, held up and made to fail.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachecow::Cached;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::gate::Gate;

/// What is stored: the version grows with every write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Store, ttl = "10m")]
#[cache(key = "item:{id}", fetch = Store::find, fetch_many = Store::find_many)]
#[cache(key = "item:name:{name}", fetch = Store::find_by_name)]
pub struct Item {
    /// The primary key.
    pub id: i64,
    /// Another key.
    pub name: String,
    /// How often it was written.
    pub version: u64,
}

impl Item {
    /// A first version.
    pub fn new(id: i64) -> Self {
        Self { id, name: format!("item {id}"), version: 1 }
    }
}

/// The store's own error.
#[derive(Debug, PartialEq, Eq)]
pub struct StoreDown;

impl fmt::Display for StoreDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backing store is down")
    }
}

impl std::error::Error for StoreDown {}

/// A table of items.
#[derive(Debug, Default)]
pub struct Store {
    items: Mutex<HashMap<i64, Item>>,
    fetches: AtomicUsize,
    batches: Mutex<Vec<Vec<i64>>>,
    gates: Mutex<Vec<Arc<Gate>>>,
    down: std::sync::atomic::AtomicBool,
    slowness: AtomicUsize,
}

impl Store {
    /// A store with items 1 to `count`.
    pub fn with_items(count: i64) -> Self {
        let store = Self::default();
        for id in 1..=count {
            store.lock().insert(id, Item::new(id));
        }
        store
    }

    /// Writes the next version, and returns it.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub fn bump(&self, id: i64) -> Item {
        let mut items = self.lock();
        let item = items.get_mut(&id).expect("an item of this id");
        item.version += 1;
        item.clone()
    }

    /// Puts an item in the place of what was there.
    pub fn put(&self, item: Item) {
        self.lock().insert(item.id, item);
    }

    /// Puts several items at once, as a transaction does.
    pub fn put_all(&self, items: impl IntoIterator<Item = Item>) {
        self.lock().extend(items.into_iter().map(|item| (item.id, item)));
    }

    /// Removes an item.
    pub fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }

    /// How many fetches have begun, a batch counting once.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// The keys of each `find_many` call.
    pub fn batches(&self) -> Vec<Vec<i64>> {
        self.batches.lock().clone()
    }

    /// Holds up the next fetch that begins; several gates hold up as many fetches, in order.
    pub fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().push(Arc::clone(&gate));
        gate
    }

    /// Holds up nothing more than is held up already.
    pub fn forget_gates(&self) {
        self.gates.lock().clear();
    }

    /// Makes every fetch let others run so many times before it returns.
    pub fn set_slowness(&self, yields: usize) {
        self.slowness.store(yields, Ordering::SeqCst);
    }

    /// Makes every fetch fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Item by id.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find(&self, id: i64) -> Result<Option<Item>, StoreDown> {
        let found = self.begin(|items| items.get(&id).cloned());
        self.finish().await;
        found
    }

    /// Items by ids.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find_many(&self, ids: &[i64]) -> Result<Vec<Item>, StoreDown> {
        self.batches.lock().push(ids.to_vec());
        // In another order than asked for, as a database may.
        let found = self.begin(|items| {
            ids.iter().rev().filter_map(|id| items.get(id).cloned()).collect::<Vec<_>>()
        });
        self.finish().await;
        found
    }

    /// Item by name.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find_by_name(&self, name: &str) -> Result<Option<Item>, StoreDown> {
        let found = self.begin(|items| items.values().find(|item| item.name == name).cloned());
        self.finish().await;
        found
    }

    fn begin<R>(&self, read: impl FnOnce(&HashMap<i64, Item>) -> R) -> Result<R, StoreDown> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(StoreDown) } else { Ok(read(&self.lock())) }
    }

    async fn finish(&self) {
        let gate = {
            let mut gates = self.gates.lock();
            if gates.is_empty() { None } else { Some(gates.remove(0)) }
        };
        match gate {
            // A fetch takes time: others get to run before it returns.
            None => {
                for _ in 0..=self.slowness.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
            Some(gate) => gate.pass().await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Item>> {
        self.items.lock()
    }
}
