//! A link between the processes and their server that can be cut, slowed down and held up.
//!
//! The known proxies of this kind (Toxiproxy, and `noxious` in Rust) link TCP ports and drop what a
//! client has sent once it is gone. Here the sockets are Unix', so that no port need be free, and what
//! was sent arrives all the same, late: a command whose client has long given up is what a protocol
//! must be proof against.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One link for any number of connections. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    socket: PathBuf,
    weather: Arc<Weather>,
    listening: JoinHandle<()>,
}

/// What all connections are subject to.
#[derive(Debug, Default)]
struct Weather {
    /// In microseconds.
    delay: AtomicU64,
    held_up: AtomicBool,
    let_go: Notify,
    /// How often the link was cut in the middle of a request, and of a reply.
    cuts: [AtomicU64; 2],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Requests,
    Replies,
}

impl Proxy {
    /// Listens in the folder, and passes on what comes to the server's socket.
    pub(crate) fn start(folder: &Path, server: PathBuf) -> io::Result<Self> {
        let socket = folder.join("proxy.sock");
        let listener = UnixListener::bind(&socket)?;
        let weather = Arc::new(Weather::default());
        let shared = Arc::clone(&weather);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, weather) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // A server that is gone is a connection that ends at once.
                    if let Ok(server) = UnixStream::connect(server).await {
                        link(client, server, &weather).await;
                    }
                });
            }
        });
        Ok(Self { socket, weather, listening })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Cuts every connection in the middle of what next goes in this direction.
    pub(crate) fn cut(&self, direction: Direction) {
        self.weather.cuts[direction as usize].fetch_add(1, SeqCst);
    }

    /// Delays everything by this time.
    pub(crate) fn delay(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).expect("a short time");
        self.weather.delay.store(time, SeqCst);
    }

    /// Lets nothing through, or all that came meanwhile.
    pub(crate) fn hold_up(&self, held_up: bool) {
        self.weather.held_up.store(held_up, SeqCst);
        self.weather.let_go.notify_waiters();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The link was cut.
struct Cut;

async fn link(client: UnixStream, server: UnixStream, weather: &Weather) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either side's end is passed on, and no more; a cut ends both.
    let _ = tokio::try_join!(
        pass(from_client, to_server, weather, Direction::Requests),
        pass(from_server, to_client, weather, Direction::Replies),
    );
}

async fn pass(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: &Weather,
    direction: Direction,
) -> Result<(), Cut> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::try_join!(take(from, sender, weather), give(receiver, to, weather, direction))?;
    Ok(())
}

type Piece = (Instant, Vec<u8>);

async fn take(
    mut from: OwnedReadHalf,
    pieces: mpsc::UnboundedSender<Piece>,
    weather: &Weather,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let due = Instant::now() + Duration::from_micros(weather.delay.load(SeqCst));
        if pieces.send((due, buffer[..length].to_vec())).is_err() {
            break;
        }
    }
    Ok(())
}

async fn give(
    mut pieces: mpsc::UnboundedReceiver<Piece>,
    mut to: OwnedWriteHalf,
    weather: &Weather,
    direction: Direction,
) -> Result<(), Cut> {
    let cuts = &weather.cuts[direction as usize];
    let before = cuts.load(SeqCst);
    while let Some((due, piece)) = pieces.recv().await {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        weather.pass().await;
        if cuts.load(SeqCst) != before {
            let _ = to.write_all(&piece[..piece.len() / 2]).await;
            return Err(Cut);
        }
        if to.write_all(&piece).await.is_err() {
            break;
        }
    }
    // Dropped here, which tells the other side that this was all.
    Ok(())
}

impl Weather {
    async fn pass(&self) {
        while self.held_up.load(SeqCst) {
            let let_go = self.let_go.notified();
            // It may have been let go before it was waited for.
            if self.held_up.load(SeqCst) {
                let_go.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's connection through a proxy, and the server's end of it.
    async fn linked() -> (tempfile::TempDir, Proxy, UnixStream, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join("server.sock");
        let listener = UnixListener::bind(&server).unwrap();
        let proxy = Proxy::start(folder.path(), server).unwrap();
        let mut client = UnixStream::connect(&proxy.socket).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        // What happens to the link happens to connections that stand.
        accepted.write_all(b"!").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'!');
        (folder, proxy, client, accepted)
    }

    async fn all_of(mut stream: UnixStream) -> Vec<u8> {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn both_directions_and_both_ends_are_passed_on() {
        let (_folder, _proxy, mut client, mut server) = linked().await;
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        server.write_all(b"reply").await.unwrap();
        assert_eq!(all_of(server).await, b"request");
        assert_eq!(all_of(client).await, b"reply");
    }

    #[tokio::test]
    async fn a_cut_goes_through_the_middle() {
        let (_folder, proxy, client, mut server) = linked().await;
        proxy.cut(Direction::Replies);
        server.write_all(b"12345678").await.unwrap();
        assert_eq!(all_of(client).await, b"1234");
        assert_eq!(all_of(server).await, b"", "the other direction has ended, too");
    }

    #[tokio::test]
    async fn what_a_client_sent_arrives_after_it_is_gone() {
        let (_folder, proxy, mut client, server) = linked().await;
        proxy.hold_up(true);
        client.write_all(b"late").await.unwrap();
        drop(client);
        proxy.hold_up(false);
        assert_eq!(all_of(server).await, b"late");
    }
}
