//! OpenPGP keys: where they come from and which messages they open.
//!
//! ```text
//! --pgp-key-file, AFTERBAY_PGP_KEY ─► packets ─┐
//! GNUPGHOME: secring.gpg ───────────► packets ─┼─► OfferedKey ── session key ──► Sealed ──► content
//!            private-keys-v1.d ─► S-expressions┘     ▲ passphrase
//! ```
//!
//! Everything is done in process: no `gpg` and no agent is started or asked. A message without protection
//! against alteration is refused, as gpg refuses it. Whether a key has expired or was revoked is not looked
//! at: that binds who encrypts, and gpg opens old messages too.

mod failure;
mod gnupg;
mod key;
mod message;
mod numbers;
mod options;
mod packets;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use afterbay_manifest::{Attempt, DataKey, PgpKey, SecretBytes};
use pgp::armor::BlockType;
use pgp::packet::{PublicSubkey, SecretKey, SecretSubkey};
use pgp::types::{KeyDetails as _, Password, Tag};

use crate::environment::KeyEnvironment;
use crate::key_file;
use crate::note::KeyNote;
use crate::options::SecretSource;
use failure::Tried;
use key::OfferedKey;
use message::{Broken, Recipient, Sealed};
pub use options::PgpOptions;

/// Every OpenPGP key offered to a run, by where it came from.
pub(crate) struct PgpKeys {
    sources: Vec<Source>,
    passphrases: Vec<Password>,
    /// Passphrases that could not be read, and why.
    unreadable: Vec<Attempt>,
}

/// One place where keys were looked for.
struct Source {
    name: String,
    keys: Vec<OfferedKey>,
    /// Why the source, or a part of it, could not be used.
    problems: Vec<String>,
    /// Why there was nothing to read; sets it apart from a source that is broken.
    absent: Option<&'static str>,
}

/// What reading a source found.
#[derive(Default)]
struct Reading {
    keys: Vec<OfferedKey>,
    problems: Vec<String>,
    notes: Vec<KeyNote>,
}

impl PgpKeys {
    /// Reads every source once: the ones given explicitly, then the environment, then the home of GnuPG.
    /// What is wrong goes to `notes`, and is kept for the failures.
    pub(crate) fn load(
        options: &PgpOptions,
        environment: &KeyEnvironment,
        notes: &mut BTreeSet<KeyNote>,
    ) -> Self {
        let mut sources: Vec<Source> = options.keys.iter().map(|source| offered(source, notes)).collect();
        sources.push(match &environment.pgp_key {
            None => Source::absent(ENVIRONMENT_KEY.to_owned(), "not set"),
            Some(key) => Source::of(
                ENVIRONMENT_KEY.to_owned(),
                Reading::of_bytes(key.expose_bytes()),
                notes,
            ),
        });
        sources.extend(homes(options, environment, notes));
        if environment.gpg_exec {
            notes.insert(KeyNote::SourceUnusable {
                source: "SOPS_GPG_EXEC".to_owned(),
                reason: "is set, and no gpg is started; OpenPGP messages are opened in process".to_owned(),
            });
        }
        let mut keys = Self {
            sources,
            passphrases: Vec::new(),
            unreadable: Vec::new(),
        };
        keys.load_passphrases(options, environment, notes);
        for source in &keys.sources {
            notes.extend(source.problems.iter().map(|reason| KeyNote::SourceUnusable {
                source: source.name.clone(),
                reason: reason.clone(),
            }));
        }
        keys
    }

    fn load_passphrases(
        &mut self,
        options: &PgpOptions,
        environment: &KeyEnvironment,
        notes: &mut BTreeSet<KeyNote>,
    ) {
        for source in &options.passphrases {
            match source {
                SecretSource::Inline { content: value, .. } => {
                    self.passphrases.push(value.expose_bytes().into());
                }
                SecretSource::File(path) => match key_file::read(path) {
                    Ok(file) => {
                        notes.extend(file.note);
                        self.passphrases.push(first_line(&file.content).into());
                    }
                    Err(reason) => {
                        let with = path.display().to_string();
                        notes.insert(KeyNote::SourceUnusable {
                            source: with.clone(),
                            reason: reason.clone(),
                        });
                        self.unreadable.push(attempt(&with, reason));
                    }
                },
            }
        }
        if let Some(passphrase) = &environment.pgp_passphrase {
            self.passphrases.push(passphrase.expose_bytes().into());
        }
    }

    /// Opens a message with whichever key fits. As with SOPS, who the message says it is for decides, not the
    /// fingerprint of the entry. A data key has at least one byte; the value of a token may be empty.
    pub(crate) fn unwrap(&self, entry: &PgpKey) -> Result<DataKey, Vec<Attempt>> {
        let sealed =
            Sealed::parse(&entry.message).map_err(|unreadable| vec![failure::unreadable(unreadable)])?;
        let mut tried = Tried::default();
        for (recipient, session_key) in sealed.recipients() {
            tried.recipients.push(recipient.clone());
            for (source, key) in self.candidates() {
                if !recipient.may_be(key.public()) {
                    continue;
                }
                // For a hidden recipient everything is tried that could be meant.
                let is_meant = recipient != Recipient::Hidden;
                if !is_meant
                    && session_key
                        .algorithm()
                        .is_ok_and(|algorithm| algorithm != key.public().algorithm())
                {
                    continue;
                }
                match key.open(session_key, &self.passphrases) {
                    Ok(session_key) => match sealed.open(&session_key) {
                        Ok(content) if content.is_empty() && !entry.fingerprint.is_empty() => {
                            tried.broken(&source.name, key, Broken::Empty);
                        }
                        Ok(mut content) => {
                            return Ok(DataKey::new(SecretBytes::new(std::mem::take(&mut *content))));
                        }
                        Err(broken) => tried.broken(&source.name, key, broken),
                    },
                    Err(refusal) => tried.refused(&source.name, key, refusal, is_meant),
                }
            }
        }
        Err(self.failures(&sealed, tried))
    }

    fn candidates(&self) -> impl Iterator<Item = (&Source, &OfferedKey)> {
        self.sources
            .iter()
            .flat_map(|source| source.keys.iter().map(move |key| (source, key)))
    }
}

/// The variable that holds armored secret keys.
const ENVIRONMENT_KEY: &str = "AFTERBAY_PGP_KEY";

fn offered(source: &SecretSource, notes: &mut BTreeSet<KeyNote>) -> Source {
    let mut reading = Reading::default();
    match source {
        SecretSource::File(path) => {
            reading.secret_file(path, "");
            Source::of(path.display().to_string(), reading, notes)
        }
        SecretSource::Inline { name, content: key } => {
            Source::of(name.clone(), Reading::of_bytes(key.expose_bytes()), notes)
        }
    }
}

/// The homes given explicitly, or the one of the environment.
fn homes(options: &PgpOptions, environment: &KeyEnvironment, notes: &mut BTreeSet<KeyNote>) -> Vec<Source> {
    let home = |name: String, path: &Path, notes: &mut BTreeSet<KeyNote>| {
        if path.is_dir() {
            Source::of(name, gnupg::read(path), notes)
        } else {
            Source::absent(name, "no such directory")
        }
    };
    if !options.homes.is_empty() {
        let homes = options.homes.iter();
        return homes
            .map(|path| home(path.display().to_string(), path, notes))
            .collect();
    }
    match (&environment.gnupg_home, &environment.user_gnupg_home) {
        (Some(path), _) => vec![home(format!("GNUPGHOME ({})", path.display()), path, notes)],
        (None, Some(path)) => vec![home(path.display().to_string(), path, notes)],
        (None, None) => vec![Source::absent(
            "GNUPGHOME".to_owned(),
            "neither it nor HOME is set",
        )],
    }
}

impl Source {
    fn of(name: String, reading: Reading, notes: &mut BTreeSet<KeyNote>) -> Self {
        notes.extend(reading.notes);
        Self {
            name,
            keys: reading.keys,
            problems: reading.problems,
            absent: None,
        }
    }

    fn absent(name: String, reason: &'static str) -> Self {
        Self {
            name,
            keys: Vec::new(),
            problems: Vec::new(),
            absent: Some(reason),
        }
    }
}

impl Reading {
    /// Secret keys from a text or from packets. Fails to whom it concerns: a block or packet that is damaged
    /// is named, and the others are used.
    fn of_bytes(bytes: &[u8]) -> Self {
        let mut reading = Self::default();
        reading.secret_bytes(bytes, "");
        reading
    }

    fn secret_file(&mut self, path: &Path, name: &str) {
        match key_file::read(path) {
            Ok(file) => {
                self.notes.extend(file.note);
                self.secret_bytes(&file.content, name);
            }
            Err(reason) => self.problem(name, &reason),
        }
    }

    fn secret_bytes(&mut self, bytes: &[u8], name: &str) {
        let before = self.keys.len() + self.problems.len();
        let mut passed_over = "no OpenPGP key";
        if packets::is_armored(bytes) {
            for block in packets::blocks(bytes) {
                match block {
                    Ok((BlockType::PrivateKey, packets)) => self.secret_packets(&packets, name),
                    Ok((BlockType::PublicKey, _)) => passed_over = "a public key",
                    Ok((BlockType::Message, _)) => passed_over = "a message",
                    Ok(_) => passed_over = "armor of another kind",
                    Err(_) => self.problem(name, "an armored block is damaged or cut off"),
                }
            }
        } else {
            self.secret_packets(bytes, name);
        }
        if self.keys.len() + self.problems.len() == before {
            self.problem(name, &format!("holds {passed_over}, and a secret key is needed"));
        }
    }

    fn secret_packets(&mut self, bytes: &[u8], name: &str) {
        for packet in packets::packets(bytes) {
            let Ok(packet) = packet else {
                return self.problem(name, "is not OpenPGP, or is damaged");
            };
            let key = match packet.tag() {
                Tag::SecretKey => SecretKey::try_from_reader(packet.header, &packet.body[..])
                    .ok()
                    .and_then(|key| OfferedKey::primary(&key)),
                Tag::SecretSubkey => SecretSubkey::try_from_reader(packet.header, &packet.body[..])
                    .ok()
                    .map(|key| OfferedKey::subkey(&key)),
                _ => continue,
            };
            match key {
                Some(key) => self.keys.push(key),
                None => self.problem(
                    name,
                    "a secret key in it is damaged or of a kind that is not known",
                ),
            }
        }
    }

    fn problem(&mut self, name: &str, reason: &str) {
        let separator = if name.is_empty() { "" } else { ": " };
        self.problems.push(format!("{name}{separator}{reason}"));
    }

    /// Whether the secret half of a key is there already.
    fn has(&self, public: &PublicSubkey) -> bool {
        self.keys
            .iter()
            .any(|key| key.fingerprint() == public.fingerprint())
    }
}

/// A passphrase in a file ends with its first line, as with `gpg --passphrase-file`.
fn first_line(text: &[u8]) -> &[u8] {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn attempt(with: &str, reason: String) -> Attempt {
    Attempt {
        with: with.to_owned(),
        reason,
        hint: None,
    }
}

/// In upper case, as gpg writes ids and fingerprints.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests;
