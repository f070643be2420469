//! Values that would not come back as they were fetched, so that the cache leaves their type alone.

use std::convert::Infallible;

use cachecow::codec::{Comparison, DecodeError, Decoder, Encoder};
use cachecow::{CacheSchema, Cached};

/// A field that is never the same as what was stored of it.
#[derive(Debug)]
pub struct Lossy;

impl CacheSchema for Lossy {
    const NAME: &'static str = "Lossy";
    const FINGERPRINT: u64 = 1;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nil();
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nil().map(|()| Self)
    }

    fn is_same(&self, _: &Self, _: &mut Comparison) -> bool {
        false
    }
}

/// An object that has such a field.
#[derive(Debug, Cached)]
#[cache(key = "vague:{id}", fetch = Vague::find)]
pub struct Vague {
    /// Any.
    pub id: u32,
    lossy: Lossy,
}

impl Vague {
    async fn find(id: u32) -> Result<Self, Infallible> {
        Ok(Self { id, lossy: Lossy })
    }
}
