//! What is asked of the cache, and what it answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// The mark of one attempt to fill or to write; never used twice.
///
/// A command may be carried out twice, if something on its way repeats it; so the cache numbers what it
/// grants, and the token of a claim that was granted has that number.
///
/// ```
/// use cachecow::protocol::Token;
///
/// let token = Token::from_bytes([7; 16]);                 // a real one is random
/// let standing = token.granted(3);                        // what the cache keeps of the claim
/// assert!(standing.names(&standing));
/// assert!(token.names(&standing), "whose number is not known: the answer was lost");
/// assert!(!token.granted(2).names(&standing), "granted before something repeated the claim");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    bytes: [u8; 16],
    grant: u64,
}

impl Token {
    /// The token with these bytes; the caller answers for their uniqueness.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, grant: 0 }
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The token of the claim that was granted under this number, which is not 0.
    #[must_use]
    pub const fn granted(self, grant: u64) -> Self {
        Self { grant, ..self }
    }

    /// The epoch that begins under this number: the first half of the token, then the number.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        let mut bytes = self.bytes;
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Self::from_bytes(bytes)
    }

    /// The number under which the claim was granted; 0: none.
    pub const fn grant(&self) -> u64 {
        self.grant
    }

    /// Whether this is what stands in the flag: the same token, granted under the same number, or under
    /// any if this one has none.
    pub fn names(&self, standing: &Self) -> bool {
        self.bytes == standing.bytes && (self.grant == 0 || self.grant == standing.grant)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:032x}", u128::from_be_bytes(self.bytes))?;
        if self.grant > 0 { write!(f, ", {})", self.grant) } else { f.write_str(")") }
    }
}

/// A stored value that a read has seen, described well enough to tell it from its successor.
///
/// A false match only costs a fetch: neither deleting nor replacing a value under the flag is ever
/// wrong.
///
/// ```
/// use cachecow::protocol::SeenValue;
///
/// let seen = SeenValue::of(b"user 42 as of noon");
/// assert!(seen.matches(b"user 42 as of noon"));
/// assert!(!seen.matches(b"user 42 as of one o'clock"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SeenValue {
    /// The value's length in bytes.
    pub len: usize,
    /// Its first bytes, at most [`SeenValue::PREFIX`] of them.
    pub prefix: Vec<u8>,
}

impl SeenValue {
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
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::Duration;
/// # use cachecow::{CacheBackend, Key, MemoryBackend, Request};
/// # let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// # let send = async |command| backend.execute(vec![Request { key, command }]).await.remove(0);
/// # let (lease, ttl) = (Duration::from_secs(30), Duration::from_secs(600));
/// use cachecow::protocol::{Command, Replacing, Reply, SeenValue, Token};
///
/// # let token = Token::from_bytes([1; 16]);
/// # let Reply::Claimed(number) = send(Command::Claim { token, lease, replacing: None }).await? else { unreachable!() };
/// # send(Command::Fill { token: token.granted(number), value: "old".into(), ttl }).await?;
/// // "old" is near its end: others are served it until this reader has filled.
/// let token = Token::from_bytes([2; 16]);
/// let replacing = Some(Replacing { seen: SeenValue::of(b"old"), keep: true });
/// let reply = send(Command::Claim { token, lease, replacing }).await?;
/// assert!(matches!(reply, Reply::Claimed(_)));
/// assert_eq!(send(Command::Lookup).await?, Reply::Value("old".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replacing {
    /// The value.
    pub seen: SeenValue,
    /// Whether it stays until it is replaced; if not, the claim deletes it.
    pub keep: bool,
}

/// One atomic operation on the value and the flag of one key, or on one epoch. `V` is a stored value: bytes, or a
/// number for a model checker.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::Duration;
/// # use cachecow::{CacheBackend, Key, MemoryBackend, Request};
/// # let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// # let send = async |command| backend.execute(vec![Request { key, command }]).await.remove(0);
/// # let (lease, ttl) = (Duration::from_secs(30), Duration::from_secs(600));
/// use cachecow::protocol::{Command, Reply, Token};
///
/// let token = Token::from_bytes([7; 16]);
/// let claim = Command::Claim { token, lease, replacing: None };
/// let Reply::Claimed(number) = send(claim).await? else { panic!("another reader was first") };
/// let fill = Command::Fill { token: token.granted(number), value: "Ann".into(), ttl };
/// assert_eq!(send(fill.clone()).await?, Reply::Settled);
/// assert_eq!(send(Command::Lookup).await?, Reply::Value("Ann".into()));
///
/// assert_eq!(send(Command::Invalidate).await?, Reply::Done);
/// assert_eq!(send(fill).await?, Reply::Refused, "the token stands no more");
/// # Ok(())
/// # }
/// ```
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
        replacing: Option<Replacing>,
    },
    /// Store the value, if the right to do so still stands.
    Fill {
        /// The claim's token, with the number of its grant.
        token: Token,
        /// What to store.
        value: V,
        /// How long it may be served.
        ttl: Duration,
    },
    /// Give the right to fill back.
    Abandon {
        /// The claim's token; without a number, if the answer was lost.
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
    /// Delete the value, and end this writer's hold. If that was the only one, with no other and no
    /// invalidation since it was placed, store this value.
    ReleaseAndStore {
        /// The hold's token.
        token: Token,
        /// What to store.
        value: V,
        /// How long it may be served.
        ttl: Duration,
    },
    /// Read the epoch; see [`tags`](super::tags).
    ReadEpoch,
    /// Read the epoch, or begin one if there is none, and keep it for a while.
    TakeEpoch {
        /// Its first half is that of the epoch that begins if there is none. The second half is the cache's:
        /// even if this is carried out again, no epoch begins twice.
        fresh: Token,
        /// How long it is kept from now at the least.
        ttl: Duration,
    },
    /// End the epoch, so that another will begin.
    EndEpoch,
    /// End the epoch, and keep another from beginning. A hold of the same token is replaced.
    HoldEpoch {
        /// Marks this writer, or this invalidation.
        token: Token,
        /// For how long, if it is never released.
        ttl: Duration,
    },
    /// End the epoch, and this writer's hold.
    ReleaseEpoch {
        /// The hold's token.
        token: Token,
    },
}

impl<V> Command<V> {
    /// What does to an epoch as this invalidation, hold or release does to a value.
    #[must_use]
    pub fn of_epoch(self) -> Self {
        match self {
            Self::Invalidate => Self::EndEpoch,
            Self::Hold { token, ttl } => Self::HoldEpoch { token, ttl },
            Self::Release { token } => Self::ReleaseEpoch { token },
            other => other,
        }
    }
}

/// The cache's answer.
///
/// [`Command`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reply<V = Bytes> {
    /// The stored value (to [`Lookup`](Command::Lookup) and [`Claim`](Command::Claim)).
    Value(V),
    /// There is no value (to [`Lookup`](Command::Lookup)) or no epoch, held or not (to
    /// [`ReadEpoch`](Command::ReadEpoch)).
    Absent,
    /// The right to fill is the caller's (to [`Claim`](Command::Claim)), under this number, which is not 0: no
    /// other claim of the key is ever granted under the same, not even the same claim carried out again.
    Claimed(u64),
    /// Another reader has it (to [`Claim`](Command::Claim)).
    Leased,
    /// A writer keeps it from everyone (to [`Claim`](Command::Claim)), or keeps an epoch from beginning
    /// (to [`TakeEpoch`](Command::TakeEpoch), and perhaps to [`ReadEpoch`](Command::ReadEpoch)).
    Held,
    /// The token stood until this command, which ended it (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)); released and stored (to [`ReleaseAndStore`](Command::ReleaseAndStore)).
    Settled,
    /// The token did not stand any more (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)); released and not stored (to
    /// [`ReleaseAndStore`](Command::ReleaseAndStore), which [`Done`](Self::Done) says as well).
    Refused,
    /// The epoch (to [`ReadEpoch`](Command::ReadEpoch) and [`TakeEpoch`](Command::TakeEpoch)).
    Epoch(Token),
    /// Carried out (to [`Invalidate`](Command::Invalidate), [`Hold`](Command::Hold),
    /// [`Release`](Command::Release), and the same of epochs).
    Done,
}

/// No usable answer: the command may or may not have been carried out, or may be later.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lost;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_own_grant_and_without_a_number_any() {
        let token = Token::from_bytes([7; 16]);
        let (first, second) = (token.granted(1), token.granted(2));
        assert_eq!((token.grant(), second.grant()), (0, 2));
        assert!(first.names(&first) && !first.names(&second));
        assert!(token.names(&first) && token.names(&second));
        assert!(!Token::from_bytes([8; 16]).names(&first));
    }

    #[test]
    fn a_token_shows_its_bytes_and_its_grant() {
        let token = Token::from_bytes([7; 16]);
        let bytes = "07".repeat(16);
        assert_eq!(format!("{token:?}"), format!("Token({bytes})"));
        assert_eq!(format!("{:?}", token.granted(3)), format!("Token({bytes}, 3)"));
    }

    #[test]
    fn a_seen_value_is_told_by_its_length_and_its_beginning() {
        let long = [1; SeenValue::PREFIX + 1];
        let seen = SeenValue::of(&long);
        assert_eq!((seen.len, seen.prefix.len()), (SeenValue::PREFIX + 1, SeenValue::PREFIX));
        let mut other = long;
        other[SeenValue::PREFIX] = 2;
        assert!(seen.matches(&long) && seen.matches(&other), "only the beginning is compared");
        other[SeenValue::PREFIX - 1] = 2;
        assert!(!seen.matches(&other) && !seen.matches(&long[1..]));
    }
}
