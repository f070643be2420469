//! The invalidation of tags.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Urgency, carried_out};
use crate::backend::{BackendError, Request};
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::model::cached::Cached;
use crate::model::tag::Tag;
use crate::protocol::tags::{TagInvalidation, TagStep};
use crate::protocol::{Command, Lost, ReadMachine};
use crate::stats::TypeState;

impl Engine {
    /// A read of an object of this type, not begun: past the cache, if it missed an invalidation of
    /// the key or of any tag of the type.
    pub(crate) fn read_of<T: Cached>(&self, key: Key, state: &TypeState) -> ReadMachine {
        if T::TAGGED && self.pending.has_tags(|| Tag::<T>::guard()) {
            return ReadMachine::past_the_cache(self.policy(state.first_command()));
        }
        self.read(key, state)
    }

    /// Invalidates the tags of one type, and sees to it that this is retried if it failed.
    pub(crate) async fn invalidate_tags<T: Cached>(
        self: &Arc<Self>,
        tags: impl IntoIterator<Item = Tag<T>>,
    ) -> Result<(), Error> {
        let mut keys: Vec<Key> = tags.into_iter().map(|tag| tag.key()).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        self.pending.resume();
        let (guard, settle) = (Tag::<T>::guard(), self.settle(T::POLICY));
        let Err(error) = self.end_epochs(guard, &keys, settle).await else { return Ok(()) };
        let count = keys.len();
        tracing::warn!(target: "cachecow", tags = count, %error, "invalidation failed; retrying in the background");
        self.pending.add_tags(self, guard, keys, settle);
        let tags = if count == 1 { "1 tag".to_owned() } else { format!("{count} tags") };
        Err(Error::caused_by(
            ErrorKind::NotInvalidated,
            format!(
                "invalidate_tag: the cache was not told about {tags}; it is retried in the \
                 background, and until then other processes may serve the old values, for their time \
                 to live at most"
            ),
            error,
        ))
    }

    /// Ends the guard, and then the tags.
    pub(super) async fn end_epochs(
        &self,
        guard: Key,
        tags: &[Key],
        settle: Duration,
    ) -> Result<(), BackendError> {
        let mut invalidation = TagInvalidation::new(settle);
        let mut result = Ok(());
        loop {
            result = match invalidation.next_step() {
                TagStep::Guard(command) => self.end_each(&[guard], &command).await,
                TagStep::Tags(command) => self.end_each(tags, &command).await,
                TagStep::Done(_) => return result,
            };
            invalidation.on_reply(result.as_ref().map_err(|_| Lost).copied());
        }
    }

    async fn end_each(&self, keys: &[Key], command: &Command) -> Result<(), BackendError> {
        let request = |&key| Request { key, command: command.clone() };
        let requests = keys.iter().map(request).collect();
        let replies = self.change(requests, Urgency::Invalidation).await;
        replies.into_iter().try_for_each(carried_out)
    }
}
