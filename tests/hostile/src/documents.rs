//! Stored documents: whatever stands in the cache, a read gives the object asked for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{
    BackendError, CacheBackend, CacheCow, CacheSchema, Cached, Key, Lookup, Request, Source,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::mutate::mutate;
use crate::shared::run;

/// A type with a bit of everything, once as it is generated and once as serde has it.
#[derive(Arbitrary, Clone, Debug, Cached)]
#[cache(context = Origin)]
#[cache(key = "thing:{id}", fetch = Origin::find)]
#[cache(key = "thing:name:{name}", fetch = Origin::find_by_name)]
pub struct Thing {
    pub(crate) id: u64,
    pub(crate) name: String,
    body: Body,
    #[cache(opaque)]
    foreign: Body,
}

/// The same with a tag.
#[derive(Arbitrary, Clone, Debug, Cached)]
#[cache(context = Origin)]
#[cache(key = "tagged:{id}", fetch = Origin::find_tagged)]
#[cache(tag = "group:{name}")]
pub struct Tagged {
    pub(crate) id: u64,
    pub(crate) name: String,
    body: Body,
    #[cache(opaque)]
    foreign: Body,
}

impl Thing {
    pub(crate) fn tagged(&self) -> Tagged {
        let Self { id, name, body, foreign } = self.clone();
        Tagged { id, name, body, foreign }
    }
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize, CacheSchema)]
struct Body {
    small: u8,
    large: u128,
    negative: i64,
    ratio: f64,
    letter: char,
    pair: (bool, Option<i32>),
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    lists: Vec<Vec<u16>>,
    map: BTreeMap<String, Option<u64>>,
    tree: Tree,
    shape: Shape,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    maybe: Option<Box<Body>>,
    #[serde(flatten)]
    more: More,
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize, CacheSchema)]
enum Tree {
    Leaf,
    Number(i16),
    Twig(Box<Tree>),
    Branch(Vec<Tree>),
    Named { name: String, of: Box<Tree> },
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize, CacheSchema)]
#[serde(untagged)]
enum Shape {
    Number(u32),
    Text(String),
    Nested { inner: Box<Shape> },
    List(Vec<Shape>),
}

#[derive(Arbitrary, Clone, Debug, Serialize, Deserialize, CacheSchema)]
struct More {
    left: Option<u8>,
    right: BTreeMap<String, i8>,
}

/// What the backing store has.
#[derive(Default)]
pub struct Origin {
    pub(crate) thing: Option<Thing>,
    pub(crate) tagged: Option<Tagged>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Origin")
    }
}

impl Origin {
    async fn find(&self, _id: u64) -> std::result::Result<Option<Thing>, Infallible> {
        Ok(self.thing.clone())
    }

    async fn find_by_name(&self, _name: &str) -> std::result::Result<Option<Thing>, Infallible> {
        Ok(self.thing.clone())
    }

    async fn find_tagged(&self, _id: u64) -> std::result::Result<Option<Tagged>, Infallible> {
        Ok(self.tagged.clone())
    }
}

/// A cache in which anything may stand, and that stores nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planted(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) planted: BTreeMap<Key, Bytes>,
    pub(crate) filled: BTreeMap<Key, Bytes>,
}

const EPOCH: Token = Token::from_bytes([7; 16]);

impl Planted {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    fn answer(&self, request: Request) -> Reply {
        let mut state = self.lock();
        let planted = state.planted.get(&request.key).cloned();
        match request.command {
            Command::Lookup => planted.map_or(Reply::Absent, Reply::Value),
            Command::Claim { replacing, .. } => match (planted, replacing) {
                (Some(value), None) => Reply::Value(value),
                (Some(value), Some(replacing)) if !replacing.seen.matches(&value) => {
                    Reply::Value(value)
                }
                _ => Reply::Claimed(1),
            },
            Command::Fill { value, .. } => {
                state.filled.insert(request.key, value);
                Reply::Settled
            }
            Command::Abandon { .. } => Reply::Settled,
            Command::ReadEpoch | Command::TakeEpoch { .. } => Reply::Epoch(EPOCH),
            _ => Reply::Done,
        }
    }
}

impl CacheBackend for Planted {
    fn execute(
        &self,
        requests: Vec<Request>,
    ) -> BoxFuture<'_, Vec<std::result::Result<Reply, BackendError>>> {
        ready(requests.into_iter().map(|request| Ok(self.answer(request))).collect()).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, std::result::Result<(), BackendError>> {
        ready(Ok(())).boxed()
    }

    fn reset(&self) {}
}

/// Where the object begins in a document without tags.
const HEADER: usize = 30;

/// The day on which everything happens.
pub(crate) const NOW: Duration = Duration::from_secs(1_700_000_000);

pub(crate) const PIECES: [&[u8]; 16] = [
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xdb, 0xff, 0xff, 0xff, 0xff],
    &[0xc6, 0xff, 0xff, 0xff, 0xff],
    &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
    &[0xdc, 0xff, 0xff],
    &[0x81, 2],
    b"\x81\xa4Twig",
    b"\x81\xa6Branch\x91",
    b"\x81\xa5inner",
    &[0x91],
    &[0xc0],
    &[0xc1],
    &[0x96, 1],
    &[0x97, 1],
    &[0x97, 2],
];

/// How much more memory than the document a read may take: what the few arrays that are taken at
/// their word may reserve.
pub(crate) const MOST: u64 = 20 << 20;

/// Any bytes in the place of a stored document.
pub fn check(data: &[u8]) {
    let _ = check_with(&mut Unstructured::new(data));
}

fn check_with(input: &mut Unstructured<'_>) -> Result<()> {
    let cache = Planted::default();
    let cow = CacheCow::builder()
        .clock(|| SystemTime::UNIX_EPOCH + NOW)
        .negative_ttl(Duration::from_secs(60))
        .ttl_jitter(0.0)
        .backend(cache.clone())
        .expect("valid settings");
    let thing: Thing = input.arbitrary()?;
    let other = Thing {
        id: thing.id.wrapping_add(1),
        name: format!("not {}", thing.name),
        ..thing.clone()
    };
    match input.int_in_range(0..=3)? {
        0 => {
            let found = |thing| Origin { thing: Some(thing), ..Origin::default() };
            let reads = Reads { cow, cache, of: found, as_stored: |thing| &thing.id };
            reads.check(&thing, &other, &Thing::by_id(thing.id), &Thing::by_id(other.id), input)
        }
        1 => {
            let found = |thing| Origin { thing: Some(thing), ..Origin::default() };
            let reads = Reads { cow, cache, of: found, as_stored: |thing| &thing.name };
            let lookups = (Thing::by_name(&*thing.name), Thing::by_name(&*other.name));
            reads.check(&thing, &other, &lookups.0, &lookups.1, input)
        }
        2 => {
            let found = |tagged| Origin { tagged: Some(tagged), ..Origin::default() };
            let reads = Reads { cow, cache, of: found, as_stored: |tagged| &tagged.id };
            let lookups = (Tagged::by_id(thing.id), Tagged::by_id(other.id));
            reads.check(&thing.tagged(), &other.tagged(), &lookups.0, &lookups.1, input)
        }
        _ => absence(&cow, &cache, &thing, &other, input),
    }
}

/// How objects of a type are read by a lookup.
struct Reads<T, P: ?Sized> {
    cow: CacheCow,
    cache: Planted,
    /// The store that has this object.
    of: fn(T) -> Origin,
    /// The part of the object that the lookup is by.
    as_stored: fn(&T) -> &P,
}

impl<T: Cached + Clone, P: PartialEq + ?Sized> Reads<T, P> {
    fn check<L>(
        &self,
        object: &T,
        other: &T,
        lookup: &L,
        of_other: &L,
        input: &mut Unstructured<'_>,
    ) -> Result<()>
    where
        L: Lookup<Object = T, Context = Origin> + Clone,
    {
        // What stands in the cache after a read, under each key.
        let stored = self.stored(object, lookup);
        let of_others = self.stored(other, of_other);
        if stored.is_empty() {
            // What serde made of it would not come back.
            return Ok(());
        }
        self.plant(stored.clone());
        let served = self.served(other, lookup).expect("what was stored is served");
        let encoded = self.stored(&served, lookup);
        assert!(same(&encoded, &stored), "an object is stored and read back as it is");

        let mut damaged = stored.clone();
        let others: Vec<&Bytes> = of_others.values().chain(stored.values()).collect();
        let pieces: Vec<&[u8]> =
            PIECES.iter().copied().chain(others.iter().map(|document| &document[..])).collect();
        for document in damaged.values_mut() {
            if input.ratio(3, 4)? {
                let mut bytes = document.to_vec();
                mutate(&mut bytes, &pieces, input)?;
                *document = bytes.into();
            } else if input.arbitrary()? {
                *document = Bytes::clone(input.choose(&others)?);
            }
        }
        self.plant(damaged.clone());
        let most = MOST + 64 * damaged.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        let mut served = None;
        let memory = allocation_counter::measure(|| served = self.served(object, lookup));
        assert!(memory.bytes_max < most, "{} bytes of memory for {damaged:?}", memory.bytes_max);
        let Some(served) = served else { return Ok(()) };
        assert!((self.as_stored)(&served) == (self.as_stored)(object), "of another key");
        for (key, document) in &damaged {
            // Another version's or another type's is none; where a pointer leads is judged there.
            let told_by = if is_pointer(document) { 1..3 } else { 1..11 };
            assert_eq!(document[told_by.clone()], stored[key][told_by]);
        }
        // What was understood is stored like that again.
        let again = self.stored(&served, lookup);
        self.plant(again.clone());
        let twice = self.served(other, lookup).expect("what was stored is served");
        assert!(same(&self.stored(&twice, lookup), &again));
        Ok(())
    }

    fn plant(&self, documents: BTreeMap<Key, Bytes>) {
        self.cache.lock().planted = documents;
    }

    /// What is stored when this object is read from the backing store.
    fn stored<L>(&self, object: &T, lookup: &L) -> BTreeMap<Key, Bytes>
    where
        L: Lookup<Object = T, Context = Origin> + Clone,
    {
        self.plant(BTreeMap::new());
        self.cache.lock().filled.clear();
        let origin = (self.of)(object.clone());
        let read =
            run(self.cow.with(&origin).read(lookup.clone())).expect("the fetch does not fail");
        assert_eq!(read.source, Source::Fetched);
        std::mem::take(&mut self.cache.lock().filled)
    }

    /// What is served from the cache; `None` if it was not, but what the backing store has.
    fn served<L>(&self, fetched: &T, lookup: &L) -> Option<T>
    where
        L: Lookup<Object = T, Context = Origin> + Clone,
    {
        let origin = (self.of)(fetched.clone());
        let read =
            run(self.cow.with(&origin).read(lookup.clone())).expect("the fetch does not fail");
        let value = read.value.expect("it exists, here and there");
        (read.source == Source::Cache).then(|| T::clone(&value))
    }
}

fn is_pointer(document: &[u8]) -> bool {
    document[0] == 0x97 && document.get(HEADER) == Some(&0xc3)
}

/// Whether the documents are the same, but for how long the fetch took, and for the pointers' tokens.
fn same(some: &BTreeMap<Key, Bytes>, others: &BTreeMap<Key, Bytes>) -> bool {
    let body = |document: &Bytes| {
        // What it is, its length, and the token.
        let pointers_own = if is_pointer(document) { 3 + 16 } else { 0 };
        document.slice(HEADER + pointers_own..)
    };
    let bodies = |documents: &BTreeMap<Key, Bytes>| -> Vec<(Key, Bytes)> {
        documents.iter().map(|(key, document)| (*key, body(document))).collect()
    };
    bodies(some) == bodies(others)
}

/// The absence of one object is not that of another.
fn absence(
    cow: &CacheCow,
    cache: &Planted,
    thing: &Thing,
    other: &Thing,
    input: &mut Unstructured<'_>,
) -> Result<()> {
    let read = |lookup: &ThingById| {
        run(cow.with(&Origin::default()).read(lookup.clone())).expect("no failure")
    };
    let lookup = Thing::by_id(thing.id);
    assert!(read(&lookup).value.is_none());
    assert!(read(&Thing::by_id(other.id)).value.is_none());
    let filled = std::mem::take(&mut cache.lock().filled);
    let (key, others) = (lookup.key().key(), Thing::by_id(other.id).key().key());
    cache.lock().planted = filled.clone();
    assert_eq!(read(&lookup).source, Source::Cache);

    let mut damaged = filled[&key].to_vec();
    let pieces: Vec<&[u8]> = PIECES.iter().copied().chain([&filled[&others][..]]).collect();
    mutate(&mut damaged, &pieces, input)?;
    cache.lock().planted = BTreeMap::from([(key, Bytes::from(damaged.clone()))]);
    let origin = Origin { thing: Some(thing.clone()), ..Origin::default() };
    let read = run(cow.with(&origin).read(lookup.clone())).expect("no failure");
    if read.source == Source::Cache {
        assert!(read.value.is_none_or(|served| served.id == thing.id));
        assert!(damaged.ends_with(lookup.key().as_bytes()), "the absence of another");
    } else {
        assert_eq!(read.value.expect("it exists").id, thing.id);
    }
    Ok(())
}
