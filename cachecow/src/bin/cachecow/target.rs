//! Finds the key or tag that the command line names.

use std::time::Duration;

use cachecow::__tools as tools;
use cachecow::{Key, KeyEncoder, KeyPart as _};

use crate::args::Named;
use crate::fault::Fault;
use crate::key_type::{KeyType, Part};
use crate::manifest::{Keyed, TypeEntry};
use crate::session::Session;

/// A key, and what is known about the value under it.
pub(crate) struct Target<'a> {
    /// The key without its scope, unless it is a name in Redis.
    pub(crate) key: Key,
    /// Whether the key is a name in Redis, which includes its scope.
    pub(crate) is_name: bool,
    pub(crate) entry: Option<&'a TypeEntry>,
    /// Whether the program changes a value of the key by `normalize`.
    pub(crate) is_normalized: bool,
}

impl<'a> Target<'a> {
    pub(crate) fn of(session: &'a Session, named: &Named) -> Result<Self, Fault> {
        let Named { key, values } = named;
        if let Some(found) = by_name(session, key)? {
            if !values.is_empty() {
                return Err(Fault::usage("a name in Redis takes no values"));
            }
            return Ok(Self { key: found, is_name: true, entry: None, is_normalized: false });
        }
        if let Some((ty, lookup)) = split_path(key) {
            let entry = session.manifest.named(ty)?;
            let keyed = find(entry, &entry.keyed().collect::<Vec<_>>(), lookup)?;
            return Self::of_keyed(entry, keyed, values);
        }
        by_template(session, key, values)
    }

    fn of_keyed(entry: &'a TypeEntry, keyed: &Keyed, values: &[String]) -> Result<Self, Fault> {
        let key = encoded(entry.begun(&keyed.template), keyed, values)?;
        let is_normalized = keyed.parts.iter().any(|part| part.normalized);
        Ok(Self { key, is_name: false, entry: Some(entry), is_normalized })
    }

    /// The key with its scope, as in Redis.
    pub(crate) fn in_redis(&self, session: &Session) -> Key {
        if self.is_name { self.key } else { session.scope().key(self.key) }
    }

    /// How long nothing is stored after an invalidation.
    pub(crate) fn settle(&self) -> Option<Duration> {
        self.entry.and_then(|entry| entry.settle_ms).map(Duration::from_millis)
    }
}

/// A tag, given by the keys of its type's guard and of its epoch; or everything of a type.
pub(crate) enum TagTarget {
    Tag { guard: Key, tag: Key, settle: Option<Duration> },
    Whole { key: Key, settle: Option<Duration> },
}

impl TagTarget {
    pub(crate) fn of(
        session: &Session,
        tag: &str,
        values: &[String],
        of: Option<&str>,
    ) -> Result<Self, Fault> {
        let too_long = || Fault::usage("the template cannot be used");
        if let Some(of) = of {
            let template = tools::emptied(of).ok_or_else(|| malformed(of))?;
            let scope = KeyEncoder::new(&template).as_bytes().to_vec();
            let (emptied, types) = placeholders(tag)?;
            let key = tag_key(&scope, &emptied, &parts(tag, &types, values)?);
            let guard = tools::key_of(&scope).ok_or_else(too_long)?;
            return Ok(Self::Tag { guard, tag: key.ok_or_else(too_long)?, settle: None });
        }
        let Some((ty, name)) = split_path(tag) else {
            return Self::whole(session, tag, values);
        };
        let entry = session.manifest.named(ty)?;
        let keyed = find(entry, &entry.tags.iter().collect::<Vec<_>>(), name)?;
        let emptied = tools::emptied(&keyed.template).ok_or_else(|| malformed(&keyed.template))?;
        let types = keyed.types();
        let key = tag_key(&entry.tag_scope, &emptied, &parts(tag, &types, values)?);
        Ok(Self::Tag {
            guard: entry.guard().ok_or_else(too_long)?,
            tag: key.ok_or_else(too_long)?,
            settle: entry.settle_ms.map(Duration::from_millis),
        })
    }

    fn whole(session: &Session, name: &str, values: &[String]) -> Result<Self, Fault> {
        let entry = session.manifest.named(name)?;
        if !entry.clearable {
            return Err(Fault::usage(format!(
                "{name} cannot be invalidated as a whole: its struct has no `#[cache(clearable = true)]`"
            )));
        }
        if !values.is_empty() {
            return Err(Fault::usage("a whole type takes no values"));
        }
        let key = entry.whole().ok_or_else(|| Fault::usage("the template cannot be used"))?;
        Ok(Self::Whole { key, settle: entry.settle_ms.map(Duration::from_millis) })
    }
}

/// The key of a tag of a type.
pub(crate) fn tag_key(scope: &[u8], emptied: &str, parts: &[u8]) -> Option<Key> {
    tools::key_of(&[scope, KeyEncoder::new(emptied).as_bytes(), parts].concat())
}

/// `User::by_id` without a placeholder is a path.
fn split_path(text: &str) -> Option<(&str, &str)> {
    if text.contains(['{', '}']) { None } else { text.rsplit_once("::") }
}

fn by_name(session: &Session, text: &str) -> Result<Option<Key>, Fault> {
    let found = Key::from_name(text).or_else(|| Key::from_name(&format!("{{{text}}}")));
    let Some(key) = found else { return Ok(None) };
    let Some((before, _)) = text.split_once('{') else { return Ok(Some(key)) };
    let prefix = session.servers.prefix();
    match before.strip_prefix(prefix) {
        Some("cache:" | "flag:") => Ok(Some(key)),
        Some("tag:") => Err(Fault::usage(format!(
            "{text} is the name of a tag's epoch; invalidate-tag takes the tag as the program calls it, such as \
             User::tag_org_id 7"
        ))),
        _ => Err(Fault::usage(format!(
            "{text} is not a name of this namespace: names begin with {prefix}cache: here; see --namespace"
        ))),
    }
}

fn by_template<'a>(
    session: &'a Session,
    template: &str,
    values: &[String],
) -> Result<Target<'a>, Fault> {
    let (emptied, types) = placeholders(template)?;
    let known = match &session.manifest.by_template(&emptied)[..] {
        [] => None,
        [known] => Some(*known),
        _ => {
            return Err(Fault::usage(
                "several types of the manifest have this template; use one that has only the type that you mean",
            ));
        }
    };
    if let Some((entry, keyed)) = known {
        return Target::of_keyed(entry, keyed, values);
    }
    let mut key = KeyEncoder::new(&emptied).as_bytes().to_vec();
    key.extend(parts(template, &types, values)?);
    let key = tools::key_of(&key).ok_or_else(|| malformed(template))?;
    Ok(Target { key, is_name: false, entry: None, is_normalized: false })
}

/// Returns the lookup, list or tag with this name.
fn find<'a>(entry: &'a TypeEntry, all: &[&'a Keyed], name: &str) -> Result<&'a Keyed, Fault> {
    let names: Vec<String> =
        all.iter().map(|keyed| format!("{}::{}", entry.name, keyed.name)).collect();
    all.iter().copied().find(|keyed| keyed.name == name).ok_or_else(|| {
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Fault::usage(format!("{} has no {name}, it has {names}", entry.name))
    })
}

fn encoded(begun: Option<Vec<u8>>, keyed: &Keyed, values: &[String]) -> Result<Key, Fault> {
    let types = keyed.types();
    let mut key = begun.ok_or_else(|| malformed(&keyed.template))?;
    key.extend(parts(&keyed.template, &types, values)?);
    tools::key_of(&key).ok_or_else(|| malformed(&keyed.template))
}

/// Encodes the values as they are in a key.
fn parts(template: &str, types: &[String], values: &[String]) -> Result<Vec<u8>, Fault> {
    if types.len() != values.len() {
        return Err(Fault::usage(format!(
            "{template} takes {} value(s), and {} are given",
            types.len(),
            values.len()
        )));
    }
    let mut encoded = Vec::new();
    for (ty, value) in types.iter().zip(values) {
        if KeyType::of(ty).is_none() && Part::typed(value).is_err() {
            let placeholder = format!("{{{ty}}}");
            return Err(Fault::usage(format!(
                "{template}: {placeholder} names no type that this command knows; write its type, such as {{i64}} or \
                 {{str}}, or one before the value, such as i64:VALUE"
            )));
        }
        let part =
            Part::parse(ty, value).map_err(|why| Fault::usage(format!("{template}: {why}")))?;
        let mut encoder = KeyEncoder::new("");
        part.encode(&mut encoder);
        encoded.extend_from_slice(&encoder.as_bytes()[1..]);
    }
    Ok(encoded)
}

/// Returns the template with empty placeholders, and the text that each placeholder contained.
fn placeholders(template: &str) -> Result<(String, Vec<String>), Fault> {
    let emptied = tools::emptied(template).ok_or_else(|| malformed(template))?;
    let (mut types, mut rest) = (Vec::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            rest = after;
            continue;
        }
        let (ty, after) = rest[1..].split_once('}').ok_or_else(|| malformed(template))?;
        types.push(ty.to_owned());
        rest = after;
    }
    Ok((emptied, types))
}

fn malformed(template: &str) -> Fault {
    Fault::usage(format!("{template}: write {{TYPE}} for a value, and {{{{ or }}}} for a brace"))
}
