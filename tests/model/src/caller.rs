//! A caller of `get` or `get_many`, and its reads.

mod driver;

use std::time::Duration;

use cachecow::protocol::{
    Command, First, Lost, Mark, OnLease, Outcome, ReadMachine, ReadPolicy, Reply, Token, Verdict,
};

pub use self::driver::Driver;
use crate::cache::{Stored as _, Version};
use crate::process::KeyLead;

const LEASE: Duration = Duration::from_secs(30);
/// How often a read asks again under another's lease before its time is over.
const PATIENCE: u8 = 1;

/// What became of the answer to a command.
pub type Answer<V = Version> = Result<Reply<V>, Lost>;

/// What a fetch brought: an object, or an error that is as old as the object would be ("no such row").
type Brought = Result<Version, Version>;

/// What a caller makes of the value that was in the cache when all began; any later one is good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Finds {
    /// It is served.
    Good,
    /// It is renewed early.
    Ageing,
    /// It is renewed, and served if the fetch fails.
    Expired,
    /// It is replaced.
    Malformed,
    /// It is left alone.
    Foreign,
}

/// What a fetch brings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fetch {
    /// An object.
    Storable,
    /// An object that is not to be stored, being too large, say.
    Unstorable,
    /// An object that may be outdated: one of its tags may have been invalidated.
    Refused,
    /// An error.
    Failed,
    /// An error that may be outdated whatever becomes of the claim: one by an alias, say.
    FailedUnfenced,
}

/// Where a caller is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallerStage {
    /// It has not asked.
    Idle,
    /// Its commands are on their way to the cache.
    Sent,
    /// The answers are on their way back.
    Answered,
    /// Its fetch function has been called, and has not read.
    Fetching,
    /// What it read is on its way back.
    Fetched,
    /// It waits for others.
    Waiting,
    /// It has its answer.
    Over,
    /// It was cancelled.
    Gone,
}

/// One caller.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Caller {
    /// Its process.
    pub process: u8,
    /// Where it is.
    pub stage: CallerStage,
    /// Its reads, one for each key.
    pub reads: Vec<KeyRead>,
    finds: Finds,
    number: u8,
    tokens: u8,
    rounds: u8,
}

/// One read, and what its machine does not carry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyRead {
    key: u8,
    read: ReadMachine<Version>,
    step: Pending,
    /// What was served or fetched.
    result: Option<Brought>,
    /// The least version it must see.
    floor: Version,
    /// The near tier's mark, from before the command that finds the value.
    mark: Option<Mark>,
    lead: Option<KeyLead>,
    /// The number of the load that it follows.
    follows: u64,
    /// How often it has joined a load: what an earlier one tells it goes nowhere.
    joins: u8,
    patience: u8,
    told: Option<Landed>,
    /// For a control: what was fetched before the claim.
    early: Option<Version>,
    done: bool,
}

/// A step that takes time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Pending {
    None,
    Send(Command<Version>),
    Reply(Answer),
    Fetch,
    Fetched(Brought, Fetch),
    Follow,
    Wait,
}

/// What a follower is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Landed {
    Shared(Brought, Outcome),
    LookAgain,
    Promoted(KeyLead),
}

/// That of every read.
fn policy(first: First) -> ReadPolicy {
    ReadPolicy { first, on_lease: OnLease::Wait, lease: LEASE }
}

impl Caller {
    /// A caller that has not asked for these keys yet.
    pub fn new(process: u8, number: u8, keys: &[u8], first: First, finds: Finds) -> Self {
        let reads = keys.iter().map(|&key| KeyRead {
            key,
            read: ReadMachine::new(policy(first)),
            step: Pending::None,
            result: None,
            floor: 0,
            mark: None,
            lead: None,
            follows: 0,
            joins: 0,
            patience: PATIENCE,
            told: None,
            early: None,
            done: false,
        });
        let reads = reads.collect();
        Self { process, stage: CallerStage::Idle, reads, finds, number, tokens: 0, rounds: 0 }
    }

    /// Whether it has been asked, and has not answered.
    pub fn is_under_way(&self) -> bool {
        !matches!(self.stage, CallerStage::Idle | CallerStage::Over | CallerStage::Gone)
    }

    /// Whether somebody has told one of its reads something.
    pub fn was_told(&self) -> bool {
        self.stage == CallerStage::Waiting && self.reads.iter().any(|read| read.told.is_some())
    }

    /// The places of its reads that wait for another process.
    pub fn waits(&self) -> impl Iterator<Item = usize> + '_ {
        let waiting = self.stage == CallerStage::Waiting;
        let waits = move |(place, read): (usize, &KeyRead)| {
            (waiting && read.step == Pending::Wait).then_some(place)
        };
        self.reads.iter().enumerate().filter_map(waits)
    }

    /// Whether the read at this place may ask again.
    pub fn is_patient(&self, place: usize) -> bool {
        self.reads[place].patience > 0
    }

    /// The places of its reads that follow a load, and have not been told.
    pub fn follows(&self) -> impl Iterator<Item = usize> + '_ {
        let waiting = self.stage == CallerStage::Waiting;
        let follows = move |(place, read): (usize, &KeyRead)| {
            (waiting && read.step == Pending::Follow && read.told.is_none()).then_some(place)
        };
        self.reads.iter().enumerate().filter_map(follows)
    }

    /// What is on its way to the cache.
    pub fn sent(&self) -> impl Iterator<Item = (u8, &Command<Version>)> {
        self.reads.iter().filter_map(|read| match &read.step {
            Pending::Send(command) => Some((read.key, command)),
            _ => None,
        })
    }

    /// Its process dies; what it has sent.
    pub fn crash(&mut self) -> Vec<(u8, Command<Version>)> {
        self.stage = CallerStage::Gone;
        self.sent().map(|(key, command)| (key, command.clone())).collect()
    }

    fn fresh(&mut self) -> Token {
        self.tokens += 1;
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[self.number, self.tokens]);
        Token::from_bytes(bytes)
    }

    fn verdict(&self, value: Version) -> Verdict {
        let seen = || value.seen();
        match self.finds {
            _ if value > 0 => Verdict::Good,
            Finds::Good => Verdict::Good,
            Finds::Ageing => Verdict::Ageing(seen()),
            Finds::Expired => Verdict::Expired(seen()),
            Finds::Malformed => Verdict::Replace(seen()),
            Finds::Foreign => Verdict::Leave,
        }
    }
}
