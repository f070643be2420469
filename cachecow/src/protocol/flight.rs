//! When a caller may share a load that another caller of the same process began.

/// How far a load has come.
///
/// [`Landing`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// The fetch has not begun.
    Opening,
    /// The fetch has begun; the command that settles the claim has not been sent.
    Fetching,
    /// That command may have been sent: nobody may join any more.
    Closed,
}

/// How a load ended.
///
/// ```
/// use cachecow::protocol::{FollowerFate, Landing, Phase};
///
/// // Who asked before the fetch began shares what it brings in any case; who asked later, if the claim stood.
/// assert_eq!(Landing::Unfenced.fate_of(Phase::Opening), FollowerFate::Accept);
/// assert_eq!(Landing::Fenced.fate_of(Phase::Fetching), FollowerFate::Accept);
/// assert_eq!(Landing::Unfenced.fate_of(Phase::Fetching), FollowerFate::NextLoad);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Landing {
    /// Nothing was fetched: the cache had the value after all.
    Hit,
    /// Fetched, or failed to fetch, and the claim stood until it was settled.
    Fenced,
    /// Fetched, or failed to fetch, without a claim, or with one that did not stand.
    Unfenced,
    /// The leader was cancelled or panicked.
    Deserted,
}

/// What becomes of a follower.
///
/// [`Landing`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FollowerFate {
    /// The load's result is the follower's.
    Accept,
    /// The follower reads the cache itself.
    LookAgain,
    /// The follower takes part in the next load.
    NextLoad,
}

impl Landing {
    /// What becomes of a follower that joined in phase `joined`.
    ///
    /// A result, a value or an error, may be shared if its fetch began after the follower asked, or if the claim was
    /// found standing after the follower asked: either way, no invalidation that returned before
    /// the follower asked can have come after the fetch's beginning. That a fill *was* stored is not
    /// enough. A follower that joins after the fill was sent may do so after an invalidation that
    /// followed the fill; therefore a load closes before it settles its claim.
    pub fn fate_of(self, joined: Phase) -> FollowerFate {
        match (self, joined) {
            (Self::Fenced, Phase::Opening | Phase::Fetching) | (Self::Unfenced, Phase::Opening) => {
                FollowerFate::Accept
            }
            (Self::Hit, _) | (Self::Fenced, Phase::Closed) => FollowerFate::LookAgain,
            (Self::Unfenced, Phase::Fetching | Phase::Closed) | (Self::Deserted, _) => {
                FollowerFate::NextLoad
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_that_joined_before_the_fetch_shares_whatever_it_brings() {
        for landing in [Landing::Fenced, Landing::Unfenced] {
            assert_eq!(landing.fate_of(Phase::Opening), FollowerFate::Accept, "{landing:?}");
        }
    }

    #[test]
    fn a_follower_that_joined_during_the_fetch_needs_the_fence() {
        assert_eq!(Landing::Fenced.fate_of(Phase::Fetching), FollowerFate::Accept);
        assert_eq!(Landing::Unfenced.fate_of(Phase::Fetching), FollowerFate::NextLoad);
    }

    #[test]
    fn a_value_found_in_the_cache_is_never_shared() {
        for joined in [Phase::Opening, Phase::Fetching, Phase::Closed] {
            assert_eq!(Landing::Hit.fate_of(joined), FollowerFate::LookAgain);
        }
    }

    #[test]
    fn nobody_shares_a_load_after_it_closed() {
        for landing in [Landing::Hit, Landing::Fenced, Landing::Unfenced] {
            assert_ne!(landing.fate_of(Phase::Closed), FollowerFate::Accept, "{landing:?}");
        }
    }
}
