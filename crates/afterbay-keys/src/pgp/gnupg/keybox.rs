//! Public key rings of GnuPG as OpenPGP packets: `pubring.kbx` taken apart, `pubring.gpg` as it is.
//! Format: GnuPG `kbx/keybox-blob.c`.

/// What a keybox has at offset 8 of its first blob.
const MAGIC: &[u8] = b"KBXf";

/// The type of a blob with OpenPGP keys.
const OPENPGP: u8 = 2;

/// The packets of every OpenPGP key of a ring, one slice a key, or the whole ring as one. A blob that is
/// cut off ends the ring.
pub(crate) fn packets(ring: &[u8]) -> Vec<&[u8]> {
    if ring.get(8..12) != Some(MAGIC) {
        return vec![ring];
    }
    let mut keys = Vec::new();
    let mut rest = ring;
    while let Some((blob, after)) = number(rest, 0)
        .filter(|&length| length > 4)
        .and_then(|length| rest.split_at_checked(length))
    {
        rest = after;
        if blob.get(4) == Some(&OPENPGP) {
            keys.extend(keyblock(blob));
        }
    }
    keys
}

/// Offset and length of the keyblock stand at bytes 8 and 12 of its blob.
fn keyblock(blob: &[u8]) -> Option<&[u8]> {
    let start = number(blob, 8)?;
    let end = start.checked_add(number(blob, 12)?)?;
    blob.get(start..end)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::packets;

    fn blob(kind: u8, keyblock: &[u8]) -> Vec<u8> {
        let mut blob = vec![0; 20];
        blob[4] = kind;
        blob[8..12].copy_from_slice(if kind == 1 { b"KBXf" } else { &[0, 0, 0, 20] });
        let length = u32::try_from(keyblock.len()).unwrap();
        blob[12..16].copy_from_slice(&length.to_be_bytes());
        blob.extend(keyblock);
        let length = u32::try_from(blob.len()).unwrap();
        blob[..4].copy_from_slice(&length.to_be_bytes());
        blob
    }

    #[test]
    fn takes_the_openpgp_keys_of_a_keybox() {
        let ring = [
            blob(1, b""),
            blob(2, b"first"),
            blob(3, b"x509"),
            blob(0, b""),
            blob(2, b"second"),
        ]
        .concat();
        assert_eq!(packets(&ring), [b"first".as_slice(), b"second"]);
        assert_eq!(packets(&ring[..ring.len() - 1]), [b"first"], "cut off");
        assert_eq!(packets(b"no keybox"), [b"no keybox"]);
    }

    proptest! {
        #[test]
        fn arbitrary_keyboxes_are_no_trouble(mut bytes in prop::collection::vec(any::<u8>(), 12..200)) {
            bytes[8..12].copy_from_slice(b"KBXf");
            bytes[..3].fill(0);
            let _ = packets(&bytes);
        }
    }
}
