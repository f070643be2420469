//! What a process remembers of earlier reads, to ask for all that a hit needs at once: what it gets so is
//! served only if the answers agree.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, CacheBackend, CacheCow, ChangeListener, Key, Lookup as _, MemoryBackend, Place,
    Request, Source, Watch,
};
use cachecow_tests::backends::{claims, is_pointer};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members, is_hit, reads_epochs, version};
use cachecow_tests::on_both_backends;
use cachecow_tests::seen::{by_id, by_name};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// Enough hits for reads to begin with a lookup.
const HITS: usize = 200;
const NAME: &str = "item 1";

/// A backend that may read one of several places before the others.
#[derive(Debug, Default)]
struct Split {
    inner: MemoryBackend,
    next: Mutex<Option<(Place, Arc<Gate>)>>,
}

impl Split {
    /// The next lookup of several places reads this one, and the others only when the gate opens.
    fn read_first(&self, place: Place) -> Arc<Gate> {
        let gate = Gate::new();
        *self.next.lock().unwrap() = Some((place, Arc::clone(&gate)));
        gate
    }

    async fn look(&self, place: Place) -> Result<Reply, BackendError> {
        self.inner.execute(vec![Request::from(place)]).await.remove(0)
    }
}

impl CacheBackend for Split {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        self.inner.execute(requests)
    }

    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let Some((first, gate)) = self.next.lock().unwrap().take() else {
            return self.inner.lookup_many(places);
        };
        assert!(places.len() > 1 && places.contains(&first), "{places:?}");
        async move {
            let answer = self.look(first).await;
            gate.pass().await;
            let mut answers = Vec::new();
            for place in places {
                let is_first = place == first;
                answers.push(if is_first { answer.clone() } else { self.look(place).await });
            }
            answers
        }
        .boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        self.inner.watch(key)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.inner.ping()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        self.inner.follow(listener, lag);
    }

    fn reset(&self) {
        self.inner.reset();
    }
}

/// Two processes on one cache.
fn two_processes() -> (Arc<Split>, CacheCow, CacheCow) {
    let split = Arc::new(Split::default());
    let open = || CacheCow::builder().backend(Arc::clone(&split)).unwrap();
    let (cow, other) = (open(), open());
    (split, cow, other)
}

/// Reads by the alias until it is known where it leads, and reads begin with a lookup.
async fn warm_up(cow: &CacheCow, store: &Store, name: &str) {
    for _ in 0..HITS {
        by_name(cow, store, name).await.unwrap();
    }
}

async fn warm_up_member(cow: &CacheCow, members: &Members) {
    for _ in 0..HITS {
        version(cow, members, 1).await;
    }
}

fn object() -> Place {
    Place::Value(Item::by_id(1).key().key())
}

fn pointer() -> Place {
    Place::Value(Item::by_name(NAME).key().key())
}

/// The version that a read by the alias returns which is given the alias' pointer and the object at two
/// times, between which another process reads by the alias.
async fn read_around_a_load(first: Place, as_a_batch: bool) -> u64 {
    let ((split, cow, other), store) = (two_processes(), Store::with_items(1));
    warm_up(&cow, &store, NAME).await;
    store.bump(1);
    // Of the alias alone: what stands under the primary key may still be read by that.
    other.invalidate(Item::by_name(NAME)).await.unwrap();
    let gate = split.read_first(first);
    let read = async {
        if as_a_batch {
            let mut items = cow.with(&store).get_many([Item::by_name(NAME)]).await.unwrap();
            items.remove(0).unwrap().version
        } else {
            by_name(&cow, &store, NAME).await.unwrap().version
        }
    };
    let (version, ()) = tokio::join!(read, async {
        gate.arrived().await;
        assert_eq!(by_name(&other, &store, NAME).await.unwrap().version, 2);
        gate.open();
    });
    version
}

#[tokio::test(start_paused = true)]
async fn a_pointer_to_the_same_key_that_was_stored_after_the_object_was_read() {
    for as_a_batch in [false, true] {
        assert_eq!(read_around_a_load(object(), as_a_batch).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pointer_that_is_stored_after_it_was_looked_for() {
    for as_a_batch in [false, true] {
        assert_eq!(read_around_a_load(pointer(), as_a_batch).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn epochs_that_were_read_before_the_object_or_after_it() {
    let value = Place::Value(Member::by_id(1).key().key());
    let org = |org| Place::Epoch(Member::tag_org(org).key());
    // The member stays where it is, or moves to another organisation.
    for (first, to) in [(value, 1), (org(1), 1), (value, 2), (org(1), 2)] {
        let ((split, cow, other), members) = (two_processes(), Members::with(1));
        warm_up_member(&cow, &members).await;
        members.bump();
        other.invalidate_tag(Member::tag_org(1)).await.unwrap();
        let gate = split.read_first(first);
        let (seen, ()) = tokio::join!(version(&cow, &members, 1), async {
            gate.arrived().await;
            members.change(|member| member.org = to);
            assert_eq!(version(&other, &members, 1).await, 2);
            gate.open();
        });
        assert_eq!(seen, 2, "{first:?}, to {to}");
    }
}

/// The look-ups of a hit: those of values, and those of epochs.
async fn looks_of(cache: &Cache, read: impl Future<Output = ()>) -> (usize, usize) {
    let before = cache.script().log().len();
    read.await;
    let log = cache.script().log().split_off(before);
    let values = log.iter().filter(|command| **command == Command::Lookup).count();
    let epochs = log.iter().filter(|command| reads_epochs(command)).count();
    assert_eq!(values + epochs, log.len(), "it is a hit");
    (values, epochs)
}

on_both_backends! {
    async fn where_an_alias_leads_to_another_object_by_now_it_is_asked_for_again(cache) {
        let (store, cow, other) = (Store::with_items(2), cache.open_default(), cache.open_default());
        warm_up(&cow, &store, NAME).await;
        store.put_all([
            Item { name: "item 2".into(), ..Item::new(1) },
            Item { name: NAME.into(), ..Item::new(2) },
        ]);
        let names = [NAME, "item 2"].map(Item::by_name);
        other.invalidate_many(names).await.unwrap();
        other.invalidate_many([1, 2].map(Item::by_id)).await.unwrap();
        assert_eq!(by_name(&other, &store, NAME).await.unwrap().id, 2);
        for looks in [3, 2] {
            let read = async { assert_eq!(by_name(&cow, &store, NAME).await.unwrap().id, 2) };
            assert_eq!(looks_of(&cache, read).await, (looks, 0));
        }
    }

    async fn a_pointer_that_is_known_to_be_wrong_is_not_claimed_by(cache) {
        let (store, cow, other) = (Store::with_items(2), cache.open_default(), cache.open_default());
        warm_up(&cow, &store, NAME).await;
        store.put_all([
            Item { name: "another".into(), ..Item::new(1) },
            Item { name: NAME.into(), ..Item::new(2) },
        ]);
        // The pointer still leads to the first, which has another name.
        other.invalidate(Item::by_id(1)).await.unwrap();
        by_id(&other, &store, 1).await;
        let before = cache.script().log().len();
        assert_eq!(by_name(&cow, &store, NAME).await.unwrap().id, 2);
        let log = cache.script().log().split_off(before);
        let claims = log.iter().filter(|command| claims(command)).count();
        assert_eq!(claims, 2, "of the alias, and of where it leads from now on: {log:?}");
    }

    async fn an_alias_of_nothing_leads_nowhere(cache) {
        let store = Store::with_items(1);
        let cow = cache.open(CacheCow::builder().negative_ttl(Duration::from_secs(60)));
        by_name(&cow, &store, NAME).await.unwrap();
        store.put(Item { name: "another".into(), ..Item::new(1) });
        for _ in 0..2 {
            cow.invalidate(Item::by_name(NAME)).await.unwrap();
            assert_eq!(by_name(&cow, &store, NAME).await, None);
        }
        cow.invalidate(Item::by_name(NAME)).await.unwrap();
        let before = cache.script().log().len();
        assert_eq!(by_name(&cow, &store, NAME).await, None);
        let log = cache.script().log().split_off(before);
        assert_eq!(log.iter().filter(|command| claims(command)).count(), 1, "{log:?}");
    }

    async fn a_cold_read_by_a_known_alias_fetches_once(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, NAME).await.unwrap();
        assert_eq!(store.fetches(), 2, "where it leads was not known");
        for version in 2..5 {
            cow.invalidate_object(&store.bump(1)).await.unwrap();
            let fetches = store.fetches();
            assert_eq!(by_name(&cow, &store, NAME).await.unwrap().version, version);
            assert_eq!(store.fetches(), fetches + 1);
            assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, version);
            assert_eq!(store.fetches(), fetches + 1, "it is stored under the primary key");
        }
    }

    async fn an_object_that_changed_its_tags_is_judged_by_the_new_ones(cache) {
        let (members, cow, other) =
            (Members::with(1), cache.open_default(), cache.open_default());
        warm_up_member(&cow, &members).await;
        members.change(|member| member.org = 2);
        other.invalidate(Member::by_id(1)).await.unwrap();
        version(&other, &members, 1).await;
        // Two tags are remembered, and two others are what counts.
        for epochs in [4, 2] {
            let read = async { assert!(is_hit(&cow, &members, 1).await) };
            assert_eq!(looks_of(&cache, read).await, (1, epochs));
        }
        other.invalidate_tag(Member::tag_org(1)).await.unwrap();
        assert!(is_hit(&cow, &members, 1).await, "it is no longer in 1");
        members.bump();
        other.invalidate_tag(Member::tag_org(2)).await.unwrap();
        assert_eq!(version(&cow, &members, 1).await, 2);
    }

    /// As where the keys of two aliases have the same hash.
    async fn a_pointer_of_somebody_else_is_not_believed(cache) {
        let (store, cow) = (Store::with_items(2), cache.open_default());
        warm_up(&cow, &store, NAME).await;
        warm_up(&cow, &store, "item 2").await;
        let second = cache.value(&Item::by_name("item 2")).await.unwrap();
        assert!(is_pointer(&second));
        cache.forge(&Item::by_name(NAME), second).await;
        assert_eq!(by_name(&cow, &store, NAME).await.unwrap().id, 1);
    }

    async fn however_many_hints_there_may_be_hits_are_found_and_end(cache) {
        for keys in [0, 1, usize::MAX] {
            let cow = cache.open(CacheCow::builder().hints(keys));
            let (store, members) = (Store::with_items(1), Members::with(1));
            warm_up(&cow, &store, NAME).await;
            warm_up_member(&cow, &members).await;
            let read = async { drop(by_name(&cow, &store, NAME).await) };
            assert_eq!(looks_of(&cache, read).await, (2, 0));
            let read = async { assert!(is_hit(&cow, &members, 1).await) };
            assert_eq!(looks_of(&cache, read).await, (1, 2));
            cow.invalidate_object(&store.bump(1)).await.unwrap();
            members.bump();
            cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
            assert_eq!(by_name(&cow, &store, NAME).await.unwrap().version, 2);
            assert_eq!(version(&cow, &members, 1).await, 2);
            cow.invalidate(Member::by_id(1)).await.unwrap();
            cow.invalidate_object(&Item::new(1)).await.unwrap();
        }
    }

    async fn a_batch_of_repeated_and_mixed_aliases(cache) {
        let (store, cow, other) = (Store::with_items(4), cache.open_default(), cache.open_default());
        for name in [NAME, "item 2", "item 3"] {
            warm_up(&cow, &store, name).await;
        }
        // One is known and stands, one leads elsewhere by now, one is gone, and one was never seen.
        store.put(Item { id: 2, name: "another".into(), version: 1 });
        store.put(Item { id: 5, name: "item 2".into(), version: 1 });
        other.invalidate_many([Item::by_name("item 2"), Item::by_name("item 3")]).await.unwrap();
        other.invalidate(Item::by_id(2)).await.unwrap();
        by_name(&other, &store, "item 2").await;
        let names = ["item 3", NAME, "item 2", NAME, "item 4", "item 3", "nobody"];
        for _ in 0..3 {
            let items = cow.with(&store).get_many(names.map(Item::by_name)).await.unwrap();
            let ids: Vec<_> = items.iter().map(|item| item.as_ref().map(|item| item.id)).collect();
            assert_eq!(ids, [Some(3), Some(1), Some(5), Some(1), Some(4), Some(3), None]);
        }
        let read = cow.with(&store).read(Item::by_name("item 2")).await.unwrap();
        assert_eq!(read.source, Source::Cache);
    }
}
