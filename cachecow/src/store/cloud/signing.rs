//! Addresses that give access to one value for some time.

use std::any::Any;

use object_store::azure::MicrosoftAzure;
use object_store::gcp::GoogleCloudStorage;
use object_store::path::Path;
use object_store::signer::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::CloudStore;
use super::error::{cannot_sign, failed};
use crate::error::Error;

/// All characters except those that are allowed everywhere in an address, and the slash.
const SPECIAL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// How object_store spells a name in an address that it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Correctly encoded.
    Right,
    /// Not encoded (Google). A `?` would end the path.
    Raw,
    /// Correctly encoded, but also in the signature, where Azure expects the raw name.
    RightAndWronglySigned,
}

impl Spelling {
    pub(super) fn of(service: &dyn Any) -> Self {
        if service.is::<GoogleCloudStorage>() {
            Self::Raw
        } else if service.is::<MicrosoftAzure>() {
            Self::RightAndWronglySigned
        } else {
            Self::Right
        }
    }
}

pub(super) async fn address(store: &CloudStore, path: &Path) -> Result<String, Error> {
    let spelled = utf8_percent_encode(path.as_ref(), SPECIAL).to_string();
    let spelled = Path::parse(spelled).map_err(|error| Error::store("url_for", error))?;
    let paths = match store.spelling {
        Spelling::Right | Spelling::RightAndWronglySigned => vec![path],
        // If a later object_store encodes names correctly, the first one is encoded twice.
        Spelling::Raw => vec![&spelled, path],
    };
    for candidate in paths {
        let signed = store.service.signed_url(Method::GET, candidate, store.url_validity);
        let url = signed.await.map_err(unsigned)?;
        let leads_there = percent_decode_str(url.path())
            .decode_utf8()
            .is_ok_and(|decoded| decoded.ends_with(&format!("/{path}")));
        let is_signed =
            store.spelling != Spelling::RightAndWronglySigned || !url.path().contains('%');
        if leads_there && is_signed {
            return Ok(url.into());
        }
    }
    Err(Error::unsupported(
        "url_for",
        "object_store cannot sign an address of this service for a key with a character that must be \
         encoded, such as a space or `%`",
    ))
}

fn unsigned(cause: object_store::Error) -> Error {
    use object_store::Error as Cause;
    // object_store has no error kind for this with Azure.
    let by_credentials = cause.to_string().contains("Generating SAS keys");
    match cause {
        Cause::NotSupported { .. } | Cause::NotImplemented { .. } => cannot_sign("url_for"),
        _ if by_credentials => cannot_sign("url_for"),
        cause => failed("url_for", cause),
    }
}
