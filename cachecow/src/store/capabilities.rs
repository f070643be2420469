//! What a store can do.

use super::KeySpace;
use crate::error::Error;

/// What a store can do besides storing. Other operations return
/// [`Unsupported`](crate::ErrorKind::Unsupported).
///
/// ```
/// use cachecow::{KeyValueStore as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// assert!(store.capabilities().ttl, "values may have a time to live");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Which keys it accepts.
    pub key_space: KeySpace,
    /// The longest key it accepts, in bytes, if there is a limit: [`KeySpace::MAX_LEN`], or less in
    /// a wrapper that lengthens keys.
    pub max_key_len: Option<usize>,
    /// Whether values may have a time to live ([`Ttl::After`](super::Ttl::After)).
    pub ttl: bool,
    /// Whether it can `copy` and `rename`.
    pub copy: bool,
    /// Whether it can return addresses ([`url_for`](super::KeyValueStore::url_for)).
    pub urls: bool,
}

impl Capabilities {
    /// Returns the capabilities of a store that can only store values.
    pub const fn of(key_space: KeySpace) -> Self {
        let max_key_len = match key_space {
            KeySpace::Standard | KeySpace::Extended => Some(KeySpace::MAX_LEN),
            KeySpace::Text => None,
        };
        Self { key_space, max_key_len, ttl: false, copy: false, urls: false }
    }

    /// Adds a limit for the length of keys.
    #[must_use]
    pub const fn with_max_key_len(self, max_key_len: Option<usize>) -> Self {
        Self { max_key_len, ..self }
    }

    /// Adds times to live.
    #[must_use]
    pub const fn with_ttl(self) -> Self {
        Self { ttl: true, ..self }
    }

    /// Adds `copy` and `rename`.
    #[must_use]
    pub const fn with_copy(self) -> Self {
        Self { copy: true, ..self }
    }

    /// Adds addresses.
    #[must_use]
    pub const fn with_urls(self) -> Self {
        Self { urls: true, ..self }
    }

    /// Checks that the store accepts a key. `operation` is named in the error.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`](crate::ErrorKind::InvalidKey), which does not show the key.
    pub fn check(&self, operation: &str, key: &str) -> Result<(), Error> {
        self.key_space.check(operation, key)?;
        match self.max_key_len {
            Some(max) if key.len() > max => {
                let why = format!("has {} bytes, and {max} are allowed", key.len());
                Err(Error::invalid_key(operation, &why))
            }
            _ => Ok(()),
        }
    }
}
