//! The steps, results and outcomes that a read and its driver exchange.

use std::time::Duration;

use super::command::{Command, SeenValue, Token};

/// The first command of a read.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum First {
    /// Look the value up: one cheap native read on a hit, one more round trip on a miss.
    Lookup,
    /// Look up and claim at once: a script, but no further round trip on a miss.
    Claim,
}

/// What a read does when another process has the right to fill.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnLease {
    /// Wait for the other process's value; if none comes, fetch without filling.
    Wait,
    /// Fetch at once, without filling.
    Fetch,
}

/// The purpose of a read.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Purpose {
    /// Read the value; if there is none, fetch and fill.
    #[default]
    Serve,
    /// Fetch and fill, even if there is a value. A stored value that may be replaced is judged
    /// [`Expired`](Verdict::Expired).
    Renew,
    /// Read the value; if there is none, fetch. It claims nothing.
    Look,
    /// Fetch. It sends nothing to the cache.
    Fetch,
}

impl Purpose {
    /// Returns whether the fetched value is stored.
    pub fn fills(self) -> bool {
        matches!(self, Self::Serve | Self::Renew)
    }
}

/// The settings of a read.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReadPolicy {
    /// The first command.
    pub first: First,
    /// What to do if another process has a lease.
    pub on_lease: OnLease,
    /// How long this read's own lease lasts.
    pub lease: Duration,
}

/// What the driver of a read does next. Each step except [`Done`](Step::Done) is answered by the
/// method after the arrow.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step<V> {
    /// Send the command → [`ReadMachine::on_reply`](super::ReadMachine::on_reply).
    Send(Command<V>),
    /// Decode and verify the stored value → [`ReadMachine::on_judged`](super::ReadMachine::on_judged).
    Judge(V),
    /// Lead this process's load of the key, or follow the one under way → [`ReadMachine::on_entered`](super::ReadMachine::on_entered).
    Enter,
    /// Lead this process's load of the key, if there is none under way → [`ReadMachine::on_entered`](super::ReadMachine::on_entered), as
    /// [`Leader`](Role::Leader) or [`Alone`](Role::Alone).
    Lead,
    /// Wait for the load that this read follows → [`ReadMachine::on_followed`](super::ReadMachine::on_followed).
    Follow,
    /// Wait for the other process's fill → [`ReadMachine::on_waited`](super::ReadMachine::on_waited).
    Wait,
    /// Call the fetch function → [`ReadMachine::on_fetched`](super::ReadMachine::on_fetched).
    Fetch,
    /// The read is over.
    Done(Outcome),
}

/// The judgement of a stored value.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// The requested object.
    Good,
    /// The requested object, near the end of its time to live: one caller refreshes it, the others
    /// are served it.
    Ageing(SeenValue),
    /// The requested object, past its time to live: it is served if the fetch fails.
    Expired(SeenValue),
    /// Do not serve it, and replace it: it is malformed, of another key, or of another version and
    /// old enough.
    Replace(SeenValue),
    /// Do not serve it, and leave it alone: another version of the program stored it recently.
    Leave,
    /// Do not serve it: the cache failed when it was asked for the epochs, or for the target of the pointer.
    Unknown,
}

/// The role of this read in its process's load of the key.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// It loads; the token marks its claim.
    Leader(Token),
    /// It waits for the load.
    Follower,
    /// It takes no part: the load under way is for another key with the same hash.
    Alone,
}

/// The result of following.
///
/// ```
/// # use std::time::Duration;
/// # use cachecow::protocol::{First, OnLease, ReadMachine, ReadPolicy, Reply, Role, Step, Token};
/// # let lease = Duration::from_secs(30);
/// # let policy = ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease };
/// # let mut read: ReadMachine<&str> = ReadMachine::new(policy);
/// # read.next_step();
/// # read.on_reply(Ok(Reply::Absent));
/// use cachecow::protocol::{Fill, Followed, Outcome};
///
/// // A read that found nothing, while another caller of this process loads the key.
/// assert_eq!(read.next_step(), Step::Enter);
/// read.on_entered(Role::Follower);
/// assert_eq!(read.next_step(), Step::Follow);
/// read.on_followed(Followed::Shared(Fill::Stored));
/// assert_eq!(read.next_step(), Step::Done(Outcome::Shared(Fill::Stored)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Followed {
    /// This read takes the load's result, with the result of its fill.
    Shared(Fill),
    /// The load failed; this read takes an object past its time to live.
    Stale,
    /// The load failed, and so does this read.
    Failed,
    /// Read the cache again.
    LookAgain,
    /// This read leads the next load; the token marks its claim.
    Promoted(Token),
    /// The load took too long and accepts no followers any more: this read enters again.
    GivenUp,
}

/// The result of waiting for another process.
///
/// ```
/// # use std::time::Duration;
/// # use cachecow::protocol::{First, OnLease, ReadMachine, ReadPolicy, Reply, Role, Step, Token};
/// # let lease = Duration::from_secs(30);
/// # let policy = ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease };
/// # let mut read: ReadMachine<&str> = ReadMachine::new(policy);
/// # read.next_step();
/// # read.on_reply(Ok(Reply::Absent));
/// # read.next_step();
/// # read.on_entered(Role::Leader(Token::from_bytes([1; 16])));
/// use cachecow::protocol::{Command, Waited};
///
/// // A read that found nothing, while another process has the right to fill.
/// assert!(matches!(read.next_step(), Step::Send(Command::Claim { .. })));
/// read.on_reply(Ok(Reply::Leased));
/// assert_eq!(read.next_step(), Step::Wait);
/// read.on_waited(Waited::Again(Token::from_bytes([2; 16])));
/// assert!(matches!(read.next_step(), Step::Send(Command::Claim { .. })));
/// read.on_reply(Ok(Reply::Leased));
/// assert_eq!(read.next_step(), Step::Wait);
/// read.on_waited(Waited::Expired);
/// assert_eq!(read.next_step(), Step::Fetch);
/// assert!(!read.may_fill());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Waited {
    /// Time to ask again; the token marks the next claim.
    Again(Token),
    /// The time allowed is over.
    Expired,
}

/// The result of the fetch function.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fetched<V> {
    /// Return the value, and store it.
    Storable(V, Duration),
    /// Return the value, and do not store it.
    Unstorable,
    /// Return the value, and do not store it, since it may already be outdated. It is not shared
    /// with callers that asked after its fetch began. The claim is given back without waiting.
    Unfenced(Fill),
    /// Return the value, but do not share it with callers that asked after the fetch began: one of
    /// its [`tags`](super::tags) may have been invalidated since.
    Refused,
    /// An error. It is shared with callers that asked after the fetch began only if the claim was valid until it
    /// was given back.
    Failed,
    /// An error that is not shared with callers that asked after the fetch began, even if the claim was valid.
    FailedUnfenced,
}

impl<V> Fetched<V> {
    /// Returns the same result, but not stored, and not shared with callers that asked after the
    /// fetch began: an invalidation may have happened since.
    #[must_use]
    pub fn refused(self) -> Self {
        match self {
            Self::Failed | Self::FailedUnfenced => Self::FailedUnfenced,
            Self::Storable(..) | Self::Unstorable | Self::Unfenced(_) | Self::Refused => {
                Self::Refused
            }
        }
    }
}

/// Whether the value that a read fetched was stored.
///
/// [`Read`](crate::Read) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fill {
    /// It was stored.
    Stored,
    /// The cache refused it, because of an invalidation, a write, an eviction or the end of the
    /// lease since the claim.
    Refused,
    /// It was not stored on purpose: the value came from the cache, another reader had the right to
    /// fill, a writer held the key, or the value must not be cached.
    Skipped,
    /// The cache could not be used: it did not answer, its answer was invalid, or it is not asked
    /// because it failed before. If only the last answer was lost, the value may have been stored.
    Unreachable,
}

/// How a read ended.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// With the last value, which was judged good.
    Hit,
    /// With the result of the load it followed.
    Shared(Fill),
    /// With the value it fetched.
    Fetched(Fill),
    /// With a value past its time to live, because the fetch failed.
    Stale,
    /// With the error of the fetch function.
    Failed,
}
