//! A reader of one list, or of both in turn.

use std::time::Duration;

use cachecow::protocol::{
    Command, Fetched, Fill, First, Followed, OnLease, Outcome, ReadMachine, ReadPolicy, Role, Step,
    Token, Verdict, Waited,
};

use super::world::{List, OBJECT, World};
use super::{Scene, Skips};
use crate::cache::{Flag, Version};

const TTL: Duration = Duration::from_secs(60);

/// What is cached under a key.
type Cached = Option<Version>;

/// One reader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reader {
    process: u8,
    /// The lists that are still to be read, the next one first.
    lists: Vec<List>,
    remembers: bool,
    /// What was found of the object before the list.
    pub(super) remembered: Option<Cached>,
    stage: Stage,
    /// What was promised when it began to read this list, by key.
    promised: [Version; 3],
    /// The tokens that it has used.
    tokens: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Idle,
    /// At this key, with what it found or fetched.
    At(usize, ReadMachine<Version>, Option<Version>),
    /// It follows this reader's load of the list.
    Follows(ReadMachine<Version>, usize),
    Over,
}

impl Reader {
    /// Of these lists, in turn.
    pub fn of(lists: &[List], process: u8) -> Self {
        Self {
            process,
            lists: lists.to_vec(),
            remembers: false,
            remembered: None,
            stage: Stage::Idle,
            promised: [0; 3],
            tokens: 0,
        }
    }

    /// It remembers that the object is a member, and asks for it together with the list.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { remembers: true, ..self }
    }

    pub(super) fn reads_both(&self) -> bool {
        self.lists.len() > 1
    }

    pub(super) fn can_go_on(&self) -> bool {
        !matches!(self.stage, Stage::Over | Stage::Follows(..))
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::At(..) | Stage::Follows(..))
    }

    /// Within the first round, whose commands are carried out in any order.
    pub(super) fn may_ask_for_the_remembered(&self) -> bool {
        let first_round = match &self.stage {
            Stage::At(key, _, found) => *key != OBJECT && found.is_none(),
            _ => false,
        };
        self.remembers && first_round && self.remembered.is_none()
    }

    /// It is cancelled: what it has claimed is given back.
    pub(super) fn cancel(&mut self, world: &mut World, me: usize, scene: &Scene) {
        if let Stage::At(key, ..) = &self.stage
            && let Flag::Lease(token) = world.cells[*key].flag
            && token.as_bytes() == self.token(me).as_bytes()
        {
            world.carry_out(*key, &Command::Abandon { token }, scene);
        }
        self.stage = Stage::Over;
    }

    /// Who followed it looks again.
    pub(super) fn desert(world: &mut World, leader: usize) {
        Self::land(world, leader, Followed::LookAgain, None);
    }

    pub(super) fn go_on(&mut self, world: &mut World, me: usize, scene: &Scene) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Idle => {
                self.promised = world.promised;
                let list = self.lists[0];
                self.stage = Stage::At(list.key(), machine(), None);
            }
            Stage::At(key, mut read, mut found) => match read.next_step() {
                Step::Send(command) => {
                    let reply = world.carry_out(key, &command, scene);
                    read.on_reply(Ok(reply));
                    self.stage = Stage::At(key, read, found);
                }
                Step::Judge(version) => {
                    found = Some(version);
                    read.on_judged(Verdict::Good, None);
                    self.stage = Stage::At(key, read, found);
                }
                Step::Enter => {
                    if let Some(leader) = self.leader_of(world, me, key) {
                        read.on_entered(Role::Follower);
                        assert!(matches!(read.next_step(), Step::Follow));
                        self.stage = Stage::Follows(read, leader);
                    } else {
                        self.tokens += 1;
                        read.on_entered(Role::Leader(self.token(me)));
                        self.stage = Stage::At(key, read, found);
                    }
                }
                Step::Fetch => {
                    let version = world.version();
                    read.on_fetched(Fetched::Storable(version, TTL));
                    self.stage = Stage::At(key, read, Some(version));
                }
                Step::Wait => {
                    read.on_waited(Waited::Expired);
                    self.stage = Stage::At(key, read, found);
                }
                Step::Done(outcome) => self.done(world, me, (key, outcome, found), scene),
                Step::Lead | Step::Follow => {
                    unreachable!("nothing is renewed, and who follows waits")
                }
            },
            other => self.stage = other,
        }
    }

    /// The last that it has used.
    fn token(&self, me: usize) -> Token {
        let me = u8::try_from(me).unwrap_or(0);
        Token::from_bytes([10 * (me + 1) + self.tokens; 16])
    }

    /// Another reader of the process that loads the key.
    fn leader_of(&self, world: &World, me: usize, key: usize) -> Option<usize> {
        (0..world.readers.len()).find(|&at| {
            let other = &world.readers[at];
            at != me
                && other.process == self.process
                && matches!(&other.stage, Stage::At(its, _, Some(_)) if *its == key && key != OBJECT)
                && other.loads(key)
        })
    }

    /// Whether it has fetched, and its fill is not answered.
    fn loads(&self, key: usize) -> bool {
        match &self.stage {
            Stage::At(its, read, Some(_)) if *its == key => {
                matches!(read.clone().next_step(), Step::Send(Command::Fill { .. }))
            }
            _ => false,
        }
    }

    fn done(
        &mut self,
        world: &mut World,
        me: usize,
        (key, outcome, found): (usize, Outcome, Option<Version>),
        scene: &Scene,
    ) {
        let version = found.unwrap_or_else(|| world.version());
        if key == OBJECT {
            return self.judge(world, Some(version), scene);
        }
        let followed = match outcome {
            Outcome::Fetched(Fill::Stored) => Followed::Shared(Fill::Stored),
            _ => Followed::LookAgain,
        };
        Self::land(world, me, followed, Some((version, scene)));
        let is_hit = outcome == Outcome::Hit;
        self.take_members(world, version, is_hit, scene);
    }

    /// Tells who follows a load how it ended.
    fn land(
        world: &mut World,
        leader: usize,
        followed: Followed,
        brought: Option<(Version, &Scene)>,
    ) {
        for at in 0..world.readers.len() {
            let Stage::Follows(mut read, follows) = world.readers[at].stage.clone() else {
                continue;
            };
            if follows != leader {
                continue;
            }
            let mut reader = world.readers[at].clone();
            read.on_followed(followed);
            match (followed, brought) {
                (Followed::Shared(_), Some((version, scene))) if scene.skips == Skips::OwnKeys => {
                    // The object as the load has it.
                    let list = reader.lists[0];
                    let object = (world.place_in(version) == Some(list)).then_some(version);
                    reader.judge(world, object, scene);
                }
                (Followed::Shared(_), Some((version, scene))) => {
                    reader.take_members(world, version, false, scene);
                }
                _ => reader.stage = Stage::At(reader.lists[0].key(), read, None),
            }
            world.readers[at] = reader;
        }
    }

    /// The members are known: the object is read, unless it is none of them or was read with them.
    fn take_members(&mut self, world: &mut World, version: Version, is_hit: bool, scene: &Scene) {
        let list = self.lists[0];
        if world.place_in(version) != Some(list) {
            return self.judge(world, None, scene);
        }
        let remembered = self.remembered.take().flatten();
        let agrees = |object: &Version| is_hit || world.place_in(*object) == Some(list);
        if let Some(object) = remembered.filter(agrees) {
            return self.judge(world, Some(object), scene);
        }
        self.stage = Stage::At(OBJECT, machine(), None);
    }

    /// What it is returned: the object of this version, if it is in the list.
    fn judge(&mut self, world: &mut World, object: Option<Version>, scene: &Scene) {
        let list = self.lists.remove(0);
        let is_in = |version: &Version| world.place_in(*version) == Some(list);
        let keeps = scene.skips == Skips::OldListAndLeftOut;
        let member = object.filter(|version| keeps || is_in(version));
        let [old, new, of_object] = self.promised;
        let of_list = if list == List::Old { old } else { new };
        if member.is_some_and(|version| version < of_object) {
            world.wrong = Some("an object older than promised");
        } else if !world.ever(of_list, list, member.is_some()) {
            world.wrong = Some(if member.is_some() {
                "a member that had left the list"
            } else {
                "no member that had come to the list"
            });
        }
        self.remembered = None;
        self.stage = if self.lists.is_empty() { Stage::Over } else { Stage::Idle };
    }
}

fn machine() -> ReadMachine<Version> {
    let (first, on_lease) = (First::Lookup, OnLease::Wait);
    ReadMachine::new(ReadPolicy { first, on_lease, lease: TTL })
}
