//! One place where identities were looked for, and what stood there.

use std::collections::BTreeSet;
use std::path::Path;

use afterbay_manifest::Attempt;
use age_core::format::Stanza;

use super::age_file::{self, ARMOR, MAGIC};
use super::key::{Effort, Key, Means, Trouble, Unwrapped};
use super::line::{self, Separator};
use super::passphrase::LockedFile;
use super::ssh;
use crate::key_file;
use crate::note::KeyNote;

/// How many public keys a message lists.
const LISTED: usize = 4;

/// A place, read.
pub(super) struct Source {
    name: String,
    content: Content,
}

enum Content {
    /// Identities; perhaps none.
    Keys(Vec<Key>),
    /// Identities behind a passphrase.
    Locked(LockedFile),
    /// There is nothing to read, and that is no fault.
    Absent(&'static str),
    /// What stands there cannot be used.
    Broken(String),
}

impl Source {
    /// Reads a file, of which `notes` gets the permissions.
    pub(super) fn file(name: String, path: &Path, notes: &mut BTreeSet<KeyNote>) -> Self {
        match key_file::read(path) {
            Ok(file) => {
                notes.extend(file.note);
                Self::parse(name, &file.content)
            }
            Err(reason) => Self::broken(name, reason),
        }
    }

    /// Reads identities one a line, an SSH private key, or an age file that protects identities.
    pub(super) fn parse(name: String, text: &[u8]) -> Self {
        Self::parse_separated(name, text, Separator::Line)
    }

    /// [`Source::parse`] with another separator of identities.
    pub(super) fn parse_separated(name: String, text: &[u8], separator: Separator) -> Self {
        let start = text.trim_ascii_start();
        let content = if start.starts_with(MAGIC) {
            Content::Locked(LockedFile::new(start.to_vec()))
        } else if start.starts_with(ARMOR) {
            match age_file::dearmor(start) {
                Ok(file) => Content::Locked(LockedFile::new(file)),
                Err(error) => Content::Broken(error.reason().to_owned()),
            }
        } else if start.starts_with(b"-----BEGIN PGP ") {
            Content::Broken("is a PGP key, and an age identity is needed".to_owned())
        } else if start.starts_with(b"-----BEGIN ") {
            match ssh::parse(start) {
                Ok(key) => Content::Keys(vec![key]),
                Err(reason) => Content::Broken(reason.to_owned()),
            }
        } else {
            lines(text, separator)
        };
        Self { name, content }
    }

    pub(super) fn broken(name: String, reason: String) -> Self {
        Self {
            name,
            content: Content::Broken(reason),
        }
    }

    pub(super) fn absent(name: String, reason: &'static str) -> Self {
        Self {
            name,
            content: Content::Absent(reason),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Why it cannot be used.
    pub(super) fn problem(&self) -> Option<&str> {
        match &self.content {
            Content::Broken(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it is intact and offers nothing.
    pub(super) fn is_empty(&self) -> bool {
        match &self.content {
            Content::Keys(keys) => keys.is_empty(),
            Content::Locked(_) => false,
            Content::Absent(_) | Content::Broken(_) => true,
        }
    }

    /// Whether all its identities are known not to be the one of a recipient.
    pub(super) fn is_for_others(&self, recipient: &str) -> bool {
        let other = |key: &Key| key.public().is_some_and(|public| !is_same(&public, recipient));
        matches!(&self.content, Content::Keys(keys) if keys.iter().all(other))
    }

    /// Lets the identities that take this effort open a stanza. Of one that cannot be used `troubled` is told, and
    /// the others are tried.
    pub(super) fn unwrap(
        &self,
        stanzas: &[Stanza],
        effort: Effort,
        means: &Means<'_>,
        mut troubled: impl FnMut(Attempt),
    ) -> Unwrapped {
        let keys = match &self.content {
            Content::Keys(keys) => keys.as_slice(),
            Content::Locked(file) if effort != Effort::Little => {
                // Why it does not open is told once for all, with the sources.
                file.keys(means.passphrases).unwrap_or_default()
            }
            _ => &[],
        };
        // What was locked takes no less effort than unlocking.
        let locked = matches!(self.content, Content::Locked(_));
        let is_due = |key: &&Key| {
            key.effort() == effort || (locked && effort == Effort::Unlock && key.effort() == Effort::Little)
        };
        keys.iter().filter(is_due).find_map(|key| {
            key.unwrap(stanzas, means).unwrap_or_else(|trouble| {
                troubled(self.attempt(trouble));
                None
            })
        })
    }

    /// What it offered, when none of it fits; or why it offered nothing.
    pub(super) fn failure(&self) -> Option<Attempt> {
        let keys = match &self.content {
            Content::Keys(keys) => keys.as_slice(),
            Content::Locked(file) => match file.opened()? {
                Ok(keys) => keys,
                Err(trouble) => return Some(self.attempt(trouble.clone())),
            },
            Content::Broken(reason) => return Some(self.attempt(Trouble::new(reason, None))),
            Content::Absent(_) => return None,
        };
        let listed = list(keys)?;
        let reason = format!("none of its identities fits: {listed}");
        Some(self.attempt(Trouble::new(reason, None)))
    }

    /// That there is nothing, where nothing was offered anywhere.
    pub(super) fn nothing(&self) -> Option<Attempt> {
        let reason = match &self.content {
            Content::Absent(reason) => reason,
            Content::Keys(keys) if keys.is_empty() => "holds no identity",
            _ => return None,
        };
        Some(self.attempt(Trouble::new(reason, None)))
    }

    fn attempt(&self, trouble: Trouble) -> Attempt {
        Attempt {
            with: self.name.clone(),
            reason: trouble.reason,
            hint: trouble.hint,
        }
    }
}

/// One line that is no identity spoils the whole source, as with SOPS: who offers it has to know.
fn lines(text: &[u8], separator: Separator) -> Content {
    let mut keys = Vec::new();
    for (number, key) in line::identities(text, separator) {
        match key {
            Ok(key) => keys.push(key),
            Err(reason) => return Content::Broken(format!("line {number}: {reason}")),
        }
    }
    Content::Keys(keys)
}

/// The public keys, which are no secret.
fn list(keys: &[Key]) -> Option<String> {
    let all: BTreeSet<String> = keys.iter().filter_map(Key::listed).collect();
    let more = all.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = all.into_iter().take(LISTED).collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    (!listed.is_empty()).then(|| listed.join(", "))
}

/// SSH recipients may have a comment behind the key.
fn is_same(public: &str, recipient: &str) -> bool {
    let words = |text: &str| {
        text.split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    words(public) == words(recipient)
}
