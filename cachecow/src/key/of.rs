//! Keys that a program builds at run time.

use std::borrow::Cow;
use std::fmt;

use super::{Key, KeyEncoder, KeyPart};
use crate::model::cached::TypePolicy;
use crate::model::keys::{CacheKeys, KeySet};

impl Key {
    /// Makes the key of a template and these parts, one for each placeholder, for
    /// [`View::get_or_fetch`](crate::View::get_or_fetch). It equals the key of a query or a struct with the same
    /// template and parts.
    ///
    /// ```
    /// use cachecow::Key;
    ///
    /// let key = Key::of("top-posts:{}:{}", ("2026-01-31", 10));
    /// assert_eq!(key.key(), Key::of("top-posts:{day}:{len}", ("2026-01-31", 10)).key());
    /// assert!(key.key().to_string().starts_with("top-posts:"));
    /// ```
    ///
    /// Pass variable data as parts, never in the template.
    ///
    /// # Panics
    ///
    /// If the number of parts differs from the number of placeholders, or a brace does not belong to a placeholder:
    /// write `{{` and `}}` for braces.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "parts are written where they are passed")]
    pub fn of<P: KeyParts>(template: &'static str, parts: P) -> EncodedKey {
        let emptied = match emptied(template) {
            Some((emptied, count)) if count == P::COUNT => emptied,
            Some((_, count)) => panic!(
                "Key::of(\"{template}\", …): the template has {count} placeholder(s), and {} part(s) are given; write one \
                 `{{}}` for each part",
                P::COUNT
            ),
            None => panic!(
                "Key::of(\"{template}\", …): a placeholder is not closed, or not opened; write `{{}}` for a part, and \
                 `{{{{` or `}}}}` for a brace"
            ),
        };
        let mut encoder = KeyEncoder::new(&emptied);
        parts.encode_all(&mut encoder);
        EncodedKey { encoder, template }
    }
}

/// The template with its placeholders emptied, and their number; `None` if it is malformed.
pub(crate) fn emptied(template: &str) -> Option<(Cow<'_, str>, usize)> {
    let (mut emptied, mut count, mut rest) = (String::new(), 0, template);
    while let Some(at) = rest.find(['{', '}']) {
        emptied.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escape) = rest.get(..2).filter(|two| ["{{", "}}"].contains(two)) {
            emptied.push_str(escape);
            rest = &rest[2..];
            continue;
        }
        let (name, after) = rest.strip_prefix('{')?.split_once('}')?;
        if name.contains('{') {
            return None;
        }
        emptied.push_str("{}");
        count += 1;
        rest = after;
    }
    emptied.push_str(rest);
    // True for most templates: no copy is kept.
    let emptied = if emptied == template { Cow::Borrowed(template) } else { Cow::Owned(emptied) };
    Some((emptied, count))
}

/// A key together with its parts, against which cached values are verified; what [`Key::of`] returns.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::{CacheCow, Key};
///
/// let cow = CacheCow::memory();
/// let key = Key::of("rate:{}:{}", ("EUR", "CHF"));
/// let rate = cow.get_or_fetch(key.clone(), Duration::from_secs(60), async || Ok::<_, std::io::Error>(0.95)).await?;
/// assert_eq!(*rate, 0.95);
/// cow.invalidate(key).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EncodedKey {
    encoder: KeyEncoder,
    template: &'static str,
}

impl EncodedKey {
    /// Returns the key alone.
    pub fn key(&self) -> Key {
        self.encoder.key()
    }

    pub(crate) fn encoder(&self) -> &KeyEncoder {
        &self.encoder
    }

    pub(crate) fn template(&self) -> &'static str {
        self.template
    }
}

impl fmt::Debug for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parts may be personal data.
        f.debug_struct("EncodedKey").field("key", &self.key()).finish_non_exhaustive()
    }
}

impl CacheKeys for EncodedKey {
    fn add_to(&self, set: &mut KeySet) {
        set.add(self.key(), TypePolicy::new());
    }
}

/// The parts of a key: a tuple of up to eight [`KeyPart`]s, such as `(day,)` or `(author, 10)`; `()` for none.
///
/// ```
/// use cachecow::{EncodedKey, Key, KeyParts};
///
/// /// The key of a report, which has two parts.
/// fn report(parts: impl KeyParts) -> EncodedKey {
///     Key::of("report:{}:{}", parts)
/// }
///
/// // A text and a number are the same part, of whatever type they are.
/// assert_eq!(report(("sales", 7_u8)).key(), report((String::from("sales"), 7_i64)).key());
/// assert_ne!(report(("sales", 7)).key(), report(("sales", "7")).key());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of key parts",
    label = "expected a tuple",
    note = "write `Key::of(\"user:{{}}\", (id,))`: one part for each placeholder, in parentheses and with a comma"
)]
pub trait KeyParts {
    /// The number of parts.
    #[doc(hidden)]
    const COUNT: usize;

    /// Appends them to the key.
    #[doc(hidden)]
    fn encode_all(&self, encoder: &mut KeyEncoder);
}

impl KeyParts for () {
    const COUNT: usize = 0;

    fn encode_all(&self, _: &mut KeyEncoder) {}
}

macro_rules! tuples {
    ($($count:literal: $($part:ident)*;)*) => {$(
        impl<$($part: KeyPart),*> KeyParts for ($($part,)*) {
            const COUNT: usize = $count;

            fn encode_all(&self, encoder: &mut KeyEncoder) {
                #[allow(non_snake_case, reason = "the macro names each binding after its type")]
                let ($($part,)*) = self;
                $($part.encode(encoder);)*
            }
        }
    )*};
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_emptied_and_counted() {
        for (template, expected) in [
            ("settings", Some(("settings", 0))),
            ("user:{}", Some(("user:{}", 1))),
            ("a:{b}:{}", Some(("a:{}:{}", 2))),
            ("{{}}{id}", Some(("{{}}{}", 1))),
            ("user:{", None),
            ("user:}", None),
            ("{a{b}}", None),
        ] {
            let found = emptied(template);
            let found = found.as_ref().map(|(text, count)| (&**text, *count));
            assert_eq!(found, expected, "{template}");
        }
    }

    #[test]
    #[should_panic(
        expected = "has 2 placeholder(s), and 1 part(s) are given; write one `{}` for each part"
    )]
    fn parts_are_counted() {
        let _ = Key::of("a:{}:{}", (7,));
    }
}
