//! When a caller may share a load that another caller of the same process began.

/// The phase of a load.
///
/// [`Landing`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// The fetch has not begun.
    Opening,
    /// The fetch has begun; the command that settles the claim has not been sent.
    Fetching,
    /// That command may have been sent: no follower may join any more.
    Closed,
}

/// How a load ended.
///
/// ```
/// use cachecow::protocol::{FollowerFate, Landing, Phase};
///
/// // A caller who asked before the fetch began always shares its result. One who asked later shares it only if the claim
/// // stood.
/// assert_eq!(Landing::Unfenced.fate_of(Phase::Opening), FollowerFate::Accept);
/// assert_eq!(Landing::Fenced.fate_of(Phase::Fetching), FollowerFate::Accept);
/// assert_eq!(Landing::Unfenced.fate_of(Phase::Fetching), FollowerFate::NextLoad);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Landing {
    /// Nothing was fetched, because the cache had the value.
    Hit,
    /// Fetched, or failed to fetch, and the claim was valid until it was settled.
    Fenced,
    /// Fetched, or failed to fetch, without a valid claim.
    Unfenced,
    /// The leader was cancelled or panicked.
    Deserted,
}

/// What a follower does when the load has ended.
///
/// [`Landing`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FollowerFate {
    /// The follower takes the load's result.
    Accept,
    /// The follower reads the cache itself.
    LookAgain,
    /// The follower takes part in the next load.
    NextLoad,
}

impl Landing {
    /// Returns what a follower does that joined in phase `joined`.
    ///
    /// A result (a value or an error) may be shared in two cases: its fetch began after the follower asked, or the
    /// claim was found valid after the follower asked. In both cases, an invalidation that returned before the
    /// follower asked cannot have come after the beginning of the fetch. It is not enough that a fill *was* stored:
    /// a follower that joins after the fill was sent may come after an invalidation that followed the fill.
    /// Therefore a load closes before it settles its claim.
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
