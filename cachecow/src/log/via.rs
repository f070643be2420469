//! Keys that cannot be computed from a row: a user's function names them (`via`).

use std::any::{Any, TypeId};
use std::collections::{BTreeSet, HashMap};
use std::error::Error as _;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::error::with_sources;
use super::mapping::FollowedTable;
use super::row::{Row, RowVersion};
use super::value::Value;
use crate::error::{Error, ErrorKind};
use crate::model::keys::{CacheKeys, KeySet};

/// How long one call may take. After that everything of the type is invalidated, and the follower goes on.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many calls of one batch run at a time.
const AT_A_TIME: usize = 16;

/// The keys that a user's function names.
type Named = BoxFuture<'static, Result<KeySet, Error>>;

/// A user's function, which takes this context.
pub(super) type Function<C> = fn(Arc<C>, OwnedRow) -> Named;

/// The same, but it takes the context from the contexts; `None` if it is not there.
type Call = Arc<dyn Fn(&Contexts, OwnedRow) -> Option<Named> + Send + Sync>;

/// The contexts of a follower, by their types.
#[derive(Default)]
pub(super) struct Contexts(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Contexts {
    pub(super) fn insert<C: ?Sized + Send + Sync + 'static>(&mut self, context: Arc<C>) {
        self.0.insert(TypeId::of::<C>(), Box::new(context));
    }

    fn get<C: ?Sized + Send + Sync + 'static>(&self) -> Option<Arc<C>> {
        let none: &dyn Any = &Arc::new(());
        let given = self.0.get(&TypeId::of::<C>()).map(|context| &**context as &dyn Any);
        // A function without a context gets none.
        given.unwrap_or(none).downcast_ref::<Arc<C>>().map(Arc::clone)
    }
}

/// The function of one table.
#[derive(Clone)]
pub(super) struct Via {
    /// The columns of a row that the function gets; `None` for all.
    columns: Option<&'static [&'static str]>,
    /// The name of the context's type, as written.
    context: &'static str,
    call: Call,
    is_given: fn(&Contexts) -> bool,
}

impl Via {
    pub(super) fn new<C: ?Sized + Send + Sync + 'static>(
        columns: Option<&'static [&'static str]>,
        context: &'static str,
        function: Function<C>,
    ) -> Self {
        Self {
            columns,
            context,
            call: Arc::new(move |contexts, row| Some(function(contexts.get::<C>()?, row))),
            is_given: |contexts| contexts.get::<C>().is_some(),
        }
    }

    /// Whether the function gets all columns.
    pub(super) fn takes_whole_rows(&self) -> bool {
        self.columns.is_none()
    }

    /// Checks that the context is there.
    pub(super) fn check(&self, contexts: &Contexts, of: &FollowedTable) -> Result<(), Error> {
        if (self.is_given)(contexts) {
            return Ok(());
        }
        let message = format!(
            "follow: rows of `{}` are mapped to keys of `{}` by a function (`via`) that takes a `{context}`; give it \
             to the follower: `.context(Arc::new(…))`, of that type",
            of.table,
            of.type_name,
            context = self.context
        );
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }

    /// The part of this row that the function gets.
    pub(super) fn of_row(&self, row: &Row<'_>) -> OwnedRow {
        let is_told = |name: &str| self.columns.is_none_or(|columns| columns.contains(&name));
        let columns = row.columns().filter(|(name, _)| is_told(name));
        let columns = columns.map(|(name, value)| (name.to_owned(), value.clone().into_owned()));
        OwnedRow { version: row.version(), columns: columns.collect() }
    }

    /// Returns the keys that the function names, or the reason why they are not known.
    async fn ask(&self, contexts: &Contexts, row: OwnedRow) -> Result<KeySet, String> {
        let row_shown = row.version.shown();
        let Some(call) = (self.call)(contexts, row) else {
            return Err(format!("there is no `{}` for the function (`via`)", self.context));
        };
        match timeout(PATIENCE, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(Ok(keys))) => Ok(keys),
            Ok(Ok(Err(error))) => {
                let why = error.source().map_or_else(|| error.to_string(), with_sources);
                Err(format!("the function (`via`) failed on {row_shown}: {why}"))
            }
            Ok(Err(_)) => Err(format!("the function (`via`) panicked on {row_shown}")),
            Err(_) => Err(format!("the function (`via`) took longer than {PATIENCE:?}")),
        }
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Via")
            .field("columns", &self.columns)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// The return types that a `via` function may have.
#[diagnostic::on_unimplemented(
    message = "a `via` function cannot return `{Self}`",
    label = "wrong return type",
    note = "it returns the keys to invalidate, or why it does not know them: `Result<Keys, E>`, where `Keys` is a \
        lookup, a tag, or a `Vec` of them, and `E` is any error"
)]
pub trait NamedKeys {
    /// The keys.
    type Keys;
    /// The function's error.
    type Error;

    /// The result.
    #[doc(hidden)]
    fn named(self) -> Result<Self::Keys, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<K, E> NamedKeys for Result<K, E> {
    type Keys = K;
    type Error = E;

    fn named(self) -> Self {
        self
    }
}

/// The keys that a function named.
pub fn named_keys<N: NamedKeys<Keys: CacheKeys>>(
    named: N,
    into_error: impl FnOnce(N::Error) -> Error,
) -> Result<KeySet, Error> {
    let mut set = KeySet::default();
    named.named().map_err(into_error)?.add_to(&mut set);
    Ok(set)
}

/// A row that outlives the log's message.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct OwnedRow {
    version: RowVersion,
    columns: Vec<(String, Value<'static>)>,
}

impl OwnedRow {
    /// Returns the row for the function.
    pub fn row(&self) -> Row<'_> {
        let mut row = Row::of(self.version);
        for (name, value) in &self.columns {
            row.push(name, value.borrowed());
        }
        row
    }

    /// Its approximate size in bytes.
    pub(super) fn len(&self) -> usize {
        let columns = self.columns.iter();
        columns.map(|(name, value)| size_of::<Value<'_>>() + name.len() + value.len()).sum()
    }
}

/// Rows for which functions must name the keys, each with the index of its table.
pub(super) type Asks = Vec<(usize, OwnedRow)>;

/// Calls the functions; returns the keys they name, and for each failed table the reason.
pub(super) async fn ask_all(
    asks: Asks,
    tables: &[FollowedTable],
    contexts: &Contexts,
) -> (Vec<KeySet>, Vec<(usize, String)>) {
    let failed: Mutex<BTreeSet<usize>> = Mutex::default();
    let calls = asks.into_iter().map(|(at, row)| {
        let failed = &failed;
        async move {
            let via = tables[at].via.as_ref()?;
            // Everything of the type is invalidated anyway: further calls to a database that is down would only
            // take time.
            if failed.lock().contains(&at) {
                return None;
            }
            let answer = via.ask(contexts, row).await;
            if answer.is_err() {
                failed.lock().insert(at);
            }
            Some((at, answer))
        }
    });
    let (mut sets, mut faults) = (Vec::new(), Vec::new());
    let mut answers = stream::iter(calls).buffer_unordered(AT_A_TIME);
    while let Some(answer) = answers.next().await {
        match answer {
            Some((_, Ok(set))) => sets.push(set),
            Some((at, Err(fault))) => faults.push((at, fault)),
            None => {}
        }
    }
    (sets, faults)
}
