//! How far a process has come with what it was ordered to, for when it comes no further.

macro_rules! stages {
    ($($stage:ident: $name:literal;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Stage {$($stage,)*}

        const ALL: [Stage; [$($name),*].len()] = [$(Stage::$stage),*];

        impl Stage {
            pub(crate) fn name(self) -> &'static str {
                match self {$(Self::$stage => $name,)*}
            }
        }
    };
}

stages! {
    Waiting: "waiting for an order";
    Warming: "reading an object until it is served from the cache";
    HitBurst: "in a burst of reads of what is cached";
    MissBurst: "in a burst of reads of what is not cached";
    BesideHits: "reading beside hits that nobody polls";
    BehindLeader: "reading behind a leader that nobody polls";
    NextRuntime: "using a runtime after another's end";
    ShuttingDown: "shutting a runtime down with reads in mid-fetch";
    LeftOver: "dropping reads whose runtime has ended";
    MakingUp: "waiting for the invalidations that an ended runtime has left outstanding";
}

impl Stage {
    pub(crate) fn number(self) -> u64 {
        self as u64
    }

    pub(crate) fn of_number(number: u64) -> Self {
        let number = usize::try_from(number).unwrap_or_default();
        ALL.get(number).copied().unwrap_or(Self::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_back_to_its_stage() {
        assert!(ALL.iter().all(|stage| Stage::of_number(stage.number()) == *stage));
    }
}
