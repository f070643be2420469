//! The database, the cache, the readers and the follower.

use super::{Scene, Skips};

/// How many changes there are.
const CHANGES: u8 = 2;
const READERS: usize = 3;

/// A reader by the flag protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reader {
    Idle,
    Claimed,
    Fetched(u8),
    Over,
}

/// Where the follower is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Follower {
    /// It has no connection.
    Closed,
    /// The log is open, and everything is to be dropped.
    Missed,
    /// Everything before this change is invalidated.
    Reads(u8),
    /// It has read this change.
    Has(u8),
    /// It has waited until this change is visible.
    Settled(u8),
}

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// How many changes are in the log.
    logged: u8,
    /// How many of them a reader sees.
    visible: u8,
    value: Option<u8>,
    flag: Option<usize>,
    readers: [Reader; READERS],
    follower: Follower,
    /// How many changes the slot need not give again.
    acknowledged: u8,
    /// How many the cache was told of; in the cache.
    mark: u8,
    /// How many were in the log when it was opened with changes missing, if not all of them were visible.
    drops_again: Option<u8>,
    crashes: u8,
    may_lose: bool,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A commit comes into the log.
    Commits,
    /// The next commit in the log becomes visible.
    Appears,
    /// A reader goes on.
    Reads(usize),
    /// The follower goes on.
    Follows,
    /// The follower tells the slot what is invalidated.
    Acknowledges,
    /// The follower drops everything again.
    DropsAgain,
    /// The follower dies.
    Crashes,
    /// The slot is dropped and made anew.
    SlotIsLost,
}

impl World {
    /// With the first version cached, and the mark of a follower that came so far.
    pub(super) fn new(scene: Scene) -> Self {
        Self {
            logged: 0,
            visible: 0,
            value: Some(0),
            flag: None,
            readers: [Reader::Idle; READERS],
            follower: Follower::Closed,
            acknowledged: 0,
            mark: 0,
            drops_again: None,
            crashes: scene.crashes,
            may_lose: scene.loses_slot,
        }
    }

    pub(super) fn actions(&self, scene: Scene, to: &mut Vec<Event>) {
        if self.logged < CHANGES {
            to.push(Event::Commits);
        }
        if self.visible < self.logged {
            to.push(Event::Appears);
        }
        let is_over = |reader: &Reader| *reader == Reader::Over;
        let readers = (0..READERS).filter(|at| !is_over(&self.readers[*at]));
        to.extend(readers.map(Event::Reads));
        if self.can_follow(scene) {
            to.push(Event::Follows);
        }
        if self.can_acknowledge(scene).is_some() {
            to.push(Event::Acknowledges);
        }
        if self.can_drop_again() {
            to.push(Event::DropsAgain);
        }
        if self.crashes > 0 && self.follower != Follower::Closed {
            to.push(Event::Crashes);
        }
        if self.may_lose && self.follower == Follower::Closed {
            to.push(Event::SlotIsLost);
        }
    }

    fn can_follow(&self, scene: Scene) -> bool {
        match self.follower {
            Follower::Closed | Follower::Missed | Follower::Settled(_) => true,
            Follower::Reads(next) => next < self.logged,
            Follower::Has(change) => change < self.visible || scene.skips == Skips::Gate,
        }
    }

    /// Up to where the follower may tell the slot.
    fn can_acknowledge(&self, scene: Scene) -> Option<u8> {
        if self.drops_again.is_some() && scene.skips != Skips::Patience {
            return None;
        }
        let told = match self.follower {
            Follower::Reads(next) => next,
            Follower::Has(change) | Follower::Settled(change) if scene.skips == Skips::Order => {
                change + 1
            }
            Follower::Has(change) | Follower::Settled(change) => change,
            Follower::Closed | Follower::Missed => return None,
        };
        Some(told).filter(|told| *told > self.acknowledged || *told > self.mark)
    }

    fn can_drop_again(&self) -> bool {
        self.follower != Follower::Missed
            && self.drops_again.is_some_and(|logged| self.visible >= logged)
    }

    pub(super) fn on(&mut self, event: Event, scene: Scene) {
        match event {
            Event::Commits => self.logged += 1,
            Event::Appears => self.visible += 1,
            Event::Reads(at) => self.read(at),
            Event::Follows => self.follow(scene),
            Event::Acknowledges => {
                if let Some(told) = self.can_acknowledge(scene) {
                    // The mark is never behind.
                    self.mark = self.mark.max(told);
                    self.acknowledged = self.acknowledged.max(told);
                }
            }
            Event::DropsAgain => {
                self.drops_again = None;
                self.invalidate();
            }
            Event::Crashes => {
                self.crashes -= 1;
                (self.follower, self.drops_again) = (Follower::Closed, None);
            }
            Event::SlotIsLost => {
                self.may_lose = false;
                self.acknowledged = self.logged;
            }
        }
    }

    fn read(&mut self, at: usize) {
        self.readers[at] = match self.readers[at] {
            Reader::Idle if self.value.is_some() => Reader::Over,
            Reader::Idle => {
                self.flag.get_or_insert(at);
                Reader::Claimed
            }
            Reader::Claimed => Reader::Fetched(self.visible),
            Reader::Fetched(version) => {
                if self.flag == Some(at) {
                    (self.value, self.flag) = (Some(version), None);
                }
                Reader::Over
            }
            Reader::Over => Reader::Over,
        };
    }

    fn follow(&mut self, scene: Scene) {
        self.follower = match self.follower {
            Follower::Closed => {
                let checks = !matches!(scene.skips, Skips::Mark | Skips::Order);
                if checks && self.acknowledged > self.mark {
                    Follower::Missed
                } else {
                    Follower::Reads(self.acknowledged)
                }
            }
            Follower::Missed => {
                self.invalidate();
                if self.visible < self.acknowledged && scene.skips != Skips::SecondDrop {
                    self.drops_again = Some(self.acknowledged);
                }
                Follower::Reads(self.acknowledged)
            }
            Follower::Reads(next) => Follower::Has(next),
            Follower::Has(change) => Follower::Settled(change),
            Follower::Settled(change) => {
                self.invalidate();
                Follower::Reads(change + 1)
            }
        };
    }

    fn invalidate(&mut self) {
        (self.value, self.flag) = (None, None);
    }

    /// Whether nobody has anything to do.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_busy = |reader: &Reader| matches!(reader, Reader::Claimed | Reader::Fetched(_));
        self.visible == self.logged
            && self.follower == Follower::Reads(self.logged)
            && self.acknowledged == self.logged
            && self.drops_again.is_none()
            && !self.readers.iter().any(is_busy)
    }

    pub(super) fn is_stale_for_good(&self) -> bool {
        self.is_at_rest() && self.value.is_some_and(|version| version < self.visible)
    }
}
