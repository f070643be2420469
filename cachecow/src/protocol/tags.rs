//! Tags: many objects invalidated at once, in constant time.
//!
//! An **epoch** is a random token in a place of its own in the cache. Each tag has one, and each
//! type whose objects carry tags has one more, its **guard**. An object is stored with the epochs of
//! its tags, and is worth something for as long as they are the present ones.
//!
//! | | in this order |
//! |---|---|
//! | invalidating a tag | ends the guard; ends the tag's epoch |
//! | a write that names a tag | holds the guard; ends the tag's epoch; works; releases the guard; ends the tag's epoch |
//! | a load | takes the guard; fetches; takes the epochs of the object's tags; reads the guard, which must be the same; fills |
//! | a hit | reads the value; reads the epochs of its tags, which must be those stored with it |
//!
//! Each step begins after the one before it was answered. An epoch that was ended, or that the cache
//! has lost, begins again with another token.
//!
//! # Why no object outlives the invalidation of its tag
//!
//! Take an object that was fetched before an invalidation of one of its tags began. The guard was
//! taken before that. If the invalidation ended the guard before the load read it again, the two
//! differ, and nothing was stored. If it ended it later, it ended the tag's epoch later still, and
//! the object was stored with an epoch that had been taken before: it is not the present one when
//! the invalidation has returned, and never again.
//!
//! A held guard keeps every object of the type from being stored, and hits go on. Should the writer die,
//! what was stored before carries an epoch that has ended; what is fetched while the hold stands has no
//! guard; and what was fetched before has another than the one that begins after the hold.
//!
//! Tokens are random and never used twice, so it makes no difference when or why an epoch is lost —
//! by its time to live, an eviction, a flush or a deletion by hand: what follows differs from what
//! went before. A counter would start anew, and come back to a number that objects were stored with.
//!
//! Nor does a caller of the same process who joins a load receive what is older than the
//! invalidation that it came after: the load takes no more followers before the guard is read again.
//!
//! An absence is stored without tags: what does not exist has none. An object that comes to be is to
//! be invalidated by its keys.
//!
//! # Everything of a type
//!
//! An epoch that everything of a type carries, absences included, is known before the fetch. It is its own guard: a
//! load takes it before the fetch, and again afterwards, and stores with it if both are the same.
//!
//! | | in this order |
//! |---|---|
//! | invalidating everything | ends the epoch |
//! | a write of everything | holds the epoch; works; releases it |
//! | a load | takes the epoch; fetches; takes it again, and it must be the same; fills |
//! | a hit | reads value and epoch, which must be the one stored with the value |
//!
//! What was fetched before an invalidation began was fetched under an epoch that has ended when the invalidation has
//! returned, and is stored under that one or not at all. While a hold stands there is no epoch: every read is a miss,
//! and nothing is stored.
//!
//! # Answers to queries
//!
//! What a query answers is known to carry its tags before it is fetched, and may carry tags of several types. Each tag
//! has a second epoch for such answers, which ends with every invalidation of the tag, and with every change of an
//! object that carries the tag; the tag's other objects are then left alone.
//!
//! | | in this order |
//! |---|---|
//! | invalidating a tag, or an object with it | ends the answers' epoch |
//! | a write that names a tag, or an object with it | holds the answers' epoch; works; releases it |
//! | a load of an answer | takes the epochs of all its tags; fetches; takes them again: they must be the same; fills |
//! | a hit | as that of an object |
//!
//! The epoch is its own guard. An answer that was fetched before an invalidation began was so under an epoch that
//! had been taken before, and which the invalidation ends. While a write holds the epoch none begins: what is read
//! before the work has taken effect is not stored, although the writer may die before it releases the hold. Of
//! several tags each is a guard, since none tells of another's ([`all_stand`]). That there is no answer carries the
//! epochs, too.
//!
//! Invalidations and writes of tags are driven by a [`WriteMachine`](super::WriteMachine).

use super::command::{Lost, Reply, Token};

/// A place's epoch, as a load or a hit has seen it.
type Answer<V> = Result<Reply<V>, Lost>;

/// The guard, as it was before a fetch began; nothing if it could not be taken.
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
    /// From the answer to [`TakeEpoch`](super::Command::TakeEpoch).
    pub fn by<V>(guard: &Answer<V>) -> Self {
        Self(epoch(guard))
    }

    /// Whether it could be taken at all.
    pub fn is_taken(self) -> bool {
        self.0.is_some()
    }

    /// Whether what was fetched since may be stored or shared, by the guard's answer to
    /// [`ReadEpoch`](super::Command::ReadEpoch) afterwards.
    pub fn stands<V>(self, guard: &Answer<V>) -> bool {
        self.0.is_some() && self.0 == epoch(guard)
    }
}

/// Whether what was fetched since may be stored or shared, by several guards: each must stand. What one object
/// carries may be of several types, and no guard tells of another's tags.
///
/// [`Captured`] has an example.
pub fn all_stand<'a, V: 'a>(
    captured: &[Captured],
    guards: impl ExactSizeIterator<Item = &'a Answer<V>>,
) -> bool {
    captured.len() == guards.len()
        && captured.iter().zip(guards).all(|(captured, guard)| captured.stands(guard))
}

/// The epochs to store with an object, by its tags' answers to [`TakeEpoch`](super::Command::TakeEpoch); `None` if
/// some tag has none, and the object must not be stored.
///
/// [`Captured`] has an example.
pub fn taken<'a, V: 'a>(tags: impl Iterator<Item = &'a Answer<V>>) -> Option<Vec<Token>> {
    tags.map(epoch).collect()
}

/// What a stored object is worth.
///
/// [`Captured`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StampCheck {
    /// All its epochs are the present ones.
    Current,
    /// Some tag was invalidated, or its epoch lost.
    Outdated,
    /// The cache did not tell.
    Unknown,
}

/// Judges a stored object by the epochs that it was stored with and its tags' answers to
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
