//! The ways to look the object up.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{DeriveInput, LitStr};

use super::mentions_param;
use crate::faults::Faults;
use crate::fields::{FieldInfo, Storage};
use crate::model::{FetchFunction, LookupModel, PartModel, Passing};
use crate::options::LookupOptions;
use crate::suggest::{listed, nearest};
use crate::template::Template;
use crate::tokens;
use crate::value::Slot;

/// Validates the lookups of one struct.
pub(super) struct Lookups<'a> {
    pub(super) input: &'a DeriveInput,
    pub(super) object: &'a TokenStream,
    pub(super) fields: &'a [FieldInfo<'a>],
    /// Whether calls can be generated: an invalid context would add a fault to every call.
    pub(super) can_call: bool,
}

impl Lookups<'_> {
    pub(super) fn judge(
        &self,
        given: Vec<LookupOptions<'_>>,
        faults: &mut Faults,
    ) -> Vec<LookupModel> {
        if given.is_empty() && !self.fields.is_empty() {
            let example = self.fields.first().map_or("id", |field| &field.name);
            let ident = self.input.ident.unraw();
            faults.add(
                &self.input.ident,
                format!(
                    "there is no way to look `{ident}` up; add `#[cache(key = \"{}:{{{example}}}\", \
                     fetch = {ident}::find)]`",
                    ident.to_string().to_lowercase()
                ),
            );
        }
        let mut lookups: Vec<LookupModel> = Vec::new();
        let count = given.len();
        for options in given {
            if let Some(lookup) = self.lookup(options, faults)
                && is_distinct(&lookup, &lookups, faults)
            {
                lookups.push(lookup);
            }
        }
        if lookups.len() == count {
            self.several_under_one_key(&lookups, faults);
        }
        self.unstored_fields(&lookups, faults);
        lookups
    }

    /// With a first key without placeholders, the object that an alias found last would be stored as the only
    /// object.
    fn several_under_one_key(&self, lookups: &[LookupModel], faults: &mut Faults) {
        let Some((first, aliases)) = lookups.split_first() else { return };
        let of_several = aliases.iter().find(|alias| !alias.parts.is_empty());
        let Some(alias) = of_several.filter(|_| first.parts.is_empty()) else { return };
        faults.add(
            &alias.template,
            format!(
                "this key distinguishes several `{}`, but all of them would be stored under the first \
                 key, `{}`, which has no field: write a key with a field first",
                self.input.ident.unraw(),
                first.template.value()
            ),
        );
    }

    fn lookup(&self, options: LookupOptions<'_>, faults: &mut Faults) -> Option<LookupModel> {
        let LookupOptions { attr, key, fetch, mut fetch_many, name } = options;
        if key.is_absent() {
            let help = "a lookup needs `key = \"…{field}…\"`, such as `key = \"user:{id}\"`";
            faults.add(attr, format!("`key` is missing; {help}"));
        }
        if fetch.is_absent() {
            let help = "name the async function that reads one object, as in `fetch = User::find`";
            faults.add(attr, format!("`fetch` is missing; {help}"));
        }
        let key = key.given()?;
        let (emptied, parts) = self.parts(&key, faults)?;
        if parts.is_empty() && !self.singleton(&key, &name, &mut fetch_many, faults) {
            return None;
        }
        let function = |function| self.function(function);
        let (fetch, fetch_many) =
            if self.can_call { (fetch.given(), fetch_many.given()) } else { (None, None) };
        let by_fields = || {
            let names: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
            Ident::new(&format!("by_{}", names.join("_and_")), key.span())
        };
        let constructor = name.given().unwrap_or_else(by_fields);
        let ty = format!("{}{}", self.input.ident.unraw(), camel(&constructor.to_string()));
        Some(LookupModel {
            ty: Ident::new(&ty, key.span()),
            constructor,
            template: key,
            emptied,
            parts,
            fetch: fetch.map(function),
            fetch_many: fetch_many.map(function),
        })
    }

    /// A fetch function's path for generated code outside the struct's own impl.
    pub(super) fn function(&self, function: FetchFunction) -> FetchFunction {
        FetchFunction { path: tokens::without_self(function.path, self.object), ..function }
    }

    /// Validates a lookup without placeholders; returns whether it has a constructor.
    fn singleton(
        &self,
        key: &LitStr,
        name: &Slot<Ident>,
        fetch_many: &mut Slot<FetchFunction>,
        faults: &mut Faults,
    ) -> bool {
        if let Slot::Given(function) = fetch_many {
            faults.add(
                &function.path,
                "this key has no placeholder, so there is only one object to fetch: remove `fetch_many`",
            );
            *fetch_many = Slot::Invalid;
        }
        if name.is_absent() {
            let example = self.fields.first().map_or("id", |field| &field.name);
            faults.add(
                key,
                format!(
                    "this key has no placeholder, so it is the key of a single `{}`: give its lookup a \
                     name, as in `name = \"current\"`; or write a placeholder, such as `{{{example}}}`",
                    self.input.ident.unraw()
                ),
            );
        }
        !name.is_absent()
    }

    /// The fields in the template. A misspelled name is replaced by the field that was probably meant.
    pub(super) fn parts(
        &self,
        key: &LitStr,
        faults: &mut Faults,
    ) -> Option<(String, Vec<PartModel>)> {
        if self.fields.is_empty() {
            return None;
        }
        let template = match Template::parse(&key.value()) {
            Ok(template) => template,
            Err(message) => {
                faults.add(key, message);
                return None;
            }
        };
        let mut parts: Vec<PartModel> = Vec::new();
        let mut is_complete = true;
        for name in &template.placeholders {
            let Some(part) = self.part(key, name, faults) else {
                is_complete = false;
                continue;
            };
            if parts.iter().any(|other| other.name == part.name) {
                faults.add(key, format!("`{{{name}}}` is in this key twice; remove one"));
            } else {
                parts.push(part);
            }
        }
        is_complete.then_some((template.emptied, parts))
    }

    fn part(&self, key: &LitStr, name: &str, faults: &mut Faults) -> Option<PartModel> {
        let names = || self.fields.iter().map(|field| &*field.name);
        let mut meant = Some(name);
        if !names().any(|known| known == name) {
            // For positions, no suggestion makes sense.
            let is_position = name.starts_with(|first: char| first.is_ascii_digit());
            meant = nearest(name, names()).filter(|_| !is_position);
            let help = match (meant, names().next()) {
                (Some(meant), _) => format!("; did you mean `{{{meant}}}`?"),
                (None, Some("0")) if !is_position => {
                    "; a tuple struct's fields are named by their positions: write `{0}`".to_owned()
                }
                _ => String::new(),
            };
            faults.add(
                key,
                format!(
                    "`{{{name}}}` is not a field of `{}`, which has {}{help}",
                    self.input.ident,
                    listed(names()),
                ),
            );
        }
        let field = self.fields.iter().find(|field| Some(&*field.name) == meant)?;
        let params: Vec<_> = self.input.generics.type_params().map(|param| &param.ident).collect();
        Some(PartModel {
            name: field.name.clone(),
            member: field.member.clone(),
            ty: tokens::without_self(field.ty.to_token_stream(), self.object),
            passing: passing(field.ty),
            is_generic: mentions_param(field.ty, &params),
            column: column_of(field),
            normalizer: field.normalize.is_some().then(|| normalizer(field)),
        })
    }

    /// The fields of an object read from the cache are compared with the requested key, so they
    /// must be stored.
    fn unstored_fields(&self, lookups: &[LookupModel], faults: &mut Faults) {
        for field in self.fields {
            let is_in_key =
                |lookup: &LookupModel| lookup.parts.iter().any(|part| part.name == field.name);
            let Some(lookup) = lookups.iter().find(|lookup| is_in_key(lookup)) else { continue };
            if let Storage::Skipped(word) = &field.storage {
                faults.add(
                    word,
                    format!(
                        "`{}` is in the key `{}`, and objects read from the cache are verified by it, \
                         so it must be stored: remove `{word}`",
                        field.name,
                        lookup.template.value(),
                    ),
                );
            }
        }
    }
}

fn is_distinct(lookup: &LookupModel, others: &[LookupModel], faults: &mut Faults) -> bool {
    if let Some(other) = others.iter().find(|other| other.emptied == lookup.emptied) {
        faults.add(
            &lookup.template,
            format!(
                "this key is the same as that of `{}`: without their placeholders both are `{}`; write \
                 a different text, such as `user:email:{{email}}`",
                other.constructor, lookup.emptied
            ),
        );
        return other.ty != lookup.ty;
    }
    if others.iter().any(|other| other.ty == lookup.ty) {
        faults.add(
            &lookup.constructor,
            format!(
                "there is already a lookup `{}`; give this one another name: `name = \"by_…\"`",
                lookup.constructor
            ),
        );
        return false;
    }
    true
}

/// The name of a field's column.
fn column_of(field: &FieldInfo<'_>) -> String {
    match &field.column {
        Slot::Given((_, name)) => name.value(),
        Slot::Absent | Slot::Invalid => field.name.clone(),
    }
}

/// The generated function that normalizes the field's values.
pub(super) fn normalizer(field: &FieldInfo<'_>) -> Ident {
    Ident::new(&format!("__cachecow_normalize_{}", field.name), Span::call_site())
}

pub(super) fn passing(ty: &syn::Type) -> Passing {
    const BY_VALUE: [&str; 27] = [
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "bool",
        "char",
        "NonZero",
        "NonZeroI8",
        "NonZeroI16",
        "NonZeroI32",
        "NonZeroI64",
        "NonZeroI128",
        "NonZeroIsize",
        "NonZeroU8",
        "NonZeroU16",
        "NonZeroU32",
        "NonZeroU64",
        "NonZeroU128",
        "NonZeroUsize",
    ];
    let Some(segment) = tokens::last_segment(ty) else { return Passing::Reference };
    let arguments = tokens::angle_arguments(segment);
    match segment.ident.to_string().as_str() {
        "String" if arguments.is_none() => Passing::Text,
        "Box" | "Arc" if arguments.as_deref() == Some("str") => Passing::SharedText,
        "NonZero" => Passing::Value,
        name if arguments.is_none() && BY_VALUE.contains(&name) => Passing::Value,
        _ => Passing::Reference,
    }
}

/// `by_tenant_and_id` as `ByTenantAndId`.
pub(super) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('_').filter_map(word).collect()
}
