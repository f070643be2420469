//! Cache keys: typed parts, encoded without ambiguity and hashed.

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
#[cfg(feature = "testing")]
pub(crate) mod named;
mod of;
mod part;
mod scope;
#[cfg(feature = "testing")]
mod shown;
mod words;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;

pub use encoder::KeyEncoder;
pub(crate) use map::{FoldKeys, KeyMap};
pub(crate) use of::emptied;
pub use of::{EncodedKey, KeyParts};
pub use part::KeyPart;
pub use scope::Scope;
#[doc(hidden)]
pub use words::Template;
pub(crate) use words::template_at;
use xxhash_rust::xxh3::xxh3_128;

use self::words::Words;

/// The name of one cached object: the words of its template, and XXH3-128 of its encoded parts.
///
/// Equal parts have equal keys. A hash may collide, by chance or by intent. So every object read from a cache is
/// verified against the parts that were asked for.
///
/// `Display` and `Debug` show the key as it is between the braces in the names of the Redis keys. First come the
/// words (at most 31 characters, each word followed by a colon), then the hash (22 characters of URL-safe base64).
/// A word is a run of ASCII letters, digits, `-` and `_` in the template, outside its placeholders. The text does
/// not reveal any key part.
///
/// ```
/// use cachecow::{Key, KeyEncoder};
///
/// let mut encoder = KeyEncoder::new("user:{}");
/// encoder.int(42);
/// assert_eq!(encoder.key().to_string(), "user:NaRX6BR3tqjrEv4Oc-kwyw");
/// assert_eq!(Key::from_name("cache:{user:NaRX6BR3tqjrEv4Oc-kwyw}"), Some(encoder.key()));
/// ```
#[derive(Clone, Copy)]
pub struct Key {
    hash: u128,
    /// A reference, since keys are copied often. The words of a derived template are constants, the others are
    /// interned.
    words: &'static Words,
}

/// Why a text is not the name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// It does not have the form of a key's name.
    Malformed,
    /// It may be a key's name, but the table of words is full.
    TooManyWords,
}

impl Key {
    /// Makes a key with this hash and without words, for tests. An object's key has the words of
    /// its template: [`from_name`](Self::from_name) reads such a key from the name of a Redis key.
    pub const fn from_hash(hash: u128) -> Self {
        Self { hash, words: &Words::NONE }
    }

    /// Reads the key from the name of a value, flag or tag in Redis, with or without a namespace. For tools.
    ///
    /// The words of each name stay in memory. After some thousands of different words, names with further words
    /// return `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (_, text) = name.strip_suffix('}')?.rsplit_once('{')?;
        Self::from_text(text.as_bytes()).ok()
    }

    /// Returns the hash.
    #[inline]
    pub const fn hash(self) -> u128 {
        self.hash
    }

    /// The key of parts that this program encoded.
    pub(crate) fn of_parts(parts: &[u8]) -> Self {
        Self::hashed(parts, Words::of_parts(parts).interned())
    }

    /// The key of encoded parts that were read from the cache; `None` if the table of words is full.
    pub(crate) fn of_foreign_parts(parts: &[u8]) -> Option<Self> {
        Some(Self::hashed(parts, Words::of_parts(parts).interned_if_room()?))
    }

    #[inline]
    fn hashed(parts: &[u8], words: &'static Words) -> Self {
        Self { hash: xxh3_128(parts), words }
    }

    /// The words in front of the hash.
    #[inline]
    pub(crate) fn words(&self) -> &[u8] {
        self.words.as_bytes()
    }

    /// Another key with the same words.
    #[cfg(feature = "cli")]
    pub(crate) fn with_hash(self, hash: u128) -> Self {
        Self { hash, ..self }
    }

    /// For the key of a tag: the key of the epoch that query results with this tag carry.
    pub(crate) fn of_answers(self) -> Self {
        let mut parts = KeyEncoder::new("");
        parts.scope("answers");
        parts.bytes(&self.hash.to_be_bytes());
        let key = Self::hashed(parts.as_bytes(), self.words);
        #[cfg(feature = "testing")]
        named::note_answers(key, self);
        key
    }

    /// The hash's 16 bytes, most significant first, as URL-safe base64 without padding (RFC 4648).
    pub(crate) fn hash_text(self) -> [u8; Self::TEXT_LEN] {
        let mut text = [0; Self::TEXT_LEN];
        let (pairs, _) = text.as_chunks_mut();
        for (at, pair) in (0..).zip(pairs) {
            // The last pair holds eight bits of the hash and four zero bits.
            let bits = if at == 10 { self.hash << 4 } else { self.hash >> (116 - 12 * at) };
            let [low, high, ..] = bits.to_le_bytes();
            *pair = Self::PAIRS[usize::from(u16::from_le_bytes([low, high]) & 0xfff)];
        }
        text
    }

    /// Reads a key from its text form; the text is untrusted.
    pub(crate) fn from_text(text: &[u8]) -> Result<Self, NoKey> {
        let hash_at = text.len().checked_sub(Self::TEXT_LEN).ok_or(NoKey::Malformed)?;
        let (words, hash) = text.split_at(hash_at);
        let hash = hash_of(hash).ok_or(NoKey::Malformed)?;
        let known = Words::of(words);
        if known.as_bytes() != words {
            return Err(NoKey::Malformed);
        }
        Ok(Self { hash, words: known.interned_if_room().ok_or(NoKey::TooManyWords)? })
    }

    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// The two digits of each twelve bits.
    const PAIRS: [[u8; 2]; 1 << 12] = {
        let mut pairs = [[0; 2]; 1 << 12];
        let mut bits = 0;
        while bits < pairs.len() {
            pairs[bits] = [Self::DIGITS[bits >> 6], Self::DIGITS[bits & 63]];
            bits += 1;
        }
        pairs
    };

    pub(crate) const TEXT_LEN: usize = 22;
}

/// The hash with this text.
fn hash_of(text: &[u8]) -> Option<u128> {
    let (last, digits) = text.split_last()?;
    let value = |digit| Key::DIGITS.iter().position(|other| other == digit);
    let hash = digits
        .iter()
        .try_fold(0_u128, |hash, digit| Some(hash << 6 | u128::try_from(value(digit)?).ok()?))?;
    // The last digit holds two bits of the hash and four zero bits.
    let last = value(last).filter(|last| last % 16 == 0)?;
    Some(hash << 2 | u128::try_from(last >> 4).ok()?)
}

/// Keys with the same hash differ if their words differ, as their names in Redis do.
impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (ptr::eq(self.words, other.words) || self.words == other.words)
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match self.hash.cmp(&other.hash) {
            Ordering::Equal => self.words.cmp(other.words),
            different => different,
        }
    }
}

/// The words depend on the parts, which the hash already covers.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(Self::hash(*self));
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ASCII only.
        f.write_str(std::str::from_utf8(self.words()).unwrap_or_default())?;
        f.write_str(std::str::from_utf8(&self.hash_text()).unwrap_or_default())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyEncoder, NoKey, Template};

    #[test]
    fn a_key_shows_its_words_and_its_hash() {
        let hash = 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321;
        let key = Key::from_hash(hash);
        assert_eq!(key.hash(), hash);
        assert_eq!(key.to_string().as_bytes(), key.hash_text());
        assert_eq!(format!("{key:?}"), format!("Key({key})"));
        let key = KeyEncoder::new("user:email:{}").key();
        assert_eq!(key.to_string(), format!("user:email:{}", Key::from_hash(key.hash())));
    }

    #[test]
    fn a_key_is_read_from_its_text() {
        for hash in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0fed_cba9_8765_4321] {
            let key = Key::from_hash(hash);
            assert_eq!(Key::from_text(&key.hash_text()), Ok(key));
        }
        for template in
            ["user:{}", "{}", "tenant:{}:user:{}", "🐄 and {{braces}} and more than fits"]
        {
            let key = KeyEncoder::new(template).key();
            assert_eq!(Key::from_text(key.to_string().as_bytes()), Ok(key), "{template}");
            for name in [format!("cache:{{{key}}}"), format!("shop:flag:{{{key}}}")] {
                assert_eq!(Key::from_name(&name), Some(key), "{name}");
            }
        }
        for text in [
            "",
            "NaRX6BR3tqjrEv4Oc-kwy",
            "NaRX6BR3tqjrEv4Oc-kwy!",
            "NaRX6BR3tqjrEv4Oc-kwywA",
            "NaRX6BR3tqjrEv4Oc-kwyx",
            "user NaRX6BR3tqjrEv4Oc-kwyw",
            "user::NaRX6BR3tqjrEv4Oc-kwyw",
            ":NaRX6BR3tqjrEv4Oc-kwyw",
            "a-word-that-is-longer-than-any-of-ours:NaRX6BR3tqjrEv4Oc-kwyw",
        ] {
            assert_eq!(Key::from_text(text.as_bytes()), Err(NoKey::Malformed), "{text}");
        }
        for name in ["", "cache:", "cache:{NaRX6BR3tqjrEv4Oc-kwyw", "NaRX6BR3tqjrEv4Oc-kwyw}"] {
            assert_eq!(Key::from_name(name), None, "{name}");
        }
    }

    /// The same words may stand in several places in memory.
    #[test]
    fn keys_are_equal_by_their_hash_and_what_their_words_say() {
        static TEMPLATE: Template = Template::new("user:{}");
        let (derived, written) =
            (KeyEncoder::of(&TEMPLATE).key(), KeyEncoder::new("user:{}").key());
        assert!(std::ptr::eq(derived.words, written.words), "found once");
        let elsewhere = Key { words: Box::leak(Box::new(*derived.words)), ..derived };
        for same in [written, elsewhere] {
            assert_eq!(derived, same);
            assert!(derived.cmp(&same).is_eq());
        }
        let other = Key { words: KeyEncoder::new("order:{}").key().words, ..derived };
        assert_eq!(other.hash(), derived.hash());
        assert_ne!(other, derived);
        assert!(other.cmp(&derived).is_ne());
    }

    /// Reads copy and sort keys often.
    #[test]
    fn a_key_is_small() {
        assert_eq!(size_of::<Key>(), 32);
    }
}
