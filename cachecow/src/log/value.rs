//! The value of one column in a change log.

use std::borrow::Cow;
use std::fmt;

/// The value of one column in a change log; borrowed from the log's message, or owned.
///
/// `Debug` does not show the value: it may be personal data.
///
/// [`Row`](super::Row) has an example.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// The text form of the column's type, as the database prints it: `42`, `t`, `2026-11-29 12:00:00+00`, `\x00ff`.
    /// A JSON number is the text of its digits.
    Text(Cow<'a, str>),
    /// A boolean, as in JSON and BSON.
    Bool(bool),
    /// Raw bytes.
    Bytes(Cow<'a, [u8]>),
    /// Bytes in base64 (RFC 4648, with or without padding). A text is treated as base64 only with this variant.
    Base64(Cow<'a, str>),
    /// SQL's `NULL`.
    Null,
    /// The value is the one from before the change, and was not sent: PostgreSQL leaves long values out (TOAST).
    Unchanged,
    /// A value that no key part is read from: an array, a document within a document, or a text that is not UTF-8.
    Other,
}

impl<'a> Value<'a> {
    /// Makes a text form.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the text form, if the value has one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same value, borrowed.
    pub(super) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bool(value) => Value::Bool(*value),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Base64(text) => Value::Base64(Cow::Borrowed(text)),
            Self::Null => Value::Null,
            Self::Unchanged => Value::Unchanged,
            Self::Other => Value::Other,
        }
    }

    /// How many bytes its text has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Base64(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null | Self::Unchanged | Self::Other => 0,
        }
    }

    /// Returns the value as an owned copy.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bool(value) => Value::Bool(value),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Base64(text) => Value::Base64(Cow::Owned(text.into_owned())),
            Self::Null => Value::Null,
            Self::Unchanged => Value::Unchanged,
            Self::Other => Value::Other,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Bool(_) => "Bool(..)",
            Self::Bytes(_) => "Bytes(..)",
            Self::Base64(_) => "Base64(..)",
            Self::Null => "Null",
            Self::Unchanged => "Unchanged",
            Self::Other => "Other",
        })
    }
}

/// Converts a JSON scalar; an array or an object becomes its JSON text.
#[cfg(feature = "serde_json")]
impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::String(text) => Self::Text(Cow::Borrowed(text)),
            other => Self::Text(Cow::Owned(other.to_string())),
        }
    }
}
