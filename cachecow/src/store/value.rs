//! Values to put into a store.

use bytes::Bytes;

/// A value to store. It is made from [`Bytes`], a `Vec<u8>` or a `String` without copying, and from slices and
/// `&str` by copying.
///
/// ```
/// use cachecow::store::Value;
///
/// let texts = [Value::from("moo"), Value::from(String::from("moo")), Value::from(b"moo"), Value::from(vec![0x6d, 0x6f, 0x6f])];
/// assert!(texts.iter().all(|value| *value == texts[0]));
/// assert_eq!(texts[0].clone().into_bytes(), "moo");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Value(Bytes);

impl Value {
    /// The bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(value))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self(Bytes::copy_from_slice(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(Bytes::copy_from_slice(value.as_bytes()))
    }
}
