//! The lists that the objects belong to.

use proc_macro2::Ident;
use syn::ext::IdentExt;

use super::lookup::{Lookups, camel};
use super::rows::IN_LIST;
use crate::faults::Faults;
use crate::fields::Storage;
use crate::list_options::ListOptions;
use crate::model::{ListModel, LookupModel};

/// Validates the lists of one struct.
pub(super) struct Lists<'a> {
    pub(super) lookups_of: &'a Lookups<'a>,
    pub(super) lookups: &'a [LookupModel],
}

impl Lists<'_> {
    pub(super) fn judge(&self, given: Vec<ListOptions<'_>>, faults: &mut Faults) -> Vec<ListModel> {
        let mut lists: Vec<ListModel> = Vec::new();
        for options in given {
            if let Some(list) = self.list(options, faults)
                && self.is_distinct(&list, &lists, faults)
            {
                lists.push(list);
            }
        }
        self.of_a_singleton(&lists, faults);
        self.unstored_fields(&lists, faults);
        lists
    }

    fn list(&self, options: ListOptions<'_>, faults: &mut Faults) -> Option<ListModel> {
        let ListOptions { attr, list, fetch, name, max_len, ttl, rows } = options;
        let ident = self.lookups_of.input.ident.unraw();
        if fetch.is_absent() {
            faults.add(
                attr,
                format!(
                    "`fetch` is missing; name the async function that reads the list, as in \
                     `fetch = {ident}::find_all`"
                ),
            );
        }
        let template = list.given()?;
        let (emptied, parts) = self.lookups_of.parts(&template, faults)?;
        if parts.is_empty() && name.is_absent() {
            faults.add(
                &template,
                format!(
                    "this list has no placeholder, so it is the list of all `{ident}`: give it a name, \
                     as in `name = \"list_all\"`"
                ),
            );
            return None;
        }
        let in_list: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
        let rows = rows.iter().filter_map(|rows| super::rows::one(rows, IN_LIST, &in_list, faults));
        let rows = rows.collect();
        let by_fields = || {
            let names: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
            Ident::new(&format!("list_by_{}", names.join("_and_")), template.span())
        };
        let constructor = name.given().unwrap_or_else(by_fields);
        let ty = format!("{ident}{}", camel(&constructor.to_string()));
        let function = |function| self.lookups_of.function(function);
        let fetch = fetch.given().filter(|_| self.lookups_of.can_call).map(function);
        let lookup = LookupModel {
            ty: Ident::new(&ty, template.span()),
            constructor,
            template,
            emptied,
            parts,
            fetch,
            fetch_many: None,
        };
        Some(ListModel { lookup, max_len: max_len.given(), ttl: ttl.given(), rows })
    }

    fn is_distinct(
        &self,
        ListModel { lookup: list, .. }: &ListModel,
        others: &[ListModel],
        faults: &mut Faults,
    ) -> bool {
        let others = || self.lookups.iter().chain(others.iter().map(|other| &other.lookup));
        if let Some(other) = others().find(|other| other.emptied == list.emptied) {
            faults.add(
                &list.template,
                format!(
                    "this list has the same key as `{}`: without their placeholders both are `{}`; \
                     write a different text, such as `user:of:{{org_id}}`",
                    other.constructor, list.emptied
                ),
            );
            return others().all(|other| other.ty != list.ty);
        }
        if others().any(|other| other.ty == list.ty) {
            faults.add(
                &list.constructor,
                format!(
                    "there is a constructor `{}` already; give this one another name: `name = \"list_…\"`",
                    list.constructor
                ),
            );
            return false;
        }
        true
    }

    /// The cache stores the primary keys of the members, which must be different.
    fn of_a_singleton(&self, lists: &[ListModel], faults: &mut Faults) {
        let Some(first) = self.lookups.first().filter(|first| first.parts.is_empty()) else {
            return;
        };
        if let Some(list) = lists.first() {
            faults.add(
                &list.lookup.template,
                format!(
                    "a list holds several `{}`, but all of them would be stored under the first key, \
                     `{}`, which has no field: write a key with a field first",
                    self.lookups_of.input.ident.unraw(),
                    first.template.value()
                ),
            );
        }
    }

    /// The fields of a cached object say which list it is in, so they must be stored.
    fn unstored_fields(&self, lists: &[ListModel], faults: &mut Faults) {
        for field in self.lookups_of.fields {
            let Some(list) = lists.iter().find(|list| list.part(&field.name).is_some()) else {
                continue;
            };
            if self.lookups.iter().any(|lookup| lookup.parts.iter().any(|p| p.name == field.name)) {
                // Already reported for the key.
                continue;
            }
            if let Storage::Skipped(word) = &field.storage {
                faults.add(
                    word,
                    format!(
                        "`{}` is in the list `{}`, and objects read from the cache are verified by it, \
                         so it must be stored: remove `{word}`",
                        field.name,
                        list.lookup.template.value(),
                    ),
                );
            }
        }
    }
}
