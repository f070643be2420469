//! Writing.

use std::fmt;

use serde::Serialize;

use super::error::Path;
use super::marker::{
    ARRAY_16, ARRAY_32, BIN_8, BIN_16, BIN_32, F32, F64, FALSE, FIX_ARRAY, FIX_MAP, FIX_STR, I8,
    I16, I32, I64, MAP_16, MAP_32, NIL, STR_8, STR_16, STR_32, TRUE, U8, U16, U32, U64,
};
use super::opaque::{self, ForeignSerializer};
use super::{MAX_DEPTH, digest};
use crate::model::schema::CacheSchema;

/// Writes a value as MessagePack.
///
/// The encoder remembers the first fault (something too large, or something that serde refuses), and writes nothing
/// after it. No method returns an error.
///
/// ```
/// use cachecow::CacheSchema;
/// use cachecow::codec::{DecodeError, Decoder, Encoder};
///
/// #[derive(Debug, PartialEq)]
/// enum Shape { Point, Circle(f64) }
///
/// impl CacheSchema for Shape {
///     const NAME: &'static str = "Shape";
///     /// Another one whenever the encoding changes.
///     const FINGERPRINT: u64 = 1;
///     const MAY_BE_NIL: bool = false;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         match self {
///             Self::Point => {
///                 encoder.variant(0, 0);
///             }
///             Self::Circle(radius) => {
///                 if encoder.variant(1, 1) {
///                     encoder.f64(*radius);
///                     encoder.field("radius");
///                 }
///             }
///         }
///         encoder.end();
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         let shape = match decoder.variant()? {
///             (0, 0) => Self::Point,
///             (1, 1) => Self::Circle(Decoder::field("radius", decoder.f64())?),
///             _ => return Err(decoder.no_variant()),
///         };
///         decoder.end();
///         Ok(shape)
///     }
/// }
///
/// # #[cfg(feature = "testing")] {
/// use cachecow::testing::assert_round_trips;
/// assert_round_trips(&Shape::Point);
/// assert_round_trips(&Shape::Circle(1.5));
/// # }
/// ```
pub struct Encoder {
    bytes: Vec<u8>,
    max_len: usize,
    depth: usize,
    /// Whether a field takes the slow path: after a fault, or when encoding for a comparison.
    slow: bool,
    unfit: Option<Unfit>,
    /// For a comparison: where the outermost fields are.
    fields: Option<Fields>,
}

#[derive(Default)]
struct Fields {
    found: Vec<Field>,
    /// Where the next field of each open struct begins.
    begins: Vec<usize>,
}

/// Why a value cannot be stored.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The document would be longer than allowed.
    TooLarge,
    /// The value cannot be encoded.
    Unencodable(Reason),
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Reason {
    why: String,
    path: Vec<&'static str>,
    /// The depth of the next field whose name belongs to the path.
    depth: usize,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", Path(&self.path))?;
        }
        f.write_str(&self.why)
    }
}

/// Where a field's bytes are.
struct Field {
    name: &'static str,
    from: usize,
    to: usize,
}

impl Encoder {
    /// Makes an encoder that appends to these bytes, up to this total length.
    pub(crate) fn after(bytes: Vec<u8>, max_len: usize) -> Self {
        Self { bytes, max_len, depth: 0, slow: false, unfit: None, fields: None }
    }

    /// Makes an encoder for a comparison: unordered items are written in a fixed order, and serde's output as its
    /// hash.
    pub(crate) fn for_comparing() -> Self {
        Self { slow: true, fields: Some(Fields::default()), ..Self::after(Vec::new(), usize::MAX) }
    }

    /// Returns the bytes that were written.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Unfit> {
        match self.unfit {
            None => Ok(self.bytes),
            Some(unfit) => Err(unfit),
        }
    }

    /// Returns the outermost fields, each with its bytes, and all bytes.
    pub(crate) fn fields(&self) -> (impl Iterator<Item = (&'static str, &[u8])>, &[u8]) {
        let fields = self.fields.iter().flat_map(|fields| &fields.found);
        (fields.map(|field| (field.name, &self.bytes[field.from..field.to])), &self.bytes)
    }

    /// Returns whether something could not be written.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.unfit.is_some()
    }

    /// Keeps the first fault.
    #[cold]
    pub(super) fn fail(&mut self, unfit: Unfit) {
        self.unfit.get_or_insert(unfit);
        self.slow = true;
        // Nothing more is written.
        self.max_len = 0;
    }

    /// Notes that this value cannot be stored, and why. It is then returned to its reader, but not stored.
    #[cold]
    pub fn refuse(&mut self, why: impl Into<String>) {
        let reason = Reason { why: why.into(), path: Vec::new(), depth: self.depth };
        self.fail(Unfit::Unencodable(reason));
    }

    #[inline]
    fn has_room(&mut self, len: usize) -> bool {
        let has_room = len <= self.max_len.saturating_sub(self.bytes.len());
        if !has_room {
            self.fail(Unfit::TooLarge);
        }
        has_room
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.has_room(N) {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// Writes a first byte, and a fixed number of bytes after it.
    #[inline]
    fn put_number<const N: usize>(&mut self, marker: u8, digits: [u8; N]) {
        if self.has_room(1 + N) {
            self.bytes.push(marker);
            self.bytes.extend_from_slice(&digits);
        }
    }

    /// Nil.
    #[inline]
    pub fn nil(&mut self) {
        self.put([NIL]);
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.put([if value { TRUE } else { FALSE }]);
    }

    /// A number that is not negative.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the ranges fit")]
    pub fn uint(&mut self, value: u64) {
        match value {
            0..=0x7f => self.put([value as u8]),
            0x80..=0xff => self.put([U8, value as u8]),
            0x100..=0xffff => self.put_number(U16, (value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.put_number(U32, (value as u32).to_be_bytes()),
            _ => self.put_number(U64, value.to_be_bytes()),
        }
    }

    /// A number.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the ranges fit")]
    pub fn int(&mut self, value: i64) {
        match value {
            0.. => self.uint(value.cast_unsigned()),
            -0x20..=-1 => self.put([value as u8]),
            -0x80..-0x20 => self.put([I8, value as u8]),
            -0x8000..-0x80 => self.put_number(I16, (value as i16).to_be_bytes()),
            -0x8000_0000..-0x8000 => self.put_number(I32, (value as i32).to_be_bytes()),
            _ => self.put_number(I64, value.to_be_bytes()),
        }
    }

    /// A float.
    #[inline]
    pub fn f32(&mut self, value: f32) {
        self.put_number(F32, value.to_bits().to_be_bytes());
    }

    /// A float.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        self.put_number(F64, value.to_bits().to_be_bytes());
    }

    /// Text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.head(value.len(), FIX_STR, 0x20, Some(STR_8), STR_16, STR_32);
        self.raw(value.as_bytes());
    }

    /// Binary data.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.head(value.len(), 0, 0, Some(BIN_8), BIN_16, BIN_32);
        self.raw(value);
    }

    /// Writes the head of an array; this number of values must follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.head(len, FIX_ARRAY, 0x10, None, ARRAY_16, ARRAY_32);
    }

    /// Writes the head of a map; this number of keys must follow, each with its value.
    #[inline]
    pub fn map(&mut self, len: usize) {
        self.head(len, FIX_MAP, 0x10, None, MAP_16, MAP_32);
    }

    /// Writes a length; below `fixed` it is part of the first byte.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the ranges fit")]
    fn head(&mut self, len: usize, fix: u8, fixed: usize, m8: Option<u8>, m16: u8, m32: u8) {
        match (len, m8) {
            _ if len < fixed => self.put([fix | len as u8]),
            (0..=0xff, Some(m8)) => self.put([m8, len as u8]),
            (0..=0xffff, _) => self.put_number(m16, (len as u16).to_be_bytes()),
            _ => match u32::try_from(len) {
                Ok(len) => self.put_number(m32, len.to_be_bytes()),
                Err(_) => self.fail(Unfit::TooLarge),
            },
        }
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Writes several values of a type, as an array.
    pub fn list<'i, T: CacheSchema + 'i>(&mut self, items: impl ExactSizeIterator<Item = &'i T>) {
        self.array(items.len());
        self.each(items, T::write_to);
    }

    /// Writes keys with their values, as a map.
    pub fn pairs<'i, K: CacheSchema + 'i, V: CacheSchema + 'i>(
        &mut self,
        items: impl ExactSizeIterator<Item = (&'i K, &'i V)>,
    ) {
        self.map(items.len());
        self.each(items, |(key, value), encoder| {
            key.write_to(encoder);
            value.write_to(encoder);
        });
    }

    fn each<I>(&mut self, items: impl Iterator<Item = I>, write: impl Fn(I, &mut Self)) {
        if self.fields.is_some() {
            return self.each_in_any_order(items, write);
        }
        for item in items {
            write(item, self);
            if self.has_failed() {
                return;
            }
        }
    }

    /// For a comparison: two equal sets may have their items in different orders.
    fn each_in_any_order<I>(
        &mut self,
        items: impl Iterator<Item = I>,
        write: impl Fn(I, &mut Self),
    ) {
        let begin = self.bytes.len();
        let mut written: Vec<Vec<u8>> = Vec::new();
        for item in items {
            write(item, self);
            written.push(self.bytes.split_off(begin));
        }
        written.sort_unstable();
        written.iter().for_each(|item| self.bytes.extend_from_slice(item));
        // Their bytes have moved.
        self.fields.iter_mut().for_each(|fields| fields.found.retain(|field| field.from < begin));
    }

    /// Begins a struct with this number of fields. Returns whether the fields must be written, each followed by
    /// [`field`](Self::field). Call [`end`](Self::end) last in any case.
    #[inline]
    pub fn begin(&mut self, fields: usize) -> bool {
        self.array(fields);
        self.deeper()
    }

    /// Begins an enum's variant with this number of fields, which are written like those of a struct.
    #[inline]
    pub fn variant(&mut self, index: u32, fields: usize) -> bool {
        if fields > 0 {
            self.array(1 + fields);
        }
        self.uint(index.into());
        self.deeper()
    }

    #[inline]
    fn deeper(&mut self) -> bool {
        if self.depth == MAX_DEPTH {
            self.refuse(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        if self.slow {
            self.note_begin();
        }
        !self.has_failed()
    }

    #[cold]
    fn note_begin(&mut self) {
        let begin = self.bytes.len();
        self.fields.iter_mut().for_each(|fields| fields.begins.push(begin));
    }

    /// Writes one level deeper: for values that hold values of their own type.
    pub fn nested(&mut self, write: impl FnOnce(&mut Self)) {
        if self.deeper() {
            write(self);
        }
        self.end();
    }

    /// Ends a struct or an enum.
    #[inline]
    pub fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.slow {
            self.note_end();
        }
    }

    #[cold]
    fn note_end(&mut self) {
        if let Some(fields) = &mut self.fields {
            fields.begins.pop();
        }
    }

    /// Says that the value just written is the field of this name; a fault in it carries the name.
    #[inline]
    pub fn field(&mut self, name: &'static str) {
        if self.slow {
            self.note_field(name);
        }
    }

    #[cold]
    fn note_field(&mut self, name: &'static str) {
        if let Some(Unfit::Unencodable(reason)) = &mut self.unfit
            && reason.depth == self.depth
        {
            reason.path.push(name);
            reason.depth = reason.depth.saturating_sub(1);
        }
        let to = self.bytes.len();
        if let Some(fields) = &mut self.fields
            && let Some(begin) = fields.begins.last_mut()
        {
            let from = std::mem::replace(begin, to);
            fields.found.retain(|field| field.from < from);
            fields.found.push(Field { name, from, to });
        }
    }

    /// Writes a value with serde, as binary data: for types with serde's traits and without a
    /// [`CacheSchema`](crate::CacheSchema) of their own.
    pub fn opaque<T: Serialize>(&mut self, value: &T) {
        if self.fields.is_none() {
            return self.foreign(|serializer| value.serialize(serializer));
        }
        match digest::digest(value) {
            Ok(digest) => self.bytes(&digest.to_be_bytes()),
            Err(error) => self.refuse(error.to_string()),
        }
    }

    /// Writes a value with a function written for serde, as binary data.
    pub fn foreign(
        &mut self,
        serialize: impl FnOnce(ForeignSerializer<'_>) -> Result<(), rmp_serde::encode::Error>,
    ) {
        // One byte for the length, since most values are short.
        self.put([BIN_8, 0]);
        let from = self.bytes.len();
        match opaque::serialize(&mut self.bytes, self.max_len, serialize) {
            _ if self.has_failed() => {}
            Ok(()) => self.patch_length(from),
            Err(None) => self.fail(Unfit::TooLarge),
            Err(Some(why)) => self.refuse(why),
        }
    }

    /// Writes the length of the bytes after `from` in front of them.
    fn patch_length(&mut self, from: usize) {
        let len = self.bytes.len() - from;
        if let Ok(len) = u8::try_from(len) {
            self.bytes[from - 1] = len;
            return;
        }
        let mut head = Self::after(Vec::new(), usize::MAX);
        head.head(len, 0, 0, Some(BIN_8), BIN_16, BIN_32);
        if self.has_room(head.bytes.len() - 2) {
            self.bytes.splice(from - 2..from, head.bytes);
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}
