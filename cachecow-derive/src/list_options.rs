//! The settings of a list.

use std::time::Duration;

use proc_macro2::Ident;
use syn::{Attribute, LitStr};

use crate::attr::{CacheAttr, Entry};
use crate::faults::Faults;
use crate::model::FetchFunction;
use crate::options::CachedOptions;
use crate::value::{self, Slot};

/// The settings that belong to one list.
pub(crate) const LIST_SETTINGS: [&str; 5] = ["list", "fetch", "name", "max_len", "ttl"];

/// The settings of one list.
pub(crate) struct ListOptions<'a> {
    pub(crate) attr: &'a Attribute,
    pub(crate) list: Slot<LitStr>,
    pub(crate) fetch: Slot<FetchFunction>,
    pub(crate) name: Slot<Ident>,
    pub(crate) max_len: Slot<usize>,
    pub(crate) ttl: Slot<Duration>,
    pub(crate) rows: Vec<CacheAttr<'a>>,
}

impl<'a> ListOptions<'a> {
    fn new(attr: &'a Attribute) -> Self {
        Self {
            attr,
            list: Slot::Absent,
            fetch: Slot::Absent,
            name: Slot::Absent,
            max_len: Slot::Absent,
            ttl: Slot::Absent,
            rows: Vec::new(),
        }
    }

    fn set(&mut self, entry: &Entry, name: &str, faults: &mut Faults) {
        match name {
            "list" => {
                self.list.fill_once_in(
                    "#[cache(list = …, fetch = …)]",
                    entry,
                    faults,
                    |entry| value::string(entry, "\"user:org:{org_id}\""),
                );
            }
            "fetch" => {
                self.fetch
                    .fill(entry, faults, |entry| value::fetch_function(entry, "User::find_by_org"));
            }
            "max_len" => self.max_len.fill(entry, faults, value::length),
            "ttl" => self.ttl.fill(entry, faults, value::duration),
            _ => self.name.fill(entry, faults, value::constructor),
        }
    }
}

impl<'a> CachedOptions<'a> {
    /// Reads the attribute of a list.
    pub(crate) fn list(
        &mut self,
        attr: &'a Attribute,
        known: &[(&Entry, &'static str)],
        faults: &mut Faults,
    ) {
        let mut list = ListOptions::new(attr);
        for (entry, name) in known {
            match *name {
                name if LIST_SETTINGS.contains(&name) => list.set(entry, name, faults),
                "fetch_many" => faults.add(
                    &entry.name,
                    "a list is fetched by one call of `fetch`, and its objects by the `fetch_many` of the first \
                     `key`: move it there",
                ),
                "tag" => faults.add(
                    &entry.name,
                    "a tag is not part of a list: move it to its own `#[cache(tag = …)]`",
                ),
                name => self.of_the_struct(entry, name, "a list", faults),
            }
        }
        self.lists.push(list);
    }
}

/// Reports a setting of a list in another attribute.
pub(crate) fn of_a_list(entry: &Entry, faults: &mut Faults) {
    faults.add(
        &entry.name,
        "`max_len` is a setting of a list: move it to the `#[cache(list = …)]` that it bounds",
    );
}
