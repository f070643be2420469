//! Push messages of a server that tracks keys.

use ::redis::{PushInfo, PushKind, Value};

/// A message about keys.
pub(super) enum Notice<'a> {
    /// The key of this name has changed.
    Changed(&'a [u8]),
    /// Any key may have changed: after a flush, or an unknown message.
    AnyChanged,
    /// The connection ended; no more messages follow.
    Ended,
}

/// Passes on what a push message says about keys.
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
