//! Stands between a client and a server on a Unix socket, and cuts or hangs what passes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    /// They are kept until the line is open again.
    Hung,
    /// Every connection ends, and none begins.
    Cut,
}

/// A way to a server by a socket of its own, for as long as the runtime that it was made in.
#[derive(Debug)]
pub struct Relay {
    folder: TempDir,
    line: Arc<watch::Sender<Line>>,
    server: Arc<Mutex<PathBuf>>,
    quiet: Arc<Mutex<Duration>>,
}

impl Relay {
    /// In front of the socket at this path, by the same name in another folder.
    pub fn before(server: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let name = server.file_name().expect("a socket has a name");
        let socket = folder.path().join(name);
        let listener = UnixListener::bind(&socket).expect("a socket");
        // Servers that run as somebody else connect by it, too.
        for path in [folder.path(), &socket] {
            let everybody = Permissions::from_mode(0o777);
            std::fs::set_permissions(path, everybody).expect("this process made it");
        }
        let line = Arc::new(watch::Sender::new(Line::Open));
        let server = Arc::new(Mutex::new(server.to_owned()));
        let quiet = Arc::<Mutex<Duration>>::default();
        let (leads_to, state, quiet_for) =
            (Arc::clone(&server), Arc::clone(&line), Arc::clone(&quiet));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Line::Cut {
                    continue;
                }
                let server = leads_to.lock().clone();
                let quiet_for = Arc::clone(&quiet_for);
                tokio::spawn(serve(client, server, state.subscribe(), quiet_for));
            }
        });
        Self { folder, line, server, quiet }
    }

    /// The folder of the socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets connections that begin from now on lead to the server at another socket, as an address that moves does.
    pub fn lead_to(&self, server: &Path) {
        server.clone_into(&mut self.server.lock());
    }

    /// Ends every connection, and lets none begin.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Keeps what is sent in both directions.
    pub fn hang(&self) {
        self.line.send_replace(Line::Hung);
    }

    /// From now on, keeps for so long what the server sends after a connection began to stream PostgreSQL's log, as a server
    /// does that has nothing to send yet.
    pub fn keep_streams_quiet(&self, time: Duration) {
        *self.quiet.lock() = time;
    }

    /// Lets everything pass again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }
}

const STREAM: &[u8] = b"START_REPLICATION";

async fn serve(
    client: UnixStream,
    server: PathBuf,
    mut line: watch::Receiver<Line>,
    quiet: Arc<Mutex<Duration>>,
) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (there, back) = (line.clone(), line.clone());
    let streams_since = OnceLock::new();
    let sent = |bytes: &[u8]| {
        if bytes.windows(STREAM.len()).any(|bytes| bytes == STREAM) {
            let _ = streams_since.set(Instant::now());
        }
        None
    };
    let mut is_answered = false;
    let answered = |bytes: &[u8]| {
        let since = streams_since.get().copied()?;
        let is_first = !std::mem::replace(&mut is_answered, true);
        // The first message says that the stream begins.
        let passes = if is_first { first_message(bytes) } else { 0 };
        Some((passes, since + *quiet.lock()))
    };
    tokio::select! {
        _ = line.wait_for(|line| *line == Line::Cut) => {}
        () = pass(client_in, server_out, there, sent) => {}
        () = pass(server_in, client_out, back, answered) => {}
    }
}

/// The length of PostgreSQL's message with which these bytes begin.
fn first_message(bytes: &[u8]) -> usize {
    let length = bytes.get(1..5).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    length.map_or(0, |length| 1 + length as usize).min(bytes.len())
}

/// Passes what is read. Of some, `held` says how much of it passes at once, and when the rest does.
async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    mut held: impl FnMut(&[u8]) -> Option<(usize, Instant)>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &buffer[..count];
        if let Some((passes, rest)) = held(bytes) {
            let (now, later) = bytes.split_at(passes);
            if to.write_all(now).await.is_err() {
                return;
            }
            sleep_until(rest).await;
            bytes = later;
        }
        // What was read before the line was cut must not arrive after that.
        let is_cut =
            line.wait_for(|line| *line != Line::Hung).await.is_ok_and(|line| *line == Line::Cut);
        if is_cut || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
