//! What an object is cached under: typed parts, encoded without ambiguity and hashed.

#[cfg(any(
    feature = "bson",
    feature = "chrono",
    feature = "rust_decimal",
    feature = "time",
    feature = "uuid"
))]
mod crates;
mod encoder;
mod map;
mod part;

use std::fmt;

pub use encoder::KeyEncoder;
pub(crate) use map::{FoldKeys, KeyMap};
pub use part::KeyPart;
use xxhash_rust::xxh3::xxh3_128;

/// The hashed name of one cached object: XXH3-128 of its encoded parts.
///
/// Two keys are equal if and only if their hashes are. A hash may collide, by chance or by intent,
/// which is why every object read from a cache is verified against the parts that were asked for.
///
/// `Display` and `Debug` show the hash as it stands in the names of the Redis keys, 22 characters of
/// URL-safe base64; it reveals no key part.
///
/// ```
/// use cachecow::{Key, KeyEncoder};
///
/// let mut encoder = KeyEncoder::new("user:{}");
/// encoder.int(42);
/// assert_eq!(encoder.key().to_string(), "NaRX6BR3tqjrEv4Oc-kwyw");
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

    /// The key of encoded parts.
    #[inline]
    pub(crate) fn of_parts(parts: &[u8]) -> Self {
        Self(xxh3_128(parts))
    }

    /// The hash's 16 bytes, most significant first, as URL-safe base64 without padding (RFC 4648).
    pub(crate) fn text(self) -> [u8; Self::TEXT_LEN] {
        let digit = |value: u8| Self::DIGITS[usize::from(value & 63)];
        let bytes = self.0.to_be_bytes();
        let mut text = [0; Self::TEXT_LEN];
        for (digits, bytes) in text.chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
            digits[0] = digit(bytes[0] >> 2);
            digits[1] = digit(bytes[0] << 4 | bytes[1] >> 4);
            digits[2] = digit(bytes[1] << 2 | bytes[2] >> 6);
            digits[3] = digit(bytes[2]);
        }
        text[20] = digit(bytes[15] >> 2);
        text[21] = digit(bytes[15] << 4);
        text
    }

    /// The key with this [`text`](Self::text).
    #[cfg(feature = "redis")]
    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        let (last, digits) = text.split_last()?;
        if text.len() != Self::TEXT_LEN {
            return None;
        }
        let value = |digit| Self::DIGITS.iter().position(|other| other == digit);
        let hash = digits.iter().try_fold(0_u128, |hash, digit| {
            Some(hash << 6 | u128::try_from(value(digit)?).ok()?)
        })?;
        // The last digit has two bits of the hash, and four that are zero.
        let last = value(last).filter(|last| last % 16 == 0)?;
        Some(Self(hash << 2 | u128::try_from(last >> 4).ok()?))
    }

    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    pub(crate) const TEXT_LEN: usize = 22;
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digits and letters only.
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use super::Key;

    #[test]
    fn a_key_shows_its_text() {
        let key = Key::from_hash(0x0123_4567_89ab_cdef_0fed_cba9_8765_4321);
        assert_eq!(key.to_string().as_bytes(), key.text());
        assert_eq!(format!("{key:?}"), format!("Key({key})"));
    }

    #[test]
    fn a_key_is_read_from_its_text() {
        for hash in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321] {
            let key = Key::from_hash(hash);
            assert_eq!(Key::from_text(&key.text()), Some(key));
        }
        for text in [
            "",
            "NaRX6BR3tqjrEv4Oc-kwy",
            "NaRX6BR3tqjrEv4Oc-kwy!",
            "NaRX6BR3tqjrEv4Oc-kwywA",
            "NaRX6BR3tqjrEv4Oc-kwyx",
        ] {
            assert_eq!(Key::from_text(text.as_bytes()), None, "{text}");
        }
    }
}
