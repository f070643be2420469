//! What is counted and traced.

/// What a process did, and how it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// A read, served from the process's memory.
    NearRead,
    /// A read, served from the cache.
    CacheRead,
    /// A read that fetched.
    FetchedRead,
    /// A read that was given what another caller of its process fetched.
    JoinedRead,
    /// A read of an object past its time to live, since its fetch failed.
    StaleRead,
    /// A read in a batch that did not fetch it: from the cache, or joined.
    BatchRead,
    /// A read in a batch that did not fetch it: near, from the cache, or joined.
    NearBatchRead,
    /// A read that ended with the error of its fetch.
    FailedRead,
    /// A call of `read` or `get_many` that was dropped.
    CancelledRead,
    /// A call of `get_many`.
    Batch,
    /// A read by the fetch function: the backing store had this version.
    Fetch,
    /// A key invalidated by `invalidate`.
    Invalidated,
    /// A key invalidated by `invalidate_many`.
    ManyInvalidated,
    /// A key invalidated by its tag.
    TagInvalidated,
    /// An alias invalidated by `invalidate`.
    AliasInvalidated,
    /// A key written by `write`.
    Written,
    /// A key changed that the cache could not be told of at once.
    Unconfirmed,
    /// An invalidation or a write that was dropped.
    CancelledChange,
    /// A write that was not begun for want of its hold.
    HoldRefused,
    /// A write that another write or invalidation of the key, by whichever process, fell into.
    Overlapped,
    /// A version promised since its hold stood after the commit.
    HeldPromise,
    /// A version promised since the background had told the cache.
    LatePromise,
    /// A writer killed between its commit and the end of its work, with the hold standing.
    WriterKilled,
    /// A near read that was older than promised, and not by more than the near tier's bound.
    NearLate,
    /// A fault; the trace has its number instead of a cell.
    Fault,
}

/// All of them, in order.
pub(crate) const ACTS: [Act; 25] = [
    Act::NearRead,
    Act::CacheRead,
    Act::FetchedRead,
    Act::JoinedRead,
    Act::StaleRead,
    Act::BatchRead,
    Act::NearBatchRead,
    Act::FailedRead,
    Act::CancelledRead,
    Act::Batch,
    Act::Fetch,
    Act::Invalidated,
    Act::ManyInvalidated,
    Act::TagInvalidated,
    Act::AliasInvalidated,
    Act::Written,
    Act::Unconfirmed,
    Act::CancelledChange,
    Act::HoldRefused,
    Act::Overlapped,
    Act::HeldPromise,
    Act::LatePromise,
    Act::WriterKilled,
    Act::NearLate,
    Act::Fault,
];

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

impl Act {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NearRead => "read, near",
            Self::CacheRead => "read, from the cache",
            Self::FetchedRead => "read, fetched",
            Self::JoinedRead => "read, joined another's fetch",
            Self::StaleRead => "read, past its time while the fetch failed",
            Self::BatchRead => "read in a batch, cached or joined",
            Self::NearBatchRead => "read in a batch, near, cached or joined",
            Self::FailedRead => "read, its fetch failed",
            Self::CancelledRead => "read, cancelled",
            Self::Batch => "get_many",
            Self::Fetch => "fetch",
            Self::Invalidated => "invalidate",
            Self::ManyInvalidated => "invalidate_many",
            Self::TagInvalidated => "invalidate_tag",
            Self::AliasInvalidated => "invalidate, by alias",
            Self::Written => "write",
            Self::Unconfirmed => "change, unconfirmed",
            Self::CancelledChange => "change, cancelled",
            Self::HoldRefused => "write, hold refused",
            Self::Overlapped => "write, overlapped",
            Self::HeldPromise => "promised by a standing hold",
            Self::LatePromise => "promised by the background",
            Self::WriterKilled => "writer killed after its commit",
            Self::NearLate => "near read within the bound",
            Self::Fault => "FAULT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_at_its_place() {
        assert!(ACTS.iter().enumerate().all(|(place, act)| *act as usize == place));
    }
}
