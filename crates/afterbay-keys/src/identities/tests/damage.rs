//! Entries that are damaged, and what is said about them.

use fixtures::age::HYBRID;
use proptest::prelude::*;

use super::{ALICE, ALICE_PUBLIC, DATA_KEY, Offered, TO_ALICE, enc};

#[test]
fn tells_how_an_entry_is_damaged() {
    let offered = Offered::nothing().file("a", ALICE);
    let lines: Vec<&str> = TO_ALICE.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n")
    };
    let flipped = |at: usize, from: usize| {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let other = if lines[at].as_bytes()[from] == b'A' {
            "B"
        } else {
            "A"
        };
        lines[at].replace_range(from..=from, other);
        lines.join("\n")
    };
    let text = [
        String::new(),
        "hunter2".to_owned(),
        lines[0].to_owned(),
        without(2),
        without(lines.len() - 1),
        flipped(1, 4),
        flipped(lines.len() - 4, 40),
        flipped(lines.len() - 2, 10),
    ]
    .map(|enc| {
        offered
            .failure(ALICE_PUBLIC, &enc)
            .lines()
            .next()
            .unwrap()
            .to_owned()
    })
    .join("\n");
    insta::assert_snapshot!(text, @r"
    age: the entry's enc is not an age file in intact armor
    age: the entry's enc is not an age file in intact armor
    age: the entry's enc is not an age file in intact armor
    age: the entry's enc has an invalid header
    age: the entry's enc is not an age file in intact armor
    age: the entry's enc has an invalid header
    age: the entry's enc has an unknown version of the age format
    age: the entry's enc has a damaged payload
    ");
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, ""), @r"
    age: the entry's enc is not an age file in intact armor
      hint: restore the file from a revision that opens, or encrypt it again
    ");
}

proptest! {
    #[test]
    fn damaged_armor_never_opens_or_panics(at in 0usize..384, byte in 0u8..128) {
        let mut enc = TO_ALICE.as_bytes().to_vec();
        prop_assume!(enc[at] != byte);
        enc[at] = byte;
        let (identities, _) = Offered::nothing().inline(ALICE).load();
        if let (Ok(key), _) = identities.unwrap(ALICE_PUBLIC, &String::from_utf8(enc).unwrap()) {
            prop_assert_eq!(key.expose_bytes(), DATA_KEY);
        }
    }

    #[test]
    fn damaged_post_quantum_stanzas_never_open_or_panic(at in 60usize..2000, bit in 0u8..7) {
        let mut enc = enc(&HYBRID).into_bytes();
        enc[at] ^= 1 << bit;
        prop_assume!(enc[at].is_ascii_alphanumeric());
        let (identities, _) = Offered::nothing().inline(HYBRID.identity).load();
        prop_assert!(identities.unwrap("", &String::from_utf8(enc).unwrap()).0.is_err());
    }
}
