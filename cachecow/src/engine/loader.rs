//! What the engine needs to know of a type, without its type: the objects as `Any`, the fetches
//! boxed. A hit does not come here.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::judge::Judged;
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::{Fill, Lost, Reply, SeenValue, Verdict};
use crate::stats::TypeState;

/// A fetched value on its way into the cache.
pub(crate) enum Sealed {
    Storable(Bytes, Duration),
    Unstorable,
    /// Not to be stored nor shared; what became of it.
    Unfenced(Fill),
}

/// The engine's view of the lookups of one batch, by their place in it.
pub(crate) trait Loader: Send + Sync {
    fn key(&self, place: usize) -> Key;

    fn state(&self) -> &TypeState;

    /// Decodes and verifies a stored document.
    fn judge(&self, place: usize, document: &Bytes) -> Judged<Loaded>;

    /// The key that has to be looked up before the document can be judged, by
    /// [`judge_referred`](Self::judge_referred).
    fn refers_to(&self, _place: usize, _document: &Bytes) -> Option<Key> {
        None
    }

    /// Decodes and verifies what is stored under the key that the document refers to.
    fn judge_referred(
        &self,
        place: usize,
        document: &Bytes,
        _reply: Result<Reply, Lost>,
    ) -> Judged<Loaded> {
        self.judge(place, document)
    }

    /// What tells this place's load from one whose key has the same hash: the type and the parts.
    fn identity(&self, place: usize) -> (usize, &[u8]);

    /// The error of a read that must not fetch while the cache cannot be used; `None` lets it.
    fn refuse_cut_off(&self) -> Option<Error>;

    /// Fetches from the backing store, answering for each place in order. What a place brings that
    /// does not fill is not sealed.
    fn fetch<'a>(
        &'a self,
        places: &'a [usize],
        fills: &'a [bool],
    ) -> BoxFuture<'a, Vec<Result<Loaded, Error>>>;

    /// Whether the claim of the place's key vouches for a fetch's error: if it stood, no invalidation
    /// that would make the error outdated has come since the fetch began.
    fn claim_confirms_errors(&self) -> bool {
        true
    }

    /// The guard of the type's tags, if its objects carry any.
    fn guard(&self) -> Option<Key> {
        None
    }

    /// Whether what is sealed carries the tags' epochs.
    fn seals_tags(&self) -> bool {
        self.guard().is_some()
    }

    /// What to do about a document whose object's tags were invalidated; the document is the
    /// object's.
    fn outdated(&self, _place: usize, document: &Bytes) -> Verdict {
        Verdict::Replace(SeenValue::of(document))
    }

    /// The tags that an object carries.
    fn tags(&self, _loaded: &Loaded) -> Vec<Key> {
        Vec::new()
    }

    /// Encodes a fetched value.
    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed;
}
