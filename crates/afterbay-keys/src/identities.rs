//! age identities: where they come from and what they open.
//!
//! ```text
//! AgeOptions, KeyEnvironment ──► Source { keys, or why there are none } ──► Opening ──► data key
//!                                  │ X25519, post-quantum, SSH    first, and free
//!                                  │ behind a passphrase          then, each unlocked once
//!                                  │ plugins                      then, if they may run
//!                                  └ commands                     last
//! ```
//!
//! Each place is read once. SSH keys are read only when a file has a stanza for one.

mod age_file;
mod command;
mod hybrid;
mod key;
mod line;
mod passphrase;
mod plugin;
mod source;
mod ssh;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use afterbay_manifest::{Attempt, DataKey, SecretBytes};
use age::{DecryptError, Identity};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use crate::note::KeyNote;
use crate::options::{KeyOptions, SecretSource};
use crate::outside_text::tame_to;
use age_file::OpenError;
use command::KeyCommand;
use key::{Effort, Means, Unwrapped};
use line::Separator;
use passphrase::Passphrases;
use source::Source;

/// Longest content of a wrapped key, in bytes: SOPS data keys have 32, Shamir shares 33.
const MAX_DATA_KEY: usize = 1024;

const OFFER_HINT: &str = "offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY";

const OFFER_SSH_HINT: &str =
    "offer it with --age-key-file, SOPS_AGE_SSH_PRIVATE_KEY_FILE or ~/.ssh/id_ed25519";

const RESTORE_HINT: &str = "restore the file from a revision that opens, or encrypt it again";

/// Every identity offered to a run, by where it came from.
pub(crate) struct AgeIdentities {
    options: Arc<KeyOptions>,
    passphrases: Passphrases,
    sources: Vec<Source>,
    /// SSH keys that nobody named as age identities.
    ssh: OnceLock<Vec<Source>>,
    commands: Vec<KeyCommand>,
    ssh_command: Option<KeyCommand>,
    /// Notes that came up after [`AgeIdentities::load`].
    late_notes: Mutex<BTreeSet<KeyNote>>,
}

impl AgeIdentities {
    /// Reads every source once: what the options name, then what the environment names, then the file of the
    /// user, as SOPS does. What is wrong goes to `notes`, and is kept for the failures.
    pub(crate) fn load(options: Arc<KeyOptions>, notes: &mut BTreeSet<KeyNote>) -> Self {
        let mut sources = sources(&options, notes);
        let environment = &options.environment;
        let mut command = |name, line: &Option<SecretBytes>| {
            let made = KeyCommand::new(name, line.as_ref()?.expose_bytes(), options.age.patience);
            made.map_err(|reason| sources.push(Source::broken(name.to_owned(), reason.to_owned())))
                .ok()
        };
        let commands = command("SOPS_AGE_KEY_CMD", &environment.age_key_command);
        let ssh_command = command("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &environment.age_ssh_key_command);
        notes.extend(sources.iter().filter_map(unusable));
        let passphrases = Passphrases::load(
            options.age.passphrases.iter().chain(&environment.age_passphrase),
            options.age.max_work_factor,
            notes,
        );
        Self {
            passphrases,
            sources,
            ssh: OnceLock::new(),
            commands: commands.into_iter().collect(),
            ssh_command,
            late_notes: Mutex::default(),
            options,
        }
    }

    /// Opens an armored age file with whichever identity fits. As SOPS does, every identity is tried, whatever
    /// recipient the entry names. Returns what the report should say, too.
    pub(crate) fn unwrap(
        &self,
        recipient: &str,
        enc: &str,
    ) -> (Result<DataKey, Vec<Attempt>>, BTreeSet<KeyNote>) {
        let opening = Opening {
            identities: self,
            recipient,
            troubles: Mutex::default(),
        };
        let opened = open(enc, &opening).map_err(|failure| match failure {
            Failure::NoMatch => self.no_match(recipient, opening.into_troubles()),
            Failure::Damaged(reason) => vec![Attempt {
                with: "age".to_owned(),
                reason: format!("the entry's enc {reason}"),
                hint: Some(RESTORE_HINT.to_owned()),
            }],
        });
        let notes = std::mem::take(&mut *self.late_notes.lock().unwrap_or_else(PoisonError::into_inner));
        (opened, notes)
    }

    fn means(&self) -> Means<'_> {
        Means {
            passphrases: &self.passphrases,
            plugins: &self.options.age.plugins,
            patience: self.options.age.patience,
        }
    }

    /// SSH keys of the environment and the user, as SOPS looks for them.
    fn ssh(&self) -> &[Source] {
        self.ssh.get_or_init(|| {
            let mut notes = BTreeSet::new();
            let environment = &self.options.environment;
            let mut sources = Vec::new();
            let name = "SOPS_AGE_SSH_PRIVATE_KEY_FILE";
            sources.extend(match &environment.age_ssh_key_file {
                Some(path) => Some(Source::file(
                    format!("{name} ({})", path.display()),
                    path,
                    &mut notes,
                )),
                None => environment
                    .is_read
                    .then(|| Source::absent(name.to_owned(), "not set")),
            });
            notes.extend(sources.iter().filter_map(unusable));
            let found = environment.user_ssh_key_files.iter();
            sources.extend(found.map(|path| existing_file(path, &mut notes)));
            self.late_notes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(notes);
            sources
        })
    }

    /// What each source offered when none of it fits, or what was looked at when there was nothing.
    fn no_match(&self, recipient: &str, troubles: Vec<Attempt>) -> Vec<Attempt> {
        let sources = || {
            let ssh = self.ssh.get().map(Vec::as_slice).unwrap_or_default();
            self.sources.iter().chain(ssh)
        };
        let nothing = sources().all(Source::is_empty);
        let tell = |source: &Source| match source.failure() {
            None if nothing => source.nothing(),
            failure => failure,
        };
        let mut attempts: Vec<Attempt> = sources().filter_map(tell).collect();
        for command in self.commands.iter().chain(&self.ssh_command) {
            attempts.extend(command.printed(Source::failure).into_iter().flatten());
            attempts.extend(command.failure(recipient).map(|(name, reason)| Attempt {
                with: name.to_owned(),
                reason,
                hint: None,
            }));
        }
        attempts.extend(troubles);
        if attempts.is_empty() {
            attempts.push(Attempt {
                with: "age".to_owned(),
                reason: "no identity was offered".to_owned(),
                hint: None,
            });
        }
        if let Some(last) = attempts.last_mut().filter(|last| last.hint.is_none()) {
            last.hint = Some(hint(recipient, self.options.environment.is_read));
        }
        attempts
    }
}

/// Everything that is read at once.
fn sources(options: &KeyOptions, notes: &mut BTreeSet<KeyNote>) -> Vec<Source> {
    let environment = &options.environment;
    let mut read = BTreeSet::new();
    let mut sources = Vec::new();
    for source in &options.age.identities {
        match source {
            SecretSource::File(path) if read.insert(path) => {
                sources.push(Source::file(path.display().to_string(), path, notes));
            }
            SecretSource::File(_) => {}
            SecretSource::Inline { name, content: text } => {
                sources.push(Source::parse(name.clone(), text.expose_bytes()));
            }
        }
    }
    let not_set = |name: &str| {
        environment
            .is_read
            .then(|| Source::absent(name.to_owned(), "not set"))
    };
    let name = "SOPS_AGE_KEY";
    sources.extend(match &environment.age_key {
        Some(text) => Some(Source::parse_separated(
            name.to_owned(),
            text.expose_bytes(),
            Separator::WhiteSpace,
        )),
        None => not_set(name),
    });
    let name = "SOPS_AGE_KEY_FILE";
    sources.extend(match &environment.age_key_file {
        Some(path) if read.insert(path) => {
            Some(Source::file(format!("{name} ({})", path.display()), path, notes))
        }
        Some(_) => None,
        None => not_set(name),
    });
    match &environment.user_key_file {
        Some(Ok(path)) if read.insert(path) => sources.push(existing_file(path, notes)),
        Some(Err(reason)) => {
            sources.push(Source::absent("the user's sops/age/keys.txt".to_owned(), reason));
        }
        Some(Ok(_)) | None => {}
    }
    sources
}

/// A file that need not exist.
fn existing_file(path: &Path, notes: &mut BTreeSet<KeyNote>) -> Source {
    let name = path.display().to_string();
    if matches!(path.try_exists(), Ok(false)) {
        Source::absent(name, "no such file")
    } else {
        Source::file(name, path, notes)
    }
}

fn unusable(source: &Source) -> Option<KeyNote> {
    let reason = source.problem()?.to_owned();
    Some(KeyNote::SourceUnusable {
        source: source.name().to_owned(),
        reason,
    })
}

/// Which identity is needed, and, to whoever can set variables, how to offer it.
fn hint(recipient: &str, has_environment: bool) -> String {
    let recipient = recipient.trim();
    let shown = tame_to(recipient, 80);
    let is_ssh = recipient.starts_with("ssh-");
    let needed = match plugin_of(recipient) {
        _ if recipient.is_empty() => None,
        _ if is_ssh => Some(format!("the private key of {shown} is needed")),
        Some(plugin) => Some(format!(
            "the identity of {shown} is needed, and its plugin: --allow-age-plugin {}",
            tame_to(plugin, 40)
        )),
        None => Some(format!("the identity of {shown} is needed")),
    };
    let offer = match (has_environment, is_ssh) {
        (false, _) => None,
        (true, true) => Some(OFFER_SSH_HINT.to_owned()),
        (true, false) => Some(OFFER_HINT.to_owned()),
    };
    let parts: Vec<String> = needed.into_iter().chain(offer).collect();
    if parts.is_empty() {
        "offer an identity".to_owned()
    } else {
        parts.join("; ")
    }
}

/// The plugin of `age1NAME1…`. The data of a recipient have no `1` in them.
fn plugin_of(recipient: &str) -> Option<&str> {
    let (name, _) = recipient.strip_prefix("age1")?.rsplit_once('1')?;
    (name != "pq").then_some(name)
}

/// Everything that may open one file, as one identity of the age library.
struct Opening<'a> {
    identities: &'a AgeIdentities,
    recipient: &'a str,
    /// Why identities that may fit could not be used.
    troubles: Mutex<Vec<Attempt>>,
}

impl Opening<'_> {
    fn try_source(&self, source: &Source, stanzas: &[Stanza], effort: Effort) -> Unwrapped {
        source.unwrap(stanzas, effort, &self.identities.means(), |attempt| {
            self.troubles
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(attempt);
        })
    }

    fn try_command(&self, command: &KeyCommand, stanzas: &[Stanza]) -> Unwrapped {
        command.unwrap(self.recipient, |source| {
            Effort::ALL
                .into_iter()
                .find_map(|effort| self.try_source(source, stanzas, effort))
        })
    }

    fn into_troubles(self) -> Vec<Attempt> {
        self.troubles.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity for Opening<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let identities = self.identities;
        let wants_ssh = ssh::is_asked_for(stanzas);
        let ssh = if wants_ssh { identities.ssh() } else { &[] };
        let sources = || identities.sources.iter().chain(ssh);
        let by_effort = |effort| sources().find_map(|source| self.try_source(source, stanzas, effort));
        // A command that prints age identities is of no use where only SSH keys are asked for.
        let commands = identities.commands.iter();
        let commands = commands.filter(|_| !stanzas.iter().all(ssh::is_stanza));
        let ssh_command = identities.ssh_command.iter().filter(|_| wants_ssh);
        Effort::ALL.into_iter().find_map(by_effort).or_else(|| {
            commands
                .chain(ssh_command)
                .find_map(|command| self.try_command(command, stanzas))
        })
    }
}

/// Why a file did not open.
enum Failure {
    NoMatch,
    Damaged(&'static str),
}

fn open(enc: &str, identity: &dyn Identity) -> Result<DataKey, Failure> {
    let failure = |error: OpenError| match error {
        OpenError::NoMatch => Failure::NoMatch,
        error => Failure::Damaged(error.reason()),
    };
    let file = age_file::dearmor(enc.as_bytes()).map_err(failure)?;
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_DATA_KEY + 1));
    age_file::open(&file, identity, MAX_DATA_KEY, &mut key).map_err(failure)?;
    match key.len() {
        0 => Err(Failure::Damaged("holds no bytes")),
        length if length > MAX_DATA_KEY => Err(Failure::Damaged("holds more than a data key")),
        _ => Ok(DataKey::new(SecretBytes::new(std::mem::take(&mut *key)))),
    }
}

#[cfg(test)]
mod tests;
