//! Cluster times and resume tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{
    RawDocumentBuf, Timestamp, deserialize_from_slice, serialize_to_raw_document_buf,
};
use mongodb::change_stream::event::ResumeToken;

use crate::error::{Error, ErrorKind};
use crate::log::position::LogPosition;

/// Returns the position before everything that has this cluster time.
pub(super) fn before(time: Timestamp) -> LogPosition {
    LogPosition::new(u64::from(time.time) << 32 | u64::from(time.increment))
}

/// Returns the position after everything that has this cluster time.
pub(super) fn after(time: Timestamp) -> LogPosition {
    LogPosition::new(before(time).number() + 1)
}

/// A place in the stream from which the server can resume.
#[derive(Clone, Debug)]
pub(super) struct Bookmark {
    pub(super) token: ResumeToken,
    /// Everything before this position came earlier in the stream.
    pub(super) position: LogPosition,
}

impl Bookmark {
    /// Returns the text that is stored in the cache.
    pub(super) fn to_text(&self) -> Option<String> {
        let document = serialize_to_raw_document_buf(&self.token).ok()?;
        Some(format!("{} {}", self.position, STANDARD.encode(document.as_bytes())))
    }

    /// Parses the text that [`to_text`](Self::to_text) returned.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (position, token) = text.split_once(' ')?;
        let document = RawDocumentBuf::from_bytes(STANDARD.decode(token).ok()?).ok()?;
        let token = deserialize_from_slice(document.as_bytes()).ok()?;
        Some(Self { token, position: position.parse().ok()? })
    }
}

/// Returns the cluster time of the last event before this token. If there was no event, it is the time up to which
/// the server searched.
///
/// For drivers a token is opaque. But only the token says how far an empty batch reaches, and a follower must know
/// that: `caught_up` must also end on a database in which nothing else happens. Since MongoDB 4.2 the field `_data`
/// is a text of hexadecimal digits, the server's `KeyString` of the token. It begins with the cluster time: the
/// type's byte 0x82, seconds, increment.
///
/// # Errors
///
/// If the token has another form: the server is not MongoDB, or its version is not known to cachecow.
pub(super) fn time_of(token: &ResumeToken) -> Result<Timestamp, Error> {
    let unknown = || {
        let message = "follow: the server's resume tokens have a form that is not known here; MongoDB 6.0 to 8.0 have \
                       another one";
        Error::new(ErrorKind::InvalidConfig, message)
    };
    let document = serialize_to_raw_document_buf(token).map_err(|_| unknown())?;
    let data = document.get_str("_data").map_err(|_| unknown())?;
    let digits = data.strip_prefix("82").and_then(|rest| rest.get(..16)).ok_or_else(unknown)?;
    let number = u64::from_str_radix(digits, 16).map_err(|_| unknown())?;
    let low = number & u64::from(u32::MAX);
    let (Ok(time), Ok(increment)) = (u32::try_from(number >> 32), u32::try_from(low)) else {
        return Err(unknown());
    };
    Ok(Timestamp { time, increment })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, deserialize_from_document, doc};

    use super::*;

    fn token(document: Document) -> ResumeToken {
        deserialize_from_document(document).unwrap()
    }

    /// Tokens as MongoDB's manual prints them.
    #[test]
    fn a_token_begins_with_its_cluster_time() {
        for (data, time, increment) in [
            ("8262BC7D2E000000012B0229296E04", 0x62BC_7D2E, 1),
            ("825EC53A7D000000022B022C0100296E5A10046F2B", 0x5EC5_3A7D, 2),
        ] {
            let seen = time_of(&token(doc! { "_data": data })).unwrap();
            assert_eq!(seen, Timestamp { time, increment });
        }
    }

    #[test]
    fn a_token_of_another_form_is_refused() {
        for document in [
            doc! {},
            doc! { "_data": 7 },
            doc! { "_data": "" },
            doc! { "_data": "82" },
            doc! { "_data": "8262BC7D2E0000000" },
            doc! { "_data": "0163EAA6C70000001301000000130000" },
            doc! { "_data": "82ééééééééééé" },
        ] {
            assert!(time_of(&token(document.clone())).is_err(), "{document}");
        }
    }

    #[test]
    fn a_bookmark_survives_the_cache() {
        let bookmark = Bookmark {
            token: token(doc! { "_data": "8262BC7D2E000000012B0229296E04", "_typeBits": [1] }),
            position: LogPosition::new(7),
        };
        let text = bookmark.to_text().unwrap();
        let read = Bookmark::parse(&text).unwrap();
        assert_eq!((read.token, read.position), (bookmark.token, bookmark.position));
        assert!(!text.contains('\n'));
        for rubbish in ["", "7", "7 ", "x AAAA", "7 !", "7 AAAA"] {
            assert!(Bookmark::parse(rubbish).is_none(), "{rubbish}");
        }
    }

    #[test]
    fn positions_grow_with_cluster_time() {
        let (first, second) =
            (Timestamp { time: 7, increment: u32::MAX }, Timestamp { time: 8, increment: 0 });
        assert!(before(first) < after(first));
        assert!(after(first) <= before(second));
    }
}
