//! The target of a pointer.

use std::borrow::Borrow;
use std::fmt;

use bytes::Bytes;

use crate::key::{Key, Scope};
use crate::protocol::Replacing;

/// A primary key with its encoded parts, which do not include the scope.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Primary {
    parts: Bytes,
    key: Key,
}

impl Primary {
    /// Makes one from parts that this program encoded.
    pub(super) fn of(parts: Bytes, scope: Scope) -> Self {
        let key = scope.key(Key::of_parts(&parts));
        Self { parts, key }
    }

    /// Makes one from parts that were read from a pointer, in the reader's scope; `None` if pointers named too many
    /// different templates.
    pub(super) fn of_pointer(parts: &[u8], scope: Scope) -> Option<Self> {
        let key = scope.key(Key::of_foreign_parts(parts)?);
        Some(Self { parts: Bytes::copy_from_slice(parts), key })
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    pub(super) fn parts(&self) -> &[u8] {
        &self.parts
    }
}

impl Borrow<[u8]> for Primary {
    fn borrow(&self) -> &[u8] {
        &self.parts
    }
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parts may be personal data.
        f.debug_tuple("Primary").field(&self.key).finish()
    }
}

/// The primary key that is claimed before an alias' fetch, and the value there that may be replaced.
pub(crate) type ClaimFirst = (Primary, Option<Replacing>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_no_part_of_the_key() {
        let primary = Primary::of(Bytes::from_static(b"ann@example.org"), Scope::default());
        assert_eq!(format!("{primary:?}"), format!("Primary({:?})", primary.key()));
    }
}
