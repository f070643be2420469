//! A batch of requests as one pipeline: an `MGET` for the lookups, one script call for each other
//! kind of command.

use std::time::Duration;

use ::redis::{Cmd, Pipeline, Value};

use super::super::{BackendError, Request};
use super::lookups::{mget, mget_epochs};
use super::script::Kind;
use super::{Shared, malformed, reply};
use crate::Key;
use crate::protocol::{Command, Despite, Reply};

/// How many keys one command takes at the most: a long one keeps the server from everyone else.
const MAX_KEYS: usize = 512;

type Replies = Vec<Result<Reply, BackendError>>;

/// One Redis command on behalf of several requests.
#[derive(Default)]
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
}

impl Shared {
    pub(super) async fn carry_out(&self, requests: Vec<Request>) -> Replies {
        let mut replies: Vec<Option<Result<Reply, BackendError>>> =
            requests.iter().map(|_| None).collect();
        let calls = group(requests);
        let unknown = self.call(&calls, false, &mut replies).await;
        if !unknown.is_empty() {
            // The server does not know these scripts: nothing was carried out.
            let again: Vec<Call> = pick(calls, &unknown);
            self.call(&again, true, &mut replies).await;
        }
        replies
            .into_iter()
            .map(|reply| reply.unwrap_or_else(|| Err(malformed("too short"))))
            .collect()
    }

    /// Makes the calls and files the replies; returns the calls whose script the server did not know.
    async fn call(
        &self,
        calls: &[Call],
        in_full: bool,
        replies: &mut [Option<Result<Reply, BackendError>>],
    ) -> Vec<usize> {
        let answers = if let [call] = calls {
            self.link.send(&self.command(call, in_full)).await.map(|value| vec![value])
        } else {
            let mut pipeline = Pipeline::with_capacity(calls.len());
            for call in calls {
                pipeline.add_command(self.command(call, in_full));
            }
            // Each call's error is its own.
            pipeline.ignore_errors();
            self.link.send_all(&pipeline).await
        };
        let mut unknown = Vec::new();
        match answers {
            Err(error) => {
                for place in calls.iter().flat_map(|call| &call.places) {
                    replies[*place] = Some(Err(error.clone()));
                }
            }
            Ok(answers) => {
                for (index, (call, answer)) in calls.iter().zip(answers).enumerate() {
                    if !in_full && is_unknown_script(&answer) {
                        unknown.push(index);
                    } else {
                        self.file(call, answer, replies);
                    }
                }
            }
        }
        unknown
    }

    fn file(
        &self,
        call: &Call,
        answer: Value,
        replies: &mut [Option<Result<Reply, BackendError>>],
    ) {
        let parse = |value| match call.script {
            None if call.epochs => reply::epoch(value),
            None => reply::looked_up(value),
            Some(script) => reply::scripted(value, script),
        };
        match answer {
            Value::Array(answers) if answers.len() == call.places.len() => {
                for (place, answer) in call.places.iter().zip(answers) {
                    replies[*place] = Some(parse(answer));
                }
            }
            answer => {
                let reply = match &answer {
                    Value::ServerError(_) => parse(answer),
                    _ => Err(malformed("of the wrong length")),
                };
                if reply::says_read_only(&reply) {
                    self.link.reset();
                }
                for place in &call.places {
                    replies[*place] = Some(reply.clone());
                }
            }
        }
    }

    fn command(&self, call: &Call, in_full: bool) -> Cmd {
        let Some(script) = call.script else {
            let keys = call.keys.iter().copied();
            return if call.epochs { mget_epochs(self, keys) } else { mget(self, keys) };
        };
        let source = script.source();
        let mut command = if in_full {
            let mut command = ::redis::cmd("EVAL");
            command.arg(source.code);
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
                self.add_value_name(&mut command, *key);
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
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

fn pick(calls: Vec<Call>, indices: &[usize]) -> Vec<Call> {
    calls
        .into_iter()
        .enumerate()
        .filter_map(|(index, call)| indices.contains(&index).then_some(call))
        .collect()
}

fn group(requests: Vec<Request>) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for (place, Request { key, command }) in requests.into_iter().enumerate() {
        let (script, lease) = kind_of(&command);
        let epochs = is_about_an_epoch(&command);
        let open = calls.iter().rposition(|call| {
            (call.script, call.epochs, call.lease) == (script, epochs, lease)
                && call.keys.len() < MAX_KEYS
        });
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
            arguments.push(token.as_bytes().to_vec());
            arguments.push(milliseconds(ttl).to_string().into_bytes());
            arguments.push(value.to_vec());
        }
        Command::Abandon { token } | Command::Release { token } => {
            arguments.push(token.as_bytes().to_vec());
        }
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

/// Redis takes whole milliseconds, at least one, and no more than a signed integer holds together
/// with the current time.
fn milliseconds(duration: Duration) -> u64 {
    const MAX: u64 = 1 << 52;
    u64::try_from(duration.as_millis()).unwrap_or(MAX).clamp(1, MAX)
}
