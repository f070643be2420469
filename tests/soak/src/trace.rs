//! What every process did of late, kept where it outlives the process.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::act::{ACTS, Act};
use crate::faults::Fault;
use crate::history::{MAX_PROCESSES, Micros, OBJECTS, PARENT};
use crate::objects::{NAMES, primary_cell};

/// Hits are many and say little; they are kept for a shorter time.
const HITS: usize = 1 << 15;
const OTHERS: usize = 1 << 17;
const EVENT_NUMBERS: usize = 5;
const PROCESS_NUMBERS: usize = 2 + (HITS + OTHERS) * EVENT_NUMBERS;
pub(crate) const NUMBERS: usize = (MAX_PROCESSES + 1) * PROCESS_NUMBERS;

/// For each process the last events.
#[derive(Clone, Copy)]
pub(crate) struct Trace(&'static [AtomicU64]);

/// What happened to one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) began: Micros,
    pub(crate) ended: Micros,
    pub(crate) act: Act,
    /// Or a fault's number.
    pub(crate) cell: usize,
    pub(crate) version: u64,
    /// What was promised, where that matters.
    pub(crate) floor: u64,
}

impl Trace {
    pub(crate) fn new(numbers: &'static [AtomicU64]) -> Self {
        Self(numbers)
    }

    pub(crate) fn note(&self, process: usize, event: Event) {
        let hit = matches!(
            event.act,
            Act::NearRead | Act::CacheRead | Act::BatchRead | Act::NearBatchRead
        );
        let (next, ring) = self.rings(process)[usize::from(!hit)];
        let events = ring.len() / EVENT_NUMBERS;
        let place = usize::try_from(next.fetch_add(1, SeqCst)).expect("a count") % events;
        let Event { began, ended, act, cell, version, floor } = event;
        let what = (act as u64) << 32 | cell as u64;
        for (number, value) in
            ring[place * EVENT_NUMBERS..].iter().zip([began, ended, what, version, floor])
        {
            number.store(value, SeqCst);
        }
    }

    fn rings(&self, process: usize) -> [(&'static AtomicU64, &'static [AtomicU64]); 2] {
        let numbers = &self.0[process * PROCESS_NUMBERS..(process + 1) * PROCESS_NUMBERS];
        let (hits, others) = numbers[2..].split_at(HITS * EVENT_NUMBERS);
        [(&numbers[0], hits), (&numbers[1], others)]
    }

    /// Writes a cell's events, and all faults, in the order in which they began.
    pub(crate) fn dump(&self, cell: usize, heading: &str, path: &Path) -> io::Result<()> {
        let mut events: Vec<(usize, Event)> = (0..=MAX_PROCESSES)
            .flat_map(|process| self.rings(process).map(|(_, ring)| (process, ring)))
            .flat_map(|(process, ring)| {
                ring.chunks(EVENT_NUMBERS).map(move |numbers| (process, numbers))
            })
            .filter_map(|(process, numbers)| Some((process, event(numbers)?)))
            .filter(|(_, event)| {
                event.act == Act::Fault || primary_cell(event.cell) == primary_cell(cell)
            })
            .collect();
        events.sort_unstable_by_key(|(_, event)| event.began);
        let mut text = format!("{heading}\n\n");
        for (process, event) in events {
            let Event { began, ended, act, version, floor, .. } = event;
            let _ = write!(text, "{} - {}  ", seconds(began), seconds(ended));
            let _ = match (act, process) {
                (Act::Fault, _) => writeln!(text, "{}: {}", act.name(), Fault::name_of(event.cell)),
                (_, PARENT) => unreachable!("the parent only makes faults"),
                _ => writeln!(
                    text,
                    "process {process}  version {version:>6}, promised {floor:>6}  {}",
                    act.name()
                ),
            };
        }
        std::fs::write(path, text)
    }
}

/// None where nothing was written yet, or something is being written.
fn event(numbers: &[AtomicU64]) -> Option<Event> {
    let [began, ended, what, version, floor] = [0, 1, 2, 3, 4].map(|at| numbers[at].load(SeqCst));
    let act = *ACTS.get(usize::try_from(what >> 32).ok()?)?;
    let cell = usize::try_from(what & u64::from(u32::MAX)).ok()?;
    (ended != 0).then_some(Event { began, ended, act, cell, version, floor })
}

/// How a cell is called.
pub(crate) fn name(cell: usize) -> String {
    format!("{} {}", NAMES[cell / OBJECTS], cell % OBJECTS)
}

#[expect(clippy::cast_precision_loss, reason = "a run does not last that long")]
pub(crate) fn seconds(time: Micros) -> String {
    format!("{:12.6}", time as f64 / 1e6)
}
