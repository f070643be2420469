//! `cachecow inspect`.

use std::time::Duration;

use cachecow::__tools::{self as tools, Content, OneServer, Stored};
use cachecow::Key;
use redis::{Pipeline, Value};
use serde_json::{Value as Json, json};

use crate::args::Inspect;
use crate::fault::{Exit, Fault};
use crate::flag::{self, Flag};
use crate::manifest::TypeEntry;
use crate::session::{Session, ask_all};
use crate::tags::{self, CarriedTag, Epoch};
use crate::target::Target;
use crate::{
    replies,
    shown::{self, millis},
    value,
};

/// The most bytes of a value that are read. The library's own default limit for a stored value is a sixteenth of
/// it.
const MAX_LEN: usize = 16 << 20;

/// What is found under one key.
struct Seen<'a> {
    name: String,
    server: String,
    /// The length and the kind of what is stored under the key, if there is anything.
    len: Option<u64>,
    is_foreign: bool,
    left: Option<Duration>,
    age: Option<Duration>,
    stored: Option<Stored>,
    entry: Option<(&'a TypeEntry, bool)>,
    tags: Vec<CarriedTag>,
    flag: Flag,
    /// Why a reader with the types of the manifest would not accept the value.
    misses: Vec<String>,
}

pub(crate) async fn run(session: &Session, arguments: &Inspect) -> Result<Exit, Fault> {
    let target = Target::of(session, &arguments.named)?;
    let seen = look(session, target.in_redis(session), target.entry).await?;
    let pointed = match &seen.stored {
        Some(Stored { content: Content::Pointer(primary), .. }) => match tools::key_of(primary) {
            Some(key) => Some(look(session, session.scope().key(key), target.entry).await?),
            None => None,
        },
        _ => None,
    };
    let is_stored = seen.len.is_some();
    if session.out.is_json() {
        let mut document = seen.json(arguments.show_values);
        document["primary"] = pointed.map_or(Json::Null, |it| it.json(arguments.show_values));
        session.out.json(&document)?;
    } else {
        seen.tell(session, arguments.show_values)?;
        if let Some(pointed) = pointed {
            session.out.line("")?;
            pointed.tell(session, arguments.show_values)?;
        }
        if !is_stored && target.is_normalized {
            session.out.line(
                "the program normalizes a value of this key; give the value that `normalize` returns",
            )?;
        }
    }
    Ok(if is_stored { Exit::Done } else { Exit::Negative })
}

async fn look<'a>(
    session: &'a Session,
    key: Key,
    asked: Option<&'a TypeEntry>,
) -> Result<Seen<'a>, Fault> {
    let server = session.servers.with(key).await?;
    let (name, flag) = (session.name("cache", key), session.name("flag", key));
    let mut questions = Pipeline::new();
    questions.cmd("TIME");
    questions.cmd("TYPE").arg(&name);
    questions.cmd("STRLEN").arg(&name);
    questions.cmd("GETRANGE").arg(&name).arg(0).arg(MAX_LEN - 1);
    questions.cmd("PTTL").arg(&name);
    flag::ask(&mut questions, &flag);
    let answers = ask_all(&server, &questions).await?;
    let now = replies::micros(&answers[0]).ok_or_else(|| denied(&server, &answers[0]))?;
    let kind = replies::text(&answers[1]).ok_or_else(|| denied(&server, &answers[1]))?;
    let mut seen = Seen {
        name,
        server: server.address(),
        len: None,
        is_foreign: false,
        left: replies::int(&answers[4])
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis),
        age: None,
        stored: None,
        entry: None,
        tags: Vec::new(),
        flag: Flag::by(&answers[5..5 + flag::QUESTIONS], now),
        misses: Vec::new(),
    };
    match &*kind {
        "none" => return Ok(seen),
        "string" => {}
        _ => {
            (seen.len, seen.is_foreign) = (Some(0), true);
            return Ok(seen);
        }
    }
    let len = replies::int(&answers[2]).ok_or_else(|| denied(&server, &answers[2]))?;
    let bytes = replies::bytes(&answers[3]).ok_or_else(|| denied(&server, &answers[3]))?;
    seen.len = Some(len.unsigned_abs());
    let is_whole = usize::try_from(len).is_ok_and(|len| len == bytes.len());
    let stored = if is_whole { Stored::read(key, bytes.to_vec(), MAX_LEN) } else { None };
    let Some(stored) = stored else {
        seen.is_foreign = true;
        return Ok(seen);
    };
    seen.age = Some(Duration::from_millis((now / 1000).saturating_sub(stored.stored_at)));
    seen.entry = session.manifest.by_fingerprint(stored.fingerprint);
    let stamps = match &stored.content {
        Content::Object(_, stamps) | Content::Absent(_, stamps) => &stamps[..],
        Content::Pointer(_) | Content::Hidden(_) => &[],
    };
    let of_type = seen.entry.map(|(entry, _)| entry).or(asked);
    seen.tags = tags::carried(session, key, of_type, stamps).await?;
    seen.stored = Some(stored);
    seen.judge(!session.manifest.types.is_empty());
    Ok(seen)
}

fn denied(server: &OneServer, answer: &Value) -> Fault {
    match answer {
        Value::ServerError(error) => Fault::at(&server.address(), &tools::refusal(error)),
        _ => Fault::unreachable(format!("{}: a malformed answer", server.address())),
    }
}

impl Seen<'_> {
    fn judge(&mut self, has_manifest: bool) {
        let Some(stored) = &self.stored else { return };
        if has_manifest && self.entry.is_none() {
            self.misses.push("another version of the type stored it".to_owned());
        }
        if let (Some(ttl), Some(age)) = (stored.ttl, self.age)
            && age >= ttl
        {
            self.misses.push(
                "its time to live has passed, and it is served only while the fetch fails"
                    .to_owned(),
            );
        }
        for tag in &self.tags {
            let name = tag.called.as_deref().unwrap_or(&tag.name);
            match tag.epoch {
                Epoch::Ended => self.misses.push(format!("its tag {name} was invalidated")),
                Epoch::Held => self.misses.push(format!("a writer holds its tag {name}")),
                Epoch::Current | Epoch::Unknown => {}
            }
        }
    }

    /// Whether a reader would accept the value; `None` if that is not known.
    fn is_served(&self) -> Option<bool> {
        if self.len.is_none() || self.is_foreign || !self.misses.is_empty() {
            return Some(false);
        }
        let is_unknown = self.entry.is_none()
            || self.tags.iter().any(|tag| tag.epoch == Epoch::Unknown)
            || matches!(&self.stored, Some(Stored { content: Content::Hidden(_), .. }));
        (!is_unknown).then_some(true)
    }

    fn form(&self) -> &'static str {
        match &self.stored {
            None if self.len.is_none() => "none",
            None => "foreign",
            Some(stored) => match &stored.content {
                Content::Object(..) if matches!(self.entry, Some((_, true))) => "list",
                Content::Object(..) => "object",
                Content::Absent(..) => "absent",
                Content::Pointer(_) => "pointer",
                Content::Hidden(_) => "hidden",
            },
        }
    }

    /// What is stored, as JSON.
    fn content(&self, show: bool) -> Json {
        let key = |key: &[u8]| {
            let parts = value::key_parts(key).unwrap_or_default();
            let parts = parts.into_iter().enumerate();
            // The first part is the template.
            let parts =
                parts.map(|(at, part)| if at == 0 || show { part } else { "<part>".into() });
            Json::Array(parts.collect())
        };
        match self.stored.as_ref().map(|stored| &stored.content) {
            Some(Content::Object(object, _)) => {
                value::object(object, self.entry, show).unwrap_or(Json::Null)
            }
            Some(Content::Absent(absent, _)) => json!({"no_object_under": key(absent)}),
            Some(Content::Pointer(primary)) => json!({"leads_to": key(primary)}),
            Some(Content::Hidden(why)) => json!({"hidden": why}),
            None => Json::Null,
        }
    }

    fn json(&self, show: bool) -> Json {
        let stored = self.stored.as_ref();
        let entry = self.entry.map(|(entry, _)| entry);
        json!({
            "name": self.name,
            "server": self.server,
            "stored": self.len.is_some(),
            "form": self.form(),
            "bytes": self.len,
            "age_ms": self.age.map(millis),
            "ttl_left_ms": self.left.map(millis),
            "ttl_ms": stored.and_then(|stored| stored.ttl).map(millis),
            "fetch_took_us": stored.map(|stored| u64::try_from(stored.fetch_took.as_micros()).unwrap_or(u64::MAX)),
            "fingerprint": stored.map(|stored| format!("{:016x}", stored.fingerprint)),
            "type": entry.map(|entry| &entry.name),
            "near": entry.map(|entry| entry.near),
            "codec": stored.and_then(|stored| stored.codec.as_ref()),
            "encryption_key": stored.and_then(|stored| stored.encryption_key.as_ref()),
            "value": self.content(show),
            "tags": self.tags.iter().map(CarriedTag::json).collect::<Vec<_>>(),
            "served": self.is_served(),
            "misses": self.misses,
            "flag": self.flag.json(),
        })
    }

    fn tell(&self, session: &Session, show: bool) -> Result<(), Fault> {
        let out = &session.out;
        let mut rows = vec![row("name", self.name.clone()), row("server", self.server.clone())];
        match (self.len, &self.stored) {
            (None, _) => rows.push(row("stored", "nothing")),
            (Some(len), None) => {
                rows.push(row("stored", format!("{}, which is not cachecow's", shown::size(len))));
            }
            (Some(len), Some(stored)) => self.describe(len, stored, &mut rows),
        }
        if let Some(left) = self.left {
            rows.push(row("kept for", shown::time(left)));
        }
        for tag in &self.tags {
            let called =
                tag.called.as_ref().map(|called| format!(" ({called})")).unwrap_or_default();
            rows.push(row("tag", format!("{}{called}: {}", tag.name, tag.epoch.word())));
        }
        rows.push(row("flag", self.flag.words()));
        if self.len.is_some() {
            rows.push(row(
                "served",
                match self.is_served() {
                    Some(true) => "yes".to_owned(),
                    Some(false) if self.misses.is_empty() => "no".to_owned(),
                    Some(false) => format!("no: {}", self.misses.join("; ")),
                    None => "not known without a manifest of the type, and of its tags".to_owned(),
                },
            ));
        }
        out.table(&rows)?;
        if self.stored.is_some() {
            out.pretty(&self.content(show))?;
            if !show {
                out.line("values are hidden; --show-values shows them")?;
            }
        }
        Ok(())
    }

    fn describe(&self, len: u64, stored: &Stored, rows: &mut Vec<Vec<String>>) {
        let form = match self.form() {
            "absent" => "that there is no such object",
            "pointer" => "a pointer to the primary key",
            "hidden" => "a value that cannot be shown",
            "list" => "a list of primary keys",
            _ => "an object",
        };
        rows.push(row("stored", format!("{form}, {}", shown::size(len))));
        if let Some(age) = self.age {
            rows.push(row("age", shown::time(age)));
        }
        if let Some(ttl) = stored.ttl {
            rows.push(row("time to live", shown::time(ttl)));
        }
        rows.push(row("fetch took", shown::time(stored.fetch_took)));
        let of = match self.entry {
            Some((entry, false)) => format!("{:016x}, that of {}", stored.fingerprint, entry.name),
            Some((entry, true)) => format!("{:016x}, a list of {}", stored.fingerprint, entry.name),
            None => format!("{:016x}", stored.fingerprint),
        };
        rows.push(row("fingerprint", of));
        if let Some((entry, _)) = self.entry {
            let near = if entry.near {
                "kept near where the program turns that on"
            } else {
                "never kept near"
            };
            rows.push(row("near", near));
        }
        if let Some(codec) = &stored.codec {
            rows.push(row("codec", codec.clone()));
        }
        if let Some(key) = &stored.encryption_key {
            rows.push(row("encrypted by", key.clone()));
        }
    }
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}
