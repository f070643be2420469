//! What is counted and traced.

use cachecow::Source;

macro_rules! acts {
    ($($(#[$doc:meta])* $act:ident: $name:literal;)*) => {
        /// What a process did, and how it went.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Act {$($(#[$doc])* $act,)*}

        /// All of them, in order.
        pub(crate) const ACTS: [Act; [$($name),*].len()] = [$(Act::$act),*];

        impl Act {
            pub(crate) fn name(self) -> &'static str {
                match self {$(Self::$act => $name,)*}
            }
        }
    };
}

acts! {
    /// A read, served from the process's memory.
    NearRead: "read, near";
    /// A read, served from the cache.
    CacheRead: "read, from the cache";
    /// A read that fetched.
    FetchedRead: "read, fetched";
    /// A read that was given what another caller of its process fetched.
    JoinedRead: "read, joined another's fetch";
    /// A read of an object past its time to live, since its fetch failed.
    StaleRead: "read, past its time while the fetch failed";
    /// A read in a batch that did not fetch it: from the cache, or joined.
    BatchRead: "read in a batch, cached or joined";
    /// A read in a batch that did not fetch it: near, from the cache, or joined.
    NearBatchRead: "read in a batch, near, cached or joined";
    /// A read that ended with the error of its own fetch.
    FailedRead: "read, its fetch failed";
    /// A read that ended with the error of another caller's fetch.
    JoinedFailure: "read, joined another's fetch that failed";
    /// A call of `read` or `get_many` that was dropped.
    CancelledRead: "read, cancelled";
    /// A read that was begun and then not polled for a while.
    KeptRead: "read, not polled";
    /// A read that was begun and then forgotten.
    ForgottenRead: "read, forgotten";
    /// A read in a burst of them.
    BurstRead: "read in a burst";
    /// A runtime shut down with reads and changes under way.
    RuntimeEnded: "runtime shut down";
    /// A read or a change dropped when its runtime had ended.
    LeftOver: "dropped after its runtime's end";
    /// A call of `get_many`.
    Batch: "get_many";
    /// A call of `list` or `ask`.
    Group: "list or query";
    /// A read by the fetch function: the backing store had this version.
    Fetch: "fetch";
    /// A key invalidated by `invalidate`.
    Invalidated: "invalidate";
    /// A key invalidated by `invalidate_many`.
    ManyInvalidated: "invalidate_many";
    /// A key invalidated by its tag.
    TagInvalidated: "invalidate_tag";
    /// An alias invalidated by `invalidate`.
    AliasInvalidated: "invalidate, by alias";
    /// A key written by `write`.
    Written: "write";
    /// An object stored by the `write` that made it.
    WrittenThrough: "write, stored";
    /// A `write` that went on in a task of its own.
    Detached: "write, detached";
    /// A key written by a `write` of its tag.
    TagWritten: "write, by tag";
    /// A key changed that the cache could not be told of at once.
    Unconfirmed: "change, unconfirmed";
    /// An invalidation or a write that was dropped.
    CancelledChange: "change, cancelled";
    /// A write that was not begun for want of its hold.
    HoldRefused: "write, hold refused";
    /// A write that another write or invalidation of the key, by whichever process, fell into.
    Overlapped: "write, overlapped";
    /// A version promised since its hold stood after the commit.
    HeldPromise: "promised by a standing hold";
    /// A version promised since the background had told the cache.
    LatePromise: "promised by the background";
    /// A writer killed between its commit and the end of its work, with the hold standing.
    WriterKilled: "writer killed after its commit";
    /// A near read that was older than promised, and not by more than the near tier's bound.
    NearLate: "near read within the bound";
    /// A fault; the trace has its number instead of a cell.
    Fault: "FAULT";
}

impl Act {
    /// A read from this source, which fetched itself or did not.
    pub(crate) fn of(source: Source, has_fetched: bool) -> Self {
        match source {
            Source::Near => Self::NearRead,
            Source::Cache => Self::CacheRead,
            Source::Stale => Self::StaleRead,
            _ if has_fetched => Self::FetchedRead,
            _ => Self::JoinedRead,
        }
    }
}

/// The reads that were checked, by where their objects came from.
pub const CHECKED: [Act; 7] = [
    Act::NearRead,
    Act::CacheRead,
    Act::FetchedRead,
    Act::JoinedRead,
    Act::StaleRead,
    Act::BatchRead,
    Act::NearBatchRead,
];

/// The reads that ended with a fetch's error, which was checked as a value is.
pub const FAILED: [Act; 2] = [Act::FailedRead, Act::JoinedFailure];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_at_its_place() {
        assert!(ACTS.iter().enumerate().all(|(place, act)| *act as usize == place));
    }
}
