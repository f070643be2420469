//! The settings of how values are stored: compressed, encrypted.

use super::Builder;
#[cfg(feature = "zstd")]
use crate::packing::Compression;
#[cfg(feature = "encryption")]
use crate::packing::Keyring;

impl Builder {
    /// Compresses values of at least `above` bytes (encoded, with their header). A value that becomes at most 16
    /// bytes shorter is stored as it is. Default: no compression.
    ///
    /// In this crate's benchmark, an object of 2 KB, like those that APIs return as JSON, shrinks to 0.4 times its
    /// length, and one of 100 KB to 0.26 times. Below about 200 bytes there is nothing to gain. A hit takes a few
    /// microseconds more. [`max_value_size`](Self::max_value_size) limits the uncompressed value. Nothing larger is
    /// decompressed, so a forged value cannot take more memory than a real one.
    ///
    /// # Errors
    ///
    /// With a level that zstd does not have, opening the cache fails with
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig). A stored value that cannot be decompressed is
    /// a miss, and is replaced.
    ///
    /// # Consistency
    ///
    /// A cache can read compressed values whether or not it compresses itself. So processes with different settings
    /// can share a cache. A program without the feature `zstd` treats compressed values as those of another
    /// version: see [`replace_after`](Self::replace_after).
    ///
    /// With [`encrypt`](Self::encrypt), values are compressed first, so their length reveals how well they
    /// compress. An attacker who sees the lengths, and can put a text of their choice into the same object as a
    /// secret, can guess the secret bit by bit. Do not compress such objects: use another cache for them.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::{CacheCow, Compression};
    ///
    /// let cow = CacheCow::builder().compress(Compression::zstd(3), 512).memory()?;
    /// # drop(cow);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "zstd")]
    pub fn compress(mut self, compression: Compression, above: usize) -> Self {
        self.settings.packing.compress(compression, above);
        self
    }

    /// Encrypts and authenticates stored values with XChaCha20-Poly1305 and a random nonce: objects, absences,
    /// alias pointers, and the values of a `CacheDecorator` on this cache. Each value grows by about 70 bytes.
    /// Default: no encryption.
    ///
    /// Each value is bound to its key, this cache's [`namespace`](Self::namespace), the fingerprint of its type and
    /// its header. If a value is changed, moved to another key or namespace, given another age or time to live, or
    /// taken from another type, it is a miss. A value that is not encrypted is a miss too: nobody without a key can
    /// insert a value.
    ///
    /// Anyone who can read the cache still sees:
    ///
    /// - The names of the keys: the namespace, and a hash of the key's parts. The hash does not depend on a secret.
    ///   So anyone who guesses an e-mail address, for example, can compute its hash and check whether it is cached.
    ///   The names and epochs of tags are visible in the same way.
    /// - For each value: its length, when it was stored, how long the fetch took, its time to live, the fingerprint
    ///   of its type, the codec and the name of the encryption key.
    /// - Who reads and invalidates what, and when.
    ///
    /// # Errors
    ///
    /// With invalid names of encryption keys, opening the cache fails with
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig). A stored value that is not authentic is a
    /// miss, is counted in `decode_failures`, and is replaced. If the operating system cannot provide random
    /// numbers, nothing is stored.
    ///
    /// # Consistency
    ///
    /// If a value is encrypted with a key that this cache does not have, or is not encrypted, it is treated like a
    /// value of another version: it is not read, is counted in `other_versions`, and is replaced only after
    /// [`replace_after`](Self::replace_after). So processes with old and new settings can run side by side, but
    /// each must fetch what the other has stored. To change the key without such fetches, see [`Keyring`].
    ///
    /// Encryption does not protect against stale reads if an attacker can *write* to the cache. They can delete
    /// values, and can put an old value of a key back under the same key. That value is authentic, and is served
    /// until its time to live ends, by the clocks of the process that stored it and of the process that reads it.
    /// (So in an encrypted cache, those clocks should differ by far less than the time to live.) An attacker can
    /// also remove flags and epochs, so that an outdated fill is accepted. Under faults, races and crashes the
    /// promise holds as without encryption.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::{CacheCow, Keyring};
    ///
    /// # let key = [7; 32];
    /// let cow = CacheCow::builder().encrypt(Keyring::new("2026-11", &key)).memory()?;
    /// # drop(cow);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "encryption")]
    pub fn encrypt(mut self, keyring: Keyring) -> Self {
        self.settings.packing.encrypt(keyring);
        self
    }
}
