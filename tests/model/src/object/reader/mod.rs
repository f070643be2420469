//! A reader by the alias or by the primary key, driven as the engine drives one.

mod driver;
mod judge;
mod load;

use std::time::Duration;

use cachecow::protocol::tags::Captured;
use cachecow::protocol::{
    AliasFetch, Command, First, OnLease, Outcome, ReadMachine, ReadPolicy, Replacing, Token,
};

pub(super) use self::driver::Driver;
use super::Floor;
use super::near::{Hint, Marks};
use super::place::{Content, PLACES, Place, Tag, Value};
use super::world::KeyLead;
use crate::caller::Answer;

const LEASE: Duration = Duration::from_secs(60);
const POLICY: ReadPolicy =
    ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease: LEASE };

/// What a fetch brought: an object, or an error that is as old as the object would be ("no such row").
type Brought = Result<Content, Content>;

/// What a reader has under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Pending {
    /// It has not asked.
    Idle,
    /// It goes on at once.
    Nothing,
    /// Commands of one round.
    Asked(Vec<Asked>),
    /// A fetch that has not read.
    Fetch,
    /// What it read on its way back.
    Fetched,
    /// Another reader's load.
    Follow,
    /// It has its answer.
    Over,
}

/// A command on its way to the cache, or its answer on its way back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asked {
    pub(super) place: Place,
    pub(super) command: Command<Value>,
    pub(super) answer: Option<Answer<Value>>,
}

/// What a round is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum For {
    /// The machine of the read, and what is asked for or taken beside it.
    ReadMachine,
    /// The pointer is followed.
    Pointer,
    /// The epoch of an object that was found.
    Epoch,
    /// The guard, before a fetch by the alias.
    Guard,
    /// The machine of that fetch.
    AliasFetch,
    /// The epoch and the guard of what was fetched.
    Stamp,
}

/// What was asked for at once because it was remembered.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
struct Ahead {
    object: Option<Answer<Value>>,
    epoch: Option<(Tag, Answer<Value>)>,
}

/// An object that was found, and the pointer that led there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Found {
    pointer: Option<Value>,
    content: Content,
    epoch: Option<Token>,
}

/// What a reader does next.
#[derive(Debug)]
pub(super) enum Does {
    Begin,
    TakeAnswers,
    TakeFetched,
    TakeTold(Landed),
}

/// What a follower is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Landed {
    Shared(Brought, Outcome),
    LookAgain,
    Promoted(KeyLead),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reader {
    number: u8,
    pub(super) process: u8,
    by: Place,
    /// Whether it finds every object to be renewed.
    renews: bool,
    pub(super) pending: Pending,
    waits: For,
    read: ReadMachine<Value>,
    lead: Option<KeyLead>,
    link: Option<AliasFetch<(), Value>>,
    led_to: Option<((), Option<Replacing>)>,
    /// What its process remembered when it began.
    hint: Hint,
    ahead: Option<Ahead>,
    found: Option<Found>,
    /// What was known of the guard before the fetch.
    captured: Captured,
    /// What is known of the tag's epoch and of the guard since.
    epoch: Option<Answer<Value>>,
    guard: Option<Answer<Value>>,
    /// What it found or fetched.
    result: Option<Brought>,
    /// For a control: what it fetched first.
    first: Option<Content>,
    /// Its claim of the primary key in a fetch by the alias, as far as it knows.
    claim: Option<Token>,
    marks: Marks,
    floor: Floor,
    tokens: u8,
    rounds: u8,
}

impl Reader {
    pub(super) fn new(number: u8, process: u8, by: Place, renews: bool) -> Self {
        Self {
            number,
            process,
            by,
            renews,
            pending: Pending::Idle,
            waits: For::ReadMachine,
            read: ReadMachine::new(POLICY),
            lead: None,
            link: None,
            led_to: None,
            hint: Hint::default(),
            ahead: None,
            found: None,
            captured: Captured::default(),
            epoch: None,
            guard: None,
            result: None,
            first: None,
            claim: None,
            marks: [None; PLACES],
            floor: [0; PLACES],
            tokens: 0,
            rounds: 0,
        }
    }

    fn fresh(&mut self) -> Token {
        self.tokens += 1;
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[1 + self.number, self.tokens]);
        Token::from_bytes(bytes)
    }

    /// Its fetch function reads, or fails.
    pub(super) fn fetch(&mut self, present: Content, fails: bool) {
        self.result = Some(if fails { Err(present) } else { Ok(present) });
        self.pending = Pending::Fetched;
    }

    /// Whether it is of this process, and has marked this place.
    pub(super) fn has_mark(&self, process: usize, place: Place) -> bool {
        usize::from(self.process) == process && self.marks[place.index()].is_some()
    }

    /// As good as any that is over.
    fn end(&mut self) {
        let over = Self::new(self.number, self.process, self.by, self.renews);
        *self = Self { pending: Pending::Over, ..over };
    }
}
