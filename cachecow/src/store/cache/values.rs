//! Cached values in a store, each with its expiry.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::backend::{BackendError, BackendErrorKind};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::store::{KeyValueStore, Ttl};

/// The bytes before each value: until when it may be served, in milliseconds since 1970.
const EXPIRY: usize = size_of::<u64>();

pub(super) struct Values {
    store: Arc<dyn KeyValueStore>,
    has_ttl: bool,
    clock: OnceLock<Clock>,
}

/// What is stored under a key's name.
pub(super) enum Found {
    Nothing,
    Expired,
    Value(Bytes),
}

impl Values {
    pub(super) fn new(store: impl KeyValueStore + 'static) -> Self {
        let has_ttl = store.capabilities().ttl;
        Self { store: Arc::new(store), has_ttl, clock: OnceLock::new() }
    }

    /// Uses this clock, if none was set before.
    pub(super) fn use_clock(&self, clock: &Clock) {
        self.clock.get_or_init(|| Arc::clone(clock));
    }

    fn millis_since_1970(&self) -> u64 {
        let now = self.clock.get().map_or_else(SystemTime::now, |clock| clock());
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn store(&self) -> &dyn KeyValueStore {
        &*self.store
    }

    pub(super) async fn find(&self, key: Key) -> Result<Found, BackendError> {
        let mut stored = match self.store.get(&name(key)).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::NotFound || is_no_name(&error) => {
                return Ok(Found::Nothing);
            }
            Err(error) => return Err(rejected(&error)),
        };
        if stored.len() < EXPIRY {
            // Not written by this crate, or cut; the value is rejected when it is judged.
            return Ok(Found::Value(stored));
        }
        let value = stored.split_off(EXPIRY);
        let expires = stored[..].try_into().map_or(0, u64::from_be_bytes);
        let expired = expires <= self.millis_since_1970();
        Ok(if expired { Found::Expired } else { Found::Value(value) })
    }

    pub(super) async fn put(
        &self,
        key: Key,
        value: &Bytes,
        ttl: Duration,
    ) -> Result<(), BackendError> {
        let ttl_millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut stored = BytesMut::with_capacity(EXPIRY + value.len());
        stored.put_u64(self.millis_since_1970().saturating_add(ttl_millis));
        stored.extend_from_slice(value);
        // So that the store can remove expired values, if it has times to live.
        let ttl = if self.has_ttl { Ttl::After(ttl) } else { Ttl::StoreDefault };
        self.store
            .put_bytes(&name(key), stored.freeze(), ttl)
            .await
            .map_err(|error| rejected(&error))
    }

    pub(super) async fn remove(&self, key: Key) -> Result<(), BackendError> {
        match self.store.delete(&name(key)).await {
            Err(error) if !is_no_name(&error) => Err(rejected(&error)),
            _ => Ok(()),
        }
    }

    /// Whether the store answers.
    pub(super) async fn ping(&self) -> Result<(), BackendError> {
        let asked = self.store.contains("ping").await;
        asked.map(|_| ()).map_err(|error| rejected(&error))
    }
}

/// The key's words and hash, in characters that every store accepts: `user.NaRX6BR3tqjrEv4Oc-kwyw`.
fn name(key: Key) -> String {
    key.to_string().replace(':', ".")
}

/// Whether the store does not accept the name: then there is nothing under it.
fn is_no_name(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidKey
}

fn rejected(error: &Error) -> BackendError {
    BackendError::new(BackendErrorKind::Rejected, error.to_string())
}
