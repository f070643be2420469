//! Stands between a client and a server on a Unix socket, and cuts or hangs what passes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

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
        let (leads_to, state) = (Arc::clone(&server), Arc::clone(&line));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Line::Cut {
                    continue;
                }
                let server = leads_to.lock().clone();
                tokio::spawn(serve(client, server, state.subscribe()));
            }
        });
        Self { folder, line, server }
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

    /// Lets everything pass again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn serve(client: UnixStream, server: PathBuf, mut line: watch::Receiver<Line>) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (there, back) = (line.clone(), line.clone());
    tokio::select! {
        _ = line.wait_for(|line| *line == Line::Cut) => {}
        () = pass(client_in, server_out, there) => {}
        () = pass(server_in, client_out, back) => {}
    }
}

async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // What was read before the line was cut must not arrive after that.
        let is_cut =
            line.wait_for(|line| *line != Line::Hung).await.is_ok_and(|line| *line == Line::Cut);
        if is_cut || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
