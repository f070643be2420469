//! Lookups of many callers in few commands.
//!
//! A lookup that is alone is sent as it comes. While another is under way, lookups are collected: those
//! that are asked for until the sender runs leave together, each place once. Nobody waits for the answer
//! to somebody else, nor for a batch to fill up, and any number of batches may be under way: the
//! busier the process, the larger they are.

use std::sync::Arc;

use coarsetime::Instant as Moment;
use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::client::{Answer, Answers, Client};
use crate::backend::Place;
use crate::key::Key;

/// How many places are read together at most: each caller waits for what is in all of them.
const MAX_PLACES: usize = 128;

/// How long a sender may not have run before the next caller sends in its place: its thread may be busy,
/// or its runtime not driven.
const LATE: coarsetime::Duration = coarsetime::Duration::from_millis(10);

/// A caller that waits for the sender.
struct Waiting {
    key: Key,
    /// What it asks for besides.
    others: Vec<Place>,
    answers: oneshot::Sender<Answers>,
    /// The runtime whose senders alone may take it, if it waits without a timer: another runtime may not be
    /// driven any more when the answer comes.
    bound_to: Option<Handle>,
}

#[derive(Default)]
pub(super) struct Lookups(Mutex<State>);

#[derive(Default)]
struct State {
    /// The lookup that was sent alone and is not over, by its number; none if 0.
    alone: u64,
    last_number: u64,
    /// Whether the last batch served several callers: then there will be more of them.
    crowded: bool,
    /// The callers whose lookups leave when the sender runs. Each that is bound to a runtime has a sender
    /// there that has not run yet.
    waiting: Vec<Waiting>,
    /// When the last sender was spawned, and where; none once a sender has run.
    sender: Option<(Moment, runtime::Id)>,
}

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Goes alone, or with the others that ask at this time; then the other places are taken.
    #[inline]
    pub(super) fn enter(&self, key: Key, others: &mut Vec<Place>) -> Turn<'_> {
        let mut state = self.lock();
        if state.alone == 0 && state.waiting.is_empty() && !state.crowded {
            state.last_number += 1;
            state.alone = state.last_number;
            return Turn::Alone(Alone { lookups: self, number: state.alone });
        }
        let (sender, answers) = oneshot::channel();
        let now = Moment::now_without_cache_update();
        let runtime = Handle::current();
        let own = runtime.id();
        let sends = state.sender.is_none_or(|(since, _)| now.duration_since(since) > LATE);
        if sends {
            state.sender = Some((now, own));
        }
        let is_ours = state.sender.is_some_and(|(_, runtime)| runtime == own);
        // A timer for each lookup would cost a tenth of it. So only some have one: the first, the second, the
        // fourth and so on. If the sender's thread is blocked, perhaps by the task of the first, the timer
        // of another sets all of them free.
        let has_timer = !is_ours || (state.waiting.len() + 1).is_power_of_two();
        let bound_to = if has_timer { None } else { Some(runtime) };
        let others = std::mem::take(others);
        state.waiting.push(Waiting { key, others, answers: sender, bound_to });
        Turn::Together(Together { answers, sends, has_timer })
    }
}

impl State {
    /// The callers that a sender of this runtime may take, and the runtimes of those that are left.
    fn take(&mut self, runtime: runtime::Id) -> (Vec<Waiting>, Vec<Handle>) {
        self.sender = None;
        let is_left =
            |caller: &Waiting| caller.bound_to.as_ref().is_some_and(|own| own.id() != runtime);
        if !self.waiting.iter().any(is_left) {
            return (std::mem::take(&mut self.waiting), Vec::new());
        }
        let (left, taken): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(is_left);
        let mut runtimes: Vec<Handle> =
            left.iter().filter_map(|caller| caller.bound_to.clone()).collect();
        runtimes.dedup_by_key(|runtime| runtime.id());
        self.waiting = left;
        (taken, runtimes)
    }
}

/// How a lookup goes.
pub(super) enum Turn<'a> {
    /// By a command of its own, which the caller sends.
    Alone(Alone<'a>),
    Together(Together),
}

/// A lookup that leaves with others.
pub(super) struct Together {
    answers: oneshot::Receiver<Answers>,
    /// Whether there is no sender, or one whose thread is busy with something else.
    sends: bool,
    /// Whether it waits for a limited time. Without a timer it waits for a sender of its own runtime, which
    /// is driven if this caller is.
    has_timer: bool,
}

impl Together {
    /// The answers; none if the sender's runtime has ended, which need not be this caller's.
    pub(super) async fn answers(mut self, client: &Arc<Client>) -> Option<Answers> {
        if self.sends {
            // Outside of the lock, which the sender takes when a runtime that has ended drops it.
            Sender::new(client).spawn_on(&Handle::current());
        }
        if !self.has_timer {
            return self.answers.await.ok();
        }
        // Twice as long as a batch may take: the sender's runtime may not be driven any more, or its thread
        // is blocked.
        let answers = tokio::time::timeout(client.timeout() * 2, &mut self.answers).await;
        if answers.is_err() {
            // Those that still wait for it go alone as well.
            drop(Sender::new(client));
        }
        answers.ok()?.ok()
    }
}

/// The only lookup under way.
pub(super) struct Alone<'a> {
    lookups: &'a Lookups,
    number: u64,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let mut state = self.lookups.lock();
        if state.alone == self.number {
            state.alone = 0;
        }
    }
}

/// Sends the lookups that are waiting. Dropped before, it leaves them to their callers.
struct Sender {
    /// None once it has taken them.
    client: Option<Arc<Client>>,
}

impl Sender {
    fn new(client: &Arc<Client>) -> Self {
        Self { client: Some(Arc::clone(client)) }
    }

    fn spawn_on(self, runtime: &Handle) {
        drop(runtime.spawn(self.run()));
    }

    async fn run(mut self) {
        // Every task that is ready asks before this one goes on.
        tokio::task::yield_now().await;
        let Some(client) = self.client.take() else { return };
        let (mut waiting, left, alone) = {
            let mut state = client.lookups.lock();
            let (waiting, left) = state.take(Handle::current().id());
            state.crowded = waiting.len() > 1;
            (waiting, left, state.alone)
        };
        // Their own senders are late, or this one would not have been spawned, and those of the callers that
        // had timers may be among the taken.
        left.iter().for_each(|runtime| Self::new(&client).spawn_on(runtime));
        // Callers that ask for the same go with the same batch.
        waiting.sort_unstable_by_key(|caller| caller.key);
        let mut batches = Vec::with_capacity(1);
        while !waiting.is_empty() {
            let rest = waiting.split_off(batch_len(&waiting));
            batches.push(send(&client, std::mem::replace(&mut waiting, rest)));
        }
        join_all(batches).await;
        // What was alone before this batch, and is not over after it, may never be polled again.
        let mut state = client.lookups.lock();
        if state.alone == alone {
            state.alone = 0;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            let waiting = {
                let mut state = client.lookups.lock();
                state.sender = None;
                std::mem::take(&mut state.waiting)
            };
            // Each caller sees that its sender is gone.
            drop(waiting);
        }
    }
}

/// How many callers the first batch serves. They are in the order of their keys.
fn batch_len(waiting: &[Waiting]) -> usize {
    let mut places = 0;
    for (at, caller) in waiting.iter().enumerate() {
        let is_another = at == 0 || waiting[at - 1].key != caller.key;
        places += usize::from(is_another) + caller.others.len();
        if places > MAX_PLACES && at > 0 && is_another {
            return at;
        }
    }
    waiting.len()
}

/// Looks up each place once and answers every caller that asked for it. The callers are in the order of
/// their keys.
async fn send(client: &Client, waiting: Vec<Waiting>) {
    if waiting.iter().all(|caller| caller.others.is_empty()) {
        let mut places: Vec<Place> =
            waiting.iter().map(|caller| Place::Value(caller.key)).collect();
        places.dedup();
        return answer_in_order(waiting, client.lookup_part(places).await);
    }
    // Each place, with the caller that wants it; its own key first.
    let mut wanted: Vec<(Place, usize, bool)> = Vec::with_capacity(3 * waiting.len());
    for (caller, Waiting { key, others, .. }) in waiting.iter().enumerate() {
        wanted.push((Place::Value(*key), caller, true));
        wanted.extend(others.iter().map(|place| (*place, caller, false)));
    }
    wanted.sort_unstable_by_key(|(place, ..)| *place);
    let mut places: Vec<Place> = wanted.iter().map(|(place, ..)| *place).collect();
    places.dedup();
    let mut answers = client.lookup_part(places).await.into_iter();
    let none = |caller: &Waiting| (None, Vec::with_capacity(caller.others.len()));
    let mut of_callers: Vec<(Option<Answer>, Vec<_>)> = waiting.iter().map(none).collect();
    let mut wanted = wanted.into_iter().peekable();
    while let (Some((place, caller, is_own)), Some(answer)) = (wanted.next(), answers.next()) {
        let mut hand = |caller: usize, is_own, answer| {
            let (own, others) = &mut of_callers[caller];
            if is_own { *own = Some(answer) } else { others.push((place, answer)) }
        };
        // Only what several want is copied.
        while let Some((_, another, is_own)) = wanted.next_if(|(same, ..)| *same == place) {
            hand(another, is_own, answer.clone());
        }
        hand(caller, is_own, answer);
    }
    for (caller, answers) in waiting.into_iter().zip(of_callers) {
        if let (Some(own), others) = answers {
            let _gone = caller.answers.send((own, others));
        }
    }
}

/// Gives each caller the answer for its key; the answers are in the order of the callers.
fn answer_in_order(waiting: Vec<Waiting>, answers: Vec<Answer>) {
    let mut waiting = waiting.into_iter().peekable();
    for answer in answers {
        let Some(caller) = waiting.next() else { return };
        while let Some(another) = waiting.next_if(|another| another.key == caller.key) {
            let _gone = another.answers.send((answer.clone(), Vec::new()));
        }
        let _gone = caller.answers.send((answer, Vec::new()));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, join, poll_immediate};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::backend::{BackendError, CacheBackend, Request};
    use crate::protocol::Reply;

    /// Answers each key with its hash, once it may.
    #[derive(Debug)]
    struct Echo {
        /// How many keys each command had.
        commands: Mutex<Vec<usize>>,
        /// One permit for each command that is answered.
        answered: Semaphore,
    }

    impl Echo {
        async fn answer(&self, places: Vec<Place>) -> Vec<Answer> {
            self.commands.lock().push(places.len());
            self.answered.acquire().await.unwrap().forget();
            places.into_iter().map(|place| Ok(value(place.key()))).collect()
        }

        fn commands(&self) -> Vec<usize> {
            self.commands.lock().clone()
        }
    }

    impl CacheBackend for Arc<Echo> {
        fn execute(&self, _: Vec<Request>) -> BoxFuture<'_, Vec<Answer>> {
            unreachable!("there are only lookups")
        }

        fn lookup(&self, key: Key) -> BoxFuture<'_, Answer> {
            self.answer(vec![Place::Value(key)]).map(|mut answers| answers.remove(0)).boxed()
        }

        fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Answer>> {
            self.answer(places).boxed()
        }

        fn combines_lookups(&self) -> bool {
            true
        }

        fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
            unreachable!("there are only lookups")
        }

        fn reset(&self) {}
    }

    fn value(key: Key) -> Reply {
        Reply::Value(Bytes::copy_from_slice(&key.hash().to_le_bytes()))
    }

    fn key(number: usize) -> Key {
        Key::from_hash(number as u128)
    }

    /// That answers so many commands.
    fn echo(answered: usize) -> (Arc<Echo>, Arc<Client>) {
        let (commands, answered) = (Mutex::default(), Semaphore::new(answered));
        let echo = Arc::new(Echo { commands, answered });
        let client = Client::new(Arc::new(Arc::clone(&echo)), Duration::from_secs(3600));
        (echo, Arc::new(client))
    }

    type Lookup<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    /// A lookup that was asked for.
    async fn lookup(client: &Arc<Client>, number: usize) -> Answer {
        client.lookup(key(number), Vec::new()).await.0
    }

    async fn begun(client: &Arc<Client>, number: usize) -> Lookup<'_> {
        let mut lookup: Lookup<'_> = Box::pin(lookup(client, number));
        assert!(poll_immediate(&mut lookup).await.is_none());
        lookup
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_after_the_other_each_goes_alone() {
        let (echo, client) = echo(3);
        for number in 1..=3 {
            assert_eq!(lookup(&client, number).await, Ok(value(key(number))));
        }
        assert_eq!(echo.commands(), [1, 1, 1]);
    }

    #[tokio::test]
    async fn those_that_are_asked_for_at_a_time_leave_together_each_key_once() {
        let (echo, client) = echo(0);
        let asked = || (0..30).map(|at| 1 + at % 3);
        let lookups = join_all(asked().map(|number| lookup(&client, number)));
        let (answers, ()) = join(lookups, async {
            until(|| echo.commands().len() == 2).await;
            echo.answered.add_permits(2);
        })
        .await;
        for (number, answer) in asked().zip(answers) {
            assert_eq!(answer, Ok(value(key(number))));
        }
        assert_eq!(echo.commands(), [1, 3]);
    }

    #[tokio::test]
    async fn nobody_waits_for_the_answer_to_others() {
        let (echo, client) = echo(0);
        let mut lookups = Vec::new();
        for round in 1..=20 {
            lookups.push(begun(&client, round).await);
            until(|| echo.commands().len() == round).await;
        }
        echo.answered.add_permits(20);
        for (round, lookup) in (1..).zip(lookups) {
            assert_eq!(lookup.await, Ok(value(key(round))));
        }
    }

    #[tokio::test]
    async fn a_crowd_goes_in_several_batches() {
        let (echo, client) = echo(0);
        let lookups = join_all((0..=1000).map(|number| lookup(&client, number)));
        let (_, ()) = join(lookups, async {
            until(|| echo.commands().len() == 9).await;
            echo.answered.add_permits(100);
        })
        .await;
        let commands = echo.commands();
        assert_eq!((commands[0], commands.iter().sum()), (1, 1001));
        assert_eq!(commands[1..], [&[MAX_PLACES; 7][..], &[1000 - 7 * MAX_PLACES]].concat());
        // The next expects company, and the one after it no more.
        for _ in 0..2 {
            lookup(&client, 1).await.unwrap();
        }
        assert_eq!(client.lookups.lock().alone, 0);
        assert!(!client.lookups.lock().crowded);
    }

    #[tokio::test]
    async fn a_crowd_that_asks_for_one_key_asks_once() {
        let (echo, client) = echo(0);
        let lookups = join_all((0..=1000).map(|_| lookup(&client, 7)));
        let (answers, ()) = join(lookups, async {
            until(|| echo.commands().len() == 2).await;
            echo.answered.add_permits(2);
        })
        .await;
        assert_eq!(echo.commands(), [1, 1]);
        assert!(answers.iter().all(|answer| *answer == Ok(value(key(7)))));
    }

    #[tokio::test]
    async fn what_is_asked_for_with_a_key_goes_with_it_and_each_caller_gets_its_own() {
        let (echo, client) = echo(0);
        let with = |number: usize, others: &[usize]| {
            let others = others.iter().map(|other| Place::Epoch(key(*other))).collect();
            client.lookup(key(number), others)
        };
        let lookups = join_all([with(1, &[]), with(2, &[3, 4]), with(2, &[]), with(5, &[4, 2])]);
        let (answers, ()) = join(lookups, async {
            until(|| echo.commands().len() == 2).await;
            echo.answered.add_permits(2);
        })
        .await;
        // The value and the epoch of one key are different places.
        assert_eq!(echo.commands(), [1, 5]);
        for ((number, others), (own, of_others)) in
            [(1, &[][..]), (2, &[3, 4]), (2, &[]), (5, &[4, 2])].into_iter().zip(answers)
        {
            assert_eq!(own, Ok(value(key(number))));
            let mut told: Vec<(Place, Answer)> = others
                .iter()
                .map(|other| (Place::Epoch(key(*other)), Ok(value(key(*other)))))
                .collect();
            told.sort_unstable_by_key(|(place, _)| *place);
            assert_eq!(of_others, told);
        }
    }

    #[tokio::test]
    async fn one_that_is_forgotten_makes_another_go_with_a_batch_and_that_is_all() {
        let (echo, client) = echo(0);
        let forgotten = begun(Box::leak(Box::new(Arc::clone(&client))), 1).await;
        std::mem::forget(forgotten);
        echo.answered.add_permits(9);
        lookup(&client, 2).await.unwrap();
        until(|| client.lookups.lock().alone == 0).await;
        let mut third = pin!(lookup(&client, 3));
        assert_eq!(poll_immediate(&mut third).await, Some(Ok(value(key(3)))), "alone again");
    }

    #[test]
    fn a_batch_whose_runtime_ends_is_left_to_its_callers() {
        let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (echo, client) = echo(0);
        let first = runtime();
        // One is sent alone, one with a batch, and one waits for the sender.
        let lookups = first.block_on(async {
            let alone = begun(&client, 1).await;
            let sent = begun(&client, 2).await;
            until(|| echo.commands() == [1, 1]).await;
            [alone, sent, begun(&client, 3).await]
        });
        drop(first);
        echo.answered.add_permits(9);
        let [_, sent, waiting] = lookups;
        let answers = runtime().block_on(join_all([sent, waiting]));
        assert_eq!(answers, [Ok(value(key(2))), Ok(value(key(3)))]);
    }

    /// As where a thread leaves `block_on` for good.
    #[test]
    fn a_sender_on_a_runtime_that_nobody_drives_holds_nobody_up() {
        let mut builder = runtime::Builder::new_current_thread();
        let (left, other) = (
            builder.enable_all().build().unwrap(),
            builder.enable_all().start_paused(true).build().unwrap(),
        );
        let (echo, client) = echo(9);
        let forever = Box::leak(Box::new(Arc::clone(&client)));
        let _unsent = left.block_on(async {
            echo.answered.forget_permits(9);
            let lookups = [begun(forever, 1).await, begun(forever, 2).await];
            echo.answered.add_permits(9);
            lookups
        });
        for number in 3..=5 {
            let answer = other.block_on(lookup(&client, number));
            assert_eq!(answer, Ok(value(key(number))));
        }
    }

    #[test]
    fn a_sender_of_another_runtime_takes_nobody_who_waits_without_a_timer() {
        let runtime = || runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (own, left) = (runtime(), runtime());
        let (echo, client) = echo(0);
        // One is sent alone, two wait with timers, and the last without one.
        let lookups = own.block_on(async {
            let mut lookups = Vec::new();
            for number in 1..=4 {
                lookups.push(begun(&client, number).await);
            }
            lookups
        });
        let _unanswered = left.block_on(async {
            // Its thread seems to be busy.
            client.lookups.lock().sender.as_mut().unwrap().0 -= LATE + LATE;
            let unanswered = [begun(&client, 5).await];
            until(|| echo.commands() == [1, 3]).await;
            unanswered
        });
        echo.answered.add_permits(9);
        let last = lookups.into_iter().next_back().unwrap();
        assert_eq!(own.block_on(last), Ok(value(key(4))));
    }

    #[test]
    fn a_sender_whose_thread_is_blocked_holds_up_nobody_else() {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let (answered, commands) = (Semaphore::new(9), Mutex::default());
        let echo = Arc::new(Echo { commands, answered });
        let client = Arc::new(Client::new(Arc::new(echo), Duration::from_millis(1)));
        client.lookups.lock().crowded = true;
        let (asked, has_asked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        let blocks = runtime.spawn({
            let client = Arc::clone(&client);
            async move {
                let first = begun(&client, 1).await;
                asked.send(()).unwrap();
                released.recv().unwrap();
                first.await
            }
        });
        has_asked.recv().unwrap();
        let second = runtime.spawn(async move { lookup(&client, 2).await });
        assert_eq!(runtime.block_on(second).unwrap(), Ok(value(key(2))));
        release.send(()).unwrap();
        assert_eq!(runtime.block_on(blocks).unwrap(), Ok(value(key(1))));
    }

    #[test]
    fn a_caller_left_by_another_runtime_does_not_depend_on_a_blocked_thread() {
        let mut builder = runtime::Builder::new_multi_thread();
        let own = builder.worker_threads(2).enable_all().build().unwrap();
        let other = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_echo, client) = echo(9);
        client.lookups.lock().crowded = true;
        let (asked, has_asked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        let ask = |number| {
            let (client, asked) = (Arc::clone(&client), asked.clone());
            async move {
                let lookup = async move { lookup(&client, number).await };
                let mut lookup = Box::pin(lookup);
                assert!(poll_immediate(&mut lookup).await.is_none());
                asked.send(()).unwrap();
                [lookup]
            }
        };
        let (first, second, third) = (ask(1), ask(2), ask(3));
        let blocks = own.spawn(async move {
            let ([first], [second]) = (first.await, second.await);
            released.recv().unwrap();
            join(first, second).await
        });
        has_asked.recv().unwrap();
        has_asked.recv().unwrap();
        let third = own.spawn(async move {
            let [third] = third.await;
            third.await
        });
        has_asked.recv().unwrap();
        // The first two have timers and go with this one, whose runtime may not take the third.
        if let Some((since, _)) = &mut client.lookups.lock().sender {
            *since -= LATE + LATE;
        }
        assert_eq!(other.block_on(lookup(&client, 4)), Ok(value(key(4))));
        assert_eq!(own.block_on(third).unwrap(), Ok(value(key(3))));
        release.send(()).unwrap();
        assert_eq!(own.block_on(blocks).unwrap(), (Ok(value(key(1))), Ok(value(key(2)))));
    }
}
