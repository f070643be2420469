//! Keys that cannot be computed from a row: a function of the user's names them (`via`).

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
use crate::model::keys::KeySet;

/// How long one call may take. After that everything of the type goes, and the following goes on.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many calls of one batch run at a time.
const AT_A_TIME: usize = 16;

/// The keys that a function of the user's names.
type Named = BoxFuture<'static, Result<KeySet, Error>>;

/// A function of the user's, which takes this context.
pub(super) type Function<C> = fn(Arc<C>, OwnedRow) -> Named;

/// The same, which takes it out of the contexts; `None` if it is not there.
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
        // A function that takes no context is passed none.
        given.unwrap_or(none).downcast_ref::<Arc<C>>().map(Arc::clone)
    }
}

/// The function of one table.
#[derive(Clone)]
pub(super) struct Via {
    /// What the function is told of a row; `None` for all of it.
    columns: Option<&'static [&'static str]>,
    /// The context's type, as it is written.
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

    /// Whether the function is told all columns.
    pub(super) fn takes_whole_rows(&self) -> bool {
        self.columns.is_none()
    }

    /// Refuses to begin without the context.
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

    /// What the function is to be told of this row.
    pub(super) fn of_row(&self, row: &Row<'_>) -> OwnedRow {
        let is_told = |name: &str| self.columns.is_none_or(|columns| columns.contains(&name));
        let columns = row.columns().filter(|(name, _)| is_told(name));
        let columns = columns.map(|(name, value)| (name.to_owned(), value.clone().into_owned()));
        OwnedRow { version: row.version(), columns: columns.collect() }
    }

    /// The keys that the function names, or why they are not known.
    async fn ask(&self, contexts: &Contexts, row: OwnedRow) -> Result<KeySet, String> {
        let row_shown = row.version.shown();
        let Some(call) = (self.call)(contexts, row) else {
            return Err(format!("there is no `{}` for the function (`via`)", self.context));
        };
        match timeout(PATIENCE, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(Ok(keys))) => Ok(keys),
            Ok(Ok(Err(error))) => {
                let why = error.source().map_or_else(|| error.to_string(), with_sources);
                Err(format!("the function (`via`) gave no keys for {row_shown}: {why}"))
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

/// A row that outlives the log's message.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct OwnedRow {
    version: RowVersion,
    columns: Vec<(String, Value<'static>)>,
}

impl OwnedRow {
    /// The row, as the function takes it.
    pub fn row(&self) -> Row<'_> {
        let mut row = Row::of(self.version);
        for (name, value) in &self.columns {
            row.push(name, value.borrowed());
        }
        row
    }

    /// About how many bytes it takes.
    pub(super) fn len(&self) -> usize {
        let columns = self.columns.iter();
        columns.map(|(name, value)| size_of::<Value<'_>>() + name.len() + value.len()).sum()
    }
}

/// Rows that are to be asked about, each by its table's place.
pub(super) type Asks = Vec<(usize, OwnedRow)>;

/// What the functions name, and why it is not known for which tables.
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
            // Everything of the type goes: what a database that is down is asked besides takes time, and nothing else.
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
