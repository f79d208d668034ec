//! The age file format (C2SP age): armor, header, payload, and which of them is wrong.

use std::io::{self, Read};
use std::iter;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity};
use zeroize::Zeroizing;

/// First line of an armored file.
pub(crate) const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Start of a file that is not armored.
pub(crate) const MAGIC: &[u8] = b"age-encryption.org/";

/// Characters of a full line in the body of a stanza.
const FULL_LINE: usize = 64;

/// Why a file did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// No identity fits a stanza.
    NoMatch,
    /// The armor is damaged, or there is none.
    Armor,
    /// The header is not one of version 1.
    Version,
    /// The header, or a stanza that an identity fits, is damaged.
    Header,
    /// The MAC of the header is wrong.
    HeaderMac,
    /// The payload is damaged.
    Payload,
    /// The payload ends too early.
    PayloadCut,
}

impl OpenError {
    /// What is wrong, for a message that names the file before it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoMatch => "is for other identities",
            Self::Armor => "is not an age file in intact armor",
            Self::Version => "has an unknown version of the age format",
            Self::Header => "has an invalid header",
            Self::HeaderMac => "has a header that was altered: its MAC does not match",
            Self::Payload => "has a damaged payload",
            Self::PayloadCut => "is cut off",
        }
    }
}

/// The bytes in the armor. Blank space around it is let through, as by age.
pub(crate) fn dearmor(text: &[u8]) -> Result<Vec<u8>, OpenError> {
    let text = text.trim_ascii();
    if !text.starts_with(ARMOR) {
        return Err(OpenError::Armor);
    }
    let mut file = Vec::with_capacity(text.len());
    // The reader wants its last line ended; YAML may have chomped it.
    ArmoredReader::new(text.chain(b"\n".as_slice()))
        .read_to_end(&mut file)
        .map_err(|_| OpenError::Armor)?;
    Ok(file)
}

/// Opens a file without armor. What of the payload could be read is in `plain` even if the rest could not;
/// of more than `limit` bytes one too many is read.
pub(crate) fn open(
    file: &[u8],
    identity: &dyn Identity,
    limit: usize,
    plain: &mut Zeroizing<Vec<u8>>,
) -> Result<(), OpenError> {
    if !stanzas_are_closed(file) {
        return Err(OpenError::Header);
    }
    let decryptor = Decryptor::new_buffered(file).map_err(|error| header(&error))?;
    let payload = decryptor
        .decrypt(iter::once(identity))
        .map_err(|error| header(&error))?;
    payload
        .take(limit as u64 + 1)
        .read_to_end(plain)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::PayloadCut,
            _ => OpenError::Payload,
        })?;
    Ok(())
}

/// Every stanza has to end with a line that is not full. The age library still takes headers from betas of
/// the format, which have no such line where the body fills its last one; age and SOPS refuse them.
fn stanzas_are_closed(file: &[u8]) -> bool {
    let mut open = false;
    for line in file.split(|&byte| byte == b'\n').skip(1) {
        if line.starts_with(b"---") {
            break;
        }
        if !line.starts_with(b"-> ") {
            open = line.len() == FULL_LINE;
        } else if open {
            return false;
        } else {
            open = true;
        }
    }
    !open
}

fn header(error: &DecryptError) -> OpenError {
    match error {
        DecryptError::NoMatchingKeys => OpenError::NoMatch,
        DecryptError::InvalidMac => OpenError::HeaderMac,
        DecryptError::UnknownFormat => OpenError::Version,
        _ => OpenError::Header,
    }
}
