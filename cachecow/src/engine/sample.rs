//! Reads that are picked out for the auditor.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::key::Scope;
use crate::model::audited::Audited;
use crate::model::object::Loaded;

/// How many picked reads wait for the auditor at the most.
const WAITING: usize = 64;

/// A lookup, and what was served for it from the cache.
pub(crate) struct Sample {
    pub(crate) scope: Scope,
    pub(crate) lookup: Audited,
    pub(crate) served: Loaded,
}

/// Picks reads at random for the auditor, while there is one.
#[derive(Default)]
pub(crate) struct Sampling {
    /// One in how many reads; zero: none.
    one_in: AtomicU32,
    /// It is given the reads of one scope: its contexts lead to no other's data.
    auditor: Mutex<Option<(Scope, Sender<Sample>)>>,
}

impl Sampling {
    /// Whether this read is picked.
    #[inline]
    pub(crate) fn picks(&self) -> bool {
        let one_in = self.one_in.load(Ordering::Relaxed);
        one_in != 0 && fastrand::u32(..one_in) == 0
    }

    /// Gives what was picked to the auditor; whether there was room for it. The first to find the
    /// auditor gone ends the picking.
    pub(crate) fn offer(&self, sample: Sample) -> bool {
        let mut auditor = self.lock();
        let mine = auditor.as_ref().filter(|(scope, _)| *scope == sample.scope);
        match mine.map(|(_, auditor)| auditor.try_send(sample)) {
            Some(Err(TrySendError::Full(_))) => false,
            Some(Err(TrySendError::Closed(_))) => {
                self.one_in.store(0, Ordering::Relaxed);
                *auditor = None;
                true
            }
            Some(Ok(())) | None => true,
        }
    }

    /// Picks reads from now on; an auditor that was there before gets no more.
    pub(crate) fn begin(&self, scope: Scope, one_in: NonZeroU32) -> Receiver<Sample> {
        let (sender, receiver) = channel(WAITING);
        let mut auditor = self.lock();
        *auditor = Some((scope, sender));
        self.one_in.store(one_in.get(), Ordering::Relaxed);
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Scope, Sender<Sample>)>> {
        self.auditor.lock()
    }
}
