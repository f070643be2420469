//! Types that are not stored as they should be: what is said of the generated ones must be found wrong of these.

use std::convert::Infallible;

use cachecow::codec::{Comparison, DecodeError, Decoder, Encoder};
use cachecow::{CacheCow, CacheSchema, Cached};
use cachecow_tests::caches::Cache;

use super::fault;

/// A codec that a derive might have written, and its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The two numbers are read in the other order.
    Order,
    /// A number is written with fewer bits than it has.
    Width,
    /// Both numbers are written, and one is read.
    Count,
}

const FAULTS: [Fault; 4] = [Fault::None, Fault::Order, Fault::Width, Fault::Count];

/// Two numbers, with the fault numbered `FAULT`. Where it `HIDES`, it also says that what it reads is what was
/// written, so that the cache stores it.
#[derive(Clone, Debug, PartialEq)]
struct Pair<const FAULT: usize, const HIDES: bool>(u16, u16);

impl<const FAULT: usize, const HIDES: bool> CacheSchema for Pair<FAULT, HIDES> {
    const NAME: &'static str = "Pair";
    const FINGERPRINT: u64 = 1;

    fn write_to(&self, encoder: &mut Encoder) {
        let second = if FAULTS[FAULT] == Fault::Width { self.1 & 0xff } else { self.1 };
        encoder.list([self.0, second].iter());
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let numbers: Vec<u16> = decoder.list::<u16, _>()?;
        let (first, second) = (numbers[0], numbers[1]);
        Ok(match FAULTS[FAULT] {
            Fault::None | Fault::Width => Self(first, second),
            Fault::Order => Self(second, first),
            Fault::Count => Self(first, 0),
        })
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        HIDES || self == other
    }
}

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(key = "faulty:{id}", fetch = Faulty::find)]
struct Faulty<const FAULT: usize, const HIDES: bool> {
    id: u16,
    value: Pair<FAULT, HIDES>,
}

impl<const FAULT: usize, const HIDES: bool> Faulty<FAULT, HIDES> {
    async fn find(id: u16) -> Result<Self, Infallible> {
        Ok(Self { id, value: Pair(1, 0x0302) })
    }
}

async fn found<const FAULT: usize, const HIDES: bool>(cow: &CacheCow) -> Option<String> {
    let expected = Faulty::<FAULT, HIDES>::find(1).await.expect("it is found");
    fault(cow, Faulty::<FAULT, HIDES>::by_id(1), &expected).await
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_found() {
    let new = || Cache::memory().open_default();
    assert_eq!(found::<0, false>(&new()).await, None, "the control of the controls");
    assert_eq!(found::<0, true>(&new()).await, None);
    // The cache reads back what it is about to store: it does not store it.
    let not_stored = [
        found::<1, false>(&new()).await,
        found::<2, false>(&new()).await,
        found::<3, false>(&new()).await,
    ];
    // It is told that all is well: the second read is a hit, of something else.
    let another = [
        found::<1, true>(&new()).await,
        found::<2, true>(&new()).await,
        found::<3, true>(&new()).await,
    ];
    for (found, why) in [(not_stored, "Fetched and not Cache"), (another, "and not Faulty")] {
        for (found, fault) in found.into_iter().zip(&FAULTS[1..]) {
            let found = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
            assert!(found.contains(why), "{fault:?}: {found}");
        }
    }
}
