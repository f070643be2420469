//! Records what a test's cache does. Without the feature `testing`, it does nothing.

use super::invalidation::Change;
use super::write_through::WrittenObject;
use super::{Engine, Target};
use crate::key::{Key, Scope};
use crate::model::lookup::Lookup;

#[cfg(feature = "testing")]
mod on {
    use super::{Change, Engine, Key, Lookup, Scope, Target, WrittenObject};
    use crate::engine::recorder::Action;
    use crate::model::cached::Cached;

    impl Engine {
        /// Notes a read.
        #[inline]
        pub(crate) fn note_read<L: Lookup>(&self, scope: Scope, key: Key) {
            if let Some(recorder) = &self.settings.recorder {
                let whole = L::Object::CLEARABLE.then(|| scope.key(L::Object::whole()));
                recorder.note(Action::Read, key, whole.into_iter().collect());
            }
        }

        /// Notes that something was stored under these keys, with these epochs.
        pub(crate) fn note_stored(
            &self,
            keys: impl IntoIterator<Item = Key>,
            epochs: impl FnOnce() -> Vec<Key>,
        ) {
            if let Some(recorder) = &self.settings.recorder {
                let epochs = epochs();
                keys.into_iter().for_each(|key| recorder.note(Action::Stored, key, epochs.clone()));
            }
        }

        /// Notes that these are invalidated.
        pub(crate) fn note_invalidated(&self, targets: &[Target]) {
            if let Some(recorder) = &self.settings.recorder {
                recorder.note_targets(Action::Invalidated, targets);
            }
        }

        /// Notes that the work of a write of these begins.
        pub(in crate::engine) fn note_written(&self, changes: &[Change]) {
            if let Some(recorder) = &self.settings.recorder {
                let targets = changes.iter().map(|change| &change.target);
                recorder.note_targets(Action::Written, targets);
            }
        }

        /// The epochs of the objects that a write will store, by their keys.
        pub(in crate::engine) fn epochs_to_note(
            &self,
            objects: &[WrittenObject],
        ) -> Vec<(Key, Vec<Key>)> {
            let noted = if self.settings.recorder.is_some() { objects } else { &[] };
            noted.iter().map(WrittenObject::epochs).collect()
        }

        /// Notes that a write of these has ended.
        pub(in crate::engine) fn note_ended(&self, changes: &[Change], epochs: &[(Key, Vec<Key>)]) {
            if let Some(recorder) = &self.settings.recorder {
                let targets = changes.iter().map(|change| &change.target);
                recorder.note_targets(Action::Invalidated, targets);
                for stored in changes.iter().filter(|change| change.stored) {
                    let key = stored.target.key;
                    let carries = epochs.iter().find(|(of, _)| *of == key);
                    let carries = carries.map_or_else(Vec::new, |(_, carries)| carries.clone());
                    recorder.note(Action::Stored, key, carries);
                }
            }
        }
    }
}

#[cfg(not(feature = "testing"))]
#[allow(clippy::unused_self, reason = "as with the feature")]
mod off {
    use super::{Change, Engine, Key, Lookup, Scope, Target, WrittenObject};

    impl Engine {
        #[inline]
        pub(crate) fn note_read<L: Lookup>(&self, _: Scope, _: Key) {}

        #[inline]
        pub(crate) fn note_stored(
            &self,
            _: impl IntoIterator<Item = Key>,
            _: impl FnOnce() -> Vec<Key>,
        ) {
        }

        #[inline]
        pub(crate) fn note_invalidated(&self, _: &[Target]) {}

        #[inline]
        pub(in crate::engine) fn note_written(&self, _: &[Change]) {}

        #[inline]
        pub(in crate::engine) fn epochs_to_note(&self, _: &[WrittenObject]) {}

        #[inline]
        #[allow(clippy::trivially_copy_pass_by_ref, reason = "called as the one that records is")]
        pub(in crate::engine) fn note_ended(&self, _: &[Change], (): &()) {}
    }
}
