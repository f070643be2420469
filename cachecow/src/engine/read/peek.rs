//! Reading what is cached, without a fetch.

use std::sync::Arc;
use std::time::Duration;

use super::Query as _;
use super::judge::{Judged, Judgement};
use super::known::{Answered, Known};
use super::lifetime::time_left;
use super::query::ObjectQuery;
use crate::backend::BackendError;
use crate::engine::Engine;
use crate::key::Scope;
use crate::model::lookup::Lookup;
use crate::protocol::{Lost, Reply, Verdict};

/// The object that a read would get from the cache, or its absence; and how long it may still be served.
pub(crate) type Peeked<T> = (Option<Arc<T>>, Duration);

/// Reads what is cached and not past its time to live. It does not count as a read.
pub(crate) async fn peek<L: Lookup>(
    engine: &Engine,
    scope: Scope,
    lookup: &L,
) -> Result<Option<Peeked<L::Object>>, BackendError> {
    let found = find(engine, scope, lookup).await?;
    Ok(found.filter(|found| !found.expired).map(|Found { object, left, .. }| (object, left)))
}

/// What is cached, possibly past its time to live.
pub(crate) struct Found<T> {
    pub(crate) object: Option<Arc<T>>,
    left: Duration,
    pub(crate) expired: bool,
}

/// Reads what is cached, including what `stale_if_error` keeps past its time to live. It does not count as a read.
pub(crate) async fn find<L: Lookup>(
    engine: &Engine,
    scope: Scope,
    lookup: &L,
) -> Result<Option<Found<L::Object>>, BackendError> {
    let state = engine.types.of::<L::Object>();
    let parts = lookup.key();
    let key = scope.key(parts.key());
    if engine.pending.contains(key)
        || engine.owes_tags(scope, lookup)
        || state.is_left_alone(|| engine.wall_clock())
    {
        return Ok(None);
    }
    let mut query = ObjectQuery::new(engine, state, None, lookup, (scope, key, parts));
    query.prepare();
    let (reply, others) = engine.client.lookup(key, query.take_hinted()).await;
    let mut failed = None;
    let mut lost = |error: BackendError| -> Lost {
        let lost = state.lost(&error);
        failed.get_or_insert(error);
        lost
    };
    let others = others.into_iter().map(|(place, answer)| (place, answer.map_err(&mut lost)));
    let mut known = Known::by_hint(others.collect());
    let document = match reply.map_err(&mut lost) {
        Ok(Reply::Value(document)) => document,
        Ok(_) => return Ok(None),
        Err(Lost) => return failed.map_or(Ok(None), Err),
    };
    let (object, expired) = loop {
        match query.judge(&document, &known) {
            Judgement::Needs(places) => {
                let answered = Answered::ask(engine, places.clone()).await;
                for place in places {
                    let answer = answered.at(place).cloned();
                    known
                        .learn(place, answer.map_or(Err(Lost), |answer| answer.map_err(&mut lost)));
                }
            }
            Judgement::Done(Judged {
                found: Some(found),
                verdict: verdict @ (Verdict::Good | Verdict::Ageing(_) | Verdict::Expired(_)),
                ..
            }) => break (found, matches!(verdict, Verdict::Expired(_))),
            Judgement::Done(Judged { verdict: Verdict::Unknown, .. }) => {
                return failed.map_or(Ok(None), Err);
            }
            Judgement::Done(_) => return Ok(None),
        }
    };
    // The document under an alias is a pointer.
    let primary = object.as_deref().filter(|_| L::ALIAS).map(L::primary_of);
    let stored = match primary.and_then(|primary| known.value(scope.key(primary.key()))) {
        Some(Ok(Reply::Value(stored))) => stored,
        _ => &document,
    };
    let left = time_left(engine, object.as_deref(), stored);
    Ok(Some(Found { object, left, expired }))
}
