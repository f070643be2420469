//! The tags that the objects carry.

use proc_macro2::Ident;
use syn::LitStr;

use super::lookup::Lookups;
use crate::faults::Faults;
use crate::fields::Storage;
use crate::model::{ListModel, LookupModel, TagModel};
use crate::options::TagOptions;

/// `all:posts` as `tag_all_posts`.
fn by_words(template: &LitStr) -> Option<Ident> {
    let text = template.value().to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return None;
    }
    let mut name = syn::parse_str::<Ident>(&format!("tag_{}", words.join("_"))).ok()?;
    name.set_span(template.span());
    Some(name)
}

/// Validates the tags of one struct.
pub(super) struct Tags<'a> {
    pub(super) lookups_of: &'a Lookups<'a>,
    pub(super) lookups: &'a [LookupModel],
    pub(super) lists: &'a [ListModel],
}

impl Tags<'_> {
    pub(super) fn judge(&self, given: Vec<TagOptions>, faults: &mut Faults) -> Vec<TagModel> {
        let mut tags: Vec<TagModel> = Vec::new();
        for options in given {
            if let Some(tag) = self.tag(options, faults)
                && self.is_distinct(&tag, &tags, faults)
            {
                tags.push(tag);
            }
        }
        self.unstored_fields(&tags, faults);
        tags
    }

    fn tag(&self, options: TagOptions, faults: &mut Faults) -> Option<TagModel> {
        let template = options.tag.given()?;
        let (emptied, parts) = self.lookups_of.parts(&template, faults)?;
        let named = if parts.is_empty() {
            by_words(&template)
        } else {
            let names: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
            Some(Ident::new(&format!("tag_{}", names.join("_and_")), template.span()))
        };
        let Some(constructor) = options.name.given().or(named) else {
            faults.add(
                &template,
                "this tag has no field and no word to name its constructor after: give it a name, such \
                 as `name = \"tag_all\"`",
            );
            return None;
        };
        Some(TagModel { constructor, template, emptied, parts })
    }

    fn is_distinct(&self, tag: &TagModel, others: &[TagModel], faults: &mut Faults) -> bool {
        if let Some(other) = others.iter().find(|other| other.emptied == tag.emptied) {
            faults.add(
                &tag.template,
                format!(
                    "this tag is the same as `{}`: without their placeholders both are `{}`; write a \
                     different text, such as `team:{{team_id}}`",
                    other.constructor, tag.emptied
                ),
            );
            return other.constructor != tag.constructor;
        }
        let lists = self.lists.iter().map(|list| &list.lookup);
        let lookups = self.lookups.iter().chain(lists).map(|lookup| &lookup.constructor);
        let mut names = others.iter().map(|other| &other.constructor).chain(lookups);
        if names.any(|name| *name == tag.constructor) {
            faults.add(
                &tag.constructor,
                format!(
                    "there is a constructor `{}` already; give this one another name: \
                     `name = \"tag_…\"`",
                    tag.constructor
                ),
            );
            return false;
        }
        true
    }

    /// The tags of an object read from the cache are made from its fields, so they must be stored.
    fn unstored_fields(&self, tags: &[TagModel], faults: &mut Faults) {
        for field in self.lookups_of.fields {
            let is_in_tag = |tag: &&TagModel| tag.parts.iter().any(|part| part.name == field.name);
            let Some(tag) = tags.iter().find(is_in_tag) else { continue };
            let is_in_key =
                |lookup: &LookupModel| lookup.parts.iter().any(|p| p.name == field.name);
            let is_in_list = |list: &ListModel| list.part(&field.name).is_some();
            if self.lookups.iter().any(is_in_key) || self.lists.iter().any(is_in_list) {
                // Already reported there.
                continue;
            }
            if let Storage::Skipped(word) = &field.storage {
                faults.add(
                    word,
                    format!(
                        "`{}` is in the tag `{}`, and objects read from the cache are verified by it, \
                         so it must be stored: remove `{word}`",
                        field.name,
                        tag.template.value(),
                    ),
                );
            }
        }
    }
}
