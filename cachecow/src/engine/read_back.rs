//! Every value is read back before it is stored, so that a hit always equals what was fetched.
//!
//! Only the encoding is read back, because it depends on the type. Compression and encryption treat all bytes
//! alike, and a reader detects damage by zstd's checksum or the authentication tag.

use super::Engine;
use crate::codec::difference;
use crate::document::{self, Header, Unfit};
use crate::events::say;
use crate::model::cached::Cached;
use crate::stats::{Counter, TypeState};

/// The document of a fetched object, if it represents the whole object.
pub(super) fn encode<T: Cached>(
    engine: &Engine,
    state: &TypeState,
    header: Header,
    object: &T,
) -> Option<Vec<u8>> {
    if state.is_left_alone(|| header.stored_at) {
        state.count(Counter::Unfaithful);
        return None;
    }
    let max_len = engine.settings.max_value_len;
    let why = match document::encode(header, object, max_len) {
        Ok(document) => match unlike(object, &document) {
            None => {
                state.came_back();
                return Some(document);
            }
            Some(why) => why,
        },
        Err(Unfit::TooLarge) => {
            state.count(Counter::Oversized);
            say!(
                VALUE_TOO_LARGE,
                r#type = state.name(),
                max_len,
                "a value is too large to be cached"
            );
            return None;
        }
        Err(Unfit::Unencodable(reason)) => reason.to_string(),
    };
    if state.came_back_different(header.stored_at) {
        say!(
            UNFAITHFUL_VALUE,
            r#type = state.name(),
            why,
            "an object, decoded again, differs from the fetched one, so it is not cached; further \
             objects of the type are counted as `unfaithful`"
        );
    }
    None
}

/// Why the object that a reader would decode from this document differs from the given one.
fn unlike<T: Cached>(object: &T, document: &[u8]) -> Option<String> {
    let body = document::parse(document).ok().and_then(|(_, body)| body.object());
    let Some(body) = body else { return Some("the document is malformed".to_owned()) };
    match document::decode::<T>(body) {
        Err(error) => Some(format!("it cannot be read back: {error}")),
        Ok(read) => {
            let field = difference(object, &read)?;
            Some(match field.as_str() {
                "" => "it differs once it is read back".to_owned(),
                field => format!("{field}: it differs once it is read back"),
            })
        }
    }
}
