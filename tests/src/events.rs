//! What cachecow says in `tracing` events, as a program's log would show it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Every target of cachecow's.
const ANY: &str = "cachecow*";

/// One event.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its name, as its metadata has it.
    pub name: &'static str,
    /// How serious it is.
    pub level: Level,
    /// Its fields in order, the message among them.
    pub fields: Vec<(&'static str, String)>,
}

impl Said {
    /// A field's value; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        let named = self.fields.iter().find(|(field, _)| *field == name);
        named.map_or("", |(_, value)| value)
    }
}

impl fmt::Display for Said {
    /// The message, and after it the other fields, but for the name and how many were left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field("message"))?;
        let is_other = |name| !["message", "event", "left_out"].contains(&name);
        let mut others = self.fields.iter().filter(|(name, _)| is_other(*name));
        others.try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// The events of this thread, from now on until it is dropped.
#[derive(Debug)]
pub struct Events {
    heard: Arc<Mutex<Vec<Said>>>,
    _guard: DefaultGuard,
}

impl Events {
    /// Begins to listen to what is said under this target, at this level or a more serious one.
    pub fn listen(target: &'static str, level: Level) -> Self {
        // With a single subscriber alive, `tracing` asks whichever thread reaches an event first, which may
        // have none, whether anybody wants that event, and remembers the answer.
        static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [(); 2].map(|()| Dispatch::new(Listener::new(target, level))));
        let listener = Listener::new(target, level);
        let heard = Arc::clone(&listener.heard);
        Self { heard, _guard: tracing::subscriber::set_default(listener) }
    }

    /// Begins to listen to all that cachecow says, at every level.
    pub fn all() -> Self {
        Self::listen(ANY, Level::TRACE)
    }

    /// Begins to listen to cachecow's warnings.
    pub fn warnings() -> Self {
        Self::listen("cachecow", Level::WARN)
    }

    /// Those since the last call, a line each.
    pub fn take_lines(&self) -> Vec<String> {
        self.take().iter().map(Said::to_string).collect()
    }

    /// Whether an event of this name was said since the last call of [`take`](Self::take).
    pub fn have(&self, event: &str) -> bool {
        let event = format!("{event:?}");
        self.heard.lock().iter().any(|said| said.field("event") == event)
    }

    /// Those since the last call.
    pub fn take(&self) -> Vec<Said> {
        std::mem::take(&mut *self.heard.lock())
    }
}

struct Listener {
    target: &'static str,
    level: Level,
    heard: Arc<Mutex<Vec<Said>>>,
}

impl Listener {
    fn new(target: &'static str, level: Level) -> Self {
        Self { target, level, heard: Arc::default() }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_wanted =
            target == self.target || self.target == ANY && target.starts_with("cachecow");
        is_wanted && *metadata.level() <= self.level
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (name, level) = (event.metadata().name(), *event.metadata().level());
        self.heard.lock().push(Said { name, level, fields: fields.0 });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
