//! Contenders that read in turns, and tables of their rates and latencies.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{USERS, median, median_ratio, quick, throughput};

/// How many tasks read at a time.
pub(crate) const TASKS: [u32; 3] = [1, 32, 256];

/// One way to read users. Each task has a clone of its own.
pub(crate) trait Reader: Clone + Send + Sync + 'static {
    /// Reads this user, or the batch that begins with it, and checks what comes back.
    fn read(&mut self, id: i64) -> impl Future<Output = ()> + Send;
}

/// A reader with a name for the table.
pub(crate) struct Contender {
    name: &'static str,
    run: Box<dyn Fn(u32, Duration, Option<Times>) -> BoxFuture<'static, f64> + Send + Sync>,
}

/// The nanoseconds of each read.
type Times = Arc<Mutex<Vec<u32>>>;

impl Contender {
    pub(crate) fn new(name: &'static str, reader: impl Reader) -> Self {
        let run = move |tasks, window, times| rate_of(reader.clone(), tasks, window, times).boxed();
        Self { name, run: Box::new(run) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

async fn rate_of(reader: impl Reader, tasks: u32, window: Duration, times: Option<Times>) -> f64 {
    let one = |stop, first| read_on(reader.clone(), stop, first, times.clone());
    throughput(tasks, window, USERS, one).await
}

async fn read_on(
    mut reader: impl Reader,
    stop: Arc<AtomicBool>,
    mut id: i64,
    times: Option<Times>,
) -> u32 {
    let (mut count, mut own) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let began = times.is_some().then(Instant::now);
        reader.read(id).await;
        own.extend(
            began.map(|began| u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX)),
        );
        id = (id + 7) % USERS;
        count += 1;
    }
    if let Some(times) = times {
        times.lock().expect("no task fails").append(&mut own);
    }
    count
}

/// What one number of tasks gave.
pub(crate) struct Row {
    pub(crate) tasks: u32,
    /// In the order of the contenders.
    pub(crate) rates: Vec<f64>,
    /// Of the first contender to each of the others.
    pub(crate) ratios: Vec<f64>,
}

/// Prints the rates of the contenders, and the ratios of the first one's to each of the others'.
pub(crate) async fn compare(what: &str, contenders: &[Contender], tasks: &[u32]) -> Vec<Row> {
    let none = contenders.iter().map(|_| None).collect::<Vec<_>>();
    print_head(what, contenders);
    let mut rows = Vec::new();
    for &tasks in tasks {
        rows.push(row(contenders, tasks, &none).await);
    }
    rows
}

/// As [`compare`], and prints how long a read takes in a second table.
pub(crate) async fn compare_latencies(
    what: &str,
    contenders: &[Contender],
    tasks: &[u32],
) -> Vec<Row> {
    print_head(what, contenders);
    let mut latencies = String::new();
    let mut rows = Vec::new();
    for &tasks in tasks {
        let times: Vec<_> = contenders.iter().map(|_| Some(Times::default())).collect();
        rows.push(row(contenders, tasks, &times).await);
        let _ = write!(latencies, "{tasks:>6}");
        for times in times.into_iter().flatten() {
            let mut times = times.lock().expect("no task fails");
            times.sort_unstable();
            let at = |percent| f64::from(times[times.len() * percent / 100]) / 1e3;
            let _ = write!(latencies, " {:>16}", format!("{:.0} / {:.0}", at(50), at(99)));
        }
        latencies.push('\n');
    }
    print!("\nmicroseconds a read, median / 99 of 100\n{:>6}", "tasks");
    contenders.iter().for_each(|contender| print!(" {:>16}", contender.name));
    print!("\n{latencies}");
    rows
}

fn rounds() -> (usize, Duration) {
    let (rounds, window) = if quick() { (5, 100) } else { (15, 400) };
    (rounds, Duration::from_millis(window))
}

fn print_head(what: &str, contenders: &[Contender]) {
    let (rounds, window) = rounds();
    println!("\n{what} a second, medians of {rounds} rounds of {window:?} each");
    print!("{:>6}", "tasks");
    contenders.iter().for_each(|contender| print!(" {:>12}", contender.name));
    contenders[1..].iter().for_each(|other| print!(" {:>16}", format!("to {}", other.name)));
    println!();
}

/// The contenders take turns, and each round begins with another one.
async fn row(contenders: &[Contender], tasks: u32, times: &[Option<Times>]) -> Row {
    let (rounds, window) = rounds();
    let mut rates = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            // The first round warms up.
            let times = times[at].clone().filter(|_| round > 0);
            let rate = (contenders[at].run)(tasks, window, times).await;
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    let ratios: Vec<_> = rates[1..].iter().map(|other| median_ratio(&rates[0], other)).collect();
    let rates: Vec<_> = rates.into_iter().map(median).collect();
    print!("{tasks:>6}");
    rates.iter().for_each(|rate| print!(" {rate:>12.0}"));
    ratios.iter().for_each(|ratio| print!(" {ratio:>16.3}"));
    println!();
    Row { tasks, rates, ratios }
}

/// What is to be reached: `-- --goals` makes a miss an error.
#[derive(Default)]
pub(crate) struct Goals {
    count: usize,
    missed: Vec<String>,
}

impl Goals {
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, goal: f64) {
        self.add(figure >= goal, format!("{what}: {figure:.3}, at least {goal}"));
    }

    pub(crate) fn at_most(&mut self, what: &str, figure: f64, goal: f64) {
        self.add(figure <= goal, format!("{what}: {figure:.3}, at most {goal}"));
    }

    fn add(&mut self, met: bool, line: String) {
        self.count += 1;
        if !met {
            self.missed.push(line);
        }
    }

    /// # Panics
    ///
    /// With `--goals`, if one is missed.
    pub(crate) fn report(self) {
        println!("\n{} of {} goals missed", self.missed.len(), self.count);
        self.missed.iter().for_each(|line| println!("    {line}"));
        let wanted = std::env::args().any(|argument| argument == "--goals");
        assert!(!wanted || self.missed.is_empty(), "goals are missed, see above");
    }
}
