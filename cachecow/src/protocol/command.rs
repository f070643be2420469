//! The commands to the cache, and its replies.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// The mark of one attempt to fill or to write. No token is used twice.
///
/// Something between the client and the cache may repeat a command, so that it is carried out twice. Therefore the
/// cache numbers the claims that it grants, and the token of a granted claim carries that number.
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
    /// Makes the token with these bytes. The caller must make sure that they are unique.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, grant: 0 }
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Returns the token of the claim that was granted under this number, which must not be 0.
    #[must_use]
    pub const fn granted(self, grant: u64) -> Self {
        Self { grant, ..self }
    }

    /// Returns the epoch that begins under this number: the first half of the token, then the number.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        let mut bytes = self.bytes;
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Self::from_bytes(bytes)
    }

    /// Returns the number under which the claim was granted; 0: none.
    pub const fn grant(&self) -> u64 {
        self.grant
    }

    /// Returns whether this token matches the flag's: the same bytes, granted under the same number. If this token
    /// has no number, any number matches.
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

/// A short description of a stored value that a read has seen, enough to distinguish it from the value that
/// replaces it.
///
/// A false match only costs a fetch: deleting or replacing a value under the flag is always safe.
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
    /// How many bytes are compared. They include the header of a stored document, which has the
    /// time when it was stored.
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

/// A value that a claim may replace.
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
    /// Whether it stays until it is replaced; otherwise the claim deletes it.
    pub keep: bool,
}

/// One atomic operation on the value and the flag of one key, or on one epoch. `V` is a stored value: bytes, or a
/// number in the model checker.
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
    /// Read the value, or take the right to fill it if there is none.
    Claim {
        /// Marks this attempt.
        token: Token,
        /// How long the right lasts.
        lease: Duration,
        /// A value that is treated as absent.
        replacing: Option<Replacing>,
    },
    /// Store the value, if the claim is still valid.
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
        /// The claim's token, without a number if the answer was lost.
        token: Token,
    },
    /// Delete the value, and any right to fill it.
    Invalidate,
    /// Delete the value, and prevent every reader from filling it. A hold with the same token is replaced.
    Hold {
        /// Marks this writer, or this invalidation.
        token: Token,
        /// How long the hold lasts, if it is never released.
        ttl: Duration,
    },
    /// Delete the value, and end this writer's hold.
    Release {
        /// The hold's token.
        token: Token,
    },
    /// Delete the value, and end this writer's hold. Store the new value, but only if there was no
    /// other hold and no invalidation since this hold was placed.
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
        /// If a new epoch begins, its first half is that of this token. The cache chooses the second half: even if
        /// this command is carried out twice, no epoch begins twice.
        fresh: Token,
        /// How long the epoch is kept from now, at least.
        ttl: Duration,
    },
    /// End the epoch, so that another will begin.
    EndEpoch,
    /// End the epoch, and prevent another from beginning. A hold with the same token is replaced.
    HoldEpoch {
        /// Marks this writer, or this invalidation.
        token: Token,
        /// How long the hold lasts, if it is never released.
        ttl: Duration,
    },
    /// End the epoch, and this writer's hold.
    ReleaseEpoch {
        /// The hold's token.
        token: Token,
    },
}

impl<V> Command<V> {
    /// Returns the command that does to an epoch what this invalidation, hold or release does to a value.
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
    /// The caller has the right to fill (to [`Claim`](Command::Claim)), under this number, which is not 0. No other
    /// claim of the key is ever granted under the same number, not even the same claim when it is carried out
    /// again.
    Claimed(u64),
    /// Another reader has the right to fill (to [`Claim`](Command::Claim)).
    Leased,
    /// A writer holds the key (to [`Claim`](Command::Claim)) or the epoch (to [`TakeEpoch`](Command::TakeEpoch),
    /// and possibly to [`ReadEpoch`](Command::ReadEpoch)).
    Held,
    /// The token was valid until this command, which ended it (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)); released and stored (to [`ReleaseAndStore`](Command::ReleaseAndStore)).
    Settled,
    /// The token was no longer valid (to [`Fill`](Command::Fill) and
    /// [`Abandon`](Command::Abandon)); released and not stored (to
    /// [`ReleaseAndStore`](Command::ReleaseAndStore); [`Done`](Self::Done) means the same there).
    Refused,
    /// The epoch (to [`ReadEpoch`](Command::ReadEpoch) and [`TakeEpoch`](Command::TakeEpoch)).
    Epoch(Token),
    /// Carried out (to [`Invalidate`](Command::Invalidate), [`Hold`](Command::Hold),
    /// [`Release`](Command::Release), and the same commands for epochs).
    Done,
}

/// No usable answer: the command may have been carried out or not, or may still be carried out later.
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
