//! The settings of `#[query(…)]`, and of a query's parameters.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Error, Expr, LitStr, Result};

use crate::attr::{Entry, cache_attrs, entries};
use crate::faults::Faults;
use crate::options::{Options, is_known};
use crate::suggest::{listed, nearest};
use crate::value::{self, Slot};

const SETTINGS: [&str; 12] = [
    "key",
    "tag",
    "ttl",
    "negative_ttl",
    "stale_if_error",
    "soft_timeout",
    "refresh_ahead",
    "settle",
    "near",
    "near_ttl",
    "version",
    "crate",
];
const NOT_IN_KEY: &str = "not_in_key";

/// All settings in a `#[query(…)]`.
#[derive(Default)]
pub(crate) struct QueryOptions {
    pub(crate) key: Slot<LitStr>,
    /// Expressions.
    pub(crate) tags: Vec<TokenStream>,
    /// The settings that a struct has as well.
    pub(crate) options: Options,
    /// The name of the setting for absences, if it is given.
    pub(crate) negative_ttl: Option<Ident>,
}

impl QueryOptions {
    pub(crate) fn read(arguments: TokenStream, faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for entry in entries(arguments, faults) {
            let Some(name) = meant(&entry, faults) else { continue };
            match name {
                "key" => read
                    .key
                    .fill(&entry, faults, |entry| value::string(entry, "\"top-posts:{day}\"")),
                "tag" => match tag(&entry) {
                    Ok(tag) => read.tags.push(tag),
                    Err(error) => faults.push(error),
                },
                name => {
                    if name == "negative_ttl" {
                        read.negative_ttl = Some(entry.name.clone());
                    }
                    read.options.set(&entry, name, faults);
                }
            }
        }
        read
    }
}

/// The setting of an entry: its name, or the setting that was probably meant, which is reported.
fn meant(entry: &Entry, faults: &mut Faults) -> Option<&'static str> {
    let written = entry.name.to_string();
    if let Some(known) = SETTINGS.into_iter().find(|known| *known == written) {
        return Some(known);
    }
    let message = match &*written {
        NOT_IN_KEY => format!(
            "`{written}` belongs on a parameter: write `#[cache({written})]` in front of it"
        ),
        "fetch" | "fetch_many" => format!(
            "`{written}` is a setting of `#[derive(Cached)]`; a query is \
         fetched by the function itself"
        ),
        "context" => {
            "the context is the function's first parameter, if that is a reference and is not \
         in a placeholder: remove `context`"
                .to_owned()
        }
        "rows" => "`rows` needs an attribute of its own, below this one: write `#[cache(rows = \
         \"app.posts\")]` above the function"
            .to_owned(),
        "name" => "the lookup has the function's name: remove `name`".to_owned(),
        name if is_known(name) => {
            format!("`{name}` is a setting of `#[derive(Cached)]`; a query does not have it")
        }
        name => match nearest(name, SETTINGS) {
            Some(suggestion) => {
                faults.add(
                    &entry.name,
                    format!("unknown setting `{name}`; did you mean `{suggestion}`?"),
                );
                return Some(suggestion);
            }
            None => format!("unknown setting `{name}`; a query has {}", listed(SETTINGS)),
        },
    };
    faults.add(&entry.name, message);
    None
}

fn tag(entry: &Entry) -> Result<TokenStream> {
    let message = "takes an expression that returns a tag, and may use the function's parameters: write \
        `tag = Post::tag_all()`";
    let wrong = || Error::new_spanned(entry.value_or_name(), format!("`tag` {message}"));
    let value = entry.value.clone().filter(|value| !value.is_empty()).ok_or_else(wrong)?;
    match syn::parse2::<Expr>(value.clone()) {
        Ok(Expr::Lit(_)) | Err(_) => Err(wrong()),
        Ok(_) => Ok(value),
    }
}

/// The mark of a parameter that is left out of the key.
pub(crate) fn not_in_key(attrs: &[Attribute], faults: &mut Faults) -> Option<Ident> {
    let mut marked = None;
    for entry in cache_attrs(attrs, faults).iter().flat_map(|attr| &attr.entries) {
        let name = entry.name.to_string();
        if name == NOT_IN_KEY && entry.value.is_none() {
            marked = Some(entry.name.clone());
            continue;
        }
        let help =
            format!("write `#[cache({NOT_IN_KEY})]` on a parameter that is left out of the key");
        let message = match &*name {
            NOT_IN_KEY => format!("`{NOT_IN_KEY}` takes no value: {help}"),
            name if SETTINGS.contains(&name) => {
                format!("`{name}` belongs into `#[cachecow::query({name} = …)]`")
            }
            name => format!("unknown setting `{name}` of a parameter; {help}"),
        };
        if name != NOT_IN_KEY {
            // The parameter is treated as marked, so that it is not also reported as missing from the key.
            marked = Some(Ident::new(NOT_IN_KEY, Span::call_site()));
        }
        faults.add(&entry.name.to_token_stream(), message);
    }
    marked
}
