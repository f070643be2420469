//! What reads wait for: the loads of other callers of this process, and the fills of other processes.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::StreamExt as _;
use tokio::sync::oneshot;

use super::super::flights::Landed;
use super::super::waiting::{Wait, Woken};
use super::{Loads, Pending};
use crate::protocol::{Fill, Followed, Outcome, Waited};
use crate::stats::Counter;

/// How long a read follows a load at the least, however short the lease.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// What a read waited for, and the read's place.
pub(super) enum Event<'a> {
    Landed(usize, Option<Landed>),
    Woken(usize, Wait<'a>, Woken),
}

impl<'a> Loads<'a> {
    /// Follows another caller's load.
    pub(super) fn begin_follow(&mut self, place: usize, landed: oneshot::Receiver<Landed>) {
        self.loader.state().count(Counter::Joins);
        let patience = self.engine.settings.lease.max(LEAST_PATIENCE);
        self.events.push(Box::pin(follow(place, landed, patience)));
    }

    /// Waits for another process's fill.
    pub(super) fn begin_wait(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let mut wait = slot.wait.take().unwrap_or_else(|| {
            self.loader.state().count(Counter::Contended);
            Wait::new(self.engine, self.loader.key(place))
        });
        self.events.push(Box::pin(async move {
            let woken = wait.once().await;
            Event::Woken(place, wait, woken)
        }));
        slot.step = Pending::Event;
    }

    /// Waits until some read can go on.
    pub(super) async fn wait(&mut self) {
        if let Some(event) = self.events.next().await {
            self.take_event(event);
            // Whoever lands one load of a batch lands the others with it: they go on together, not
            // one by one.
            tokio::task::yield_now().await;
            self.take_ready_events();
        }
    }

    pub(super) fn take_ready_events(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            self.take_event(event);
        }
    }

    fn take_event(&mut self, event: Event<'a>) {
        match event {
            Event::Landed(place, landed) => self.take_landing(place, landed),
            Event::Woken(place, wait, woken) => {
                let slot = &mut self.slots[place];
                slot.wait = Some(wait);
                slot.step = Pending::None;
                slot.read.on_waited(match woken {
                    Woken::AskAgain => Waited::Again(self.engine.tokens.fresh()),
                    Woken::OutOfPatience => Waited::Expired,
                });
            }
        }
    }

    fn take_landing(&mut self, place: usize, landed: Option<Landed>) {
        let slot = &mut self.slots[place];
        let followed = match landed {
            Some(Landed::Shared(Ok(loaded), outcome)) => {
                slot.result = Some(Ok(loaded));
                match outcome {
                    Outcome::Stale => Followed::Stale,
                    Outcome::Fetched(fill) | Outcome::Shared(fill) => Followed::Shared(fill),
                    Outcome::Hit | Outcome::Failed => Followed::Shared(Fill::Skipped),
                }
            }
            Some(Landed::Shared(Err(error), _)) => {
                slot.result = Some(Err(error));
                Followed::Failed
            }
            Some(Landed::LookAgain) => Followed::LookAgain,
            Some(Landed::Promoted(lead)) => {
                slot.lead = Some(lead);
                Followed::Promoted(self.engine.tokens.fresh())
            }
            None => Followed::GivenUp,
        };
        slot.step = Pending::None;
        slot.read.on_followed(followed);
    }
}

/// Waits for a load, but not for ever: the leader's task may have been forgotten without being
/// dropped, or wait for this very caller.
async fn follow<'a>(
    place: usize,
    landed: oneshot::Receiver<Landed>,
    patience: Duration,
) -> Event<'a> {
    let landed = tokio::time::timeout(patience, landed).await;
    Event::Landed(place, landed.ok().and_then(Result::ok))
}
