//! Which settings there are, and where each belongs.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, LitStr, Result};

use crate::attr::{CacheAttr, Entry, cache_attrs};
use crate::faults::Faults;
use crate::fields::Storage;
use crate::list_options::{LIST_SETTINGS, ListOptions, of_a_list};
use crate::model::{FetchFunction, TableModel};
use crate::suggest::{listed, nearest};
use crate::table;
use crate::value::{self, Slot};

const STRUCT_SETTINGS: [&str; 15] = [
    "name",
    "context",
    "ttl",
    "negative_ttl",
    "ttl_with",
    "stale_if_error",
    "soft_timeout",
    "refresh_ahead",
    "settle",
    "near",
    "near_ttl",
    "version",
    "table",
    "clearable",
    "crate",
];
const FIELD_SETTINGS: [&str; 7] =
    ["opaque", "with", "skip", "recursive", "normalize", "column", "key_with"];
const LOOKUP_SETTINGS: [&str; 4] = ["key", "fetch", "fetch_many", "name"];
const TAG_SETTINGS: [&str; 2] = ["tag", "name"];

/// The settings of the struct.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Slot<LitStr>,
    pub(crate) context: Slot<TokenStream>,
    pub(crate) ttl: Slot<Duration>,
    pub(crate) negative_ttl: Slot<Duration>,
    pub(crate) ttl_with: Slot<TokenStream>,
    pub(crate) stale_if_error: Slot<Duration>,
    pub(crate) soft_timeout: Slot<Duration>,
    pub(crate) refresh_ahead: Slot<bool>,
    pub(crate) settle: Slot<Duration>,
    pub(crate) near: Slot<bool>,
    pub(crate) near_ttl: Slot<Duration>,
    pub(crate) version: Slot<u64>,
    pub(crate) table: Slot<TableModel>,
    /// The value, and the tokens that a fault underlines.
    pub(crate) clearable: Slot<(bool, TokenStream)>,
    pub(crate) krate: Slot<TokenStream>,
}

/// The settings of one lookup.
pub(crate) struct LookupOptions<'a> {
    pub(crate) attr: &'a Attribute,
    pub(crate) key: Slot<LitStr>,
    pub(crate) fetch: Slot<FetchFunction>,
    pub(crate) fetch_many: Slot<FetchFunction>,
    pub(crate) name: Slot<Ident>,
}

/// The settings of one tag.
#[derive(Default)]
pub(crate) struct TagOptions {
    pub(crate) tag: Slot<LitStr>,
    pub(crate) name: Slot<Ident>,
}

/// All settings in the struct's `#[cache(…)]` attributes.
pub(crate) struct CachedOptions<'a> {
    pub(crate) options: Options,
    pub(crate) lookups: Vec<LookupOptions<'a>>,
    pub(crate) tags: Vec<TagOptions>,
    pub(crate) lists: Vec<ListOptions<'a>>,
}

impl<'a> CachedOptions<'a> {
    pub(crate) fn read(attrs: &'a [Attribute], faults: &mut Faults) -> Self {
        let mut read = Self {
            options: Options::default(),
            lookups: Vec::new(),
            tags: Vec::new(),
            lists: Vec::new(),
        };
        for attr in cache_attrs(attrs, faults) {
            if attr.entries.iter().any(|entry| entry.name == "rows") {
                read.rows(attr, faults);
            } else {
                read.attribute(&attr, faults);
            }
        }
        read
    }

    /// The rows that the list above depends on.
    fn rows(&mut self, attr: CacheAttr<'a>, faults: &mut Faults) {
        if attr.entries.iter().any(|entry| meant(entry, &mut Faults::default()) == Some("list")) {
            let message = "`rows` needs an attribute of its own: write `#[cache(rows = …)]` below the \
                `#[cache(list = …)]` of the list that depends on these rows";
            return faults.add(attr.attr, message);
        }
        match self.lists.last_mut() {
            Some(list) => list.rows.push(attr),
            None => faults.add(
                attr.attr,
                "`rows` names the rows of another table that a list depends on: write it below the \
                 `#[cache(list = …)]`; the table of the objects themselves is named by `table`",
            ),
        }
    }

    fn attribute(&mut self, attr: &CacheAttr<'a>, faults: &mut Faults) {
        let known: Vec<(&Entry, &str)> =
            attr.entries.iter().filter_map(|entry| Some((entry, meant(entry, faults)?))).collect();
        let has = |wanted: &str| known.iter().any(|(_, name)| *name == wanted);
        if has("list") && !has("key") {
            return self.list(attr.attr, &known, faults);
        }
        if has("tag") && !has("key") {
            return self.tag(&known, faults);
        }
        // A `name` alone is the type's name.
        if !known.iter().any(|(_, name)| *name != "name" && LOOKUP_SETTINGS.contains(name)) {
            for (entry, name) in known {
                if name == "max_len" {
                    of_a_list(entry, faults);
                } else {
                    self.options.set(entry, name, faults);
                }
            }
            return;
        }
        let mut lookup = LookupOptions::new(attr.attr);
        for (entry, name) in known {
            if LOOKUP_SETTINGS.contains(&name) {
                lookup.set(entry, name, faults);
            } else if name == "tag" {
                faults.add(
                    &entry.name,
                    "a tag is not part of a lookup: move it to its own `#[cache(tag = …)]`",
                );
            } else if name == "list" {
                faults.add(
                    &entry.name,
                    "a list is not part of a lookup: move it to its own `#[cache(list = …, fetch = …)]`",
                );
            } else if name == "max_len" {
                of_a_list(entry, faults);
            } else {
                self.of_the_struct(entry, name, "a lookup", faults);
            }
        }
        self.lookups.push(lookup);
    }

    fn tag(&mut self, known: &[(&Entry, &'static str)], faults: &mut Faults) {
        let mut tag = TagOptions::default();
        for (entry, name) in known {
            match *name {
                "tag" => tag.tag.fill_once_in("#[cache(tag = …)]", entry, faults, |entry| {
                    value::string(entry, "\"org:{org_id}\"")
                }),
                "name" => tag.name.fill(entry, faults, value::constructor),
                "max_len" => of_a_list(entry, faults),
                name if LOOKUP_SETTINGS.contains(&name) => faults.add(
                    &entry.name,
                    format!(
                        "`{name}` is a setting of a lookup, not of a tag: objects are looked up by \
                         a `key`"
                    ),
                ),
                name => self.of_the_struct(entry, name, "a tag", faults),
            }
        }
        self.tags.push(tag);
    }

    /// Reports a setting of the struct in the attribute of a lookup, tag or list, and takes it nevertheless.
    pub(crate) fn of_the_struct(
        &mut self,
        entry: &Entry,
        name: &str,
        other: &str,
        faults: &mut Faults,
    ) {
        faults.add(
            &entry.name,
            format!(
                "`{name}` is a setting of the struct, not of {other}: move it to its own \
                 `#[cache({name} = …)]`"
            ),
        );
        self.options.set(entry, name, faults);
    }
}

/// The setting of an entry: its name, or the setting that was probably meant, which is reported.
fn meant(entry: &Entry, faults: &mut Faults) -> Option<&'static str> {
    let written = entry.name.to_string();
    let all = || {
        let of_groups = TAG_SETTINGS.into_iter().chain(LIST_SETTINGS);
        STRUCT_SETTINGS.into_iter().chain(LOOKUP_SETTINGS).chain(of_groups)
    };
    if let Some(known) = all().find(|known| *known == written) {
        return Some(known);
    }
    if belongs_on_a_field(&written, entry, faults) {
        return None;
    }
    let suggestion = nearest(&written, all());
    let help = match suggestion {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "a struct has {}, a lookup has {}, a tag has {}, a list has {}",
            listed(STRUCT_SETTINGS),
            listed(LOOKUP_SETTINGS),
            listed(TAG_SETTINGS),
            listed(LIST_SETTINGS)
        ),
    };
    faults.add(&entry.name, format!("unknown setting `{written}`; {help}"));
    suggestion
}

impl Options {
    pub(crate) fn set(&mut self, entry: &Entry, name: &str, faults: &mut Faults) {
        match name {
            "name" => self.name.fill(entry, faults, value::type_name),
            "context" => self.context.fill(entry, faults, value::context_type),
            "ttl" => self.ttl.fill(entry, faults, value::duration),
            "negative_ttl" => self.negative_ttl.fill(entry, faults, value::duration),
            "ttl_with" => self
                .ttl_with
                .fill(entry, faults, |entry| value::function(entry, "Session::remaining")),
            "stale_if_error" => self.stale_if_error.fill(entry, faults, value::duration),
            "soft_timeout" => self.soft_timeout.fill(entry, faults, value::duration),
            "refresh_ahead" => self.refresh_ahead.fill(entry, faults, value::switch),
            "settle" => self.settle.fill(entry, faults, value::duration),
            "near" => self.near.fill(entry, faults, value::switch),
            "near_ttl" => self.near_ttl.fill(entry, faults, value::duration),
            "version" => self.version.fill(entry, faults, value::version),
            "table" => self.table.fill(entry, faults, table::table),
            "clearable" => self
                .clearable
                .fill(entry, faults, |entry| Ok((value::switch(entry)?, entry.value_or_name()))),
            _ => self.krate.fill(entry, faults, value::module),
        }
    }
}

impl<'a> LookupOptions<'a> {
    fn new(attr: &'a Attribute) -> Self {
        Self {
            attr,
            key: Slot::Absent,
            fetch: Slot::Absent,
            fetch_many: Slot::Absent,
            name: Slot::Absent,
        }
    }

    fn set(&mut self, entry: &Entry, name: &str, faults: &mut Faults) {
        match name {
            "key" => {
                self.key.fill_once_in("#[cache(key = …, fetch = …)]", entry, faults, |entry| {
                    value::string(entry, "\"user:{id}\"")
                });
            }
            "fetch" => {
                self.fetch.fill(entry, faults, |entry| value::fetch_function(entry, "User::find"));
            }
            "fetch_many" => {
                self.fetch_many
                    .fill(entry, faults, |entry| value::fetch_function(entry, "User::find_many"));
            }
            _ => self.name.fill(entry, faults, value::constructor),
        }
    }
}

/// The settings of `#[derive(CacheSchema)]` and `#[derive(KeyPart)]`.
#[derive(Default)]
pub(crate) struct TypeOptions {
    pub(crate) krate: Slot<TokenStream>,
    pub(crate) version: Slot<u64>,
}

impl TypeOptions {
    /// Reads the settings; only those in `known` are allowed.
    pub(crate) fn read(attrs: &[Attribute], known: &[&str], faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for entry in cache_attrs(attrs, faults).iter().flat_map(|attr| &attr.entries) {
            let name = entry.name.to_string();
            match &*name {
                "crate" => read.krate.fill(entry, faults, value::module),
                "version" if known.contains(&"version") => {
                    read.version.fill(entry, faults, value::version);
                }
                name if belongs_on_a_field(name, entry, faults) => {}
                name if is_of_the_struct(name) => faults.add(
                    &entry.name,
                    format!("`{name}` is a setting of `#[derive(Cached)]`, which is not used here"),
                ),
                name => faults.add(
                    &entry.name,
                    format!(
                        "unknown setting `{name}`; this derive has {}",
                        listed(known.iter().copied())
                    ),
                ),
            }
        }
        read
    }
}

fn belongs_on_a_field(name: &str, entry: &Entry, faults: &mut Faults) -> bool {
    let belongs = FIELD_SETTINGS.contains(&name);
    if belongs {
        let message = format!("`{name}` belongs on a field: write it in front of the field");
        faults.add(&entry.name, message);
    }
    belongs
}

/// Whether it is a setting of a struct or of a field.
pub(crate) fn is_known(name: &str) -> bool {
    is_of_the_struct(name) || FIELD_SETTINGS.contains(&name)
}

/// Whether it is a setting in any attribute above the struct.
fn is_of_the_struct(name: &str) -> bool {
    [&STRUCT_SETTINGS[..], &LOOKUP_SETTINGS, &TAG_SETTINGS, &LIST_SETTINGS]
        .iter()
        .any(|all| all.contains(&name))
}

/// The settings of a field.
pub(crate) struct FieldOptions {
    pub(crate) storage: Storage,
    pub(crate) recursive: bool,
    /// The word, and the function that it names.
    pub(crate) normalize: Slot<(Ident, TokenStream)>,
    /// The word, and the column's name.
    pub(crate) column: Slot<(Ident, LitStr)>,
    /// As `normalize`.
    pub(crate) key_with: Slot<(Ident, TokenStream)>,
}

impl FieldOptions {
    pub(crate) fn read(attrs: &[Attribute], faults: &mut Faults) -> Self {
        let mut read = Self {
            storage: Storage::Schema,
            recursive: false,
            normalize: Slot::Absent,
            column: Slot::Absent,
            key_with: Slot::Absent,
        };
        for entry in cache_attrs(attrs, faults).iter().flat_map(|attr| &attr.entries) {
            read.set(entry, faults);
        }
        read
    }

    fn set(&mut self, entry: &Entry, faults: &mut Faults) {
        let name = entry.name.to_string();
        let storage = match &*name {
            "opaque" | "skip" | "recursive" if entry.value.is_some() => {
                let message = format!("`{name}` takes no value: write `#[cache({name})]`");
                return faults.add(&entry.value_or_name(), message);
            }
            "recursive" => {
                self.recursive = true;
                return;
            }
            "normalize" => {
                return self
                    .normalize
                    .fill(entry, faults, |entry| named_function(entry, "str::to_lowercase"));
            }
            "column" => {
                return self
                    .column
                    .fill(entry, faults, |entry| Ok((entry.name.clone(), table::column(entry)?)));
            }
            "key_with" => {
                return self
                    .key_with
                    .fill(entry, faults, |entry| named_function(entry, "Version::to_string"));
            }
            "opaque" => Storage::Opaque,
            "skip" => Storage::Skipped(entry.name.clone()),
            "with" => match value::function(entry, "serde_bytes") {
                Ok(module) => Storage::With(module),
                Err(error) => return faults.push(error),
            },
            name if is_of_the_struct(name) => {
                let message =
                    format!("`{name}` belongs on the struct: write it above the `struct` keyword");
                return faults.add(&entry.name, message);
            }
            name => {
                let message =
                    format!("unknown setting `{name}`; a field has {}", listed(FIELD_SETTINGS));
                return faults.add(&entry.name, message);
            }
        };
        if matches!(self.storage, Storage::Schema) {
            self.storage = storage;
        } else {
            let message = format!(
                "a field is stored in one way only: remove `{name}`, or the other one of `opaque`, \
                 `with` and `skip`"
            );
            faults.add(&entry.name, message);
        }
    }
}

/// A setting's name, and the function that it names.
fn named_function(entry: &Entry, example: &str) -> Result<(Ident, TokenStream)> {
    Ok((entry.name.clone(), value::function(entry, example)?))
}

/// The settings of an enum's variant.
#[derive(Default)]
pub(crate) struct VariantOptions {
    pub(crate) rename: Slot<LitStr>,
}

impl VariantOptions {
    pub(crate) fn read(attrs: &[Attribute], faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for entry in cache_attrs(attrs, faults).iter().flat_map(|attr| &attr.entries) {
            if entry.name == "rename" {
                read.rename.fill(entry, faults, |entry| value::string(entry, "\"active\""));
                continue;
            }
            let name = &entry.name;
            let message = if FIELD_SETTINGS.contains(&&*name.to_string()) {
                format!(
                    "`{name}` belongs on a field: write it in front of one of the variant's fields"
                )
            } else {
                format!(
                    "unknown setting `{name}`; a variant has `rename`: write \
                     `#[cache(rename = \"active\")]`"
                )
            };
            faults.add(name, message);
        }
        read
    }
}
