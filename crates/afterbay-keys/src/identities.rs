//! age identities: where they come from and what they open.

mod line;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use afterbay_manifest::{Attempt, DataKey, SecretBytes};
use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, x25519};
use zeroize::Zeroizing;

use crate::environment::KeyEnvironment;
use crate::key_file;
use crate::note::KeyNote;
use crate::outside_text::tame_to;
use line::{LineError, Separator};

/// Longest content of a wrapped key, in bytes: SOPS data keys have 32, Shamir shares 33.
const MAX_DATA_KEY: usize = 1024;

/// First line of an armored age file.
const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// How many public keys a message lists.
const LISTED: usize = 4;

const OFFER_HINT: &str = "offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY";

/// Every identity offered to a run, by where it came from.
pub(crate) struct AgeIdentities {
    sources: Vec<Source>,
}

/// One place where identities were looked for.
struct Source {
    name: String,
    identities: Vec<x25519::Identity>,
    /// Why the source, or a line of it, could not be used.
    problems: Vec<String>,
    /// Why there was nothing to read; sets it apart from a source that is broken.
    absent: Option<&'static str>,
}

impl AgeIdentities {
    /// Reads every source once: the files named explicitly, then what the environment names, then the
    /// file of the user, as SOPS does. What is wrong goes to `notes`, and is kept for the failures.
    pub(crate) fn load(
        files: &[PathBuf],
        environment: &KeyEnvironment,
        notes: &mut BTreeSet<KeyNote>,
    ) -> Self {
        let mut read = BTreeSet::new();
        let mut sources = Vec::new();
        for path in files {
            if read.insert(path.as_path()) {
                sources.push(Source::file(path.display().to_string(), path, notes));
            }
        }
        sources.push(environment.age_key.as_ref().map_or_else(
            || Source::absent("SOPS_AGE_KEY".to_owned(), "not set"),
            |text| {
                Source::parse(
                    "SOPS_AGE_KEY".to_owned(),
                    text.expose_bytes(),
                    Separator::WhiteSpace,
                )
            },
        ));
        match &environment.age_key_file {
            Some(path) if read.insert(path) => {
                let name = format!("SOPS_AGE_KEY_FILE ({})", path.display());
                sources.push(Source::file(name, path, notes));
            }
            Some(_) => {}
            None => sources.push(Source::absent("SOPS_AGE_KEY_FILE".to_owned(), "not set")),
        }
        match &environment.user_key_file {
            Some(Ok(path)) if matches!(path.try_exists(), Ok(false)) => {
                sources.push(Source::absent(path.display().to_string(), "no such file"));
            }
            Some(Ok(path)) if read.insert(path) => {
                sources.push(Source::file(path.display().to_string(), path, notes));
            }
            Some(Err(reason)) => {
                sources.push(Source::absent("the user's sops/age/keys.txt".to_owned(), reason));
            }
            Some(Ok(_)) | None => {}
        }
        sources.extend(
            environment
                .unsupported
                .iter()
                .map(|&name| Source::unsupported(name)),
        );
        for source in &sources {
            notes.extend(source.problems.iter().map(|reason| KeyNote::SourceUnusable {
                source: source.name.clone(),
                reason: reason.clone(),
            }));
        }
        Self { sources }
    }

    /// Opens an armored age file with whichever identity fits. As SOPS does, every identity is tried,
    /// whatever recipient the entry names.
    pub(crate) fn unwrap(&self, recipient: &str, enc: &str) -> Result<DataKey, Vec<Attempt>> {
        let offered = || self.sources.iter().flat_map(|source| &source.identities);
        if offered().next().is_none() {
            return Err(self.nothing_offered(recipient));
        }
        let identities = offered().map(|identity| identity as &dyn Identity);
        decrypt(enc, identities).map_err(|failure| match failure {
            Failure::NoMatch => self.no_match(recipient),
            Failure::Damaged(reason) => vec![Attempt {
                with: "age".to_owned(),
                reason,
                hint: Some("restore the file from a revision that opens, or encrypt it again".to_owned()),
            }],
        })
    }

    /// What was looked at when no source had an identity.
    fn nothing_offered(&self, recipient: &str) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for source in &self.sources {
            attempts.extend(source.problem_attempts());
            attempts.extend(
                source
                    .absent
                    .map(|reason| attempt(&source.name, reason.to_owned())),
            );
            if source.problems.is_empty() && source.absent.is_none() {
                attempts.push(attempt(&source.name, "holds no identity".to_owned()));
            }
        }
        if let Some(unsupported) = unsupported_recipient(recipient) {
            attempts.push(unsupported);
        } else if let Some(last) = attempts.last_mut() {
            last.hint = Some(OFFER_HINT.to_owned());
        }
        attempts
    }

    /// What each source offered, when none of it fits.
    fn no_match(&self, recipient: &str) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for source in &self.sources {
            if !source.identities.is_empty() {
                let reason = format!("none of its identities fits: {}", source.listed());
                attempts.push(attempt(&source.name, reason));
            }
            attempts.extend(source.problem_attempts());
        }
        if let Some(unsupported) = unsupported_recipient(recipient) {
            attempts.push(unsupported);
        } else if let Some(last) = attempts.last_mut() {
            last.hint = Some(format!(
                "the identity of {} is needed; {OFFER_HINT}",
                tame_to(recipient, 80)
            ));
        }
        attempts
    }
}

impl Source {
    fn file(name: String, path: &Path, notes: &mut BTreeSet<KeyNote>) -> Self {
        match key_file::read(path) {
            Ok(file) => {
                notes.extend(file.note);
                Self::parse(name, &file.content, Separator::Line)
            }
            Err(reason) => Self::broken(name, reason),
        }
    }

    /// One line that is no identity spoils the whole source, as with SOPS: who offers it has to know.
    /// An identity of a kind that is not supported yet is named, and the others are used.
    fn parse(name: String, text: &[u8], separator: Separator) -> Self {
        let mut source = Self::empty(name);
        for (number, parsed) in line::identities(text, separator) {
            match parsed {
                Ok(identity) => source.identities.push(identity),
                Err(LineError::Unsupported(kind)) => source
                    .problems
                    .push(format!("line {number}: {kind} is not supported yet")),
                Err(LineError::Invalid(reason)) => {
                    return Self::broken(source.name, format!("line {number}: {reason}"));
                }
            }
        }
        source
    }

    fn unsupported(name: &str) -> Self {
        Self::broken(name.to_owned(), "is set, and is not supported yet".to_owned())
    }

    fn broken(name: String, reason: String) -> Self {
        Self {
            problems: vec![reason],
            ..Self::empty(name)
        }
    }

    fn absent(name: String, reason: &'static str) -> Self {
        Self {
            absent: Some(reason),
            ..Self::empty(name)
        }
    }

    fn empty(name: String) -> Self {
        Self {
            name,
            identities: Vec::new(),
            problems: Vec::new(),
            absent: None,
        }
    }

    /// The public keys of its identities, which are no secret.
    fn listed(&self) -> String {
        let all = self
            .identities
            .iter()
            .map(|identity| identity.to_public().to_string())
            .collect::<BTreeSet<_>>();
        let mut keys = all.iter().take(LISTED).cloned().collect::<Vec<_>>();
        if all.len() > LISTED {
            keys.push(format!("{} more", all.len() - LISTED));
        }
        keys.join(", ")
    }

    fn problem_attempts(&self) -> impl Iterator<Item = Attempt> {
        self.problems
            .iter()
            .map(|reason| attempt(&self.name, reason.clone()))
    }
}

fn attempt(with: &str, reason: String) -> Attempt {
    Attempt {
        with: with.to_owned(),
        reason,
        hint: None,
    }
}

/// Names the kind of a recipient whose identities cannot be used yet.
fn unsupported_recipient(recipient: &str) -> Option<Attempt> {
    let kind = match recipient.trim() {
        text if text.starts_with("ssh-ed25519") => "ssh-ed25519",
        text if text.starts_with("ssh-rsa") => "ssh-rsa",
        text if text.starts_with("age1pq1") => "age1pq (post-quantum hybrid)",
        text if text.starts_with("age1") && text.matches('1').count() > 1 => "age plugin",
        _ => return None,
    };
    Some(Attempt {
        with: "age".to_owned(),
        reason: format!("recipients of kind {kind} are not supported yet"),
        hint: Some("add an X25519 recipient (age1…) and run `sops updatekeys`".to_owned()),
    })
}

/// Why a file did not open.
enum Failure {
    NoMatch,
    Damaged(String),
}

fn decrypt<'a>(enc: &str, identities: impl Iterator<Item = &'a dyn Identity>) -> Result<DataKey, Failure> {
    let damaged = |reason: &str| Failure::Damaged(reason.to_owned());
    let enc = enc.trim();
    if !enc.starts_with(ARMOR) {
        return Err(damaged("the entry's enc is not an armored age file"));
    }
    // The armor reader wants its last line ended; YAML may have chomped it.
    let input = enc.as_bytes().chain(b"\n".as_slice());
    let decryptor = Decryptor::new(ArmoredReader::new(input)).map_err(failure)?;
    let reader = decryptor.decrypt(identities).map_err(failure)?;
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_DATA_KEY + 1));
    reader
        .take(MAX_DATA_KEY as u64 + 1)
        .read_to_end(&mut key)
        .map_err(|error| failure(DecryptError::Io(error)))?;
    match key.len() {
        0 => Err(damaged("the entry's enc holds no bytes")),
        length if length > MAX_DATA_KEY => Err(damaged("the entry's enc holds more than a data key")),
        _ => Ok(DataKey::new(SecretBytes::new(std::mem::take(&mut *key)))),
    }
}

/// Our words for what the age library reports; its own follow the user's language.
fn failure(error: DecryptError) -> Failure {
    let reason = match error {
        DecryptError::NoMatchingKeys => return Failure::NoMatch,
        DecryptError::InvalidHeader => "the header of the entry's enc is invalid",
        DecryptError::InvalidMac => "the header of the entry's enc was altered: its MAC does not match",
        DecryptError::UnknownFormat => "the entry's enc has an unknown version of the age format",
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the entry's enc is cut off"
        }
        DecryptError::Io(_) => "the armor or the payload of the entry's enc is damaged",
        _ => "the payload of the entry's enc is damaged",
    };
    Failure::Damaged(reason.to_owned())
}

#[cfg(test)]
mod tests;
