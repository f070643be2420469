//! `url`.

use url::Url;

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::plain::plain;
use crate::model::schema::{CacheSchema, shape_of};

plain! {
    Url = "Url":
        |value, encoder| encoder.str(value.as_str()),
        |decoder| Self::parse(decoder.str()?).map_err(|error| DecodeError::new(error.to_string()));
}
