//! The answers to commands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::raw::CString;
use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, Timestamp, doc};
use tokio::sync::watch;
use tokio::time::timeout;

use super::state::{Entry, Kind, State, high_water_mark};

/// The answer to this command.
pub(super) async fn answer(
    command: Document,
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
) -> RawDocumentBuf {
    let name = command.keys().next().cloned().unwrap_or_default();
    if matches!(name.as_str(), "hello" | "isMaster" | "ismaster") {
        return raw(hello(&state.borrow(), address));
    }
    let mut error = None;
    state.send_modify(|state| {
        state.journal.push(command.clone());
        let at = state.errors.iter().position(|(of, _)| *of == name);
        error = at.and_then(|at| state.errors.remove(at)).map(|(_, error)| error);
    });
    if let Some(error) = error {
        return raw(error);
    }
    match name.as_str() {
        "listCollections" => raw(list_collections(&command, &state.borrow())),
        "find" => find(&command, &state).await,
        "aggregate" => aggregate(&command, &state),
        "getMore" => get_more(&command, &state).await,
        _ => raw(doc! { "ok": 1.0 }),
    }
}

fn raw(answer: Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(answer).expect("a document")
}

fn hello(state: &State, address: SocketAddr) -> Document {
    let address = address.to_string();
    let mut answer = doc! {
        "ok": 1.0,
        "helloOk": true,
        "isWritablePrimary": state.kind != Kind::Secondary,
        "secondary": state.kind == Kind::Secondary,
        "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": state.wire_version,
        "readOnly": false,
    };
    if matches!(state.kind, Kind::Primary | Kind::Secondary) {
        answer.extend(
            doc! { "setName": "rs0", "setVersion": 1, "hosts": [&address], "me": &address },
        );
        answer.insert("primary", &address);
    }
    if state.kind == Kind::Router {
        answer.insert("msg", "isdbgrid");
    }
    if state.kind != Kind::Standalone {
        answer.insert("operationTime", state.clock);
    }
    answer
}

fn list_collections(command: &Document, state: &State) -> Document {
    let filter = command.get_document("filter").and_then(|filter| filter.get_document("name"));
    let names = filter.and_then(|names| names.get_array("$in")).expect("a filter by name");
    let wanted = |name: &String| names.iter().any(|wanted| wanted.as_str() == Some(name));
    let found = state.collections.iter().filter(|(name, _)| wanted(name));
    let found: Vec<Document> = found.map(|(_, entry)| entry.clone()).collect();
    let cursor = doc! { "id": 0_i64, "ns": "shop.$cmd.listCollections", "firstBatch": found };
    doc! { "ok": 1.0, "cursor": cursor, "operationTime": state.clock }
}

/// Waits for the majority, if it is told to.
async fn find(command: &Document, state: &watch::Sender<State>) -> RawDocumentBuf {
    let concern = command.get_document("readConcern");
    let after = concern.and_then(|concern| concern.get_timestamp("afterClusterTime")).ok();
    if let Some(after) = after {
        let _ = state
            .subscribe()
            .wait_for(|state| !state.holds_majority_reads && state.committed() >= after)
            .await;
        state.send_modify(|state| state.majority_reads += 1);
    }
    let cursor = doc! { "id": 0_i64, "ns": "shop.users", "firstBatch": [] };
    raw(doc! { "ok": 1.0, "cursor": cursor, "operationTime": state.borrow().clock })
}

/// Begins a stream. As a server does, it looks at once for what there is.
fn aggregate(command: &Document, state: &watch::Sender<State>) -> RawDocumentBuf {
    let pipeline = command.get_array("pipeline").expect("a pipeline");
    let stage = pipeline.first().and_then(|stage| stage.as_document());
    let stage = stage.and_then(|stage| stage.get_document("$changeStream").ok());
    let stage = stage.expect("only change streams are asked for");
    let token = ["startAfter", "resumeAfter"].iter().find_map(|name| stage.get_document(name).ok());
    let after = match (token, stage.get_timestamp("startAtOperationTime")) {
        (Some(token), _) => token.get_str("_data").expect("a token").to_owned(),
        (None, Ok(time)) => high_water_mark(time),
        (None, Err(_)) => high_water_mark(state.borrow().clock),
    };
    if after < high_water_mark(state.borrow().oldest) {
        return raw(history_lost());
    }
    let mut answer = None;
    state.send_modify(|state| {
        let id = i64::try_from(state.journal.len()).expect("few commands");
        state.cursors.insert(id, after);
        answer = Some(give(id, "firstBatch", state));
    });
    answer.expect("it was set")
}

/// The error of a server whose oplog does not reach back that far.
fn history_lost() -> Document {
    doc! {
        "ok": 0.0,
        "errmsg": "PlanExecutor error during aggregation :: caused by :: Resume of change stream was not possible, as the \
                   resume point may no longer be in the oplog.",
        "code": 286,
        "codeName": "ChangeStreamHistoryLost",
        "errorLabels": ["NonResumableChangeStreamError"],
    }
}

async fn get_more(command: &Document, state: &watch::Sender<State>) -> RawDocumentBuf {
    let id = command.get_i64("getMore").expect("a cursor");
    let wait = command.get_i64("maxTimeMS").map_or(1_000, |wait| u64::try_from(wait).unwrap_or(0));
    let wait = command.get_i32("maxTimeMS").map_or(wait, |wait| u64::try_from(wait).unwrap_or(0));
    let mut seen = state.subscribe();
    let ready = seen.wait_for(|state| {
        let is_known = state.cursors.get(&id);
        !state.hangs && is_known.is_none_or(|after| !due(state, after).is_empty())
    });
    let _ = timeout(Duration::from_millis(wait), ready).await;
    let _ = seen.wait_for(|state| !state.hangs).await;
    let mut answer = None;
    state.send_modify(|state| answer = Some(give(id, "nextBatch", state)));
    answer.expect("it was set")
}

/// The next events after this token.
fn due<'a>(state: &'a State, after: &str) -> Vec<&'a Entry> {
    let committed = state.committed();
    let is_due = |entry: &&Entry| entry.token.as_str() > after && entry.time <= committed;
    state.log.iter().filter(is_due).take(state.batch).collect()
}

fn give(id: i64, name: &str, state: &mut State) -> RawDocumentBuf {
    let Some(after) = state.cursors.get(&id).cloned() else {
        return raw(doc! {
            "ok": 0.0, "code": 43, "codeName": "CursorNotFound", "errmsg": "cursor id not found",
            "errorLabels": ["ResumableChangeStreamError"],
        });
    };
    let is_invalidation = |event: &RawDocumentBuf| {
        event.get_str("operationType").is_ok_and(|operation| operation == "invalidate")
    };
    let mut events = Vec::new();
    let mut token = after.clone();
    let mut ends = false;
    for entry in due(state, &after) {
        events.push(entry.event.clone());
        token.clone_from(&entry.token);
        ends = is_invalidation(&entry.event);
        if ends {
            break;
        }
    }
    if events.is_empty() {
        state.empty_batches += 1;
        token = token.max(high_water_mark(state.committed()));
    }
    if ends {
        state.cursors.remove(&id);
    } else {
        state.cursors.insert(id, token.clone());
    }
    if state.odd_tokens {
        "0163EAA6C7".clone_into(&mut token);
    }
    batch(name, if ends { 0 } else { id }, events, &token, state.clock)
}

fn batch(
    name: &str,
    id: i64,
    events: Vec<RawDocumentBuf>,
    token: &str,
    time: Timestamp,
) -> RawDocumentBuf {
    let key = |name: &str| CString::try_from(name).expect("a name");
    let mut list = RawArrayBuf::new();
    for event in events {
        list.push(event);
    }
    let mut cursor = raw(
        doc! { "id": id, "ns": "shop.$cmd.aggregate", "postBatchResumeToken": { "_data": token } },
    );
    cursor.append(key(name), list);
    let mut answer = raw(doc! { "ok": 1.0, "operationTime": time });
    answer.append(key("cursor"), cursor);
    answer
}
