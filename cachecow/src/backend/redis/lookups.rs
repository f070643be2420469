//! Values and epochs by `GET` and `MGET`.

use ::redis::{Cmd, Value};

use super::super::{BackendError, Place};
use super::Shared;
use super::reply;
use super::routed::Routed;
use crate::key::Key;
use crate::protocol::Reply;

type Answer = Result<Reply, BackendError>;

/// Reads the value of one key.
pub(super) async fn lookup(shared: &Shared, key: Key) -> Answer {
    let get = Routed::read(get(shared, &[Place::Value(key)]), shared.slot(key));
    reply::looked_up(shared.route.send(get).await?)
}

/// Reads several places.
pub(super) async fn lookup_many(shared: &Shared, places: Vec<Place>) -> Vec<Answer> {
    let max_keys = shared.max_keys();
    let gets = places.chunks(max_keys).map(|places| {
        let slot = places.first().map_or(0, |place| shared.slot_of(*place));
        Routed::read(get(shared, places), slot)
    });
    let values = shared.route.send_each(gets.collect(), None).await;
    let mut values = values.into_iter();
    let mut answers = Vec::with_capacity(places.len());
    for places in places.chunks(max_keys) {
        let value = values.next().unwrap_or_else(|| Err(super::malformed("to a lookup")));
        read(value, places, &mut answers);
    }
    answers
}

/// The command that reads some values or epochs: `GET` for one, which is faster on the server, otherwise `MGET`.
pub(super) fn get(shared: &Shared, places: &[Place]) -> Cmd {
    let mut command = Cmd::with_capacity(places.len() + 1, places.len() * 48);
    command.arg(if places.len() == 1 { "GET" } else { "MGET" });
    places.iter().for_each(|place| shared.add_place(&mut command, *place));
    command
}

/// Adds the answer of a `GET` or an `MGET` for each place.
fn read(value: Result<Value, BackendError>, places: &[Place], answers: &mut Vec<Answer>) {
    let error = match value {
        Ok(value) if places.len() == 1 => return answers.push(reply::read(value, places[0])),
        Ok(Value::Array(values)) if values.len() == places.len() => {
            let read = values.into_iter().zip(places);
            return answers.extend(read.map(|(value, place)| reply::read(value, *place)));
        }
        Ok(Value::ServerError(error)) => reply::rejected(&error),
        Ok(_) => super::malformed("to a lookup"),
        Err(error) => error,
    };
    answers.extend(places.iter().map(|_| Err(error.clone())));
}
