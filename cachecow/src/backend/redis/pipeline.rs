//! A batch of requests as few commands: an `MGET` for the lookups, one script call for each other
//! kind of command; for each key of its own where keys have slots.

use std::time::Duration;

use ::redis::{Cmd, Value};

use super::super::{BackendError, Request};
use super::lookups::{get, get_epochs};
use super::routed::Routed;
use super::script::{self, Kind};
use super::{Shared, malformed, reply};
use crate::Key;
use crate::protocol::Token;
use crate::protocol::{Command, Despite, Reply};

type Replies = Vec<Result<Reply, BackendError>>;

/// One Redis command on behalf of several requests.
#[derive(Clone, Default)]
struct Call {
    /// `None` is a look at what is there.
    script: Option<Kind>,
    /// Whether it is about epochs.
    epochs: bool,
    /// The places of the requests in the batch.
    places: Vec<usize>,
    keys: Vec<Key>,
    /// What goes before the keys' own arguments, and those.
    arguments: Vec<Vec<u8>>,
    /// The argument that all requests of the call share.
    lease: Duration,
    /// Whether the script is sent in full, to a server that does not know it.
    in_full: bool,
    part: Part,
}

/// What of an object a call is about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Both,
    /// The flag; the value is next.
    Flag,
    /// The value, after the flag.
    Value,
    /// The flag of a claim that is given up.
    FlagOfAbandoned,
    /// The flag of a value that could not be stored.
    FlagOfUnfilled,
}

impl Shared {
    pub(super) async fn carry_out(&self, requests: Vec<Request>) -> Replies {
        let mut replies: Vec<Option<Result<Reply, BackendError>>> =
            requests.iter().map(|_| None).collect();
        let mut calls = group(requests, self.max_keys());
        while !calls.is_empty() {
            let commands = calls.iter().map(|call| self.routed(call)).collect();
            let mut answers = self.route.send_each(commands, self.acks).await.into_iter();
            let mut next = Vec::new();
            for call in calls {
                let answer = answers.next().unwrap_or_else(|| Err(malformed("too short")));
                match call.after(&answer) {
                    Some(call) => next.push(call),
                    None => self.file(&call, answer, &mut replies),
                }
            }
            calls = next;
        }
        replies
            .into_iter()
            .map(|reply| reply.unwrap_or_else(|| Err(malformed("too short"))))
            .collect()
    }

    fn file(
        &self,
        call: &Call,
        answer: Result<Value, BackendError>,
        replies: &mut [Option<Result<Reply, BackendError>>],
    ) {
        match answer {
            Ok(Value::Array(answers)) if answers.len() == call.places.len() => {
                for (place, answer) in call.places.iter().zip(answers) {
                    replies[*place] = Some(call.parse(answer));
                }
            }
            answer => {
                let reply = match answer {
                    Ok(answer @ Value::ServerError(_)) => call.parse(answer),
                    Ok(answer) if call.script.is_none() && call.keys.len() == 1 => {
                        call.parse(answer)
                    }
                    Ok(Value::Int(_)) if call.part == Part::Value => Ok(Reply::Done),
                    Ok(_) => Err(malformed("of the wrong length")),
                    Err(error) => Err(error),
                };
                if reply::says_read_only(&reply) {
                    self.route.reset();
                }
                for place in &call.places {
                    replies[*place] = Some(reply.clone());
                }
            }
        }
    }

    fn routed(&self, call: &Call) -> Routed {
        Routed {
            command: self.command(call),
            slot: call.keys.first().map_or(0, |key| self.slot(*key)),
            is_writers: call.script.is_some_and(Kind::is_writers),
        }
    }

    fn command(&self, call: &Call) -> Cmd {
        let Some(script) = call.script else {
            return if call.epochs { get_epochs(self, &call.keys) } else { get(self, &call.keys) };
        };
        if call.part == Part::Value {
            return self.deletion(&call.keys);
        }
        let source = script.source(self.acks.is_some() && script.is_writers());
        let mut command = if call.in_full {
            let mut command = ::redis::cmd("EVAL");
            command.arg(&*source.code);
            command
        } else {
            let mut command = ::redis::cmd("EVALSHA");
            command.arg(&source.hash);
            command
        };
        if call.epochs {
            command.arg(call.keys.len());
            call.keys.iter().for_each(|key| self.add_epoch_name(&mut command, *key));
        } else {
            command.arg(call.keys.len() * 2);
            for key in &call.keys {
                match call.part {
                    Part::Both => self.add_value_name(&mut command, *key),
                    _ => self.add_flag_name(&mut command, *key),
                }
                self.add_flag_name(&mut command, *key);
            }
        }
        if script == Kind::Claim {
            command.arg(milliseconds(call.lease));
        }
        for argument in &call.arguments {
            command.arg(argument);
        }
        command
    }

    /// Deletes values, and nothing else of their objects.
    fn deletion(&self, keys: &[Key]) -> Cmd {
        let mut command = if self.acks.is_some() {
            let mut command = ::redis::cmd("EVAL");
            command.arg(script::MARKED_DELETION).arg(keys.len());
            command
        } else {
            ::redis::cmd("DEL")
        };
        keys.iter().for_each(|key| self.add_value_name(&mut command, *key));
        command
    }
}

impl Call {
    /// The call that has to follow this one's answer, if one has to.
    fn after(&self, answer: &Result<Value, BackendError>) -> Option<Self> {
        match answer {
            Ok(Value::ServerError(error)) => match error.code() {
                // Nothing was carried out.
                "NOSCRIPT" if !self.in_full => Some(Self { in_full: true, ..self.clone() }),
                "TRYAGAIN" if self.part == Part::Both => self.of_flag(),
                _ => None,
            },
            Ok(_) if self.part == Part::Flag => Some(Self { part: Part::Value, ..self.clone() }),
            _ => None,
        }
    }

    /// The call for the flag alone. While a slot moves from one node to another, an object's flag and
    /// value may be on different nodes, and neither takes a command for both.
    ///
    /// What ends a claim or places a hold may do so first and delete the value afterwards: no fill
    /// that began before the former comes after it, and nobody relies on it until both are done. A
    /// value cannot be stored like that; its claim is given back.
    fn of_flag(&self) -> Option<Self> {
        let mut call = self.clone();
        call.part = Part::Flag;
        match self.script? {
            // An epoch is one key: there is no part of it.
            Kind::Claim | Kind::TakeEpoch | Kind::EndEpoch => return None,
            Kind::Fill => {
                call.script = Some(Kind::Abandon);
                call.part = Part::FlagOfUnfilled;
                call.in_full = false;
                // The token.
                call.arguments.truncate(1);
            }
            Kind::Abandon => call.part = Part::FlagOfAbandoned,
            Kind::Invalidate | Kind::Hold | Kind::Release => {}
        }
        Some(call)
    }

    fn parse(&self, answer: Value) -> Result<Reply, BackendError> {
        let reply = match self.script {
            None if self.epochs => reply::epoch(answer),
            None => reply::looked_up(answer),
            Some(script) => reply::scripted(answer, script),
        };
        match self.part {
            Part::FlagOfUnfilled => reply.map(|_| Reply::Refused),
            _ => reply,
        }
    }
}

/// Calls of no more than `max_keys` keys each.
fn group(requests: Vec<Request>, max_keys: usize) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for (place, Request { key, command }) in requests.into_iter().enumerate() {
        let (script, lease) = kind_of(&command);
        let epochs = is_about_an_epoch(&command);
        let is_open = |call: &Call| {
            (call.script, call.epochs, call.lease) == (script, epochs, lease)
                && call.keys.len() < max_keys
        };
        let open = if max_keys > 1 { calls.iter().rposition(is_open) } else { None };
        let at = open.unwrap_or_else(|| {
            calls.push(Call { script, epochs, lease, ..Call::default() });
            calls.len() - 1
        });
        let call = &mut calls[at];
        call.places.push(place);
        call.keys.push(key);
        add_arguments(&mut call.arguments, command);
    }
    calls
}

fn kind_of(command: &Command) -> (Option<Kind>, Duration) {
    match command {
        Command::Lookup | Command::ReadEpoch => (None, Duration::ZERO),
        Command::Claim { lease, .. } => (Some(Kind::Claim), *lease),
        Command::Fill { .. } => (Some(Kind::Fill), Duration::ZERO),
        Command::Abandon { .. } => (Some(Kind::Abandon), Duration::ZERO),
        Command::Invalidate => (Some(Kind::Invalidate), Duration::ZERO),
        Command::Hold { .. } => (Some(Kind::Hold), Duration::ZERO),
        Command::Release { .. } => (Some(Kind::Release), Duration::ZERO),
        Command::TakeEpoch { .. } => (Some(Kind::TakeEpoch), Duration::ZERO),
        Command::EndEpoch { .. } => (Some(Kind::EndEpoch), Duration::ZERO),
    }
}

fn is_about_an_epoch(command: &Command) -> bool {
    matches!(command, Command::ReadEpoch | Command::TakeEpoch { .. } | Command::EndEpoch { .. })
}

fn add_arguments(arguments: &mut Vec<Vec<u8>>, command: Command) {
    match command {
        Command::Lookup | Command::Invalidate | Command::ReadEpoch => {}
        Command::Claim { token, despite, .. } => {
            arguments.push(token.as_bytes().to_vec());
            let (len, prefix, keep) = match despite {
                None => (Vec::new(), Vec::new(), false),
                Some(Despite { seen, keep }) => {
                    (seen.len.to_string().into_bytes(), seen.prefix, keep)
                }
            };
            arguments.push(len);
            arguments.push(prefix);
            arguments.push(if keep { vec![b'1'] } else { Vec::new() });
        }
        Command::Fill { token, value, ttl } => {
            arguments.push(flag(&token));
            arguments.push(milliseconds(ttl).to_string().into_bytes());
            arguments.push(value.to_vec());
        }
        Command::Abandon { token } => arguments.push(flag(&token)),
        Command::Release { token } => arguments.push(token.as_bytes().to_vec()),
        Command::Hold { token, ttl } => {
            arguments.push(token.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
        }
        Command::TakeEpoch { fresh, ttl } => {
            arguments.push(fresh.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
        }
        Command::EndEpoch { settle } => {
            let millis = if settle.is_zero() { 0 } else { milliseconds(settle) };
            arguments.push(millis.to_string().into_bytes());
        }
    }
}

/// What stands in the flag of a claim that was granted, or how it begins.
fn flag(token: &Token) -> Vec<u8> {
    let mut flag = token.as_bytes().to_vec();
    if token.grant() > 0 {
        flag.extend_from_slice(token.grant().to_string().as_bytes());
    }
    flag
}

/// Redis takes whole milliseconds, at least one, and no more than a signed integer holds together
/// with the current time.
fn milliseconds(duration: Duration) -> u64 {
    const MAX: u64 = 1 << 52;
    u64::try_from(duration.as_millis()).unwrap_or(MAX).clamp(1, MAX)
}
