use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join, poll_immediate};
use tokio::sync::Semaphore;

use super::*;
use crate::backend::{BackendError, CacheBackend, Request};
use crate::protocol::Reply;

/// Answers each key with its hash, when it is allowed to.
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

/// A backend that answers this number of commands.
fn echo(answered: usize) -> (Arc<Echo>, Arc<Client>) {
    let (commands, answered) = (Mutex::default(), Semaphore::new(answered));
    let echo = Arc::new(Echo { commands, answered });
    let client = Client::new(Arc::new(Arc::clone(&echo)), Duration::from_secs(3600));
    (echo, Arc::new(client))
}

type Lookup<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Looks up a key.
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
    // The next lookup expects others, the one after it does not.
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

/// As when a thread leaves `block_on` and does not return.
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
