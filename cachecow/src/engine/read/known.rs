//! What was read in addition to a document, to judge it.

use crate::backend::{BackendError, Place};
use crate::engine::Engine;
use crate::engine::client::Answer;
use crate::key::Key;
use crate::protocol::{Lost, Reply};

/// The answers for some places, each read once.
pub(super) struct Answered {
    /// Sorted.
    places: Vec<Place>,
    answers: Vec<Answer>,
}

impl Answered {
    /// Reads these places; duplicates are allowed.
    pub(super) async fn ask(engine: &Engine, mut places: Vec<Place>) -> Self {
        each_once(&mut places);
        let answers = engine.client.lookup_many(places.clone()).await;
        Self { places, answers }
    }

    /// The answers for these places, which must be sorted.
    pub(super) fn of(places: Vec<Place>, answers: Vec<Answer>) -> Self {
        Self { places, answers }
    }

    /// The answer for one of the places.
    pub(super) fn at(&self, place: Place) -> Option<&Answer> {
        self.places.binary_search(&place).ok().and_then(|at| self.answers.get(at))
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &BackendError> {
        self.answers.iter().filter_map(|answer| answer.as_ref().err())
    }
}

/// Sorts the places and removes duplicates.
pub(super) fn each_once(places: &mut Vec<Place>) {
    places.sort_unstable();
    places.dedup();
}

/// The answers for the places on which the judgement of a document depends: the primary key that a pointer
/// leads to, and the epochs of an object's tags.
#[derive(Default)]
pub(crate) struct Known {
    answers: Vec<(Place, Result<Reply, Lost>)>,
    by_hint: bool,
}

impl Known {
    /// The answers that were requested together with the document because of hints. Here a value may have been read
    /// before the pointer to it.
    pub(super) fn by_hint(answers: Vec<(Place, Result<Reply, Lost>)>) -> Self {
        Self { by_hint: !answers.is_empty(), answers }
    }

    /// Whether nothing was read after the document.
    pub(super) fn is_by_hint(&self) -> bool {
        self.by_hint
    }

    /// Whether only these places were read.
    pub(super) fn is_within(&self, places: &[Place]) -> bool {
        self.answers.iter().all(|(known, _)| places.contains(known))
    }

    /// Adds an answer that was read after the document; it replaces an earlier one.
    pub(super) fn learn(&mut self, place: Place, answer: Result<Reply, Lost>) {
        self.by_hint = false;
        self.answers.retain(|(known, _)| *known != place);
        self.answers.push((place, answer));
    }

    /// The value of a key.
    pub(super) fn value(&self, key: Key) -> Option<&Result<Reply, Lost>> {
        self.at(Place::Value(key))
    }

    /// The epoch of a tag.
    pub(super) fn epoch(&self, tag: Key) -> Option<&Result<Reply, Lost>> {
        self.at(Place::Epoch(tag))
    }

    fn at(&self, place: Place) -> Option<&Result<Reply, Lost>> {
        self.answers.iter().find(|(known, _)| *known == place).map(|(_, answer)| answer)
    }
}
