//! The associated data of an encrypted document.

use super::keyring::Cipher;
use super::{MALFORMED, Packing, Refusal};
use crate::document::packed::Packed;
use crate::key::Key;

const UNAUTHENTIC: Refusal =
    Refusal::Damaged("it was changed or moved since it was encrypted, or its key has another name");

impl Packing {
    /// The data that is authenticated with the content: the key, the head (header, codec and the key's name) and
    /// the namespace. The key's hash has a fixed length, and the head contains its own length.
    ///
    /// An attacker can make two keys with the same hash. This does not make one's value pass for the other's: every
    /// object and every absence is compared with the requested parts.
    pub(super) fn associated(&self, key: Key, head: &[u8]) -> Vec<u8> {
        [&key.hash().to_be_bytes()[..], head, self.namespace.as_bytes()].concat()
    }

    /// The clear document.
    pub(super) fn decrypted(
        &self,
        key: Key,
        packed: &Packed<'_>,
        max_len: usize,
    ) -> Result<Vec<u8>, Refusal> {
        let cipher = self.cipher(packed)?;
        let len = Cipher::content_len(packed.payload).ok_or(MALFORMED)?;
        if Packed::clear_len(len) > max_len {
            return Err(Refusal::TooLarge);
        }
        let associated = self.associated(key, packed.head);
        let decrypt = |to: &mut [u8]| cipher.decrypt(&associated, packed.payload, to);
        packed.clear(len, |to| decrypt(to).ok_or(UNAUTHENTIC))
    }

    /// The content alone.
    pub(super) fn decrypted_content(
        &self,
        key: Key,
        packed: &Packed<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let cipher = self.cipher(packed)?;
        let mut content = vec![0; Cipher::content_len(packed.payload).ok_or(MALFORMED)?];
        let associated = self.associated(key, packed.head);
        cipher.decrypt(&associated, packed.payload, &mut content).ok_or(UNAUTHENTIC)?;
        Ok(content)
    }

    fn cipher(&self, packed: &Packed<'_>) -> Result<&Cipher, Refusal> {
        let keyring = self.keyring.as_ref().ok_or(Refusal::OtherSettings)?;
        keyring.named(packed.key).ok_or(Refusal::OtherSettings)
    }
}
