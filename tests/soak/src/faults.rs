//! What goes wrong, and in which order.

use fastrand::Rng;

/// A fault that is brought about on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// kill -9 of a process, at any moment; another takes its place.
    ProcessKilled,
    /// kill -9 of a process between a write's commit and its end.
    WriterKilled,
    /// kill -9 of the server, and another, empty one on the same socket.
    ServerRestarted,
    /// The server stopped and continued.
    ServerPaused,
    /// `CLIENT PAUSE`.
    ClientsPaused,
    /// `SCRIPT FLUSH`.
    ScriptsFlushed,
    /// `FLUSHALL`.
    AllFlushed,
    /// `CLIENT KILL TYPE normal`.
    ClientsKilled,
    /// `CLIENT KILL` of the connections that hear of changes.
    TrackersKilled,
    /// Evictions, since for a while there is hardly any memory.
    Evicted,
    /// Every connection of the link cut in the middle of a request.
    RequestCut,
    /// Every connection of the link cut in the middle of a reply.
    ReplyCut,
    /// The link slowed down.
    LinkDelayed,
    /// The link held up, and all that was sent meanwhile delivered then.
    LinkHeldUp,
    /// kill -9 of a cluster's master, until its replica has replaced it.
    FailedOver,
    /// The same, when the replica had been out of reach for a while.
    FailedOverBehind,
}

/// What can happen to one server.
pub const OF_A_SERVER: [Fault; 14] = [
    Fault::ProcessKilled,
    Fault::WriterKilled,
    Fault::ServerRestarted,
    Fault::ServerPaused,
    Fault::ClientsPaused,
    Fault::ScriptsFlushed,
    Fault::AllFlushed,
    Fault::ClientsKilled,
    Fault::TrackersKilled,
    Fault::Evicted,
    Fault::RequestCut,
    Fault::ReplyCut,
    Fault::LinkDelayed,
    Fault::LinkHeldUp,
];

/// What can happen to a cluster.
pub const OF_A_CLUSTER: [Fault; 6] = [
    Fault::FailedOver,
    Fault::FailedOverBehind,
    Fault::ProcessKilled,
    Fault::ScriptsFlushed,
    Fault::AllFlushed,
    Fault::ClientsKilled,
];

const ALL: [Fault; 16] = {
    let mut all = [Fault::FailedOver; 16];
    let mut place = 0;
    while place < OF_A_SERVER.len() {
        all[place] = OF_A_SERVER[place];
        place += 1;
    }
    all[15] = Fault::FailedOverBehind;
    all
};

impl Fault {
    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessKilled => "process killed (-9)",
            Self::WriterKilled => "process killed (-9) between commit and release",
            Self::ServerRestarted => "Redis killed (-9) and restarted",
            Self::ServerPaused => "Redis paused (SIGSTOP)",
            Self::ClientsPaused => "CLIENT PAUSE",
            Self::ScriptsFlushed => "SCRIPT FLUSH",
            Self::AllFlushed => "FLUSHALL",
            Self::ClientsKilled => "CLIENT KILL TYPE normal",
            Self::TrackersKilled => "CLIENT KILL of tracking connections",
            Self::Evicted => "memory short, mass eviction",
            Self::RequestCut => "link cut in mid request",
            Self::ReplyCut => "link cut in mid reply",
            Self::LinkDelayed => "link delayed",
            Self::LinkHeldUp => "link held up, then delivered late",
            Self::FailedOver => "master killed (-9) and failed over",
            Self::FailedOverBehind => "the same, with its replica behind",
        }
    }

    /// In the trace.
    pub(crate) fn number(self) -> usize {
        self as usize
    }

    pub(crate) fn name_of(number: usize) -> &'static str {
        ALL.get(number).map_or("unknown", |fault| fault.name())
    }
}

/// The faults in a random order, each once before any comes again.
pub(crate) struct Deck {
    faults: Vec<Fault>,
    left: Vec<Fault>,
    /// How often all of them were dealt.
    pub(crate) rounds: usize,
}

impl Deck {
    pub(crate) fn of(faults: &[Fault]) -> Self {
        Self { faults: faults.to_vec(), left: faults.to_vec(), rounds: 0 }
    }

    pub(crate) fn deal(&mut self, random: &mut Rng) -> Fault {
        let fault = self.left.swap_remove(random.usize(..self.left.len()));
        if self.left.is_empty() {
            self.left.clone_from(&self.faults);
            self.rounds += 1;
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_comes_once_a_round() {
        let mut random = Rng::with_seed(1);
        let mut deck = Deck::of(&OF_A_SERVER);
        let mut dealt: Vec<usize> = OF_A_SERVER.map(|_| deck.deal(&mut random).number()).to_vec();
        dealt.sort_unstable();
        assert_eq!(dealt, (0..OF_A_SERVER.len()).collect::<Vec<_>>());
        assert_eq!(deck.rounds, 1);
    }

    #[test]
    fn a_number_leads_back_to_its_fault() {
        for fault in ALL {
            assert_eq!(Fault::name_of(fault.number()), fault.name());
        }
    }
}
