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
//! | [`ReadEpoch`](Command::ReadEpoch) | reads the epoch |
//! | [`TakeEpoch`](Command::TakeEpoch) | reads the epoch; if there is none, sets it to the token; keeps it for at least the given time |
//! | [`EndEpoch`](Command::EndEpoch) | deletes the epoch; with a time to settle, sets a mark in its place that keeps others out for so long |
//!
//! The last three are about [`tags`], whose epochs have places of their own.
//!
//! Why no fill is stale: a fetch begins only after its claim was answered, so every value that a
//! fill stores was read while the token stood. An invalidation removes the token before it returns,
//! and no token is ever set twice, so a fill whose fetch began before the invalidation is refused.
//! Should something between the client and the cache repeat a claim, the second is granted under another
//! number, which no fill names.
//! A claim whose answer was lost is never used: its command may still reach the cache, after the
//! invalidation that it should have preceded.
//!
//! An alias has a value and a flag of its own. Its value is a pointer to the primary key, where the
//! object stands. Who reads by an alias looks up the pointer, then the object, and verifies that the
//! object is of both keys; else the alias is loaded, by a [`ReadMachine`] of it whose fetch is a [`AliasFetch`].
//! There it is told why no invalidation of either key is undone.
//!
//! Where fetches read a lagging replica, nothing may be stored for a while after an invalidation:
//! the invalidation is then a hold that nobody releases, and a write ends by putting the end of its
//! own hold that far off.

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
pub use flights::{Flight, Flights, Lead, Waiters};
pub use hint::PointerHint;
pub use near::{Changes, Mark};
pub use read::ReadMachine;
pub use step::{
    Fetched, Fill, First, Followed, OnLease, Outcome, ReadPolicy, Role, Step, Verdict, Waited,
};
pub use write::{HoldPolicy, WriteMachine, WriteOutcome, WriteStep};
