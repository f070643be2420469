//! Asking for a pointer and its probable target at the same time.

use std::borrow::Borrow;

use super::command::Token;

/// The target of an alias: the primary key, and which load stored the pointer.
///
/// A process remembers this for every pointer that it sees. The next read by the alias asks for the pointer, and
/// for the object under the remembered primary key, at once and in any order.
///
/// ```
/// use cachecow::protocol::{PointerHint, Token};
///
/// let (first, second) = (Token::from_bytes([1; 16]), Token::from_bytes([2; 16]));
/// let hint = PointerHint { stored_by: first, primary: String::from("user:42") };
/// assert!(hint.is_still(first, "user:42"));
/// assert!(!hint.is_still(second, "user:42"), "stored anew, after an invalidation");
/// assert!(!hint.is_still(first, "user:43"));
/// ```
///
/// # Consistency
///
/// A remembered pointer is used only if the pointer in the cache is still [the same](Self::is_still). Then the
/// pointer was stored before this read began, and this read finds under the primary key what it would also have
/// found after reading the pointer; see [`AliasFetch`](super::AliasFetch). The token decides, not the primary key.
/// If the object was invalidated by the alias, a new pointer to the same primary key may have been stored after
/// this read looked there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PointerHint<K> {
    /// The token of the load that stored the pointer; never used twice.
    pub stored_by: Token,
    /// The primary key that the pointer points to.
    pub primary: K,
}

impl<K> PointerHint<K> {
    /// Returns whether the pointer in the cache, with this token and target, is the remembered one.
    pub fn is_still<P>(&self, stored_by: Token, primary: &P) -> bool
    where
        K: Borrow<P>,
        P: PartialEq + ?Sized,
    {
        self.stored_by == stored_by && self.primary.borrow() == primary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_that_was_stored_anew_is_another_even_if_it_leads_to_the_same_key() {
        let token = |number| Token::from_bytes([number; 16]);
        let hint = PointerHint { stored_by: token(1), primary: 'p' };
        assert!(hint.is_still(token(1), &'p'));
        assert!(!hint.is_still(token(2), &'p'));
        assert!(!hint.is_still(token(1), &'q'));
    }
}
