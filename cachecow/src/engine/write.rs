//! Writes: all their keys and tags are held before the work, and released after it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::close::UnderWay;
use super::flights::overtake;
use super::invalidation::{Change, not_invalidated};
use super::write_through::{self, Guards, WrittenObject};
use super::{Engine, Target, Urgency};
use crate::backend::Request;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Key;
use crate::protocol::{Command, Fill, HoldPolicy, Token, WriteMachine};

/// A write after the attempt to place its holds.
///
/// If it is dropped during the work, its holds stay until they expire, as if the process had died: the work may
/// still take effect in the backing store.
pub(crate) struct HeldWrite {
    engine: Arc<Engine>,
    changes: Vec<Change>,
    token: Token,
    began: Instant,
    guards: Guards,
    stage: Stage,
    _under_way: UnderWay,
}

/// The result of a write for the cache.
pub(crate) struct Ended {
    /// Whether the cache confirmed it; otherwise [`ErrorKind::NotInvalidated`], and it is retried.
    pub(crate) invalidated: Result<(), Error>,
    /// Whether the objects of the write were stored.
    pub(crate) stored: Fill,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The work has not begun.
    Unbegun,
    /// The work has begun, and may not have ended.
    Working,
    /// The work has ended, but keys that were not held are not invalidated yet.
    Worked,
    Ended,
}

impl HeldWrite {
    /// Places the holds. Objects of types with these guards may be stored at the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HoldRefused`], if the policy requires holds: the work must not begin.
    pub(crate) async fn begin(
        engine: Arc<Engine>,
        targets: Vec<Target>,
        policy: HoldPolicy,
        guards: &[Key],
    ) -> Result<Self, Error> {
        let token = engine.tokens.fresh();
        let machine = WriteMachine::new(token, engine.settings.hold, policy);
        let changes = targets.into_iter().map(|target| Change::new(target, &machine)).collect();
        let (began, stage) = (Instant::now(), Stage::Unbegun);
        let mut write = Self {
            _under_way: UnderWay::of(&engine),
            engine,
            changes,
            token,
            began,
            guards: Guards::default(),
            stage,
        };
        let engine = Arc::clone(&write.engine);
        let holding = engine.drive(&mut write.changes, Urgency::Read);
        let capturing = engine.capture(guards, engine.settings.hold);
        let (held, guards) = futures_util::future::join(holding, capturing).await;
        write.guards = guards;
        if let Some(error) = held {
            if write.changes.iter().any(Change::is_refused) {
                // The other holds (and this one, if only its answer was lost) must not outlast the write, which has
                // not begun.
                write.changes.iter_mut().for_each(Change::abort);
                if let Some(error) = engine.drive(&mut write.changes, Urgency::Invalidation).await {
                    engine.retry_lost(&write.changes, &error);
                }
                write.stage = Stage::Ended;
                return Err(hold_refused(error));
            }
            if let Some(left_out) = engine.rates.write_without_hold.admits() {
                say!(WRITE_WITHOUT_HOLD, %error, left_out, "a write begins without its hold");
            }
        }
        write.stage = Stage::Working;
        engine.note_written(&write.changes);
        Ok(write)
    }

    /// Ends the write after its work, and invalidates what else the work named.
    ///
    /// If the work is `in_doubt`, it may still take effect: the holds stay until they expire, as if the write had
    /// been dropped.
    pub(crate) async fn end(
        mut self,
        in_doubt: bool,
        mut named: Vec<Target>,
        objects: Vec<WrittenObject>,
    ) -> Ended {
        let engine = Arc::clone(&self.engine);
        let written: Vec<_> = self.changes.iter().map(|change| change.target.key).collect();
        if in_doubt {
            self.changes.retain(|change| !change.is_held());
        }
        self.changes.iter_mut().for_each(Change::on_worked);
        self.drop_what_is_held(&mut named);
        self.changes.extend(engine.invalidations(named));
        self.stage = Stage::Worked;
        #[allow(clippy::let_unit_value, reason = "nothing is noted without the feature `testing`")]
        let epochs = engine.epochs_to_note(&objects);
        engine.store_with(&mut self.changes, objects, &self.guards).await;
        let overran = self.began.elapsed() >= engine.settings.hold;
        let error = engine.drive(&mut self.changes, Urgency::Invalidation).await;
        self.stage = Stage::Ended;
        engine.note_ended(&self.changes, &epochs);
        engine.count_confirmed(&self.changes);
        let result = error.map_or(Ok(()), |error| {
            engine.retry_lost(&self.changes, &error);
            let exposed: Vec<_> =
                self.changes.iter().filter(|change| change.is_exposed(overran)).collect();
            if exposed.is_empty() {
                return Ok(());
            }
            if let Some(left_out) = engine.rates.write_not_told.admits() {
                let count = exposed.len();
                say!(
                    WRITE_NOT_TOLD,
                    count,
                    left_out,
                    "a write took effect, but the cache did not confirm its invalidation"
                );
            }
            Err(not_invalidated("write", exposed.into_iter(), error))
        });
        written.into_iter().for_each(|key| overtake(&engine, key));
        write_through::count(&engine, &self.changes);
        let mut stored = self.changes.iter().filter(|change| change.state.is_some()).peekable();
        let stored = if stored.peek().is_none() {
            Fill::Skipped
        } else if stored.all(|change| change.stored) {
            Fill::Stored
        } else {
            Fill::Refused
        };
        Ended { invalidated: result, stored }
    }

    /// Held keys are invalidated by their release. A bulk write may hold and name tens of thousands.
    fn drop_what_is_held(&self, named: &mut Vec<Target>) {
        if named.is_empty() {
            return;
        }
        let mut held: HashMap<Key, Vec<&Target>> = HashMap::new();
        for change in &self.changes {
            held.entry(change.target.key).or_default().push(&change.target);
        }
        named.retain(|target| {
            let held = held.get(&target.key);
            !held.is_some_and(|held| held.iter().any(|held| held.covers(target)))
        });
    }

    /// How long the write has taken so far.
    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the holds of a write whose work never began: they protect nothing.
    fn release_later(&self) {
        let release = Command::Release { token: self.token };
        let requests: Vec<Request> = self
            .changes
            .iter()
            .map(|change| Request {
                key: change.target.key,
                command: change.target.placed(release.clone()),
            })
            .collect();
        let engine = Arc::clone(&self.engine);
        self.engine.detach(async move {
            // If it fails, the holds expire.
            let _ = engine.change(requests, Urgency::Invalidation).await;
        });
    }

    /// Invalidates keys that a cancelled write may have changed without a hold, or after its hold had expired. It also holds
    /// them as long as the write would have, since the work may still change them.
    fn make_up_for_the_unheld(&mut self) {
        let overran = self.began.elapsed() >= self.engine.settings.hold;
        let changes = std::mem::take(&mut self.changes).into_iter();
        let unheld =
            changes.filter(|change| overran || !change.is_held()).map(|change| change.target);
        let unheld: Vec<Target> = unheld.collect();
        if unheld.is_empty() {
            return;
        }
        if let Some(left_out) = self.engine.rates.write_cancelled.admits() {
            let count = unheld.len();
            say!(
                WRITE_CANCELLED,
                count,
                left_out,
                "a write without a hold was cancelled; its keys are invalidated"
            );
        }
        let (token, hold) = (self.token, self.engine.settings.hold);
        let lost: Vec<(Target, Command)> = if self.stage == Stage::Working {
            let hold = |target: &Target| Command::Hold { token, ttl: hold.max(target.settle) };
            unheld.into_iter().map(|target| (target.clone(), hold(&target))).collect()
        } else {
            let lost = self.engine.invalidations(unheld).into_iter();
            lost.map(|change| (change.target.clone(), change.last_command())).collect()
        };
        self.engine.pending.add(&self.engine, lost);
    }
}

impl Drop for HeldWrite {
    fn drop(&mut self) {
        match self.stage {
            Stage::Unbegun => self.release_later(),
            Stage::Working | Stage::Worked => self.make_up_for_the_unheld(),
            Stage::Ended => {}
        }
    }
}

fn hold_refused(error: crate::backend::BackendError) -> Error {
    Error::caused_by(
        ErrorKind::HoldRefused,
        "write: the cache did not grant the hold, and the work was not begun; retry, or write without \
         `require_hold()`",
        error,
    )
}
