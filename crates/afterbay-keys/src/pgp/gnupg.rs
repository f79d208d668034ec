//! The home of GnuPG, read in process: `secring.gpg` of GnuPG 1, `private-keys-v1.d` of GnuPG 2, and the
//! public keys beside them, which say what a private key is called. No agent is asked and none is started.

mod expression;
mod keybox;
mod seal;
pub(crate) mod stored;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use pgp::packet::PublicSubkey;
use pgp::types::Tag;

use super::key::{OfferedKey, public_key};
use super::{Reading, numbers, packets};
use crate::key_file;
use stored::StoredKey;

/// Largest public key ring read, in bytes. Photographs and a web of trust make rings large.
const LARGEST_RING: usize = 64 << 20;

/// Most files read of `private-keys-v1.d`.
const MOST_FILES: usize = 10_000;

/// Everything a home has.
pub(super) fn read(home: &Path) -> Reading {
    let mut reading = Reading::default();
    let old_ring = home.join("secring.gpg");
    if old_ring.exists() {
        reading.secret_file(&old_ring, "secring.gpg");
    }
    let mut public = Vec::new();
    for name in ["pubring.kbx", "pubring.gpg"] {
        match public_ring(&home.join(name)) {
            Ok(keys) => public.extend(keys),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => reading
                .problems
                .push(format!("{name}: {}", key_file::reason(&error))),
        }
    }
    let stored = stored_keys(&home.join("private-keys-v1.d"), &mut reading);
    join(public, stored, home, &mut reading);
    reading
}

/// Gives private keys the names of their public halves. What has no public half that was read is named by
/// what the agent noted; what has no private half is kept to be named in errors.
fn join(
    public: Vec<(Vec<u8>, PublicSubkey)>,
    mut stored: Vec<StoredKey>,
    home: &Path,
    reading: &mut Reading,
) {
    for (number, public) in public {
        let found = stored
            .iter()
            .position(|stored| is_same_point(&stored.public, &number));
        let key = match found {
            Some(index) => OfferedKey::stored(public, stored.swap_remove(index)),
            None if reading.has(&public) => continue,
            None => OfferedKey::public_only(public),
        };
        // Keys that sign only have found their halves, and are of no use.
        if key.encrypts() {
            reading.keys.push(key);
        }
    }
    let mut nameless = 0;
    for stored in stored {
        match stored.public_packet().as_deref().and_then(public_key) {
            Some(public) => reading.keys.push(OfferedKey::stored(public, stored)),
            None => nameless += usize::from(stored.may_encrypt()),
        }
    }
    if nameless > 0 {
        let database = home.join("public-keys.d").exists();
        let why = if database {
            "keyboxd has them in a database that is not read"
        } else {
            "they are not in pubring.kbx"
        };
        reading.problems.push(format!(
            "private-keys-v1.d: the public halves of {nameless} of its keys are missing; {why}; offer the keys as \
             `gpg --export-secret-keys` writes them, with --pgp-key-file"
        ));
    }
}

/// The point of Curve25519 has a prefix that some files leave out.
fn is_same_point(one: &[u8], other: &[u8]) -> bool {
    let bare = |point: &[u8]| -> Vec<u8> {
        match point {
            [0x40, rest @ ..] if rest.len() == 32 => rest.to_vec(),
            point => point.to_vec(),
        }
    };
    bare(one) == bare(other)
}

/// The keys of a ring, each with the number it is found by.
fn public_ring(path: &Path) -> io::Result<Vec<(Vec<u8>, PublicSubkey)>> {
    let mut ring = Vec::new();
    File::open(path)?
        .take(LARGEST_RING as u64)
        .read_to_end(&mut ring)?;
    let mut keys = Vec::new();
    for key in keybox::packets(&ring) {
        for packet in packets::packets(key).map_while(Result::ok) {
            if matches!(packet.tag(), Tag::PublicKey | Tag::PublicSubkey)
                && let Some(number) = numbers::of_public_key(&packet.body)
                && let Some(public) = public_key(&packet.body)
            {
                keys.push((number, public));
            }
        }
    }
    Ok(keys)
}

/// Every private key of the agent that can be read; the files are named by keygrips, which are not needed.
fn stored_keys(directory: &Path, reading: &mut Reading) -> Vec<StoredKey> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let reason = key_file::reason(&error);
            reading.problems.push(format!("private-keys-v1.d: {reason}"));
            return Vec::new();
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "key"))
        .take(MOST_FILES)
        .collect();
    paths.sort();
    let mut keys = Vec::new();
    for path in paths {
        let read = key_file::read(&path).and_then(|file| {
            reading.notes.extend(file.note);
            StoredKey::parse(&file.content)
                .ok_or_else(|| "is not a private key of gpg-agent that is known".to_owned())
        });
        match read {
            Ok(key) => keys.push(key),
            Err(reason) => {
                let name = path.file_name().unwrap_or_default().display();
                reading
                    .problems
                    .push(format!("private-keys-v1.d/{name}: {reason}"));
            }
        }
    }
    keys
}
