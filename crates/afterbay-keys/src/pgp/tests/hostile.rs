//! Messages that were altered or made to harm: no panic, no hang, no memory beyond the bounds, nothing opened.

use proptest::prelude::*;

use super::super::message::{Sealed, Unreadable};
use super::super::packets;
use super::*;

/// The packets of a message.
fn binary(version: &str, name: &str) -> Vec<u8> {
    let bytes = message(version, name).bytes;
    match packets::blocks(bytes).next() {
        Some(Ok((_, bytes))) => bytes.to_vec(),
        _ => bytes.to_vec(),
    }
}

fn keys() -> PgpKeys {
    load(&with_file(file("gnupg-2.4/keys/all.gpg")))
}

/// Where the encrypted packet starts.
fn container(message: &[u8], tag: u8) -> usize {
    message.iter().rposition(|&byte| byte == 0xc0 | tag).unwrap()
}

#[test]
fn a_downgrade_to_no_integrity_is_refused() {
    let mut message = binary("gnupg-2.4", "to-cv25519.asc");
    // The attack of 2018 (EFAIL): the packet with an MDC renamed to the one without, its version byte dropped.
    let at = message
        .windows(3)
        .position(|window| window[0] == 0xd2 && window[2] == 1)
        .unwrap();
    message[at] = 0xc9;
    message[at + 1] -= 1;
    message.remove(at + 2);
    assert_eq!(Sealed::parse(&message).err(), Some(Unreadable::NoIntegrity));
    insta::assert_snapshot!(shown(&open(&keys(), &message).unwrap_err()), @"OpenPGP: the message has no protection against alteration (no MDC), and is refused, as gpg does (encrypt it again with a gpg that is not older than 2.2.8)");
}

#[test]
fn a_message_that_is_too_long_is_not_read() {
    let mut message = binary("gnupg-2.4", "to-cv25519.asc");
    message.resize(3 << 20, 0);
    assert_eq!(Sealed::parse(&message).err(), Some(Unreadable::TooLong));
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let attempts = open(&keys(), message("gnupg-2.4", "bomb.asc").bytes).unwrap_err();
    assert!(
        shown(&attempts).contains("more than 1 MiB inside"),
        "{}",
        shown(&attempts)
    );
}

#[test]
fn thousands_of_recipients_are_refused() {
    let message = binary("gnupg-2.4", "to-cv25519.asc");
    let at = message
        .windows(3)
        .position(|window| window[0] == 0xd2 && window[2] == 1)
        .unwrap();
    let many = [message[..at].repeat(300), message[at..].to_vec()].concat();
    assert_eq!(Sealed::parse(&many).err(), Some(Unreadable::TooManyRecipients));
}

/// Every bit of what is encrypted: nothing opens, and the reason is the same.
#[test]
fn every_altered_bit_is_found() {
    let keys = keys();
    for (name, tag) in [("to-cv25519.asc", 18), ("ocb-cv25519.asc", 20)] {
        let whole = binary("gnupg-2.4", name);
        let start = container(&whole[..whole.len() - 60], tag) + 2;
        let mut reasons = BTreeSet::new();
        for at in start + 1..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            reasons.insert(shown(&open(&keys, &altered).expect_err(name)));
        }
        // The head of an OCB packet names cipher, mode and chunk size; those are refused as no message.
        assert!((1..=3).contains(&reasons.len()), "{reasons:?}");
        assert!(
            reasons.iter().all(|reason| reason.contains("damaged")),
            "{reasons:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn altered_messages_are_no_trouble(
        index in 0..MESSAGES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let message = &MESSAGES[index];
        let mut bytes = binary(message.version, message.name);
        for (at, value, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, value),
                _ => drop(bytes.remove(at)),
            }
        }
        let opened = open(&KEYS, &bytes);
        let Outcome::Opens(_, content) = message.outcome else { return Ok(()) };
        // Bytes behind the message, and the ids of other recipients, are not covered by anything.
        if let Ok(opened) = opened {
            prop_assert_eq!(opened, content);
        }
    }

    #[test]
    fn arbitrary_packets_are_no_trouble(tag in 0_u8..64, length in 0_u8..=255, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open(&KEYS, &[&[0xc0 | tag, length], body.as_slice()].concat());
        let _ = open(&KEYS, &[&[0x80 | tag, length], body.as_slice()].concat());
        let _ = load(&PgpOptions {
            keys: vec![SecretSource::Inline { name: "x".to_owned(), content: SecretBytes::new([&[0xc0 | tag, length], body.as_slice()].concat()) }],
            ..PgpOptions::default()
        });
    }

    #[test]
    fn altered_keys_are_no_trouble(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = ALL.clone();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = load(&PgpOptions {
            keys: vec![SecretSource::Inline { name: "x".to_owned(), content: SecretBytes::new(bytes) }],
            ..PgpOptions::default()
        });
    }

    #[test]
    fn altered_armor_is_no_trouble(at in any::<prop::sample::Index>(), value in "[ -~\n]{1,4}") {
        let mut bytes = message("gnupg-2.2", "to-rsa.asc").bytes.to_vec();
        let at = at.index(bytes.len());
        bytes.splice(at..=at, value.into_bytes());
        let _ = open(&KEYS, &bytes);
    }
}

static KEYS: std::sync::LazyLock<PgpKeys> = std::sync::LazyLock::new(keys);
static ALL: std::sync::LazyLock<Vec<u8>> =
    std::sync::LazyLock::new(|| fs::read(file("gnupg-2.4/keys/all.gpg")).unwrap());
