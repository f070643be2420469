//! `uuid`.

use uuid::Uuid;

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::plain::plain;
use crate::model::schema::{CacheSchema, shape_of};

plain! {
    Uuid = "Uuid":
        |value, encoder| encoder.bytes(value.as_bytes()),
        |decoder| decoder.array_of_bytes().map(Self::from_bytes);
}
