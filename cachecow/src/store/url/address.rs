//! A store's URL, taken apart.

use percent_encoding::percent_decode_str;

use super::super::KeySpace;
use super::invalid;
use super::suggest::{Quoted, listed, meant};
use crate::error::Error;

/// A store's URL without its wrappers.
pub(super) struct Address {
    scheme: String,
    /// What is between `://` and the parameters.
    place: String,
    /// The parameters as written.
    parameters: Vec<String>,
    key_space: KeySpace,
    quoted: Quoted,
}

impl Address {
    /// Parses the address, and the fragment if there is one.
    pub(super) fn parse(url: &str) -> Result<(Self, Option<&str>), Error> {
        // SQLite's own URLs have no slashes if no path in the file system follows.
        let sqlite = url.strip_prefix("sqlite:").filter(|rest| !rest.starts_with("//"));
        let split = sqlite.map(|rest| ("sqlite", rest)).or_else(|| url.split_once("://"));
        let Some((scheme, rest)) = split else {
            return Err(invalid("it has no scheme; write memory://, redis://host:6379, …"));
        };
        let suspicious = rest.find(['?', '#']).is_some_and(|at| rest[at..].contains('@'));
        let (rest, fragment) = match rest.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (rest, None),
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mut address = Self {
            scheme: scheme.to_owned(),
            place: place.to_owned(),
            parameters: parameters.split('&').map(str::to_owned).collect(),
            key_space: KeySpace::Standard,
            quoted: Quoted { suspicious },
        };
        address.parameters.retain(|parameter| !parameter.is_empty());
        address.key_space = match address.take("keys")?.as_deref() {
            None | Some("standard") => KeySpace::Standard,
            Some("extended") => KeySpace::Extended,
            Some(_) => {
                return Err(invalid(
                    "`keys` is `standard` or `extended`; `#wrap:urlencode` makes any text a key",
                ));
            }
        };
        Ok((address, fragment))
    }

    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    pub(super) fn quoted(&self) -> Quoted {
        self.quoted
    }

    /// The requested key space.
    pub(super) fn key_space(&self) -> KeySpace {
        self.key_space
    }

    /// Whether nothing is between `://` and the parameters.
    pub(super) fn is_bare(&self) -> bool {
        self.place.is_empty()
    }

    /// Whether it names a database in memory, as with SQLite.
    #[allow(dead_code, reason = "not every set of features needs it")]
    pub(super) fn is_in_memory(&self) -> bool {
        self.place == ":memory:"
            || self.parameters.iter().any(|parameter| parameter == "mode=memory")
    }

    /// The path in the file system, decoded.
    pub(super) fn path(&self) -> Result<String, Error> {
        let scheme = &self.scheme;
        match self.place.strip_prefix('/') {
            Some(path) if !path.is_empty() => decoded(&self.place, "the path"),
            _ if self.is_bare() || self.place == "/" => {
                Err(invalid(format!("it names no path; write {scheme}:///path")))
            }
            _ => Err(invalid(format!("its path does not begin with `/`; write {scheme}:///path"))),
        }
    }

    /// Takes a parameter's value, decoded; it is then not passed to the driver.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Error> {
        let mut found = self.parameters.extract_if(.., |parameter| named(parameter) == name);
        let parameter = found.next();
        if found.next().is_some() {
            return Err(invalid(format!("`{name}` is given more than once")));
        }
        drop(found);
        let Some(parameter) = parameter else { return Ok(None) };
        match parameter.split_once('=') {
            Some((_, value)) => decoded(value, &format!("`{name}`")).map(Some),
            None => Err(invalid(format!("`{name}` has no value; write {name}=…"))),
        }
    }

    /// Refuses all parameters except the common ones and these.
    pub(super) fn allow(&self, known: &[&str]) -> Result<(), Error> {
        let known = || ["keys"].into_iter().chain(known.iter().copied());
        let unknown = |name: &&str| !known().any(|known| known == *name);
        let Some(name) = self.parameters.iter().map(|parameter| named(parameter)).find(unknown)
        else {
            return Ok(());
        };
        let (scheme, quoted, hint) = (&self.scheme, self.quoted.name(name), self.quoted.hint());
        let (known, meant) = (listed(known()), meant(name, known()));
        Err(invalid(format!(
            "it has an unknown parameter{quoted}; those of {scheme}:// are {known}{meant}{hint}"
        )))
    }

    /// The URL as the server's driver understands it: without the parameters that were taken.
    #[allow(dead_code, reason = "not every set of features needs it")]
    pub(super) fn for_driver(&self) -> String {
        let Self { scheme, place, parameters, .. } = self;
        let mark = if parameters.is_empty() { "" } else { "?" };
        format!("{scheme}://{place}{mark}{}", parameters.join("&"))
    }
}

fn named(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

/// Decodes each `%` with two digits.
pub(super) fn decoded(text: &str, what: &str) -> Result<String, Error> {
    let digits =
        |piece: &str| piece.len() >= 2 && piece.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !text.split('%').skip(1).all(digits) {
        return Err(invalid(format!(
            "{what} has a `%` without two hexadecimal digits; `%` itself is written %25"
        )));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.contains('\0') => Err(invalid(format!("{what} has a NUL in it"))),
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(invalid(format!("{what} is not UTF-8 when it is decoded"))),
    }
}
