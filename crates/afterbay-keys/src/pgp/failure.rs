//! What to say when a message did not open: which keys were tried, what became of each, and what to do.

use std::collections::BTreeSet;

use afterbay_manifest::Attempt;

use super::key::{OfferedKey, Refusal};
use super::message::{Broken, Recipient, Sealed, Unreadable};
use super::{PgpKeys, Source, attempt, hexadecimal};

/// How many keys or recipients a message lists.
const LISTED: usize = 4;

const OFFER_HINT: &str =
    "offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME";

const PASSPHRASE_HINT: &str = "offer its passphrase with --pgp-passphrase-file or AFTERBAY_PGP_PASSPHRASE";

const RESTORE_HINT: &str = "restore the file from a revision that opens, or encrypt it again";

/// What became of the keys that were tried.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) recipients: Vec<Recipient>,
    attempts: Vec<Attempt>,
}

impl Tried {
    /// A key gave a session key and that did not open the message.
    pub(super) fn broken(&mut self, source: &str, key: &OfferedKey, broken: Broken) {
        let id = name(key);
        let reason = match broken {
            // The same as for a key that does not fit: who can tell them apart can decrypt.
            Broken::Integrity => does_not_open(&id),
            Broken::Content => format!("key {id} opens it, and there is no single piece of data inside"),
            Broken::TooLong => format!("key {id} opens it, and there is more than 1 MiB inside"),
            Broken::Empty => format!("key {id} opens it, and there is nothing inside"),
        };
        self.push(source, reason, Some(RESTORE_HINT.to_owned()));
    }

    /// A key gave no session key. Keys that were tried for a hidden recipient are passed over when all there
    /// is to say is that they do not fit.
    pub(super) fn refused(&mut self, source: &str, key: &OfferedKey, refusal: Refusal, is_meant: bool) {
        let id = name(key);
        let export = || format!("`gpg --armor --export-secret-keys {id}`");
        let (reason, hint) = match refusal {
            Refusal::DoesNotOpen | Refusal::PublicOnly | Refusal::Unsupported(_) if !is_meant => return,
            Refusal::DoesNotOpen => (does_not_open(&id), RESTORE_HINT.to_owned()),
            Refusal::Locked => (
                format!("key {id} is protected with a passphrase, and none was offered"),
                PASSPHRASE_HINT.to_owned(),
            ),
            Refusal::WrongPassphrase => (
                format!("no passphrase that was offered fits key {id}"),
                PASSPHRASE_HINT.to_owned(),
            ),
            Refusal::LeftOut => (
                format!("key {id} has no secret half there; it was left out when the key was exported"),
                format!(
                    "export it whole with {} and offer the file with --pgp-key-file",
                    export()
                ),
            ),
            Refusal::Card(serial) => (
                format!("the secret half of key {id} is on a card{}", number(&serial)),
                format!(
                    "a card cannot be used; offer a copy made with {} before the key went there, or add another \
                     key and run `sops updatekeys`",
                    export()
                ),
            ),
            Refusal::PublicOnly => (
                format!(
                    "has the public half of key {id} only; its secret half may be with an agent elsewhere"
                ),
                format!(
                    "run {} where it is and offer the file with --pgp-key-file",
                    export()
                ),
            ),
            Refusal::Damaged => (
                format!("the secret half of key {id} is damaged"),
                format!("export it again with {}", export()),
            ),
            Refusal::Unsupported(kind) => (
                format!("key {id} is of {kind}, which is not supported"),
                "add a key of RSA, Curve25519 or a NIST curve and run `sops updatekeys`".to_owned(),
            ),
        };
        self.push(source, reason, Some(hint));
    }

    fn push(&mut self, with: &str, reason: String, hint: Option<String>) {
        let attempt = Attempt {
            with: with.to_owned(),
            reason,
            hint,
        };
        if !self.attempts.contains(&attempt) {
            self.attempts.push(attempt);
        }
    }
}

fn does_not_open(id: &str) -> String {
    format!("key {id} does not open it; it is damaged, or was encrypted to another key")
}

/// A message that no key opens.
pub(super) fn unreadable(unreadable: Unreadable) -> Attempt {
    let hint = match unreadable {
        Unreadable::PassphraseOnly => "encrypt it to a key",
        Unreadable::NoIntegrity => "encrypt it again with a gpg that is not older than 2.2.8",
        Unreadable::TooLong | Unreadable::TooManyRecipients => "keep it smaller",
        Unreadable::NotAMessage | Unreadable::NotEncrypted => RESTORE_HINT,
    };
    Attempt {
        with: "OpenPGP".to_owned(),
        reason: format!("the message {}", unreadable.reason()),
        hint: Some(hint.to_owned()),
    }
}

impl PgpKeys {
    /// Everything there is to say about a message that did not open.
    pub(super) fn failures(&self, sealed: &Sealed, tried: Tried) -> Vec<Attempt> {
        let mut attempts = tried.attempts;
        attempts.extend(self.unreadable.iter().cloned());
        let offers = self.candidates().any(|(_, key)| key.is_secret());
        let was_meant = !attempts.is_empty();
        for source in &self.sources {
            attempts.extend(
                source
                    .problems
                    .iter()
                    .map(|reason| attempt(&source.name, reason.clone())),
            );
            if was_meant {
                continue;
            }
            if let Some(reason) = source.listed() {
                attempts.push(attempt(&source.name, reason));
            } else if !offers && source.problems.is_empty() {
                let reason = source.absent.unwrap_or("holds no secret key");
                attempts.push(attempt(&source.name, reason.to_owned()));
            }
        }
        if let Some(last) = attempts.last_mut().filter(|_| !was_meant) {
            last.hint = Some(format!(
                "the message is for {}; {OFFER_HINT}",
                recipients(&tried.recipients, sealed)
            ));
        }
        attempts
    }
}

impl Source {
    /// What it offered, when none of it fits.
    fn listed(&self) -> Option<String> {
        let keys = self.keys.iter().filter(|key| key.is_secret() && key.encrypts());
        let ids: BTreeSet<String> = keys.map(name).collect();
        (!ids.is_empty()).then(|| format!("none of its keys fits: {}", list(ids.into_iter())))
    }
}

fn recipients(recipients: &[Recipient], sealed: &Sealed) -> String {
    let mut names: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    names.dedup();
    if sealed.has_passphrase() {
        names.push("whoever knows its passphrase".to_owned());
    }
    list(names.into_iter())
}

fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = names.take(LISTED).collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    listed.join(", ")
}

fn name(key: &OfferedKey) -> String {
    hexadecimal(key.id().as_ref())
}

fn number(serial: &str) -> String {
    if serial.is_empty() {
        String::new()
    } else {
        format!(" (serial number {serial})")
    }
}
