//! The settings of how values are stored: compressed, encrypted.

use super::Builder;
#[cfg(feature = "zstd")]
use crate::packing::Compression;
#[cfg(feature = "encryption")]
use crate::packing::Keyring;

impl Builder {
    /// Compresses values of at least `above` bytes, encoded and with their header; one that does not become
    /// shorter by more than 16 bytes is stored as it is. Default: none are compressed.
    ///
    /// In this crate's benchmark, an object of 2 KB like those that APIs give as JSON becomes 0.4 times as long, one
    /// of 100 KB 0.26 times. Below some 200 bytes there is nothing to gain. A hit takes a few microseconds more.
    /// [`max_value_size`](Self::max_value_size) counts for the value as it is before. What would be larger
    /// is not decompressed, so a forged value takes no more memory than an honest one.
    ///
    /// # Errors
    ///
    /// Opening the cache is [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) with a level that
    /// zstd does not have. A stored value that cannot be decompressed is a miss, and replaced.
    ///
    /// # Consistency
    ///
    /// A cache reads what is compressed whether or not it compresses. So processes with other settings run
    /// beside each other. A program without the feature `zstd` treats compressed values as those of
    /// another version: [`replace_after`](Self::replace_after).
    ///
    /// With [`encrypt`](Self::encrypt), values are compressed first. Their length then tells how well they could
    /// be compressed. Who can have a text of his choice cached beside a secret in one object, and sees the
    /// lengths, can guess the secret bit by bit: leave compression away from such objects, in a cache of their
    /// own.
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

    /// Encrypts and authenticates what is stored, by XChaCha20-Poly1305 with a random nonce: objects, that there
    /// is none under a key, where an alias leads, and the values of a `CacheDecorator` on this cache. Each value
    /// grows by about 70 bytes. Default: nothing is encrypted.
    ///
    /// Each value is bound to its key, this cache's [`namespace`](Self::namespace), the fingerprint of its type
    /// and its header. A value that is changed, moved to another key or namespace, given another age or lifetime,
    /// or taken from another type is a miss. So is a value that is not encrypted: nobody without a key can plant
    /// one.
    ///
    /// What anyone who reads the cache still sees:
    ///
    /// - The names of the keys: the namespace, and a hash of the key's parts. The hash has no secret in it. Who
    ///   guesses an e-mail address, say, can compute its hash and look whether it is cached. The names of tags
    ///   and the epochs are as visible.
    /// - Of each value its length, when it was stored, how long the fetch took, its time to live, the
    ///   fingerprint of its type, the codec and the name of the key.
    /// - Who reads and invalidates what, and when.
    ///
    /// # Errors
    ///
    /// Opening the cache is [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig) with names of keys
    /// that cannot be used. A stored value that is not authentic is a miss, counted in `decode_failures` and
    /// replaced. Where the operating system gives no random numbers, nothing is stored.
    ///
    /// # Consistency
    ///
    /// A value that is encrypted with a key that this cache does not have, or not encrypted, is treated like
    /// that of another version: not read, counted in `other_versions`, and replaced only after
    /// [`replace_after`](Self::replace_after). So old and new settings run beside each other, each fetching what
    /// the other has stored. To change the key without such fetches, see [`Keyring`].
    ///
    /// Encryption does not extend the promise that no read is stale to someone who *writes* to the cache. He
    /// can delete, and can put an old value of a key back under the same key: it is authentic, and is
    /// served for as long as its time to live, counted by the clocks of the process that stored it and the one
    /// that reads it. (This is why, in an encrypted cache, those clocks should agree to well within the
    /// time to live.) He can also remove flags and epochs, so that an outdated fill is accepted. Against faults,
    /// races and crashes the promise holds as without encryption.
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
