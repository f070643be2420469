//! Reads of lists. The value stored under a list's key is an object, [`Members`], which is read like any other.
//!
//! The objects of a list are always read under their own keys. A load that other callers have joined passes on only
//! the members: an object may have been invalidated by its own key, which does not fence the load of the list.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::batch::begin_beside;
use super::known::Known;
use super::query::ObjectQuery;
use super::{LoadOptions, Query as _, Unfinished};
use crate::backend::Place;
use crate::engine::Engine;
use crate::engine::client::Answer;
use crate::error::Error;
use crate::events::say;
use crate::key::{Key, KeyEncoder};
use crate::model::list::{ListLookup, Members};
use crate::model::listed::Listed;
use crate::model::lookup::Lookup;
use crate::near::Near;
use crate::protocol::{Outcome, ReadMachine, Reply};
use crate::stats::TypeState;

/// One caller's read of a list.
pub(crate) struct ListRead<L: ListLookup> {
    pub(crate) list: L,
    /// Whether what is fetched is stored.
    fills: bool,
    /// The objects of this read's own fetch, if they are not stored; only for this caller.
    unstored: Mutex<Option<Vec<Arc<L::Object>>>>,
}

impl<L: ListLookup> ListRead<L> {
    pub(crate) fn new(list: L, fills: bool) -> Self {
        Self { list, fills, unstored: Mutex::new(None) }
    }

    /// Takes the objects of this read's own fetch, if they are not stored.
    pub(crate) fn take_unstored(&self) -> Option<Vec<Arc<L::Object>>> {
        self.unstored.lock().take()
    }

    /// Whether the members belong to the requested list.
    pub(crate) fn is_of(&self, members: &Members<L>) -> bool {
        self.list.key().as_bytes() == members.list.key().as_bytes()
    }

    /// Leaves out the objects that are gone, and those that are in another list by now.
    pub(crate) fn held(
        &self,
        objects: impl IntoIterator<Item = Option<Arc<L::Object>>>,
    ) -> Vec<Arc<L::Object>> {
        objects.into_iter().flatten().filter(|object| self.list.holds(object)).collect()
    }

    /// What this process remembers of the list.
    pub(crate) fn hint(&self, engine: &Engine, key: Key) -> Option<Arc<ListHint<L>>> {
        // Another kind of list may have the same hash.
        engine
            .hints
            .list(key)?
            .downcast()
            .ok()
            .filter(|hint: &Arc<ListHint<L>>| self.is_of(&hint.members))
    }

    /// The members of fetched objects.
    fn members_of(&self, objects: Vec<L::Object>) -> Members<L> {
        let another = objects.iter().find(|object| !self.list.holds(object));
        let members = Members {
            // Members of another list than the requested one are not stored.
            list: another.map_or_else(|| self.list.clone(), L::of),
            members: objects.iter().map(L::member_of).collect(),
        };
        if !self.fills || another.is_some() || members.is_too_long() {
            *self.unstored.lock() = Some(objects.into_iter().map(Arc::new).collect());
        }
        members
    }
}

impl<L: ListLookup> Lookup for ListRead<L> {
    type Object = Members<L>;
    type Context = L::Context;
    const NAME: &'static str = <L as ListLookup>::NAME;

    fn key(&self) -> KeyEncoder {
        self.list.key()
    }

    fn key_of(members: &Members<L>) -> KeyEncoder {
        members.list.key()
    }

    async fn fetch(&self, context: &L::Context) -> Result<Option<Members<L>>, Error> {
        Ok(Some(match self.list.fetch(context).await? {
            Listed::Objects(objects) => self.members_of(objects),
            Listed::Members(members) => Members { list: self.list.clone(), members },
        }))
    }
}

/// The members that a list had.
pub(crate) struct ListHint<L: ListLookup> {
    members: Arc<Members<L>>,
    /// The document with the members, if it is known.
    document: Option<Bytes>,
}

/// The objects that were read because of a hint.
pub(crate) struct Seen<L: ListLookup> {
    hint: Arc<ListHint<L>>,
    /// For each of the hint's members its object; `None` if the read is not over.
    objects: Vec<Option<Found<L>>>,
    /// The document of the list, if that round was a hit.
    document: Option<Bytes>,
}

/// What a read has learnt beyond the hint.
pub(crate) enum Learnt {
    Nothing,
    /// Members, and the document that they were found in, if it is known.
    Members(Option<Bytes>),
}

/// An object, or its absence.
type Found<L> = Option<Arc<<L as ListLookup>::Object>>;

/// The first round for a list and for the members it had last time. Returns a hit of the list, or its read to be
/// continued, and the objects that were found.
pub(crate) async fn look_list<'a, L: ListLookup>(
    engine: &'a Engine,
    (query, read): (&mut ObjectQuery<'a, ListRead<L>>, ReadMachine),
    near: Option<&Near>,
    hint: Arc<ListHint<L>>,
    options: LoadOptions,
) -> (Result<Option<Arc<Members<L>>>, Unfinished<Option<Arc<Members<L>>>>>, Seen<L>) {
    let state = engine.types.of::<Members<L>>();
    let mut unfinished = Unfinished::from(read);
    let own = Place::Value(query.key);
    let mut beside = query.take_hinted();
    beside.push(own);
    let members = &hint.members.members;
    let (begun, mut answers) =
        begin_beside((engine, query.scope), near, members, options, beside).await;
    let objects = begun.into_seen();
    let answer = answers.iter().position(|(place, _)| *place == own).map(|at| answers.remove(at).1);
    let mut seen = Seen { hint, objects, document: None };
    let Some(answer) = answer.filter(|_| unfinished.read.take_lookup()) else {
        return (Err(unfinished), seen);
    };
    let document = match &answer {
        Ok(Reply::Value(document)) => Some(document.clone()),
        _ => None,
    };
    let lost = |answer: Answer| answer.map_err(|error| state.lost(&error));
    unfinished.read.on_reply(lost(answer));
    let others = answers.into_iter().map(|(place, answer)| (place, lost(answer)));
    let known = Known::by_hint(others.collect());
    let found = unfinished.judge(query, known);
    if found.is_some() {
        state.record(Outcome::Hit, false);
        seen.document = document;
    }
    (found.ok_or(unfinished), seen)
}

impl<L: ListLookup> Seen<L> {
    /// For each member its object; `None` if it must still be read. Objects that were read before the list count
    /// only if they are in the list.
    pub(crate) fn of(self, members: &Members<L>) -> (Vec<Option<Found<L>>>, Learnt) {
        let Self { hint, objects, document } = self;
        if document.is_some() && document == hint.document {
            return (objects, Learnt::Nothing);
        }
        let is_later = document.is_none();
        let counts = |found: &Found<L>| {
            !is_later || found.as_ref().is_some_and(|object| members.list.holds(object))
        };
        let keys = hint.members.members.iter().map(|member| member.key().as_bytes().to_vec());
        let read = keys.zip(objects).filter_map(|(key, object)| Some((key, object?)));
        let read: HashMap<Vec<u8>, Found<L>> = read.filter(|(_, found)| counts(found)).collect();
        let of = |member: &L::Member| read.get(member.key().as_bytes()).cloned();
        (members.members.iter().map(of).collect(), Learnt::Members(document))
    }
}

impl<L: ListLookup> ListHint<L> {
    /// Remembers the members, so that the next read asks for them together with the list.
    pub(crate) fn remember(
        engine: &Engine,
        key: Key,
        members: &Arc<Members<L>>,
        document: Option<&Bytes>,
    ) {
        // A copy, since the document may be a slice of a larger answer.
        let document = document.map(|document| Bytes::copy_from_slice(document));
        let count = members.members.len();
        let hint = Arc::new(Self { members: Arc::clone(members), document });
        engine.hints.remember_list(key, hint, count);
    }
}

/// Counts a fetched list that is too long to be stored, and logs it once for each kind of list.
#[cold]
pub(crate) fn too_long<L: ListLookup>(state: &TypeState, len: usize) {
    if state.too_long() {
        say!(
            LIST_TOO_LONG,
            list = <L as ListLookup>::NAME,
            len,
            max_len = L::MAX_LEN,
            "a list has more members than `max_len`, so it is not cached and every read of it fetches: \
             split it, with more fields in its key, or write a larger `max_len` beside `list = …`; \
             further ones are counted as `oversized`"
        );
    }
}
