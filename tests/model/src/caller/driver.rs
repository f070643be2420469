//! What a caller does: its reads are driven one round after the other, as the engine drives them.

use std::time::Duration;

use cachecow::protocol::{
    Command, Fetched, Fill, First, Followed, Landing, Outcome, ReadMachine, Reply, Role, Step,
    Verdict, Waited, Wants,
};

use super::{Answer, Brought, Caller, CallerStage, Fetch, KeyRead, Landed, Pending, policy};
use crate::Without;
use crate::cache::Version;
use crate::process::{Follower, KeyFlights, KeyLead};
use crate::world::{Late, World, Wrong};

const TTL: Duration = Duration::from_secs(600);
/// More rounds than any caller needs.
const MOST_ROUNDS: u8 = 30;

/// A caller that is taken out of its world while it does something.
#[derive(Debug)]
pub struct Driver<'a> {
    /// The world without the caller.
    pub world: &'a mut World,
    /// The caller.
    pub caller: Caller,
    /// What the protocol does without, as a control.
    pub without: Without,
}

impl Driver<'_> {
    /// The caller asks.
    pub fn begin(&mut self) {
        let process = usize::from(self.caller.process);
        let one = self.caller.reads.len() == 1;
        for read in &mut self.caller.reads {
            let key = usize::from(read.key);
            let here = &self.world.processes[process].keys[key];
            read.floor = here.promised.max(self.world.promised[key]);
            if let Some(version) = here.near.entry
                && !here.near.deaf
                && here.debts.is_empty()
                && self.world.near
                && one
            {
                // Another process' invalidation is promised as soon as it is heard of.
                let known = if here.near.unheard > 0 { here.promised } else { read.floor };
                if version < known {
                    self.world.wrong.get_or_insert(Wrong::Stale);
                }
                self.caller.stage = CallerStage::Over;
                return;
            }
            if !here.debts.is_empty() {
                read.read = ReadMachine::past_the_cache(policy(First::Lookup));
            }
        }
        self.run();
    }

    /// The commands are carried out, or not; the answers come back, or not.
    pub fn arrive(
        &mut self,
        mut carry_out: impl FnMut(&mut World, u8, Command<Version>) -> Answer,
    ) {
        for read in &mut self.caller.reads {
            if let Pending::Send(command) = &read.step {
                let answer = carry_out(self.world, read.key, command.clone());
                read.step = Pending::Reply(answer);
            }
        }
        self.caller.stage = CallerStage::Answered;
    }

    /// The answers are there.
    pub fn take_answers(&mut self) {
        for place in 0..self.caller.reads.len() {
            let read = &mut self.caller.reads[place];
            let Pending::Reply(answer) = read.step.clone() else { continue };
            read.step = Pending::None;
            if let (Some(lead), Ok(reply)) = (&mut read.lead, &answer)
                && !matches!(reply, Reply::Claimed(_))
            {
                lead.claim_settled();
            }
            read.read.on_reply(answer);
        }
        self.run();
    }

    /// The fetch function reads, or fails.
    pub fn fetch(&mut self, fetch: Fetch) {
        for read in &mut self.caller.reads {
            if read.step == Pending::Fetch {
                let version = self.world.database[usize::from(read.key)];
                let version = read.early.take().unwrap_or(version);
                let failed = matches!(fetch, Fetch::Failed | Fetch::FailedUnfenced);
                let brought = if failed { Err(version) } else { Ok(version) };
                read.step = Pending::Fetched(brought, fetch);
            }
        }
        self.caller.stage = CallerStage::Fetched;
    }

    /// What was fetched is there.
    pub fn take_fetched(&mut self) {
        for read in &mut self.caller.reads {
            let Pending::Fetched(result, fetch) = read.step else { continue };
            read.step = Pending::None;
            read.result = Some(result);
            read.read.on_fetched(match (result, fetch) {
                (Err(_), Fetch::FailedUnfenced) => Fetched::FailedUnfenced,
                (Err(_), _) => Fetched::Failed,
                (Ok(_), Fetch::Refused) if read.read.may_fill() => Fetched::Refused,
                (Ok(version), Fetch::Storable) if read.read.may_fill() => {
                    Fetched::Storable(version, TTL)
                }
                (Ok(_), _) => Fetched::Unstorable,
            });
        }
        self.run();
    }

    /// The caller looks what it was told.
    pub fn wake(&mut self) {
        self.run();
    }

    /// The read at this place asks again, or has waited long enough.
    pub fn end_wait(&mut self, place: usize, again: bool) {
        let token = self.caller.fresh();
        let read = &mut self.caller.reads[place];
        read.step = Pending::None;
        read.read.on_waited(if again {
            read.patience -= 1;
            Waited::Again(token)
        } else {
            Waited::Expired
        });
        self.run();
    }

    /// The read at this place has followed a load for long enough.
    pub fn give_up(&mut self, place: usize) {
        let token = self.caller.fresh();
        let (me, number) = (self.follower(place), self.caller.reads[place].follows);
        let past_the_cache = self.caller.reads[place].read.is_cut_off();
        let key = self.caller.reads[place].key;
        let lead = self.flights(key).give_up(number, past_the_cache, |other| *other == me);
        let read = &mut self.caller.reads[place];
        read.step = Pending::None;
        match lead {
            Some(lead) => {
                Self::take_lead(read, lead);
                read.read.on_followed(Followed::Promoted(token));
            }
            None => read.read.on_followed(Followed::GivenUp),
        }
        self.number_followers(key);
        self.run();
    }

    fn follower(&self, place: usize) -> Follower {
        (self.caller.number, u8::try_from(place).unwrap_or(0), self.caller.reads[place].joins)
    }

    fn flights(&mut self, key: u8) -> &mut KeyFlights {
        let process = &mut self.world.processes[usize::from(self.caller.process)];
        &mut process.keys[usize::from(key)].flights
    }

    /// Lets the followers know which load they follow.
    fn number_followers(&mut self, key: u8) {
        let Some(flight) = self.flights(key).open() else { return };
        let (number, followers) =
            (flight.number(), flight.followers().copied().collect::<Vec<_>>());
        for follower in followers {
            if let Some(read) = self.read_of(follower) {
                read.follows = number;
            }
        }
    }

    /// The read, if it still follows a load as it did when it joined so.
    fn read_of(&mut self, (number, place, joins): Follower) -> Option<&mut KeyRead> {
        let caller = match &mut self.world.callers[usize::from(number)] {
            Some(caller) => caller,
            // The one at work.
            None => &mut self.caller,
        };
        let there = caller.is_under_way();
        let read = &mut caller.reads[usize::from(place)];
        (there && read.joins == joins && read.step == Pending::Follow).then_some(read)
    }

    fn take_lead(read: &mut KeyRead, lead: KeyLead) {
        if lead.succeeds() {
            read.read.wait_for_no_lease();
        }
        read.lead = Some(lead);
    }

    /// The caller's future is dropped: its loads are given up, its commands may yet arrive.
    pub fn cancel(&mut self) {
        for (key, command) in self.caller.crash() {
            self.world.late.push(Late::after_others_of(self.caller.number, key, command));
        }
        for place in 0..self.caller.reads.len() {
            // A lead that was handed over and not taken is dropped too.
            let read = &mut self.caller.reads[place];
            let untaken = match read.told.take() {
                Some(Landed::Promoted(lead)) => Some(lead),
                _ => None,
            };
            for lead in [read.lead.take(), untaken].into_iter().flatten() {
                self.land(place, lead, Landing::Deserted, None);
            }
        }
    }

    /// Goes on until something takes time.
    fn run(&mut self) {
        self.caller.rounds += 1;
        if self.caller.rounds > MOST_ROUNDS {
            self.world.wrong.get_or_insert(Wrong::Endless);
            self.caller.stage = CallerStage::Over;
            return;
        }
        for place in 0..self.caller.reads.len() {
            self.take_told(place);
            self.advance(place);
        }
        let any = |wanted: fn(&Pending) -> bool| {
            self.caller.reads.iter().any(|read| !read.done && wanted(&read.step))
        };
        self.caller.stage = if any(|step| matches!(step, Pending::Send(_))) {
            CallerStage::Sent
        } else if any(|step| *step == Pending::Fetch) {
            self.begin_fetch();
            CallerStage::Fetching
        } else if self.caller.reads.iter().all(|read| read.done) {
            CallerStage::Over
        } else {
            CallerStage::Waiting
        };
    }

    fn begin_fetch(&mut self) {
        let process = usize::from(self.caller.process);
        for read in &mut self.caller.reads {
            if let (Some(lead), Pending::Fetch) = (&read.lead, &read.step) {
                let key = usize::from(read.key);
                lead.begin_fetch(&mut self.world.processes[process].keys[key].flights);
            }
        }
    }

    fn take_told(&mut self, place: usize) {
        let token = self.caller.fresh();
        let read = &mut self.caller.reads[place];
        let Some(landed) = read.told.take() else { return };
        read.step = Pending::None;
        let followed = match landed {
            Landed::Shared(Ok(version), outcome) => {
                read.result = Some(Ok(version));
                match outcome {
                    Outcome::Stale => Followed::Stale,
                    Outcome::Fetched(fill) | Outcome::Shared(fill) => Followed::Shared(fill),
                    Outcome::Hit | Outcome::Failed => Followed::Shared(Fill::Skipped),
                }
            }
            Landed::Shared(Err(version), _) => {
                read.result = Some(Err(version));
                Followed::Failed
            }
            Landed::LookAgain => Followed::LookAgain,
            Landed::Promoted(lead) => {
                Self::take_lead(read, lead);
                Followed::Promoted(token)
            }
        };
        read.read.on_followed(followed);
    }

    fn advance(&mut self, place: usize) {
        let process = usize::from(self.caller.process);
        while !self.caller.reads[place].done && self.caller.reads[place].step == Pending::None {
            let step = self.caller.reads[place].read.next_step();
            match step {
                Step::Judge(version) => self.judge(place, version),
                Step::Enter => self.enter(place, false),
                Step::Lead => self.enter(place, true),
                Step::Send(command) => {
                    let read = &mut self.caller.reads[place];
                    let key = usize::from(read.key);
                    let here = &mut self.world.processes[process].keys[key];
                    if matches!(command, Command::Lookup | Command::Claim { .. }) {
                        // The engine's marks are at most as late as this.
                        read.mark = here.near.mark();
                    }
                    if let Some(lead) = &mut read.lead {
                        lead.on_send(&mut here.flights, &command);
                    }
                    if self.without == Without::ClaimBeforeFetch
                        && matches!(command, Command::Claim { .. })
                    {
                        read.early = Some(self.world.database[key]);
                    }
                    read.step = Pending::Send(command);
                }
                Step::Fetch => self.caller.reads[place].step = Pending::Fetch,
                Step::Wait => self.caller.reads[place].step = Pending::Wait,
                Step::Follow => self.caller.reads[place].step = Pending::Follow,
                Step::Done(outcome) => self.finish(place, outcome),
            }
        }
    }

    fn judge(&mut self, place: usize, version: Version) {
        let verdict = self.caller.verdict(version);
        let token = self.caller.fresh();
        let read = &mut self.caller.reads[place];
        if matches!(verdict, Verdict::Good | Verdict::Ageing(_) | Verdict::Expired(_)) {
            read.result = Some(Ok(version));
        }
        if verdict == Verdict::Good && self.world.near {
            let process = usize::from(self.caller.process);
            let near = &mut self.world.processes[process].keys[usize::from(read.key)].near;
            let mark = if self.without == Without::Mark { near.mark() } else { read.mark.take() };
            if let Some(mark) = mark
                && near.changes.allow(mark)
            {
                near.entry = Some(version);
            }
        }
        read.mark = None;
        let leading = read.lead.is_some().then_some(token);
        read.read.on_judged(verdict, leading);
    }

    /// Leads the load of a key or follows the one under way, or takes no part if it may only lead.
    fn enter(&mut self, place: usize, may_only_lead: bool) {
        let token = self.caller.fresh();
        self.caller.reads[place].joins += u8::from(!may_only_lead);
        let me = self.follower(place);
        let process = &mut self.world.processes[usize::from(self.caller.process)];
        let read = &mut self.caller.reads[place];
        let flights = &mut process.keys[usize::from(read.key)].flights;
        let past_the_cache = read.read.is_cut_off();
        let role = match flights.open() {
            None => {
                let lead = flights.take_off((), past_the_cache && !may_only_lead);
                Self::take_lead(read, lead);
                Role::Leader(token)
            }
            Some(_) if may_only_lead => Role::Alone,
            Some(flight) => {
                let wants = if past_the_cache { Wants::PastTheCache } else { Wants::Current };
                flight.join(me, wants, |_| false);
                read.follows = flight.number();
                Role::Follower
            }
        };
        read.read.on_entered(role);
    }

    fn finish(&mut self, place: usize, outcome: Outcome) {
        let read = &mut self.caller.reads[place];
        read.done = true;
        let (Some(result), Some(landing)) = (read.result, read.read.landing()) else {
            self.world.wrong.get_or_insert(Wrong::Empty);
            return;
        };
        let (Ok(version) | Err(version)) = result;
        if version < read.floor {
            self.world.wrong.get_or_insert(Wrong::Stale);
        }
        if let Some(lead) = read.lead.take() {
            self.land(place, lead, landing, Some((result, outcome)));
        }
    }

    /// Tells every follower how a load ended.
    fn land(
        &mut self,
        place: usize,
        lead: KeyLead,
        landing: Landing,
        ended: Option<(Brought, Outcome)>,
    ) {
        let key = self.caller.reads[place].key;
        let process = &mut self.world.processes[usize::from(self.caller.process)];
        let told = lead.land(&mut process.keys[usize::from(key)].flights, landing);
        self.number_followers(key);
        let give_back = told.give_back.map(|token| Command::Abandon { token });
        let number = self.caller.number;
        let late = give_back.map(|command| Late::after_others_of(number, key, command));
        self.world.late.extend(late);
        let unfenced = match self.without {
            Without::Fence => true,
            Without::FenceOfErrors => matches!(ended, Some((Err(_), _))),
            _ => false,
        };
        let shared = ended.map(|(result, outcome)| Landed::Shared(result, outcome));
        let after = match &shared {
            Some(shared) if unfenced => shared,
            _ => &Landed::LookAgain,
        };
        for follower in told.look_again {
            self.tell(follower, after.clone());
        }
        if let Some(shared) = &shared {
            for follower in told.share {
                self.tell(follower, shared.clone());
            }
        }
        if let Some(next) = told.next {
            let instead = shared.filter(|_| unfenced);
            self.promote(key, next, instead.as_ref());
        }
    }

    /// Hands the lead of the next load to whoever is still there, or tells them all the same, as a
    /// control.
    fn promote(&mut self, key: u8, mut next: KeyLead, instead: Option<&Landed>) {
        while let Some(follower) = self.flights(key).promote(&mut next) {
            match instead {
                Some(shared) => {
                    self.tell(follower, shared.clone());
                }
                None if self.tell(follower, Landed::Promoted(next.clone())) => return,
                None => {}
            }
        }
    }

    /// Whether the follower was there to be told.
    fn tell(&mut self, follower: Follower, landed: Landed) -> bool {
        let read = self.read_of(follower);
        read.map(|read| read.told = Some(landed)).is_some()
    }
}
