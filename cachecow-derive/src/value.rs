//! The values of settings, each with a message that says what to write instead.

use std::time::Duration;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, ExprPath, Lit, LitStr, Path, Result, Type};

use crate::attr::Entry;
use crate::duration;
use crate::faults::Faults;
use crate::model::{Calling, FetchFunction};

/// A setting that may be given once.
///
/// An invalid value is not an absent one: it must not also be reported as missing.
#[derive(Default)]
pub(crate) enum Slot<T> {
    #[default]
    Absent,
    Invalid,
    Given(T),
}

impl<T> Slot<T> {
    /// Reads the setting, unless it was given before.
    pub(crate) fn fill(
        &mut self,
        entry: &Entry,
        faults: &mut Faults,
        read: impl FnOnce(&Entry) -> Result<T>,
    ) {
        if !matches!(self, Self::Absent) {
            let name = &entry.name;
            faults.add(name, format!("`{name}` is given twice; remove one"));
            return;
        }
        *self = match read(entry) {
            Ok(value) => Self::Given(value),
            Err(error) => {
                faults.push(error);
                Self::Invalid
            }
        };
    }

    /// The same for a setting that each `attribute` has once, but of which a struct may have several.
    pub(crate) fn fill_once_in(
        &mut self,
        attribute: &str,
        entry: &Entry,
        faults: &mut Faults,
        read: impl FnOnce(&Entry) -> Result<T>,
    ) {
        if self.is_absent() {
            return self.fill(entry, faults, read);
        }
        let name = &entry.name;
        let message = format!(
            "`{name}` is given twice; remove one, or write each further {name} in a `{attribute}` of its own"
        );
        faults.add(name, message);
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid)
    }

    pub(crate) fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// A string literal, such as `example`.
pub(crate) fn string(entry: &Entry, example: &str) -> Result<LitStr> {
    literal(entry)
        .ok_or_else(|| wrong(entry, format!("takes a string: write `{} = {example}`", entry.name)))
}

/// Whether the value is a string literal.
pub(crate) fn is_string(entry: &Entry) -> bool {
    literal(entry).is_some()
}

/// A duration in human form.
pub(crate) fn duration(entry: &Entry) -> Result<Duration> {
    let name = &entry.name;
    if let Some(Lit::Int(number)) = parse(entry) {
        let digits = number.base10_digits();
        return Err(wrong(entry, format!("needs a unit: write `{name} = \"{digits}s\"`")));
    }
    let literal = string(entry, "\"10m\"")?;
    let duration = duration::parse(&literal.value())
        .map_err(|message| Error::new_spanned(&literal, message))?;
    if duration.is_zero() {
        let message = match name.to_string().as_str() {
            "negative_ttl" => "a `negative_ttl` of zero would cache no absences: leave it out",
            "stale_if_error" => "a `stale_if_error` of zero has no effect: leave it out",
            "soft_timeout" => {
                "a soft timeout of zero would wait for no fetch: write `soft_timeout = \"1ms\"`, or leave it out"
            }
            "settle" => "a `settle` of zero has no effect: leave it out",
            "near_ttl" => "a near time to live of zero would keep nothing: write `near = false`",
            _ => "a time to live of zero would cache nothing: leave `ttl` out to use the builder's",
        };
        return Err(Error::new_spanned(&literal, message));
    }
    Ok(duration)
}

/// A version's number.
pub(crate) fn version(entry: &Entry) -> Result<u64> {
    match parse(entry) {
        Some(Lit::Int(number)) => number.base10_parse(),
        _ => Err(wrong(entry, "takes a number: write `version = 2`")),
    }
}

/// A maximum length, at least one.
pub(crate) fn length(entry: &Entry) -> Result<usize> {
    let example = || format!("takes a number: write `{} = 1_000`", entry.name);
    match parse(entry) {
        Some(Lit::Int(number)) if number.suffix().is_empty() => match number.base10_parse()? {
            0 => Err(wrong(
                entry,
                "of zero would store only empty lists: write the largest number of members to store",
            )),
            length => Ok(length),
        },
        _ => Err(wrong(entry, example())),
    }
}

/// `true` or `false`.
pub(crate) fn switch(entry: &Entry) -> Result<bool> {
    match parse(entry) {
        Some(Lit::Bool(switch)) => Ok(switch.value),
        _ => Err(wrong(entry, format!("takes `true` or `false`: write `{} = true`", entry.name))),
    }
}

/// The path of a function, such as `example`.
pub(crate) fn function(entry: &Entry, example: &str) -> Result<TokenStream> {
    let name = &entry.name;
    if let Some(value) = literal(entry).map(|literal| literal.value()) {
        let path = if syn::parse_str::<Path>(&value).is_ok() { &value } else { example };
        return Err(wrong(entry, format!("takes a path, without quotes: write `{name} = {path}`")));
    }
    match (parse::<ExprPath>(entry), &entry.value) {
        (Some(_), Some(value)) => Ok(value.clone()),
        _ => Err(wrong(entry, format!("takes the path of a function: write `{name} = {example}`"))),
    }
}

/// The path of a fetch function, such as `example`, or `blocking(…)` around it.
pub(crate) fn fetch_function(entry: &Entry, example: &str) -> Result<FetchFunction> {
    let Some(within) = within_blocking(entry) else {
        return Ok(FetchFunction { path: function(entry, example)?, calling: Calling::Async });
    };
    if syn::parse2::<ExprPath>(within.clone()).is_ok() {
        return Ok(FetchFunction { path: within, calling: Calling::Blocking });
    }
    let name = &entry.name;
    let unquoted = syn::parse2::<LitStr>(within.clone()).map(|literal| literal.value());
    let path = unquoted.ok().filter(|path| syn::parse_str::<Path>(path).is_ok());
    let path = path.as_deref().unwrap_or(example);
    let place = if within.is_empty() { entry.value_or_name() } else { within };
    let message =
        format!("`blocking` takes the path of one function: write `{name} = blocking({path})`");
    Err(Error::new_spanned(place, message))
}

/// The tokens in the parentheses of `blocking(…)`, if that is the value.
fn within_blocking(entry: &Entry) -> Option<TokenStream> {
    let mut tokens = entry.value.clone()?.into_iter();
    match (tokens.next()?, tokens.next()?, tokens.next()) {
        (TokenTree::Ident(word), TokenTree::Group(group), None)
            if word == "blocking" && group.delimiter() == Delimiter::Parenthesis =>
        {
            Some(group.stream())
        }
        _ => None,
    }
}

/// The path of the crate. `Self` in it would name a type, from which nothing can be imported.
pub(crate) fn module(entry: &Entry) -> Result<TokenStream> {
    let is_module = |value: &TokenStream| {
        Path::parse_mod_style
            .parse2(value.clone())
            .is_ok_and(|path| path.segments.iter().all(|segment| segment.ident != "Self"))
    };
    match &entry.value {
        Some(value) if is_module(value) => Ok(value.clone()),
        _ => Err(wrong(
            entry,
            "takes the path of the crate `cachecow`, without quotes: write \
             `crate = ::my_framework::cachecow`",
        )),
    }
}

/// The context type: the fetch functions take a reference to it.
pub(crate) fn context_type(entry: &Entry) -> Result<TokenStream> {
    let is_literal = literal(entry).is_some();
    match (parse::<Type>(entry), &entry.value) {
        (Some(Type::Reference(reference)), _) => {
            let ty = crate::tokens::compact(&*reference.elem);
            Err(wrong(
                entry,
                format!(
                    "is already passed by reference to the fetch function: write `context = {ty}`"
                ),
            ))
        }
        (Some(Type::ImplTrait(_)), _) => Err(wrong(
            entry,
            "must be a single type: write `context = dyn Trait`, or name the type",
        )),
        (Some(ty), Some(value))
            if !is_literal && !matches!(ty, Type::Infer(_) | Type::Never(_)) =>
        {
            Ok(value.clone())
        }
        _ => Err(wrong(entry, "takes a type, without quotes: write `context = PgPool`")),
    }
}

/// The type's name in statistics and events.
pub(crate) fn type_name(entry: &Entry) -> Result<LitStr> {
    let literal = string(entry, "\"User\"")?;
    let value = literal.value();
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-.:".contains(letter);
    if value.is_empty() || !value.chars().all(is_plain) {
        let message = "a type's name consists of letters, digits, `_`, `-`, `.` and `:`, such as `name = \"User\"`";
        return Err(Error::new_spanned(&literal, message));
    }
    Ok(literal)
}

/// A name for a constructor.
pub(crate) fn constructor(entry: &Entry) -> Result<Ident> {
    let literal = string(entry, "\"by_email\"")?;
    let value = literal.value();
    let mut name = syn::parse_str::<Ident>(&value).map_err(|_| {
        let reason = if value != "_" && syn::parse_str::<Reserved>(&value).is_ok() {
            "is a keyword"
        } else {
            "is not a function name"
        };
        Error::new_spanned(
            &literal,
            format!("`{value}` {reason}; write an identifier, such as `name = \"by_email\"`"),
        )
    })?;
    if value.starts_with("r#") || !value.contains(char::is_alphanumeric) {
        return Err(Error::new_spanned(
            &literal,
            format!("no type name can be made from `{value}`; write a name such as `by_email`"),
        ));
    }
    name.set_span(literal.span());
    Ok(name)
}

/// Any word that is written like an identifier.
struct Reserved;

impl Parse for Reserved {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        syn::ext::IdentExt::parse_any(input).map(|_: Ident| Self)
    }
}

fn literal(entry: &Entry) -> Option<LitStr> {
    parse(entry)
}

fn parse<T: Parse>(entry: &Entry) -> Option<T> {
    syn::parse2(entry.value.clone()?).ok()
}

fn wrong(entry: &Entry, message: impl std::fmt::Display) -> Error {
    Error::new_spanned(entry.value_or_name(), format!("`{}` {message}", entry.name))
}
