//! What is asked of the cache, and what it answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// The mark of one attempt to fill or to write; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token([u8; 16]);

impl Token {
    /// The token with these bytes; the caller answers for their uniqueness.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they stand in the cache.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:032x})", u128::from_be_bytes(self.0))
    }
}

/// A stored value that a read has seen, described well enough to tell it from its successor.
///
/// A false match only costs a fetch: neither deleting nor replacing a value under the flag is ever
/// wrong.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Seen {
    /// The value's length in bytes.
    pub len: usize,
    /// Its first bytes, at most [`Seen::PREFIX`] of them.
    pub prefix: Vec<u8>,
}

impl Seen {
    /// How many bytes are compared; the header of a stored document, which tells when it was
    /// stored, lies within them.
    pub const PREFIX: usize = 64;

    /// Describes `value`.
    pub fn of(value: &[u8]) -> Self {
        Self { len: value.len(), prefix: value[..value.len().min(Self::PREFIX)].to_vec() }
    }

    /// Whether `value` is the one described.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.len == value.len() && value.starts_with(&self.prefix)
    }
}

/// A value that does not stand in a claim's way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Despite {
    /// The value.
    pub seen: Seen,
    /// Whether it stays until it is replaced; if not, the claim deletes it.
    pub keep: bool,
}

/// One atomic operation on the value and the flag of one key, or on one epoch. `V` is a stored value: bytes, or a
/// number for a model checker.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Command<V = Bytes> {
    /// Read the value.
    Lookup,
    /// Read the value, or else take the right to fill it.
    Claim {
        /// Marks this attempt.
        token: Token,
        /// How long the right lasts.
        lease: Duration,
        /// A value that counts as none.
        despite: Option<Despite>,
    },
    /// Store the value, if the right to do so still stands.
    Fill {
        /// The claim's token.
        token: Token,
        /// What to store.
        value: V,
        /// How long it may be served.
        ttl: Duration,
    },
    /// Give the right to fill back.
    Abandon {
        /// The claim's token.
        token: Token,
    },
    /// Delete the value, and any right to fill it.
    Invalidate,
    /// Delete the value, and keep every reader from filling it. A hold of the same token is replaced.
    Hold {
        /// Marks this writer, or this invalidation.
        token: Token,
        /// For how long, if it is never released.
        ttl: Duration,
    },
    /// Delete the value, and end this writer's hold.
    Release {
        /// The hold's token.
        token: Token,
    },
    /// Read the epoch; see [`tags`](super::tags).
    ReadEpoch,
    /// Read the epoch, or begin one if there is none, and keep it for a while.
    TakeEpoch {
        /// The epoch that begins if there is none.
        fresh: Token,
        /// How long it is kept from now at the least.
        ttl: Duration,
    },
    /// End the epoch, so that another will begin.
    EndEpoch {
        /// For how long none may begin; zero: not at all.
        settle: Duration,
    },
}

/// The cache's answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reply<V = Bytes> {
    /// The stored value (to [`Lookup`](Command::Lookup) and [`Claim`](Command::Claim)).
    Value(V),
    /// There is no value (to [`Lookup`](Command::Lookup)) or no epoch (to
    /// [`ReadEpoch`](Command::ReadEpoch)).
    Absent,
    /// The right to fill is the caller's (to [`Claim`](Command::Claim)).
    Claimed,
    /// Another reader has it (to [`Claim`](Command::Claim)).
    Leased,
    /// A writer keeps it from everyone (to [`Claim`](Command::Claim)), or no epoch may begin (to
    /// [`ReadEpoch`](Command::ReadEpoch) and [`TakeEpoch`](Command::TakeEpoch)).
    Held,
    /// The token stood until this command, which ended it (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)).
    Settled,
    /// The token did not stand any more (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)).
    Refused,
    /// The epoch (to [`ReadEpoch`](Command::ReadEpoch) and [`TakeEpoch`](Command::TakeEpoch)).
    Epoch(Token),
    /// Carried out (to [`Invalidate`](Command::Invalidate), [`Hold`](Command::Hold),
    /// [`Release`](Command::Release) and [`EndEpoch`](Command::EndEpoch)).
    Done,
}

/// No usable answer: the command may or may not have been carried out, or may be later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lost;
