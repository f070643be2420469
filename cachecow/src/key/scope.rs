//! Scopes, which tell the keys of tenants apart.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use super::Key;
#[cfg(feature = "scopes")]
use super::{KeyEncoder, KeyPart};

/// Whose objects a handle reads and writes: those of a tenant, say. `CacheCow::scoped` (feature `scopes`) gives a handle
/// one; without, a handle is of the scope that is named by nothing.
///
/// A key in a scope has the words of the key, and another hash: XXH3-128 of the key's hash and of the scope's number,
/// 16 bytes each, most significant first. The number is the first 16 bytes of a SHA-256, of the number of the scope
/// around it (zero, if there is none) and of the encoding of an empty template and the name. So nobody finds a name
/// whose keys are another scope's; and since what is found under a key is verified against the parts that were asked
/// for, equal keys of equal parts are of one scope. It is fixed, as the encoding of keys is, and has published test vectors.
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
    /// Zero: none.
    number: u128,
}

impl Scope {
    /// The scope of this name within this one.
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

    /// The key under which this scope has what is named by `key`.
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
