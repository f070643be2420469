//! What an encrypted document is bound to.

use super::keyring::Cipher;
use super::{MALFORMED, Packing, Refusal};
use crate::document::packed::Packed;
use crate::key::Key;

const UNAUTHENTIC: Refusal =
    Refusal::Damaged("it was changed or moved since it was encrypted, or its key has another name");

impl Packing {
    /// What is authenticated with the content: the key, the head (header, codec and the key's name) and the
    /// namespace. The key's hash has a fixed length, and the head tells its own.
    ///
    /// Two keys of one hash may be made on purpose. That is no way to have one's value taken for the other's:
    /// the object, and an absence, is compared with the parts that were asked for, whoever stored it.
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
