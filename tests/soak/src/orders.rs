//! Faults that a process brings about in itself, as the one that started it orders.

use std::sync::Arc;
use std::time::Duration;

use crate::faults::Fault;
use crate::runtimes::Runtimes;
use crate::stage::Stage;
use crate::unpolled::Left;
use crate::worker::Worker;

/// How often a process looks whether it was ordered to do something.
const LOOKING: Duration = Duration::from_millis(20);

impl Worker {
    /// Does what is ordered, one after the other, until the history is stopped.
    pub(crate) async fn obey(self: &Arc<Self>) {
        let mut runtimes = Runtimes::default();
        while !self.history.is_stopped() {
            let process = self.settings.process;
            let ordered = self.history.ordered(process).and_then(Fault::of_number);
            match ordered {
                None => {
                    tokio::time::sleep(LOOKING).await;
                    continue;
                }
                Some(Fault::RuntimeEnded) => {
                    runtimes = runtimes.end_some(&self.settings, self.history).await;
                }
                Some(Fault::ReadsUnpolled) => self.leave_reads(Left::Kept).await,
                Some(Fault::ReadsForgotten) => self.leave_reads(Left::Forgotten).await,
                Some(Fault::Burst) => self.burst().await,
                Some(other) => unreachable!("{other:?} is brought about from outside"),
            }
            self.history.obeyed(process);
        }
    }
    /// Says how far it has come with its order.
    pub(crate) fn reach(&self, stage: Stage) {
        self.history.reach(self.settings.process, stage);
    }
}
