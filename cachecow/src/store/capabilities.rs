//! What a store can do.

use super::KeySpace;

/// What a store can do besides storing; the rest is refused with
/// [`Unsupported`](crate::ErrorKind::Unsupported).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Which keys it takes.
    pub key_space: KeySpace,
    /// Whether values may have a time to live ([`Ttl::After`](super::Ttl::After)).
    pub ttl: bool,
    /// Whether it can `copy` and `rename`.
    pub copy: bool,
    /// Whether it has addresses to give ([`url_for`](super::KeyValueStore::url_for)).
    pub urls: bool,
}

impl Capabilities {
    /// Storing, and nothing more.
    pub const fn of(key_space: KeySpace) -> Self {
        Self { key_space, ttl: false, copy: false, urls: false }
    }

    /// These, and times to live.
    #[must_use]
    pub const fn with_ttl(self) -> Self {
        Self { ttl: true, ..self }
    }

    /// These, and copies.
    #[must_use]
    pub const fn with_copy(self) -> Self {
        Self { copy: true, ..self }
    }

    /// These, and addresses.
    #[must_use]
    pub const fn with_urls(self) -> Self {
        Self { urls: true, ..self }
    }
}
