//! A process of the load: tasks that read, write and invalidate until they are told to stop.

use std::future::{Future, poll_fn};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use cachecow::{Builder, CacheCow, Error, RedisBackend};
use cachecow_tests::backends::Tokenless;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::changes::Owed;
use crate::history::{CELLS, History, Micros, OBJECTS};
use crate::holds::Holds;
use crate::kept::Kept;
use crate::objects::{GROUP, Grouped, Named, Plain, RESERVED, Soaked, Soft, Strict};

const TASKS: usize = 16;
/// How long a dead writer's hold, or a dead reader's claim, keeps an object out of the cache.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
pub(crate) const NEAR_LAG: Micros = 1_000_000;
const NEAR_BYTES: u64 = 512 * 1024;
/// How many objects of each type are read and written more often than the others.
pub(crate) const HOT: u32 = 4;
/// One read in so many is not polled for a while.
const KEPT_EVERY: u16 = 2000;

/// What a process is told when it is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Its number, which no other process has at the time.
    pub process: usize,
    /// The cache.
    pub url: String,
    /// Where its near tier hears of changes; none: it has no near tier.
    pub near_url: Option<String>,
    /// The file of the history.
    pub history: PathBuf,
    /// Where traces are written.
    pub traces: PathBuf,
    /// The server's own socket; none, if the cache is a cluster.
    pub socket: Option<PathBuf>,
    /// How many replicas must have acknowledged each invalidation.
    pub replica_acks: usize,
    /// Whether the token is removed.
    pub tokenless: bool,
}

pub(crate) struct Worker {
    pub(crate) cow: CacheCow,
    pub(crate) history: History,
    pub(crate) settings: Settings,
    /// None on a cluster.
    pub(crate) holds: Option<Holds>,
    /// What this process itself must not read less than, since it invalidated it, or tried to.
    own: Vec<AtomicU64>,
    pub(crate) owed: Mutex<Vec<Owed>>,
    /// Reads that nobody polls.
    pub(crate) kept: Kept,
}

/// What a read must not be less than.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// Of what it was promised.
    pub(crate) cell: usize,
    pub(crate) promised: u64,
    pub(crate) own: u64,
    /// When it was taken, before the read began.
    pub(crate) taken: Micros,
}

impl Floor {
    /// The higher of two floors, the first taken first.
    fn or(self, other: Self) -> Self {
        let higher = if other.promised > self.promised { other } else { self };
        Self { own: self.own.max(other.own), taken: self.taken, ..higher }
    }

    /// The least version that may be read.
    pub(crate) fn least(&self) -> u64 {
        self.own.max(self.promised)
    }
}

/// Takes part until the history is stopped.
///
/// # Panics
///
/// If it cannot, and if cachecow does.
pub async fn run(settings: Settings) {
    std::thread::spawn(end_with_parent);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        // Also where nobody waits for the task.
        std::process::abort();
    }));
    let history = History::open(&settings.history).expect("the history that was begun");
    history.forget_writers(settings.process);
    let worker = Arc::new(Worker::open(settings, history, |builder| builder).await);
    let mut tasks = JoinSet::new();
    let [settling, obeying, keeping] = [(); 3].map(|()| Arc::clone(&worker));
    tasks.spawn(async move { settling.settle().await });
    tasks.spawn(async move { obeying.obey().await });
    tasks.spawn(async move { keeping.let_go().await });
    for _ in 0..TASKS {
        let worker = Arc::clone(&worker);
        tasks.spawn(async move { worker.work().await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no task panics");
    }
}

/// Waits for the end of what nothing is written to: then whoever started this process is gone.
fn end_with_parent() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    std::process::exit(1);
}

async fn open(
    settings: &Settings,
    more: impl FnOnce(Builder) -> Builder,
) -> Result<CacheCow, Error> {
    let mut builder = more(CacheCow::builder().lease(LEASE).hold(LEASE));
    if settings.tokenless {
        let backend = RedisBackend::from_url(&settings.url, Duration::from_secs(1))?;
        return builder.backend(Tokenless(backend));
    }
    if settings.replica_acks > 0 {
        builder = builder.replica_acks(settings.replica_acks, Duration::from_millis(200));
    }
    if let Some(near_url) = &settings.near_url {
        let lag = Duration::from_micros(NEAR_LAG);
        builder = builder.near(NEAR_BYTES).near_lag(lag).near_url(near_url);
    }
    builder.open(&settings.url).await
}

impl Worker {
    /// Opens the cache, in a process whose `CacheCow` is told more than the usual.
    pub(crate) async fn open(
        settings: Settings,
        history: History,
        more: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let holds = settings.socket.as_deref();
        Self {
            cow: open(&settings, more).await.expect("valid settings"),
            history,
            holds: holds.map(|socket| Holds::on(socket).expect("a socket's address")),
            own: (0..CELLS).map(|_| AtomicU64::new(0)).collect(),
            owed: Mutex::default(),
            kept: Kept::default(),
            settings,
        }
    }

    async fn work(self: Arc<Self>) {
        while !self.history.is_stopped() {
            match fastrand::u8(..5) {
                0 => self.step::<Plain>().await,
                1 => self.step::<Soft>().await,
                2 => self.step::<Named>().await,
                3 => self.step::<Strict>().await,
                _ => self.step::<Grouped>().await,
            }
        }
    }

    async fn step<T: Soaked>(self: &Arc<Self>) {
        if fastrand::u16(..KEPT_EVERY) == 0 {
            return self.begin_read::<T>().await;
        }
        let near = self.settings.near_url.is_some() && fastrand::u8(..4) == 0;
        match fastrand::u8(..100) {
            // Whose absence comes and goes with its changes.
            0..=3 if T::KIND == Strict::KIND => Box::pin(self.change::<T>()).await,
            0 => Box::pin(self.change::<T>()).await,
            1..=6 => Box::pin(self.read_many::<T>(near)).await,
            7..=40 if T::KIND == Named::KIND => {
                let id = some_id();
                let floor = self.floor(Named::cell(id)).or(self.floor(Named::alias_cell(id)));
                self.read(id, Named::by_its_name(id), floor, near).await;
            }
            7..=16 if T::KIND == Grouped::KIND => {
                Box::pin(self.read_list(some_id() / GROUP, near)).await;
            }
            17..=26 if T::KIND == Grouped::KIND => {
                Box::pin(self.read_answer(some_id() / GROUP, near)).await;
            }
            _ => {
                let id = some_id();
                self.read(id, T::by(id), self.floor(T::cell(id)), near).await;
            }
        }
    }

    /// To be taken before a read begins.
    pub(crate) fn floor(&self, cell: usize) -> Floor {
        let taken = self.history.now();
        let own = self.own[cell].load(SeqCst);
        Floor { cell, promised: self.history.promised(cell), own, taken }
    }

    /// This process has tried to invalidate what is older. It reads past the cache until it has, so
    /// that it need not have succeeded; a cluster may forget that it has.
    pub(crate) fn owns(&self, cell: usize, version: u64) {
        if self.settings.socket.is_some() {
            self.own[cell].fetch_max(version, SeqCst);
        }
    }
}

/// Some objects more often than others.
pub(crate) fn some_id() -> u32 {
    let objects = u32::try_from(OBJECTS).expect("not that many") - RESERVED;
    if fastrand::u8(..10) < 4 { fastrand::u32(..HOT) } else { fastrand::u32(..objects) }
}

/// The future's output, or nothing: now and then it is dropped at some point where it waits.
pub(crate) async fn cut_off<F: Future>(future: F) -> Option<F::Output> {
    if fastrand::u8(..) >= 8 {
        return Some(future.await);
    }
    let mut future = pin!(future);
    let mut polls = fastrand::u32(1..8);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            polls -= 1;
            if polls == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}
