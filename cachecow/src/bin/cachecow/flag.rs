//! The flag of a key: free, leased by a reader that fetches, or held by writers.

use std::time::Duration;

use redis::{Pipeline, Value};
use serde_json::json;

use crate::replies;
use crate::shown::{self, millis};

/// What is stored under the flag's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// Nothing: the next reader may fetch and store.
    Free,
    /// A reader fetches.
    Lease { claimed_ago: Option<Duration>, ends_in: Duration },
    /// Writers hold it. The values say until when each of them holds it at most.
    Held { ends_in: Vec<Duration> },
    /// Something that this crate did not write.
    Foreign,
}

/// How many commands [`ask`] sends.
pub(crate) const QUESTIONS: usize = 3;

/// Adds the commands that read what is stored under the name of a flag or a tag.
pub(crate) fn ask(questions: &mut Pipeline, name: &str) {
    questions.cmd("GET").arg(name);
    questions.cmd("PTTL").arg(name);
    questions.cmd("ZRANGE").arg(name).arg(0).arg(-1).arg("WITHSCORES");
}

impl Flag {
    /// Reads the state from the replies and the server's time in microseconds.
    pub(crate) fn by(answers: &[Value], now: u64) -> Self {
        let [text, left, members] = answers else { return Self::Foreign };
        let left = replies::int(left).and_then(|left| u64::try_from(left).ok());
        let left = Duration::from_millis(left.unwrap_or_default());
        match (text, members) {
            (Value::Nil, _) => Self::Free,
            // A token, and the number of the grant, which is the time of the grant.
            (Value::BulkString(mark), _) if mark.len() > 16 => {
                let grant = std::str::from_utf8(&mark[16..]).ok().and_then(|at| at.parse().ok());
                let claimed_ago =
                    grant.map(|at: u64| Duration::from_micros(now.saturating_sub(at)));
                Self::Lease { claimed_ago, ends_in: left }
            }
            (Value::ServerError(_), Value::Array(_)) => {
                Self::Held { ends_in: ends(replies::array(members), now / 1000) }
            }
            _ => Self::Foreign,
        }
    }

    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Free => json!({"state": "free"}),
            Self::Lease { claimed_ago, ends_in } => json!({
                "state": "leased",
                "claimed_ms_ago": claimed_ago.map(millis),
                "ends_in_ms": millis(*ends_in),
            }),
            Self::Held { ends_in } => json!({
                "state": "held",
                "holds": ends_in.iter().map(|end| json!({"ends_in_ms": millis(*end)})).collect::<Vec<_>>(),
            }),
            Self::Foreign => json!({"state": "foreign"}),
        }
    }

    /// The text for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Free => "free: the next reader that misses may fill".to_owned(),
            Self::Lease { claimed_ago, ends_in } => {
                let since = claimed_ago.map(|ago| format!(" for {}", shown::time(ago)));
                let since = since.unwrap_or_default();
                format!(
                    "a reader has been fetching{since}; its lease ends in {} at the latest",
                    shown::time(*ends_in)
                )
            }
            Self::Held { ends_in } if ends_in.is_empty() => {
                "held by a writer whose hold has just ended".to_owned()
            }
            Self::Held { ends_in } => {
                let last = ends_in.iter().max().copied().unwrap_or_default();
                format!(
                    "held by {} writer(s) or invalidations that settle: nothing is stored for up to {}",
                    ends_in.len(),
                    shown::time(last)
                )
            }
            Self::Foreign => "something that cachecow did not write is stored there".to_owned(),
        }
    }
}

// Redis has a `Value`, too.
type Json = serde_json::Value;

/// When the holds end, in milliseconds, read from the members of a sorted set and their scores.
fn ends(members: &[Value], now: u64) -> Vec<Duration> {
    let (flat, _) = members.as_chunks::<2>();
    let of = |[member, end]: &[Value; 2]| {
        // This member is a mark in the same set, not a hold.
        if replies::bytes(member) == Some(b"alone") {
            return None;
        }
        let end = u64::try_from(replies::int(end)?).ok()?;
        (end > now).then(|| Duration::from_millis(end - now))
    };
    flat.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_flag_is_read() {
        let wrong_type = || redis::parse_redis_value(b"-WRONGTYPE no\r\n").expect("an error");
        let lease = [text("0123456789abcdef1500000"), Value::Int(58_000), wrong_type()];
        assert_eq!(
            Flag::by(&lease, 2_000_000),
            Flag::Lease {
                claimed_ago: Some(Duration::from_millis(500)),
                ends_in: Duration::from_secs(58)
            }
        );
        let members = [text("0123456789abcdef"), text("7000"), text("alone"), text("7000")];
        let held = [wrong_type(), Value::Int(5000), Value::Array(members.to_vec())];
        let ends_in = vec![Duration::from_secs(5)];
        assert_eq!(Flag::by(&held, 2_000_000), Flag::Held { ends_in });
        let free = [Value::Nil, Value::Int(-2), Value::Array(Vec::new())];
        assert_eq!(Flag::by(&free, 0), Flag::Free);
        let foreign = [text("x"), Value::Int(-1), wrong_type()];
        assert_eq!(Flag::by(&foreign, 0), Flag::Foreign);
    }
}
