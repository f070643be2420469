//! What goes wrong, and in which order.

use fastrand::Rng;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident: $name:literal;)*) => {
        /// A fault that is brought about on purpose.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Fault {$($(#[$doc])* $fault,)*}

        const ALL: [Fault; [$($name),*].len()] = [$(Fault::$fault),*];

        impl Fault {
            /// As the report has it.
            pub fn name(self) -> &'static str {
                match self {$(Self::$fault => $name,)*}
            }
        }
    };
}

faults! {
    /// kill -9 of a process, at any moment; another takes its place.
    ProcessKilled: "process killed (-9)";
    /// kill -9 of a process between a write's commit and its end.
    WriterKilled: "process killed (-9) between commit and release";
    /// A runtime shut down with reads and changes in mid-fetch, and another in its place.
    RuntimeEnded: "runtime shut down in mid-read";
    /// Reads polled once and kept beside.
    ReadsUnpolled: "reads not polled";
    /// Reads polled once and forgotten.
    ReadsForgotten: "reads forgotten";
    /// Thousands of reads of one object at once.
    Burst: "burst of reads of one object";
    /// kill -9 of the server, and another, empty one on the same socket.
    ServerRestarted: "Redis killed (-9) and restarted";
    /// The server stopped and continued.
    ServerPaused: "Redis paused (SIGSTOP)";
    /// `CLIENT PAUSE`.
    ClientsPaused: "CLIENT PAUSE";
    /// `SCRIPT FLUSH`.
    ScriptsFlushed: "SCRIPT FLUSH";
    /// `FLUSHALL`.
    AllFlushed: "FLUSHALL";
    /// `CLIENT KILL TYPE normal`.
    ClientsKilled: "CLIENT KILL TYPE normal";
    /// `CLIENT KILL` of the connections that hear of changes.
    TrackersKilled: "CLIENT KILL of tracking connections";
    /// Evictions, since for a while there is hardly any memory.
    Evicted: "memory short, mass eviction";
    /// Every connection of the link cut in the middle of a request.
    RequestCut: "link cut in mid request";
    /// Every connection of the link cut in the middle of a reply.
    ReplyCut: "link cut in mid reply";
    /// The link slowed down.
    LinkDelayed: "link delayed";
    /// The link held up, and all that was sent meanwhile delivered then.
    LinkHeldUp: "link held up, then delivered late";
    /// kill -9 of a master, until a replica has replaced it.
    FailedOver: "master killed (-9) and failed over";
    /// The same, when the replica had been out of reach for a while.
    FailedOverBehind: "the same, with its replica behind";
    /// A failover on command.
    FailedOverByHand: "master replaced by hand";
    /// A master stopped and continued before anybody misses it.
    MasterStopped: "master stopped (SIGSTOP) and woken";
    /// A master stopped, and woken when a replica has replaced it.
    MasterReplaced: "master stopped, failed over and woken";
    /// Slots moved to another master with their keys, and back.
    SlotsMoved: "slots moved";
    /// A move of slots broken off when half of the keys were moved, and begun again later.
    MoveBrokenOff: "slots' move broken off and begun again";
    /// The same, with the former owner killed in the middle and its replica behind.
    MoveFailedOver: "master failed over in a move of its slots";
    /// The links to all sentinels cut, and a master stopped, replaced and woken meanwhile.
    SentinelsCutOff: "sentinels' links cut, failover meanwhile";
    /// The same with links that stand and let nothing through.
    SentinelsHeldUp: "sentinels' links held up, failover meanwhile";
    /// The links to all sentinels cut for a moment.
    SentinelsBlinked: "sentinels' links cut for a moment";
    /// A sentinel stopped and continued.
    SentinelStopped: "sentinel stopped (SIGSTOP) and woken";
}

/// What can happen within a process, whatever it runs on.
pub const OF_A_PROCESS: [Fault; 5] = [
    Fault::ProcessKilled,
    Fault::RuntimeEnded,
    Fault::ReadsUnpolled,
    Fault::ReadsForgotten,
    Fault::Burst,
];

/// What can happen to one server.
pub const OF_A_SERVER: [Fault; 13] = [
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
pub const OF_A_CLUSTER: [Fault; 11] = [
    Fault::FailedOver,
    Fault::FailedOverBehind,
    Fault::FailedOverByHand,
    Fault::MasterStopped,
    Fault::MasterReplaced,
    Fault::SlotsMoved,
    Fault::MoveBrokenOff,
    Fault::MoveFailedOver,
    Fault::ScriptsFlushed,
    Fault::AllFlushed,
    Fault::ClientsKilled,
];

/// What can happen to servers with sentinels.
pub const OF_SENTINELS: [Fault; 10] = [
    Fault::FailedOver,
    Fault::FailedOverByHand,
    Fault::MasterStopped,
    Fault::SentinelsCutOff,
    Fault::SentinelsHeldUp,
    Fault::SentinelsBlinked,
    Fault::SentinelStopped,
    Fault::ScriptsFlushed,
    Fault::AllFlushed,
    Fault::ClientsKilled,
];

impl Fault {
    /// In the trace.
    pub(crate) fn number(self) -> usize {
        self as usize
    }

    pub(crate) fn of_number(number: usize) -> Option<Self> {
        ALL.get(number).copied()
    }

    pub(crate) fn name_of(number: usize) -> &'static str {
        Self::of_number(number).map_or("unknown", Self::name)
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
        assert_eq!(dealt, OF_A_SERVER.map(Fault::number));
        assert_eq!(deck.rounds, 1);
    }

    #[test]
    fn a_number_leads_back_to_its_fault() {
        for fault in ALL {
            assert_eq!(Fault::of_number(fault.number()), Some(fault));
        }
    }
}
