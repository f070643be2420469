//! Everything of a type is invalidated at once, at every point of a read, forced step by step.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use cachecow::protocol::Command;
use cachecow::{
    AllOf, BackendErrorKind, CacheCow, Cached, ErrorKind, Fill, Key, Source, WriteError,
};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::ends;
use cachecow_tests::on_both_backends;

/// With another key and a list, and without tags.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Shops, clearable = true, ttl = "10m", negative_ttl = "5m")]
#[cache(key = "shop:{id}", fetch = Shops::find, fetch_many = Shops::find_many)]
#[cache(key = "shop:name:{name}", fetch = Shops::by_name)]
#[cache(list = "shop:town:{town}", fetch = Shops::in_town)]
struct Shop {
    id: u32,
    name: String,
    town: u32,
    version: u64,
}

/// The same rows, with a tag.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Shops, clearable = true, ttl = "10m", negative_ttl = "5m")]
#[cache(key = "branch:{id}", fetch = Branch::find)]
#[cache(key = "branch:name:{name}", fetch = Branch::find_by_name)]
#[cache(tag = "town:{town}")]
struct Branch {
    id: u32,
    name: String,
    town: u32,
    version: u64,
}

/// The same rows, which nobody can clear.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Shops, ttl = "10m")]
#[cache(key = "other:{id}", fetch = Other::find)]
struct Other {
    id: u32,
    version: u64,
}

impl Branch {
    async fn find(shops: &Shops, id: u32) -> Result<Option<Self>, Infallible> {
        Ok(shops.find(id).await?.map(Self::of))
    }

    async fn find_by_name(shops: &Shops, name: &str) -> Result<Option<Self>, Infallible> {
        Ok(shops.by_name(name).await?.map(Self::of))
    }

    fn of(Shop { id, name, town, version }: Shop) -> Self {
        Self { id, name, town, version }
    }
}

impl Other {
    async fn find(shops: &Shops, id: u32) -> Result<Option<Self>, Infallible> {
        Ok(shops.find(id).await?.map(|shop| Self { id, version: shop.version }))
    }
}

/// A table of shops, whose reads can be held up.
#[derive(Debug, Default)]
struct Shops {
    rows: Mutex<BTreeMap<u32, Shop>>,
    gates: Mutex<Vec<Arc<Gate>>>,
}

impl Shops {
    /// Shops 1 to 3 in town 7.
    fn new() -> Self {
        let shops = Self::default();
        (1..=3).for_each(|id| shops.insert(id, 1));
        shops
    }

    fn insert(&self, id: u32, version: u64) {
        let shop = Shop { id, name: format!("shop {id}"), town: 7, version };
        self.rows.lock().unwrap().insert(id, shop);
    }

    /// Another version of each, and what was not there before.
    fn change(&self) {
        let version = self.rows.lock().unwrap()[&1].version + 1;
        (1..=4).for_each(|id| self.insert(id, version));
    }

    /// Without what was not there at first.
    fn reset(&self) {
        self.rows.lock().unwrap().clear();
        (1..=3).for_each(|id| self.insert(id, 1));
    }

    /// Holds up the next fetch that begins.
    fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    async fn fetch(&self, wanted: impl Fn(&Shop) -> bool) -> Vec<Shop> {
        let found =
            self.rows.lock().unwrap().values().filter(|shop| wanted(shop)).cloned().collect();
        let gate = self.gates.lock().unwrap().pop();
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
        found
    }

    async fn find(&self, id: u32) -> Result<Option<Shop>, Infallible> {
        Ok(self.fetch(|shop| shop.id == id).await.pop())
    }

    async fn find_many(&self, ids: &[u32]) -> Result<Vec<Shop>, Infallible> {
        Ok(self.fetch(|shop| ids.contains(&shop.id)).await)
    }

    async fn by_name(&self, name: &str) -> Result<Option<Shop>, Infallible> {
        Ok(self.fetch(|shop| shop.name == name).await.pop())
    }

    async fn in_town(&self, town: u32) -> Result<Vec<Shop>, Infallible> {
        Ok(self.fetch(|shop| shop.town == town).await)
    }
}

/// A way to read, and what was there: the versions of the shops that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Key,
    Alias,
    AbsentKey,
    AbsentAlias,
    Batch,
    List,
    TaggedKey,
    TaggedAlias,
    TaggedAbsentKey,
    TaggedAbsentAlias,
}

const WAYS: [Way; 10] = [
    Way::Key,
    Way::Alias,
    Way::AbsentKey,
    Way::AbsentAlias,
    Way::Batch,
    Way::List,
    Way::TaggedKey,
    Way::TaggedAlias,
    Way::TaggedAbsentKey,
    Way::TaggedAbsentAlias,
];

impl Way {
    /// The versions that are found, and where the first of them came from, if that is told.
    async fn read(self, cow: &CacheCow, shops: &Shops) -> (Vec<u64>, Option<Source>) {
        let view = cow.with(shops);
        let (found, source) = match self {
            Self::Key | Self::AbsentKey => {
                let id = if self == Self::Key { 1 } else { 4 };
                let read = view.read(Shop::by_id(id)).await.unwrap();
                (read.value.map(|shop| shop.version), read.source)
            }
            Self::Alias | Self::AbsentAlias => {
                let name = if self == Self::Alias { "shop 1" } else { "shop 4" };
                let read = view.read(Shop::by_name(name)).await.unwrap();
                (read.value.map(|shop| shop.version), read.source)
            }
            Self::TaggedKey | Self::TaggedAbsentKey => {
                let id = if self == Self::TaggedKey { 1 } else { 4 };
                let read = view.read(Branch::by_id(id)).await.unwrap();
                (read.value.map(|branch| branch.version), read.source)
            }
            Self::TaggedAlias | Self::TaggedAbsentAlias => {
                let name = if self == Self::TaggedAlias { "shop 1" } else { "shop 4" };
                let read = view.read(Branch::by_name(name)).await.unwrap();
                (read.value.map(|branch| branch.version), read.source)
            }
            Self::Batch => {
                let found = view.get_many([1, 2, 4].map(Shop::by_id)).await.unwrap();
                return (found.into_iter().flatten().map(|shop| shop.version).collect(), None);
            }
            Self::List => {
                let found = view.list(Shop::list_by_town(7)).await.unwrap();
                return (found.iter().map(|shop| shop.version).collect(), None);
            }
        };
        (found.into_iter().collect(), Some(source))
    }

    /// What a read finds that is not older than the last change.
    fn newest(self, shops: &Shops) -> Vec<u64> {
        let rows = shops.rows.lock().unwrap();
        let version = |id| rows.get(&id).map(|shop| shop.version);
        match self {
            Self::Key | Self::Alias | Self::TaggedKey | Self::TaggedAlias => {
                version(1).into_iter().collect()
            }
            Self::Batch => [1, 2, 4].into_iter().filter_map(version).collect(),
            Self::List => rows.values().map(|shop| shop.version).collect(),
            _ => version(4).into_iter().collect(),
        }
    }
}

async fn clear(cow: &CacheCow) {
    cow.invalidate_type::<Shop>().await.unwrap();
    cow.invalidate_type::<Branch>().await.unwrap();
}

fn claims_or_looks(command: &Command) -> bool {
    matches!(command, Command::Claim { .. } | Command::Lookup)
}

/// The commands of a cold read, in their order; between the first and the second it fetches.
const STEPS: [(&str, Option<Which>); 4] = [
    ("the claim", Some(|command| matches!(command, Command::Claim { .. }))),
    ("the fetch", None),
    ("the epochs", Some(|command| matches!(command, Command::TakeEpoch { .. }))),
    ("the fill", Some(|command| matches!(command, Command::Fill { .. }))),
];

/// A cold read, in whose course everything of the types is invalidated by another process, when a step of it has had
/// its effect and has not been answered. Returns what is read next, by the same process and by another one.
async fn overtaken(cache: &Cache, way: Way, step: Option<Which>) -> [Vec<u64>; 2] {
    let (shops, cow, other) = (Shops::new(), cache.open_default(), cache.open_default());
    let gate = if let Some(which) = step {
        let gate = Gate::new();
        cache.script().next(which, Fate::AnswerLate(Arc::clone(&gate)));
        gate
    } else {
        shops.gate()
    };
    tokio::join!(way.read(&cow, &shops), async {
        gate.arrived().await;
        shops.change();
        clear(&other).await;
        gate.open();
    });
    cache.script().forget();
    let next = [way.read(&cow, &shops).await.0, way.read(&other, &shops).await.0];
    clear(&other).await;
    next
}

/// What a caller gets who joins a load in which everything of the type was invalidated.
async fn joined(cow: &CacheCow, way: Way) -> Vec<u64> {
    let shops = Shops::new();
    let gate = shops.gate();
    let (_, late, ()) = tokio::join!(
        way.read(cow, &shops),
        async {
            gate.arrived().await;
            shops.change();
            clear(cow).await;
            way.read(cow, &shops).await.0
        },
        async {
            gate.arrived().await;
            let joins = || cow.stats().of("Shop").joins + cow.stats().of("Branch").joins;
            while joins() == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
        },
    );
    late
}

on_both_backends! {
    async fn everything_goes_at_once_in_every_process(cache) {
        let (shops, cow, other) = (Shops::new(), cache.open_default(), cache.open_default());
        for teller in [&cow, &other] {
            shops.reset();
            clear(teller).await;
            for _ in 0..2 {
                for way in WAYS {
                    assert_eq!(way.read(&cow, &shops).await.0, way.newest(&shops), "{way:?}");
                }
            }
            for way in WAYS {
                let (_, source) = way.read(&cow, &shops).await;
                assert!(source.is_none_or(|source| source == Source::Cache), "{way:?}: {source:?}");
            }
            shops.change();
            clear(teller).await;
            for way in WAYS {
                let (found, source) = way.read(&cow, &shops).await;
                assert_eq!(found, way.newest(&shops), "{way:?}");
                // What one way has brought another may find.
                let may_hit = matches!(way, Way::Alias | Way::TaggedAlias);
                assert!(may_hit || source.is_none_or(|source| source == Source::Fetched), "{way:?}");
            }
        }
    }

    async fn nothing_else_goes(cache) {
        let (shops, cow) = (Shops::new(), cache.open_default());
        for _ in 0..2 {
            cow.with(&shops).get(Other::by_id(1)).await.unwrap();
            cow.with(&shops).get(Branch::by_id(1)).await.unwrap();
        }
        cow.invalidate_type::<Shop>().await.unwrap();
        assert_eq!(cow.with(&shops).read(Other::by_id(1)).await.unwrap().source, Source::Cache);
        assert_eq!(cow.with(&shops).read(Branch::by_id(1)).await.unwrap().source, Source::Cache);
    }

    async fn an_invalidation_at_every_point_of_a_cold_read_leaves_nothing_stale(cache) {
        for way in WAYS {
            for (name, step) in STEPS {
                let next = overtaken(&cache, way, step).await;
                let shops = Shops::new();
                shops.change();
                assert_eq!(next, [way.newest(&shops), way.newest(&shops)], "{way:?}, after {name}");
            }
        }
    }

    async fn a_caller_after_an_invalidation_does_not_share_the_load_before_it(cache) {
        let changed = Shops::new();
        changed.change();
        for way in [Way::Key, Way::AbsentKey, Way::Alias, Way::TaggedKey, Way::TaggedAbsentKey] {
            let cow = cache.open_default();
            assert_eq!(joined(&cow, way).await, way.newest(&changed), "{way:?}");
            clear(&cow).await;
        }
    }

    async fn an_invalidation_is_one_command_and_a_hit_is_one_round_trip(cache) {
        let (shops, cow) = (Shops::new(), cache.open_default());
        Way::Batch.read(&cow, &shops).await;
        let before = cache.script().log().len();
        cow.invalidate_type::<Shop>().await.unwrap();
        assert_eq!(cache.script().log()[before..], [Command::EndEpoch]);
        // Nothing is remembered of a type that has no tags: the first hit of a process, too, asks for all at once.
        for way in [Way::Key, Way::AbsentKey] {
            way.read(&cow, &shops).await;
            for _ in 0..300 {
                way.read(&cow, &shops).await;
            }
            let (fresh, before) = (cache.open_default(), cache.script().log().len());
            for _ in 0..300 {
                let (_, source) = way.read(&fresh, &shops).await;
                assert_eq!(source, Some(Source::Cache));
            }
            let log = &cache.script().log()[before..];
            let looks = log.iter().filter(|command| claims_or_looks(command)).count();
            let epochs = log.iter().filter(|command| **command == Command::ReadEpoch).count();
            assert!(looks <= 300 && epochs <= 300, "{looks} and {epochs}");
        }
    }

    async fn a_write_of_everything_holds_it(cache) {
        let (shops, cow, other) = (Shops::new(), cache.open_default(), cache.open_default());
        for way in WAYS {
            way.read(&cow, &shops).await;
        }
        let all = (AllOf::<Shop>::new(), AllOf::<Branch>::new());
        cow.write(all, async {
            for way in WAYS {
                way.read(&other, &shops).await;
            }
            shops.change();
            let read = other.with(&shops).read(Shop::by_id(1)).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Refused));
            Ok::<_, Infallible>(())
        }).await.unwrap();
        for way in WAYS {
            assert_eq!(way.read(&other, &shops).await.0, way.newest(&shops), "{way:?}");
        }
        assert_eq!(other.with(&shops).read(Shop::by_id(1)).await.unwrap().source, Source::Cache);
    }

    async fn a_writer_that_dies_leaves_nothing_stale(cache) {
        let (shops, cow, other) = (Shops::new(), cache.open_default(), cache.open_default());
        for way in WAYS {
            way.read(&cow, &shops).await;
        }
        let all = (AllOf::<Shop>::new(), AllOf::<Branch>::new());
        let write = cow.write(all, async {
            // What a reader has from before the change.
            for way in WAYS {
                way.read(&other, &shops).await;
            }
            shops.change();
            std::future::pending::<Result<(), Infallible>>().await
        });
        let dies = async {
            while shops.rows.lock().unwrap().len() < 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = write => unreachable!("it never ends"),
            () = dies => {}
        }
        for way in WAYS {
            assert_eq!(way.read(&other, &shops).await.0, way.newest(&shops), "{way:?}");
        }
    }

    async fn a_write_that_requires_its_hold_does_not_begin_without_it(cache) {
        let cow = cache.open_default();
        cache.script().next(ends, Fate::Fail(BackendErrorKind::Disconnected));
        let write = cow.write(AllOf::<Shop>::new(), async { Ok::<(), Infallible>(()) });
        assert!(matches!(write.require_hold().await, Err(WriteError::HoldRefused(_))));
    }

    async fn an_invalidation_that_did_not_happen_is_an_error_and_is_made_up_for(cache) {
        let (shops, cow) = (Shops::new(), cache.open_default());
        for way in WAYS {
            way.read(&cow, &shops).await;
        }
        shops.change();
        for _ in 0..2 {
            cache.script().next(ends, Fate::Fail(BackendErrorKind::Disconnected));
        }
        let error = cow.invalidate((AllOf::<Shop>::new(), AllOf::<Branch>::new())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInvalidated);
        for way in WAYS {
            assert_eq!(way.read(&cow, &shops).await.0, way.newest(&shops), "{way:?}");
        }
        cache.script().forget();
        cache.until_nothing_is_pending(&cow).await;
        let other = cache.open_default();
        for way in WAYS {
            assert_eq!(way.read(&other, &shops).await.0, way.newest(&shops), "{way:?}");
        }
    }

    async fn what_is_near_goes_as_well(cache) {
        let near = || cache.open(CacheCow::builder().near(1 << 20));
        let (shops, cow, other) = (Shops::new(), near(), cache.open_default());
        let ways = WAYS.into_iter().filter(|way| !matches!(way, Way::Batch | Way::List));
        for teller in [&cow, &other] {
            shops.reset();
            clear(&cow).await;
            for way in ways.clone() {
                while way.read(&cow, &shops).await.1 != Some(Source::Near) {
                    tokio::task::yield_now().await;
                }
            }
            shops.change();
            clear(teller).await;
            for way in ways.clone() {
                // Of another process's invalidation this one hears within its lag.
                while std::ptr::eq(teller, &raw const other) && way.read(&cow, &shops).await.1 == Some(Source::Near) {
                    tokio::task::yield_now().await;
                }
                assert_eq!(way.read(&cow, &shops).await.0, way.newest(&shops), "{way:?}");
            }
        }
    }

    async fn what_a_write_stores_carries_the_epoch(cache) {
        let (shops, cow, other) = (Shops::new(), cache.open_default(), cache.open_default());
        let stored = async |overtaken: bool| {
            let written = cow.write(Shop::by_id(1), async {
                shops.change();
                let shop = shops.find(1).await?;
                if overtaken {
                    shops.change();
                    other.invalidate_type::<Shop>().await.unwrap();
                }
                Ok::<_, Infallible>(shop)
            });
            written.storing(Option::as_ref).await.unwrap();
            other.with(&shops).read(Shop::by_id(1)).await.unwrap()
        };
        let read = stored(false).await;
        assert_eq!((read.source, read.value.unwrap().version), (Source::Cache, 2));
        other.invalidate_type::<Shop>().await.unwrap();
        assert_eq!(other.with(&shops).read(Shop::by_id(1)).await.unwrap().source, Source::Fetched);
        let read = stored(true).await;
        assert_eq!((read.source, read.value.unwrap().version), (Source::Fetched, 4));
    }

    async fn a_lost_epoch_costs_hits_and_no_more(cache) {
        let (shops, cow) = (Shops::new(), cache.open_default());
        for way in WAYS {
            way.read(&cow, &shops).await;
        }
        for whole in [Shop::whole(), Branch::whole()] {
            cache.ask_key(whole, Command::EndEpoch).await;
        }
        for way in WAYS {
            way.read(&cow, &shops).await;
            let (found, source) = way.read(&cow, &shops).await;
            assert_eq!(found, way.newest(&shops), "{way:?}");
            assert!(source.is_none_or(|source| source == Source::Cache), "{way:?}");
        }
    }
}

/// A cache in which the epochs of the whole types never end.
fn endless(whole: Key) -> Cache {
    Cache::guardless(whole)
}

/// Controls: without the epoch, every way leaves what is stale.
#[tokio::test]
async fn without_the_epoch_every_way_leaves_stale_data() {
    let fresh = Shops::new();
    let mut stale = 0;
    for way in WAYS {
        let whole =
            if format!("{way:?}").starts_with("Tagged") { Branch::whole() } else { Shop::whole() };
        let (shops, cow) = (Shops::new(), endless(whole).open_default());
        way.read(&cow, &shops).await;
        shops.change();
        clear(&cow).await;
        assert_eq!(
            way.read(&cow, &shops).await.0,
            way.newest(&fresh),
            "{way:?}: the control must find the stale read"
        );
        if matches!(way, Way::Key | Way::AbsentKey | Way::Batch) {
            let next = overtaken(&endless(whole), way, None).await;
            assert_eq!(next, [way.newest(&fresh), way.newest(&fresh)], "{way:?}, overtaken");
            stale += 1;
        }
    }
    assert_eq!(stale, 3);
}

/// A caller who joins, where nobody reads the epoch again after the fetch.
#[tokio::test]
async fn without_the_epoch_a_caller_shares_a_load_from_before_the_invalidation() {
    let cow = endless(Shop::whole()).open_default();
    assert_eq!(joined(&cow, Way::Key).await, Way::Key.newest(&Shops::new()));
}
