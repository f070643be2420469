//! Scopes, which separate the keys of tenants.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use super::Key;
#[cfg(feature = "scopes")]
use super::{KeyEncoder, KeyPart};

/// The set of objects that a handle reads and writes: those of one tenant, for example. `CacheCow::scoped` (feature
/// `scopes`) returns a handle with a scope. Other handles have the unnamed scope.
///
/// A key in a scope has the words of the original key, and another hash: XXH3-128 of the original hash and the
/// scope's number, 16 bytes each, most significant first. The scope's number is the first 16 bytes of a SHA-256.
/// Its input is the number of the outer scope (zero, if there is none), and then the encoding of an empty template
/// and the name. So nobody can find a name that leads to the keys of another scope. Every value is also verified
/// against the parts that were asked for, so two equal keys with equal parts belong to one scope. This encoding is
/// fixed, like that of keys, and has published test vectors.
///
/// ```
/// # #[cfg(feature = "scopes")] {
/// use cachecow::{CacheCow, Key, Scope};
///
/// let of_acme = CacheCow::memory().scoped("acme");
/// assert_eq!(of_acme.scope(), Scope::default().within("acme"));
///
/// // What to look for in Redis: `cache:{…}` of this key.
/// let key = Key::of("user:{}", (42,)).key();
/// assert_ne!(of_acme.scope().key(key), key);
/// assert_eq!(Scope::default().key(key), key);
/// # }
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Zero: no scope.
    number: u128,
}

impl Scope {
    /// Returns the scope with this name inside this one.
    ///
    /// ```
    /// use cachecow::{KeyEncoder, Scope};
    ///
    /// let mut encoder = KeyEncoder::new("user:{}");
    /// encoder.int(42);
    /// let (key, tenant) = (encoder.key(), Scope::default().within(7));
    /// assert_eq!(Scope::default().key(key), key);
    /// assert_ne!(tenant.key(key), key);
    /// assert_ne!(tenant.within("eu").key(key), tenant.key(key));
    /// ```
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn within(self, name: impl KeyPart) -> Self {
        use sha2::{Digest as _, Sha256};
        let mut encoded = KeyEncoder::new("");
        name.encode(&mut encoded);
        let hash = Sha256::new()
            .chain_update(self.number.to_be_bytes())
            .chain_update(encoded.as_bytes())
            .finalize();
        let mut number = [0; 16];
        number.copy_from_slice(&hash[..16]);
        Self { number: u128::from_be_bytes(number) }
    }

    /// Returns `key` in this scope.
    #[inline]
    pub fn key(self, key: Key) -> Key {
        if self.number == 0 { key } else { self.mix(key) }
    }

    #[cold]
    fn mix(self, key: Key) -> Key {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&key.hash.to_be_bytes());
        both[16..].copy_from_slice(&self.number.to_be_bytes());
        let scoped = Key { hash: xxh3_128(&both), words: key.words };
        #[cfg(feature = "testing")]
        super::named::note_scoped(scoped, key);
        scoped
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str("Scope(none)"),
            number => write!(f, "Scope({number:032x})"),
        }
    }
}
