//! What a backend may do wrong.

use cachecow::protocol::{Command, SeenValue, Token};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a [`Faulty`](super::Faulty) backend does wrong.
        #[allow(missing_docs, reason = "each name says what the backend does")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            /// Nothing.
            None,
            /// Nothing either: no backend has to watch.
            CannotWatch,
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every fault that is one.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

faults! {
    FillsWithoutALease,
    IgnoresTokens,
    IgnoresNumbers,
    GrantsTheSameNumber,
    GrantsTheNumberZero,
    /// From 1, as if its counter had been lost.
    CountsAgain,
    GrantsEveryClaim,
    GrantsDespiteAValue,
    FillsAndKeepsTheLease,
    RefusesAndFreesTheLease,
    AbandonsForAnyone,
    AbandonsByNumberOnly,
    AbandonsNothing,
    BringsTheLeaseBack,
    BringsTheValueBack,
    InvalidatesNoValue,
    InvalidatesNoLease,
    FillsInTwoSteps,
    ClaimsInTwoSteps,
    CarriesOutLate,
    DiscardsAnyValue,
    ComparesLengthsOnly,
    ComparesBeginningsOnly,
    DiscardsNothing,
    DiscardsWhatIsKept,
    ReplacesNothing,
    ClaimsThroughHolds,
    HoldsOverAValue,
    HoldsOverALease,
    InvalidatesHolds,
    ReleasesNothing,
    ReleasesEveryHold,
    ReleasesAnyHold,
    ReleasesItsHoldOnly,
    ReleasesOverAValue,
    ReleasesOverALease,
    CountsHolds,
    HoldsAsTheFirstSaid,
    HoldsForTheLongest,
    BeginsAnEpochByALook,
    BeginsAnEpochForEach,
    BeginsTheSameEpoch,
    NumbersTheFirstHalf,
    TakesInTwoSteps,
    EndsNoEpoch,
    EndsTheValueToo,
    StoresBesideOthers,
    StoresOnceOthersHaveEnded,
    StoresDespiteAnInvalidation,
    StoresWithoutItsHold,
    StoresNothingAtARelease,
    StoresAndKeepsTheHold,
    HoldsNoEpoch,
    HoldsOverAnEpoch,
    EndsEpochHolds,
    ReleasesNoEpoch,
    ReleasesEveryEpoch,
    ReleasesOverAnEpoch,
    CountsEpochHolds,
    KeepsEpochsAsTheFirstSaid,
    KeepsEpochsAsTheLastSaid,
    ExpiresNoValue,
    ExpiresNoLease,
    ExpiresNoHold,
    ExpiresNoEpoch,
    ExpiresNoEpochHold,
    RefusesLongTimes,
    AnswersWithEmptyValues,
    StoresText,
    StoresAMegabyte,
    StoresNoEmptyValue,
    SharesPlaces,
    LooksUpTheOld,
    LooksManyUpOutOfOrder,
    LooksUpFewOnly,
    LooksUpValuesOnly,
    AnswersOutOfOrder,
    AnswersOneTooFew,
    AnswersTheEmptyBatch,
    FailsLargeBatches,
    FailsPings,
    ForgetsAtReset,
    FailsToWatch,
    WatchNeverStands,
    WatchNeverTells,
    WatchTellsOne,
    WatchNeedsALease,
    WatchOutlivesTheLease,
    WatchFails,
    IsNeverCurrent,
    TellsNoFill,
    TellsNoInvalidation,
    TellsNoHold,
    TellsNoRelease,
    TellsNoClaim,
    TellsNoEnd,
    TellsNoHoldOfAnEpoch,
    TellsNoReleaseOfAnEpoch,
}

impl Fault {
    /// Whether the listeners hear of what the command has changed.
    pub(super) fn tells(self, command: &Command) -> bool {
        !matches!(
            (self, command),
            (Self::TellsNoFill, Command::Fill { .. })
                | (Self::TellsNoInvalidation, Command::Invalidate)
                | (Self::TellsNoHold, Command::Hold { .. })
                | (Self::TellsNoRelease, Command::Release { .. } | Command::ReleaseAndStore { .. })
                | (Self::TellsNoClaim, Command::Claim { .. })
                | (Self::TellsNoEnd, Command::EndEpoch)
                | (Self::TellsNoHoldOfAnEpoch, Command::HoldEpoch { .. })
                | (Self::TellsNoReleaseOfAnEpoch, Command::ReleaseEpoch { .. })
        )
    }

    /// Whether the token is taken for the lease's.
    pub(super) fn is_of(self, token: &Token, lease: &Token) -> bool {
        match self {
            Self::IgnoresTokens => true,
            Self::IgnoresNumbers => token.as_bytes() == lease.as_bytes(),
            _ => token.names(lease),
        }
    }

    /// Whether the value is taken for the one that a claim replaces.
    pub(super) fn takes_for(self, seen: &SeenValue, value: &[u8]) -> bool {
        match self {
            Self::DiscardsAnyValue => true,
            Self::DiscardsNothing => false,
            Self::ComparesLengthsOnly => seen.len == value.len(),
            Self::ComparesBeginningsOnly => value.starts_with(&seen.prefix),
            _ => seen.matches(value),
        }
    }
}
