//! What reads wait for: the loads of other callers of this process, and the fills of other processes.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::StreamExt as _;
use tokio::time::timeout_at;

use super::drive::{Due, Reads};
use crate::engine::Engine;
use crate::engine::flights::{self, Following, GivenUp, Landed, Lead};
use crate::engine::waiting::{Wait, Woken};
use crate::events::say;
use crate::key::Key;
use crate::protocol::{Fill, Followed, Outcome, Token, Waited};
use crate::stats::Counter;

/// The event that a read waited for, with the read's position.
pub(super) enum Event<'a> {
    Landed(usize, Option<Landed>),
    Woken(usize, Wait<'a>, Woken),
}

impl<'a> Reads<'a> {
    /// Follows another caller's load.
    pub(super) fn begin_follow(&mut self, place: usize, following: Following) {
        self.loader.state().count(Counter::Joins);
        let r#type = self.loader.state().name();
        let landed = follow(self.engine, r#type, self.loader.key(place), following);
        self.events.push(Box::pin(landed.map(move |landed| Event::Landed(place, landed))));
    }

    /// Leads a load; the token marks its claim.
    pub(super) fn take_lead(&mut self, place: usize, lead: Lead) -> Token {
        let slot = &mut self.slots[place];
        if lead.succeeds() {
            slot.read.wait_for_no_lease();
        }
        slot.lead = Some(lead);
        self.engine.tokens.fresh()
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
        slot.due = Due::Event;
    }

    /// Waits until some read can go on.
    pub(super) async fn wait(&mut self) {
        if let Some(event) = self.events.next().await {
            self.take_event(event);
            // A caller that lands one load of a batch also lands the others: yield, so that all reads that follow
            // it continue together.
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
                slot.due = Due::Nothing;
                slot.read.on_waited(match woken {
                    Woken::AskAgain => Waited::Again(self.engine.tokens.fresh()),
                    Woken::OutOfPatience => Waited::Expired,
                });
            }
        }
    }

    fn take_landing(&mut self, place: usize, landed: Option<Landed>) {
        let followed = match landed {
            Some(Landed::Shared(Ok(loaded), outcome, load)) => {
                self.span.follows_from(&load);
                self.slots[place].result = Some(Ok(loaded));
                match outcome {
                    Outcome::Stale => Followed::Stale,
                    Outcome::Fetched(fill) | Outcome::Shared(fill) => Followed::Shared(fill),
                    Outcome::Hit | Outcome::Failed => Followed::Shared(Fill::Skipped),
                }
            }
            Some(Landed::Shared(Err(error), _, load)) => {
                self.span.follows_from(&load);
                self.slots[place].result = Some(Err(error));
                Followed::Failed
            }
            Some(Landed::LookAgain) => Followed::LookAgain,
            Some(Landed::Promoted(lead)) => Followed::Promoted(self.take_lead(place, lead)),
            None => Followed::GivenUp,
        };
        let slot = &mut self.slots[place];
        slot.due = Due::Nothing;
        slot.read.on_followed(followed);
    }
}

/// Waits for a load for a limited time: the leader may never be polled again, or may itself wait
/// for this caller. `None`: the read enters again.
async fn follow(
    engine: &Arc<Engine>,
    r#type: &str,
    key: Key,
    mut following: Following,
) -> Option<Landed> {
    loop {
        if let Ok(landed) = timeout_at(following.until, &mut following.landed).await {
            return landed.ok();
        }
        match flights::give_up(engine, key, following) {
            GivenUp::Leads(lead) => {
                if let Some(left_out) = engine.rates.load_given_up.admits() {
                    say!(
                        LOAD_GIVEN_UP,
                        r#type,
                        left_out,
                        "a load took longer than `load_wait`, or its caller stopped polling it; another caller loads instead"
                    );
                }
                return Some(Landed::Promoted(lead));
            }
            GivenUp::Follows(another) => following = another,
            GivenUp::Enters => return None,
        }
    }
}
