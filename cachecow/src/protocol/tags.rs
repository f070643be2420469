//! Tags: many objects invalidated at once, in constant time.
//!
//! An **epoch** is a random token, stored in its own place in the cache. Each tag has an epoch, and each type whose
//! objects carry tags has one more, its **guard**. An object is stored with the epochs of its tags, and is valid as
//! long as these are still the current epochs.
//!
//! | | in this order |
//! |---|---|
//! | invalidating a tag | ends the guard; ends the tag's epoch |
//! | a write that names a tag | holds the guard; ends the tag's epoch; works; releases the guard; ends the tag's epoch |
//! | a load | reads the guard; fetches; reads the epochs of the object's tags; reads the guard again, which must be the same; fills |
//! | a hit | reads the value; reads the epochs of its tags, which must be those stored with it |
//!
//! Each step begins after the one before it was answered. If an epoch was ended, or the cache has lost it, a new
//! epoch begins with another token.
//!
//! # Why no object outlives the invalidation of its tag
//!
//! Take an object that was fetched before an invalidation of one of its tags began. Its load read
//! the guard before that. First case: the invalidation ended the guard before the load read it
//! again. Then the two guards differ, and nothing was stored. Second case: the invalidation ended
//! the guard later. Then it ended the tag's epoch even later, so the object was stored with an
//! epoch that was read before. When the invalidation has returned, that epoch is not the current
//! one, and never will be again.
//!
//! While a guard is held, no object of the type is stored, but hits go on. If the writer dies, objects stored
//! before carry an epoch that has ended. A load that fetches during the hold gets no guard. And a load that fetched
//! before the hold has another guard than the one that begins after the hold.
//!
//! Tokens are random and never used twice. So it does not matter when or why an epoch is lost (by its time to live,
//! an eviction, a flush or a deletion by hand): the next epoch differs from all earlier ones. A counter would start
//! again, and reach numbers that objects were stored with.
//!
//! A caller in the same process that joins a load after an invalidation does not get an older object either: the
//! load stops accepting followers before it reads the guard again.
//!
//! An absence is stored without tags, since an object that does not exist has none. When an object is created, it
//! must be invalidated by its keys.
//!
//! # Everything of a type
//!
//! The epoch of a whole type, which also absences carry, is known before the fetch. It is its own guard: a load
//! reads it before the fetch and again afterwards, and stores with it if both are the same.
//!
//! | | in this order |
//! |---|---|
//! | invalidating everything | ends the epoch |
//! | a write of everything | holds the epoch; works; releases it |
//! | a load | reads the epoch; fetches; reads it again, and it must be the same; fills |
//! | a hit | reads value and epoch, which must be the one stored with the value |
//!
//! A load that fetched before an invalidation began had read an epoch that has ended when the invalidation has
//! returned. It stores with that epoch or not at all. During a hold there is no epoch: every read is a miss, and
//! nothing is stored.
//!
//! # Results of queries
//!
//! The tags of a query's result are known before it is fetched, and may be of several types. Each tag has a second
//! epoch for such results. This epoch ends with every invalidation of the tag, and with every invalidation of an
//! object that carries the tag; the tag's other objects then stay valid.
//!
//! | | in this order |
//! |---|---|
//! | invalidating a tag, or an object with it | ends the results' epoch |
//! | a write that names a tag, or an object with it | holds the results' epoch; works; releases it |
//! | a load of a result | reads the epochs of all its tags; fetches; reads them again: they must be the same; fills |
//! | a hit | as for an object |
//!
//! The epoch is its own guard. If a result was fetched before an invalidation began, its epoch was read before
//! that, and the invalidation ends it. While a write holds the epoch, no new one begins: a result that is read
//! before the work has taken effect is not stored, even if the writer dies before it releases the hold. Of several
//! tags, each epoch is a guard, since none covers the other tags ([`all_stand`]). A cached absence carries the
//! epochs, too.
//!
//! A [`WriteMachine`](super::WriteMachine) drives invalidations and writes of tags.

use super::command::{Lost, Reply, Token};

/// The epoch of a place, as a load or a hit has read it.
type Answer<V> = Result<Reply<V>, Lost>;

/// The guard before a fetch began; empty if it could not be read.
///
/// ```
/// use cachecow::protocol::tags::{Captured, StampCheck, all_stand, check_stamps, taken};
/// use cachecow::protocol::{Lost, Reply, Token};
///
/// type Answer = Result<Reply<()>, Lost>;
/// let epoch = |number| -> Answer { Ok(Reply::Epoch(Token::from_bytes([number; 16]))) };
///
/// // A load: the guard before the fetch, the epochs of the object's tags after it, and the guard again.
/// let guard = Captured::by(&epoch(1));
/// let stamps = taken([epoch(2), epoch(3)].iter()).expect("each tag has an epoch");
/// assert!(guard.stands(&epoch(1)), "the object may be stored");
/// assert!(!guard.stands(&epoch(9)), "a tag of the type was invalidated meanwhile");
/// assert!(!all_stand(&[guard, Captured::by(&epoch(4))], [epoch(1), Err(Lost)].iter()));
///
/// // A hit: the epochs of now.
/// let check = |now: [Answer; 2]| check_stamps(stamps.iter().copied(), now.iter());
/// assert_eq!(check([epoch(2), epoch(3)]), StampCheck::Current);
/// assert_eq!(check([epoch(2), epoch(8)]), StampCheck::Outdated);
/// assert_eq!(check([epoch(2), Err(Lost)]), StampCheck::Unknown);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Captured(Option<Token>);

impl Captured {
    /// Makes it from the answer to [`TakeEpoch`](super::Command::TakeEpoch).
    pub fn by<V>(guard: &Answer<V>) -> Self {
        Self(epoch(guard))
    }

    /// Returns whether it could be read.
    pub fn is_taken(self) -> bool {
        self.0.is_some()
    }

    /// Returns whether a result that was fetched since may be stored or shared, by the guard's
    /// answer to [`ReadEpoch`](super::Command::ReadEpoch) afterwards.
    pub fn stands<V>(self, guard: &Answer<V>) -> bool {
        self.0.is_some() && self.0 == epoch(guard)
    }
}

/// Returns whether a result that was fetched since may be stored or shared, by several guards: all must be
/// unchanged. The tags of one result may be of several types, and no guard covers another type's tags.
///
/// [`Captured`] has an example.
pub fn all_stand<'a, V: 'a>(
    captured: &[Captured],
    guards: impl ExactSizeIterator<Item = &'a Answer<V>>,
) -> bool {
    captured.len() == guards.len()
        && captured.iter().zip(guards).all(|(captured, guard)| captured.stands(guard))
}

/// Returns the epochs to store with an object, from its tags' answers to [`TakeEpoch`](super::Command::TakeEpoch).
/// `None` if a tag has no epoch; then the object must not be stored.
///
/// [`Captured`] has an example.
pub fn taken<'a, V: 'a>(tags: impl Iterator<Item = &'a Answer<V>>) -> Option<Vec<Token>> {
    tags.map(epoch).collect()
}

/// Whether a stored object is valid.
///
/// [`Captured`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StampCheck {
    /// All its epochs are current.
    Current,
    /// A tag was invalidated, or its epoch was lost.
    Outdated,
    /// The cache did not answer.
    Unknown,
}

/// Judges a stored object by the epochs stored with it, and its tags' answers to
/// [`ReadEpoch`](super::Command::ReadEpoch).
///
/// [`Captured`] has an example.
pub fn check_stamps<'a, V: 'a>(
    stored: impl ExactSizeIterator<Item = Token>,
    tags: impl ExactSizeIterator<Item = &'a Answer<V>>,
) -> StampCheck {
    if stored.len() != tags.len() {
        return StampCheck::Outdated;
    }
    let mut unknown = false;
    for (stored, present) in stored.zip(tags) {
        match present {
            Ok(Reply::Epoch(present)) if *present == stored => {}
            Err(Lost) => unknown = true,
            Ok(_) => return StampCheck::Outdated,
        }
    }
    if unknown { StampCheck::Unknown } else { StampCheck::Current }
}

fn epoch<V>(seen: &Answer<V>) -> Option<Token> {
    match seen {
        Ok(Reply::Epoch(token)) => Some(*token),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestAnswer = Result<Reply<u8>, Lost>;

    const A: Token = Token::from_bytes([1; 16]);
    const B: Token = Token::from_bytes([2; 16]);
    const NONE: [TestAnswer; 3] = [Ok(Reply::Absent), Ok(Reply::Held), Err(Lost)];

    #[expect(clippy::unnecessary_wraps, reason = "one of several answers")]
    fn is(token: Token) -> TestAnswer {
        Ok(Reply::Epoch(token))
    }

    #[test]
    fn what_was_fetched_under_one_guard_stands() {
        assert!(Captured::by(&is(A)).stands(&is(A)));
        assert!(!Captured::by(&is(A)).stands(&is(B)));
    }

    #[test]
    fn without_a_guard_nothing_stands() {
        for answer in &NONE {
            assert!(!Captured::by(answer).stands(&is(A)), "{answer:?}");
            assert!(!Captured::by(&is(A)).stands(answer), "{answer:?}");
            assert!(!Captured::by(answer).stands(answer), "nor is nothing equal to nothing");
        }
    }

    #[test]
    fn of_several_guards_each_must_stand() {
        let captured = [A, B].map(|token| Captured::by(&is(token)));
        let stand = |guards: &[TestAnswer]| all_stand(&captured, guards.iter());
        assert!(stand(&[is(A), is(B)]));
        for guards in [&[is(A), is(A)][..], &[is(B), is(B)], &[is(A), Err(Lost)], &[is(A)]] {
            assert!(!stand(guards), "{guards:?}");
        }
    }

    #[test]
    fn an_object_is_stored_with_all_its_epochs_or_not_at_all() {
        assert_eq!(taken([is(A), is(B)].iter()), Some(vec![A, B]));
        for answer in NONE {
            assert_eq!(taken([is(A), answer].iter()), None);
        }
    }

    #[test]
    fn an_object_is_worth_something_under_its_own_epochs_only() {
        let judge = |stored: &[Token], tags: &[TestAnswer]| {
            check_stamps(stored.iter().copied(), tags.iter())
        };
        assert_eq!(judge(&[A, B], &[is(A), is(B)]), StampCheck::Current);
        assert_eq!(judge(&[A, B], &[is(B), is(A)]), StampCheck::Outdated);
        assert_eq!(judge(&[A], &[is(A), is(B)]), StampCheck::Outdated, "it has a tag more");
        assert_eq!(judge(&[A], &[Ok(Reply::Absent)]), StampCheck::Outdated);
        assert_eq!(judge(&[A], &[Ok(Reply::Held)]), StampCheck::Outdated);
        assert_eq!(judge(&[A, B], &[Err(Lost), is(B)]), StampCheck::Unknown);
        assert_eq!(judge(&[A, B], &[Err(Lost), is(A)]), StampCheck::Outdated, "one is enough");
    }
}
