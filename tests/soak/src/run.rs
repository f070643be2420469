//! A run: the server, the processes and the faults, until enough was read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

use crate::act::{Act, CHECKED};
use crate::cluster::Cluster;
use crate::failovers::Failovers;
use crate::faults::{Deck, Fault, OF_A_CLUSTER, OF_A_PROCESS, OF_A_SERVER, OF_SENTINELS};
use crate::foreign::Foreign;
use crate::history::{History, MAX_PROCESSES, PARENT};
use crate::processes::Processes;
use crate::report::{Report, grouped};
use crate::sentinels::{self, Sentinels};
use crate::server::Server;
use crate::trace::Event;
use crate::worker::Settings;

const PROGRESS: Duration = Duration::from_secs(10);
/// Shared memory, where there is such a file system.
const MEMORY: &str = "/dev/shm";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// When it is over, provided that every fault has come at least once.
    pub limit: Limit,
    /// How many processes at a time, up to [`MAX_PROCESSES`](Options::MAX_PROCESSES).
    pub processes: usize,
    /// From which the order of the faults follows.
    pub seed: u64,
    /// On what the processes run.
    pub on: On,
    /// Who must have acknowledged each invalidation.
    pub acks: Acks,
    /// Whether the token is removed: the negative control, which is over with the first violation.
    pub tokenless: bool,
    /// Whether nothing goes wrong.
    pub calm: bool,
    /// How many rows others are to change meanwhile, by plain SQL, on one server.
    pub foreign: Option<u64>,
    /// Only faults that have one of these in their names are brought about; none: all.
    pub only: Vec<String>,
    /// For how long at the most nothing goes wrong between two faults.
    pub pause: Duration,
    /// Whether to say how it goes.
    pub progress: bool,
    /// The program that a process of the load is: this package's own.
    pub program: PathBuf,
    /// Where to keep the traces of violations; none: in a folder of its own.
    pub traces: Option<PathBuf>,
}

impl Options {
    fn wants(&self, fault: Fault) -> bool {
        let named = |word: &String| fault.name().contains(&**word);
        !self.calm && (self.only.is_empty() || self.only.iter().any(named))
    }

    /// How many processes there can be.
    pub const MAX_PROCESSES: usize = MAX_PROCESSES;

    /// Those of a run without further arguments.
    pub fn new(program: PathBuf) -> Self {
        Self {
            limit: Limit::Time(Duration::from_secs(60)),
            processes: 4,
            seed: fastrand::u64(..1_000_000),
            on: On::OneServer,
            acks: Acks::Master,
            tokenless: false,
            calm: false,
            foreign: None,
            only: Vec::new(),
            pause: Duration::from_millis(1500),
            progress: false,
            program,
            traces: None,
        }
    }
}

/// When a run is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// After this time.
    Time(Duration),
    /// After so many checked reads.
    Reads(u64),
}

/// What the processes run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    /// One Redis.
    OneServer,
    /// A cluster of three masters, each with a replica.
    Cluster,
    /// A master and two replicas, named by sentinels.
    Sentinels,
}

/// Who must have acknowledged an invalidation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// The master alone.
    Master,
    /// All replicas, too, so that no failover explains a stale read, but by an alias that alone was
    /// invalidated.
    Replicas,
}

impl On {
    /// How many replicas a master has.
    fn replicas(self) -> usize {
        match self {
            Self::OneServer => 0,
            Self::Cluster => 1,
            Self::Sentinels => sentinels::REPLICAS,
        }
    }
}

enum Site {
    Server(Box<Server>),
    Cluster(Cluster),
    Sentinels(Sentinels),
}

impl Site {
    async fn start(on: On, folder: &Path) -> io::Result<Self> {
        Ok(match on {
            On::OneServer => Self::Server(Box::new(Server::start(folder)?)),
            On::Cluster => Self::Cluster(Cluster::start().await),
            On::Sentinels => Self::Sentinels(Sentinels::start().await?),
        })
    }

    fn url_for(&self, process: usize) -> String {
        match self {
            Self::Server(server) => server.url_for(process),
            Self::Cluster(cluster) => cluster.url(),
            Self::Sentinels(group) => group.url(),
        }
    }

    fn near_url_for(&self, process: usize) -> Option<String> {
        match self {
            Self::Server(server) => server.near_url_for(process),
            _ => None,
        }
    }

    fn socket(&self) -> Option<PathBuf> {
        match self {
            Self::Server(server) => Some(server.socket()),
            _ => None,
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let own: &[Fault] = match self {
            Self::Server(_) => &OF_A_SERVER,
            Self::Cluster(_) => &OF_A_CLUSTER,
            Self::Sentinels(_) => &OF_SENTINELS,
        };
        [&OF_A_PROCESS, own].concat()
    }

    /// None where there are no masters that others can replace.
    fn failovers(&self) -> Option<&Failovers> {
        match self {
            Self::Server(_) => None,
            Self::Cluster(cluster) => Some(&cluster.failovers),
            Self::Sentinels(group) => Some(&group.failovers),
        }
    }

    async fn version(&self) -> String {
        match self {
            Self::Server(server) => server.version().await,
            Self::Cluster(cluster) => cluster.version().await,
            Self::Sentinels(group) => group.version().await,
        }
    }

    async fn evicted(&self) -> u64 {
        match self {
            Self::Server(server) => server.evicted().await,
            _ => 0,
        }
    }
}

struct Run {
    options: Options,
    history: History,
    site: Site,
    processes: Processes,
    foreign: Option<Foreign>,
    random: Rng,
    deck: Deck,
    faults: Vec<(Fault, u64)>,
    traces: PathBuf,
    _folder: TempDir,
}

/// Runs until the limit is reached, and every fault was brought about, or a process breaks down.
///
/// # Errors
///
/// If files or sockets cannot be made.
///
/// # Panics
///
/// If there is no server to be had.
pub async fn run(options: Options) -> io::Result<Report> {
    let mut run = Run::start(options).await?;
    run.drive().await?;
    run.end().await
}

impl Run {
    async fn start(options: Options) -> io::Result<Self> {
        let memory = Path::new(MEMORY);
        let memory = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("soak").tempdir_in(memory)?;
        let path = folder.path().join("history");
        let history = History::create(&path)?;
        let site = Site::start(options.on, folder.path()).await?;
        let traces = match &options.traces {
            Some(traces) => traces.clone(),
            None => tempfile::Builder::new().prefix("soak-traces").tempdir()?.keep(),
        };
        std::fs::create_dir_all(&traces)?;
        let settings = |process| Settings {
            process,
            url: site.url_for(process),
            near_url: site.near_url_for(process),
            history: path.clone(),
            traces: traces.clone(),
            socket: site.socket(),
            replica_acks: match options.acks {
                Acks::Master => 0,
                Acks::Replicas => options.on.replicas(),
            },
            tokenless: options.tokenless,
        };
        let settings = (0..options.processes).map(settings).collect();
        let faults = site.faults().into_iter();
        let faults: Vec<Fault> = faults.filter(|fault| options.wants(*fault)).collect();
        if faults.is_empty() && !options.calm {
            return Err(io::Error::other(
                "no fault has such a name; --help lists none, a report does",
            ));
        }
        let foreign = match options.foreign {
            Some(wanted) => Some(Foreign::start(site.url_for(0), wanted).await),
            None => None,
        };
        Ok(Self {
            foreign,
            processes: Processes::start(options.program.clone(), settings),
            random: Rng::with_seed(options.seed),
            deck: Deck::of(&faults),
            faults: faults.iter().map(|fault| (*fault, 0)).collect(),
            history,
            site,
            traces,
            options,
            _folder: folder,
        })
    }

    async fn drive(&mut self) -> io::Result<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        while !self.is_over(began.elapsed()) {
            let longest = u64::try_from(self.options.pause.as_millis()).expect("a short time");
            let pause = self.random.u64(longest / 4..=longest);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.processes.look();
            if !self.options.calm {
                self.bring_about().await?;
            }
            if self.options.progress && told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.tell(began.elapsed());
            }
        }
        Ok(())
    }

    fn is_over(&self, elapsed: Duration) -> bool {
        let enough = match self.options.limit {
            Limit::Time(time) => elapsed >= time,
            Limit::Reads(reads) => self.reads() >= reads,
        };
        // A process that breaks down is a fault, of cachecow or of this program.
        if !self.processes.crashes.is_empty() {
            return true;
        }
        if self.options.tokenless {
            return enough || self.history.violations() > 0;
        }
        let foreign = self.foreign.as_ref().is_none_or(Foreign::is_over);
        enough && foreign && (self.options.calm || self.deck.rounds > 0)
    }

    fn reads(&self) -> u64 {
        CHECKED.iter().map(|act| self.history.counted(*act)).sum()
    }

    async fn bring_about(&mut self) -> io::Result<()> {
        let fault = self.deck.deal(&mut self.random);
        let began = self.history.now();
        let process = self.random.usize(..self.processes.len());
        match (fault, &mut self.site) {
            (Fault::ProcessKilled, _) => self.processes.kill(process),
            (Fault::WriterKilled, _) => {
                self.history.doom(process);
                self.processes.replace_once_dead(process).await;
            }
            (fault, _) if OF_A_PROCESS.contains(&fault) => {
                self.processes.order(process, fault, &self.history).await;
            }
            (_, Site::Server(server)) => server.carry_out(fault, &mut self.random).await?,
            (_, Site::Cluster(cluster)) => {
                cluster.carry_out(fault, &mut self.random, &self.history).await;
            }
            (_, Site::Sentinels(group)) => {
                group.carry_out(fault, &mut self.random, &self.history).await;
            }
        }
        let ended = self.history.now();
        let (act, cell) = (Act::Fault, fault.number());
        self.history.trace.note(PARENT, Event { began, ended, act, cell, version: 0, floor: 0 });
        let counted = self.faults.iter_mut().find(|(counted, _)| *counted == fault);
        counted.expect("one of the deck's").1 += 1;
        Ok(())
    }

    fn tell(&self, elapsed: Duration) {
        let faults: u64 = self.faults.iter().map(|(_, count)| count).sum();
        println!(
            "{:>6} s {:>14} reads checked {faults:>6} faults {:>4} violations",
            elapsed.as_secs(),
            grouped(self.reads()),
            self.history.violations(),
        );
        if let Some(foreign) = &self.foreign {
            println!("{:>24} rows changed by others", grouped(foreign.changes()));
        }
    }

    async fn end(mut self) -> io::Result<Report> {
        self.history.stop();
        self.processes.end().await;
        let foreign = match self.foreign.take() {
            Some(foreign) => Some(foreign.end().await),
            None => None,
        };
        let judged = self.site.failovers().map(|failovers| {
            failovers.judge(&self.history, |suspect| {
                let Some(number) = self.history.violated(suspect.cell) else { return };
                let heading = format!("violation {number}: no failover explains {suspect:?}");
                eprintln!("{heading}");
                let path = self.traces.join(format!("violation-{number}.txt"));
                if let Err(error) = self.history.trace.dump(suspect.cell, &heading, &path) {
                    eprintln!("{}: {error}", path.display());
                }
            })
        });
        let mut report = Report::of(&self.history);
        report.server = self.site.version().await;
        report.evicted = self.site.evicted().await;
        if report.violations == 0 && self.options.traces.is_none() {
            // Of suspects at the most, and under a name that nobody asked for.
            let _ = std::fs::remove_dir_all(&self.traces);
        }
        report.processes = self.options.processes;
        report.seed = self.options.seed;
        report.faults = self.faults;
        report.crashes = std::mem::take(&mut self.processes.crashes);
        report.judged = judged;
        report.foreign = foreign;
        report.traces = self.traces;
        Ok(report)
    }
}
