//! Reads the manifest, which describes the program's types.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cachecow::__tools as tools;
use cachecow::{Key, KeyEncoder};
use serde::{Deserialize, Deserializer};

use crate::fault::Fault;
use crate::key_type::unhex;

/// The types; empty if there is no manifest.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Manifest {
    #[serde(rename = "cachecow_manifest")]
    version: u32,
    pub(crate) types: Vec<TypeEntry>,
}

/// One type, or one query.
#[derive(Debug, Deserialize)]
pub(crate) struct TypeEntry {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    #[serde(deserialize_with = "hex")]
    arguments: Vec<u8>,
    #[serde(deserialize_with = "hex")]
    pub(crate) tag_scope: Vec<u8>,
    pub(crate) clearable: bool,
    pub(crate) settle_ms: Option<u64>,
    pub(crate) near: bool,
    #[serde(default)]
    query: bool,
    #[serde(default)]
    list_fingerprints: Vec<String>,
    #[serde(default)]
    pub(crate) lookups: Vec<Keyed>,
    #[serde(default)]
    pub(crate) lists: Vec<Keyed>,
    #[serde(default)]
    pub(crate) tags: Vec<Keyed>,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
}

/// A lookup, a list or a tag.
#[derive(Debug, Deserialize)]
pub(crate) struct Keyed {
    pub(crate) name: String,
    pub(crate) template: String,
    pub(crate) parts: Vec<PartEntry>,
}

/// A placeholder.
#[derive(Debug, Deserialize)]
pub(crate) struct PartEntry {
    #[serde(rename = "type")]
    pub(crate) ty: String,
    #[serde(default)]
    pub(crate) normalized: bool,
}

/// A stored field.
#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) opaque: bool,
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    unhex(&text).ok_or_else(|| serde::de::Error::custom("expected hexadecimal digits"))
}

impl Manifest {
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::usage(format!("the manifest {}: {what}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("it is not a manifest: {error}")))?;
        if manifest.version != 1 {
            return Err(wrong(
                "it was written by another release of cachecow; generate it again".to_owned(),
            ));
        }
        Ok(manifest)
    }

    /// Returns the type with this name.
    pub(crate) fn named(&self, name: &str) -> Result<&TypeEntry, Fault> {
        let mut found = self.types.iter().filter(|entry| entry.name == name);
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(Fault::usage(format!(
                "the manifest has several types named {name}; use one that has only the type that you mean"
            ))),
            (None, _) if self.types.is_empty() => Err(Fault::usage(format!(
                "{name} needs --manifest FILE, which the program writes by cachecow::manifest; or write a template \
                 with types, such as 'user:{{i64}}'"
            ))),
            (None, _) => {
                let names: Vec<&str> = self.types.iter().map(|entry| &*entry.name).collect();
                Err(Fault::usage(format!(
                    "the manifest has no type named {name}, it has {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// Which type writes values with this fingerprint, and whether they are lists.
    pub(crate) fn by_fingerprint(&self, fingerprint: u64) -> Option<(&TypeEntry, bool)> {
        let print = format!("{fingerprint:016x}");
        self.types.iter().find_map(|entry| {
            let is_list = entry.list_fingerprints.contains(&print);
            (is_list || entry.fingerprint == print).then_some((entry, is_list))
        })
    }

    /// The lookups and lists whose keys have this template, its placeholders emptied.
    pub(crate) fn by_template(&self, emptied: &str) -> Vec<(&TypeEntry, &Keyed)> {
        let keyed =
            self.types.iter().flat_map(|entry| entry.keyed().map(move |keyed| (entry, keyed)));
        keyed
            .filter(|(_, keyed)| tools::emptied(&keyed.template).as_deref() == Some(emptied))
            .collect()
    }

    /// The path that names the keys which begin with these words, such as `User::by_id`.
    pub(crate) fn by_words(&self, words: &str) -> Option<String> {
        let mut names = self.types.iter().flat_map(|entry| {
            let of_entry = entry.keyed().filter(|keyed| keyed.words() == words);
            of_entry.map(move |keyed| format!("{}::{}", entry.name, keyed.name))
        });
        let first = names.next()?;
        Some(names.fold(first, |names, name| format!("{names}, {name}")))
    }
}

/// The words that the names of these types' values in Redis begin with, each once.
pub(crate) fn words_of<'a>(entries: impl Iterator<Item = &'a TypeEntry>) -> BTreeSet<String> {
    entries.flat_map(TypeEntry::keyed).map(Keyed::words).collect()
}

impl TypeEntry {
    /// Its lookups and lists.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = &Keyed> {
        self.lookups.iter().chain(&self.lists)
    }

    pub(crate) fn is_query(&self) -> bool {
        self.query
    }

    /// The first parts of a key of this template.
    pub(crate) fn begun(&self, template: &str) -> Option<Vec<u8>> {
        let mut parts = KeyEncoder::new(&tools::emptied(template)?).as_bytes().to_vec();
        parts.extend_from_slice(&self.arguments);
        Some(parts)
    }

    /// The key of the epoch that every invalidation of a tag of the type ends. All tags of the type begin with the
    /// same words as this key.
    pub(crate) fn guard(&self) -> Option<Key> {
        tools::key_of(&self.tag_scope)
    }

    /// The key of the epoch that everything of the type carries.
    pub(crate) fn whole(&self) -> Option<Key> {
        let mut parts = self.tag_scope.clone();
        // An empty template.
        parts.extend_from_slice(KeyEncoder::new("").as_bytes());
        tools::key_of(&parts)
    }
}

impl Keyed {
    /// The types of its placeholders.
    pub(crate) fn types(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.ty.clone()).collect()
    }

    /// The words of its template, which names in Redis begin with.
    pub(crate) fn words(&self) -> String {
        let emptied = tools::emptied(&self.template).unwrap_or_default();
        tools::words_of(KeyEncoder::new(&emptied).key())
    }
}
