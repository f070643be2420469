//! A reader's load: whoever leads it fetches, and stores what may be stored.

use cachecow::protocol::tags::taken;
use cachecow::protocol::{
    AliasOutcome, AliasStep, Command, Compared, Fetched, Fill, Followed, Landing, Lost, Outcome,
    PointerHint, Role, Token, Wants,
};

use super::super::Skips;
use super::super::place::{Place, Value};
use super::{Brought, Driver, For, KeyLead, LEASE, Landed, Pending};
use crate::cache::Stored as _;
use crate::world::Wrong;

impl Driver<'_> {
    /// Leads the load or follows the one under way, or takes no part if it may only lead.
    pub(super) fn enter(&mut self, may_only_lead: bool) {
        let token = self.reader.fresh();
        let past_the_cache = self.reader.read.is_cut_off();
        let (me, shares_less) = (self.at, past_the_cache || self.may_be_owed());
        let flights = self.flights();
        let role = match flights.open() {
            None => {
                let lead = flights.take_off((), past_the_cache && !may_only_lead);
                self.reader.lead = Some(lead);
                Role::Leader(token)
            }
            Some(_) if may_only_lead => Role::Alone,
            Some(flight) => {
                let wants = if shares_less { Wants::PastTheCache } else { Wants::Current };
                flight.join(me, wants, |_| false);
                Role::Follower
            }
        };
        self.reader.read.on_entered(role);
    }

    /// Whether an invalidation of the object's primary key may be outstanding. A reader by the alias does not know
    /// which one that is.
    fn may_be_owed(&mut self) -> bool {
        !self.skips(Skips::DebtOfSharers) && self.process().owes(Place::Primary)
    }

    /// A load that was followed has ended.
    pub(super) fn take_told(&mut self, landed: Landed) {
        let token = self.reader.fresh();
        self.reader.pending = Pending::Nothing;
        let followed = match landed {
            Landed::Shared(brought, outcome) => {
                self.reader.result = Some(brought);
                match (brought, outcome) {
                    (Err(_), _) => Followed::Failed,
                    (Ok(_), Outcome::Stale) => Followed::Stale,
                    (Ok(_), Outcome::Fetched(fill) | Outcome::Shared(fill)) => {
                        Followed::Shared(fill)
                    }
                    (Ok(_), Outcome::Hit | Outcome::Failed) => Followed::Shared(Fill::Skipped),
                }
            }
            Landed::LookAgain => Followed::LookAgain,
            Landed::Promoted(lead) => {
                self.reader.lead = Some(lead);
                Followed::Promoted(token)
            }
        };
        self.reader.read.on_followed(followed);
    }

    pub(super) fn close_to_newcomers(&mut self) {
        if let Some(flight) = self.flights().open() {
            flight.close_to_newcomers();
        }
    }

    pub(super) fn step_link(&mut self) {
        let token = self.reader.fresh();
        let Some(link) = &mut self.reader.link else { return };
        match link.next_step() {
            AliasStep::Send { primary: (), command, confirms } => {
                if let Command::Claim { token, .. } = &command {
                    self.reader.claim = Some(*token);
                }
                if confirms {
                    self.close_to_newcomers();
                }
                self.ask(For::AliasFetch, vec![(Place::Primary, command)]);
            }
            AliasStep::Fetch => {
                let capture = self.capture();
                if capture.is_empty() {
                    self.reader.pending = Pending::Fetch;
                } else {
                    self.ask(For::Guard, capture);
                }
            }
            AliasStep::Compare { stored, fetched } => {
                let content = |value: Value| match value {
                    Value::Object(content, _) => Some(content),
                    Value::Pointer(_) => None,
                };
                let same = content(stored).is_some() && content(stored) == content(fetched);
                let seen = stored.seen();
                let compared = if same { Compared::Same(seen) } else { Compared::Different(seen) };
                link.on_compared(compared, token);
                if same && self.skips(Skips::ClaimOfTheSame) {
                    self.end_link(&AliasOutcome::To((), LEASE));
                }
            }
            AliasStep::GiveBack((), _) => self.give_back(),
            AliasStep::Done(linked) => self.end_link(&linked),
        }
    }

    /// Nothing waits for that.
    pub(super) fn give_back(&mut self) {
        if let Some(token) = self.reader.claim.take() {
            self.world.send_late(Place::Primary, Command::Abandon { token });
        }
    }

    pub(super) fn end_link(&mut self, linked: &AliasOutcome<()>) {
        self.give_back();
        self.reader.link = None;
        let failed = matches!(self.reader.result, Some(Err(_)));
        let fetched = match *linked {
            // An error does not tell the primary key, which may have been invalidated.
            _ if failed => Fetched::FailedUnfenced,
            AliasOutcome::To((), ttl) => {
                let stored_by = self.reader.fresh();
                let hint = PointerHint { stored_by, primary: () };
                self.remember(|process| process.pointer = Some(hint));
                Fetched::Storable(Value::Pointer(stored_by), ttl)
            }
            AliasOutcome::Nothing => Fetched::Unstorable,
            AliasOutcome::Not(fill) => Fetched::Unfenced(fill),
        };
        self.reader.read.on_fetched(fetched);
    }

    /// What was fetched is there.
    pub(super) fn take_fetched(&mut self) {
        self.reader.pending = Pending::Nothing;
        if self.skips(Skips::SecondFetch) {
            let first = self.reader.first.or(self.reader.result.and_then(Result::ok));
            self.reader.first = first;
            self.reader.result = first.map(Ok);
        }
        if !self.reader.read.may_fill() {
            let failed = matches!(self.reader.result, Some(Err(_)));
            let fetched = if failed { Fetched::FailedUnfenced } else { Fetched::Unstorable };
            self.reader.read.on_fetched(fetched);
        } else if !self.scene.tagged() {
            self.seal(None);
        } else if self.reader.captured.is_taken() {
            if !self.skips(Skips::ClosedLoad) {
                self.close();
            }
            self.stamp();
        } else {
            self.refuse();
        }
    }

    /// Who joins after the guard is read may come after an invalidation that nobody sees.
    fn close(&mut self) {
        let process = &mut self.world.processes[usize::from(self.reader.process)];
        match &mut self.reader.lead {
            Some(lead) if self.reader.link.is_none() => lead.close(process.flights(self.reader.by)),
            _ => self.close_to_newcomers(),
        }
    }

    /// Takes the epoch of what was fetched, reads the guard, and stores or shares what may be.
    pub(super) fn stamp(&mut self) {
        let own = self.reader.result.and_then(Result::ok).and_then(|content| content.tag);
        if self.skips(Skips::EpochAfterFetch) && own != self.reader.hint.tag {
            // What was taken is another tag's.
            self.reader.hint.tag = own;
            self.reader.epoch = None;
        }
        let needs_guard = self.reader.guard.is_none();
        let needs_epoch = own.filter(|_| self.reader.epoch.is_none());
        match needs_epoch {
            Some(tag) if !(needs_guard && self.skips(Skips::GuardAfterEpochs)) => {
                let command = self.take_epoch();
                return self.ask(For::Stamp, vec![(Place::Tag(tag), command)]);
            }
            _ if needs_guard => {
                return self.ask(For::Stamp, vec![(self.scene.guard(), Command::ReadEpoch)]);
            }
            _ => {}
        }
        let guard = self.reader.guard.take().unwrap_or(Err(Lost));
        let stands = self.reader.captured.stands(&guard)
            || matches!(self.scene.skips, Skips::TagGuard | Skips::EpochAfterFetch);
        let epoch = self.reader.epoch.take();
        match taken(epoch.iter()) {
            Some(epochs) if stands => self.seal(epochs.first().copied()),
            _ => self.refuse(),
        }
    }

    pub(super) fn seal(&mut self, epoch: Option<Token>) {
        let token = self.reader.fresh();
        let result = self.reader.result;
        if let Some(Ok(content)) = result {
            self.remember(|hint| hint.tag = content.tag);
        }
        let object = |content| Value::Object(content, epoch);
        match (&mut self.reader.link, result) {
            (Some(link), Some(Ok(content))) => {
                link.on_fetched(Some(((), object(content), LEASE)), token);
            }
            (Some(link), _) => link.on_fetched(None, token),
            (None, Some(Ok(content))) => {
                self.reader.read.on_fetched(Fetched::Storable(object(content), LEASE));
            }
            (None, _) => self.reader.read.on_fetched(Fetched::Failed),
        }
    }

    pub(super) fn refuse(&mut self) {
        let fetched = match self.reader.result {
            Some(Err(_)) if self.skips(Skips::GuardOfErrors) => Fetched::Failed,
            Some(Err(_)) => Fetched::Failed.refused(),
            _ => Fetched::Unstorable.refused(),
        };
        if self.reader.link.is_some() {
            self.end_link(&AliasOutcome::Not(Fill::Refused));
        } else {
            self.reader.read.on_fetched(fetched);
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome) {
        let (Some(result), Some(landing)) = (self.reader.result, self.reader.read.landing()) else {
            self.world.wrong.get_or_insert(Wrong::Empty);
            self.reader.pending = Pending::Over;
            return;
        };
        let (Ok(content) | Err(content)) = result;
        let fetched = !matches!(outcome, Outcome::Hit | Outcome::Stale);
        // A replica may be behind whatever the cache was told.
        if !(fetched && self.scene.lags) {
            let floor = self.reader.floor;
            self.see(content, &floor);
        }
        if let Some(lead) = self.reader.lead.take() {
            self.land(lead, landing, (result, outcome));
        }
        self.reader.end();
    }

    /// Tells every follower how a load ended.
    pub(super) fn land(
        &mut self,
        lead: KeyLead,
        landing: Landing,
        (result, outcome): (Brought, Outcome),
    ) {
        let by = self.reader.by;
        let told = lead.land(self.flights(), landing);
        if let Some(token) = told.give_back {
            self.world.send_late(by, Command::Abandon { token });
        }
        let share = |follower| (follower, Landed::Shared(result, outcome));
        self.told.extend(told.share.into_iter().map(share));
        self.told.extend(told.look_again.into_iter().map(|one| (one, Landed::LookAgain)));
        if let Some(mut next) = told.next
            && let Some(follower) = self.flights().promote(&mut next)
        {
            self.told.push((follower, Landed::Promoted(next)));
        }
    }
}
