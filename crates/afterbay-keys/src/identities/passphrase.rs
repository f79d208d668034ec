//! Passphrases, and identity files that are protected with one: an age file whose content are identities.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use age::secrecy::SecretString;
use age::{DecryptError, Identity, scrypt};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::age_file::{self, OpenError};
use super::key::{Key, Trouble};
use super::line::{self, Separator};
use crate::key_file;
use crate::note::KeyNote;
use crate::options::SecretSource;

const STANZA: &str = "scrypt";

const PASSPHRASE_HINT: &str = "give it with --age-passphrase-file or AGE_PASSPHRASE";

/// Every passphrase offered to a run.
pub(super) struct Passphrases {
    known: Vec<SecretString>,
    /// The greatest work factor of scrypt that is accepted, as a power of two.
    max_work_factor: u8,
}

impl Passphrases {
    /// Reads every source once. A line end after the passphrase is no part of it.
    pub(super) fn load<'a>(
        sources: impl Iterator<Item = &'a SecretSource>,
        max_work_factor: u8,
        notes: &mut BTreeSet<KeyNote>,
    ) -> Self {
        let mut known = Vec::new();
        for source in sources {
            let (name, read) = match source {
                SecretSource::File(path) => {
                    let read = key_file::read(path).and_then(|file| {
                        notes.extend(file.note);
                        passphrase(&file.content)
                    });
                    (path.display().to_string(), read)
                }
                SecretSource::Inline { name, content: value } => {
                    (name.clone(), passphrase(value.expose_bytes()))
                }
            };
            match read {
                Ok(passphrase) => known.push(passphrase),
                Err(reason) => {
                    notes.insert(KeyNote::SourceUnusable { source: name, reason });
                }
            }
        }
        Self {
            known,
            max_work_factor,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SecretString> {
        self.known.iter()
    }
}

fn passphrase(bytes: &[u8]) -> Result<SecretString, String> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match str::from_utf8(text) {
        Ok("") => Err("holds no passphrase".to_owned()),
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err("holds a passphrase that is not UTF-8 text".to_owned()),
    }
}

/// What is missing where no passphrase fits.
pub(super) fn missing(passphrases: &Passphrases) -> Trouble {
    let reason = match passphrases.known.len() {
        0 => "is protected with a passphrase, and none was given".to_owned(),
        1 => "is protected with a passphrase, and the one given does not open it".to_owned(),
        count => format!("is protected with a passphrase, and none of the {count} given opens it"),
    };
    Trouble::new(reason, Some(PASSPHRASE_HINT))
}

/// An identity file that a passphrase protects. It is opened when something asks for its identities, and once.
pub(super) struct LockedFile {
    /// The age file, without armor.
    file: Vec<u8>,
    opened: OnceLock<Result<Vec<Key>, Trouble>>,
}

impl LockedFile {
    pub(super) fn new(file: Vec<u8>) -> Self {
        Self {
            file,
            opened: OnceLock::new(),
        }
    }

    /// Its identities, or why there are none.
    pub(super) fn keys(&self, passphrases: &Passphrases) -> Result<&[Key], &Trouble> {
        self.opened.get_or_init(|| self.open(passphrases)).as_deref()
    }

    /// What opening it came to, if it was tried.
    pub(super) fn opened(&self) -> Option<Result<&[Key], &Trouble>> {
        self.opened.get().map(|opened| opened.as_deref())
    }

    fn open(&self, passphrases: &Passphrases) -> Result<Vec<Key>, Trouble> {
        let identity = PassphraseIdentity::new(passphrases);
        // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
        let mut text = Zeroizing::new(Vec::with_capacity(self.file.len()));
        age_file::open(&self.file, &identity, self.file.len(), &mut text)
            .map_err(|error| identity.trouble(error, passphrases))?;
        let mut keys = Vec::new();
        for (number, key) in line::identities(&text, Separator::Line) {
            keys.push(key.map_err(|reason| {
                Trouble::new(format!("line {number} of what it protects {reason}"), None)
            })?);
        }
        if keys.is_empty() {
            return Err(Trouble::new("protects no identity", None));
        }
        Ok(keys)
    }
}

/// Every passphrase as one identity, which tells a wrong one apart from a damaged stanza.
pub(super) struct PassphraseIdentity<'a> {
    passphrases: &'a Passphrases,
    /// Whether the header had a stanza for a passphrase.
    asked: Cell<bool>,
    /// The work factor that the stanza wanted, if it is more than is accepted.
    excessive: Cell<Option<u8>>,
}

impl<'a> PassphraseIdentity<'a> {
    pub(super) fn new(passphrases: &'a Passphrases) -> Self {
        Self {
            passphrases,
            asked: Cell::new(false),
            excessive: Cell::new(None),
        }
    }

    fn trouble(&self, error: OpenError, passphrases: &Passphrases) -> Trouble {
        match (error, self.asked.get(), self.excessive.get()) {
            (_, _, Some(required)) => Trouble::new(
                format!(
                    "wants a work factor of 2^{required} for its passphrase, and 2^{} is the limit",
                    passphrases.max_work_factor
                ),
                Some("protect it again with `age -p`"),
            ),
            (OpenError::NoMatch, true, _) => missing(passphrases),
            (OpenError::NoMatch, false, _) => Trouble::new(
                "is an age file for recipients; only one that is protected with a passphrase can hold identities",
                None,
            ),
            (error, _, _) => Trouble::new(error.reason(), None),
        }
    }
}

impl Identity for PassphraseIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != STANZA {
            return None;
        }
        self.asked.set(true);
        for passphrase in self.passphrases.iter() {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(self.passphrases.max_work_factor);
            match identity.unwrap_stanza(stanza) {
                Some(Err(DecryptError::DecryptionFailed)) | None => {}
                Some(Err(DecryptError::ExcessiveWork { required, .. })) => {
                    self.excessive.set(Some(required));
                    return Some(Err(DecryptError::InvalidHeader));
                }
                unwrapped => return unwrapped,
            }
        }
        None
    }
}
