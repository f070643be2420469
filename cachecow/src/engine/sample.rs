//! Reads that are picked for the auditor.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::key::Scope;
use crate::model::audited::Audited;
use crate::model::object::Loaded;

/// How many picked reads may wait for the auditor.
const WAITING: usize = 64;

/// A lookup, and the cached object that was served for it.
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
    /// It gets the reads of one scope only: its contexts lead to no other scope's data.
    auditor: Mutex<Option<(Scope, Sender<Sample>)>>,
}

impl Sampling {
    /// Whether this read is picked.
    #[inline]
    pub(crate) fn picks(&self) -> bool {
        let one_in = self.one_in.load(Ordering::Relaxed);
        one_in != 0 && fastrand::u32(..one_in) == 0
    }

    /// Offers a picked read to the auditor; returns whether there was room for it. If the auditor
    /// is gone, picking stops.
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

    /// Begins to pick reads; an earlier auditor gets no more.
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
