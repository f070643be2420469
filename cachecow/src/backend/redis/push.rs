//! What a server that tracks keys tells unasked.

use ::redis::{PushInfo, PushKind, Value};

/// What became of keys.
pub(super) enum Notice<'a> {
    /// The key of this name has changed.
    Changed(&'a [u8]),
    /// Any key may have: a flush, or something that is not understood.
    AnyChanged,
    /// The connection ended, and nothing more is told.
    Ended,
}

/// Hands on what a push tells of keys.
pub(super) fn tell(push: &PushInfo, mut hear: impl FnMut(Notice<'_>)) {
    match (&push.kind, push.data.as_slice()) {
        (PushKind::Disconnection, _) => hear(Notice::Ended),
        (PushKind::Invalidate, [Value::Array(names)]) => {
            names.iter().for_each(|name| match name {
                Value::BulkString(name) => hear(Notice::Changed(name)),
                _ => hear(Notice::AnyChanged),
            });
        }
        (PushKind::Invalidate, _) => hear(Notice::AnyChanged),
        _ => {}
    }
}
