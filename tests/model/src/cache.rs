//! The cache as the protocol describes it: the value and the flag of one key, and the epoch of a tag, each
//! command atomic.

use cachecow::protocol::{Command, Reply, SeenValue, Token};

use crate::Without;

/// A stored value: a version of the object.
pub type Version = u8;

/// What is stored.
pub trait Stored: Copy + PartialEq {
    /// What tells it from other values.
    fn seen(&self) -> SeenValue;
}

impl Stored for Version {
    fn seen(&self) -> SeenValue {
        SeenValue::of(&[*self])
    }
}

/// Who may fill.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum Flag {
    /// Whoever claims first.
    #[default]
    Free,
    /// The reader with this token.
    Lease(Token),
    /// Nobody: these writers are at work. In order.
    Holds(Vec<Token>),
}

/// The value and the flag of one key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cell<V = Version> {
    /// The value.
    pub value: Option<V>,
    /// The flag.
    pub flag: Flag,
    /// How many claims were granted.
    pub grants: u64,
    /// The hold with no other, and no invalidation, since it was placed.
    pub alone: Option<Token>,
}

/// What stands in the place of an epoch.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub enum Epoch {
    /// Nothing: the next who takes it begins one.
    #[default]
    None,
    /// This one.
    Is(Token),
    /// None may begin: these writers keep it from doing so. In order.
    Held(Vec<Token>),
}

impl Epoch {
    /// Carries a command out; `begun` counts the epochs that have begun anywhere.
    ///
    /// # Panics
    ///
    /// On a command that is not about epochs.
    pub fn carry_out<V>(&mut self, command: &Command<V>, begun: &mut u64) -> Reply<V> {
        match (command, &*self) {
            (Command::TakeEpoch { fresh, .. }, Self::None) => {
                *begun += 1;
                let epoch = fresh.numbered(*begun);
                *self = Self::Is(epoch);
                Reply::Epoch(epoch)
            }
            (Command::ReadEpoch, Self::None) => Reply::Absent,
            (Command::ReadEpoch | Command::TakeEpoch { .. }, Self::Is(epoch)) => {
                Reply::Epoch(*epoch)
            }
            (Command::ReadEpoch | Command::TakeEpoch { .. }, Self::Held(_)) => Reply::Held,
            (Command::EndEpoch, Self::Held(_)) => Reply::Done,
            (Command::EndEpoch, _) => {
                *self = Self::None;
                Reply::Done
            }
            (Command::HoldEpoch { token, ttl }, before) => {
                assert!(!ttl.is_zero(), "a hold ends");
                let mut holds = before.holds_but(*token);
                holds.push(*token);
                holds.sort();
                *self = Self::Held(holds);
                Reply::Done
            }
            (Command::ReleaseEpoch { token }, before) => {
                let holds = before.holds_but(*token);
                *self = if holds.is_empty() { Self::None } else { Self::Held(holds) };
                Reply::Done
            }
            _ => unreachable!("an epoch has neither a value nor a flag"),
        }
    }

    fn holds_but(&self, token: Token) -> Vec<Token> {
        match self {
            Self::Held(holds) => holds.iter().copied().filter(|hold| *hold != token).collect(),
            Self::None | Self::Is(_) => Vec::new(),
        }
    }
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self { value: None, flag: Flag::Free, grants: 0, alone: None }
    }
}

impl<V: Stored> Cell<V> {
    /// Carries a command out, without one of the rules if a control wants it so.
    ///
    /// # Panics
    ///
    /// If a lease, a value or a hold would never end, or on a command about tags.
    pub fn carry_out(&mut self, command: &Command<V>, without: Without) -> Reply<V> {
        match command {
            Command::Lookup => self.value.map_or(Reply::Absent, Reply::Value),
            Command::Claim { token, lease, replacing } => {
                assert!(!lease.is_zero(), "a lease ends");
                if let Some(value) = self.value {
                    match replacing {
                        Some(replacing) if replacing.seen == value.seen() => {
                            if !replacing.keep {
                                self.value = None;
                            }
                        }
                        _ => return Reply::Value(value),
                    }
                }
                match self.flag {
                    Flag::Free => {
                        self.grants += 1;
                        self.flag = Flag::Lease(token.granted(self.grants));
                        Reply::Claimed(self.grants)
                    }
                    Flag::Lease(_) => Reply::Leased,
                    Flag::Holds(_) => Reply::Held,
                }
            }
            Command::Fill { token, value, ttl } => {
                assert!(!ttl.is_zero(), "a value ends");
                let settled = self.settle(*token, without);
                if settled == Reply::Settled {
                    self.value = Some(*value);
                }
                settled
            }
            Command::Abandon { token } => self.settle(*token, without),
            Command::Invalidate => {
                self.clear();
                if without != Without::MarksOfInvalidations {
                    self.alone = None;
                }
                Reply::Done
            }
            Command::Hold { token, ttl } => {
                assert!(!ttl.is_zero(), "a hold ends");
                self.clear();
                let mut holds = self.holds();
                let is_first = holds.is_empty() || without == Without::Overlaps;
                self.alone = is_first.then_some(*token);
                holds.retain(|other| other != token);
                holds.push(*token);
                holds.sort();
                self.flag = Flag::Holds(holds);
                Reply::Done
            }
            Command::Release { token } => {
                self.release(*token, without);
                Reply::Done
            }
            Command::ReleaseAndStore { token, value, ttl } => {
                assert!(!ttl.is_zero(), "a value ends");
                let is_held = self.holds().contains(token);
                let may_store = match without {
                    Without::Overlaps => is_held && self.holds().len() == 1,
                    _ => is_held && self.alone == Some(*token),
                };
                self.release(*token, without);
                if !may_store {
                    return Reply::Refused;
                }
                self.value = Some(*value);
                Reply::Settled
            }
            Command::ReadEpoch
            | Command::TakeEpoch { .. }
            | Command::EndEpoch
            | Command::HoldEpoch { .. }
            | Command::ReleaseEpoch { .. } => {
                unreachable!("an epoch has a place of its own")
            }
        }
    }

    fn release(&mut self, token: Token, without: Without) {
        self.clear();
        self.alone = None;
        let mut holds = self.holds();
        holds.retain(|other| *other != token && without != Without::OwnHoldsAlone);
        self.flag = if holds.is_empty() { Flag::Free } else { Flag::Holds(holds) };
    }

    fn settle(&mut self, token: Token, without: Without) -> Reply<V> {
        let stands = match &self.flag {
            Flag::Lease(mine) => match without {
                Without::Tokens => true,
                Without::Grants => mine.as_bytes() == token.as_bytes(),
                _ => token.names(mine),
            },
            _ => false,
        };
        if !stands {
            return Reply::Refused;
        }
        self.flag = Flag::Free;
        Reply::Settled
    }

    /// Deletes the value and a lease.
    fn clear(&mut self) {
        self.value = None;
        if matches!(self.flag, Flag::Lease(_)) {
            self.flag = Flag::Free;
        }
    }

    fn holds(&self) -> Vec<Token> {
        match &self.flag {
            Flag::Holds(holds) => holds.clone(),
            _ => Vec::new(),
        }
    }
}
