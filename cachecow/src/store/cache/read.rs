//! A read through the decorator.

use std::time::Duration;

use bytes::Bytes;

use super::CacheDecorator;
use super::load::{self, Content, Manner, ValueLoader, ValueQuery};
use crate::cache::read::Source;
use crate::engine::read::{Reads, loaded, look_one};
use crate::error::Error;
use crate::model::object::Loaded;
use crate::protocol::Fill;
use crate::store::{KeyValueStore, Reader};

/// A value and where it came from; what [`CacheDecorator::read`] returns.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{CacheCow, CacheDecorator, Fill, KeyValueStoreExt as _, MemoryStore, Source};
///
/// let store = CacheDecorator::new(CacheCow::memory(), MemoryStore::new());
/// store.put("greeting", "hello").await?;
/// let read = store.read("greeting").await?;
/// assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
/// assert_eq!(read.value, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadValue {
    /// The value.
    pub value: Bytes,
    /// Where it came from.
    pub source: Source,
    /// Whether it was stored, if it was fetched: stored, refused because of a change meanwhile,
    /// skipped, or the cache was unreachable.
    pub fill: Fill,
}

/// The form in which a load returns a value.
pub(super) enum Loadable {
    /// In memory, and how long the backing store keeps it.
    Bytes(Bytes, Option<Duration>),
    /// Too large for memory; with the reader, if this caller's own fetch opened it.
    Reader(Option<Reader>),
}

fn loadable(loaded: Loaded, reader: Option<Reader>) -> Option<Loadable> {
    // Loads of the same identity have the same type.
    match loaded?.downcast_ref::<Content>()? {
        Content::Whole(value, expires_in) => Some(Loadable::Bytes(value.clone(), *expires_in)),
        Content::Large => Some(Loadable::Reader(reader)),
    }
}

impl<S: KeyValueStore> CacheDecorator<S> {
    pub(super) async fn load(
        &self,
        key: &str,
        manner: Manner,
        operation: &'static str,
    ) -> Result<(Loadable, Source, Fill), Error> {
        self.check(operation, key)?;
        let decorated = &self.decorated;
        let engine = &decorated.cow.engine;
        let state = engine.types.at(load::slot(), load::NAME);
        let parts = self.parts(key);
        let hash = decorated.cow.scope.key(parts.key());
        let mut query = ValueQuery { decorated, state, parts: parts.as_bytes(), hash };
        let unfinished = match look_one(engine, state, &mut query, engine.read(hash, state)).await {
            Ok((value, expires_in)) => {
                return Ok((Loadable::Bytes(value, expires_in), Source::Cache, Fill::Skipped));
            }
            Err(unfinished) => unfinished.map(|value| loaded(Some(Content::from(value)))),
        };
        let loader = ValueLoader::new(query, key, manner);
        // Boxed, so that the future of a hit stays small.
        let reads = Reads::new(engine, &loader, std::iter::once(unfinished));
        let ended = Box::pin(reads.run()).await.pop();
        let (loaded, outcome) = ended.expect("one read in, one read out")?;
        let loadable =
            loadable(loaded, loader.take_reader()).ok_or_else(|| Error::not_found(operation))?;
        let (source, fill) = Source::by(outcome);
        Ok((loadable, source, fill))
    }
}
