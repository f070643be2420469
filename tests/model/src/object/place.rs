//! The places of one object in the cache, and what stands there.

use cachecow::protocol::{Command, Reply, SeenValue, Token};

use crate::Without;
use crate::cache::{Cell, Epoch, Flag, Stored};

/// A place in the cache.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// The value and the flag of the alias.
    Alias,
    /// Those of the primary key.
    Primary,
    /// The epoch of a tag.
    Tag(Tag),
    /// The epoch of the type.
    Guard,
}

/// One of the tags that an object may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tag {
    /// The first.
    Red,
    /// The other.
    Blue,
}

/// How many places there are.
pub(super) const PLACES: usize = 5;

impl Place {
    /// All of them.
    pub const ALL: [Self; PLACES] =
        [Self::Alias, Self::Primary, Self::Tag(Tag::Red), Self::Tag(Tag::Blue), Self::Guard];

    pub(super) fn index(self) -> usize {
        match self {
            Self::Alias => 0,
            Self::Primary => 1,
            Self::Tag(Tag::Red) => 2,
            Self::Tag(Tag::Blue) => 3,
            Self::Guard => 4,
        }
    }
}

/// What an object holds. Its tag is a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Content {
    /// The rest.
    pub number: u8,
    /// Its tag, if it has one.
    pub tag: Option<Tag>,
}

/// A stored value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// The pointer of an alias, and which load stored it.
    Pointer(Token),
    /// The object, and the epoch of its tag.
    Object(Content, Option<Token>),
}

impl Stored for Value {
    fn seen(&self) -> SeenValue {
        let (first, token) = match self {
            Self::Pointer(token) => (0, Some(token)),
            Self::Object(content, epoch) => (content.number, epoch.as_ref()),
        };
        let bytes = token.map_or([0; 16], |token| *token.as_bytes());
        SeenValue::of(&[&[first], &bytes[..]].concat())
    }
}

/// Everything of the object in the cache.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Places {
    /// What stands under the alias.
    pub(super) alias: Cell<Value>,
    /// What stands under the primary key.
    pub(super) primary: Cell<Value>,
    epochs: [Epoch; 3],
    /// How many epochs have begun.
    begun: u64,
}

impl Places {
    /// Carries a command out; whether a process that keeps objects would be told of a change, and the answer.
    pub(super) fn carry_out(
        &mut self,
        place: Place,
        command: &Command<Value>,
    ) -> (bool, Reply<Value>) {
        let before = self.content(place);
        let reply = match place {
            Place::Alias => self.alias.carry_out(command, Without::Nothing),
            Place::Primary => self.primary.carry_out(command, Without::Nothing),
            Place::Tag(_) | Place::Guard => {
                let mut begun = self.begun;
                let reply = self.epoch_mut(place).carry_out(command, &mut begun);
                self.begun = begun;
                reply
            }
        };
        (self.content(place) != before, reply)
    }

    fn content(&self, place: Place) -> (Option<Value>, Epoch) {
        match place {
            Place::Alias => (self.alias.value, Epoch::None),
            Place::Primary => (self.primary.value, Epoch::None),
            Place::Tag(_) | Place::Guard => (None, self.epoch(place)),
        }
    }

    /// The epoch of this place.
    pub(super) fn epoch(&self, place: Place) -> Epoch {
        match place {
            Place::Alias | Place::Primary => Epoch::None,
            Place::Tag(_) | Place::Guard => self.epochs[place.index() - 2].clone(),
        }
    }

    fn epoch_mut(&mut self, place: Place) -> &mut Epoch {
        &mut self.epochs[place.index().saturating_sub(2)]
    }

    /// The object under the primary key, if its epoch is the present one.
    pub(super) fn object(&self) -> Option<Content> {
        let Some(Value::Object(content, epoch)) = self.primary.value else { return None };
        let present = content.tag.map(|tag| self.epoch(Place::Tag(tag)));
        (present == epoch.map(Epoch::Is)).then_some(content)
    }

    /// Whether there is a value, or an epoch, that may expire or be evicted.
    pub(super) fn has_value(&self, place: Place) -> bool {
        let (value, epoch) = self.content(place);
        value.is_some() || matches!(epoch, Epoch::Is(_))
    }

    /// The same of a flag.
    pub(super) fn has_flag(&self, place: Place) -> bool {
        match place {
            Place::Alias => self.alias.flag != Flag::Free,
            Place::Primary => self.primary.flag != Flag::Free,
            Place::Tag(_) | Place::Guard => matches!(self.epoch(place), Epoch::Held(_)),
        }
    }

    pub(super) fn drop_value(&mut self, place: Place) {
        match place {
            Place::Alias => self.alias.value = None,
            Place::Primary => self.primary.value = None,
            Place::Tag(_) | Place::Guard => *self.epoch_mut(place) = Epoch::None,
        }
    }

    pub(super) fn drop_flag(&mut self, place: Place) {
        match place {
            Place::Alias => self.alias.flag = Flag::Free,
            Place::Primary => self.primary.flag = Flag::Free,
            Place::Tag(_) | Place::Guard => *self.epoch_mut(place) = Epoch::None,
        }
    }

    /// Whether readers are kept from filling, or an epoch from beginning.
    pub(super) fn settles(&self, place: Place) -> bool {
        match place {
            Place::Alias => matches!(self.alias.flag, Flag::Holds(_)),
            Place::Primary => matches!(self.primary.flag, Flag::Holds(_)),
            Place::Tag(_) | Place::Guard => matches!(self.epoch(place), Epoch::Held(_)),
        }
    }

    /// They are not any more.
    pub(super) fn settle(&mut self, place: Place) {
        match place {
            Place::Alias => self.alias.flag = Flag::Free,
            Place::Primary => self.primary.flag = Flag::Free,
            Place::Tag(_) | Place::Guard => self.set_epoch(place, Epoch::None),
        }
    }

    pub(super) fn set_epoch(&mut self, place: Place, epoch: Epoch) {
        *self.epoch_mut(place) = epoch;
    }
}
