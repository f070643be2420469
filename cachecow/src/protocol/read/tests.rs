//! Tests of a read's steps after each reply, and of how it ends.

use std::time::Duration;

use super::*;

const LEASE: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_secs(600);

fn token(number: u8) -> Token {
    Token::from_bytes([number; 16])
}

fn seen(value: u8) -> SeenValue {
    SeenValue::of(&[value])
}

fn policy(on_lease: OnLease) -> ReadPolicy {
    ReadPolicy { first: First::Lookup, on_lease, lease: LEASE }
}

/// A read that has found nothing, and leads the load.
fn leading() -> ReadMachine<u8> {
    let mut read = ReadMachine::new(policy(OnLease::Wait));
    assert_eq!(read.next_step(), Step::Send(Command::Lookup));
    read.on_reply(Ok(Reply::Absent));
    assert_eq!(read.next_step(), Step::Enter);
    read.on_entered(Role::Leader(token(1)));
    read
}

/// A read whose value got this verdict, and that leads the load.
fn renewing(verdict: Verdict) -> ReadMachine<u8> {
    let mut read = ReadMachine::new(policy(OnLease::Wait));
    read.next_step();
    read.on_reply(Ok(Reply::Value(1)));
    assert_eq!(read.next_step(), Step::Judge(1));
    read.on_judged(verdict, None);
    assert!(matches!(read.next_step(), Step::Enter | Step::Lead));
    read.on_entered(Role::Leader(token(1)));
    read
}

fn claims(read: &mut ReadMachine<u8>, reply: Result<Reply<u8>, Lost>) {
    assert!(matches!(read.next_step(), Step::Send(Command::Claim { .. })));
    read.on_reply(reply);
}

/// Grants the claim to the read, and gives it this result of the fetch.
fn fetches(mut read: ReadMachine<u8>, fetched: Fetched<u8>) -> ReadMachine<u8> {
    claims(&mut read, Ok(Reply::Claimed(7)));
    assert_eq!(read.next_step(), Step::Fetch);
    assert!(read.may_fill());
    read.on_fetched(fetched);
    read
}

fn ended(read: &mut ReadMachine<u8>) -> (Outcome, Option<Landing>) {
    let Step::Done(outcome) = read.next_step() else { panic!("it is not over: {read:?}") };
    (outcome, read.landing())
}

#[test]
fn a_hit_is_taken_step_by_step_and_each_step_once() {
    let mut read: ReadMachine<u8> = ReadMachine::new(policy(OnLease::Wait));
    assert_eq!(read.take_value(), None);
    assert!(read.take_lookup());
    assert_eq!(read.take_value(), None);
    assert!(!read.take_lookup());
    read.on_reply(Ok(Reply::Value(1)));
    assert!(!read.take_lookup());
    assert_eq!(read.take_value(), Some(1));
    assert_eq!(read.take_value(), None);
    read.on_judged(Verdict::Good, None);
    assert_eq!(ended(&mut read), (Outcome::Hit, Some(Landing::Hit)));
}

#[test]
fn a_fill_names_the_grant_and_tells_what_became_of_it() {
    for (reply, fill, landing) in [
        (Ok(Reply::Settled), Fill::Stored, Landing::Fenced),
        (Ok(Reply::Refused), Fill::Refused, Landing::Unfenced),
        (Err(Lost), Fill::Unreachable, Landing::Unfenced),
    ] {
        let mut read = fetches(leading(), Fetched::Storable(2, TTL));
        let fill_sent = Command::Fill { token: token(1).granted(7), value: 2, ttl: TTL };
        assert_eq!(read.next_step(), Step::Send(fill_sent));
        read.on_reply(reply);
        assert_eq!(ended(&mut read), (Outcome::Fetched(fill), Some(landing)));
    }
}

#[test]
fn what_is_not_stored_gives_the_claim_back() {
    let (skipped, refused) = (Outcome::Fetched(Fill::Skipped), Outcome::Fetched(Fill::Refused));
    for (fetched, reply, outcome, landing) in [
        (Fetched::Unstorable, Ok(Reply::Settled), skipped, Landing::Fenced),
        (Fetched::Unstorable, Ok(Reply::Refused), skipped, Landing::Unfenced),
        (Fetched::Unstorable, Err(Lost), skipped, Landing::Unfenced),
        (Fetched::Refused, Ok(Reply::Settled), refused, Landing::Unfenced),
        (Fetched::Failed, Ok(Reply::Settled), Outcome::Failed, Landing::Fenced),
        (Fetched::Failed, Ok(Reply::Refused), Outcome::Failed, Landing::Unfenced),
        (Fetched::Failed, Err(Lost), Outcome::Failed, Landing::Unfenced),
        (Fetched::FailedUnfenced, Ok(Reply::Settled), Outcome::Failed, Landing::Unfenced),
    ] {
        let mut read = fetches(leading(), fetched);
        let abandon = Command::Abandon { token: token(1).granted(7) };
        assert_eq!(read.next_step(), Step::Send(abandon));
        read.on_reply(reply);
        assert_eq!(ended(&mut read), (outcome, Some(landing)));
    }
}

#[test]
fn what_cannot_take_the_place_of_an_old_value_removes_it() {
    for fetched in [Fetched::Unstorable, Fetched::Refused] {
        let mut read = fetches(renewing(Verdict::Expired(seen(1))), fetched);
        assert_eq!(read.next_step(), Step::Send(Command::Invalidate));
        read.on_reply(Ok(Reply::Done));
        let skipped = Outcome::Fetched(Fill::Skipped);
        assert_eq!(ended(&mut read), (skipped, Some(Landing::Unfenced)));
    }
}

#[test]
fn another_lease_is_waited_for_or_not() {
    for (on_lease, step) in [(OnLease::Wait, Step::Wait), (OnLease::Fetch, Step::Fetch)] {
        let mut read = leading();
        read.policy = policy(on_lease);
        claims(&mut read, Ok(Reply::Leased));
        assert_eq!(read.next_step(), step);
        assert!(!read.may_fill());
    }
}

#[test]
fn an_early_renewal_that_is_not_granted_is_left_to_others() {
    for reply in [Ok(Reply::Leased), Ok(Reply::Held), Err(Lost)] {
        let mut read = renewing(Verdict::Ageing(seen(1)));
        claims(&mut read, reply);
        assert_eq!(ended(&mut read), (Outcome::Hit, Some(Landing::Hit)));
    }
}

#[test]
fn who_leads_a_load_is_content_with_a_value_that_ages() {
    let mut read = leading();
    claims(&mut read, Ok(Reply::Value(1)));
    assert_eq!(read.next_step(), Step::Judge(1));
    read.on_judged(Verdict::Ageing(seen(1)), Some(token(2)));
    assert_eq!(ended(&mut read), (Outcome::Hit, Some(Landing::Hit)));
}

#[test]
fn an_old_value_is_served_after_a_failed_fetch_if_it_is_still_there() {
    for (standing, reply, outcome, landing) in [
        (Reply::Settled, Reply::Value(1), Outcome::Stale, Landing::Fenced),
        (Reply::Refused, Reply::Value(1), Outcome::Stale, Landing::Fenced),
        (Reply::Settled, Reply::Absent, Outcome::Failed, Landing::Fenced),
        (Reply::Refused, Reply::Absent, Outcome::Failed, Landing::Unfenced),
    ] {
        let mut read = fetches(renewing(Verdict::Expired(seen(1))), Fetched::Failed);
        assert!(matches!(read.next_step(), Step::Send(Command::Abandon { .. })));
        read.on_reply(Ok(standing));
        assert_eq!(read.next_step(), Step::Send(Command::Lookup));
        let found = reply != Reply::Absent;
        read.on_reply(Ok(reply));
        if found {
            assert_eq!(read.next_step(), Step::Judge(1));
            read.on_judged(Verdict::Expired(seen(1)), Some(token(3)));
        }
        assert_eq!(ended(&mut read), (outcome, Some(landing)));
        assert!(read.fetch_failed());
    }
}

#[test]
fn values_that_keep_being_wrong_are_gone_past() {
    let mut read = renewing(Verdict::Replace(seen(1)));
    for rejection in 1..=MAX_REJECTIONS {
        assert!(!read.bypasses(), "after {rejection}");
        claims(&mut read, Ok(Reply::Value(1)));
        assert_eq!(read.next_step(), Step::Judge(1));
        read.on_judged(Verdict::Replace(seen(1)), Some(token(2)));
    }
    assert!(read.bypasses() && !read.is_cut_off());
    assert_eq!(read.next_step(), Step::Fetch);
    assert!(!read.may_fill());
}

#[test]
fn who_takes_no_part_in_a_load_fetches_unless_it_has_a_value() {
    let mut read: ReadMachine<u8> = ReadMachine::new(policy(OnLease::Wait));
    read.next_step();
    read.on_reply(Ok(Reply::Absent));
    assert_eq!(read.next_step(), Step::Enter);
    read.on_entered(Role::Alone);
    assert_eq!(read.next_step(), Step::Fetch);

    let mut read: ReadMachine<u8> = ReadMachine::new(policy(OnLease::Wait));
    read.next_step();
    read.on_reply(Ok(Reply::Value(1)));
    read.next_step();
    read.on_judged(Verdict::Ageing(seen(1)), None);
    assert_eq!(read.next_step(), Step::Lead);
    read.on_entered(Role::Alone);
    assert_eq!(ended(&mut read), (Outcome::Hit, Some(Landing::Hit)));
}

#[test]
fn who_follows_looks_again_where_it_may_look() {
    for (mut read, again) in [
        (ReadMachine::new(policy(OnLease::Wait)), Step::Send(Command::Lookup)),
        (ReadMachine::past_the_cache(policy(OnLease::Wait)), Step::Enter),
    ] {
        if !read.bypasses() {
            read.next_step();
            read.on_reply(Ok(Reply::<u8>::Absent));
        }
        assert_eq!(read.next_step(), Step::Enter);
        read.on_entered(Role::Follower);
        assert_eq!(read.next_step(), Step::Follow);
        read.on_followed(Followed::LookAgain);
        assert_eq!(read.next_step(), again);
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "a fetch does not answer the last step")]
fn an_answer_to_nothing_is_a_fault_of_the_engine() {
    leading().on_fetched(Fetched::Failed);
}

/// A read that fetches even if there is a value, and leads the load.
fn fresh() -> ReadMachine<u8> {
    let mut read = ReadMachine::new(policy(OnLease::Wait)).with_purpose(Purpose::Renew);
    assert_eq!(read.next_step(), Step::Enter);
    read.on_entered(Role::Leader(token(1)));
    read
}

#[test]
fn a_renewal_claims_what_it_finds_and_leaves_it_until_it_is_replaced() {
    let mut read = fresh();
    claims(&mut read, Ok(Reply::Value(1)));
    assert_eq!(read.next_step(), Step::Judge(1));
    read.on_judged(Verdict::Expired(seen(1)), Some(token(2)));
    let replacing = Some(Replacing { seen: seen(1), keep: true });
    let claim = Command::Claim { token: token(2), lease: LEASE, replacing };
    assert_eq!(read.next_step(), Step::Send(claim));
    read.on_reply(Ok(Reply::Claimed(7)));
    assert_eq!(read.next_step(), Step::Fetch);
    read.on_fetched(Fetched::Failed);
    assert!(matches!(read.next_step(), Step::Send(Command::Abandon { .. })));
    read.on_reply(Ok(Reply::Settled));
    assert_eq!(ended(&mut read), (Outcome::Failed, Some(Landing::Fenced)));
}

#[test]
fn a_renewal_of_what_keeps_changing_fetches_without_a_claim() {
    let mut read = fresh();
    for value in 0..=MAX_REJECTIONS {
        claims(&mut read, Ok(Reply::Value(value)));
        assert_eq!(read.next_step(), Step::Judge(value));
        read.on_judged(Verdict::Expired(seen(value)), Some(token(2)));
    }
    assert_eq!(read.next_step(), Step::Fetch);
    assert!(!read.may_fill() && !read.is_cut_off());
}

#[test]
fn a_renewal_takes_nothing_from_the_cache_that_another_load_found() {
    for followed in [Followed::LookAgain, Followed::Stale] {
        let mut read: ReadMachine<u8> =
            ReadMachine::new(policy(OnLease::Wait)).with_purpose(Purpose::Renew);
        read.next_step();
        read.on_entered(Role::Follower);
        assert_eq!(read.next_step(), Step::Follow);
        read.on_followed(followed);
        assert_eq!(read.next_step(), Step::Enter);
    }
}

#[test]
fn a_read_that_fills_nothing_looks_first_and_claims_nothing() {
    for first in [First::Lookup, First::Claim] {
        let policy = ReadPolicy { first, ..policy(OnLease::Wait) };
        let mut read: ReadMachine<u8> = ReadMachine::new(policy).with_purpose(Purpose::Look);
        assert_eq!(read.next_step(), Step::Send(Command::Lookup));
        read.on_reply(Ok(Reply::Absent));
        assert_eq!(read.next_step(), Step::Fetch);
        assert!(!read.may_fill());
        read.on_fetched(Fetched::Unstorable);
        let skipped = Outcome::Fetched(Fill::Skipped);
        assert_eq!(ended(&mut read), (skipped, Some(Landing::Unfenced)));

        let mut read: ReadMachine<u8> = ReadMachine::new(policy).with_purpose(Purpose::Look);
        read.next_step();
        read.on_reply(Ok(Reply::Value(1)));
        read.next_step();
        read.on_judged(Verdict::Ageing(seen(1)), None);
        assert_eq!(ended(&mut read), (Outcome::Hit, Some(Landing::Hit)), "it renews nothing");

        let mut read: ReadMachine<u8> = ReadMachine::new(policy).with_purpose(Purpose::Fetch);
        assert_eq!(read.next_step(), Step::Fetch);
    }
}

#[test]
fn a_read_that_must_not_use_the_cache_does_not_look() {
    let read = ReadMachine::<u8>::past_the_cache(policy(OnLease::Wait));
    assert_eq!(read.with_purpose(Purpose::Look).next_step(), Step::Fetch);
}
