//! The flag protocol as pure state machines: replies in, next step out, no I/O and no clock.
//!
//! Per object there are two places in the cache: the value, and the flag, which is the right to
//! fill it. A flag is either a reader's **lease**, marked with a token that is fresh for every
//! attempt, or the **holds** of one or more writers.
//!
//! | command | atomic effect |
//! |---|---|
//! | [`Lookup`](Command::Lookup) | reads the value |
//! | [`Claim`](Command::Claim) | reads the value; if there is none, or the one it names, and no flag, sets the flag to the token |
//! | [`Fill`](Command::Fill) | if the flag is the token, granted under the same number: stores the value, deletes the flag |
//! | [`Abandon`](Command::Abandon) | if the flag is the token: deletes it |
//! | [`Invalidate`](Command::Invalidate) | deletes the value and a lease; holds stay |
//! | [`Hold`](Command::Hold) | deletes the value and a lease; adds the token to the holds, or changes its end |
//! | [`Release`](Command::Release) | deletes the value and a lease; takes the token off the holds |
//! | [`ReleaseAndStore`](Command::ReleaseAndStore) | as a release; if the hold stood, and there was no other hold and no invalidation or release by another since it was placed: stores the value |
//! | [`ReadEpoch`](Command::ReadEpoch) | reads the epoch |
//! | [`TakeEpoch`](Command::TakeEpoch) | reads the epoch; if there is none, sets it to the token; keeps it for at least the given time |
//! | [`EndEpoch`](Command::EndEpoch) | deletes the epoch; holds stay |
//! | [`HoldEpoch`](Command::HoldEpoch) | deletes the epoch; adds the token to its holds, or changes its end; none begins while any stands |
//! | [`ReleaseEpoch`](Command::ReleaseEpoch) | deletes the epoch; takes the token off its holds |
//!
//! The last five are about [`tags`], whose epochs have places of their own.
//!
//! Why no fill is stale: a fetch begins only after its claim was answered, so every value that a
//! fill stores was read while the token stood. An invalidation removes the token before it returns,
//! and no token is ever set twice, so a fill whose fetch began before the invalidation is refused.
//! Should something between the client and the cache repeat a claim, the second is granted under another
//! number, which no fill names.
//! A claim whose answer was lost is never used: its command may still reach the cache, after the
//! invalidation that it should have preceded.
//!
//! Why what a write stores is not stale: whoever changes the same object meanwhile holds, releases or
//! invalidates the key between this writer's hold and its release, or after it. In the first case nothing
//! is stored, in the second it is deleted before the other's call returns.
//!
//! An alias has a value and a flag of its own. Its value is a pointer to the primary key, where the
//! object stands. A read by an alias reads the pointer and the object, in one round if it remembers where
//! the pointer leads ([`PointerHint`]), and verifies that the object is of both keys. Otherwise the alias is
//! loaded, by a [`ReadMachine`] of it whose fetch is an [`AliasFetch`]: its documentation says why no
//! invalidation of either key is undone.
//!
//! Where fetches read a lagging replica, nothing may be stored for a while after an invalidation:
//! the invalidation is then a hold that nobody releases, and a write ends by putting the end of its
//! own hold that far off. So it is with tags: their guard is held.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | read-through | the cache itself calls the fetch function for what it lacks |
//! | value, document | what is stored under a key: an object, the absence of one, or a pointer |
//! | flag | the place beside a value that says who may fill it |
//! | lease | a reader's right to fill, for a limited time ("Scaling Memcache at Facebook", NSDI 2013) |
//! | fencing token | a number that a lease carries; a fill without the current one is refused (Kleppmann, "How to do distributed locking", 2016) |
//! | grant | the number under which the cache itself granted a claim |
//! | hold | a writer's mark in the flag's place: nobody fills while it stands |
//! | settle | how long nothing is stored after an invalidation, for replicas to catch up |
//! | load | all that one miss sets off: claim, fetch, fill |
//! | single-flight | one load a key and process at a time: the leader loads, the followers wait for it (Go's `singleflight`) |
//! | landing | the end of a load: it says which followers may share its result |
//! | stampede | many loads of one key at a time, after it expired or was invalidated |
//! | refresh-ahead | one read in many loads a value shortly before its end; the time is drawn at random (XFetch: "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015) |
//! | stale-if-error | a value past its time to live is served while the fetch fails (RFC 5861) |
//! | negative caching | the absence of an object is stored, for a time of its own |
//! | alias, primary key | an object is stored under its primary key; its other keys are aliases, whose values point there |
//! | hint | what a process remembers of an earlier read, to ask for all that a hit needs at once; never trusted |
//! | tag, epoch, guard | a group of objects; the random number that its invalidation ends; the epoch of all tags of a type |
//! | near cache | decoded objects in the memory of a process, served while no change to them was heard of |
//! | lost | an answer that did not come: the command may or may not have taken effect, or may do so later |

mod alias;
mod command;
mod flight;
mod flights;
mod hint;
mod near;
mod read;
mod step;
pub mod tags;
mod write;

pub use alias::{AliasFetch, AliasOutcome, AliasStep, Compared};
pub use command::{Command, Lost, Replacing, Reply, SeenValue, Token};
pub use flight::{FollowerFate, Landing, Phase};
pub use flights::{Flight, Flights, Lead, Waiters, Wants};
pub use hint::PointerHint;
pub use near::{Changes, Mark};
pub use read::ReadMachine;
pub use step::{
    Fetched, Fill, First, Followed, OnLease, Outcome, Purpose, ReadPolicy, Role, Step, Verdict,
    Waited,
};
pub use write::{HoldPolicy, WriteMachine, WriteOutcome, WriteStep};
