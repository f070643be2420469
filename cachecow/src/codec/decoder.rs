//! Reading.

use std::fmt;

use serde::de::DeserializeOwned;

use super::MAX_DEPTH;
use super::error::DecodeError;
use super::kind::Kind;
use super::marker::{
    ARRAY_16, ARRAY_32, BIN_8, BIN_16, BIN_32, F32, F64, FALSE, FIX_ARRAY, FIX_MAP, FIX_NEGATIVE,
    FIX_STR, I8, I16, I32, I64, MAP_16, MAP_32, NIL, STR_8, STR_16, STR_32, TRUE, U8, U16, U32,
    U64,
};
use super::opaque::{self, ForeignDeserializer};
use crate::model::schema::CacheSchema;

/// How much memory a list's claimed length may reserve before its items are read.
const RESERVED: usize = 1 << 12;

/// Reads a value that an [`Encoder`](super::Encoder) wrote, from bytes that anyone may have written.
///
/// [`Encoder`](super::Encoder) has an example.
pub struct Decoder<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// Checks that nothing follows.
    #[inline]
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::new("more bytes than expected"))
        }
    }

    #[inline]
    fn next(&mut self, expected: &str) -> Result<u8, DecodeError> {
        match self.rest.split_first() {
            Some((&marker, rest)) => {
                self.rest = rest;
                Ok(marker)
            }
            None => Err(DecodeError::expected(expected, None)),
        }
    }

    #[inline]
    fn digits<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((&digits, rest)) => {
                self.rest = rest;
                Ok(digits)
            }
            None => Err(DecodeError::expected("the rest of a value", None)),
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(DecodeError::expected("the rest of a value", None)),
        }
    }

    /// Consumes nil, if it is the next value; returns whether it was.
    #[inline]
    pub fn takes_nil(&mut self) -> bool {
        match self.rest {
            [NIL, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Returns the kind of the next value; `None` at the end.
    pub fn kind(&self) -> Option<Kind> {
        self.rest.first().map(|marker| Kind::of(*marker))
    }

    /// Nil.
    ///
    /// # Errors
    ///
    /// If the next value is something else. The same holds for the other methods.
    #[inline]
    pub fn nil(&mut self) -> Result<(), DecodeError> {
        match self.next("nil")? {
            NIL => Ok(()),
            other => Err(DecodeError::expected("nil", Some(other))),
        }
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.next("a truth value")? {
            TRUE => Ok(true),
            FALSE => Ok(false),
            other => Err(DecodeError::expected("a truth value", Some(other))),
        }
    }

    /// A number that is not negative.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        let marker = self.next("an integer")?;
        self.uint_of(marker, "an integer that is not negative")
    }

    #[inline]
    fn uint_of(&mut self, marker: u8, expected: &str) -> Result<u64, DecodeError> {
        Ok(match marker {
            0x00..=0x7f => marker.into(),
            U8 => u8::from_be_bytes(self.digits()?).into(),
            U16 => u16::from_be_bytes(self.digits()?).into(),
            U32 => u32::from_be_bytes(self.digits()?).into(),
            U64 => u64::from_be_bytes(self.digits()?),
            other => return Err(DecodeError::expected(expected, Some(other))),
        })
    }

    /// A number.
    #[inline]
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        Ok(match self.next("an integer")? {
            marker @ FIX_NEGATIVE..=0xff => marker.cast_signed().into(),
            I8 => i8::from_be_bytes(self.digits()?).into(),
            I16 => i16::from_be_bytes(self.digits()?).into(),
            I32 => i32::from_be_bytes(self.digits()?).into(),
            I64 => i64::from_be_bytes(self.digits()?),
            marker => i64::try_from(self.uint_of(marker, "an integer")?)
                .map_err(|_| DecodeError::new("the integer is too large"))?,
        })
    }

    /// A float.
    #[inline]
    pub fn f32(&mut self) -> Result<f32, DecodeError> {
        match self.next("a float")? {
            F32 => Ok(f32::from_bits(u32::from_be_bytes(self.digits()?))),
            other => Err(DecodeError::expected("a float of 32 bits", Some(other))),
        }
    }

    /// A float.
    #[inline]
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        match self.next("a float")? {
            F64 => Ok(f64::from_bits(u64::from_be_bytes(self.digits()?))),
            other => Err(DecodeError::expected("a float of 64 bits", Some(other))),
        }
    }

    /// Text.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let len = match self.next("text")? {
            marker @ FIX_STR..=0xbf => usize::from(marker - FIX_STR),
            STR_8 => u8::from_be_bytes(self.digits()?).into(),
            STR_16 => u16::from_be_bytes(self.digits()?).into(),
            STR_32 => self.long()?,
            other => return Err(DecodeError::expected("text", Some(other))),
        };
        std::str::from_utf8(self.take(len)?).map_err(|_| DecodeError::new("the text is not UTF-8"))
    }

    /// Binary data.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.next("binary data")? {
            BIN_8 => u8::from_be_bytes(self.digits()?).into(),
            BIN_16 => u16::from_be_bytes(self.digits()?).into(),
            BIN_32 => self.long()?,
            other => return Err(DecodeError::expected("binary data", Some(other))),
        };
        self.take(len)
    }

    /// Binary data of a fixed length.
    #[inline]
    pub fn array_of_bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| {
            DecodeError::new(format!("expected {N} bytes of binary data, found {}", bytes.len()))
        })
    }

    /// Reads the head of an array: the number of values that follow, at most the number of bytes left.
    #[inline]
    pub fn array(&mut self) -> Result<usize, DecodeError> {
        let len = match self.next("an array")? {
            marker @ FIX_ARRAY..=0x9f => usize::from(marker - FIX_ARRAY),
            ARRAY_16 => u16::from_be_bytes(self.digits()?).into(),
            ARRAY_32 => self.long()?,
            other => return Err(DecodeError::expected("an array", Some(other))),
        };
        self.believed(len)
    }

    /// Reads the head of a map: the number of keys that follow, each with its value, at most the number of bytes
    /// left.
    #[inline]
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        let len = match self.next("a map")? {
            marker @ FIX_MAP..=0x8f => usize::from(marker - FIX_MAP),
            MAP_16 => u16::from_be_bytes(self.digits()?).into(),
            MAP_32 => self.long()?,
            other => return Err(DecodeError::expected("a map", Some(other))),
        };
        self.believed(len)
    }

    #[inline]
    fn long(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(u32::from_be_bytes(self.digits()?))
            .map_err(|_| DecodeError::new("a length beyond this machine's"))
    }

    /// Each value takes at least one byte.
    #[inline]
    fn believed(&self, len: usize) -> Result<usize, DecodeError> {
        if len <= self.rest.len() {
            Ok(len)
        } else {
            Err(DecodeError::new("more values are claimed than there are bytes"))
        }
    }

    /// Several values of a type, from an array.
    pub fn list<T: CacheSchema, C: Default + Extend<T>>(&mut self) -> Result<C, DecodeError> {
        let mut list = C::default();
        for _ in 0..self.array()? {
            list.extend([T::read_from(self)?]);
        }
        Ok(list)
    }

    /// The same for the most common case.
    pub(crate) fn vec<T: CacheSchema>(&mut self) -> Result<Vec<T>, DecodeError> {
        let len = self.array()?;
        let mut list = Vec::with_capacity(len.min(RESERVED / size_of::<T>().max(1)));
        for _ in 0..len {
            list.push(T::read_from(self)?);
        }
        Ok(list)
    }

    /// Keys with their values, from a map.
    pub fn pairs<K: CacheSchema, V: CacheSchema, C: Default + Extend<(K, V)>>(
        &mut self,
    ) -> Result<C, DecodeError> {
        let mut map = C::default();
        for _ in 0..self.map()? {
            map.extend([(K::read_from(self)?, V::read_from(self)?)]);
        }
        Ok(map)
    }

    /// Reads the beginning of a struct with this number of fields; [`end`](Self::end) follows them.
    #[inline]
    pub fn begin(&mut self, fields: usize) -> Result<(), DecodeError> {
        match self.array()? {
            len if len == fields => self.deeper(),
            len => Err(DecodeError::new(format!("expected {fields} fields, found {len}"))),
        }
    }

    /// Reads the beginning of an enum's variant: its index, and how many fields it has; [`end`](Self::end) follows
    /// them.
    #[inline]
    pub fn variant(&mut self) -> Result<(u64, usize), DecodeError> {
        self.deeper()?;
        if let [FIX_ARRAY..=0x9f | ARRAY_16 | ARRAY_32, ..] = self.rest {
            // A variant must have an index.
            match self.array()?.checked_sub(1) {
                Some(fields) if fields > 0 => return Ok((self.uint()?, fields)),
                _ => return Err(DecodeError::new("a variant without its index or fields")),
            }
        }
        Ok((self.uint()?, 0))
    }

    /// Makes the error for a variant that the enum does not have.
    #[cold]
    pub fn no_variant(&self) -> DecodeError {
        DecodeError::new("no variant of the enum has this index and number of fields")
    }

    #[inline]
    fn deeper(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            Ok(())
        } else {
            Err(DecodeError::new(format!("nested deeper than {MAX_DEPTH} levels")))
        }
    }

    /// Reads one level deeper: for values that hold values of their own type.
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.deeper()?;
        let value = read(self)?;
        self.end();
        Ok(value)
    }

    /// Reads the end of a struct or an enum.
    #[inline]
    pub fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Returns the result for the field of this name; an error carries the name.
    ///
    /// # Errors
    ///
    /// The error that was passed in.
    #[inline]
    pub fn field<T>(name: &'static str, read: Result<T, DecodeError>) -> Result<T, DecodeError> {
        match read {
            Ok(value) => Ok(value),
            Err(error) => Err(error.in_field(name)),
        }
    }

    /// Reads what [`Encoder::opaque`](super::Encoder::opaque) wrote.
    pub fn opaque<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        self.foreign(|deserializer| T::deserialize(deserializer))
    }

    /// Reads what [`Encoder::foreign`](super::Encoder::foreign) wrote, with a function written for serde.
    pub fn foreign<T>(
        &mut self,
        deserialize: impl FnOnce(ForeignDeserializer<'_, '_>) -> Result<T, rmp_serde::decode::Error>,
    ) -> Result<T, DecodeError> {
        opaque::deserialize(self.bytes()?, deserialize)
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("left", &self.rest.len()).finish_non_exhaustive()
    }
}
