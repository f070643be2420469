//! A batch of requests as few commands: an `MGET` for the lookups, and one script call for each
//! other kind of command. In a cluster, one command for each key.

use std::time::Duration;

use ::redis::{Cmd, Value};

use super::super::{BackendError, Place, Request};
use super::acks::Acks;
use super::lookups::get;
use super::part::{Part, says_gone, says_moving, unacknowledged};
use super::routed::{Extent, Routed};
use super::script::{self, Kind};
use super::{Shared, malformed, reply};
use crate::key::Key;
use crate::protocol::Token;
use crate::protocol::{Command, Replacing, Reply};

type Replies = Vec<Result<Reply, BackendError>>;

/// One Redis command on behalf of several requests.
#[derive(Clone, Default)]
struct Call {
    /// `None` for a plain read.
    script: Option<Kind>,
    /// Whether it is for epochs.
    epochs: bool,
    /// The places of the requests in the batch.
    places: Vec<usize>,
    keys: Vec<Key>,
    /// The common arguments, then those of the keys.
    arguments: Vec<Vec<u8>>,
    /// The argument that all requests of the call share.
    lease: Duration,
    /// Whether the script is sent in full, to a server that does not know it.
    in_full: bool,
    part: Part,
    /// The error of an earlier part.
    fault: Option<BackendError>,
}

impl Shared {
    pub(super) async fn carry_out(&self, requests: Vec<Request>) -> Replies {
        let mut replies: Vec<Option<Result<Reply, BackendError>>> =
            requests.iter().map(|_| None).collect();
        let mut calls = group(requests, self.max_keys());
        while !calls.is_empty() {
            let commands = calls.iter().map(|call| self.routed(call)).collect();
            // Calls that will not be confirmed need no acknowledgement.
            let acks = self.acks.filter(|_| calls.iter().any(|call| call.fault.is_none()));
            let mut answers = self.route.send_each(commands, acks).await.into_iter();
            let mut next = Vec::new();
            for call in calls {
                let answer = answers.next().unwrap_or_else(|| Err(malformed("too short")));
                match call.after(&answer, acks) {
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
        match call.fault.clone().map_or(answer, Err) {
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
                    Ok(Value::Int(_)) if matches!(call.part, Part::Value(_)) => Ok(Reply::Done),
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
            extent: if call.part == Part::Whole { Extent::Whole } else { Extent::Part },
        }
    }

    fn command(&self, call: &Call) -> Cmd {
        let Some(script) = call.script else {
            let place =
                |key: &Key| if call.epochs { Place::Epoch(*key) } else { Place::Value(*key) };
            return get(self, &call.keys.iter().map(place).collect::<Vec<_>>());
        };
        if let Part::Value(_) = call.part {
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
        self.add_names(&mut command, call);
        if script == Kind::Claim {
            command.arg(milliseconds(call.lease));
        }
        for argument in &call.arguments {
            command.arg(argument);
        }
        command
    }

    /// Adds the number and the names of a script's keys.
    fn add_names(&self, command: &mut Cmd, call: &Call) {
        // A missing key shows that the slot is moving.
        let missing = call.keys.first().filter(|_| call.part == Part::Whole && self.has_slots());
        let per_object = if call.script == Some(Kind::TakeEpoch) { 1 } else { 2 };
        command.arg(call.keys.len() * per_object + usize::from(missing.is_some()));
        for key in &call.keys {
            if call.epochs {
                // The same name twice.
                (0..per_object).for_each(|_| self.add_epoch_name(command, *key));
                continue;
            }
            match call.part {
                Part::Whole => self.add_value_name(command, *key),
                _ => self.add_flag_name(command, *key),
            }
            self.add_flag_name(command, *key);
        }
        if let Some(key) = missing {
            self.add_missing_name(command, *key, call.epochs);
        }
    }

    /// Deletes values only, not the flags.
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
    /// The call that must follow this one's answer, if there is one.
    fn after(&self, answer: &Result<Value, BackendError>, acks: Option<Acks>) -> Option<Self> {
        match answer {
            Ok(Value::ServerError(error)) => match error.code() {
                // Nothing was carried out.
                "NOSCRIPT" if !self.in_full => Some(Self { in_full: true, ..self.clone() }),
                _ if says_moving(error) && self.part == Part::Whole => self.first_part(acks),
                _ if says_gone(error) => self.next_part(None),
                _ => None,
            },
            Ok(_) => self.next_part(None),
            // If a part is not confirmed, the others are still carried out.
            Err(error) if !error.is_outage() => self.next_part(Some(error)),
            Err(_) => None,
        }
    }

    /// The first of the calls that replace this one while its slot is moving. A value cannot be
    /// stored in this way; its claim is given back.
    fn first_part(&self, acks: Option<Acks>) -> Option<Self> {
        let script = self.script?;
        let fault = acks.filter(|_| script.is_writers()).map(|_| unacknowledged());
        let mut call = Self { part: Part::first(script, self.epochs)?, fault, ..self.clone() };
        let without_its_value = match script {
            Kind::Fill => Some(Kind::Abandon),
            Kind::ReleaseAndStore => Some(Kind::Release),
            _ => None,
        };
        if let Some(script) = without_its_value {
            call.script = Some(script);
            call.in_full = false;
            // The token.
            call.arguments.truncate(1);
        }
        Some(call)
    }

    fn next_part(&self, fault: Option<&BackendError>) -> Option<Self> {
        let fault = self.fault.as_ref().or(fault).cloned();
        Some(Self { part: self.part.next()?, fault, ..self.clone() })
    }

    fn parse(&self, answer: Value) -> Result<Reply, BackendError> {
        let reply = match self.script {
            None if self.epochs => reply::epoch(answer),
            None => reply::looked_up(answer),
            Some(script) => reply::scripted(answer, script),
        };
        match self.part {
            // In a moving slot, the flag may be an old copy, so it does not prove the claim.
            Part::FlagOfUnfilled | Part::FlagOfAbandoned => reply.map(|_| Reply::Refused),
            _ => reply,
        }
    }
}

/// Groups requests into calls of at most `max_keys` keys each.
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
        Command::Invalidate | Command::EndEpoch => (Some(Kind::Invalidate), Duration::ZERO),
        Command::Hold { .. } | Command::HoldEpoch { .. } => (Some(Kind::Hold), Duration::ZERO),
        Command::Release { .. } | Command::ReleaseEpoch { .. } => {
            (Some(Kind::Release), Duration::ZERO)
        }
        Command::ReleaseAndStore { .. } => (Some(Kind::ReleaseAndStore), Duration::ZERO),
        Command::TakeEpoch { .. } => (Some(Kind::TakeEpoch), Duration::ZERO),
    }
}

fn is_about_an_epoch(command: &Command) -> bool {
    matches!(
        command,
        Command::ReadEpoch
            | Command::TakeEpoch { .. }
            | Command::EndEpoch
            | Command::HoldEpoch { .. }
            | Command::ReleaseEpoch { .. }
    )
}

fn add_arguments(arguments: &mut Vec<Vec<u8>>, command: Command) {
    match command {
        Command::Lookup | Command::Invalidate | Command::ReadEpoch | Command::EndEpoch => {}
        Command::Claim { token, replacing, .. } => {
            arguments.push(token.as_bytes().to_vec());
            let (len, prefix, keep) = match replacing {
                None => (Vec::new(), Vec::new(), false),
                Some(Replacing { seen, keep }) => {
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
        Command::ReleaseAndStore { token, value, ttl } => {
            arguments.push(token.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
            arguments.push(value.to_vec());
        }
        Command::Abandon { token } => arguments.push(flag(&token)),
        Command::Release { token } | Command::ReleaseEpoch { token } => {
            arguments.push(token.as_bytes().to_vec());
        }
        Command::Hold { token, ttl } | Command::HoldEpoch { token, ttl } => {
            arguments.push(token.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
        }
        Command::TakeEpoch { fresh, ttl } => {
            arguments.push(fresh.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
        }
    }
}

/// The flag of a granted claim, or its prefix.
fn flag(token: &Token) -> Vec<u8> {
    let mut flag = token.as_bytes().to_vec();
    if token.grant() > 0 {
        flag.extend_from_slice(token.grant().to_string().as_bytes());
    }
    flag
}

/// Redis takes whole milliseconds: at least one, and at most what fits into a signed integer when
/// the current time is added.
fn milliseconds(duration: Duration) -> u64 {
    const MAX: u64 = 1 << 52;
    u64::try_from(duration.as_millis()).unwrap_or(MAX).clamp(1, MAX)
}
