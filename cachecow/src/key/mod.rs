//! What an object is cached under: typed parts, encoded without ambiguity and hashed.

mod encoder;
mod map;
mod part;

use std::fmt;

pub use encoder::KeyEncoder;
pub(crate) use map::KeyMap;
pub use part::KeyPart;

/// The hashed name of one cached object: XXH3-128 of its encoded parts.
///
/// Two keys are equal if and only if their hashes are. A hash may collide, by chance or by intent,
/// which is why every object read from a cache is verified against the parts that were asked for.
///
/// The `Debug` form shows the hash, which is also what stands in the name of the Redis keys; it
/// reveals no key part.
///
/// ```
/// use cachecow::{Key, KeyEncoder};
///
/// let mut encoder = KeyEncoder::new("user:{}");
/// encoder.int(42);
/// assert_eq!(encoder.key().to_string(), "35a457e81477b6a8eb12fe0e73e930cb");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    /// The key with this hash, for tools that read the hash off a Redis key's name.
    pub const fn from_hash(hash: u128) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn hash(self) -> u128 {
        self.0
    }

    /// The hash as 32 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:032x})", self.0)
    }
}
