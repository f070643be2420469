//! Backends that misbehave on purpose, around one that does not.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cachecow::protocol::{Command, Reply, Token};
use cachecow::{BackendError, BackendErrorKind, CacheBackend, ChangeListener, Key, Request, Watch};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::gate::Gate;

/// The predecessor's bare flag: every token is the same. The negative control of every test of the
/// promise.
#[derive(Debug)]
pub struct Tokenless<B>(pub B);

const BARE: Token = Token::from_bytes([b'1'; 16]);

impl<B: CacheBackend> CacheBackend for Tokenless<B> {
    fn execute(
        &self,
        mut requests: Vec<Request>,
    ) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        for request in &mut requests {
            match &mut request.command {
                Command::Claim { token, .. }
                | Command::Fill { token, .. }
                | Command::Abandon { token } => *token = BARE,
                _ => {}
            }
        }
        self.0.execute(requests)
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        self.0.watch(key)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {
        self.0.reset();
    }
}

/// Cannot watch a key: who waits must poll.
#[derive(Debug)]
pub struct Blind<B>(pub B);

impl<B: CacheBackend> CacheBackend for Blind<B> {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        self.0.execute(requests)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        self.0.follow(listener, lag);
    }

    fn reset(&self) {
        self.0.reset();
    }
}

/// Stores some values whether or not the claim stands: the negative control of the tests of aliases.
pub struct Unguarded<B> {
    /// The backend within.
    pub inner: B,
    /// Which values these are.
    pub which: fn(&[u8]) -> bool,
}

/// Whether a stored document is a pointer.
pub fn is_pointer(document: &[u8]) -> bool {
    document.first() == Some(&0x97) && document.get(30) == Some(&0xc3)
}

impl<B> std::fmt::Debug for Unguarded<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unguarded")
    }
}

impl<B: CacheBackend> CacheBackend for Unguarded<B> {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        async move {
            let mut replies = Vec::with_capacity(requests.len());
            for mut request in requests {
                if let Command::Fill { token, value, ttl } = &mut request.command
                    && (self.which)(value)
                {
                    // Whatever the number under which it is granted.
                    *token = Token::from_bytes(*token.as_bytes());
                    let claim = Command::Claim { token: *token, lease: *ttl, replacing: None };
                    for command in [Command::Invalidate, claim] {
                        self.inner.execute(vec![Request { key: request.key, command }]).await;
                    }
                }
                replies.extend(self.inner.execute(vec![request]).await);
            }
            replies
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.inner.ping()
    }

    fn reset(&self) {
        self.inner.reset();
    }
}

/// A cache whose guard is always the same: the negative control of the tests of tags.
#[derive(Debug)]
pub struct Guardless<B>(pub B, pub Key);

impl<B: CacheBackend> CacheBackend for Guardless<B> {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let is_guard = |request: &Request| {
            let looks = matches!(request.command, Command::ReadEpoch | Command::TakeEpoch { .. });
            request.key == self.1 && looks
        };
        let guards: Vec<bool> = requests.iter().map(is_guard).collect();
        async move {
            let replies = self.0.execute(requests).await;
            let same = || Ok(Reply::Epoch(BARE));
            let answer = |(reply, guard)| if guard { same() } else { reply };
            replies.into_iter().zip(guards).map(answer).collect()
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {
        self.0.reset();
    }
}

/// What happens to a batch of requests that a [`Scripted`] has a word for.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Carried out, and answered only when the gate opens.
    AnswerLate(Arc<Gate>),
    /// Carried out only when the gate opens.
    ArriveLate(Arc<Gate>),
    /// Carried out, and the answer is lost.
    LoseAnswer,
    /// Not carried out.
    Fail(BackendErrorKind),
    /// Such commands of it are not carried out.
    FailOnly(Which, BackendErrorKind),
}

/// Which batches a [`Fate`] is for, by their first command.
pub type Which = fn(&Command) -> bool;

/// Whether it asks for the right to fill.
pub fn claims(command: &Command) -> bool {
    matches!(command, Command::Claim { .. })
}

/// A backend whose answers come as a test says.
#[derive(Debug)]
pub struct Scripted<B> {
    inner: Arc<B>,
    fates: Arc<Mutex<VecDeque<(Which, Fate)>>>,
    log: Arc<Mutex<Vec<Command>>>,
    watches: Arc<Mutex<Watches>>,
}

/// What became of the watches so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watches {
    /// How many stood.
    pub stood: usize,
    /// How many of those told of a change.
    pub told: usize,
    /// How many failed, before they stood or later.
    pub failed: usize,
}

impl<B> Clone for Scripted<B> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            fates: Arc::clone(&self.fates),
            log: Arc::clone(&self.log),
            watches: Arc::clone(&self.watches),
        }
    }
}

impl<B: CacheBackend> Scripted<B> {
    /// Behaves like `inner` until told otherwise.
    pub fn new(inner: B) -> Self {
        let inner = Arc::new(inner);
        Self { inner, fates: Arc::default(), log: Arc::default(), watches: Arc::default() }
    }

    /// What became of the watches so far.
    pub fn watches(&self) -> Watches {
        *self.watches.lock()
    }

    fn note(&self, change: impl FnOnce(&mut Watches)) {
        change(&mut self.watches.lock());
    }

    /// The next batch whose first command is such meets this fate.
    pub fn next(&self, which: Which, fate: Fate) {
        self.fates.lock().push_back((which, fate));
    }

    /// Whatever has not met its fate meets none.
    pub fn forget(&self) {
        self.fates.lock().clear();
    }

    /// Every command so far.
    pub fn log(&self) -> Vec<Command> {
        self.log.lock().clone()
    }

    fn fate_of(&self, requests: &[Request]) -> Option<Fate> {
        let mut fates = self.fates.lock();
        let at = fates.iter().position(|(which, _)| which(&requests[0].command))?;
        fates.remove(at).map(|(_, fate)| fate)
    }
}

impl<B: CacheBackend> CacheBackend for Scripted<B> {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let commands = requests.iter().map(|request| request.command.clone());
        self.log.lock().extend(commands);
        let fate = self.fate_of(&requests);
        async move {
            let count = requests.len();
            match fate {
                None => self.inner.execute(requests).await,
                Some(Fate::Fail(kind)) => {
                    vec![Err(BackendError::new(kind, "as the test says")); count]
                }
                Some(Fate::FailOnly(which, kind)) => {
                    let fails: Vec<bool> = requests.iter().map(|r| which(&r.command)).collect();
                    let others = requests.into_iter().filter(|r| !which(&r.command)).collect();
                    let mut answers = self.inner.execute(others).await.into_iter();
                    let failed = || Err(BackendError::new(kind, "as the test says"));
                    let mut answer = || answers.next().unwrap_or_else(failed);
                    fails.into_iter().map(|fails| if fails { failed() } else { answer() }).collect()
                }
                Some(Fate::LoseAnswer) => {
                    self.inner.execute(requests).await;
                    vec![
                        Err(BackendError::new(BackendErrorKind::Disconnected, "as the test says"));
                        count
                    ]
                }
                Some(Fate::ArriveLate(gate)) => {
                    gate.pass().await;
                    self.inner.execute(requests).await
                }
                Some(Fate::AnswerLate(gate)) => {
                    let replies = self.inner.execute(requests).await;
                    gate.pass().await;
                    replies
                }
            }
        }
        .boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        async move {
            let watch = self.inner.watch(key).await;
            let watch = watch.inspect_err(|_| self.note(|watches| watches.failed += 1))?;
            self.note(|watches| watches.stood += 1);
            let this = self.clone();
            Ok(async move {
                let told = watch.await;
                this.note(|watches| match &told {
                    Ok(()) => watches.told += 1,
                    Err(_) => watches.failed += 1,
                });
                told
            }
            .boxed())
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.inner.ping()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        self.inner.follow(listener, lag);
    }

    fn reset(&self) {
        self.inner.reset();
    }
}
