//! Content encryption: a block cipher in CBC mode with PKCS#7 padding (RFC 5652 §6.3), unauthenticated.

use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

/// The content ciphers that hiera-eyaml and OpenSSL's defaults have written over the years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

impl ContentCipher {
    /// By object identifier (RFC 3565 §4.1, RFC 3370 §5.1).
    pub(crate) fn of(oid: &ObjectIdentifier) -> Option<Self> {
        const AES_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
        const AES_192: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
        const AES_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
        const TRIPLE_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
        match *oid {
            AES_128 => Some(Self::Aes128),
            AES_192 => Some(Self::Aes192),
            AES_256 => Some(Self::Aes256),
            TRIPLE_DES => Some(Self::TripleDes),
            _ => None,
        }
    }

    /// Bytes of a key.
    pub(crate) fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    fn block_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::TripleDes => 8,
        }
    }

    /// The content without its padding; `None` if key, initialization vector, length or padding is
    /// not what it has to be.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8], content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(content.to_vec());
        match self {
            Self::Aes128 => cbc_in_place::<aes::Aes128>(key, iv, &mut buffer),
            Self::Aes192 => cbc_in_place::<aes::Aes192>(key, iv, &mut buffer),
            Self::Aes256 => cbc_in_place::<aes::Aes256>(key, iv, &mut buffer),
            Self::TripleDes => cbc_in_place::<des::TdesEde3>(key, iv, &mut buffer),
        }?;
        let length = unpadded_length(&buffer, self.block_length())?;
        buffer.truncate(length);
        Some(buffer)
    }
}

fn cbc_in_place<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], buffer: &mut [u8]) -> Option<()> {
    let decryptor = Decryptor::<C>::new_from_slices(key, iv).ok()?;
    decryptor.decrypt_padded::<NoPadding>(buffer).ok()?;
    Some(())
}

/// The length before the padding. Reads every byte of the last block whatever stands in it, so that
/// its time does not tell where a wrong padding is wrong.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a lazy operator is a branch, and its time tells"
)]
fn unpadded_length(content: &[u8], block: usize) -> Option<usize> {
    let last = content.last_chunk::<1>()?[0];
    let padding = usize::from(last);
    let mut wrong = (padding == 0) | (padding > block);
    for (index, &byte) in content.iter().rev().take(block).enumerate() {
        wrong |= (index < padding) & (byte != last);
    }
    if wrong {
        None
    } else {
        content.len().checked_sub(padding)
    }
}

#[cfg(test)]
mod tests;
