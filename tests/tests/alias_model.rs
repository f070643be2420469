//! Every interleaving of a load of an alias with a reader by the primary key, a writer, and a flag or a
//! value that vanishes, on a model of the cache; with controls that find what the guards keep out.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use cachecow::protocol::{
    Command, Compared, Despite, Fetched, First, Link, LinkStep, Linked, OnLease, Read, ReadPolicy,
    Reply, Role, Seen, Step, Token, Verdict, Waited,
};

const LEASE: Duration = Duration::from_secs(60);

/// A stored value: the pointer, or the object in a version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Value {
    Pointer,
    Object(u8),
}

impl Value {
    fn seen(self) -> Seen {
        Seen::of(&match self {
            Self::Pointer => [0],
            Self::Object(version) => [version],
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Alias,
    Primary,
}

/// Value and flag of one key.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
struct Cell {
    value: Option<Value>,
    flag: Option<Token>,
}

impl Cell {
    fn carry_out(&mut self, command: Command<Value>, guarded: bool) -> Reply<Value> {
        match command {
            Command::Lookup => self.value.map_or(Reply::Absent, Reply::Value),
            Command::Claim { token, despite, .. } => {
                if let Some(value) = self.value {
                    match despite {
                        Some(Despite { seen, keep }) if seen == value.seen() => {
                            if !keep {
                                self.value = None;
                            }
                        }
                        _ => return Reply::Value(value),
                    }
                }
                if self.flag.is_some() {
                    return Reply::Leased;
                }
                self.flag = Some(token.granted(1));
                Reply::Claimed(1)
            }
            Command::Fill { token, value, .. } => {
                let stands = self.flag.is_some_and(|flag| token.names(&flag));
                if !stands && guarded {
                    return Reply::Refused;
                }
                if stands {
                    self.flag = None;
                }
                self.value = Some(value);
                Reply::Settled
            }
            Command::Abandon { token } => {
                if !self.flag.is_some_and(|flag| token.names(&flag)) {
                    return Reply::Refused;
                }
                self.flag = None;
                Reply::Settled
            }
            Command::Invalidate => {
                *self = Self::default();
                Reply::Done
            }
            Command::Hold { .. } | Command::Release { .. } => unreachable!("nobody holds"),
            Command::ReadEpoch | Command::TakeEpoch { .. } | Command::EndEpoch { .. } => {
                unreachable!("nothing has tags")
            }
        }
    }
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
    Read,
    /// The pointer is followed.
    Judgement,
    Link,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Reader {
    place: Place,
    /// Whether it finds every object to be renewed.
    renews: bool,
    leads: bool,
    read: Read<Value>,
    link: Option<Link<(), Value>>,
    led_to: Option<((), Option<Despite>)>,
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
    fn new(number: u8, place: Place, renews: bool) -> Self {
        let policy = ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease: LEASE };
        Self {
            place,
            renews,
            leads: false,
            read: Read::new(policy),
            link: None,
            led_to: None,
            waits: For::Read,
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
            if waits == For::Link {
                self.claim = Some(*token);
            }
        }
        self.waits = waits;
        self.pending = Pending::Sent(place, command);
    }
}

/// What is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    /// The alias is filled whether or not its claim stands.
    GuardOfTheAlias,
    /// The primary key is not claimed where the same object is cached.
    ClaimOfTheSame,
    /// What was fetched before the claim of the primary key is stored.
    SecondFetch,
}

/// Which keys the writer invalidates after its write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Invalidates {
    Alias,
    Primary,
    Both,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    database: u8,
    alias: Cell,
    primary: Cell,
    readers: Vec<Reader>,
    /// Claims that are given back some time.
    given_back: Vec<Token>,
    /// The steps that the writer has done.
    written: u8,
    /// How often a flag or a value may yet vanish.
    losses: u8,
    /// Whether a pointer was there after the alias was invalidated.
    led: bool,
}

struct Model {
    without: Without,
    invalidates: Invalidates,
    history: History,
}

/// What the database has, one after the other.
type History = [u8; 3];

/// The cache is told of the last; the others are old then.
const HISTORIES: [History; 2] = [
    [1, 1, 2],
    // As it was before: what was read in between is old all the same.
    [1, 2, 1],
];

/// The steps of the writer: two changes, two invalidations.
const WRITTEN: u8 = 4;

impl Model {
    fn cell(world: &mut World, place: Place) -> &mut Cell {
        match place {
            Place::Alias => &mut world.alias,
            Place::Primary => &mut world.primary,
        }
    }

    fn carry_out(&self, world: &mut World, place: Place, command: Command<Value>) -> Reply<Value> {
        let guarded = place == Place::Primary || self.without != Without::GuardOfTheAlias;
        Self::cell(world, place).carry_out(command, guarded)
    }

    /// Every world that may come next.
    fn next(&self, world: &World) -> Vec<World> {
        let mut next = Vec::new();
        for at in 0..world.readers.len() {
            if world.readers[at].pending != Pending::Over {
                let mut after = world.clone();
                self.advance(&mut after, at);
                next.push(after);
            }
        }
        for at in 0..world.given_back.len() {
            let mut after = world.clone();
            let token = after.given_back.remove(at);
            after.primary.carry_out(Command::Abandon { token }, true);
            next.push(after);
        }
        if world.written < WRITTEN {
            let mut after = world.clone();
            after.written += 1;
            let (alias, primary) =
                (self.invalidates != Invalidates::Primary, self.invalidates != Invalidates::Alias);
            match after.written {
                1 => after.database = self.history[1],
                2 => after.database = self.history[2],
                3 if alias => after.alias = Cell::default(),
                4 if primary => after.primary = Cell::default(),
                _ => {}
            }
            next.push(after);
        }
        if world.losses > 0 {
            for loss in [
                |world: &mut World| world.alias.flag = None,
                |world: &mut World| world.primary.flag = None,
                |world: &mut World| world.primary.value = None,
            ] {
                let mut after = world.clone();
                after.losses -= 1;
                loss(&mut after);
                next.push(after);
            }
        }
        for world in &mut next {
            let told = self.invalidates != Invalidates::Primary && world.written == WRITTEN;
            world.led |= told && world.alias.value == Some(Value::Pointer);
        }
        next
    }

    /// Whether a read that starts after the invalidation may find the old object.
    fn is_stale(&self, world: &World) -> bool {
        let [_, _, current] = self.history;
        let old = world.primary.value == Some(Value::Object(3 - current));
        let told = self.invalidates != Invalidates::Alias && world.written == WRITTEN;
        old && (told || world.led)
    }

    fn advance(&self, world: &mut World, at: usize) {
        let mut reader = world.readers[at].clone();
        match std::mem::replace(&mut reader.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Sent(place, command) => {
                let reply = self.carry_out(world, place, command);
                reader.pending = Pending::Answered(place, reply);
            }
            Pending::Answered(_, reply) => Self::answer(&mut reader, reply),
            Pending::Fetch => {
                let stale = reader.first.filter(|_| self.without == Without::SecondFetch);
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
                reader.waits = For::Read;
                let verdict = if let Reply::Value(Value::Object(_)) = reply {
                    Verdict::Good
                } else {
                    reader.led_to = Some(((), None));
                    Verdict::Replace(Value::Pointer.seen())
                };
                let token = reader.token();
                reader.read.on_judged(verdict, reader.leads.then_some(token));
            }
            (For::Link, Some(link)) => {
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
            LinkStep::Send { primary: (), command, .. } => {
                reader.send(For::Link, Place::Primary, command);
            }
            LinkStep::Fetch => reader.pending = Pending::Fetch,
            LinkStep::Compare { stored, fetched } => {
                let same = stored == fetched;
                if same && self.without == Without::ClaimOfTheSame {
                    return Self::end_link(world, reader, &Linked::To((), LEASE));
                }
                let seen = stored.seen();
                let compared = if same { Compared::Same(seen) } else { Compared::Different(seen) };
                link.on_compared(compared, token);
            }
            LinkStep::GiveBack((), token) => {
                reader.claim = None;
                world.given_back.push(token);
            }
            LinkStep::Done(linked) => Self::end_link(world, reader, &linked),
        }
    }

    fn end_link(world: &mut World, reader: &mut Reader, linked: &Linked<()>) {
        world.given_back.extend(reader.claim.take());
        reader.link = None;
        reader.waits = For::Read;
        reader.read.on_fetched(match *linked {
            Linked::To((), ttl) => Fetched::Storable(Value::Pointer, ttl),
            Linked::Nothing => Fetched::Unstorable,
            Linked::Not(fill) => Fetched::Unfenced(fill),
        });
    }

    fn step_read(reader: &mut Reader) {
        let token = reader.token();
        match reader.read.next_step() {
            Step::Send(command) => {
                reader.send(For::Read, reader.place, command);
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
                reader.link = Some(Link::new(LEASE, reader.led_to.take(), token));
            }
            Step::Fetch => reader.pending = Pending::Fetch,
            Step::Follow => unreachable!("every reader leads"),
            Step::Done(_) => reader.pending = Pending::Over,
        }
    }

    /// Explores every interleaving from `first`; how many worlds there are, and one that is stale.
    fn explore(&self, first: World) -> (usize, Option<World>) {
        // By their hashes: a collision is less likely than a fault of the machine.
        let hasher = RandomState::new();
        let mut known = HashSet::from([hasher.hash_one(&first)]);
        let mut open = vec![first];
        while let Some(world) = open.pop() {
            for next in self.next(&world) {
                if self.is_stale(&next) {
                    return (known.len(), Some(next));
                }
                if known.insert(hasher.hash_one(&next)) {
                    open.push(next);
                }
            }
        }
        (known.len(), None)
    }
}

/// The object is cached or not, and the pointer.
fn beginnings() -> impl Iterator<Item = (Option<Value>, Option<Value>)> {
    let objects = [None, Some(Value::Object(1))];
    objects.into_iter().flat_map(|object| [(None, object), (Some(Value::Pointer), object)])
}

fn world(pointer: Option<Value>, object: Option<Value>, readers: Vec<Reader>, losses: u8) -> World {
    World {
        database: 1,
        alias: Cell { value: pointer, flag: None },
        primary: Cell { value: object, flag: None },
        readers,
        given_back: Vec::new(),
        written: 0,
        losses,
        led: false,
    }
}

/// How many worlds were seen, and one that is stale.
fn check(without: Without, invalidates: Invalidates, history: History) -> (usize, Option<World>) {
    let model = Model { without, invalidates, history };
    let by_alias = |number| Reader::new(number, Place::Alias, false);
    let by_primary = |renews| Reader::new(9, Place::Primary, renews);
    let mut seen = 0;
    for (pointer, object) in beginnings() {
        for (other, losses) in [(by_primary(false), 1), (by_primary(true), 1), (by_alias(2), 0)] {
            let readers = vec![by_alias(1), other];
            let (count, stale) = model.explore(world(pointer, object, readers, losses));
            seen += count;
            if stale.is_some() {
                return (seen, stale);
            }
        }
    }
    (seen, None)
}

fn nothing_is_stale(history: History) {
    for invalidates in [Invalidates::Alias, Invalidates::Primary, Invalidates::Both] {
        let (seen, stale) = check(Without::Nothing, invalidates, history);
        assert_eq!(stale, None);
        println!("{history:?} {invalidates:?}: {seen} worlds");
        assert!(seen > 5_000, "{seen} worlds are too few to be all");
    }
}

#[test]
fn nothing_is_stale_in_any_interleaving() {
    nothing_is_stale(HISTORIES[0]);
}

#[test]
fn nothing_is_stale_where_a_value_comes_back() {
    nothing_is_stale(HISTORIES[1]);
}

#[test]
fn without_any_one_guard_something_is() {
    for without in [Without::GuardOfTheAlias, Without::ClaimOfTheSame, Without::SecondFetch] {
        let found = HISTORIES
            .iter()
            .any(|history| check(without, Invalidates::Alias, *history).1.is_some());
        assert!(found, "the control must find it: {without:?}");
    }
}
