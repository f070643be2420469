//! A server that speaks MongoDB's wire protocol, with change streams that do as a test says.
//!
//! Its answers have the form of those in the drivers' specifications of change streams. It applies no stage of the
//! pipeline: every event of its log is sent.

mod answers;
mod state;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use self::state::{Kind, State};

/// The replica set of one scripted server, on a loopback port.
#[derive(Debug)]
pub struct ScriptedMongo {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

impl ScriptedMongo {
    /// A server with no collections and an empty log.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(watch::Sender::new(State::new()));
        let accepting = tokio::spawn(accept(listener, address, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    /// Its address, with the database `shop`.
    pub fn url(&self) -> String {
        format!("mongodb://{}/shop?replicaSet=rs0", self.address)
    }

    /// Its address as that of one server of whatever kind.
    pub fn direct_url(&self) -> String {
        format!("mongodb://{}/shop?directConnection=true", self.address)
    }

    /// Changes what it does from now on.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }

    /// Looks at what it does.
    pub fn get<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.borrow())
    }

    /// Waits until this holds.
    pub async fn until(&self, holds: impl FnMut(&State) -> bool) {
        self.state.subscribe().wait_for(holds).await.expect("the server lives");
    }

    /// Adds one change to the log, which is one entry; its time.
    pub fn commit(&self, event: Document) -> Timestamp {
        self.commit_all(vec![event])
    }

    /// Adds several changes of one transaction to the log.
    pub fn commit_all(&self, events: Vec<Document>) -> Timestamp {
        let mut time = Timestamp { time: 0, increment: 0 };
        self.set(|state| time = state.commit(events));
        time
    }

    /// Adds an event that no BSON library would write: `mangle` changes its bytes.
    pub fn commit_mangled(
        &self,
        event: Document,
        mangle: impl FnOnce(RawDocumentBuf) -> RawDocumentBuf,
    ) {
        self.set(|state| {
            state.commit(vec![event]);
            let last = state.log.last_mut().expect("it was added");
            last.event = mangle(last.event.clone());
        });
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.set(|state| state.cuts += 1);
    }

    /// The commands of this name, in order.
    pub fn commands(&self, name: &str) -> Vec<Document> {
        self.get(|state| {
            state.journal.iter().filter(|command| command.contains_key(name)).cloned().collect()
        })
    }
}

impl Drop for ScriptedMongo {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, state: Arc<watch::Sender<State>>) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((connection, _)) = listener.accept().await else { return };
        if !state.borrow().refuses_connections {
            connections.spawn(serve(connection, address, Arc::clone(&state)));
        }
    }
}

async fn serve(mut connection: TcpStream, address: SocketAddr, state: Arc<watch::Sender<State>>) {
    let cuts = state.borrow().cuts;
    let mut seen = state.subscribe();
    tokio::select! {
        _ = seen.wait_for(|state| state.cuts != cuts) => {}
        _ = answer_all(&mut connection, address, &state) => {}
    }
}

/// Answers one command after the other, until the client goes.
async fn answer_all(
    connection: &mut TcpStream,
    address: SocketAddr,
    state: &Arc<watch::Sender<State>>,
) -> io::Result<()> {
    connection.set_nodelay(true)?;
    loop {
        let (number, command) = wire::receive(connection).await?;
        let answer = answers::answer(command, address, Arc::clone(state)).await;
        wire::reply(connection, number, answer).await?;
    }
}

/// The namespace of a collection of the database `shop`.
pub fn namespace(collection: &str) -> Document {
    doc! { "db": "shop", "coll": collection }
}
