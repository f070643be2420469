//! Which keys a store accepts.

use crate::error::Error;

/// Which keys a store accepts.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::KeySpace;
/// use cachecow::{ErrorKind, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// let error = store.put("photos/cow 1.jpg", "…").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidKey);
/// let store = MemoryStore::new().with_key_space(KeySpace::Extended);
/// store.put("photos/cow 1.jpg", "…").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeySpace {
    /// 1 to 250 of the ASCII letters, the digits and ``!"`#$%&'()+,-.<=>?@[]^_{}~``.
    #[default]
    Standard,
    /// The same with `/` and the space.
    Extended,
    /// Any text that is not empty.
    Text,
}

impl KeySpace {
    /// The longest key, in characters, if there is a limit.
    pub const MAX_LEN: usize = 250;

    /// Checks that a key is in this space. `operation` is named in the error.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`](crate::ErrorKind::InvalidKey), which does not show the key.
    pub fn check(self, operation: &str, key: &str) -> Result<(), Error> {
        match self.fault(key) {
            None => Ok(()),
            Some(fault) => Err(Error::invalid_key(operation, &fault)),
        }
    }

    /// Returns whether a store with this space accepts the key.
    pub fn contains(self, key: &str) -> bool {
        self.fault(key).is_none()
    }

    /// The space of a store that cannot accept every text.
    #[cfg(any(
        feature = "cloud",
        feature = "fs",
        feature = "git",
        feature = "mongodb",
        feature = "mysql",
        feature = "postgres",
        feature = "sqlite"
    ))]
    pub(crate) fn bounded(self) -> Self {
        match self {
            Self::Standard => Self::Standard,
            Self::Extended | Self::Text => Self::Extended,
        }
    }

    fn fault(self, key: &str) -> Option<String> {
        if key.is_empty() {
            return Some("is empty".to_owned());
        }
        if self == Self::Text {
            return None;
        }
        if let Some(place) = key.bytes().position(|byte| !self.allows(byte)) {
            let remedy = match (self, key.as_bytes()[place]) {
                (Self::Standard, b'/' | b' ') => {
                    "; stores accept `/` and the space with `KeySpace::Extended`"
                }
                _ => "; wrap the store in `UrlEncode` to use any text as a key",
            };
            return Some(format!("holds a character that is not allowed, at byte {place}{remedy}"));
        }
        let too_long = key.len() > Self::MAX_LEN;
        too_long.then(|| format!("has {} characters, and {} are allowed", key.len(), Self::MAX_LEN))
    }

    fn allows(self, byte: u8) -> bool {
        match byte {
            b'/' | b' ' => self == Self::Extended,
            b'*' | b':' | b';' | b'\\' | b'|' => false,
            _ => byte.is_ascii_graphic(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_alphabet_is_that_of_the_documentation() {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let signs = "!\"`#$%&'()+,-.<=>?@[]^_{}~";
        for character in (0..=255).map(char::from) {
            let standard = letters.contains(character) || signs.contains(character);
            let key = character.to_string();
            assert_eq!(KeySpace::Standard.contains(&key), standard, "{character:?}");
            let extended = standard || character == '/' || character == ' ';
            assert_eq!(KeySpace::Extended.contains(&key), extended, "{character:?}");
            assert!(KeySpace::Text.contains(&key));
        }
    }

    #[test]
    fn the_length_is_bounded() {
        assert!(KeySpace::Standard.contains(&"k".repeat(250)));
        assert!(!KeySpace::Standard.contains(&"k".repeat(251)));
        assert!(!KeySpace::Standard.contains(""));
        assert!(!KeySpace::Text.contains(""));
    }

    #[test]
    fn the_error_names_the_remedy_and_not_the_key() {
        let error = KeySpace::Standard.check("put", "secret/name").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
        assert!(error.to_string().contains("KeySpace::Extended"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
