//! The words of a key's template, which are readable in front of its hash.

use std::collections::HashSet;
use std::sync::{LazyLock, OnceLock};

use parking_lot::RwLock;

use super::map::FoldKeys;

/// The words that are not constants.
static INTERNED: LazyLock<Interned> = LazyLock::new(Interned::default);

/// Words that stay in memory until the program ends, each once.
#[derive(Default)]
struct Interned(RwLock<HashSet<&'static Words, FoldKeys>>);

impl Interned {
    /// Returns these words if they are in the table, or if the table has fewer than `max`.
    fn get(&self, words: Words, max: usize) -> Option<&'static Words> {
        if let Some(known) = self.0.read().get(&words) {
            return Some(known);
        }
        let mut all = self.0.write();
        if let Some(known) = all.get(&words) {
            return Some(known);
        }
        if all.len() >= max {
            return None;
        }
        let words: &'static Words = Box::leak(Box::new(words));
        all.insert(words);
        Some(words)
    }
}

/// The words of a key's template: the part of a key's name in front of the hash.
///
/// A word is a run of ASCII letters, digits, `-` and `_`; all other characters only separate words. A colon follows
/// each word. None of these characters has a special meaning for Redis, in names or in patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Words {
    len: u8,
    text: [u8; Self::MAX_LEN],
}

impl Words {
    /// Longer words are cut.
    pub(super) const MAX_LEN: usize = 31;

    /// While the table has fewer words than this, words from outside this program may be added.
    const MAX_FOREIGN: usize = 8192;

    pub(super) const NONE: Self = Self { len: 0, text: [0; Self::MAX_LEN] };

    /// The words of `tenant:{}:user:{}` are `tenant:user:`.
    pub(super) const fn of(template: &[u8]) -> Self {
        let mut words = Self::NONE;
        let mut at = 0;
        // The last place is for a colon.
        while at < template.len() && (words.len as usize) < Self::MAX_LEN - 1 {
            let byte = template[at];
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                words = words.with(byte);
            } else {
                words = words.ended();
            }
            at += 1;
        }
        words.ended()
    }

    const fn with(mut self, byte: u8) -> Self {
        self.text[self.len as usize] = byte;
        self.len += 1;
        self
    }

    /// Adds a colon after the last word.
    const fn ended(self) -> Self {
        if self.len == 0 || self.text[self.len as usize - 1] == b':' {
            self
        } else {
            self.with(b':')
        }
    }

    /// The words of encoded parts, the first of which is the template.
    pub(super) fn of_parts(parts: &[u8]) -> Self {
        let Some((header, len)) = template_at(parts) else { return Self::NONE };
        let end = parts.len().min(header.saturating_add(len));
        Self::of(parts.get(header..end).unwrap_or_default())
    }

    /// Returns these words from the table, where they stay until the program ends.
    pub(super) fn interned(self) -> &'static Self {
        INTERNED.get(self, usize::MAX).unwrap_or(&Self::NONE)
    }

    /// The same, but only if they are in the table already, or it is not full: what others write into the cache
    /// must not fill this process's memory.
    pub(super) fn interned_if_room(self) -> Option<&'static Self> {
        if self.len == 0 { Some(&Self::NONE) } else { INTERNED.get(self, Self::MAX_FOREIGN) }
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len).min(Self::MAX_LEN)]
    }
}

/// Returns where the template is in encoded parts, which begin with it as a MessagePack string: its offset and its
/// length.
pub(crate) fn template_at(parts: &[u8]) -> Option<(usize, usize)> {
    Some(match *parts {
        [byte @ 0xa0..=0xbf, ..] => (1, usize::from(byte & 0x1f)),
        [0xd9, len, ..] => (2, usize::from(len)),
        [0xda, high, low, ..] => (3, usize::from(u16::from_be_bytes([high, low]))),
        [0xdb, a, b, c, d, ..] => (5, usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?),
        _ => return None,
    })
}

/// A key's template and its words, which are computed once at run time: computing them in a constant would take the
/// compiler longer than everything else that a lookup needs.
#[derive(Debug)]
pub struct Template {
    pub(super) text: &'static str,
    words: OnceLock<&'static Words>,
}

impl Template {
    /// The template with its placeholders emptied.
    pub const fn new(text: &'static str) -> Self {
        Self { text, words: OnceLock::new() }
    }

    #[inline]
    pub(super) fn words(&self) -> &'static Words {
        self.words.get_or_init(|| Words::of(self.text.as_bytes()).interned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Interned, Words};
    use crate::key::KeyEncoder;

    fn words(template: &str) -> String {
        let words = Words::of(template.as_bytes());
        std::str::from_utf8(words.as_bytes()).expect("ASCII").to_owned()
    }

    #[test]
    fn the_words_of_a_template() {
        for (template, expected) in [
            ("user:{}", "user:"),
            ("tenant:{}:user:{}", "tenant:user:"),
            ("{}", ""),
            ("", ""),
            ("{}:user", "user:"),
            ("user{}", "user:"),
            ("Order-line_2/{}", "Order-line_2:"),
            ("a{{b}}{}", "a:b:"),
            ("two words\r\n*?[x]\\{}", "two:words:x:"),
            ("zażółć:{}", "za:"),
            ("🐄:{}", ""),
            ("🐄cow🐄:{}", "cow:"),
            ("a.b.c.{}", "a:b:c:"),
            ("abcdefghijklmnopqrstuvwxyz-0123456789:{}", "abcdefghijklmnopqrstuvwxyz-012:"),
            ("abcdefghijklmnopqrstuvwxyz-012:{}", "abcdefghijklmnopqrstuvwxyz-012:"),
            ("abcdefghijklmnopqrstuvwxyz-01:x:{}", "abcdefghijklmnopqrstuvwxyz-01:"),
            ("abcdefghijklmnopqrstuvwxyz-0:xyz:{}", "abcdefghijklmnopqrstuvwxyz-0:x:"),
        ] {
            assert_eq!(words(template), expected, "{template:?}");
            assert_eq!(words(expected), expected, "the words of words are the same");
        }
    }

    /// A pointer has the encoded primary key, and its name must be that of the lookup's key.
    #[test]
    fn encoded_parts_have_the_words_of_their_template() {
        let texts = ["user:{}", "", "🐄", "a b:{}:c"].map(str::to_owned);
        let long =
            [31, 32, 255, 256, 65_535, 65_536].map(|len| "word ".repeat(len)[..len].to_owned());
        for template in texts.iter().chain(&long) {
            let mut encoder = KeyEncoder::new(template);
            encoder.str("part");
            let of_parts = Words::of_parts(encoder.as_bytes());
            assert!(of_parts == Words::of(template.as_bytes()), "{} bytes", template.len());
        }
    }

    #[test]
    fn parts_from_elsewhere_are_no_fault() {
        for parts in
            [&[][..], &[0xd9], &[0xda, 0], &[0xdb, 0], &[0x01], &[0xd9, 200, b'x'], &[0xbf]]
        {
            assert!(Words::of_parts(parts).as_bytes().len() <= 2, "{parts:?}");
        }
    }

    #[test]
    fn words_are_interned_once_and_those_from_elsewhere_up_to_a_maximum() {
        let (table, words) = (Interned::default(), |word: &str| Words::of(word.as_bytes()));
        let first = table.get(words("first"), 2).expect("there is room");
        assert!(std::ptr::eq(first, table.get(words("first"), 2).expect("known")));
        assert!(table.get(words("second"), 2).is_some());
        assert!(table.get(words("third"), 2).is_none());
        assert!(table.get(words("first"), 2).is_some(), "known");
        assert!(table.get(words("third"), usize::MAX).is_some(), "the program's own");
        assert!(table.get(words("third"), 2).is_some(), "known by now");
    }
}
