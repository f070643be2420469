//! The keys that values are encrypted with.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};

/// How long the name of a key may be.
const LONGEST_NAME: usize = 16;

const NONCE: usize = 24;
const TAG: usize = 16;

/// The keys for encrypting values; for [`Builder::encrypt`](crate::Builder::encrypt).
///
/// The first key encrypts, all keys decrypt. Each key has a name, which is stored unencrypted with every value, so
/// that a reader knows which key to use: 1 to 16 ASCII letters, digits, `-`, `_` and `.`.
///
/// To change to a new key, first open the cache of every process with the new key as the second one. Then open it
/// with the new key as the first, and the old key [after it](Self::and). When the longest time to live has passed,
/// remove the old key. Changing in one step works too, but costs a fetch for each value, since processes leave
/// values alone for a while if they do not have the key.
///
/// ```
/// use cachecow::Keyring;
///
/// # let (new, old) = ([7; 32], [8; 32]);
/// let keyring = Keyring::new("2026-11", &new).and("2026-05", &old);
/// assert_eq!(format!("{keyring:?}"), r#"Keyring { encrypts: "2026-11", decrypts: ["2026-11", "2026-05"] }"#);
/// ```
///
/// A key is 32 bytes from a cryptographic random number generator (`openssl rand`, a key management service), not a
/// password. The ring's copies are overwritten with zeros when the last cache with the ring is dropped, and `Debug`
/// does not show them. The caller must erase its own copy.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Arc<Cipher>>,
}

impl Keyring {
    /// Makes a ring with the key that encrypts.
    pub fn new(name: impl Into<String>, key: &[u8; 32]) -> Self {
        Self { keys: Vec::new() }.and(name, key)
    }

    /// Adds a key that only decrypts.
    #[must_use]
    pub fn and(mut self, name: impl Into<String>, key: &[u8; 32]) -> Self {
        let cipher = XChaCha20Poly1305::new(key.into());
        self.keys.push(Arc::new(Cipher { name: name.into(), cipher }));
        self
    }

    /// What is wrong with the names.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let fault = |key: &Arc<Cipher>| {
            let Cipher { name, .. } = &**key;
            if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(may_be_in_name) {
                Some(format!(
                    "encrypt: the name of a key must be 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`, \
                     not {name:?}"
                ))
            } else if names.insert(name.clone()) {
                None
            } else {
                Some(format!("encrypt: two keys have the name {name:?}"))
            }
        };
        self.keys.iter().filter_map(fault).collect()
    }

    /// The key that encrypts.
    pub(super) fn first(&self) -> &Cipher {
        &self.keys[0]
    }

    /// The key of this name.
    pub(super) fn named(&self, name: &[u8]) -> Option<&Cipher> {
        self.keys.iter().map(|key| &**key).find(|key| key.name.as_bytes() == name)
    }
}

fn may_be_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name()).collect();
        f.debug_struct("Keyring").field("encrypts", &names[0]).field("decrypts", &names).finish()
    }
}

/// A key and its name.
pub(super) struct Cipher {
    name: String,
    /// Erases the key when it is dropped.
    cipher: XChaCha20Poly1305,
}

impl Cipher {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns a nonce, the encrypted content and the tag; `None` if there are no random numbers.
    pub(super) fn encrypt(&self, associated: &[u8], content: &[u8]) -> Option<Vec<u8>> {
        // Random each time, not a counter: if a running virtual machine is copied, both copies would continue with
        // the same number.
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let mut encrypted = Vec::with_capacity(NONCE + content.len() + TAG);
        encrypted.extend_from_slice(&nonce);
        encrypted.extend_from_slice(content);
        let buffer = &mut encrypted[NONCE..];
        let (nonce, buffer) = (XNonce::from(nonce), buffer.into());
        let tag = self.cipher.encrypt_inout_detached(&nonce, associated, buffer).ok()?;
        encrypted.extend_from_slice(&tag);
        Some(encrypted)
    }

    /// How long the content is.
    pub(super) fn content_len(encrypted: &[u8]) -> Option<usize> {
        encrypted.len().checked_sub(NONCE + TAG).filter(|len| *len > 0)
    }

    /// Writes the content, whose length is [`content_len`](Self::content_len). `None` if it, or its associated
    /// data, is not authentic.
    pub(super) fn decrypt(
        &self,
        associated: &[u8],
        encrypted: &[u8],
        content: &mut [u8],
    ) -> Option<()> {
        let (nonce, encrypted) = encrypted.split_first_chunk::<NONCE>()?;
        let (encrypted, tag) = encrypted.split_last_chunk::<TAG>()?;
        content.copy_from_slice(encrypted);
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        self.cipher.decrypt_inout_detached(&nonce, associated, content.into(), &tag).ok()
    }
}
