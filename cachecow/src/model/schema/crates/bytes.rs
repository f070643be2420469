//! `bytes`.

use bytes::{Bytes, BytesMut};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::plain::plain;
use crate::model::schema::{CacheSchema, shape_of};

plain! {
    Bytes = "Bytes":
        |value, encoder| encoder.bytes(value),
        |decoder| decoder.bytes().map(Self::copy_from_slice);
    BytesMut = "Bytes":
        |value, encoder| encoder.bytes(value),
        |decoder| decoder.bytes().map(Self::from);
}
