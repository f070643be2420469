//! `rust_decimal`: with the scale, so that 1.0 does not become 1.00.

use rust_decimal::Decimal;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::model::schema::plain::coded;
use crate::model::schema::{CacheSchema, shape_of};

coded! {
    Decimal = "Decimal":
        |value, encoder| encoder.bytes(&value.serialize()),
        |decoder| {
            let bytes: [u8; 16] = decoder.array_of_bytes()?;
            // The scale is in the third of four bytes, which otherwise hold only the sign.
            if bytes[2] > 28 {
                return Err(DecodeError::new("the scale is out of the type's range"));
            }
            Ok(Self::deserialize(bytes))
        };
}
