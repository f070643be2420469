//! The flag protocol as pure state machines: replies in, next step out, no I/O and no clock.
//!
//! For each object there are two places in the cache: the value, and the flag, which is the right
//! to fill it. A flag is either a reader's **lease**, marked with a token that is new for every
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
//! | [`Release`](Command::Release) | deletes the value and a lease; removes the token from the holds |
//! | [`ReleaseAndStore`](Command::ReleaseAndStore) | as a release; stores the value if the hold was still there, and since it was placed there was no other hold, and no invalidation or release by others |
//! | [`ReadEpoch`](Command::ReadEpoch) | reads the epoch |
//! | [`TakeEpoch`](Command::TakeEpoch) | reads the epoch; if there is none, sets it to the token; keeps it for at least the given time |
//! | [`EndEpoch`](Command::EndEpoch) | deletes the epoch; holds stay |
//! | [`HoldEpoch`](Command::HoldEpoch) | deletes the epoch; adds the token to its holds, or changes its end; no epoch begins while there is a hold |
//! | [`ReleaseEpoch`](Command::ReleaseEpoch) | deletes the epoch; removes the token from its holds |
//!
//! The last five are for [`tags`], whose epochs have separate places.
//!
//! Why no fill is stale: a fetch begins only after its claim was answered, so every value that a fill stores was
//! read after its token was set. An invalidation removes the token before it returns, and no token is ever set
//! twice. So a fill whose fetch began before the invalidation is refused. If something between the client and the
//! cache repeats a claim, the second one is granted under another number, which no fill carries. A claim whose
//! answer was lost is never used: its command may still reach the cache later, after an invalidation that it should
//! have preceded.
//!
//! Why a value stored by a write is not stale: another writer of the same object holds, releases or invalidates the
//! key either between this write's hold and its release, or after its release. In the first case this write stores
//! nothing. In the second case the stored value is deleted before the other writer's call returns.
//!
//! An alias has its own value and flag. Its value is a pointer to the primary key, under which the object is
//! stored. A read by an alias reads the pointer and the object, in one round if the process remembers the pointer's
//! target ([`PointerHint`]), and verifies that the object belongs to both keys. If not, the alias is loaded by its
//! own [`ReadMachine`], whose fetch is an [`AliasFetch`]. The documentation of [`AliasFetch`] says why no
//! invalidation of either key is undone.
//!
//! If fetches read a lagging replica, nothing may be stored for a while after an invalidation (the
//! settle time). Such an invalidation is a hold that nobody releases, and a write ends by setting
//! the end of its own hold to that time. The same holds for tags: their guard is held.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | read-through | on a miss, the cache itself calls the fetch function |
//! | value, document | the data stored under a key: an object, an absence, or a pointer |
//! | flag | the place beside a value that says who may fill it |
//! | lease | a reader's right to fill, for a limited time ("Scaling Memcache at Facebook", NSDI 2013) |
//! | fencing token | a number that a lease carries; a fill without the current one is refused (Kleppmann, "How to do distributed locking", 2016) |
//! | grant | the number under which the cache itself granted a claim |
//! | hold | a writer's mark in the flag's place: nobody can fill while it is there |
//! | settle | how long nothing is stored after an invalidation, for replicas to catch up |
//! | load | everything that one miss causes: claim, fetch, fill |
//! | single-flight | one load for each key and process at a time: the leader loads, the followers wait for it (Go's `singleflight`) |
//! | landing | the end of a load: it says which followers may share its result |
//! | stampede | many loads of one key at a time, after it expired or was invalidated |
//! | refresh-ahead | shortly before a value expires, one of many reads loads it again, at a random time (XFetch: "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015) |
//! | stale-if-error | a value past its time to live is served while the fetch fails (RFC 5861) |
//! | negative caching | the absence of an object is stored, with its own time to live |
//! | alias, primary key | an object is stored under its primary key; its other keys are aliases, whose values point there |
//! | hint | what a process remembers of an earlier read, to ask for everything that a hit needs at once; always verified |
//! | tag, epoch, guard | a group of objects; the random number that changes when the group is invalidated; the epoch of all tags of a type |
//! | near cache | decoded objects in the memory of a process, served until it hears of a change |
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
