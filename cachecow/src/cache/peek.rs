//! The result of a peek into the cache.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::read::peek;
use crate::error::{Error, ErrorKind};
use crate::key::Scope;
use crate::model::lookup::Lookup;

/// What the cache holds for a lookup; what [`CacheCow::peek`](crate::CacheCow::peek) returns.
///
/// `expires_in` is the minimum time for which the cache will still serve it, by the clocks of this process and of
/// the process that stored it. It is exact for a type with `stale_if_error` or `refresh_ahead`, and for a value
/// that was stored with [`ReadOptions::ttl`](crate::ReadOptions::ttl). Otherwise the cache may serve it longer, by
/// up to [`ttl_jitter`](crate::Builder::ttl_jitter) of its time to live.
///
/// [`CacheCow::peek`](crate::CacheCow::peek) has an example.
#[derive(Debug, PartialEq, Eq)]
pub enum Peek<T> {
    /// Nothing that may be served is cached: a read would fetch.
    NotCached,
    /// The absence is cached: the backing store has no such object.
    Absent {
        /// The minimum time for which reads will still return the absence.
        expires_in: Duration,
    },
    /// The object is cached.
    Object {
        /// The object.
        object: Arc<T>,
        /// The minimum time for which reads will still return the object.
        expires_in: Duration,
    },
}

impl<T> Peek<T> {
    /// Returns the object, if it is cached.
    pub fn object(self) -> Option<Arc<T>> {
        match self {
            Self::Object { object, .. } => Some(object),
            Self::Absent { .. } | Self::NotCached => None,
        }
    }
}

pub(crate) async fn look<L: Lookup>(
    engine: &Engine,
    scope: Scope,
    lookup: &L,
) -> Result<Peek<L::Object>, Error> {
    engine.pending.resume();
    let message = "peek: the cache cannot be used; a read would be served by the fetch function";
    match peek(engine, scope, lookup).await {
        Ok(None) => Ok(Peek::NotCached),
        Ok(Some((None, expires_in))) => Ok(Peek::Absent { expires_in }),
        Ok(Some((Some(object), expires_in))) => Ok(Peek::Object { object, expires_in }),
        Err(error) => Err(Error::caused_by(ErrorKind::Unavailable, message, error)),
    }
}
