//! The encoding of key parts: canonical MessagePack, one document a part.

use std::fmt;

use super::Key;
use super::words::{Template, Words};

/// The MessagePack extension types of parts that MessagePack itself has no type for.
pub(super) mod ext {
    pub(in crate::key) const CHAR: u8 = 1;
    pub(in crate::key) const SCOPE: u8 = 2;
    pub(in crate::key) const INT_128: u8 = 3;
    pub(in crate::key) const UINT_128: u8 = 4;
    pub(in crate::key) const UUID: u8 = 5;
    pub(in crate::key) const IP_ADDRESS: u8 = 6;
    pub(in crate::key) const DATE: u8 = 16;
    pub(in crate::key) const TIME: u8 = 17;
    pub(in crate::key) const DATE_TIME: u8 = 18;
    pub(in crate::key) const INSTANT: u8 = 19;
    pub(in crate::key) const WEEKDAY: u8 = 20;
    pub(in crate::key) const MONTH: u8 = 21;
    pub(in crate::key) const DECIMAL: u8 = 22;
    pub(in crate::key) const OBJECT_ID: u8 = 23;
}

/// Collects the parts of one key and hashes them into a [`Key`].
///
/// The encoding is a sequence of MessagePack documents in their shortest form: the template with
/// its placeholders emptied (`user:{}`), then each part. Every document carries its own type and
/// length, so two different lists of parts never encode to the same bytes: `("ab", "c")` differs
/// from `("a", "bc")`, and the integer 1 differs from the text `"1"`. An integer is encoded by its
/// value, not by its Rust type, so a field may change from `i32` to `i64` and keep its keys.
///
/// The encoding is fixed: `tests/tests/key_vectors.rs` publishes test vectors, and a change to
/// them is a breaking change.
///
/// ```
/// use cachecow::KeyEncoder;
///
/// let mut by_number = KeyEncoder::new("user:{}");
/// by_number.int(1);
/// let mut by_text = KeyEncoder::new("user:{}");
/// by_text.str("1");
/// assert_ne!(by_number.key(), by_text.key());
/// ```
#[derive(Clone)]
pub struct KeyEncoder {
    encoded: Encoded,
    /// `None`: they are taken from the encoded template.
    words: Option<&'static Words>,
}

/// Most keys fit inline, without an allocation.
#[derive(Clone)]
enum Encoded {
    Inline { len: u8, bytes: [u8; INLINE] },
    Spilled(Vec<u8>),
}

const INLINE: usize = 64;

impl KeyEncoder {
    /// Starts a key with its template, the placeholders emptied: `user:email:{}`.
    ///
    /// Pass variable data as parts, never in the template: the words of each different template (at most 31 bytes)
    /// stay in memory until the program ends.
    #[inline]
    pub fn new(template: &str) -> Self {
        Self::begin(template, None)
    }

    #[doc(hidden)]
    #[inline]
    pub fn of(template: &'static Template) -> Self {
        Self::begin(template.text, Some(template.words()))
    }

    /// Makes an encoder from parts that were encoded before.
    #[inline]
    pub(crate) fn of_encoded(parts: &[u8]) -> Self {
        let mut encoder =
            Self { encoded: Encoded::Inline { len: 0, bytes: [0; INLINE] }, words: None };
        encoder.extend(parts);
        encoder
    }

    #[inline]
    fn begin(template: &str, words: Option<&'static Words>) -> Self {
        let encoded = Encoded::Inline { len: 0, bytes: [0; INLINE] };
        let mut encoder = Self { encoded, words };
        encoder.str(template);
        encoder
    }

    /// Appends the name of a type parameter of the cached struct, so that `Page<User>` and
    /// `Page<Order>` never share a key.
    pub fn scope(&mut self, name: &str) {
        self.ext(ext::SCOPE, name.as_bytes());
    }

    /// Appends an integer in the range of `i128`.
    #[inline]
    pub fn int(&mut self, value: i128) {
        match i64::try_from(value) {
            Ok(small) => self.small_int(small),
            Err(_) => match u64::try_from(value) {
                Ok(large) => self.tagged(0xcf, &large.to_be_bytes()),
                Err(_) => self.ext(ext::INT_128, &value.to_be_bytes()),
            },
        }
    }

    /// Appends an unsigned integer, which may be beyond the range of `i128`.
    pub fn uint(&mut self, value: u128) {
        match i128::try_from(value) {
            Ok(value) => self.int(value),
            Err(_) => self.ext(ext::UINT_128, &value.to_be_bytes()),
        }
    }

    /// Appends text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        match value.len() {
            len @ 0..=31 => self.push(0xa0 | low_byte(len)),
            len => self.long_header([0xd9, 0xda, 0xdb], len),
        }
        self.extend(value.as_bytes());
    }

    /// Appends raw bytes; they differ from a text with the same bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.long_header([0xc4, 0xc5, 0xc6], value.len());
        self.extend(value);
    }

    /// Appends a boolean.
    pub fn bool(&mut self, value: bool) {
        self.push(if value { 0xc3 } else { 0xc2 });
    }

    /// Appends a single character; it differs from a text of that one character.
    pub fn char(&mut self, value: char) {
        self.ext(ext::CHAR, &u32::from(value).to_be_bytes());
    }

    /// Appends a UUID, by its 16 bytes.
    pub fn uuid(&mut self, value: [u8; 16]) {
        self.ext(ext::UUID, &value);
    }

    /// Appends an IP address, by its 4 or 16 octets.
    pub fn ip_address(&mut self, octets: &[u8]) {
        self.ext(ext::IP_ADDRESS, octets);
    }

    /// Appends a date, by the days since 1 January 1970.
    pub fn date(&mut self, days: i32) {
        self.ext(ext::DATE, &days.to_be_bytes());
    }

    /// Appends a time of day, by the seconds since midnight and the nanoseconds since that second. During a leap
    /// second, `seconds` is the second before it, and `nanoseconds` is a thousand million or more.
    pub fn time(&mut self, seconds: u32, nanoseconds: u32) {
        let time = u64::from(seconds) << 32 | u64::from(nanoseconds);
        self.ext(ext::TIME, &time.to_be_bytes());
    }

    /// Appends a date and a time of day without a time zone, as [`date`](Self::date) and [`time`](Self::time) take
    /// them.
    pub fn date_time(&mut self, days: i32, seconds: u32, nanoseconds: u32) {
        let mut value = [0; 12];
        value[..4].copy_from_slice(&days.to_be_bytes());
        value[4..8].copy_from_slice(&seconds.to_be_bytes());
        value[8..].copy_from_slice(&nanoseconds.to_be_bytes());
        self.ext(ext::DATE_TIME, &value);
    }

    /// Appends an instant, by the seconds since the beginning of 1970 in UTC, and the nanoseconds since that
    /// second, as in [`time`](Self::time).
    pub fn instant(&mut self, seconds: i64, nanoseconds: u32) {
        let mut value = [0; 12];
        value[..8].copy_from_slice(&seconds.to_be_bytes());
        value[8..].copy_from_slice(&nanoseconds.to_be_bytes());
        self.ext(ext::INSTANT, &value);
    }

    /// Appends a day of the week: 1 is Monday, 7 is Sunday.
    pub fn weekday(&mut self, number: u8) {
        self.ext(ext::WEEKDAY, &[number]);
    }

    /// Appends a month: 1 is January.
    pub fn month(&mut self, number: u8) {
        self.ext(ext::MONTH, &[number]);
    }

    /// Appends a decimal number: `mantissa` divided by ten to the power of `scale`. The caller must pass equal
    /// numbers in the same form, without trailing zeros after the point.
    pub fn decimal(&mut self, mantissa: i128, scale: u8) {
        let mut value = [scale; 17];
        value[1..].copy_from_slice(&mantissa.to_be_bytes());
        self.ext(ext::DECIMAL, &value);
    }

    /// Appends a MongoDB `ObjectId`, by its 12 bytes.
    pub fn object_id(&mut self, value: [u8; 12]) {
        self.ext(ext::OBJECT_ID, &value);
    }

    /// Appends an optional part that is absent.
    pub fn none(&mut self) {
        self.push(0xc0);
    }

    /// Begins a group of up to 15 parts, which the caller appends next. An optional part that is
    /// present is a group of one.
    ///
    /// # Panics
    ///
    /// If `len` is above 15.
    pub fn group(&mut self, len: usize) {
        assert!(len <= 15, "a key part is a group of at most 15 parts");
        self.push(0x90 | low_byte(len));
    }

    /// Returns the bytes that are hashed.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.encoded {
            Encoded::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Encoded::Spilled(bytes) => bytes,
        }
    }

    /// Returns the key of the parts so far.
    #[inline]
    pub fn key(&self) -> Key {
        let key = match self.words {
            Some(words) => Key::hashed(self.as_bytes(), words),
            None => Key::of_parts(self.as_bytes()),
        };
        #[cfg(feature = "testing")]
        super::named::note_parts(key, self.as_bytes());
        key
    }

    #[inline]
    fn small_int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            match value {
                0..=0x7f => self.push(value.to_be_bytes()[7]),
                0x80..=0xff => self.tagged(0xcc, &value.to_be_bytes()[7..]),
                0x100..=0xffff => self.tagged(0xcd, &value.to_be_bytes()[6..]),
                0x1_0000..=0xffff_ffff => self.tagged(0xce, &value.to_be_bytes()[4..]),
                _ => self.tagged(0xcf, &value.to_be_bytes()),
            }
        } else {
            match value {
                -0x20.. => self.push(value.to_be_bytes()[7]),
                -0x80..-0x20 => self.tagged(0xd0, &value.to_be_bytes()[7..]),
                -0x8000..-0x80 => self.tagged(0xd1, &value.to_be_bytes()[6..]),
                -0x8000_0000..-0x8000 => self.tagged(0xd2, &value.to_be_bytes()[4..]),
                _ => self.tagged(0xd3, &value.to_be_bytes()),
            }
        }
    }

    fn ext(&mut self, kind: u8, value: &[u8]) {
        match value.len() {
            1 => self.push(0xd4),
            2 => self.push(0xd5),
            4 => self.push(0xd6),
            8 => self.push(0xd7),
            16 => self.push(0xd8),
            len => self.long_header([0xc7, 0xc8, 0xc9], len),
        }
        self.push(kind);
        self.extend(value);
    }

    fn long_header(&mut self, [short, medium, long]: [u8; 3], len: usize) {
        let bytes = (len as u64).to_be_bytes();
        match len {
            0..=0xff => self.tagged(short, &bytes[7..]),
            0x100..=0xffff => self.tagged(medium, &bytes[6..]),
            // A part of 4 GiB or more would lose its upper length bits. Such a part is impractical:
            // the object itself also needs memory.
            _ => self.tagged(long, &bytes[4..]),
        }
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    #[inline]
    fn extend(&mut self, added: &[u8]) {
        if let Encoded::Inline { len, bytes } = &mut self.encoded {
            let (begin, end) = (usize::from(*len), usize::from(*len) + added.len());
            if let Some(free) = bytes.get_mut(begin..end) {
                free.copy_from_slice(added);
                *len = low_byte(end);
                return;
            }
        }
        self.spill(added);
    }

    #[cold]
    fn spill(&mut self, added: &[u8]) {
        let spilled = match &mut self.encoded {
            Encoded::Spilled(bytes) => bytes,
            Encoded::Inline { .. } => {
                let mut bytes = Vec::with_capacity(3 * INLINE + added.len());
                bytes.extend_from_slice(self.as_bytes());
                self.encoded = Encoded::Spilled(bytes);
                return self.spill(added);
            }
        };
        spilled.extend_from_slice(added);
    }

    #[inline]
    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.push(tag);
        self.extend(bytes);
    }
}

#[inline]
fn low_byte(len: usize) -> u8 {
    len.to_le_bytes()[0]
}

impl fmt::Debug for KeyEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parts may be personal data.
        f.debug_struct("KeyEncoder").field("key", &self.key()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::KeyEncoder;

    #[test]
    fn an_encoder_shows_its_key_and_none_of_its_parts() {
        let mut encoder = KeyEncoder::new("user:{}");
        encoder.str("someone@example.com");
        let shown = format!("{encoder:?}");
        assert_eq!(shown, format!("KeyEncoder {{ key: {:?}, .. }}", encoder.key()));
    }
}
