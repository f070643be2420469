//! Reads the replies of Redis.

use std::collections::HashMap;

use redis::Value;

/// A number.
pub(crate) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(_) | Value::SimpleString(_) => text(value)?.parse().ok(),
        Value::Double(number) => format!("{number:.0}").parse().ok(),
        _ => None,
    }
}

/// Bytes.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// Text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// An array.
pub(crate) fn array(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

/// The server's time in microseconds since 1970, by the answer to `TIME`.
pub(crate) fn micros(value: &Value) -> Option<u64> {
    let [seconds, micros] = array(value) else { return None };
    let (seconds, micros) = (u64::try_from(int(seconds)?).ok()?, u64::try_from(int(micros)?).ok()?);
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// The lines of `INFO`, or the pairs of `CONFIG GET`.
pub(crate) fn pairs(value: &Value) -> HashMap<String, String> {
    match value {
        Value::Map(pairs) => {
            pairs.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
        }
        Value::Array(flat) => flat
            .chunks_exact(2)
            .filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
            .collect(),
        other => text(other)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Whether a command was refused.
pub(crate) fn is_error(value: &Value) -> bool {
    matches!(value, Value::ServerError(_))
}
