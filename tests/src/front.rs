//! Stands in front of a server on a loopback port of its own: a link that is cut, goes dead or holds
//! up commands, and a server that says something else of its cluster.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, copy, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use crate::resp::{Command, next_command};

/// Where the server is.
#[derive(Clone, Debug)]
pub enum Behind {
    /// On a loopback port.
    Port(u16),
    /// On a socket.
    Socket(PathBuf),
}

/// What is sent in a command's place.
type Instead = dyn Fn(&Command) -> Option<Vec<u8>> + Send + Sync;

/// A way to a server by another port, for as long as the runtime that it was made in.
pub struct Front {
    port: u16,
    state: Arc<State>,
}

struct State {
    behind: Behind,
    instead: Box<Instead>,
    link: watch::Sender<Link>,
    /// How many commands of each name have come.
    come: watch::Sender<HashMap<String, u64>>,
}

#[derive(Clone, Copy, Default)]
struct Link {
    cut: bool,
    held_up: bool,
    /// How often the connections of the time went dead.
    deaths: u64,
}

impl Front {
    /// In front of this server, passing everything.
    pub async fn of(behind: Behind) -> Self {
        Self::instead(behind, |_| None).await
    }

    /// In front of this server, which is sent other commands in the place of some.
    ///
    /// # Panics
    ///
    /// If there is no port to be had.
    pub async fn instead(
        behind: Behind,
        instead: impl Fn(&Command) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let instead = Box::new(instead);
        let (link, come) = (watch::Sender::default(), watch::Sender::default());
        let state = Arc::new(State { behind, instead, link, come });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&shared), client));
            }
        });
        Self { port, state }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection, and each new one at once; or lets new ones pass again.
    pub fn cut(&self, cut: bool) {
        self.state.link.send_modify(|link| link.cut = cut);
    }

    /// Holds commands up, or lets them pass again.
    pub fn hold_up(&self, held_up: bool) {
        self.state.link.send_modify(|link| link.held_up = held_up);
    }

    /// Passes nothing more of the connections that stand, without closing them. New ones pass.
    pub fn go_dead(&self) {
        self.state.link.send_modify(|link| link.deaths += 1);
    }

    /// Waits until so many more commands of this name have come.
    ///
    /// # Panics
    ///
    /// After a minute.
    pub async fn comes(&self, name: &str, times: u64) {
        let mut come = self.state.come.subscribe();
        let count = |come: &HashMap<String, u64>| come.get(name).copied().unwrap_or(0);
        let before = count(&come.borrow());
        let waited = come.wait_for(|come| count(come) >= before + times);
        let waited = tokio::time::timeout(Duration::from_secs(60), waited).await;
        assert!(waited.is_ok(), "{name} comes within a minute");
    }
}

async fn serve(state: Arc<State>, client: TcpStream) {
    match &state.behind {
        Behind::Port(port) => {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", *port)).await {
                join(&state, client, server).await;
            }
        }
        Behind::Socket(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                join(&state, client, server).await;
            }
        }
    }
}

async fn join(
    state: &State,
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite + Send + 'static,
) {
    let born = state.link.borrow().deaths;
    let died = until(state, |link| link.deaths > born);
    let cut = until(state, |link| link.cut);
    let (from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let mut from_client = BufReader::new(from_client);
    let passing = async {
        tokio::select! {
            () = commands(state, &mut from_client, &mut to_server) => {}
            _ = copy(&mut from_server, &mut to_client) => {}
        }
    };
    let living = async {
        tokio::select! {
            biased;
            // Nothing passes, and nothing is closed.
            () = died => std::future::pending().await,
            () = passing => {}
        }
    };
    tokio::select! {
        biased;
        () = cut => {}
        () = living => {}
    }
}

async fn commands(
    state: &State,
    client: &mut (impl AsyncBufRead + Unpin),
    server: &mut (impl AsyncWrite + Unpin),
) {
    while let Some(command) = next_command(client).await {
        until(state, |link| !link.held_up).await;
        let bytes = (state.instead)(&command);
        let sent = server.write_all(bytes.as_deref().unwrap_or(&command.bytes)).await;
        if sent.is_err() {
            return;
        }
        state.come.send_modify(|come| *come.entry(command.name()).or_default() += 1);
    }
}

/// Waits until the link is like this.
async fn until(state: &State, is: impl Fn(&Link) -> bool) {
    let _ = state.link.subscribe().wait_for(|link| is(link)).await;
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("port", &self.port).finish_non_exhaustive()
    }
}
