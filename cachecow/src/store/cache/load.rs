//! Fetches a value from the backing store, for the engine.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;

use super::entry::{self, Entry};
use super::{Decorated, OnCacheError};
use crate::clock::LONGEST;
use crate::document::packed;
use crate::engine::read::{Judgement, Known, Loader, Query, Sealed, loaded, refused, reject};
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::model::object::Loaded;
use crate::packing::Refusal;
use crate::protocol::{SeenValue, Verdict};
use crate::stats::{Counter, StaticSlot, TypeState};
use crate::store::{KeyValueStore, Reader};

/// The name under which the reads of all decorators are counted.
pub(super) const NAME: &str = "KeyValueStore";

fn strict_slot() -> usize {
    static SLOT: StaticSlot = StaticSlot::new();
    SLOT.get()
}

pub(super) fn slot() -> usize {
    static SLOT: StaticSlot = StaticSlot::new();
    SLOT.get()
}

/// The result of a load, which it may share with other callers.
#[derive(Debug)]
pub(super) enum Content {
    /// The value, and how long the backing store will keep it.
    Whole(Bytes, Option<Duration>),
    /// The value is too large to hold in memory: each caller reads it itself.
    Large,
}

impl From<(Bytes, Option<Duration>)> for Content {
    fn from((value, expires_in): (Bytes, Option<Duration>)) -> Self {
        Self::Whole(value, expires_in)
    }
}

/// How the caller wants the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// In memory, however large.
    Whole,
    /// In memory if it may be cached, otherwise as a stream.
    Streamed,
}

/// Cached by others with a higher limit: leave it to them.
const LIMITED_ELSEWHERE: Verdict = Verdict::Leave;

/// A read of one key.
pub(super) struct ValueQuery<'a, S> {
    pub(super) decorated: &'a Decorated<S>,
    pub(super) state: &'a TypeState,
    pub(super) parts: &'a [u8],
    pub(super) hash: Key,
}

impl<S> Query for ValueQuery<'_, S> {
    type Found = (Bytes, Option<Duration>);

    fn key(&self) -> Key {
        self.hash
    }

    fn judge(&self, document: &Bytes, _known: &Known) -> Judgement<Self::Found> {
        self.decorated.judge(self.state, self.hash, self.parts, document).into()
    }
}

/// The engine's view of one read that is not a hit.
pub(super) struct ValueLoader<'a, S> {
    query: ValueQuery<'a, S>,
    key: &'a str,
    manner: Manner,
    /// The rest of a large value, for the caller whose fetch found it.
    reader: Mutex<Option<Reader>>,
}

impl<'a, S: KeyValueStore> ValueLoader<'a, S> {
    pub(super) fn new(query: ValueQuery<'a, S>, key: &'a str, manner: Manner) -> Self {
        Self { query, key, manner, reader: Mutex::new(None) }
    }

    /// The large value that this read's own fetch found.
    pub(super) fn take_reader(&self) -> Option<Reader> {
        self.reader.lock().take()
    }

    async fn fetch_one(&self) -> Result<Loaded, Error> {
        let content = match self.manner {
            Manner::Whole => self.fetch_whole().await,
            Manner::Streamed => self.fetch_streamed().await,
        };
        match content {
            Ok(content) => Ok(Some(Arc::new(content))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch_whole(&self) -> Result<Content, Error> {
        let store = &self.query.decorated.store;
        if !store.capabilities().ttl {
            return Ok(Content::Whole(store.get(self.key).await?, None));
        }
        let reader = store.open(self.key).await?;
        let expires_in = reader.expires_in();
        let bytes = reader.into_bytes().await.map_err(|error| Reader::error("get", error))?;
        Ok(Content::Whole(bytes, expires_in))
    }

    /// Reads as much as may be cached, and one byte more to see whether that is all.
    async fn fetch_streamed(&self) -> Result<Content, Error> {
        let limit = self.query.decorated.max_value_size();
        let mut reader = self.query.decorated.store.open(self.key).await?;
        if reader.len().is_some_and(|len| len > limit as u64) {
            return Ok(self.large(reader));
        }
        let expires_in = reader.expires_in();
        let len = reader.len();
        let mut start = BytesMut::with_capacity(
            len.and_then(|len| usize::try_from(len).ok()).map_or(0, |len| len + 1),
        );
        let mut first = (&mut reader).take((limit as u64).saturating_add(1));
        while first.read_buf(&mut start).await.map_err(|error| Reader::error("open", error))? > 0 {}
        if start.len() <= limit {
            return Ok(Content::Whole(start.freeze(), expires_in));
        }
        let whole = Reader::new(Cursor::new(start.freeze()).chain(reader)).with_expiry(expires_in);
        Ok(self.large(len.into_iter().fold(whole, Reader::with_len)))
    }

    fn large(&self, reader: Reader) -> Content {
        *self.reader.lock() = Some(reader);
        Content::Large
    }
}

impl<S: KeyValueStore> Loader for ValueLoader<'_, S> {
    fn key(&self, _place: usize) -> Key {
        self.query.hash
    }

    fn state(&self) -> &TypeState {
        self.query.state
    }

    fn judge(&self, _place: usize, document: &Bytes, known: &Known) -> Judgement<Loaded> {
        self.query.judge(document, known).map(|value| loaded(Some(Content::from(value))))
    }

    fn identity(&self, _place: usize) -> (usize, &[u8]) {
        // Reads that may not bypass the cache use another slot, so that they do not share loads with reads that
        // may.
        let slot = match self.query.decorated.options.on_cache_error {
            OnCacheError::Report | OnCacheError::Tolerate => slot(),
            OnCacheError::Fail => strict_slot(),
        };
        (slot, self.query.parts)
    }

    fn refuse_cut_off(&self) -> Option<Error> {
        (self.query.decorated.options.on_cache_error == OnCacheError::Fail).then(|| {
            let message =
                "the cache cannot be used, and reads may not bypass it (`OnCacheError::Fail`)";
            Error::new(ErrorKind::Unavailable, message)
        })
    }

    fn fetch<'a>(&'a self, places: &'a [usize]) -> BoxFuture<'a, Vec<Result<Loaded, Error>>> {
        debug_assert_eq!(places, [0], "one read, one key");
        let engine = &self.query.decorated.cow.engine;
        async { vec![engine.limited(self.fetch_one()).await] }.boxed()
    }

    fn seal(&self, _place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed {
        let content = loaded.as_ref().and_then(|content| content.downcast_ref::<Content>());
        let Some(content) = content else { return Sealed::Unstorable };
        let Content::Whole(value, expires_in) = content else {
            self.query.state.count(Counter::Oversized);
            return Sealed::Unstorable;
        };
        if value.len() > self.query.decorated.max_value_size() {
            self.query.state.count(Counter::Oversized);
            return Sealed::Unstorable;
        }
        // The backing store reported it when the fetch began.
        let expires_in = expires_in.map(|time| time.saturating_sub(fetch_took));
        let Some(ttl) = self.query.decorated.ttl(expires_in) else { return Sealed::Unstorable };
        let now = self.query.decorated.cow.engine.wall_clock();
        let header = entry::header(now, fetch_took, ttl);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry { value: value.clone(), expires_in: expires_in.map(millis) };
        match entry::encode(header, self.query.parts, &entry) {
            Ok(document) => Sealed::Storable(document, ttl),
            Err(_) => Sealed::Unstorable,
        }
    }
}

impl<S> Decorated<S> {
    /// Verifies a cached document: the value, and how long the backing store keeps it.
    pub(super) fn judge(
        &self,
        state: &TypeState,
        key: Key,
        parts: &[u8],
        document: &Bytes,
    ) -> Result<(Bytes, Option<Duration>), Verdict> {
        let engine = &self.cow.engine;
        let mut unpacked = None;
        let max_len = if packed::is_packed(document) {
            entry::max_len(parts, self.max_value_size())
        } else {
            usize::MAX
        };
        let packing = &engine.settings.packing;
        let clear = match packing.unpack(key, document, max_len, &mut unpacked) {
            Ok(clear) => clear,
            Err(Refusal::TooLarge) => return Err(LIMITED_ELSEWHERE),
            Err(refusal) => return Err(refused(engine, state, document, refusal)),
        };
        let Some((Entry { value, expires_in }, header)) = entry::decode(clear, parts) else {
            return Err(reject(state, document, "of another key"));
        };
        if value.len() > self.max_value_size() {
            return Err(LIMITED_ELSEWHERE);
        }
        let age = engine.wall_clock().saturating_sub(header.stored_at);
        if packing.encrypts() && age >= u64::from(header.ttl) {
            // The cache expired it before: someone else wrote it back.
            return Err(Verdict::Replace(SeenValue::of(document)));
        }
        let Some(expires_in) = expires_in else { return Ok((value, None)) };
        match expires_in.saturating_sub(age) {
            // It expired while it was being stored.
            0 => Err(Verdict::Replace(SeenValue::of(document))),
            left => Ok((value, Some(Duration::from_millis(left)))),
        }
    }

    /// How long a value may be cached if the backing store keeps it for this time.
    fn ttl(&self, expires_in: Option<Duration>) -> Option<Duration> {
        let settings = &self.cow.engine.settings;
        let ttl = self.options.ttl.unwrap_or(settings.ttl).min(LONGEST);
        let shortened = ttl.mul_f64(1.0 - settings.ttl_jitter * fastrand::f64());
        let least = Duration::from_millis(1);
        let ttl = shortened.max(least).min(expires_in.unwrap_or(Duration::MAX));
        // Redis counts in milliseconds: less than one means not cached.
        (ttl >= least).then_some(ttl)
    }
}

impl<S> fmt::Debug for ValueLoader<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueLoader").field("hash", &self.query.hash).finish_non_exhaustive()
    }
}
