//! A cache of two keys, and those who read by the alias and by the primary key.

use std::time::Duration;

use cachecow::protocol::{
    AliasFetch, AliasOutcome, AliasStep, Command, Compared, Fetched, First, OnLease, ReadMachine,
    ReadPolicy, Replacing, Reply, Role, SeenValue, Step, Token, Verdict, Waited,
};

use super::{Load, Skips};
use crate::Without;
use crate::cache::{Cell, Stored};

const LEASE: Duration = Duration::from_secs(60);

/// A stored value: the pointer, or the object in a version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Value {
    Pointer,
    Object(u8),
}

impl Stored for Value {
    fn seen(&self) -> SeenValue {
        SeenValue::of(&match self {
            Self::Pointer => [0],
            Self::Object(version) => [*version],
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    Alias,
    Primary,
}

/// What a reader has under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Pending {
    Nothing,
    /// A command on its way to the cache.
    Sent(Place, Command<Value>),
    /// Its answer on its way back.
    Answered(Place, Reply<Value>),
    /// A fetch that has not read.
    Fetch,
    /// What it read on its way back.
    Fetched(u8),
    Over,
}

/// Whose machine waits for what is under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum For {
    ReadMachine,
    /// The pointer is followed.
    Judgement,
    AliasFetch,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reader {
    place: Place,
    /// Whether it finds every object to be renewed.
    renews: bool,
    leads: bool,
    read: ReadMachine<Value>,
    link: Option<AliasFetch<(), Value>>,
    led_to: Option<((), Option<Replacing>)>,
    waits: For,
    pending: Pending,
    /// The first version it fetched.
    first: Option<u8>,
    /// Its claim of the primary key, as far as it knows.
    claim: Option<Token>,
    tokens: u8,
    number: u8,
}

impl Reader {
    pub(super) fn new(number: u8, place: Place, renews: bool) -> Self {
        let policy = ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease: LEASE };
        Self {
            place,
            renews,
            leads: false,
            read: ReadMachine::new(policy),
            link: None,
            led_to: None,
            waits: For::ReadMachine,
            pending: Pending::Nothing,
            first: None,
            claim: None,
            tokens: 0,
            number,
        }
    }

    /// The token of its next claim.
    fn token(&self) -> Token {
        let mut bytes = [self.number; 16];
        bytes[0] = self.tokens;
        Token::from_bytes(bytes)
    }

    fn send(&mut self, waits: For, place: Place, command: Command<Value>) {
        if let Command::Claim { token, .. } = &command {
            self.tokens += 1;
            if waits == For::AliasFetch {
                self.claim = Some(*token);
            }
        }
        self.waits = waits;
        self.pending = Pending::Sent(place, command);
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct World {
    pub(super) database: u8,
    pub(super) alias: Cell<Value>,
    pub(super) primary: Cell<Value>,
    readers: Vec<Reader>,
    /// Claims that are given back some time.
    pub(super) given_back: Vec<Token>,
    /// The steps that the writer has done.
    pub(super) written: u8,
    /// How often a flag or a value may yet vanish.
    pub(super) losses: u8,
    /// Whether a pointer was there after the alias was invalidated.
    pub(super) led: bool,
}

impl World {
    pub(super) fn new(
        alias: Cell<Value>,
        primary: Cell<Value>,
        readers: Vec<Reader>,
        losses: u8,
    ) -> Self {
        let (given_back, written, led) = (Vec::new(), 0, false);
        Self { database: 1, alias, primary, readers, given_back, written, losses, led }
    }

    pub(super) fn cell(&mut self, place: Place) -> &mut Cell<Value> {
        match place {
            Place::Alias => &mut self.alias,
            Place::Primary => &mut self.primary,
        }
    }

    /// The readers that are not done.
    pub(super) fn under_way(&self) -> impl Iterator<Item = usize> {
        let readers = self.readers.iter().enumerate();
        readers.filter(|(_, reader)| reader.pending != Pending::Over).map(|(at, _)| at)
    }

    /// A claim that is of no use is given back.
    pub(super) fn give_back(&mut self, at: usize) {
        let token = self.given_back.remove(at);
        self.primary.carry_out(&Command::Abandon { token }, Without::Nothing);
    }
}

impl Load {
    fn carry_out(&self, world: &mut World, place: Place, command: &Command<Value>) -> Reply<Value> {
        let cell = world.cell(place);
        let reply = cell.carry_out(command, Without::Nothing);
        match command {
            Command::Fill { value, .. }
                if place == Place::Alias && self.skips == Skips::GuardOfTheAlias =>
            {
                cell.value = Some(*value);
                Reply::Settled
            }
            _ => reply,
        }
    }

    pub(super) fn advance(&self, world: &mut World, at: usize) {
        let mut reader = world.readers[at].clone();
        match std::mem::replace(&mut reader.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Sent(place, command) => {
                let reply = self.carry_out(world, place, &command);
                reader.pending = Pending::Answered(place, reply);
            }
            Pending::Answered(_, reply) => Self::answer(&mut reader, reply),
            Pending::Fetch => {
                let stale = reader.first.filter(|_| self.skips == Skips::SecondFetch);
                let version = stale.unwrap_or(world.database);
                reader.first = Some(version);
                reader.pending = Pending::Fetched(version);
            }
            Pending::Fetched(version) => Self::fetched(&mut reader, version),
            Pending::Over => reader.pending = Pending::Over,
        }
        while reader.pending == Pending::Nothing {
            if reader.link.is_some() {
                self.step_link(world, &mut reader);
            } else {
                Self::step_read(&mut reader);
            }
        }
        world.readers[at] = reader;
    }

    fn answer(reader: &mut Reader, reply: Reply<Value>) {
        match (reader.waits, &mut reader.link) {
            (For::Judgement, _) => {
                reader.waits = For::ReadMachine;
                let verdict = if let Reply::Value(Value::Object(_)) = reply {
                    Verdict::Good
                } else {
                    reader.led_to = Some(((), None));
                    Verdict::Replace(Value::Pointer.seen())
                };
                let token = reader.token();
                reader.read.on_judged(verdict, reader.leads.then_some(token));
            }
            (For::AliasFetch, Some(link)) => {
                if !matches!(reply, Reply::Claimed(_)) {
                    reader.claim = None;
                }
                link.on_reply(Ok(reply));
            }
            _ => reader.read.on_reply(Ok(reply)),
        }
    }

    fn fetched(reader: &mut Reader, version: u8) {
        let token = reader.token();
        match &mut reader.link {
            Some(link) => link.on_fetched(Some(((), Value::Object(version), LEASE)), token),
            None if reader.read.may_fill() => {
                reader.read.on_fetched(Fetched::Storable(Value::Object(version), LEASE));
            }
            None => reader.read.on_fetched(Fetched::Unstorable),
        }
    }

    fn step_link(&self, world: &mut World, reader: &mut Reader) {
        let token = reader.token();
        let Some(link) = &mut reader.link else { return };
        match link.next_step() {
            AliasStep::Send { primary: (), command, .. } => {
                reader.send(For::AliasFetch, Place::Primary, command);
            }
            AliasStep::Fetch => reader.pending = Pending::Fetch,
            AliasStep::Compare { stored, fetched } => {
                let same = stored == fetched;
                if same && self.skips == Skips::ClaimOfTheSame {
                    return Self::end_link(world, reader, &AliasOutcome::To((), LEASE));
                }
                let seen = stored.seen();
                let compared = if same { Compared::Same(seen) } else { Compared::Different(seen) };
                link.on_compared(compared, token);
            }
            AliasStep::GiveBack((), token) => {
                reader.claim = None;
                world.given_back.push(token);
            }
            AliasStep::Done(linked) => Self::end_link(world, reader, &linked),
        }
    }

    fn end_link(world: &mut World, reader: &mut Reader, linked: &AliasOutcome<()>) {
        world.given_back.extend(reader.claim.take());
        reader.link = None;
        reader.waits = For::ReadMachine;
        reader.read.on_fetched(match *linked {
            AliasOutcome::To((), ttl) => Fetched::Storable(Value::Pointer, ttl),
            AliasOutcome::Nothing => Fetched::Unstorable,
            AliasOutcome::Not(fill) => Fetched::Unfenced(fill),
        });
    }

    fn step_read(reader: &mut Reader) {
        let token = reader.token();
        match reader.read.next_step() {
            Step::Send(command) => {
                reader.send(For::ReadMachine, reader.place, command);
            }
            Step::Judge(Value::Pointer) => {
                reader.send(For::Judgement, Place::Primary, Command::Lookup);
            }
            Step::Judge(value @ Value::Object(_)) => {
                let verdict =
                    if reader.renews { Verdict::Ageing(value.seen()) } else { Verdict::Good };
                reader.read.on_judged(verdict, reader.leads.then_some(token));
            }
            Step::Enter | Step::Lead => {
                reader.leads = true;
                reader.read.on_entered(Role::Leader(token));
            }
            Step::Wait => reader.read.on_waited(Waited::Expired),
            Step::Fetch if reader.place == Place::Alias && reader.read.may_fill() => {
                reader.link = Some(AliasFetch::new(LEASE, reader.led_to.take(), token));
            }
            Step::Fetch => reader.pending = Pending::Fetch,
            Step::Follow => unreachable!("every reader leads"),
            Step::Done(_) => reader.pending = Pending::Over,
        }
    }
}
