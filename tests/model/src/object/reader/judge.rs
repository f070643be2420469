//! What a reader makes of what it has found.

use cachecow::protocol::tags::{StampCheck, check_stamps};
use cachecow::protocol::{Command, Lost, Replacing, Reply, Token, Verdict};

use super::super::Skips;
use super::super::place::{Content, Place, Tag, Value};
use super::{Driver, For, Found};
use crate::cache::Stored as _;
use crate::caller::Answer;

impl Driver<'_> {
    pub(super) fn judge_pointer(
        &mut self,
        pointer: Option<Value>,
        object: &Answer<Value>,
        epoch_ahead: Option<&(Tag, Answer<Value>)>,
    ) {
        if self.skips(Skips::DebtBeforeLookup) && self.process().owes(Place::Primary) {
            return self.judged(Verdict::Unknown);
        }
        match *object {
            Ok(Reply::Value(Value::Object(content, epoch))) => {
                self.judge(Found { pointer, content, epoch }, epoch_ahead);
            }
            Ok(_) => {
                self.reader.led_to = Some(((), None));
                let seen = pointer.map(|pointer| pointer.seen());
                self.judged(seen.map_or(Verdict::Unknown, Verdict::Replace));
            }
            Err(Lost) => self.judged(Verdict::Unknown),
        }
    }

    pub(super) fn judge(&mut self, found: Found, ahead: Option<&(Tag, Answer<Value>)>) {
        let remembered = self.reader.hint.epoch;
        if self.skips(Skips::OwnTag) {
            self.remember(|hint| hint.epoch = found.epoch);
        }
        self.remember(|hint| hint.tag = found.content.tag);
        let Some(own) = found.content.tag else { return self.accept(&found) };
        let is_good = match ahead {
            Some((_, Ok(Reply::Epoch(epoch)))) if self.skips(Skips::OwnTag) => {
                Some(*epoch) == remembered
            }
            Some((tag, epoch)) if *tag == own => Self::check(&found, epoch) == StampCheck::Current,
            _ => false,
        };
        if is_good || self.skips(Skips::Epoch) {
            self.accept(&found);
        } else {
            self.reader.found = Some(found);
            self.ask(For::Epoch, vec![(Place::Tag(own), Command::ReadEpoch)]);
        }
    }

    pub(super) fn check(found: &Found, present: &Answer<Value>) -> StampCheck {
        let stored: Vec<Token> = found.epoch.into_iter().collect();
        check_stamps(stored.into_iter(), std::iter::once(present))
    }

    pub(super) fn accept(&mut self, found: &Found) {
        let Found { pointer, content, epoch } = *found;
        self.reader.result = Some(Ok(content));
        let object = Value::Object(content, epoch);
        if self.reader.renews {
            let replacing = Replacing { seen: object.seen(), keep: true };
            self.reader.led_to = pointer.map(|_| ((), Some(replacing)));
            self.judged(Verdict::Ageing(pointer.unwrap_or(object).seen()));
        } else {
            self.keep(content);
            self.judged(Verdict::Good);
        }
    }

    pub(super) fn reject(&mut self, found: &Found) {
        let object = Value::Object(found.content, found.epoch);
        let replacing = Replacing { seen: object.seen(), keep: false };
        self.reader.led_to = found.pointer.map(|_| ((), Some(replacing)));
        self.judged(Verdict::Replace(found.pointer.unwrap_or(object).seen()));
    }

    pub(super) fn keep(&mut self, content: Content) {
        if !self.scene.near {
            return;
        }
        let by = self.reader.by;
        let (alias, primary, tag) = (
            by == Place::Alias && !self.skips(Skips::WatchOfTheAlias),
            by == Place::Primary || !self.skips(Skips::WatchOfThePrimary),
            content.tag.filter(|_| !self.skips(Skips::WatchOfTheTag)),
        );
        let keys = [(alias, Place::Alias), (primary, Place::Primary)];
        let watches = keys.into_iter().filter(|(watched, _)| *watched).map(|(_, place)| place);
        let watches = watches.chain(tag.map(Place::Tag)).collect();
        let mut marks = self.reader.marks;
        let early = !self.skips(Skips::EarlyMarks);
        let near = &mut self.process().near;
        if !early {
            marks = Place::ALL.map(|place| Some(near.mark(place)));
        }
        near.keep(by, content, watches, &marks);
    }

    pub(super) fn judged(&mut self, verdict: Verdict) {
        let token = self.reader.fresh();
        let leading = self.reader.lead.is_some().then_some(token);
        self.reader.read.on_judged(verdict, leading);
    }
}
