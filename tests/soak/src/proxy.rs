//! A link between the processes and their server that can be cut, slowed down and held up.
//!
//! The known proxies of this kind (Toxiproxy, and `noxious` in Rust) link TCP ports and drop what a
//! client has sent once it is gone. Here what was sent arrives all the same, late: a command whose client
//! has long given up is what a protocol must be proof against. The sockets are Unix' where they can be,
//! so that no port need be free.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One link for any number of connections. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: String,
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
    /// Whether no connection can be made, and none stands.
    down: watch::Sender<bool>,
}

/// Either end of a connection, of whatever kind.
struct End {
    from: Box<dyn AsyncRead + Send + Unpin>,
    to: Box<dyn AsyncWrite + Send + Unpin>,
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
        let address = format!("redis+unix://{}", socket.display());
        Ok(Self::between(address, Listener::Unix(listener), Server::Socket(server)))
    }

    /// Listens on a loopback port, and passes on what comes to the server's.
    pub(crate) async fn of_port(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        Ok(Self::between(address, Listener::Tcp(listener), Server::Port(server)))
    }

    fn between(address: String, listener: Listener, server: Server) -> Self {
        let weather = Arc::new(Weather::default());
        let shared = Arc::clone(&weather);
        let listening = tokio::spawn(async move {
            while let Ok(client) = listener.accept().await {
                let (server, weather) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let mut down = weather.down.subscribe();
                    let linked = async {
                        // A server that is gone is a connection that ends at once.
                        if let Ok(server) = server.connect().await {
                            link(client, server, &weather).await;
                        }
                    };
                    tokio::select! {
                        biased;
                        _ = down.wait_for(|down| *down) => {}
                        () = linked => {}
                    }
                });
            }
        });
        Self { address, weather, listening }
    }

    /// The address: a whole one of a socket, host and port of a port.
    pub(crate) fn url(&self) -> String {
        self.address.clone()
    }

    /// Ends every connection, and lets none be made, until it is up again.
    pub(crate) fn take_down(&self, down: bool) {
        self.weather.down.send_replace(down);
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

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<End> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(client, _)| End::of_unix(client)),
            Self::Tcp(listener) => listener.accept().await.map(|(client, _)| End::of_tcp(client)),
        }
    }
}

#[derive(Clone)]
enum Server {
    Socket(PathBuf),
    Port(u16),
}

impl Server {
    async fn connect(&self) -> io::Result<End> {
        match self {
            Self::Socket(path) => UnixStream::connect(path).await.map(End::of_unix),
            Self::Port(port) => TcpStream::connect(("127.0.0.1", *port)).await.map(End::of_tcp),
        }
    }
}

impl End {
    fn of_unix(stream: UnixStream) -> Self {
        let (from, to) = stream.into_split();
        Self { from: Box::new(from), to: Box::new(to) }
    }

    fn of_tcp(stream: TcpStream) -> Self {
        let (from, to) = stream.into_split();
        Self { from: Box::new(from), to: Box::new(to) }
    }
}

/// The link was cut.
struct Cut;

async fn link(client: End, server: End, weather: &Weather) {
    // Either side's end is passed on, and no more; a cut ends both.
    let _ = tokio::try_join!(
        pass(client.from, server.to, weather, Direction::Requests),
        pass(server.from, client.to, weather, Direction::Replies),
    );
}

async fn pass(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    weather: &Weather,
    direction: Direction,
) -> Result<(), Cut> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::try_join!(take(from, sender, weather), give(receiver, to, weather, direction))?;
    Ok(())
}

type Piece = (Instant, Vec<u8>);

async fn take(
    mut from: impl AsyncRead + Unpin,
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
    mut to: impl AsyncWrite + Unpin,
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
        let socket = proxy.address.strip_prefix("redis+unix://").unwrap();
        let mut client = UnixStream::connect(socket).await.unwrap();
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

    #[tokio::test]
    async fn a_port_s_link_is_taken_down_and_is_up_again() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Proxy::of_port(listener.local_addr().unwrap().port()).await.unwrap();
        let mut client = TcpStream::connect(&proxy.address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        proxy.take_down(true);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the connection has ended");
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "at either end");
        let mut refused = TcpStream::connect(&proxy.address).await.unwrap();
        assert_eq!(refused.read(&mut [0]).await.unwrap(), 0, "none is made");
        proxy.take_down(false);
        let mut again = TcpStream::connect(&proxy.address).await.unwrap();
        again.write_all(b"!").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'!');
    }
}
