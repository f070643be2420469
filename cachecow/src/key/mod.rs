//! What an object is cached under: typed parts, encoded without ambiguity and hashed.

mod encoder;
mod map;
mod part;

use std::fmt;

pub use encoder::KeyEncoder;
pub(crate) use map::{FoldKeys, KeyMap};
pub use part::KeyPart;

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

    /// The hash's 16 bytes, most significant first, as URL-safe base64 without padding (RFC 4648).
    pub(crate) fn text(self) -> [u8; Self::TEXT_LEN] {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digit = |value: u8| DIGITS[usize::from(value & 63)];
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

    pub(crate) const TEXT_LEN: usize = 22;

    /// The key with this text; `None` if it is no key's.
    #[cfg(feature = "redis")]
    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        let digit = |digit: &u8| match digit {
            b'A'..=b'Z' => Some(digit - b'A'),
            b'a'..=b'z' => Some(digit - b'a' + 26),
            b'0'..=b'9' => Some(digit - b'0' + 52),
            b'-' => Some(62),
            b'_' => Some(63),
            _ => None,
        };
        let text: &[u8; Self::TEXT_LEN] = text.try_into().ok()?;
        let (last, digits) = text.split_last()?;
        let upper = digits
            .iter()
            .try_fold(0_u128, |hash, byte| Some(hash << 6 | u128::from(digit(byte)?)))?;
        // The last digit has 2 bits of the hash, and 4 that are zero.
        let lower = digit(last).filter(|last| last & 0b1111 == 0)?;
        Some(Self(upper << 2 | u128::from(lower >> 4)))
    }
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
    fn a_key_comes_back_from_its_text() {
        for hash in [0, 1, u128::MAX, 0x35a4_57e8_1477_b6a8_eb12_fe0e_73e9_30cb] {
            assert_eq!(Key::from_text(&Key(hash).text()), Some(Key(hash)));
        }
    }

    #[test]
    fn what_is_no_key_s_text_is_refused() {
        let text = Key(u128::MAX).text();
        assert_eq!(Key::from_text(&text[1..]), None);
        assert_eq!(Key::from_text(b""), None);
        for (at, byte) in [(0, b'+'), (21, b'x'), (7, b'}'), (20, 0xff)] {
            let mut text = text;
            text[at] = byte;
            assert_eq!(Key::from_text(&text), None, "{at}");
        }
    }
}
