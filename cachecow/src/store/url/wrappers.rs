//! The wrappers in a URL's fragment.

use std::sync::Arc;

use super::super::{KeyValueStore, Prefix, ReadOnly, UrlEncode};
use super::address::decoded;
use super::invalid;
use super::suggest::{Quoted, listed, meant};
use crate::error::Error;

const NAMES: [&str; 3] = ["readonly", "urlencode", "prefix"];

const HOW: &str = "write #wrap:readonly+urlencode+prefix(abc-)";

pub(super) enum Wrapper {
    ReadOnly,
    UrlEncode,
    Prefix(String),
}

/// The wrappers of a fragment, the innermost first.
pub(super) fn parse(fragment: Option<&str>, quoted: Quoted) -> Result<Vec<Wrapper>, Error> {
    let Some(fragment) = fragment else { return Ok(Vec::new()) };
    let Some(mut rest) = fragment.strip_prefix("wrap:") else {
        let what = "what follows `#` does not begin with `wrap:`";
        return Err(invalid(format!("{what}; {HOW}{}", quoted.hint())));
    };
    let mut wrappers = Vec::new();
    loop {
        let (name, argument, after) = first(rest)?;
        wrappers.push(wrapper(name, argument, quoted)?);
        rest = match after.strip_prefix('+') {
            Some(rest) => rest,
            None if after.is_empty() => return Ok(wrappers),
            None => {
                return Err(invalid(
                    "after a wrapper's `)`, write `+` or nothing; in an argument, write `)` as %29",
                ));
            }
        };
    }
}

/// A wrapper's name, its argument, and what comes after them.
fn first(text: &str) -> Result<(&str, Option<&str>, &str), Error> {
    let (name, rest) = text.split_at(text.find(['+', '(']).unwrap_or(text.len()));
    let Some(argument) = rest.strip_prefix('(') else { return Ok((name, None, rest)) };
    match argument.split_once(')') {
        Some((argument, rest)) => Ok((name, Some(argument), rest)),
        None => Err(invalid(format!("a wrapper's `(` is not closed; {HOW}"))),
    }
}

fn wrapper(name: &str, argument: Option<&str>, quoted: Quoted) -> Result<Wrapper, Error> {
    match (name, argument) {
        ("readonly", None) => Ok(Wrapper::ReadOnly),
        ("urlencode", None) => Ok(Wrapper::UrlEncode),
        ("readonly" | "urlencode", Some(_)) => {
            Err(invalid(format!("the wrapper `{name}` takes no argument")))
        }
        ("prefix", None | Some("")) => {
            Err(invalid("the wrapper `prefix` needs an argument; write prefix(abc-)"))
        }
        ("prefix", Some(prefix)) => decoded(prefix, "the prefix").map(Wrapper::Prefix),
        ("hmac", _) => Err(invalid(
            "`hmac` is not allowed in URLs, because they are shown and logged, and its secret must not \
             be; write `Hmac::new(store, secret)` in the program",
        )),
        ("", _) => Err(invalid(format!("a wrapper's name is missing; {HOW}"))),
        _ => {
            let (quoted, hint) = (quoted.name(name), quoted.hint());
            let (names, meant) = (listed(NAMES), meant(name, NAMES.into_iter().chain(["hmac"])));
            Err(invalid(format!("its wrapper{quoted} is unknown; there are {names}{meant}{hint}")))
        }
    }
}

/// The store, wrapped.
pub(super) fn wrap(
    store: Arc<dyn KeyValueStore>,
    wrapper: Wrapper,
) -> Result<Arc<dyn KeyValueStore>, Error> {
    Ok(match wrapper {
        Wrapper::ReadOnly => Arc::new(ReadOnly::new(store)),
        Wrapper::UrlEncode => Arc::new(UrlEncode::new(store)),
        Wrapper::Prefix(prefix) => {
            Arc::new(Prefix::new(store, prefix).map_err(|error| invalid(error.to_string()))?)
        }
    })
}
