//! A reader of the answer.

use std::time::Duration;

use cachecow::protocol::tags::{Captured, StampCheck, all_stand, check_stamps};
use cachecow::protocol::{Command, Lost, Replacing, Reply, SeenValue, Token};

use super::world::World;
use super::{Scene, Skips};
use crate::cache::Stored;

const TTL: Duration = Duration::from_secs(60);
/// So often a reader looks before it fetches for itself.
const LOOKS: u8 = 2;

/// The versions of the two rows.
pub(super) type Rows = [u8; 2];

/// A stored answer: what was fetched, and the epochs that it carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Answer {
    pub(super) rows: Rows,
    epochs: [Token; 2],
}

impl Stored for Answer {
    fn seen(&self) -> SeenValue {
        let [first, second] = self.epochs;
        SeenValue::of(&[&self.rows[..], first.as_bytes(), second.as_bytes()].concat())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Idle,
    /// It asks for the value and the epochs.
    Looks,
    /// It claims, and takes the epochs.
    Claims,
    Fetches,
    /// What it has read is on its way.
    Fetched,
    /// It reads the epochs again.
    Confirms,
    Fills,
    /// It follows this reader's load.
    Follows(usize),
    Over,
}

/// What it was told of an epoch.
type Told = Result<Reply<Answer>, Lost>;
type Epochs = [Option<Told>; 2];

/// One reader, who reads once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reader {
    stage: Stage,
    /// What was promised when it began.
    promised: Rows,
    looks: u8,
    tokens: u8,
    /// The answer to the value's command of this round, once it has come.
    value: Option<Reply<Answer>>,
    /// What it has found and does not believe.
    found: Option<Answer>,
    /// The token of its claim, once it is granted.
    claim: Option<Token>,
    /// What it was told of each epoch in this round.
    epochs: Epochs,
    /// What it was told before the fetch.
    before: Epochs,
    brought: Rows,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Idle,
            promised: [0; 2],
            looks: 0,
            tokens: 0,
            value: None,
            found: None,
            claim: None,
            epochs: [None, None],
            before: [None, None],
            brought: [0; 2],
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The commands of this round that are still to be carried out: the value's, and each epoch's.
    pub(super) fn parts(&self) -> Vec<usize> {
        let epochs = (0..2).filter(|at| self.epochs[*at].is_none()).map(|at| at + 1);
        match self.stage {
            Stage::Looks | Stage::Claims => {
                self.value.is_none().then_some(0).into_iter().chain(epochs).collect()
            }
            Stage::Confirms => epochs.collect(),
            Stage::Idle | Stage::Fetches | Stage::Fetched | Stage::Fills => vec![0],
            Stage::Follows(_) | Stage::Over => Vec::new(),
        }
    }

    /// Whether others may join its load.
    fn is_open(&self, scene: Scene) -> bool {
        match self.stage {
            Stage::Claims | Stage::Fetches | Stage::Fetched => true,
            Stage::Confirms | Stage::Fills => scene.skips == Skips::ClosedLoad,
            _ => false,
        }
    }

    pub(super) fn go_on(&mut self, world: &mut World, me: usize, part: usize, scene: Scene) {
        match self.stage {
            Stage::Idle => {
                self.promised = world.promised;
                self.look();
            }
            Stage::Looks => {
                self.ask(world, me, part);
                if self.parts().is_empty() {
                    self.judge_found(world, me, scene);
                }
            }
            Stage::Claims => {
                self.ask(world, me, part);
                if self.parts().is_empty() {
                    self.claimed();
                }
            }
            Stage::Fetches => {
                self.brought = world.rows;
                self.stage = Stage::Fetched;
            }
            Stage::Fetched => self.stage = Stage::Confirms,
            Stage::Confirms => {
                self.ask(world, me, part);
                if self.parts().is_empty() {
                    self.confirm(world, me, scene);
                }
            }
            Stage::Fills => self.fill(world, me, scene),
            Stage::Follows(_) | Stage::Over => {}
        }
    }

    /// Another has stored a value meanwhile, or it fetches.
    fn claimed(&mut self) {
        if self.value().is_some() && self.looks < LOOKS {
            return self.look();
        }
        self.before = std::mem::take(&mut self.epochs);
        self.stage = Stage::Fetches;
    }

    fn look(&mut self) {
        self.looks += 1;
        self.begin(Stage::Looks);
    }

    fn begin(&mut self, stage: Stage) {
        (self.value, self.epochs, self.stage) = (None, [None, None], stage);
    }

    /// Carries one command of the round out.
    fn ask(&mut self, world: &mut World, me: usize, part: usize) {
        let fresh = self.token(me);
        match (part.checked_sub(1), self.stage) {
            (Some(tag), Stage::Claims) => {
                let take = Command::TakeEpoch { fresh, ttl: TTL };
                self.epochs[tag] = Some(Ok(world.ask_epoch(tag, &take)));
            }
            (Some(tag), _) => {
                self.epochs[tag] = Some(Ok(world.ask_epoch(tag, &Command::ReadEpoch)));
            }
            (None, Stage::Looks) => {
                self.value = Some(world.ask_value(&Command::Lookup));
            }
            (None, _) => {
                let seen = self.found.map(|found| found.seen());
                let replacing = seen.map(|seen| Replacing { seen, keep: false });
                let claim = Command::Claim { token: fresh, lease: TTL, replacing };
                let reply = world.ask_value(&claim);
                // Who may not fill fetches all the same.
                self.claim = match &reply {
                    Reply::Claimed(grant) => Some(fresh.granted(*grant)),
                    _ => None,
                };
                self.value = Some(reply);
            }
        }
    }

    /// A hit, if each epoch is the one that the answer was stored with. Else it joins a load, or begins one.
    fn judge_found(&mut self, world: &mut World, me: usize, scene: Scene) {
        let found = self.value();
        if let Some(answer) = found
            && (scene.skips == Skips::Stamps || self.is_current(answer))
        {
            return self.end(world, answer.rows);
        }
        self.found = found;
        let open = |at: &usize| *at != me && world.readers[*at].is_open(scene);
        match (0..world.readers.len()).find(open) {
            Some(leader) if scene.joins => self.stage = Stage::Follows(leader),
            _ => {
                self.tokens += 1;
                self.begin(Stage::Claims);
            }
        }
    }

    fn value(&self) -> Option<Answer> {
        match self.value {
            Some(Reply::Value(value)) => Some(value),
            _ => None,
        }
    }

    fn is_current(&self, answer: Answer) -> bool {
        let present: Vec<_> = self.epochs.iter().flatten().cloned().collect();
        check_stamps(answer.epochs.into_iter(), present.iter()) == StampCheck::Current
    }

    /// It has read the epochs again: what was fetched is stored and shared if both stand.
    fn confirm(&mut self, world: &mut World, me: usize, scene: Scene) {
        let count = if scene.skips == Skips::SecondEpoch { 1 } else { 2 };
        let replies = |epochs: &Epochs| epochs.iter().flatten().take(count).cloned().collect();
        let [before, after]: [Vec<_>; 2] = [replies(&self.before), replies(&self.epochs)];
        let captured: Vec<Captured> = before.iter().map(Captured::by).collect();
        let skips_epochs = scene.skips == Skips::EpochsBeforeFetch;
        if skips_epochs || all_stand(&captured, after.iter()) {
            self.stage = Stage::Fills;
        } else {
            if let Some(token) = self.claim {
                world.ask_value(&Command::Abandon { token });
            }
            Self::land(world, me, None);
            self.end(world, self.brought);
        }
    }

    fn fill(&mut self, world: &mut World, me: usize, scene: Scene) {
        let carried = match scene.skips {
            Skips::EpochsBeforeFetch => &self.epochs,
            _ => &self.before,
        };
        let epochs = [epoch_of(carried[0].as_ref()), epoch_of(carried[1].as_ref())];
        let stored = match (self.claim, epochs) {
            (Some(token), [Some(first), Some(second)]) => {
                let value = Answer { rows: self.brought, epochs: [first, second] };
                world.ask_value(&Command::Fill { token, value, ttl: TTL }) == Reply::Settled
            }
            _ => false,
        };
        Self::land(world, me, stored.then_some(self.brought));
        self.end(world, self.brought);
    }

    /// Tells who follows a load what it brought, or that it is to look again.
    fn land(world: &mut World, leader: usize, brought: Option<Rows>) {
        for at in 0..world.readers.len() {
            if world.readers[at].stage != Stage::Follows(leader) {
                continue;
            }
            let mut follower = world.readers[at].clone();
            match brought {
                Some(rows) => follower.end(world, rows),
                None if follower.looks < LOOKS => follower.look(),
                None => follower.begin(Stage::Claims),
            }
            world.readers[at] = follower;
        }
    }

    /// What it is returned.
    fn end(&mut self, world: &mut World, rows: Rows) {
        let is_old = |(row, promised): (u8, u8)| row < promised;
        world.is_wrong |= rows.into_iter().zip(self.promised).any(is_old);
        *self = Self { stage: Stage::Over, ..Self::new() };
    }

    fn token(&self, me: usize) -> Token {
        let me = u8::try_from(me).unwrap_or(0);
        Token::from_bytes([10 * (me + 1) + self.tokens; 16])
    }
}

fn epoch_of(answer: Option<&Told>) -> Option<Token> {
    match answer {
        Some(Ok(Reply::Epoch(epoch))) => Some(*epoch),
        _ => None,
    }
}
