//! Identities of every kind from every place SOPS knows, against files of the real `age` and `sops`.

mod canary;
mod cctv;
mod commands;
mod damage;
mod kinds;
mod places;
mod plugins;
mod vectors;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use afterbay_manifest::{Attempt, SecretBytes};
use fixtures::age::Sealed;
use tempfile::TempDir;

use super::AgeIdentities;
use crate::environment::KeyEnvironment;
use crate::note::KeyNote;
use crate::options::{KeyOptions, SecretSource};

const ALICE: &str = include_str!("../../tests/data/alice.agekey");
const BOB: &str = include_str!("../../tests/data/bob.agekey");
const TO_ALICE: &str = include_str!("../../tests/data/to-alice.age");
const TO_BOB: &str = include_str!("../../tests/data/to-bob.age");
const DATA_KEY: &[u8] = include_bytes!("../../tests/data/data-key.bin");
const ALICE_PUBLIC: &str = "age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4";
const BOB_PUBLIC: &str = "age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7";

/// A directory of key files and what a run is offered.
struct Offered {
    directory: TempDir,
    options: Arc<KeyOptions>,
}

impl Offered {
    /// An environment in which nothing is set.
    fn nothing() -> Self {
        let environment = KeyEnvironment {
            is_read: true,
            ..KeyEnvironment::default()
        };
        Self {
            directory: TempDir::new().unwrap(),
            options: Arc::new(KeyOptions::new(environment)),
        }
    }

    fn options(&mut self) -> &mut KeyOptions {
        Arc::get_mut(&mut self.options).unwrap()
    }

    fn environment(&mut self) -> &mut KeyEnvironment {
        &mut self.options().environment
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test key in a scratch folder")]
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.write(name, content.as_ref(), 0o600);
        self.options().age.identities.push(SecretSource::File(path));
        self
    }

    fn missing_file(mut self, name: &str) -> Self {
        let path = self.directory.path().join(name);
        self.options().age.identities.push(SecretSource::File(path));
        self
    }

    fn inline(mut self, text: &str) -> Self {
        self.environment().age_key = Some(secret_bytes(text));
        self
    }

    fn passphrase(mut self, passphrase: &str) -> Self {
        self.options().age.passphrases.push(SecretSource::Inline {
            name: "a Secret".to_owned(),
            content: secret_bytes(passphrase),
        });
        self
    }

    fn key_command(mut self, command: &str) -> Self {
        self.environment().age_key_command = Some(secret_bytes(command));
        self
    }

    fn load(&self) -> (AgeIdentities, BTreeSet<KeyNote>) {
        let mut notes = BTreeSet::new();
        let identities = AgeIdentities::load(Arc::clone(&self.options), &mut notes);
        (identities, notes)
    }

    fn opens(&self, enc: &str) -> bool {
        let (opened, _) = self.load().0.unwrap(ALICE_PUBLIC, enc);
        opened.is_ok_and(|key| key.expose_bytes() == DATA_KEY)
    }

    fn opens_sealed(&self, sealed: &Sealed) -> bool {
        let (opened, _) = self.load().0.unwrap(&recipient(sealed), &enc(sealed));
        opened.is_ok_and(|key| hex(key.expose_bytes()) == sealed.data_key)
    }

    /// The attempts as an error list prints them, with the scratch folder taken out.
    fn failure(&self, recipient: &str, enc: &str) -> String {
        let (opened, _) = self.load().0.unwrap(recipient, enc);
        self.shown(&opened.unwrap_err())
    }

    fn sealed_failure(&self, sealed: &Sealed) -> String {
        self.failure(&recipient(sealed), &enc(sealed))
    }

    fn shown(&self, attempts: &[Attempt]) -> String {
        let line = |attempt: &Attempt| {
            let hint = attempt
                .hint
                .as_ref()
                .map(|hint| format!("\n  hint: {hint}"))
                .unwrap_or_default();
            format!("{}: {}{hint}", attempt.with, attempt.reason)
        };
        let text = attempts.iter().map(line).collect::<Vec<_>>().join("\n");
        self.without_directory(&text)
    }

    fn notes(&self) -> String {
        self.noted(&self.load().1)
    }

    fn noted(&self, notes: &BTreeSet<KeyNote>) -> String {
        let text = notes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        self.without_directory(&text)
    }

    fn without_directory(&self, text: &str) -> String {
        text.replace(&self.directory.path().display().to_string(), "DIR")
    }
}

fn secret_bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

/// The first line of a file that is an identity.
fn secret(file: &str) -> &str {
    file.lines().find(|line| line.starts_with("AGE-")).unwrap()
}

/// The one age entry of a sealed file.
fn entry(sealed: &Sealed, field: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(sealed.json).unwrap();
    document["sops"]["age"][0][field].as_str().unwrap().to_owned()
}

fn enc(sealed: &Sealed) -> String {
    entry(sealed, "enc")
}

fn recipient(sealed: &Sealed) -> String {
    entry(sealed, "recipient")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
