//! The vectors of the format from C2SP/CCTV: each has to come to what it says, no other failure instead.

use std::collections::BTreeSet;
use std::time::Duration;

use age::{DecryptError, Identity};
use age_core::format::{FileKey, Stanza};
use fixtures::age::cctv::{Expect, Source, VECTORS, Vector};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::age_file::{self, OpenError};
use super::super::key::{Effort, Key, Means};
use super::super::line;
use super::super::passphrase::{PassphraseIdentity, Passphrases};
use super::hex;
use crate::options::{AgeOptions, SecretSource};

/// What a vector offers, tried in the order of the file as the product does.
struct Offered {
    keys: Vec<Key>,
    passphrases: Passphrases,
}

impl Offered {
    fn new(vector: &Vector) -> Self {
        let parse = |text: &String| line::identity(text).unwrap();
        let passphrases: Vec<SecretSource> = vector.passphrases.iter().map(|text| inline(text)).collect();
        Self {
            keys: vector.identities.iter().map(parse).collect(),
            passphrases: Passphrases::load(
                passphrases.iter(),
                AgeOptions::default().max_work_factor,
                &mut BTreeSet::default(),
            ),
        }
    }
}

fn inline(passphrase: &str) -> SecretSource {
    SecretSource::Inline {
        name: "the vector".to_owned(),
        content: super::secret_bytes(passphrase),
    }
}

impl Identity for Offered {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let means = Means {
            passphrases: &self.passphrases,
            plugins: &[],
            patience: Duration::ZERO,
        };
        let key = |key: &Key| {
            assert_eq!(key.effort(), Effort::Little);
            key.unwrap(stanzas, &means).unwrap()
        };
        self.keys
            .iter()
            .find_map(key)
            .or_else(|| PassphraseIdentity::new(&self.passphrases).unwrap_stanzas(stanzas))
    }
}

/// The class of what happened, and the plaintext that was let out.
fn open(vector: &Vector) -> (Expect, Zeroizing<Vec<u8>>) {
    let mut plain = Zeroizing::default();
    let file = if vector.armored {
        age_file::dearmor(&vector.file)
    } else {
        Ok(vector.file.clone())
    };
    let opened = file.and_then(|file| age_file::open(&file, &Offered::new(vector), 1 << 26, &mut plain));
    let class = match opened {
        Ok(()) => Expect::Success,
        Err(OpenError::NoMatch) => Expect::NoMatch,
        Err(OpenError::Armor) => Expect::ArmorFailure,
        Err(OpenError::Version | OpenError::Header) => Expect::HeaderFailure,
        Err(OpenError::HeaderMac) => Expect::HmacFailure,
        Err(OpenError::Payload | OpenError::PayloadCut) => Expect::PayloadFailure,
    };
    (class, plain)
}

fn problem(source: &Source) -> Option<String> {
    let vector = source.read().unwrap();
    let (class, plain) = open(&vector);
    if class != vector.expect {
        return Some(format!(
            "{}: {class:?} instead of {:?}",
            source.name, vector.expect
        ));
    }
    let payload = hex(&Sha256::digest(&*plain));
    let other = vector
        .payload
        .as_ref()
        .is_some_and(|expected| *expected != payload);
    other.then(|| format!("{}: another payload", source.name))
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let problems: Vec<String> = VECTORS.iter().filter_map(problem).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(VECTORS.len(), 147);
    let expecting = |expect| {
        let has = |source: &&Source| source.read().unwrap().expect == expect;
        VECTORS.iter().filter(has).count()
    };
    // Four of armor came after the release of 2025-12-08, which has 143.
    assert_eq!(expecting(Expect::ArmorFailure), 26);
    assert_eq!(expecting(Expect::HeaderFailure), 62);
    assert_eq!(expecting(Expect::NoMatch), 13);
    assert_eq!(expecting(Expect::PayloadFailure), 19);
    assert_eq!(expecting(Expect::Success), 26);
    assert_eq!(expecting(Expect::HmacFailure), 1);
}
