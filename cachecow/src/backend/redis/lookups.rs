//! Values and epochs by `GET` and `MGET`.

use ::redis::{Cmd, Value};

use super::super::BackendError;
use super::Shared;
use super::reply;
use super::routed::Routed;
use crate::key::Key;
use crate::protocol::Reply;

type Answer = Result<Reply, BackendError>;

/// The value of one key.
pub(super) async fn lookup(shared: &Shared, key: Key) -> Answer {
    let get = Routed::read(get(shared, &[key]), shared.slot(key));
    reply::looked_up(shared.route.send(get).await?)
}

/// The values of several keys.
pub(super) async fn lookup_many(shared: &Shared, keys: Vec<Key>) -> Vec<Answer> {
    let max_keys = shared.max_keys();
    let gets = keys.chunks(max_keys).map(|keys| {
        Routed::read(get(shared, keys), keys.first().map_or(0, |key| shared.slot(*key)))
    });
    let values = shared.route.send_each(gets.collect(), None).await;
    let mut values = values.into_iter();
    keys.chunks(max_keys)
        .flat_map(|keys| {
            let value = values.next().unwrap_or_else(|| Err(super::malformed("to a lookup")));
            answers(value, keys.len())
        })
        .collect()
}

/// The command that reads the values of some keys.
pub(super) fn get(shared: &Shared, keys: &[Key]) -> Cmd {
    named(keys, |command, key| shared.add_value_name(command, key))
}

/// The command that reads some epochs.
pub(super) fn get_epochs(shared: &Shared, keys: &[Key]) -> Cmd {
    named(keys, |command, key| shared.add_epoch_name(command, key))
}

/// `GET`, which the server answers in less time, or `MGET`.
fn named(keys: &[Key], add_name: impl Fn(&mut Cmd, Key)) -> Cmd {
    let mut command = Cmd::with_capacity(keys.len() + 1, keys.len() * 48);
    command.arg(if keys.len() == 1 { "GET" } else { "MGET" });
    keys.iter().for_each(|key| add_name(&mut command, *key));
    command
}

/// What a `GET`, or an `MGET` of `count` keys, says of each.
fn answers(value: Result<Value, BackendError>, count: usize) -> impl Iterator<Item = Answer> {
    let (values, error) = match value {
        Ok(value) if count == 1 => (vec![value], None),
        Ok(Value::Array(values)) if values.len() == count => (values, None),
        Ok(Value::ServerError(error)) => (Vec::new(), Some(reply::rejected(&error))),
        Ok(_) => (Vec::new(), Some(super::malformed("to a lookup"))),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut values = values.into_iter();
    (0..count).map(move |_| match (&error, values.next()) {
        (None, Some(value)) => reply::looked_up(value),
        (Some(error), _) => Err(error.clone()),
        (None, None) => Err(super::malformed("to a lookup")),
    })
}
