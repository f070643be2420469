//! What the driver needs of a type, with the type erased: objects as `Any`, and boxed fetches. Hits
//! do not use it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::judge::Judgement;
use super::known::Known;
use super::primary::Primary;
use super::query::Tags;
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::{Compared, PointerHint, Purpose};
use crate::stats::TypeState;

/// The purpose of the reads of one call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoadOptions {
    pub(crate) purpose: Purpose,
    /// The time to live of what they store, if it differs from the type's.
    pub(crate) ttl: Option<Duration>,
}

/// A fetched value on its way into the cache.
pub(crate) enum Sealed {
    Storable(Bytes, Duration),
    Unstorable,
}

/// The driver's view of the lookups of one batch, by their place in it.
pub(crate) trait Loader: Send + Sync {
    fn key(&self, place: usize) -> Key;

    fn state(&self) -> &TypeState;

    /// Decodes and verifies a stored document.
    fn judge(&self, place: usize, document: &Bytes, known: &Known) -> Judgement<Loaded>;

    /// The type and the parts, which distinguish this load from one whose key has the same hash.
    fn identity(&self, place: usize) -> (usize, &[u8]);

    /// The error of a read that must not fetch while the cache cannot be used; `None`: it may fetch.
    fn refuse_cut_off(&self) -> Option<Error>;

    /// Whether nobody waits for the reads any more.
    fn is_unattended(&self) -> bool {
        false
    }

    /// Fetches from the backing store; returns one result for each place, in order.
    fn fetch<'a>(&'a self, places: &'a [usize]) -> BoxFuture<'a, Vec<Result<Loaded, Error>>>;

    /// Encodes a fetched value; it is compressed and encrypted when it is sent.
    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed;

    /// Called when the cache has stored what this place fetched; for an alias, with the pointer.
    fn on_stored(&self, _place: usize, _loaded: &Loaded, _pointer: Option<PointerHint<Primary>>) {}

    /// The epochs that are captured before this place's fetch, and must be unchanged after it: the guard of the
    /// type's tags, or the known tags of a query's result.
    fn guards(&self, _place: usize) -> Tags {
        Tags::new()
    }

    /// The epochs that an object carries, or its absence.
    fn tags(&self, _place: usize, _loaded: &Loaded) -> Tags {
        Tags::new()
    }

    /// Additional functions for lookups by an alias.
    fn aliases(&self) -> Option<&dyn Aliases> {
        None
    }
}

/// The driver's view of lookups by an alias: the value stored under the lookup's key is a pointer, or an absence.
pub(crate) trait Aliases: Send + Sync {
    /// The primary key that the alias probably points to.
    fn hinted_primary(&self, place: usize) -> Option<Primary>;

    /// The primary key of a fetched object.
    fn primary_of(&self, loaded: &Loaded) -> Option<Primary>;

    /// Encodes a pointer, which must have a fresh token.
    fn seal_pointer(&self, pointer: &PointerHint<Primary>, fetch_took: Duration) -> Option<Bytes>;

    /// Compares what is stored under a primary key with the document of an object that was fetched.
    fn compare(&self, primary: &Primary, stored: &Bytes, fetched: &Bytes) -> Compared;
}
