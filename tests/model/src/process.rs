//! What the reads and writes of one process share.

use cachecow::protocol::{Changes, Command, Flights, Lead, Mark};

use crate::cache::Version;

/// The follower of a load: a caller, the place among its reads, and how often that one has joined a load.
pub type Follower = (u8, u8, u8);
/// The loads of one key in one process.
pub type KeyFlights = Flights<(), Follower>;
/// The leader's part in one.
pub type KeyLead = Lead<(), Follower>;

/// One process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Process {
    /// Whether it has not crashed.
    pub alive: bool,
    /// What it has of each key.
    pub keys: Vec<OfKey>,
}

/// What a process has of one key.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct OfKey {
    /// Its loads.
    pub flights: KeyFlights,
    /// The least version that a read which begins now must see in this process.
    pub promised: Version,
    /// Invalidations that are retried until they succeed, and the version they are for.
    pub debts: Vec<(Command<Version>, Version)>,
    /// Its own copy.
    pub near: Near,
}

/// The near tier's entry.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Near {
    /// How many changes it knows of.
    pub changes: Changes,
    /// The object.
    pub entry: Option<Version>,
    /// Changes that are on their way, and of which it does not know.
    pub unheard: u8,
    /// Whether it does not hear of changes at all, and serves and keeps nothing.
    pub deaf: bool,
}

impl OfKey {
    /// As the engine does it: what is idle is forgotten.
    pub fn forget_if_idle(&mut self) {
        if self.flights.is_idle() {
            self.flights = KeyFlights::default();
        }
    }

    /// An invalidation for a version was not confirmed: it is retried, and until it succeeds reads of
    /// this process go past the cache.
    pub fn owe(&mut self, command: Command<Version>, version: Version) {
        self.debts.push((command, version));
        self.promised = self.promised.max(version);
    }
}

impl Near {
    /// As the engine does it: drops the object, and forbids keeping what was read before.
    pub fn change(&mut self) {
        self.changes.on_change();
        self.entry = None;
    }

    /// Before the cache is asked.
    pub fn mark(&self) -> Option<Mark> {
        (!self.deaf).then(|| self.changes.mark())
    }
}

impl Process {
    /// A process that has done nothing yet.
    pub fn new(keys: usize) -> Self {
        Self { alive: true, keys: vec![OfKey::default(); keys] }
    }
}
