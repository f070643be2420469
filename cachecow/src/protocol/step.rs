//! What a read and its driver say to each other.

use std::time::Duration;

use super::command::{Command, SeenValue, Token};

/// What a read asks first.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum First {
    /// The value: one cheap native read if it is there, one more round trip if not.
    Lookup,
    /// The value or the claim at once: a script, and no further round trip if it is not there.
    Claim,
}

/// What a read does when another process has the right to fill.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnLease {
    /// Wait for the other's value, then fetch without filling.
    Wait,
    /// Fetch at once, without filling.
    Fetch,
}

/// What a read wants of the cache.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Purpose {
    /// The value; if there is none, to fetch and fill.
    #[default]
    Serve,
    /// To fetch and fill, whatever value there is. A stored value is judged
    /// [`Expired`](Verdict::Expired), if it may be replaced.
    Renew,
    /// The value; if there is none, to fetch. It claims nothing.
    Look,
    /// To fetch. It asks the cache nothing.
    Fetch,
}

impl Purpose {
    /// Whether what is fetched is stored.
    pub fn fills(self) -> bool {
        matches!(self, Self::Serve | Self::Renew)
    }
}

/// What a read may decide by.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReadPolicy {
    /// What to ask first.
    pub first: First,
    /// What to do under another's lease.
    pub on_lease: OnLease,
    /// How long this read's own lease lasts.
    pub lease: Duration,
}

/// What the driver of a read does next; each step but [`Done`](Step::Done) is answered by the
/// method named.
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
    /// Wait for the load that is followed → [`ReadMachine::on_followed`](super::ReadMachine::on_followed).
    Follow,
    /// Wait for the other process's fill → [`ReadMachine::on_waited`](super::ReadMachine::on_waited).
    Wait,
    /// Call the fetch function → [`ReadMachine::on_fetched`](super::ReadMachine::on_fetched).
    Fetch,
    /// The read is over.
    Done(Outcome),
}

/// What a stored value turned out to be.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// The object that was asked for.
    Good,
    /// The object that was asked for, near the end of its time to live: one caller fetches it anew,
    /// the others are content with it.
    Ageing(SeenValue),
    /// The object that was asked for, past its time to live: to be served if the fetch fails.
    Expired(SeenValue),
    /// Not to be served, and to be replaced: malformed, of another key, or of another version and
    /// no longer fresh.
    Replace(SeenValue),
    /// Not to be served, and to be left alone: freshly stored by another version of the program.
    Leave,
    /// Not to be served, since the cache failed to tell whether it may be, or what it leads to.
    Unknown,
}

/// Which part this read has in its process's load of the key.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// It does the load; the token marks its claim.
    Leader(Token),
    /// It waits for the load.
    Follower,
    /// It takes no part: the load under way is of something else with the same hash.
    Alone,
}

/// What came of following.
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
    /// The load's result is this read's, with what became of its fill.
    Shared(Fill),
    /// The load failed; an object past its time to live is this read's.
    Stale,
    /// The load failed, and so does this read.
    Failed,
    /// The cache is to be read once more.
    LookAgain,
    /// This read leads the next load; the token marks its claim.
    Promoted(Token),
    /// The load took too long and takes no followers any more: this read enters anew.
    GivenUp,
}

/// What came of waiting for another process.
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

/// What came of the fetch function.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fetched<V> {
    /// A value to return and to store.
    Storable(V, Duration),
    /// A value to return and not to store.
    Unstorable,
    /// A value to return and not to store, since it may be outdated already; nobody shares it who
    /// asked after its fetch began. The claim is given back, and nothing waits for that.
    Unfenced(Fill),
    /// A value to return, and to share with nobody who asked after the fetch began: one of its
    /// [`tags`](super::tags) may have been invalidated since.
    Refused,
    /// An error. Callers that asked after the fetch began share it only if the claim stood until it was
    /// given back.
    Failed,
    /// An error to share with nobody who asked after the fetch began, whatever became of the claim.
    FailedUnfenced,
}

impl<V> Fetched<V> {
    /// The same, to be stored nowhere and shared with nobody who asked after the fetch began: an
    /// invalidation may have come since.
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

/// What became of the value that a read fetched.
///
/// [`Read`](crate::Read) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fill {
    /// It was stored.
    Stored,
    /// The cache refused it, because an invalidation, a write, an eviction or the end of the lease
    /// came in between.
    Refused,
    /// Storing was not attempted: the value came from the cache, another reader or a writer had the
    /// right to fill, or the value is not to be cached.
    Skipped,
    /// The cache was of no use: it did not answer, or not properly, or it is not asked because of
    /// that. The value may yet have been stored, if it was the last answer that was lost.
    Unreachable,
}

/// How a read ended.
///
/// [`ReadMachine`](super::ReadMachine) has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// With the value last judged good.
    Hit,
    /// With the result of the load it followed.
    Shared(Fill),
    /// With the value it fetched.
    Fetched(Fill),
    /// With a value past its time to live, since the fetch failed.
    Stale,
    /// With the error of the fetch function.
    Failed,
}
