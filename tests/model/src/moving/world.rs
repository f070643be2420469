//! The nodes, the operator, the readers and the writer.

use super::{Scene, Skips};

/// Whose a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Slot {
    Rests(End),
    /// From the source, which is the owner, to the destination.
    Moves,
}

/// One of the two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The owner at first.
    Source,
    /// The other.
    Destination,
}

/// One of the two keys of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// Who may fill.
    Flag,
    /// A version.
    Value,
}

/// What a node has of the object.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
struct Copies {
    value: Option<u8>,
    /// The reader that has claimed it.
    flag: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
struct Node {
    master: Copies,
    replica: Copies,
    /// Whether the replica has yet to follow.
    lags: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reader {
    Idle,
    Claimed,
    Fetched(u8),
    Over,
}

/// Where the invalidation is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Writer {
    /// The database has not changed yet.
    Idle,
    /// To be sent for the whole object.
    Whole,
    /// Carried out at this end, whose replica is waited for.
    Waits(End),
    /// The parts of this number and on are to be sent.
    Part(usize),
    /// The source lacks the key.
    Asks(usize),
    Confirmed,
}

/// How often each may yet happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Left {
    moves: u8,
    half: u8,
    vanishes: u8,
    failovers: u8,
}

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    slot: Slot,
    nodes: [Node; 2],
    database: u8,
    readers: [Reader; 2],
    writer: Writer,
    /// The least version that a read which begins now may find.
    promised: u8,
    left: Left,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The operator begins to move the slot.
    Begins,
    /// `MIGRATE` moves a key.
    Moves(Name),
    /// `MIGRATE` fails, and leaves the key at both ends.
    HalfMoves(Name),
    /// The slot is the destination's, since the source has no more keys.
    Ends,
    /// The slot remains the source's.
    BreaksOff,
    /// A key expires, or is evicted.
    Vanishes(End, Name),
    /// A replica follows its master.
    Follows(End),
    /// A replica takes over, and knows of no move.
    FailsOver(End),
    /// A reader goes on.
    Reads(usize),
    /// The writer goes on.
    Writes,
    /// Nobody acknowledged in time.
    TimesOut,
}

impl Copies {
    fn has(&self, name: Name) -> bool {
        match name {
            Name::Flag => self.flag.is_some(),
            Name::Value => self.value.is_some(),
        }
    }

    fn delete(&mut self, name: Name) {
        match name {
            Name::Flag => self.flag = None,
            Name::Value => self.value = None,
        }
    }
}

impl World {
    /// With the old value at the source, or with nothing.
    pub(super) fn new(is_warm: bool, fails_over: bool) -> Self {
        let copies = Copies { value: is_warm.then_some(0), flag: None };
        let source = Node { master: copies, replica: copies, lags: false };
        Self {
            slot: Slot::Rests(End::Source),
            nodes: [source, Node::default()],
            database: 0,
            readers: [Reader::Idle; 2],
            writer: Writer::Idle,
            promised: 0,
            left: Left { moves: 2, half: 1, vanishes: 1, failovers: u8::from(fails_over) },
        }
    }

    /// Whether a read that begins now finds what is older than promised.
    pub(super) fn is_stale(&self, scene: Scene) -> bool {
        let [source, destination] = self.nodes.map(|node| node.master.value);
        let found = match self.slot {
            Slot::Rests(End::Destination) => destination,
            Slot::Moves if scene.skips == Skips::DeletionAndRefusal => source.or(destination),
            Slot::Rests(End::Source) | Slot::Moves => source,
        };
        found.is_some_and(|version| version < self.promised)
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.writer == Writer::Confirmed
    }

    pub(super) fn actions(&self, scene: Scene, to: &mut Vec<Event>) {
        let [source, destination] = self.nodes.map(|node| node.master);
        match self.slot {
            Slot::Rests(End::Source) if self.left.moves > 0 => to.push(Event::Begins),
            Slot::Rests(_) => {}
            Slot::Moves => {
                for name in [Name::Flag, Name::Value].into_iter().filter(|&name| source.has(name)) {
                    to.push(Event::Moves(name));
                    if self.left.half > 0 {
                        to.push(Event::HalfMoves(name));
                    }
                }
                if scene.ends && source == Copies::default() {
                    to.push(Event::Ends);
                }
                to.push(Event::BreaksOff);
            }
        }
        for (end, copies) in [(End::Source, source), (End::Destination, destination)] {
            for name in [Name::Flag, Name::Value] {
                if self.left.vanishes > 0 && copies.has(name) {
                    to.push(Event::Vanishes(end, name));
                }
            }
            if self.nodes[end as usize].lags {
                to.push(Event::Follows(end));
            }
            if self.left.failovers > 0 {
                to.push(Event::FailsOver(end));
            }
        }
        to.extend((0..2).filter(|&at| self.readers[at] != Reader::Over).map(Event::Reads));
        match self.writer {
            Writer::Confirmed => {}
            Writer::Waits(end) => {
                if !self.nodes[end as usize].lags {
                    to.push(Event::Writes);
                }
                to.push(Event::TimesOut);
            }
            _ => to.push(Event::Writes),
        }
    }

    pub(super) fn on(&mut self, event: Event, scene: Scene) {
        match event {
            Event::Begins => {
                self.left.moves -= 1;
                if !matches!(scene.skips, Skips::Deletion | Skips::DeletionAndRefusal) {
                    self.nodes[End::Destination as usize] = Node::default();
                }
                self.slot = Slot::Moves;
            }
            Event::Moves(name) => {
                self.copy(name);
                self.delete(End::Source, name);
            }
            Event::HalfMoves(name) => {
                self.left.half -= 1;
                self.copy(name);
            }
            Event::Ends => self.slot = Slot::Rests(End::Destination),
            Event::BreaksOff => self.slot = Slot::Rests(End::Source),
            Event::Vanishes(end, name) => {
                self.left.vanishes -= 1;
                self.delete(end, name);
            }
            Event::Follows(end) => {
                let node = &mut self.nodes[end as usize];
                (node.replica, node.lags) = (node.master, false);
            }
            Event::FailsOver(end) => self.fail_over(end),
            Event::Reads(at) => self.read(at),
            Event::Writes => self.write(scene),
            Event::TimesOut => self.writer = Writer::Whole,
        }
    }

    fn change(&mut self, end: End) -> &mut Copies {
        let node = &mut self.nodes[end as usize];
        node.lags = true;
        &mut node.master
    }

    fn delete(&mut self, end: End, name: Name) {
        self.change(end).delete(name);
    }

    fn copy(&mut self, name: Name) {
        let source = self.nodes[End::Source as usize].master;
        let destination = self.change(End::Destination);
        match name {
            Name::Flag => destination.flag = source.flag,
            Name::Value => destination.value = source.value,
        }
    }

    fn fail_over(&mut self, end: End) {
        self.left.failovers -= 1;
        let node = &mut self.nodes[end as usize];
        (node.master, node.lags) = (node.replica, false);
        if self.slot == Slot::Moves {
            self.slot = Slot::Rests(End::Source);
        }
        if self.writer == Writer::Waits(end) {
            self.writer = Writer::Whole;
        }
    }

    fn read(&mut self, at: usize) {
        self.readers[at] = match (self.readers[at], self.slot) {
            (Reader::Idle, Slot::Rests(owner)) => {
                if self.nodes[owner as usize].master == Copies::default() {
                    self.change(owner).flag = Some(at);
                    Reader::Claimed
                } else {
                    // It finds the value, or another's claim.
                    Reader::Over
                }
            }
            (Reader::Claimed, _) => Reader::Fetched(self.database),
            (Reader::Fetched(version), Slot::Rests(owner)) => {
                if self.nodes[owner as usize].master.flag == Some(at) {
                    *self.change(owner) = Copies { value: Some(version), flag: None };
                }
                Reader::Over
            }
            // It gives its claim back, or does not come to it: nobody relies on that.
            (Reader::Fetched(_) | Reader::Idle, Slot::Moves) | (Reader::Over, _) => Reader::Over,
        };
    }

    fn write(&mut self, scene: Scene) {
        self.writer = match (self.writer, self.slot) {
            (Writer::Idle, _) => {
                self.database = 1;
                Writer::Whole
            }
            (Writer::Whole, Slot::Rests(owner)) => {
                *self.change(owner) = Copies::default();
                if scene.acks { Writer::Waits(owner) } else { self.confirm() }
            }
            (Writer::Whole, Slot::Moves) => Writer::Part(0),
            (Writer::Waits(_), _) => self.confirm(),
            (Writer::Part(at), Slot::Moves) if !self.source_has(part(scene, at)) => {
                Writer::Asks(at)
            }
            (Writer::Part(at), Slot::Moves) => self.carry_out(End::Source, at, scene),
            (Writer::Part(at), Slot::Rests(owner)) => self.carry_out(owner, at, scene),
            // The destination knows of no move, and names the owner.
            (Writer::Asks(at), Slot::Rests(End::Source)) => Writer::Part(at),
            (Writer::Asks(at), _) => self.carry_out(End::Destination, at, scene),
            (Writer::Confirmed, _) => Writer::Confirmed,
        };
    }

    fn source_has(&self, name: Name) -> bool {
        self.nodes[End::Source as usize].master.has(name)
    }

    fn carry_out(&mut self, end: End, at: usize, scene: Scene) -> Writer {
        self.delete(end, part(scene, at));
        let count = if scene.skips == Skips::SecondPass { 2 } else { 4 };
        if at + 1 < count {
            Writer::Part(at + 1)
        } else if !scene.acks {
            self.confirm()
        } else if scene.skips == Skips::Source {
            Writer::Waits(end)
        } else {
            // Not confirmed: it is repeated.
            Writer::Whole
        }
    }

    fn confirm(&mut self) -> Writer {
        self.promised = 1;
        Writer::Confirmed
    }
}

/// Which key a part is about.
fn part(scene: Scene, at: usize) -> Name {
    let flag_first = scene.skips != Skips::FlagFirst;
    if at.is_multiple_of(2) == flag_first { Name::Flag } else { Name::Value }
}
