//! One key's value, flag and epoch.

use bytes::Bytes;
use cachecow::protocol::{Command, Replacing, Reply, Token};
use std::time::Duration;
use tokio::time::Instant;

use super::Fault;

#[derive(Clone, Default)]
pub(super) struct Slot {
    value: Option<(Bytes, Instant)>,
    lease: Option<(Token, Instant)>,
    holds: Vec<(Token, Instant)>,
    /// The hold with no other, and no invalidation, since it was placed.
    alone: Option<Token>,
    epoch: Option<(Token, Instant)>,
    /// While any stands, no epoch may begin.
    epoch_holds: Vec<(Token, Instant)>,
    /// What faults do not forget.
    last: Option<Bytes>,
    removed: Option<(Token, Instant)>,
}

impl Slot {
    pub(super) fn value(&self) -> Option<Bytes> {
        self.value.as_ref().map(|(value, _)| value.clone())
    }

    /// The last value that was stored.
    pub(super) fn last(&self) -> Option<Reply> {
        self.last.clone().map(Reply::Value)
    }

    pub(super) fn lease_end(&self, now: Instant) -> Option<Instant> {
        self.lease.map(|(_, end)| end).filter(|end| *end > now)
    }

    /// Drops what has expired.
    pub(super) fn expire(&mut self, now: Instant, fault: Fault) {
        self.value.take_if(|(_, end)| *end <= now && fault != Fault::ExpiresNoValue);
        self.lease.take_if(|(_, end)| *end <= now && fault != Fault::ExpiresNoLease);
        self.holds.retain(|(_, end)| *end > now || fault == Fault::ExpiresNoHold);
        self.epoch.take_if(|(_, end)| *end <= now && fault != Fault::ExpiresNoEpoch);
        self.epoch_holds.retain(|(_, end)| *end > now || fault == Fault::ExpiresNoEpochHold);
    }

    /// What the command does, and its answer. `count` is how many grants and epochs there were.
    pub(super) fn carry_out(&mut self, command: &Command, fault: Fault, count: &mut u64) -> Reply {
        let now = Instant::now();
        match command {
            Command::Lookup => self.look_up(fault),
            Command::Claim { token, lease, replacing } => {
                self.claim(*token, now + *lease, replacing.as_ref(), fault, count)
            }
            Command::Fill { ttl, .. }
                if fault == Fault::RefusesLongTimes && ttl.as_secs() > 3600 =>
            {
                Reply::Refused
            }
            Command::Fill { token, value, ttl } => self.fill(token, value, now + *ttl, fault),
            Command::Abandon { token } => self.abandon(token, fault),
            Command::Invalidate => {
                self.remove(fault, Fault::InvalidatesNoValue, Fault::InvalidatesNoLease);
                if fault == Fault::InvalidatesHolds {
                    self.holds.clear();
                }
                if fault != Fault::StoresDespiteAnInvalidation {
                    self.alone = None;
                }
                Reply::Done
            }
            Command::Hold { token, ttl } => {
                self.remove(fault, Fault::HoldsOverAValue, Fault::HoldsOverALease);
                let is_first = self.holds.is_empty() || fault == Fault::StoresBesideOthers;
                self.alone = is_first.then_some(*token);
                self.hold(*token, now + *ttl, fault);
                Reply::Done
            }
            Command::Release { token } => {
                self.release(token, fault);
                Reply::Done
            }
            Command::ReleaseAndStore { token, value, ttl } => {
                let holders: Vec<Token> = self.holds.iter().map(|(holder, _)| *holder).collect();
                let may_store = match fault {
                    Fault::StoresNothingAtARelease => false,
                    Fault::StoresWithoutItsHold => !holders.iter().any(|holder| holder != token),
                    Fault::StoresOnceOthersHaveEnded => holders == [*token],
                    _ => self.alone == Some(*token) && holders.contains(token),
                };
                self.release(token, fault);
                if may_store && fault == Fault::StoresAndKeepsTheHold {
                    self.holds.push((*token, now + *ttl));
                }
                if !may_store {
                    return Reply::Refused;
                }
                self.last = Some(value.clone());
                self.value = Some((value.clone(), now + *ttl));
                Reply::Settled
            }
            Command::ReadEpoch if fault == Fault::BeginsAnEpochByALook => {
                self.take(Token::from_bytes([0; 16]), now + Duration::from_secs(60), fault, count)
            }
            Command::ReadEpoch => self.read_epoch(),
            Command::TakeEpoch { fresh, ttl } => self.take(*fresh, now + *ttl, fault, count),
            Command::EndEpoch => {
                self.end_epoch(fault, Fault::EndsNoEpoch);
                if fault == Fault::EndsEpochHolds {
                    self.epoch_holds.clear();
                }
                Reply::Done
            }
            Command::HoldEpoch { token, ttl } => {
                self.end_epoch(fault, Fault::HoldsOverAnEpoch);
                if fault != Fault::CountsEpochHolds {
                    self.epoch_holds.retain(|(holder, _)| holder != token);
                }
                if fault != Fault::HoldsNoEpoch {
                    self.epoch_holds.push((*token, now + *ttl));
                }
                Reply::Done
            }
            Command::ReleaseEpoch { token } => {
                self.end_epoch(fault, Fault::ReleasesOverAnEpoch);
                self.release_epoch(token, fault);
                Reply::Done
            }
        }
    }

    fn look_up(&mut self, fault: Fault) -> Reply {
        match (&self.value, &self.last, fault) {
            (None, Some(last), Fault::BringsTheValueBack) => Reply::Value(last.clone()),
            (None, _, Fault::AnswersWithEmptyValues) => Reply::Value(Bytes::new()),
            (None, ..) => Reply::Absent,
            (Some((value, _)), ..) => Reply::Value(value.clone()),
        }
    }

    fn claim(
        &mut self,
        token: Token,
        ends: Instant,
        replacing: Option<&Replacing>,
        fault: Fault,
        count: &mut u64,
    ) -> Reply {
        if let Some((value, _)) = &self.value
            && fault != Fault::GrantsDespiteAValue
        {
            match replacing {
                Some(Replacing { seen, keep }) if fault.takes_for(seen, value) => {
                    if !keep || fault == Fault::DiscardsWhatIsKept {
                        self.value = None;
                    }
                }
                _ => return Reply::Value(value.clone()),
            }
        }
        if replacing.is_some() && self.value.is_none() && fault == Fault::ReplacesNothing {
            return Reply::Leased;
        }
        if !self.holds.is_empty() && fault != Fault::ClaimsThroughHolds {
            return Reply::Held;
        }
        if self.lease.is_some() && fault != Fault::GrantsEveryClaim {
            return Reply::Leased;
        }
        *count += 1;
        let number = match fault {
            Fault::GrantsTheSameNumber => 7,
            Fault::GrantsTheNumberZero => 0,
            Fault::CountsAgain => *count % 8 + 1,
            _ => *count,
        };
        self.lease = Some((token.granted(number), ends));
        Reply::Claimed(number)
    }

    fn fill(&mut self, token: &Token, value: &Bytes, ends: Instant, fault: Fault) -> Reply {
        if fault == Fault::BringsTheLeaseBack && self.lease.is_none() {
            self.lease = self.removed.take();
        }
        let stands = self.lease.is_some_and(|(lease, _)| fault.is_of(token, &lease));
        if !stands && fault != Fault::FillsWithoutALease {
            if fault == Fault::RefusesAndFreesTheLease {
                self.lease = None;
            }
            return Reply::Refused;
        }
        let value = match fault {
            Fault::StoresText => Bytes::from(String::from_utf8_lossy(value).into_owned()),
            Fault::StoresAMegabyte => value.slice(..value.len().min(1 << 20)),
            _ => value.clone(),
        };
        self.last = Some(value.clone());
        if fault == Fault::StoresNoEmptyValue && value.is_empty() {
            self.value = None;
        } else {
            self.value = Some((value, ends));
        }
        if fault != Fault::FillsAndKeepsTheLease {
            self.lease = None;
        }
        Reply::Settled
    }

    fn abandon(&mut self, token: &Token, fault: Fault) -> Reply {
        let stands = self.lease.is_some_and(|(lease, _)| match fault {
            Fault::AbandonsForAnyone => true,
            Fault::AbandonsByNumberOnly => token == &lease,
            _ => fault.is_of(token, &lease),
        });
        if !stands {
            return Reply::Refused;
        }
        if fault != Fault::AbandonsNothing {
            self.lease = None;
        }
        Reply::Settled
    }

    /// Deletes the value and the lease, but for what a fault leaves.
    fn remove(&mut self, fault: Fault, leaves_value: Fault, leaves_lease: Fault) {
        if fault != leaves_value {
            self.value = None;
        }
        if fault != leaves_lease {
            self.removed = self.lease.take();
        }
    }

    fn hold(&mut self, token: Token, ends: Instant, fault: Fault) {
        let mine = |(holder, _): &&mut (Token, Instant)| *holder == token;
        match (self.holds.iter_mut().find(mine), fault) {
            (Some(_), Fault::CountsHolds) | (None, _) => self.holds.push((token, ends)),
            (Some(_), Fault::HoldsAsTheFirstSaid) => {}
            (Some(hold), Fault::HoldsForTheLongest) => hold.1 = hold.1.max(ends),
            (Some(hold), _) => hold.1 = ends,
        }
    }

    fn release(&mut self, token: &Token, fault: Fault) {
        self.alone = None;
        let at = self.holds.iter().position(|(holder, _)| holder == token);
        if at.is_some() || fault != Fault::ReleasesItsHoldOnly {
            self.remove(fault, Fault::ReleasesOverAValue, Fault::ReleasesOverALease);
        }
        match (at, fault) {
            (_, Fault::ReleasesNothing) => {}
            (_, Fault::ReleasesEveryHold) => self.holds.clear(),
            (None, Fault::ReleasesAnyHold) => drop(self.holds.pop()),
            (Some(at), _) => drop(self.holds.remove(at)),
            (None, _) => {}
        }
    }

    fn read_epoch(&self) -> Reply {
        match self.epoch {
            Some((epoch, _)) => Reply::Epoch(epoch),
            None if self.epoch_holds.is_empty() => Reply::Absent,
            None => Reply::Held,
        }
    }

    fn take(&mut self, fresh: Token, ends: Instant, fault: Fault, count: &mut u64) -> Reply {
        if fault == Fault::BeginsAnEpochForEach {
            self.epoch = None;
        }
        match &mut self.epoch {
            Some(_) if fault == Fault::KeepsEpochsAsTheFirstSaid => {}
            Some((_, end)) if fault == Fault::KeepsEpochsAsTheLastSaid => *end = ends,
            Some((_, end)) => *end = ends.max(*end),
            None if !self.epoch_holds.is_empty() => {}
            None => {
                *count += 1;
                let epoch = match fault {
                    Fault::BeginsTheSameEpoch => fresh,
                    Fault::NumbersTheFirstHalf => {
                        let mut bytes = [0; 16];
                        bytes[..8].copy_from_slice(&count.to_be_bytes());
                        Token::from_bytes(bytes)
                    }
                    _ => fresh.numbered(*count),
                };
                self.epoch = Some((epoch, ends));
            }
        }
        self.read_epoch()
    }

    /// Ends the epoch, but for what a fault leaves.
    fn end_epoch(&mut self, fault: Fault, leaves: Fault) {
        if fault != leaves {
            self.epoch = None;
        }
        if fault == Fault::EndsTheValueToo {
            self.value = None;
        }
    }

    fn release_epoch(&mut self, token: &Token, fault: Fault) {
        let at = self.epoch_holds.iter().position(|(holder, _)| holder == token);
        match (at, fault) {
            (_, Fault::ReleasesEveryEpoch) => self.epoch_holds.clear(),
            (None, _) | (_, Fault::ReleasesNoEpoch) => {}
            (Some(at), _) => drop(self.epoch_holds.remove(at)),
        }
    }
}
