//! What the server has, and what it is to do.

use std::collections::{BTreeMap, VecDeque};

use mongodb::bson::{Document, RawDocumentBuf, Timestamp, Uuid, doc};

/// What the server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The primary of a replica set.
    Primary,
    /// A secondary of it.
    Secondary,
    /// A server of no replica set.
    Standalone,
    /// A router of a sharded cluster.
    Router,
}

/// One event of the log.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) token: String,
    pub(super) time: Timestamp,
    pub(super) event: RawDocumentBuf,
}

/// Everything of the server. What is public is for tests to set.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fault, and they go together")]
pub struct State {
    /// What it says it is.
    pub kind: Kind,
    /// Its version, as the protocol numbers it.
    pub wire_version: i32,
    /// The last entry of its oplog.
    pub clock: Timestamp,
    /// What the majority has; all, if it is not set.
    pub majority: Option<Timestamp>,
    /// What its oplog begins with.
    pub oldest: Timestamp,
    /// The collections of the database `shop`, as `listCollections` has them.
    pub collections: BTreeMap<String, Document>,
    /// How many events come at once.
    pub batch: usize,
    /// Errors for the next commands of these names, before anything else is done.
    pub errors: VecDeque<(&'static str, Document)>,
    /// Whether `getMore` is not answered.
    pub hangs: bool,
    /// Whether reads of the majority's snapshot are not answered.
    pub holds_majority_reads: bool,
    /// Whether new connections are closed.
    pub refuses_connections: bool,
    /// Whether tokens have a form that no MongoDB has.
    pub odd_tokens: bool,
    /// Every command but `hello`, as it came.
    pub journal: Vec<Document>,
    /// How many reads of the majority's snapshot were answered.
    pub majority_reads: usize,
    /// How many batches without events were sent.
    pub empty_batches: usize,
    pub(super) cuts: u64,
    pub(super) log: Vec<Entry>,
    /// Where clients' cursors are: after these tokens.
    pub(super) cursors: BTreeMap<i64, String>,
}

impl State {
    pub(super) fn new() -> Self {
        let begin = Timestamp { time: 1_700_000_000, increment: 1 };
        Self {
            kind: Kind::Primary,
            wire_version: 21,
            clock: begin,
            majority: None,
            oldest: begin,
            collections: BTreeMap::new(),
            batch: 100,
            errors: VecDeque::new(),
            hangs: false,
            holds_majority_reads: false,
            refuses_connections: false,
            odd_tokens: false,
            journal: Vec::new(),
            majority_reads: 0,
            empty_batches: 0,
            cuts: 0,
            log: Vec::new(),
            cursors: BTreeMap::new(),
        }
    }

    /// Makes a collection, with pre-images or without.
    pub fn create(&mut self, name: &str, pre_images: bool) {
        let id = Uuid::new();
        let entry = doc! {
            "name": name,
            "type": "collection",
            "options": if pre_images { doc! { "changeStreamPreAndPostImages": { "enabled": true } } } else { doc! {} },
            "info": { "readOnly": false, "uuid": id },
        };
        self.collections.insert(name.to_owned(), entry);
    }

    /// Adds an entry of the oplog that is no event of anybody's, as a primary does every ten seconds.
    pub fn tick(&mut self) {
        self.clock.increment += 1;
    }

    /// Makes the oplog forget everything until now.
    pub fn forget(&mut self) {
        self.tick();
        self.oldest = self.clock;
        self.log.clear();
    }

    pub(super) fn commit(&mut self, events: Vec<Document>) -> Timestamp {
        self.tick();
        let time = self.clock;
        for (at, mut event) in events.into_iter().enumerate() {
            let token = event_token(time, at);
            event.insert("_id", doc! { "_data": &token });
            event.insert("clusterTime", time);
            let event = RawDocumentBuf::try_from(event).expect("a document");
            self.log.push(Entry { token, time, event });
        }
        time
    }

    /// What the majority has.
    pub(super) fn committed(&self) -> Timestamp {
        self.majority.unwrap_or(self.clock).min(self.clock)
    }
}

/// As the server has it: version 2, type event, and the place within the transaction.
fn event_token(time: Timestamp, at: usize) -> String {
    format!("{}2B022C0100{:02X}6E5A1004", prefix(time), 0x29 + at)
}

/// A token of no event, as in the specification's examples.
pub(super) fn high_water_mark(time: Timestamp) -> String {
    format!("{}2B0229296E04", prefix(time))
}

fn prefix(time: Timestamp) -> String {
    format!("82{:08X}{:08X}", time.time, time.increment)
}
