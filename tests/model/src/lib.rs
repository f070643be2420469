//! A model checker's look at the promise: callers, writers, crashes and a bad network around the machines
//! of [`cachecow::protocol`], in every order.
//!
//! What is explored is the production code: [`ReadMachine`](cachecow::protocol::ReadMachine),
//! [`WriteMachine`](cachecow::protocol::WriteMachine), [`Flights`](cachecow::protocol::Flights) and
//! [`Changes`](cachecow::protocol::Changes), which the engine drives with bytes for values, are driven here with version numbers.
//! [`scenes`] is about one key, or two that have nothing to do with each other; [`object`] is about one object
//! under its primary key and an alias, with a tag; [`answers`] is about the answer to a query that carries two tags; [`list`] is about one that moves between two lists; [`moving`] is
//! about a cluster's slot; [`following`] is about a row whose changes are read from the database's log.
//! What is modelled is around them: the cache's cells, held against the real backends by a test, the
//! network, and time, which is whatever happens before something else.

pub mod answers;
pub mod cache;
pub mod caller;
pub mod following;
pub mod list;
pub mod moving;
pub mod object;
pub mod process;
pub mod scene;
pub mod scenes;
mod small;
mod trace;
pub mod world;
pub mod writer;

/// A rule of the protocol that is left out, so that the checker must find what it keeps out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Without {
    /// All rules stand.
    #[default]
    Nothing,
    /// A flag that is anybody's: no tokens.
    Tokens,
    /// A claim that is carried out again is granted under another number.
    Grants,
    /// The fetch begins before the claim is granted.
    ClaimBeforeFetch,
    /// Who joins a load shares whatever it brings.
    Fence,
    /// Who joins a load shares its error, whatever became of the claim.
    FenceOfErrors,
    /// A release lifts its own hold and nobody else's.
    OwnHoldsAlone,
    /// A writer stores only if no other's hold overlapped its own.
    Overlaps,
    /// A writer stores only if there was no invalidation since it began.
    MarksOfInvalidations,
    /// The near tier marks what it knows before the cache is asked.
    Mark,
}
