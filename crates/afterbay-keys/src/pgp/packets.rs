//! Bytes as OpenPGP packets: armor taken off, packets taken apart, one bad packet not spoiling the others.

use std::io::Read as _;

use pgp::armor::{BlockType, Dearmor};
use pgp::packet::{PacketHeader, PacketParser};
use pgp::types::Tag;
use zeroize::Zeroizing;

/// How every armored block starts (RFC 9580 §6.2).
const ARMOR: &[u8] = b"-----BEGIN PGP ";

/// A packet whose content nobody has looked at.
pub(crate) struct RawPacket {
    pub(crate) header: PacketHeader,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl RawPacket {
    pub(crate) fn tag(&self) -> Tag {
        self.header.tag()
    }
}

/// Why there are no more packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPackets;

/// The packets of a sequence, old and new format. Ends after the first that cannot be told from the next.
pub(crate) fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<RawPacket, NotPackets>> {
    // No packet is longer than all of them, so that no body is moved and left behind.
    let longest = bytes.len();
    let mut parser = PacketParser::new(bytes);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        let read = parser.next_ref()?.ok().and_then(|mut packet| {
            let header = packet.packet_header();
            let mut body = Zeroizing::new(Vec::with_capacity(longest));
            packet.read_to_end(&mut body).ok()?;
            Some(RawPacket { header, body })
        });
        broken = read.is_none();
        Some(read.ok_or(NotPackets))
    })
}

/// Whether a text has an armored block.
pub(crate) fn is_armored(text: &[u8]) -> bool {
    text.windows(ARMOR.len()).any(|window| window == ARMOR)
}

/// Every armored block of a text with what it says it is; text around the blocks is let through, as gpg
/// does. Fails on a block that is damaged or cut off.
pub(crate) fn blocks(
    text: &[u8],
) -> impl Iterator<Item = Result<(BlockType, Zeroizing<Vec<u8>>), NotPackets>> {
    let starts = text
        .windows(ARMOR.len())
        .enumerate()
        .filter(|(_, window)| *window == ARMOR);
    starts.map(|(start, _)| block(&text[start..]).ok_or(NotPackets))
}

fn block(text: &[u8]) -> Option<(BlockType, Zeroizing<Vec<u8>>)> {
    let mut armor = Dearmor::new(text);
    armor.read_header().ok()?;
    let kind = armor.typ?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    armor.read_to_end(&mut bytes).ok()?;
    Some((kind, bytes))
}
