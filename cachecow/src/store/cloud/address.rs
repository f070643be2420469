//! A cloud store's URL, taken apart, with errors that say what is wrong and show no credentials.

use object_store::path::Path;
use percent_encoding::percent_decode_str;
use url::Url;

use super::provider::Provider;
use crate::error::{Error, ErrorKind};

/// A URL's parts, decoded.
pub(super) struct Address {
    pub(super) bucket: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) options: Vec<(String, String)>,
    pub(super) prefix: String,
}

impl Address {
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let options = self.options.iter().map(|(_, value)| value);
        // If the colon is missing, the secret may be in the place of the user.
        let user = self.user.iter().chain(&self.password);
        user.chain(options).map(String::as_str).filter(|secret| !secret.is_empty())
    }
}

pub(super) fn parse<K>(url: &str, provider: &Provider<K>) -> Result<Address, Error> {
    let form = provider.form;
    let url = Url::parse(url).map_err(|error| {
        invalid(&format!(
            "{error}; write {form}, and percent-encode special characters in credentials"
        ))
    })?;
    let bucket = url.host_str().unwrap_or_default().to_owned();
    if bucket.is_empty() {
        return Err(invalid(&format!("it names no bucket; write {form}")));
    }
    if url.port().is_some() {
        return Err(invalid(&format!(
            "a bucket has no port; write {form}, and set the server's address with `{}=…`",
            provider.endpoint
        )));
    }
    if url.fragment().is_some() {
        return Err(invalid("it has a fragment; write a `#` of the prefix or of a setting as %23"));
    }
    let prefix = Path::from_url_path(url.path()).map_err(|_| {
        invalid(
            "its prefix has an empty part, `.`, `..`, or invalid UTF-8; write one such as `folder/sub`",
        )
    })?;
    let user = Some(url.username()).filter(|user| !user.is_empty());
    Ok(Address {
        bucket,
        user: user.map(decoded).transpose()?,
        password: url.password().map(decoded).transpose()?,
        options: url.query_pairs().into_owned().collect(),
        prefix: prefix.into(),
    })
}

fn decoded(text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| invalid("its credentials are not valid UTF-8"))?.into_owned())
}

pub(super) fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidUrl, format!("the store's URL is not valid: {what}"))
}
