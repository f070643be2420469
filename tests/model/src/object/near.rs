//! What a process remembers and keeps of the object.

use cachecow::protocol::{Changes, Mark, PointerHint, Token};

use super::place::{Content, PLACES, Place, Tag};

/// What the next read is to ask for at once.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Hint {
    /// Where the alias leads. There is one primary key.
    pub(super) pointer: Option<PointerHint<()>>,
    /// The object's tag.
    pub(super) tag: Option<Tag>,
    /// For a control: its epoch.
    pub(super) epoch: Option<Token>,
}

/// The near tier.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Near {
    changes: [Changes; PLACES],
    /// Of which places there is news that has not been heard.
    unheard: [bool; PLACES],
    by_alias: Option<Entry>,
    by_primary: Option<Entry>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Entry {
    content: Content,
    watches: Vec<Place>,
}

/// When a read first asked for each place.
pub(super) type Marks = [Option<Mark>; PLACES];

impl Near {
    pub(super) fn mark(&self, place: Place) -> Mark {
        self.changes[place.index()].mark()
    }

    /// There is news of this place.
    pub(super) fn tell(&mut self, place: Place) {
        self.unheard[place.index()] = true;
    }

    /// The places whose news has not been heard.
    pub(super) fn unheard(&self) -> impl Iterator<Item = Place> + '_ {
        Place::ALL.into_iter().filter(|place| self.unheard[place.index()])
    }

    /// Nothing is served whose mark has changed.
    pub(super) fn hear(&mut self, place: Place) {
        self.unheard[place.index()] = false;
        self.change(place);
    }

    /// As the engine does it with what its own process invalidates.
    pub(super) fn change(&mut self, place: Place) {
        self.changes[place.index()].on_change();
        for entry in [&mut self.by_alias, &mut self.by_primary] {
            entry.take_if(|entry| entry.watches.contains(&place));
        }
    }

    /// No read under way has a mark of this place: how many changes there were is of no interest, and hearing
    /// of another has no effect but on what is kept.
    pub(super) fn forget_changes(&mut self, place: Place) {
        self.changes[place.index()] = Changes::default();
        let entries = [&self.by_alias, &self.by_primary];
        let is_watched = entries.into_iter().flatten().any(|one| one.watches.contains(&place));
        self.unheard[place.index()] &= is_watched;
    }

    /// What is kept of what was asked for so.
    pub(super) fn get(&self, by: Place) -> Option<Content> {
        let entry = if by == Place::Alias { &self.by_alias } else { &self.by_primary };
        entry.as_ref().map(|entry| entry.content)
    }

    /// Keeps what was asked for so, if none of the places that it watches has changed since its mark.
    pub(super) fn keep(&mut self, by: Place, content: Content, watches: Vec<Place>, marks: &Marks) {
        let is_unchanged = |place: &Place| {
            let (changes, mark) = (self.changes[place.index()], marks[place.index()]);
            mark.is_some_and(|mark| changes.allow(mark))
        };
        if watches.iter().all(is_unchanged) {
            let entry = Some(Entry { content, watches });
            if by == Place::Alias { self.by_alias = entry } else { self.by_primary = entry }
        }
    }
}
