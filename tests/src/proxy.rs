//! Stands between cachecow and a Redis server, and cuts or holds up what passes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::{BufReader, copy, sink};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::resp::{Command, next_command};
use crate::servers::RedisServer;

/// What becomes of the command at which the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It never reaches the server.
    Before,
    /// The server carries it out, and its answer is lost.
    After,
    /// It reaches the server only when [`Proxy::deliver`] is called.
    Late,
}

/// Which command it is.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// The one after so many others. `PING` counts for nothing.
    After(usize),
    /// The first of this name.
    First(&'static str),
}

/// A way to a server by a socket of its own, for as long as the runtime that it was made in.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: PathBuf,
    plan: Mutex<Plan>,
    /// Whether answers are held back.
    stalled: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Plan {
    /// Where the connection is cut, and how.
    cut: Option<(At, Cut)>,
    /// The command that was cut.
    step: Option<String>,
    /// The commands that passed since the cut was planned.
    passed: Vec<String>,
    /// What is to be delivered late.
    late: Vec<u8>,
    /// How long each command takes on its way.
    delay: Duration,
}

impl Proxy {
    /// In front of this server, passing everything.
    ///
    /// # Panics
    ///
    /// If there is no socket to be had.
    pub fn before(server: &RedisServer) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let state = State {
            server: server.socket(),
            plan: Mutex::default(),
            stalled: watch::Sender::new(false),
        };
        let proxy = Self { folder, state: Arc::new(state) };
        let listener = UnixListener::bind(proxy.socket()).expect("a socket");
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&state), client));
            }
        });
        proxy
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("p.sock")
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Cuts, once, the connection that carries this command.
    pub fn cut(&self, at: At, cut: Cut) {
        let mut plan = self.state.plan();
        (plan.cut, plan.step) = (Some((at, cut)), None);
        plan.passed.clear();
    }

    /// Waits until a command of this name has passed, or one was cut.
    pub async fn passed(&self, name: &str) {
        let over = || {
            let plan = self.state.plan();
            plan.step.is_some() || plan.passed.iter().any(|passed| passed == name)
        };
        while !over() {
            tokio::task::yield_now().await;
        }
    }

    /// The command at which the connection was cut; `None` if it was not, and then it will not be.
    pub fn was_cut(&self) -> Option<String> {
        let mut plan = self.state.plan();
        plan.cut = None;
        plan.step.take()
    }

    /// Delivers what was cut to be delivered late, and waits until it is carried out.
    ///
    /// # Panics
    ///
    /// If the server cannot be reached.
    pub async fn deliver(&self) {
        let late = std::mem::take(&mut self.state.plan().late);
        let mut server = UnixStream::connect(&self.state.server).await.expect("the server runs");
        server.write_all(&late).await.expect("the server runs");
        server.shutdown().await.expect("the server runs");
        copy(&mut server, &mut sink()).await.expect("the server answers and hangs up");
    }

    /// Lets each command take so long on its way.
    pub fn set_delay(&self, delay: Duration) {
        self.state.plan().delay = delay;
    }

    /// Holds answers back, or lets them pass again: commands are carried out meanwhile.
    pub fn stall(&self, stalled: bool) {
        self.state.stalled.send_replace(stalled);
    }
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock()
    }

    /// What becomes of this command.
    fn judge(&self, command: &Command) -> Option<Cut> {
        let name = command.name();
        let mut plan = self.plan();
        plan.passed.push(name.clone());
        let (at, cut) = plan.cut?;
        match at {
            At::After(_) if name == "PING" => return None,
            At::After(0) => {}
            At::After(left) => {
                plan.cut = Some((At::After(left - 1), cut));
                return None;
            }
            At::First(wanted) if wanted == name => {}
            At::First(_) => return None,
        }
        plan.cut = None;
        plan.step = Some(name);
        if cut == Cut::Late {
            plan.late.clone_from(&command.bytes);
        }
        Some(cut)
    }
}

async fn serve(state: Arc<State>, client: UnixStream) {
    let Ok(server) = UnixStream::connect(&state.server).await else { return };
    let (commands, answers_out) = client.into_split();
    let (answers_in, mut to_server) = server.into_split();
    let lost = Arc::new(AtomicBool::new(false));
    let answering = answer(answers_in, answers_out, state.stalled.subscribe(), Arc::clone(&lost));
    let answering = tokio::spawn(answering);
    let mut commands = BufReader::new(commands);
    while let Some(command) = next_command(&mut commands).await {
        let delay = state.plan().delay;
        tokio::time::sleep(delay).await;
        match state.judge(&command) {
            None => {
                if to_server.write_all(&command.bytes).await.is_err() {
                    return;
                }
            }
            Some(Cut::Before | Cut::Late) => {
                answering.abort();
                return;
            }
            Some(Cut::After) => {
                lost.store(true, Ordering::SeqCst);
                // The server answers what it has read before it sees that nothing follows.
                let _ = to_server.write_all(&command.bytes).await;
                let _ = to_server.shutdown().await;
                let _ = answering.await;
                return;
            }
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut stalled: watch::Receiver<bool>,
    lost: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let _ = stalled.wait_for(|stalled| !stalled).await;
        if !lost.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
